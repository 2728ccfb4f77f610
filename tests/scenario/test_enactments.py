"""What another charter changes at the instant at which it comes into force, in systems small enough to compute by hand."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from equipoise.charter_io import loads
from equipoise.errors import InputError
from equipoise.policy.core import Core
from equipoise.policy.course import course
from equipoise.policy.events import event
from equipoise.policy.kernel import layout as k
from equipoise.policy.plan import Plan, plan
from equipoise.policy.state import build
from equipoise.simulator.results import Results
from equipoise.simulator.run import CapChange
from equipoise.simulator.run import simulate as simulate_run
from equipoise.tasks.enact import in_order, split
from equipoise.tasks.simulate import simulate
from equipoise.workload import Jobs, Service, Workload

MINUTE = 60_000
NAMES = {k.START: "start", k.CLAIM: "claim", k.WARN: "warn", k.STOP: "stop", k.WITHDRAW: "withdraw", k.REFUSE: "refuse"}


def charter(teams: str, more: str = "", *, nodes: int = 4) -> str:
    return f"equipoise: charter/v1\nlab: Small\npools: {{p: {{device: G, expect: {nodes} nodes of 1 gpu}}}}\nteams: {{{teams}}}\n{more}"


def replayed(folder: Path, log: str, before: str, *enact: tuple[str, str], policy: str = "charter") -> Results:
    (folder / "jobs.csv").write_text("team,submit_min,num_gpu,duration_min,walltime_min\n" + log, "utf-8")
    others = [(at, loads(text)) for at, text in enact]
    return simulate(folder / "jobs.csv", loads(before), policy=policy, enact=others, keep=True)


def told(run: Results, *kinds: int) -> list[tuple[int, str, int]]:
    decisions = run.record.run.decisions
    assert decisions is not None
    wanted = kinds or (k.START, k.CLAIM, k.WARN, k.STOP, k.WITHDRAW, k.REFUSE)
    return [
        (int(d["time_ms"]) // MINUTE, NAMES[int(d["kind"])], int(d["job"])) for d in decisions if d["kind"] in wanted
    ]


def test_where_a_floor_is_raised_reclaim_begins_at_that_instant(tmp_path: Path) -> None:
    log = "product,0,4,600,600\nsafety,10,1,30,30\n"
    before, after = charter("product: {floor: 50%}, safety: {}"), charter("product: {floor: 50%}, safety: {floor: 50%}")
    run = replayed(tmp_path, log, before, ("1h", after))
    # The product's job has had its protected half hour by then, so it is warned at once, and stopped after ten minutes of grace.
    assert told(run)[1:5] == [(60, "claim", 1), (60, "warn", 0), (70, "stop", 0), (70, "start", 1)]
    assert told(replayed(tmp_path, log, before))[1:] == [(600, "start", 1)]


def test_a_new_weight_decides_who_is_next(tmp_path: Path) -> None:
    log = "".join(f"{team},0,1,60,60\n" for _ in range(4) for team in ("a", "b"))  # jobs of a are even
    even, other = charter("a: {}, b: {}", nodes=1), charter("a: {}, b: {weight: 4}", nodes=1)
    plain = [(at, job) for at, _, job in told(replayed(tmp_path, log, even), k.START)]
    amended = [(at, job) for at, _, job in told(replayed(tmp_path, log, even, ("190m", other)), k.START)]
    assert plain[:4] == amended[:4] == [(0, 0), (60, 1), (120, 2), (180, 3)]
    # At 240 minutes both have used 120 GPU-minutes, a earlier, so that less of it is left; but a quarter counts of what b used.
    assert (plain[4], amended[4]) == ((240, 4), (240, 5))


def test_beyond_a_lowered_limit_nothing_starts_and_nothing_is_stopped(tmp_path: Path) -> None:
    log = "a,0,1,60,60\na,0,1,80,80\na,0,1,100,100\na,10,1,10,10\na,40,1,10,10\nb,0,1,300,300\n"
    run = replayed(tmp_path, log, charter("a: {}, b: {}"), ("30m", charter("a: {limit: 50%}, b: {}")))
    assert told(run, k.STOP) == []
    # Three of a run when two are its limit: the fourth waits until only one runs.
    by_job = {int(row): at for at, _, row in told(run, k.START)}
    jobs = run.record.workload.jobs
    ten = [n for n in range(6) if jobs.duration_ms[n] == 10 * MINUTE]
    assert [by_job[n] for n in ten] == [80, 90]


def test_what_a_removed_team_runs_and_has_waiting_goes_on_and_nothing_new_is_taken(tmp_path: Path) -> None:
    log = "safety,0,2,60,60\nproduct,0,2,90,90\nsafety,5,2,20,20\nsafety,40,1,10,10\n"
    after = charter("product: {floor: 50%}")
    run = replayed(tmp_path, log, charter("product: {floor: 50%}, safety: {floor: 50%}"), ("30m", after))
    jobs = run.jobs.sort("submit_s", "team")
    assert told(run, k.STOP) == []
    assert jobs.filter(jobs["team"] == "safety")["state"].to_list() == ["done", "done", "refused"]
    assert run.refused["reason"].to_list() == ["its team was not in the charter"]
    assert (60, "start") in [(at, what) for at, what, _ in told(run)]


def test_the_work_of_a_removed_team_is_without_a_floor(tmp_path: Path) -> None:
    log = "safety,0,2,600,600\nproduct,0,2,600,600\nproduct,40,2,60,60\n"
    run = replayed(
        tmp_path,
        log,
        charter("product: {floor: 50%}, safety: {floor: 50%}"),
        ("60m", charter("product: {floor: 100%}")),
    )
    assert [(at, what) for at, what, _ in told(run)][2:6] == [(60, "claim"), (60, "warn"), (70, "stop"), (70, "start")]


def test_a_new_team_has_its_floor_from_that_instant(tmp_path: Path) -> None:
    log = "product,0,4,600,600\nagents,10,1,10,10\nagents,40,2,10,10\n"
    after = charter("product: {floor: 50%}, agents: {floor: 50%}")
    run = replayed(tmp_path, log, charter("product: {floor: 50%}"), ("30m", after))
    assert told(run)[1:] == [
        (10, "refuse", 1), (40, "claim", 2), (40, "warn", 0), (50, "stop", 0), (50, "start", 2), (60, "start", 0)
    ]  # fmt: skip


def test_a_claim_that_could_not_be_made_any_more_is_withdrawn(tmp_path: Path) -> None:
    log = "product,0,4,100,100\nsafety,5,2,10,10\n"
    before, after = (
        charter("product: {floor: 50%}, safety: {floor: 50%}"),
        charter("product: {floor: 100%}, safety: {}"),
    )
    run = replayed(tmp_path, log, before, ("20m", after))
    assert told(run) == [(0, "start", 0), (5, "claim", 1), (20, "withdraw", 1), (20, "withdraw", 1), (100, "start", 1)]


def test_who_is_not_warned_yet_follows_the_new_terms_and_who_is_keeps_its_time(tmp_path: Path) -> None:
    log = "product,0,4,600,600\nsafety,5,2,10,10\n"
    teams = "product: {{floor: 50%, protect: {{min_runtime: {}, grace: {}}}}}, safety: {{floor: 50%}}"
    before = charter(teams.format("30m", "10m"))
    sooner = replayed(tmp_path, log, before, ("20m", charter(teams.format("15m", "4m"))))
    assert told(sooner)[2:4] == [(20, "warn", 0), (24, "stop", 0)]
    warned = replayed(tmp_path, log, before, ("32m", charter(teams.format("15m", "4m"))))
    assert told(warned)[2:4] == [(30, "warn", 0), (40, "stop", 0)]


def test_a_divided_leaf_keeps_its_work_below_the_team_without_a_floor(tmp_path: Path) -> None:
    log = "chat,0,4,600,600\nchat,1,1,10,10\nchat.a,40,1,10,10\nchat,50,1,10,10\n"
    after = charter("chat: {floor: 100%, teams: {a: {floor: 100%}}}")
    run = replayed(tmp_path, log, charter("chat: {floor: 100%}"), ("30m", after))
    assert told(run)[1:6] == [(40, "claim", 2), (40, "warn", 0), (50, "stop", 0), (50, "refuse", 3), (50, "start", 2)]
    assert run.teams["team"].to_list() == ["chat", "chat.*", "chat.a"]


def test_another_half_life_leaves_past_use_as_it_was() -> None:
    charters = [loads(charter("a: {}, b: {}", f"usage_half_life: {days}d\n")) for days in (7, 1)]
    plans = course(charters)
    jobs = _jobs([(0, 100, 3), (0, 50, 1)])
    core = _core_after(Workload(jobs, ("a", "b")), plans)
    before = core.state.glob[0].copy(), core.state.rows.copy()
    core.take(core.now_ms, event(k.CHARTER_ENACTED, 1))
    after = core.state.glob[0], core.state.rows
    used = [(rows["alloc"] + rows["usage"] / g["inflation"]) * int(g["half_life_ms"]) for g, rows in (before, after)]
    assert np.allclose(used[0], used[1], rtol=1e-12)
    assert used[0][1] > 0


def test_a_service_has_at_most_its_cap_and_what_is_held_back_is_not_asked_for() -> None:
    service = Service(
        "chat", 0, 0, 1, 0, np.array([0, 60 * MINUTE], np.int64), np.array([4, 0], np.int32)
    )  # fmt: skip
    workload = Workload(_jobs([]), ("a",), services=(service,))
    rules = loads(charter("a: {}"))
    caps = [CapChange(10 * MINUTE, 0, 2), CapChange(30 * MINUTE, 0, None)]
    way = plan(rules)
    run = simulate_run(workload, rules, way, reference=way, caps=caps, keep=True)
    assert run.decisions is not None
    released = [(int(d["time_ms"]) // MINUTE) for d in run.decisions if d["kind"] == k.RELEASE]
    assert released == [10, 10, 60, 60, 60, 60]
    row = run.services[0]
    assert int(row["demanded"]) == int(row["served"]) == (4 * 10 + 2 * 20 + 4 * 30) * MINUTE
    with pytest.raises(InputError, match="P107"):
        simulate_run(workload, rules, way, reference=way, caps=[CapChange(0, 1, 1)])


def test_a_window_is_judged_by_the_text_in_force_when_it_began(tmp_path: Path) -> None:
    log = "safety,0,2,7200,7200\nproduct,0,8,7200,7200\n"
    promise = "commitments: {{fifth: {{team: safety, at_least: {}, window: day}}{}}}\n"
    teams = "product: {floor: 60%}, safety: {floor: 20%}"
    before = charter(teams, promise.format("20%", ", gone: {team: product, at_least: 10%, window: day}"), nodes=10)
    after = charter(teams, promise.format("30%", ", new: {team: product, at_least: 10%, window: day}"), nodes=10)
    run = replayed(tmp_path, log, before, ("12h", after))
    windows = [
        (row["promise"], row["from_s"] / 3600, row["to_s"] / 3600, row["share"])
        for row in run.promises.sort("promise", "from_s").to_dicts()
    ]
    assert [w for w in windows if w[0] == "fifth"][:3] == [
        ("fifth", 0, 24, 0.2), ("fifth", 24, 48, 0.3), ("fifth", 48, 72, 0.3)
    ]  # fmt: skip
    assert [w for w in windows if w[0] == "gone"] == [("gone", 0, 24, 0.1)]
    assert [w for w in windows if w[0] == "new"][:2] == [("new", 12, 24, 0.1), ("new", 24, 48, 0.1)]
    answers = {(row["promise"], row["from_s"] / 3600): row["verdict"] for row in run.promises.to_dicts()}
    assert answers["gone", 0] == "kept"
    assert answers["fifth", 0] == "kept"


def test_a_broken_window_is_made_good_under_the_next_text(tmp_path: Path) -> None:
    # Without floors nothing is taken back: the product holds the machine for a day, and the day is broken by all that was owed.
    log = "product,0,10,1440,1440\nsafety,0,1,4000,4000\n"
    promise = "commitments: {{fifth: {{team: safety, at_least: {}, window: day, make_good: 100%}}}}\n"
    teams = "product: {floor: 80%}, safety: {}"
    before = charter(teams, promise.format("10%"), nodes=10)
    plain = replayed(tmp_path, log, before, policy="no-floors")
    after = charter(teams, promise.format("12.5%"), nodes=10)
    changed = replayed(tmp_path, log, before, ("12h", after), policy="no-floors")
    for run in (plain, changed):
        rows = run.promises.sort("from_s").to_dicts()
        assert (rows[0]["verdict"], rows[0]["broken_by_heh_h"]) == ("broken", 24)
        assert rows[1]["to_make_good_heh_h"] == 24
    assert changed.promises["share"].to_list()[:2] == [0.1, 0.125]


def test_charters_of_another_machine_and_times_that_are_none_are_refused(tmp_path: Path) -> None:
    one = charter("a: {}")
    with pytest.raises(InputError, match="P105"):
        replayed(tmp_path, "a,0,1,1,1\n", one, ("1h", charter("a: {}", nodes=5)))
    with pytest.raises(InputError, match="P106"):
        replayed(tmp_path, "a,0,1,1,1\n", one, ("1h", one), ("60m", one))
    with pytest.raises(InputError, match="P108"):
        replayed(tmp_path, "a,0,1,1,1\n", one, ("2027-01-01", one))
    with pytest.raises(InputError, match="P108"):
        split("2027-01-01")
    lab = loads(charter("a: {}", "timezone: Europe/Berlin\n"))
    # 1 January 2027 is midnight in Berlin, an hour before that of UTC.
    assert in_order([("2027-01-01", lab)], lab, 1_798_758_000_000 - 5)[0][0] == 5


def test_the_notes_say_when_which_charter_came_into_force(tmp_path: Path) -> None:
    run = replayed(tmp_path, "a,0,1,90,90\n", charter("a: {}"), ("1h", charter("a: {weight: 2}")))
    assert "from hour 1.0 on another charter was in force: Small, revision 1" in run.notes


def test_floors_over_time_are_those_in_force(tmp_path: Path) -> None:
    before, after = charter("a: {floor: 25%}, b: {}"), charter("a: {floor: 75%}, b: {}")
    run = replayed(tmp_path, "a,0,1,240,240\n", before, ("2h", after))
    closes = run.closes.filter(run.closes["team"] == "a")
    seen = dict(zip((closes["from_s"] / 3600).to_list(), closes["floor_share"].to_list(), strict=True))
    assert {floor for from_h, floor in seen.items() if from_h < 2} == {0.25}
    assert {floor for from_h, floor in seen.items() if from_h >= 2} == {0.75}


def _jobs(rows: list[tuple[int, int, int]]) -> Jobs:
    """Jobs of one team each: submitted and lasting so many minutes, of so many devices."""
    n = len(rows)
    submit, last, gang = (np.array([row[i] for row in rows], np.int64) for i in range(3))
    zero = np.zeros(n, np.int32)
    return Jobs(
        submit * MINUTE, last * MINUTE, gang.astype(np.int32), last * MINUTE, np.arange(n, dtype=np.int32), zero, zero, zero,
        np.ones(n, np.bool_), zero.astype(np.int64), zero - 1,
    )  # fmt: skip


def _core_after(workload: Workload, plans: tuple[Plan, ...]) -> Core:
    """Return a core after 70 minutes: the second job has ended, the first runs."""
    later = [(one, one) for one in plans[1:]]
    pools = plans[0].charter.pools
    core = Core(build(workload, pools, plans[0], reference=plans[0], later=later, run_times="unknown"))
    core.take(0, np.concatenate([event(k.SUBMITTED, 0), event(k.SUBMITTED, 1)]))
    core.take(50 * MINUTE, event(k.ENDED, 1))
    core.take(70 * MINUTE, event(k.DAY_BEGAN))
    return core
