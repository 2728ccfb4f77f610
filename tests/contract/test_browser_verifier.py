"""The verifier in the browser says what the one in Python says: the same verdicts, refusals and sentences, on the same bytes."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime
from functools import cache
from random import Random
from typing import Any
from zoneinfo import ZoneInfo, available_timezones

import pytest

from equipoise.account.window import day_begins_ms, first_period, local_day
from equipoise.charter.canonical import _fields  # pyright: ignore[reportPrivateUsage]
from equipoise.charter.model import Charter
from equipoise.errors import EquipoiseError, InputError
from equipoise.ledger.encoding import base64_text
from equipoise.ledger.entry import encode_entry
from equipoise.ledger.keys import Algorithm, SigningKey
from equipoise.ledger.note import cosign
from equipoise.ledger.tree import inclusion_proof
from equipoise.receipt import Included, Receipt, make_receipt, windows_judged
from tests.contract import ledger_vectors
from tests.contract.browser_verifier import NODE, VERIFIER, by_node, receipt_case, said_by_python, text_of
from tests.property.changed_values import changed
from tests.property.ledger_parties import EYES, LOG, TIME_S
from tests.property.receipt_cases import SignedLog, receipts, said_in, told_ledger

pytestmark = pytest.mark.skipif(NODE is None, reason="no node to run the dashboard's modules in")

ALONE = f"log {LOG.verifier}\nquorum none\n"
WITNESSED = f"log {LOG.verifier}\nwitness {EYES[0].name} {EYES[0].verifier}\ngroup all-eyes all {EYES[0].name}\nquorum all-eyes\n"
SEEDS = (0, 3, 5, 7, 10)


def agree(cases: list[tuple[str, bytes]]) -> Counter[str | None]:
    """Fail unless both verifiers say the same of every receipt; return how often which code came."""
    by_browser = by_node(receipt_case(policy, data) for policy, data in cases)
    by_python = [said_by_python(policy, data) for policy, data in cases]
    for at, (ours, theirs) in enumerate(zip(by_python, by_browser, strict=True)):
        assert theirs == ours, f"case {at}"
    return Counter(said["code"] for said in by_browser)


@cache
def smallest() -> bytes:
    """The smallest receipt that has totals of both ends of its window."""
    found = (one for seed in SEEDS for one in receipts(seed))
    return min((one for one in found if sum(v["kind"] == "totals" for v in said_in(one)) == 2), key=len)


def written(values: object) -> bytes:
    return (json.dumps(values, indent=1, ensure_ascii=False) + "\n").encode()


def test_receipts_of_all_windows() -> None:
    cases = [(policy, data) for seed in range(25) for data in receipts(seed) for policy in (WITNESSED, ALONE)]
    assert set(agree(cases)) == {None} and len(cases) > 100


def test_every_field_of_the_file_changed() -> None:
    cases = [(WITNESSED, written(made)) for _, made in changed(json.loads(smallest()))]
    codes = agree(cases)
    assert len(cases) > 400 and codes[None] == 0 and {"V104", "V106", "L112", "L117", "L119"} <= set(codes), codes


def test_every_field_of_every_entry_changed() -> None:
    cases: list[tuple[str, bytes]] = []
    for number, one in enumerate(json.loads(smallest())["included"]):
        for _, said in changed(json.loads(one["entry"])):
            made = json.loads(smallest())
            made["included"][number]["entry"] = json.dumps(
                said, sort_keys=True, separators=(",", ":"), ensure_ascii=False
            )
            cases.append((WITNESSED, written(made)))
    cases = Random(4).sample(cases, 600)
    assert set(agree(cases)) == {"L112"}


def test_every_byte_flipped_and_every_line_of_the_checkpoint_changed() -> None:
    data = smallest()
    flipped = [data[:at] + bytes([data[at] ^ 1 << at % 8]) + data[at + 1 :] for at in range(0, len(data), 3)]
    cut = [data[:end] for end in range(0, len(data), 97)] + [data + b"\n", b"", b"{}\n", b"\xff"]
    values = json.loads(data)
    lines = values["checkpoint"].split("\n")
    notes = ["\n".join(lines[:at] + lines[at + 1 :]) for at in range(len(lines) - 1)]
    for at, line in enumerate(lines):
        notes += [
            "\n".join([*lines[:at], line[:place] + "A" + line[place + 1 :], *lines[at + 1 :]])
            for place in range(len(line))
        ]
    noted = [written(values | {"checkpoint": text}) for text in notes]
    codes = agree([(WITNESSED, one) for one in (*flipped, *cut, *noted)])
    assert {"V104", "L112", "L117", "L119", "L123"} <= set(codes), codes
    assert codes[None] == sum(one == data for one in noted)  # an A that was an A


def test_entries_doubled_moved_dropped_and_of_other_ledgers() -> None:
    values = json.loads(smallest())
    included = values["included"]
    lists = [included[: at + 1] + included[at:] for at in range(len(included))]
    lists += [included[:at] + included[at + 1 :] for at in range(len(included))]
    lists += [
        [*included[: at - 1], included[at], included[at - 1], *included[at + 1 :]] for at in range(1, len(included))
    ]
    other = next(
        one for seed in SEEDS for one in receipts(seed) if json.loads(one)["checkpoint"] != values["checkpoint"]
    )
    for at, one in enumerate(json.loads(other)["included"][: len(included)]):
        lists.append([*included[:at], one | {"index": included[at]["index"]}, *included[at + 1 :]])
    stranger = SigningKey("stranger.example", Algorithm.COSIGNATURE, bytes([77]) * 32)
    note = cosign(values["checkpoint"].encode(), [stranger], time_s=TIME_S).decode()
    notes = [note, note.replace("\u2014 stranger", "\u2014 w0"), values["checkpoint"].rpartition("\u2014")[0]]
    cases = [(WITNESSED, written(values | {"included": one})) for one in lists]
    cases += [(policy, written(values | {"checkpoint": one})) for one in notes for policy in (WITNESSED, ALONE)]
    codes = agree(cases)
    assert {None, "V106", "L112", "L123"} <= set(codes), codes


def test_entries_of_the_same_ledger_that_do_not_belong() -> None:
    values = json.loads(smallest())
    log = next(
        log
        for log in (SignedLog(told_ledger(seed)) for seed in SEEDS)
        if log.checkpoint().decode() == values["checkpoint"]
    )
    mine, cases = {one["index"] for one in values["included"]}, list[tuple[str, bytes]]()
    for index, entry in enumerate(log.entries()):
        if index not in mine:
            hashes = [base64_text(node) for node in inclusion_proof(index, log.size, log)]
            added = [*values["included"], {"index": index, "entry": entry.decode(), "hashes": hashes}]
            cases.append((WITNESSED, written(values | {"included": sorted(added, key=lambda one: one["index"])})))
    codes = agree(cases)
    assert codes[None] == 0 and codes["V106"] > 5, codes


def test_whatever_a_lab_signs() -> None:
    """One field of one entry is anything at all, and signed so: what decides the verdict is refused for the same reason."""
    chance, cases = Random(20), list[tuple[str, bytes]]()
    for seed in (0, 3, 5, 7, 9, 11, 13):
        told = told_ledger(seed)
        log = SignedLog(told)
        promise, from_ms, to_ms = next(windows_judged(log, log.size))
        honest = make_receipt(log, promise, to_ms=to_ms)
        places = [
            n
            for n, one in enumerate(told)
            if one["kind"] in ("opened", "charter", "totals")
            or (one.get("promise") == promise and from_ms <= one["from_ms"] and one["to_ms"] <= to_ms)
        ]
        tries = [(n, made) for n in places for _, made in changed({k: v for k, v in told[n].items() if k != "kind"})]
        for n, made in chance.sample(tries, min(90, len(tries))):
            forged = list(told)
            forged[n] = {"kind": told[n]["kind"], **made}
            data = signed(forged, honest)
            if data is not None:
                cases.append((WITNESSED, data))
    codes = agree(cases)
    assert {None, "V103", "V106", "A101", "A103", "A104"} <= set(codes), codes


def signed(forged: list[dict[str, Any]], honest: Receipt) -> bytes | None:
    """The receipt of the same entries, whatever stands in them now; None where no ledger can hold them."""
    try:
        log = SignedLog(forged)
        entries = [encode_entry(values) for values in forged]
    except InputError:
        return None
    included = tuple(
        Included(one.index, entries[one.index], tuple(inclusion_proof(one.index, log.size, log)))
        for one in honest.included
    )
    return Receipt(honest.promise, honest.from_ms, honest.to_ms, log.checkpoint(), included).to_bytes()


def test_whatever_a_window_is_said_to_be() -> None:
    """The same for the window, its verdict and its closes alone, which decide most."""
    chance, cases = Random(21), list[tuple[str, bytes]]()
    for seed in (0, 5, 6, 9):
        told = told_ledger(seed)
        log = SignedLog(told)
        promise, from_ms, to_ms = next(windows_judged(log, log.size))
        honest = make_receipt(log, promise, to_ms=to_ms)
        places = [
            n for n, one in enumerate(told)
            if one.get("promise") == promise and from_ms <= one["from_ms"] and one["to_ms"] <= to_ms
        ]  # fmt: skip
        tries = [(n, made) for n in places for _, made in changed({k: v for k, v in told[n].items() if k != "kind"})]
        for n, made in chance.sample(tries, min(120, len(tries))):
            forged = list(told)
            forged[n] = {"kind": told[n]["kind"], **made}
            data = signed(forged, honest)
            if data is not None:
                cases.append((WITNESSED, data))
    codes = agree(cases)
    assert {"V106", "A101", "A103"} <= set(codes) and len(cases) > 300, codes


def test_policies_that_cannot_be() -> None:
    eye, other = EYES[0], EYES[1]
    lines = [
        f"log {LOG.verifier}",
        f"witness a {eye.verifier}",
        f"witness b {other.verifier}",
        "group g 2 a b",
        "quorum g",
    ]
    texts = ["\n".join(lines[:at] + lines[at + 1 :]) + "\n" for at in range(len(lines))]
    texts += ["\n".join([*lines[: at + 1], *lines[at:]]) + "\n" for at in range(len(lines))]
    texts += [
        "\n".join(lines) + "\n", "\n".join(lines).replace("group g 2", "group g 1") + "\n",
        "\n".join(lines).replace("group g 2", "group g 3") + "\n",
        "\n".join(lines).replace(" a b", " a a") + "\n", "\n".join(lines).replace("quorum g", "quorum h") + "\n",
        f"log {eye.verifier}\nquorum none\n", f"log {str(LOG.verifier)[:-4]}AAA=\nquorum none\n",
        f"log x{LOG.verifier}\nquorum none\n", f"log {LOG.verifier}\nlog {LOG.verifier}\nquorum none\n", "odd line\nquorum none\n",
    ]  # fmt: skip
    codes = agree([(text, smallest()) for text in texts])
    assert {None, "L115", "L122", "L123", "L117"} <= set(codes), codes


# ------------------------------------------------------------------------------------------------------------- vectors


def test_the_published_vectors(monkeypatch: pytest.MonkeyPatch) -> None:
    """Every call that the published vectors make of the verifier in Python is made of the one in the browser."""
    calls: list[tuple[dict[str, Any], dict[str, Any]]] = []

    def watch(name: str, case: Callable[..., dict[str, Any]], said: Callable[[Any], dict[str, Any]]) -> None:
        real = getattr(ledger_vectors, name)

        def watched(*arguments: Any, **named: Any) -> Any:
            try:
                found = real(*arguments, **named)
            except EquipoiseError as error:
                calls.append((case(*arguments, **named), {"code": error.code}))
                raise
            calls.append((case(*arguments, **named), {"code": None, **said(found)}))
            return found

        monkeypatch.setattr(ledger_vectors, name, watched)

    def sizes(**named: Any) -> dict[str, Any]:
        return {key: text_of(value) if isinstance(value, bytes) else str(value) for key, value in named.items()}

    watch("ed25519_holds", lambda *three: dict(zip(("do", "key", "message", "signature"), ("holds", *map(text_of, three)), strict=True)),
          lambda found: {"holds": found})  # fmt: skip
    watch("verify_inclusion", lambda proof, **named: {"do": "inclusion", "proof": [*map(text_of, proof)], **sizes(**named)},
          lambda _: {})  # fmt: skip
    watch("verify_consistency", lambda proof, **named: {"do": "consistency", "proof": [*map(text_of, proof)], **sizes(**named)},
          lambda _: {})  # fmt: skip
    watch("open_note", lambda data, keys: {"do": "note", "data": text_of(data), "keys": [*map(str, keys)]},
          lambda found: {"signed": [one.key.name for one in found.signed], "unknown": found.unknown})  # fmt: skip
    watch("parse_verifier_key", lambda text: {"do": "key", "text": text}, lambda found: {"text": str(found)})
    watch("parse_entry", lambda data: {"do": "entry", "data": text_of(data)}, lambda _: {})
    ledger_vectors.held()
    calls = [(case, ours) for case, ours in calls if "ml-dsa" not in json.dumps(case).lower()]
    said = by_node(case for case, _ in calls)
    kinds = Counter[str]()
    for (case, ours), theirs in zip(calls, said, strict=True):
        if theirs["code"] == "L116":  # no browser has ML-DSA-44
            kinds["lattice"] += 1
            continue
        assert {name: value for name, value in theirs.items() if name != "sentence"} == ours, case
        kinds[case["do"]] += 1
    assert kinds["holds"] > 900 and kinds["inclusion"] > 50 and kinds["consistency"] > 50 and kinds["note"] > 3, kinds


# ---------------------------------------------------------------------------------------------------- what both must know


def test_the_charter_has_the_same_fields() -> None:
    """The schema that canonical charters are read by in the browser is that of the classes in Python."""
    import subprocess

    assert NODE is not None
    code = (
        f"import({json.dumps((VERIFIER / 'charter.js').as_uri())}).then((m) => console.log(JSON.stringify(m.SCHEMA)))"
    )
    told = json.loads(subprocess.run([NODE, "-e", code], capture_output=True, check=True).stdout)
    assert told == dict(schema(Charter))


def schema(kind: type) -> Iterator[tuple[str, dict[str, str]]]:
    """Yield the classes that a charter is made of, each with its fields, as the browser spells types."""
    import dataclasses
    import typing

    inner: list[type] = []
    fields: dict[str, str] = {}
    for name, hint in _fields(kind).items():
        fields[name] = spelled(hint)
        parts = [hint, *typing.get_args(hint), *(p for a in typing.get_args(hint) for p in typing.get_args(a))]
        inner += [part for part in parts if isinstance(part, type) and dataclasses.is_dataclass(part)]
    yield kind.__name__, fields
    for one in inner:
        yield from schema(one)


def spelled(hint: Any) -> str:
    import types
    import typing
    from collections.abc import Mapping
    from fractions import Fraction

    origin, inner = typing.get_origin(hint), typing.get_args(hint)
    if origin in (types.UnionType, typing.Union):
        return spelled(next(one for one in inner if one is not types.NoneType)) + "?"
    if origin is typing.Literal:
        return "one of " + "|".join(inner)
    if origin is tuple:
        return f"list {spelled(inner[0])}"
    if origin is not None and issubclass(origin, Mapping):
        return f"map {spelled(inner[1])}"
    return "Fraction" if hint is Fraction else hint.__name__


def test_days_begin_at_the_same_instants_in_every_time_zone() -> None:
    """Days, and quarters, around every change of clocks of three years, and at drawn instants, in all zones that both know."""
    chance = Random(6)
    zones = [
        zone
        for zone in sorted(available_timezones())
        if "/" in zone and not zone.startswith(("Etc/", "posix/", "right/"))
    ]
    zones = [
        "UTC",
        *chance.sample(zones, 90),
        "Africa/Cairo",
        "America/Sao_Paulo",
        "Asia/Beirut",
        "America/Asuncion",
        "Pacific/Apia",
    ]
    cases: list[dict[str, Any]] = []
    for name in zones:
        instants = [chance.randrange(1_546_300_800_000, 1_830_297_600_000, 1_000) for _ in range(12)]
        instants += [at_ms + shift for at_ms in changes(name) for shift in (-3_600_001, -1, 0, 1, 3_599_999, 5_400_000)]
        cases.append({"do": "days", "zone": name, "instants": instants})
    for case, said in zip(cases, by_node(cases), strict=True):
        if said["code"] == "V111":
            continue
        zone = ZoneInfo(case["zone"])
        for at_ms, theirs in zip(case["instants"], said["days"], strict=True):
            day = local_day(at_ms, zone)
            ours = [
                (day - date(1970, 1, 1)).days,
                day_begins_ms(day, zone),
                first_period("quarter", case["zone"], at_ms).span.to_ms,
            ]
            assert theirs == ours, (case["zone"], at_ms)


def changes(name: str) -> Iterator[int]:
    """When clocks change in a zone, to the minute, in three years of which two have rules and one is as data said."""
    zone = ZoneInfo(name)

    def offset(at_s: int) -> float:
        found = datetime.fromtimestamp(at_s, UTC).astimezone(zone).utcoffset()
        assert found is not None
        return found.total_seconds()

    for year in (2018, 2011, 2026):
        first = int(datetime(year, 1, 1, tzinfo=UTC).timestamp())
        for at_s in range(first, first + 366 * 86_400, 86_400):
            low, high = at_s, at_s + 86_400
            if offset(low) == offset(high):
                continue
            while high - low > 60:
                middle = (low + high) // 2
                low, high = (middle, high) if offset(middle) == offset(low) else (low, middle)
            yield high * 1_000
