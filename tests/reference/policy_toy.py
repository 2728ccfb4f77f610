"""A toy scheduler that obeys the rules in the plainest way and emits its decisions, to try the checker on.

It is no twin of the product's order of admission: teams are served in order of their rows, jobs by age, without
reservation or placement. A team below its floor claims for its oldest job, one claim per team at a time.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable

from tests.reference.policy_audit import unfilled_reserves
from tests.reference.policy_entitlement import entitlements
from tests.reference.policy_reclaim import choose
from tests.reference.policy_run import Kind, Row, Run, State
from tests.reference.policy_tree import POOL, Gang, View


class Toy:
    """One run in the making; ``run.rows`` of the question is not read."""

    def __init__(self, run: Run) -> None:
        """Begin with nothing running."""
        self.run = run
        self.state = State(run)
        self.rows: list[Row] = []
        self.claims: dict[int, tuple[int, Gang, set[int]]] = {}

    def rows_until_idle(self) -> list[Row]:
        """Return the whole stream, from the first submission until nothing can happen any more."""
        now: int | None = 0
        while now is not None:
            for job in [job for job in self.state.running if self.end_ms(job) == now]:
                self.say(now, Kind.END, job)
            self.state.advance(now)
            for job, asked in enumerate(self.run.jobs):
                if asked.submit_ms == now and self.run.too_large(job):
                    self.say(now, Kind.REFUSE, job)
            while self.one_pass(now):
                pass
            now = self.next_instant(now)
        return self.rows

    def say(self, now: int, kind: Kind, job: int, other: int = -1) -> None:
        """Record a row and carry it out."""
        row = Row(now, kind, job, other)
        self.rows.append(row)
        self.state.apply(row)
        if kind in (Kind.END, Kind.STOP):
            for _, _, victims in self.claims.values():
                victims.discard(job)

    def one_pass(self, now: int) -> bool:
        """Warn, stop, start and claim what is due; return whether anything ended within the pass."""
        for claimant, (since, gang, victims) in sorted(self.claims.items()):
            if victims and self.no_longer_needs(claimant):
                del self.claims[claimant]
                self.say(now, Kind.WITHDRAW, claimant)
                self.say(now, Kind.START, claimant)
                continue
            for victim in sorted(victims):
                if victim not in self.state.warned and now >= self.warn_ms(since, gang, victim):
                    self.say(now, Kind.WARN, victim, claimant)
                if victim in self.state.warned and now >= self.stop_ms(since, gang, victim):
                    self.say(now, Kind.STOP, victim, claimant)
            if not victims:
                del self.claims[claimant]
                self.say(now, Kind.START, claimant)
        ended = self.admit(now)
        for leaf in self.run.tree.leaves():
            self.try_claim(leaf, now)
        finished = [job for job in self.state.running if self.end_ms(job) == now]
        for job in finished:
            self.say(now, Kind.END, job)
        due = any(self.deadline(claim, victim) <= now for claim in self.claims.values() for victim in claim[2])
        return bool(finished) or ended or due or any(not victims for _, _, victims in self.claims.values())

    def no_longer_needs(self, claimant: int) -> bool:
        """Return whether a claimant fits into free devices while its victims still run."""
        claim = self.claims.pop(claimant)
        fits = self.admissible(claimant)
        self.claims[claimant] = claim
        return fits

    def admit(self, now: int) -> bool:
        """Start every job that fits its limits and what is neither held nor reserved."""
        ended = False
        jobs, since = self.run.jobs, self.state.eligible_ms
        for job in sorted(self.state.waiting, key=lambda job: (jobs[job].leaf, since[job], job)):
            if job not in self.claims and self.admissible(job):
                self.say(now, Kind.START, job)
                if self.end_ms(job) == now:
                    self.say(now, Kind.END, job)
                    ended = True
        return ended

    def admissible(self, job: int) -> bool:
        """Return whether a job may start beside all claims."""
        asked, tree = self.run.jobs[job], self.run.tree
        after = self.view().replace((), Gang(job, asked.leaf, asked.gang, self.state.now, asked.preemptible))
        planned = after.allocation()
        spare = self.unheld() - asked.gang
        if spare < 0 or spare < unfilled_reserves(tree, planned):
            return False
        if any(self.reach(row) + asked.gang > tree.limit[row] for row in tree.path(asked.leaf)):
            return False
        bound = sum(g.size for g in after.gangs if g.leaf == asked.leaf and not g.preemptible)
        return asked.preemptible or bound <= tree.floor[asked.leaf]

    def unheld(self) -> int:
        """Return the devices free now beyond those held by name."""
        running = self.state.running
        held = 0
        for _, gang, victims in self.claims.values():
            held += max(0, gang.size - sum(running[victim].size for victim in victims))
        return self.run.capacity - sum(gang.size for gang in running.values()) - held

    def try_claim(self, leaf: int, now: int) -> None:
        """Claim for the oldest job of a leaf that is below its floor."""
        jobs = [job for job in self.state.waiting if self.run.jobs[job].leaf == leaf]
        if not jobs or any(gang.leaf == leaf for _, gang, _ in self.claims.values()):
            return
        job = min(jobs, key=lambda job: (self.state.eligible_ms[job], job))
        asked = self.run.jobs[job]
        gang = Gang(job, leaf, asked.gang, now, asked.preemptible, asked.priority)
        entitled = tuple(entitlements(self.run.tree, self.run.capacity, self.state.demand()))
        view = View(self.run.tree, self.view().gangs, self.run.capacity, entitled)
        running = self.state.running
        victims = choose(view, gang, fits=lambda jobs: self.covers(jobs, gang), reclaim=self.run.reclaim)
        if victims and set(victims) <= running.keys():
            self.say(now, Kind.CLAIM, job)
            for victim in victims:
                self.say(now, Kind.MARK, victim, job)
            self.claims[job] = (now, gang, set(victims))

    def reach(self, row: int) -> int:
        """Return the most that a row can come to hold while the open claims are carried out, each in its own time.

        The view alone is not enough for limits: a claim that is carried out early must not count on room that the
        victims of another claim leave later. Until a claim is carried out its victims may hold, afterwards its gang.
        """
        held = self.state.held[row]
        for _, gang, victims in self.claims.values():
            leaving = self.size_below(row, victims)
            held += max(leaving, gang.size if row in self.run.tree.path(gang.leaf) else 0) - leaving
        return held

    def size_below(self, row: int, jobs: Collection[int]) -> int:
        """Return what the jobs that run hold below a row."""
        running = [self.state.running[job] for job in jobs if job in self.state.running]
        return sum(gang.size for gang in running if row == POOL or row in self.run.tree.path(gang.leaf))

    def covers(self, victims: Collection[int], claim: Gang) -> bool:
        """Return whether victims that run make room in devices and under every limit, whoever stops first."""
        tree = self.run.tree
        if self.unheld() + self.size_below(POOL, victims) < claim.size:
            return False
        path = tree.path(claim.leaf)
        return all(self.reach(row) - self.size_below(row, victims) + claim.size <= tree.limit[row] for row in path)

    def view(self) -> View:
        """Return what counts as allocated: without claimed victims, with the gangs that they are claimed for."""
        away = {victim for _, _, victims in self.claims.values() for victim in victims}
        gangs = [gang for job, gang in self.state.running.items() if job not in away]
        return View(self.run.tree, (*gangs, *(gang for _, gang, _ in self.claims.values())), self.run.capacity)

    def end_ms(self, job: int) -> int:
        """Return when a running job ends."""
        return self.state.running[job].start_ms + self.state.remaining_ms(job)

    def warn_ms(self, since: int, claimant: Gang, victim: int) -> int:
        """Return when a victim is warned."""
        theirs = self.run.protections[self.run.jobs[victim].leaf]
        ours = self.run.protections[claimant.leaf]
        protected = self.state.running[victim].start_ms + theirs.min_runtime_ms
        return max(since, min(protected, since + ours.recover_ms - theirs.grace_ms))

    def stop_ms(self, since: int, claimant: Gang, victim: int) -> int:
        """Return when a warned victim is stopped."""
        warned = self.state.warned[victim][0]
        grace = self.run.protections[self.run.jobs[victim].leaf].grace_ms
        return min(warned + grace, since + self.run.protections[claimant.leaf].recover_ms)

    def next_instant(self, now: int) -> int | None:
        """Return the next instant at which something is due."""
        times: Iterable[int] = [self.end_ms(job) for job in self.state.running]
        submit = self.state.next_submit_ms()
        deadlines = [self.deadline(claim, victim) for claim in self.claims.values() for victim in claim[2]]
        times = [*times, *deadlines, *([] if submit is None else [submit])]
        return min((time for time in times if time > now), default=None)

    def deadline(self, claim: tuple[int, Gang, set[int]], victim: int) -> int:
        """Return when the next thing happens to a victim."""
        since, gang, _ = claim
        step = self.stop_ms if victim in self.state.warned else self.warn_ms
        return step(since, gang, victim)
