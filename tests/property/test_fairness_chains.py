"""Reclaim by the kernel on small systems: every chain ends, nobody starves, no secure gang is taken (FAIRNESS 7, 7b).

A fixed sample of every family runs here (more than 25,000 systems in all); `python -m benchmarks.fairness` runs two of
the families whole and more of the others.
"""

from __future__ import annotations

import pytest

from tests.property.small_families import families
from tests.property.small_search import FORBIDDEN, ON_THE_WAY, SETTLED_MS, UNFINISHED, search
from tests.property.small_systems import HORIZON_MS, Ask, Family, Lab, Small, Terms, checked, replay_of, story
from tests.reference.policy_audit import violations

EACH = 800
FAMILIES = {family.name: family for reclaim in ("floors", "shares") for family in families(reclaim)}
NO_CLAIM_WAITS = {"flat-2", "flat-3", "nested", "five", "long", "deep", "bound", "limits", "ends"}
"""Families in which every stop is carried out at once, so that no claim's devices are on their way to it."""


@pytest.mark.parametrize("name", FAMILIES)
def test_every_chain_ends_and_nobody_starves_or_loses_a_secure_gang(name: str) -> None:
    family = FAMILIES[name]
    found = search(family, EACH)
    assert found.claims > 80
    assert found.settled_ms < SETTLED_MS, "a chain goes on"
    assert not [(kind, found.examples[kind]) for kind in (*FORBIDDEN, *UNFINISHED) if kind in found.examples]
    if name.split("/", maxsplit=1)[0] in NO_CLAIM_WAITS:
        assert not [(kind, found.examples[kind]) for kind in ON_THE_WAY if kind in found.examples]


def test_the_sample_is_large_enough() -> None:
    assert sum(min(EACH, len(family)) for family in FAMILIES.values()) >= 25_000


@pytest.mark.parametrize("name", FAMILIES)
def test_every_decision_of_a_small_system_is_lawful(name: str) -> None:
    # The checker of decisions: secure sets, rules S, N and 7b, the potential, holds, and every warning to the millisecond.
    family: Family = FAMILIES[name]
    for number in family.numbers(60):
        small = family[number]
        found = violations(checked(small, replay_of(small)), until_ms=HORIZON_MS)
        assert not found, (number, found[:3])


# ---------------------------------------------------------------------------------------------------- counterexamples

FREE_BUT_IDLE = Small(
    Lab(parent=(-1, -1), floor=(2, 1), nodes=3),
    (Ask(0, 1), Ask(1, 2), Ask(0, 2), Ask(1, 1), Ask(0, 1)),
)
"""The last gang takes back the two devices of the second. One is left over; the fourth gang would fit it and its floor."""


def test_a_team_that_lost_its_gang_starts_another_that_fits_its_floor_in_the_same_pass() -> None:
    assert not story(FREE_BUT_IDLE).wrong


def test_under_shares_a_team_that_lost_its_gang_starts_another_within_its_entitlement_in_the_same_pass() -> None:
    lab = Lab(parent=(-1, -1), floor=(0, 0), nodes=4, reclaim="shares")
    assert not story(Small(lab, (Ask(0, 3), Ask(1, 1), Ask(0, 2), Ask(1, 1)))).wrong


def test_under_shares_what_is_admitted_in_a_pass_is_within_what_its_claims_leave_to_others() -> None:
    lab = Lab(parent=(-1, -1), floor=(0, 0), nodes=3, reclaim="shares")
    assert not story(Small(lab, (Ask(0, 3, 7), Ask(0, 2, 7), Ask(1, 2), Ask(1, 3), Ask(1, 1)))).wrong


def test_under_shares_a_team_whose_entitlement_grows_starts_a_gang_that_fits_it() -> None:
    # When the gang of 2 of the second team ends, the first is due 2 of the 3 devices, and 2 are free. It waits with a
    # gang of 3 and one of 2.
    lab = Lab(parent=(-1, -1), floor=(0, 1), nodes=3, reclaim="shares")
    assert not story(Small(lab, (Ask(0, 3), Ask(0, 2), Ask(1, 2, 2), Ask(1, 1, 2)))).wrong


def test_a_gang_that_cannot_be_placed_does_not_keep_a_smaller_one_of_its_team_from_its_floor() -> None:
    lab = Lab(parent=(-1, 0, 0, -1), floor=(6, 2, 1, 0), nodes=3, per_node=2)
    told = story(Small(lab, (Ask(3, 3), Ask(1, 1), Ask(2, 1), Ask(2, 4), Ask(2, 2))))
    assert "unclaimed" not in told.wrong


def test_a_floor_waits_for_the_victims_of_another_claim() -> None:
    # Not promised: everything that could be taken is claimed already, by a team with more patience. The second team's
    # device is among those that the first claim will leave over, and its own `recover` of 0 hastens nothing.
    patient, hasty = Terms(grace=2, recover=3), Terms()
    lab = Lab(parent=(-1, -1, -1), floor=(1, 1, 0), nodes=3, terms=(patient, hasty, patient))
    told = story(Small(lab, (Ask(2, 3), Ask(0, 1), Ask(1, 1))))
    assert told.wrong == {"shared": "gang 2 waits for its floor from 2 ms until 3 ms"}


def test_victims_on_the_wrong_nodes_may_be_out_of_reach() -> None:
    # Three gangs of two devices on two nodes of three: one device is free on each node, and everybody is within its floor.
    lab = Lab(parent=(-1, -1), floor=(2, 4), nodes=2, per_node=3)
    told = story(Small(lab, (Ask(0, 2), Ask(1, 2), Ask(1, 2))))
    assert set(told.wrong) == {"placement"}
    assert set(told.wrong) <= {*UNFINISHED, *ON_THE_WAY}
