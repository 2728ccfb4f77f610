"""When the lab asks: hours of the day, days of the week, deadlines, growth, and the code red.

A rhythm is one weight per hour of the span, with a mean of about 1 before the code red. Time 0 is the first instant of
2027, so that 90 days are exactly one calendar quarter and a promise over a quarter can be judged.
"""

from __future__ import annotations

import numpy as np

from equipoise.workload.draws import F64

ORIGIN_MS = 1_798_761_600_000  # 2027-01-01T00:00:00Z
FIRST_WEEKDAY = 4  # a Friday; Monday is 0
HOUR_MS = 3_600_000

# Submissions by hour of the day. *Assumption*: low at night, dips at noon and in the evening, busiest in the afternoon,
# as Helios (SC 2021) describes it, but with figures of ours.
OFFICE = (3, 2, 2, 2, 2, 2, 3, 4, 7, 10, 12, 11, 9, 11, 13, 13, 13, 11, 8, 8, 8, 7, 6, 4)
OFFICE_WEEKEND = 0.45  # *assumption*

# Request rate by hour of the day ÷ its mean, computed from the 14 days of rates that ServeGen released: m-small for
# people who chat, m-large for programs that call.
CHAT = (
    0.84, 0.71, 0.73, 0.68, 0.71, 0.66, 0.68, 0.85, 1.02, 1.05, 1.13, 1.09,
    1.06, 1.07, 1.06, 1.05, 1.09, 1.08, 1.01, 1.23, 1.46, 1.40, 1.27, 1.06,
)  # fmt: skip
CALLS = (
    0.99, 1.00, 0.99, 0.94, 0.91, 0.88, 0.85, 0.82, 0.79, 0.87, 1.05, 1.11,
    0.97, 0.98, 1.05, 1.05, 1.11, 1.08, 1.04, 1.14, 1.13, 1.07, 1.10, 1.09,
)  # fmt: skip
CALLS_WEEKEND = 0.8  # *assumption*

SURGE_FROM = 0.5  # part of the span before the code red: day 45 of 90; *assumption*
SURGE_RAMP_DAYS = 3  # *assumption*
SURGE = 2.4  # what the product asks for then ÷ before; *assumption*
# Serving grows like revenue (*assumption*): from 6 to 20 bn in a year (OpenAI's CFO, January 2026) is × 1.35 a quarter.
GROWTH_PER_90_DAYS = 0.35
DEADLINES = (0.42, 0.88)  # parts of the span at which papers are due; *assumption*
DEADLINE_DAYS = 14  # how long before a deadline more is asked for; *assumption*
DEADLINE = 2.5  # how much more; *assumption*


def office(days: int) -> F64:
    """Weight of each hour for what people submit at work."""
    return _days(days, OFFICE, OFFICE_WEEKEND)


def deadlines(days: int) -> F64:
    """Weight of each hour for people who work towards deadlines; its mean stays 1."""
    weight = office(days)
    for part in DEADLINES:
        end = int(part * days) * 24
        weight[max(0, end - DEADLINE_DAYS * 24) : end] *= DEADLINE
    return weight / _mean(weight)


def flat(days: int) -> F64:
    """The same weight for each hour."""
    return np.ones(days * 24)


def chat(days: int) -> F64:
    """Weight of each hour for a service that people use."""
    return _days(days, CHAT, 1.0) * growth(days)


def calls(days: int) -> F64:
    """Weight of each hour for a service that programs use."""
    return _days(days, CALLS, CALLS_WEEKEND) * growth(days)


def growth(days: int) -> F64:
    """Growth of serving by the hour, 1 at the start."""
    return 1.0 + np.arange(days * 24, dtype=np.float64) * (GROWTH_PER_90_DAYS / (90 * 24))


def surge(days: int, factor: float) -> F64:
    """1 before the code red, ``factor`` after its ramp."""
    since = np.arange(days * 24) - int(SURGE_FROM * days) * 24
    return 1.0 + (factor - 1.0) * np.clip(since / (SURGE_RAMP_DAYS * 24.0), 0.0, 1.0)


def _days(days: int, hours: tuple[float, ...], weekend: float) -> F64:
    table: F64 = np.array(hours, np.float64)
    table /= _mean(table)
    weekday = (np.arange(days) + FIRST_WEEKDAY) % 7
    level = np.where(weekday >= 5, weekend, 1.0) / ((5.0 + 2.0 * weekend) / 7.0)
    weight: F64 = (level[:, None] * table[None, :]).reshape(-1)
    return weight


def _mean(values: F64) -> float:
    return float(np.cumsum(values)[-1] / len(values))  # cumsum: one order of additions everywhere
