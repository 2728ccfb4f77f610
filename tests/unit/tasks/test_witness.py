"""A witness that serves on loopback, and ledgers that ask it: honest ones, forked ones, restored ones."""

from __future__ import annotations

import shutil
import threading
import urllib.error
import urllib.request
from collections.abc import Generator
from contextlib import closing, contextmanager
from pathlib import Path

import pytest

from equipoise.errors import InputError
from equipoise.ledger.entry import encode_entry
from equipoise.ledger.keys import SigningKey
from equipoise.ledger.quorum import Policy, parse_policy
from equipoise.store import open_sqlite
from equipoise.tasks.keys import new_key
from equipoise.tasks.witness import Heads, Witness, cosign_head

ORIGIN = "lab.example/ledger"


@contextmanager
def served(state: Path, log: SigningKey, own: SigningKey) -> Generator[Policy]:
    """Run a witness, and yield a policy that asks for it."""
    heads = Heads(state)
    with Witness(heads, [log.verifier], [own]) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield parse_policy(f"log {log.verifier}\nwitness w {own.verifier} {server.url}\nquorum w\n".encode())
        finally:
            server.shutdown()
            thread.join()
            heads.close()


def append(path: Path, *texts: str) -> None:
    with closing(open_sqlite(path, origin=ORIGIN)) as store:
        store.append([encode_entry({"kind": "heartbeat", "text": text}) for text in texts])


@pytest.fixture
def keys(tmp_path: Path) -> tuple[SigningKey, SigningKey]:
    return new_key(ORIGIN, tmp_path / "log.key"), new_key("witness.example/w", tmp_path / "w.key", kind="witness")


def test_a_ledger_that_only_grows_is_cosigned_each_time(tmp_path: Path, keys: tuple[SigningKey, SigningKey]) -> None:
    log, own = keys
    ledger = tmp_path / "ledger"
    with served(tmp_path / "state", log, own) as policy:
        for n in range(1, 40):
            append(ledger, *(f"{n} {m}" for m in range(n)))
            found = cosign_head(ledger, log, policy)
            assert found.refusals == {}
            assert found.witnessed is not None
            assert found.witnessed.split_view_excluded
            assert found.witnessed.checkpoint.size == n * (n + 1) // 2


def test_a_fork_and_an_older_copy_are_not_cosigned_even_after_the_witness_restarts(
    tmp_path: Path, keys: tuple[SigningKey, SigningKey]
) -> None:
    log, own = keys
    ledger, fork = tmp_path / "ledger", tmp_path / "fork"
    append(ledger, "one", "two")
    append(fork, "one", "other")
    with served(tmp_path / "state", log, own) as policy:
        old = tmp_path / "old"
        cosign_head(ledger, log, policy)
        for suffix in ("", ".checkpoint"):  # the anchor beside it too: only the witness is left to know
            shutil.copy(f"{ledger}{suffix}", f"{old}{suffix}")
        append(ledger, "three")
        assert cosign_head(ledger, log, policy).witnessed is not None
    with served(tmp_path / "state", log, own) as policy:
        assert cosign_head(fork, log, policy).witnessed is None
        append(fork, "more", "and more")
        refused = cosign_head(fork, log, policy)
        assert refused.witnessed is None
        assert "422" in refused.refusals["w"]
        shrunk = cosign_head(old, log, policy)
        assert shrunk.size == 2  # which the witness had cosigned before there were three
        assert "has seen 3 entries" in shrunk.refusals["w"]
        assert cosign_head(ledger, log, policy).witnessed is not None


def test_a_witness_that_is_away_or_unknown_is_told_and_the_head_is_signed_all_the_same(
    tmp_path: Path, keys: tuple[SigningKey, SigningKey]
) -> None:
    log, own = keys
    append(tmp_path / "ledger", "one")
    with served(tmp_path / "state", log, own) as policy:
        pass
    found = cosign_head(tmp_path / "ledger", log, policy)
    assert found.size == 1
    assert "not reached" in found.refusals["w"]
    without = parse_policy(f"log {log.verifier}\nwitness w {own.verifier}\nquorum w\n".encode())
    with pytest.raises(InputError, match="L180"):
        cosign_head(tmp_path / "ledger", log, without)


def test_hostile_requests_get_an_answer_and_change_nothing(tmp_path: Path, keys: tuple[SigningKey, SigningKey]) -> None:
    log, own = keys
    append(tmp_path / "ledger", "one")
    with served(tmp_path / "state", log, own) as policy:
        url = policy.witnesses["w"].url
        for path, body, status in (
            ("/add-checkpoint", b"\xff" * 1000, 400),
            ("/add-checkpoint", b"", 400),
            ("/other", b"old 0\n\n", 404),
            ("/add-checkpoint", b"x" * (3 << 20), 413),
        ):
            request = urllib.request.Request(url + path, data=body, method="POST")
            with pytest.raises((urllib.error.HTTPError, urllib.error.URLError)) as error:
                urllib.request.urlopen(request, timeout=5)
            if isinstance(error.value, urllib.error.HTTPError):
                error.value.close()
                assert error.value.code == status
        assert cosign_head(tmp_path / "ledger", log, policy).witnessed is not None
