"""What each run believes: parameters from numbers that depend on the seed and the run alone, so all charters share them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from equipoise.outlook.kernel.layout import WORLD, Chance
from equipoise.outlook.kernel.month import fill_units
from equipoise.outlook.parameters import LAB_RECORD, PER_LAB, RECORD, SHARED, Beliefs

F64 = NDArray[np.float64]
WORD = (1 << 32) - 1


def key_of(name: str) -> int:
    """Return the number that stands for a lab or team in every draw: it depends on the name alone."""
    return crc32(name.encode()) % 0xFFFE + 1


def units(seed: int, first_run: int, runs: int, *, columns: int, lab: str = "") -> F64:
    """Return uniform numbers inside (0, 1), one row a run and one column a parameter."""
    found = np.empty(runs * columns)
    world = np.zeros(1, WORLD)
    world["seed_low"], world["seed_high"] = seed & WORD, seed >> 32 & WORD
    fill_units(Chance(world), found, columns, first_run, runs, key_of(lab) if lab else 0)
    return found.reshape(runs, columns)


def parameters(beliefs: Beliefs, labs: Sequence[str], seed: int, first_run: int, runs: int) -> tuple[Any, Any]:
    """Return the parameters of some runs: records of what all labs share, and runs × labs records of what each draws."""
    of_labs = [units(seed, first_run, runs, columns=len(PER_LAB), lab=lab) for lab in labs]
    return of_units(beliefs, labs, units(seed, first_run, runs, columns=len(SHARED)), of_labs)


def of_units(beliefs: Beliefs, labs: Sequence[str], unit: F64, of_labs: Sequence[F64]) -> tuple[Any, Any]:
    """Turn uniform numbers into the records of `parameters`: one column a shared parameter, and for each lab one a parameter of its own."""
    shared = np.zeros(len(unit), RECORD)
    for column, name in enumerate(SHARED):
        shared[name] = beliefs.prior(name).quantiles(unit[:, column])
    own = np.zeros((len(unit), len(labs)), LAB_RECORD)
    for number, lab in enumerate(labs):
        for column, name in enumerate(PER_LAB):
            own[name][:, number] = beliefs.prior(name, lab).quantiles(of_labs[number][:, column])
    if beliefs.learned is not None and beliefs.learned.lab in labs:
        number = list(labs).index(beliefs.learned.lab)
        beliefs.learned.enter(beliefs, shared, own[:, number], unit, of_labs[number])
    return shared, own.reshape(-1)
