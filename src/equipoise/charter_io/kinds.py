"""The kinds of values a field may hold: how each is read, and what the published schema says of it.

A kind reads one scalar's text and returns its value, or raises ``InputError`` C201 or C202 without a place; the reader
adds the place. The same object gives the JSON Schema, so that a rule is written once.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from difflib import get_close_matches
from fractions import Fraction
from typing import Any

from equipoise import units
from equipoise.charter.model import Share
from equipoise.charter.promise import Window
from equipoise.errors import InputError
from equipoise.units import shown

Schema = dict[str, Any]

NAME_PATTERN = r"[a-z][a-z0-9-]{0,62}"
PATH_PATTERN = rf"{NAME_PATTERN}(\.{NAME_PATTERN})*"
RESERVED = frozenset({"lab", "all", "everyone"})
_NAME = re.compile(NAME_PATTERN + r"\Z")
_PATH = re.compile(PATH_PATTERN + r"\Z")
_PERSON = re.compile(r"(group|user):[^\s,]{1,200}\Z")
_DIGEST = re.compile(r"sha256:[0-9a-f]{64}\Z")
_DATE = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})\Z")
_INSTANT = re.compile(r"([0-9]{4})-([0-9]{2})-([0-9]{2})T([0-9]{2}):([0-9]{2}):([0-9]{2})(?:\.([0-9]{1,3}))?Z\Z")
_ROLLING = re.compile(r"rolling ([0-9]+d)\Z")
CALENDARS = ("day", "week", "month", "quarter", "year")


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of scalar.

    Parameters
    ----------
    read : callable
        Text to value; raises ``InputError`` C201 or C202.
    schema : dict
        JSON Schema of the value as YAML editors see it.
    """

    read: Callable[[str], Any]
    schema: Schema


@dataclass(frozen=True, slots=True)
class ListOf:
    """A list of scalars of one kind, none of them twice."""

    item: Kind | Record
    least: int = 0


@dataclass(frozen=True, slots=True)
class MapOf:
    """A map from names to values of one kind."""

    name: Kind
    value: Kind | Record
    least: int = 0


@dataclass(frozen=True, slots=True)
class ByPool:
    """A scalar for every pool, or a map from pool to scalar."""

    scalar: Kind


@dataclass(frozen=True, slots=True)
class Field:
    """A field of a record.

    Parameters
    ----------
    kind : Kind, ListOf, MapOf, ByPool or Record
    about : str
        Its meaning in one line, for the schema.
    default : str or None
        As one would write it; None is "left out", and means what the reader of the value says.
    required : bool
    """

    kind: AnyKind
    about: str
    default: str | None = None
    required: bool = False


@dataclass(frozen=True, slots=True)
class Record:
    """A map with known fields. ``recursive`` names the field whose values are maps of records like this one."""

    fields: dict[str, Field] = field(default_factory=dict[str, Field])
    recursive: str = ""


AnyKind = Kind | ListOf | MapOf | ByPool | Record


def one_of(*words: str) -> Kind:
    """One of a few words."""

    def read(text: str) -> str:
        if text in words:
            return text
        close = get_close_matches(text[:64], words, 1)
        hint = f"did you mean '{close[0]}'?" if close else "one of " + ", ".join(words)
        raise InputError("C201", f"{shown(text)} is not one of {', '.join(words)}", hint=hint)

    return Kind(read, {"enum": list(words)})


def percent(*, high: int = 100) -> Kind:
    """A percentage up to ``high`` percent, as a fraction."""
    return Kind(lambda text: units.percent(text, high=high), _pattern(units.PERCENT_PATTERN))


def integer(*, low: int = 0, high: int = (1 << 53) - 1) -> Kind:
    """A whole number within bounds."""
    schema: Schema = {"anyOf": [{"type": "integer", "minimum": low, "maximum": high}, _pattern(units.INTEGER_PATTERN)]}
    return Kind(lambda text: units.integer(text, low=low, high=high), schema)


def duration(*, low: int = 0) -> Kind:
    """A duration in milliseconds, at least ``low``."""
    return Kind(lambda text: units.duration_ms(text, low=low), _pattern(units.DURATION_PATTERN))


def decimal(*, high: int, zero: bool = True) -> Kind:
    """A decimal up to ``high`` with at most 4 places."""

    def read(text: str) -> Fraction:
        value = units.decimal(text, high=high)
        if not zero and value == 0:
            raise InputError("C202", f"{shown(text)} is out of range", hint="greater than 0")
        return value

    bounds: Schema = {"type": "number", "maximum": high, **({"minimum": 0} if zero else {"exclusiveMinimum": 0})}
    return Kind(read, {"anyOf": [bounds, _pattern(units.DECIMAL_PATTERN)]})


def _pattern(pattern: str) -> Schema:
    return {"type": "string", "pattern": f"^{pattern}$"}


def _name(text: str) -> str:
    if _NAME.match(text) is None:
        hint = "lower-case letters, digits and hyphens, a letter first, at most 63"
        raise InputError("C201", f"{shown(text)} is not a name", hint=hint)
    if text in RESERVED:
        raise InputError("C201", f"{shown(text)} is a reserved name", hint="choose another name")
    return text


def _path(text: str) -> str:
    if _PATH.match(text) is None:
        raise InputError("C201", f"{shown(text)} is not a path", hint="names joined by dots, such as safety.alignment")
    return text


def _text(text: str) -> str:
    if not text.strip() or len(text) > 200 or not text.isprintable():
        raise InputError("C201", f"{shown(text)} is not a title", hint="1 to 200 printable characters")
    return text


def _truth(text: str) -> bool:
    if text not in ("true", "false"):
        raise InputError("C201", f"{shown(text)} is not true or false", hint="write true or false")
    return text == "true"


def _person(text: str) -> str:
    if text != "everyone" and _PERSON.match(text) is None:
        raise InputError("C201", f"{shown(text)} is nobody", hint="group:NAME, user:NAME or everyone")
    return text


def _group(text: str) -> str:
    if not text.startswith("group:") or _PERSON.match(text) is None:
        raise InputError("C201", f"{shown(text)} is not a group", hint="group:NAME")
    return text


def _digest(text: str) -> str:
    if _DIGEST.match(text) is None:
        raise InputError("C201", f"{shown(text)} is not a digest", hint="sha256: and 64 hexadecimal digits, lower case")
    return text


def _share(text: str) -> Share:
    if text.endswith("gpu"):
        return Share(gpus=units.amount(text))
    try:
        return Share(fraction=units.percent(text))
    except InputError as error:
        if error.code != "C201":
            raise
        hint = "a percentage such as 20% or an amount such as 512 gpu"
        raise InputError("C201", f"{shown(text)} is not a share", hint=hint) from None


def moment(text: str) -> date | datetime:
    """Read a date, or an instant in UTC."""
    match = _DATE.match(text) or _INSTANT.match(text)
    if match is None:
        hint = "a date such as 2027-01-01 or an instant such as 2027-01-01T00:00:00Z"
        raise InputError("C201", f"{shown(text)} is not a date", hint=hint)
    numbers = [int(group) for group in match.groups()[:6]]
    try:
        if len(numbers) == 3:
            value: date | datetime = date(*numbers)
        else:
            thousandths = timedelta(milliseconds=int((match[7] or "").ljust(3, "0")))
            value = datetime(*numbers, tzinfo=UTC) + thousandths  # pyright: ignore[reportArgumentType]
    except (ValueError, OverflowError):
        raise InputError("C201", f"{shown(text)} is not in the calendar", hint="check month, day and time") from None
    if not 1970 <= value.year <= 2999:
        raise InputError("C202", f"{shown(text)} is out of range", hint="from 1970 to 2999")
    return value


def _window(text: str) -> Window:
    if text in CALENDARS:
        return Window(calendar=text)
    match = _ROLLING.match(text)
    if match is None:
        hint = "day, week, month, quarter, year or rolling Nd, such as rolling 28d"
        raise InputError("C201", f"{shown(text)} is not a window", hint=hint)
    length_ms = units.duration_ms(match[1])
    if not units.DAY_MS <= length_ms <= 3660 * units.DAY_MS:
        raise InputError("C202", f"{shown(text)} is out of range", hint="from rolling 1d to rolling 3660d")
    return Window(rolling_days=length_ms // units.DAY_MS)


def _denominator(text: str) -> tuple[str, date | datetime | None]:
    if text in ("delivered", "capacity"):
        return text, None
    if not text.startswith("capacity at "):
        hint = "delivered, capacity or capacity at DATE"
        raise InputError("C201", f"{shown(text)} is not a denominator", hint=hint)
    return "capacity at", moment(text.removeprefix("capacity at "))


def _key(text: str) -> bytes:
    head, _, encoded = text.partition(":")
    try:
        key = base64.b64decode(encoded, validate=True) if head == "ed25519" else None
    except (binascii.Error, ValueError):
        key = None
    if key is None:
        raise InputError("C201", f"{shown(text)} is not a key", hint="ed25519: and the 32 bytes in base64")
    if base64.b64encode(key).decode("ascii") != encoded:
        raise InputError("C302", f"{shown(text)} is not canonical base64", hint="use the spelling your tool wrote")
    return key


NAME = Kind(_name, _pattern(NAME_PATTERN) | {"not": {"enum": sorted(RESERVED)}})
PATH = Kind(_path, _pattern(PATH_PATTERN))
TEXT = Kind(_text, {"type": "string", "minLength": 1, "maxLength": 200})
TRUTH = Kind(_truth, {"anyOf": [{"type": "boolean"}, {"enum": ["true", "false"]}]})
PERSON = Kind(_person, _pattern(r"(everyone|(group|user):[^\s,]{1,200})"))
GROUP = Kind(_group, _pattern(r"group:[^\s,]{1,200}"))
DIGEST = Kind(_digest, _pattern(r"sha256:[0-9a-f]{64}"))
SHARE = Kind(_share, _pattern(rf"({units.PERCENT_PATTERN}|{units.AMOUNT_PATTERN})"))
AMOUNT = Kind(lambda text: units.amount(text, low=1), _pattern(units.AMOUNT_PATTERN))
NODES = Kind(units.nodes, _pattern(units.NODES_PATTERN))
_MOMENT_PATTERN = r"[0-9]{4}-[0-9]{2}-[0-9]{2}(T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,3})?Z)?"
MOMENT = Kind(moment, _pattern(_MOMENT_PATTERN))
WINDOW = Kind(_window, {"anyOf": [{"enum": list(CALENDARS)}, _pattern(r"rolling [0-9]+d")]})
DENOMINATOR = Kind(_denominator, _pattern(rf"(delivered|capacity|capacity at {_MOMENT_PATTERN})"))
ZONE = Kind(_text, {"type": "string"})
KEY = Kind(_key, _pattern(r"ed25519:[A-Za-z0-9+/]{43}="))
