"""Moments and series of recorded runs against the kernel's own state there, the slow reading of gangs, and the account."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pytest

from equipoise.policy.kernel.layout import CLAIMED, PENDING, RUNNING
from equipoise.policy.standing import Gang, loans, standings
from equipoise.policy.state import build
from equipoise.screens.moment import moment
from equipoise.screens.now import below_since_ms, low_point, now
from equipoise.screens.series import series
from equipoise.screens.steps import steps
from equipoise.screens.teams import teams
from equipoise.screens.waits import waits
from equipoise.simulator.days import midnights
from equipoise.simulator.record import DENIED, ENTITLED, HELD, Record
from equipoise.simulator.replay import NodeChange, Replay
from equipoise.simulator.timeline import Timeline
from equipoise.simulator.windows import windows_of
from equipoise.units import DAY_MS, HOUR_MS
from tests.unit.screens.runs import DAYS, runs, shown

MOMENTS = sorted([0, 1, DAY_MS, *np.random.default_rng(5).integers(1, DAYS * DAY_MS, 60).tolist()])


def replayed(record: Record) -> Iterator[tuple[int, Replay]]:
    """Play a run again, and stop at each moment."""
    layout = build(
        record.workload, record.charter.pools, record.plan, reference=record.reference, options=record.options
    )
    replay = Replay(layout, keep=False)
    timeline = Timeline(
        replay,
        midnight_after=midnights(record.charter.timezone, record.workload.origin_ms),
        nodes=[NodeChange(day * DAY_MS, "train", 0, state) for day, state in ((1, "down"), (2, "up"), (4, "down"))],
        windows=windows_of(layout, record.charter, record.workload.origin_ms),
    )
    for at_ms in MOMENTS:
        timeline.run(at_ms + 1)
        yield at_ms, replay


@pytest.mark.parametrize("number", [0, 1])
def test_what_is_held_waited_for_and_up_is_what_the_kernel_has(number: int) -> None:
    record = runs()[number].record
    lines = {line.path: n for n, line in enumerate(record.reference.lines)}
    carried = 0
    for at_ms, replay in replayed(record):
        found = moment(record, at_ms)
        at = [lines[team.path] for team in found.charter.teams]
        for p, pool in enumerate(found.pools):
            refs = replay.state.refs[p * record.count : (p + 1) * record.count][at]
            assert pool.held.tolist() == refs["held"].tolist(), at_ms
            assert (pool.held + pool.waiting).tolist() == refs["demand"].tolist(), at_ms
            assert pool.capacity == replay.pool_capacity(p), at_ms
        services = replay.state.services[: len(record.workload.services)]
        carried += int((services["wanted"] > services["asked"]).sum())
    assert carried > 0  # replicas beyond demand were asked for, which only the sums of what was carried tell


def test_entitlement_loans_and_longest_waits_are_those_of_the_gangs_one_by_one() -> None:
    record = runs()[1].record
    found_waits = waits(record)
    some = 0
    for at_ms, replay in replayed(record):
        found, jobs = moment(record, at_ms), replay.state.jobs
        for p, pool in enumerate(found.pools):
            here = np.flatnonzero(
                (jobs["ref"] // record.count == p) & np.isin(jobs["state"], (PENDING, CLAIMED, RUNNING))
            )
            gangs = [
                Gang(
                    found.charter.id_of(record.reference.lines[int(jobs["ref"][job]) % record.count].path),
                    int(jobs["gang"][job]),
                    job,
                    int(jobs["start_ms"][job]) if jobs["state"][job] == RUNNING else None,
                )
                for job in here.tolist()
            ]
            slow = standings(found.charter, found.charter.pools[p].name, pool.capacity, gangs)
            assert [one.entitlement for one in slow] == pool.entitled.tolist(), at_ms
            assert [one.floor for one in slow] == pool.floor.tolist(), at_ms
            lent = loans(found.charter, pool.capacity, slow)
            assert lent == found.loans[p]
            for leaf, team in enumerate(found.charter.teams):
                if team.is_leaf:
                    assert pool.lent[leaf] == sum(loan.gpus for loan in lent if loan.lender == leaf)
                    assert pool.borrowed[leaf] == sum(loan.gpus for loan in lent if loan.borrower == leaf)
            some += len(lent)
            assert pool.waiting_jobs[[t.parent is None for t in found.charter.teams]].sum() == sum(
                gang.start_ms is None for gang in gangs
            )
        rows = found_waits.waiting(at_ms)
        waiting = np.flatnonzero(np.isin(jobs["state"], (PENDING, CLAIMED)))
        assert sorted(found_waits.job[rows].tolist()) == waiting.tolist()
        since = at_ms - found_waits.from_ms[rows]
        assert max(int(pool.longest_ms.max()) for pool in found.pools) == int(since.max(initial=0))
    assert some > 100


def test_since_when_a_team_is_below_its_floor_is_where_a_walk_back_finds_it_was_not() -> None:
    record = runs()[1].record
    told = 0
    for at_ms in range(0, DAYS * DAY_MS, 5 * HOUR_MS):
        found = moment(record, at_ms)
        for p, pool in enumerate(found.pools):
            for team in np.flatnonzero(pool.lacks).tolist():
                path, floor = found.charter.teams[team].path, int(pool.floor[team])
                line = record.reference.line_of(path)
                since_ms = below_since_ms(record, path, p, floor=floor, at_ms=at_ms)
                assert since_ms is not None
                assert since_ms <= at_ms
                held, waiting = (steps(record, what, line, p) for what in ("held", "waiting"))
                times = [ms for ms in {*held.time_ms.tolist(), *waiting.time_ms.tolist(), at_ms} if ms <= at_ms]
                for ms in times:
                    if since_ms <= ms:
                        assert held.at(ms) < floor
                        assert waiting.at(ms) > 0
                before = max((ms for ms in times if ms < since_ms), default=None)
                assert before is None or held.at(before) >= floor or waiting.at(before) == 0
                told += 1
    assert told > 20
    assert below_since_ms(record, "safety", 0, floor=0, at_ms=DAY_MS) is None


@pytest.mark.parametrize("points", [1, 7, 48, 333])
def test_series_sum_up_to_what_was_added_between_closes(points: int) -> None:
    run = shown()[0]
    record = run.record
    closes = record.run.closes_ms
    first, last = 3, int(np.searchsorted(closes, run.ends_ms, side="right")) - 1
    from_ms, to_ms = (run.origin_ms + int(closes[n]) for n in (first, last))
    for path in ("safety", "product.chat", ""):
        line = 0 if path == "" else record.reference.line_of(path)
        found = series(
            run, [path], ["held", "entitled", "denied", "waiting"], from_ms=from_ms, to_ms=to_ms, points=points
        )
        lengths = np.diff(np.append(np.arange(from_ms, to_ms, found["step_ms"]), to_ms))
        assert len(lengths) <= points
        for item, column in zip(found["items"], (HELD, ENTITLED, DENIED), strict=False):
            added = (record.accounts[last] - record.accounts[first])[:, line, column].sum()
            assert float(np.array(item["mean"]) @ lengths) == pytest.approx(float(added), rel=1e-4, abs=1e5)
        for item in found["items"]:
            least, mean, most = (np.array(item[name]) for name in ("min", "mean", "max"))
            assert (least <= mean + 1e-3).all()
            assert (mean <= most + 1e-3).all()


def test_least_and_most_of_a_bucket_are_those_of_all_instants_in_it() -> None:
    run = shown()[0]
    of = steps(run.record, "held", run.record.reference.line_of("safety"), 1)
    found = series(
        run, ["safety"], ["held"], pool="flex", from_ms=run.origin_ms, to_ms=run.origin_ms + DAY_MS, points=24
    )
    for hour in range(24):
        begin_ms, end_ms = hour * HOUR_MS, (hour + 1) * HOUR_MS
        inside = [ms for ms in of.time_ms.tolist() if begin_ms < ms < end_ms]
        levels = [of.at(ms) for ms in (begin_ms, *inside)]
        assert found["items"][0]["min"][hour] == min(levels)
        assert found["items"][0]["max"][hour] == max(levels)


def test_the_table_counts_denied_and_shares_as_the_account_does() -> None:
    run = shown()[1]
    found = teams(run, run.origin_ms + DAYS * DAY_MS)
    rows = {row[0]: dict(zip(found["columns"], row, strict=True)) for row in found["rows"]}
    heh = {pool.name: float(pool.heh) for pool in run.record.charter.pools}
    closes = run.results.closes
    for path, row in rows.items():
        own = [one for one in closes.filter(closes["team"] == path).to_dicts() if one["to_s"] * 1000 <= run.ends_ms]
        denied, entitled, held = (
            sum(one[name] * heh[one["pool"]] for one in own)
            for name in ("denied_gpu_h", "entitled_gpu_h", "held_gpu_h")
        )
        if entitled:
            assert row["denied_7d_ppm"] == pytest.approx(1e6 * denied / entitled, abs=2)
            assert row["starving"] == (denied > 0.25 * entitled)
        capacity = sum(
            int(run.record.run.pools[np.searchsorted(run.record.run.closes_ms, run.ends_ms, side="right") - 1][p][0])
            / 3_600_000
            * heh[pool.name]
            for p, pool in enumerate(run.record.charter.pools)
        )
        assert row["share_28d_ppm"] == pytest.approx(1e6 * held / capacity, abs=2)
    assert any(row["denied_7d_ppm"] for row in rows.values())


def test_now_adds_up() -> None:
    run = shown()[0]
    for day in (1, 3, 5):
        found = now(run, run.origin_ms + day * DAY_MS)
        for pool in found["pools"]:
            assert pool["held_gpus"] + pool["idle_gpus"] == pool["capacity_gpus"]
        assert found["waiting"]["jobs"] == sum(pool["waiting_jobs"] for pool in found["pools"])
        held = {row[0]: row[found["teams"]["columns"].index("held_gpus")] for row in found["teams"]["rows"]}
        assert sum(held.values()) == sum(pool["held_gpus"] for pool in found["pools"])
        before = now(run, run.origin_ms + (day - 1) * DAY_MS)["teams"]
        then = {row[0]: row[before["columns"].index("held_gpus")] for row in before["rows"]}
        for moved in found["changed"][1]["moved"]:
            assert moved["gpus"] == held[moved["team"]] - then[moved["team"]]


def test_the_low_point_is_the_worst_of_the_moments_at_which_nobody_lacks_more() -> None:
    """Against the screen itself, asked at every moment that is looked at."""
    checked = 0
    for run in shown():
        lacks: dict[str, dict[int, int]] = {}
        for own_ms in range(0, run.own_ms(None) + 1, 6 * HOUR_MS):
            for first in now(run, run.origin_ms + own_ms)["below"]["teams"][:1]:
                lacks.setdefault(first["team"], {})[run.origin_ms + own_ms] = first["lacks_gpus"]
        for team, of in lacks.items():
            found = low_point(run, team)
            assert found is not None
            assert of[found] == max(of.values()), (run.name, team)
            checked += len(of) > 1
    assert checked > 1
