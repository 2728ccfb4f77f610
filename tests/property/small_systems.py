"""Small systems, all of them: every tree, division of floors and sequence of gangs of a family, run by the kernel itself.

A family is a product of choices, so that it has a size, can be walked through whole, and can be sampled by number. Gangs
are submitted one by one, so that every order of ages occurs. `story` runs a system and tells what happened, instant by
instant, from the stream of decisions alone.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from functools import cache
from itertools import combinations, product
from random import Random
from typing import NamedTuple

import numpy as np

from equipoise.charter.model import Charter, Pool, Share, Team
from equipoise.policy.kernel import layout as k
from equipoise.policy.plan import Plan, plan
from equipoise.policy.state import Options, build
from equipoise.simulator.replay import Replay
from equipoise.workload.model import Jobs, Workload
from tests.property.policy_streams import KINDS
from tests.reference.policy_easy import Machine
from tests.reference.policy_entitlement import entitlements
from tests.reference.policy_reclaim import by_right, by_shares, may_bind, required
from tests.reference.policy_run import Job, Kind, Protection, Row, Run
from tests.reference.policy_secure import gangs_below, secure_sets
from tests.reference.policy_tree import Gang, Tree, View

ENDLESS_MS = 1_000_000
HORIZON_MS = 500_000
"""Long after any chain of reclaims is over, long before an endless gang ends."""


class Terms(NamedTuple):
    """What a team's borrowed gangs may count on, and how soon it has its own floor back, in ms."""

    grace: int = 0
    min_runtime: int = 0
    recover: int = 0


class Lab(NamedTuple):
    """One pool and its tree, in preorder. Floors are whole devices; no limit means the pool."""

    parent: tuple[int, ...]
    floor: tuple[int, ...]
    nodes: int
    per_node: int = 1
    terms: tuple[Terms, ...] = ()
    limit: tuple[int, ...] = ()
    weight: tuple[int, ...] = ()
    reclaim: str = "floors"

    @property
    def capacity(self) -> int:
        """Return the devices."""
        return self.nodes * self.per_node

    @property
    def leaves(self) -> tuple[int, ...]:
        """Return the rows that hold gangs."""
        return tuple(row for row in range(len(self.parent)) if row not in self.parent)


class Ask(NamedTuple):
    """One gang: of which leaf, how large, for how long."""

    leaf: int
    gang: int
    length_ms: int = ENDLESS_MS
    preemptible: bool = True


class Small(NamedTuple):
    """One system: a lab and the gangs that are asked for, one every ``gap_ms``."""

    lab: Lab
    asks: tuple[Ask, ...]
    gap_ms: int = 1


@dataclass(frozen=True)
class Family:
    """All systems with one of these labs and, for each of ``gangs`` gangs, one of these choices."""

    name: str
    labs: tuple[Lab, ...]
    choices: tuple[Ask, ...]
    gangs: int
    gap_ms: int = 1

    def __len__(self) -> int:
        """Return how many systems there are."""
        return len(self.labs) * len(self.choices) ** self.gangs

    def __getitem__(self, number: int) -> Small:
        """Return one system by its number."""
        asks: list[Ask] = []
        for _ in range(self.gangs):
            number, at = divmod(number, len(self.choices))
            asks.append(self.choices[at])
        return Small(self.labs[number], tuple(asks), self.gap_ms)

    def numbers(self, most: int) -> Sequence[int]:
        """Return the numbers of all systems or, where these are more than ``most``, of a fixed sample."""
        if len(self) <= most:
            return range(len(self))
        return sorted(Random(self.name).sample(range(len(self)), most))


def choices(
    leaves: Sequence[int], sizes: Sequence[int], lengths: Sequence[int] = (ENDLESS_MS,), bound: Sequence[bool] = (True,)
) -> tuple[Ask, ...]:
    """Return every gang of these leaves, sizes, lengths and kinds."""
    return tuple(Ask(*values) for values in product(leaves, sizes, lengths, bound))


def floors(parent: Sequence[int], capacity: int) -> Iterator[tuple[int, ...]]:
    """Yield every way to give floors such that those of siblings fit into their parent's."""
    for floor in product(range(capacity + 1), repeat=len(parent)):
        room = {-1: capacity} | dict(enumerate(floor))
        for row, above in enumerate(parent):
            room[above] -= floor[row]
        if min(room.values()) >= 0:
            yield floor


# --------------------------------------------------------------------------------------------------------- running one


@cache
def charter_of(lab: Lab) -> Charter:
    """Return the lab as a charter with floors and limits in devices."""
    paths: list[str] = []
    for row, above in enumerate(lab.parent):
        paths.append(f"t{row}" if above < 0 else f"{paths[above]}.t{row}")
    teams = tuple(
        Team(
            path=paths[row],
            name=f"t{row}",
            parent=None if above < 0 else paths[above],
            floor={"p": Share(gpus=lab.floor[row])},
            limit={"p": Share(gpus=lab.limit[row]) if lab.limit else Share(fraction=Fraction(1))},
            weight_e4=lab.weight[row] if lab.weight else 10_000,
            grace_ms=terms_of(lab, row).grace,
            min_runtime_ms=terms_of(lab, row).min_runtime,
            recover_ms=terms_of(lab, row).recover,
            is_leaf=row in lab.leaves,
        )
        for row, above in enumerate(lab.parent)
    )
    pool = Pool("p", "GPU", lab.nodes, lab.per_node)
    return Charter(lab="Small", pools=(pool,), teams=teams, reclaim=lab.reclaim)  # pyright: ignore[reportArgumentType]


@cache
def plan_of(lab: Lab) -> Plan:
    """Return the plan of the lab; its floors are the lab's."""
    made = plan(charter_of(lab))
    given = {line.path: line.quotas[0].floor for line in made.lines}
    assert [given[team.path] for team in charter_of(lab).teams] == list(lab.floor)
    return made


def terms_of(lab: Lab, row: int) -> Terms:
    """Return the terms of a row; none given means none granted."""
    return lab.terms[row] if lab.terms else Terms()


@cache
def tree_of(lab: Lab) -> Tree:
    """Return the lab's tree in the shape of the twins."""
    rows = len(lab.parent)
    return Tree(lab.parent, lab.floor, lab.limit or (lab.capacity,) * rows, lab.weight or (10_000,) * rows)


def workload_of(small: Small) -> Workload:
    """Return the gangs as the columns of a workload."""
    n, lab = len(small.asks), small.lab
    jobs = Jobs(
        submit_ms=np.arange(n, dtype=np.int64) * small.gap_ms,
        duration_ms=np.array([ask.length_ms for ask in small.asks], np.int64),
        gang=np.array([ask.gang for ask in small.asks], np.int32),
        walltime_ms=np.array([ask.length_ms for ask in small.asks], np.int64),
        team=np.array([lab.leaves.index(ask.leaf) for ask in small.asks], np.int32),
        pool=np.zeros(n, np.int32),
        user=np.zeros(n, np.int32),
        priority=np.zeros(n, np.int32),
        preemptible=np.array([ask.preemptible for ask in small.asks], np.bool_),
        savepoint_ms=np.zeros(n, np.int64),
        after=np.full(n, -1, np.int32),
    )
    teams = charter_of(lab).teams
    return Workload(jobs, tuple(teams[leaf].path for leaf in lab.leaves), ("p",), ("u",))


def replay_of(small: Small) -> Replay:
    """Return the run of a system up to the horizon."""
    made = plan_of(small.lab)
    built = build(workload_of(small), charter_of(small.lab).pools, made, reference=made, options=Options(trace=True))
    replay = Replay(built, keep=True)
    run_until(replay, HORIZON_MS)
    return replay


def run_until(replay: Replay, until_ms: int) -> int:
    """Run every instant before ``until_ms`` and return the time of the next."""
    following = replay.advance(until_ms)
    while following < until_ms:
        following = replay.advance(until_ms)
    return following


def checked(small: Small, replay: Replay) -> Run:
    """Return what happened in the shape of the independent checker."""
    lab = small.lab
    decisions = replay.result().decisions
    assert decisions is not None
    rows: list[Row] = []
    for at_ms, kind, job, other, detail in decisions.tolist():
        if kind == k.WITHDRAW and other >= 0:
            continue
        about = at_ms - detail if kind == k.CLAIM else other if kind in (k.WARN, k.STOP, k.MARK) else -1
        rows.append(Row(at_ms, KINDS[kind], job, about))
    return Run(
        tree=tree_of(lab),
        nodes=lab.nodes,
        gpus_per_node=lab.per_node,
        jobs=[
            Job(ask.leaf, ask.gang, number * small.gap_ms, ask.length_ms, ask.preemptible)
            for number, ask in enumerate(small.asks)
        ],
        protections=[Protection(*terms_of(lab, row)) for row in range(len(lab.parent))],
        rows=rows,
        reclaim=lab.reclaim,
    )


# ------------------------------------------------------------------------------------------------------ what it tells


@dataclass
class Story:
    """What the stream of decisions says happened, and what of it may not be.

    Parameters
    ----------
    stops : int
        Gangs stopped for others in all.
    chain : int
        Gangs stopped for others after the last submission: the length of the chain that runs by itself.
    settled_ms : int
        When the last decision was made.
    wrong : dict of kind to text
        ``devices``, ``limit``: too much is held; ``secure``: a leaf-secure gang is claimed for another team. The others
        say that a team below its floor waits longer than its `recover` (or for ever) with a gang that fits its floor:
        ``idle`` although enough devices are free, ``unclaimed`` although it has a right to victims, ``shared`` while the
        devices are on their way from the victims of another claim, ``placement`` because no legal victims would free
        the right nodes, ``starved`` for no such reason.
    """

    run: Run
    places: dict[int, tuple[tuple[int, int], ...]] = field(default_factory=dict[int, tuple[tuple[int, int], ...]])
    stops: int = 0
    chain: int = 0
    claims: int = 0
    settled_ms: int = 0
    wrong: dict[str, str] = field(default_factory=dict[str, str])
    running: dict[int, Gang] = field(default_factory=dict[int, Gang])
    waiting: set[int] = field(default_factory=set[int])
    claiming: dict[int, Gang] = field(default_factory=dict[int, Gang])
    leaving: dict[int, int] = field(default_factory=dict[int, int])
    due_since: dict[int, int] = field(default_factory=dict[int, int])

    def tell(self) -> Story:
        """Read the whole stream, instant by instant."""
        jobs, rows = self.run.jobs, self.run.rows
        instants = sorted({row.time_ms for row in rows} | {job.submit_ms for job in jobs})
        at, last_submit = 0, jobs[-1].submit_ms
        for now, following in zip(instants, [*instants[1:], HORIZON_MS], strict=True):
            self.waiting.update(job for job, asked in enumerate(jobs) if asked.submit_ms == now)
            while at < len(rows) and rows[at].time_ms == now:
                self.enter(rows[at])
                if rows[at].kind is Kind.STOP:
                    self.stops += 1
                    self.chain += now >= last_submit
                self.settled_ms = now
                at += 1
            self.close_instant(now, following)
        return self

    def say(self, kind: str, text: str) -> None:
        """Keep the first of each kind of wrong."""
        self.wrong.setdefault(kind, text)

    def enter(self, row: Row) -> None:
        """Carry one row out."""
        job, asked = row.job, self.run.jobs[row.job]
        if row.kind is Kind.START:
            self.waiting.discard(job)
            self.drop_claim(job)
            self.running[job] = Gang(job, asked.leaf, asked.gang, row.time_ms, asked.preemptible)
            self.check_room()
        elif row.kind in (Kind.END, Kind.STOP):
            self.running.pop(job)
            self.leaving.pop(job, None)
            if row.kind is Kind.STOP:
                self.waiting.add(job)
        elif row.kind is Kind.CLAIM:
            self.claims += 1
            self.view_before = self.view()
            self.claiming[job] = Gang(job, asked.leaf, asked.gang, row.time_ms, asked.preemptible)
        elif row.kind is Kind.MARK:
            self.check_victim(job, row.other)
            self.leaving[job] = row.other
        elif row.kind is Kind.WITHDRAW:
            self.drop_claim(job)
        elif row.kind is Kind.REFUSE:
            self.waiting.discard(job)

    def drop_claim(self, job: int) -> None:
        """A claim is over; victims that still run stay."""
        if self.claiming.pop(job, None):
            self.leaving = {victim: by for victim, by in self.leaving.items() if by != job}

    def view(self) -> View:
        """Return what counts as allocated: without victims, with the gangs that they are claimed for."""
        staying = tuple(gang for job, gang in self.running.items() if job not in self.leaving)
        return View(self.run.tree, (*staying, *self.claiming.values()), self.run.capacity)

    def entitled(self) -> tuple[int, ...]:
        """Return what every row is due; demand is what runs and what waits."""
        demand = [0] * len(self.run.tree)
        for job in (*self.running, *self.waiting):
            demand[self.run.jobs[job].leaf] += self.run.jobs[job].gang
        return due_of(self.run.tree, self.run.capacity, tuple(demand))

    def check_room(self) -> None:
        """Devices and limits are never exceeded."""
        held = View(self.run.tree, tuple(self.running.values()), self.run.capacity)
        if held.free() < 0:
            self.say("devices", f"{-held.free()} devices too many are held")
        for row, have in enumerate(held.allocation()):
            if have > self.run.tree.limit[row]:
                self.say("limit", f"row {row} holds {have}")

    def check_victim(self, victim: int, claimant: int) -> None:
        """No gang that is secure at its leaf is taken for another team."""
        gang = self.running[victim]
        below = gangs_below(self.run.tree, gang.leaf, self.view_before.gangs)
        if gang.leaf == self.run.jobs[claimant].leaf or victim in secure_sets(self.run.tree, below)[gang.leaf]:
            self.say("secure", f"gang {victim} is taken for {claimant} although it is secure at its leaf")

    def close_instant(self, now_ms: int, next_ms: int) -> None:
        """Note who waits for its floor since when, and who does so for too long before the next instant."""
        view = self.view()
        if self.run.reclaim == "shares":
            view = View(view.tree, view.gangs, view.capacity, self.entitled())
        held = view.allocation()
        due = {job: self.claiming[job].start_ms for job in self.claiming}
        due |= {job: now_ms for job in self.waiting - self.claiming.keys() if self.is_due(view, held, job)}
        self.due_since = {job: min(since, self.due_since.get(job, since)) for job, since in due.items()}
        for job, since in self.due_since.items():
            recover_ms = self.run.protections[self.run.jobs[job].leaf].recover_ms
            if next_ms > since + recover_ms:
                last = next_ms == HORIZON_MS
                if self.run.gpus_per_node == 1 or last:
                    until = "for ever" if last else f"until {next_ms} ms"
                    self.say(self.reason(view, job), f"gang {job} waits for its floor from {since} ms {until}")

    def gang_of(self, job: int) -> Gang:
        """Return a waiting gang as if it started now."""
        asked = self.run.jobs[job]
        return Gang(job, asked.leaf, asked.gang, HORIZON_MS, asked.preemptible)

    def is_due(self, view: View, held: list[int], job: int) -> bool:
        """Return whether a waiting gang fits its team's floor or one above (`reclaim: shares`: its team's entitlement)."""
        gang, tree = self.gang_of(job), self.run.tree
        if not gang.preemptible and not may_bind(view, gang):
            return False
        if self.run.reclaim == "shares":
            return held[gang.leaf] + gang.size <= view.entitlement[gang.leaf]
        for row in tree.path(gang.leaf):
            if held[row] + gang.size <= tree.floor[row]:
                return True
            if held[row] + gang.size > tree.limit[row]:
                return False
        return False

    def reason(self, view: View, job: int) -> str:
        """Return why a gang that is due does not run."""
        gang = self.gang_of(job)
        if self.fits(gang, ()):
            return "idle"
        if job not in self.claiming and any(self.fits(gang, victims) for victims in self.legal(view, gang)):
            return "unclaimed"
        if self.leaving:
            return "shared"
        return "placement" if self.run.gpus_per_node > 1 else "starved"

    def legal(self, view: View, gang: Gang) -> Iterator[tuple[int, ...]]:
        """Yield every set of victims that the gang has a right to."""
        rule = by_shares if self.run.reclaim == "shares" else by_right
        jobs = [other.job for other in view.gangs if other.job in self.running and other.leaf != gang.leaf]
        for size in range(1, len(jobs) + 1):
            for victims in combinations(jobs, size):
                if not required(view, gang, victims) and not rule(view, gang, victims):
                    yield victims

    def fits(self, gang: Gang, victims: Collection[int]) -> bool:
        """Return whether devices suffice now, those apart that are held by name, once these victims are gone."""
        staying = {job: other for job, other in self.running.items() if job not in victims}
        pledged = sum(self.running[job].size for job in self.leaving)
        held = max(0, sum(other.size for other in self.claiming.values()) - pledged)
        if self.run.gpus_per_node == 1:
            return self.run.capacity - sum(other.size for other in staying.values()) - held >= gang.size
        machine = Machine(self.run.nodes, self.run.gpus_per_node)
        for job in staying:
            machine.take(self.places[job])
        return machine.place(gang.size) is not None


@cache
def due_of(tree: Tree, capacity: int, demand: tuple[int, ...]) -> tuple[int, ...]:
    """Return entitlements, each computed once."""
    return tuple(entitlements(tree, capacity, demand))


def story(small: Small) -> Story:
    """Run a system and tell what happened."""
    replay = replay_of(small)
    return Story(checked(small, replay), places_of(replay) if small.lab.per_node > 1 else {}).tell()


def places_of(replay: Replay) -> dict[int, tuple[tuple[int, int], ...]]:
    """Return where the gangs stand that still run: (node, devices) for each."""
    state, per_node = replay.layout.state, replay.layout.pools[0].gpus_per_node
    places: dict[int, tuple[tuple[int, int], ...]] = {}
    for job in np.flatnonzero(state.jobs["state"] == k.RUNNING).tolist():
        slot = state.slots[state.jobs["slot"][job]]
        node, taken = int(slot["node"]), list[tuple[int, int]]()
        while node >= 0:
            taken.append((node, per_node))
            node = int(state.nodes["next"][node])
        if slot["part_node"] >= 0:
            taken.append((int(slot["part_node"]), int(slot["part"])))
        places[job] = tuple(taken)
    return places
