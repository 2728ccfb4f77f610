"""Whom Kueue evicts for a workload: with fair sharing, and in its classic hierarchical way.

Written from the ``semantics`` texts of ../shared/cases/reclaim_cases.json. Each function returns the victims by name
with Kueue's word for the reason; nobody where no set of victims lets the workload in.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from tests.reference.peer_kueue import Admitted, Cohorts

OWN, RECLAIM, FAIR = "InClusterQueue", "InCohortReclamation", "InCohortFairSharing"
BORROWING, EVICTED = "InCohortReclaimWhileBorrowing", "already being evicted"


@dataclass(frozen=True, slots=True)
class Policy:
    """What the queue that asks may evict: ``Any``, ``LowerPriority`` or nothing (None), and while it borrows."""

    own: str | None
    cohort: str | None
    borrowing: str | None = None
    threshold: int | None = None


Targets = dict[str, str]


def in_order(workloads: Iterable[Admitted]) -> list[Admitted]:
    """Return candidates as Kueue takes them: evicted first, lowest priority, (all are of one age,) name."""
    return sorted(workloads, key=lambda w: (not w.evicted, w.priority, w.name))


def contested(cohorts: Cohorts, incoming: Admitted) -> list[str]:
    """Return the resources that the workload lacks."""
    return [r for r, amount in incoming.amounts.items() if cohorts.available(incoming.queue, r) < amount]


def allowed(policy: str | None, incoming: Admitted, candidate: Admitted) -> bool:
    """Return whether a policy lets the workload evict a candidate."""
    return policy == "Any" or (policy == "LowerPriority" and candidate.priority < incoming.priority)


def put_back(cohorts: Cohorts, incoming: Admitted, taken: Sequence[tuple[Admitted, str]]) -> Targets:
    """Let targets back in, the last first, while the workload still fits without them."""
    kept = {victim.name: EVICTED if victim.evicted else reason for victim, reason in taken}
    for victim, _ in reversed(taken[:-1]):
        cohorts.add(victim)
        if cohorts.fits(incoming):
            del kept[victim.name]
        else:
            cohorts.remove(victim)
    return kept


class FairSharing:
    """One search with fair sharing; the workload counts as let in while shares are compared."""

    def __init__(self, cohorts: Cohorts, running: Sequence[Admitted], incoming: Admitted, policy: Policy) -> None:
        """Collect the candidates per queue."""
        self.cohorts, self.incoming = cohorts, incoming
        lacking = contested(cohorts, incoming)
        self.within_nominal = all(
            cohorts.used(incoming.queue, r) + incoming.amounts[r] <= cohorts.quota(incoming.queue, r) for r in lacking
        )
        self.waiting: dict[str, list[Admitted]] = {}
        for name, node in cohorts.nodes.items():
            if node.queue:
                own = name == incoming.queue
                rule = ("LowerPriority" if policy.own else None) if own else policy.cohort
                usable = own or (
                    cohorts.path(name)[-1] in cohorts.path(incoming.queue) and cohorts.borrows(name, lacking)
                )
                self.waiting[name] = in_order(
                    w
                    for w in running
                    if w.queue == name and usable and set(w.amounts) & set(lacking) and allowed(rule, incoming, w)
                )
        self.taken: list[tuple[Admitted, str]] = []

    def victims(self, strategies: Sequence[str]) -> Targets:
        """Run the strategies in turn; nobody if the workload does not fit in the end."""
        self.cohorts.add(self.incoming)
        refused = self._first()
        if not self._fits() and "LessThanInitialShare" in strategies:
            self.waiting = {name: [w for w in refused if w.queue == name] for name in self.waiting}
            self._second()
        done = self._fits()
        self.cohorts.remove(self.incoming)
        return put_back(self.cohorts, self.incoming, self.taken) if done and self.taken else {}

    def _first(self) -> list[Admitted]:
        """Apply rule S2-a (or reclaim without a condition); returns the candidates that it spares."""
        refused: list[Admitted] = []
        while not self._fits():
            queue = self._next_queue()
            if queue is None:
                break
            if queue == self.incoming.queue:
                self._take(self.waiting[queue].pop(0), OWN)
                continue
            while self.waiting[queue]:
                candidate = self.waiting[queue].pop(0)
                if self.within_nominal or self._fair_after(candidate):
                    self._take(candidate, RECLAIM if self.within_nominal else FAIR)
                    break
                refused.append(candidate)
        return refused

    def _second(self) -> None:
        """Apply rule S2-b: one workload per queue whose share is larger than the preemptor's."""
        while not self._fits():
            queue = self._next_queue()
            if queue is None:
                return
            mine, theirs = self._forks(queue)
            if self.cohorts.share(mine).key < self.cohorts.share(theirs).key:
                self._take(self.waiting[queue][0], FAIR)
            self.waiting[queue] = []

    def _fair_after(self, candidate: Admitted) -> bool:
        mine, theirs = self._forks(candidate.queue)
        self.cohorts.remove(candidate)
        fair = self.cohorts.share(mine).key <= self.cohorts.share(theirs).key
        self.cohorts.add(candidate)
        return fair

    def _take(self, victim: Admitted, reason: str) -> None:
        self.cohorts.remove(victim)
        self.taken.append((victim, reason))

    def _fits(self) -> bool:
        """Whether the workload, which counts as let in, fits."""
        self.cohorts.remove(self.incoming)
        fits = self.cohorts.fits(self.incoming)
        self.cohorts.add(self.incoming)
        return fits

    def _forks(self, queue: str) -> tuple[str, str]:
        """Return the nodes just below the lowest common ancestor, towards the preemptor and towards a queue."""
        mine, theirs = self.cohorts.path(self.incoming.queue)[::-1], self.cohorts.path(queue)[::-1]
        return next((a, b) for a, b in zip(mine, theirs, strict=False) if a != b)

    def _next_queue(self) -> str | None:
        """Descend from the root to the highest share; nodes that do not borrow are passed over."""
        towards = set(self.cohorts.path(self.incoming.queue))
        root = self.cohorts.path(self.incoming.queue)[-1]

        def best(name: str) -> str | None:
            if self.cohorts.nodes[name].queue:
                return name if self.waiting[name] else None
            ranked: list[tuple[tuple[bool, object], bool, str]] = []
            for child in self.cohorts.below[name]:
                share = self.cohorts.share(child)
                found = best(child) if share.borrowing or child in towards else None
                if found is not None:
                    ranked.append((share.key, not self.cohorts.nodes[child].queue, found))
            return max(ranked, key=lambda row: row[:2])[2] if ranked else None

        return best(root)


def fair_victims(
    cohorts: Cohorts, running: Sequence[Admitted], incoming: Admitted, policy: Policy, strategies: Sequence[str]
) -> Targets:
    """Return the victims under fair sharing."""
    return FairSharing(cohorts, running, incoming, policy).victims(strategies)


def classic_victims(cohorts: Cohorts, running: Sequence[Admitted], incoming: Admitted, policy: Policy) -> Targets:
    """Return the victims of the classic way: by right of the quota of a subtree first, then by priority."""
    lacking = contested(cohorts, incoming)
    groups: dict[str, list[Admitted]] = {RECLAIM: [], BORROWING: [], OWN: []}
    reasons: Mapping[str, Callable[[Admitted], bool]] = {
        RECLAIM: lambda w: allowed(policy.cohort, incoming, w),
        BORROWING: lambda w: (
            allowed(policy.borrowing, incoming, w) and (policy.threshold is None or w.priority <= policy.threshold)
        ),
        OWN: lambda w: allowed(policy.own, incoming, w),
    }
    for workload in running:
        reason = _reason(cohorts, incoming, workload)
        reachable = reason == OWN or all(cohorts.borrows(n, lacking) for n in _lenders(cohorts, incoming, workload))
        if reachable and set(workload.amounts) & set(lacking) and reasons[reason](workload):
            groups[reason].append(workload)
    ordered = [(w, reason) for reason, found in groups.items() for w in in_order(found)]
    ordered.sort(key=lambda pair: not pair[0].evicted)  # stable: whoever is being evicted comes first
    taken: list[tuple[Admitted, str]] = []
    for victim, reason in ordered:
        if reason == OWN or all(cohorts.borrows(n, lacking) for n in _lenders(cohorts, incoming, victim)):
            cohorts.remove(victim)
            taken.append((victim, reason))
            if cohorts.fits(incoming):
                return put_back(cohorts, incoming, taken)
    return {}


def _lenders(cohorts: Cohorts, incoming: Admitted, workload: Admitted) -> list[str]:
    """Return the nodes of a candidate's path below the lowest common ancestor."""
    common = set(cohorts.path(incoming.queue))
    return [name for name in cohorts.path(workload.queue) if name not in common]


def _reason(cohorts: Cohorts, incoming: Admitted, workload: Admitted) -> str:
    """Return by which right a workload could be evicted: the quota of the subtree that it is outside of, or priority."""
    if workload.queue == incoming.queue:
        return OWN
    theirs = cohorts.path(workload.queue)
    for name in cohorts.path(incoming.queue):
        if name in theirs:
            return BORROWING
        if all(cohorts.used(name, r) + amount <= cohorts.quota(name, r) for r, amount in incoming.amounts.items()):
            return RECLAIM
    raise ValueError(f"{workload.name} is in another tree")
