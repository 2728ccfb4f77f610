"""How teams differ: the numbers that they can count on, what binds and protects them, who may use what they have."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from equipoise.charter import difference_fields as fields
from equipoise.charter.amendment.gates import asked_moves, stands_before
from equipoise.charter.amendment.measured import measured
from equipoise.charter.amendment.moves import Move, Rule, fixed, higher, lower, moves
from equipoise.charter.amendment.promises import cap_moves, opposite
from equipoise.charter.governance import Gate
from equipoise.charter.model import Charter, Team
from equipoise.charter.promise import Commitment

_RULES: Mapping[str, Rule[Team]] = {
    "recover": (lower, lambda team: team.recover_ms),
    "protect.grace": (higher, lambda team: team.grace_ms),
    "protect.min_runtime": (higher, lambda team: team.min_runtime_ms),
    "protect.reclaims_per_day": (lower, lambda team: team.reclaims_per_day),
    "max_job": (higher, lambda team: float("inf") if team.max_job is None else team.max_job),
    "submit": (fixed, lambda team: frozenset(team.submit)),
    "owner": (fixed, lambda team: team.owner),
}


def team_moves(old: Charter, new: Charter) -> dict[str, list[Move]]:
    """Return how every team of either charter differs, by path: those of ``old`` in preorder, then those that are new."""
    numbers = measured(old, new)
    were, are = ({team.path: team for team in charter.teams} for charter in (old, new))
    found = {path: [] if path in are else [Move("weaker", "team", path, None)] for path in were}
    for path, was in were.items():
        if path in are:
            found[path] += [*numbers.get(path, ()), *_own(old, new, was, are[path])]
    _leaves(were, are, found)
    _caps(old, new, found)
    _gates(old, new, found)
    found.update({path: [Move("stronger", "team", None, path)] for path in are if path not in were})
    return found


def _own(old: Charter, new: Charter, was: Team, now: Team) -> Iterator[Move]:
    if old.reclaim != new.reclaim:  # what others' claims may take, and what one's own bring back: more of both, or less
        yield Move("unordered", "reclaim", old.reclaim, new.reclaim)
    unchanged = all(value(was) == value(now) for _, value in _RULES.values())
    if not unchanged:
        yield from moves(_RULES, was, now, lambda team: fields.texts(fields.TEAM, team))


def _leaves(were: Mapping[str, Team], are: Mapping[str, Team], found: dict[str, list[Move]]) -> None:
    """A leaf of a team that is missing, and one that lets in whom the team did not, weaken every team above."""
    for leaf in were.values():
        if leaf.is_leaf and leaf.path not in are:
            _above(leaf.path, Move("weaker", "leaf", leaf.path, None), were, are, found)
    for leaf in are.values():
        if not leaf.is_leaf:
            continue
        was = were.get(leaf.path)
        who = ", ".join(leaf.submit)
        for path in _ancestors(leaf.path):
            if path not in were:
                continue
            within = were[path].submit if was is None else was.submit
            if not set(leaf.submit) <= set(within):
                told = ", ".join(within)
                found[path].append(Move("unordered", f"submit of {leaf.path}", told if was else None, who))


def _above(
    leaf: str, move: Move, were: Mapping[str, Team], are: Mapping[str, Team], found: dict[str, list[Move]]
) -> None:
    for path in _ancestors(leaf):
        if path in were and path in are:
            found[path].append(move)


def _ancestors(path: str) -> Iterator[str]:
    while "." in path:
        path = path.rpartition(".")[0]
        yield path


def _caps(old: Charter, new: Charter, found: dict[str, list[Move]]) -> None:
    """``at_most`` promises on a team or above it."""
    were, are = _ceilings(old), _ceilings(new)
    for key in dict.fromkeys([*were, *are]):
        told = tuple(cap_moves(were.get(key), are.get(key)))
        if told:
            _tell(key[1], told, old, new, found)


def _ceilings(charter: Charter) -> dict[tuple[str, str], Commitment]:
    """Return ``at_most`` promises by name and team: to those whom it limits, one of another team is another."""
    return {(one.name, one.team): one for one in charter.commitments if one.at_most is not None}


def _gates(old: Charter, new: Charter, found: dict[str, list[Move]]) -> None:
    """Release gates before a team's services: new or tighter ones weaken it."""
    were, are = ({gate.name: gate for gate in charter.release_gates} for charter in (old, new))
    for name in dict.fromkeys([*were, *are]):
        was, now = were.get(name), are.get(name)
        if was == now:
            continue
        tighter = [] if was is None or now is None else list(asked_moves(was, now))
        told = [Move(opposite(m.direction), f"gate {name}, {m.field}", m.before, m.after) for m in tighter]
        for team in _both(old, new):
            before, after = _stands(was, team), _stands(now, team)
            if before and after:
                found[team] += told
            elif before or after:
                found[team].append(
                    Move("weaker" if after else "stronger", "gate", *((None, name) if after else (name, None)))
                )


def _stands(gate: Gate | None, path: str) -> bool:
    return gate is not None and stands_before(gate, path)


def _tell(top: str, told: Sequence[Move], old: Charter, new: Charter, found: dict[str, list[Move]]) -> None:
    for path in _both(old, new):
        if f"{path}.".startswith(f"{top}."):
            found[path] += told


def _both(old: Charter, new: Charter) -> Iterator[str]:
    paths = {team.path for team in new.teams}
    return (team.path for team in old.teams if team.path in paths)
