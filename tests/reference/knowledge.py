"""The slow twin of `equipoise.people.knowledge`: every figure from the list of changes, each time anew, by its definition.

It goes by linear histories: a file's past is found by walking back from its last name, not by moving records forward.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import combinations
from math import log


@dataclass(frozen=True)
class Change:
    """A commit: its author, what it added, changed and deleted, and old and new names of what it renamed."""

    who: int
    added: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    deleted: tuple[str, ...] = ()
    renamed: tuple[tuple[str, str], ...] = field(default=())


def past(commits: Sequence[Change], path: str) -> list[tuple[int, str]]:
    """Return who added (A) or changed or renamed (C) the file that is called ``path`` at the end, latest first."""
    found: list[tuple[int, str]] = []
    name = path
    for commit in reversed(commits):
        if any(old == name for old, _ in commit.renamed):
            break  # what had this name before became another file
        for old, new in commit.renamed:
            if new == name:
                found.append((commit.who, "C"))
                name = old
                break
        else:
            if name in commit.added:
                found.append((commit.who, "A"))
            if name in commit.changed:
                found.append((commit.who, "C"))
    return found


def degree(person: int, file: Sequence[tuple[int, str]]) -> float:
    """DOA of Avelino et al. (2016)."""
    fa = 1 if (person, "A") in file else 0
    dl = sum(1 for who, what in file if what == "C" and who == person)
    ac = sum(1 for who, what in file if what == "C" and who != person)
    return 3.293 + 1.098 * fa + 0.164 * dl - 0.321 * log(1 + ac)


def authors(file: Sequence[tuple[int, str]]) -> set[int]:
    people = {who for who, _ in file}
    largest = max(degree(person, file) for person in people)
    return {p for p in people if degree(p, file) / largest > 0.75 and degree(p, file) >= 3.293}


def files_at_end(commits: Iterable[Change]) -> set[str]:
    there: set[str] = set()
    for commit in commits:
        there -= {old for old, _ in commit.renamed} | set(commit.deleted)
        there |= {new for _, new in commit.renamed} | set(commit.added) | set(commit.changed)
    return there


def truck_factor(files: Sequence[set[int]]) -> int:
    """Remove the author of the most files, counting anew each time, until fewer than half have an author."""
    gone: set[int] = set()
    while True:
        if not files or sum(1 for of in files if of - gone) * 2 < len(files):
            return len(gone)
        left = {person for of in files for person in of} - gone
        if not left:
            return len(gone)
        gone.add(min(left, key=lambda person: (-sum(1 for of in files if person in of), person)))


def fewest(files: Sequence[set[int]]) -> int:
    """The least number of people whose leaving orphans more than half of the files: all sets are tried."""
    people = sorted({person for of in files for person in of})
    for number in range(len(people) + 1):
        for gone in combinations(people, number):
            if sum(1 for of in files if of - set(gone)) * 2 < len(files):
                return number
    return len(people)


def kept_on_average(files: Sequence[set[int]], people: int, departures: int) -> float:
    """How many files keep an author, over all sets of so many who leave."""
    kept = [sum(1 for of in files if of - set(gone)) for gone in combinations(range(people), departures)]
    return sum(kept) / len(kept)
