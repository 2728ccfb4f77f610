"""Every way in which one field of a JSON value may be another: at all depths, of the same type or another, gone, or added."""

from __future__ import annotations

import copy
from collections.abc import Iterator
from typing import Any

Path = tuple[str | int, ...]


def leaves(value: Any, path: Path = ()) -> Iterator[Path]:
    """Yield the paths of everything that is no list or object, and of empty ones."""
    if isinstance(value, dict) and value:
        for name in value:
            yield from leaves(value[name], (*path, name))
    elif isinstance(value, list) and value:
        for at in range(len(value)):
            yield from leaves(value[at], (*path, at))
    else:
        yield path


def at(value: Any, path: Path) -> Any:
    for step in path:
        value = value[step]
    return value


def with_value(value: Any, path: Path, new: Any) -> Any:
    """Return a copy in which another value stands at a path."""
    made = copy.deepcopy(value)
    at(made, path[:-1])[path[-1]] = new
    return made


def without(value: Any, path: Path) -> Any:
    made = copy.deepcopy(value)
    del at(made, path[:-1])[path[-1]]
    return made


def others(value: Any) -> Iterator[Any]:
    """Yield values that are not this one, near it and of other types."""
    if isinstance(value, bool):
        yield from (not value, int(value), None)
    elif isinstance(value, int):
        yield from (value + 1, value - 1, -value - 1, str(value), value == 0, None, [value], 2**53 - 1)
    elif isinstance(value, str):
        yield from (value + "x", value[:-1] + "\u00e9", value[1:] if value else "-", 0, None, [value])
        if value.lstrip("-").isdigit():
            yield from (int(value) % 2**53, str(int(value) + 1))
    elif value is None:
        yield from (0, "", [])
    else:
        yield from (0, "", None, {"a": 1}, [1])


def changed(value: Any) -> Iterator[tuple[Path, Any]]:
    """Yield copies in which one field is another, is gone, or is new, each with where that is."""
    for path in leaves(value):
        old = at(value, path)
        for new in others(old):
            if (type(new), new) != (type(old), old):
                yield path, with_value(value, path, new)
        yield path, without(value, path)
    for path in {path[:-1] for path in leaves(value)}:
        place = at(value, path)
        made = copy.deepcopy(value)
        if isinstance(place, dict):
            at(made, path)["odd"] = 1
        else:
            at(made, path).append(copy.deepcopy(place[0]))
        yield path, made
