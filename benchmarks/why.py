"""How often predicted starts hold on the Philly log: the tables of docs/why.md.

`python -m benchmarks.why` prints them; with `--write` it puts them into the page. Some 20 minutes: every question is played forward by
the method of today and by the one before it.
"""

from __future__ import annotations

import math
import statistics
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks import _why_before as before
from benchmarks.philly import CHARTER, LOG, ROOT, halved, with_tables
from equipoise.charter.model import Charter
from equipoise.charter_io import load
from equipoise.policy.kernel.layout import CLAIM, NEVER, PENDING, RING, START
from equipoise.policy.plan import plan
from equipoise.policy.state import Options
from equipoise.report.figures import hours, part, span
from equipoise.simulator.calibration import LEAST_MS, MOST_MS, Guess, stretches
from equipoise.simulator.run_times import RunTimes
from equipoise.tasks.simulate import as_workload
from equipoise.tasks.why import Lookout, Road
from equipoise.units import DAY_MS, HOUR_MS
from equipoise.workload import Workload
from equipoise.workload.draws import Draws

PAGE = ROOT / "docs" / "why.md"
SEED = 2019
"""Of instants that nobody had looked at when the method was fixed; what was chosen on which is told in the page."""
INSTANTS = 100
JOBS = 5
BEGINS_MS, ENDS_MS = 8 * DAY_MS, 118 * DAY_MS
TESTED_MS = 60 * DAY_MS
WORK_DAYS, WORK_DRAWS = (30, 40, 50, 60, 75, 90, 105), 100
SHORT_MS, LONG_MS = 6 * HOUR_MS, 3 * DAY_MS


@dataclass(frozen=True, slots=True)
class Judged:
    """A question, when its job started, and an interval that was predicted for it."""

    guess: Guess
    start_ms: int
    low_ms: int
    high_ms: int

    @property
    def held(self) -> bool:
        """Whether the job started within the interval."""
        return self.low_ms <= self.start_ms <= self.high_ms

    def wait(self, at_ms: int) -> float:
        """Return a time since the question as the logarithm of a wait, of a minute at least and of what is played at most."""
        return math.log(min(max(at_ms - self.guess.at_ms, LEAST_MS), MOST_MS))

    @property
    def winkler(self) -> float:
        """The interval score of the logarithms (T. Gneiting, A. Raftery, doi:10.1198/016214506000001437, equation 43)."""
        low, start, high = self.wait(self.low_ms), self.wait(self.start_ms), self.wait(self.high_ms)
        return high - low + 10.0 * (max(low - start, 0.0) + max(start - high, 0.0))


@dataclass(frozen=True, slots=True)
class Both:
    """A question answered by both methods."""

    now: Judged
    then: Judged

    @property
    def wait_ms(self) -> dict[str, int]:
        """How long the job was still to wait: as was predicted, and as it did."""
        guess = self.now.guess
        return {"predicted": guess.middle_ms - guess.at_ms, "waited": self.now.start_ms - guess.at_ms}


Looks = Callable[[Road, Sequence[Lookout], Workload], None]


def main() -> None:
    if not LOG.is_file():
        print("../shared/data is not here: nothing to replay")
        return
    made = tables()
    for text in made:
        print(text, end="\n\n")
    if "--write" in sys.argv[1:]:
        measured, errors = PAGE.read_text("utf-8").split("\n## Errors\n")
        PAGE.write_text("\n## Errors\n".join((with_tables(measured, made), errors)), "utf-8")


def tables() -> list[str]:
    """Return the tables of the page as Markdown, in its order."""
    whole = load(CHARTER)
    at_first, midway = judged(whole, at_submission), judged(whole, halfway)
    half = judged(halved(), at_random)
    tested = [both for both in half if both.now.guess.at_ms >= TESTED_MS]
    parts = [
        ("half the machine, days 60 to 118", tested),
        ("half the machine, days 8 to 60", [both for both in half if both.now.guess.at_ms < TESTED_MS]),
        ("the whole machine, when the wait begins", at_first),
        ("the whole machine, halfway through the wait", midway),
    ]
    return [by_part(parts), by_class(half), work(halved())]


def by_part(parts: Sequence[tuple[str, list[Both]]]) -> str:
    """Each part of the questions, by the method of today and by the one before."""
    rows = [
        "questions | method | number | held | 95 % interval | started before | started after | width (median)"
        " | still to wait (median) | Winkler score | replicas alone, held",
        "---|---|---:|---:|---:|---:|---:|---:|---:|---:|---:",
    ]
    for name, found in parts:
        rows.append(line(f"{name} | today", [both.now for both in found]))
        rows.append(line(f"{name} | before", [both.then for both in found]))
    return "\n".join(f"| {row} |" for row in rows)


def line(name: str, found: Sequence[Judged]) -> str:
    """Return one row of the first table."""
    n = len(found)
    early = sum(j.start_ms < j.low_ms for j in found)
    late = sum(j.start_ms > j.high_ms for j in found)
    wait_s = statistics.median(min(j.start_ms - j.guess.at_ms, MOST_MS) for j in found) / 1000
    cells = [name, f"{n}", *share(n - early - late, n), part(early / n), part(late / n), width(found)]
    alone = sum(j.guess.low_ms <= j.start_ms <= j.guess.high_ms for j in found)
    return " | ".join([*cells, span(wait_s), f"{statistics.mean(j.winkler for j in found):.2f}", part(alone / n)])


def by_class(half: list[Both]) -> str:
    """On half the machine, by how long a wait was predicted, and by how long it was."""
    rows = [
        "half the machine | number | held today | 95 % interval | width (median) | held before | width before (median)",
        "---|---:|---:|---:|---:|---:|---:",
    ]
    for name in ("predicted", "waited"):
        for which, low_ms, high_ms in (
            ("under 6 h", 0, SHORT_MS),
            ("6 h to 3 d", SHORT_MS, LONG_MS),
            ("over 3 d", LONG_MS, 2 * NEVER),
        ):
            found = [both for both in half if low_ms <= both.wait_ms[name] < high_ms]
            now, then = [both.now for both in found], [both.then for both in found]
            held, among = share(sum(j.held for j in now), len(now))
            old, _ = share(sum(j.held for j in then), len(then))
            cells = [f"{name} {which}", f"{len(found)}", held, among, width(now), old, width(then)]
            rows.append(" | ".join(cells))
    return "\n".join(f"| {row} |" for row in rows)


def work(charter: Charter) -> str:
    """What waiting jobs were predicted to run in all, by run times drawn as replicas draw them, and what they took."""
    workload, road = replayed(charter)
    replay, timeline = road.begun()
    rows = [
        "day | waiting jobs | GPU-hours they took | 80 % of draws | 80 % of draws, before",
        "---:|---:|---:|---:|---:",
    ]
    for day in WORK_DAYS:
        timeline.run(day * DAY_MS)
        waiting = np.flatnonzero(replay.state.jobs["state"][: replay.layout.n_jobs] == PENDING)
        times = RunTimes(replay.state)
        longest_ms = (RING - 2) * int(replay.state.pools["quantum_ms"].min())
        gpus = replay.state.jobs["gang"][waiting].astype(np.float64) / HOUR_MS
        today: list[float] = []
        once: list[float] = []
        for number in range(WORK_DRAWS):
            for found, each in ((once, times), (today, times.redrawn(Draws(SEED, stream=WORK_DRAWS + number)))):
                ran_ms = np.minimum(each.draw(waiting, Draws(SEED, stream=number)), longest_ms)
                found.append(float(gpus @ (ran_ms - times.ran_ms[waiting])))
        took = float(gpus @ (workload.jobs.duration_ms[waiting] - times.ran_ms[waiting]))
        ends = [np.quantile(drawn, (0.1, 0.9)).tolist() for drawn in (today, once)]
        cells = [f"{hours(low)} to {hours(high)}" for low, high in ends]
        rows.append(" | ".join([f"{day}", f"{len(waiting):,}", hours(took), *cells]))
    return "\n".join(f"| {row} |" for row in rows)


def width(found: Sequence[Judged]) -> str:
    """Say how wide intervals are; one that is open ends with what is played."""
    ends = [(min(j.low_ms - j.guess.at_ms, MOST_MS), min(j.high_ms - j.guess.at_ms, MOST_MS)) for j in found]
    return span(statistics.median(high_ms - low_ms for low_ms, high_ms in ends) / 1000) if found else "–"


def share(held: int, n: int) -> tuple[str, str]:
    """Return the part that held and its 95 % interval (E. Wilson, doi:10.1080/01621459.1927.10502953)."""
    if not n:
        return "–", "–"
    p, z = held / n, statistics.NormalDist().inv_cdf(0.975)
    middle, reach = p + z * z / (2 * n), z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n))
    low, high = ((middle + sign * reach) / (1 + z * z / n) for sign in (-1, 1))
    return part(p), f"{part(low)} to {part(high)}"


def judged(charter: Charter, looks: Looks) -> list[Both]:
    """Replay the log, predict on the way by both methods, and give each prediction the interval that was known to be due then."""
    workload, road = replayed(charter)
    replay, timeline = road.begun()
    now = Lookout(replay, timeline, workload, enforced=False, seed=SEED)
    then = Lookout(replay, timeline, workload, enforced=False, seed=SEED, past=before.FOUR_WEEKS)
    looks(road, (now, then), workload)
    timeline.run(NEVER)
    starts = now.started_ms()
    assert [guess.job for guess in now.guesses] == [guess.job for guess in then.guesses]
    each, _ = stretches(now.guesses, starts)
    intervals = [by.interval_ms(guess) for guess, by in zip(now.guesses, each, strict=True)]
    earlier = before.intervals(then.guesses, starts)
    return [
        Both(Judged(guess, start_ms, *today), Judged(old, start_ms, *once))
        for guess, old, start_ms, today, once in zip(now.guesses, then.guesses, starts, intervals, earlier, strict=True)
    ]


def replayed(charter: Charter) -> tuple[Workload, Road]:
    """Return the log, and its replay under a charter."""
    workload = as_workload(LOG, [charter], {})
    reference = plan(charter)
    return workload, Road(workload, charter, reference, reference, Options(), (), name="charter", progress=None)


def at_random(road: Road, lookouts: Sequence[Lookout], workload: Workload) -> None:
    """Look at random instants, and there at jobs drawn at random among those that wait."""
    drawn = Draws(SEED).unit(INSTANTS) * (ENDS_MS - BEGINS_MS)
    for number, at_ms in enumerate(np.sort(BEGINS_MS + drawn.astype(np.int64)).tolist()):
        lookouts[0].go(at_ms, predict=False)
        for lookout in lookouts:
            lookout.look(number, jobs=JOBS)


def at_submission(road: Road, lookouts: Sequence[Lookout], workload: Workload) -> None:
    """Look at every job that waits, when its wait begins: nothing that comes later decides which are asked about, or when."""
    submit_ms = workload.jobs.submit_ms
    ask([(int(submit_ms[job]), job) for _, job in waits(road, workload)], lookouts)


def halfway(road: Road, lookouts: Sequence[Lookout], workload: Workload) -> None:
    """Look at every job that waits, halfway through its wait, as the command does that is not told when."""
    submit_ms = workload.jobs.submit_ms
    ask([((int(submit_ms[job]) + at_ms) // 2, job) for at_ms, job in waits(road, workload)], lookouts)


def ask(questions: list[tuple[int, int]], lookouts: Sequence[Lookout]) -> None:
    """Predict one job each, in order of time."""
    for number, (at_ms, job) in enumerate(sorted(questions)):
        lookouts[0].go(at_ms, predict=False)
        if lookouts[0].waits(job):
            for lookout in lookouts:
                lookout.guess([job], number)


def waits(road: Road, workload: Workload) -> list[tuple[int, int]]:
    """Return when each job that ever waits in a queue leaves it, and the job: on the whole machine they are few."""
    replay, timeline = road.begun()
    timeline.run(NEVER)
    decisions = replay.decisions
    assert decisions is not None
    first: dict[int, int] = {}
    for decision in decisions[np.isin(decisions["kind"], (START, CLAIM))]:
        first.setdefault(int(decision["job"]), int(decision["time_ms"]))
    submit_ms = workload.jobs.submit_ms
    return [(at_ms, job) for job, at_ms in first.items() if at_ms > int(submit_ms[job]) + 1]


if __name__ == "__main__":
    main()
