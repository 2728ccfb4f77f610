"""Runs a small lab by the rules of pacing, event by event, everything computed anew at each (PACING 1, 5 and 6).

Reclaim is that of ``policy_reclaim`` (FAIRNESS 3 to 5, rule S) with effective and rounded floors. Left out are the
reservation of a blocked head (EASY), rule N and turns: what nobody claims goes to whoever fits.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, field

from tests.reference.pacing_lab import NEVER_MS, Lab, Rules
from tests.reference.pacing_pool import PoolRun
from tests.reference.pacing_window import Ledger, Outcome


@dataclass(slots=True)
class Result:
    """What came out of a run."""

    outcomes: list[Outcome] = field(default_factory=list[Outcome])
    delivered: int = 0
    """Weighted GPU-ms that all teams held."""
    lost: int = 0
    """Weighted GPU-ms of work lost to reclaim."""
    reclaims: int = 0
    events: int = 0
    story: list[str] = field(default_factory=list[str])

    @property
    def broken(self) -> list[Outcome]:
        """The broken windows."""
        return [outcome for outcome in self.outcomes if outcome.broken]


def run(lab: Lab, rules: Rules, *, tell: bool = False) -> Result:
    """Run a lab to the end of its last window."""
    result = Result()
    ids = itertools.count(1)
    pools = [PoolRun(lab, rules, number, ids) for number in range(len(lab.capacity))]
    ledgers = [Ledger(lab, rules, promise) for promise in lab.promises]
    end_ms = lab.warm_ms + lab.window_ms * lab.windows
    now_ms = 0
    while True:
        result.events += 1
        for pool in pools:
            pool.settle(now_ms)
            for row, lost in pool.take_losses():
                result.lost += lost
                for ledger in ledgers:
                    ledger.lose(row, lost)
        for ledger in ledgers:
            result.outcomes += ledger.turn(now_ms, pools)
        if now_ms >= end_ms:
            break
        for pool in pools:
            pool.schedule(now_ms, ledgers, pools)
        if tell:
            result.story.append(f"{now_ms}: " + " | ".join(pool.tell() for pool in pools))
        then_ms = min(end_ms, *next_instants(now_ms, lab, pools, ledgers))
        assert then_ms > now_ms
        for ledger in ledgers:
            ledger.advance(then_ms - now_ms, pools)
        result.delivered += sum(lab.heh[pool.number] * pool.held() for pool in pools) * (then_ms - now_ms)
        now_ms = then_ms
    result.reclaims = sum(pool.reclaims for pool in pools)
    return result


def next_instants(now_ms: int, lab: Lab, pools: list[PoolRun], ledgers: list[Ledger]) -> Iterator[int]:
    """Yield when something happens next."""
    yield NEVER_MS
    for pool in pools:
        yield from pool.instants(now_ms)
    for ledger in ledgers:
        yield from ledger.instants(now_ms, pools)
