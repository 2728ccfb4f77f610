"""Whether starvation has become usual: a warning with a stated rate of false alarms.

A day is *hungry* when the team was starved by more than a stated part of its entitlement. Hungry days are counted by a
Bernoulli CUSUM chart: each adds to a score, each other day takes a point off, never below 0; at the limit the chart
gives the alarm. All of it is integers. The limit is the least at which false alarms come, on average, no more often than
stated: the average run length is computed exactly, from the Markov chain of the score.

What is stated holds while hungry days come independently of each other at their usual rate. Days that cluster give more
false alarms; so the usual rate is to be measured over whole months, and a warning is a reason to look, not a verdict.

References
----------
Page, E. S. (1954), Continuous inspection schemes, Biometrika 41, 100-115, doi:10.1093/biomet/41.1-2.100 (the CUSUM).
Brook, D. and Evans, D. A. (1972), An approach to the probability distribution of cusum run length, Biometrika 59,
539-549, doi:10.1093/biomet/59.3.539 (the Markov chain).
Reynolds, M. R. and Stoumbos, Z. G. (1999), A CUSUM chart for monitoring a proportion when inspecting continuously,
Journal of Quality Technology 31, 87-108, doi:10.1080/00224065.1999.11979900 (single trials, and the integer score).
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from fractions import Fraction

from equipoise.errors import InputError

_LONGEST_SCORE = 256  # a limit beyond it is for rates too close to be told apart


@dataclass(frozen=True, slots=True)
class Chart:
    """A Bernoulli CUSUM chart.

    Parameters
    ----------
    usual, raised : Fraction
        The rate of hungry days that is usual, and the one that is to be noticed.
    gain : int
        What a hungry day adds; each other day takes 1 off.
    limit : int
        Score of the alarm.
    days_to_false_alarm, days_to_alarm : Fraction
        Mean number of days to the alarm, from a score of 0, at the usual and at the raised rate.
    """

    usual: Fraction
    raised: Fraction
    gain: int
    limit: int
    days_to_false_alarm: Fraction
    days_to_alarm: Fraction

    def score(self, before: int, *, hungry: bool) -> int:
        """Return the score after a day; the alarm is at ``limit`` and above, after which the score begins at 0."""
        return before + self.gain if hungry else max(0, before - 1)


def chart(usual: Fraction, raised: Fraction, *, days_to_false_alarm: int) -> Chart:
    """Design the chart that notices ``raised`` soonest with false alarms no more often than stated.

    Parameters
    ----------
    usual, raised : Fraction
        Rates of hungry days, 0 < usual < raised < 1.
    days_to_false_alarm : int
        Mean number of days to a false alarm, at least.

    Raises
    ------
    InputError
        A204 when the rates are out of order, or too close to be told apart that reliably.

    Examples
    --------
    One day in ten is usually hungry; one in three is to be noticed, with a false alarm in two years at most:

    >>> found = chart(Fraction(1, 10), Fraction(1, 3), days_to_false_alarm=730)
    >>> found.gain, found.limit, round(found.days_to_false_alarm), round(found.days_to_alarm)
    (4, 15, 908, 20)
    """
    if not 0 < usual < raised < 1:
        raise InputError("A204", f"hungry days at {usual} and {raised}", hint="0 < usual < raised < 1")
    gain = _gain(usual, raised)
    low, high = 0, 1
    while average_run_length(usual, gain, high) < days_to_false_alarm:
        low, high = high, 2 * high
        if high > _LONGEST_SCORE:
            said = f"{usual} and {raised} cannot be told apart with a false alarm in {days_to_false_alarm} days"
            raise InputError("A204", said, hint="a higher rate to notice, or more false alarms")
    while high - low > 1:
        middle = (low + high) // 2
        if average_run_length(usual, gain, middle) < days_to_false_alarm:
            low = middle
        else:
            high = middle
    false_alarm, alarm = (average_run_length(rate, gain, high) for rate in (usual, raised))
    return Chart(usual, raised, gain, high, false_alarm, alarm)


def alarms(found: Chart, days: Iterable[bool | None]) -> list[int]:
    """Return the numbers of the days on which the chart gives the alarm; days of None are passed over.

    Examples
    --------
    >>> found = chart(Fraction(1, 10), Fraction(1, 3), days_to_false_alarm=730)
    >>> alarms(found, [False, True, None, True, True, True, True, False])
    [5]
    """
    told: list[int] = []
    score = 0
    for number, hungry in enumerate(days):
        if hungry is None:
            continue
        score = found.score(score, hungry=hungry)
        if score >= found.limit:
            told.append(number)
            score = 0
    return told


def average_run_length(rate: Fraction, gain: int, limit: int) -> Fraction:
    """Return the mean number of days until the score, from 0, reaches ``limit`` when days are hungry at ``rate``.

    Notes
    -----
    L(i) = 1 + rate·L(i + gain) + (1 − rate)·L(max(0, i − 1)), where L is 0 at the limit and above. From the top, each
    L(i) is a_i + b_i·L(i − 1), by the equations above it, so one sweep down and no matrix is needed.
    """
    assert 0 < rate < 1 and gain > 0 and limit > 0, "a chart that can reach its limit"
    falls = 1 - rate
    sweep: list[tuple[Fraction, Fraction]] = []  # (a, b) of limit − 1, limit − 2, … down to 1
    for at in range(limit - 1, -1, -1):
        above, times = Fraction(0), Fraction(0)  # L(at + gain) = above + times·L(at)
        if at + gain < limit:
            times = Fraction(1)
            for a, b in sweep[limit - 1 - at - gain : limit - 1 - at]:
                above, times = above + times * a, times * b
        if at == 0:
            return (1 + rate * above) / (rate * (1 - times))
        share = 1 - rate * times
        sweep.append(((1 + rate * above) / share, falls / share))
    raise AssertionError("the sweep ends at a score of 0")


def _gain(usual: Fraction, raised: Fraction) -> int:
    """Return what a hungry day adds: r₂/r₁, rounded, less the point that every day takes off.

    r₁ = −ln((1 − p₁)/(1 − p₀)) and r₂ = ln(p₁(1 − p₀)/(p₀(1 − p₁))). Powers instead of logarithms, so that no
    rounding decides.
    """
    step = (1 - usual) / (1 - raised)
    worth = (raised / usual * step) ** 2
    count, power = 1, step**3  # r₂/r₁ rounds to m when step^(2m − 1) ≤ worth < step^(2m + 1)
    while power <= worth:
        power *= step**2
        count += 1
    return max(1, count - 1)
