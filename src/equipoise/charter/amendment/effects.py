"""What an amendment does to every team, promise and gate: strengthens, weakens, or neither.

`effect` is the main path. What is weakened decides who signs (`equipoise.charter.amendment.requirements`).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol, TypeVar

from equipoise.charter.amendment.gates import gate_moves
from equipoise.charter.amendment.moves import Move
from equipoise.charter.amendment.promises import competition, promise_moves
from equipoise.charter.amendment.teams import team_moves
from equipoise.charter.model import Charter

Kind = Literal["team", "promise", "gate"]
Outcome = Literal["strengthened", "weakened", "neutral"]


class _Named(Protocol):
    @property
    def name(self) -> str: ...


Record = TypeVar("Record", bound=_Named)


@dataclass(frozen=True, slots=True)
class Thing:
    """A team, promise or gate of either charter, and what the amendment does to it.

    Parameters
    ----------
    kind : {'team', 'promise', 'gate'}
    name : str
        A team's path, or the name.
    weaker, stronger : tuple of Move
        What weakens it, and what strengthens it.
    protected_by : tuple of str
        Boards that sign what weakens it, by the charter in force; along the path of a team.
    """

    kind: Kind
    name: str
    weaker: tuple[Move, ...]
    stronger: tuple[Move, ...]
    protected_by: tuple[str, ...]

    @property
    def outcome(self) -> Outcome:
        """Weakened if anything weakens it, whatever else strengthens it."""
        return "weakened" if self.weaker else "strengthened" if self.stronger else "neutral"

    def to_dict(self) -> dict[str, object]:
        """Return plain values for JSON."""
        return {
            "kind": self.kind,
            "name": self.name,
            "outcome": self.outcome,
            "weaker": [move.to_dict() for move in self.weaker],
            "stronger": [move.to_dict() for move in self.stronger],
            "protected_by": list(self.protected_by),
        }


@dataclass(frozen=True, slots=True)
class Effect:
    """What an amendment does.

    Parameters
    ----------
    things : tuple of Thing
        Teams, promises, gates; of each kind those of the charter in force in its order, then those that are new.
    """

    things: tuple[Thing, ...]

    @property
    def weakened(self) -> tuple[Thing, ...]:
        """What is weakened."""
        return tuple(thing for thing in self.things if thing.weaker)

    @property
    def strengthened(self) -> tuple[Thing, ...]:
        """What is strengthened, and not weakened in anything."""
        return tuple(thing for thing in self.things if thing.outcome == "strengthened")

    def of(self, kind: Kind, name: str) -> Thing:
        """Return the thing of that kind and name; raises ``KeyError`` when neither charter has it."""
        for thing in self.things:
            if (thing.kind, thing.name) == (kind, name):
                return thing
        raise KeyError(name)


def effect(old: Charter, new: Charter) -> Effect:
    """Compare two charters by what each team, promise and gate can count on.

    Parameters
    ----------
    old : Charter
        The charter in force.
    new : Charter
        The amendment. Both have passed `check`.

    Returns
    -------
    Effect

    Examples
    --------
    >>> from fractions import Fraction
    >>> from equipoise.charter import EVERYTHING, Pool, Share, Team
    >>> def lab(**floors: int) -> Charter:
    ...     teams = [
    ...         Team(name, name, None, {"p": Share(fraction=Fraction(percent, 100))}, {"p": EVERYTHING})
    ...         for name, percent in sorted(floors.items())
    ...     ]
    ...     return Charter("Lab", (Pool("p", "GPU", 1, 100),), tuple(teams))
    >>> found = effect(lab(product=40, safety=20), lab(product=30, safety=30))
    >>> [(thing.name, thing.outcome) for thing in found.things]
    [('product', 'weakened'), ('safety', 'strengthened')]
    """
    protectors = {team.path: team.protected_by for team in old.teams}
    teams = (_thing("team", path, told, protectors.get(path, ())) for path, told in team_moves(old, new).items())
    rivals = competition(old, new)
    promises = _things(
        "promise",
        old.commitments,
        new.commitments,
        lambda was, now: [*promise_moves(old, new, was, now), *rivals.get(was.name, ())],
        {promise.name: promise.protected_by for promise in old.commitments},
    )
    gates = _things(
        "gate",
        old.release_gates,
        new.release_gates,
        lambda was, now: list(gate_moves(was, now)),
        {gate.name: gate.protected_by for gate in old.release_gates},
    )
    return Effect((*teams, *promises, *gates))


def _things(
    kind: Kind,
    old: Sequence[Record],
    new: Sequence[Record],
    compare: Callable[[Record, Record], list[Move]],
    protectors: Mapping[str, tuple[str, ...]],
) -> Iterator[Thing]:
    were, are = ({record.name: record for record in records} for records in (old, new))
    for name, was in were.items():
        told = compare(was, are[name]) if name in are else [Move("weaker", kind, name, None)]
        yield _thing(kind, name, told, protectors[name])
    for name in are:
        if name not in were:
            yield _thing(kind, name, [Move("stronger", kind, None, name)], ())


def _thing(kind: Kind, name: str, told: Sequence[Move], protected_by: tuple[str, ...]) -> Thing:
    weaker = tuple(move for move in told if move.weakens)
    return Thing(kind, name, weaker, tuple(move for move in told if not move.weakens), protected_by)
