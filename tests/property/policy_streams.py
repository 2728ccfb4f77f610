"""The kernel's stream of decisions in the shape of the independent checker: one run per pool.

What the checker calls a job is a job of the workload, or one term of a replica of a service: from the moment its demand
asks for it to the moment its demand no longer does. A job that waits for one of another pool is told when that ended.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from equipoise.policy.kernel import layout as k
from equipoise.policy.plan import Plan
from equipoise.simulator.run import Run as KernelRun
from equipoise.workload.model import Service
from tests.property.policy_systems import System
from tests.reference.policy_run import Job, Kind, Protection, Row, Run
from tests.reference.policy_tree import Tree

NEVER_MS = 2**62
KINDS = {
    k.START: Kind.START,
    k.END: Kind.END,
    k.WARN: Kind.WARN,
    k.STOP: Kind.STOP,
    k.CLAIM: Kind.CLAIM,
    k.WITHDRAW: Kind.WITHDRAW,
    k.REFUSE: Kind.REFUSE,
    k.MARK: Kind.MARK,
    k.RELEASE: Kind.LEAVE,
}
EARLY = (k.END, k.WARN, k.STOP)


@dataclass(frozen=True, slots=True)
class Preorder:
    """The lines of a plan in preorder: ``lines[row]`` is the line of a row, ``row_of[line]`` the reverse."""

    lines: tuple[int, ...]
    row_of: dict[int, int]

    @classmethod
    def of(cls, plan: Plan) -> Preorder:
        """Leave the whole lab out, and put every team directly after its parent and elder siblings."""

        def walk(line: int) -> Iterator[int]:
            for child in range(plan.lines[line].first, plan.lines[line].first + plan.lines[line].children):
                yield child
                yield from walk(child)

        lines = tuple(walk(0))
        return cls(lines, {line: row for row, line in enumerate(lines)})


def tree_of(plan: Plan, pool: int) -> Tree:
    """Return the checker's tree of one pool of a plan."""
    order = Preorder.of(plan)
    lines = [plan.lines[line] for line in order.lines]
    return Tree(
        parent=tuple(order.row_of.get(line.parent, -1) for line in lines),
        floor=tuple(line.quotas[pool].floor for line in lines),
        limit=tuple(line.quotas[pool].limit for line in lines),
        weight=tuple(line.weight_e4 for line in lines),
        reserve=tuple(line.quotas[pool].reserve for line in lines),
    )


def runs_of(system: System, done: KernelRun) -> list[Run]:
    """Return what happened in each pool as a run of the checker."""
    return [Translation(system, done, pool).run() for pool in range(len(system.charter.pools))]


@dataclass(slots=True)
class Translation:
    """The jobs and rows of one pool."""

    system: System
    done: KernelRun
    pool: int
    jobs: list[Job] = field(default_factory=list[Job])
    rows: list[Row] = field(default_factory=list[Row])
    terms: dict[int, list[tuple[int, int]]] = field(default_factory=dict[int, list[tuple[int, int]]])
    leaves: list[tuple[int, int]] = field(default_factory=list[tuple[int, int]])

    def run(self) -> Run:
        """Translate jobs first, then the stream with the terms of replicas woven in."""
        plan = self.system.plan()
        order = Preorder.of(plan)
        pool = self.system.charter.pools[self.pool]
        self.add_jobs(plan, order)
        self.add_terms(plan, order)
        self.add_rows()
        lines = [plan.lines[line] for line in order.lines]
        return Run(
            tree=tree_of(plan, self.pool),
            nodes=pool.nodes,
            gpus_per_node=pool.gpus_per_node,
            jobs=self.jobs,
            protections=[Protection(line.grace_ms, line.min_runtime_ms, line.recover_ms) for line in lines],
            rows=self.rows,
            max_job=[None if line.max_job >= k.NEVER else line.max_job for line in lines],
            reclaim=self.system.charter.reclaim,
            savepoint_cost_ms=self.system.options.savepoint_cost_ms,
        )

    def add_jobs(self, plan: Plan, order: Preorder) -> None:
        """Jobs keep their numbers; those of other pools are never submitted."""
        jobs, teams = self.system.workload.jobs, self.system.workload.teams
        ended = {d["job"]: d["time_ms"] for d in self.stream() if d["kind"] in (k.END, k.REFUSE)}
        refused = {d["job"] for d in self.stream() if d["kind"] == k.REFUSE}
        for number in range(len(jobs)):
            submit_ms, after = int(jobs.submit_ms[number]), int(jobs.after[number])
            if after >= 0 and jobs.pool[after] != jobs.pool[number]:
                if number not in refused:  # it is refused when it is submitted, whatever it waits for
                    submit_ms = max(submit_ms, ended.get(after, NEVER_MS))
                after = -1
            duration_ms, walltime_ms = int(jobs.duration_ms[number]), int(jobs.walltime_ms[number])
            if self.system.options.enforce_walltime and walltime_ms:
                duration_ms = min(duration_ms, walltime_ms)
            self.jobs.append(
                Job(
                    leaf=order.row_of[plan.line_of(teams[jobs.team[number]])],
                    gang=int(jobs.gang[number]),
                    submit_ms=submit_ms if jobs.pool[number] == self.pool else NEVER_MS,
                    duration_ms=duration_ms,
                    preemptible=bool(jobs.preemptible[number]),
                    savepoint_ms=int(jobs.savepoint_ms[number]),
                    priority=int(jobs.priority[number]),
                    after=after,
                )
            )

    def add_terms(self, plan: Plan, order: Preorder) -> None:
        """Every stay of a replica in its service's demand is a job of its own."""
        first = len(self.system.workload.jobs)
        for service in self.system.workload.services:
            assert not service.carry, "what is carried depends on the run: no checker can foresee it"
            asked = 0
            for at_ms, replicas in zip(service.at_ms.tolist(), service.replicas.tolist(), strict=True):
                if service.pool == self.pool:
                    for number in range(asked, replicas):
                        self.terms.setdefault(first + number, []).append((at_ms, len(self.jobs)))
                        leaf = order.row_of[plan.line_of(self.system.workload.teams[service.team])]
                        self.jobs.append(replica(service, leaf, at_ms, bound=number < service.minimum))
                    for number in range(asked - 1, replicas - 1, -1):
                        self.leaves.append((at_ms, first + number))
                asked = replicas
            first += int(service.replicas.max(initial=0))

    def add_rows(self) -> None:
        """Weave the ends of terms into the stream: after ends and deadlines, before the pass of their instant."""
        stream = [d for d in self.stream() if self.here(d["job"])]
        said = {(d["time_ms"], d["job"], d["kind"]) for d in stream}
        quiet = [
            (at_ms, job)
            for at_ms, job in sorted(self.leaves, key=lambda leave: leave[0])
            if (at_ms, job, k.RELEASE) not in said and (at_ms, job, k.WITHDRAW) not in said
        ]
        leaves = set(self.leaves)
        for d in stream:
            kind, job = d["kind"], d["job"]
            while quiet and (quiet[0][0] < d["time_ms"] or (quiet[0][0] == d["time_ms"] and kind not in EARLY)):
                self.leave(*quiet.pop(0))
            if kind not in KINDS or (kind == k.WITHDRAW and d["other"] >= 0):
                continue  # the warning of a victim that is not needed any more is void with its claim
            other = d["other"] if kind in (k.WARN, k.STOP, k.MARK) else -1
            at_ms = d["time_ms"]
            about = at_ms - d["detail"] if kind == k.CLAIM else self.id_of(other, at_ms)
            self.rows.append(Row(at_ms, KINDS[kind], self.id_of(job, at_ms), about))
            if kind == k.WITHDRAW and (at_ms, job) in leaves:
                self.leave(at_ms, job)
        while quiet:
            self.leave(*quiet.pop(0))

    def leave(self, at_ms: int, replica: int) -> None:
        """A replica is no longer asked for."""
        self.rows.append(Row(at_ms, Kind.LEAVE, self.id_of(replica, at_ms)))

    def here(self, job: int) -> bool:
        """Return whether a job of the kernel belongs to this pool."""
        jobs = self.system.workload.jobs
        return job in self.terms if job >= len(jobs) else int(jobs.pool[job]) == self.pool

    def id_of(self, job: int, at_ms: int) -> int:
        """Return the checker's number of a job of the kernel at a time."""
        if job not in self.terms:
            return job
        return next(number for since_ms, number in reversed(self.terms[job]) if since_ms <= at_ms)

    def stream(self) -> list[dict[str, int]]:
        """Return the decisions as dictionaries."""
        assert self.done.decisions is not None
        names = self.done.decisions.dtype.names or ()
        return [dict(zip(names, values, strict=True)) for values in self.done.decisions.tolist()]


def replica(service: Service, leaf: int, at_ms: int, *, bound: bool) -> Job:
    """Return the job that stands for one term of a replica: it never ends by itself and a stop loses nothing."""
    return Job(leaf, service.gang, at_ms, NEVER_MS, preemptible=not bound, savepoint_ms=1, replica=True)
