"""The effect of amendments against its slow twin, against the entitlement that it is the least of, and by its laws."""

from __future__ import annotations

import random
from dataclasses import replace
from fractions import Fraction
from math import lcm

from hypothesis import assume, given, settings
from hypothesis import strategies as st

from equipoise.charter import Charter, Tree, entitlements, quotas
from equipoise.charter.amendment.effects import effect
from equipoise.charter.amendment.measured import NUMBERS, measured
from equipoise.charter.amendment.measures import Shape
from equipoise.charter.checks import check_floors
from tests.property import amended_charters as make
from tests.reference import amendment as twin

seeds = st.integers(0, 2**32)
FINE = 10**6
"""Parts of a GPU in which rounding does not count."""


def pair(seed: int) -> tuple[Charter, Charter]:
    """Return a charter and an amendment of it, or two charters of which one has nothing of the other."""
    r = random.Random(seed)
    amounts = r.choice((0.0, 0.2))
    old = make.charter(r, amounts=amounts)
    return old, make.amended(r, old, amounts=amounts) if r.random() < 0.8 else make.charter(r, amounts=amounts)


@settings(max_examples=60)
@given(seeds)
def test_effect_equals_the_twin(seed: int) -> None:
    old, new = pair(seed)
    found = effect(old, new)
    assert {(thing.kind, thing.name): thing.outcome for thing in found.things} == twin.outcomes(old, new)


@settings(max_examples=40)
@given(seeds)
def test_what_is_measured_equals_the_twin(seed: int) -> None:
    old, new = pair(seed)
    smaller, larger = twin.number_changes(old, new)
    found = measured(old, new)
    for path in {team.path for team in old.teams} & {team.path for team in new.teams}:
        for direction, expected in (("weaker", smaller), ("stronger", larger)):
            told = {(m.pool, m.field) for m in found.get(path, []) if m.direction == direction}
            assert told == expected.get(path, set())
        for move in found.get(path, []):
            place = NUMBERS.index(move.field)
            assert move.pool is not None
            assert move.capacity is not None
            assert move.before_gpus == twin.numbers(old, move.pool, move.capacity)[path][place]
            there = any(pool.name == move.pool for pool in new.pools)
            assert move.after_gpus == (twin.numbers(new, move.pool, move.capacity)[path][place] if there else 0)


@given(seeds)
def test_a_charter_does_nothing_to_itself_whatever_it_costs_others_to_name_it(seed: int) -> None:
    old, _ = pair(seed)
    same = replace(old, lab="Another name", revision=2, parent="sha256:" + "0" * 64, usage_half_life_ms=1)
    assert {thing.outcome for thing in effect(old, same).things} == {"neutral"}


@given(seeds)
def test_there_and_back_what_was_strengthened_is_weakened(seed: int) -> None:
    old, new = pair(seed)
    there, back = effect(old, new), effect(new, old)
    outcomes = {(thing.kind, thing.name): thing.outcome for thing in back.things}
    for thing in there.things:
        if thing.kind == "promise" and any(move.field.startswith("competition") for move in thing.weaker):
            continue
        assert thing.outcome != "strengthened" or outcomes[thing.kind, thing.name] == "weakened"
        assert thing.outcome != "neutral" or outcomes[thing.kind, thing.name] in ("neutral", "weakened")


# The sure share is the entitlement while every leaf asks for everything, and the least of all


def fine(charter: Charter, pool: str, capacity: int, scale: int) -> Tree:
    """Return a charter's tree in parts of a GPU, by the twin's floors and limits."""
    found = twin.numbers(charter, pool, capacity)
    columns = {name: [found[t.path][place] * scale for t in charter.teams] for place, name in enumerate(NUMBERS)}
    return Tree(
        charter.parents,
        [int(x) for x in columns["floor"]],
        [int(x) for x in columns["limit"]],
        [t.weight_e4 // 10_000 for t in charter.teams],
        [int(x) for x in columns["kept"]],
    )


def sure(charter: Charter, pool: str, capacity: int) -> dict[str, Fraction]:
    """Return sure shares by path, as the product has them."""
    found: dict[str, Fraction] = {}
    for group, measures in Shape.of(charter, pool, {}).at(capacity, {}).values():
        for path, number in zip(group.teams, measures.sure.numerators, strict=True):
            found[path] = Fraction(number, measures.sure.denominator)
    return found


@settings(max_examples=300)
@given(seeds)
def test_the_sure_share_is_the_entitlement_while_every_leaf_asks_for_everything(seed: int) -> None:
    old, _ = pair(seed)
    capacity = old.pools[0].capacity
    expected = sure(old, "p0", capacity)
    # In parts so fine that all of it is whole, Webster's method has nothing to round.
    scale = lcm(*(x.denominator for row in twin.numbers(old, "p0", capacity).values() for x in row))
    everything = [capacity * scale] * len(old.teams)
    due = entitlements(fine(old, "p0", capacity, scale), capacity * scale, everything)
    assert [Fraction(units, scale) for units in due] == [expected[team.path] for team in old.teams]


@settings(max_examples=300)
@given(seeds)
def test_a_team_that_asks_for_everything_is_entitled_to_its_sure_share_whatever_others_ask(seed: int) -> None:
    old, _ = pair(seed)
    r = random.Random(seed + 1)
    capacity = old.pools[0].capacity
    nodes, least = fine(old, "p0", capacity, FINE), sure(old, "p0", capacity)
    whole = capacity * FINE
    for asking in r.sample(old.teams, min(3, len(old.teams))):
        demand = [
            whole if f"{t.path}.".startswith(f"{asking.path}.") else r.choice((0, r.randint(0, whole), whole))
            for t in old.teams
        ]
        due = entitlements(nodes, whole, demand)[old.id_of(asking.path)]
        assert due >= least[asking.path] * FINE - 100  # rounding down of every floor and limit on the way


@settings(max_examples=300)
@given(seeds)
def test_no_leaf_rises_from_what_another_asks(seed: int) -> None:
    old, _ = pair(seed)
    r = random.Random(seed + 2)
    capacity = old.pools[0].capacity
    nodes = fine(old, "p0", capacity, FINE)
    demand = [r.randint(0, capacity * FINE) for _ in old.teams]
    leaves = [number for number, team in enumerate(old.teams) if team.is_leaf]
    more = r.choice(leaves)
    before = entitlements(nodes, capacity * FINE, demand)
    demand[more] += r.randint(1, capacity * FINE)
    after = entitlements(nodes, capacity * FINE, demand)
    assert all(after[leaf] <= before[leaf] for leaf in leaves if leaf != more)


@settings(max_examples=200)
@given(seeds)
def test_floors_limits_and_what_is_kept_are_those_of_the_scheduler_before_rounding(seed: int) -> None:
    old = make.charter(random.Random(seed), amounts=0.0, pools=1, width=2)
    assume(not any(breach.code in ("C401", "C402") for breach in check_floors(old)))
    capacity = old.pools[0].capacity * 20**3  # percentages of twentieths, three levels deep: all of it is whole
    exact = twin.numbers(old, "p0", capacity)
    for team, quota in zip(old.teams, quotas(old, "p0", capacity), strict=True):
        floor, _, limit, kept = exact[team.path]
        assert (quota.floor, quota.limit) == (floor, limit)
        assert quota.reserve >= kept > quota.reserve - len(old.teams)
