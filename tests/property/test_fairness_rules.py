"""The rules of reclaim over every small situation: each ordered set of running gangs, each claim, each set of victims.

What is proved here holds whoever decides in whatever order (FAIRNESS 4, 5, 7 and 7b), because nothing is assumed of how a
situation came about. That each reclaim raises a potential is what makes every chain of them finite.
"""

from __future__ import annotations

import pytest

from tests.property.small_views import LABS, claims, entitled, victim_sets, views
from tests.reference.policy_reclaim import (
    by_courtesy,
    by_right,
    by_shares,
    choose,
    judge,
    may_bind,
    not_risen,
    required,
)
from tests.reference.policy_secure import potential, secure_sets, shares_potential, size_of
from tests.reference.policy_tree import View

EVERY_LAB = pytest.mark.parametrize("name", LABS)


@EVERY_LAB
def test_secure_sets_fit_the_floor_and_favour_gangs_that_cannot_stop_and_old_ones(name: str) -> None:
    seen = 0
    for lab in LABS[name]:
        for view in views(lab, bound=True):
            secure = secure_sets(view.tree, view.gangs)
            for row in range(len(view.tree)):
                seen += 1
                assert size_of(view.gangs, secure[row]) <= view.tree.rounded[row]
                for child in view.tree.children(row):
                    assert secure[child] <= secure[row]
            for gang in view.gangs:  # a gang that may start although it cannot be stopped is secure from then on
                assert gang.preemptible or gang.job in secure[gang.leaf]
    assert seen > 2_000


@EVERY_LAB
def test_rule_s_and_rule_n_raise_the_potential_for_every_legal_set(name: str) -> None:
    # With an entitlement of the whole pool for everybody rule N accepts most: what holds then holds for each entitlement.
    accepted = 0
    for lab in LABS[name]:
        for bare in views(lab, bound=True):
            view = View(bare.tree, bare.gangs, bare.capacity, (bare.capacity,) * len(bare.tree))
            for claim in claims(view):
                for victims in victim_sets(view, claim):
                    if not by_right(view, claim, victims) or not by_courtesy(view, claim, victims):
                        accepted += 1
                        assert not not_risen(view, claim, victims, reclaim="floors"), (lab, view, claim, victims)
    assert accepted > 500


@EVERY_LAB
def test_preemptible_admissions_never_lower_the_potential(name: str) -> None:
    for lab in LABS[name]:
        for view in views(lab):
            for claim in claims(view):
                if not required(view, claim, ()):
                    assert potential(view.replace((), claim)) >= potential(view), (lab, view, claim)


@EVERY_LAB
def test_reclaim_by_shares_raises_its_potential_and_admissions_never_lower_it(name: str) -> None:
    accepted = 0
    for lab in LABS[name]:
        for bare in views(lab, bound=name in ("flat-2", "flat-3")):
            for claim in claims(bare, (True, False)):
                view = entitled(bare, claim)
                if not required(view, claim, ()):
                    assert shares_potential(view.replace((), claim)) >= shares_potential(view), (lab, view, claim)
                for victims in victim_sets(view, claim):
                    if not by_shares(view, claim, victims):
                        accepted += 1
                        assert not not_risen(view, claim, victims, reclaim="shares"), (lab, view, claim, victims)
    assert accepted > 500


@EVERY_LAB
def test_no_rule_takes_a_gang_that_is_secure_at_its_leaf(name: str) -> None:
    taken = 0
    for lab in LABS[name]:
        for bare in views(lab):
            secure = secure_sets(bare.tree, bare.gangs)
            for claim in claims(bare):
                view = entitled(bare, claim)
                for victims in victim_sets(view, claim):
                    for rule in (by_right, by_courtesy, by_shares):
                        if not rule(view, claim, victims):
                            taken += 1
                            assert not any(job in secure[view.gang(job).leaf] for job in victims), (rule, view, claim)
    assert taken > 500


@EVERY_LAB
def test_section_5_finds_victims_for_every_gang_that_fits_its_floor(name: str) -> None:
    found = 0
    for lab in LABS[name]:
        for bare in views(lab, bound=name in ("flat-2", "flat-3")):
            held = bare.allocation()
            for claim in claims(bare, (True, False)):
                floor = bare.tree.floor[claim.leaf]
                if held[claim.leaf] + claim.size > floor or not (claim.preemptible or may_bind(bare, claim)):
                    continue
                view = entitled(bare, claim)
                victims = choose(view, claim)
                assert victims is not None, (lab, view, claim)
                found += bool(victims)
                assert not victims or judge(view, claim, victims)
    assert found > 50


@EVERY_LAB
def test_section_5_finds_victims_for_every_gang_that_fits_its_entitlement_under_shares(name: str) -> None:
    found = 0
    for lab in LABS[name]:
        for bare in views(lab):
            for claim in claims(bare):
                view = entitled(bare, claim)
                if view.allocation()[claim.leaf] + claim.size <= view.entitlement[claim.leaf]:
                    victims = choose(view, claim, reclaim="shares")
                    assert victims is not None, (lab, view, claim)
                    found += bool(victims)
    assert found > 50
