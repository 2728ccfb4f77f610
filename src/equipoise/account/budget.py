"""What waiting work can claim: demand that is believed only as far as the work that it declares.

A waiting item counts as demand until its *budget* is spent: the GPU-time that it declared, times the median of what the
team's ended jobs used of what they had declared. Denial is charged to the items first in, first out, to each at most its
size; an empty budget is no demand. So a job that is not meant to run cannot make a promise look broken by more than the
work that it pretends to be: one hour on 64 GPUs claims 64 GPU-hours, however long it pends.

* A job that is submitted again shares the budget of its lineage; it does not get another.
* A job that was offered its devices and did not start within ten minutes has its charge struck (``Stocks.struck``).
* A job that is cancelled after it waited leaves its charge where it is.
* A refused request has its amount, once (``requests``).

The last millisecond of a budget is charged in full, so an item can claim less than a millisecond of its size too much.
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Iterator
from dataclasses import dataclass, field
from fractions import Fraction

from equipoise.account.stocks import Charge
from equipoise.units import MINUTE_MS

OFFER_MS = 10 * MINUTE_MS
"""How long an offer of devices may stay unused before the charge is struck."""


class Habit:
    """What a team's ended jobs used of what they had declared: the median, 1 while there is none.

    Examples
    --------
    >>> habit = Habit()
    >>> for used, declared in [(1, 4), (1, 2), (3, 4)]:
    ...     habit.ended(used, declared)
    >>> habit.median, habit.budget(1001)
    (Fraction(1, 2), 501)
    """

    def __init__(self) -> None:
        self._ratios: list[Fraction] = []

    def ended(self, used_gpu_ms: int, declared_gpu_ms: int) -> None:
        """Count an ended job."""
        assert used_gpu_ms >= 0 and declared_gpu_ms > 0, "a job that declares nothing has no habit"
        insort(self._ratios, Fraction(used_gpu_ms, declared_gpu_ms))

    @property
    def median(self) -> Fraction:
        """The middle one; of an even number, the mean of the middle two."""
        count = len(self._ratios)
        if not count:
            return Fraction(1)
        return (self._ratios[(count - 1) // 2] + self._ratios[count // 2]) / 2

    def budget(self, declared_gpu_ms: int) -> int:
        """Return the budget of a job, rounded up."""
        work = self.median * declared_gpu_ms
        return -(-work.numerator // work.denominator)


@dataclass(slots=True)
class _Lineage:
    granted: int = 0  # stock units, the most that one of its items declared
    left: int = 0


@dataclass(slots=True)
class _Item:
    size: int  # weighted GPUs
    lineage: str
    waits: bool = True
    gross: int = 0
    denied: int = 0


@dataclass(slots=True)
class Waiting:
    """What a team has waiting, in the order of submission, for the account of one promise.

    Parameters
    ----------
    q : int
        Of the promise's scale.

    Examples
    --------
    A job for 64 GPUs and one hour waits for two weeks:

    >>> waiting = Waiting(q=5)
    >>> waiting.submit("fake", size=64, work_gpu_ms=64 * 3_600_000)
    >>> waiting.demand, waiting.lasts_ms(64 * 5)
    (64, 3600000)
    >>> waiting.charge(64 * 5, 64 * 5, 3_600_000)
    >>> waiting.demand
    0
    """

    q: int
    _items: dict[str, _Item] = field(default_factory=dict[str, _Item])
    _lineages: dict[str, _Lineage] = field(default_factory=dict[str, _Lineage])

    def submit(self, item: str, *, size: int, work_gpu_ms: int, lineage: str | None = None) -> None:
        """Let an item wait; again, if it was stopped.

        Parameters
        ----------
        item : str
        size : int
            Weighted GPUs.
        work_gpu_ms : int
            Its budget in weighted GPU-milliseconds.
        lineage : str, optional
            The first item of which it is a resubmission; None: it is the first. A resubmission that declares more than
            all before it adds the difference.
        """
        assert size > 0 and work_gpu_ms >= 0, "an item asks for something"
        known = self._items.pop(item, None)
        assert known is None or not known.waits, f"{item} waits already"
        name = known.lineage if known else lineage or item
        shared = self._lineages.setdefault(name, _Lineage())
        more = max(0, self.q * work_gpu_ms - shared.granted)
        shared.granted, shared.left = shared.granted + more, shared.left + more
        self._items[item] = _Item(size, name, True, known.gross if known else 0, known.denied if known else 0)

    def leave(self, item: str) -> None:
        """Let an item wait no more: it started or was cancelled. What it was charged stays."""
        self._items[item].waits = False

    def declined(self, item: str) -> Charge:
        """Take back and return the charge of an item that was offered its devices and did not start in time."""
        found = self._items[item]
        charge = Charge(found.gross, found.denied)
        found.gross = found.denied = 0
        return charge

    @property
    def demand(self) -> int:
        """Weighted GPUs that are asked for and believed."""
        return sum(item.size for item in self._believed())

    def lasts_ms(self, denied: int) -> int | None:
        """Return after how long the first budget is spent at a rate of denial; None: never."""
        rates = self._by_lineage(denied)
        return min((-(-self._lineages[name].left // rate) for name, rate in rates.items()), default=None)

    def charge(self, gross: int, denied: int, ms: int) -> None:
        """Charge ``ms`` of denial, at most ``lasts_ms``, to what waits.

        Parameters
        ----------
        gross, denied : int
            The rates at which V and N grow (``v``), in stock units per millisecond.
        """
        assert gross <= denied <= self.q * self.demand, "only what waits can be denied"
        spent = self._by_lineage(denied)
        charges = [list(self._shares(rate)) for rate in (gross, denied)]
        for item, rate in charges[0]:
            item.gross += rate * ms
        for item, rate in charges[1]:
            item.denied += rate * ms
        for name, rate in spent.items():
            self._lineages[name].left = max(0, self._lineages[name].left - rate * ms)

    def healed(self, denied: int) -> None:
        """Take off the oldest charges, until all together are no more than N: surplus heals what was denied first.

        To be called with N after every stretch, so that a struck charge never takes away what others were denied.
        """
        excess = sum(item.denied for item in self._items.values()) - denied
        for item in self._items.values():
            if excess <= 0:
                return
            taken = min(excess, item.denied)
            item.denied -= taken
            excess -= taken

    def open_window(self) -> None:
        """Forget what was charged in the window before, and who left. Budgets go on."""
        self._items = {name: item for name, item in self._items.items() if item.waits}
        for item in self._items.values():
            item.gross = item.denied = 0

    def _believed(self) -> Iterator[_Item]:
        return (item for item in self._items.values() if item.waits and self._lineages[item.lineage].left > 0)

    def _shares(self, rate: int) -> Iterator[tuple[_Item, int]]:
        """Yield what of a rate falls on each item, first in, first out, at most its size."""
        for item in self._believed():
            taken = min(self.q * item.size, rate)
            if taken <= 0:
                return
            yield item, taken
            rate -= taken

    def _by_lineage(self, rate: int) -> dict[str, int]:
        rates: dict[str, int] = {}
        for item, taken in self._shares(rate):
            rates[item.lineage] = rates.get(item.lineage, 0) + taken
        return rates
