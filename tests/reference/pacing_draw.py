"""Random labs with one promise: wider ones, and small ones whose floors leave exactly what the promise needs."""

from __future__ import annotations

import random
from fractions import Fraction

from tests.reference.pacing_lab import Job, Lab, Level, Promise, Team
from tests.reference.pacing_pace import level_gpus, most_gpus, rounded_mended

MINUTE_MS = 60_000


def jobs_of(chance: random.Random, largest: int, *, minutes: tuple[int, int], uniform: bool = False) -> tuple[Job, ...]:
    """Draw a list of jobs; its largest gang is there."""
    low, high = minutes
    count = chance.randint(1, 5)
    sizes = [largest] + [largest if uniform else chance.randint(1, largest) for _ in range(count)]
    chance.shuffle(sizes)
    return tuple(Job(size, chance.randint(low, high) * MINUTE_MS) for size in sizes)


def one_promise(chance: random.Random) -> Lab:
    """Draw a lab of one pool and two levels with one promise, demand throughout, tight on purpose."""
    capacity = chance.choice([6, 8, 9, 10, 12, 16, 20, 24, 32, 48, 64])
    min_runtime, grace = chance.choice([(30, 10), (60, 0), (20, 20), (45, 15), (0, 10)])
    reclaim = min_runtime + grace
    window = reclaim * chance.choice([8, 12, 16, 24])
    p = chance.randint(10, 60)
    share = Fraction(p, 100)
    tight = 1 + Fraction(2 * reclaim, window - 2 * reclaim)
    factor = chance.choice([tight, tight, Fraction(11, 10) * tight, Fraction(3, 2)])
    pace_max = share * factor
    most = most_gpus((pace_max.numerator, pace_max.denominator), capacity)
    largest = chance.randint(1, max(1, min(most + 2, capacity // 3, 8)))
    uniform = chance.random() < 0.2
    high = chance.choice([reclaim, 3 * reclaim, 6 * reclaim])
    beneficiary = Team(
        floor=(chance.choice([0, 0, most // 2, int(share * capacity)]),),
        weight=chance.choice([0, 0, 1, 2]),
        jobs=(jobs_of(chance, largest, minutes=(5, high), uniform=uniform),),
        levels=(Level(reclaim * MINUTE_MS * 2, (most + chance.randint(0, capacity),)),),
    )
    others, left = list[Team](), max(0, capacity - most)
    for _ in range(chance.randint(1, 3)):
        size = chance.randint(1, max(1, min(capacity // 3, 12)))
        floor = chance.randint(0, left) if chance.random() < 0.6 else 0
        left -= floor
        others.append(
            Team(
                floor=(floor,),
                weight=chance.randint(1, 3),
                min_runtime_ms=min_runtime * MINUTE_MS,
                grace_ms=grace * MINUTE_MS,
                recover_ms=chance.choice([reclaim, 2 * reclaim]) * MINUTE_MS,
                jobs=(jobs_of(chance, size, minutes=(5, 8 * reclaim)),),
                levels=(Level(0, (chance.choice([capacity, 2 * capacity]),)),),
            )
        )
    row = chance.randint(0, len(others))
    teams = [*others[:row], beneficiary, *others[row:]]
    promise = Promise(row, p, 100, (pace_max.numerator, pace_max.denominator))
    return Lab((capacity,), tuple(teams), (promise,), window * MINUTE_MS, warm_ms=2 * reclaim * MINUTE_MS)


def tight(chance: random.Random) -> Lab:
    """Draw a small lab whose floors leave exactly what the promise needs, with short mixed gangs."""
    capacity = chance.randint(6, 16)
    min_runtime, grace = chance.choice([(30, 10), (40, 0), (0, 40)])
    reclaim = min_runtime + grace
    window = reclaim * chance.choice([6, 8, 12])
    p = chance.randint(10, 50)
    pace_max = Fraction(p, 100) * (1 + Fraction(2 * reclaim, window - 2 * reclaim))
    largest = chance.randint(1, 5)
    share = Fraction(p, 100)
    level = level_gpus(p, 100, pool=capacity, length_ms=window, margin_ms=2 * reclaim, most=capacity)
    jobs = jobs_of(chance, largest, minutes=(1, chance.choice([5, 20, reclaim, 3 * reclaim])))
    full = rounded_mended(level, [job.size for job in jobs])
    levels = (Level(2 * reclaim * MINUTE_MS, (level + chance.randint(0, 4),)),)
    beneficiary = Team(floor=(chance.choice([0, int(share * capacity)]),), weight=0, jobs=(jobs,), levels=levels)
    left = max(0, capacity - full + chance.choice([0, 0, 1]))
    floor = chance.randint(0, left)
    others = [
        Team(
            floor=(held,),
            min_runtime_ms=min_runtime * MINUTE_MS,
            grace_ms=grace * MINUTE_MS,
            recover_ms=reclaim * MINUTE_MS,
            jobs=(jobs_of(chance, chance.randint(1, 6), minutes=(5, 8 * reclaim)),),
            levels=(Level(0, (2 * capacity,)),),
        )
        for held in (floor, left - floor)
    ]
    promise = Promise(0, p, 100, (pace_max.numerator, pace_max.denominator))
    return Lab((capacity,), (beneficiary, *others), (promise,), window * MINUTE_MS, warm_ms=2 * reclaim * MINUTE_MS)
