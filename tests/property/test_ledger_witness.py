"""A witness through whole histories: it cosigns one history of each log, in any order of requests, and says why not."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equipoise.errors import EquipoiseError, InputError, VerificationError
from equipoise.ledger.checkpoint import Checkpoint, parse_checkpoint
from equipoise.ledger.keys import Algorithm, SigningKey
from equipoise.ledger.note import open_note, parse_note, sign_note
from equipoise.ledger.tree import EMPTY_ROOT, consistency_proof
from equipoise.ledger.witness import Answer, Head, Request, add_cosignatures, decide, parse_request, stored_size
from tests.property.ledger_parties import EYES, LATTICE, LOG, ORIGIN, TIME_S, GrowingLog, damaged

KNOWN = {ORIGIN: [LOG.verifier]}
EYE = EYES[0]


class Witness:
    """Keeps what :func:`decide` says, as a store does in one transaction."""

    def __init__(self) -> None:
        self.heads: dict[str, Head] = {}

    def ask(self, body: bytes) -> Answer:
        answer = decide(body, logs=KNOWN, heads=self.heads, keys=[EYE, LATTICE], time_s=TIME_S)
        assert (answer.status == 200) == (answer.head is not None) == (answer.origin is not None)
        if answer.origin is not None and answer.head is not None:
            self.heads[answer.origin] = answer.head
        return answer


def request(log: GrowingLog, old_size: int) -> bytes:
    size = log.frontier.size
    hashes = tuple(consistency_proof(old_size, size, log.hashes)) if 0 < old_size <= size else ()
    return Request(old_size, hashes, log.note()).to_bytes()


def entries(count: int, *, fork: int = 0) -> list[bytes]:
    return [b"%d of %d" % (n, fork) for n in range(count)]


@given(st.lists(st.tuples(st.integers(0, 40), st.integers(0, 40), st.booleans()), max_size=12), st.integers(0, 12))
def test_a_witness_never_cosigns_two_histories(asked: list[tuple[int, int, bool]], common: int) -> None:
    """Against any order of requests from a log that keeps two books, which part after ``common`` entries."""
    witness, last = Witness(), 0
    seen: dict[int, bytes] = {}
    for size, old, forked in asked:
        log = GrowingLog(entries(min(size, common)) + entries(size, fork=int(forked))[common:])
        answer = witness.ask(request(log, old))
        stays = old == last <= size
        honest = last == 0 or log.frontier.size < last or root_at(log, last) == seen[last]
        if answer.status == 200:
            assert stays and honest and size >= last
            seen[size], last = log.frontier.root(), size
            note = add_cosignatures(log.note(), answer.body, [EYE.verifier, LATTICE.verifier])
            assert {signed.key for signed in open_note(note, [EYE.verifier, LATTICE.verifier]).signed} == {
                EYE.verifier,
                LATTICE.verifier,
            }
        elif old > size:
            assert answer.status == 400
        elif old != last:
            assert (answer.status, stored_size(answer.body), answer.content_type) == (409, last, "text/x.tlog.size")
        else:
            assert not honest and answer.status == (409 if size == last else 422)
    assert witness.heads.get(ORIGIN, Head()).size == last


def root_at(log: GrowingLog, size: int) -> bytes:
    return GrowingLog(log.entries[:size]).frontier.root()


def test_statuses_are_those_of_the_specification() -> None:
    log = GrowingLog(entries(5))
    witness = Witness()
    assert witness.ask(request(log, 5)).status == 409
    assert witness.ask(request(log, 0)).status == 200
    again = witness.ask(request(log, 5))  # the same once more: cosigned again, with a new time
    assert (again.status, again.head) == (200, Head(5, log.frontier.root()))
    log.add(entries(3))
    assert witness.ask(Request(5, (), log.note()).to_bytes()).status == 422
    assert witness.ask(Request(6, (), log.note()).to_bytes()).body == b"5\n"
    assert witness.ask(Request(9, (), log.note()).to_bytes()).status == 400
    assert witness.ask(b"").status == witness.ask(request(log, 5) + b"x").status == 400
    stranger = GrowingLog(entries(8), origin="other.example/log")
    assert witness.ask(request(stranger, 0)).status == 404
    forger = GrowingLog(entries(8), key=SigningKey(ORIGIN, Algorithm.ED25519, bytes([66]) * 32))
    assert witness.ask(request(forger, 5)).status == 403
    no_checkpoint = sign_note("no checkpoint\n", [LOG])
    assert witness.ask(Request(5, (), no_checkpoint).to_bytes()).status == 400
    assert witness.ask(request(log, 5)).status == 200


def test_an_empty_log_is_cosigned_only_with_the_empty_root() -> None:
    assert Witness().ask(request(GrowingLog([]), 0)).head == Head(0, EMPTY_ROOT)
    wrong = sign_note(Checkpoint(ORIGIN, 0, bytes(32)).text(), [LOG])
    assert Witness().ask(Request(0, (), wrong).to_bytes()).status == 409
    log = GrowingLog(entries(2))
    assert Witness().ask(Request(0, (bytes(32),), log.note()).to_bytes()).status == 422


def test_an_origin_too_long_for_a_lattice_cosignature_is_refused() -> None:
    log = GrowingLog(entries(1), origin="x" * 256)
    for keys, status in (([EYE], 200), ([EYE, LATTICE], 400)):
        answer = decide(request(log, 0), logs={log.origin: [LOG.verifier]}, heads={}, keys=keys, time_s=TIME_S)
        assert (answer.status, answer.head is not None) == (status, status == 200)


def test_answers_of_witnesses_are_checked_before_they_are_kept() -> None:
    log = GrowingLog(entries(5))
    answer = Witness().ask(request(log, 0))
    noted = add_cosignatures(log.note(), answer.body, [EYE.verifier])
    assert [line.name for line in parse_note(noted).signatures] == [LOG.name, EYE.name]  # LATTICE is unknown here
    assert add_cosignatures(noted, answer.body, [EYE.verifier]) == noted
    other = GrowingLog(entries(6))
    for body in (answer.body[:-2], b"", b"x\n\n" + answer.body, answer.body + b"\n"):
        with pytest.raises(VerificationError):
            add_cosignatures(log.note(), body, [EYE.verifier])
    with pytest.raises(VerificationError, match="L117"):
        add_cosignatures(other.note(), answer.body, [EYE.verifier])
    with pytest.raises(VerificationError, match="L117"):
        add_cosignatures(log.note(), answer.body, [EYES[1].verifier])
    for body in (b"", b"5", b"05\n", b"-5\n", b"5\n\n", b"\xff\n"):
        with pytest.raises(VerificationError, match="L124"):
            stored_size(body)


BODY = request(GrowingLog(entries(11)), 6)


@given(st.one_of(st.binary(max_size=300), damaged(BODY)))
def test_any_bytes_are_a_request_that_comes_back_or_are_refused(data: bytes) -> None:
    try:
        assert parse_request(data).to_bytes() == data
    except VerificationError as error:
        assert error.code == "L124"
    witness = Witness()
    witness.heads[ORIGIN] = Head(6, GrowingLog(entries(6)).frontier.root())
    answer = witness.ask(data)
    assert answer.status in {200, 400, 403, 404, 409, 422}
    if answer.status == 200:
        asked = parse_request(data)
        assert asked.old_size == 6
        assert parse_checkpoint(parse_note(asked.checkpoint).text) == parse_checkpoint(
            parse_note(GrowingLog(entries(11)).note()).text
        )


def test_requests_that_cannot_be_are_not_built() -> None:
    for size, hashes in [(-1, ()), (2**63, ()), (1, (bytes(31),)), (1, (bytes(32),) * 64)]:
        with pytest.raises(InputError):
            Request(size, hashes, b"")
    lines = b"\n".join([b"old 1", *[b"A" * 43 + b"="] * 64, b"", b"x"])
    with pytest.raises(EquipoiseError):
        parse_request(lines)
