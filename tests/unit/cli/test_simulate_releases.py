"""``equipoise simulate --release … --attestation …``: caps, reasons, and what cannot be read."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from equipoise.charter_io import loads
from equipoise.errors import InputError
from equipoise.gates import Kind, statement_bytes
from equipoise.ledger.encoding import base64_text
from equipoise.policy.kernel import layout as k
from equipoise.tasks.gate import attest
from equipoise.tasks.releases import Declared
from equipoise.tasks.simulate import simulate
from equipoise.units import DAY_MS
from equipoise.workload.synthetic.release import gated_charter, gated_lab
from tests.property.gate_cases import BOARDS, MODEL, OTHER, QUORUM, key, public
from tests.unit.audit.ledgers import audited, entries_of

BEGIN = datetime(2027, 3, 1, tzinfo=UTC)
BEGIN_MS = int(BEGIN.timestamp()) * 1000
DAYS = 20
Run = Callable[..., tuple[int, str, str]]


def charter(canary: str = "5%") -> str:
    boards = "".join(
        f"  {name}: {{quorum: {QUORUM[name]}, members: "
        f"{{{', '.join(f'{who}: ed25519:{base64_text(public(who))}' for who in people)}}}}}\n"
        for name, people in BOARDS.items()
    )
    return f"""\
equipoise: charter/v1
lab: Small
pools: {{h100: {{device: H100, expect: 64 nodes of 8 gpu}}}}
teams: {{product: {{floor: 30%, limit: 50%}}, research: {{floor: 40%}}}}
release_gates:
  models:
    teams: [product]
    stages:
      - {{name: internal, quota: 1%, needs: {{cyber: evals}}}}
      - {{name: canary, quota: {canary}, after: 3d, needs: {{jailbreak: evals}}}}
boards:
{boards}amendments: {{ordinary: {{needs: [makers]}}, weakening: {{needs: [makers]}}, constitution: {{needs: [makers]}}}}
"""


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("lab.yaml").write_text(charter())
    Path("wide.yaml").write_text(charter("50%"))
    Path("free.yaml").write_text(charter().split("release_gates")[0])
    Path("asked").mkdir()
    rows = [f"{BEGIN + timedelta(days=day):%Y-%m-%d %H:%M:%S},100,0,512" for day in range(DAYS)]
    Path("asked/chat.csv").write_text("\n".join(["time,running_gpu_num,pending_gpu_num,total_gpu_num", *rows]) + "\n")
    for name in ("eve", "evan"):
        Path(f"{name}.key").write_text(key(name).text() + "\n")
        Path(f"{name}.key").chmod(0o600)
    for type, day in (("cyber", 1), ("jailbreak", 2)):
        payload = statement_bytes(Kind.ATTESTATION, type, [MODEL], issued_ms=BEGIN_MS + day * DAY_MS)
        Path(f"{type}.json").write_bytes(attest(payload, ["eve.key", "evan.key"]) + b"\n")
    return tmp_path


@pytest.fixture
def run(here: Path, capsys: pytest.CaptureFixture[str]) -> Run:
    from equipoise.cli import main

    def called(*arguments: str, rules: str = "lab.yaml", log: str = "asked") -> tuple[int, str, str]:
        capsys.readouterr()
        with pytest.raises(SystemExit) as left:
            main(["simulate", log, "-c", rules, "--unmapped", "product", *arguments])
        assert isinstance(left.value.code, int)
        out, err = capsys.readouterr()
        return left.value.code, out, err

    return called


SAID = ("--release", f"chat={MODEL}", "--attestation", "cyber.json", "--attestation", "jailbreak.json")
# Of product's 256 GPUs: 1 % are 2, 5 % are 12; canary three days after internal opened on day 1.
STEPS = [(0, None, 0), (1, "internal", 2), (4, "canary", 12)]


def test_caps_and_reasons_are_printed(run: Run) -> None:
    code, out, _ = run(*SAID)
    assert code == 0
    assert out.split("lacks\n", 1)[1].splitlines() == [
        "chat from 2027-03-01: in no stage, 0 replicas of 0 GPUs; nobody has attested cyber",
        "chat from 2027-03-02: in internal, 2 replicas of 2 GPUs; evals attested cyber of it, not jailbreak",
        "chat from 2027-03-03: in internal, 2 replicas of 2 GPUs; canary opens on 2027-03-05T00:00:00Z",
        "chat from 2027-03-05: in canary, 12 replicas of 12 GPUs",
    ]


def test_json_table_report_and_ledger_hold_the_same_caps(run: Run) -> None:
    code, out, _ = run(*SAID, "--json", "--csv", "tables", "--report", "r.html", "--ledger", "l.db", "--key", "eve.key")
    assert code == 0
    told = json.loads(out)["gates"]
    moves = [(row["at_s"] / 86400, row["stage"], row["gpus"]) for row in told]
    assert [move for n, move in enumerate(moves) if n == 0 or move[1:] != moves[n - 1][1:]] == STEPS
    with Path("tables/gates.csv").open() as file:
        assert [row["lacks"] for row in csv.DictReader(file)] == [row["lacks"] for row in told]
    page = Path("r.html").read_text()
    assert 'id="gates"' in page and "nobody has attested cyber" in page
    entries = entries_of(Path("l.db"))
    assert [one["kind"] for one in entries if one["kind"] in ("release", "attestation")] == [
        "release",
        *["attestation"] * 2,
    ]
    found = audited(entries)
    assert found.findings == ()
    assert found.record is not None and found.record.run.events is not None
    rows = found.record.run.events[found.record.run.events["kind"] == k.CAP_SET]
    caps = list(zip((rows["time_ms"] / DAY_MS).tolist(), rows["amount"].tolist(), strict=True))
    assert caps == [(day, gpus) for day, _, gpus in STEPS]
    # Nobody holds more than the cap: 2 GPUs for three days, 12 for the rest of the 20 (the last minute is asked for too).
    served_gpu_h = json.loads(out)["services"]["chat"]["served_gpu_h"]
    assert served_gpu_h == pytest.approx(24 * (2 * 3 + 12 * (DAYS - 1 - 4)) + 12 / 60)


def test_a_charter_that_comes_into_force_decides_from_then_on(run: Run) -> None:
    code, out, _ = run(
        *SAID, "--enact", "10d=wide.yaml", "--enact", "12d=free.yaml", "--ledger", "l.db", "--key", "eve.key"
    )
    assert code == 0
    assert out.split("lacks\n", 1)[1].splitlines()[-3:] == [
        "chat from 2027-03-05: in canary, 12 replicas of 12 GPUs",
        "chat from 2027-03-11: in canary, 128 replicas of 128 GPUs",
        "chat from 2027-03-13: behind no gate, any number of replicas",
    ]
    told = entries_of(Path("l.db"))
    assert audited(told).findings == ()
    late = [one for one in told if one["kind"] == "attestation" and one["at_ms"] == 2 * DAY_MS]
    forged = [one for one in told if one not in late]
    assert len(late) == 1
    assert [finding.code for finding in audited(forged).findings] == ["V228"]


def test_a_time_after_an_at_is_when_it_was_recorded(run: Run) -> None:
    expected = {"7d": 7, "2027-03-09": 8, "2027-03-10T12:00:00Z": 9.5}
    for at, day in expected.items():
        code, out, _ = run("--release", f"chat={MODEL}", "--attestation", f"cyber.json@{at}", "--json")
        assert code == 0
        assert [row["at_s"] / 86400 for row in json.loads(out)["gates"]] == [0, day]


def test_another_charter_is_held_by_its_own_gates(run: Run) -> None:
    code, out, _ = run(*SAID, "--vs", "wide.yaml", "--vs", "fifo", "--vs", "free.yaml", "--json")
    assert code == 0
    last = [(one["gates"] or [{"gpus": "never held"}])[-1]["gpus"] for one in json.loads(out)["runs"]]
    assert last == [12, 128, 12, "never held"]


def test_gates_that_were_not_asked_are_said(run: Run) -> None:
    note = "release gates were not asked: no release of a service was named"
    assert note in run()[1]
    assert note not in run(*SAID)[1]
    assert note not in run(rules="free.yaml")[1]


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("--release", "chat"), "S111"),
        (("--release", f"chat={MODEL}", "--release", f"chat={OTHER}"), "S111"),
        (("--attestation", "cyber.json"), "S111"),
        (("--release", "chat=sha256:ab"), "G105"),
        (("--release", f"api={MODEL}"), "S101"),
        (("--release", f"chat={MODEL}", "--attestation", "cyber.json@soon"), "S110"),
        (("--release", f"chat={MODEL}", "--attestation", "gone.json"), "G109"),
        (("--release", f"chat={MODEL}", "--attestation", "lab.yaml"), "L125"),
    ],
)
def test_what_cannot_be_read_is_refused(run: Run, arguments: tuple[str, ...], code: str) -> None:
    left, _, err = run(*arguments)
    assert left == 1
    assert code in err


def test_no_gate_and_no_calendar_are_refused(run: Run) -> None:
    left, _, err = run(*SAID, rules="free.yaml")
    assert left == 1 and "S112" in err
    timeless = replace(gated_lab(days=1, gpus=512), origin_ms=None)
    with pytest.raises(InputError, match="no calendar"):
        simulate(timeless, loads(gated_charter(512)), releases=Declared({"chat": MODEL}))
