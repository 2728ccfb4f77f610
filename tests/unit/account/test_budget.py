"""Budgets of what waits: against a twin of single milliseconds, and the rules that a lab or a team may try to bend."""

from __future__ import annotations

import random
from fractions import Fraction

import pytest

from equipoise.account import Charge, Habit, Scale, Stocks, Stretch, Waiting
from equipoise.units import HOUR_MS

SCALE = Scale(1, 5, {"gpu": 1}, Fraction(1))


class SlowQueue:
    """The same rules in GPUs, a millisecond at a time: (name, size, lineage) in order, and what each lineage has left."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, int, str]] = []
        self.left: dict[str, Fraction] = {}
        self.most: dict[str, int] = {}
        self.gross = Fraction(0)
        self.owed = self.delivered = self.net = Fraction(0)

    def submit(self, name: str, size: int, work: int, lineage: str) -> None:
        known = self.most.get(lineage, 0)
        self.left[lineage] = self.left.get(lineage, Fraction(0)) + max(0, work - known)
        self.most[lineage] = max(work, known)
        self.rows.append((name, size, lineage))

    def demand(self) -> int:
        return sum(size for _, size, lineage in self.rows if self.left[lineage] > 0)

    def one_ms(self, whole: int, held: int, pace: int) -> None:
        due, asked = Fraction(whole, 5), Fraction(held + self.demand())
        behind = self.owed >= self.delivered
        short = max(Fraction(0), min(max(due, Fraction(pace)), asked) - held)
        self.gross += max(Fraction(0), min(due, asked) - held)
        self.owed, self.delivered = self.owed + due, self.delivered + held
        self.net = min(self.net + (short if behind else 0), max(Fraction(0), self.owed - self.delivered))
        for _, size, lineage in [row for row in self.rows if self.left[row[2]] > 0]:
            taken = min(Fraction(size), short)
            self.left[lineage] = max(Fraction(0), self.left[lineage] - taken)
            short -= taken


def rates(waiting: Waiting, whole: int, held: int, pace: int) -> tuple[int, int]:
    owed, asked = SCALE.p * whole, SCALE.q * (held + waiting.demand)
    most = max(owed, SCALE.q * pace)
    return max(0, min(owed, asked) - SCALE.q * held), max(0, min(most, asked) - SCALE.q * held)


@pytest.mark.parametrize("seed", range(40))
def test_budgets_equal_the_twin_of_single_milliseconds(seed: int) -> None:
    chance = random.Random(seed)
    waiting, slow, stocks = Waiting(SCALE.q), SlowQueue(), Stocks()
    names: list[str] = []
    for number in range(25):
        if names and chance.random() < 0.3:
            gone = names.pop(chance.randrange(len(names)))
            waiting.leave(gone)
            slow.rows = [row for row in slow.rows if row[0] != gone]
        size, work, lineage = chance.randint(1, 6), chance.randint(1, 120), f"l{chance.randint(0, 9)}"
        waiting.submit(f"j{number}", size=size, work_gpu_ms=work, lineage=lineage)
        slow.submit(f"j{number}", size, work, lineage)
        names.append(f"j{number}")
        whole, held, pace = chance.randint(10, 60), chance.randint(0, 8), chance.choice([0, 5, 15])
        left_ms = chance.randint(1, 40)
        for _ in range(left_ms):
            slow.one_ms(whole, held, pace)
        while left_ms:
            gross, denied = rates(waiting, whole, held, pace)
            ms = min(left_ms, waiting.lasts_ms(denied) or left_ms)
            stocks = stocks.over(Stretch(ms, whole, held, held + waiting.demand, pace), SCALE)
            waiting.charge(gross, denied, ms)
            left_ms -= ms
        assert waiting.demand == slow.demand()
        found = (stocks.owed, stocks.delivered, stocks.gross, stocks.denied)
        assert [Fraction(part, 5) for part in found] == [slow.owed, slow.delivered, slow.gross, slow.net]


@pytest.mark.parametrize("seed", range(20))
def test_nothing_is_denied_beyond_what_was_declared(seed: int) -> None:
    chance = random.Random(seed)
    waiting, stocks, declared, sizes = Waiting(SCALE.q), Stocks(), 0, 0
    for number in range(20):
        size, work = chance.randint(1, 6), chance.randint(1, 400)
        waiting.submit(f"j{number}", size=size, work_gpu_ms=work)
        declared, sizes = declared + work, sizes + size
        for _ in range(chance.randint(1, 5)):
            gross, denied = rates(waiting, 100, 0, 30)
            ms = min(50, waiting.lasts_ms(denied) or 50)
            stocks = stocks.over(Stretch(ms, 100, 0, waiting.demand, 30), SCALE)
            waiting.charge(gross, denied, ms)
    assert 0 < stocks.denied <= SCALE.q * (declared + sizes)  # a last millisecond each
    assert stocks.gross <= stocks.denied


def denied_for(stocks: Stocks, waiting: Waiting, ms: int, *, held: int = 0) -> Stocks:
    gross, denied = rates(waiting, 100, held, 0)
    after = stocks.over(Stretch(ms, 100, held, held + waiting.demand, 0), SCALE)
    waiting.charge(gross, denied, ms)
    waiting.healed(after.denied)
    return after


def test_submitting_again_gives_no_new_budget() -> None:
    waiting = Waiting(SCALE.q)
    stocks = Stocks()
    for number in range(5):
        waiting.submit(f"try-{number}", size=4, work_gpu_ms=4 * HOUR_MS, lineage="try")
        stocks = denied_for(stocks, waiting, HOUR_MS)
        waiting.leave(f"try-{number}")
    assert stocks.denied == SCALE.q * 4 * HOUR_MS
    # One that declares more adds only the difference.
    waiting.submit("try-5", size=4, work_gpu_ms=5 * HOUR_MS, lineage="try")
    assert waiting.lasts_ms(SCALE.q * 4) == HOUR_MS // 4


def test_a_job_that_does_not_start_when_it_could_has_its_charge_struck() -> None:
    waiting, stocks = Waiting(SCALE.q), Stocks()
    waiting.submit("absent", size=5, work_gpu_ms=100 * HOUR_MS)
    waiting.submit("real", size=5, work_gpu_ms=100 * HOUR_MS)
    stocks = denied_for(stocks, waiting, HOUR_MS)
    assert stocks.denied == SCALE.q * 10 * HOUR_MS
    charge = waiting.declined("absent")
    assert charge == Charge(gross=SCALE.q * 5 * HOUR_MS, denied=SCALE.q * 5 * HOUR_MS)
    after = stocks.struck(charge)
    assert after.denied == SCALE.q * 5 * HOUR_MS
    assert after.unclaimed - stocks.unclaimed == stocks.gross - after.gross == charge.gross
    assert after.owed == after.delivered + after.gross + after.unclaimed - after.surplus
    assert waiting.declined("absent") == Charge()  # struck once


def test_a_struck_charge_lapses_where_unused_hours_do() -> None:
    waiting, stocks = Waiting(SCALE.q), Stocks(forfeit=True)
    waiting.submit("absent", size=20, work_gpu_ms=100 * HOUR_MS)
    stocks = denied_for(stocks, waiting, HOUR_MS)
    assert stocks.arrears == stocks.denied == SCALE.q * 20 * HOUR_MS
    after = stocks.struck(waiting.declined("absent"))
    assert (after.arrears, after.denied) == (0, 0)


def test_hours_that_lapse_by_a_struck_charge_leave_no_denial_above_the_arrears() -> None:
    waiting, stocks = Waiting(SCALE.q), Stocks(forfeit=True)
    waiting.submit("absent", size=20, work_gpu_ms=100 * HOUR_MS)
    stocks = denied_for(stocks, waiting, HOUR_MS)
    waiting.leave("absent")
    stocks = denied_for(stocks, waiting, HOUR_MS, held=40)
    waiting.submit("real", size=15, work_gpu_ms=100 * HOUR_MS)
    stocks = denied_for(stocks, waiting, HOUR_MS)
    assert stocks.denied == SCALE.q * 15 * HOUR_MS
    # The twenty hours of the first were never owed: what paid them is surplus, and pays the fifteen.
    after = stocks.struck(waiting.declined("absent"))
    assert (after.balance, after.denied) == (-SCALE.q * 5 * HOUR_MS, 0)


def test_a_charge_that_surplus_has_healed_is_not_struck_from_others() -> None:
    waiting, stocks = Waiting(SCALE.q), Stocks()
    waiting.submit("absent", size=10, work_gpu_ms=100 * HOUR_MS)
    stocks = denied_for(stocks, waiting, HOUR_MS)
    waiting.leave("absent")
    stocks = denied_for(stocks, waiting, HOUR_MS, held=40)  # twenty more than owed, for an hour: healed
    assert (stocks.denied, stocks.arrears) == (0, 0)
    waiting.submit("real", size=10, work_gpu_ms=100 * HOUR_MS)
    stocks = denied_for(stocks, waiting, HOUR_MS)
    assert stocks.denied == SCALE.q * 10 * HOUR_MS
    assert stocks.struck(waiting.declined("absent")).denied == stocks.denied


def test_a_job_that_was_cancelled_after_it_waited_leaves_what_was_denied() -> None:
    waiting, stocks = Waiting(SCALE.q), Stocks()
    waiting.submit("job", size=10, work_gpu_ms=100 * HOUR_MS)
    stocks = denied_for(stocks, waiting, HOUR_MS)
    waiting.leave("job")
    assert waiting.demand == 0
    assert denied_for(stocks, waiting, HOUR_MS).denied == stocks.denied == SCALE.q * 10 * HOUR_MS


def test_a_job_that_is_stopped_waits_again_with_what_is_left_of_its_budget() -> None:
    waiting = Waiting(SCALE.q)
    waiting.submit("job", size=10, work_gpu_ms=30 * HOUR_MS)
    denied_for(Stocks(), waiting, HOUR_MS)
    waiting.leave("job")
    waiting.submit("job", size=10, work_gpu_ms=30 * HOUR_MS)
    assert waiting.lasts_ms(SCALE.q * 10) == 2 * HOUR_MS
    with pytest.raises(AssertionError, match="waits already"):
        waiting.submit("job", size=10, work_gpu_ms=30 * HOUR_MS)


def test_a_new_window_charges_anew_and_gives_no_new_budget() -> None:
    waiting = Waiting(SCALE.q)
    waiting.submit("job", size=10, work_gpu_ms=30 * HOUR_MS)
    denied_for(Stocks(), waiting, HOUR_MS)
    waiting.open_window()
    assert waiting.declined("job") == Charge()
    assert waiting.lasts_ms(SCALE.q * 10) == 2 * HOUR_MS


def test_nobody_is_denied_more_than_waits() -> None:
    waiting = Waiting(SCALE.q)
    waiting.submit("job", size=1, work_gpu_ms=30)
    with pytest.raises(AssertionError, match="only what waits"):
        waiting.charge(0, SCALE.q * 2, 1)


@pytest.mark.parametrize(
    ("ended", "median"),
    [
        ([], Fraction(1)),
        ([(1, 4)], Fraction(1, 4)),
        ([(1, 1), (1, 4)], Fraction(5, 8)),
        ([(9, 1), (1, 4), (1, 2)], Fraction(1, 2)),
    ],
)
def test_what_is_declared_counts_by_what_ended_jobs_used(ended: list[tuple[int, int]], median: Fraction) -> None:
    habit = Habit()
    for used, declared in ended:
        habit.ended(used, declared)
    assert habit.median == median
    assert habit.budget(1000) == -(-1000 * median.numerator // median.denominator)
