"""Which parameters a result hangs on: rank correlation over the runs, and Sobol indices over the unit cube of parameters.

Sobol indices need SciPy (the extra ``outlook``). One more input stands beside the parameters: `luck`, which run's chance is taken; its
share is what no better knowledge of the parameters would remove.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.errors import InputError
from equipoise.outlook.draws import of_units
from equipoise.outlook.labs import World
from equipoise.outlook.parameters import PER_LAB, SHARED, Beliefs
from equipoise.outlook.room import Asked
from equipoise.outlook.run import Execute, Forecast, in_turn, run_with

F64 = NDArray[np.float64]
LUCK = "luck"
LUCKS = 1 << 30


@dataclass(frozen=True, slots=True)
class Driver:
    """A parameter and how much a result hangs on it: rank correlation, or Sobol's first and total index."""

    name: str
    rank: float | None = None
    first: float | None = None
    total: float | None = None


def by_rank(found: Forecast, result: F64) -> tuple[Driver, ...]:
    """Return every parameter by its rank correlation (Spearman) with a result, the strongest first."""
    columns = {name: found.params[name] for name in SHARED}
    labs = [lab.name for lab in found.world.labs]
    of_labs = found.per_lab.reshape(found.runs, len(labs))
    columns |= {f"{name}.{lab}": of_labs[name][:, n] for name in PER_LAB for n, lab in enumerate(labs)}
    own = ranks(result)
    drivers = [Driver(name, rank=correlation(ranks(values), own)) for name, values in columns.items()]
    return tuple(sorted(drivers, key=lambda driver: (-abs(driver.rank or 0.0), driver.name)))


def ranks(values: F64) -> F64:
    """Return ranks from 1 on; equal values share the mean of theirs."""
    _, inverse, counts = np.unique(values, return_inverse=True, return_counts=True)
    last = np.cumsum(counts)
    return (last - (counts - 1) / 2.0)[inverse]


def correlation(a: F64, b: F64) -> float:
    """Return Pearson's correlation; 0 where one does not vary."""
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a * a).sum() * (b * b).sum()))
    return float((a * b).sum()) / scale if scale > 0 else 0.0


SAMPLES = 512


def variance_runs(world: World, samples: int = SAMPLES) -> int:
    """Return how many runs `by_variance` takes: two samples, and one more for each input (Saltelli)."""
    return samples * (len(SHARED) + len(PER_LAB) * len(world.labs) + 1 + 2)


def by_variance(
    world: World,
    result: Callable[[Forecast], F64],
    *,
    asked: Asked,
    beliefs: Beliefs | None = None,
    samples: int = SAMPLES,
    execute: Execute = in_turn,
) -> tuple[Driver, ...]:
    """Return every parameter by its total Sobol index, the largest first; ``samples`` is a power of two.

    Raises
    ------
    InputError
        N107 when SciPy is not installed.
    """
    try:
        from scipy import stats  # pyright: ignore[reportMissingImports, reportMissingTypeStubs, reportUnknownVariableType]
    except ImportError:
        raise InputError(
            "N107", "Sobol indices need SciPy, which is not installed", hint="pip install 'equipoise[outlook]'"
        ) from None
    scipy: Any = stats
    known, labs = beliefs or Beliefs(), [lab.name for lab in world.labs]
    names = [*SHARED, *(f"{name}.{lab}" for name in PER_LAB for lab in labs), LUCK]

    def model(unit: F64) -> F64:
        columns = np.clip(np.asarray(unit, np.float64).reshape(len(names), -1), 2.0**-53, 1 - 2.0**-53)
        own = [columns[len(SHARED) + n : -1 : len(labs)].T for n in range(len(labs))]
        params, per_lab = of_units(known, labs, columns[: len(SHARED)].T, own)
        numbers = (columns[-1] * LUCKS).astype(np.int64)
        found = run_with(world, params, per_lab, asked=asked, numbers=numbers, execute=execute)
        return result(found).reshape(1, -1)

    dists = [scipy.uniform(0, 1)] * len(names)
    indices = scipy.sobol_indices(func=model, n=samples, dists=dists, rng=np.random.default_rng(asked.seed))
    first, total = np.ravel(indices.first_order), np.ravel(indices.total_order)
    drivers = [Driver(name, first=float(first[n]), total=float(total[n])) for n, name in enumerate(names)]
    return tuple(sorted(drivers, key=lambda driver: (-(driver.total or 0.0), driver.name)))
