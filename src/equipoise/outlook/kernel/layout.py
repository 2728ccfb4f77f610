"""Records of the outlook: one for the world, one a lab, one a team of a lab, and what each run leaves behind.

Teams of lab l are records l · K … l · K + K − 1 where every lab has the same K teams. Compute is in $ bn a year, revenue likewise, time
in months, shares in millionths of the lab's compute.
"""

from typing import Any, NamedTuple

import numpy as np

I8, F8 = np.int64, np.float64

WHOLE_PPM = 1_000_000
STEP_PPM = 10_000  # demand is told in whole hundredths of the lab: shares are divided anew only when one of them moves
SIX = 6  # months of the bellwether
NOT_YET = -1  # as a month
FOLLOWS_PEOPLE, FOLLOWS_REVENUE = 0, 1
PLAIN, EXPLORATION, CORE = 0, 1, 2

WORLD = np.dtype(
    [
        ("seed_low", I8), ("seed_high", I8), ("labs", I8), ("teams", I8), ("focal", I8), ("months", I8), ("marks", I8),
        ("outside", I8), ("outside0", I8), ("lead_margin", F8), ("lead_months", I8), ("loss", F8),
        ("row", I8), ("window", I8), ("leading", I8),
    ],
    align=True,
)  # fmt: skip

LAB = np.dtype(
    [
        ("key", I8), ("compute", F8), ("revenue", F8), ("base", F8), ("paradigm", F8), ("growth", F8), ("shock", F8), ("flat", I8),
        ("unease", F8), ("drawing", F8), ("baseline", F8), ("acts", I8), ("refers", I8), ("mission", F8), ("core", F8),
        ("exploration", F8),
    ],
    align=True,
)  # fmt: skip

TEAM = np.dtype(
    [
        ("key", I8), ("role", I8), ("follows", I8), ("people", I8), ("growth", F8), ("asked_ppm", F8), ("target", F8), ("known", F8),
        ("starved", F8), ("contagion", F8), ("breach", F8), ("kept", F8), ("left", I8), ("joined", I8), ("hired", I8),
        ("demand_ppm", I8), ("share_ppm", I8), ("due_ppm", I8), ("owed", I8), ("delivered", I8), ("denied", I8), ("gone", I8),
        ("rate", F8), ("value", F8), ("weight", F8), ("pull", F8), ("pull0", F8), ("ref_people", F8), ("ref_scale", F8),
        ("ref_compute", F8), ("ref_known", F8), ("lost_month", I8), ("first_six", F8), ("worst_six", F8), ("moved", I8),
        ("people0", I8), ("sum_starved", F8), ("broken", I8), ("hire", F8),
    ],
    align=True,
)  # fmt: skip

PAST = np.dtype([("people", I8), ("left", I8)], align=True)
"""What a team was at each of the last six months."""

TREE = np.dtype([("root", I8), ("rows", I8), ("settled", I8)], align=True)
LEAF = np.dtype([("row", I8), ("promise_ppm", I8)], align=True)
SCHEDULE = np.dtype([("acts", I8), ("refers", I8), ("mission", F8)], align=True)

TEAM_MARK = np.dtype(
    [("people", F8), ("kept", F8), ("known", F8), ("left", F8), ("starved", F8), ("share_ppm", F8), ("broken", F8)],
    align=True,
)
LAB_MARK = np.dtype([("compute", F8), ("revenue", F8), ("capability", F8), ("exploration", F8)], align=True)
TEAM_END = np.dtype([("lost_month", F8), ("first_six", F8), ("worst_six", F8)], align=True)
RUN_END = np.dtype(
    [
        ("leapfrog_month", F8),
        ("overtaken_month", F8),
        ("shifts", F8),
        ("won", F8),
        ("people_error", F8),
        ("ppm_error", F8),
    ],
    align=True,
)


class Chance(NamedTuple):
    """What drawing alone needs: the seed."""

    world: Any


class Room(NamedTuple):
    """Everything that one thread works on."""

    world: Any
    labs: Any
    teams: Any
    labs0: Any
    teams0: Any
    past: Any
    schedule: Any  # month · labs + lab
    trees: Any
    leaves: Any  # tree · teams + team
    shares: Any  # the policy's own records, all trees one after the other
    glob: Any  # the policy's clock, which stands
    marks: Any
    params: Any  # one record a run
    per_lab: Any  # run · labs + lab: unease and draw
    team_marks: Any  # (run · marks + mark) · labs · teams
    lab_marks: Any
    team_ends: Any
    run_ends: Any
    flows: Any  # (run · labs + from) · (labs + 1) + to; the last is the outside
