"""Kueue's tree of cohorts and queues: quotas, what is available, and dominant shares, in exact fractions.

Written from the ``semantics`` texts of ../shared/cases. A resource of a flavor is named ``flavor/resource``; amounts of
the same resource in several flavors are added up in a dominant share.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from math import ceil

Amounts = Mapping[str, Fraction]

ZERO = Fraction(0)


@dataclass(frozen=True, slots=True)
class Node:
    """A queue or a cohort. Limits that are not named are not there."""

    name: str
    parent: str | None
    queue: bool
    weight: Fraction
    quota: Amounts
    borrowing: Amounts = field(default_factory=dict[str, Fraction])
    lending: Amounts = field(default_factory=dict[str, Fraction])


@dataclass(frozen=True, slots=True)
class Admitted:
    """A workload that holds, or asks for, amounts in one queue."""

    name: str
    queue: str
    priority: int
    amounts: Amounts
    evicted: bool = False


class Cohorts:
    """The tree with what its queues hold; workloads come and go by ``add`` and ``remove``."""

    def __init__(self, nodes: Iterable[Node], held: Iterable[Admitted] = ()) -> None:
        """Index the nodes and let the workloads in."""
        self.nodes = {node.name: node for node in nodes}
        self.below = {name: [n.name for n in self.nodes.values() if n.parent == name] for name in self.nodes}
        self.usage: dict[str, dict[str, Fraction]] = {name: {} for name in self.nodes}
        for workload in held:
            self.add(workload)

    def add(self, workload: Admitted) -> None:
        """Let a workload hold what it asks for."""
        self.charge(workload.queue, workload.amounts, 1)

    def remove(self, workload: Admitted) -> None:
        """Take a workload away."""
        self.charge(workload.queue, workload.amounts, -1)

    def charge(self, queue: str, amounts: Amounts, sign: int) -> None:
        """Change what a queue holds."""
        held = self.usage[queue]
        for resource, amount in amounts.items():
            held[resource] = held.get(resource, ZERO) + sign * amount

    def path(self, name: str) -> list[str]:
        """Return a node and all above it, the root last."""
        found: list[str] = []
        at: str | None = name
        while at is not None:
            found.append(at)
            at = self.nodes[at].parent
        return found

    def used(self, name: str, resource: str) -> Fraction:
        """Return what a queue holds; of a cohort, what its members hold beyond what they keep to themselves."""
        own = self.usage[name].get(resource, ZERO)
        return own + sum((max(ZERO, self.used(c, resource) - self.kept(c, resource)) for c in self.below[name]), ZERO)

    def quota(self, name: str, resource: str) -> Fraction:
        """Return the quota of a subtree: its own, and what its members may lend."""
        own = self.nodes[name].quota.get(resource, ZERO)
        return own + sum((self.quota(c, resource) - self.kept(c, resource) for c in self.below[name]), ZERO)

    def kept(self, name: str, resource: str) -> Fraction:
        """Return what a node's lending limit keeps for itself."""
        lending = self.nodes[name].lending.get(resource)
        return ZERO if lending is None else max(ZERO, self.quota(name, resource) - lending)

    def potential(self, name: str, resource: str) -> Fraction:
        """Return what a node could hold if nobody else held anything."""
        parent, quota = self.nodes[name].parent, self.quota(name, resource)
        if parent is None:
            return quota
        most = self.kept(name, resource) + self.potential(parent, resource)
        borrowing = self.nodes[name].borrowing.get(resource)
        return most if borrowing is None else min(most, quota + borrowing)

    def available(self, name: str, resource: str) -> Fraction:
        """Return what a node may still take, borrowing included."""
        parent, used, quota = self.nodes[name].parent, self.used(name, resource), self.quota(name, resource)
        if parent is None:
            return quota - used
        kept = self.kept(name, resource)
        beyond = self.available(parent, resource)
        borrowing = self.nodes[name].borrowing.get(resource)
        if borrowing is not None:
            beyond = min(beyond, quota - kept + borrowing - max(ZERO, used - kept))
        return max(ZERO, kept - used) + beyond

    def fits(self, workload: Admitted) -> bool:
        """Return whether a workload could be let in now."""
        return all(self.available(workload.queue, r) >= amount for r, amount in workload.amounts.items())

    def borrows(self, name: str, resources: Iterable[str]) -> bool:
        """Return whether a node holds more than its quota of any of the resources."""
        return any(self.used(name, r) > self.quota(name, r) for r in resources)

    def share(self, name: str) -> Share:
        """Return the dominant share of a node."""
        node = self.nodes[name]
        if node.parent is None:
            return Share(ZERO, "", borrowing=False, endless=False)
        borrowed: dict[str, Fraction] = {}
        lendable: dict[str, Fraction] = {}
        for resource in self.resources():
            kind = resource.split("/", 1)[1]
            beyond = max(ZERO, self.used(name, resource) - self.quota(name, resource))
            borrowed[kind] = borrowed.get(kind, ZERO) + beyond
            lendable[kind] = lendable.get(kind, ZERO) + self.potential(node.parent, resource)
        if not any(borrowed.values()):
            return Share(ZERO, "", borrowing=False, endless=False)
        parts = {kind: amount / lendable[kind] for kind, amount in borrowed.items() if amount and lendable[kind]}
        dominant = max(sorted(parts), key=lambda kind: parts[kind], default="")
        part = parts.get(dominant, ZERO)
        return Share(part / node.weight if node.weight else part, dominant, borrowing=True, endless=not node.weight)

    def resources(self) -> list[str]:
        """Return every resource of a flavor that somebody has a quota of or holds."""
        named = [node.quota for node in self.nodes.values()] + list(self.usage.values())
        return sorted({resource for amounts in named for resource in amounts})


@dataclass(frozen=True, slots=True)
class Share:
    """What a node borrows of what could be lent, for its weight; ``endless`` where it borrows at weight 0."""

    part: Fraction
    dominant: str
    borrowing: bool
    endless: bool

    @property
    def per_mille(self) -> int:
        """The share × 1000, rounded up."""
        return ceil(1000 * self.part)

    @property
    def key(self) -> tuple[bool, Fraction]:
        """What shares are compared by; endless ones, among themselves, without a weight."""
        return (self.endless, self.part)
