"""What FAIRNESS promises of reclaim, tested on the twins over random small systems (sections 4, 5, 7 and 7b)."""

from __future__ import annotations

from dataclasses import dataclass

import pytest
from hypothesis import event, given, settings
from hypothesis import strategies as st

from tests.reference.policy_entitlement import entitlements
from tests.reference.policy_reclaim import (
    by_courtesy,
    by_right,
    by_shares,
    choose,
    judge,
    legal_sets,
    may_bind,
    not_risen,
    required,
)
from tests.reference.policy_secure import potential, secure_sets, shares_potential
from tests.reference.policy_tree import Gang, Tree, View

CAPACITY = 8
TREES = (
    Tree((-1, -1), (4, 2), (8, 8), (1, 2)),
    Tree((-1, -1, -1), (3, 3, 2), (8, 6, 5), (1, 2, 1)),
    Tree((-1, 0, 0, -1, 3, 3), (4, 2, 1, 4, 4, 0), (7, 7, 4, 8, 8, 8), (1, 1, 2, 1, 3, 1)),
    Tree((-1, 0, 1, 1, 0, -1), (5, 3, 1, 2, 2, 3), (8, 8, 8, 8, 8, 8), (1, 2, 1, 3, 1, 1)),
)


@dataclass(frozen=True)
class Situation:
    """A view and a gang that asks."""

    view: View
    claim: Gang


@st.composite
def situations(draw: st.DrawFn, *, bound: bool = False) -> Situation:
    """Draw running gangs that fit the pool, limits and (if not preemptible) floors, and one gang that waits."""
    tree = draw(st.sampled_from(TREES))
    leaf, size = st.sampled_from(tree.leaves()), st.integers(1, 6)
    preemptible = st.sampled_from((True, True, False)) if bound else st.just(True)
    view = View(tree, (), CAPACITY)
    for job in range(draw(st.integers(4, 9))):
        gang = Gang(job, draw(leaf), draw(size), draw(st.integers(0, 5)), draw(preemptible))
        if not required(view, gang, ()):
            view = view.replace((), gang)
    claim = Gang(99, draw(leaf), draw(size), 9, draw(preemptible))
    demand = [0] * len(tree)
    for gang in (*view.gangs, claim):
        demand[gang.leaf] += gang.size
    for other in tree.leaves():
        demand[other] += draw(st.sampled_from((0, 0, 3)))
    entitled = tuple(entitlements(tree, CAPACITY, demand))
    return Situation(View(tree, view.gangs, CAPACITY, entitled), claim)


def subsets(situation: Situation) -> list[tuple[int, ...]]:
    jobs = [gang.job for gang in situation.view.gangs]
    return [tuple(job for bit, job in enumerate(jobs) if mask >> bit & 1) for mask in range(1, 2 ** len(jobs))]


@settings(max_examples=300, deadline=None)
@given(situations())
def test_rules_s_and_n_alone_make_the_potential_rise_for_preemptible_gangs(situation: Situation) -> None:
    for victims in subsets(situation):
        if not required(situation.view, situation.claim, victims):
            for rule in (by_right, by_courtesy):
                if not rule(situation.view, situation.claim, victims):
                    event(rule.__name__)
                    assert not not_risen(situation.view, situation.claim, victims, reclaim="floors")


@settings(max_examples=300, deadline=None)
@given(situations(bound=True))
def test_shares_alone_make_their_potential_rise_for_every_gang(situation: Situation) -> None:
    for victims in subsets(situation):
        if not required(situation.view, situation.claim, victims) and not by_shares(
            situation.view, situation.claim, victims
        ):
            event("accepted")
            assert not not_risen(situation.view, situation.claim, victims, reclaim="shares")


@settings(max_examples=300, deadline=None)
@given(situations(bound=True))
def test_admissions_never_lower_the_potential_of_shares(situation: Situation) -> None:
    view, claim = situation.view, situation.claim
    if view.free() >= claim.size and (claim.preemptible or may_bind(view, claim)):
        assert shares_potential(view.replace((), claim)) >= shares_potential(view)


@settings(max_examples=300, deadline=None)
@given(situations())
def test_preemptible_admissions_never_lower_the_potential_of_floors(situation: Situation) -> None:
    view, claim = situation.view, situation.claim
    if view.free() >= claim.size:
        assert potential(view.replace((), claim)) >= potential(view)


def test_a_non_preemptible_admission_can_lower_the_potential_of_floors() -> None:
    # FAIRNESS 4 says that admissions never lower it. This one does: a non-preemptible gang of 2 is secure before the
    # older gang of 3, which then no longer fits the floor of 4. Such gangs never leave by reclaim: chains stay finite.
    tree = Tree((-1, -1), (4, 0), (8, 8), (1, 1))
    view = View(tree, (Gang(1, 0, 3, 0),), 8)
    claim = Gang(2, 0, 2, 5, preemptible=False)
    assert may_bind(view, claim)
    assert (potential(view), potential(view.replace((), claim))) == (((3,), (-1,)), ((2,), (0,)))


@settings(max_examples=300, deadline=None)
@given(situations(bound=True))
def test_a_team_below_its_floor_gets_what_fits_it(situation: Situation) -> None:
    view, claim = situation.view, situation.claim
    held, tree = view.allocation(), view.tree
    if not claim.preemptible and not may_bind(view, claim):
        return
    if held[claim.leaf] < tree.floor[claim.leaf] and held[claim.leaf] + claim.size <= tree.rounded[claim.leaf]:
        victims = choose(view, claim)
        event("claimed" if victims else "free")
        assert victims is not None


@settings(max_examples=300, deadline=None)
@given(situations(bound=True))
def test_section_5_finds_victims_whenever_rule_s_has_legal_ones_and_takes_no_others(situation: Situation) -> None:
    view, claim = situation.view, situation.claim
    legal = [set(jobs) for jobs in legal_sets(view, claim) if judge(view, claim, jobs).rule == "S"]
    chosen = choose(view, claim)
    event(f"{bool(legal)} {bool(chosen)}")
    if chosen:
        assert set(chosen) in legal
    else:
        assert chosen is not None or not legal


@settings(max_examples=300, deadline=None)
@given(situations(bound=True))
def test_no_leaf_secure_gang_is_ever_a_legal_victim(situation: Situation) -> None:
    view, claim = situation.view, situation.claim
    secure = secure_sets(view.tree, view.gangs)
    for reclaim in ("floors", "shares"):
        for victims in legal_sets(view, claim, reclaim=reclaim):
            assert not any(job in secure[view.gang(job).leaf] for job in victims)


@pytest.mark.parametrize("reclaim", ["floors", "shares"])
@settings(max_examples=60, deadline=None)
@given(situation=situations(bound=True))
def test_every_chain_of_reclaims_ends(reclaim: str, situation: Situation) -> None:
    # Every victim asks again at once and everybody takes any legal set: no state may come back.
    tree, seen = situation.view.tree, 0
    demand = [0] * len(tree)
    for gang in (*situation.view.gangs, situation.claim):
        demand[gang.leaf] += gang.size
    entitled = tuple(entitlements(tree, CAPACITY, demand))
    first = View(tree, situation.view.gangs, CAPACITY, entitled)
    states: list[tuple[View, tuple[Gang, ...], int]] = [(first, (situation.claim,), 0)]
    while states and seen < 60:
        view, waiting, depth = states.pop()
        seen += 1
        assert depth < 40, "a chain of 40 reclaims among 8 gangs"
        for asking in waiting:
            claim = Gang(asking.job, asking.leaf, asking.size, 10 + depth, asking.preemptible)
            if not required(view, claim, ()):
                rest = tuple(gang for gang in waiting if gang is not asking)
                states.append((view.replace((), claim), rest, depth + 1))
                continue
            for victims in legal_sets(view, claim, reclaim=reclaim):
                rest = tuple(gang for gang in waiting if gang is not asking)
                gone = tuple(view.gang(job) for job in victims)
                states.append((view.replace(victims, claim), rest + gone, depth + 1))
