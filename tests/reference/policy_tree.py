"""What the policy twins reason about: the tree of one pool, the gangs that run in it, and a view of both.

Rows are teams in preorder, the pool itself is row ``-1``. A *path* goes from a leaf up to its top row, the pool left
out.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cache

POOL = -1


@dataclass(frozen=True, slots=True)
class Tree:
    """The teams of one pool, as arrays of equal length in preorder.

    Parameters
    ----------
    parent : tuple of int
        Row of the parent, smaller than the row itself; -1 at the top.
    floor, limit, weight : tuple of int
        Whole GPUs, whole GPUs (smallest along the path), any integer scale of weights.
    reserve : tuple of int
        GPUs of the floor that are never lent; empty means none.
    rounded : tuple of int
        R of FAIRNESS 3 and 4, the rounded floor; empty means the floor, as where nothing is paced.
    """

    parent: tuple[int, ...]
    floor: tuple[int, ...]
    limit: tuple[int, ...]
    weight: tuple[int, ...]
    reserve: tuple[int, ...] = ()
    rounded: tuple[int, ...] = ()

    def __post_init__(self) -> None:
        """Refuse arrays of unequal length and rows that are not in preorder."""
        rows = len(self.parent)
        object.__setattr__(self, "reserve", self.reserve or (0,) * rows)
        object.__setattr__(self, "rounded", self.rounded or self.floor)
        columns = (self.floor, self.limit, self.weight, self.reserve, self.rounded)
        if any(len(column) != rows for column in columns):
            raise ValueError("the columns of a tree differ in length")
        if any(not POOL <= parent < row for row, parent in enumerate(self.parent)):
            raise ValueError("a parent stands after its child")

    def __len__(self) -> int:
        """Return the number of teams."""
        return len(self.parent)

    def children(self, row: int) -> list[int]:
        """Return the rows directly below ``row`` (-1: the top rows)."""
        return [child for child, parent in enumerate(self.parent) if parent == row]

    def leaves(self) -> list[int]:
        """Return the rows that hold workloads."""
        inner = set(self.parent)
        return [row for row in range(len(self)) if row not in inner]

    def path(self, row: int) -> list[int]:
        """Return ``row`` and all rows above it, the top row last."""
        return list(path_of(self.parent, row))

    def depth(self, row: int) -> int:
        """Return 1 for a top row, 2 for its children, and so on."""
        return len(self.path(row))

    def by_depth(self, values: Sequence[int]) -> tuple[int, ...]:
        """Return the sum of ``values`` over the rows of each depth, deepest first."""
        deepest = max((self.depth(row) for row in range(len(self))), default=0)
        return tuple(
            sum(values[row] for row in range(len(self)) if self.depth(row) == depth) for depth in range(deepest, 0, -1)
        )

    def fork(self, claimant: int, victim: int) -> tuple[int, int]:
        """Return the children of the lowest common ancestor of two different leaves, towards each of them."""
        towards = self.path(claimant)[::-1]
        other = self.path(victim)[::-1]
        for a, b in zip(towards, other, strict=False):
            if a != b:
                return a, b
        raise ValueError(f"rows {claimant} and {victim} lie on one path")


@cache
def path_of(parent: tuple[int, ...], row: int) -> tuple[int, ...]:
    """Return ``row`` and all rows above it, the top row last."""
    return () if row == POOL else (row, *path_of(parent, parent[row]))


@dataclass(frozen=True, slots=True)
class Gang:
    """One gang that runs, or that is counted as running because devices are held for it."""

    job: int
    leaf: int
    size: int
    start_ms: int
    preemptible: bool = True
    priority: int = 0

    def age_key(self) -> tuple[int, int]:
        """Return the key that sorts oldest first, ties by id."""
        return (self.start_ms, self.job)


@dataclass(frozen=True, slots=True)
class View:
    """What a claim is judged on: the tree, the gangs that count as allocated, and the entitlements at this instant.

    Parameters
    ----------
    capacity : int
        Devices of the pool. What is free is the capacity less all gangs: those that hold devices and those for which
        devices are held, so that "after holds for others" is part of it.
    entitlement : tuple of int
        Per row; may be left empty where neither rule N nor ``reclaim: shares`` is asked for.
    """

    tree: Tree
    gangs: tuple[Gang, ...]
    capacity: int
    entitlement: tuple[int, ...] = field(default=())

    def allocation(self, without: Iterable[int] = ()) -> list[int]:
        """Return the GPUs per row of all gangs except the jobs named."""
        left_out = set(without)
        held = [0] * len(self.tree)
        for gang in self.gangs:
            if gang.job not in left_out:
                held[gang.leaf] += gang.size
        for row in reversed(range(len(held))):  # children stand after their parents
            if self.tree.parent[row] != POOL:
                held[self.tree.parent[row]] += held[row]
        return held

    def free(self, without: Iterable[int] = ()) -> int:
        """Return the devices that nobody holds once the jobs named are gone."""
        left_out = set(without)
        return self.capacity - sum(gang.size for gang in self.gangs if gang.job not in left_out)

    def gang(self, job: int) -> Gang:
        """Return the gang of a job."""
        return next(gang for gang in self.gangs if gang.job == job)

    def replace(self, without: Iterable[int], *added: Gang) -> View:
        """Return the view with some jobs gone and some gangs added."""
        left_out = set(without)
        kept = tuple(gang for gang in self.gangs if gang.job not in left_out)
        return View(self.tree, kept + added, self.capacity, self.entitlement)
