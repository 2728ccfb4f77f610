"""Each thing that a job can wait for, on systems so small that the answer is worked out by hand."""

from __future__ import annotations

from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from equipoise.errors import InputError
from equipoise.policy.why import Change, Explanation
from equipoise.report.why import plain_why, print_why
from equipoise.tasks.why import Answer, why

FOUR = "{gpu: {device: GPU, expect: 4 nodes of 1 gpu}}"
NODES = "{gpu: {device: GPU, expect: 2 nodes of 4 gpu}}"
HEADER = "job_id,team,submit_min,num_gpu,duration_min,walltime_min,preemptible,after"
MIN_MS = 60_000


def ask(
    folder: Path,
    job: str,
    rows: str,
    teams: str = "{a: {floor: 50%}, b: {floor: 50%}}",
    *,
    pools: str = FOUR,
    **more: Any,
) -> Answer:
    """Ask about a job of a log of ``job,team,submit,gpus,minutes,walltime,preemptible,after`` rows."""
    (folder / "lab.yaml").write_text(f"equipoise: charter/v1\nlab: Small\npools: {pools}\nteams: {teams}\n")
    lines = [",".join(row.split()) for row in rows.strip().splitlines()]
    full = [line + "," * (HEADER.count(",") - line.count(",")) for line in lines]
    (folder / "log.csv").write_text("\n".join([HEADER, *full]) + "\n")
    options: dict[str, Any] = {"predict": False, **more}
    return why(job, folder / "log.csv", folder / "lab.yaml", **options)


def explained(
    folder: Path, job: str, rows: str, teams: str = "{a: {floor: 50%}, b: {floor: 50%}}", **more: Any
) -> Explanation:
    return ask(folder, job, rows, teams, **more).explanation


def change(found: Explanation, kind: str) -> Change | None:
    return next((change for change in found.changes if change.kind == kind), None)


def told(answer: Answer) -> str:
    """What the command prints, in one line."""
    console = Console(width=200, record=True, file=StringIO())
    print_why(answer.explanation, console, name_of=answer.job_name, forecast=answer.forecast)
    return " ".join(console.export_text().split())


def test_a_limit_binds_though_devices_are_free(tmp_path: Path) -> None:
    found = explained(tmp_path, "y", "x a 0 2 60 60 yes\ny a 1 2 60 60 yes", "{a: {limit: 3 gpu}, b: {}}", at="2m")
    assert found.constraint is not None
    assert found.constraint.kind == "limit"
    assert found.constraint.team == "a"
    assert found.constraint.numbers == {"limit": 3, "held": 2, "asked": 2, "over": 1}
    raised = change(found, "limit")
    assert raised is not None
    assert (raised.amount, raised.before, raised.after) == (1, 3, 4)
    smaller = change(found, "size")
    assert smaller is not None
    assert smaller.after == 1
    assert found.smallest is not None
    assert found.smallest.amount == 1
    assert [(h.team, h.held, h.limit, h.waiting) for h in found.holders] == [("a", 2, 3, 2)]


def test_a_job_that_may_not_be_stopped_needs_floor(tmp_path: Path) -> None:
    found = explained(tmp_path, "y", "x a 0 1 60 60 no\ny a 1 2 60 60 no", at="2m")
    assert found.constraint is not None
    assert found.constraint.kind == "non-preemptible"
    assert found.constraint.numbers == {"floor": 2, "non_preemptible": 1, "asked": 2}
    assert change(found, "floor") is None, "all is promised already"
    spare = explained(
        tmp_path, "y", "x a 0 1 60 60 no\ny a 1 2 60 60 no", "{a: {floor: 50%}, b: {floor: 25%}}", at="2m"
    )
    raised = change(spare, "floor")
    assert raised is not None
    assert (raised.amount, raised.after) == (1, 3)


def test_free_devices_in_the_wrong_shape(tmp_path: Path) -> None:
    rows = "x a 0 3 60 60 yes\ny a 0 3 90 90 yes\nz b 1 2 60 60 yes"
    found = explained(tmp_path, "z", rows, "{a: {}, b: {}}", pools=NODES, at="2m")
    assert found.constraint is not None
    assert found.constraint.kind == "placement"
    assert found.constraint.numbers == {
        "asked": 2, "free": 2, "per_node": 4, "whole_needed": 0, "part_needed": 2, "whole_free": 0, "largest": 1,
    }  # fmt: skip
    ended = change(found, "ended")
    assert ended is not None
    assert ended.jobs == (0,)


def test_a_team_that_has_its_floor_waits_for_others_to_end(tmp_path: Path) -> None:
    rows = "x a 0 2 60 60 yes\ny b 0 2 90 90 yes\nz a 1 1 60 60 yes"
    found = explained(tmp_path, "z", rows, at="2m")
    assert found.constraint is not None
    assert (found.constraint.kind, found.constraint.reason) == ("entitlement", "has its floor")
    assert found.constraint.numbers == {"asked": 1, "free": 0, "held": 2, "floor": 2, "entitled": 2}
    assert [(o.job, o.expected_ms, o.secure) for o in found.occupants] == [(0, 60 * MIN_MS, True)]
    assert change(found, "devices") == Change("devices", 1, 1.0)
    assert change(found, "floor") is None
    assert change(found, "size") is None


def test_a_gang_larger_than_the_floor_saves_up_or_has_no_promise(tmp_path: Path) -> None:
    rows = "x b 0 2 60 60 yes\ny a 1 3 60 60 yes"
    bounded = explained(tmp_path, "y", rows, at="1m")
    assert bounded.constraint is not None
    assert bounded.constraint.reason == "larger than what is missing"
    assert bounded.turn is not None
    assert bounded.turn.bounded
    assert bounded.turn.needed == 3 * 60 * MIN_MS
    unbounded = ask(tmp_path, "y", rows, at="1m", enforce_walltime=False)
    assert unbounded.explanation.turn is not None
    assert not unbounded.explanation.turn.bounded
    assert "not bounded by any promise" in told(unbounded)


def test_rules_that_take_nothing_back_only_count_devices(tmp_path: Path) -> None:
    found = explained(tmp_path, "y", "x a 0 3 60 60 yes\ny b 1 2 60 60 yes", at="2m", policy="easy")
    assert found.constraint is not None
    assert found.constraint.kind == "devices"
    assert found.constraint.numbers == {"asked": 2, "free": 1}
    assert found.holders[0].held == 3


def test_a_job_that_would_delay_the_reservation(tmp_path: Path) -> None:
    rows = "x a 0 3 60 60 yes\ny b 1 4 60 60 yes\nz b 2 1 90 90 yes"
    found = explained(tmp_path, "z", rows, at="10m", policy="easy")
    assert found.constraint is not None
    assert found.constraint.kind == "reservation"
    assert found.constraint.job == 1
    numbers = found.constraint.numbers
    assert (numbers["shadow_ms"], numbers["spare"], numbers["estimate_ms"]) == (60 * MIN_MS, 0, 90 * MIN_MS)
    shorter = change(found, "walltime")
    assert shorter is not None
    assert shorter.after == 58 * MIN_MS, "what is left of the window when it came, and nothing has happened since"
    withdrawn = change(found, "withdrawn")
    assert withdrawn is not None
    assert withdrawn.jobs == (1,)


def test_nobody_passes_the_head_of_one_queue(tmp_path: Path) -> None:
    rows = "x a 0 3 60 60 yes\ny b 1 4 60 60 yes\nz b 2 1 5 5 yes"
    found = explained(tmp_path, "z", rows, at="10m", policy="fifo")
    assert found.constraint is not None
    assert (found.constraint.kind, found.constraint.job) == ("order", 1)
    withdrawn = change(found, "withdrawn")
    assert withdrawn is not None
    assert withdrawn.jobs == (1,)


def test_devices_that_idle_floors_keep(tmp_path: Path) -> None:
    found = explained(tmp_path, "x", "x a 0 3 60 60 yes", "{a: {floor: 50%}, b: {floor: 50%, lend: 0%}}", at="1m")
    assert found.constraint is not None
    assert (found.constraint.kind, found.constraint.team) == ("reserve", "b")
    assert found.constraint.numbers == {"asked": 3, "free": 4, "kept": 2, "room": 2}
    smaller = change(found, "size")
    assert smaller is not None
    assert smaller.after == 2


def test_a_claim_waits_for_what_is_protected(tmp_path: Path) -> None:
    answer = ask(tmp_path, "y", "x a 0 3 120 120 yes\ny b 1 2 60 60 yes", at="35m")
    found = answer.explanation
    assert found.state == "claimed"
    assert found.constraint is not None
    assert found.constraint.kind == "protection"
    assert found.constraint.numbers["until_ms"] == 40 * MIN_MS
    assert [(w.job, w.warn_ms, w.stop_ms, w.warned) for w in found.warned] == [(0, 30 * MIN_MS, 40 * MIN_MS, True)]
    assert "job x of a (3) is warned since day 0 00:30:00, stops by day 0 00:40:00" in told(answer)


def test_a_job_that_was_stopped_says_so(tmp_path: Path) -> None:
    answer = ask(tmp_path, "x", "x a 0 3 120 120 yes\ny b 1 2 60 60 yes", at="50m")
    assert answer.explanation.stops == 1
    assert "is asked for since 40 min and waits at day 0 00:40:00, after it was stopped once" in told(answer)


def test_a_job_that_depends_on_another(tmp_path: Path) -> None:
    found = explained(tmp_path, "y", "x a 0 1 60 60 yes\ny a 1 1 60 60 yes x", at="2m")
    assert (found.state, found.constraint is not None and found.constraint.job) == ("dependent", 0)


def test_a_job_that_was_refused(tmp_path: Path) -> None:
    answer = ask(tmp_path, "x", "x a 0 3 60 60 no\ny a 0 1 60 60 no", at="2m")
    assert answer.explanation.state == "refused"
    assert answer.explanation.constraint is not None
    assert answer.explanation.constraint.numbers == {"asked": 3, "most": 2}
    assert "the floor of a, within which a job that may not be stopped has to fit is 2" in told(answer)


def test_jobs_that_do_not_wait(tmp_path: Path) -> None:
    rows = "x a 0 1 60 60 yes\ny a 90 1 60 60 yes"
    assert explained(tmp_path, "x", rows, at="2m").state == "running"
    done = ask(tmp_path, "x", rows, at="80m")
    assert (done.explanation.state, done.explanation.since_ms) == ("done", 60 * MIN_MS)
    assert "is answered at an earlier time" in told(done)
    with pytest.raises(InputError, match="not submitted yet") as error:
        ask(tmp_path, "y", rows, at="2m")
    assert "day 0 01:30:00" in error.value.hint


@pytest.mark.parametrize(
    ("job", "at", "code"), [("q", "1m", "Y101"), ("x", "soon", "Y102"), ("x", "2017-10-03", "Y102")]
)
def test_questions_that_cannot_be_asked(tmp_path: Path, job: str, at: str, code: str) -> None:
    with pytest.raises(InputError) as error:
        ask(tmp_path, job, "x a 0 1 60 60 yes", at=at)
    assert error.value.code == code
    assert error.value.hint


def test_the_default_instant_is_halfway_through_the_wait(tmp_path: Path) -> None:
    answer = ask(tmp_path, "y", "x a 0 3 60 60 yes\ny b 10 4 60 60 yes", policy="fifo")
    assert answer.at_ms == 35 * MIN_MS
    assert answer.explanation.state == "waiting"


def test_the_same_seed_predicts_the_same_and_the_start_is_after_the_instant(tmp_path: Path) -> None:
    rows = "\n".join(f"j{n} {'ab'[n % 2]} {10 * n} {1 + n % 3} {30 + 7 * (n % 5)} 60 yes" for n in range(60))
    answers = [ask(tmp_path, "j50", rows, policy="fifo", predict=True, seed=3) for _ in range(2)]
    assert answers[0].explanation.state == "waiting"
    assert answers[0].forecast is not None
    assert answers[0].forecast == answers[1].forecast
    assert answers[0].forecast.low_ms is not None
    assert answers[0].forecast.high_ms is not None
    assert answers[0].explanation.at_ms <= answers[0].forecast.low_ms <= answers[0].forecast.high_ms
    plain = plain_why(answers[0].explanation, name="j50", name_of=answers[0].job_name, forecast=answers[0].forecast)
    assert plain["name"] == "j50"
    assert plain["forecast"]["low_ms"] == answers[0].forecast.low_ms
