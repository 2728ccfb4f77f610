"""The screen Now: the lab at an instant, and first what a reader wants to know: who is below their floor, and since when.

`now` is the main path. It takes a moment, recorded or live, and what is recorded of the time before it. `low_point` says at which
moment of a run there is most to be seen of what a team lacks.
"""

from __future__ import annotations

from collections import Counter

import numpy as np

from equipoise.screens.attempts import CAUSES, ENDED, FAILED, PREEMPTED, RECLAIMED, attempts
from equipoise.screens.lab_run import LabRun, Plain
from equipoise.screens.moment import Moment, moment
from equipoise.screens.steps import Steps, steps
from equipoise.screens.teams import inside, table
from equipoise.simulator.record import Record
from equipoise.units import DAY_MS, HOUR_MS

LOOKS_BACK = (256, 8_192)  # changes that are looked through first: of a large team there may be millions
NAMED, TOP = 5, 24
"""So many teams below their floor, and loans, are named; so many teams at the top have a bar."""
TRIED = 40
"""So many of a team's worst moments are looked at for one at which it is named first."""


def now(run: LabRun, at_ms: int | None, *, live: Moment | None = None) -> Plain:
    """Return the lab at an instant.

    Parameters
    ----------
    run : LabRun
    at_ms : int or None
        Unix time; None: the end of the run.
    live : Moment or None
        How things stand this second; then ``at_ms`` is not looked at, and ``run`` says what was before.
    """
    record = run.record
    this = moment(record, run.own_ms(at_ms)) if live is None else live
    plain = told(this, run.origin_ms, record)
    return plain | {"edge": _edge(run, this.at_ms), "live": live is not None}


def low_point(run: LabRun, team: str, *, every_ms: int = 6 * HOUR_MS) -> int | None:
    """Return when a team is furthest below its floor in a pool, of the moments at which nobody is further; as Unix time.

    Every ``every_ms`` is looked at, with the floors that are in force at the end. None where the team never lacks anything.
    """
    record, last_ms = run.record, run.own_ms(None)
    times = np.arange(0, last_ms + 1, every_ms)
    number = [one.path for one in record.charter.teams].index(team)
    line = [one.path for one in record.reference.lines].index(team)
    lacks = np.zeros(len(times), np.int64)
    for pool, one in enumerate(moment(record, last_ms).pools):
        held, waiting = (_levels(steps(record, what, line, pool), times) for what in ("held", "waiting"))
        lacks = np.maximum(lacks, np.minimum(int(one.floor[number]), held + waiting) - held)
    worst = [int(n) for n in np.argsort(-lacks, kind="stable")[:TRIED] if lacks[n] > 0]
    for n in worst:
        named = _below(moment(record, int(times[n])), None, 0)["teams"]
        if named and named[0]["team"] == team:
            return run.origin_ms + int(times[n])
    return run.origin_ms + int(times[worst[0]]) if worst else None


def told(this: Moment, origin_ms: int, record: Record | None) -> Plain:
    """Return a moment as plain values; what was before is left out where nothing is recorded."""
    whole = table(this, record, None, origin_ms=origin_ms)
    rows = [row for row in whole["rows"] if row[1] == 0][:TOP]
    return {
        "at_ms": origin_ms + this.at_ms,
        "pools": _pools(this),
        "below": _below(this, record, origin_ms),
        "loans": _loans(this),
        "waiting": _waiting(this),
        "teams": {"columns": whole["columns"], "rows": rows, "next": None},
        "teams_in_all": len(whole["rows"]),
        "changed": [] if record is None else [_changed(record, this, lasts_ms) for lasts_ms in (HOUR_MS, DAY_MS)],
        "edge": None,
        "alerts": [],
        "live": True,
    }


def _pools(this: Moment) -> list[Plain]:
    return [
        {
            "pool": pool.name,
            "device": pool.device,
            "capacity_gpus": one.capacity,
            "held_gpus": one.held_by_all,
            "idle_gpus": one.capacity - one.held_by_all,
            "down_gpus": one.down,
            "maintenance_gpus": one.maintenance,
            "waiting_gpus": _at_top(this, one.waiting),
            "waiting_jobs": _at_top(this, one.waiting_jobs),
        }
        for pool, one in zip(this.charter.pools, this.pools, strict=True)
    ]


def _at_top(this: Moment, column: np.ndarray[tuple[int, ...], np.dtype[np.int64]]) -> int:
    return sum(int(value) for value, parent in zip(column.tolist(), this.charter.parents, strict=True) if parent < 0)


def _below(this: Moment, record: Record | None, origin_ms: int) -> Plain:
    """Say who is below both their floor and what they ask for, most first; a team below one that is named itself is not."""
    found: list[tuple[int, int, int]] = []
    parents = this.charter.parents
    for number, pool in enumerate(this.pools):
        lacks = pool.lacks.tolist()
        for team, lack in enumerate(lacks):
            parent = parents[team]
            if lack and not (parent >= 0 and lacks[parent]):
                found.append((-lack, team, number))
    found.sort()
    return {
        "in_all": len(found),
        "teams": [_lacking(this, record, origin_ms, team, pool) for _, team, pool in found[:NAMED]],
    }


def _lacking(this: Moment, record: Record | None, origin_ms: int, team: int, number: int) -> Plain:
    pool, path = this.pools[number], this.charter.teams[team].path
    since_ms = None
    if record is not None:
        since_ms = below_since_ms(record, path, number, floor=int(pool.floor[team]), at_ms=this.at_ms)
    return {
        "team": path,
        "pool": this.charter.pools[number].name,
        "lacks_gpus": int(pool.lacks[team]),
        "floor_gpus": int(pool.floor[team]),
        "held_gpus": int(pool.held[team]),
        "held_by": _holders(this, number, path),
        "since_ms": None if since_ms is None else origin_ms + since_ms,
    }


def _holders(this: Moment, pool: int, path: str) -> list[Plain]:
    """Say who holds most of a team's idle floor in a pool: teams at the top, or beside it under the same one."""
    teams = this.charter.teams
    mine = {number for number, one in enumerate(teams) if inside(one.path, path)}
    top = path.split(".", maxsplit=1)[0]
    sums: Counter[str] = Counter()
    for loan in this.loans[pool]:
        if loan.lender in mine and loan.borrower not in mine:
            borrower = teams[loan.borrower].path
            other = borrower.split(".", maxsplit=1)[0]
            sums[borrower if other == top else other] += loan.gpus
    most = sorted(sums.items(), key=lambda one: (-one[1], one[0]))
    return [{"team": team, "gpus": gpus} for team, gpus in most[:2]]


def below_since_ms(record: Record, path: str, pool: int, *, floor: int, at_ms: int) -> int | None:
    """Return since when a team has held less than a floor while it waited; None where it does not now."""
    line = next((number for number, one in enumerate(record.reference.lines) if one.path == path), None)
    if line is None:  # a team of a charter that the record has not come to yet
        return None
    held, waiting = (_until(steps(record, what, line, pool), at_ms) for what in ("held", "waiting"))
    looked = 0
    for most in (*LOOKS_BACK, max(len(held.time_ms), len(waiting.time_ms))):
        from_ms = max((int(of.time_ms[-most]) for of in (held, waiting) if len(of.time_ms) > most), default=0)
        times = np.union1d(*(of.time_ms[np.searchsorted(of.time_ms, from_ms) :] for of in (held, waiting)))
        if not len(times):
            return None
        below = (_levels(held, times) < floor) & (_levels(waiting, times) > 0)
        fine = np.flatnonzero(~below)
        looked = int(times[0])
        if len(fine):
            return int(times[fine[-1] + 1]) if below[-1] else None
    return looked


def _until(of: Steps, at_ms: int) -> Steps:
    n = int(np.searchsorted(of.time_ms, at_ms, side="right"))
    return Steps(of.time_ms[:n], of.level[:n])


def _levels(
    of: Steps, times: np.ndarray[tuple[int, ...], np.dtype[np.int64]]
) -> np.ndarray[tuple[int, ...], np.dtype[np.int64]]:
    return np.concatenate([np.zeros(1, np.int64), of.level])[np.searchsorted(of.time_ms, times, side="right")]


def _loans(this: Moment) -> Plain:
    """Say who borrows whose idle floor, all pools together, between teams at the top, most first."""
    pairs: Counter[tuple[str, str]] = Counter()
    within = 0
    for rows in this.loans:
        for loan in rows:
            lender, borrower = (this.charter.teams[one].path.split(".")[0] for one in (loan.lender, loan.borrower))
            if lender == borrower:
                within += loan.gpus
            else:
                pairs[lender, borrower] += loan.gpus
    most = sorted(pairs.items(), key=lambda pair: (-pair[1], pair[0]))
    return {
        "gpus": sum(pairs.values()),
        "within_gpus": within,
        "items": [{"lender": lender, "borrower": borrower, "gpus": gpus} for (lender, borrower), gpus in most[:NAMED]],
    }


def _waiting(this: Moment) -> Plain:
    longest = max((int(pool.longest_ms.max(initial=0)) for pool in this.pools), default=0)
    team = None
    if longest:
        leaves = [n for n, team in enumerate(this.charter.teams) if team.is_leaf]
        team = next(this.charter.teams[n].path for pool in this.pools for n in leaves if pool.longest_ms[n] == longest)
    return {
        "jobs": sum(_at_top(this, pool.waiting_jobs) for pool in this.pools),
        "gpus": sum(_at_top(this, pool.waiting) for pool in this.pools),
        "longest_ms": longest,
        "longest_team": team,
    }


def _changed(record: Record, this: Moment, lasts_ms: int) -> Plain:
    """Say what happened in the last time: how many jobs came, started, were stopped and ended, and who has more or less than then."""
    since_ms, until_ms = max(this.at_ms - lasts_ms, 0), this.at_ms
    found = attempts(record)
    count = len(record.run.jobs)  # replicas of services come after the jobs
    over = found.ended(since_ms, until_ms)
    counts = np.bincount(found.cause[over][found.job[over] < count], minlength=len(CAUSES))
    first, last = np.searchsorted(found.start_ms, (since_ms, until_ms), side="right")
    asked = record.workload.jobs.submit_ms
    before = moment(record, since_ms)
    return {
        "lasts_ms": until_ms - since_ms,
        "asked_jobs": int(np.count_nonzero((asked > since_ms) & (asked <= until_ms))),
        "started_jobs": int(np.count_nonzero(found.job[first:last] < count)),
        "ended_jobs": int(counts[ENDED]),
        "reclaimed_jobs": int(counts[RECLAIMED]),
        "preempted_jobs": int(counts[PREEMPTED]),
        "failed_jobs": int(counts[FAILED]),
        "moved": _moved(before, this),
    }


def _moved(before: Moment, this: Moment) -> list[Plain]:
    """Say by how many devices each team at the top has more or less, most first; of charters with the same teams only."""
    if before.charter is not this.charter and [t.path for t in before.charter.teams] != [
        t.path for t in this.charter.teams
    ]:
        return []
    change = np.sum([pool.held for pool in this.pools], axis=0) - np.sum([pool.held for pool in before.pools], axis=0)
    moved = [
        (team.path, int(gpus))
        for team, gpus in zip(this.charter.teams, change.tolist(), strict=True)
        if team.parent is None and gpus
    ]
    moved.sort(key=lambda one: (-abs(one[1]), one[0]))
    return [{"team": path, "gpus": gpus} for path, gpus in moved[:NAMED]]


def _edge(run: LabRun, own_ms: int) -> Plain | None:
    """Return the window of a promise that ends next after an instant."""
    frame = run.results.promises
    if not frame.height:
        return None
    coming = [
        (round(to_s * 1000), promise, team, window)
        for promise, team, window, from_s, to_s in frame.select(
            "promise", "team", "window", "from_s", "to_s"
        ).iter_rows()
        if from_s * 1000 <= own_ms < to_s * 1000
    ]
    if not coming:
        return None
    to_ms, promise, team, of = min(coming)
    return {"promise": promise, "team": team, "window": of, "ends_ms": run.origin_ms + to_ms}
