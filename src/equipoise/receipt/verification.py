"""Check a receipt offline: signatures, witnesses, proofs, and the verdict by the closes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, cast

from equipoise.account import Correction, Evidence, Judgement, Terms, close_from_json, correction_from_json, judge
from equipoise.account.terms import terms_from_json
from equipoise.charter.canonical import from_values
from equipoise.charter.explanation import instant_text
from equipoise.charter.model import Charter
from equipoise.errors import VerificationError
from equipoise.ledger.entry import parse_entry
from equipoise.ledger.pieces import joined
from equipoise.ledger.quorum import Policy, Witnessed
from equipoise.ledger.tree import leaf_hash, verify_inclusion
from equipoise.receipt.document import Receipt, parse_receipt
from equipoise.receipt.making import KINDS
from equipoise.receipt.totals import agree
from equipoise.receipt.window import check_window

Values = Mapping[str, Any]
IN_FORCE = ("founded", "amended", "emergency", "restored", "re-founded")
"""What the entry of a charter says that came into force."""


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
        2 recomputed; 1 where the closes give the verdict and no totals stand beside them.
    corrections : tuple of Correction
        Of entries between the window's opening and its verdict; they change neither.
    witnesses_asked : int
        How many witnesses the charter asks for; 0 of a simulation, which nobody can witness.
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
    corrections: tuple[Correction, ...]
    witnesses_asked: int

    @property
    def undecided_here(self) -> bool:
        """Whether the charter asks for more witnesses than were found to have seen the checkpoint."""
        return len(self.witnessed.witnesses) < self.witnesses_asked

    @property
    def broken_from_ms(self) -> int | None:
        """When what is undecided for gaps becomes broken; None where there are none, or a re-founding broke it."""
        found = self.judgement
        settles_ms = self.terms.span.to_ms + self.terms.promise.settle_ms
        return settles_ms if found.gaps and found.refounded_ms is None else None


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
        V104, L112, L117 to L128, V103, A101 to A104, V106 or V111: whatever does not hold first.
    """
    receipt = parse_receipt(data)
    witnessed = policy.open(receipt.checkpoint, until_s=until_s)
    try:
        return _judged(receipt, witnessed, _proven(receipt, witnessed))
    except (LookupError, TypeError, ValueError, ArithmeticError, AttributeError, AssertionError) as error:
        raise _wrong("an entry of the receipt says what none can say") from error


def _judged(receipt: Receipt, witnessed: Witnessed, numbered: Sequence[tuple[int, Values]]) -> Checked:
    """Judge the window by its entries, which are under the checkpoint and may say anything."""
    entries = [values for _, values in numbered]
    opened, window, verdict = (_one(entries, kind) for kind in ("opened", "window", "verdict"))
    origin_ms = _integer(opened.get("origin_ms", 0))
    for values in (window, verdict):
        if (values["promise"], values["from_ms"], values["to_ms"]) != (receipt.promise, receipt.from_ms, receipt.to_ms):
            raise _wrong("the receipt is of another window than its entries")
    charter, begun_ms, refounded_ms = _charter(entries, window, origin_ms)
    terms = terms_from_json(charter, _without_kind(window))
    check_window(terms, charter.timezone, begun_ms=begun_ms)
    closes = [_without_kind(values) for values in entries if values["kind"] == "close"]
    evidence = Evidence(origin_ms, _beats(numbered, origin_ms), refounded_ms)
    every_ms = charter.evidence.checkpoint_every_ms
    if evidence.needed(terms.span, every_ms) != evidence.beats_ms:
        raise _wrong("the receipt has heartbeats that show nothing")
    judgement = judge(
        terms, [close_from_json(values) for values in closes], now_ms=receipt.to_ms,
        gaps=evidence.gaps(terms.span, every_ms), refounded_ms=evidence.refounded(terms.span),
    )  # fmt: skip
    told = {name: value for name, value in verdict.items() if name not in ("kind", "promise", "from_ms", "to_ms")}
    if told != judgement.to_json():
        raise _wrong(f"the lab says '{_answer(told)}', and its closes say '{judgement.verdict.answer.value}'")
    if {str(values["kind"]) for values in entries} - set(KINDS):
        raise _wrong("the receipt has entries that do not belong to it")
    totals = [values for values in entries if values["kind"] == "totals"]
    instant_text(terms.span.to_ms + terms.promise.settle_ms)  # what no calendar has cannot be told
    cross_checked = agree(judgement, totals, origin_ms=origin_ms)
    return Checked(
        receipt, witnessed, charter.lab, str(opened["source"]), str(opened["policy"]), terms, judgement,
        2 if cross_checked else 1, cross_checked, _corrections(numbered),
        charter.evidence.witnesses if opened["source"] != "simulated" else 0,
    )  # fmt: skip


def _proven(receipt: Receipt, witnessed: Witnessed) -> list[tuple[int, Values]]:
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
    return list(joined(parsed))


def _beats(numbered: Sequence[tuple[int, Values]], origin_ms: int) -> list[int]:
    """Return when the recorder said that it was alive: before the verdict, and time and passes never go back."""
    verdict = next(number for number, values in numbered if values["kind"] == "verdict")
    found: list[int] = []
    passes = 0
    for number, values in numbered:
        if values["kind"] != "heartbeat":
            continue
        at_ms = origin_ms + _integer(values["at_ms"])
        if number > verdict or at_ms <= (found[-1] if found else origin_ms) or _integer(values["passes"]) < passes:
            raise _wrong("a heartbeat of the receipt is out of its place")
        passes = _integer(values["passes"])
        found.append(at_ms)
    return found


def _corrections(numbered: Sequence[tuple[int, Values]]) -> tuple[Correction, ...]:
    """Return the corrections, which must be of entries between the window's and its verdict's."""
    opens, closes = (next(n for n, values in numbered if values["kind"] == kind) for kind in ("window", "verdict"))
    found: list[Correction] = []
    for number, values in numbered:
        if values["kind"] == "correction":
            try:
                found.append(correction_from_json(number, values))
            except VerificationError as error:
                raise _wrong(error.message) from error
            if not opens <= found[-1].entry <= closes:
                raise _wrong("the receipt has a correction of an entry that its window does not reach")
    return tuple(found)


def _charter(entries: Sequence[Values], window: Values, origin_ms: int) -> tuple[Charter, set[int], list[int]]:
    """Return the charter whose text the window names, when windows may begin without the calendar, and re-foundings in it."""
    found: Charter | None = None
    begun_ms, refounded_ms = {origin_ms}, list[int]()
    for values in entries:
        if values["kind"] != "charter":
            continue
        at_ms = origin_ms + _integer(values["at_ms"])
        if values["how"] == "re-founded" and window["from_ms"] < at_ms < window["to_ms"]:
            refounded_ms.append(at_ms)
            continue
        if values["digest"] != window["text"] and at_ms != window["from_ms"]:
            raise _wrong("the receipt has a charter that its window is not judged by")
        if values["how"] not in IN_FORCE or at_ms > window["from_ms"]:
            raise _wrong("a charter of the receipt was not in force when the window began")
        begun_ms.add(at_ms)
        if values["digest"] == window["text"]:
            if f"sha256:{sha256(values['text'].encode()).hexdigest()}" != values["digest"]:
                raise _wrong("the charter's text is not the one that its digest names")
            found = from_values(values["canonical"])
            if found.digest != values["digest"]:
                raise _wrong("the charter's canonical form is of another text")
    if found is None:
        raise _wrong("the receipt lacks the charter that its window is judged by")
    return found, begun_ms, sorted(refounded_ms)


def _one(entries: Sequence[Values], kind: str) -> Values:
    found = [values for values in entries if values.get("kind") == kind]
    if len(found) != 1:
        raise _wrong(f"the receipt has {len(found)} entries of kind '{kind}', and needs one")
    return found[0]


def _without_kind(values: Values) -> dict[str, object]:
    return {name: value for name, value in values.items() if name != "kind"}


def _integer(value: object) -> int:
    if type(value) is not int:
        raise TypeError("no number")
    return value


def _answer(told: Values) -> str:
    verdict = told.get("verdict")
    return str(cast(Values, verdict).get("answer")) if isinstance(verdict, Mapping) else "nothing"


def _wrong(message: str) -> VerificationError:
    return VerificationError("V106", message, hint="ask for the receipt again, and for an audit")
