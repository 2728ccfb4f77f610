"""How few departures it takes: the truck factor, and what leaves with each departure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

COVERED_MIN = 0.5

Authors = Sequence[tuple[int, ...]]
"""Of each file, who are its authors."""


def truck_factor(authors: Authors) -> int:
    """Return the least number of people, taken in the order of `departures`, whose leaving orphans over half of the files.

    The greedy heuristic of Avelino et al. (ICPC 2016, algorithm 1): while at least half of the files have an author, the
    author of the most files leaves. It is an upper bound: fewer people, otherwise chosen, may do.

    Examples
    --------
    >>> truck_factor([(1,), (1,), (2,)]), truck_factor([(1, 2), (1, 2)]), truck_factor([(1,), (2,), (3,), (4,)])
    (1, 2, 3)
    >>> truck_factor([])
    0
    """
    covered = covered_after(authors)
    return next((n for n, files in enumerate(covered) if files < COVERED_MIN * len(authors)), 0)


def covered_after(authors: Authors, *, most: int | None = None) -> list[int]:
    """Return how many files still have an author when the first 0, 1, 2 … of the main authors have left.

    The order is by files authored, most first, then by number; it does not change as people leave.
    """
    authored = Counter(person for of in authors for person in of)
    left = [len(of) for of in authors]
    files: dict[int, list[int]] = {person: [] for person in authored}
    for file, of in enumerate(authors):
        for person in of:
            files[person].append(file)
    covered = [sum(1 for number in left if number)]
    for person, _ in sorted(authored.items(), key=lambda item: (-item[1], item[0]))[:most]:
        orphans = 0
        for file in files[person]:
            left[file] -= 1
            orphans += not left[file]
        covered.append(covered[-1] - orphans)
    return covered


def expected_after(authors: Authors, people: int, departures: int) -> float:
    """Return how many files keep an author on average if ``departures`` of ``people``, drawn blindly, leave.

    A file with k authors is orphaned if all k are among those who leave: the chance is n(n−1)…(n−k+1) ÷ N(N−1)…(N−k+1).

    Examples
    --------
    >>> round(expected_after([(1,), (2, 3)], people=4, departures=2), 3)
    1.333
    """
    orphaned = 0.0
    for size, files in sorted(Counter(len(of) for of in authors if of).items()):
        chance = 1.0
        for k in range(size):
            chance *= max(departures - k, 0) / (people - k)
        orphaned += files * chance
    return sum(1 for of in authors if of) - orphaned


def effective_authors(authors: Authors) -> float:
    """Return by how many people, were they equal, authorship would be as concentrated: 1 ÷ Σ share².

    Examples
    --------
    >>> effective_authors([(1,), (2,)]), round(effective_authors([(1,), (1,), (1,), (2,)]), 2)
    (2.0, 1.6)
    """
    authored = Counter(person for of in authors for person in of)
    squares = sum(number * number for number in authored.values())
    return authored.total() ** 2 / squares if squares else 0.0
