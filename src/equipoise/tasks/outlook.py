"""The outlook of a lab: a scenario run many times, alone or against another; its checks and its drivers."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from typing import TYPE_CHECKING, Any

from equipoise.errors import InputError
from equipoise.outlook.checks import CHECK_RUNS, Check, check_all
from equipoise.outlook.differences import Band, Difference, Measure, compare, forecasts, measures
from equipoise.outlook.drivers import Driver, by_rank, by_variance, variance_runs
from equipoise.outlook.labs import World
from equipoise.outlook.learned import Lesson, learn
from equipoise.outlook.parameters import Beliefs, Parameter
from equipoise.outlook.room import Asked
from equipoise.outlook.run import Execute, Forecast, forecast
from equipoise.report.figures import count, counted
from equipoise.report.outlook_tables import frames, show_outlook
from equipoise.tasks.scenario import Scenario, scenario
from equipoise.traces import read_staff

if TYPE_CHECKING:
    import polars as pl

RUNS, RUNS_MOST = 5_000, 1_000_000
DRIVEN = ("safety: first people still there", "lead in capability", "revenue")
CHECKED = 2  # courses that the checks play


@dataclass(frozen=True, slots=True)
class Outlook:
    """What was asked for and what came out; parts that were not asked for are empty."""

    world: World
    against: World | None
    runs: int
    months: int
    seed: int
    parameters: tuple[Parameter, ...]
    results: tuple[tuple[Measure, Band], ...]
    differences: tuple[Difference, ...] = ()
    checks: tuple[Check, ...] = ()
    drivers: tuple[tuple[Measure, tuple[Driver, ...], tuple[Driver, ...]], ...] = ()
    learned: tuple[Lesson, ...] = ()
    learned_from: str = ""

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {
            "scenario": self.world.name,
            "told": self.world.told,
            "against": None if self.against is None else self.against.name,
            "assumptions": list(self.world.assumptions),
            "runs": self.runs,
            "months": self.months,
            "seed": self.seed,
            "parameters": [
                {"name": p.name, "unit": p.unit, "prior": str(p.prior), "solidity": p.badge, "source": p.source}
                for p in self.parameters
            ],
            "learned": [asdict(lesson) | {"left": lesson.left} for lesson in self.learned],
            "results": [_named(measure) | asdict(band) for measure, band in self.results],
            "differences": [
                _named(d.measure)
                | {
                    "first": asdict(d.first),
                    "second": asdict(d.second),
                    "paired": asdict(d.paired),
                    "flips": d.flips,
                    "parts": d.parts,
                }
                for d in self.differences
            ],
            "checks": [asdict(check) | {"verdict": check.verdict} for check in self.checks],
            "drivers": [
                _named(measure) | {"rank": [asdict(d) for d in rank], "variance": [asdict(d) for d in variance]}
                for measure, rank, variance in self.drivers
            ],
        }

    @property
    def frames(self) -> dict[str, pl.DataFrame]:
        """Data frames by name: ``parameters``, ``results`` and, where asked for, ``differences``, ``checks``, ``drivers``."""
        return frames(self.to_dict())

    def _repr_html_(self) -> str:
        """Show itself in a notebook."""
        return show_outlook(self)


def outlook(
    name: str | os.PathLike[str] = "product-pivot",
    *,
    against: str | os.PathLike[str] | None = None,
    runs: int = RUNS,
    months: int = 60,
    seed: int = 0,
    settings: Sequence[str] = (),
    checks: bool = False,
    drivers: bool = False,
    staff: str | os.PathLike[str] | None = None,
    threads: int | None = None,
    progress: Callable[[int, int], None] | None = None,
) -> Outlook:
    """Run a scenario many times.

    Parameters
    ----------
    name, against : str or path
        A shipped scenario or a file; ``against`` is run under the same luck, and the differences are told.
    runs, months, seed : int
    settings : sequence of str
        ``name=value`` or ``name=distribution``, over what the scenario sets.
    checks, drivers : bool
        Whether also the public facts are checked, and what the results hang on is told (Sobol indices where SciPy is installed).
    staff : path or None
        The focal lab's own team-months, as ``traces.read_staff`` reads them: they bring its priors up to date.
    threads : int or None
        None: one a processor. Their number changes no bit.
    progress : callable or None
        Gets how many runs of how many are done, over everything that is asked for.

    Raises
    ------
    InputError
        N101, N102 for settings; N103 to N105 for scenarios; N106 for runs, months or seed out of bounds; T123 for the table of staff.
    """
    bounded(runs, months, seed)
    first, second = scenario(name), None if against is None else scenario(against)
    if second is not None and second.settings != first.settings:
        settings = [*second.settings, *settings]  # one set of beliefs for both
    worlds = (first.world,) if second is None else (first.world, second.world)
    if second is not None:
        _alike(first, second)
    beliefs = Beliefs().with_set([*first.settings, *settings], [lab.name for lab in first.world.labs])
    beliefs, worlds, told = learned_by(beliefs, worlds, staff)
    with on_threads(threads, progress, _runs_in_all(worlds, runs, checks=checks, drivers=drivers)) as execute:
        return foresee(
            worlds, runs=runs, asked=Asked(months=months, marks=(months,), seed=seed), beliefs=beliefs, checks=checks,
            drivers=drivers, learned_from=told, execute=execute,
        )  # fmt: skip


def foresee(
    worlds: Sequence[World],
    *,
    runs: int,
    asked: Asked,
    beliefs: Beliefs,
    checks: bool,
    drivers: bool,
    learned_from: str,
    execute: Execute,
    parted: bool = True,
    played: tuple[Forecast, ...] = (),
) -> Outlook:
    """Run one world, or two that are compared, unless they were ``played`` already; and all else that was asked for.

    Without ``parted``, differences are not told by way, which is what takes longest.
    """
    first, second = worlds[0], worlds[1] if len(worlds) > 1 else None
    played = played or tuple(
        forecast(each, runs=runs, asked=asked, beliefs=beliefs, execute=execute) for each in worlds
    )
    found = played[0]
    told = measures(first, asked.marks[-1])
    differences: tuple[Difference, ...] = ()
    if second is not None:
        both = (found, played[1])
        differences = compare(
            first, second, runs=runs, asked=asked, beliefs=beliefs, parted=parted, played=both, execute=execute
        )
    driven: list[tuple[Measure, tuple[Driver, ...], tuple[Driver, ...]]] = []
    for measure in told if drivers else ():
        if measure.name in DRIVEN:
            variance = by_variance(first, measure.of, asked=asked, beliefs=beliefs, execute=execute)
            driven.append((measure, by_rank(found, measure.of(found)), variance))
    return Outlook(
        first, second, runs, asked.months, asked.seed, sourced(beliefs, learned_from),
        tuple((measure, Band.of(measure.of(found))) for measure in told), differences,
        checked(beliefs, runs=runs, seed=asked.seed, execute=execute) if checks else (), tuple(driven),
        () if beliefs.learned is None else beliefs.learned.lessons(), learned_from,
    )  # fmt: skip


def checked(beliefs: Beliefs, *, runs: int, seed: int, execute: Execute) -> tuple[Check, ...]:
    """Hold the model against public facts, by the shipped charters of a promise kept and of a pivot."""
    own = scenario("product-pivot").charters
    enough = max(runs, CHECK_RUNS)
    return check_all(own["kept"], own["product-first"], runs=enough, seed=seed, beliefs=beliefs, execute=execute)


def learned_by(
    beliefs: Beliefs, worlds: tuple[World, ...], staff: str | os.PathLike[str] | None
) -> tuple[Beliefs, tuple[World, ...], str]:
    """Bring the focal lab's beliefs up to date by its table of team-months, if there is one; say what they were learned from.

    A retention that a scenario gives for the lab is left out then: its own months tell it.
    """
    if staff is None:
        return beliefs, worlds, ""
    months, focal = read_staff(staff), worlds[0].focal
    beliefs = learn(beliefs, focal, months)
    assert beliefs.learned is not None
    of = beliefs.learned.posterior
    told = f"{counted(of.departures, 'departure')} in {count(of.people_months)} people-months of {counted(len(months.teams), 'team')}"
    worlds = tuple(world.with_lab(replace(world.lab(focal), retention=None)) for world in worlds)
    return beliefs, worlds, "; ".join([told, *months.notes])


def sourced(beliefs: Beliefs, learned_from: str) -> tuple[Parameter, ...]:
    """Return the parameters; those that were brought up to date by the lab's own months say so."""
    learned = beliefs.learned.names if beliefs.learned is not None else ()
    return tuple(
        replace(known, source=f"{known.source}; brought up to date by {learned_from}")
        if known.name in learned
        else known
        for known in beliefs.parameters
    )


@contextmanager
def on_threads(
    threads: int | None, progress: Callable[[int, int], None] | None = None, total: int = 0
) -> Generator[Execute, None, None]:
    """Carry out calls on threads while the block runs; ``progress`` gets what they return, added up, of a ``total``."""
    with ThreadPoolExecutor(threads or os.cpu_count() or 1) as pool:
        done = 0

        def execute(calls: Iterable[Callable[[], int]], /) -> Iterator[int]:
            nonlocal done
            for finished in as_completed([pool.submit(call) for call in calls]):
                done += finished.result()
                if progress is not None:
                    progress(done, max(done, total))
                yield finished.result()

        yield execute


def _runs_in_all(worlds: Sequence[World], runs: int, *, checks: bool, drivers: bool) -> int:
    """Return how many runs all parts come to."""
    played = forecasts(worlds[0], worlds[1]) if len(worlds) > 1 else 1
    checking = CHECKED * max(runs, CHECK_RUNS) if checks else 0
    driven = [measure for measure in measures(worlds[0], 1) if drivers and measure.name in DRIVEN]
    return runs * played + checking + len(driven) * variance_runs(worlds[0])


def bounded(runs: int, months: int, seed: int, most: int = RUNS_MOST) -> None:
    """Raise ``InputError`` N106 for runs, months or a seed that are out of bounds."""
    wrong = {
        f"{runs} runs are not between 20 and {most:,}": not 20 <= runs <= most,
        f"{months} months are not between 6 and 240": not 6 <= months <= 240,
        f"the seed {seed} is not between 0 and 2^64 − 1": not 0 <= seed < 1 << 64,
    }
    for sentence, so in wrong.items():
        if so:
            raise InputError("N106", sentence, hint="see equipoise outlook --help")


def _alike(first: Scenario, second: Scenario) -> None:
    if [lab.name for lab in first.world.labs] != [
        lab.name for lab in second.world.labs
    ] or first.world.teams != second.world.teams:
        raise InputError("N103", "the two scenarios have other labs or teams", hint="compare courses of the same labs")


def _named(measure: Measure) -> dict[str, Any]:
    return {"name": measure.name, "unit": measure.unit, "kind": measure.kind}
