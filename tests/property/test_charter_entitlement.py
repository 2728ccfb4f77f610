"""Entitlements against a slow twin, and every property that the rules of fairness state as tested."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from equipoise.charter import Tree, entitlements
from equipoise.charter.apportion import fill
from equipoise.charter.entitlement import asks
from tests.reference import entitlement as twin


@dataclass(frozen=True)
class Case:
    tree: Tree
    capacity: int
    demand: list[int]

    @property
    def leaves(self) -> list[int]:
        return [team for team in range(len(self.demand)) if team not in self.tree.parent]

    def children(self, team: int) -> list[int]:
        return [child for child, parent in enumerate(self.tree.parent) if parent == team]


@st.composite
def cases(draw: st.DrawFn, *, positive: bool = False) -> Case:
    """A tree up to four deep; floors fit into the parent's, limits and reserves are consistent."""
    capacity = draw(st.integers(0, 30))
    columns: list[list[int]] = [[], [], [], [], []]

    def level(parent: int, depth: int, floor: int, limit: int) -> int:
        kept = 0
        left = floor
        for _ in range(draw(st.integers(1, 3))):
            own = draw(st.integers(0, left))
            left -= own
            most = draw(st.integers(own, max(own, limit)))
            number = len(columns[0])
            weight = draw(st.integers(1 if positive else 0, 5))
            for column, value in zip(columns, (parent, own, most, weight, 0), strict=True):
                column.append(value)
            below = level(number, depth + 1, own, most) if depth < 4 and draw(st.integers(0, 2)) == 0 else 0
            columns[4][number] = max(below, draw(st.integers(0, own)))
            kept += columns[4][number]
        return kept

    level(-1, 1, capacity, capacity)
    demand = [draw(st.integers(0, 35)) for _ in columns[0]]
    return Case(Tree(*columns), capacity, demand)


def leaf_of(case: Case, data: st.DataObject) -> int:
    return data.draw(st.sampled_from(case.leaves), "leaf")


def related(case: Case, leaf: int) -> set[int]:
    path = {leaf}
    while case.tree.parent[leaf] >= 0:
        leaf = case.tree.parent[leaf]
        path.add(leaf)
    return path


@given(st.integers(0, 40), st.lists(st.tuples(st.integers(0, 12), st.integers(0, 7)), min_size=1, max_size=6))
def test_fill_equals_one_unit_at_a_time(units: int, siblings: list[tuple[int, int]]) -> None:
    caps, weights = [cap for cap, _ in siblings], [weight for _, weight in siblings]
    assert fill(units, caps, weights) == twin.fill(units, caps, weights)


def test_largest_remainders_would_be_wrong_here() -> None:
    assert fill(14, [8, 8, 9], [3, 1, 6])[1] == fill(15, [8, 8, 9], [3, 1, 6])[1] == 1


@given(cases())
def test_entitlements_equal_one_unit_at_a_time(case: Case) -> None:
    assert entitlements(*_args(case)) == twin.entitlements(*_args(case))


@given(cases())
def test_everyone_has_the_floor_it_asks_for(case: Case) -> None:
    ask = asks(case.tree, case.demand)
    for given_, floor, asked in zip(entitlements(*_args(case)), case.tree.floor, ask, strict=True):
        assert given_ >= min(floor, asked)


@given(cases())
def test_nobody_is_above_its_limit_or_what_it_asks(case: Case) -> None:
    ask = asks(case.tree, case.demand)
    for team, given_ in enumerate(entitlements(*_args(case))):
        assert given_ <= case.tree.limit[team]
        assert given_ <= ask[team]


@given(cases())
def test_nothing_is_idle_that_somebody_may_have(case: Case) -> None:
    ask = asks(case.tree, case.demand)
    given_ = entitlements(*_args(case))
    for team in (-1, *range(len(given_))):
        children = case.children(team)
        if children:
            units = case.capacity if team < 0 else given_[team]
            assert sum(given_[child] for child in children) == min(units, sum(ask[child] for child in children))


@settings(max_examples=200)
@given(cases(), st.data())
def test_more_weight_never_gives_less(case: Case, data: st.DataObject) -> None:
    team = data.draw(st.integers(0, len(case.demand) - 1))
    weight = list(case.tree.weight)
    weight[team] += data.draw(st.integers(1, 5))
    heavier = entitlements(case.tree._replace(weight=weight), case.capacity, case.demand)
    assert heavier[team] >= entitlements(*_args(case))[team]


@settings(max_examples=200)
@given(cases(), st.data())
def test_more_demand_never_gives_less_and_raises_nobody_else(case: Case, data: st.DataObject) -> None:
    leaf = leaf_of(case, data)
    demand = list(case.demand)
    demand[leaf] += data.draw(st.integers(1, 8))
    before, after = entitlements(*_args(case)), entitlements(case.tree, case.capacity, demand)
    assert after[leaf] >= before[leaf]
    for other in set(case.leaves) - {leaf}:
        assert after[other] <= before[other]


@settings(max_examples=200)
@given(cases(), st.data())
def test_overstating_demand_never_pays(case: Case, data: st.DataObject) -> None:
    """What a leaf gets of its true demand is the same or less when it says that it wants more."""
    leaf = leaf_of(case, data)
    demand = list(case.demand)
    demand[leaf] += data.draw(st.integers(1, 8))
    honest, boasting = entitlements(*_args(case)), entitlements(case.tree, case.capacity, demand)
    assert min(boasting[leaf], case.demand[leaf]) <= honest[leaf]


@given(cases())
def test_more_capacity_never_gives_less(case: Case) -> None:
    more = entitlements(case.tree, case.capacity + 1, case.demand)
    assert all(after >= before for before, after in zip(entitlements(*_args(case)), more, strict=True))


@given(cases(positive=True))
def test_siblings_differ_by_one_unit_at_most_in_the_phase_above_floors(case: Case) -> None:
    ask = asks(case.tree, case.demand)
    given_ = entitlements(*_args(case))
    for team in (-1, *range(len(given_))):
        children = case.children(team)
        above = {child: given_[child] - min(case.tree.floor[child], ask[child]) for child in children}
        if any(units < 0 for units in above.values()):
            continue  # floors did not fit: there is no second phase
        for i in children:
            for j in children:
                if given_[i] < ask[i] and above[j] > 0:
                    assert (2 * above[j] - 1) * case.tree.weight[i] <= (2 * above[i] + 1) * case.tree.weight[j]


@given(st.integers(0, 30), st.permutations(range(4)), st.lists(st.integers(0, 9), min_size=4, max_size=4))
def test_the_order_of_siblings_decides_nothing_but_ties(units: int, order: list[int], caps: list[int]) -> None:
    weights = [
        2**20,
        3**13,
        5**9,
        7**7,
    ]  # (2x + 1) / 2w never meet: powers of different primes, odd numerators below 20
    assert len({Fraction(2 * x + 1, 2 * w) for w in weights for x in range(9)}) == 36
    straight = fill(units, caps, weights)
    shuffled = fill(units, [caps[i] for i in order], [weights[i] for i in order])
    assert [straight[i] for i in order] == shuffled


def _args(case: Case) -> tuple[Tree, int, list[int]]:
    return case.tree, case.capacity, case.demand
