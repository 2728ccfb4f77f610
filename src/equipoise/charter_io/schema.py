"""The charter language as JSON Schema, for editors and other programs. It comes from the same table as the reader.

A schema sees one value at a time. That names exist, floors fit and promises can be kept, only ``equipoise check``
tells.
"""

from __future__ import annotations

from typing import Any

from equipoise.charter_io.kinds import AnyKind, ByPool, Field, Kind, ListOf, MapOf, Record
from equipoise.charter_io.language import CHARTER, TEAM, VERSION

Schema = dict[str, Any]


def json_schema() -> Schema:
    """Return the JSON Schema (draft 2020-12) of a charter.

    Examples
    --------
    >>> json_schema()["required"]
    ['equipoise', 'lab', 'pools', 'teams']
    """
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": f"urn:equipoise:{VERSION.replace('/', ':')}",
        "title": f"Equipoise {VERSION}",
        **_record(CHARTER),
        "$defs": {"team": _record(TEAM)},
    }


def _of(kind: AnyKind) -> Schema:
    if isinstance(kind, Kind):
        return dict(kind.schema)
    if isinstance(kind, ListOf):
        found: Schema = {"type": "array", "items": _of(kind.item), "uniqueItems": True}
        return found | ({"minItems": kind.least} if kind.least else {})
    if isinstance(kind, MapOf):
        found = {"type": "object", "propertyNames": _of(kind.name), "additionalProperties": _of(kind.value)}
        return found | ({"minProperties": kind.least} if kind.least else {})
    if isinstance(kind, ByPool):
        return {"anyOf": [_of(kind.scalar), {"type": "object", "additionalProperties": _of(kind.scalar)}]}
    return {"$ref": "#/$defs/team"} if kind is TEAM else _record(kind)


def _record(record: Record) -> Schema:
    properties = {name: _field(field) for name, field in record.fields.items()}
    if record.recursive:
        nested = {"type": "object", "minProperties": 1, "additionalProperties": {"$ref": "#/$defs/team"}}
        properties[record.recursive] = {"description": "Teams below; only leaves hold workloads.", **nested}
    required = [name for name, field in record.fields.items() if field.required]
    found: Schema = {"type": "object", "properties": properties, "additionalProperties": False}
    return found | ({"required": required} if required else {})


def _field(field: Field) -> Schema:
    shown: Schema = {"description": field.about} | _of(field.kind)
    return shown | ({"default": field.default} if field.default is not None else {})
