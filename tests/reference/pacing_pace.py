"""How many GPUs a promise asks for at an instant, and when that will change (PACING 1, 5 and 6).

Everything is exact: GPUs and milliseconds are integers, ``x`` is in q · heh · GPU-ms. A promise over several pools asks in
each of them for the same fraction of its capacity; "GPUs" here are those of a pool, "weighted" the sums of heh × GPUs.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd

from tests.reference.pacing_account import Account, ceil_div


@dataclass(frozen=True, slots=True)
class Owing:
    """Where a window stands: what remains to be delivered if everybody else uses all that is left."""

    x: int
    """p(D + C·L) − q·S, plus what is made good."""
    left_ms: int
    q: int
    capacity: int
    """Weighted capacity of all pools of the promise."""
    most: int
    """Weighted P_max: the sum over pools of heh × the most GPUs there."""

    @property
    def lost(self) -> bool:
        """Whether even P_max from now on would not do: the point of no return is behind."""
        return self.x > self.q * self.most * self.left_ms


def owing(account: Account, *, capacity: int, left_ms: int, most: int, make_good: int = 0) -> Owing:
    """Return where a window stands: the upper forecast p(D + C·L) − q·S, plus what is to be made good."""
    x = account.owed + account.p * capacity * left_ms - account.delivered + make_good
    return Owing(x, left_ms, account.q, capacity, most)


def most_gpus(pace_max: tuple[int, int], capacity: int) -> int:
    """Return P_max in whole GPUs of a pool: rounded up, so that it is never below the share itself."""
    return ceil_div(pace_max[0] * capacity, pace_max[1])


def level_gpus(p: int, q: int, *, pool: int, length_ms: int, margin_ms: int, most: int) -> int:
    """Return B = ⌈φC·W/(W − δ)⌉, at most P_max: held from the window's start to δ before its end it is what is owed."""
    run_ms = length_ms - margin_ms
    return min(most, ceil_div(p * pool * length_ms, q * run_ms)) if run_ms > 0 else most


def pace(state: Owing, margin_ms: int, pool: int, most: int) -> int:
    """Return P in GPUs of a pool of ``pool`` GPUs, of which at most ``most`` may be asked for."""
    run_ms = state.left_ms - margin_ms
    if run_ms <= 0:
        return most if state.x > 0 else 0
    return min(max(0, ceil_div(state.x * pool, state.q * run_ms * state.capacity)), most)


def due_in_ms(state: Owing, margin_ms: int, rate: int, theta: int, pool: int, *, fixed: int = 0) -> int | None:
    """Return after how many ms the pace in a pool first exceeds ``theta`` GPUs, at ``rate`` = dx/dt ≤ 0 per ms.

    ``P > θ`` means ``x·pool > q·θ·C·(L − δ)``. For one pool, with ``x' = x + r·dt`` and ``L' = L − dt``, this is PACING 5.
    ``fixed`` is the weighted pace of pools that are asked for all that they can (then ``C`` is that of the others).
    """
    run_ms = state.left_ms - margin_ms
    full = state.q * (theta * state.capacity + fixed * pool)
    short = full * run_ms - state.x * pool
    gain = full + rate * pool
    if run_ms <= 0 or gain <= 0:
        return None
    return max(1, short // gain + 1)


def lost_in_ms(state: Owing, rate: int) -> int | None:
    """Return after how many ms the point of no return is passed, if nothing changes."""
    gain = state.q * state.most + rate
    short = state.q * state.most * state.left_ms - state.x
    if short < 0:
        return 0
    return short // gain + 1 if gain > 0 else None


def ceiling_gpus(account: Account, *, others: int, left_ms: int) -> int:
    """Return the limit that an ``at_most`` leaves: held until the window ends, it is used up exactly then.

    ``others`` is R, what everybody else holds now. The denominator is delivered, as in the verdict.
    """
    room = account.owed + account.p * others * left_ms - account.delivered
    return max(0, room // ((account.q - account.p) * left_ms)) if left_ms > 0 else 0


def rounded_text(floor: int, sizes: Sequence[int]) -> int:
    """Return R as PACING 1 had it: s·⌈floor/s⌉, exact only where all gangs are of one size."""
    return max(sizes) * ceil_div(floor, max(sizes))


def rounded_mended(floor: int, sizes: Sequence[int]) -> int:
    """Return the most that a team can hold which starts whole gangs while it holds less than its floor.

    It holds a multiple of u, the greatest common divisor of its sizes; less than the floor is at most u(⌈floor/u⌉ − 1).
    With one size this is s·⌈floor/s⌉; with sizes that have no common divisor it is floor − 1 + s.
    """
    if floor <= 0:
        return 0
    unit = gcd(*sizes)
    return unit * (ceil_div(floor, unit) - 1) + max(sizes)
