"""Reads nodes by the language's table: values typed by their fields, every error with its place."""

from __future__ import annotations

from collections.abc import Collection
from difflib import get_close_matches
from typing import Any, TypeGuard, cast

from equipoise.charter_io.document import Mapping, Node, Reading, Scalar, Sequence
from equipoise.charter_io.kinds import AnyKind, ByPool, Field, Kind, ListOf, MapOf, Record
from equipoise.errors import InputError
from equipoise.units import shown

Values = dict[str, Any]
"""What a record holds: a value per field, None for what is left out (or was wrong) and has no default."""


def read_record(
    record: Record, node: Mapping, reading: Reading, *, fill: bool = True, skip: Collection[str] = ()
) -> Values:
    """Read a map with known fields.

    Parameters
    ----------
    record : Record
    node : Mapping
    reading : Reading
        Takes the findings: C103, C104, C201, C202, C302.
    fill : bool
        Whether fields that are left out get their defaults (a team's inherited ones do not).
    skip : collection of str
        Fields that are read elsewhere: only that a required one is there is checked here.

    Returns
    -------
    Values
        One entry per field of the record.
    """
    for key, at in node.keys.items():
        if key not in record.fields and key != record.recursive:
            _unknown(key, at, record, reading)
    values: Values = {}
    for name, field in record.fields.items():
        present = node.values.get(name)
        if present is not None and name not in skip:
            values[name] = read(field.kind, present, reading, fill=fill)
        else:
            values[name] = default_of(field) if fill and name not in skip else None
            if field.required and present is None:
                reading.add("C104", f"'{name}' is missing", at=node, hint=field.about)
    return values


def read(kind: AnyKind, node: Node, reading: Reading, *, fill: bool = True) -> Any:
    """Read a value of a kind; None where it is wrong."""
    if isinstance(kind, Kind):
        return _scalar(kind, node, reading)
    if isinstance(kind, Record):
        return read_record(kind, node, reading, fill=fill) if is_map(node, reading) else None
    if isinstance(kind, ListOf):
        return _list(kind, node, reading)
    if isinstance(kind, MapOf):
        return _map(kind, node, reading)
    return _by_pool(kind, node, reading)


def default_of(field: Field) -> Any:
    """Return what a field means when it is left out."""
    if isinstance(field.kind, Record) and field.default is None:
        if field.required or any(inner.required for inner in field.kind.fields.values()):
            return None
        return {name: default_of(inner) for name, inner in field.kind.fields.items()}
    if isinstance(field.kind, ListOf):
        return []
    if isinstance(field.kind, MapOf):
        return {}
    if field.default is None:
        return None
    kind = field.kind.scalar if isinstance(field.kind, ByPool) else field.kind
    assert isinstance(kind, Kind)
    return kind.read(field.default)


def part(values: Values, key: str) -> Values:
    """Return the map in a field; an empty one where the field was left out or is wrong."""
    found = values.get(key)
    return cast("Values", found) if isinstance(found, dict) else {}


def check_name(kind: Kind, key: Scalar, reading: Reading) -> bool:
    """Note C201 for a key that is not a name; tell whether it is one."""
    return _scalar(kind, key, reading) is not None


def _scalar(kind: Kind, node: Node, reading: Reading) -> Any:
    if not isinstance(node, Scalar):
        what = "a map" if isinstance(node, Mapping) else "a list"
        reading.add("C201", f"{what} where one value belongs", at=node, hint="write the value itself")
        return None
    try:
        return kind.read(node.text)
    except InputError as error:
        reading.add(error.code, error.message, at=node, hint=error.hint)
        return None


def is_map(node: Node, reading: Reading) -> TypeGuard[Mapping]:
    """Note C201 for what is not a map; tell whether it is one."""
    if isinstance(node, Mapping):
        return True
    what = "a list" if isinstance(node, Sequence) else shown(node.text) if node.text else "nothing"
    reading.add("C201", f"{what} where a map belongs", at=node, hint="write `key: value` lines below, or {key: value}")
    return False


def _list(kind: ListOf, node: Node, reading: Reading) -> list[Any]:
    if not isinstance(node, Sequence):
        what = "a map" if isinstance(node, Mapping) else shown(node.text)
        reading.add("C201", f"{what} where a list belongs", at=node, hint="write [one, another]")
        return []
    if len(node.items) < kind.least:
        reading.add("C201", "an empty list", at=node, hint="name at least one, or leave the field out")
    seen: set[str] = set()
    values: list[Any] = []
    for item in node.items:
        value = read(kind.item, item, reading)
        if isinstance(item, Scalar) and value is not None:
            if item.text in seen:
                reading.add("C201", f"{shown(item.text)} stands twice in a list", at=item, hint="name it once")
                continue
            seen.add(item.text)
        values.append(value)
    return [value for value in values if value is not None]


def _map(kind: MapOf, node: Node, reading: Reading) -> Values:
    if not is_map(node, reading):
        return {}
    if len(node.values) < kind.least:
        reading.add("C104", "an empty map", at=node, hint="name at least one")
    values: Values = {}
    for key, value in node.values.items():
        if check_name(kind.name, node.keys[key], reading):
            values[key] = read(kind.value, value, reading)
    return values


def _by_pool(kind: ByPool, node: Node, reading: Reading) -> Any:
    """Read a share for all pools, or a map from pool to share (the pools' names are checked with the references)."""
    if not isinstance(node, Mapping):
        return _scalar(kind.scalar, node, reading)
    return {pool: _scalar(kind.scalar, value, reading) for pool, value in node.values.items()}


def _unknown(key: str, at: Scalar, record: Record, reading: Reading) -> None:
    known = [*record.fields, *([record.recursive] if record.recursive else [])]
    close = get_close_matches(key[:64], known, 1)
    hint = f"did you mean '{close[0]}'?" if close else "known here: " + ", ".join(known)
    if key == "reclaim":
        hint = "only `defaults` may set it, for the whole lab"
    reading.add("C103", f"unknown key {shown(key)}", at=at, hint=hint)
