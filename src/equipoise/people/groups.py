"""Groups of at least eight: what is smaller is told as a part of something larger, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Mapping
from typing import TypeVar

GROUP_MIN = 8
"""Nothing is said of fewer people (DESIGN, section 7)."""

REST = ""

Member = TypeVar("Member", bound=Hashable)


def folded(
    members: Mapping[str, set[Member]], size: Callable[[set[Member]], int], *, separator: str
) -> dict[str, set[Member]]:
    """Merge groups until each has at least `GROUP_MIN` people.

    From the top down, a name is divided into those below it that are large enough and a rest, which keeps the name (``""`` at
    the top). A rest that is too small takes in the smallest of the others, and so on: so no small group is the difference of
    two that are told, at one depth or at two.

    Parameters
    ----------
    members : mapping of str to set
        By name, disjoint.
    size : callable
        How many people a set of members is.
    separator : str
        Between the parts of a name.

    Examples
    --------
    >>> teams = {"a": set(range(9)), "b.x": {10, 11}, "b.y": set(range(20, 28)), "c": set(range(30, 40)), "": {50}}
    >>> {name: len(of) for name, of in folded(teams, len, separator=".").items()}
    {'': 10, 'b': 10, 'c': 10}
    """
    found: dict[str, set[Member]] = {}
    left = [(REST, {name: of for name, of in members.items() if of})]
    while left:
        name, inside = left.pop()
        rest, below = _divided(name, inside, size, separator)
        if rest and size(rest) >= GROUP_MIN:
            found[name] = rest
        left += reversed(below.items())
    return found


def _divided(
    name: str, members: Mapping[str, set[Member]], size: Callable[[set[Member]], int], separator: str
) -> tuple[set[Member], dict[str, dict[str, set[Member]]]]:
    """Return the rest of a name, and what is below it by the name that is told."""
    rest: set[Member] = set()
    below: dict[str, dict[str, set[Member]]] = {}
    start = len(name) + len(separator) if name != REST else 0
    for full, of in sorted(members.items()):
        if full == name:
            rest |= of
        else:
            below.setdefault(full[:start] + full[start:].split(separator)[0], {})[full] = of
    sizes = {child: size(_union(inside)) for child, inside in below.items()}
    for child in [child for child, people in sizes.items() if people < GROUP_MIN]:
        rest |= _union(below.pop(child))
    while rest and below and size(rest) < GROUP_MIN:
        rest |= _union(below.pop(min(below, key=lambda child: (sizes[child], child))))
    return rest, below


def _union(members: Mapping[str, set[Member]]) -> set[Member]:
    return set[Member]().union(*members.values())
