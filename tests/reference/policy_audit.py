"""An independent checker of a finished run: it replays the stream of decisions and lists what the rules forbid.

It knows no scheduler. What it takes for granted is the text: devices and limits are never exceeded, gangs are whole,
a claim is right when it is made (FAIRNESS 4 or 7b, on the view after all earlier claims), victims are warned and
stopped to the millisecond (FAIRNESS 5), and devices that were freed for a gang go to that gang (FAIRNESS 6).

The victims of a claim are those that MARK rows name; where a stream has none, those that are warned or stopped for it
later. Without marks a claim that was withdrawn, or one during which other gangs ended, may have had victims that the
stream never names: then only the victims that are known are judged, one by one.
"""

from __future__ import annotations

import heapq
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from tests.reference.policy_entitlement import entitlements
from tests.reference.policy_reclaim import by_right, judge, required
from tests.reference.policy_run import Kind, Protection, Row, Run, State
from tests.reference.policy_secure import entitled_secure_sets, secure_sets
from tests.reference.policy_tree import POOL, Gang, Tree, View


@dataclass(frozen=True, slots=True)
class Violation:
    """What one row did wrong. ``index`` is the row, or the number of rows for what is missing at the end."""

    index: int
    code: str
    text: str


@dataclass(slots=True)
class Claim:
    """A claim that is open: since when its claimant is due (t0) and since when it claims, for whom, and from whom."""

    since_ms: int
    made_ms: int
    gang: Gang
    victims: set[int]
    complete: bool
    inside: bool  # all victims are of the claimant's own team: a preemption by priority
    late: set[int] = field(default_factory=set[int])


def violations(run: Run, *, until_ms: int | None = None) -> list[Violation]:
    """Return every violation of a run, in order of the stream.

    ``until_ms`` is when the run was looked at last (default: its last row); what was due before then must be there.
    """
    return Audit(run).run_through(until_ms)


class Audit:
    """The replay, and what it has found so far."""

    def __init__(self, run: Run) -> None:
        """Begin before the first row."""
        self.run = run
        self.state = State(run)
        self.found: list[Violation] = []
        self.claims: dict[int, Claim] = {}
        self.index = 0
        self.decided = False  # whether this instant's pass has begun
        self.due: list[tuple[int, int, int]] = []
        self.nodes = [run.gpus_per_node] * run.nodes
        self.where: dict[int, tuple[tuple[int, int], ...]] = {}
        self.named = dict(victims_by_claim(run.rows))

    def run_through(self, until_ms: int | None) -> list[Violation]:
        """Replay all rows and close the last instant."""
        for index, row in enumerate(self.run.rows):
            self.index = index
            if row.time_ms < self.state.now:
                self.say("time", f"{row.time_ms} ms after {self.state.now} ms")
                continue
            if row.time_ms > self.state.now or self.index == 0:
                self.close_instant(row.time_ms)
                self.state.advance(row.time_ms)
            checks = {Kind.START: self.start, Kind.END: self.end, Kind.CLAIM: self.claim, Kind.WARN: self.warn}
            checks |= {Kind.STOP: self.stop, Kind.WITHDRAW: self.withdraw, Kind.REFUSE: self.refuse}
            checks[Kind.LEAVE] = self.leave_at_will
            if row.kind in checks:
                checks[row.kind](row)
            self.decided = self.decided or row.kind not in (Kind.END, Kind.LEAVE)
        self.index = len(self.run.rows)
        self.close_instant(self.state.now + 1 if until_ms is None else max(until_ms, self.state.now) + 1)
        self.state.advance(self.state.now if until_ms is None else max(until_ms, self.state.now))
        self.missing_refusals()
        return self.found

    def say(self, code: str, text: str) -> None:
        """Note a violation of the row at hand."""
        self.found.append(Violation(self.index, code, text))

    # ------------------------------------------------------------------------------------------------- rows, one by one

    def start(self, row: Row) -> None:
        """A gang starts whole, within devices, limits, holds and reserves, and secure if it cannot be preempted."""
        state, job, tree = self.state, row.job, self.run.tree
        if job not in state.waiting:
            self.say("start", f"job {job} starts but does not wait: {self.standing(job)}")
            return
        asked = self.run.jobs[job]
        claim = self.claims.pop(job, None)
        short_before = self.short_of_reserves()
        gang = Gang(job, asked.leaf, asked.gang, row.time_ms, asked.preemptible)
        if not asked.preemptible and not self.stays_bound(gang):
            self.say("bound", f"non-preemptible job {job} starts beyond the floor of row {asked.leaf}")
        state.apply(row)
        free = self.run.capacity - sum(gang.size for gang in state.running.values())
        if free < 0:
            self.say("devices", f"job {job} starts although {-free} of its {asked.gang} GPUs are not free")
        for path_row in tree.path(asked.leaf):
            if state.held[path_row] > tree.limit[path_row]:
                self.say("limit", f"row {path_row} holds {state.held[path_row]} over its limit {tree.limit[path_row]}")
        spare = self.unheld()
        if spare < 0 and self.claims:
            self.say("hold", f"job {job} takes {-spare} GPUs that are held for the claims of {sorted(self.claims)}")
        short = self.short_of_reserves()
        if claim is None and max(spare, 0) < short and short_before - short < asked.gang:
            self.say("reserve", f"job {job} leaves {spare} GPUs where {short} are reserved for floors that do not lend")
        heapq.heappush(self.due, (row.time_ms + state.remaining_ms(job), job, row.time_ms))
        self.place(job, asked.gang)

    def place(self, job: int, size: int) -> None:
        """Where places are given: whole empty nodes, and the rest on one node with the fewest free that suffice."""
        taken = self.run.places.get(self.index)
        if taken is None:
            return
        per_node = self.run.gpus_per_node
        whole, rest = divmod(size, per_node)
        shape = sorted(devices for _, devices in taken)
        if shape != sorted([per_node] * whole + [rest] * bool(rest)) or len({node for node, _ in taken}) < len(taken):
            self.say("placement", f"job {job} of {size} takes {taken}")
        full = {node for node, devices in taken if devices == per_node}
        for node, devices in taken:
            able = [free for other, free in enumerate(self.nodes) if free >= devices and other not in full]
            if devices < per_node and able and self.nodes[node] != min(able):
                best = min(able)
                self.say("placement", f"job {job} puts {devices} on a node with {self.nodes[node]} free, not {best}")
        for node, devices in taken:
            if self.nodes[node] < devices:
                self.say("placement", f"node {node} has {self.nodes[node]} free, job {job} takes {devices}")
            self.nodes[node] -= devices
        self.where[job] = taken

    def end(self, row: Row) -> None:
        """A job ends exactly when it has run as long as it must, and before the decisions of that instant."""
        gang = self.state.running.get(row.job)
        if gang is None:
            self.say("end", f"job {row.job} ends but does not run")
            return
        due = gang.start_ms + self.state.remaining_ms(row.job)
        if due != row.time_ms:
            self.say("end", f"job {row.job} ends at {row.time_ms} ms, due at {due} ms")
        if self.decided and gang.start_ms < row.time_ms:
            self.say("order", f"job {row.job} ends after decisions of the same instant")
        self.leave(row)

    def leave_at_will(self, row: Row) -> None:
        """A job that is no longer asked for gives back its devices; its claim must have been withdrawn before."""
        if row.job in self.claims:
            self.say("withdraw", f"job {row.job} leaves while its claim stands")
        self.leave(row)

    def claim(self, row: Row) -> None:
        """A claim is right on the view that all earlier claims leave."""
        job, state = row.job, self.state
        if job in self.claims or job not in state.waiting:
            self.say("claim", f"job {job} claims: {'twice' if job in self.claims else self.standing(job)}")
            return
        asked = self.run.jobs[job]
        gang = Gang(job, asked.leaf, asked.gang, row.time_ms, asked.preemptible, asked.priority)
        victims, complete = self.named.get(self.index, (set[int](), True))
        gone = victims - state.running.keys()
        taken = {v for claim in self.claims.values() for v in claim.victims} & victims
        if gone or taken:
            self.say("claim", f"job {job} claims {sorted(gone | taken)}, which are gone or claimed already")
        victims = victims - gone - taken
        inside = bool(victims) and all(state.running[v].leaf == gang.leaf for v in victims)
        view = self.view()
        if inside:
            self.judge_preemption(view, gang, victims)
        elif complete:
            self.judge_reclaim(view, gang, victims)
        else:
            self.judge_known_victims(view, gang, victims)
        since_ms = row.time_ms if row.other < 0 else row.other
        if not state.waits_since_ms[job] <= since_ms <= row.time_ms:
            self.say("claim", f"job {job} claims as of {since_ms} ms, it waits since {state.waits_since_ms[job]} ms")
        self.claims[job] = Claim(since_ms, row.time_ms, gang, victims, complete, inside)
        if complete and self.unheld() < 0:
            self.say("hold", f"job {job} counts on {-self.unheld()} GPUs that earlier claims have yet to set free")

    def warn(self, row: Row) -> None:
        """A victim is warned once, for an open claim, at the instant that its protection names."""
        claim = self.open_claim(row)
        if claim is None:
            return
        if row.job in self.state.warned:
            self.say("warn", f"job {row.job} is warned twice")
        elif not claim.inside and row.time_ms != self.warn_ms(claim, row.job):
            due = self.warn_ms(claim, row.job)
            self.say("warn", f"job {row.job} is warned at {row.time_ms} ms, due at {due} ms")
        self.state.apply(row)

    def stop(self, row: Row) -> None:
        """A victim is stopped when its grace is over or the lender's patience ends, whichever is first."""
        claim = self.open_claim(row)
        if row.job not in self.state.running:
            self.say("stop", f"job {row.job} is stopped but does not run")
            return
        warned = self.state.warned.get(row.job)
        if self.state.running[row.job].start_ms + self.state.remaining_ms(row.job) <= row.time_ms:
            self.say("order", f"job {row.job} is stopped at the instant at which it ends")
        if warned is None:
            self.say("stop", f"job {row.job} is stopped without a warning")
        elif claim is not None and not claim.inside:
            due = self.stop_ms(claim, row.job, warned[0])
            if row.time_ms != due:
                self.say("stop", f"job {row.job} is stopped at {row.time_ms} ms, due at {due} ms")
        self.leave(row)

    def withdraw(self, row: Row) -> None:
        """Only an open claim can be withdrawn."""
        if self.claims.pop(row.job, None) is None:
            self.say("withdraw", f"job {row.job} withdraws a claim that it does not have")
        self.state.apply(row)

    def refuse(self, row: Row) -> None:
        """A job is refused when it is submitted, and only for its size."""
        if row.time_ms != self.run.jobs[row.job].submit_ms:
            self.say("refuse", f"job {row.job} is refused at {row.time_ms} ms, not at its submission")
        if not self.run.too_large(row.job):
            self.say("refuse", f"job {row.job} of {self.run.jobs[row.job].gang} GPUs is refused but fits")
        self.state.apply(row)

    # ------------------------------------------------------------------------------------------------------- judgement

    def judge_reclaim(self, view: View, gang: Gang, victims: set[int]) -> None:
        """Judge a claim whose victims are all known under rule S or N, or 7b, with the rise of the potential."""
        if not victims:
            self.say("claim", f"job {gang.job} claims without a victim")
            return
        if self.run.reclaim == "shares" or by_right(view, gang, victims):
            entitled = entitlements(self.run.tree, self.run.capacity, self.state.demand())
            view = View(view.tree, view.gangs, view.capacity, tuple(entitled))
        judgement = judge(view, gang, sorted(victims), reclaim=self.run.reclaim)
        if not judgement:
            self.say("claim", f"job {gang.job} takes {sorted(victims)}: {'; '.join(judgement.objections)}")

    def judge_known_victims(self, view: View, gang: Gang, victims: set[int]) -> None:
        """Judge the victims that are known of a claim that may have had more: none is secure or non-preemptible."""
        if self.run.reclaim == "shares":
            entitled = entitlements(self.run.tree, self.run.capacity, self.state.demand())
            secure = entitled_secure_sets(view.tree, view.gangs, entitled)
        else:
            secure = secure_sets(view.tree, view.gangs)
        for victim in (view.gang(job) for job in sorted(victims)):
            if victim.leaf == gang.leaf:
                self.say("claim", f"job {gang.job} takes {victim.job} of its own team together with others")
            elif victim.job in secure[view.tree.fork(gang.leaf, victim.leaf)[1]]:
                self.say("claim", f"job {gang.job} takes {victim.job}, which is secure")
            if not victim.preemptible:
                self.say("claim", f"job {gang.job} takes {victim.job}, which is not preemptible")

    def judge_preemption(self, view: View, gang: Gang, victims: set[int]) -> None:
        """Inside a team only lower priority gives way; devices and limits hold as for every claim."""
        wrong = [text for text in required(view, gang, victims) if "own team" not in text]
        jobs = self.run.jobs
        wrong += [f"job {v} is of no lower priority" for v in victims if jobs[v].priority >= gang.priority]
        if wrong:
            self.say("preempt", f"job {gang.job} takes {sorted(victims)}: {'; '.join(wrong)}")

    def view(self) -> View:
        """Return what counts as allocated: running gangs without claimed victims, and gangs that claim."""
        away = {victim for claim in self.claims.values() for victim in claim.victims}
        gangs = [gang for job, gang in self.state.running.items() if job not in away]
        gangs += [claim.gang for claim in self.claims.values()]
        return View(self.run.tree, tuple(gangs), self.run.capacity)

    def unheld(self) -> int:
        """Return the devices free now beyond those held by name: what a claim's victims will not bring it any more."""
        running = self.state.running
        held = 0
        for claim in self.claims.values():
            held += max(0, claim.gang.size - sum(running[victim].size for victim in claim.victims))
        return self.run.capacity - sum(gang.size for gang in running.values()) - held

    def short_of_reserves(self) -> int:
        """Return the devices that the reserves still need to be full."""
        tree = self.run.tree
        return unfilled_reserves(tree, self.view().allocation()) if any(tree.reserve) else 0

    def stays_bound(self, gang: Gang) -> bool:
        """Return whether the leaf's non-preemptible gangs, running or claimed for, stay within its floor with this."""
        others = [other for other in self.view().gangs if other.leaf == gang.leaf and not other.preemptible]
        return sum(other.size for other in others) + gang.size <= self.run.tree.floor[gang.leaf]

    def protection(self, victim: int) -> Protection:
        """Return the protection of a victim's team."""
        return self.run.protections[self.run.jobs[victim].leaf]

    def latest_ms(self, claim: Claim) -> int:
        """Return the last instant at which a claimant's team may have to wait for its own."""
        return claim.since_ms + self.run.protections[claim.gang.leaf].recover_ms

    def warn_ms(self, claim: Claim, victim: int) -> int:
        """Return max(t0, min(start + min_runtime, t0 + recover - grace)), but never before the claim is made."""
        protection = self.protection(victim)
        started = self.state.running[victim].start_ms
        protected = min(started + protection.min_runtime_ms, self.latest_ms(claim) - protection.grace_ms)
        return max(claim.made_ms, protected)

    def stop_ms(self, claim: Claim, victim: int, warned_ms: int) -> int:
        """Return min(warning + grace, t0 + recover), but never before the claim is made."""
        return max(claim.made_ms, min(warned_ms + self.protection(victim).grace_ms, self.latest_ms(claim)))

    def open_claim(self, row: Row) -> Claim | None:
        """Return the claim that a WARN or STOP belongs to, and object if there is none or it never named the job."""
        claim = self.claims.get(row.other)
        if claim is None:
            self.say("claim", f"job {row.job} gives way to {row.other}, which has no open claim")
        elif row.job not in claim.victims:
            self.say("claim", f"job {row.job} gives way to {row.other}, which did not claim it")
        return claim if row.job in self.state.running else None

    def leave(self, row: Row) -> None:
        """Take a job off its devices."""
        self.state.apply(row)
        for claim in self.claims.values():
            claim.victims.discard(row.job)
        for node, devices in self.where.pop(row.job, ()):
            self.nodes[node] += devices

    # ------------------------------------------------------------------------------------------------- between instants

    def close_instant(self, following_ms: int) -> None:
        """Note what should have happened before ``following_ms`` and did not."""
        self.decided = False
        while self.due and self.due[0][0] < following_ms:
            due, job, started = heapq.heappop(self.due)
            gang = self.state.running.get(job)
            if gang is not None and gang.start_ms == started:
                self.say("end", f"job {job} runs on after {due} ms, when it is done")
        for claimant, claim in self.claims.items():
            if claim.complete and not claim.victims:
                self.say("transaction", f"job {claimant} has not started although its last victim is gone")
            overdue = {victim for victim in claim.victims if self.overdue(claim, victim, following_ms)} - claim.late
            if overdue:
                self.say("late", f"{sorted(overdue)} should have been warned or stopped for job {claimant} by now")
                claim.late |= overdue

    def overdue(self, claim: Claim, victim: int, following_ms: int) -> bool:
        """Return whether a victim's warning or stop was due before ``following_ms`` and is not in the stream."""
        if claim.inside:
            return False
        warned = self.state.warned.get(victim)
        if warned is None:
            return self.warn_ms(claim, victim) < following_ms
        return self.stop_ms(claim, victim, warned[0]) < following_ms

    def missing_refusals(self) -> None:
        """Note the jobs that can never start and were not told so."""
        for job, asked in enumerate(self.run.jobs):
            if asked.submit_ms <= self.state.now and job not in self.state.refused and self.run.too_large(job):
                self.say("refuse", f"job {job} of {asked.gang} GPUs is too large and was never refused")

    def standing(self, job: int) -> str:
        """Return what a job is doing instead of waiting."""
        if job in self.state.running:
            return "it runs"
        if job in self.state.done:
            return "it has ended"
        return "it was refused" if job in self.state.refused else "it is not eligible"


def unfilled_reserves(tree: Tree, held: list[int], row: int = POOL) -> int:
    """Return the devices that must stay free below a row so that each reserve can still be filled."""
    below = sum(unfilled_reserves(tree, held, child) for child in tree.children(row))
    return below if row == POOL else max(below, tree.reserve[row] - held[row])


def victims_by_claim(rows: Sequence[Row]) -> Iterator[tuple[int, tuple[set[int], bool]]]:
    """Yield, for the index of each CLAIM, the victims that the stream names for it, and whether these are all."""
    marked = any(row.kind is Kind.MARK for row in rows)
    open_: dict[int, tuple[int, set[int]]] = {}
    running: set[int] = set()
    ended_since: dict[int, set[int]] = {}
    for index, row in enumerate(rows):
        if row.kind is Kind.CLAIM:
            open_[row.job] = (index, set())
            ended_since[row.job] = set()
        elif row.kind in (Kind.MARK, Kind.WARN, Kind.STOP) and row.other in open_:
            if row.kind is Kind.MARK or not marked:
                open_[row.other][1].add(row.job)
        elif row.kind is Kind.END:
            for claimant, (_, victims) in open_.items():
                if row.job in running and row.job not in victims:
                    ended_since[claimant].add(row.job)
        if row.kind in (Kind.START, Kind.WITHDRAW) and row.job in open_:
            claim_index, victims = open_.pop(row.job)
            complete = marked or (row.kind is Kind.START and not ended_since[row.job])
            yield claim_index, (victims, complete)
        if row.kind is Kind.START:
            running.add(row.job)
        elif row.kind in (Kind.END, Kind.STOP):
            running.discard(row.job)
    for claim_index, victims in open_.values():
        yield claim_index, (victims, marked)
