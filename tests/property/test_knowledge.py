"""Knowledge against its slow twin: histories made at random, some of them read through git itself."""

from __future__ import annotations

import tempfile
from itertools import combinations
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equipoise.people.groups import folded
from equipoise.people.knowledge import GROUP_MIN, History, Identities, summarise
from equipoise.people.knowledge.authorship import authors, by_person
from equipoise.people.knowledge.truck_factor import covered_after, expected_after, truck_factor
from equipoise.traces.git import Repository, read
from tests.reference import knowledge as twin
from tests.unit.people.git_repositories import Maker, person

NAMES = [f"d{n}/f{m}.py" for n in range(2) for m in range(3)]


@st.composite
def linear_histories(draw: st.DrawFn, most: int = 25) -> list[twin.Change]:
    """Commits that each fit the files which the one before left."""
    there: set[str] = set()
    commits: list[twin.Change] = []
    for _ in range(draw(st.integers(1, most))):
        who = draw(st.integers(0, 4))
        free = [name for name in NAMES if name not in there]
        added = draw(st.lists(st.sampled_from(free), max_size=2, unique=True)) if free else []
        targets = [name for name in free if name not in added]
        touched = draw(st.lists(st.sampled_from(sorted(there)), max_size=3, unique=True)) if there else []
        kinds = [draw(st.sampled_from("CCCDR")) for _ in touched]
        renamed: list[tuple[str, str]] = []
        for name, kind in zip(touched, kinds, strict=True):
            if kind == "R" and targets:
                renamed.append((name, targets.pop(draw(st.integers(0, len(targets) - 1)))))
        changed = [name for name, kind in zip(touched, kinds, strict=True) if kind == "C"]
        deleted = [name for name, kind in zip(touched, kinds, strict=True) if kind == "D"]
        commits.append(twin.Change(who, tuple(added), tuple(changed), tuple(deleted), tuple(renamed)))
        there = (there | set(added) | {new for _, new in renamed}) - {old for old, _ in renamed} - set(deleted)
    return commits


def replayed(commits: list[twin.Change]) -> History:
    identities = Identities()
    for number in range(5):
        identities.number(f"N{number}", f"p{number}@lab")
    history = History("lab", identities)
    for when_s, commit in enumerate(commits):
        entries: list[str] = []
        for status, paths in (("D", commit.deleted), ("A", commit.added), ("M", commit.changed)):
            for path in paths:
                entries += [status, path]
        history.add(commit.who, when_s, entries, commit.renamed)
    return history


def found_authors(history: History, tree: frozenset[str] | None = None) -> dict[str, set[int]]:
    files = history.files(tree)
    return {path: set(authors(record.creators, record.changes)) for path, record in files.items()}


@given(linear_histories())
@settings(max_examples=300)
def test_authors_are_those_of_the_twin(commits: list[twin.Change]) -> None:
    expected = {path: twin.authors(twin.past(commits, path)) for path in twin.files_at_end(commits)}
    assert found_authors(replayed(commits)) == expected


@given(linear_histories(most=12))
@settings(max_examples=30)
def test_git_tells_the_history_that_was_written(commits: list[twin.Change]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        maker = Maker(Path(folder) / "lab", bare=True)
        texts: dict[str, bytes] = {}
        for number, commit in enumerate(commits):
            files: dict[bytes, bytes | None] = {path.encode(): None for path in commit.deleted}
            for old, new in commit.renamed:
                files[old.encode()] = None
                texts[new] = texts.pop(old)
                files[new.encode()] = texts[new]
            for path in (*commit.added, *commit.changed):
                texts[path] = f"{path} {number}".encode()
                files[path.encode()] = texts[path]
            maker.commit(person(commit.who), files)
        reading = read(Repository.open(maker.done()), Identities())
    # Identities are numbered as they are met.
    met = list(dict.fromkeys(commit.who for commit in commits))
    found = {path: {met[who] for who in of} for path, of in found_authors(reading.history, reading.tree).items()}
    assert found == {path: twin.authors(twin.past(commits, path)) for path in twin.files_at_end(commits)}
    assert reading.tree == twin.files_at_end(commits)


FILES = st.lists(st.sets(st.integers(0, 5), max_size=3), max_size=12)


@given(FILES)
def test_truck_factor_is_the_twins_and_never_below_the_least(files: list[set[int]]) -> None:
    found = truck_factor([tuple(of) for of in files])
    assert found == twin.truck_factor(files)
    if files and sum(1 for of in files if of) * 2 >= len(files):
        assert found >= twin.fewest(files)


@given(FILES, st.integers(0, 6))
def test_blind_departures_are_the_mean_over_all_who_may_leave(files: list[set[int]], departures: int) -> None:
    found = expected_after([tuple(of) for of in files], people=6, departures=departures)
    assert found == pytest.approx(twin.kept_on_average(files, 6, departures))


@given(FILES)
def test_departures_only_ever_take_away_and_take_all_in_the_end(files: list[set[int]]) -> None:
    covered = covered_after([tuple(of) for of in files])
    assert covered == sorted(covered, reverse=True)
    assert (covered[0], covered[-1]) == (sum(1 for of in files if of), 0)


@given(
    st.sets(st.integers(0, 3)),
    st.dictionaries(st.integers(0, 3), st.integers(0, 50), min_size=1),
    st.permutations(range(4)),
)
def test_numbers_of_people_mean_nothing(creators: set[int], changes: dict[int, int], other: list[int]) -> None:
    creators &= set(changes)
    renumbered = by_person(creators, changes, other)
    assert set(authors(*renumbered)) == {other[who] for who in authors(creators, changes)}


@given(st.dictionaries(st.integers(0, 3), st.integers(0, 50), min_size=1))
def test_identities_of_one_person_add_up(changes: dict[int, int]) -> None:
    assert by_person(set(changes), changes, [7, 7, 7, 7]) == ({7}, {7: sum(changes.values())})
    assert by_person(set(changes), changes, [-1, -1, -1, -1])[1] == {}


TEAM = st.lists(st.sampled_from("abc"), max_size=3).map(".".join)


@given(st.lists(TEAM, max_size=60))
@settings(max_examples=300)
def test_no_small_group_is_told_nor_the_difference_of_groups_that_are(teams: list[str]) -> None:
    members: dict[str, set[int]] = {}
    for number, team in enumerate(teams):
        members.setdefault(team, set()).add(number)
    depths = [
        folded(members, len, separator="."),
        folded({_top(n): _all(members, n) for n in members}, len, separator="."),
    ]
    for groups in depths:
        told = set[int]().union(*groups.values())
        assert len(told) == sum(len(of) for of in groups.values())
        assert told == (set(range(len(teams))) if len(teams) >= GROUP_MIN else set())
        assert all(len(of) >= GROUP_MIN for of in groups.values())
    # Deep groups lie within shallow ones or the reverse, so what one leaves of the other is groups that are told.
    for one, other in ((a, b) for a in depths[0].values() for b in depths[1].values()):
        assert one.isdisjoint(other) or one <= other
    # Rows of one table never differ by a small group either.
    for one, other in combinations(depths[0].values(), 2):
        assert one.isdisjoint(other)


def _top(name: str) -> str:
    return name.partition(".")[0]


def _all(members: dict[str, set[int]], name: str) -> set[int]:
    return set[int]().union(*(of for other, of in members.items() if _top(other) == _top(name)))


@given(linear_histories())
def test_fewer_than_eight_people_are_not_told_of(commits: list[twin.Change]) -> None:
    history = replayed(commits)
    told = summarise([(history, None)], history.identities, counts=lambda _: True, team_of=lambda _: "team")
    assert told.total.files == len(twin.files_at_end(commits))
    assert (told.total.people, told.total.truck_factor, told.total.orphaned) == (None, None, None)
    assert (told.repositories, told.areas, told.teams, told.departures, told.ramp_up) == ((), (), (), (), None)
