"""Every figure of small runs, worked out by hand in the comments; and sums that must be exact in larger ones."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl
import pytest

from equipoise.charter.model import Charter
from equipoise.charter_io import loads
from equipoise.simulator.results import Results
from equipoise.simulator.run import NodeChange
from equipoise.tasks.simulate import simulate
from equipoise.workload import Jobs, Service, Workload
from equipoise.workload.fleet import fleet

S = 1000  # milliseconds
GPU_S_PER_H = 3600.0


def charter(teams: str, expect: str = "4 nodes of 1 gpu", more: str = "") -> Charter:
    return loads(
        "equipoise: charter/v1\nlab: Small\n"
        f"pools: {{p: {{device: G, expect: {expect}}}}}\n"
        "defaults: {protect: {grace: 0s, min_runtime: 0s, reclaims_per_day: 100}}\n"
        f"{more}teams:\n{teams}"
    )


TWO = charter("  a: {floor: 50%}\n  b: {floor: 50%}\n")


def workload(
    *rows: dict[str, Any], teams: tuple[str, ...] = ("a", "b"), services: tuple[Service, ...] = ()
) -> Workload:
    """Jobs from rows of ``team, at, gang, run`` in seconds, and what else differs from a plain preemptible job."""

    def column(name: str, kind: Any, default: int, times: int = 1) -> Any:
        return np.array([row.get(name, default) * times for row in rows], kind)

    jobs = Jobs(
        submit_ms=column("at", np.int64, 0, S),
        duration_ms=column("run", np.int64, 0, S),
        gang=column("gang", np.int32, 1),
        walltime_ms=column("walltime", np.int64, 0, S),
        team=np.array([teams.index(row["team"]) for row in rows], np.int32),
        pool=np.zeros(len(rows), np.int32),
        user=np.zeros(len(rows), np.int32),
        priority=column("priority", np.int32, 0),
        preemptible=column("preemptible", np.bool_, 1),
        savepoint_ms=column("savepoint", np.int64, 0, S),
        after=column("after", np.int32, -1),
    )
    return Workload(jobs=jobs, teams=teams, services=services)


# Four GPUs, first in, first out. j0 runs 0–100 on all. j1 and j2 (2 GPUs each) start at 100; j1 ends at 150, j2 at 200;
# j3 needs all four and starts at 200.
QUEUE = workload(
    {"team": "a", "at": 0, "gang": 4, "run": 100},
    {"team": "b", "at": 10, "gang": 2, "run": 50},
    {"team": "b", "at": 20, "gang": 2, "run": 100},
    {"team": "a", "at": 30, "gang": 4, "run": 20},
)


@pytest.fixture(scope="module")
def queue() -> Results:
    result = simulate(QUEUE, TWO, policy="fifo")
    assert isinstance(result, Results)
    return result


def test_jobs_tell_when_each_started_waited_and_ended(queue: Results) -> None:
    jobs = queue.jobs
    assert jobs["start_s"].to_list() == [0, 100, 100, 200]
    assert jobs["end_s"].to_list() == [100, 150, 200, 220]
    assert jobs["wait_s"].to_list() == [0, 90, 80, 170]
    assert jobs["jct_s"].to_list() == [100, 140, 180, 190]
    assert jobs["slowdown"].to_list() == [1.0, 2.8, 1.8, 9.5]
    assert jobs["name"].to_list() == ["0", "1", "2", "3"]
    assert jobs["team"].to_list() == ["a", "b", "b", "a"]
    assert set(jobs["state"]) == {"done"}


def test_waits_are_means_and_values_that_somebody_had(queue: Results) -> None:
    assert queue.mean_wait_s == (0 + 90 + 80 + 170) / 4
    assert (queue.wait_p50_s, queue.wait_p95_s, queue.wait_p99_s) == (80, 170, 170)
    assert queue.mean_jct_s == (100 + 140 + 180 + 190) / 4
    assert queue.mean_slowdown == pytest.approx((1 + 2.8 + 1.8 + 9.5) / 4)
    assert queue.makespan_s == 220
    b = queue.team("b")
    assert (b["wait_mean_s"], b["wait_p50_s"], b["wait_p95_s"]) == (85, 80, 90)
    assert (b["jobs"], b["started"], b["finished"], b["refused"], b["never_started"]) == (2, 2, 2, 0, 0)


def test_capacity_goes_somewhere(queue: Results) -> None:
    # Held: 4×100 + 2×50 + 2×100 + 4×20 = 780 of 4×220 = 880. From 150 to 200 two GPUs idle while j3 waits.
    pool = queue.pools.row(0, named=True)
    assert (pool["capacity_gpu_ms"], pool["held_gpu_ms"]) == (880 * S, 780 * S)
    assert (pool["idle_blocked_gpu_ms"], pool["idle_unused_gpu_ms"]) == (100 * S, 0)
    assert queue.utilisation == 780 / 880
    assert queue.fragmentation == 0.0  # nodes of one device are never partly in use


def test_entitled_and_denied_are_those_of_the_charter_whatever_runs(queue: Results) -> None:
    # With floors of 2 and 2, a is due min(what it asks, 4 while b asks nothing, else 2):
    # 4×10 + 2×(200 − 10) + 4×20 = 500. b is due 2 from 10 to 200: 380.
    # Denied while the other held everything: b 2×90 (10 to 100) = 180. a 2×100 (100 to 200), but j3, all that a waits
    # for, needs no more than 80.
    a, b = queue.team("a"), queue.team("b")
    assert a["entitled_gpu_h"] * GPU_S_PER_H == pytest.approx(500)
    assert a["denied_gpu_h"] * GPU_S_PER_H == pytest.approx(80)
    assert b["entitled_gpu_h"] * GPU_S_PER_H == pytest.approx(380)
    assert b["denied_gpu_h"] * GPU_S_PER_H == pytest.approx(180)
    assert a["starvation"] == pytest.approx(80 / 500)
    assert (a["floor_share"], a["floor_gpus"]) == (0.5, 2)
    assert a["share"] == pytest.approx(480 / 880)
    x, y = 480 / 500, 300 / 380
    assert queue.jain == pytest.approx((x + y) ** 2 / (2 * (x * x + y * y)))
    assert queue.entitled_gpu_h * GPU_S_PER_H == pytest.approx(880)
    assert queue.denied_gpu_h * GPU_S_PER_H == pytest.approx(260)


def test_waits_by_gang_size_of_the_lab_and_of_each_leaf(queue: Results) -> None:
    rows = {(r["team"], r["gang_from"], r["gang_to"]): r for r in queue.waits_by_gang.to_dicts()}
    assert set(rows) == {("", 2, 2), ("", 3, 4), ("a", 3, 4), ("b", 2, 2)}
    assert rows["", 3, 4]["wait_mean_s"] == 85
    assert rows["b", 2, 2]["wait_p95_s"] == 90
    assert rows["", 2, 2]["jobs"] == 2


def test_reclaim_is_counted_with_what_it_lost() -> None:
    # Four jobs of a hold everything; at 50 s b asks for its floor. Two of them stop (50 s × 2 lost), b runs 50–80, and
    # they begin again at 80: 100 s each.
    run = simulate(
        workload(*[{"team": "a", "run": 100}] * 4, {"team": "b", "at": 50, "gang": 2, "run": 30}), TWO, policy="charter"
    )
    a, b = run.team("a"), run.team("b")
    assert (run.reclaims, run.preemptions, run.failures) == (2, 0, 0)
    assert (a["reclaims"], b["reclaims"]) == (2, 0)
    assert a["lost_gpu_h"] * GPU_S_PER_H == pytest.approx(100)
    assert a["held_gpu_h"] * GPU_S_PER_H == pytest.approx(500)
    assert a["delivered_gpu_h"] * GPU_S_PER_H == pytest.approx(400)
    assert b["delivered_gpu_h"] * GPU_S_PER_H == pytest.approx(60)
    assert sorted(run.jobs["end_s"].to_list()) == [80, 100, 100, 180, 180]
    assert sum(run.jobs["lost_gpu_h"].to_list()) * GPU_S_PER_H == pytest.approx(100)
    assert run.mean_wait_s == 0


def test_preemption_inside_a_team_is_no_reclaim() -> None:
    run = simulate(
        workload({"team": "a", "gang": 4, "run": 100}, {"team": "a", "at": 20, "gang": 4, "run": 10, "priority": 1}),
        TWO,
        policy="charter",
    )
    assert (run.reclaims, run.preemptions, run.failures) == (0, 1, 0)
    assert run.team("a")["preemptions"] == 1
    assert run.jobs["end_s"].to_list() == [130, 30]


def test_reclaims_preemptions_and_failures_are_told_apart_in_one_run() -> None:
    # Nodes of 1: a holds four. At 10 its job of priority stops one of them; at 50 b takes back two; at 70 a node goes.
    rows = [{"team": "a", "run": 1000}] * 4
    rows += [{"team": "a", "at": 10, "run": 1000, "priority": 1}, {"team": "b", "at": 50, "gang": 2, "run": 1000}]
    run = simulate(
        workload(*rows),
        TWO,
        policy="charter",
        outages=[NodeChange(70 * S, "p", 0, "down"), NodeChange(90 * S, "p", 0, "up")],
    )
    assert run.preemptions >= 1
    assert run.reclaims >= 2
    assert run.failures == 1
    assert run.reclaims + run.preemptions + run.failures == run.jobs["stops"].sum()


def test_jobs_that_cannot_run_are_listed_with_the_reason() -> None:
    capped = charter("  a: {floor: 50%, max_job: 2 gpu}\n  b: {floor: 50%, limit: 75%}\n")
    run = simulate(
        workload(
            {"team": "a", "gang": 8, "run": 1},
            {"team": "a", "gang": 3, "run": 1},
            {"team": "b", "gang": 4, "run": 1},
            {"team": "b", "gang": 3, "run": 1, "preemptible": 0},
            {"team": "b", "gang": 3, "run": 1},
        ),
        capped,
    )
    assert run.refused["reason"].to_list() == [
        "larger than the pool",
        "larger than max_job",
        "larger than a limit",
        "cannot be stopped and is larger than the floor",
    ]
    assert run.to_dict()["refused"]["larger than max_job"] == 1
    assert (run.n_started, run.n_never_started, run.team("a")["refused"]) == (1, 0, 2)
    assert run.jobs["start_s"].to_list() == [None, None, None, None, 0]


def test_a_job_that_never_could_start_is_counted() -> None:
    both_down = [NodeChange(10 * S, "p", node, "down") for node in (0, 1)]
    run = simulate(
        workload({"team": "a", "run": 30}, {"team": "a", "at": 20, "gang": 4, "run": 1}),
        charter("  a: {}\n  b: {}\n", "2 nodes of 2 gpu"),
        outages=both_down,
    )
    assert (run.n_never_started, run.n_finished, run.failures) == (1, 0, 1)
    assert run.jobs["state"].to_list() == ["waiting", "waiting"]
    assert run.mean_jct_s is None
    pool = run.pools.row(0, named=True)
    assert pool["down_gpu_ms"] == pool["capacity_gpu_ms"] - 4 * 10 * S


def test_waiting_for_another_job_is_no_waiting() -> None:
    run = simulate(
        workload({"team": "a", "gang": 4, "run": 60}, {"team": "a", "gang": 4, "run": 10, "after": 0}),
        TWO,
        policy="fifo",
    )
    assert run.jobs["start_s"].to_list() == [0, 60]
    assert run.jobs["wait_s"].to_list() == [0, 0]
    assert run.jobs["jct_s"].to_list() == [60, 10]


def test_services_tell_what_was_served_and_shed() -> None:
    # Five replicas of one GPU are asked for over 100 s, and the machine has four.
    service = Service("chat", 0, 0, 1, 0, np.array([0, 100 * S], np.int64), np.array([5, 0], np.int32))
    run = simulate(workload(services=(service,)), TWO)
    row = run.services.row(0, named=True)
    assert row["demanded_gpu_h"] * GPU_S_PER_H == pytest.approx(500)
    assert row["served_gpu_h"] * GPU_S_PER_H == pytest.approx(400)
    assert row["shed_gpu_h"] * GPU_S_PER_H == pytest.approx(100)
    assert row["served_fraction"] == run.served_fraction == 0.8
    assert run.team("a")["held_gpu_h"] * GPU_S_PER_H == pytest.approx(400)
    assert (run.n_jobs, run.mean_wait_s, run.makespan_s) == (0, None, 0.0)


def test_fragmentation_is_the_part_of_idle_on_nodes_partly_in_use() -> None:
    # Two nodes of 2: one GPU runs for 10 s. Idle are 3; the one beside it is stranded.
    run = simulate(workload({"team": "a", "run": 10}), charter("  a: {}\n  b: {}\n", "2 nodes of 2 gpu"))
    assert run.fragmentation == pytest.approx(1 / 3)


def test_inner_team_means_all_below_it() -> None:
    tree = charter("  r:\n    floor: 50%\n    teams: {a: {floor: 50%}, b: {floor: 50%}}\n  c: {floor: 50%}\n")
    teams = ("r.a", "r.b", "c")
    run = simulate(
        workload(
            {"team": "r.a", "gang": 2, "run": 100},
            {"team": "c", "gang": 2, "run": 100},
            {"team": "r.b", "at": 40, "gang": 1, "run": 10},
            teams=teams,
        ),
        tree,
        policy="fifo",
    )
    # From 40 to 100 r.b is due one GPU and has none, but needs 10 GPU-s; r as a whole holds its floor.
    assert run.team("r.b")["denied_gpu_h"] * GPU_S_PER_H == pytest.approx(10)
    assert run.team("r")["denied_gpu_h"] == 0
    assert (run.team("r")["jobs"], run.team("r")["wait_mean_s"], run.team("r")["wait_p95_s"]) == (2, 30, 60)
    assert run.team("r")["held_gpu_h"] * GPU_S_PER_H == pytest.approx(210)


def test_window_of_the_account_ends_with_a_close(queue: Results) -> None:
    run = simulate(QUEUE, TWO, policy="fifo", closes=3)  # every 10 s: the last submission is at 30 s
    window = {row["team"]: row for row in run.account(until_s=60).to_dicts()}
    assert window["a"]["delivered_gpu_h"] * GPU_S_PER_H == pytest.approx(240)
    assert window["b"]["denied_gpu_h"] * GPU_S_PER_H == pytest.approx(100)
    assert run.account(until_s=9).select(pl.col("delivered_gpu_h").sum()).item() == 0
    whole = run.account(until_s=10_000)
    assert whole["denied_gpu_h"].to_list() == queue.teams["denied_gpu_h"].to_list()


@pytest.fixture(scope="module", params=["charter", "product-first", "easy"])
def fleet_run(request: pytest.FixtureRequest) -> Results:
    jobs, text = fleet(3_000, nodes=16, teams=12, seed=5)
    result = simulate(jobs, loads(text), policy=request.param, first="d0", closes=40)
    assert isinstance(result, Results)
    return result


def test_every_close_sums_exactly(fleet_run: Results) -> None:
    pools = fleet_run.record.run.pools
    assert len(pools) > 40
    assert np.array_equal(pools[..., 0], pools[..., 1:6].sum(axis=-1))
    capacity = np.array([p.capacity for p in fleet_run.record.charter.pools])
    assert np.array_equal(pools[..., 0], fleet_run.record.run.closes_ms[:, None] * capacity)


def test_teams_hold_what_their_pools_hold(fleet_run: Results) -> None:
    accounts, pools = fleet_run.record.accounts, fleet_run.record.run.pools
    assert np.array_equal(accounts[:, :, fleet_run.record.leaves, 0].sum(axis=2), pools[..., 1])
    jobs = fleet_run.record.run.jobs
    used = int((jobs["gang"].astype(np.int64) * jobs["duration_ms"])[jobs["state"] == 5].sum())
    assert int(pools[-1, :, 1].sum()) == used + int(jobs["lost"].sum())


def test_spans_of_closes_add_up_to_the_teams(fleet_run: Results) -> None:
    spans = fleet_run.closes.group_by("team").agg(
        pl.col("held_gpu_h", "denied_gpu_h", "entitled_gpu_h", "lost_gpu_h").sum()
    )
    joined = fleet_run.teams.join(spans, on="team", suffix="_spans")
    assert joined.height == fleet_run.teams.height
    for name in ("held_gpu_h", "denied_gpu_h", "entitled_gpu_h", "lost_gpu_h"):
        assert joined[f"{name}_spans"].to_list() == pytest.approx(joined[name].to_list())
    assert fleet_run.closes["denied_gpu_h"].min() == 0
    top = fleet_run.closes.filter(~pl.col("team").str.contains(".", literal=True))
    assert top.group_by("from_s").agg(pl.col("share").sum())["share"].max() == pytest.approx(1.0, abs=0.2)


def test_denied_of_inner_teams_is_within_that_of_their_leaves(fleet_run: Results) -> None:
    for team in fleet_run.record.charter.teams:
        if not team.is_leaf:
            below = sum(
                fleet_run.team(child.path)["denied_gpu_h"] for child in fleet_run.record.charter.children(team.path)
            )
            assert fleet_run.team(team.path)["denied_gpu_h"] <= below + 1e-9


def test_looking_more_often_changes_no_decision(fleet_run: Results) -> None:
    record = fleet_run.record
    again = simulate(record.workload, record.charter, policy=fleet_run.policy, first="d0", closes=7)
    assert again.digest == fleet_run.digest
    assert again.denied_gpu_h == fleet_run.denied_gpu_h


def test_percentiles_agree_with_sorting(fleet_run: Results) -> None:
    waits = fleet_run.jobs.filter(pl.col("wait_s").is_not_null())
    for team in fleet_run.record.charter.leaves:
        own = sorted(waits.filter(pl.col("team") == team.path)["wait_s"].to_list())
        if own:
            row = fleet_run.team(team.path)
            assert row["wait_p95_s"] == own[-(-95 * len(own) // 100) - 1]
            assert row["wait_p50_s"] == own[-(-len(own) // 2) - 1]
            assert row["wait_mean_s"] == pytest.approx(sum(own) / len(own))


def test_empty_workload_has_results() -> None:
    run = simulate(workload(), TWO)
    assert (run.n_jobs, run.mean_wait_s, run.utilisation, run.jobs.height) == (0, None, None, 0)
    assert run.team("a")["starvation"] is None
