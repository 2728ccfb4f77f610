"""How long newcomers take to come up to speed, from the times of commits."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

MONTH_S = 2_629_746  # a twelfth of the Gregorian year
SETTLED_FROM, FOLLOWED = 12, 24  # months since the first commit
SETTLED_MIN = 12  # assumption: who commits less than once a month in the second year has not settled
WINDOW = 3  # months; single months are noisy
UP_TO_SPEED = 0.9


@dataclass(frozen=True, slots=True)
class RampUp:
    """The pace of newcomers who stayed, against their own settled pace.

    Parameters
    ----------
    newcomers : int
        People followed for two years who settled.
    pace : tuple of float
        Of each of the first months, in it and the two around it, ÷ their mean of the second year, of all together.
    months : int or None
        The first month (from 0) with nine tenths of the settled pace, None if there is none within the first year.
    """

    newcomers: int
    pace: tuple[float, ...]
    months: int | None


def ramp_up(commits: Iterable[tuple[int, int]]) -> RampUp:
    """Return how newcomers came up to speed.

    Commits in the second year are taken as the settled pace. Those who left within it are not seen (survivors only), and
    a first commit may come long after the first day at work: both make ramp-up look shorter than it is.

    Parameters
    ----------
    commits : iterable of (int, int)
        Person and time in seconds; any order.
    """
    times: dict[int, list[int]] = {}
    end_s: int | None = None
    for person, when_s in commits:
        times.setdefault(person, []).append(when_s)
        end_s = when_s if end_s is None or when_s > end_s else end_s
    pooled = [0] * FOLLOWED
    newcomers = 0
    for of in times.values():
        first_s = min(of)
        assert end_s is not None
        if end_s - first_s < FOLLOWED * MONTH_S:
            continue
        monthly = [0] * FOLLOWED
        for when_s in of:
            month = (when_s - first_s) // MONTH_S
            if month < FOLLOWED:
                monthly[month] += 1
        if sum(monthly[SETTLED_FROM:]) >= SETTLED_MIN:
            newcomers += 1
            pooled = [one + other for one, other in zip(pooled, monthly, strict=True)]
    return _paced(newcomers, pooled)


def _paced(newcomers: int, pooled: list[int]) -> RampUp:
    settled = sum(pooled[SETTLED_FROM:]) / (FOLLOWED - SETTLED_FROM)
    if not settled:
        return RampUp(0, (), None)
    pace: list[float] = []
    for month in range(SETTLED_FROM):
        around = pooled[max(month - WINDOW // 2, 0) : month + WINDOW // 2 + 1]
        pace.append(sum(around) / len(around) / settled)
    reached = next((month for month, value in enumerate(pace) if value >= UP_TO_SPEED), None)
    return RampUp(newcomers, tuple(pace), reached)
