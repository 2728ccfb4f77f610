"""The account of a finished run by brute force: one stretch after another between any two events (DESIGN 5).

Between events nothing changes, so every integral is a product. Demand of a leaf is what runs and what waits and is
eligible; entitlement comes from the reference tree, whatever policy made the run.

Denial charges budgets: a job that begins to wait brings the GPU-time that it still needs, charges go first in, first
out, and once the budgets of a leaf are empty nothing more is denied to it. Two ways to charge:

* ``first``: a stretch's denial empties the first budget, then the next, in the order in which jobs began to wait (a
  stopped job begins anew); demand is not touched.
* ``gang``: PACING 4 in full, in order of eligibility; each job is charged at most its size at a time, and a job whose
  budget is empty is no demand any more. Stretches are then also cut where a budget runs out, rounded up to the
  millisecond.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from tests.reference.policy_entitlement import entitlements
from tests.reference.policy_run import Kind, Row, Run, State
from tests.reference.policy_tree import Tree


@dataclass(slots=True)
class RowAccount:
    """What one team had, lost, was due and was denied, in GPU-ms, from the first instant to the last.

    ``denied_gpu_ms`` of an inner row is its own integral, bounded in each stretch by the budgets below it; it is not
    the sum of its children, because a child above its entitlement hides what another child lacks.
    """

    held_gpu_ms: int = 0
    lost_gpu_ms: int = 0
    entitled_gpu_ms: int = 0
    denied_gpu_ms: int = 0

    @property
    def delivered_gpu_ms(self) -> int:
        """Return what was held less what was lost."""
        return self.held_gpu_ms - self.lost_gpu_ms


Entitle = Callable[[Tree, int, Sequence[int]], list[int]]


def account(
    run: Run,
    *,
    until_ms: int,
    reference: Tree | None = None,
    charge: str = "first",
    inner: str = "bounded",
    entitle: Entitle = entitlements,
) -> list[RowAccount]:
    """Return one account per row of the tree, from time 0 to ``until_ms``.

    Parameters
    ----------
    reference : Tree or None
        The tree that entitlement is computed from; None means the run's own.
    charge : str
        ``first`` or ``gang``.
    inner : str
        ``bounded``, or ``free``: the denial of a row with rows below it is not bounded by what waits there.
    entitle : function of (tree, capacity, demand per row)
        Takes the place of the one-device-at-a-time entitlement where a pool is too large for it.

    Raises
    ------
    AssertionError
        If GPU-time is not conserved: for some job, what it held is not what it made good plus what it lost.
    """
    return Bookkeeper(run, reference or run.tree, charge=charge, inner=inner, entitle=entitle).keep(until_ms)


class Bookkeeper:
    """The books while the stream is read."""

    def __init__(self, run: Run, reference: Tree, *, charge: str, inner: str, entitle: Entitle) -> None:
        """Open the books at time 0."""
        if charge not in ("first", "gang"):
            raise ValueError(f"no way to charge is called {charge}")
        if inner not in ("bounded", "free"):
            raise ValueError(f"denial of inner rows is bounded or free, not {inner}")
        self.entitle = entitle
        self.run = run
        self.reference = reference
        self.by_gang = charge == "gang"
        self.inner_bounded = inner == "bounded"
        self.state = State(run)
        self.books = [RowAccount() for _ in range(len(run.tree))]
        self.budget: dict[int, int] = {}
        self.held_by_job = [0] * len(run.jobs)
        self.known: dict[tuple[int, ...], list[int]] = {}

    def keep(self, until_ms: int) -> list[RowAccount]:
        """Read all rows up to ``until_ms`` and return the books."""
        self.state.advance(0)
        self.set_budgets()
        for row in self.run.rows:
            if row.time_ms > until_ms:
                break
            self.pass_time(row.time_ms)
            self.enter(row)
        self.pass_time(until_ms)
        self.check_conservation(until_ms)
        return self.books

    def pass_time(self, until_ms: int) -> None:
        """Integrate up to ``until_ms``, stopping at each submission on the way."""
        while self.state.now < until_ms:
            submit = self.state.next_submit_ms()
            end = until_ms if submit is None else min(until_ms, max(submit, self.state.now))
            while self.state.now < end:
                self.state.now += self.integrate(end - self.state.now)
            self.state.advance(end)
            self.set_budgets()

    def enter(self, row: Row) -> None:
        """Carry one row out, and book what a stop loses when it loses it."""
        before = self.state.lost_ms[row.job] if row.kind is Kind.STOP else 0
        self.state.apply(row)
        if row.kind is Kind.STOP:
            job = self.run.jobs[row.job]
            for team in self.run.tree.path(job.leaf):
                self.books[team].lost_gpu_ms += (self.state.lost_ms[row.job] - before) * job.gang
        self.set_budgets()

    def set_budgets(self) -> None:
        """Give each job that begins to wait what it still needs, and take the budgets of those that wait no longer."""
        for job in [job for job in self.budget if job not in self.state.waiting]:
            del self.budget[job]
        for job in self.state.waiting:
            self.budget.setdefault(job, self.state.remaining_ms(job) * self.run.jobs[job].gang)

    def integrate(self, at_most_ms: int) -> int:
        """Book one stretch in which nothing changes and return its length."""
        queue = self.queue()
        demand = self.demand(queue)
        due = [min(e, d) for e, d in zip(self.entitled(demand), demand, strict=True)]
        short = [max(0, want - have) for want, have in zip(due, self.state.held, strict=True)]
        rates = self.rates(queue, short)
        length = at_most_ms
        if self.by_gang:
            length = min([at_most_ms, *(-(-self.budget[job] // rate) for job, rate in rates.items() if rate)])
        open_ = [sum(self.budget[job] for job in queue if row in self.path_of(job)) for row in range(len(due))]
        leaves = set(self.run.tree.leaves())
        for row, book in enumerate(self.books):
            book.held_gpu_ms += self.state.held[row] * length
            book.entitled_gpu_ms += due[row] * length
            if row not in leaves:
                missing = short[row] * length
                book.denied_gpu_ms += min(missing, open_[row]) if self.inner_bounded else missing
        for leaf in leaves:
            self.books[leaf].denied_gpu_ms += self.charge(leaf, queue, rates, short[leaf] * length, length)
        for job, gang in self.state.running.items():
            self.held_by_job[job] += gang.size * length
        return length

    def queue(self) -> list[int]:
        """Return the waiting jobs that count as demand, first in first."""
        if not self.by_gang:
            return list(self.budget)
        waiting = sorted(self.state.waiting, key=lambda job: (self.state.eligible_ms[job], job))
        return [job for job in waiting if self.budget[job] > 0]

    def demand(self, queue: list[int]) -> list[int]:
        """Return per row what runs and what of the queue counts."""
        asked = list(self.state.held)
        for job in queue:
            for row in self.path_of(job):
                asked[row] += self.run.jobs[job].gang
        return asked

    def entitled(self, demand: list[int]) -> list[int]:
        """Return the entitlements, computed once per demand."""
        key = tuple(demand)
        if key not in self.known:
            self.known[key] = self.entitle(self.reference, self.run.capacity, demand)
        return self.known[key]

    def rates(self, queue: list[int], short: list[int]) -> dict[int, int]:
        """Return at what rate each waiting job is charged if none is charged more than its size."""
        left = list(short)
        rates: dict[int, int] = {}
        for job in queue:
            leaf = self.run.jobs[job].leaf
            rates[job] = min(self.run.jobs[job].gang, left[leaf])
            left[leaf] -= rates[job]
        return rates

    def charge(self, leaf: int, queue: list[int], rates: dict[int, int], amount: int, length: int) -> int:
        """Charge a leaf's denial to its budgets in turn and return what they could bear."""
        borne = 0
        for job in queue:
            if self.run.jobs[job].leaf == leaf:
                wanted = rates[job] * length if self.by_gang else amount - borne
                part = min(wanted, self.budget[job])
                self.budget[job] -= part
                borne += part
        return borne

    def path_of(self, job: int) -> list[int]:
        """Return the rows that a job counts for."""
        return self.run.tree.path(self.run.jobs[job].leaf)

    def check_conservation(self, until_ms: int) -> None:
        """Assert that each job's held GPU-time is its progress, its losses and its present run, and nothing else."""
        for job, asked in enumerate(self.run.jobs):
            gang = self.state.running.get(job)
            present = until_ms - gang.start_ms if gang else 0
            made = self.state.progress_ms[job] + self.state.lost_ms[job] + present
            assert self.held_by_job[job] == made * asked.gang, f"job {job} held {self.held_by_job[job]}, made {made}"
        top = sum(book.held_gpu_ms for book, parent in zip(self.books, self.run.tree.parent, strict=True) if parent < 0)
        assert top == sum(self.held_by_job)
        assert top <= self.run.capacity * until_ms, "more was held than there is"
