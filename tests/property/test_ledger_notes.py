"""Notes, checkpoints and receipts: what is signed holds, whatever is changed does not, and no bytes break a parser."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equipoise.errors import EquipoiseError, InputError, VerificationError
from equipoise.ledger.checkpoint import Checkpoint, parse_checkpoint
from equipoise.ledger.encoding import base64_bytes, base64_text, decimal
from equipoise.ledger.keys import Algorithm, SigningKey, VerifierKey, parse_signing_key, parse_verifier_key
from equipoise.ledger.note import (
    MAX_NOTE_BYTES,
    MAX_SIGNATURES,
    NoteSignature,
    cosign,
    open_note,
    parse_note,
    parse_signatures,
    sign_note,
)
from equipoise.ledger.proof import Proof, parse_proof, verify_proof
from equipoise.ledger.tree import MAX_SIZE
from tests.property.ledger_parties import (
    ENTRIES,
    EYES,
    LATTICE,
    LOG,
    ORIGIN,
    TIME_S,
    GrowingLog,
    damaged,
    flips,
    policy_of,
)

GROWN = GrowingLog(ENTRIES)
NOTE = cosign(GROWN.note(), EYES[:1], time_s=TIME_S)
RECEIPT = GROWN.receipt(6, *EYES[:2])
KEYS = [LOG.verifier, *(eye.verifier for eye in EYES), LATTICE.verifier]


def refused(data: bytes, entry: bytes, *, policy: object) -> bool:
    try:
        verify_proof(data, entry, policy=policy)  # pyright: ignore[reportArgumentType]
    except VerificationError:
        return True
    return False


# ------------------------------------------------------------------------------------------------------------ mutation


def test_a_receipt_holds_for_its_entry_alone() -> None:
    policy = policy_of(*EYES[:2])
    for index, entry in enumerate(ENTRIES):
        receipt = GROWN.receipt(index, *EYES[:2])
        found = verify_proof(receipt, entry, policy=policy)
        assert found.checkpoint == Checkpoint(ORIGIN, len(ENTRIES), GROWN.frontier.root())
        assert found.witnesses == {eye.name: TIME_S for eye in EYES[:2]}
        assert found.split_view_excluded
        assert [refused(receipt, other, policy=policy) for other in ENTRIES] == [other != entry for other in ENTRIES]


def test_every_flipped_bit_of_a_receipt_is_caught() -> None:
    policy = policy_of(*EYES[:2])
    changed = flips(RECEIPT)
    assert len(changed) > 5_000
    assert [bad for bad in changed if not refused(bad, ENTRIES[6], policy=policy)] == []


def test_every_flipped_bit_of_a_lattice_signature_is_caught() -> None:
    policy = policy_of(LATTICE)
    receipt = GROWN.receipt(3, LATTICE)
    assert verify_proof(receipt, ENTRIES[3], policy=policy).witnesses == {LATTICE.name: TIME_S}
    assert [bad for bad in flips(receipt, step=11) if not refused(bad, ENTRIES[3], policy=policy)] == []


def test_every_truncation_and_every_lost_or_added_line_of_a_receipt_is_caught() -> None:
    policy = policy_of(*EYES[:2])
    changed = [RECEIPT[:length] for length in range(len(RECEIPT))] + [RECEIPT + b"\n", RECEIPT + b"x", b"\n" + RECEIPT]
    lines = RECEIPT.split(b"\n")
    changed += [b"\n".join(lines[:i] + lines[i + 1 :]) for i in range(len(lines))]
    changed += [b"\n".join([*lines[:i], b"x", *lines[i:]]) for i in range(len(lines))]
    assert [bad for bad in changed if not refused(bad, ENTRIES[6], policy=policy)] == []


def test_every_field_of_another_receipt_put_into_this_one_is_caught() -> None:
    """Parts that are genuine elsewhere: of another log, another size, another entry, another time's witness."""
    policy = policy_of(*EYES[:2])
    grown = GrowingLog([*ENTRIES, b"one more"])
    this = parse_proof(RECEIPT)
    others = [parse_proof(other.receipt(i, *EYES[:2])) for other in (GROWN, grown) for i in range(len(ENTRIES))]
    for other in others:
        if other == this:
            continue
        mixed = {
            Proof(other.index, this.hashes, this.checkpoint),
            Proof(this.index, other.hashes, this.checkpoint),
            Proof(this.index, this.hashes, other.checkpoint),
        } - {this}
        assert [bad for bad in mixed if not refused(bad.to_bytes(), ENTRIES[6], policy=policy)] == []
    mine, theirs = parse_note(this.checkpoint), parse_note(grown.note())
    swapped = cosign(sign_note(theirs.text, [LOG]), EYES[:2], time_s=TIME_S).split(b"\n\n")[1]
    assert refused(Proof(6, this.hashes, mine.text.encode() + b"\n" + swapped).to_bytes(), ENTRIES[6], policy=policy)


def test_what_is_extra_is_not_vouched_for() -> None:
    policy = policy_of(*EYES[:2])
    plain = parse_proof(RECEIPT)
    receipt = Proof(plain.index, plain.hashes, plain.checkpoint, b"believe me").to_bytes()
    assert parse_proof(receipt).extra == b"believe me"
    assert not refused(receipt, ENTRIES[6], policy=policy)


def test_every_flipped_bit_of_a_note_loses_a_signature_or_the_note() -> None:
    keys = [LOG.verifier, EYES[0].verifier]
    assert {signed.key for signed in open_note(NOTE, keys).signed} == set(keys)
    for bad in flips(NOTE):
        try:
            found = open_note(bad, keys)
        except VerificationError:
            continue
        assert (
            found.text == parse_note(NOTE).text
        )  # the name or the id of one signature was hit, which makes it unknown
        assert (len(found.signed), found.unknown) == (1, 1)


# --------------------------------------------------------------------------------------------------------------- notes


def test_a_known_key_whose_signature_does_not_hold_condemns_the_note() -> None:
    other = SigningKey(LOG.name, LOG.algorithm, bytes([99]) * 32)
    forged = parse_note(sign_note("x\n", [other])).signatures[0]
    note = sign_note("x\n", [LOG]) + NoteSignature(EYES[0].name, EYES[0].verifier.key_id, bytes(72)).line().encode()
    assert open_note(note, [LOG.verifier]).unknown == 1
    with pytest.raises(VerificationError, match="L117 the signature of w0"):
        open_note(note, [LOG.verifier, EYES[0].verifier])
    same_name = sign_note("x\n", [LOG]) + forged.line().encode()  # another id: another key, passed over
    assert open_note(same_name, [LOG.verifier]).unknown == 1
    with pytest.raises(VerificationError, match="L117 none of 1"):
        open_note(sign_note("x\n", [other]), [LOG.verifier])


def test_a_signature_under_another_type_or_name_does_not_hold() -> None:
    """One key used for notes and for cosigning cannot have one taken for the other."""
    seed = bytes([7]) * 32
    plain, eye = SigningKey("k", Algorithm.ED25519, seed), SigningKey("k", Algorithm.COSIGNATURE, seed)
    text = GROWN.note().split(b"\n\n")[0].decode() + "\n"
    signature = parse_note(sign_note(text, [plain])).signatures[0].signature
    for data in (signature, (0).to_bytes(8, "big") + signature):
        note = text.encode() + b"\n" + NoteSignature("k", eye.verifier.key_id, data).line().encode()
        with pytest.raises(VerificationError, match="L117"):
            open_note(note, [eye.verifier])


def test_the_time_of_a_cosignature_is_signed_and_bounded() -> None:
    for eye in (EYES[0], LATTICE):
        for time_s in (0, TIME_S, 2**63 - 1):
            note = cosign(GROWN.note(), [eye], time_s=time_s)
            assert open_note(note, [eye.verifier]).signed[0].time_s == time_s
        for time_s in (-1, 2**63):
            with pytest.raises(InputError):
                cosign(GROWN.note(), [eye], time_s=time_s)
    with pytest.raises(InputError):
        sign_note(parse_note(NOTE).text, [EYES[0]])


def test_lattice_cosignatures_do_not_cover_extension_lines_and_need_a_checkpoint() -> None:
    text = parse_note(NOTE).text
    line = parse_note(sign_note(text, [LATTICE], time_s=TIME_S)).signatures[0].line().encode()
    assert open_note(f"{text}an extension\n\n".encode() + line, [LATTICE.verifier]).signed
    with pytest.raises(VerificationError, match="L118"):
        open_note(b"no checkpoint\n\n" + line, [LATTICE.verifier])


@pytest.mark.parametrize(
    "data",
    [
        b"", b"\n", b"\n\n", b"text\n\n", b"text\n", b"text\n\xe2\x80\x94 k AAAAAAE=\n", b"text\n\n\xe2\x80\x94 k AAAAAAE=",
        b"text\n\n- k AAAAAAE=\n", b"text\n\n\xe2\x80\x94 k AAAAAAF=\n", b"text\n\n\xe2\x80\x94 k AAAAAAE\n",
        b"text\n\n\xe2\x80\x94 k AAAAAA==\n", b"text\n\n\xe2\x80\x94  AAAAAAE=\n", b"text\n\n\xe2\x80\x94 k+ AAAAAAE=\n",
        b"text\n\n\xe2\x80\x94 k\xc2\xa0k AAAAAAE=\n", b"text\n\n\xe2\x80\x94 k AAAA AAE=\n", b"te\txt\n\n\xe2\x80\x94 k AAAAAAE=\n",
        b"te\rxt\n\n\xe2\x80\x94 k AAAAAAE=\n", b"te\x00xt\n\n\xe2\x80\x94 k AAAAAAE=\n", b"te\xffxt\n\n\xe2\x80\x94 k AAAAAAE=\n",
        b"te\xed\xa0\x80xt\n\n\xe2\x80\x94 k AAAAAAE=\n", b"text\n\n\xe2\x80\x94 k AAAAAAE=\n\n",
        b"text\n\n" + b"\xe2\x80\x94 k AAAAAAE=\n" * (MAX_SIGNATURES + 1),
        b"x" * MAX_NOTE_BYTES + b"\n\n\xe2\x80\x94 k AAAAAAE=\n",
    ],
)  # fmt: skip
def test_what_is_not_a_note_is_refused(data: bytes) -> None:
    with pytest.raises(VerificationError) as caught:
        parse_note(data)
    assert caught.value.code == "L119"


def test_the_last_empty_line_divides_and_a_hundred_signatures_are_read() -> None:
    line = NoteSignature("k", b"1234", b"x").line()
    note = parse_note(f"a\n\n\u2014 k AAAAAAE=\n\nb\n\n{line * MAX_SIGNATURES}".encode())
    assert note.text == "a\n\n\u2014 k AAAAAAE=\n\nb\n"
    assert len(note.signatures) == MAX_SIGNATURES
    for text in ("no end", "a\rb\n", "half \ud800\n"):
        with pytest.raises(InputError) as caught:
            sign_note(text, [LOG])
        assert caught.value.code == "L119"


def test_two_keys_of_one_name_and_id_are_refused() -> None:
    twin = VerifierKey(LOG.name, LOG.algorithm, LOG.verifier.key)
    open_note(NOTE, [LOG.verifier, twin])
    object.__setattr__(twin, "key", EYES[0].verifier.key)  # as if its 32-bit id collided
    with pytest.raises(InputError, match="two keys"):
        open_note(NOTE, [LOG.verifier, twin])


# ---------------------------------------------------------------------------------------------------------------- fuzz


@given(st.one_of(st.binary(max_size=300), damaged(NOTE)))
def test_any_bytes_are_a_note_that_comes_back_or_are_refused(data: bytes) -> None:
    try:
        note = parse_note(data)
    except VerificationError:
        return
    assert note.to_bytes() == data
    try:
        found = open_note(data, KEYS)
    except VerificationError as error:
        assert error.code in {"L117", "L118"}
        return
    if {signed.key for signed in found.signed} >= {LOG.verifier}:
        assert found.text == parse_note(NOTE).text


@given(st.one_of(st.binary(max_size=300), damaged(RECEIPT)))
def test_any_bytes_are_a_receipt_that_comes_back_or_are_refused(data: bytes) -> None:
    policy = policy_of(*EYES[:2])
    try:
        assert parse_proof(data).to_bytes() == data
    except VerificationError:
        assert refused(data, ENTRIES[6], policy=policy)
        return
    if not refused(data, ENTRIES[6], policy=policy):
        assert (parse_proof(data).index, parse_proof(data).hashes) == (6, parse_proof(RECEIPT).hashes)


@given(st.binary(max_size=100), st.one_of(st.binary(max_size=100), damaged(NOTE.split(b"\n\n")[1])))
def test_any_bytes_are_signature_lines_that_come_back_or_are_refused(_: bytes, data: bytes) -> None:
    try:
        lines = parse_signatures(data)
    except VerificationError:
        return
    assert "".join(line.line() for line in lines).encode() == data


LINES = st.text(st.characters(min_codepoint=32, codec="utf-8"), min_size=1, max_size=20)


@given(LINES, st.integers(0, MAX_SIZE), st.binary(min_size=32, max_size=32), st.lists(LINES, max_size=3))
def test_checkpoints_come_back(origin: str, size: int, root: bytes, extensions: list[str]) -> None:
    checkpoint = Checkpoint(origin, size, root, tuple(extensions))
    assert parse_checkpoint(checkpoint.text()) == checkpoint
    assert parse_checkpoint(open_note(sign_note(checkpoint.text(), [LOG]), KEYS).text) == checkpoint


@given(st.one_of(st.text(), damaged(parse_note(NOTE).text.encode()).map(lambda data: data.decode("utf-8", "replace"))))
def test_any_text_is_a_checkpoint_that_comes_back_or_is_refused(text: str) -> None:
    try:
        assert parse_checkpoint(text).text() == text
    except VerificationError as error:
        assert error.code == "L118"


ROOT_TEXT = base64_text(bytes(32))


@pytest.mark.parametrize(
    "text",
    [
        f"o\n01\n{ROOT_TEXT}\n", f"o\n+1\n{ROOT_TEXT}\n", f"o\n\n{ROOT_TEXT}\n", f"o\n{2**63}\n{ROOT_TEXT}\n",
        f"o\n\u0661\n{ROOT_TEXT}\n", f"o\n1 \n{ROOT_TEXT}\n", f"\n1\n{ROOT_TEXT}\n", f"o\n1\n{ROOT_TEXT}\n\n",
        f"o\n1\n{ROOT_TEXT}\n\nx\n", f"o\n1\n{ROOT_TEXT}", f"o\n1\n{ROOT_TEXT[:-2]}B=\n", f"o\n1\n {ROOT_TEXT}\n", "o\n1\n",
        f"o\n1\n{base64_text(bytes(31))}\n", f"o\n1\n{ROOT_TEXT.replace('=', '')}\n", f"o\n1\n{ROOT_TEXT}\nx\x07y\n",
    ],
)  # fmt: skip
def test_what_is_not_a_checkpoint_is_refused(text: str) -> None:
    with pytest.raises(VerificationError) as caught:
        parse_checkpoint(text)
    assert caught.value.code == "L118"


@given(st.text(max_size=30))
def test_numbers_and_base64_have_one_spelling(text: str) -> None:
    number, data = decimal(text), base64_bytes(text)
    assert number is None or str(number) == text
    assert data is None or base64_text(data) == text


@given(st.binary(max_size=50), st.integers(0, MAX_SIZE))
def test_numbers_and_bytes_come_back(data: bytes, number: int) -> None:
    assert base64_bytes(base64_text(data)) == data
    assert decimal(str(number)) == number


# ---------------------------------------------------------------------------------------------------------------- keys

NAMES = st.text(st.characters(codec="utf-8", exclude_characters="+"), min_size=1, max_size=20).filter(
    lambda name: not any(character.isspace() or character < " " for character in name)
)


@given(NAMES, st.sampled_from([Algorithm.ED25519, Algorithm.COSIGNATURE]), st.binary(min_size=32, max_size=32))
def test_keys_come_back_and_their_seed_is_not_shown(name: str, algorithm: Algorithm, seed: bytes) -> None:
    key = SigningKey(name, algorithm, seed)
    assert parse_signing_key(key.text()) == key
    assert parse_verifier_key(str(key.verifier)) == key.verifier
    assert repr(seed) not in repr(key) and base64_text(seed)[:20] not in repr(key)


@given(
    st.one_of(st.text(), *(damaged(str(key).encode()).map(lambda d: d.decode("utf-8", "replace")) for key in KEYS[:2]))
)
def test_any_text_is_a_key_that_comes_back_or_is_refused(text: str) -> None:
    for parse in (parse_verifier_key, parse_signing_key):
        try:
            found = parse(text)
        except InputError as error:
            assert error.code == "L115"
        else:
            assert (str(found) if isinstance(found, VerifierKey) else found.text()) == text


def test_every_flipped_bit_of_a_verifier_key_is_caught() -> None:
    text = str(LOG.verifier).encode()
    for bad in flips(text):
        with pytest.raises(EquipoiseError):
            parse_verifier_key(bad.decode("utf-8", "surrogateescape"))


@pytest.mark.parametrize(
    "key",
    [
        bytes(32), bytes([1]) + bytes(31), b"\xff" * 32, bytes([2]) + bytes(31), bytes(31), b"",
        (2**255 - 19).to_bytes(32, "little"), bytes.fromhex("10eb7c3acfb2bed3e0d6ab89bf5a3d6afddd1176ce4812e38d9fd485058fdb1f"),
    ],
)  # fmt: skip
def test_keys_on_which_verifiers_disagree_are_not_enrolled(key: bytes) -> None:
    for algorithm in (Algorithm.ED25519, Algorithm.COSIGNATURE):
        with pytest.raises(InputError) as caught:
            VerifierKey("k", algorithm, key)
        assert caught.value.code == "L115"


def test_without_lattice_signatures_in_the_library_the_error_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    note = cosign(GROWN.note(), [LATTICE], time_s=TIME_S)
    monkeypatch.setitem(sys.modules, "cryptography.hazmat.primitives.asymmetric.mldsa", None)
    assert open_note(note, [LOG.verifier]).unknown == 1
    for action in (
        lambda: open_note(note, [LATTICE.verifier]),
        lambda: cosign(GROWN.note(), [LATTICE], time_s=TIME_S),
        lambda: SigningKey("k", Algorithm.ML_DSA_44, bytes(32)),
    ):
        with pytest.raises(InputError, match="L116"):
            action()


def test_names_and_seeds_that_cannot_stand_in_a_note_are_refused() -> None:
    for name in ("", "a b", "a+b", "a\nb", "a\u2003b", "a\x00", "\ud800", "x" * 256, "\u00e9" * 128):
        with pytest.raises(InputError, match="not a name"):
            SigningKey(name, Algorithm.ED25519, bytes(32))
    for seed in (b"", bytes(31), bytes(33)):
        with pytest.raises(InputError):
            SigningKey("k", Algorithm.ED25519, seed)
