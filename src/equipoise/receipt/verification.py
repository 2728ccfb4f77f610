"""Check a receipt offline: signatures, witnesses, proofs, and the verdict by the closes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, cast

from equipoise.account import Judgement, Terms, close_from_json, judge
from equipoise.account.terms import terms_from_json
from equipoise.charter.canonical import from_values
from equipoise.charter.model import Charter
from equipoise.errors import VerificationError
from equipoise.ledger.entry import parse_entry
from equipoise.ledger.pieces import joined
from equipoise.ledger.quorum import Policy, Witnessed
from equipoise.ledger.tree import leaf_hash, verify_inclusion
from equipoise.receipt.document import Receipt, parse_receipt
from equipoise.units import read_json_integer

Values = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Checked:
    """What holds of a receipt.

    Parameters
    ----------
    receipt : Receipt
    witnessed : Witnessed
        The checkpoint, who signed it and which witnesses saw it.
    lab : str
    source : str
        ``live`` or ``simulated``.
    policy : str
        What the ledger says was executed; anything but ``charter`` is not the charter.
    terms : Terms
    judgement : Judgement
        As recomputed from the closes; it is what the lab published.
    level : int
        1 published, 2 recomputed.
    cross_checked : bool
        Whether hours owed and delivered agree with the totals of pools and teams at both ends of the window.
    """

    receipt: Receipt
    witnessed: Witnessed
    lab: str
    source: str
    policy: str
    terms: Terms
    judgement: Judgement
    level: int
    cross_checked: bool


def verify_receipt(data: bytes, *, policy: Policy, until_s: int | None = None) -> Checked:
    """Check a receipt against the keys that the reader trusts.

    Parameters
    ----------
    data : bytes
        The receipt.
    policy : Policy
        Keys of the log, witnesses and how many of them must have seen the checkpoint.
    until_s : int or None
        As in `Policy.open`.

    Raises
    ------
    VerificationError
        V104, L112, L117 to L127, V103, A101 to A104, or V106: whatever does not hold first.
    """
    receipt = parse_receipt(data)
    witnessed = policy.open(receipt.checkpoint, until_s=until_s)
    entries = _proven(receipt, witnessed)
    opened, window, verdict = (_one(entries, kind) for kind in ("opened", "window", "verdict"))
    charter = _charter(entries, window)
    for values in (window, verdict):
        if (values["promise"], values["from_ms"], values["to_ms"]) != (receipt.promise, receipt.from_ms, receipt.to_ms):
            raise _wrong("the receipt is of another window than its entries")
    terms = terms_from_json(charter, {name: value for name, value in window.items() if name != "kind"})
    closes = [_without_kind(values) for values in entries if values["kind"] == "close"]
    judgement = judge(terms, [close_from_json(values) for values in closes], now_ms=receipt.to_ms)
    recomputed = judgement.to_json()
    told = {name: value for name, value in verdict.items() if name not in ("kind", "promise", "from_ms", "to_ms")}
    if told != recomputed:
        raise _wrong(f"the lab says '{_answer(told)}', and its closes say '{judgement.verdict.answer.value}'")
    totals = [values for values in entries if values["kind"] == "totals"]
    cross_checked = _agree(terms, judgement, totals, opened)
    _check_all_used(entries, totals)
    return Checked(
        receipt, witnessed, charter.lab, str(opened.get("source")), str(opened.get("policy")), terms, judgement, 2, cross_checked
    )  # fmt: skip


def _proven(receipt: Receipt, witnessed: Witnessed) -> list[Values]:
    """Check the proof of every entry, in order of their numbers; entries in pieces are joined."""
    checkpoint = witnessed.checkpoint
    last = -1
    parsed: list[tuple[int, Values]] = []
    for one in receipt.included:
        if one.index <= last:
            raise _wrong(f"entry {one.index} stands after entry {last}")
        verify_inclusion(
            one.hashes, index=one.index, size=checkpoint.size, leaf=leaf_hash(one.entry), root=checkpoint.root
        )
        parsed.append((one.index, parse_entry(one.entry)))
        last = one.index
    return [values for _, values in joined(parsed)]


def _charter(entries: Sequence[Values], window: Values) -> Charter:
    """Return the charter whose text the window names."""
    for values in entries:
        if values.get("kind") == "charter" and values.get("digest") == window.get("text"):
            charter = from_values(values.get("canonical"))
            if charter.digest != values["digest"]:
                raise _wrong("the charter's canonical form is of another text")
            return charter
    raise _wrong("the receipt lacks the charter that its window is judged by")


def _one(entries: Sequence[Values], kind: str) -> Values:
    found = [values for values in entries if values.get("kind") == kind]
    if len(found) != 1:
        raise _wrong(f"the receipt has {len(found)} entries of kind '{kind}', and needs one")
    return found[0]


def _without_kind(values: Values) -> dict[str, object]:
    return {name: value for name, value in values.items() if name != "kind"}


def _check_all_used(entries: Sequence[Values], totals: Sequence[Values]) -> None:
    known = ("opened", "charter", "window", "verdict", "close", "totals")
    odd = next((values for values in entries if values.get("kind") not in known), None)
    if odd is not None or len(totals) > 2:
        raise _wrong("the receipt has entries that do not belong to it")


def _agree(terms: Terms, judgement: Judgement, totals: Sequence[Values], opened: Values) -> bool:
    """Hold hours owed and delivered against the totals of the same pools and team at both ends; False where these are missing."""
    origin_ms = int(opened.get("origin_ms", 0))
    at = {origin_ms + int(values["at_ms"]): values for values in totals}
    begin, end = at.get(terms.span.from_ms), at.get(terms.span.to_ms)
    if end is None or (begin is None and terms.span.from_ms != origin_ms):
        return False
    own, lab, capacity = (
        _sum(terms, end, which) - (_sum(terms, begin, which) if begin is not None else 0)
        for which in ("own", "lab", "capacity")
    )
    verdict = judgement.verdict
    whole = {"delivered": lab, "capacity": capacity}.get(terms.promise.of)
    delivered = terms.scale.q * own
    if judgement.made_good is None and terms.promise.kind == "at_least":
        owed = verdict.owed + judgement.lapsed
        if verdict.delivered != delivered or (whole is not None and owed != terms.scale.p * whole):
            raise _wrong("the closes do not agree with the totals of pools and teams")
    return True


def _sum(terms: Terms, values: Values, which: str) -> int:
    """Weighted GPU-milliseconds of the promise's pools: held less lost by its team or the lab, or devices that were up."""
    rows = values["pools"] if which == "capacity" else values["teams"]
    found = 0
    for row in rows:
        weight = terms.scale.weights.get(row[0])
        if weight is None or (which != "capacity" and row[1] != (terms.promise.team if which == "own" else "")):
            continue
        numbers = [read_json_integer(value) or 0 for value in row[1 if which == "capacity" else 2 :]]
        found += weight * (numbers[0] - numbers[4] - numbers[5] if which == "capacity" else numbers[0] - numbers[3])
    return found


def _answer(told: Values) -> str:
    verdict = told.get("verdict")
    return str(cast(Values, verdict).get("answer")) if isinstance(verdict, Mapping) else "nothing"


def _wrong(message: str) -> VerificationError:
    return VerificationError("V106", message, hint="ask for the receipt again, and for an audit")
