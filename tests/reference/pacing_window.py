"""The open windows of one promise: their accounts, pace, timers and verdicts."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import TYPE_CHECKING

from tests.reference.pacing_account import BROKEN, KEPT, Account, Stretch, ceil_div
from tests.reference.pacing_floors import Paced
from tests.reference.pacing_lab import Lab, Promise, Rules
from tests.reference.pacing_pace import Owing, ceiling_gpus, due_in_ms, level_gpus, lost_in_ms, most_gpus, owing, pace

if TYPE_CHECKING:
    from tests.reference.pacing_pool import PoolRun


@dataclass(frozen=True, slots=True)
class Outcome:
    """The verdict over one window of one promise, and what led to it. Amounts are in q · heh · GPU-ms."""

    promise: Promise
    begin_ms: int
    end_ms: int
    verdict: str
    short: int
    denied: int
    grace: int
    owed: int
    alarm_ms: int | None
    made_good: int = 0
    to_make_good: int = 0

    @property
    def broken(self) -> bool:
        """Whether the promise was broken."""
        return self.verdict == BROKEN

    @property
    def of_grace(self) -> Fraction:
        """Net denied over the grace."""
        return Fraction(self.denied, self.grace) if self.grace else Fraction(self.denied)


@dataclass(slots=True)
class Window:
    """A window that is open."""

    begin_ms: int
    end_ms: int
    account: Account
    to_make_good: int = 0
    alarm_ms: int | None = None


class Ledger:
    """All windows of one promise."""

    def __init__(self, lab: Lab, rules: Rules, promise: Promise) -> None:
        self.lab, self.rules, self.promise = lab, rules, promise
        self.open: list[Window] = []
        self.reclaim_ms = lab.reclaim_ms(promise.row)
        self.margin_ms = rules.margin * self.reclaim_ms
        self.leaves = set(lab.below(promise.row))
        self.carried = 0
        self.length_ms = promise.rolling_ms or lab.window_ms

    # ------------------------------------------------------------------------------------------------ instants

    def turn(self, now_ms: int, pools: Sequence[PoolRun]) -> list[Outcome]:
        """Close the windows that end now, open those that begin, look for the point of no return."""
        ended = [window for window in self.open if window.end_ms == now_ms]
        self.open = [window for window in self.open if window.end_ms > now_ms]
        outcomes = [self.close(window) for window in ended]
        if now_ms >= self.lab.warm_ms and (now_ms - self.lab.warm_ms) % self.lab.window_ms == 0:
            account = Account(self.promise.p, self.promise.q)
            self.open.append(Window(now_ms, now_ms + self.length_ms, account, self.carried))
            self.carried = 0
        for window in self.open:
            if window.alarm_ms is None and not self.promise.at_most and self.state(window, now_ms, pools).lost:
                window.alarm_ms = now_ms
        return outcomes

    def close(self, window: Window) -> Outcome:
        """Judge a window, and carry what is to be made good into the next."""
        account, promise = window.account, self.promise
        account.check()
        grace = promise.q * self.grace()
        verdict = account.verdict(grace)
        if promise.at_most:
            verdict = KEPT if account.behind >= 0 else BROKEN
        num, den = promise.make_good
        if verdict == BROKEN and num:
            self.carried = ceil_div(num * account.denied, den)
        made_good = min(window.to_make_good, max(0, -account.behind))
        return Outcome(
            promise, window.begin_ms, window.end_ms, verdict, account.short, account.denied, grace, account.owed,
            window.alarm_ms, made_good, window.to_make_good,
        )  # fmt: skip

    def grace(self) -> int:
        """Return (P_max + s)·τ in heh · GPU-ms."""
        pools = range(len(self.lab.capacity))
        gpus = [most_gpus(self.promise.pace_max, self.lab.capacity[k]) + self.largest(k) for k in pools]
        return self.reclaim_ms * sum(heh * gpu for heh, gpu in zip(self.lab.heh, gpus, strict=True))

    def largest(self, pool: int) -> int:
        """Return s in a pool."""
        return max(self.lab.sizes(self.promise.row, pool), default=0)

    def advance(self, length_ms: int, pools: Sequence[PoolRun]) -> None:
        """Fold a stretch in which nothing changed into every open window."""
        heh = self.lab.heh
        delivered = sum(heh[pool.number] * pool.held() for pool in pools)
        held = sum(heh[pool.number] * pool.held(self.leaves) for pool in pools)
        demand = sum(heh[pool.number] * self.demand(pool, pools) for pool in pools)
        asked = sum(heh[pool.number] * pool.paces.get(self.promise.row, 0) for pool in pools)
        for window in self.open:
            window.account.add(Stretch(length_ms, delivered, held, demand, asked))

    def demand(self, pool: PoolRun, pools: Sequence[PoolRun]) -> int:
        """Return the demand that counts in a pool: of several, none beyond what may be asked for there."""
        asked = pool.demand_of(self.leaves)
        if not self.rules.fill or len(pools) == 1:
            return asked
        return min(asked, max(pool.held(self.leaves), most_gpus(self.promise.pace_max, pool.capacity)))

    def lose(self, row: int, lost: int) -> None:
        """Book work lost to a reclaim by the leaf ``row``."""
        for window in self.open:
            own = row in self.leaves
            window.account.lose(lost if own else 0, 0 if own else lost)

    # ------------------------------------------------------------------------------------------------ pace

    def state(self, window: Window, now_ms: int, pools: Sequence[PoolRun]) -> Owing:
        """Return where a window stands."""
        heh = self.lab.heh
        capacity = sum(heh[pool.number] * pool.capacity for pool in pools)
        most = sum(heh[pool.number] * most_gpus(self.promise.pace_max, pool.capacity) for pool in pools)
        left_ms = window.end_ms - now_ms
        return owing(window.account, capacity=capacity, left_ms=left_ms, most=most, make_good=window.to_make_good)

    def paced(self, now_ms: int, pool: PoolRun, pools: Sequence[PoolRun]) -> Paced:
        """Return what the promise asks for in a pool."""
        most = most_gpus(self.promise.pace_max, pool.capacity)
        wanted = 0
        if self.rules.pace != "none":
            states = [self.state(window, now_ms, pools) for window in self.open]
            wanted = max((self.pace_in(pool, state, pools) for state in states), default=0)
            if self.rules.pace == "late" and wanted < most:
                wanted = 0
        share = Fraction(self.promise.p * pool.capacity, self.promise.q)
        sizes = self.lab.sizes(self.promise.row, pool.number) or (1,)
        return Paced(self.promise.row, wanted, share, sizes, self.level(pool, most))

    def pace_in(self, pool: PoolRun, state: Owing, pools: Sequence[PoolRun]) -> int:
        """Return the pace of one window in a pool."""
        most = most_gpus(self.promise.pace_max, pool.capacity)
        if not self.rules.fill or len(pools) == 1:
            return pace(state, self.margin_ms, pool.capacity, most)
        capped, rest, capacity = self.fill(state, pools)
        if pool.number in capped:
            return capped[pool.number]
        return min(most, pace(replace(state, x=rest, capacity=capacity), self.margin_ms, pool.capacity, most))

    def fill(self, state: Owing, pools: Sequence[PoolRun]) -> tuple[dict[int, int], int, int]:
        """Ask for the same fraction of each pool that has demand for it; what a pool lacks the others bear.

        Return the pools that are asked for all that they can (demand or P_max), what remains of x for the others, and
        the weighted capacity of the others.
        """
        heh, run_ms = self.lab.heh, state.left_ms - self.margin_ms
        capped: dict[int, int] = {}
        rest, capacity = state.x, state.capacity
        while run_ms > 0:
            full = [
                (pool, cap)
                for pool in pools
                if pool.number not in capped
                and (cap := self.cap(pool)) * state.q * run_ms * capacity <= rest * pool.capacity
            ]
            if not full:
                break
            for pool, cap in full:
                capped[pool.number] = cap
                rest -= state.q * run_ms * heh[pool.number] * cap
                capacity -= heh[pool.number] * pool.capacity
        return capped, rest, capacity

    def cap(self, pool: PoolRun) -> int:
        """Return the most that is of use in a pool: what is asked for there, and P_max."""
        return min(most_gpus(self.promise.pace_max, pool.capacity), pool.demand_of(self.leaves))

    def level(self, pool: PoolRun, most: int) -> int:
        """Return what the pace is never cut below in a pool."""
        p, q = self.promise.p, self.promise.q
        if not self.rules.level:
            return most if self.rules.ahead else ceil_div(p * pool.capacity, q)
        return level_gpus(p, q, pool=pool.capacity, length_ms=self.length_ms, margin_ms=self.margin_ms, most=most)

    def ceiling(self, now_ms: int, pools: Sequence[PoolRun]) -> int:
        """Return the limit of an ``at_most``, in weighted GPUs."""
        heh = self.lab.heh
        others = sum(heh[pool.number] * (pool.held() - pool.held(self.leaves)) for pool in pools)
        left = [ceiling_gpus(one.account, others=others, left_ms=one.end_ms - now_ms) for one in self.open]
        return min(left, default=sum(heh[pool.number] * pool.capacity for pool in pools))

    def instants(self, now_ms: int, pools: Sequence[PoolRun]) -> Iterator[int]:
        """Yield the timers of PACING 5."""
        begun = (now_ms - self.lab.warm_ms) // self.lab.window_ms
        yield self.lab.warm_ms + max(0, begun + 1) * self.lab.window_ms
        for window in self.open:
            yield window.end_ms
            if self.promise.at_most:
                continue
            if window.end_ms - self.margin_ms > now_ms:
                yield window.end_ms - self.margin_ms
            state = self.state(window, now_ms, pools)
            rate = self.rate(pools)
            if window.alarm_ms is None:
                lost_ms = lost_in_ms(state, rate)
                if lost_ms is not None:
                    yield now_ms + max(1, lost_ms)
            for pool in pools:
                yield from self.due(now_ms, state, rate, pool, pools)

    def due(self, now_ms: int, state: Owing, rate: int, pool: PoolRun, pools: Sequence[PoolRun]) -> Iterator[int]:
        """Yield when the next gang falls due in a pool."""
        most = most_gpus(self.promise.pace_max, pool.capacity)
        # A gang that is due already and that nobody can give (R too small) must not ring again every millisecond.
        theta = max(pool.allocated(self.promise.row), pool.paces.get(self.promise.row, 0))
        if self.rules.pace == "late":
            theta = max(theta, most - 1)
        if self.rules.pace != "none" and theta < most:
            fixed, capacity = 0, state.capacity
            if self.rules.fill and len(pools) > 1:
                capped, _, capacity = self.fill(state, pools)
                fixed = sum(self.lab.heh[number] * gpus for number, gpus in capped.items())
                if pool.number in capped:
                    return
            due_ms = due_in_ms(
                replace(state, capacity=capacity), self.margin_ms, rate, theta, pool.capacity, fixed=fixed
            )
            if due_ms is not None:
                yield now_ms + due_ms

    def rate(self, pools: Sequence[PoolRun]) -> int:
        """Return dx/dt = p(c − C) − q·a."""
        heh = self.lab.heh
        idle = sum(heh[pool.number] * (pool.capacity - pool.held()) for pool in pools)
        own = sum(heh[pool.number] * pool.held(self.leaves) for pool in pools)
        return -self.promise.p * idle - self.promise.q * own
