"""How release gates differ: what they ask of a release, and how tight they are for the teams behind them."""

from __future__ import annotations

from collections.abc import Iterator

from equipoise.charter import difference_fields as fields
from equipoise.charter.amendment.moves import Move, Rule, fixed, higher, lower, moves, wider
from equipoise.charter.governance import Gate, Stage


def gate_moves(was: Gate, now: Gate) -> Iterator[Move]:
    """Yield how a gate that both charters have differs; stronger is tighter."""
    yield from moves({"teams": (wider, lambda gate: gate.teams)}, was, now, fields.gate)
    yield from asked_moves(was, now)


def asked_moves(was: Gate, now: Gate) -> Iterator[Move]:
    """Yield how that differs which a gate asks of a release, whoever is behind it."""
    rules: dict[str, Rule[Gate]] = {
        "stages": (fixed, lambda gate: [stage.name for stage in gate.stages]),
        "max_age": (lower, lambda gate: gate.max_age_ms),
        "drain": (lower, lambda gate: gate.drain_ms),
    }
    if [stage.name for stage in was.stages] == [stage.name for stage in now.stages]:
        for place, stage in enumerate(was.stages):
            rules |= _stage(place, stage)
    yield from moves(rules, was, now, fields.gate)


def _stage(place: int, stage: Stage) -> dict[str, Rule[Gate]]:
    return {
        f"stage {stage.name}: quota": (lower, lambda gate: gate.stages[place].quota),
        f"stage {stage.name}: needs": (wider, lambda gate: gate.stages[place].needs.items()),
        f"stage {stage.name}: after": (higher, lambda gate: gate.stages[place].after_ms),
    }


def stands_before(gate: Gate, path: str) -> bool:
    """Whether services of a team run releases that pass the gate: it or a team above it is named."""
    return any(f"{path}.".startswith(f"{team}.") for team in gate.teams)
