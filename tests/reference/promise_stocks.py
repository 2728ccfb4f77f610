"""A promise's account millisecond by millisecond, in hours that count (fractions), without a common unit (PACING 4).

Nothing is scaled and nothing is computed for a whole stretch: each millisecond adds its own, and denial counts in a
millisecond that begins with the team not ahead.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True)
class Moment:
    """A time with constant rates, per pool in GPUs; or, of no length, work lost (then the rates are GPU-ms)."""

    ms: int
    whole: Mapping[str, int]
    held: Mapping[str, int]
    waiting: Mapping[str, int]
    pace: Mapping[str, int]


@dataclass
class Twin:
    """The six numbers and N*, in H100-equivalent milliseconds."""

    share: Fraction
    heh: Mapping[str, Fraction]
    forfeit: bool = False
    make_good: Fraction = Fraction(0)
    owed: Fraction = Fraction(0)
    delivered: Fraction = Fraction(0)
    gross: Fraction = Fraction(0)
    unclaimed: Fraction = Fraction(0)
    surplus: Fraction = Fraction(0)
    denied: Fraction = Fraction(0)
    denied_both: Fraction = Fraction(0)

    def behind(self) -> Fraction:
        return self.owed - self.delivered - (self.unclaimed if self.forfeit else 0)

    def run(self, moments: Iterable[Moment]) -> Twin:
        for moment in moments:
            if moment.ms == 0:
                self.lose(self.worth(moment.held), self.worth(moment.whole))
            for _ in range(moment.ms):
                self.one_ms(moment)
        return self

    def worth(self, gpus: Mapping[str, int]) -> Fraction:
        return sum((self.heh[pool] * count for pool, count in gpus.items()), Fraction(0))

    def one_ms(self, moment: Moment) -> None:
        due = self.share * self.worth(moment.whole)
        held = self.worth(moment.held)
        asked = held + self.worth(moment.waiting)
        before, before_both = self.behind(), self.behind() + self.make_good
        self.owed += due
        self.delivered += held
        if asked < due:
            self.unclaimed += due - asked
            self.gross += asked - held
        elif held < due:
            self.gross += due - held
        else:
            self.surplus += held - due
        short = max(Fraction(0), min(max(due, self.worth(moment.pace)), asked) - held)
        self.denied += short if before >= 0 else 0
        self.denied_both += short if before_both >= 0 else 0
        self.cap()

    def lose(self, own: Fraction, of_all: Fraction) -> None:
        self.owed -= self.share * of_all
        self.delivered -= own
        more = own - self.share * of_all
        if more > 0:
            self.gross += more
        else:
            self.surplus -= more
        self.denied += own
        self.denied_both += own
        self.cap()

    def cap(self) -> None:
        self.denied = min(self.denied, max(Fraction(0), self.behind()))
        self.denied_both = min(self.denied_both, max(Fraction(0), self.behind() + self.make_good))
