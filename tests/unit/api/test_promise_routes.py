"""Verdicts and receipts by the interface, over a ledger of a run whose windows were judged."""

from __future__ import annotations

import asyncio
from collections import Counter
from concurrent.futures import Future
from pathlib import Path
from typing import Any, cast

import pytest

from equipoise.api.excerpt import Excerpt
from equipoise.api.resources import promises
from equipoise.api.roles import Role
from equipoise.api.runs import Film
from equipoise.api.service import Call, LiveParts, Service
from equipoise.api.tokens import Bearer, Tokens
from equipoise.charter_io import loads
from equipoise.errors import EquipoiseError
from equipoise.ledger.entry import parse_entry
from equipoise.ledger.keys import Algorithm, SigningKey
from equipoise.ledger.quorum import Party, Policy
from equipoise.receipt import verify_receipt
from equipoise.store import open_sqlite
from equipoise.tasks.ledger import receipt_of
from equipoise.tasks.simulate import simulate
from equipoise.workload.synthetic import lab, lab_charter

KEY = SigningKey("lab.example/ledger", Algorithm.ED25519, bytes(range(32)))
pytestmark = pytest.mark.slow


class Source:
    """The entries of a file, as a controller gives them."""

    def __init__(self, entries: list[bytes]) -> None:
        self._entries = entries

    def entries(self, first: int, most: int) -> Future[list[bytes]]:
        found: Future[list[bytes]] = Future()
        found.set_result(self._entries[first : first + min(most, 50)])
        return found


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("judged")
    text = lab_charter(512)
    (folder / "lab.yaml").write_text(text, "utf-8")
    simulate(lab(days=100, gpus=512, seed=3), folder / "lab.yaml", ledger=(folder / "ledger.db", KEY))
    assert loads(text.encode()).commitments
    return folder / "ledger.db"


def call_over(ledger: Path) -> tuple[Call, Excerpt, list[bytes]]:
    with open_sqlite(ledger, read_only=True) as store:
        entries = list(store.entries())
    excerpt = Excerpt()
    parts = LiveParts(
        cast(Any, Source(entries)), lambda: open_sqlite(ledger, read_only=True), False, str(KEY.verifier), cast(Any, None),
        ledger.parent, cast(Any, None), excerpt, cast(Any, None), cast(Any, None),
    )  # fmt: skip
    service = Service(parts, Tokens(ledger.parent / "tokens.json", lambda: 0), Film(()))
    asyncio.run(excerpt.read(cast(Any, parts.controller)))
    return Call(service, Bearer("0", "vera", Role.VIEWER)), excerpt, entries


def test_a_receipt_is_what_the_command_makes_and_holds(ledger: Path) -> None:
    call, excerpt, _ = call_over(ledger)
    assert excerpt.verdicts
    for entered in excerpt.verdicts[-3:]:
        name, to_ms = str(entered.values["promise"]), int(entered.values["to_ms"])
        answer = asyncio.run(promises.receipt(call, name, to_ms))
        assert answer.body == receipt_of(ledger, name, to_ms=to_ms)
        assert answer.headers["content-disposition"].startswith("attachment; filename=")
        checked = verify_receipt(bytes(answer.body), policy=Policy(logs=(Party(KEY.verifier),)))
        assert checked is not None
    with pytest.raises(EquipoiseError) as caught:
        asyncio.run(promises.receipt(call, str(excerpt.verdicts[0].values["promise"]), 1))
    assert caught.value.code == "N167"


def test_an_excerpt_has_what_reading_everything_finds(ledger: Path) -> None:
    _, excerpt, entries = call_over(ledger)
    kinds = Counter(str(parse_entry(one)["kind"]) for one in entries)
    assert (len(excerpt.verdicts), len(excerpt.windows), excerpt.size) == (
        kinds["verdict"],
        kinds["window"],
        len(entries),
    )
    numbers = [number for number, one in enumerate(entries) if parse_entry(one)["kind"] == "verdict"]
    assert [one.number for one in excerpt.verdicts] == numbers
