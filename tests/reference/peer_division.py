"""How peers divide an amount: KAI's rounds, Armada's water-filling, HTCondor's group quotas, in exact fractions.

Written from the ``semantics`` texts of ../shared/cases/fairshare_cases.json; the peers' own numbers judge it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

ROUNDS = 5  # of Armada's water-filling
ENOUGH = Fraction(1, 100)  # Armada stops when less than this part of the pool is unallocated


@dataclass(frozen=True, slots=True)
class Claim:
    """What one queue is guaranteed, may have at most (None: anything), weighs and asks for."""

    name: str
    guaranteed: Fraction
    limit: Fraction | None
    weight: Fraction
    request: Fraction
    priority: int = 0
    created: int = 0

    @property
    def wanted(self) -> Fraction:
        """The request within the limit."""
        return self.request if self.limit is None else min(self.request, self.limit)


def kai_division(
    total: Fraction, queues: Sequence[Claim], *, started: Mapping[str, Fraction] | None = None
) -> tuple[dict[str, Fraction], Fraction]:
    """Return what KAI gives each queue of one resource, and what is left.

    Parameters
    ----------
    total : Fraction
        What there is; the surplus alone where ``started`` says what each queue has already.
    """
    if started is None:
        share = {queue.name: min(queue.guaranteed, queue.wanted) for queue in queues}
        left = max(Fraction(0), total - sum(share.values()))  # guarantees are not scaled down
    else:
        share, left = dict(started), total
    remembered = {queue.name: Fraction(0) for queue in queues}
    for priority in sorted({queue.priority for queue in queues}, reverse=True):
        peers = [queue for queue in queues if queue.priority == priority and queue.weight > 0]
        left = _rounds(left, peers, share, remembered)
    return share, _leftovers(left, queues, share, remembered)


def _rounds(
    left: Fraction, peers: Sequence[Claim], share: dict[str, Fraction], remembered: dict[str, Fraction]
) -> Fraction:
    """Offer by weight until nobody is capped at the request; returns what is left."""
    again = True
    while again and left > 0:
        again = False
        open_ = [queue for queue in peers if share[queue.name] < queue.wanted]
        weights = sum(queue.weight for queue in open_)
        begun = left
        for queue in open_:
            offer = begun * queue.weight / weights
            missing = queue.wanted - share[queue.name]
            again = again or offer >= missing
            given = missing if offer >= missing else Fraction(offer // 1)
            remembered[queue.name] = Fraction(0) if offer >= missing else offer - given
            share[queue.name] += given
            left -= given
    return left


def _leftovers(
    left: Fraction, queues: Sequence[Claim], share: dict[str, Fraction], remembered: Mapping[str, Fraction]
) -> Fraction:
    """Give units of 1 by the largest remembered fraction; returns what nobody got."""
    turn = sorted(
        (queue for queue in queues if queue.weight > 0),
        key=lambda queue: (-queue.priority, -remembered[queue.name], queue.created, queue.name),
    )
    for queue in turn:
        given = min(Fraction(1), left, queue.wanted - share[queue.name])
        share[queue.name] += given
        left -= given
    return left


def armada_shares(demand: Mapping[str, Fraction], weight: Mapping[str, Fraction]) -> dict[str, Fraction]:
    """Return the demand-capped share of each queue as a fraction of the pool (None of ``demand`` may be negative)."""
    share = dict.fromkeys(demand, Fraction(0))
    open_ = list(demand)
    left = Fraction(1)
    for _ in range(ROUNDS):
        if left < ENOUGH or not open_:
            break
        weights = sum(weight[name] for name in open_)
        for name in open_:
            share[name] += left * weight[name] / weights
        left = sum((max(share[name] - demand[name], Fraction(0)) for name in open_), Fraction(0))
        capped = [name for name in open_ if share[name] >= demand[name]]
        for name in capped:
            share[name] = demand[name]
            open_.remove(name)
    return share


def armada_cost(
    allocated: Mapping[str, Fraction],
    total: Mapping[str, Fraction],
    multipliers: Mapping[str, Fraction],
    weight: Fraction,
) -> Fraction:
    """Return the dominant-resource cost: the largest part held of a resource that counts, for its weight."""
    parts = [multipliers[r] * held / total[r] for r, held in allocated.items() if total[r] and r in multipliers]
    return max(parts, default=Fraction(0)) / weight


def htcondor_quotas(total: Fraction, quotas: Mapping[str, Fraction]) -> dict[str, Fraction]:
    """Return static group quotas: in proportion when they exceed what there is, never above themselves."""
    together = sum(quotas.values())
    return {name: quota if together <= total else quota * total / together for name, quota in quotas.items()}
