"""``equipoise audit`` on files: a lab forges its ledger, builds the tree anew and signs it with its own key; every fraud is found."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from random import Random
from typing import Any

import pytest

from equipoise.cli.app import main
from equipoise.ledger.note import sign_note
from equipoise.ledger.pieces import encoded
from equipoise.store import open_sqlite
from equipoise.tasks.keys import read_key
from tests.unit.audit.ledgers import codes, entries_of

HOUR_MS = 3_600_000
Values = dict[str, Any]


def charter(product: int) -> str:
    return f"""equipoise: charter/v1
lab: Sixteen devices
pools: {{gpu: {{device: GPU, expect: 4 nodes of 4 gpu}}}}
teams:
  product: {{floor: {product}%}}
  safety: {{floor: {100 - product}%}}
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the ledger of two days of a lab whose floors change, and the key that signs it."""
    folder, chance = tmp_path_factory.mktemp("lab"), Random(4)
    (folder / "first.yaml").write_text(charter(50))
    (folder / "second.yaml").write_text(charter(25))
    rows = ["job,team,submit_s,num_gpu,duration_s,walltime_s,savepoint_s"]
    for n in range(260):
        takes = chance.randrange(600, 14_000)
        team = "product" if n % 3 else "safety"
        rows.append(
            f"{team}-{n},{team},{n * 600 + chance.randrange(600)},{chance.choice([1, 2, 4, 8])},{takes},{takes + 600},1800"
        )
    (folder / "log.csv").write_text("\n".join(rows) + "\n")
    (folder / "nodes.csv").write_text(
        "time_s,pool,node,state\n40000,gpu,0,down\n50000,gpu,0,up\n60000,gpu,1,down\n70000,gpu,1,up\n"
    )
    assert ran("keys", "new", "lab.example/ledger", "--out", folder / "lab.key") == 0
    told = [
        "simulate", folder / "log.csv", "--charter", folder / "first.yaml", "--enact", f"1d={folder / 'second.yaml'}",
        "--outages", folder / "nodes.csv", "--ledger", folder / "run.ledger", "--key", folder / "lab.key",
    ]  # fmt: skip
    assert ran(*told) == 0
    return folder


def ran(*arguments: object) -> int:
    with pytest.raises(SystemExit) as left:
        main([str(one) for one in arguments])
    return int(left.value.code or 0)


def signed(told: list[Values], lab: Path, path: Path, *, key: str = "lab.key") -> Path:
    """Write entries into a new ledger, and sign it as the lab does."""
    signer = read_key(lab / key)
    with closing(open_sqlite(path, origin=signer.name)) as store:
        store.append([data for values in told for data in encoded(values)])
        store.sign(lambda text: sign_note(text, [signer], time_s=1_800_000_000))
    return path


def passes(told: list[Values], name: str, word: str) -> Iterator[Values]:
    return (one for one in told if one["kind"] == "pass" and any(row[0] == word for row in one.get(name, ())))


def start_out_of_order(told: list[Values]) -> None:
    first, second = [one for one in passes(told, "decisions", "start") if one["at_ms"] > HOUR_MS][20:22]
    ours, theirs = (next(row for row in one["decisions"] if row[0] == "start") for one in (first, second))
    ours[1], theirs[1] = theirs[1], ours[1]


def reclaim_never_done(told: list[Values]) -> None:
    one = next(passes(told, "decisions", "warn"))
    one["decisions"] = [row for row in one["decisions"] if row[0] not in ("warn", "claim")]


def floor_ignored_for_an_hour(told: list[Values]) -> None:
    asked = [job["team"] for one in told for job in one.get("jobs", ())]
    safety = told[2]["teams"].index("safety")
    begin_ms = next(
        one["at_ms"]
        for one in passes(told, "decisions", "start")
        if one["at_ms"] > 5 * HOUR_MS and any(asked[row[1]] == safety for row in one["decisions"] if row[0] == "start")
    )
    for one in passes(told, "decisions", "start"):
        if begin_ms <= one["at_ms"] < begin_ms + HOUR_MS:
            one["decisions"] = [row for row in one["decisions"] if row[0] != "start" or asked[row[1]] != safety]


def charter_dated_back(told: list[Values]) -> None:
    one = [values for values in told if values["kind"] == "charter"][1]
    one["at_ms"] -= 6 * HOUR_MS


def charter_dated_back_everywhere(told: list[Values]) -> None:
    """Also its event is moved to an earlier pass."""
    charter_dated_back(told)
    at_ms = next(values["at_ms"] for values in told if values["kind"] == "charter" and values["how"] == "amended")
    enacted = next(passes(told, "events", "charter_enacted"))
    row = next(row for row in enacted["events"] if row[0] == "charter_enacted")
    enacted["events"].remove(row)
    place = next(n for n, one in enumerate(told) if one["kind"] == "pass" and one["at_ms"] > at_ms)
    told.insert(place, {"kind": "pass", "at_ms": at_ms, "events": [row]})


def event_dropped(told: list[Values]) -> None:
    told.remove(list(passes(told, "events", "ended"))[30])


def savepoint_that_contradicts(told: list[Values]) -> None:
    lost = {row[1] for one in told for row in one.get("decisions", ()) if row[0] == "lost"}
    asked = [job for one in told for job in one.get("jobs", ())]
    asked[min(lost)]["savepoint_ms"] = 60_000


def clock_moved_back(told: list[Values]) -> None:
    own = [one for one in told if one["kind"] == "pass"]
    own[60]["at_ms"] = own[58]["at_ms"] - 1000


def total_changed(told: list[Values]) -> None:
    next(one for one in told if one["kind"] == "totals")["pools"][0][1] += 1


def recount(told: list[Values]) -> None:
    """The lab makes its heartbeats say how many passes there are now."""
    for n, one in enumerate(told):
        if one["kind"] == "heartbeat":
            one["passes"] = sum(other["kind"] == "pass" for other in told[:n])


def test_heartbeats_tell_of_a_pass_that_was_dropped_too(lab: Path) -> None:
    told = entries_of(lab / "run.ledger")
    event_dropped(told)
    assert "V231" in codes(told)
    recount(told)
    assert "V231" not in codes(told)


FRAUDS: dict[Callable[[list[Values]], None], set[str]] = {
    start_out_of_order: {"V201"},
    reclaim_never_done: {"V201"},
    floor_ignored_for_an_hour: {"V201"},
    charter_dated_back: {"V209"},
    charter_dated_back_everywhere: {"V201", "V202", "V203", "V207"},
    event_dropped: {"V201", "V202"},
    savepoint_that_contradicts: {"V201", "V203"},
    clock_moved_back: {"V206"},
    total_changed: {"V203"},
}


@pytest.mark.parametrize("fraud", FRAUDS, ids=lambda fraud: fraud.__name__)
def test_a_fraud_that_the_lab_signed_is_found(
    lab: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], fraud: Callable[[list[Values]], None]
) -> None:
    honest = entries_of(lab / "run.ledger")
    told = copy.deepcopy(honest)
    fraud(told)
    recount(told)
    assert told != honest
    forged = signed(told, lab, tmp_path / "forged.ledger")
    assert ran("audit", forged, "--key", lab / "lab.key", "--json") == 1
    found = json.loads(capsys.readouterr().out)
    assert found["signed_by"] == "lab.example/ledger"
    assert {one["code"] for one in found["findings"]} <= FRAUDS[fraud]
    assert len(found["residual"]) >= 3


def test_the_honest_ledger_holds_and_says_what_it_does_not_show(lab: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert ran("audit", lab / "run.ledger", "--key", lab / "lab.key") == 0
    said = capsys.readouterr().out
    assert "Every decision, total, window and verdict follows from the events under the charter in force." in said
    assert "a meter that lies: " in said
    assert "are those that lab.example/ledger signed." in said


def test_a_finding_names_jobs_teams_and_reasons(lab: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told = entries_of(lab / "run.ledger")
    start_out_of_order(told)
    assert ran("audit", signed(told, lab, tmp_path / "forged.ledger"), "--key", lab / "lab.key") == 1
    lines = capsys.readouterr().out.splitlines()
    at = next(n for n, line in enumerate(lines) if line.startswith("V201 a decision"))
    recorded, required = lines[at + 1 : at + 3]
    asked = [job for one in told for job in one.get("jobs", ())]
    names = [line.split(" job ")[1].split()[0] for line in (recorded, required)]
    assert all(name in {job["name"] for job in asked} for name in names)
    assert names[0] != names[1]
    assert all(line.endswith(" starts") and "gpu of gpu)" in line for line in (recorded, required))
    whys = [line for line in lines[at + 3 :] if line.startswith("Job ")]
    assert [line.split()[1] for line in whys] == names
    assert any(f"Job {names[1]}" in line and " runs since " in line for line in whys)
    assert not any("Nothing that was tried" in line for line in lines)


def test_an_entry_dropped_behind_a_checkpoint_that_others_have(lab: Path, tmp_path: Path) -> None:
    """The file is cut, and the checkpoint of before is still the one that is shown."""
    with closing(open_sqlite(lab / "run.ledger", read_only=True)) as store:
        raw, note = list(store.entries()), store.checkpoint()
    assert note is not None
    with closing(open_sqlite(tmp_path / "cut.ledger", origin="lab.example/ledger")) as store:
        store.append([data for n, data in enumerate(raw) if n != len(raw) // 2])
    import sqlite3

    from equipoise.store.tables import KeptNote

    kept = KeptNote.of(len(raw), note)
    with closing(sqlite3.connect(tmp_path / "cut.ledger")) as file, file:
        file.execute("INSERT INTO checkpoint VALUES (?, ?, ?)", (kept.size, kept.note, kept.mark))
    assert ran("audit", tmp_path / "cut.ledger", "--key", lab / "lab.key") == 1
    assert ran("audit", tmp_path / "cut.ledger") == 1  # also by execution alone


def test_another_key_signed(lab: Path, tmp_path: Path) -> None:
    assert ran("keys", "new", "lab.example/ledger", "--out", tmp_path / "other.key") == 0
    forged = signed(entries_of(lab / "run.ledger"), tmp_path, tmp_path / "forged.ledger", key="other.key")
    assert ran("audit", forged, "--key", lab / "lab.key") == 1
