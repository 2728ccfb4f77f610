"""The search: charters are proposed a generation at a time, checked, measured, and told of.

Who proposes and who measures are given from above (`Proposals`, `Measure`). The order in which charters are proposed and told
of is the same however many measure at once, so that the same seed finds the same whatever the machine.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice, product
from typing import Protocol

from equipoise.charter.model import Charter
from equipoise.charter_io import check
from equipoise.charter_io.editing import Editable
from equipoise.tune.figures import Figures
from equipoise.tune.frontier import Costs, frontier
from equipoise.tune.objectives import Conditions, Objective
from equipoise.tune.parameters import Parameter

Levels = tuple[int, ...]
"""Which of its values each parameter has."""

AT_ONCE = 100
ASKED_MOST = 50
"""How many proposals there are at most for each charter that is measured: most may be refused or met again."""


class Proposals(Protocol):
    """Who proposes; a fixed number to a generation, whoever measures."""

    def ask(self) -> Sequence[tuple[int, Levels]]:
        """Return numbered proposals: what is missing of a generation."""
        ...

    def tell(self, number: int, costs: Costs | None, violation: float) -> None:
        """Say what came of a proposal: its costs, and by how much it misses conditions; None if it was not measured."""
        ...


class Measure(Protocol):
    """Who measures charters, in any order or at once; the results come in the order asked, fewer if halted."""

    def __call__(self, charters: Sequence[bytes], /) -> Iterator[Figures]:
        """Measure charters given as files."""
        ...


@dataclass(frozen=True, slots=True)
class Space:
    """Where a search may go.

    Parameters
    ----------
    text : Editable
        The present charter's file.
    parameters : tuple of Parameter
    conditions : Conditions
    """

    text: Editable
    parameters: tuple[Parameter, ...]
    conditions: Conditions

    @property
    def present(self) -> Levels:
        """The present charter's place."""
        return tuple([parameter.present for parameter in self.parameters])

    @property
    def size(self) -> int:
        """How many charters there are in it."""
        size = 1
        for parameter in self.parameters:
            size *= len(parameter.values)
        return size

    def written(self, levels: Levels, *, also: Mapping[tuple[str, ...], str] | None = None, head: str = "") -> bytes:
        """Return the file of a charter of this space; what is as in the present one stays as it is written."""
        values = {
            parameter.path: parameter.values[level]
            for parameter, level in zip(self.parameters, levels, strict=True)
            if level != parameter.present
        }
        return self.text.edited({**values, **(also or {})}, head=head)

    def read(self, data: bytes) -> tuple[Charter | None, str]:
        """Check a charter; returns it, or None and what it is refused for."""
        report = check(data)
        if report.charter is None:
            return None, f"{report.errors[0].code} of check"
        refusal = self.conditions.refusal(report.charter)
        return (None, refusal) if refusal else (report.charter, "")


class Everything:
    """Proposes every charter of a space, in order: for a space that is not larger than what may be measured."""

    def __init__(self, space: Space) -> None:
        self._left = enumerate(product(*(range(len(parameter.values)) for parameter in space.parameters)))

    def ask(self) -> Sequence[tuple[int, Levels]]:
        """Return the next ones, none at the end."""
        return list(islice(self._left, AT_ONCE))

    def tell(self, number: int, costs: Costs | None, violation: float) -> None:
        """Nothing is learned."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A charter that was measured.

    Parameters
    ----------
    number : int
        In the order of the search; 0 is the present charter.
    levels : tuple of int
    figures : Figures
    violation : float
        By how much it misses conditions on figures.
    """

    number: int
    levels: Levels
    figures: Figures
    violation: float = 0.0


@dataclass(frozen=True, slots=True)
class Searched:
    """What a search found.

    Parameters
    ----------
    trials : tuple of Trial
        In order; the first is the present charter.
    refused : mapping of str to int
        How many proposals were refused before they were measured, by reason.
    proposed : int
    halted : bool
        Whether it was ended before it was done.
    """

    trials: tuple[Trial, ...]
    refused: Mapping[str, int]
    proposed: int
    halted: bool

    def frontier(self, objectives: Sequence[Objective]) -> list[Trial]:
        """Return the trials that keep all conditions and that no other such trial dominates."""
        allowed = [trial for trial in self.trials if trial.violation == 0]
        return frontier(allowed, lambda trial: costs_of(trial.figures, objectives))


def costs_of(figures: Figures, objectives: Sequence[Objective]) -> Costs:
    """Return the objectives such that less is better."""
    return tuple([objective.cost(figures) for objective in objectives])


@dataclass(slots=True)
class _Search:
    space: Space
    objectives: Sequence[Objective]
    measured: dict[Levels, Trial]
    refused: Counter[str] = field(default_factory=Counter[str])
    why: dict[Levels, str] = field(default_factory=dict[Levels, str])

    def admitted(self, proposed: Sequence[tuple[int, Levels]], room: int) -> dict[Levels, bytes]:
        """Return the charters among proposals that are to be measured, each once, as many as there is room for."""
        fresh: dict[Levels, bytes] = {}
        for _, levels in proposed:
            if levels in self.measured or levels in fresh or len(fresh) == room:
                continue
            if levels not in self.why:
                data = self.space.written(levels)
                charter, self.why[levels] = self.space.read(data)
                if charter is not None:
                    del self.why[levels]
                    fresh[levels] = data
        return fresh

    def tell(self, proposals: Proposals, proposed: Sequence[tuple[int, Levels]]) -> None:
        """Tell of every proposal, in order; those for which there was no room are told of as not measured."""
        for number, levels in proposed:
            trial = self.measured.get(levels)
            if trial is None:
                if levels in self.why:
                    self.refused[self.why[levels]] += 1
                proposals.tell(number, None, 0.0)
            else:
                proposals.tell(number, costs_of(trial.figures, self.objectives), trial.violation)


def search(
    space: Space,
    present: Figures,
    objectives: Sequence[Objective],
    *,
    proposals: Proposals,
    measure: Measure,
    trials: int,
    progress: Callable[[int], None] | None = None,
    halt: Callable[[], bool] | None = None,
) -> Searched:
    """Search a space.

    Parameters
    ----------
    space : Space
    present : Figures
        Those of the present charter, which is the first trial.
    objectives : sequence of Objective
    proposals, measure
        Who proposes and who measures.
    trials : int
        How many charters are measured at most, the present one among them.
    progress : callable or None
        Called with how many are measured.
    halt : callable or None
        Asked now and then whether to end; what was measured by then is returned.

    Returns
    -------
    Searched
    """
    first = Trial(0, space.present, present, space.conditions.violation(present))
    state = _Search(space, objectives, {space.present: first})
    proposed = 0
    halted = False
    while len(state.measured) < min(trials, space.size) and proposed < ASKED_MOST * trials and not halted:
        batch = proposals.ask()
        if not batch:
            break
        proposed += len(batch)
        fresh = state.admitted(batch, trials - len(state.measured))
        for levels, figures in zip(fresh, measure(list(fresh.values())), strict=False):
            violation = space.conditions.violation(figures)
            state.measured[levels] = Trial(len(state.measured), levels, figures, violation)
            if progress is not None:
                progress(len(state.measured))
        halted = halt is not None and halt()
        state.tell(proposals, batch)
    return Searched(tuple(state.measured.values()), dict(state.refused.most_common()), proposed, halted)
