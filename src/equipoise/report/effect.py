"""What an amendment does to teams, promises and gates, as a table for a terminal."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console

from equipoise.charter.amendment.effects import Thing
from equipoise.charter.amendment.moves import Move
from equipoise.charter.amendment.sentences import largest_first, move_text
from equipoise.report.columns import Column, fitted


def print_effect(things: Sequence[Thing], console: Console, *, limit: int | None) -> None:
    """Print what is weakened and strengthened, with the largest of what moved; both where something goes both ways.

    Parameters
    ----------
    things : sequence of Thing
    console : Console
    limit : int or None
        How many are shown; what is weakened comes first.
    """
    moved = sorted((thing for thing in things if thing.outcome != "neutral"), key=lambda t: t.outcome != "weakened")
    shown = moved[:limit]
    rows = [
        (thing.name if thing.kind == "team" else f"{thing.kind} {thing.name}", head, _moves(moves))
        for thing in shown
        for head, moves in (("weaker", thing.weaker), ("stronger", thing.stronger))
        if moves
    ]
    columns = [Column(name, [row[place] for row in rows], 0) for place, name in enumerate(("of", "it is", "by"))]
    console.print(fitted(columns, console, left=True))
    if len(moved) > len(shown):
        console.print(f"… and {len(moved) - len(shown):,} more: --all")


def _moves(moves: Sequence[Move]) -> str:
    if not moves:
        return ""
    more = f" (+{len(moves) - 1})" if len(moves) > 1 else ""
    return move_text(largest_first(moves)[0]) + more
