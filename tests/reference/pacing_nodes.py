"""Where the GPUs of a gang are: whole nodes and best fit for the rest, or one big node where only GPUs are counted."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

Place = Mapping[int, int]
"""GPUs taken per node."""


def nodes_of(capacity: int, node: int) -> list[int]:
    """Return the size of each node that is up; ``node`` 0 counts GPUs only."""
    return [node] * (capacity // node) if node else [capacity]


def free_nodes(sizes: Sequence[int], taken: Iterable[Place]) -> list[int]:
    """Return what is free on each node."""
    free = list(sizes)
    for place in taken:
        for number, gpus in place.items():
            if number < len(free):
                free[number] -= gpus
    return free


def with_places(free: Sequence[int], given: Iterable[Place]) -> list[int]:
    """Return what would be free if some places were given back."""
    more = list(free)
    for place in given:
        for number, gpus in place.items():
            if number < len(more):
                more[number] += gpus
    return more


def place(size: int, free: Sequence[int], node: int) -> dict[int, int] | None:
    """Return where a gang fits: ⌊size/node⌋ empty nodes and the fullest node that takes the rest."""
    if node == 0:
        return {0: size} if free[0] >= size else None
    empty = [number for number, gpus in enumerate(free) if gpus == node]
    whole, rest = divmod(size, node)
    if len(empty) < whole:
        return None
    found = dict.fromkeys(empty[:whole], node)
    if rest:
        others = [number for number, gpus in enumerate(free) if gpus >= rest and number not in found]
        if not others:
            return None
        found[min(others, key=lambda number: (free[number], number))] = rest
    return found
