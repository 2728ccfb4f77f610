"""A day of the synthetic lab made small and short enough to be lived through with real jobs in minutes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from equipoise.units import DAY_MS
from equipoise.workload.roll import Asked
from equipoise.workload.synthetic import lab
from tests.scenario.live_engines import DEVICES, NODES, POOLS, TEAMS

LAB_GPUS, DAY = 512, 50
"""The smallest lab, and which of its days: one of the code red."""
SHORT_PER_DAY = 3_400
WIDEST = 4
SHORTEST_S, LONGEST_S = 0.05, 30.0
ASKED = 1.25
"""What the jobs ask for, of the machine: a quarter more than there is, as the whole lab does then."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A job of the day: when it is handed in, what is asked for, and how long it runs."""

    at_s: float
    asked: Asked
    length_s: float


def day(seed: int, *, span_s: float, most: int) -> list[Wanted]:
    """Return the jobs of four teams of one day, in order; at most so many, evenly chosen.

    The day lasts ``span_s``. Services are left out, what asks for single devices is put into `flex`, gangs have at most `WIDEST` devices,
    and run times, none longer than `LONGEST_S`, are scaled so that all jobs together ask for `ASKED` of the machine.
    """
    made = lab(seed=seed, days=DAY + 1, gpus=LAB_GPUS, jobs_per_day=SHORT_PER_DAY)
    jobs, factor = made.jobs, DAY_MS / 1000 / span_s
    teams = [made.teams[team].split(".")[0] for team in jobs.team.tolist()]
    chosen = [row for row in np.flatnonzero(jobs.submit_ms >= DAY * DAY_MS).tolist() if teams[row] in TEAMS]
    if len(chosen) > most:
        chosen = [chosen[n * len(chosen) // most] for n in range(most)]
    gangs = np.minimum(jobs.gang[chosen], WIDEST)
    lengths_s = _lengths_s(jobs.duration_ms[chosen] * jobs.gang[chosen] / gangs, gangs, span_s)
    wanted: list[Wanted] = []
    for row, gang, length_s in zip(chosen, gangs.tolist(), lengths_s.tolist(), strict=True):
        pool = made.pools[int(jobs.pool[row])]
        asked = Asked(
            gang, teams[row], pool if pool in POOLS else "flex", user=f"user{int(jobs.user[row])}",
            priority=int(jobs.priority[row]), preemptible=bool(jobs.preemptible[row]),
        )  # fmt: skip
        wanted.append(Wanted((int(jobs.submit_ms[row]) - DAY * DAY_MS) / 1000 / factor, asked, length_s))
    return wanted


def _lengths_s(lengths: NDArray[np.float64], gangs: NDArray[np.int32], span_s: float) -> NDArray[np.float64]:
    """Scale run times between the shortest and the longest until together they ask for `ASKED`."""
    machine_s = ASKED * len(POOLS) * NODES * DEVICES * span_s
    low, high = 0.0, 1.0
    for _ in range(60):
        scale = (low + high) / 2
        scaled = np.clip(lengths * scale, SHORTEST_S, LONGEST_S)
        low, high = (scale, high) if float((scaled * gangs).sum()) < machine_s else (low, scale)
    return np.clip(lengths * low, SHORTEST_S, LONGEST_S)
