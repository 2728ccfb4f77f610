"""What a checked receipt says, in sentences and as plain data; and what it does not say."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

from equipoise.receipt.verification import Checked

NOT_PROVED = "that the meter is right: what was recorded of devices and jobs is taken as it is"
WITHOUT_WITNESS = "split view not excluded: no witness was asked for, so others may have been shown another ledger"
NOT_EXECUTED = "that the closes follow from every job's events: `equipoise audit` of the whole ledger shows that (L3)"


def told(found: Checked) -> Iterator[str]:
    """Yield what holds, line by line, the answer first."""
    verdict, terms = found.judgement.verdict, found.terms
    hours = terms.scale.heh_h
    yield f"{found.lab}: '{terms.promise.name}' was {verdict.answer.value}, {_span(found)}."
    yield (
        f"  owed {float(hours(verdict.owed)):,.1f} H100-equivalent hours, delivered {float(hours(verdict.delivered)):,.1f},"
        f" denied {float(hours(verdict.denied)):,.1f}, unclaimed {float(hours(verdict.unclaimed)):,.1f}"
    )
    yield f"  level L{found.level}: recomputed from {_closes(found)} closes under charter {terms.text[:19]}…"
    if found.cross_checked:
        yield "  hours owed and delivered agree with the totals of pools and team at both ends of the window"
    size = found.witnessed.checkpoint.size
    yield f"  in a ledger of {size:,} entries, signed by {found.witnessed.log.name}{_witnesses(found)}"
    for warning in warnings(found):
        yield f"  note: {warning}"
    yield "Not shown by this:"
    for line in not_shown(found):
        yield f"  · {line}"


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
    yield NOT_PROVED
    yield NOT_EXECUTED
    if not found.witnessed.split_view_excluded:
        yield WITHOUT_WITNESS


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
