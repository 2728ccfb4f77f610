"""The smallest labs that show why each part of the rules of pacing had to be mended. Times are in ms, and tiny.

In all of them demand is there throughout, borrowers can be stopped, capacity is constant, and PACING 2.1 and 2.2 hold.
"""

from __future__ import annotations

from dataclasses import dataclass

from tests.reference.pacing_families import RULES
from tests.reference.pacing_lab import Job, Lab, Level, Promise, Team
from tests.reference.pacing_run import run


@dataclass(frozen=True, slots=True)
class Counterexample:
    """A lab, the rules that break its promise, those that keep it, and whether the mended admission takes it."""

    why: str
    lab: Lab
    breaks: tuple[str, ...]
    keeps: tuple[str, ...]
    admitted: bool


def borrower(job: Job, *, floor: int = 0, protected_ms: int, asked: int = 16) -> Team:
    """Return a team that takes whatever it gets, and may count on some time."""
    return Team(floor=(floor,), min_runtime_ms=protected_ms, jobs=((job,),), levels=(Level(0, (asked,)),))


def beneficiary(*jobs: Job, asked: int) -> Team:
    """Return a team that holds nothing beyond its pace."""
    return Team(weight=0, jobs=(jobs,), levels=(Level(1, (asked,)),))


UNDERCOUNTED = Counterexample(
    "s·⌈P/s⌉ undercounts mixed gangs: 1 is held, 2 are asked for, and the next gang of 2 would make 3, above R = 2.",
    Lab(
        (4,),
        (beneficiary(Job(1, 50), Job(2, 50), asked=2), borrower(Job(1, 50), floor=1, protected_ms=1)),
        (Promise(0, 4, 10, (5, 10)),),
        window_ms=20,
        warm_ms=1,
    ),
    breaks=("as it stood",),
    keeps=("R mended", "R in part", "mended"),
    admitted=True,
)

ALL_OR_NOTHING = Counterexample(
    "R = 4 does not fit beside a floor of 2 and is refused whole, so a gang of 3 is never started, though 3 would fit.",
    Lab(
        (5,),
        (beneficiary(Job(3, 50), Job(1, 50), asked=2), borrower(Job(1, 50), floor=2, protected_ms=1)),
        (Promise(0, 36, 100, (4, 10)),),
        window_ms=20,
        warm_ms=1,
    ),
    breaks=("R mended",),
    keeps=("R in part", "mended"),
    admitted=False,
)

SWAPPED = Counterexample(
    "Gangs of 5 and 4 in turn, each for 1 ms: whenever the larger comes, its fifth GPU must be waited for, and 4 idle.",
    Lab(
        (9,),
        (
            Team(weight=0, jobs=((Job(5, 1), Job(4, 1)),), levels=(Level(0, (4,)),)),
            Team(weight=0, grace_ms=3, jobs=((Job(1, 4),),), levels=(Level(0, (8,)),)),
        ),
        (Promise(0, 34, 100, (408, 1000)),),
        window_ms=131,
        warm_ms=10,
    ),
    breaks=("as it stood", "R mended", "R in part"),
    keeps=("mended",),
    admitted=True,
)

OVERTAKEN = Counterexample(
    "All gangs are of one size. When they end together, a team below its floor of 1 starts its gang of 5 in their place.",
    Lab(
        (10,),
        (
            Team(weight=0, jobs=((Job(1, 1),),), levels=(Level(0, (5,)),)),
            Team(floor=(1,), weight=0, recover_ms=0, jobs=((Job(2, 1),),), levels=(Level(0, (1,)),)),
            Team(floor=(1,), weight=0, min_runtime_ms=1, recover_ms=0, jobs=((Job(5, 1),),), levels=(Level(0, (6,)),)),
        ),
        (Promise(0, 40, 100, (50, 100)),),
        window_ms=10,
        warm_ms=1,
    ),
    breaks=("as it stood", "R mended", "R in part"),
    keeps=("mended",),
    admitted=True,
)

TOGETHER = Counterexample(
    "Each of two promises fits by itself (2.2); both hold 1 and would need 3 to start their next gang of 2.",
    Lab(
        (4,),
        (
            beneficiary(Job(1, 50), Job(2, 50), asked=2),
            beneficiary(Job(1, 50), Job(2, 50), asked=2),
            borrower(Job(1, 50), protected_ms=1),
        ),
        (Promise(0, 45, 100, (5, 10)), Promise(1, 45, 100, (5, 10))),
        window_ms=20,
        warm_ms=1,
    ),
    breaks=("as it stood", "R mended", "R in part", "mended"),
    keeps=(),
    admitted=False,
)

COUNTEREXAMPLES = {
    "undercounted": UNDERCOUNTED,
    "all or nothing": ALL_OR_NOTHING,
    "swapped": SWAPPED,
    "overtaken": OVERTAKEN,
    "together": TOGETHER,
}


def timeline(example: Counterexample, lines: int = 9) -> str:
    """Return what happens from the window's start on, by the first of the rules that break the promise."""
    result = run(example.lab, RULES[example.breaks[0]], tell=True)
    told = [line for line in result.story if int(line.split(":")[0]) >= example.lab.warm_ms][:lines]
    ends = [
        f"{one.end_ms}: owed {one.owed / one.promise.q:g}, short {one.short / one.promise.q:g}, "
        f"denied {one.denied / one.promise.q:g}, grace {one.grace / one.promise.q:g}: {one.verdict}"
        for one in result.outcomes
    ]
    return "\n".join([*told, "...", *ends])
