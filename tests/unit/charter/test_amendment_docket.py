"""Amendments in time: signatures, notice, one at a time, rotation, emergencies, re-foundings; and those who try to cheat."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

import pytest

from equipoise.charter import (
    EVERYTHING,
    Amendments,
    Board,
    Charter,
    Commitment,
    Emergency,
    Pool,
    Requirement,
    Share,
    Team,
    Window,
)
from equipoise.charter.amendment.docket import Docket, Entry
from equipoise.charter.amendment.progress import status
from equipoise.charter.amendment.requirements import needs, seats
from equipoise.errors import AuthorizationError, EquipoiseError, InputError
from equipoise.units import DAY_MS, HOUR_MS


def key(name: str) -> bytes:
    return hashlib.sha256(name.encode()).digest()


def board(name: str, quorum: int, *members: str) -> Board:
    return Board(name, quorum, {member: key(member) for member in members})


E1, E2, E3 = (key(f"e{n}") for n in (1, 2, 3))
S1, S2, S3 = (key(f"s{n}") for n in (1, 2, 3))
BOARDS = (board("executive", 2, "e1", "e2", "e3"), board("safety", 2, "s1", "s2", "s3"))
RULES = Amendments(
    ordinary=Requirement(("executive",), 0),
    weakening=Requirement(("executive",), 14 * DAY_MS),
    constitution=Requirement(("safety",), 30 * DAY_MS),
    emergency=Emergency("executive", 72 * HOUR_MS, Fraction(3, 4), 2),
)
T0 = int(datetime(2027, 1, 4, tzinfo=UTC).timestamp()) * 1000


def named(charter: Charter) -> Charter:
    """Return the charter with the digest that its fields give: another text, another name."""
    said = repr(replace(charter, digest="")).encode()
    return replace(charter, digest="sha256:" + hashlib.sha256(said).hexdigest())


def team(name: str, floor: int, *protected_by: str, weight: int = 1) -> Team:
    share = Share(fraction=Fraction(floor, 100))
    return Team(name, name, None, {"p": share}, {"p": EVERYTHING}, weight * 10_000, protected_by=protected_by)


def first() -> Charter:
    promise = Commitment("s-20", "safety", Window("quarter"), ("p",), at_least=Fraction(1, 5), protected_by=("safety",))
    teams = (team("product", 40), team("safety", 40, "safety"))
    return named(
        Charter("Lab", (Pool("p", "GPU", 10, 8),), teams, commitments=(promise,), boards=BOARDS, amendments=RULES)
    )


FIRST = first()


def following(old: Charter, **changes: Any) -> Charter:
    return named(replace(old, revision=old.revision + 1, parent=old.digest, **changes))


def floors(old: Charter, **percents: int) -> tuple[Team, ...]:
    return tuple(
        replace(t, floor={"p": Share(fraction=Fraction(percents[t.path], 100))}) if t.path in percents else t
        for t in old.teams
    )


ORDINARY = following(FIRST, lab="The same lab")
WEAKENING = following(FIRST, teams=floors(FIRST, safety=30))


def refused(code: str, do: Any) -> EquipoiseError:
    with pytest.raises(EquipoiseError) as caught:
        do()
    assert caught.value.code == code
    assert caught.value.hint
    return caught.value


@pytest.fixture
def docket() -> Docket:
    return Docket.founded(FIRST, T0)


# Signatures and notice


def test_an_ordinary_amendment_takes_force_with_the_last_needed_signature(docket: Docket) -> None:
    docket = docket.propose(ORDINARY, T0 + 1).sign([E1], T0 + 2)
    assert docket.in_force is FIRST
    assert docket.status is not None
    assert [(t.quorum.board, t.missing, t.may_sign) for t in docket.status.missing] == [("executive", 1, ("e2", "e3"))]
    docket = docket.sign([E3], T0 + 3)
    assert docket.in_force is ORDINARY
    assert docket.history[-1] == Entry("amendment", ORDINARY.digest, T0 + 3)
    assert docket.pending is None


def test_notice_runs_from_the_last_needed_signature_and_not_from_later_ones(docket: Docket) -> None:
    docket = docket.propose(WEAKENING, T0).sign([E1, S1], T0 + 1).sign([S2], T0 + 5).sign([E2], T0 + 9)
    force_ms = T0 + 9 + 14 * DAY_MS
    docket = docket.sign([E3, S3], T0 + DAY_MS)
    assert docket.status is not None
    assert (docket.status.complete_ms, docket.status.force_ms) == (T0 + 9, force_ms)
    assert docket.after(force_ms - 1).in_force is FIRST
    assert docket.after(force_ms).in_force is WEAKENING
    late = docket.after(force_ms + 40 * DAY_MS)
    assert late.history[-1].at_ms == force_ms


def test_a_key_that_signs_twice_counts_once_and_from_the_first_time(docket: Docket) -> None:
    docket = docket.propose(ORDINARY, T0).sign([E1], T0 + 1).sign([E1, E1], T0 + 2)
    assert docket.in_force is FIRST
    assert docket.status is not None
    assert docket.status.tallies[0].signed == ("e1",)
    assert docket.pending is not None
    assert docket.pending.signed[E1] == T0 + 1


def test_a_back_dated_effective_shortens_no_notice(docket: Docket) -> None:
    back = following(FIRST, teams=floors(FIRST, safety=30), effective_ms=T0 - 365 * DAY_MS)
    docket = docket.propose(back, T0).sign([E1, E2, S1, S2], T0)
    assert docket.after(T0 + 14 * DAY_MS - 1).in_force is FIRST
    assert docket.after(T0 + 14 * DAY_MS).in_force is back


def test_a_later_effective_is_waited_for(docket: Docket) -> None:
    later = following(FIRST, lab="Later", effective_ms=T0 + 50 * DAY_MS)
    docket = docket.propose(later, T0).sign([E1, E2], T0)
    assert docket.after(T0 + 50 * DAY_MS - 1).in_force is FIRST
    assert docket.after(T0 + 50 * DAY_MS).in_force is later


def test_boards_that_are_not_asked_do_not_count(docket: Docket) -> None:
    docket = docket.propose(ORDINARY, T0).sign([S1, S2, S3, E1], T0)
    assert docket.after(T0 + 365 * DAY_MS).in_force is FIRST


def test_a_stranger_does_not_sign(docket: Docket) -> None:
    docket = docket.propose(ORDINARY, T0)
    refused("C507", lambda: docket.sign([key("nobody")], T0))


def test_without_boards_an_amendment_takes_force_as_it_is_entered() -> None:
    old = named(replace(FIRST, boards=(), amendments=None))
    docket = Docket.founded(old, T0).propose(following(old, lab="New"), T0 + 1)
    assert docket.in_force.lab == "New"
    founding = following(docket.in_force, boards=BOARDS, amendments=RULES)
    docket = docket.propose(founding, T0 + 2)  # the first boards sign that they can
    assert [quorum.by for quorum in needs(old, founding).quorums] == ["new", "new"]
    assert docket.sign([E1, E2, S1], T0 + 3).in_force.lab == "New"
    assert docket.sign([E1, E2, S1, S2], T0 + 3).in_force is founding


# What follows what


@pytest.mark.parametrize(
    "new",
    [
        replace(ORDINARY, parent="sha256:" + "0" * 64),
        replace(ORDINARY, parent=None),
        replace(ORDINARY, revision=3),
        replace(ORDINARY, revision=1),
    ],
    ids=["parent of another revision", "no parent", "a revision is skipped", "the same revision"],
)
def test_what_does_not_follow_the_charter_in_force_is_refused(docket: Docket, new: Charter) -> None:
    assert isinstance(refused("C504", lambda: docket.propose(new, T0)), InputError)
    assert docket.pending is None


def test_one_amendment_is_pending_until_it_takes_force_or_is_withdrawn(docket: Docket) -> None:
    docket = docket.propose(WEAKENING, T0).sign([E1], T0)
    assert isinstance(refused("C505", lambda: docket.propose(ORDINARY, T0 + 1)), AuthorizationError)
    refused("C508", lambda: docket.withdraw([E1], T0 + 1))
    refused("C508", lambda: docket.withdraw([S1, S2, S3], T0 + 1))
    docket = docket.withdraw([E1, E2], T0 + 2)
    assert docket.history[-1] == Entry("withdrawal", WEAKENING.digest, T0 + 2)
    assert docket.propose(ORDINARY, T0 + 3).sign([E1, E2], T0 + 3).in_force is ORDINARY


def test_withdrawn_during_notice_it_never_takes_force(docket: Docket) -> None:
    docket = docket.propose(WEAKENING, T0).sign([E1, E2, S1, S2], T0).withdraw([E2, E3], T0 + DAY_MS)
    assert docket.after(T0 + 99 * DAY_MS).in_force is FIRST
    refused("C506", lambda: docket.sign([E1], T0 + 2 * DAY_MS))
    refused("C506", lambda: docket.withdraw([E1, E2], T0 + 2 * DAY_MS))


def test_signatures_of_one_amendment_are_none_of_the_next(docket: Docket) -> None:
    docket = docket.propose(WEAKENING, T0).sign([E1, E2, S1, S2], T0).withdraw([E1, E2], T0 + 1)
    docket = docket.propose(ORDINARY, T0 + 2)
    assert docket.after(T0 + 99 * DAY_MS).in_force is FIRST


def test_time_does_not_go_back(docket: Docket) -> None:
    docket = docket.propose(WEAKENING, T0 + 10)
    refused("C514", lambda: docket.sign([E1], T0 + 9))


def test_an_amendment_whose_parent_was_replaced_lapses_when_it_would_take_force(docket: Docket) -> None:
    docket = docket.propose(WEAKENING, T0).sign([E1, E2, S1, S2], T0)
    other = following(FIRST, lab="Another store wrote this meanwhile")
    swapped = replace(docket, charter=other).after(T0 + 14 * DAY_MS)
    assert swapped.in_force is other
    assert swapped.history[-1] == Entry("lapse", WEAKENING.digest, T0 + 14 * DAY_MS)


# People


def test_one_person_on_two_boards_or_under_two_names_is_one() -> None:
    twice = replace(
        FIRST,
        boards=(
            Board("executive", 2, {"e1": E1, "alias": E1, "e2": E2}),
            Board("safety", 2, {"s1": S1, "e2": S2, "also-e1": E1, "s3": S3}),
        ),
    )
    assert {seat.member: seat.board for seat in seats(twice).values()} == {
        "e1": "executive", "e2": "executive", "s1": "safety", "s3": "safety",
    }  # fmt: skip
    new = named(replace(twice, revision=2, parent=twice.digest, teams=floors(twice, safety=30)))
    found = status(twice, new, dict.fromkeys([E1, S1, S2], 0))
    assert [(tally.quorum.board, tally.signed) for tally in found.tallies] == [
        ("executive", ("e1",)),
        ("safety", ("s1",)),
    ]
    assert found.force_ms is None
    assert status(twice, new, dict.fromkeys([E1, E2, S1, S3], 0)).missing == ()


def test_a_rotation_needs_the_old_quorum_and_the_new_one(docket: Docket) -> None:
    n1, n2 = key("n1"), key("n2")
    rotated = following(FIRST, boards=(BOARDS[0], Board("safety", 2, {"n1": n1, "n2": n2, "s3": S3})))
    found = needs(FIRST, rotated)
    assert [(q.board, q.by) for q in found.quorums] == [
        ("executive", "in force"),
        ("safety", "in force"),
        ("safety", "new"),
    ]
    docket = docket.propose(rotated, T0)
    old_alone = docket.sign([E1, E2, S1, S2], T0)
    new_alone = docket.sign([E1, E2, n1, n2], T0)
    assert old_alone.status is not None
    assert new_alone.status is not None
    assert old_alone.status.force_ms is new_alone.status.force_ms is None
    both = old_alone.sign([n1, S3], T0 + 7)  # who stays counts for both
    assert both.after(T0 + 7 + 30 * DAY_MS).in_force is rotated


def test_a_key_that_is_swapped_for_one_nobody_has_locks_nobody_out(docket: Docket) -> None:
    typed = following(FIRST, boards=(BOARDS[0], Board("safety", 2, {n: key(n + "?") for n in ("s1", "s2", "s3")})))
    docket = docket.propose(typed, T0).sign([E1, E2, E3, S1, S2, S3], T0)
    assert docket.after(T0 + 999 * DAY_MS).in_force is FIRST
    assert docket.withdraw([E1, E2], T0).pending is None


def test_a_larger_quorum_is_reached_before_it_holds(docket: Docket) -> None:
    larger = following(FIRST, boards=(BOARDS[0], replace(BOARDS[1], quorum=3)))
    docket = docket.propose(larger, T0).sign([E1, E2, S1, S2], T0)
    assert docket.after(T0 + 99 * DAY_MS).in_force is FIRST
    assert docket.sign([S3], T0 + 1).after(T0 + 1 + 30 * DAY_MS).in_force is larger


def test_a_board_that_is_removed_signs_its_removal_and_what_only_it_protected(docket: Docket) -> None:
    bare = tuple(replace(t, protected_by=()) for t in FIRST.teams)
    promise = replace(FIRST.commitments[0], protected_by=())
    rules = replace(RULES, constitution=Requirement(("executive",), 0))
    gone = following(FIRST, boards=BOARDS[:1], amendments=rules, teams=bare, commitments=(promise,))
    found = needs(FIRST, gone)
    assert [(q.board, q.by) for q in found.quorums] == [("executive", "in force"), ("safety", "in force")]
    assert found.notice_ms == 30 * DAY_MS  # of the rule in force, not of the one that would replace it
    assert "signs constitutional amendments from now on" in found.quorums[0].why


def test_rules_are_read_from_the_charter_in_force(docket: Docket) -> None:
    easy = replace(RULES, weakening=Requirement(("executive",), 0), constitution=Requirement(("executive",), 0))
    grab = following(FIRST, amendments=easy, teams=(team("product", 60), team("safety", 10)), commitments=())
    found = needs(FIRST, grab)
    assert [q.board for q in found.quorums] == ["executive", "safety"]
    assert found.notice_ms == 30 * DAY_MS


# Emergencies


def emergency(old: Charter, **changes: Any) -> Charter:
    return following(old, teams=floors(old, safety=30, product=50), **changes)


def test_an_emergency_holds_at_once_and_ends_by_itself(docket: Docket) -> None:
    new = emergency(FIRST)
    docket = docket.declare(new, [E1, E2], T0 + 5)
    assert docket.in_force is new
    assert docket.after(T0 + 5 + 72 * HOUR_MS - 1).in_force is new
    docket = docket.after(T0 + 99 * DAY_MS)
    assert docket.in_force is FIRST
    assert docket.history[-2:] == (
        Entry("emergency", new.digest, T0 + 5),
        Entry("return", FIRST.digest, T0 + 5 + 72 * HOUR_MS),
    )


def test_an_emergency_may_be_ended_by_who_may_begin_it(docket: Docket) -> None:
    docket = docket.declare(emergency(FIRST), [E1, E2], T0)
    refused("C508", lambda: docket.end([E1, S1, S2], T0 + 1))
    docket = docket.end([E2, E3], T0 + 1)
    assert docket.in_force is FIRST
    assert docket.emergencies[-1].ends_ms == T0 + 1
    refused("C509", lambda: docket.end([E1, E2], T0 + 2))


@pytest.mark.parametrize("keys", [[E1], [E1, E1], [S1, S2, S3], [E1, key("nobody")]])
def test_an_emergency_needs_the_quorum_of_its_board(docket: Docket, keys: list[bytes]) -> None:
    refused("C508", lambda: docket.declare(emergency(FIRST), keys, T0))


LESS = replace(FIRST.commitments[0], at_least=Fraction(1, 10))


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"commitments": (LESS,)}, "commitments"),
        ({"commitments": ()}, "commitments"),
        ({"boards": ()}, "boards"),
        ({"amendments": replace(RULES, emergency=Emergency("executive", per_quarter=99))}, "amendments"),
        ({"pools": (Pool("p", "GPU", 10, 8, Fraction(2)),)}, "pools"),
        ({"min_group": 9}, "min_group"),
        ({"timezone": "Europe/Paris"}, "timezone"),
        ({"lab": "Other"}, "lab"),
        ({"effective_ms": T0}, "effective"),
        ({"reclaim": "shares"}, "reclaim"),
        ({"teams": (*FIRST.teams, team("shadow", 0))}, "team shadow"),
        ({"teams": FIRST.teams[:1]}, "team safety"),
        ({"teams": (FIRST.teams[0], replace(FIRST.teams[1], submit=("group:x",)))}, "team safety in another"),
        ({"teams": (FIRST.teams[0], replace(FIRST.teams[1], protected_by=()))}, "team safety in another"),
        ({"teams": (FIRST.teams[0], replace(FIRST.teams[1], max_job=1))}, "team safety in another"),
        ({"teams": (FIRST.teams[0], replace(FIRST.teams[1], owner="group:x"))}, "team safety in another"),
    ],
)  # fmt: skip
def test_an_emergency_changes_nothing_else(docket: Docket, changes: dict[str, Any], said: str) -> None:
    error = refused("C510", lambda: docket.declare(following(FIRST, **changes), [E1, E2], T0))
    assert said in error.message


def test_every_field_of_a_team_that_is_not_allowed_is_refused(docket: Docket) -> None:
    allowed = {"floor", "limit", "weight_e4", "lend", "recover_ms", "grace_ms", "min_runtime_ms", "reclaims_per_day"}
    other: dict[str, Any] = {
        "path": "x", "name": "x", "parent": None, "max_job": 8, "submit": ("user:x",), "owner": "group:x",
        "protected_by": (), "is_leaf": False,
    }  # fmt: skip
    assert set(Team.__dataclass_fields__) == allowed | set(other)


def test_an_emergency_keeps_floor_and_sure_share(docket: Docket) -> None:
    at_the_bound = following(FIRST, teams=floors(FIRST, safety=30))
    assert docket.declare(at_the_bound, [E1, E2], T0).in_force is at_the_bound
    error = refused("C511", lambda: docket.declare(following(FIRST, teams=floors(FIRST, safety=29)), [E1, E2], T0))
    assert "the floor of safety in p at 80 GPUs falls from 32 to 23.2" in error.message
    heavier = tuple(replace(t, weight_e4=t.weight_e4 * 1000) if t.path == "product" else t for t in FIRST.teams)
    limited = tuple(
        replace(t, limit={"p": Share(fraction=Fraction(2, 5))}) if t.path == "safety" else t for t in heavier
    )
    assert docket.declare(following(FIRST, teams=limited), [E1, E2], T0).emergency is not None  # 50 % sure, then 40 %
    poor = named(replace(FIRST, teams=floors(FIRST, safety=10, product=10)))
    heavier = tuple(replace(t, weight_e4=t.weight_e4 * 1000) if t.path == "product" else t for t in poor.teams)
    error = refused("C511", lambda: Docket.founded(poor, T0).declare(following(poor, teams=heavier), [E1, E2], T0))
    assert "sure share of safety" in error.message


def test_the_next_emergency_waits_as_long_as_one_lasts_and_two_begin_in_a_quarter(docket: Docket) -> None:
    hours = 72 * HOUR_MS
    docket = docket.declare(emergency(FIRST), [E1, E2], T0)
    refused("C512", lambda: docket.declare(emergency(FIRST), [E1, E2], T0 + 1))  # while one holds
    refused("C512", lambda: docket.declare(emergency(FIRST), [E1, E2], T0 + 2 * hours - 1))
    docket = docket.declare(emergency(FIRST), [E1, E2], T0 + 2 * hours)
    april = int(datetime(2027, 4, 1, tzinfo=UTC).timestamp()) * 1000
    refused("C512", lambda: docket.declare(emergency(FIRST), [E1, E2], april - 1))
    assert docket.declare(emergency(FIRST), [E1, E2], april).emergency is not None


def test_ended_early_the_next_waits_from_its_end(docket: Docket) -> None:
    docket = docket.declare(emergency(FIRST), [E1, E2], T0).end([E1, E2], T0 + HOUR_MS)
    refused("C512", lambda: docket.declare(emergency(FIRST), [E1, E2], T0 + 73 * HOUR_MS - 1))
    assert docket.declare(emergency(FIRST), [E1, E2], T0 + 73 * HOUR_MS).emergency is not None


def test_without_the_rule_there_is_no_emergency() -> None:
    old = named(replace(FIRST, amendments=replace(RULES, emergency=None)))
    refused("C509", lambda: Docket.founded(old, T0).declare(emergency(old), [E1, E2], T0))


def test_an_emergency_of_another_parent_is_refused(docket: Docket) -> None:
    refused("C504", lambda: docket.declare(replace(emergency(FIRST), parent=ORDINARY.digest), [E1, E2], T0))


def test_no_emergency_delays_an_amendment_that_is_announced(docket: Docket) -> None:
    docket = docket.propose(WEAKENING, T0).sign([E1, E2, S1, S2], T0)
    docket = docket.declare(emergency(FIRST), [E1, E2], T0 + 14 * DAY_MS - HOUR_MS)
    docket = docket.after(T0 + 20 * DAY_MS)
    assert docket.in_force is WEAKENING
    assert [entry.step for entry in docket.history] == ["founding", "emergency", "amendment"]
    assert docket.emergencies[-1].ends_ms == T0 + 14 * DAY_MS


def test_an_amendment_does_not_follow_an_emergency(docket: Docket) -> None:
    lasting = emergency(FIRST)
    docket = docket.declare(lasting, [E1, E2], T0)
    refused("C504", lambda: docket.propose(following(lasting, lab="It stays"), T0 + 1))


# Re-founding


def test_a_refounding_is_seen_for_ever_and_ends_what_is_under_way(docket: Docket) -> None:
    docket = docket.propose(WEAKENING, T0).declare(emergency(FIRST), [E1, E2], T0)
    anew = named(replace(FIRST, lab="Anew", revision=1, parent=None))
    docket = docket.refound(anew, T0 + 1)
    assert docket.in_force is anew
    assert (docket.pending, docket.emergency) == (None, None)
    assert [entry.step for entry in docket.history] == ["founding", "emergency", "lapse", "re-founding"]
    later = docket.propose(following(anew, lab="Later"), T0 + 2).sign([E1, E2], T0 + 2)
    assert "re-founding" in [entry.step for entry in later.history]


def test_what_follows_the_charter_in_force_is_no_refounding(docket: Docket) -> None:
    refused("C513", lambda: docket.refound(WEAKENING, T0))
