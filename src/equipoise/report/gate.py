"""A gate's decision for people and for machines."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from equipoise.charter.explanation import instant_text, listed
from equipoise.charter.model import Charter
from equipoise.gates.decision import GateDecision
from equipoise.gates.needs import Need, Reason
from equipoise.units import amount_text, percent_text


def gate_lines(decision: GateDecision, charter: Charter) -> Iterator[str]:
    """Say where a release stands, how much it may use, what each stage lacks and who has to sign."""
    yield f"{decision.release}"
    yield f"at the gate {decision.gate} on {instant_text(decision.now_ms)}"
    yield ""
    yield _standing(decision)
    if decision.stage is not None:
        for team, pools in decision.gpus(charter).items():
            yield f"  {team}: {listed([f'{amount_text(gpus)} of {pool}' for pool, gpus in pools.items()])}"
    yield ""
    for stage in dict.fromkeys(need.stage for need in decision.needs):
        yield f"{stage}"
        for need in decision.needs:
            if need.stage == stage:
                yield from _need(need)
    yield ""
    if decision.next_stage is not None:
        yield _ahead(decision)
    for refused in decision.refused:
        yield f"Not counted: {refused.code} {refused.message}"


def plain_gate(decision: GateDecision, charter: Charter) -> dict[str, Any]:
    """Return what ``--json`` prints: the quota as an exact fraction and in accelerators, and every need."""
    return {
        "gate": decision.gate,
        "release": decision.release,
        "now_ms": decision.now_ms,
        "stage": decision.stage,
        "since_ms": decision.since_ms,
        "quota": f"{decision.quota.numerator}/{decision.quota.denominator}",
        "falls_since_ms": decision.falls_since_ms,
        "gpus": decision.gpus(charter),
        "next_stage": decision.next_stage,
        "opens_ms": decision.opens_ms,
        "next_ms": decision.next_ms,
        "needs": [_plain(need) for need in decision.needs],
        "refused": [{"code": each.code, "message": each.message} for each in decision.refused],
    }


def _standing(decision: GateDecision) -> str:
    if decision.stage is None:
        return "In no stage: it may use nothing."
    quota = f"{percent_text(decision.quota)} of the limit"
    if decision.falls_since_ms is not None:
        return f"Leaving {decision.stage} since {instant_text(decision.falls_since_ms)}: {quota} now, less every day."
    since = "" if decision.since_ms is None else f" since {instant_text(decision.since_ms)}"
    return f"In {decision.stage}{since}: {quota}."


def _need(need: Need) -> Iterator[str]:
    if need.met:
        until = "" if need.until_ms is None else f", fresh until {instant_text(need.until_ms)}"
        yield f"  ok       {need.type}: signed by {listed(need.signed)} of {need.board}{until}"
        return
    assert need.reason is not None
    yield f"  {'barred' if need.reason is Reason.REVOKED else 'lacking':8} {need.type}: {need.reason.value}; {need.says}"
    more = need.quorum - len(need.signed) if need.reason is Reason.TOO_FEW else need.quorum
    yield f"           needs the signatures of {more} of {listed(need.can_sign)} ({need.board})"


def _ahead(decision: GateDecision) -> str:
    if decision.opens_ms is None:
        return f"{decision.next_stage} does not open by waiting."
    if decision.opens_ms <= decision.now_ms:
        return f"{decision.next_stage} is open and not yet entered."
    return f"{decision.next_stage} opens on {instant_text(decision.opens_ms)}, if nothing is taken back."


def _plain(need: Need) -> Mapping[str, Any]:
    return {
        "stage": need.stage,
        "type": need.type,
        "board": need.board,
        "met": need.met,
        "reason": None if need.reason is None else need.reason.value,
        "says": need.says,
        "until_ms": need.until_ms,
        "signed": list(need.signed),
        "quorum": need.quorum,
        "can_sign": list(need.can_sign),
    }
