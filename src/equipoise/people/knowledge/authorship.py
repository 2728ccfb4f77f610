"""Who knows a file: the degree of authorship.

Formula and thresholds: G. Avelino, L. Passos, A. Hora, M. T. Valente, "A novel approach for estimating truck factors",
ICPC 2016, section III; its weights were fitted to what developers said of files that they had worked on by T. Fritz et al.,
"Degree-of-knowledge", ACM TOSEM 23(2), 2014. For a developer d and a file f:

    DOA(d, f) = 3.293 + 1.098 FA + 0.164 DL − 0.321 ln(1 + AC)

FA is 1 if d created f, else 0; DL counts the changes that d made to f after its creation; AC those that others made. d is an
author of f if DOA(d, f) is above 0.75 of the largest DOA of f and at least 3.293.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from math import log

BASE = 3.293
CREATED = 1.098
DELIVERED = 0.164
ACCEPTED = 0.321
NORMALISED_ABOVE = 0.75
ABSOLUTE_MIN = 3.293


def degree(*, created: bool, delivered: int, accepted: int) -> float:
    """Return the degree of authorship of one developer for one file.

    Examples
    --------
    >>> round(degree(created=True, delivered=0, accepted=0), 3), round(degree(created=False, delivered=1, accepted=20), 3)
    (4.391, 2.48)
    """
    return BASE + CREATED * created + DELIVERED * delivered - ACCEPTED * log(1 + accepted)


def authors(creators: Collection[int], changes: Mapping[int, int]) -> tuple[int, ...]:
    """Return who are the authors of a file, given who created it and how many changes each has made since; maybe nobody.

    Examples
    --------
    >>> authors({1}, {1: 0, 2: 4}), authors({1}, {1: 0, 2: 400}), authors({1}, {1: 3}), authors((), {1: 1, 2: 1, 3: 1})
    ((1, 2), (2,), (1,), ())
    """
    if len(changes) == 1:  # most files; there is nobody else whose changes are to be accepted
        return tuple(changes)
    total = sum(changes.values())
    degrees = {
        who: degree(created=who in creators, delivered=number, accepted=total - number)
        for who, number in changes.items()
    }
    least = max(degrees.values(), default=0.0) * NORMALISED_ABOVE
    return tuple(who for who, value in degrees.items() if value > least and value >= ABSOLUTE_MIN)


def by_person(
    creators: Collection[int], changes: Mapping[int, int], people: Sequence[int]
) -> tuple[set[int], dict[int, int]]:
    """Return creators and changes by person; ``people`` gives the person of an identity, -1 where it is to be left out."""
    merged: dict[int, int] = {}
    for who, number in changes.items():
        person = people[who]
        if person >= 0:
            merged[person] = merged.get(person, 0) + number
    return {people[who] for who in creators}, merged
