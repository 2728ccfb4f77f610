"""Floors against a slow twin, and what is promised of them: enough, not too much, never less with more capacity."""

from __future__ import annotations

from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from equipoise.charter import Charter, Pool, Share, Team, quotas
from equipoise.charter.apportion import jefferson
from tests.reference import floors as twin

percents = st.integers(0, 40).map(lambda n: Fraction(n, 40))
shares = st.one_of(percents.map(lambda f: Share(fraction=f)), st.integers(0, 12).map(lambda n: Share(gpus=n)))


@st.composite
def charters(draw: st.DrawFn, *, amounts: bool = True) -> Charter:
    share = shares if amounts else percents.map(lambda f: Share(fraction=f))
    teams: list[Team] = []

    def level(parent: str | None, depth: int) -> None:
        for number in range(draw(st.integers(1, 3))):
            path = f"t{number}" if parent is None else f"{parent}.t{number}"
            nested = depth < 4 and draw(st.booleans())
            limit = draw(share)
            lend = Fraction(draw(st.integers(0, 4)), 4)
            teams.append(
                Team(path, f"t{number}", parent, {"p": draw(share)}, {"p": limit}, lend=lend, is_leaf=not nested)
            )
            if nested:
                level(path, depth + 1)

    level(None, 1)
    return Charter("L", (Pool("p", "d", 1, 1),), tuple(teams))


@given(st.integers(0, 60), st.lists(st.integers(0, 30), min_size=1, max_size=6))
def test_jefferson_equals_one_unit_at_a_time(units: int, weights: list[int]) -> None:
    assert jefferson(units, weights) == twin.jefferson(units, weights)


@given(charters(), st.integers(0, 60))
def test_floors_equal_the_twin_where_limits_do_not_bind(charter: Charter, capacity: int) -> None:
    free = Charter("L", charter.pools, tuple(_unlimited(team) for team in charter.teams))
    found = quotas(free, "p", capacity)
    for parent in [None, *(team.path for team in free.teams)]:
        children = free.children(parent)
        units = capacity if parent is None else found[free.id_of(parent)].floor
        parts = [child.floor["p"].fraction or Fraction(0) for child in children]
        amounts = [child.floor["p"].gpus or 0 for child in children]
        assert [found[free.id_of(child.path)].floor for child in children] == twin.divide(units, parts, amounts)


def _unlimited(team: Team) -> Team:
    return Team(team.path, team.name, team.parent, team.floor, {"p": Share(fraction=Fraction(1))}, is_leaf=team.is_leaf)


@settings(max_examples=200)
@given(charters(), st.integers(0, 60))
def test_quotas_fit_into_each_other(charter: Charter, capacity: int) -> None:
    found = quotas(charter, "p", capacity)
    assert sum(found[charter.id_of(team.path)].floor for team in charter.children(None)) <= capacity
    for team, quota in zip(charter.teams, found, strict=True):
        children = [found[charter.id_of(child.path)] for child in charter.children(team.path)]
        assert sum(child.floor for child in children) <= quota.floor <= quota.limit
        assert sum(child.reserve for child in children) <= quota.reserve <= quota.floor
        assert all(child.limit <= quota.limit for child in children)


@settings(max_examples=300)
@given(charters(), st.integers(0, 60))
def test_no_quota_falls_when_capacity_grows(charter: Charter, capacity: int) -> None:
    less, more = quotas(charter, "p", capacity), quotas(charter, "p", capacity + 1)
    for before, after in zip(less, more, strict=True):
        assert before.floor <= after.floor
        assert before.limit <= after.limit


@given(charters(amounts=False), st.integers(0, 200))
def test_a_floor_is_never_below_its_fraction_of_the_parents_rounded_down(charter: Charter, capacity: int) -> None:
    found = quotas(charter, "p", capacity)
    for team, quota in zip(charter.teams, found, strict=True):
        siblings = sum((other.floor["p"].fraction or Fraction(0)) for other in charter.children(team.parent))
        if siblings <= 1:
            base = capacity if team.parent is None else found[charter.id_of(team.parent)].floor
            assert quota.floor >= (team.floor["p"].fraction or 0) * base // 1


@given(st.lists(st.integers(1, 20), min_size=1, max_size=5), st.integers(0, 120))
def test_amounts_are_exact_while_they_fit_and_shrink_in_proportion_when_not(sizes: list[int], capacity: int) -> None:
    teams = [
        Team(f"t{i}", f"t{i}", None, {"p": Share(gpus=n)}, {"p": Share(fraction=Fraction(1))})
        for i, n in enumerate(sizes)
    ]
    floors = [quota.floor for quota in quotas(Charter("L", (Pool("p", "d", 1, 1),), tuple(teams)), "p", capacity)]
    if sum(sizes) <= capacity:
        assert floors == sizes
    else:
        assert sum(floors) == capacity
        assert all(floor >= size * capacity // sum(sizes) for floor, size in zip(floors, sizes, strict=True))
