"""A search for chains of amendments of which no step weakens a thing, and which weaken it from end to end."""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, replace

from equipoise.charter import Charter
from equipoise.charter.amendment import Move, effect
from equipoise.charter.amendment.measured import FIXED
from tests.property import amended_charters as make

Name = tuple[str, str]
"""Kind and name of a team, promise or gate."""


@dataclass(frozen=True)
class Found:
    """A thing that a chain weakens though none of its steps does."""

    thing: Name
    steps: int
    moves: tuple[Move, ...]

    @property
    def is_between(self) -> bool:
        """Whether it is only measured, and only at capacities that depend on the two charters compared."""
        return all(move.pool is not None and move.capacity not in FIXED for move in self.moves)


def chain(seed: int, *, steps: int, amounts: float, machine: bool, counts: Counter[str]) -> Iterator[Found]:
    """Yield what a random chain from a random charter weakens unseen.

    A step is taken if it leaves the thing alone that the chain is after; besides, all that no step so far has weakened is
    compared with the start. So every chain is a search for as many things as are left.

    Parameters
    ----------
    machine : bool
        Whether the planning capacity may change on the way.
    """
    r = random.Random(seed)
    first = make.charter(r, amounts=r.choice((0.0, amounts)))
    names = [(thing.kind, thing.name) for thing in effect(first, first).things]
    target = r.choice(names)
    alive, now, taken = set(names), first, 0
    for _ in range(steps * 4):
        new = _step(r, now, amounts, machine=machine)
        weakened = {(thing.kind, thing.name) for thing in effect(now, new).weakened}
        counts["tried"] += 1
        if target in weakened or new == now:
            continue
        now, alive, taken = new, alive - weakened, taken + 1
        counts["steps"] += 1
        ends = {(thing.kind, thing.name): thing for thing in effect(first, now).weakened}
        counts["compared"] += len(alive)
        for name in sorted(alive & ends.keys()):
            yield Found(name, taken, ends[name].weaker)
            alive.discard(name)
        if taken == steps or target not in alive:
            break
    counts["chains"] += 1


def _step(r: random.Random, now: Charter, amounts: float, *, machine: bool) -> Charter:
    if machine and r.random() < 0.3:
        which = r.randrange(len(now.pools))
        pool = replace(now.pools[which], nodes=r.choice((1, 3, 10, 40, 160)))
        return replace(now, pools=(*now.pools[:which], pool, *now.pools[which + 1 :]))
    new = make.amended(r, now, amounts=amounts, edits=r.choice((1, 1, 2)))
    if machine:
        return new
    sizes = {pool.name: pool.nodes for pool in now.pools}
    return replace(new, pools=tuple(replace(pool, nodes=sizes.get(pool.name, pool.nodes)) for pool in new.pools))


def search(seeds: range, *, steps: int, amounts: float, machine: bool) -> tuple[Counter[str], list[tuple[int, Found]]]:
    """Return how much was searched, and what was found with its seed."""
    counts: Counter[str] = Counter()
    found = [
        (seed, one)
        for seed in seeds
        for one in chain(seed, steps=steps, amounts=amounts, machine=machine, counts=counts)
    ]
    return counts, found
