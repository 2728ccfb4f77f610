r"""What an entry of the ledger says: JSON with one spelling.

An entry is an object. Keys are of ``a-z 0-9 _``, numbers are whole and below 2⁵³ in magnitude (larger amounts and
fractions are text), values may be text, numbers, true, false, null, lists and objects, nested at most 32 deep. Written are
keys in order, no spaces, UTF-8, and in text only what must be escaped: the canonical form of RFC 8785, of which this is a
part, so that other software for it gives the same bytes.

The stored bytes are the truth and are what is hashed. Text is neither composed nor decomposed (NFC, NFD): that would
change what was said. Whoever reads an entry gets its value only if the bytes are exactly those that the value is written
as, so nothing can hide in a second spelling, a key that stands twice or a number that readers round.

Examples
--------
>>> encode_entry({"kind": "job_submitted", "at_ms": 12, "gang": 8})
b'{"at_ms":12,"gang":8,"kind":"job_submitted"}'
>>> parse_entry(b'{"at_ms":12,"gang":8}')
{'at_ms': 12, 'gang': 8}
>>> parse_entry(b'{"gang":8,"at_ms":12}')
Traceback (most recent call last):
...
equipoise.errors.VerificationError: L127 the entry is not in its canonical form
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NoReturn, TypeAlias, cast

from equipoise.errors import EquipoiseError, InputError, VerificationError
from equipoise.ledger.tiles import MAX_ENTRY_BYTES

Value: TypeAlias = "str | int | bool | list[Value] | dict[str, Value] | None"

MAX_INTEGER = 2**53 - 1
MAX_DEPTH = 32
_KEY = re.compile(r"[a-z0-9_]+")
_MAX_DIGITS = 17  # of an integer within bounds, with its sign


def encode_entry(fields: Mapping[str, object]) -> bytes:
    """Return the bytes that an entry, made of :data:`Value`, is stored as.

    Raises
    ------
    InputError
        L127, for what an entry cannot hold, and for more than 65,535 bytes.
    """
    data = canonical_text(fields).encode()
    if len(data) > MAX_ENTRY_BYTES:
        raise InputError("L127", f"an entry of {len(data)} bytes, where {MAX_ENTRY_BYTES} is the most")
    return data


def canonical_text(fields: Mapping[str, object]) -> str:
    """Return an entry's text, of any length; raises ``InputError`` L127 for what an entry cannot hold."""
    plain = dict(fields)
    _check(plain, 1, InputError)
    return _encoder(plain)


def parse_entry(data: bytes) -> dict[str, Value]:
    """Return what stored bytes say.

    Raises
    ------
    VerificationError
        L127, unless they are what :func:`encode_entry` writes for it.
    """
    if len(data) > MAX_ENTRY_BYTES:
        raise VerificationError("L127", f"an entry of {len(data)} bytes, where {MAX_ENTRY_BYTES} is the most")
    return parse_long_entry(data)


def parse_long_entry(data: bytes) -> dict[str, Value]:
    """Return what an entry says that was stored in pieces (`pieces`), of any length; as :func:`parse_entry` else."""
    try:
        value = _DECODER.decode(data.decode("utf-8"))
    except (ValueError, RecursionError):
        raise VerificationError("L127", "the entry is not JSON of the kind that entries are") from None
    if not isinstance(value, dict):
        raise VerificationError("L127", "the entry is not an object")
    fields = cast("dict[str, Value]", value)
    _check(fields, 1, VerificationError)
    if _encoder(fields).encode() != data:
        raise VerificationError("L127", "the entry is not in its canonical form")
    return fields


def _check(value: object, depth: int, error: type[EquipoiseError]) -> None:
    """Raise unless a value can stand in an entry."""
    if depth > MAX_DEPTH:
        raise error("L127", f"an entry is at most {MAX_DEPTH} deep")
    within = depth < MAX_DEPTH  # then most items need no call
    if isinstance(value, list):
        for item in cast("list[object]", value):
            if not within or type(item) is not int or not -MAX_INTEGER <= item <= MAX_INTEGER:
                _check(item, depth + 1, error)
    elif isinstance(value, dict):
        for key, item in cast("dict[object, object]", value).items():
            if not _is_key(key):
                raise error("L127", f"a key of an entry is of a-z, 0-9 and _, not {key!r:.80}")
            if not within or type(item) is not int or not -MAX_INTEGER <= item <= MAX_INTEGER:
                _check(item, depth + 1, error)
    else:
        _check_plain(value, error)


@lru_cache(maxsize=1024)
def _is_key(key: object) -> bool:
    return isinstance(key, str) and _KEY.fullmatch(key) is not None


def _check_plain(value: object, error: type[EquipoiseError]) -> None:
    if isinstance(value, str):
        if not value.isascii() and any("\ud800" <= character <= "\udfff" for character in value):
            raise error("L127", f"half a character in {value[:80]!r}")
    elif isinstance(value, bool) or value is None:
        pass
    elif isinstance(value, int):
        if not -MAX_INTEGER <= value <= MAX_INTEGER:
            raise error("L127", "a number of 2⁵³ or more, which readers round", hint="write it as text")
    else:
        raise error("L127", f"an entry cannot hold a {type(value).__name__}")


# Only control characters, quotation mark and backslash are escaped, and those with a short form have it: RFC 8785, 3.2.2.2.
_encoder = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    fields = dict(pairs)
    if len(fields) != len(pairs):
        raise ValueError("a key twice")
    return fields


def _integer(text: str) -> int:
    if len(text) > _MAX_DIGITS:
        raise ValueError("too large")
    return int(text)


def _refused(text: str) -> NoReturn:
    raise ValueError(text)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_object, parse_int=_integer, parse_float=_refused, parse_constant=_refused
)
