"""An amendment of a live lab: proposed, signed by one board member after the other through a kill of the server, due, in force."""

from __future__ import annotations

import json
import signal
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest

from equipoise.audit import Book, audit
from equipoise.charter_io import digest
from equipoise.ledger.entry import parse_entry
from equipoise.store import open_sqlite
from tests.scenario.live_server import end, served, start
from tests.unit.tasks.amended_ledgers import Lab

pytestmark = pytest.mark.slow
AHEAD_S = 30


def bring(client: httpx.Client, charter: Path, *envelopes: Path) -> dict[str, Any]:
    texts = [one.read_text("utf-8") for one in envelopes]
    return client.post("/charters", json={"text": charter.read_text("utf-8"), "envelopes": texts}).json()


def test_an_amendment_takes_force_when_all_have_signed_and_its_time_has_come(tmp_path: Path) -> None:
    keys = Lab(tmp_path)
    first = _soon(keys.charter("first"))
    with served(tmp_path, first.read_text("utf-8")) as lab:
        when = datetime.now(UTC) + timedelta(seconds=AHEAD_S)
        effective = when.strftime("%Y-%m-%dT%H:%M:%SZ")
        parent = digest(first.read_bytes())
        second = _soon(keys.charter("second", revision=2, parent=parent, floor="40%", effective=effective))
        eve, emil, mallory = (keys.signed(second, name) for name in ("eve", "emil", "mallory"))
        with lab.client("signer") as signer:
            told = bring(signer, second)
            assert [one["kind"] for one in told["entries"]] == ["proposal"]
            assert bring(signer, second, mallory)["code"] == "L176"
            assert [one["kind"] for one in bring(signer, second, eve)["entries"]] == ["signature"]
        lab.process.send_signal(signal.SIGKILL)
        lab.process.wait()
        lab.process, lab.address = start(lab.folder)
        with lab.client("signer") as signer:
            told = signer.get("/charter").json()
            assert (told["in_force"]["revision"], told["pending"]["revision"], told["force_ms"]) == (1, 2, None)
            assert [one["kind"] for one in bring(signer, second, eve, emil)["entries"]] == ["signature"]
            told = signer.get("/charter").json()
            force_ms = told["force_ms"]
            assert force_ms == round(datetime.fromisoformat(effective).timestamp() * 1000)
            assert (told["in_force"]["revision"], _floor(signer)) == (1, 5)
            while signer.get("/charter").json()["in_force"]["revision"] == 1:
                assert time.time() * 1000 < force_ms + 20_000
                time.sleep(0.2)
            assert _floor(signer) == 7
        assert end(lab.process) == 0
        book = Book()
        with open_sqlite(lab.lab / "ledger.db", read_only=True) as store:
            entries = list(store.entries())
        book.read(entries)
        assert audit(book).findings == ()
        read: list[Any] = [parse_entry(one) for one in entries]
        origin_ms = read[0]["origin_ms"]
        (force,) = (one for one in read if one["kind"] == "charter" and one["how"] == "amended")
        assert 0 <= origin_ms + force["at_ms"] - force_ms < 20_000
        assert "Traceback" not in lab.log(), lab.log()[-3000:]


def _soon(path: Path) -> Path:
    """Let both of the executive board sign, and no notice be needed."""
    text = path.read_text("utf-8").replace("notice: 14d", "notice: 0d").replace("quorum: 1\n", "quorum: 2\n", 1)
    path.write_text(text, "utf-8")
    return path


def _floor(client: httpx.Client) -> int:
    rows = client.get("/teams/safety/standing").json()["items"]
    assert json.dumps(rows)
    return int(rows[0]["floor"])
