"""Why does a job wait: replay a log up to an instant, and explain one of its jobs there.

`why` is the main path: it finds the job and the instant, replays up to it while it predicts and judges (`Lookout`), then lets
`policy.why` explain and `simulator.forecast` predict.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import numpy as np

from equipoise.charter.model import Charter
from equipoise.errors import InputError
from equipoise.policy.kernel import layout as k
from equipoise.policy.latency import Latency
from equipoise.policy.plan import Plan, plan
from equipoise.policy.state import Options, build
from equipoise.policy.why import Explanation, explain
from equipoise.simulator.calibration import MOST_MS, Forecast, Guess, coverage, stretches
from equipoise.simulator.days import midnights
from equipoise.simulator.forecast import RECENT, Past, starts_ms
from equipoise.simulator.replay import NodeChange, Replay
from equipoise.simulator.timeline import Timeline
from equipoise.tasks.compilation import compile_scheduler
from equipoise.tasks.outages import read_outages
from equipoise.tasks.simulate import Log, Rules, Watch, as_charter, as_workload, check_teams, enforceable, way_of
from equipoise.units import DAY_MS, HOUR_MS, duration_ms
from equipoise.workload import Workload
from equipoise.workload.draws import Draws

LOOKS = 24
"""At so many instants before, predictions are made to be judged."""
JOBS_A_LOOK = 4
REPLICAS = 25
LOOKS_BACK_MS = 14 * DAY_MS
FIRST_STREAM = 1_000_000  # of the draws of jobs; futures have the streams below it


@dataclass(frozen=True, slots=True)
class Answer:
    """Why a job waits, and when it is predicted to start.

    Parameters
    ----------
    explanation : Explanation
    name : str
        The job by the log's own identifier, or its row.
    at_ms : int
        The instant that was asked about; the explanation is of the latest event before it.
    forecast : Forecast or None
        None for a job that does not wait, or if none was asked for.
    workload : Workload
        For the names of jobs.
    policy : str
    """

    explanation: Explanation
    name: str
    at_ms: int
    policy: str
    workload: Workload
    forecast: Forecast | None = None

    def job_name(self, job: int) -> str:
        """Return what the log calls a job; a replica of a service has no row."""
        names = self.workload.jobs.name
        if job >= len(self.workload.jobs):
            return f"replica {job - len(self.workload.jobs)}"
        return str(job) if names is None else names[job]


def why(
    job: str | int,
    log: Log,
    charter: Rules,
    *,
    at: str | int | None = None,
    policy: str = "charter",
    first: str = "product",
    estimates: str = "declared",
    enforce_walltime: bool | None = None,
    outages: str | os.PathLike[str] | Sequence[NodeChange] = (),
    latency: Latency | None = None,
    predict: bool = True,
    seed: int = 0,
    progress: Watch | None = None,
    announce: Callable[[str], None] | None = None,
    **reading: Any,
) -> Answer:
    """Explain why a job waits at an instant of a replay.

    Parameters
    ----------
    job : str or int
        The log's own identifier, or where it has none the row, from 0.
    log, charter, policy, first, estimates, enforce_walltime, outages, latency, reading
        As of `tasks.simulate.simulate`.
    at : str, int or None
        A duration since the log's first submission (``3d``), an instant (``2017-10-03T12:00``) or milliseconds; None:
        halfway through the job's first wait.
    predict : bool
        Whether to predict when it starts, and judge earlier predictions.
    seed : int
        Of the prediction's draws.

    Raises
    ------
    InputError
        Y101 no such job; Y102 an instant that cannot be read; Y103 the job is not submitted yet, never waits, or has
        started; else as `simulate`.
    """
    rules = as_charter(charter)
    workload = as_workload(log, [rules], reading)
    check_teams(workload, rules, named="the charter")
    row = find_job(job, workload)
    nodes = read_outages(outages, rules) if isinstance(outages, (str, os.PathLike)) else tuple(outages)
    enforced = enforceable(workload) if enforce_walltime is None else enforce_walltime
    reference = plan(rules)
    way = way_of(policy, rules, reference, first=first)
    options = Options(estimates=estimates, enforce_walltime=enforced, latency=latency)
    road = Road(workload, rules, way.plan, reference, options, nodes, name=policy, progress=progress)
    compile_scheduler(outages=True, announce=announce)
    submit_ms = int(workload.jobs.submit_ms[row])
    at_ms = road.halfway(row) if at is None else read_instant(at, workload)
    if at_ms < submit_ms:
        raise InputError(
            "Y103",
            f"job {job} is not submitted yet at {_offset(at_ms)}",
            hint=f"it is submitted at {_offset(submit_ms)}",
        )
    replay, timeline = road.begun()
    lookout = Lookout(replay, timeline, workload, enforced=enforced, seed=seed)
    lookout.go(at_ms, predict=predict)
    if announce is not None:
        announce("trying changes …")
    found = Answer(
        explain(replay.state, replay.layout, row),
        name=str(job),
        at_ms=at_ms,
        policy=policy,
        workload=workload,
    )
    if predict and found.explanation.state in ("waiting", "claimed"):
        return lookout.predicted(found)
    return found


def find_job(job: str | int, workload: Workload) -> int:
    """Return the row of a job; raises ``InputError`` Y101 if there is none, or several, of that name."""
    names, count = workload.jobs.name, len(workload.jobs)
    if names is not None and not isinstance(job, int):
        rows = [row for row, name in enumerate(names) if name == job]
        if len(rows) == 1:
            return rows[0]
        hint = "such as " + ", ".join(names[:5]) if not rows else f"rows {', '.join(map(str, rows[:5]))}"
        raise InputError("Y101", f"{len(rows) or 'no'} jobs are called '{job}'", hint=hint)
    text = str(job)
    if text.isascii() and text.isdigit() and len(text) < 12 and int(text) < count:
        return int(text)
    raise InputError("Y101", f"no job '{job}'", hint=f"the log has no names of jobs: say a row, 0 to {count - 1}")


def read_instant(at: str | int, workload: Workload) -> int:
    """Return milliseconds since the log's first submission; raises ``InputError`` Y102."""
    if isinstance(at, int):
        return at
    try:
        moment = datetime.fromisoformat(at) if "-" in at else None
    except ValueError:
        moment = None
    if moment is not None:
        if workload.origin_ms is None:
            raise InputError(
                "Y102", f"'{at}': the log has no calendar", hint="say how long after its start, such as 3d"
            )
        utc = moment if moment.tzinfo is not None else moment.replace(tzinfo=UTC)
        return round(utc.timestamp() * 1000) - workload.origin_ms
    try:
        return duration_ms(at)
    except InputError as error:
        raise InputError(
            "Y102", f"'{at}' is no instant", hint="a duration since the start (90m, 3d) or a date (2017-10-03T12:00)"
        ) from error


class Road:
    """One replay that can be begun again: up to the wait of a job, then up to the instant that is asked about."""

    def __init__(
        self,
        workload: Workload,
        charter: Charter,
        way: Plan,
        reference: Plan,
        options: Options,
        nodes: Sequence[NodeChange],
        *,
        name: str,
        progress: Watch | None,
    ) -> None:
        self._workload, self._charter, self._nodes = workload, charter, nodes
        self._way, self._reference, self._options = way, reference, options
        self._name, self._progress = name, progress

    def begun(self) -> tuple[Replay, Timeline]:
        """Return the replay at its beginning, which keeps its decisions, and its road."""
        layout = build(self._workload, self._charter.pools, self._way, reference=self._reference, options=self._options)
        replay = Replay(layout, keep=True)
        told, name = self._progress, self._name
        return replay, Timeline(
            replay,
            midnight_after=midnights(self._charter.timezone, self._workload.origin_ms),
            nodes=self._nodes,
            progress=None if told is None else lambda now: told(name, now),
        )

    def halfway(self, row: int) -> int:
        """Return the middle of the job's first wait; its submission if it never waits, the run's end if it never starts."""
        replay, timeline = self.begun()
        at_ms = int(self._workload.jobs.submit_ms[row]) + 1
        step_ms = HOUR_MS
        while not replay.over:
            timeline.run(at_ms)
            job = replay.state.jobs[row]
            if int(job["first_ms"]) >= 0 or int(job["state"]) in (k.REFUSED, k.CANCELLED):
                break
            at_ms += step_ms
            step_ms = min(2 * step_ms, 30 * DAY_MS)
        job = replay.state.jobs[row]
        if int(job["eligible_ms"]) < 0:
            return int(self._workload.jobs.submit_ms[row])
        ends_ms = int(job["first_ms"]) if int(job["first_ms"]) >= 0 else replay.now_ms
        return (int(job["eligible_ms"]) + ends_ms) // 2


class Lookout:
    """Goes along a replay, predicts starts of waiting jobs on the way, and judges the predictions by what came of them."""

    def __init__(
        self,
        replay: Replay,
        timeline: Timeline,
        workload: Workload,
        *,
        enforced: bool,
        seed: int,
        past: Past = RECENT,
        replicas: int = REPLICAS,
    ) -> None:
        self._replay, self._timeline, self._replicas = replay, timeline, replicas
        self._walltimes = workload.jobs.walltime_ms
        self._enforced, self._seed, self._past = enforced, seed, past
        self._guesses: list[Guess] = []

    def go(self, at_ms: int, *, predict: bool) -> None:
        """Carry out all instants up to and with ``at_ms``, with looks before it if predictions are wanted."""
        if predict:
            begins_ms = max(at_ms - LOOKS_BACK_MS, 0)
            for number in range(LOOKS):
                self._timeline.run(begins_ms + (at_ms - begins_ms) * number // LOOKS)
                self.look(number)
        self._timeline.run(at_ms + 1)

    def look(self, number: int, *, jobs: int = JOBS_A_LOOK) -> None:
        """Predict the starts of a few jobs that wait now, drawn at random."""
        state = self._replay.state
        waiting = np.flatnonzero(state.jobs["state"][: self._replay.layout.n_jobs] == k.PENDING)
        if len(waiting):
            chance = Draws(self._seed, stream=FIRST_STREAM + number)
            self.guess(np.unique(waiting[chance.below(len(waiting), jobs)]).tolist(), number)

    def waits(self, row: int) -> bool:
        """Whether a job is in a queue now."""
        return int(self._replay.state.jobs["state"][row]) == k.PENDING

    def guess(self, rows: Sequence[int], number: int) -> list[Guess]:
        """Predict the starts of waiting jobs, and remember it, to be judged."""
        played = starts_ms(
            self._replay.state,
            self._replay.layout,
            rows,
            walltimes=self._walltimes,
            seed=self._seed + number,
            replicas=self._replicas,
            enforced=self._enforced,
            past=self._past,
        )
        made = [Guess.of(self._replay.now_ms, row, played[:, place]) for place, row in enumerate(rows)]
        self._guesses += made
        return made

    @property
    def guesses(self) -> list[Guess]:
        """All predictions so far, in order of time."""
        return self._guesses

    def started_ms(self) -> list[int]:
        """When the job of each prediction started (``NEVER``: not yet), by the decisions so far."""
        decisions = self._replay.decisions
        assert decisions is not None, "the replay was to keep its decisions"
        starts = decisions[decisions["kind"] == k.START]
        order = np.lexsort((starts["time_ms"], starts["job"]))
        jobs, times = starts["job"][order], starts["time_ms"][order]
        found: list[int] = []
        for guess in self._guesses:
            low, high = np.searchsorted(jobs, (guess.job, guess.job + 1))
            later = times[low:high][times[low:high] > guess.at_ms]
            found.append(int(later[0]) if len(later) else k.NEVER)
        return found

    def predicted(self, answer: Answer) -> Answer:
        """Return the answer with a prediction, stretched as earlier ones call for (not where a claim's deadlines stand)."""
        earlier, now_ms = list(self._guesses), self._replay.now_ms
        starts = self.started_ms()
        guess = self.guess([answer.explanation.job], LOOKS)[0]
        found = None
        low_ms, high_ms = guess.low_ms, guess.high_ms
        if answer.explanation.state == "waiting":
            _, found = stretches(earlier, starts, now_ms=now_ms)
            low_ms, high_ms = found.interval_ms(guess)
        judged = coverage(earlier, starts, now_ms=now_ms)
        low, high = (None if end_ms >= now_ms + MOST_MS else end_ms for end_ms in (low_ms, high_ms))
        return replace(answer, forecast=Forecast(low, high, self._replicas, found, judged))


def _offset(at_ms: int) -> str:
    days, rest = divmod(at_ms, DAY_MS)
    hours, rest = divmod(rest, HOUR_MS)
    clock = f"{hours:02}:{rest // 60_000:02}:{rest % 60_000 // 1000:02}"
    return f"day {days} {clock} after the log's start"
