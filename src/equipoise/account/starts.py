"""Promises of starts: of the jobs that fitted the floor, the share that started in time.

Counted is a job up to the promise's size that fitted, when it became eligible, the team's floor together with all that
the team held or had waiting ahead of it. A counted job belongs to the window in which it became eligible and is *in
time*, *late*, or *open* while its time runs. Jobs that the lab refused count as late. Who counts is the policy's
knowledge; here the counts are judged.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from equipoise.account.terms import Terms
from equipoise.account.verdict import Answer


@dataclass(frozen=True, slots=True)
class StartCounts:
    """Counts of jobs that became eligible in a window, or in a part of one.

    Examples
    --------
    >>> whole = StartCounts(in_time=8, late=1) + StartCounts(in_time=1, refused=1)
    >>> whole.counted, whole.share
    (11, Fraction(9, 11))
    """

    in_time: int = 0
    late: int = 0
    refused: int = 0
    open: int = 0

    def __post_init__(self) -> None:
        assert min(self.in_time, self.late, self.refused, self.open) >= 0, self

    def __add__(self, other: StartCounts) -> StartCounts:
        return StartCounts(
            self.in_time + other.in_time,
            self.late + other.late,
            self.refused + other.refused,
            self.open + other.open,
        )

    @property
    def counted(self) -> int:
        """All but those whose time still runs."""
        return self.in_time + self.late + self.refused

    @property
    def share(self) -> Fraction | None:
        """The share in time; None when no job was counted."""
        return Fraction(self.in_time, self.counted) if self.counted else None


@dataclass(frozen=True, slots=True)
class StartsVerdict:
    """An answer about starts, with the counts and by how many jobs it is broken."""

    answer: Answer
    counts: StartCounts
    broken_by: int


def judge_starts(terms: Terms, parts: Iterable[StartCounts], *, now_ms: int, gaps: bool = False) -> StartsVerdict:
    """Judge a window of a promise of starts by the counts of its parts.

    *Kept* with enough starts in time, or with no job at all; *undecided* while the window runs, the time of a job runs or
    the record has gaps, and *broken* if it has them `settle` after the end.

    Parameters
    ----------
    terms : Terms
    parts : Iterable of StartCounts
        One per close; they add up.
    now_ms : int
        When it is asked.
    gaps : bool
        Whether parts are missing.
    """
    counts = sum(parts, StartCounts())
    promised = terms.promise.starts
    assert promised is not None, "a promise of hours is judged by closes"
    needed = promised.at_least * counts.counted
    missing = max(0, -(-needed.numerator // needed.denominator) - counts.in_time)
    if gaps or counts.open or now_ms < terms.span.to_ms:
        settled = now_ms >= terms.span.to_ms + terms.promise.settle_ms
        return StartsVerdict(Answer.BROKEN if settled else Answer.UNDECIDED, counts, missing if settled else 0)
    return StartsVerdict(Answer.BROKEN if missing else Answer.KEPT, counts, missing)
