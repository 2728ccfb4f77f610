"""Every reason for which a gate is closed, stages and their times, and what is left while the quota falls."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from fractions import Fraction

import pytest

from equipoise.charter import Board
from equipoise.errors import InputError
from equipoise.gates import (
    Cap,
    Dossier,
    Entered,
    GatedService,
    Kind,
    Reason,
    Recorded,
    cap_course,
    caps,
    decide,
)
from equipoise.units import DAY_MS, MINUTE_MS
from tests.property.gate_cases import (
    BOARDS,
    EVALS,
    GATE,
    MODEL,
    OTHER,
    boards,
    everything,
    lab,
    one_stage,
    public,
    said,
)

NOW = 130 * DAY_MS
LATE = NOW - DAY_MS
TWO = EVALS[:2]

CLOSED: list[tuple[Reason, str, Sequence[Recorded]]] = [
    (Reason.MISSING, "nobody has attested cyber", []),
    (Reason.STALE, "issued on 1970-01-01T00:00:00Z, more than 120d ago", [said("cyber", TWO, issued_ms=0)]),
    (
        Reason.EXPIRED,
        "it expired on 1970-05-10T00:00:00Z",
        [said("cyber", TWO, issued_ms=LATE, expires_ms=LATE + 1)],
    ),
    (
        Reason.REVOKED,
        "evals revoked cyber on 1970-05-10T12:00:00Z",
        [
            said("cyber", TWO, issued_ms=LATE),
            said("cyber", TWO, issued_ms=LATE + DAY_MS // 2, kind=Kind.REVOCATION),
        ],
    ),
    (Reason.SELF_SIGNED, "signed by max of makers and mia of makers, and by nobody of evals",
     [said("cyber", ("max", "mia"), issued_ms=LATE)]),
    (Reason.SELF_SIGNED, "signed by a key that no board has, and by nobody of evals",
     [said("cyber", ("stranger",), issued_ms=LATE)]),
    (Reason.WRONG_DIGEST, f"evals attested cyber of another release, {OTHER}",
     [said("cyber", TWO, issued_ms=LATE, release=OTHER)]),
    (Reason.WRONG_TYPE, "evals attested bio of it, not cyber", [said("bio", TWO, issued_ms=LATE)]),
    (Reason.TOO_FEW, "signed by eve of evals alone", [said("cyber", ["eve", "eve", "max"], issued_ms=LATE)]),
    (Reason.DATED_AHEAD, "recorded before 1970-05-11T00:00:00Z",
     [said("cyber", TWO, issued_ms=NOW, at_ms=NOW - 6 * MINUTE_MS)]),
    (Reason.NOT_YET, "it counts from 1970-05-11T00:04:00Z on",
     [said("cyber", TWO, issued_ms=NOW + 4 * MINUTE_MS, at_ms=NOW)]),
    (Reason.MISSING, "nobody has attested cyber", [said("cyber", TWO, issued_ms=NOW + 1)]),
]  # fmt: skip


@pytest.mark.parametrize(
    ("reason", "says", "records"), CLOSED, ids=[f"{reason.value}-{n}" for n, (reason, _, _) in enumerate(CLOSED)]
)
def test_gate_is_closed_and_says_why(reason: Reason, says: str, records: Sequence[Recorded]) -> None:
    found = decide(lab(one_stage(drain_ms=0)), "models", MODEL, records, now_ms=NOW)
    assert (found.stage, found.quota, found.next_stage) == (None, 0, "internal")
    assert found.needs == found.unmet
    assert (found.needs[0].reason, found.needs[0].met) == (reason, False)
    assert says in found.needs[0].says
    assert set(found.gpus(lab()) ["product"].values()) == {0}  # fmt: skip
    left = ("ella", "evan") if reason is Reason.TOO_FEW else tuple(sorted(EVALS))
    assert found.needs[0].can_sign == left


def test_what_cannot_be_read_is_named_and_counts_for_nothing() -> None:
    found = decide(lab(one_stage()), None, MODEL, [Recorded(3, b"?"), Recorded(NOW + 1, b"??")], now_ms=NOW)
    assert [(one.at_ms, one.code) for one in found.refused] == [(3, "L125")]
    assert found.stage is None


def test_stages_open_in_turn_each_after_its_time() -> None:
    dossier = Dossier(lab(), None, MODEL, everything())
    told = [(d.now_ms // DAY_MS, d.stage, d.quota, d.next_stage, d.opens_ms) for d in dossier.course(0, 150 * DAY_MS)]
    fall = [(day, "general", Fraction(134 - day, 14), "internal", None) for day in range(120, 134)]
    assert told == [
        (0, "internal", Fraction(1, 100), "canary", 7 * DAY_MS),
        (7, "canary", Fraction(1, 20), "general", 21 * DAY_MS),
        (21, "general", 1, None, None),
        *fall,
        (134, None, 0, "internal", None),
    ]


def test_quota_is_of_the_limit_of_each_pool_in_whole_gpus() -> None:
    """Half of 800 is the limit in one pool, 77 in the other; 5% of 77 is 3.85."""
    found = decide(lab(), None, MODEL, everything(), now_ms=8 * DAY_MS)
    assert found.gpus(lab()) == {"product": {"flex": 20, "train": 3}}
    assert found.gpus(lab(), capacity={"flex": 400}) == {"product": {"flex": 10, "train": 3}}


def test_second_of_two_signs_the_same_words_later() -> None:
    words = [said("cyber", [who], issued_ms=DAY_MS, at_ms=at * DAY_MS) for who, at in (("eve", 1), ("evan", 5))]
    dossier = Dossier(lab(one_stage()), None, MODEL, words)
    assert dossier.decide(4 * DAY_MS).needs[0].signed == ("eve",)
    opened = dossier.decide(5 * DAY_MS)
    assert (opened.stage, opened.since_ms, opened.needs[0].signed) == ("internal", 5 * DAY_MS, ("evan", "eve"))
    assert opened.needs[0].until_ms == 121 * DAY_MS  # its age is that of the words
    other = said("cyber", ["evan"], issued_ms=DAY_MS, at_ms=5 * DAY_MS, note="but")
    assert Dossier(lab(one_stage()), None, MODEL, [words[0], other]).decide(5 * DAY_MS).stage is None


def test_recording_again_renews_nothing() -> None:
    again = [said("cyber", TWO, issued_ms=0, at_ms=day * DAY_MS) for day in (0, 100, 119)]
    assert Dossier(lab(one_stage(drain_ms=0)), None, MODEL, again).decide(120 * DAY_MS).stage is None


@pytest.mark.parametrize("shape", ["one name", "two names", "two boards"])
def test_a_key_counts_once_however_often_it_is_listed(shape: str) -> None:
    """The trap: other software lets one key, listed under two ids, be two signatures."""
    members = {"eve": public("eve"), "evelyn": public("eve")} if shape == "two names" else {"eve": public("eve")}
    sitting = [Board("evals", 2, members), *boards()[1:]]
    if shape == "two boards":
        sitting.append(Board("more", 1, {"eve": public("eve")}))
    records = [said("cyber", ["eve", "eve"], issued_ms=LATE), said("cyber", ["eve"], issued_ms=LATE, at_ms=LATE + 1)]
    found = decide(lab(one_stage(), sitting), None, MODEL, records, now_ms=NOW)
    assert (found.stage, found.needs[0].reason) == (None, Reason.TOO_FEW)


def test_weak_keys_and_boards_that_cannot_meet_open_nothing() -> None:
    for sitting in ([Board("evals", 1, {"eve": bytes(32)})], [Board("evals", 0, {})], list(boards()[1:])):
        found = decide(lab(one_stage(), sitting), None, MODEL, [said("cyber", TWO, issued_ms=LATE)], now_ms=NOW)
        assert found.stage is None
    needless = replace(one_stage(), stages=(replace(GATE.stages[0], needs={}),))
    assert decide(lab(needless), None, MODEL, [], now_ms=NOW).stage is None


def test_renewal_before_all_has_fallen_brings_back_the_quota_and_begins_the_wait_anew() -> None:
    records = [*everything(), said("cyber", TWO, issued_ms=122 * DAY_MS)]
    dossier = Dossier(lab(replace(GATE, stages=GATE.stages[:1])), None, MODEL, records)
    assert dossier.decide(121 * DAY_MS).quota == Fraction(13, 14) / 100
    back = dossier.decide(122 * DAY_MS)
    assert (back.stage, back.quota, back.since_ms) == ("internal", Fraction(1, 100), 122 * DAY_MS)


def test_renewal_when_all_has_fallen_is_from_the_start() -> None:
    for at_ms, stage in ((134 * DAY_MS - 1, "general"), (134 * DAY_MS, "internal")):
        dossier = Dossier(lab(), None, MODEL, [*everything(), *everything(at_ms)])
        assert dossier.decide(at_ms).stage == stage


def test_stage_falls_to_what_the_stages_before_it_give() -> None:
    records = [*everything(), *(said(t, TWO, issued_ms=100 * DAY_MS) for t in ("cyber", "jailbreak"))]
    dossier = Dossier(lab(), None, MODEL, records)
    assert dossier.decide(127 * DAY_MS).quota == Fraction(1, 2)
    fallen = dossier.decide(140 * DAY_MS)
    assert (fallen.stage, fallen.quota, fallen.next_stage) == ("canary", Fraction(1, 20), "general")


def test_revocation_bars_every_stage_until_it_is_answered() -> None:
    no = said("safety-case", ["sam"], issued_ms=30 * DAY_MS, kind=Kind.REVOCATION)
    dossier = Dossier(lab(), None, MODEL, [*everything(), no])
    assert dossier.decide(30 * DAY_MS - 1).quota == 1
    falling = dossier.decide(31 * DAY_MS)
    assert (falling.stage, falling.quota, falling.falls_since_ms) == ("general", Fraction(13, 14), 30 * DAY_MS)
    assert [need.says.split(" on ")[0] for need in falling.unmet] == ["safety revoked safety-case"]
    assert dossier.decide(50 * DAY_MS).stage is None
    # What was said before is void, also if it is recorded only now; said anew it counts, and the way begins again.
    withheld = said("safety-case", ["sue"], issued_ms=29 * DAY_MS, at_ms=51 * DAY_MS)
    assert Dossier(lab(), None, MODEL, [*everything(), no, withheld]).decide(52 * DAY_MS).stage is None
    anew = said("safety-case", ["sue"], issued_ms=51 * DAY_MS)
    course = Dossier(lab(), None, MODEL, [*everything(), no, anew]).course(51 * DAY_MS, 100 * DAY_MS)
    assert [(d.now_ms // DAY_MS, d.stage) for d in course] == [(51, "internal"), (58, "canary"), (72, "general")]


def test_what_was_attested_at_the_moment_of_a_revocation_is_void_for_good() -> None:
    at = 5 * DAY_MS
    no = said("cyber", TWO, issued_ms=at, kind=Kind.REVOCATION)
    answer = said("cyber", TWO, issued_ms=at + 1, expires_ms=at + DAY_MS)
    gate = one_stage(drain_ms=0)
    for issued_ms, void in ((at, True), (at - 1, True), (at + 2, False)):
        told = [said("cyber", TWO, issued_ms=issued_ms, at_ms=at), no, answer]
        found = Dossier(lab(gate), None, MODEL, told).decide(at + 2 * DAY_MS)
        assert (found.stage is None) == void


def test_revocation_by_too_few_or_by_others_takes_nothing_back() -> None:
    for who in (["eve"], ["sam", "sue"], ["max"]):
        no = said("cyber", who, issued_ms=5 * DAY_MS, kind=Kind.REVOCATION)
        assert Dossier(lab(), None, MODEL, [*everything(), no]).decide(6 * DAY_MS).stage == "internal"


def test_a_change_of_the_board_does_not_bring_back_what_it_took_back() -> None:
    no = said("cyber", ["evan", "ella"], issued_ms=5 * DAY_MS, kind=Kind.REVOCATION)
    old = lab(one_stage(drain_ms=0))
    yes = said("cyber", ["eve", "evan"], issued_ms=DAY_MS)
    new = lab(old.release_gates[0], [Board("evals", 2, {who: public(who) for who in ("eve", "evan", "emil")})])
    assert Dossier(new, None, MODEL, [yes]).decide(6 * DAY_MS).stage == "internal"
    assert Dossier(new, None, MODEL, [yes, replace(no, charter=old)]).decide(6 * DAY_MS).stage is None
    # but an attestation needs the people who sit there now
    gone = said("cyber", ["evan", "ella"], issued_ms=DAY_MS)
    assert Dossier(new, None, MODEL, [replace(gone, charter=old)]).decide(6 * DAY_MS).needs[0].reason is Reason.TOO_FEW


def test_history_that_the_rules_did_not_allow_is_not_believed() -> None:
    dossier = Dossier(lab(), None, MODEL, everything(DAY_MS))

    def stage(*entries: tuple[str, int]) -> str | None:
        return dossier.decide(10 * DAY_MS, history=[Entered(name, day * DAY_MS) for name, day in entries]).stage

    assert stage() is None
    assert stage(("internal", 2)) == "internal"
    assert stage(("internal", 0), ("canary", 9)) is None  # nothing was attested on day 0
    assert stage(("internal", 2), ("canary", 8)) == "internal"  # a day too soon
    assert stage(("internal", 2), ("canary", 9)) == "canary"
    assert stage(("internal", 2), ("canary", 11)) == "internal"  # not yet
    told = [Entered("internal", 2 * DAY_MS)]
    found = dossier.decide(10 * DAY_MS, history=told)
    assert (found.opens_ms, found.next_ms) == (9 * DAY_MS, 121 * DAY_MS)
    assert dossier.decide(10 * DAY_MS, history=[*told, Entered("canary", 11 * DAY_MS)]) == found
    with pytest.raises(InputError, match="has no stage 'beta'"):
        stage(("beta", 1))


def test_gate_and_release_must_be_named() -> None:
    for gate, release, code in (("other", MODEL, "G106"), (None, MODEL[:-1], "G105"), (None, MODEL.upper(), "G105")):
        with pytest.raises(InputError) as caught:
            Dossier(lab(), gate, release, [])
        assert caught.value.code == code
    with pytest.raises(InputError, match="no gate is named"):
        Dossier(replace(lab(), release_gates=()), None, MODEL, [])


# ---------------------------------------------------------------------------------------------------------------- caps

CHAT = GatedService("chat", "product.chat", "flex", gang=8, most=40, release=MODEL)
API = GatedService("api", "product.api", "flex", gang=2, most=40, release=MODEL)


def test_services_share_the_quota_of_their_team_in_whole_replicas() -> None:
    decision = decide(lab(), None, MODEL, everything(), now_ms=8 * DAY_MS)  # canary: 20 GPUs of flex, 3 of train
    assert caps(lab(), [CHAT, API], [decision]) == {"chat": 2, "api": 2}
    assert caps(lab(), [CHAT, replace(API, pool="train")], [decision]) == {"chat": 2, "api": 1}
    assert caps(lab(), [CHAT, replace(API, release=OTHER)], [decision]) == {"chat": 2, "api": 0}
    assert caps(lab(), [replace(CHAT, release=None)], [decision]) == {"chat": 0}
    assert caps(lab(), [replace(CHAT, team="research")], [decision]) == {"chat": None}


def test_least_of_two_gates_counts() -> None:
    narrow = replace(
        GATE, name="narrow", teams=("product.chat",), stages=(replace(GATE.stages[0], quota=Fraction(1, 50)),)
    )
    both = replace(lab(), release_gates=(GATE, narrow))
    decisions = [decide(both, name, MODEL, everything(), now_ms=30 * DAY_MS) for name in ("models", "narrow")]
    assert caps(both, [CHAT, API], decisions) == {"chat": 1, "api": 40}
    assert caps(both, [CHAT, API], decisions[:1])["chat"] == 0


def test_caps_move_with_the_stages() -> None:
    found = cap_course(lab(), [CHAT], everything(DAY_MS), from_ms=0, until_ms=130 * DAY_MS)
    # Of 400 GPUs: none, 4 (no whole replica), 20, all, and then a fourteenth less every day.
    fall = [Cap((121 + n) * DAY_MS, "chat", 400 * (14 - n) // 14 // 8) for n in range(1, 9)]
    assert found == [Cap(0, "chat", 0), Cap(8 * DAY_MS, "chat", 2), Cap(22 * DAY_MS, "chat", 50), *fall]


def test_services_that_cannot_be_are_refused() -> None:
    with pytest.raises(InputError, match="0 GPUs"):
        GatedService("x", "product", "flex", gang=0, most=1, release=None)
    with pytest.raises(InputError, match="one name"):
        caps(lab(), [CHAT, CHAT], [])
    for service, code in ((replace(CHAT, pool="none"), "C301"), (replace(CHAT, team="none"), "C301")):
        with pytest.raises(InputError) as caught:
            caps(lab(), [service], [])
        assert caught.value.code == code
    assert set(BOARDS) == {board.name for board in lab().boards}
