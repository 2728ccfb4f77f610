"""docs/helios.md: the published figures, the page's tables, and the replays against sums made from the series alone."""

from __future__ import annotations

import csv

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks import helios
from benchmarks.helios import Month
from equipoise.charter_io import load
from equipoise.simulator.results import Results
from equipoise.traces import team_name

needs_data = pytest.mark.skipif(not helios.DATA.is_dir(), reason="../shared/data is not here")
HOUR = 60  # in minutes: the charter's recover

I64 = NDArray[np.int64]


@pytest.fixture(scope="module")
def month() -> Month:
    return helios.recorded()


@pytest.fixture(scope="module")
def three() -> tuple[Results, ...]:
    return helios.runs()


@needs_data
@pytest.mark.parametrize(
    ("cluster", "quota", "used", "waits"),
    [("vcpDC", 56, "91", "77"), ("vcJkd", 16, "0.8", None), ("vcira", 24, "2.1", None)],
)
def test_starved_beside_idle_as_published(month: Month, cluster: str, quota: int, used: str, waits: str | None) -> None:
    n = month.clusters.index(cluster)
    assert month.running.shape == (16, 44_640)
    assert month.quota[n] == quota
    digits = len(used.partition(".")[2])
    assert f"{100 * month.running[n].sum() / (quota * 44_640):.{digits}f}" == used
    if waits is not None:
        assert f"{100 * (month.pending[n] > 0).mean():.0f}" == waits


@needs_data
def test_page_shows_what_the_runs_give(month: Month) -> None:
    page = helios.PAGE.read_text("utf-8")
    again = "run: python -m benchmarks.helios --write"
    assert helios.with_tables(page, helios.tables(month)) == page, again
    assert helios.PICTURE.read_text("utf-8") == helios.picture(month), again


@needs_data
def test_floors_are_the_quotas_of_the_clusters(month: Month) -> None:
    charter = load(helios.CHARTER)
    floors = {team.path: team.floor["gpu"].gpus for team in charter.leaves}
    assert floors == {team_name(vc): quota for vc, quota in zip(month.clusters, month.quota.tolist(), strict=True)}
    assert charter.pools[0].nodes * helios.GPUS_PER_NODE == month.capacity
    with (helios.DATA / "Earth_gpu_number.csv").open(encoding="utf-8", newline="") as file:
        days = [row for row in csv.DictReader(file) if row["date"].startswith("2020-05-")]
    others = [day["date"] for day in days if {team_name(vc): int(day[vc]) for vc in month.clusters} != floors]
    assert (len(days), others) == (31, ["2020-05-09"])


@needs_data
def test_lending_off_serves_each_cluster_what_its_own_gpus_can(month: Month, three: tuple[Results, ...]) -> None:
    assert np.array_equal(helios.held(three[0], month), np.minimum(month.asked, month.quota[:, None]))
    assert helios.stopped(three[0]) == 0


@needs_data
@pytest.mark.parametrize("way", [1, 2])
def test_sharing_serves_what_the_machine_can_in_every_minute(
    month: Month, three: tuple[Results, ...], way: int
) -> None:
    held = helios.held(three[way], month)
    assert np.array_equal(held.sum(axis=0), np.minimum(month.asked.sum(axis=0), month.capacity))
    assert (held <= month.asked).all()
    assert held.sum() >= np.minimum(month.asked, month.quota[:, None]).sum()


@needs_data
def test_a_lent_floor_is_back_within_the_hour(month: Month, three: tuple[Results, ...]) -> None:
    owed = np.minimum(month.asked, month.quota[:, None])
    held = helios.held(three[1], month)
    assert (held < owed).any(), "nothing was ever lent when it was wanted: this proves nothing"
    assert (held >= throughout(owed)).all()
    # Without floors this does not hold: the check can fail.
    assert (helios.held(three[2], month) < throughout(owed)).any()


@needs_data
def test_whole_nodes_are_never_held_above_the_machine(month: Month) -> None:
    three = helios.runs(helios.in_nodes())
    assert three[1].held_gpu_h > three[0].held_gpu_h
    for run in three:
        held = helios.held(run, month)
        assert held.min() >= 0
        assert held.sum(axis=0).max() <= month.capacity
        assert held.sum() / 60 == pytest.approx(run.held_gpu_h) == run.services["served_gpu_h"].sum()


@needs_data
def test_services_are_served_what_the_decisions_say(month: Month, three: tuple[Results, ...]) -> None:
    for run in three:
        held = helios.held(run, month).sum(axis=1) / 60
        served = dict(zip(run.services["service"], run.services["served_gpu_h"], strict=True))
        assert [served[vc] for vc in month.clusters] == pytest.approx(held.tolist())
        asked = month.asked.sum(axis=1) / 60
        assert (run.services["served_gpu_h"] + run.services["shed_gpu_h"]).to_list() == pytest.approx(asked.tolist())


@needs_data
def test_gaps_are_those_that_the_page_names(month: Month) -> None:
    begin = np.datetime64("2020-05-01T00:00")
    named = [tuple(str(begin + np.timedelta64(minute, "m"))[8:] for minute in gap) for gap in helios.gaps(month)]
    assert named == [("09T23:56", "11T00:01"), ("12T14:01", "12T16:02")]
    assert month.blank.sum() == 1_566
    assert month.asked[month.clusters.index("vc6YE"), ~month.blank].min() == 80


@pytest.mark.parametrize("seed", range(40))
def test_jobs_cut_off_waited_no_longer_than_the_bound(seed: int) -> None:
    rng = np.random.default_rng(seed)
    length, gap = 300, range(*sorted(rng.choice(np.arange(1, 300), 2, replace=False).tolist()))
    running, pending = np.zeros((1, length), np.int64), np.zeros((1, length), np.int64)
    waited = 0
    for _ in range(int(rng.integers(1, 25))):
        gpus, submit = int(rng.integers(1, 9)), int(rng.integers(0, length))
        if submit in gap:
            continue
        cut = gap.start if submit < gap.start else length
        start = submit + int(rng.integers(0, 120))
        end = start + int(rng.integers(1, 200))
        pending[0, submit : min(start, cut)] += gpus
        running[0, start : min(end, cut)] += gpus
        waited += gpus * (min(start, cut) - submit) if end > cut else 0
    made = Month(("vc",), np.array([1_000]), running, pending)
    assert waited <= helios.late_work(made).sum() <= pending.sum()


def throughout(owed: I64) -> I64:
    """What was owed in each minute and in all of the hour before it."""
    least = owed.copy()
    for ago in range(1, HOUR + 1):
        least[:, ago:] = np.minimum(least[:, ago:], owed[:, :-ago])
        least[:, :ago] = 0
    return least
