"""The screen of the charter: its text and floors, amendments of a ledger, gates, and what a changed text would have done."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import pytest

from equipoise.charter.explanation import explain
from equipoise.charter_io import loads
from equipoise.errors import InputError
from equipoise.screens.charter import document, gates, text, versions
from equipoise.simulator.bookkeeping import Releases
from equipoise.tasks.film import gated_film
from equipoise.tasks.plan import plain_plan, propose, propose_beside, replay_both
from equipoise.tasks.plan_replay import PlanReplays
from equipoise.tasks.simulate import simulate
from equipoise.units import DAY_MS
from equipoise.workload.part import part
from equipoise.workload.synthetic.release import gated_charter, gated_lab, release_records, releases
from tests.unit.screens.small_film import DAYS, GPUS, TEXT, small_film

CHANGED = TEXT.replace("floor: 20%", "floor: 12%", 1)


def test_the_document_says_what_the_charter_means() -> None:
    run = small_film()[0]
    told = document(run)
    charter = run.record.charter
    assert (told["text"], told["digest"], told["revision"]) == (TEXT, loads(TEXT).digest, 1)
    assert text(run, told["digest"], None) == TEXT and text(run, "sha256:" + "0" * 64, None) is None
    said = "\n".join(explain(charter))
    for part_of in told["rules"]:
        assert part_of["title"] in said
        assert all(line.strip() in said for line in part_of["sentences"])
    paths = [row[0] for row in told["teams"]["rows"]]
    assert paths == [team.path for team in charter.teams]
    # The table of `check --explain` has the same floors.
    for number, pool in enumerate(told["pools"]):
        lines = said[said.index(f"Pool {pool['pool']}:") :].split("\n")[2:]
        floors = [int(line.split()[1].replace(",", "")) for line in lines[: len(paths)]]
        assert floors == [row[3][number] for row in told["teams"]["rows"]]
    assert told["history"][0]["how"] == "founded" and told["pending"] is None and told["gates"] == []
    assert "Nobody has to sign" in told["sentence"]


def test_teams_come_page_by_page() -> None:
    run = small_film()[0]
    first = document(run, limit=10)["teams"]
    second = document(run, first=first["next"], limit=10)["teams"]
    assert second["next"] is None
    assert [row[0] for row in first["rows"] + second["rows"]] == [team.path for team in run.record.charter.teams]


def test_gates_stand_as_they_stood_then() -> None:
    work, written = gated_lab(1, days=30, gpus=GPUS), gated_charter(GPUS)
    known = Releases(releases(work), release_records(work.origin_ms or 0))
    run = gated_film(simulate(work, loads(written), releases=known, record=True), text=written, ends_ms=30 * DAY_MS)
    stages: dict[int, Any] = {}
    for day in (0, 4, 12, 29):
        found = {
            one["services"][0]["service"]: one for one in gates(run, run.origin_ms + day * DAY_MS) if one["services"]
        }
        stages[day] = found["chat-next"]["stage"]
        assert found["chat-next"]["now_ms"] <= run.origin_ms + day * DAY_MS
    frame = run.results.gates.filter(service="chat-next")
    for day, stage in stages.items():
        rows = frame.filter(frame["at_s"] <= day * 86_400).to_dicts()
        assert stage == rows[-1]["stage"]
    assert len(set(stages.values())) > 1
    last = next(one for one in gates(run) if one["services"][0]["service"] == "chat-next")
    lacking = [need for need in last["needs"] if not need["met"]]
    assert lacking and all(need["can_sign"] and need["says"] for need in lacking)


def test_a_plan_is_that_of_the_command(tmp_path: Path) -> None:
    for name, written in (("old", TEXT), ("new", CHANGED)):
        (tmp_path / f"{name}.yaml").write_text(written)
    by_files = plain_plan(propose(tmp_path / "new.yaml", tmp_path / "old.yaml"))
    held = versions(small_film()[0], None, None)[-1]
    by_text = plain_plan(propose_beside(held.charter, held.text, CHANGED.encode()))
    assert by_text["sentences"] and by_text["sentences"] == by_files["sentences"]
    assert {**by_text, "warnings": []} == {**by_files, "warnings": []}


def finished(replays: PlanReplays, name: str) -> dict[str, Any]:
    until_s = time.monotonic() + 120
    while (state := replays.state(name))["state"] == "running":
        assert time.monotonic() < until_s
        time.sleep(0.05)
    return state


def test_a_replay_is_of_the_last_days_under_both_charters() -> None:
    run, replays = small_film()[0], PlanReplays()
    try:
        charter = run.record.charter
        name = replays.begin(run, charter, CHANGED, until_ms=20 * DAY_MS, days=5)
        assert replays.begin(run, charter, CHANGED, until_ms=20 * DAY_MS, days=5) == name
        state = finished(replays, name)
        assert state["state"] == "done", state["fault"]
        work = part(run.record.workload, 15 * DAY_MS, 20 * DAY_MS)
        proposal = propose_beside(charter, TEXT, CHANGED.encode())
        both = replay_both(proposal, lambda one, vs: simulate(work, one, vs=vs))  # pyright: ignore[reportUnknownLambdaType, reportUnknownArgumentType, reportCallIssue, reportArgumentType]
        assert state["result"]["teams"] == both.rows()
        assert state["result"]["jobs"] == len(work.jobs)
        assert (state["result"]["from_ms"] - run.origin_ms) == 15 * DAY_MS
        assert any(row["denied_gpu_h"][0] != row["denied_gpu_h"][1] for row in state["result"]["teams"])
    finally:
        replays.close()


def test_replays_that_cannot_be_say_why() -> None:
    run, replays = small_film()[0], PlanReplays()
    try:
        charter = run.record.charter
        with pytest.raises(InputError) as raised:
            replays.state("0" * 24)
        assert raised.value.code == "N176"
        cut = TEXT.replace("      residents:         {floor: 40%}\n", "")
        assert cut != TEXT
        state = finished(replays, replays.begin(run, charter, cut, until_ms=DAYS * DAY_MS, days=1))
        assert state["state"] == "failed" and "residents" in state["fault"]["sentence"]
    finally:
        replays.close()
