"""The small labs of the slow model of pacing, run by the product's policy: a lab becomes a charter, and events become decisions.

`run_kernel` is the main path. Teams ask as they do in the model: whenever what a team runs and has waiting falls below its
level, the next job of its list is submitted; so what is submitted depends on what was decided, and a `Core` is told event
by event, as a live controller would tell it. Promises are judged by `equipoise.account` from the kernel's closes; beside
that the account of the model (`pacing_account`) adds up, from the decisions alone, what every team held.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction
from heapq import heappop, heappush

import numpy as np

from equipoise.charter.model import Charter
from equipoise.policy.core import Core
from equipoise.policy.kernel import layout as k
from equipoise.policy.kernel.capacity import DOWN, UP
from equipoise.policy.plan import Plan, plan
from equipoise.policy.state import Options, build
from equipoise.simulator.verdicts import Window as Seen
from equipoise.simulator.verdicts import carried, windows_seen
from tests.property.lab_charters import (
    FOREVER_MS,
    Block,
    Reclaim,
    Walltime,
    blocks_of,
    certain,
    charter_of,
    stretched,
    workload_of,
)
from tests.reference.pacing_account import Account, Stretch
from tests.reference.pacing_campaign import Tally
from tests.reference.pacing_families import FAMILIES as OF_MODEL
from tests.reference.pacing_families import draw
from tests.reference.pacing_lab import Job, Lab, Promise
from tests.reference.pacing_run import Result
from tests.reference.pacing_window import Outcome

EMPTY = np.zeros(0, k.EVENT)


class OutOfJobsError(Exception):
    """A team asked for more jobs than were laid out."""


@dataclass(slots=True)
class KernelResult(Result):
    """What came out, and what was held: (time, GPUs held by each leaf in each pool) after every instant, if it was asked for."""

    disagreements: list[str] = field(default_factory=list[str])
    held: list[tuple[int, dict[tuple[int, int], int]]] = field(
        default_factory=list[tuple[int, dict[tuple[int, int], int]]]
    )


# ---------------------------------------------------------------------------------------------------- the campaign

SHARES = "reclaim: shares"
FAMILIES = (*(name for name, family in OF_MODEL.items() if "mended" in family.rules), SHARES)
"""The families of the model, and the labs of the mended conditions under `reclaim: shares`."""
WALLTIMES: tuple[Walltime, ...] = ("exact", "none", "double")
CERTAIN, UNCERTAIN = "certain", "not certain"


def draw_lab(family: str, number: int) -> Lab:
    """Return a lab, the same as the model's of that number."""
    return draw("mended conditions" if family == SHARES else family, number)


def campaign(family: str, numbers: Iterable[int]) -> list[Tally]:
    """Run some labs of a family; those for which the charter's checks promise the bound are counted apart."""
    tallies = [Tally(family, CERTAIN), Tally(family, UNCERTAIN)]
    for number in numbers:
        lab = draw_lab(family, number)
        reclaim = "shares" if family == SHARES else "floors"
        result = run_kernel(lab, reclaim=reclaim, walltime=WALLTIMES[number % 3])
        assert not result.disagreements, (family, number, result.disagreements)
        tallies[0 if certain(lab) else 1].add(number, result)
    return tallies


# ---------------------------------------------------------------------------------------------------- the run


def run_kernel(
    lab: Lab,
    *,
    reclaim: Reclaim = "floors",
    walltime: Walltime = "exact",
    secure_start: bool = True,
    tell: bool = False,
    interpreted: bool = False,
) -> KernelResult:
    """Run a lab by the product's policy to the end of its last window.

    Parameters
    ----------
    lab : Lab
    reclaim : {"floors", "shares"}
        Which reclaim the charter asks for.
    walltime : {"exact", "none", "double"}
        What jobs declare.
    secure_start : bool
        Whether jobs that cannot be stopped start only where nobody may take their devices back: the rule.
    tell : bool
        Whether to keep what was held after every instant.
    interpreted : bool
        Run the kernel's source as plain Python.
    """
    lab = stretched(lab)
    charter = charter_of(lab, reclaim=reclaim)
    rules = plan(charter)
    if not secure_start:
        rules = replace(rules, rules=rules.rules & ~k.SECURE_START)
    times = 1
    while True:
        try:
            return _Drive(lab, charter, rules, blocks_of(lab, times), walltime, interpreted=interpreted).run(tell=tell)
        except OutOfJobsError:
            times *= 4


class _Drive:
    """One run: the engine (what runs until when), the teams that ask, and the books beside the kernel's."""

    def __init__(
        self,
        lab: Lab,
        charter: Charter,
        rules: Plan,
        blocks: Sequence[Block],
        walltime: Walltime,
        *,
        interpreted: bool,
    ) -> None:
        self.lab, self.charter, self.blocks = lab, charter, blocks
        workload = workload_of(lab, charter, blocks, walltime)
        options = Options(trace=False, savepoint_cost_ms=FOREVER_MS)
        laid = build(workload, charter.pools, rules, reference=rules, options=options, run_times="known")
        self.core = Core(laid, interpreted=interpreted)
        self.size = workload.jobs.gang.tolist()
        self.left_ms = workload.jobs.duration_ms.tolist()
        self.savepoint_ms = workload.jobs.savepoint_ms.tolist()
        self.block = [number for number, block in enumerate(blocks) for _ in range(block.count)]
        self.submitted = [0] * len(blocks)
        self.demand = [0] * len(blocks)
        self.held = [0] * len(blocks)
        self.refused: list[set[Job]] = [set() for _ in blocks]
        self.waiting: list[set[int]] = [set() for _ in blocks]
        self.stops: dict[int, int] = defaultdict(int)
        self.running: dict[int, int] = {}
        self.ends: list[tuple[int, int, int]] = []
        self.losses = [0] * len(blocks)
        self.down = [0] * len(lab.capacity)
        self.books = [Books(lab, number, blocks, laid.promised[number]) for number in range(len(lab.promises))]
        self.result = KernelResult()
        self.told: list[tuple[int, ...]] = []

    def run(self, *, tell: bool) -> KernelResult:
        """Go from instant to instant."""
        end_ms = self.lab.warm_ms + self.lab.window_ms * self.lab.windows
        now_ms = 0
        self.core.close_promises(now_ms)  # places without a window count from time 0
        while True:
            self.turn_windows(now_ms)
            if now_ms >= end_ms:
                break
            self.end_jobs(now_ms)
            self.change_nodes(now_ms)
            self.ask(now_ms)
            next_ms = self.decide(now_ms)
            while self.ask(now_ms):  # what was refused is followed by the next of the list
                next_ms = self.decide(now_ms)
            if tell:
                self.result.held.append((now_ms, self.held_now()))
            then_ms = min(end_ms, next_ms, *self.instants(now_ms))
            assert then_ms > now_ms, f"{then_ms} after {now_ms}"
            self.advance(then_ms - now_ms)
            now_ms = then_ms
        self.judge()
        return self.result

    def tell_event(
        self, kind: int, subject: int, detail: int = 0, *, pool: int = -1, until_ms: int = -1, amount: int = 0
    ) -> None:
        self.told.append((0, until_ms, amount, kind, subject, detail, pool, 0, 0))

    def turn_windows(self, now_ms: int) -> None:
        """Close the books of windows that end, open those that begin."""
        lab = self.lab
        since_ms = now_ms - lab.warm_ms
        if since_ms < 0 or since_ms % lab.window_ms:
            return
        self.core.close_promises(now_ms)
        for number, promise in enumerate(lab.promises):
            self.books[number].close(now_ms)
            length_ms = promise.rolling_ms or lab.window_ms
            owed = 0
            one = self.core.layout.promised[number]
            if promise.make_good[0] and since_ms:
                owed = carried(self.core.layout.promised, one, self.core.promises, now_ms, 0)
            place = since_ms // lab.window_ms % one.spans
            self.tell_event(k.WINDOW_BEGAN, number, place, until_ms=now_ms + length_ms, amount=owed)
            self.books[number].open(now_ms, now_ms + length_ms)

    def end_jobs(self, now_ms: int) -> None:
        """Let jobs end whose time is over."""
        while self.ends and self.ends[0][0] <= now_ms:
            _, job, attempt = heappop(self.ends)
            if job in self.running and self.stops[job] == attempt:
                del self.running[job]
                block = self.block[job]
                self.held[block] -= self.size[job]
                self.demand[block] -= self.size[job]
                self.tell_event(k.ENDED, job, attempt)

    def change_nodes(self, now_ms: int) -> None:
        """Let devices go down and come back, the last ones first."""
        for outage in self.lab.outages:
            if outage.from_ms == now_ms:
                assert self.lab.node[outage.pool] == 0, "outages are of devices that are only counted"
                whole = self.lab.capacity[outage.pool]
                before, after = self.down[outage.pool], whole - outage.capacity
                for device in range(before, after):
                    self.tell_event(k.NODE_CHANGED, whole - 1 - device, DOWN, pool=outage.pool)
                for device in range(after, before):
                    self.tell_event(k.NODE_CHANGED, whole - 1 - device, UP, pool=outage.pool)
                self.down[outage.pool] = after

    def ask(self, now_ms: int) -> bool:
        """Submit the next jobs of each list until the level is reached; at level 0 withdraw what waits; whether anything was."""
        before = len(self.told)
        for number, block in enumerate(self.blocks):
            level = self.lab.teams[block.leaf].level_at(now_ms, block.pool)
            if level == 0 and self.waiting[number]:
                for job in sorted(self.waiting[number]):
                    self.tell_event(k.JOB_CANCELLED, job)
                    self.demand[number] -= self.size[job]
                self.waiting[number].clear()
            while self.demand[number] < level and len(self.refused[number]) < len(set(block.list)):
                at = self.submitted[number]
                if at >= block.count:
                    raise OutOfJobsError
                self.submitted[number] += 1
                if block.list[at % len(block.list)] in self.refused[number]:
                    continue
                job = block.first + at
                self.demand[number] += self.size[job]
                self.waiting[number].add(job)
                self.tell_event(k.SUBMITTED, job)
        return len(self.told) > before

    def decide(self, now_ms: int) -> int:
        """Tell what happened, carry out what is decided; returns when the core wants to be asked again."""
        answer = self.core.take(now_ms, np.array(self.told, k.EVENT) if self.told else EMPTY)
        self.told.clear()
        assert not len(answer.refused), answer.refused
        self.result.events += 1
        for _, kind, job, _, _ in answer.decisions.tolist():
            block = self.block[job]
            if kind == k.START:
                self.waiting[block].discard(job)
                self.running[job] = now_ms
                self.held[block] += self.size[job]
                heappush(self.ends, (now_ms + self.left_ms[job], job, self.stops[job]))
            elif kind in (k.STOP, k.LOST):
                self.stop(job, block, now_ms)
                self.result.reclaims += kind == k.STOP
            elif kind == k.REFUSE:
                self.waiting[block].discard(job)
                self.demand[block] -= self.size[job]
                jobs = self.blocks[block].list
                self.refused[block].add(jobs[(job - self.blocks[block].first) % len(jobs)])
        if any(self.losses):
            for books in self.books:
                books.lose(self.losses)
            self.losses = [0] * len(self.blocks)
        return answer.next_ms

    def stop(self, job: int, block: int, now_ms: int) -> None:
        """A job is stopped: it waits again with what its savepoints kept."""
        ran_ms = now_ms - self.running.pop(job)
        kept_ms = ran_ms // self.savepoint_ms[job] * self.savepoint_ms[job]
        self.left_ms[job] -= kept_ms
        self.stops[job] += 1
        self.held[block] -= self.size[job]
        self.waiting[block].add(job)
        lost = self.size[job] * (ran_ms - kept_ms)
        if lost:
            one = self.blocks[block]
            self.result.lost += lost * self.lab.heh[one.pool]
            self.losses[block] += lost * self.lab.heh[one.pool]

    def instants(self, now_ms: int) -> Iterator[int]:
        """Yield when something happens next that the core does not know of."""
        while self.ends and (self.ends[0][1] not in self.running or self.stops[self.ends[0][1]] != self.ends[0][2]):
            heappop(self.ends)
        if self.ends:
            yield self.ends[0][0]
        yield self.lab.warm_ms + max(0, (now_ms - self.lab.warm_ms) // self.lab.window_ms + 1) * self.lab.window_ms
        yield from (outage.from_ms for outage in self.lab.outages if outage.from_ms > now_ms)
        for team in self.lab.teams:
            yield from (level.from_ms for level in team.levels if level.from_ms > now_ms)

    def advance(self, length_ms: int) -> None:
        """Add up a stretch in which nothing changes."""
        paces = self.core.state.promises["pace"].tolist() if any(one.windows for one in self.books) else []
        for books, pace in zip(self.books, paces, strict=False):
            books.add(length_ms, self.held, self.demand, pace)
        heh = self.lab.heh
        self.result.delivered += length_ms * sum(
            heh[block.pool] * gpus for block, gpus in zip(self.blocks, self.held, strict=True)
        )

    def held_now(self) -> dict[tuple[int, int], int]:
        """Return what each leaf holds in each pool."""
        return {(block.leaf, block.pool): gpus for block, gpus in zip(self.blocks, self.held, strict=True)}

    def judge(self) -> None:
        """Judge every window by the kernel's closes, and hold them to the books that were kept beside."""
        for one in windows_seen(self.core.layout.promised, self.core.promises, 0):
            if one.judgement is None:
                continue
            promise = self.lab.promises[one.promised.number]
            own = self.books[one.promised.number].closed[one.span.from_ms]
            self.result.outcomes.append(_outcome(promise, one))
            self.result.disagreements += list(_differences(one, own))


class Books:
    """What the decisions alone say of one promise, by the model's account; budgets of waiting work are left out."""

    def __init__(self, lab: Lab, number: int, blocks: Sequence[Block], promised: object) -> None:
        self.promise = lab.promises[number]
        leaves = set(lab.below(self.promise.row))
        self.mine = [block.leaf in leaves for block in blocks]
        self.heh = [lab.heh[block.pool] for block in blocks]
        self.windows: dict[int, tuple[int, Account]] = {}
        self.closed: dict[int, Account] = {}

    def open(self, from_ms: int, to_ms: int) -> None:
        """Begin a window."""
        self.windows[from_ms] = (to_ms, Account(self.promise.p, self.promise.q))

    def close(self, now_ms: int) -> None:
        """Put aside the windows that end."""
        for from_ms in [from_ms for from_ms, (to_ms, _) in self.windows.items() if to_ms == now_ms]:
            self.closed[from_ms] = self.windows.pop(from_ms)[1]

    def add(self, length_ms: int, held: Sequence[int], demand: Sequence[int], pace: int) -> None:
        """Fold a stretch into every open window."""
        delivered = sum(map(int.__mul__, self.heh, held))
        own = sum(heh * gpus for heh, gpus, mine in zip(self.heh, held, self.mine, strict=True) if mine)
        asked = sum(heh * gpus for heh, gpus, mine in zip(self.heh, demand, self.mine, strict=True) if mine)
        for _, account in self.windows.values():
            account.add(Stretch(length_ms, delivered, own, asked, pace))

    def lose(self, losses: Sequence[int]) -> None:
        """Book the work that was lost at an instant; as `equipoise.account` does, all of the team's own as denied."""
        own = sum(lost for lost, mine in zip(losses, self.mine, strict=True) if mine)
        for _, account in self.windows.values():
            denied = account.denied + account.q * own
            account.lose(own, sum(losses) - own)
            account.denied = min(denied, account.short)


def _outcome(promise: Promise, one: Seen) -> Outcome:
    assert one.judgement is not None
    verdict, terms = one.judgement.verdict, one.terms
    made = one.judgement.made_good
    return Outcome(
        promise, one.span.from_ms, one.span.to_ms, verdict.answer.value, max(0, verdict.owed - verdict.delivered),
        verdict.denied, terms.grace, verdict.owed, one.lost_ms, made.delivered if made else 0, made.owed if made else 0,
    )  # fmt: skip


def _differences(one: Seen, own: Account) -> Iterator[str]:
    """Yield where the kernel's totals are not those of the decisions."""
    here = f"promise {one.promised.number}, window from {one.span.from_ms} ms"
    scale = Fraction(own.q, one.promised.q)
    if (one.stocks.owed * scale, one.stocks.delivered * scale) != (own.owed, own.delivered):
        told = f"owed {one.stocks.owed * scale}, delivered {one.stocks.delivered * scale}"
        yield f"{here}: {told}, but by decisions {own.owed}, {own.delivered}"
    if len(one.promised.weights) == 1 and one.stocks.denied * scale > own.denied:
        yield f"{here}: denied {one.stocks.denied * scale}, by decisions at most {own.denied}"
