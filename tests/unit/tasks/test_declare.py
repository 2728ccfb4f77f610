"""Releases and attestations entered into a ledger that goes on; what an audit says of it afterwards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from equipoise.errors import EquipoiseError
from equipoise.gates import Kind, statement_bytes
from equipoise.gates.statement import PAYLOAD_TYPE
from equipoise.ledger.dsse import sign_envelope
from equipoise.ledger.keys import Algorithm, SigningKey
from equipoise.ledger.pieces import encoded
from equipoise.simulator.bookkeeping import Releases
from equipoise.store import open_sqlite
from equipoise.tasks.amend import Applied, apply
from equipoise.tasks.declare import declare
from equipoise.tasks.ledger import audit_ledger
from equipoise.tasks.simulate import simulate
from equipoise.units import DAY_MS
from equipoise.workload.requests import Requests
from equipoise.workload.synthetic.release import (
    NEW,
    NEXT,
    demonstration_key,
    gated_charter,
    gated_lab,
    release_records,
    releases,
)
from tests.property.gate_cases import MODEL, OTHER, said
from tests.unit.audit.ledgers import Values, as_live, entries_of
from tests.unit.cli.test_commands import run
from tests.unit.cli.test_simulate_releases import charter

KEY = SigningKey("lab.example/ledger", Algorithm.ED25519, bytes(range(32)))
BEGIN_MS = 1_810_000_000_000
GPUS, DAYS, CUT_MS = 512, 14, 6 * DAY_MS


@pytest.fixture
def ledger(tmp_path: Path) -> Path:
    (tmp_path / "lab.yaml").write_text(charter())
    apply(tmp_path / "lab.yaml", ledger=tmp_path / "lab.db", key=KEY, at_ms=BEGIN_MS)
    return tmp_path / "lab.db"


def file(ledger: Path, type: str, people: Sequence[str], *, day: float = 0, kind: Kind = Kind.ATTESTATION) -> Path:
    path = ledger.with_name(f"{type}-{'-'.join(people)}-{day}.json")
    record = said(type, people, issued_ms=BEGIN_MS + int(day * DAY_MS), release=MODEL, kind=kind)
    path.write_bytes(record.envelope + b"\n")
    return path


def entered(ledger: Path, *attestations: Path, day: float = 0, **given: str) -> Applied:
    return declare(ledger, key=KEY, releases=given, attestations=attestations, at_ms=BEGIN_MS + int(day * DAY_MS))


def test_what_is_entered_is_dated_now_and_the_audit_takes_it(ledger: Path) -> None:
    found = entered(ledger, file(ledger, "cyber", ("eve", "evan")), day=1, chat=MODEL)
    assert [(one["kind"], one["at_ms"]) for one in found.entries] == [("release", DAY_MS), ("attestation", DAY_MS)]
    assert entries_of(ledger)[-2:] == list(found.entries)
    with closing(open_sqlite(ledger, read_only=True)) as store:
        assert (store.size, store.checkpoint() is not None) == (4, True)
    assert audit_ledger(ledger, None).audit.holds


def test_the_same_again_enters_nothing(ledger: Path) -> None:
    one, both = file(ledger, "cyber", ("eve",)), file(ledger, "cyber", ("eve", "evan"))
    assert [each["kind"] for each in entered(ledger, one, both, chat=MODEL).entries] == [
        "release",
        *["attestation"] * 2,
    ]
    before = ledger.read_bytes()
    assert entered(ledger, both, one, both, day=3, chat=MODEL).entries == ()  # also what `both` holds of the first
    assert entries_of(ledger)[2:] and len(entries_of(ledger)) == 5
    assert len(before) == len(ledger.read_bytes())


def test_a_dry_run_writes_nothing(ledger: Path) -> None:
    before = entries_of(ledger)
    path = file(ledger, "cyber", ("eve", "evan"))
    found = declare(ledger, key=None, releases={"chat": MODEL}, attestations=[path], at_ms=BEGIN_MS, dry_run=True)
    assert (len(found.entries), found.written) == (2, False)
    assert entries_of(ledger) == before


def refused(ledger: Path, *attestations: Path, day: float = 0, **given: str) -> str:
    before = entries_of(ledger)
    with pytest.raises(EquipoiseError) as caught:
        entered(ledger, *attestations, day=day, **given)
    assert entries_of(ledger) == before  # all or none
    return caught.value.code


def test_what_contradicts_or_could_never_count_is_refused(ledger: Path, tmp_path: Path) -> None:
    good = file(ledger, "cyber", ("eve", "evan"))
    entered(ledger, chat=MODEL, day=1)
    assert refused(ledger, good, day=1, chat=OTHER) == "G112"
    assert refused(ledger, good, day=1, chat="sha256:ab") == "G105"
    assert refused(ledger, good, file(ledger, "cyber", ("nobody",)), day=1) == "G111"
    ahead = file(ledger, "cyber", ("eve", "evan"), day=9)
    assert refused(ledger, good, ahead, day=1) == "G110"
    assert len(entered(ledger, ahead, day=9).entries) == 1
    assert refused(ledger, good, day=8) == "C514"
    assert refused(ledger, tmp_path / "lab.yaml", day=9) == "L125"
    assert (
        len(entered(ledger, file(ledger, "cyber", ("eve", "evan"), day=20, kind=Kind.REVOCATION), day=10).entries) == 1
    )
    with pytest.raises(EquipoiseError, match="L174"):
        declare(tmp_path / "none.db", key=KEY, releases={"chat": MODEL})
    with pytest.raises(EquipoiseError, match="L174"):
        declare(ledger, key=None, releases={"api": MODEL}, at_ms=BEGIN_MS + 11 * DAY_MS)


def test_command_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ledger, key = tmp_path / "now.db", tmp_path / "ledger.key"  # by the machine's clock
    (tmp_path / "lab.yaml").write_text(charter())
    apply(tmp_path / "lab.yaml", ledger=ledger, key=KEY)
    key.write_text(KEY.text() + "\n")
    key.chmod(0o600)
    path = file(ledger, "cyber", ("eve", "evan"), day=-300)
    told = ["--release", f"chat={MODEL}", "--attestation", str(path), "--ledger", str(ledger)]
    for options, verb in ((["--dry-run"], "Would be entered"), (["--key", str(key)], "Entered")):
        assert run("apply", *told, *options) == 0
        assert capsys.readouterr().out.splitlines()[:2] == [
            f"{verb}: release chat {MODEL}",
            f"{verb}: attestation of cyber for {MODEL}",
        ]
    assert run("apply", *told, "--key", str(key)) == 0
    assert capsys.readouterr().out.startswith("Nothing to enter.")
    assert run("apply", str(ledger.with_name("lab.yaml")), *told, "--key", str(key)) == 2
    assert run("apply", "--release", f"chat={OTHER}", "--ledger", str(ledger), "--key", str(key)) == 1
    assert "G112" in capsys.readouterr().err


# A ledger of work that goes on: the gated lab's, as a live controller would have written it, cut on day 6. -----------------


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[Values]:
    folder = tmp_path_factory.mktemp("gated")
    (folder / "gated.yaml").write_text(gated_charter(GPUS))
    workload = gated_lab(
        1, days=DAYS, gpus=GPUS
    )  # without requests: a live lab writes down what becomes of them, a replay does not
    workload = replace(workload, requests=Requests(), jobs=replace(workload.jobs, request=None))
    origin_ms = workload.origin_ms or 0
    records = [type(one)(max(one.at_ms, origin_ms), one.envelope) for one in release_records(origin_ms)]
    simulate(
        workload,
        folder / "gated.yaml",
        releases=Releases(releases(workload), records),
        ledger=(folder / "gated.db", KEY),
    )
    return as_live(entries_of(folder / "gated.db"))


def parts(told: list[Values]) -> tuple[list[Values], list[Values]]:
    """What came before day 6, and what came on it and later but for attestations."""
    cut = next(n for n, one in enumerate(told) if one["kind"] == "attestation" and one["at_ms"] >= CUT_MS)
    return told[:cut], [one for one in told[cut:] if one["kind"] != "attestation"]


def append(path: Path, told: list[Values]) -> None:
    with closing(open_sqlite(path, origin=KEY.name)) as store:
        data: Iterator[bytes] = (part for values in told for part in encoded(values))
        store.append(list(data))


def jailbreak(folder: Path, origin_ms: int) -> Path:
    """What the lab's evals board signs on day 6."""
    path = folder / "jailbreak.json"
    payload = statement_bytes(Kind.ATTESTATION, "jailbreak", [NEW], issued_ms=origin_ms + CUT_MS)
    path.write_bytes(sign_envelope(PAYLOAD_TYPE, payload, [demonstration_key(f"evals-{n}") for n in (1, 2)]))
    return path


def test_work_goes_on_under_what_was_entered(told: list[Values], tmp_path: Path) -> None:
    before, after = parts(told)
    origin_ms = int(told[0]["origin_ms"])
    path = tmp_path / "live.db"
    append(path, before)
    declare(path, key=KEY, attestations=[jailbreak(tmp_path, origin_ms)], at_ms=origin_ms + CUT_MS)
    append(path, after)
    assert entries_of(path) == [one for one in told if one["kind"] != "attestation" or one["at_ms"] <= CUT_MS]
    assert audit_ledger(path, None).audit.findings == ()


@pytest.mark.parametrize(("late_ms", "code"), [(None, "V228"), (DAY_MS, "V228")])
def test_caps_that_were_opened_without_it_are_found(
    told: list[Values], tmp_path: Path, late_ms: int | None, code: str
) -> None:
    """Never entered, or entered a day after the canary's seven days were counted from."""
    before, after = parts(told)
    origin_ms = int(told[0]["origin_ms"])
    path = tmp_path / "live.db"
    append(path, before)
    if late_ms is None:
        append(path, after)
    else:
        opened_ms = 9 * DAY_MS  # internal has lasted seven days; that the statement comes later delays canary
        cut = next(n for n, one in enumerate(after) if one.get("at_ms", 0) > opened_ms + late_ms)
        append(path, after[:cut])
        at_ms = origin_ms + max(one["at_ms"] for one in after[:cut] if one["kind"] == "pass")
        declare(path, key=KEY, attestations=[jailbreak(tmp_path, origin_ms)], at_ms=at_ms)
        append(path, after[cut:])
    assert [finding.code for finding in audit_ledger(path, None).audit.findings] == [code]


def test_a_release_of_no_service_of_the_ledger_is_refused(told: list[Values], tmp_path: Path) -> None:
    path = tmp_path / "live.db"
    append(path, [one for one in parts(told)[0] if one["kind"] != "release"])
    at_ms = int(told[0]["origin_ms"]) + CUT_MS
    with pytest.raises(EquipoiseError, match="G113"):
        declare(path, key=KEY, releases={"chatt": NEW}, at_ms=at_ms)
    assert len(declare(path, key=KEY, releases={NEXT.name: NEW}, at_ms=at_ms).entries) == 1
