"""The outlook of a lab: a scenario run many times, alone or against another; its checks and its drivers."""

from __future__ import annotations

import os
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from equipoise.errors import InputError
from equipoise.outlook.checks import Check, check_all
from equipoise.outlook.differences import ORDER, Band, Difference, Measure, compare, measures
from equipoise.outlook.drivers import Driver, by_rank, by_variance, variance_runs
from equipoise.outlook.labs import World
from equipoise.outlook.parameters import Beliefs, Parameter
from equipoise.outlook.room import Asked
from equipoise.outlook.run import Execute, forecast
from equipoise.report.outlook_tables import frames, show_outlook
from equipoise.tasks.scenario import Scenario, scenario

if TYPE_CHECKING:
    import polars as pl

RUNS, RUNS_MOST = 5_000, 1_000_000
COURSES = 2  # of a comparison, and of the checks


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
    threads : int or None
        None: one a processor. Their number changes no bit.
    progress : callable or None
        Gets how many runs of how many are done, over everything that is asked for.

    Raises
    ------
    InputError
        N101, N102 for settings; N103 to N105 for scenarios; N106 for runs, months or seed out of bounds.
    """
    bounded(runs, months, seed)
    first, second = scenario(name), None if against is None else scenario(against)
    if second is not None and second.settings != first.settings:
        settings = [*second.settings, *settings]  # one set of beliefs for both
    beliefs = Beliefs().with_set([*first.settings, *settings], [lab.name for lab in first.world.labs])
    asked = Asked(months=months, marks=(months,), seed=seed)
    with on_threads(threads, progress, _runs_in_all(first, second, runs, checks=checks, drivers=drivers)) as execute:
        found = forecast(first.world, runs=runs, asked=asked, beliefs=beliefs, execute=execute)
        told = measures(first.world, months)
        differences: tuple[Difference, ...] = ()
        if second is not None:
            _alike(first, second)
            differences = compare(first.world, second.world, runs=runs, asked=asked, beliefs=beliefs, execute=execute)
        checked: tuple[Check, ...] = ()
        if checks:
            own = scenario("product-pivot").charters
            checked = check_all(
                own["kept"], own["product-first"], runs=runs, seed=seed, beliefs=beliefs, execute=execute
            )
        driven: list[tuple[Measure, tuple[Driver, ...], tuple[Driver, ...]]] = []
        for measure in told if drivers else ():
            if measure.name in DRIVEN:
                variance = by_variance(first.world, measure.of, asked=asked, beliefs=beliefs, execute=execute)
                driven.append((measure, by_rank(found, measure.of(found)), variance))
    return Outlook(
        first.world, None if second is None else second.world, runs, months, seed, beliefs.parameters,
        tuple((measure, Band.of(measure.of(found))) for measure in told), differences, checked, tuple(driven),
    )  # fmt: skip


DRIVEN = ("safety: first people still there", "lead in capability", "revenue")


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


def _runs_in_all(first: Scenario, second: Scenario | None, runs: int, *, checks: bool, drivers: bool) -> int:
    """Return how many runs all parts come to."""
    forecasts = 1 + (0 if second is None else COURSES * (1 + len(ORDER))) + (COURSES if checks else 0)
    return runs * forecasts + (len(DRIVEN) * variance_runs(first.world) if drivers else 0)


def bounded(runs: int, months: int, seed: int, most: int = RUNS_MOST) -> None:
    """Refuse runs, months or a seed that are out of bounds."""
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
