"""Whether a team re-engages: what of a loss is regained within two years after its floor was restored, and what without that.

Three courses share their luck: the charter kept all along, the one that is asked about, and the same without the restoration. A loss is
what the second lacks of the first in the month of the restoration.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np

from equipoise.outlook.bellwether import watched
from equipoise.outlook.differences import Band
from equipoise.outlook.labs import Lab, World
from equipoise.outlook.parameters import F64, Beliefs
from equipoise.outlook.room import Asked
from equipoise.outlook.run import Execute, Forecast, forecast, in_turn

WITHIN = 24
"""Months after the restoration."""

LOSS_LEAST = 1.0
"""People, or people's worth of knowledge: runs that lost less regain nothing that could be counted."""

RUNS_LEAST = 0.1
"""Part of the runs that must have lost something: of what is rarely lost, little can be said."""

HALF = 0.5


@dataclass(frozen=True, slots=True)
class Regained:
    """Of one team: its ``people`` or its ``knowledge``.

    Parameters
    ----------
    team, what : str
    lost : Band
        In the month of the restoration, against the charter kept.
    runs : float
        Part of the runs in which at least one was lost; the rest is about them.
    restored, left_alone : Band
        Part of the loss that is regained 24 months later, with the restoration and without. Below 0: more was lost.
    half, half_left_alone : float
        Probability that at least half is.
    """

    team: str
    what: str
    lost: Band
    runs: float
    restored: Band
    left_alone: Band
    half: float
    half_left_alone: float


def restoration(lab: Lab) -> int | None:
    """Return the month in which a lab last turns back to the charter that it is held to; None if it never does."""
    turns = [
        later.month
        for sooner, later in zip(lab.course, lab.course[1:], strict=False)
        if later.charter == lab.reference and sooner.charter != lab.reference
    ]
    return turns[-1] if turns and lab.course[-1].charter == lab.reference else None


def regained(
    world: World,
    *,
    runs: int = 5_000,
    seed: int = 0,
    beliefs: Beliefs | None = None,
    execute: Execute = in_turn,
) -> tuple[Regained, ...]:
    """Return what the focal lab's teams of eight or more regain; nothing where no floor is restored or nothing was lost."""
    lab = world.lab(world.focal)
    month = restoration(lab)
    if month is None or lab.reference is None:
        return ()
    before = lab.stage(month - 1).charter
    kept = tuple(replace(stage, charter=lab.reference) for stage in lab.course)
    alone = tuple(stage if stage.month < month else replace(stage, charter=before) for stage in lab.course)
    asked = Asked(month + WITHIN, (month, month + WITHIN), seed)
    courses = [
        forecast(world.with_lab(replace(lab, course=course)), runs=runs, asked=asked, beliefs=beliefs, execute=execute)
        for course in (kept, lab.course, alone)
    ]
    found = [
        _regained(courses, team, what, field)
        for team in watched(world)
        for what, field in (("people", "people"), ("knowledge", "known"))
    ]
    return tuple(row for row in found if row is not None)


def _regained(courses: list[Forecast], team: str, what: str, field: str) -> Regained | None:
    begun, ended = courses[0].asked.marks

    def lacks(course: Forecast, month: int) -> F64:
        return courses[0].team(field, team, month=month) - course.team(field, team, month=month)

    loss = lacks(courses[1], begun)
    some = loss >= LOSS_LEAST
    if some.mean() < RUNS_LEAST:
        return None
    back, left = ((1 - lacks(course, ended)[some] / loss[some]) for course in courses[1:])
    halves = [float(np.mean(part >= HALF)) for part in (back, left)]
    return Regained(team, what, Band.of(loss[some]), float(some.mean()), Band.of(back), Band.of(left), *halves)
