"""Where a team stands at an instant of a replay: floors, loans, its queue, and its account so far."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from equipoise.charter.model import Charter
from equipoise.errors import InputError
from equipoise.policy.kernel.layout import CLAIMED, NEVER, PENDING, RUNNING, State
from equipoise.policy.plan import plan
from equipoise.policy.standing import Gang, Loan, Standing, loans, standings
from equipoise.policy.state import Options, build
from equipoise.simulator.days import midnights
from equipoise.simulator.record import Record, needs_decisions
from equipoise.simulator.replay import Replay
from equipoise.simulator.results import Results, results
from equipoise.simulator.timeline import Timeline
from equipoise.tasks.compilation import compile_scheduler
from equipoise.tasks.simulate import Log, Rules, Watch, check_teams, enforceable, read_both
from equipoise.traces.values import instants
from equipoise.units import duration_ms
from equipoise.workload import Workload

FIGURES = (
    "delivered_gpu_h", "entitled_gpu_h", "denied_gpu_h", "lost_gpu_h", "starvation", "started", "wait_mean_s",
    "wait_p95_s", "reclaims",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Head:
    """The job of a team that has waited longest in a pool."""

    name: str
    gpus: int
    waited_ms: int


@dataclass(frozen=True, slots=True)
class Turn:
    """What a leaf has saved up for a gang larger than its floor: ``saved`` of 1, when it has its turn."""

    name: str
    gpus: int
    saved: float


@dataclass(frozen=True, slots=True)
class InPool:
    """A team in one pool.

    Parameters
    ----------
    pool : str
    standing : Standing
    lends, borrows : tuple of Loan
        With teams outside it; names are in ``TeamStanding.charter``.
    waiting_jobs : int
    head : Head or None
    turn : Turn or None
        Of a leaf.
    """

    pool: str
    standing: Standing
    lends: tuple[Loan, ...]
    borrows: tuple[Loan, ...]
    waiting_jobs: int
    head: Head | None
    turn: Turn | None


@dataclass(frozen=True, slots=True, eq=False)
class TeamStanding:
    """Where a team stands.

    Parameters
    ----------
    path : str
    charter : Charter
    at_ms : int
        Since the log's first submission.
    pools : tuple of InPool
    account : dict
        Its figures so far, of all pools.
    """

    path: str
    charter: Charter
    at_ms: int
    pools: tuple[InPool, ...]
    account: dict[str, Any]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "team": self.path,
            "at_s": self.at_ms / 1000,
            "pools": {each.pool: self._pool(each) for each in self.pools},
            "account": self.account,
        }

    def _pool(self, of: InPool) -> dict[str, Any]:
        now = of.standing
        names = ("floor", "limit", "entitlement", "held", "demand", "waiting", "insecure")
        teams = self.charter.teams
        plain: dict[str, Any] = {f"{name}_gpus": getattr(now, name) for name in names}

        def told(loan: Loan, other: int) -> dict[str, Any]:
            return {"team": teams[other].path, "gpus": loan.gpus, "back_within_s": teams[loan.lender].recover_ms / 1000}

        plain["lends"] = [told(loan, loan.borrower) for loan in of.lends]
        plain["borrows"] = [told(loan, loan.lender) for loan in of.borrows]
        plain["waiting_jobs"] = of.waiting_jobs
        head, turn = of.head, of.turn
        plain["head"] = head and {"job": head.name, "gpus": head.gpus, "waited_s": head.waited_ms / 1000}
        plain["turn"] = turn and {"job": turn.name, "gpus": turn.gpus, "saved": turn.saved}
        return plain


def team_standing(
    path: str,
    log: Log,
    charter: Rules,
    *,
    at: str | None = None,
    policy: str = "charter",
    first: str = "product",
    progress: Watch | None = None,
    announce: Any = None,
    **reading: Any,
) -> TeamStanding:
    """Replay a log up to an instant and say where a team stands.

    Parameters
    ----------
    path : str
        A team's full path.
    log, charter, policy, first
        As of ``simulate``.
    at : str or None
        A duration since the log's first submission (``36h``), or a date, where the log has a calendar; what happens at
        that instant has happened. None: the last submission.
    **reading
        Options of ``traces.read``.

    Raises
    ------
    InputError
        C301 no such team; S102 for a time that is none; else as ``simulate``.
    """
    workload, rules = read_both(log, charter, reading)
    team = rules.id_of(path)
    check_teams(workload, rules, named="the charter")
    at_ms = _instant(at, workload, str(reading.get("timezone") or "UTC"))
    compile_scheduler(announce=announce)
    reference = plan(rules)
    way = reference if policy == "charter" else plan(rules, policy, first=first)
    options = Options(enforce_walltime=enforceable(workload))
    replay = Replay(
        build(workload, rules.pools, way, reference=reference, options=options),
        keep=needs_decisions(way, workload, outages=False),
    )
    Timeline(
        replay,
        midnight_after=midnights(rules.timezone, workload.origin_ms),
        progress=None if progress is None else lambda now: progress(policy, now),
    ).run(at_ms + 1)
    if not replay.over:
        replay.close(at_ms)
    run = results(Record(replay.result(), workload, rules, way, reference, options=options))
    pools = tuple(_in_pool(replay, run, rules, number, team, at_ms) for number in range(len(rules.pools)))
    account = run.teams.row(by_predicate=pl.col("team") == path, named=True)
    return TeamStanding(path, rules, at_ms, pools, {name: account[name] for name in FIGURES})


def _instant(at: str | None, workload: Workload, timezone: str) -> int:
    if at is None:
        return workload.asked_ms
    try:
        return duration_ms(at)
    except InputError:
        parsed = instants(pl.Series([at]), timezone)
    if not parsed.known[0] or workload.origin_ms is None or int(parsed.value[0]) < workload.origin_ms:
        hint = "a duration since its first submission, such as 36h, or a date, where the log has a calendar"
        raise InputError("S102", f"'{at}' is no time of the log", hint=hint)
    return int(parsed.value[0]) - workload.origin_ms


def _in_pool(replay: Replay, run: Results, charter: Charter, number: int, team: int, at_ms: int) -> InPool:
    jobs = replay.jobs
    lines = [line.path for line in run.record.reference.lines]
    here = np.flatnonzero((jobs["ref"] // len(lines) == number) & np.isin(jobs["state"], (PENDING, CLAIMED, RUNNING)))
    firm = _firm(run, len(jobs))
    gangs = [
        Gang(
            charter.id_of(lines[int(jobs["ref"][job]) % len(lines)]),
            int(jobs["gang"][job]),
            job,
            int(jobs["start_ms"][job]) if jobs["state"][job] == RUNNING else None,
            preemptible=not firm[job],
        )
        for job in here.tolist()
    ]
    pool = charter.pools[number]
    capacity = int(replay.pool_capacity(number))
    found = standings(charter, pool.name, capacity, gangs)
    inside = _inside(charter, team)
    between = [loan for loan in loans(charter, capacity, found) if (loan.lender in inside) != (loan.borrower in inside)]
    waits = [gang for gang in gangs if gang.start_ms is None and gang.team in inside]
    return InPool(
        pool.name,
        found[team],
        tuple(loan for loan in between if loan.lender in inside),
        tuple(loan for loan in between if loan.borrower in inside),
        len(waits),
        _head(run, jobs, waits, at_ms),
        _turn(replay, run, number, charter.teams[team].path, at_ms),
    )


def _firm(run: Results, count: int) -> np.ndarray[tuple[int], np.dtype[np.bool_]]:
    """Which jobs cannot be stopped; replicas of services can."""
    firm = np.zeros(count, np.bool_)
    preemptible = run.record.workload.jobs.preemptible
    firm[: len(preemptible)] = ~preemptible
    return firm


def _inside(charter: Charter, team: int) -> set[int]:
    path = charter.teams[team].path
    return {n for n, other in enumerate(charter.teams) if other.path == path or other.path.startswith(f"{path}.")}


def _head(run: Results, jobs: Any, waits: list[Gang], at_ms: int) -> Head | None:
    if not waits:
        return None
    oldest = min(waits, key=lambda gang: (int(jobs["eligible_ms"][gang.job]), gang.job))
    return Head(_name(run, oldest.job), oldest.gpus, at_ms - int(jobs["eligible_ms"][oldest.job]))


def _turn(replay: Replay, run: Results, number: int, path: str, at_ms: int) -> Turn | None:
    executed = replay.layout.plan
    if executed.one_queue:
        return None
    state = replay.layout.state
    row = state.rows[number * len(executed.lines) + executed.line_of(path)]
    job = int(row["turn_job"])
    if job < 0:
        return None
    jobs = replay.jobs
    price = float(jobs["gang"][job]) * float(jobs["estimate_ms"][job])
    crossed = int(row["crossed_ms"]) < NEVER
    saved = 1.0 if crossed or not price else min(1.0, _saved(state, row, at_ms) / price)
    return Turn(_name(run, job), int(jobs["gang"][job]), saved)


def _saved(state: State, row: Any, at_ms: int) -> float:
    """Return what a row has saved up by an instant, as `kernel.turns` will reckon it when next it looks."""
    share = state.shares[int(row["share"])]
    turn = float(row["turn"]) + float(share["floor"]) * (at_ms - int(row["turn_ms"]))
    if share["parent"] < 0:
        return turn
    up = state.shares[int(share["parent"])]
    pace = float(up["rest"]) / float(up["weights"]) if up["weights"] > 0 else float(up["due"])
    level = float(up["acc_level"]) + pace * (at_ms - int(up["level_ms"]))
    return turn + float(share["weight"]) * (level - float(row["turn_level"]))


def _name(run: Results, job: int) -> str:
    workload = run.record.workload
    if job >= len(workload.jobs):
        return "a replica of a service"
    return str(job) if workload.jobs.name is None else workload.jobs.name[job]
