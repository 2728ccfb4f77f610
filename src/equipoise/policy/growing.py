"""A core for what becomes known over time: jobs, users, requests and charters, in whatever order they come.

`Core` is laid out for a whole workload. `GrowingCore` lays one out for what is known, with spare rows; what is new takes a spare row,
and where there is none a larger core is laid out and told again all that happened (`retracing`). Decisions do not depend on what
becomes known later, so the larger core has come to the same ones, and so does an audit that lays out everything at once.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from copy import copy
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from equipoise.charter.model import Charter
from equipoise.errors import InputError
from equipoise.policy.columns import Options
from equipoise.policy.core import Answer, Core
from equipoise.policy.course import course
from equipoise.policy.events import REASONS, Events, event, in_order, sentence
from equipoise.policy.kernel import layout as k
from equipoise.policy.promises import refusal_rows
from equipoise.policy.retracing import stretches
from equipoise.policy.spares import Spares, padded
from equipoise.policy.state import REACH_MS, Layout, build
from equipoise.workload.model import Workload
from equipoise.workload.roll import Asked, Request, Roll

LIVE = ("charter", "no-floors", "product-first")
"""Policies whose decisions rest on nothing that is known only later (run times, which users there will be), and go by teams."""
_OVER = (k.DONE, k.REFUSED, k.CANCELLED)
_FITS = 1 << 31
_REMEDY = (
    "keep it as a leaf with a floor and limit of 0, drain it (cancel its jobs, or let them end), and give the new teams names beside it;"
    " only a new ledger can have them below it"
)


class GrowingCore:
    """A core to which jobs, requests and charters are added as they come.

    Parameters
    ----------
    charters : sequence of Charter
        The first is in force from the beginning; those that follow come into force by events.
    policy : str
        One of `LIVE`.
    options : Options
        With ``estimates="declared"``.
    origin_ms : int or None
        Unix time of time 0.
    first : str
        As of `plan.plan`.
    workload : Workload or None
        What was asked for before, where a record is gone on with (`retrace`); without services.
    room, spare : int
        Rows for jobs, and queues of each team and pool for users to come, at the beginning; both grow.
    burst : int
        Most submissions at once.

    Raises
    ------
    InputError
        P109 for a policy or options that cannot be run on what is known; what `build` and `course` raise.

    Examples
    --------
    See `tests/property/live_systems.py`.
    """

    def __init__(
        self,
        charters: Sequence[Charter],
        policy: str = "charter",
        *,
        options: Options,
        origin_ms: int | None = None,
        first: str = "product",
        workload: Workload | None = None,
        room: int = 4096,
        spare: int = 4,
        burst: int = 4096,
    ) -> None:
        _check_live(policy, options, workload)
        self.charters = list(charters)
        self.policy, self.first, self.options = policy, first, options
        self._room, self._burst = room if workload is None else max(room, 3 * len(workload.jobs) // 2), burst
        if workload is None:
            teams = [team.path for team in charters[0].leaves]
            pools = [pool.name for pool in charters[0].pools]
            self.roll = Roll(teams, pools, origin_ms=origin_ms, unknown_ms=k.UNKNOWN)
        else:
            self.roll = Roll.of(workload, unknown_ms=k.UNKNOWN)
        self._spares = Spares(spare)
        self._refusals = 16
        self._record = np.zeros(256, k.EVENT)
        self._recorded = self._submitted = 0
        self._passed_ms = self._answered_ms = -1
        self.closes_ms: list[int] = []
        self.edges_ms: list[int] = []
        self.rebuilds = -1
        self.next_ms = k.NEVER
        self._lay_out()

    # ------------------------------------------------------------------------------------------------------------ what is new

    def check(self, job: Asked) -> None:
        """Raise ``InputError`` where `admit` would."""
        self._place(job)
        self._check_job(job)

    def admit(self, job: Asked) -> int:
        """Make a job known; it waits from its ``SUBMITTED`` event on. Returns its number.

        Raises
        ------
        InputError
            C301, W101, W102 for a team or pool that no charter has; P110 for a job that cannot be.
        """
        pool, row, ref = self._place(job)
        self._check_job(job)
        number = self.roll.add(replace(job, pool=self.layout.pools[pool].name))
        user = self.roll.number("users", job.user)
        if number >= len(self.layout.state.jobs):
            self._room = 2 * (number + 1)
            self._lay_out()
            return number
        queue = self._spares.queue(self.layout, row, user, job.priority, solid=not job.preemptible)
        if queue is None:
            self._spares.more(job.team, pool)
            self._lay_out()
        else:
            self._write(number, job, queue, ref)
        return number

    def enact(self, charter: Charter) -> int:
        """Make another charter known; it comes into force with a ``CHARTER_ENACTED`` event of the number that is returned.

        Raises
        ------
        InputError
            P113 for a charter that divides a leaf with work that had to do with what was decided or counted so far; P130 where that
            comes out otherwise and no leaf is divided, which should not be; what `course` and `build` raise. Nothing has changed then.
        """
        course([*self.charters, charter], self.policy, first=self.first)
        saved = vars(self) | {"charters": list(self.charters), "_spares": copy(self._spares)}
        named = len(self.roll.names["teams"])
        self.charters.append(charter)
        try:
            self._lay_out()
        except InputError as error:
            vars(self).update(saved)
            self.roll.forget("teams", named)
            raise (self._other_past(charter) if isinstance(error, _OtherPastError) else error) from error
        return len(self.charters) - 1

    def ask(self, request: Request) -> None:
        """Make a request for credits known; raises ``InputError`` P112 for one that cannot be."""
        self._place(Asked(1, request.team, request.pool))
        self.roll.ask(request)

    def answer(self, name: str, at_ms: int, granted_gpu_ms: int, *, reason: str = "") -> Request:
        """Answer a request: what is not granted is demand from then on, which is at the earliest right after the latest pass.

        Raises
        ------
        InputError
            P112 for a request that is not open, or for more than it asks for.
        """
        at_ms = max(at_ms, self._passed_ms + 1, self._answered_ms)
        answered = self.roll.answer(name, at_ms, granted_gpu_ms, reason)
        self._answered_ms = at_ms
        if granted_gpu_ms < answered.amount_gpu_ms and self.layout.promised:
            told = refusal_rows(self.roll.workload(), self.layout.reference, [one.name for one in self.layout.pools])
            if len(told) <= len(self.layout.state.refusals):
                g = self.layout.state.glob[0]
                taken = int(g["refused_n"])
                self.layout.state.refusals[taken : len(told)] = told[taken:]
                g["n_refusals"] = len(told)
            else:
                self._refusals = 2 * len(told)
                self._lay_out()
        return answered

    # ------------------------------------------------------------------------------------------------------------ what happens

    def take(self, at_ms: int, events: Events) -> Answer:
        """Tell what happened at one instant, as `Core.take`; what is not refused is kept in the record.

        Raises
        ------
        InputError
            P102 as of `Core.take`; P111 for submissions of other jobs than those that were admitted next.
        """
        told = in_order(events)
        submitted = told["subject"][told["kind"] == k.SUBMITTED]
        self._check_submitted(submitted)
        answer = self._core.take(at_ms, told)
        self._submitted += len(submitted)
        self.roll.submitted(self._submitted - len(submitted), self._submitted, at_ms)
        self._keep(at_ms, answer)
        self._passed_ms, self.next_ms = at_ms, answer.next_ms
        return answer

    def close(self, at_ms: int) -> None:
        """Record totals up to ``at_ms``, which is after the latest pass."""
        self._check_close(at_ms)
        self._core.close(at_ms)
        self.closes_ms.append(at_ms)

    def close_promises(self, at_ms: int) -> None:
        """Record the totals of promises up to ``at_ms``, which is after the latest pass."""
        self._check_close(at_ms)
        self._core.close_promises(at_ms)
        self.edges_ms.append(at_ms)

    def retrace(self, record: Events, *, closes_ms: Iterable[int] = (), edges_ms: Iterable[int] = ()) -> None:
        """Go on with a record of the workload and charters that the core was made of.

        Raises
        ------
        InputError
            P102 for an event that cannot be.
        """
        passes = record["kind"] == k.PASS
        self._record, self._recorded = record.copy(), len(record)
        self._submitted = int((record["kind"] == k.SUBMITTED).sum())
        self._passed_ms = int(record["time_ms"][passes][-1]) if passes.any() else -1
        self._answered_ms = max([-1, *(at for at in self.roll.requests().answered_ms.tolist() if at >= 0)])
        self.closes_ms, self.edges_ms = list(closes_ms), list(edges_ms)
        self._tell_again()

    # ------------------------------------------------------------------------------------------------------------ what is known

    @property
    def core(self) -> Core:
        """The core as it is laid out now; to be read only, and asked for anew after every change."""
        return self._core

    @property
    def layout(self) -> Layout:
        """How it is laid out now."""
        return self._core.layout

    @property
    def record(self) -> Events:
        """Every event so far, each batch ending with its ``PASS``."""
        return self._record[: self._recorded]

    @property
    def now_ms(self) -> int:
        """Time of the latest pass or close."""
        return self._core.now_ms

    @property
    def passed_ms(self) -> int:
        """Time of the latest pass; -1 before the first."""
        return self._passed_ms

    @property
    def submitted(self) -> int:
        """How many jobs were submitted: the number of the next."""
        return self._submitted

    @property
    def digest(self) -> str:
        """Name of all decisions so far."""
        return self._core.digest

    def workload(self) -> Workload:
        """Return all that was asked for so far."""
        return self.roll.workload()

    # ------------------------------------------------------------------------------------------------------------ laying out

    def _lay_out(self) -> None:
        """Lay out all that is known with spare rows, and tell it what happened so far."""
        plans = course(self.charters, self.policy, first=self.first)
        for path in sorted({team.path for one in plans for team in one.charter.leaves}):
            self.roll.number("teams", path)
        for pool in self.charters[0].pools:
            self.roll.number("pools", pool.name)
        workload, spare = padded(
            self.roll.workload(), plans[0], self.charters[0].pools, self._spares, self._room, self._refusals
        )
        layout = build(
            workload, self.charters[0].pools, plans[0], reference=plans[0], later=[(one, one) for one in plans[1:]],
            options=self.options, run_times="unknown", burst=self._burst,
        )  # fmt: skip
        layout = self._with_bonds(layout, self.roll.count)
        g = layout.state.glob[0]
        g["n_arrivals"] = self.roll.count
        g["n_refusals"] = max(0, int(g["n_refusals"]) - spare)
        self._spares.found(layout, workload, self.roll.count)
        self._lines = {path: plans[0].leaf_of(path) for path in self.roll.names["teams"]}
        before = getattr(self, "_core", None)
        self._core = Core(layout, lasting=True)
        self.rebuilds += 1
        try:
            self._tell_again()
        except InputError as error:
            raise _OtherPastError("P130", "what was decided before comes out otherwise") from error
        if before is not None and not _same_past(before, self._core):
            raise _OtherPastError("P130", "what was counted before comes out otherwise")

    def _other_past(self, charter: Charter) -> InputError:
        """Say why a charter cannot come into force: which teams it divides that have, or had, work."""
        numbers: list[int] = np.unique(self.workload().jobs.team).tolist()
        worked = {self.roll.names["teams"][number] for number in numbers}
        parents = {team.parent for team in charter.teams}
        divided = sorted(
            path for one in self.charters for path in (team.path for team in one.leaves) if path in parents
        )
        if not divided:
            return InputError(
                "P130",
                "under this charter earlier decisions come out otherwise, though it divides no team",
                hint="a defect: the charter before stays in force; please report it with the ledger",
            )
        names = [path for path in dict.fromkeys(divided) if path in worked] or divided
        jobs, rows = self.workload().jobs, self._core.state.jobs[: self._submitted]
        teams = [self.roll.names["teams"].index(path) for path in names]
        of_them = np.isin(jobs.team[: self._submitted], teams)
        left: int = int((of_them & ~np.isin(rows["state"], _OVER)).sum())
        return InputError(
            "P113",
            f"this charter divides {', '.join(names)}, whose work ({left} jobs of it wait or run) earlier decisions rest on",
            hint=_REMEDY,
        )

    def _tell_again(self) -> None:
        told = stretches(self._core, self.record, closes_ms=self.closes_ms, edges_ms=self.edges_ms, ended=False)
        for stretch in told:
            for row in stretch.refused[:1]:
                raise InputError("P102", f"{sentence(row)}: {REASONS[int(row['refused'])]}", hint="of another record")
            self.next_ms = int(stretch.events["until_ms"][-1])

    def _with_bonds(self, layout: Layout, count: int) -> Layout:
        """Give every row a place for jobs that wait for it."""
        state, rows = layout.state, len(layout.state.jobs)
        bonds, edges = np.zeros(rows, k.BOND), np.full(2 * rows, -1, np.int32)
        bonds["dependents"] = -1
        bonds[: len(state.bonds)] = state.bonds
        waiting = np.flatnonzero(self.roll.after() >= 0)
        edges[: 2 * len(waiting)] = state.edges[: 2 * len(waiting)]
        self._edges = len(waiting)
        self._last_edge: dict[int, int] = {}
        after = self.roll.after()
        for at, job in enumerate(waiting[::-1].tolist()):
            self._last_edge.setdefault(int(after[job]), at)
        state.glob[0]["n_bonds"] = rows
        return replace(layout, state=state._replace(bonds=bonds, edges=edges), n_jobs=count)

    def _write(self, number: int, job: Asked, queue: int, ref: int) -> None:
        """Write a job into its spare row as `state.build` would have."""
        state = self.layout.state
        row = state.jobs[number]
        row["gang"], row["savepoint_ms"], row["queue"], row["ref"] = job.gang, job.savepoint_ms, queue, ref
        row["duration_ms"], row["estimate_ms"] = k.UNKNOWN, job.walltime_ms if job.walltime_ms > 0 else -1
        state.glob[0]["n_arrivals"] = number + 1
        if job.after >= 0 and int(state.jobs[job.after]["state"]) not in _OVER:
            state.bonds[number]["waits_for"] = 1
            state.edges[2 * self._edges] = number
            last = self._last_edge.get(job.after)
            if last is None:
                state.bonds[job.after]["dependents"] = self._edges
            else:
                state.edges[2 * last + 1] = self._edges
            self._last_edge[job.after] = self._edges
            self._edges += 1

    def _place(self, job: Asked) -> tuple[int, int, int]:
        """Return the pool, row and reference row of a job's queue."""
        layout = self.layout
        names = [pool.name for pool in layout.pools]
        if job.pool not in names and not (job.pool == "" and len(names) == 1):
            raise InputError("W101", f"no pool '{job.pool}' in the charter", hint="pools: " + ", ".join(names))
        pool = 0 if job.pool == "" else names.index(job.pool)
        line = self._lines.get(job.team)
        if line is None:
            line = layout.plan.leaf_of(job.team)
            if layout.plan.lines[line].children:
                raise InputError("W102", f"team '{job.team}' has teams of its own", hint="only leaves hold workloads")
            self._lines[job.team] = line
        return pool, pool * len(layout.plan.lines) + line, pool * len(layout.reference.lines) + line

    def _check_job(self, job: Asked) -> None:
        fits = 0 < job.gang < _FITS and abs(job.priority) < _FITS and 0 <= job.walltime_ms <= REACH_MS
        if not (fits and 0 <= job.savepoint_ms < k.UNKNOWN and -1 <= job.after < self.roll.count):
            raise InputError(
                "P110",
                f"a job of {job.gang} gpu for {job.walltime_ms} ms after job {job.after} cannot be",
                hint="a gang of 1 or more, a walltime of at most 400 days, and a job asked for before as the one to wait for",
            )

    def _check_submitted(self, numbers: NDArray[np.int32]) -> None:
        first, last = self._submitted, self._submitted + len(numbers)
        if len(numbers) and (last > self.roll.count or not np.array_equal(numbers, np.arange(first, last))):
            raise InputError(
                "P111",
                f"jobs {', '.join(map(str, numbers[:5].tolist()))} are submitted where job {first} is next",
                hint="jobs are submitted in the order in which they were admitted, each once",
            )

    def _check_close(self, at_ms: int) -> None:
        if at_ms <= self._passed_ms:
            raise InputError(
                "P102", f"a close at {at_ms} ms after a pass at {self._passed_ms} ms", hint="a close comes before"
            )

    def _keep(self, at_ms: int, answer: Answer) -> None:
        """Add a pass to the record."""
        taken, n = answer.taken, self._recorded
        after = n + len(taken) + 1
        if after > len(self._record):
            self._record = np.concatenate([self._record[:n], np.zeros(max(n, 2 * (after - n)), k.EVENT)])
        taken["time_ms"] = at_ms
        self._record[n : after - 1] = taken
        self._record[after - 1] = event(k.PASS, at_ms=at_ms, detail=len(answer.decisions))[0]
        self._recorded = after


def _check_live(policy: str, options: Options, workload: Workload | None) -> None:
    if workload is not None and workload.services:
        raise InputError(
            "P131",
            f"{workload.services[0].name} is a service, and services are not run live",
            hint="submit its replicas as jobs, one each, or the most that it needs as one gang; simulate it with `equipoise simulate`",
        )
    if policy not in LIVE or options.estimates != "declared":
        raise InputError(
            "P109",
            f"'{policy}' with {options.estimates} estimates cannot be run on what is known at the time",
            hint=f"one of {', '.join(LIVE)}, with declared estimates",
        )


def _same_past(before: Core, after: Core) -> bool:
    """Whether a core that knows more has decided and counted the same."""
    if before.digest != after.digest:
        return False
    lines = [{line.path: at for at, line in enumerate(core.layout.reference.lines)} for core in (before, after)]
    own, new = np.array([(at, lines[1][path]) for path, at in lines[0].items()], np.int64).T
    n, pools = len(before.layout.promised), range(len(before.layout.pools))
    spans = sum(one.spans for one in before.layout.promised)
    rows = [np.concatenate([p * len(of) + at for p in pools]) for of, at in zip(lines, (own, new), strict=True)]
    return (
        np.array_equal(before.pools, after.pools)
        and (len(before.closes_ms) == 0 or np.array_equal(before.teams[:, rows[0]], after.teams[:, rows[1]]))
        and all(
            np.array_equal(totals[:n], after.promises[at_ms][0][:n])
            and np.array_equal(windows[:spans], after.promises[at_ms][1][:spans])
            for at_ms, (totals, windows) in before.promises.items()
        )
    )


class _OtherPastError(InputError):
    """What was decided or counted comes out otherwise in a core that knows more."""
