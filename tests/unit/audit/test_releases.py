"""The lab with a release that waits at its gate, recorded in a ledger: caps follow from what was attested, and forged ones do not."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest

from equipoise.charter_io import loads
from equipoise.gates.statement import PAYLOAD_TYPE, Kind, statement_bytes
from equipoise.ledger.dsse import sign_envelope
from equipoise.ledger.keys import Algorithm, SigningKey
from equipoise.policy.kernel import layout as k
from equipoise.simulator.bookkeeping import Releases
from equipoise.tasks.simulate import simulate
from equipoise.units import DAY_MS
from equipoise.workload.synthetic.release import (
    NEW,
    NEXT,
    SERVING,
    gated_charter,
    gated_lab,
    release_caps,
    release_records,
)
from tests.unit.audit.ledgers import Values, audited, codes, entries_of

GPUS, DAYS = 512, 14


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> list[Values]:
    folder = tmp_path_factory.mktemp("gated")
    charter = folder / "gated.yaml"
    charter.write_text(gated_charter(GPUS))
    workload = gated_lab(1, days=DAYS, gpus=GPUS)
    digests = {each.name: NEW if each.name == NEXT.name else SERVING for each in workload.services}
    path = folder / "gated.db"
    simulate(
        workload, charter, releases=Releases(digests, release_records(workload.origin_ms or 0)),
        ledger=(path, SigningKey("lab.example/ledger", Algorithm.ED25519, bytes(range(32)))),
    )  # fmt: skip
    return entries_of(path)


def test_the_gated_labs_ledger_holds_and_its_caps_are_those_of_the_gates(told: list[Values]) -> None:
    found = audited(told)
    assert found.findings == ()
    assert found.record is not None and found.record.run.events is not None
    workload = gated_lab(1, days=DAYS, gpus=GPUS)
    number = [each.name for each in workload.services].index(NEXT.name)
    events = found.record.run.events
    rows = events[(events["kind"] == k.CAP_SET) & (events["subject"] == number)]
    course = release_caps(loads(gated_charter(GPUS)), workload)
    wanted = [(cap.at_ms, (cap.replicas or 0) * NEXT.gang) for cap in course if cap.service == NEXT.name]
    assert list(zip(rows["time_ms"].tolist(), rows["amount"].tolist(), strict=True)) == wanted
    assert len(wanted) >= 2


def place(told: list[Values], type: str) -> int:
    """The entry of what was attested of the new model: the evals board's are those of days 2 and 6."""
    day = {"cyber": 2, "jailbreak": 6}[type]
    return next(n for n, one in enumerate(told) if one["kind"] == "attestation" and one["at_ms"] == day * DAY_MS)


def of_another(told: list[Values]) -> None:
    mallory = SigningKey("mallory", Algorithm.ED25519, b"m" * 32)
    begin_ms = told[0]["origin_ms"] + 6 * DAY_MS
    payload = statement_bytes(Kind.ATTESTATION, "jailbreak", [NEW], issued_ms=begin_ms)
    told[place(told, "jailbreak")]["envelope"] = sign_envelope(PAYLOAD_TYPE, payload, [mallory, mallory]).decode()


def revoked(told: list[Values]) -> None:
    """The board has taken it back on the day after, and the caps went on."""
    from equipoise.workload.synthetic.release import demonstration_key

    at_ms = told[0]["origin_ms"] + 7 * DAY_MS
    payload = statement_bytes(Kind.REVOCATION, "cyber", [NEW], issued_ms=at_ms)
    keys = [demonstration_key(f"evals-{n}") for n in (1, 2)]
    entry = {
        "kind": "attestation",
        "at_ms": 7 * DAY_MS,
        "envelope": sign_envelope(PAYLOAD_TYPE, payload, keys).decode(),
    }
    after = next(n for n, one in enumerate(told) if one["kind"] == "pass" and one["at_ms"] >= 7 * DAY_MS)
    told.insert(after, entry)


FORGERIES: dict[str, tuple[Callable[[list[Values]], object], str]] = {
    "an attestation that was never made": (lambda told: told.pop(place(told, "jailbreak")), "V228"),
    "self-signed": (of_another, "V228"),
    "revoked": (revoked, "V228"),
    "another release": (
        lambda told: [one.update(digest=SERVING) for one in told if one.get("digest") == NEW],
        "V228",
    ),
    "no release declared of it": (
        lambda told: told.pop(next(n for n, one in enumerate(told) if one.get("digest") == NEW)),
        "V228",
    ),
    "two releases of one service": (
        lambda told: told.insert(20, {"kind": "release", "at_ms": 0, "service": NEXT.name, "digest": SERVING}),
        "V229",
    ),
    "entered later, dated earlier": (
        lambda told: told.insert(-1, told.pop(place(told, "jailbreak"))),
        "V229",
    ),
    "live, with what came before": (lambda told: told[0].update(source="live"), "V229"),
    "no envelope": (lambda told: told[place(told, "cyber")].pop("envelope"), "V229"),
}


@pytest.mark.parametrize("name", FORGERIES)
def test_caps_that_the_gates_did_not_require_are_found(told: list[Values], name: str) -> None:
    forged = copy.deepcopy(told)
    change, code = FORGERIES[name]
    change(forged)
    assert forged != told
    assert code in codes(forged)
