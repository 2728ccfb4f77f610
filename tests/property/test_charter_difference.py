"""Differences of charters against what each charter says by itself, and the laws of a comparison."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction

from hypothesis import given, settings
from hypothesis import strategies as st

from equipoise.charter import Charter, Pool, entitlements, quotas, tree
from equipoise.charter.difference import Change, Difference, differences
from equipoise.charter.difference_sentences import affected, summary, written
from tests.property.test_charter_floors import charters


@st.composite
def pairs(draw: st.DrawFn) -> tuple[Charter, Charter]:
    """Return two charters of some teams in common, of machines that may differ."""
    one, two = draw(charters()), draw(charters())
    if draw(st.booleans()):  # a small amendment: some teams of the first with the text of the second
        by_path = {team.path: team for team in two.teams}
        teams = (
            replace(by_path[team.path], is_leaf=team.is_leaf) if team.path in by_path and draw(st.booleans()) else team
            for team in one.teams
        )
        two = Charter("L", one.pools, tuple(teams))
    sizes = [draw(st.integers(1, 60)) for _ in range(2)]
    return tuple(replace(c, pools=(Pool("p", "d", n, 1),)) for c, n in zip((one, two), sizes, strict=True))  # type: ignore[return-value]


def meaning(charter: Charter) -> dict[str, dict[str, int]]:
    """Return what each team has in whole GPUs, by the functions that divide the machine."""
    capacity = charter.pools[0].capacity
    due = entitlements(tree(charter, "p", capacity), capacity, [capacity] * len(charter.teams))
    found = quotas(charter, "p", capacity)
    return {
        team.path: {"floor": found[n].floor, "limit": found[n].limit, "kept": found[n].reserve, "due": due[n]}
        for n, team in enumerate(charter.teams)
    }


def by_team(changes: tuple[Change, ...]) -> dict[str, dict[str, Difference]]:
    return {c.name: {d.field: d for d in c.differences} for c in changes if c.section == "team"}


@settings(max_examples=300)
@given(pairs())
def test_what_is_told_in_gpus_is_all_that_differs_and_nothing_else(pair: tuple[Charter, Charter]) -> None:
    before, after = (meaning(charter) for charter in pair)
    told = by_team(differences(*pair))
    for path in before.keys() & after.keys():
        for field in ("floor", "limit", "kept", "due"):
            was, now = before[path][field], after[path][field]
            difference = told.get(path, {}).get(field)
            if difference is None:
                assert was == now
            else:
                assert (difference.before_gpus, difference.after_gpus) == (was, now)
                assert was != now or difference.before != difference.after


@given(pairs())
def test_teams_of_one_charter_alone_are_added_or_removed(pair: tuple[Charter, Charter]) -> None:
    before, after = (set(meaning(charter)) for charter in pair)
    marks = {(c.mark, c.name) for c in differences(*pair) if c.section == "team" and c.mark != "change"}
    assert marks == {("add", path) for path in after - before} | {("remove", path) for path in before - after}


@given(pairs())
def test_the_way_back_is_the_same_reversed(pair: tuple[Charter, Charter]) -> None:
    there, back = by_team(differences(*pair)), by_team(differences(*reversed(pair)))
    assert there.keys() == back.keys()
    for path, found in there.items():
        assert {name: (d.before, d.after, d.before_gpus, d.after_gpus) for name, d in found.items()} == {
            name: (d.after, d.before, d.after_gpus, d.before_gpus) for name, d in back[path].items()
        }


@given(charters())
def test_a_charter_does_not_differ_from_itself(charter: Charter) -> None:
    renamed = replace(charter, revision=2, parent="sha256:" + "0" * 64, digest="sha256:" + "1" * 64)
    assert differences(charter, renamed) == ()


@given(charters())
def test_without_a_charter_in_force_everything_is_added(charter: Charter) -> None:
    found = differences(None, charter)
    assert {c.mark for c in found} == {"add"}
    assert [c.name for c in found if c.section == "team"] == [team.path for team in charter.teams]


@given(pairs())
def test_every_change_is_told_once(pair: tuple[Charter, Charter]) -> None:
    changes = differences(*pair)
    titles = [entry.title for entry in written(changes, *pair)] + [entry.title for entry in affected(changes)]
    assert len(titles) == len(set(titles))
    assert len([c for c in changes if not c.is_written]) == len(list(affected(changes)))
    alone = [c.name for c in changes if c.section == "team" and c.is_written]
    text = "\n".join(str(entry) for entry in written(changes, *pair))
    shared = [entry for entry in written(changes, *pair) if " teams: " in entry.title]
    assert shared or all(name in text for name in alone)
    assert summary(changes).startswith("Plan" if changes else "No changes")


@given(charters(amounts=False), st.integers(1, 40), st.integers(1, 40))
def test_another_machine_alone_is_no_change_of_what_a_team_has_written(charter: Charter, old: int, new: int) -> None:
    sized: Callable[[int], Charter] = lambda n: replace(charter, pools=(Pool("p", "d", n, 1),))  # noqa: E731
    teams = [c for c in differences(sized(old), sized(new)) if c.section == "team"]
    assert all(not c.is_written for c in teams)
    zero = Fraction(0)
    floors = [d for c in teams for d in c.differences if d.field == "floor"]
    assert all(((d.after_gpus or zero) > (d.before_gpus or zero)) == (new > old) for d in floors)  # floors are monotone
    assert all(d.cause in ("capacity", "parent") for d in floors)
