"""Policies of logs and witnesses: what they accept, and every way to write one wrong."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equipoise.errors import EquipoiseError, InputError, VerificationError
from equipoise.ledger.keys import Algorithm, SigningKey
from equipoise.ledger.note import cosign
from equipoise.ledger.quorum import parse_policy
from tests.property.ledger_parties import EYES, LATTICE, LOG, TIME_S, GrowingLog, damaged

EXAMPLE = (
    "# The example of tlog-policy, with keys.\n"
    f"log {LOG.verifier} https://lab.example/\n\n"
    + "".join(
        f"witness {name}{n} {SigningKey(f'{name}{n}', Algorithm.COSIGNATURE, bytes([50 + n + 10 * (name == 'Y')]) * 32).verifier}\n"
        for name in "XY"
        for n in (1, 2, 3)
    )
    + "group X-witnesses 2 X1 X2 X3\n"
    "  group\tY-witnesses  any Y1 Y2 Y3 \n"
    "group X-and-Y all X-witnesses Y-witnesses\n"
    "quorum X-and-Y\n"
)


def test_the_quorum_of_the_specification_is_what_its_text_says() -> None:
    policy = parse_policy(EXAMPLE.encode())
    names = ["X1", "X2", "X3", "Y1", "Y2", "Y3"]
    for count in range(7):
        for some in itertools.combinations(names, count):
            x, y = (sum(name[0] == letter for name in some) for letter in "XY")
            assert policy.met_by(some) == (x >= 2 and y >= 1)
    assert policy.logs[0].url == "https://lab.example/"


def test_a_quorum_counts_witnesses_that_cosigned_this_checkpoint_in_time() -> None:
    log = GrowingLog([b"x"])
    lines = "".join(f"witness {eye.name} {eye.verifier}\n" for eye in EYES)
    policy = parse_policy(
        f"log {LOG.verifier}\n{lines}group g 2 {' '.join(eye.name for eye in EYES)}\nquorum g\n".encode()
    )
    once, twice = (cosign(log.note(), EYES[:n], time_s=TIME_S) for n in (1, 2))
    with pytest.raises(VerificationError, match=r"L123 .*w0\.example, which is not the quorum g"):
        policy.open(once)
    with pytest.raises(VerificationError, match="L123"):
        policy.open(cosign(once, EYES[:1], time_s=TIME_S + 1))  # the same witness again
    assert set(policy.open(twice).witnesses) == {EYES[0].name, EYES[1].name}
    assert policy.open(twice, until_s=TIME_S).split_view_excluded
    with pytest.raises(VerificationError, match="L123"):
        policy.open(twice, until_s=TIME_S - 1)
    other = GrowingLog([b"y"])
    signatures = twice.split(b"\n\n")[1].split(b"\n", 1)[1]
    with pytest.raises(VerificationError, match="L117"):
        policy.open(other.note() + signatures)  # cosignatures of another checkpoint


def test_a_log_signs_under_its_own_name_and_a_witness_is_no_log() -> None:
    policy = parse_policy(f"log {LOG.verifier}\nwitness a {EYES[0].verifier}\nquorum none\n".encode())
    assert not policy.open(GrowingLog([b"x"]).note()).split_view_excluded
    with pytest.raises(VerificationError, match="L117 no known log signed"):
        policy.open(GrowingLog([b"x"], origin="other.example").note())
    unsigned = GrowingLog([b"x"], key=SigningKey("lab.example/log", Algorithm.ED25519, bytes([5]) * 32)).note()
    with pytest.raises(VerificationError, match="L117 no known log signed"):
        policy.open(cosign(unsigned, EYES[:1], time_s=TIME_S))


W = f"witness w {EYES[0].verifier}\n"
V = f"witness v {EYES[1].verifier}\n"
RENAMED = SigningKey("renamed", Algorithm.COSIGNATURE, EYES[0].seed).verifier
SELF = SigningKey("self", Algorithm.COSIGNATURE, LOG.seed).verifier


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "no quorum line"),
        (W, "no quorum line"),
        ("quorum none", "no end"),
        ("quorum none\nquorum none\n", "a second quorum"),
        ("quorum w\n", "no witness or group 'w' above"),
        (f"quorum w\n{W}", "no witness or group 'w' above"),
        (f"{W}quorum W\n", "no witness or group 'W' above"),
        (f"{W}{W}quorum w\n", "the name 'w' is taken"),
        (f"{W}witness v {RENAMED}\nquorum w\n", "the key of renamed stands here twice"),
        (f"log {LOG.verifier}\nlog {LOG.verifier}\nquorum none\n", "stands here twice"),
        (f"log {LOG.verifier}\nwitness s {SELF}\nquorum s\n", "stands here twice"),
        (f"witness none {EYES[0].verifier}\nquorum none\n", "the name 'none' is taken"),
        (f"witness w {LOG.verifier}\nquorum w\n", "a key of type 1 cannot stand here"),
        (f"log {EYES[0].verifier}\nquorum none\n", "a key of type 4 cannot stand here"),
        (f"{W}group g 0 w\nquorum g\n", "'0' of 1 members"),
        (f"{W}group g 2 w\nquorum g\n", "'2' of 1 members"),
        (f"{W}group g 01 w\nquorum g\n", "'01' of 1 members"),
        (f"{W}group g most w\nquorum g\n", "'most' of 1 members"),
        (f"{W}group g any\nquorum g\n", "not a line of a policy"),
        (f"{W}group g any none\nquorum g\n", "no witness or group 'none' above"),
        (f"{W}group g any g\nquorum g\n", "no witness or group 'g' above"),
        (f"{W}group g any w w\nquorum g\n", "'w' is a member twice"),
        (f"{W}{V}group g any w v\ngroup h any w\nquorum h\n", "'w' is a member twice"),
        (f"{W}group w any w\nquorum w\n", "the name 'w' is taken"),
        ("log x\nquorum none\n", "not a key"),
        ("log\nquorum none\n", "not a line of a policy"),
        ("Quorum none\n", "not a line of a policy"),
        ("quorum none none\n", "not a line of a policy"),
        ("quorum none\r\n", "control characters"),
        ("quorum none\x00\n", "control characters"),
        ("quorum\u00a0none\n", "not a line of a policy"),
    ],
)
def test_a_policy_that_could_be_misread_is_refused_with_its_line(text: str, why: str) -> None:
    with pytest.raises(InputError) as caught:
        parse_policy(text.encode())
    assert why in caught.value.message
    assert caught.value.code in {"L115", "L122"}
    if "line" in caught.value.message and "lines" not in caught.value.message and text.count("\n") == 1:
        assert "line 1" in caught.value.message or "last line" in caught.value.message or "no quorum" in why


def test_names_are_bytes_and_limits_leave_room_for_those_of_the_specification() -> None:
    name = b"\xff\xe2\x84\xaa"
    policy = parse_policy(b"witness %b %b\nquorum %b\n" % (name, str(EYES[0].verifier).encode(), name))
    assert [n.encode("utf-8", "surrogateescape") for n in policy.witnesses] == [name]
    keys = [SigningKey(f"w{n}", Algorithm.COSIGNATURE, n.to_bytes(32, "big")).verifier for n in range(1, 34)]
    lines = [f"witness n{n} {key}\ngroup g{n} any n{n}\n" for n, key in enumerate(keys)]
    assert len(parse_policy("".join([*lines, "quorum g32\n"]).encode()).groups) == 33


@given(st.one_of(st.binary(max_size=200), damaged(EXAMPLE.encode())))
def test_any_bytes_are_a_policy_or_are_refused(data: bytes) -> None:
    try:
        policy = parse_policy(data)
    except EquipoiseError as error:
        assert error.code in {"L115", "L122"}
        return
    assert policy.met_by(policy.witnesses)  # whoever asks for more than all cannot be satisfied
    assert policy.met_by(()) == (policy.quorum is None)


def test_a_lattice_key_may_be_log_and_witness_but_not_both() -> None:
    log = SigningKey("lab.example/log", Algorithm.ML_DSA_44, bytes([3]) * 32)
    policy = parse_policy(f"log {log.verifier}\nwitness w {LATTICE.verifier}\nquorum w\n".encode())
    grown = GrowingLog([b"x"])
    text = grown.note().split(b"\n\n")[0] + b"\n\n"
    note = cosign(grown.note(), [log, LATTICE], time_s=TIME_S)
    assert note.startswith(text)
    assert policy.open(note).witnesses == {"w": TIME_S}
    with pytest.raises(InputError, match="twice"):
        parse_policy(f"log {log.verifier}\nwitness w {log.verifier}\nquorum w\n".encode())
