"""The account of promises of a run, computed anew from the charter, the workload, what the policy was told and what it decided.

Nothing here is the kernel's: who runs, starts up, waits and loses what follows from submissions and decisions, instant by instant;
when windows begin, what they make good and how they end follows from the charter. `Replayed` is the main path, `Books` the sums.
"""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from equipoise.charter.model import Charter
from equipoise.policy.columns import Options
from equipoise.policy.kernel import layout as k
from equipoise.workload.model import Workload
from tests.reference.promise_books import NEVER, SETTLE_MS, Books, Item
from tests.reference.promise_starts import Starts
from tests.reference.promise_terms import Terms, terms_of, windows_of

Row = Mapping[str, int]
BEFORE_PASSES = (k.END, k.LOST, k.STOP, k.WARN, k.WITHDRAW, k.RELEASE, k.REFUSE)


@dataclass(frozen=True)
class Job:
    """A job, or a replica of a service, which asks for an endless time."""

    team: str
    pool: int
    gang: int
    duration_ms: int
    savepoint_ms: int = 0
    after: int = -1


@dataclass
class Attempt:
    """A job that has its devices; until its start is confirmed it has begun nothing."""

    began_ms: int | None
    warned_ms: int | None = None


@dataclass(frozen=True)
class Case:
    """A charter, a workload and what a run of them assumes."""

    charter: Charter
    workload: Workload
    options: Options

    def jobs(self) -> tuple[list[Job], list[int]]:
        """Return jobs, then replicas of services; and the number of the first replica of each service."""
        columns, names = self.workload.jobs, [pool.name for pool in self.charter.pools]
        pool_of = [names.index(name) if name else 0 for name in self.workload.pools]
        found, services = list[Job](), list[int]()
        for row in range(len(columns)):
            duration_ms, walltime_ms = int(columns.duration_ms[row]), int(columns.walltime_ms[row])
            if self.options.enforce_walltime and walltime_ms:
                duration_ms = min(duration_ms, walltime_ms)
            team, pool = self.workload.teams[columns.team[row]], pool_of[columns.pool[row]]
            after, savepoint_ms = int(columns.after[row]), int(columns.savepoint_ms[row])
            found.append(Job(team, pool, int(columns.gang[row]), duration_ms, savepoint_ms, after))
        for service in self.workload.services:
            assert not service.carry, "how many replicas are carried over depends on what ran"
            services.append(len(found))
            replica = Job(self.workload.teams[service.team], pool_of[service.pool], service.gang, NEVER)
            found += [replica] * int(service.replicas.max(initial=0))
        return found, services


@dataclass
class Edges:
    """The windows of one promise that are still to come."""

    coming: Iterator[tuple[int, int]]
    next: tuple[int, int] = field(init=False)

    def __post_init__(self) -> None:
        """Look at the first."""
        self.next = next(self.coming)

    def take(self) -> tuple[int, int]:
        """Return the next window and look at the one after it."""
        taken, self.next = self.next, next(self.coming)
        return taken


class Replayed:
    """The books of a run while it is read."""

    def __init__(self, case: Case) -> None:
        """Open the books at time 0."""
        self.case = case
        self.jobs, self.services = case.jobs()
        charter, workload = case.charter, case.workload
        self.now_ms = 0
        self.down: dict[int, set[int]] = {pool: set() for pool in range(len(charter.pools))}
        hours = [one for one in charter.commitments if one.kind != "starts"]
        self.books = [Books(terms_of(charter, one)) for one in hours]
        self.edges = [Edges(windows_of(charter, workload, one)) for one in hours]
        self.starts = Starts(charter, workload, [one for one in charter.commitments if one.kind == "starts"])
        self.running: dict[int, Attempt] = {}
        self.waiting: set[int] = set()
        self.over: set[int] = set()
        self.dependent: dict[int, list[int]] = {}
        self.saved_ms: dict[int, int] = {}
        self.replicas = [0] * len(self.services)
        self.losses: list[tuple[int, int]] = []
        self.refusals = _refusals(workload, [pool.name for pool in charter.pools])
        for books in self.books:
            one = books.terms
            books.capacity, books.most = self.capacity(one), self.most(one)
            if one.of == "capacity at":
                books.whole = sum(weight * one.expected[pool] for pool, weight in one.weights.items())

    # ------------------------------------------------------------------------------------------------ time

    def reach(self, until_ms: int) -> None:
        """Let time pass up to an instant; windows that ended before it are judged, those that begin before it are open."""
        while (edge_ms := self.next_edge_ms()) < until_ms:
            self.grow(edge_ms)
            assert not self.turn(), f"a window begins at {edge_ms} ms by the charter, and nobody was told"
        self.grow(until_ms)

    def next_edge_ms(self) -> int:
        """Return when the next window begins or ends."""
        ends = (window.to_ms for books in self.books for window in books.windows)
        return min((*ends, *(edges.next[0] for edges in self.edges)), default=NEVER)

    def grow(self, until_ms: int) -> None:
        """Let every promise's books grow until a time before which no window ends; work that is denied is charged on the way."""
        if until_ms > self.now_ms:
            for books in self.books:
                from_ms = self.now_ms
                while (mark_ms := books.settled_ms + SETTLE_MS) < until_ms and books.denies:
                    books.pass_time(from_ms, mark_ms - from_ms)
                    books.settle(mark_ms)
                    self.observe(books)
                    from_ms = mark_ms
                books.pass_time(from_ms, until_ms - from_ms)
            self.now_ms = until_ms

    def turn(self) -> list[tuple[int, int, int]]:
        """End and begin the windows of now; returns promise, end and what is made good of those that begin."""
        begun = list[tuple[int, int, int]]()
        for number, (books, edges) in enumerate(zip(self.books, self.edges, strict=True)):
            for window in [window for window in books.windows if window.to_ms == self.now_ms]:
                books.judge(window)
            while edges.next[0] == self.now_ms:
                window = books.begin(*edges.take())
                begun.append((number, window.to_ms, window.make_good))
        return begun

    def instant(self, at_ms: int, told: Sequence[Row], said: Sequence[Row]) -> None:
        """Take in what was told and decided in one batch, up to whose time everything was brought."""
        assert at_ms == self.now_ms
        begun = self.turn()
        windows = [(row["subject"], row["until_ms"], row["amount"]) for row in told if row["kind"] == k.WINDOW_BEGAN]
        assert sorted(windows) == sorted(begun), f"windows begin at {at_ms} ms: {windows}, by the charter {begun}"
        for row in told:
            if row["kind"] == k.START_CONFIRMED:
                self.running[row["subject"]].began_ms = at_ms
        early = self.before_passes(said)
        for row in told:
            if row["kind"] == k.NODE_CHANGED:
                (self.down[row["pool"]].add if row["detail"] else self.down[row["pool"]].discard)(row["subject"])
        for row in said[:early]:
            self.decided(row)
        refused = {row["job"] for row in said if row["kind"] == k.REFUSE}
        for row in told:
            if row["kind"] == k.SUBMITTED:
                self.submitted(row["subject"], refused)
            elif row["kind"] == k.DEMAND_CHANGED:
                self.demanded(row["subject"], row["detail"], refused)
            elif row["kind"] == k.JOB_CANCELLED:
                self.cancelled(row["subject"])
        self.book_losses()
        self.pace()
        for row in said[early:]:
            self.decided(row)
        self.refuse()
        self.book_losses()
        for books in self.books:
            books.settle(at_ms)
            self.observe(books)

    def before_passes(self, said: Sequence[Row]) -> int:
        """Return how many decisions were made before any pool decided: passes begin with a start, a claim or a stop unwarned."""
        warned = {number for number, attempt in self.running.items() if attempt.warned_ms is not None}
        for place, row in enumerate(said):
            if row["kind"] == k.WARN:
                warned.add(row["job"])
            if row["kind"] not in BEFORE_PASSES or (row["kind"] == k.STOP and row["job"] not in warned):
                return place
        return len(said)

    # ------------------------------------------------------------------------------------------------ who does what

    def submitted(self, number: int, refused: set[int]) -> None:
        """A job is asked for."""
        after = self.jobs[number].after
        if number in refused:
            self.let_go(number)
        elif after >= 0 and after not in self.over:
            self.dependent.setdefault(after, []).append(number)
        else:
            self.wait(number, eligible=True)

    def demanded(self, service: int, replicas: int, refused: set[int]) -> None:
        """A service is asked for so many replicas."""
        first, asked = self.services[service], self.replicas[service]
        for number in range(first + asked, first + replicas):
            if number not in refused:
                self.wait(number, eligible=True)
        for number in range(first + replicas, first + asked):
            self.running.pop(number, None)
            self.leave(number)
        self.replicas[service] = replicas

    def cancelled(self, number: int) -> None:
        """A job is withdrawn by whoever asked for it: nothing is lost, and what was denied it stays denied."""
        self.running.pop(number, None)
        self.leave(number)
        for dependents in self.dependent.values():
            if number in dependents:
                dependents.remove(number)
        self.let_go(number)

    def decided(self, row: Row) -> None:
        """Carry a decision out."""
        kind, number = row["kind"], row["job"]
        if kind == k.START:
            self.leave(number)
            confirmed = self.case.options.latency is not None and self.jobs[number].duration_ms > 0
            self.running[number] = Attempt(None if confirmed else self.now_ms)
            self.starts.started(number, self.now_ms)
        elif kind == k.END:
            del self.running[number]
            self.let_go(number)
        elif kind == k.WARN:
            self.running[number].warned_ms = self.now_ms
        elif kind == k.WITHDRAW and row["other"] in self.running:
            self.running[row["other"]].warned_ms = None
        elif kind in (k.STOP, k.LOST):
            self.stopped(number, warned=kind == k.STOP)

    def stopped(self, number: int, *, warned: bool) -> None:
        """A job is stopped, loses what it had not saved, and waits again."""
        job, attempt = self.jobs[number], self.running.pop(number)
        ran_ms = 0 if attempt.began_ms is None else self.now_ms - attempt.began_ms
        warned_ms = 0
        if warned and attempt.warned_ms is not None:
            warned_ms = min(ran_ms, self.now_ms - attempt.warned_ms)  # what does not run yet saves nothing
        if job.duration_ms < NEVER:
            kept_ms = 0
            if job.savepoint_ms:
                kept_ms = ran_ms // job.savepoint_ms * job.savepoint_ms
                if warned_ms >= self.case.options.savepoint_cost_ms:
                    kept_ms = ran_ms
            self.saved_ms[number] = self.saved_ms.get(number, 0) + kept_ms
            self.losses.append((number, (ran_ms - kept_ms) * job.gang))
        self.wait(number)

    def let_go(self, number: int) -> None:
        """A job ended or is refused: what waited for it need not wait any longer."""
        self.over.add(number)
        for dependent in self.dependent.pop(number, []):
            self.wait(dependent, eligible=True)

    def wait(self, number: int, *, eligible: bool = False) -> None:
        """A job begins to wait; of each promise that counts it, it may claim what it still needs."""
        job = self.jobs[number]
        self.waiting.add(number)
        if eligible:
            asked = [(self.jobs[n].team, self.jobs[n].pool, self.jobs[n].gang) for n in (*self.running, *self.waiting)]
            up = {pool: self.devices(pool) for pool in self.down}
            self.starts.eligible(number, (job.team, job.pool, job.gang), self.now_ms, asked, up)
        left = NEVER
        if job.duration_ms < NEVER:
            left = job.gang * (job.duration_ms - self.saved_ms.get(number, 0))
        self.list_item(number, job.team, job.pool, job.gang, left)

    def list_item(self, key: int | tuple[str, int], team: str, pool: int, gang: int, left: int) -> None:
        """Enter work at the end of what each promise may charge."""
        for books in self.books:
            if books.terms.counts(team, pool) and not books.terms.at_most:
                books.items[key] = Item(gang, books.terms.weights[pool], left, self.now_ms)

    def leave(self, number: int) -> None:
        """A job does not wait any longer."""
        self.waiting.discard(number)
        for books in self.books:
            books.items.pop(number, None)

    def refuse(self) -> None:
        """Requests that were refused up to now are demand from now on, each once, at its amount."""
        while self.refusals and self.refusals[0][0] <= self.now_ms:
            _, number, team, pool, gang, amount = self.refusals.pop(0)
            self.list_item(("refused", number), team, pool, gang, amount)

    def book_losses(self) -> None:
        """Book what was lost since the last time."""
        for books in self.books:
            lost = [(self.jobs[n], amount) for n, amount in self.losses if self.jobs[n].pool in books.terms.weights]
            of_all = sum(books.terms.weights[job.pool] * amount for job, amount in lost)
            own = sum(
                books.terms.weights[job.pool] * amount for job, amount in lost if books.terms.counts(job.team, job.pool)
            )
            if of_all:
                books.lose(own, of_all)
        self.losses = []

    # ------------------------------------------------------------------------------------------------ rates

    def devices(self, pool: int) -> int:
        """Return the devices of a pool that are up."""
        all_ = self.case.charter.pools[pool]
        return (all_.nodes - len(self.down[pool])) * all_.gpus_per_node

    def capacity(self, one: Terms) -> int:
        """Return the weighted devices of a promise's pools."""
        return sum(weight * self.devices(pool) for pool, weight in one.weights.items())

    def most(self, one: Terms) -> int:
        """Return the weighted P_max."""
        return sum(weight * one.most(pool, self.devices(pool)) for pool, weight in one.weights.items())

    def occupied(self, pool: int, one: Terms | None, *, begun: bool) -> int:
        """Return the devices of a pool that a promise's team has, or all have; ``begun``: only those that count as held."""
        found = 0
        for number, attempt in self.running.items():
            job = self.jobs[number]
            if job.pool == pool and (one is None or one.counts(job.team, pool)):
                found += job.gang if attempt.began_ms is not None or not begun else 0
        return found

    def pending(self, pool: int, one: Terms, but: Mapping[Hashable, Item]) -> int:
        """Return the devices of a pool that waiting work of a promise's team asks for; an empty budget is no demand."""
        waiting = ((number, self.jobs[number]) for number in self.waiting)
        return sum(
            job.gang
            for number, job in waiting
            if job.pool == pool and one.counts(job.team, pool) and (number not in but or but[number].left > 0)
        )

    def pace(self) -> None:
        """Find what every promise asks for now."""
        for books in self.books:
            one = books.terms
            books.capacity, books.most = self.capacity(one), self.most(one)
            if not one.at_most:
                devices = {pool: self.devices(pool) for pool in one.weights}
                demand = {
                    pool: self.occupied(pool, one, begun=False) + self.pending(pool, one, {}) for pool in one.weights
                }
                books.paces(self.now_ms, devices, demand)

    def observe(self, books: Books) -> None:
        """Read the rates that hold from now on."""
        one = books.terms
        books.held = sum(weight * self.occupied(pool, one, begun=True) for pool, weight in one.weights.items())
        books.asked = 0
        for pool, weight in one.weights.items():
            occupied = self.occupied(pool, one, begun=False)
            demand = occupied + self.pending(pool, one, books.items)
            if len(one.weights) > 1:  # what one pool cannot be asked for is asked of the others
                demand = min(demand, max(occupied, one.most(pool, self.devices(pool))))
            books.asked += weight * demand
        refused = [item for key, item in books.items.items() if isinstance(key, tuple) and item.left > 0]
        books.asked += sum(item.weight * item.gang for item in refused)
        if one.of == "delivered":
            books.whole = sum(weight * self.occupied(pool, None, begun=True) for pool, weight in one.weights.items())
        elif one.of == "capacity":
            books.whole = self.capacity(one)


def _refusals(workload: Workload, pools: Sequence[str]) -> list[tuple[int, int, str, int, int, int]]:
    """Return what was asked for and not granted, by time: time, number, team, pool, size over its window, amount."""
    of, found = workload.requests, list[tuple[int, int, str, int, int, int]]()
    for row in range(len(of)):
        granted, asked = int(of.granted_gpu_ms[row]), int(of.amount_gpu_ms[row])
        if 0 <= granted < asked:
            length_ms = int(of.end_ms[row]) - int(of.begin_ms[row])
            name = workload.pools[int(of.pool[row])]
            pool = pools.index(name) if name else 0
            gang = -(-(asked - granted) // length_ms)
            found.append(
                (int(of.answered_ms[row]), row, workload.teams[int(of.team[row])], pool, gang, asked - granted)
            )
    return sorted(found)
