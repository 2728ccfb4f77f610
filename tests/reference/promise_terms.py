"""What a charter says of a promise, when its windows begin and end, and what is answered when one is over.

Written from the text of the charter language and PACING 1, 3 and 4 alone: calendar days by ``datetime``, numbers in fractions.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from itertools import count
from math import gcd, lcm
from zoneinfo import ZoneInfo

from equipoise.charter.model import Charter, Team
from equipoise.charter.promise import Commitment
from equipoise.workload.model import Workload

DAY_MS = 86_400_000


@dataclass(frozen=True)
class Terms:
    """What is agreed about a promise of hours; weights by number of the pool, whole numbers in lowest terms."""

    promise: Commitment
    p: int
    q: int
    weights: Mapping[int, int]
    expected: Mapping[int, int]
    margin_ms: int
    grace: int
    """In weighted GPU-ms times q."""

    @property
    def of(self) -> str:
        """The denominator."""
        return self.promise.of

    @property
    def at_most(self) -> bool:
        """Whether it is a ceiling."""
        return self.promise.at_most is not None

    @property
    def forfeit(self) -> bool:
        """Whether hours that are not asked for lapse at once."""
        return self.promise.unused == "forfeit"

    def counts(self, team: str, pool: int) -> bool:
        """Whether work of a team in a pool counts."""
        return pool in self.weights and (team + ".").startswith(self.promise.team + ".")

    def most(self, pool: int, devices: int) -> int:
        """Return P_max in a pool of so many devices."""
        return min(devices, ceil_of(pace_max(self.promise) * devices))


@dataclass(frozen=True)
class Told:
    """A verdict with its numbers, in weighted GPU-ms times q."""

    answer: str
    owed: int
    delivered: int
    denied: int
    broken_by: int


@dataclass(frozen=True)
class Answer:
    """What is said of a window's own hours and of those that it made good (None: none), and what it leaves to the next."""

    own: Told
    made_good: Told | None
    carried: int


def ceil_of(x: Fraction) -> int:
    """Round up."""
    return -(-x.numerator // x.denominator)


def pace_max(promise: Commitment) -> Fraction:
    """Return the most of the capacity that pacing may ask for; without one, the share itself."""
    return promise.pace_max or share_of(promise)


def share_of(promise: Commitment) -> Fraction:
    """Return the promised share."""
    share = promise.at_least if promise.at_least is not None else promise.at_most
    assert share is not None
    return share


def terms_of(charter: Charter, promise: Commitment) -> Terms:
    """Read a promise of hours."""
    share = share_of(promise)
    pools = {number: pool for number, pool in enumerate(charter.pools) if pool.name in promise.pools}
    unit = lcm(*(pool.heh.denominator for pool in pools.values()))
    fine = {number: int(pool.heh * unit) for number, pool in pools.items()}
    weights = {number: weight // gcd(*fine.values()) for number, weight in fine.items()}
    expected = {number: pool.capacity for number, pool in pools.items()}
    tau_ms, largest = longest_wait_ms(charter, promise.team), largest_gang(charter, promise.team)
    grace = 0
    if promise.at_least is not None:
        most = sum(weights[n] * min(devices, ceil_of(pace_max(promise) * devices)) for n, devices in expected.items())
        grace = share.denominator * (most + max(weights.values()) * largest) * tau_ms
    return Terms(promise, share.numerator, share.denominator, weights, expected, 2 * tau_ms, grace)


def leaves_of(charter: Charter, path: str) -> list[Team]:
    """Return the leaves of a team, or itself."""
    return [team for team in charter.teams if team.is_leaf and (team.path + ".").startswith(path + ".")]


def longest_wait_ms(charter: Charter, path: str) -> int:
    """Return τ: how long a borrower may go on, and no longer than a leaf of the team waits at most."""
    own = leaves_of(charter, path)
    others = [team for team in charter.teams if team.is_leaf and team not in own]
    protected = max((team.min_runtime_ms + team.grace_ms for team in others), default=0)
    return min(protected, max(team.recover_ms for team in own))


def largest_gang(charter: Charter, path: str) -> int:
    """Return s, the largest gang of a team; 1 where some leaf of it declares none."""
    sizes = [team.max_job for team in leaves_of(charter, path)]
    return 1 if None in sizes else max(size for size in sizes if size is not None)


# ---------------------------------------------------------------------------------------------------- windows


def windows_of(charter: Charter, workload: Workload, promise: Commitment) -> Iterator[tuple[int, int]]:
    """Yield when each window begins and ends, without end; milliseconds since the run's origin, where the promise begins."""
    origin_ms = workload.origin_ms or 0
    zone = ZoneInfo("UTC" if workload.origin_ms is None else charter.timezone)
    today = datetime.fromtimestamp(origin_ms // 1000, zone).date()
    days = (midnight_ms(today + timedelta(days=n), zone) - origin_ms for n in count(1))
    if promise.window.rolling_days is not None:
        length_ms = promise.window.rolling_days * DAY_MS
        yield from ((edge_ms - length_ms, edge_ms) for edge_ms in days if edge_ms >= length_ms)
    from_ms = 0
    for n in count(1):
        day = today + timedelta(days=n)
        if promise.window.calendar == "day" or day.weekday() == 0:
            assert promise.window.calendar in ("day", "week")
            edge_ms = midnight_ms(day, zone) - origin_ms
            yield from_ms, edge_ms
            from_ms = edge_ms


def midnight_ms(day: date, zone: ZoneInfo) -> int:
    """Return when a day begins (in zones whose clocks do not change at midnight)."""
    return round(datetime(day.year, day.month, day.day, tzinfo=zone).astimezone(UTC).timestamp()) * 1000


# ---------------------------------------------------------------------------------------------------- verdicts


def answered(terms: Terms, owed: int, delivered: int, lapsed: int, made: tuple[int, int, int]) -> Answer:
    """Judge a window by its totals; ``made`` is what it had to make good, N, and N with what it had to make good."""
    make_good, denied, denied_both = made
    if terms.at_most:
        over = max(0, delivered - owed)
        return Answer(Told("broken" if over else "kept", owed, delivered, 0, over), None, 0)
    owed -= lapsed
    to_old = min(make_good, max(0, delivered - owed))
    own = told(owed, delivered - to_old, denied, terms.grace)
    old = None
    if make_good:
        old_denied = min(make_good - to_old, denied_both - denied)
        old = told(make_good, to_old, old_denied, max(0, terms.grace - denied))
    broken_by = own.broken_by + (old.broken_by if old else 0)
    carries = terms.promise.window.calendar is not None
    return Answer(own, old, ceil_of(terms.promise.make_good * broken_by) if carries else 0)


def told(owed: int, delivered: int, denied: int, grace: int) -> Told:
    """Answer by the first rule that fits."""
    if delivered >= owed:
        return Told("kept", owed, delivered, denied, 0)
    if not denied:
        return Told("kept, unused", owed, delivered, denied, 0)
    if denied <= grace:
        return Told("kept within grace", owed, delivered, denied, 0)
    return Told("broken", owed, delivered, denied, denied)
