"""A day of the synthetic lab made small and short enough to be lived through with real jobs in minutes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from equipoise.units import DAY_MS
from equipoise.workload.roll import Asked
from equipoise.workload.synthetic import lab
from tests.scenario.live_engines import DEVICES, NODES, POOLS, TEAMS

LAB_GPUS, DAY = 512, 50
"""The smallest lab, and which of its days: one of the code red."""
SHORT_PER_DAY = 2_500
WIDEST = 4
SHORTEST_S, LONGEST_S = 0.05, 30.0


@dataclass(frozen=True, slots=True)
class Wanted:
    """A job of the day: when it is handed in, what is asked for, and how long it runs."""

    at_s: float
    asked: Asked
    length_s: float


def day(seed: int, *, span_s: float, most: int) -> list[Wanted]:
    """Return the jobs of four teams of one day, in order; at most so many, evenly chosen.

    The day lasts ``span_s``. The machine is smaller than the lab: gangs keep their size up to `WIDEST`, and run for as much less as makes
    the work the same part of the machine as in the lab. Services are left out, single devices are those of `flex`, and of what remains of
    it all jobs end within `LONGEST_S`.
    """
    made = lab(seed=seed, days=DAY + 1, gpus=LAB_GPUS, jobs_per_day=SHORT_PER_DAY)
    jobs, factor = made.jobs, DAY_MS / 1000 / span_s
    teams = [made.teams[team].split(".")[0] for team in jobs.team.tolist()]
    chosen = [row for row in np.flatnonzero(jobs.submit_ms >= DAY * DAY_MS).tolist() if teams[row] in TEAMS]
    if len(chosen) > most:
        chosen = [chosen[n * len(chosen) // most] for n in range(most)]
    small = len(POOLS) * NODES * DEVICES / LAB_GPUS
    wanted: list[Wanted] = []
    for row in chosen:
        gang = min(int(jobs.gang[row]), WIDEST)
        length_s = int(jobs.duration_ms[row]) / 1000 / factor * int(jobs.gang[row]) * small / gang
        pool = made.pools[int(jobs.pool[row])]
        asked = Asked(
            gang, teams[row], pool if pool in POOLS else "flex", user=f"user{int(jobs.user[row])}",
            priority=int(jobs.priority[row]), preemptible=bool(jobs.preemptible[row]),
        )  # fmt: skip
        at_s = (int(jobs.submit_ms[row]) - DAY * DAY_MS) / 1000 / factor
        wanted.append(Wanted(at_s, asked, min(max(length_s, SHORTEST_S), LONGEST_S)))
    return wanted
