"""The books of one promise (PACING 4): six stocks, N of every open window, and what its waiting work may still claim.

Between two instants nothing changes, so every rate is read when an instant is over and added up until the next. Numbers are
whole: devices by the weight of their pool, stocks times q. Nothing is skipped because it would change nothing.
"""

from __future__ import annotations

from collections.abc import Hashable
from dataclasses import dataclass, field
from fractions import Fraction

from tests.reference.promise_terms import Answer, Terms, answered

SETTLE_MS = 60_000
"""Waiting work is charged with what was denied so long after the last time, or at the first instant after that if none was."""
NEVER = 1 << 60


@dataclass
class Window:
    """A window: where the stocks stood when it began, its own N, and when it was lost."""

    from_ms: int
    to_ms: int
    make_good: int
    owed: int
    delivered: int
    unclaimed: int
    balance: int
    denied: int = 0
    denied_both: int = 0
    lost_ms: int = -1


@dataclass
class Item:
    """Work that waits, or a refused request: what it may still be denied, in GPU-ms."""

    gang: int
    weight: int
    left: int
    since_ms: int


@dataclass
class Books:
    """The books of one promise, with the rates of now."""

    terms: Terms
    owed: int = 0
    delivered: int = 0
    gross: int = 0
    unclaimed: int = 0
    surplus: int = 0
    pace: int = 0
    held: int = 0
    asked: int = 0
    whole: int = 0
    capacity: int = 0
    most: int = 0
    charged: int = 0
    settled_ms: int = 0
    windows: list[Window] = field(default_factory=list[Window])
    items: dict[Hashable, Item] = field(default_factory=dict[Hashable, Item])
    answers: dict[tuple[int, int], Answer] = field(default_factory=dict[tuple[int, int], Answer])

    @property
    def balance(self) -> int:
        """How far the team is behind since the run began."""
        return self.owed - self.delivered - (self.unclaimed if self.terms.forfeit else 0)

    @property
    def forecast(self) -> int:
        """What a millisecond adds to the owed if all devices are used."""
        return self.terms.p * (self.whole if self.terms.of == "capacity at" else self.capacity)

    @property
    def short(self) -> int:
        """How much less is held than is asked for and should be, times q."""
        one = self.terms
        return max(0, min(max(one.p * self.whole, one.q * self.pace), one.q * self.asked) - one.q * self.held)

    @property
    def denies(self) -> bool:
        """Whether work waits that is being denied something."""
        return self.short > 0 and any(item.left > 0 for item in self.items.values())

    # ------------------------------------------------------------------------------------------------ windows

    def begin(self, from_ms: int, to_ms: int) -> Window:
        """Open a window; it makes good what the one that ended here has left."""
        make_good = sum(answer.carried for (_, end_ms), answer in self.answers.items() if end_ms == from_ms)
        window = Window(from_ms, to_ms, make_good, self.owed, self.delivered, self.unclaimed, self.balance)
        self.windows.append(window)
        return window

    def judge(self, window: Window) -> None:
        """Answer for a window that is over."""
        lapsed = self.unclaimed - window.unclaimed if self.terms.forfeit else 0
        owed, delivered = self.owed - window.owed, self.delivered - window.delivered
        made = window.make_good, window.denied, window.denied_both
        self.answers[window.from_ms, window.to_ms] = answered(self.terms, owed, delivered, lapsed, made)
        self.windows.remove(window)

    # ------------------------------------------------------------------------------------------------ time

    def pass_time(self, now_ms: int, ms: int) -> None:
        """Let ``ms`` pass from ``now_ms`` on, in which no window ends."""
        if ms == 0:
            return
        one = self.terms
        due, held, asked, short = one.p * self.whole, one.q * self.held, one.q * self.asked, self.short
        before = self.balance
        self.owed += due * ms
        self.delivered += held * ms
        self.unclaimed += max(0, due - asked) * ms
        self.gross += max(0, min(due, asked) - held) * ms
        self.surplus += max(0, held - due) * ms
        assert self.owed == self.delivered + self.gross + self.unclaimed - self.surplus
        rise, rest = divmod(self.balance - before, ms)
        assert rest == 0
        behind_ms = 0
        for window in self.windows:
            own, both = before - window.balance, before - window.balance + window.make_good
            if window.lost_ms < 0 and not one.at_most:
                missing = own + window.make_good + self.forecast * (window.to_ms - now_ms)
                missing -= one.q * self.most * (window.to_ms - now_ms)
                window.lost_ms = first_above_0(missing, rise - self.forecast + one.q * self.most, now_ms, ms)
            window.denied = grown(window.denied, own, rise, short, ms)
            window.denied_both = grown(window.denied_both, both, rise, short, ms)
            behind_ms = max(behind_ms, in_arrears_ms(both, rise, ms))
        self.charged += short * behind_ms

    def lose(self, own: int, of_all: int) -> None:
        """Book weighted GPU-ms of work that the team, and all teams, lost: less was delivered, and it was denied."""
        one = self.terms
        owed, held = -one.p * of_all if one.of == "delivered" else 0, -one.q * own
        self.owed += owed
        self.delivered += held
        self.unclaimed += max(0, owed)
        self.gross += max(0, min(owed, 0) - held)
        self.surplus += max(0, held - owed)
        assert self.owed == self.delivered + self.gross + self.unclaimed - self.surplus
        for window in self.windows:
            behind = self.balance - window.balance
            window.denied = max(0, min(window.denied - held, behind))
            window.denied_both = max(0, min(window.denied_both - held, behind + window.make_good))

    # ------------------------------------------------------------------------------------------------ waiting work

    def settle(self, now_ms: int) -> None:
        """Charge what waits, first in first out, with what was denied since the last time.

        Each bears at most its size times how long it waited since then.
        """
        if now_ms - self.settled_ms < SETTLE_MS:
            return
        amount = self.charged // self.terms.q
        for item in self.items.values():
            waited_ms = now_ms - max(item.since_ms, self.settled_ms)
            part = min(item.left, item.gang * waited_ms, -(-amount // item.weight))
            item.left -= part
            amount = max(0, amount - part * item.weight)
        self.charged, self.settled_ms = 0, now_ms

    # ------------------------------------------------------------------------------------------------ pace

    def paces(self, now_ms: int, devices: dict[int, int], demand: dict[int, int]) -> None:
        """Find P: in each pool the most that an open window asks for there."""
        found = dict.fromkeys(self.terms.weights, 0)
        for window in self.windows:
            left_ms = window.to_ms - now_ms
            x = self.balance - window.balance + window.make_good + self.forecast * left_ms
            asked = self.shared(x, left_ms - self.terms.margin_ms, devices, demand)
            found = {pool: max(found[pool], asked[pool]) for pool in found}
        self.pace = sum(weight * found[pool] for pool, weight in self.terms.weights.items())

    def shared(self, x: int, run_ms: int, devices: dict[int, int], demand: dict[int, int]) -> dict[int, int]:
        """Return what is asked of each pool to deliver ``x`` in ``run_ms``.

        A level rises in all pools alike, a fraction of their devices, until it delivers x; of several pools each is asked
        for no more than is demanded there, and the others for more.
        """
        most = {pool: self.terms.most(pool, devices[pool]) for pool in self.terms.weights}
        if x <= 0:
            return dict.fromkeys(most, 0)
        if run_ms <= 0:
            return most
        use = {pool: min(most[pool], demand[pool]) if len(most) > 1 else most[pool] for pool in most}
        full = {pool for pool in most if not devices[pool]}
        while True:
            rest = Fraction(x, self.terms.q * run_ms) - sum(self.terms.weights[pool] * use[pool] for pool in full)
            open_ = sum(self.terms.weights[pool] * devices[pool] for pool in most if pool not in full)
            if not open_:
                return use
            more = {pool for pool in most if pool not in full and rest * devices[pool] > use[pool] * open_}
            if not more:
                break
            full |= more
        level = rest / open_
        return {pool: use[pool] if pool in full else -(-level * devices[pool] // 1) for pool in most}


def grown(denied: int, behind: int, rise: int, short: int, ms: int) -> int:
    """Return N after ``ms``: where arrears begin inside, only milliseconds count that begin with the team not ahead."""
    after = behind + rise * ms
    counted_ms = ms - -(behind // rise) if behind < 0 < after else ms
    return max(0, min(denied + short * counted_ms, after))


def in_arrears_ms(behind: int, rise: int, ms: int) -> int:
    """Return in how many milliseconds the team is behind: those that begin in arrears, or without them and end in arrears."""
    if rise > 0:
        return ms if behind >= 0 else max(0, ms - -(behind // rise))
    if behind <= 0:
        return 0
    return ms if rise == 0 else min(ms, -(-behind // -rise))


def first_above_0(value: int, step: int, now_ms: int, ms: int) -> int:
    """Return the first time from now on, at most ``ms`` later, at which a value that grows by ``step`` is above 0, or -1."""
    if value > 0:
        return now_ms
    if step <= 0 or value + step * ms <= 0:
        return -1
    after_ms = -value // step + 1
    assert value + step * after_ms > 0 >= value + step * (after_ms - 1)
    return now_ms + after_ms
