"""Whether starvation has become usual: a warning with a stated rate of false alarms.

A day is *hungry* when the team was starved by more than a stated part of its entitlement. Hungry days are counted by a
Bernoulli CUSUM chart: each adds to a score, each other day takes a point off, never below 0; at the limit the chart
gives the alarm. All of it is integers. The limit is the least at which false alarms come, on average, no more often than
stated: the average run length is computed exactly, from the Markov chain of the score and of the day before.

Hungry days come in runs: long jobs wait over midnight, a busy week follows the calendar. Days are therefore taken as a
chain of two states, in which a hungry day follows a hungry one more often than another. A limit for independent days
is too low: near the usual rate its false alarms are three times as many as stated (docs/warning.md measures it). What is
stated holds at the usual rate, and while hungry days do not come in longer runs than the chart was made for. A warning
is a reason to look, not a verdict.

References
----------
Page, E. S. (1954), Continuous inspection schemes, Biometrika 41, 100-115, doi:10.1093/biomet/41.1-2.100 (the CUSUM).
Brook, D. and Evans, D. A. (1972), An approach to the probability distribution of cusum run length, Biometrika 59,
539-549, doi:10.1093/biomet/59.3.539 (the Markov chain).
Reynolds, M. R. and Stoumbos, Z. G. (1999), A CUSUM chart for monitoring a proportion when inspecting continuously,
Journal of Quality Technology 31, 87-108, doi:10.1080/00224065.1999.11979900 (single trials, and the integer score).
Mousavi, S. and Reynolds, M. R. (2009), A CUSUM chart for monitoring a proportion with autocorrelated binary observations,
Journal of Quality Technology 41, 401-414 (days as a chain of two states, and what becomes of a limit that ignores it;
their score by likelihood ratio gives a hungry day after another fewer points. It is not used here: it is somewhat sooner
at the raised rate, and later where nearly all days are hungry, which is the starvation that matters most).
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
    after_hungry : Fraction
        How often a hungry day follows a hungry one at the usual rate; equal to it where days are independent.
    gain : int
        What a hungry day adds; each other day takes 1 off.
    limit : int
        Score of the alarm.
    days_to_false_alarm, days_to_alarm : Fraction
        Mean number of days from one alarm to the next, at the usual and at the raised rate.
    """

    usual: Fraction
    raised: Fraction
    after_hungry: Fraction
    gain: int
    limit: int
    days_to_false_alarm: Fraction
    days_to_alarm: Fraction

    def score(self, before: int, *, hungry: bool) -> int:
        """Return the score after a day; the alarm is at ``limit`` and above, after which the score begins at 0."""
        return before + self.gain if hungry else max(0, before - 1)


def chart(
    usual: Fraction, raised: Fraction, *, days_to_false_alarm: int, after_hungry: Fraction | None = None
) -> Chart:
    """Design the chart that notices ``raised`` soonest with false alarms no more often than stated.

    Parameters
    ----------
    usual, raised : Fraction
        Rates of hungry days, 0 < usual < raised < 1.
    days_to_false_alarm : int
        Mean number of days from one false alarm to the next, at least.
    after_hungry : Fraction or None
        How often a hungry day follows a hungry one at the usual rate, from that rate to below 1; None: no more often
        than another, so that days are independent. At the raised rate the correlation of days is taken to be the same.

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

    Where three in ten hungry days are followed by another, the same takes a higher limit, and longer to notice:

    >>> found = chart(Fraction(1, 10), Fraction(1, 3), days_to_false_alarm=730, after_hungry=Fraction(3, 10))
    >>> found.gain, found.limit, round(found.days_to_false_alarm), round(found.days_to_alarm)
    (4, 21, 763, 28)
    """
    if not 0 < usual < raised < 1:
        raise InputError("A204", f"hungry days at {usual} and {raised}", hint="0 < usual < raised < 1")
    follows = usual if after_hungry is None else after_hungry
    if not usual <= follows < 1:
        said = f"hungry days at {usual}, and at {follows} after a hungry day"
        raise InputError("A204", said, hint="usual ≤ after_hungry < 1")
    gain = _gain(usual, raised)
    low, high = 0, 1
    while average_run_length(usual, gain, high, after_hungry=follows) < days_to_false_alarm:
        low, high = high, 2 * high
        if high > _LONGEST_SCORE:
            said = f"{usual} and {raised} cannot be told apart with a false alarm in {days_to_false_alarm} days"
            raise InputError("A204", said, hint="a higher rate to notice, or more false alarms")
    while high - low > 1:
        middle = (low + high) // 2
        if average_run_length(usual, gain, middle, after_hungry=follows) < days_to_false_alarm:
            low = middle
        else:
            high = middle
    false_alarm = average_run_length(usual, gain, high, after_hungry=follows)
    alike = (follows - usual) / (1 - usual)  # the correlation of a day with the next
    alarm = average_run_length(raised, gain, high, after_hungry=raised + alike * (1 - raised))
    return Chart(usual, raised, follows, gain, high, false_alarm, alarm)


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


def average_run_length(rate: Fraction, gain: int, limit: int, *, after_hungry: Fraction | None = None) -> Fraction:
    """Return the mean number of days from one alarm to the next.

    Parameters
    ----------
    rate : Fraction
        How often days are hungry.
    gain, limit : int
        Of the chart.
    after_hungry : Fraction or None
        How often a day is hungry after a hungry one, from ``rate`` to below 1; None: as often as any.

    Notes
    -----
    Days are a chain: hungry with probability a after a hungry day and b after another, where b = rate·(1 − a)/(1 − rate)
    makes ``rate`` of all days hungry. H(i) and F(i) are the mean numbers of days from a score of i to the limit after a
    hungry and after another day: both are 1 + p·H(i + gain) + (1 − p)·F(max(0, i − 1)), with p = a and p = b, and 0 at
    the limit and above. An alarm comes on a hungry day and leaves a score of 0, so H(0) is the answer. From the top, each
    H(i) and F(i) is a sum and a multiple of F(i − 1), by the equations above it; so one sweep down and no matrix is
    needed.
    """
    again = rate if after_hungry is None else after_hungry
    assert 0 < rate <= again < 1, "a hungry day after another is no rarer"
    assert gain > 0, "a chart that can reach its limit"
    assert limit > 0, "a chart that can reach its limit"
    anew = rate * (1 - again) / (1 - rate)
    hungry: list[tuple[Fraction, Fraction]] = []  # of limit − 1, limit − 2, … down to 1: H(i) = sum + times·F(i − 1)
    other: list[tuple[Fraction, Fraction]] = []  # F(i) likewise
    for at in range(limit - 1, -1, -1):
        above, times = Fraction(0), Fraction(0)  # H(at + gain) = above + times·F(at)
        if at + gain < limit:
            above, times = hungry[limit - 1 - at - gain]
            for a, b in other[limit - at - gain : limit - 1 - at]:
                above, times = above + times * a, times * b
        if at == 0:
            falls = (1 + anew * above) / (anew * (1 - times))  # F(0), for it has F(0) on both sides
            return 1 + again * (above + times * falls) + (1 - again) * falls
        share = 1 - anew * times
        other.append(((1 + anew * above) / share, (1 - anew) / share))
        a, b = other[-1]
        hungry.append((1 + again * (above + times * a), again * times * b + 1 - again))
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
