"""The fields of a charter that two charters are compared by, each as people write its value."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable, Mapping
from fractions import Fraction
from typing import TypeAlias, TypeVar

from equipoise.charter.explanation import instant_text
from equipoise.charter.governance import Amendments, Board, Gate
from equipoise.charter.model import Charter, Pool, Team
from equipoise.charter.promise import Commitment
from equipoise.units import amount_text, decimal_text, duration_text, percent_text

R = TypeVar("R")
Fields: TypeAlias = Mapping[str, Callable[[R], str]] | Callable[[R], Mapping[str, str]]
"""What a record says: a text for each field, or a function from the record to such texts."""


def texts(of: Fields[R], record: R | None) -> Mapping[str, str]:
    """Return the texts of a record's fields; none for no record."""
    if record is None:
        return {}
    return of(record) if callable(of) else {name: text(record) for name, text in of.items()}


CHARTER: Mapping[str, Callable[[Charter], str]] = {
    "lab": lambda charter: charter.lab,
    "effective": lambda c: "as soon as it may" if c.effective_ms is None else instant_text(c.effective_ms),
    "timezone": lambda charter: charter.timezone,
    "usage_half_life": lambda charter: duration_text(charter.usage_half_life_ms),
    "reclaim": lambda charter: charter.reclaim,
}

POOL: Mapping[str, Callable[[Pool], str]] = {
    "device": lambda pool: pool.device,
    "expect": lambda pool: f"{pool.nodes:,} nodes of {amount_text(pool.gpus_per_node)}",
    "heh": lambda pool: decimal_text(pool.heh),
}

TEAM: Mapping[str, Callable[[Team], str]] = {
    "weight": lambda team: decimal_text(Fraction(team.weight_e4, 10_000)),
    "lend": lambda team: percent_text(team.lend),
    "recover": lambda team: duration_text(team.recover_ms),
    "protect.grace": lambda team: duration_text(team.grace_ms),
    "protect.min_runtime": lambda team: duration_text(team.min_runtime_ms),
    "protect.reclaims_per_day": lambda team: str(team.reclaims_per_day),
    "max_job": lambda team: "any size" if team.max_job is None else amount_text(team.max_job),
    "submit": lambda team: _words(team.submit),
    "owner": lambda team: team.owner or "nobody",
    "protected_by": lambda team: _words(team.protected_by),
    "holds": lambda team: "jobs" if team.is_leaf else "teams",
}

_PROMISE: Mapping[str, Callable[[Commitment], str]] = {
    "team": lambda promise: promise.team,
    "of": lambda p: p.of if p.capacity_at_ms is None else f"capacity at {instant_text(p.capacity_at_ms)}",
    "pools": lambda promise: _words(promise.pools),
    "window": lambda promise: str(promise.window),
    "unused": lambda promise: promise.unused,
    "make_good": lambda promise: percent_text(promise.make_good),
    "settle": lambda promise: duration_text(promise.settle_ms),
    "warn_below": lambda promise: percent_text(promise.warn_below),
    "protected_by": lambda promise: _words(promise.protected_by),
    "public": lambda promise: "published" if promise.public else "not published",
}


def promise(promise: Commitment) -> Mapping[str, str]:
    """Return a promise's texts; of at_least, at_most and starts the one it has."""
    found: dict[str, str] = {}
    if promise.at_least is not None:
        found["at_least"] = percent_text(promise.at_least)
    if promise.at_most is not None:
        found["at_most"] = percent_text(promise.at_most)
    if promise.starts is not None:
        starts = promise.starts
        found["starts.jobs_up_to"] = amount_text(starts.jobs_up_to)
        found["starts.within"] = duration_text(starts.within_ms)
        found["starts.at_least"] = percent_text(starts.at_least)
    found |= texts(_PROMISE, promise)
    if promise.pace_max is not None:
        found["pace_max"] = percent_text(promise.pace_max)
    return found


def gate(gate: Gate) -> Mapping[str, str]:
    """Return a gate's texts, each stage by its name and place."""
    found = {"teams": _words(gate.teams), "stages": ", ".join(stage.name for stage in gate.stages)}
    for stage in gate.stages:
        found[f"stage {stage.name}: quota"] = percent_text(stage.quota)
        found[f"stage {stage.name}: needs"] = _words([f"{kind} by {board}" for kind, board in stage.needs.items()])
        found[f"stage {stage.name}: after"] = duration_text(stage.after_ms)
    found |= {"max_age": duration_text(gate.max_age_ms), "drain": duration_text(gate.drain_ms)}
    return {**found, "protected_by": _words(gate.protected_by)}


def board(board: Board) -> Mapping[str, str]:
    """Return a board's quorum, and the key of each member."""
    keys = {f"member {name}": "ed25519:" + b64encode(key).decode() for name, key in board.members.items()}
    return {"quorum": f"{board.quorum} of {len(board.members)}", **keys}


def rule(texts: Mapping[str, str]) -> Mapping[str, str]:
    """Return the texts of a rule, which are texts already."""
    return texts


def _amendments(charter: Charter) -> Mapping[str, str]:
    rules = charter.amendments
    if rules is None:
        return {}
    found: dict[str, str] = {}
    for name in ("ordinary", "weakening", "constitution"):
        needed = getattr(rules, name)
        found[f"{name}.needs"] = _words(needed.needs)
        found[f"{name}.notice"] = duration_text(needed.notice_ms)
    return {**found, **_emergency(rules)}


def _emergency(rules: Amendments) -> Mapping[str, str]:
    if rules.emergency is None:
        return {}
    return {
        "emergency.by": rules.emergency.by,
        "emergency.lasts": duration_text(rules.emergency.lasts_ms),
        "emergency.keep": percent_text(rules.emergency.keep),
        "emergency.per_quarter": str(rules.emergency.per_quarter),
    }


RULES: Mapping[str, Fields[Charter]] = {
    "evidence": {
        "checkpoint_every": lambda charter: duration_text(charter.evidence.checkpoint_every_ms),
        "witnesses": lambda charter: str(charter.evidence.witnesses),
    },
    "people": {"min_group": lambda charter: str(charter.min_group)},
    "amendments": _amendments,
}
"""The rules that a charter has once."""


def _words(words: tuple[str, ...] | list[str]) -> str:
    return ", ".join(words) or "nobody"
