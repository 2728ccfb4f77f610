"""What a checked receipt says, in sentences and as plain data; and what it does not say."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from fractions import Fraction
from typing import Any

from equipoise.charter.explanation import instant_text
from equipoise.receipt.residual import RESIDUAL
from equipoise.receipt.verification import Checked
from equipoise.units import percent_text

LEVELS = {1: "L1 (published)", 2: "L2 (recomputed)"}
WITHOUT_WITNESS = "split view not excluded: no witness was asked for, so others may have been shown another ledger"
NOT_EXECUTED = (
    "that closes, grace and hours to make good follow from every job's events: `equipoise audit` of the whole ledger"
    " shows that (L3)"
)
NOT_CORRECTED = "that nothing more was corrected: a receipt shows the corrections that it was made with"
NOT_COMPARED = (
    "that the closes agree with the totals of pools and teams (L2): the receipt has none of both ends of the window"
)


def told(found: Checked) -> Iterator[str]:
    """Yield what holds, line by line, the answer first."""
    verdict, terms = found.judgement.verdict, found.terms
    hours, promise = terms.scale.heh_h, terms.promise
    if found.undecided_here:
        yield f"{found.lab}: '{terms.promise.name}' is undecided for want of witnesses, {_span(found)}."
        yield (
            f"  the charter asks for {found.witnesses_asked} witnesses, and {len(found.witnessed.witnesses)} that you named have"
            f" seen this; by its closes it was {verdict.answer.value}"
        )
    else:
        yield f"{found.lab}: '{terms.promise.name}' was {verdict.answer.value}, {_span(found)}."
    yield from _beside(found)
    yield (
        f"  owed {float(hours(verdict.owed)):,.1f} H100-equivalent hours, delivered {float(hours(verdict.delivered)):,.1f},"
        f" denied {float(hours(verdict.denied)):,.1f}, unclaimed {float(hours(verdict.unclaimed)):,.1f}"
    )
    yield f"  level {LEVELS[found.level]}; {_closes(found)} closes give this verdict under charter {terms.text[:19]}…"
    if found.cross_checked:
        yield "  hours owed and delivered agree with the totals of pools and team at both ends of the window"
    share = percent_text(Fraction(terms.scale.p, terms.scale.q))
    yield f"  promised to {promise.team}: {promise.kind.replace('_', ' ')} {share} of {promise.of}, window: {promise.window}"
    size = found.witnessed.checkpoint.size
    yield f"  in a ledger of {size:,} entries, signed by {found.witnessed.log.name}{_witnesses(found)}"
    for warning in warnings(found):
        yield f"  note: {warning}"
    yield "Not shown by this:"
    for line in not_shown(found):
        yield f"  · {line}"


def _beside(found: Checked) -> Iterator[str]:
    """Yield what decides a verdict beside its hours, and what was said of the record later."""
    judgement = found.judgement
    if judgement.refounded_ms is not None:
        yield f"  the charter was re-founded on {instant_text(judgement.refounded_ms)}, which breaks every promise that ran"
    for gap in judgement.gaps:
        yield f"  no evidence of {instant_text(gap.from_ms)} to {instant_text(gap.to_ms)}"
    if found.broken_from_ms is not None:
        yield f"  it is broken from {instant_text(found.broken_from_ms)} on"
    for one in found.corrections:
        yield f"  corrected later: {one}"


def plain(found: Checked) -> dict[str, Any]:
    """Return it as plain data."""
    return {
        "holds": True,
        "lab": found.lab,
        "promise": found.terms.promise.name,
        "from_ms": found.terms.span.from_ms,
        "to_ms": found.terms.span.to_ms,
        **found.judgement.to_json(),
        "level": f"L{found.level}",
        "cross_checked": found.cross_checked,
        "undecided_for_want_of_witnesses": found.undecided_here,
        "broken_from_ms": found.broken_from_ms,
        "corrections": [{"number": one.number, **one.to_json()} for one in found.corrections],
        "charter": found.terms.text,
        "source": found.source,
        "policy": found.policy,
        "ledger": {
            "origin": found.witnessed.checkpoint.origin,
            "size": found.witnessed.checkpoint.size,
            "root": found.witnessed.checkpoint.root.hex(),
            "signed_by": found.witnessed.log.name,
            "witnesses": dict(found.witnessed.witnesses),
            "split_view_excluded": found.witnessed.split_view_excluded,
        },
        "warnings": list(warnings(found)),
        "not_shown": list(not_shown(found)),
    }


def warnings(found: Checked) -> Iterator[str]:
    """Yield what a reader should know before believing the answer."""
    if found.source != "live":
        yield f"the ledger is of a {found.source} run, not of a machine"
    if found.policy != "charter":
        yield f"the ledger says that '{found.policy}' was executed, not the charter"


def not_shown(found: Checked) -> Iterator[str]:
    """Yield what the receipt leaves open."""
    yield NOT_EXECUTED
    yield NOT_CORRECTED
    if not found.cross_checked:
        yield NOT_COMPARED
    if not found.witnessed.split_view_excluded:
        yield WITHOUT_WITNESS
    yield from (str(one) for one in RESIDUAL if one.of_receipts)


def _span(found: Checked) -> str:
    span = found.terms.span
    begin, end = (
        datetime.fromtimestamp(at_ms / 1000, UTC).isoformat().replace("+00:00", "Z")
        for at_ms in (span.from_ms, span.to_ms)
    )
    return f"{begin} to {end}"


def _closes(found: Checked) -> int:
    return sum(b'"kind":"close"' in one.entry for one in found.receipt.included)


def _witnesses(found: Checked) -> str:
    names = ", ".join(found.witnessed.witnesses)
    return f", seen by {names}" if names else ""
