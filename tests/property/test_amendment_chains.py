"""No chain of steps adds up to what none of them does. `script/soak` runs the same searches for hours, each time anew."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace
from fractions import Fraction
from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equipoise.charter import EVERYTHING, NOTHING, Charter, Pool, Share, Team
from equipoise.charter.amendment import effect, measured
from tests.property.amendment_chains import chain

seeds = st.integers(0, 2**32)


@settings(max_examples=60)
@given(seeds)
def test_no_chain_of_percentages_weakens_what_no_step_does(seed: int) -> None:
    counts: Counter[str] = Counter()
    assert list(chain(seed, steps=10, amounts=0.0, machine=True, counts=counts)) == []
    assert counts["compared"] > 0


@settings(max_examples=20)
@given(seeds)
def test_no_chain_of_amounts_weakens_what_no_step_does_while_the_machine_is_expected_as_it_is(seed: int) -> None:
    assert list(chain(seed, steps=8, amounts=0.3, machine=False, counts=Counter())) == []


@settings(max_examples=20)
@given(seeds)
def test_where_another_machine_is_expected_no_chain_weakens_at_a_fixed_capacity(seed: int) -> None:
    found = chain(seed, steps=8, amounts=0.3, machine=True, counts=Counter())
    assert [one for one in found if not one.is_between] == []


def lab(nodes: int, limit: Share) -> Charter:
    safety = Team("safety", "safety", None, {"p": NOTHING}, {"p": limit})
    product = Team("product", "product", None, {"p": NOTHING}, {"p": EVERYTHING})
    return Charter("Lab", (Pool("p", "GPU", nodes, 1),), (product, safety))


def weakens_safety(old: Charter, new: Charter) -> bool:
    return effect(old, new).of("team", "safety").outcome == "weakened"


def test_nobody_looks_away_by_expecting_a_smaller_machine(monkeypatch: pytest.MonkeyPatch) -> None:
    half, amount = Share(fraction=Fraction(1, 2)), Share(gpus=100)
    steps = [lab(1000, half), lab(50, half), lab(50, amount), lab(1000, amount)]
    assert weakens_safety(steps[0], steps[-1])
    assert any(weakens_safety(*pair) for pair in pairwise(steps))
    # By the capacities that the two charters expect alone, no step would:
    monkeypatch.setattr(measured, "FIXED", ())
    assert weakens_safety(steps[0], steps[-1])
    assert not any(weakens_safety(*pair) for pair in pairwise(steps))


def test_a_leaf_does_not_let_in_by_two_steps_whom_it_may_not_by_one() -> None:
    own = ("group:safety",)
    top = Team("safety", "safety", None, {"p": NOTHING}, {"p": EVERYTHING}, submit=own, is_leaf=False)
    old = Charter(
        "Lab", (Pool("p", "GPU", 8, 1),), (top, replace(top, path="safety.a", name="a", parent="safety", is_leaf=True))
    )
    leaf = replace(top, path="safety.b", name="b", parent="safety", weight_e4=0, is_leaf=True)
    added = replace(old, teams=(*old.teams, leaf))
    opened = replace(old, teams=(*old.teams, replace(leaf, submit=("everyone",))))
    assert weakens_safety(old, opened)
    assert not weakens_safety(old, added)
    assert weakens_safety(added, opened)
