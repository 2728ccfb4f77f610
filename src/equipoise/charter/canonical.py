"""A charter in canonical form: plain JSON values that say the same as its text, for who has no reader of the text.

The values are made of the fields of `Charter` and what it holds, by their types: a fraction is ``"1/5"`` or ``"3"``, a key is
hexadecimal, a mapping a list of pairs, None is left out. `from_values` refuses whatever `to_values` would not have written.
"""

from __future__ import annotations

import dataclasses
import types
import typing
from collections.abc import Mapping
from fractions import Fraction
from functools import cache
from typing import Any, cast

from equipoise.charter.model import Charter
from equipoise.errors import EquipoiseError, VerificationError
from equipoise.units import json_integer, read_json_integer


def to_values(charter: Charter) -> dict[str, Any]:
    """Return a charter as JSON's values.

    Examples
    --------
    >>> from equipoise.charter import EVERYTHING, NOTHING, Pool, Team
    >>> charter = Charter("Small", (Pool("h100", "H100", 1, 8),), (Team("a", "a", None, {"h100": NOTHING}, {"h100": EVERYTHING}),))
    >>> to_values(charter)["teams"][0]["limit"], from_values(to_values(charter)) == charter
    ([['h100', {'fraction': '1'}]], True)
    """
    return cast(dict[str, Any], _plain(charter))


def from_values(values: object) -> Charter:
    """Return the charter that `to_values` was given; raises ``VerificationError`` V103 for anything else."""
    try:
        charter = cast(Charter, _built(Charter, values))
        if to_values(charter) != values:
            raise ValueError("another spelling")
    except (TypeError, ValueError, KeyError, ArithmeticError, AssertionError, EquipoiseError) as error:
        raise VerificationError(
            "V103", "the charter is not in canonical form", hint="it was not written as a charter is"
        ) from error
    return charter


@cache
def _fields(kind: type) -> dict[str, Any]:
    hints = typing.get_type_hints(kind)
    return {field.name: hints[field.name] for field in dataclasses.fields(kind) if field.init}


def _plain(value: Any) -> Any:
    if isinstance(value, Fraction):
        return str(value)
    if isinstance(value, bytes):
        return value.hex()
    if isinstance(value, int) and not isinstance(value, bool):
        return json_integer(value)
    if isinstance(value, tuple):
        return [_plain(one) for one in cast(tuple[Any, ...], value)]
    if isinstance(value, Mapping):
        return [[name, _plain(one)] for name, one in cast(Mapping[str, Any], value).items()]
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        found = ((name, getattr(value, name)) for name in _fields(type(value)))
        return {name: _plain(one) for name, one in found if one is not None}
    return value


def _built(kind: Any, value: Any) -> Any:
    origin, inner = typing.get_origin(kind), typing.get_args(kind)
    if origin in (types.UnionType, typing.Union):
        return _built(next(one for one in inner if one is not types.NoneType), value)
    if origin is typing.Literal:
        return _one_of(value, inner)
    if origin is tuple:
        return tuple(_built(inner[0], one) for one in _of_type(value, list))
    if origin is not None and issubclass(origin, Mapping):
        return {_of_type(name, str): _built(inner[1], one) for name, one in _of_type(value, list)}
    if dataclasses.is_dataclass(kind):
        wanted, values = _fields(cast(type, kind)), _of_type(value, dict)
        nothing = {name: None for name, hint in wanted.items() if types.NoneType in typing.get_args(hint)}
        return cast(Any, kind)(**nothing | {name: _built(wanted[name], one) for name, one in values.items()})
    if kind is Fraction:
        return Fraction(_of_type(value, str))
    if kind is bytes:
        return bytes.fromhex(_of_type(value, str))
    if kind is int:
        return _of_type(read_json_integer(value), int)
    return _of_type(value, kind)


def _of_type(value: Any, kind: type) -> Any:
    if type(value) is not kind:
        raise TypeError(f"{value!r} is not of type {kind.__name__}")
    return value


def _one_of(value: Any, choices: tuple[Any, ...]) -> Any:
    if value not in choices:
        raise ValueError(f"{value!r} is none of {choices}")
    return value
