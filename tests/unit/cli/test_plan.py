"""``equipoise plan``: the sentences, the summary, exit codes, JSON, and what a replay shows."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

import equipoise
from equipoise.charter_io import digest
from tests.unit.cli.test_commands import FRONTIER, run

SMALL = """equipoise: charter/v1
lab: Small
pools: {h100: {device: H100, expect: 1 nodes of 8 gpu}}
teams: {product: {floor: 50%}, safety: {floor: 50%}}
"""
JOBS = "team,submit_s,num_gpu,duration_s\nproduct,0,8,14400\nsafety,60,4,3600\nsafety,90,4,600\n"


def amended(tmp_path: Path, *edits: tuple[str, str], of: str | None = None) -> list[str]:
    """Write a charter and its amendment; return the arguments that compare them."""
    text = FRONTIER.read_text("utf-8") if of is None else of
    (tmp_path / "old.yaml").write_text(text, "utf-8")
    for before, after in edits:
        assert text.count(before) == 1, before
        text = text.replace(before, after)
    (tmp_path / "new.yaml").write_text(text, "utf-8")
    return [str(tmp_path / "new.yaml"), "--against", str(tmp_path / "old.yaml")]


def told(capsys: pytest.CaptureFixture[str], *arguments: str, code: int = 0) -> str:
    assert run("plan", *arguments) == code
    return capsys.readouterr().out


SAFETY_22 = ("  safety:\n    floor: 20%", "  safety:\n    floor: 22%")


def test_a_floor_is_told_before_and_after_with_those_it_moves(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = told(capsys, *amended(tmp_path, SAFETY_22))
    # 20 and 22 percent of 16,384: 3,276.8 and 3,604.48; floors in whole GPUs are never below, and fit together
    assert "~ team safety\n    Its floor in train rises from 20% (3,277 GPUs) to 22% (3,604 GPUs).\n" in out
    assert "~ team safety.alignment\n    Its floor in train rises from" in out
    assert "because that of safety changes." in out.split("Affected by these")[1]
    assert "Plan: 0 to add, 1 to change, 0 to remove. 10 more are affected by these." in out


@pytest.mark.parametrize(
    ("edit", "expected"),
    [
        (("    at_least: 20%\n", "    at_least: 21%\n"), "It owes at least 21% instead of 20%."),
        (("    at_least: 20%\n", "    at_least: 21%\n"), "is 3,440.6 GPUs of train instead of 3,276.8 GPUs."),
        (("    window: rolling 28d", "    window: rolling 14d"), "It is judged over rolling 14d instead of rolling 28d."),
        (("within: 4h", "within: 6h"), "starts.within goes from 4h to 6h."),
        (("    lend: 50% ", "    lend: 80% "), "It lends 80% of its idle floor instead of 50%."),
        (("    lend: 50% ", "    lend: 80% "), "It keeps 656 GPUs of train free while idle instead of 1,639 GPUs."),
        (("    recover: 45m", "    recover: 3h"), "back within 3h instead of 45m."),
        (("    weight: 3\n", "    weight: 5\n"), "Its weight in what floors leave rises from 3 to 5."),
        (("limit: 65%", "limit: 60%"), "Its limit in train falls from 65% (10,649 GPUs) to 60% (9,830 GPUs)."),
        (("preview,  quota: 10%", "preview,  quota: 12%"), "~ gate assistants\n    stage preview: quota goes from 10%"),
        (("    quorum: 3\n", "    quorum: 4\n"), "~ board safety-board\n    quorum goes from 3 of 5 to 4 of 5."),
        (("min_group: 10", "min_group: 12"), "~ people\n    min_group rises from 10 to 12."),
        (("witnesses: 2", "witnesses: 3"), "~ evidence\n    witnesses rises from 2 to 3."),
        (("keep: 80%", "keep: 70%"), "~ amendments\n    emergency.keep goes from 80% to 70%."),
        (("heh: 2.5", "heh: 3"), "~ pool train\n    heh rises from 2.5 to 3."),
        (("timezone: America/Los_Angeles", "timezone: Europe/Paris"), "    timezone goes from America/Los_Angeles to Europe/Paris."),
        (("{floor: 10%}\n", "{floor: 10%, max_job: 8 gpu}\n"), "Its jobs may have 8 GPUs instead of 64 GPUs."),
        (("  recover: 1h\n", "  recover: 2h\n"), "~ 7 teams: exploration, product, product.improvement"),
        (("      red-team:  {floor: 10%}\n", ""), "- team safety.red-team\n    Its floor in train was 327 GPUs."),
        (("      red-team:  {", "      blue-team:  {"), "+ team safety.blue-team\n    Its floor in train is 327 GPUs."),
        (("  product-ceiling: {", "  ceiling: {"), "+ promise ceiling\n    ceiling: product gets at most 60%"),
    ],
)  # fmt: skip
def test_each_field_has_its_sentence(
    edit: tuple[str, str], expected: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert expected in told(capsys, *amended(tmp_path, edit))


def test_a_team_that_moves_is_removed_and_added_and_said_to_move(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edits = (
        ("      red-team:  {floor: 10%}\n", ""),
        ("  exploration:                    #", "  red-team: {floor: 2%}\n  exploration: #"),
    )
    out = told(capsys, *amended(tmp_path, *edits))
    assert "+ team red-team (moved from safety.red-team)" in out
    assert "- team safety.red-team (moves to red-team)" in out
    assert "Plan: 1 to add, 0 to change, 1 to remove." in out


def test_only_new_warnings_are_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    warned = SMALL.replace("safety: {floor: 50%}", "safety: {floor: 40%, recover: 5m}")
    arguments = amended(tmp_path, ("floor: 40%", "floor: 45%"), of=warned)
    assert run("plan", *arguments) == 0
    assert capsys.readouterr().err == ""
    arguments = amended(tmp_path, ("safety: {floor: 50%}", "safety: {floor: 50%, recover: 5m}"), of=SMALL)
    assert run("plan", *arguments) == 0
    assert "W603 recover 5m of safety is shorter than the grace 10m of product" in capsys.readouterr().err


def test_the_order_of_revisions_is_told_until_it_is_right(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    parent = digest(SMALL.encode())
    assert f"revision: 2  and  parent: {parent}" in told(capsys, *amended(tmp_path, ("lab: Small", "lab: S"), of=SMALL))
    follows = f"lab: Small\nrevision: 2\nparent: {parent}\n"
    out = told(capsys, *amended(tmp_path, ("lab: Small\n", follows), of=SMALL))
    assert out.endswith("\nNo changes: the two charters mean the same.\n")
    assert "To follow" not in out


def test_exit_codes(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    changed = amended(tmp_path, SAFETY_22)
    assert run("plan", *changed) == 0
    assert run("plan", *changed, "--exit-code") == 1
    assert run("plan", str(FRONTIER), "--against", str(FRONTIER), "--exit-code") == 0
    assert run("plan", *amended(tmp_path, ("lab: Small", "lob: Small"), of=SMALL)) == 1
    assert "C103 unknown key 'lob'" in capsys.readouterr().err
    assert run("plan", str(FRONTIER), "--map", "x.csv") == 2
    assert "--map: only with --replay LOG" in capsys.readouterr().err


def test_what_an_amendment_weakens_and_who_must_sign_it_is_told(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    edits = (("    lend: 50% ", "    lend: 80% "), ("    recover: 45m", "    recover: 30m"))
    arguments = amended(tmp_path, *edits)
    out = told(capsys, *arguments)
    assert "Weakened: 4 teams. Strengthened: nothing." in out
    rows = [line.split(maxsplit=2) for line in out.splitlines() if line.startswith("safety ")]
    # both ways: weakened, and told with what strengthens it
    assert [row[1] for row in rows] == ["weaker", "stronger"]
    assert rows[0][2].startswith("kept free 1,638.4 → 655.4 of 16,384 in train (+")
    assert rows[1][2].startswith("recover 45m → 30m")
    assert "  safety-board, 3 of 5: protects team safety; " in out
    assert "It takes force 14d after the last needed signature" in out
    found: dict[str, Any] = json.loads(told(capsys, *arguments, "--json"))
    safety = next(thing for thing in found["effect"] if thing["name"] == "safety")
    assert safety["outcome"] == "weakened"
    kept = next(move for move in safety["weaker"] if move["pool"] == "train")
    assert (kept["field"], kept["capacity"], kept["before"], kept["after"]) == ("kept", 16384, "8192/5", "16384/25")
    assert [one["missing"] for one in found["signatures"] if one["board"] == "safety-board"] == [3]
    assert found["notice_ms"] == 14 * 86_400_000


def test_without_boards_nobody_has_to_sign(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = told(capsys, *amended(tmp_path, ("lab: Small", "lab: S"), of=SMALL))
    assert "Nobody has to sign" in out
    assert "It takes force with its entry." in out


def test_json_has_every_change_and_its_numbers(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    found: dict[str, Any] = json.loads(told(capsys, *amended(tmp_path, SAFETY_22), "--json"))
    safety = next(change for change in found["changes"] if change["name"] == "safety")
    assert safety["mark"] == "change"
    assert safety["differences"][0] == {
        "field": "floor", "pool": "train", "before": "20%", "after": "22%",
        "before_gpus": 3277, "after_gpus": 3604, "cause": "written",
    }  # fmt: skip
    assert len(found["affected"]) == sum(not change["written"] for change in found["changes"]) == 10
    assert "replay" not in found


def test_without_a_charter_in_force_everything_is_added(capsys: pytest.CaptureFixture[str]) -> None:
    out = told(capsys, str(FRONTIER))
    # the charter itself, 3 pools, 11 teams, 4 promises, 1 gate, 4 boards, and evidence, people, amendments
    assert "Plan: 27 to add, 0 to change, 0 to remove." in out


@pytest.fixture
def moved(tmp_path: Path) -> list[str]:
    (tmp_path / "jobs.csv").write_text(JOBS, "utf-8")
    edits = ("product: {floor: 50%}, safety: {floor: 50%}", "product: {floor: 75%}, safety: {floor: 25%}")
    return [*amended(tmp_path, edits, of=SMALL), "--replay", str(tmp_path / "jobs.csv")]


def test_a_replay_shows_the_figures_of_simulate(
    moved: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    found = json.loads(told(capsys, *moved, "--json"))["replay"]
    both = equipoise.simulate(tmp_path / "jobs.csv", tmp_path / "old.yaml", vs=[tmp_path / "new.yaml"])
    assert found["one_measure"] is True
    for row in found["teams"]:
        for figure in ("denied_gpu_h", "wait_p95_s", "reclaims", "delivered_gpu_h"):
            assert row[figure] == [run.team(row["team"])[figure] for run in both]
    # Safety's gang of four is above its new floor of two: the product's job is not stopped for it any more.
    assert next(row for row in found["teams"] if row["team"] == "product")["reclaims"] == [1, 0]
    assert "wait p95" in told(capsys, *moved)


def test_a_replay_over_another_machine_measures_each_charter_by_itself(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "jobs.csv").write_text(JOBS, "utf-8")
    arguments = [*amended(tmp_path, ("1 nodes", "2 nodes"), of=SMALL), "--replay", str(tmp_path / "jobs.csv")]
    found = json.loads(told(capsys, *arguments, "--json"))["replay"]
    assert found["one_measure"] is False
    assert next(row for row in found["teams"] if row["team"] == "safety")["wait_p95_s"][1] == 0.0
    assert "by each charter itself" in told(capsys, *arguments)


def test_a_replay_of_the_first_charter_has_nothing_before(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "jobs.csv").write_text(JOBS, "utf-8")
    new = amended(tmp_path, of=SMALL)[0]
    found = json.loads(told(capsys, new, "--replay", str(tmp_path / "jobs.csv"), "--json"))["replay"]
    assert all(row["delivered_gpu_h"][0] is None and row["delivered_gpu_h"][1] > 0 for row in found["teams"])


def test_numba_is_not_loaded_without_a_replay() -> None:
    script = "import sys\nfrom equipoise.cli import main\ntry: main(sys.argv[1:])\nfinally: print(*sys.modules)"
    arguments = ["plan", str(FRONTIER), "--against", str(FRONTIER)]
    done = subprocess.run([sys.executable, "-c", script, *arguments], capture_output=True, text=True, check=True)
    assert not {"numba", "numpy", "polars"} & set(done.stdout.split())


def test_a_plan_of_a_thousand_teams_takes_less_than_a_second(tmp_path: Path) -> None:
    from tests.unit.cli.test_commands import _cpu_s  # pyright: ignore[reportPrivateUsage]

    floors = "{floor: {p0: 2%, p1: 3%, p2: 1.5%}, limit: 50%, recover: 30m, max_job: 1024 gpu}"
    lines = ["equipoise: charter/v1", "lab: B", "pools:"]
    lines += [f"  p{n}: {{device: H100, expect: 125000 nodes of 8 gpu}}" for n in range(3)] + ["teams:"]
    for division in range(31):
        lines += [f"  d{division}:", f"    floor: {'2.9' if division == 7 else '3'}%", "    teams:"]
        lines += [f"      t{team}: {floors}" for team in range(32)]
    text = "\n".join([*lines, ""])
    arguments = amended(tmp_path, ("floor: 2.9%", "floor: 3%"), of=text)
    assert min(_cpu_s("plan", *arguments) for _ in range(3)) < 1.0
