"""The exact account of one promise (PACING 4): six stocks, folded over stretches in which nothing changes.

Owed and delivered are kept times ``q``, the denominator of the promised share ``p/q``, so that everything is an integer.
With several pools every amount of GPUs is a sum of heh × GPUs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

KEPT, UNUSED, WITHIN_GRACE, BROKEN = "kept", "kept, unused", "kept within grace", "broken"


@dataclass(frozen=True, slots=True)
class Stretch:
    """One stretch of constant holding: what all hold, what the team holds and asks for, and its pace."""

    length_ms: int
    delivered: int
    held: int
    demand: int
    pace: int

    def __post_init__(self) -> None:
        """Refuse a stretch that cannot be."""
        if not 0 <= self.held <= min(self.delivered, self.demand) or self.length_ms < 0 or self.pace < 0:
            raise ValueError(f"no such stretch: {self}")


@dataclass(slots=True)
class Account:
    """Owed, delivered, gross denied, unclaimed, surplus, and net denied of one window, in q · heh · GPU-ms."""

    p: int
    q: int
    owed: int = 0
    delivered: int = 0
    gross_denied: int = 0
    unclaimed: int = 0
    surplus: int = 0
    denied: int = 0

    @property
    def behind(self) -> int:
        """Owed less delivered: what is missing if positive."""
        return self.owed - self.delivered

    @property
    def short(self) -> int:
        """The arrears, never negative."""
        return max(0, self.behind)

    def add(self, stretch: Stretch) -> None:
        """Fold one stretch into the stocks."""
        due, asked, held = self.p * stretch.delivered, self.q * stretch.demand, self.q * stretch.held
        length_ms, before = stretch.length_ms, self.behind
        self.owed += due * length_ms
        self.delivered += held * length_ms
        self.gross_denied += max(0, min(due, asked) - held) * length_ms
        self.unclaimed += max(0, due - asked) * length_ms
        self.surplus += max(0, held - due) * length_ms
        rate = max(0, min(max(due, self.q * stretch.pace), asked) - held)
        counted_ms = length_ms
        if before < 0 < self.behind:  # the arrears begin inside the stretch: only what comes after them is denied
            counted_ms -= ceil_div(-before, due - held)
        self.denied = min(self.denied + rate * counted_ms, self.short)

    def lose(self, own: int, others: int) -> None:
        """Book work lost to a reclaim, in heh · GPU-ms: it was delivered to nobody.

        PACING 4 says "a negative entry, in numerator and denominator" and no more. For ``O = S + V + U − X`` to hold it
        must meet a third stock. Work that the team itself lost was taken by the lab, so it is denied; work that others
        lost lowers only what is owed, as a surplus.
        """
        self.owed -= self.p * (own + others)
        self.delivered -= self.q * own
        self.gross_denied += (self.q - self.p) * own
        self.surplus += self.p * others
        self.denied = min(self.denied + (self.q - self.p) * own, self.short)

    def check(self) -> None:
        """Assert what always holds."""
        assert self.owed == self.delivered + self.gross_denied + self.unclaimed - self.surplus, self
        assert 0 <= self.denied <= self.short, self

    def verdict(self, grace: int) -> str:
        """Judge the window; ``grace`` is in the unit of the stocks."""
        self.check()
        if self.behind <= 0:
            return KEPT
        if self.denied == 0:
            return UNUSED
        return WITHIN_GRACE if self.denied <= grace else BROKEN


@dataclass(slots=True)
class Waiting:
    """A waiting item and what it may still be denied: at most the GPU-ms that it asks for."""

    size: int
    left: int


@dataclass(slots=True)
class Budgets:
    """What waiting items may still be denied (PACING 4, *Demand*), charged first in, first out."""

    items: dict[str, Waiting] = field(default_factory=dict[str, Waiting])

    def add(self, name: str, size: int, declared: int, *, ratio: tuple[int, int] = (1, 1)) -> None:
        """Let an item wait that declares some GPU-ms; ``ratio`` is the team's median of actual over declared.

        A name that is known already is a resubmission: it goes on with what its budget has left.
        """
        self.items.setdefault(name, Waiting(size, declared * ratio[0] // ratio[1]))

    @property
    def demand(self) -> int:
        """GPUs that are asked for by items with budget left."""
        return sum(item.size for item in self.items.values() if item.left > 0)

    def shares(self, rate: int) -> Mapping[str, int]:
        """Divide a rate of denial, in GPUs, over the items: in order, at most each one's size."""
        shares: dict[str, int] = {}
        for name, item in self.items.items():
            if item.left > 0 and rate > 0:
                shares[name] = min(item.size, rate)
                rate -= shares[name]
        return shares

    def empty_in_ms(self, rate: int) -> int | None:
        """Return when the first charged budget is empty, the event after which demand is counted anew."""
        return min((ceil_div(self.items[name].left, share) for name, share in self.shares(rate).items()), default=None)

    def charge(self, rate: int, length_ms: int) -> None:
        """Charge a stretch of denial."""
        for name, share in self.shares(rate).items():
            item = self.items[name]
            item.left = max(0, item.left - share * length_ms)


def ceil_div(a: int, b: int) -> int:
    """Divide and round up."""
    return -(-a // b)
