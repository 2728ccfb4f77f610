"""Logs and charters that fit, and those that do not; what is executed and compared; when accounts are closed."""

from __future__ import annotations

from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from equipoise.charter_io import loads
from equipoise.errors import InputError
from equipoise.simulator.results import Results
from equipoise.tasks.dates import close_times
from equipoise.tasks.outages import read_outages
from equipoise.tasks.simulate import Comparison, compare, simulate
from equipoise.workload import Jobs, Workload

HEAD = "equipoise: charter/v1\nlab: Small\n"
POOL = "pools: {p: {device: G, expect: 4 nodes of 1 gpu}}\n"
TEAMS = "teams: {product: {floor: 50%}, safety: {floor: 50%}}\n"
LOG = "team,submit_s,num_gpu,duration_s\nproduct,0,4,100\nsafety,10,2,50\nproduct,20,2,100\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "lab.yaml").write_text(HEAD + POOL + TEAMS, "utf-8")
    (tmp_path / "jobs.csv").write_text(LOG, "utf-8")
    return tmp_path


def refused(code: str, folder: Path, **options: Any) -> InputError:
    with pytest.raises(InputError) as caught:
        simulate(folder / "jobs.csv", folder / "lab.yaml", **options)
    assert caught.value.code == code
    return caught.value


def test_one_run_gives_results_and_several_a_comparison(folder: Path) -> None:
    alone = simulate(folder / "jobs.csv", folder / "lab.yaml", policy="fifo")
    assert isinstance(alone, Results)
    assert alone.policy == "fifo"
    assert alone.jobs_per_s is not None
    both = simulate(folder / "jobs.csv", folder / "lab.yaml", policy="fifo", vs=["product-first"])
    assert isinstance(both, Comparison)
    assert [run.policy for run in both] == ["fifo", "product-first"]
    assert both[0].digest == alone.digest
    assert len(both) == 2
    assert "product first" in both._repr_html_()


def test_comparison_gives_differences_to_the_first_run(folder: Path) -> None:
    both = simulate(folder / "jobs.csv", folder / "lab.yaml", policy="fifo", vs=["product-first"])
    rows = {(row["team"], row["policy"]): row for row in both.differences().to_dicts()}
    assert list(rows)[:2] == [("product", "fifo"), ("product", "product-first")]
    # fifo: safety starts at 100 beside the product's second job. Product first: also; both fit.
    assert rows["safety", "product-first"]["wait_mean_s"] == 90
    assert rows["safety", "product-first"]["wait_mean_s_diff"] == 0
    assert rows["safety", "fifo"]["denied_gpu_h_diff"] == 0
    kept = simulate(folder / "jobs.csv", folder / "lab.yaml")
    rows = {(row["team"], row["policy"]): row for row in compare(both[0], kept).differences().to_dicts()}
    row, base = rows["safety", "charter"], rows["safety", "fifo"]
    assert row["wait_mean_s_diff"] == row["wait_mean_s"] - base["wait_mean_s"]


def test_another_charter_is_compared_against_the_first(folder: Path) -> None:
    other = folder / "other.yaml"
    other.write_text(HEAD + POOL + "teams: {safety: {limit: 25%}, product: {}}\n", "utf-8")
    both = simulate(folder / "jobs.csv", folder / "lab.yaml", vs=[other])
    assert [run.policy for run in both] == ["charter", str(other)]
    # Safety's two GPUs are above the other charter's limit of one: refused; its floor is still that of the first.
    assert both[1].refused["reason"].to_list() == ["larger than a limit"]
    assert both[1].team("safety")["floor_gpus"] == 2


def test_charters_that_do_not_fit_together_are_refused(folder: Path) -> None:
    (folder / "big.yaml").write_text(HEAD + POOL.replace("4 nodes", "5 nodes") + TEAMS, "utf-8")
    assert "another machine" in refused("S103", folder, vs=[folder / "big.yaml"]).message
    (folder / "less.yaml").write_text(HEAD + POOL + "teams: {product: {}}\n", "utf-8")
    assert "safety" in refused("S101", folder, vs=[folder / "less.yaml"]).message


def test_runs_with_other_teams_are_not_compared(folder: Path) -> None:
    one = simulate(folder / "jobs.csv", folder / "lab.yaml")
    (folder / "one.yaml").write_text(HEAD + POOL + "teams: {product: {}}\n", "utf-8")
    other = simulate(folder / "jobs.csv", folder / "one.yaml", unmapped="product")
    with pytest.raises(InputError, match="different teams"):
        compare(one, other)
    with pytest.raises(InputError, match="nothing to compare"):
        compare()


def test_unmapped_values_are_listed(folder: Path) -> None:
    (folder / "jobs.csv").write_text(LOG + "vision,30,1,5\nspeech,30,1,5\n", "utf-8")
    error = refused("T115", folder)
    assert "'vision' (1)" in error.message
    assert "'speech' (1)" in error.message
    dropped = simulate(folder / "jobs.csv", folder / "lab.yaml", unmapped="drop")
    assert dropped.n_jobs == 3
    assert dropped.to_dict()["skipped"] == {skipped.reason: skipped.rows for skipped in dropped.skipped}
    assert sum(skipped.rows for skipped in dropped.skipped) == 2


def test_options_that_make_no_sense_are_refused(folder: Path) -> None:
    assert "no-floors" in refused("P101", folder, policy="fair").hint
    assert "no-floors" in refused("P101", folder, vs=["fair"]).hint
    assert "--first" in refused("C301", folder, policy="product-first", first="nobody").hint
    refused("S102", folder, estimates="guessed")
    refused("S102", folder, closes=0)
    refused("S102", folder, closes=2001)
    refused("C100", folder, vs=[folder / "missing.yaml"])


def jobs_of(walltime_s: list[int], run_s: list[int], *, origin_ms: int | None = None, submit_s: int = 0) -> Workload:
    n = len(run_s)
    index = np.zeros(n, np.int32)
    jobs = Jobs(
        submit_ms=np.full(n, submit_s * 1000, np.int64),
        duration_ms=np.array(run_s, np.int64) * 1000,
        gang=index + 1,
        walltime_ms=np.array(walltime_s, np.int64) * 1000,
        team=index,
        pool=index,
        user=index,
        priority=index,
        preemptible=np.ones(n, np.bool_),
        savepoint_ms=np.zeros(n, np.int64),
        after=index - 1,
    )
    return Workload(jobs=jobs, teams=("safety",), origin_ms=origin_ms)


@pytest.mark.parametrize(
    ("walltime_s", "run_s", "ends_s"),
    [
        ([100, 50], [20, 70], [20, 50]),  # all declared, none outlived by more than a minute: enforced
        ([100, 50], [20, 111], [20, 111]),  # one ran 61 s longer: this machine did not enforce them
        ([100, 0], [20, 70], [20, 70]),  # one declares none
    ],
)
def test_walltimes_are_enforced_where_the_log_shows_that_they_were(
    walltime_s: list[int], run_s: list[int], ends_s: list[int]
) -> None:
    lab = loads(HEAD + POOL + TEAMS)
    run = simulate(jobs_of(walltime_s, run_s), lab)
    assert run.jobs["end_s"].to_list() == ends_s
    assert bool(run.notes) == (ends_s != run_s)
    assert simulate(jobs_of(walltime_s, run_s), lab, enforce_walltime=False).jobs["end_s"].to_list() == run_s


def test_workload_with_unknown_teams_or_reading_options_is_refused() -> None:
    stranger = jobs_of([0], [1])
    with pytest.raises(InputError) as caught:
        simulate(stranger, loads(HEAD + POOL + "teams: {product: {}, safety: {teams: {evals: {}}}}\n"))
    assert caught.value.code == "S101"
    assert "safety.evals" in caught.value.hint
    with pytest.raises(InputError) as caught:
        simulate(stranger, loads(HEAD + POOL + TEAMS), unmapped="drop")
    assert caught.value.code == "S102"


def test_closes_fall_on_local_midnights_also_when_clocks_change() -> None:
    # 2026-03-28 12:00 UTC; Berlin sets its clocks forward on the 29th, whose day has 23 hours.
    origin_ms = 1_774_699_200_000
    hours = [
        at / 3_600_000
        for at in islice(close_times(jobs_of([0], [1], origin_ms=origin_ms), "Europe/Berlin", "day")(), 3)
    ]
    assert hours == [11, 34, 58]
    assert [at // 3_600_000 for at in islice(close_times(jobs_of([0], [1]), "Europe/Berlin", "day")(), 2)] == [24, 48]


def test_short_logs_are_closed_at_round_times_and_at_the_last_submission() -> None:
    # 10 hours: every 5 minutes would be 120 times, every 2 minutes 300.
    short = jobs_of([0, 0], [1, 36_000], submit_s=0)
    assert [at // 60_000 for at in islice(close_times(short, "UTC", "auto")(), 3)] == [5, 10, 15]
    # 2026-03-28 12:00:01 UTC is 13:00:01 in Berlin: the first round time is 4 minutes and 59 seconds later.
    dated = jobs_of([0], [36_000], submit_s=601, origin_ms=1_774_699_201_000)
    found = [at // 1000 for at in islice(close_times(dated, "Europe/Berlin", "auto")(), 200)]
    assert found[:4] == [299, 599, 601, 899]
    assert (11 * 3600 - 1) in found  # midnight
    assert found == sorted(set(found))
    long = jobs_of([0], [1], submit_s=31 * 86_400)
    assert list(islice(close_times(long, "UTC", "auto")(), 40)) == list(islice(close_times(long, "UTC", "day")(), 40))


def test_when_accounts_are_closed_changes_no_figure(folder: Path) -> None:
    runs = [simulate(folder / "jobs.csv", folder / "lab.yaml", closes=closes) for closes in ("auto", "day", 7)]
    assert len({run.digest for run in runs}) == 1
    assert len({len(run.record.run.closes_ms) for run in runs}) == 3
    assert all(run.teams.equals(runs[0].teams) for run in runs)


def test_closes_are_bounded() -> None:
    long = jobs_of([0], [1], submit_s=3_000 * 86_400)
    assert next(close_times(long, "UTC", "day")()) == 3 * 86_400_000
    assert len(list(close_times(long, "UTC", 5)())) == 2_000
    assert next(close_times(long, "UTC", 5)()) == 600 * 86_400_000


def test_closes_end_with_the_run(folder: Path) -> None:
    run = simulate(folder / "jobs.csv", folder / "lab.yaml", policy="fifo", closes=4)  # every 5 s
    assert run.makespan_s == 200
    assert run.closes["to_s"].max() == 200
    assert run.closes["to_s"].n_unique() == 40


def test_outages_are_replayed(folder: Path) -> None:
    file = folder / "outages.csv"
    file.write_text("time_s,pool,node,state\n\n5,p,0,down\n 15 ,p, 0 ,up\n", "utf-8")
    run = simulate(folder / "jobs.csv", folder / "lab.yaml", policy="fifo", outages=file)
    assert run.failures == 1
    # At 5 the product's four-GPU job loses 4×5. It cannot run on the three GPUs that are left, so nobody waits for it:
    # safety runs 10–60. It starts again when safety has ended, and the product's second job after it.
    assert run.jobs["end_s"].to_list() == [160, 60, 260]
    assert run.lost_gpu_h * 3600 == pytest.approx(20)
    assert run.pools["down_gpu_ms"].to_list() == [10_000]


def test_outages_scale_each_charter_by_its_own_floors(folder: Path) -> None:
    (folder / "other.yaml").write_text(
        HEAD + POOL + "teams: {product: {floor: 0%, protect: {min_runtime: 0s, grace: 0s}}, safety: {floor: 100%}}\n",
        "utf-8",
    )
    (folder / "jobs.csv").write_text(
        "team,submit_s,num_gpu,duration_s\n" + "product,0,1,100\n" * 4 + "safety,10,1,50\n" * 3, "utf-8"
    )
    (folder / "outages.csv").write_text("time_s,pool,node,state\n5,p,0,down\n5,p,1,down\n", "utf-8")
    kept, other = simulate(
        folder / "jobs.csv", folder / "lab.yaml", vs=[folder / "other.yaml"], outages=folder / "outages.csv"
    )
    # Two GPUs are left. By the first charter each team has one of them, which safety waits 40 min of protection for.
    assert kept.team("safety")["started"] == other.team("safety")["started"] == 3
    assert other.reclaims == 2  # both are safety's by the other charter
    assert kept.reclaims == 0
    # Whatever is executed, safety is entitled to one GPU by the first charter while it asks.
    assert other.team("safety")["entitled_gpu_h"] * 3600 == pytest.approx(100)


@pytest.mark.parametrize(
    ("text", "complaint", "line"),
    [
        ("", "first line must be", 1),
        ("time,pool,node,state\n", "first line must be", 1),
        ("time_s,pool,node,state\n1,p,0\n", "3 fields", 2),
        ("time_s,pool,node,state\n1,q,0,up\n", "no pool 'q'", 2),
        ("time_s,pool,node,state\n1,p,4,up\n", "no node '4'", 2),
        ("time_s,pool,node,state\n1,p,-1,up\n", "no node '-1'", 2),
        ("time_s,pool,node,state\n1,p,0,gone\n", "state 'gone'", 2),
        ("time_s,pool,node,state\n1,p,0,up\nsoon,p,0,up\n", "'soon' is no number", 3),
        ("time_s,pool,node,state\n-1,p,0,up\n", "out of range", 2),
        ("time_s,pool,node,state\n1e400,p,0,up\n", "out of range", 2),
        ("time_s,pool,node,state\nnan,p,0,up\n", "out of range", 2),
        ('time_s,pool,node,state\n1,"p\n', "cannot be read", 0),
    ],
)
def test_bad_outages_are_told_with_their_line(text: str, complaint: str, line: int, tmp_path: Path) -> None:
    file = tmp_path / "outages.csv"
    file.write_text(text, "utf-8")
    with pytest.raises(InputError, match=complaint) as caught:
        read_outages(file, loads(HEAD + POOL + TEAMS))
    assert caught.value.code == "S104"
    assert caught.value.place is not None
    assert caught.value.place.line == line


def test_progress_names_what_runs_and_reaches_the_end(folder: Path) -> None:
    seen: list[tuple[str, int, int]] = []
    simulate(
        folder / "jobs.csv",
        folder / "lab.yaml",
        vs=["easy"],
        progress=lambda name, now: seen.append((name, now.ended, now.jobs)),
    )
    assert [entry for entry in seen if entry[0] == "charter"][-1] == ("charter", 3, 3)
    assert seen[-1] == ("easy", 3, 3)


def test_decisions_are_kept_when_asked(folder: Path) -> None:
    run = simulate(folder / "jobs.csv", folder / "lab.yaml", policy="fifo", keep=True)
    assert run.record.run.decisions is not None
    assert len(run.record.run.decisions) == 3
    assert simulate(folder / "jobs.csv", folder / "lab.yaml", policy="fifo").record.run.decisions is None


def test_several_pools_run_side_by_side(folder: Path) -> None:
    pools = "pools: {p: {device: G, expect: 4 nodes of 1 gpu}, q: {device: H, expect: 1 nodes of 8 gpu, heh: 0.5}}\n"
    (folder / "lab.yaml").write_text(HEAD + pools + TEAMS, "utf-8")
    (folder / "jobs.csv").write_text(
        "team,pool,submit_s,num_gpu,duration_s\nproduct,p,0,4,100\nsafety,q,0,8,100\nsafety,p,0,4,10\n", "utf-8"
    )
    for policy in ("fifo", "easy", "product-first"):
        run = simulate(folder / "jobs.csv", folder / "lab.yaml", policy=policy)
        assert run.jobs["start_s"].to_list() == [0, 0, 100]
        assert run.team("safety")["held_gpu_h"] * 3600 == pytest.approx(840)
        assert run.team("safety")["delivered_heh_h"] * 3600 == pytest.approx(440)
        assert run.pools.select(pl.col("held_gpu_ms")).to_series().to_list() == [440_000, 800_000]
