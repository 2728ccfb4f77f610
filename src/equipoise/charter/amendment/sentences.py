"""An amendment's effect and needs in plain words: what a signer reads."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from equipoise.charter.amendment.effects import Kind, Thing
from equipoise.charter.amendment.moves import Move
from equipoise.charter.amendment.progress import Status, Tally
from equipoise.charter.explanation import average_text, instant_text, listed
from equipoise.units import duration_text

NAMED = 3
"""How many reasons for a signature are named."""
_LABELS = {"sure": "sure share", "kept": "kept free"}


def move_text(move: Move) -> str:
    """Say how a value moved, shortly.

    Examples
    --------
    >>> from fractions import Fraction
    >>> move_text(Move("weaker", "sure", None, None, "h100", 512, Fraction(109), Fraction(215, 2)))
    'sure share 109 → 107.5 of 512 in h100'
    >>> move_text(Move("weaker", "recover", "1h", "4h")), move_text(Move("stronger", "team", None, "safety.evals"))
    ('recover 1h → 4h', 'new')
    """
    label = _LABELS.get(move.field, move.field)
    if move.before_gpus is not None and move.after_gpus is not None:
        before, after = _told_apart(move)
        return f"{label} {before} → {after} of {move.capacity or 0:,} in {move.pool}"
    if move.field in ("team", "promise", "gate") and None in (move.before, move.after):
        name = "" if move.field == "team" else f" {move.field}"
        return f"new{name}" if move.before is None else f"no longer there{name}"
    if move.before is None or move.after is None:
        return f"{label}: {'new, ' if move.before is None else 'no longer '}{move.after or move.before}"
    return f"{label} {move.before} → {move.after}"


def _told_apart(move: Move) -> tuple[str, str]:
    """Return both numbers, with more decimals where one would not tell them apart."""
    assert move.before_gpus is not None
    assert move.after_gpus is not None
    before, after = average_text(move.before_gpus), average_text(move.after_gpus)
    digits = 2
    while before == after and digits < 9:
        before, after = f"{float(move.before_gpus):,.{digits}f}", f"{float(move.after_gpus):,.{digits}f}"
        digits += 1
    return before, after


def largest_first(moves: Sequence[Move]) -> list[Move]:
    """Order moves for telling: what is written or cannot be measured first, then the largest part of what there was."""

    def part(move: Move) -> float:
        if move.before_gpus is None or move.after_gpus is None:
            return float("inf")
        whole = max(move.before_gpus, move.after_gpus)
        return float(abs(move.after_gpus - move.before_gpus) / whole)

    return sorted(moves, key=part, reverse=True)


def count_text(things: Sequence[Thing]) -> str:
    """Say how many teams, promises and gates are weakened and strengthened."""
    parts: list[str] = []
    for outcome in ("weakened", "strengthened"):
        kinds: tuple[Kind, ...] = ("team", "promise", "gate")
        counts = [(kind, sum((t.kind, t.outcome) == (kind, outcome) for t in things)) for kind in kinds]
        told = [f"{count:,} {kind}{'' if count == 1 else 's'}" for kind, count in counts if count]
        parts.append(f"{outcome.capitalize()}: {listed(told) if told else 'nothing'}.")
    return " ".join(parts)


def signature_texts(found: Status, effective_ms: int | None) -> Iterator[str]:
    """Say who must sign, who still has to, and when the amendment takes force."""
    if not found.tallies:
        yield "Nobody has to sign: the charter in force names no boards, and whoever can enter an amendment may."
    for tally in found.tallies:
        yield _tally(tally)
    yield force_text(found, effective_ms)


def force_text(found: Status, effective_ms: int | None) -> str:
    """Say when an amendment takes force, or what that depends on."""
    if found.force_ms is not None and found.tallies:
        return f"It takes force at {instant_text(found.force_ms)}."
    notice = f"{duration_text(found.notice_ms)} after" if found.notice_ms else "with"
    earliest = "" if effective_ms is None else f", not before {instant_text(effective_ms)}"
    return f"It takes force {notice} {'the last needed signature' if found.tallies else 'its entry'}{earliest}."


def _tally(tally: Tally) -> str:
    quorum = tally.quorum
    new = ", by the new charter" if quorum.by == "new" else ""
    signed = f", signed by {listed(tally.signed)}" if tally.signed else ""
    missing = f", {tally.missing} still to sign" if tally.signed and tally.missing else ""
    more = f" and {len(quorum.why) - NAMED:,} more" if len(quorum.why) > NAMED else ""
    why = "; ".join(quorum.why[:NAMED]) + more
    return f"{quorum.board}, {quorum.quorum} of {len(quorum.members)}{new}{signed}{missing}: {why}"
