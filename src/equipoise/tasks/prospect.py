"""From a replay to the years that follow: the lab goes on as each run of it ended, and what that does to its people and its lead.

`prospect` is the main path: what each run measured (``outlook.measured``) is the start of a lab that acts under the charter of that run and
is held to the reference; its people come from a file (``roster``). All courses share their luck. The `Ground` is where the years begin:
`foretell` lets them go on from there, as often as one likes, also by other beliefs.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np

from equipoise.charter.model import Charter
from equipoise.errors import InputError
from equipoise.outlook.differences import Measure, measures
from equipoise.outlook.drivers import Driver, by_rank
from equipoise.outlook.fans import Fan, fans
from equipoise.outlook.labs import Lab, Stage, Team, World, world
from equipoise.outlook.measured import LATEST_MS, Measured, carried, course, measured
from equipoise.outlook.parameters import Beliefs
from equipoise.outlook.room import Asked
from equipoise.outlook.run import Execute, Forecast, forecast
from equipoise.people.groups import GROUP_MIN
from equipoise.policy.plan import POLICIES
from equipoise.report import prospects, verdict
from equipoise.report.view import View, view
from equipoise.simulator.results import Results
from equipoise.tasks.compilation import announced
from equipoise.tasks.outlook import Outlook, bounded, foresee, learned_by, on_threads
from equipoise.tasks.roster import Economy, Members, Roster, read_roster
from equipoise.tasks.simulate import Comparison
from equipoise.units import DAY_MS

FOCAL = "focal"
SENTENCE = "compiling the outlook (first use on this machine, less than a minute) …"
STEP = 3  # months between the points of a fan chart
LATEST_DAYS = LATEST_MS // DAY_MS
DRIVERS = 6


@dataclass(frozen=True, slots=True, eq=False)
class Course:
    """A run and the years that follow it.

    Parameters
    ----------
    label, under : str
        ``product first``, and as part of a sentence: ``under product-first``.
    measured : tuple of Measured
        Of each team at the top.
    world : World
    fans : tuple of Fan
    """

    label: str
    under: str
    measured: tuple[Measured, ...]
    world: World
    fans: tuple[Fan, ...]

    def fan(self, name: str, team: str = "") -> Fan:
        """Return one number over time."""
        return next(fan for fan in self.fans if (fan.name, fan.team) == (name, team))


@dataclass(frozen=True, slots=True, eq=False)
class Ground:
    """Where the years begin, on each course.

    Parameters
    ----------
    labels, under : tuple of str
        As of `Course`, one for each.
    worlds : tuple of World
        The lab among its rivals.
    starts : tuple of tuple of Measured
        What each run measured of each team at the top; empty for labs that nothing was measured of.
    known : Roster
        What was set of the parameters, how many runs of how many months, and whose luck.
    staff : path or None
        The lab's own team-months.
    notes : tuple of str
    """

    labels: tuple[str, ...]
    under: tuple[str, ...]
    worlds: tuple[World, ...]
    starts: tuple[tuple[Measured, ...], ...]
    known: Roster
    staff: str | os.PathLike[str] | None = None
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, eq=False)
class Prospect:
    """What follows each of several runs of one log.

    Parameters
    ----------
    courses : tuple of Course
        The first is what the others are compared with.
    outlooks : tuple of Outlook
        Each of the others less the first; of one course its results. Checks and what was learned are those of the first.
    watched : str
        The team whose start differs most; of one course, the one that is starved most.
    drivers : tuple of (Measure, tuple of Driver)
        What the second course's difference hangs on, by rank correlation; of one course, its results.
    ground : Ground
        Where they begin.
    """

    courses: tuple[Course, ...]
    outlooks: tuple[Outlook, ...]
    watched: str
    drivers: tuple[tuple[Measure, tuple[Driver, ...]], ...]
    ground: Ground

    @property
    def notes(self) -> tuple[str, ...]:
        """What is left out, and what was taken to be so."""
        return self.ground.notes

    @property
    def main(self) -> Outlook:
        """The first outlook, which has the checks."""
        return self.outlooks[0]

    def sentence(self) -> str:
        """Say what each course does to the people and the lead, and what the model fails."""
        return prospects.sentence(self)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "sentence": self.sentence(),
            "watched": self.watched,
            "notes": list(self.notes),
            "courses": [
                {
                    "run": each.label,
                    "measured": {
                        one.team: asdict(one) | {"starved": one.starved, "breach": one.breach} for one in each.measured
                    },
                    "fans": [asdict(fan) | {"bands": fan.bands.tolist()} for fan in each.fans],
                }
                for each in self.courses
            ],
            "outlooks": [each.to_dict() for each in self.outlooks],
        }


def prospect(
    found: Results | Comparison,
    people: str | os.PathLike[str] | Roster,
    *,
    staff: str | os.PathLike[str] | None = None,
    announce: Callable[[str], None] | None = None,
    threads: int | None = None,
) -> Prospect:
    """Let the lab of a replay go on for years, under the charter of each run.

    Parameters
    ----------
    found : Results or Comparison
        What ``simulate`` or ``compare`` returns.
    people : path or Roster
        Who works in the teams at the top; docs/outlook.md has the format.
    staff : path or None
        The lab's own team-months, which bring the priors up to date.
    announce : callable or None
        Called with a sentence if something is compiled.
    threads : int or None
        Their number changes no bit.

    Raises
    ------
    InputError
        N120 to N124; N101, N102 for what the file sets; T123 for the table of staff.
    """
    begun = ground(found, people, staff=staff)
    with announced(SENTENCE, announce), on_threads(threads) as execute:
        return foretell(begun, execute=execute)


def ground(
    found: Results | Comparison | Sequence[Results],
    people: str | os.PathLike[str] | Roster,
    *,
    staff: str | os.PathLike[str] | None = None,
    is_live: bool = False,
) -> Ground:
    """Measure where the years begin; takes and raises what `prospect` does. What is live goes on, and is no replay that was interrupted."""
    runs = found.runs if isinstance(found, Comparison) else (found,) if isinstance(found, Results) else tuple(found)
    known = people if isinstance(people, Roster) else read_roster(people)
    bounded(known.runs, known.months, known.seed)
    about = view(runs)
    if not is_live and any(run.partial for run in runs):
        raise InputError(
            "N124", "the replay was interrupted, so it says nothing of the lab in years", hint="let it end"
        )
    worlds, starts = _worlds(about, known)
    return Ground(
        tuple(about.labels), tuple(under(run) for run in runs), worlds, starts, known, staff, _notes(about, known, worlds[0])
    )  # fmt: skip


def foretell(
    begun: Ground, *, moved: Sequence[str] = (), runs: int | None = None, in_full: bool = True, execute: Execute
) -> Prospect:
    """Let a lab go on from where it begins.

    Parameters
    ----------
    begun : Ground
    moved : sequence of str
        Settings of parameters, over those of the file.
    runs : int or None
        How many; None: as the file says.
    in_full : bool
        Whether the model is held against public facts, and differences are told by way: both take far longer than all the rest.
    execute : callable
        Carries out what is to be run.

    Raises
    ------
    InputError
        N101, N102 for settings; T123 for the table of staff.
    """
    known = begun.known if runs is None else replace(begun.known, runs=runs)
    beliefs = Beliefs().with_set([*known.settings, *moved], [lab.name for lab in begun.worlds[0].labs])
    beliefs, worlds, learned_from = learned_by(beliefs, begun.worlds, begun.staff)
    marks = tuple(sorted({*range(STEP, known.months, STEP), known.months}))
    asked = Asked(months=known.months, marks=marks, seed=known.seed)
    played = [forecast(each, runs=known.runs, asked=asked, beliefs=beliefs, execute=execute) for each in worlds]
    outlooks = _outlooks(played, known, beliefs, learned_from, execute, in_full=in_full)
    starts = begun.starts or tuple(() for _ in worlds)
    courses = tuple(
        Course(label, of, start, each, fans(one))
        for label, of, start, each, one in zip(begun.labels, begun.under, starts, worlds, played, strict=True)
    )
    watched = _watched(courses)
    return Prospect(courses, outlooks, watched, _drivers(played, watched), begun)


def under(run: Results) -> str:
    """Say how a run was made, as part of a sentence: ``under the charter``, ``under product-first``, ``under other.yaml``."""
    if run.policy == "charter":
        return "under the charter"
    label = verdict.label(run)
    if label.endswith(" first"):
        return f"under {label.removesuffix(' first')}-first"
    return f"under {run.policy if run.policy in POLICIES else label}"


def _outlooks(
    played: Sequence[Forecast], known: Roster, beliefs: Beliefs, learned_from: str, execute: Execute, *, in_full: bool
) -> tuple[Outlook, ...]:
    pairs = [(other, played[0]) for other in played[1:]] or [tuple(played)]
    return tuple(
        foresee(
            [each.world for each in pair], runs=known.runs, asked=played[0].asked, beliefs=beliefs,
            checks=in_full and not number, drivers=False, parted=in_full, learned_from=learned_from, execute=execute, played=pair,
        )
        for number, pair in enumerate(pairs)
    )  # fmt: skip


def _worlds(about: View, known: Roster) -> tuple[tuple[World, ...], tuple[tuple[Measured, ...], ...]]:
    """Return the lab of each run among its rivals, and what was measured of it."""
    record = about.record
    reference = course(record.reference, record.charter)
    tops = [team.path for team in reference.teams]
    strange = [team for team in known.teams if team not in tops]
    if strange:
        raise InputError(
            "N121", f"'{strange[0]}' is no team at the top of the charter", hint="they are " + ", ".join(tops)
        )
    starts = tuple(measured(run, until_ms=about.until_ms) for run in about.runs)
    asks = {one.team: one.asks for one in starts[0]}
    found = tuple(
        _world(known, asks, start, label=label, acts=_acts(run, reference, tops), reference=reference)
        for run, label, start in zip(about.runs, about.labels, starts, strict=True)
    )
    if not found[0].groups:
        raise InputError(
            "N123", f"no team of the file has {GROUP_MIN} people or more", hint="nothing is told of smaller groups"
        )
    return found, starts


def _acts(run: Results, reference: Charter, tops: Sequence[str]) -> Charter:
    plan = run.record.plan
    if plan is run.record.reference:
        return reference
    acts = course(plan, plan.charter)
    if [team.path for team in acts.teams] != list(tops):
        raise InputError("N121", f"{verdict.label(run)} has other teams at the top", hint="they are " + ", ".join(tops))
    return acts


def _world(
    known: Roster, asks: dict[str, float], start: Sequence[Measured], *, label: str, acts: Charter, reference: Charter
) -> World:
    def teams(people: dict[str, int], behind: dict[str, Measured]) -> tuple[Team, ...]:
        return tuple(
            Team(
                team, of.role, people.get(team, 0), asks[team], of.growth,
                behind[team].starved if team in behind else 0.0, behind[team].breach if team in behind else 0.0,
            )
            for team, of in ((team, known.teams.get(team, Members())) for team in asks)
        )  # fmt: skip

    own = {team: of.people for team, of in known.teams.items()}
    labs = [_lab(FOCAL, known.economy, teams(own, {one.team: one for one in start}), acts, reference)]
    labs += [
        _lab(name, economy, teams(dict(people), {}), reference, None)
        for name, (economy, people) in known.rivals.items()
    ]
    said = f"The lab goes on as it was replayed, {label}."
    return world(label, tuple(labs), focal=FOCAL, told=said, assumptions=known.assumptions + _assumed(known))


def _lab(name: str, of: Economy, teams: tuple[Team, ...], acts: Charter, reference: Charter | None) -> Lab:
    return Lab(
        name, teams, (Stage(0, acts),), reference, of.revenue, of.compute, of.capability, of.growth, of.retention,
        of.flat,
    )  # fmt: skip


def _assumed(known: Roster) -> tuple[str, ...]:
    said = [
        f"what teams asked for in the last {LATEST_DAYS} days of the log they go on asking for, as their people or revenue grow",
        "nobody thinks more of one course than of the other (mission 0)",
    ]
    if known.rivals:
        said.append("rivals ask for what this lab asks for, and act under its charter")
    return tuple(said)


def _watched(courses: Sequence[Course]) -> str:
    """Return the team whose starts differ most, and where all begin alike, of whom most stay on one course and leave on the other."""
    first, last = ({team.name: team.starved for team in _own(each.world).teams} for each in (courses[0], courses[-1]))
    if len(courses) == 1:
        return max(courses[0].world.groups, key=lambda team: first[team])
    kept = {team: [each.fan("kept", team).at_end()[1] for each in courses] for team in courses[0].world.groups}
    return max(kept, key=lambda team: (abs(last[team] - first[team]), abs(kept[team][-1] - kept[team][0])))


def _own(of: World) -> Lab:
    return of.lab(of.focal)


def _drivers(played: Sequence[Forecast], watched: str) -> tuple[tuple[Measure, tuple[Driver, ...]], ...]:
    """Rank what the difference of the second course hangs on: the watched team's people, the lead, revenue."""
    first = played[0]
    names = (f"{watched}: first people still there", "lead in capability", "revenue")
    found: list[tuple[Measure, tuple[Driver, ...]]] = []
    for measure in measures(first.world, first.asked.marks[-1]):
        if measure.name in names:
            values = measure.of(first) if len(played) == 1 else measure.of(played[1]) - measure.of(first)
            if np.ptp(values) > 0:
                found.append((measure, by_rank(first, values)[:DRIVERS]))
    return tuple(found)


def _notes(about: View, known: Roster, start: World) -> tuple[str, ...]:
    left = [team for team in start.teams if team not in start.groups]
    said = [f"left out, with fewer than {GROUP_MIN} people or none told: {', '.join(left)}"] if left else []
    promises = about.record.charter.commitments
    dropped = [one.name for one in promises if not carried(one)]
    if dropped:
        said.append(f"judged in the log only, and not in the months after it: {', '.join(dropped)}")
    if len(about.record.charter.pools) > 1:
        said.append("the pools are one in the outlook, each device by its heh")
    return tuple(said)
