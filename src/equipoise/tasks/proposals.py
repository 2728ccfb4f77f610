"""Who proposes charters: Optuna's NSGA-II, a fixed number to a generation.

Optuna reads the clock, logs and locks, which nothing in the pure layer `tune` may do; so it stands here, behind the
protocol `equipoise.tune.Proposals`. Its study lives in memory and is asked and told from one thread, in a fixed order: the
proposals depend on the seed and on what was told, and on nothing else.
"""

from __future__ import annotations

import importlib
from collections.abc import Sequence
from typing import Any

from equipoise.errors import InputError
from equipoise.tune import Parameter
from equipoise.tune.frontier import Costs

GENERATION = 20
"""How many charters a generation has that pass `check`. It does not depend on how many measure at once."""


class Generations:
    """Proposals of NSGA-II; the first generation begins with the present charter.

    Parameters
    ----------
    parameters : sequence of Parameter
    objectives : int
        How many.
    seed : int

    Raises
    ------
    InputError
        U101 if Optuna is not installed.
    """

    def __init__(self, parameters: Sequence[Parameter], objectives: int, *, seed: int) -> None:
        optuna = _optuna()
        self._names = [parameter.name for parameter in parameters]
        self._ladders = {
            parameter.name: optuna.distributions.IntDistribution(0, len(parameter.values) - 1)
            for parameter in parameters
        }
        sampler = optuna.samplers.NSGAIISampler(population_size=GENERATION, seed=seed)
        self._study: Any = optuna.create_study(directions=["minimize"] * objectives, sampler=sampler)
        self._study.enqueue_trial({parameter.name: parameter.present for parameter in parameters})
        self._asked: dict[int, Any] = {}
        self._complete = 0

    def ask(self) -> list[tuple[int, tuple[int, ...]]]:
        """Return what is missing of a generation: all of it, or as many as were refused."""
        found: list[tuple[int, tuple[int, ...]]] = []
        for _ in range(GENERATION - self._complete % GENERATION):
            trial = self._study.ask(self._ladders)
            self._asked[trial.number] = trial
            found.append((trial.number, tuple([int(trial.params[name]) for name in self._names])))
        return found

    def tell(self, number: int, costs: Costs | None, violation: float) -> None:
        """Say what came of a proposal."""
        trial = self._asked.pop(number)
        if costs is None:
            self._study.tell(trial, state=_optuna().trial.TrialState.PRUNED)
            return
        trial.set_constraint("conditions", violation)
        self._study.tell(trial, list(costs))
        self._complete += 1


def _optuna() -> Any:
    try:
        optuna: Any = importlib.import_module("optuna")
    except ImportError:
        hint = "pip install 'equipoise[tune]'"
        raise InputError("U101", "the search needs Optuna, which is not installed", hint=hint) from None
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    return optuna
