"""A lab's report of a period, from its ledger: everything in it executed again, then the figures, changes and receipts of the period.

`period_report` is the main path: `audit_ledger` reads and executes, `results` takes the figures of the period from that execution.
"""

from __future__ import annotations

import base64
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from equipoise.account import Span
from equipoise.audit import Book
from equipoise.charter.difference import differences
from equipoise.charter.difference_sentences import written
from equipoise.charter.model import Charter
from equipoise.errors import InputError, Place, VerificationError
from equipoise.ledger.quorum import Policy
from equipoise.receipt import make_receipts, windows_judged
from equipoise.receipt.residual import RESIDUAL
from equipoise.report.period import CharterChange, LabPeriod, Proof, Receipted
from equipoise.report.period_page import SIZE_MAX, period_page
from equipoise.report.period_proof import audit_command, verify_command
from equipoise.report.timeaxis import moment
from equipoise.simulator.record import Record
from equipoise.simulator.results import Results, results
from equipoise.store import open_sqlite
from equipoise.store.start import checkpoint_of
from equipoise.tasks.ledger import Audited, Watch, audit_ledger
from equipoise.tasks.period import Period

if TYPE_CHECKING:
    from equipoise.tasks.prospect import Prospect

DEFAULT_LEDGER = Path("lab/ledger.db")
RECEIPTS_MAX = 400
SENTENCES_MAX = 6
_MAGIC = b"SQLite format 3\0"


def is_ledger(path: Path) -> bool:
    """Whether a file is one that a ledger may be in: of SQLite."""
    try:
        with path.open("rb") as file:
            return file.read(len(_MAGIC)) == _MAGIC
    except OSError:
        return False


def period_report(
    ledger: Path,
    period: Period | None = None,
    *,
    policy: Policy | None = None,
    state: Path | None = None,
    trusted: Sequence[str] = (),
    command: str = "",
    people: str | None = None,
    staff: str | None = None,
    progress: Watch | None = None,
    announce: Callable[[str], None] | None = None,
) -> LabPeriod:
    """Make a lab's report of a period.

    Parameters
    ----------
    ledger : Path
    period : Period or None
        None: all that the ledger tells.
    policy, state, progress
        As of `audit_ledger`.
    trusted : sequence of str
        The options of `audit` and `verify` that say the same as ``policy``.
    command : str
        What makes the report again.
    people, staff, announce
        As of `prospect`: the years that follow the end of the ledger.

    Returns
    -------
    LabPeriod
        Without figures where decisions are not those that the charter required, or the ledger is not what was signed.

    Raises
    ------
    InputError
        S130 for a period that the ledger tells nothing of, S131 for a ledger without dates; as `prospect`.
    StoreError
        What `open_sqlite` raises.
    """
    try:
        audited = audit_ledger(ledger, policy, state=state, progress=progress)
    except VerificationError as error:
        return _unread(ledger, period, command, error)
    book, asked = audited.book, None
    zone = _zone(book)
    if period is not None:
        asked = _asked(book, period, zone, ledger)
    record = audited.audit.record
    within = _within(book, asked, record, ledger)
    run = ends = years = None
    if record is not None:
        record = replace(record, charter=record.reference.tree or record.charter)
        run = results(record, policy=audited.audit.policy, within=within)
        if people is not None:
            ends, years = _years(record, audited, people, staff, announce)
    found = LabPeriod(
        name=_name(book, within) if period is None else period.name,
        lab=str((book.opened or {}).get("lab") or ""),
        ledger=ledger.name,
        command=command,
        asked=asked,
        origin_ms=book.origin_ms,
        zone=zone,
        source=book.source,
        run=run,
        refused="" if run is not None else _refused(audited),
        findings=audited.audit.findings,
        notes=audited.audit.notes,
        residual=audited.audit.residual,
        changes=tuple(one for one in _changes(book) if within.from_ms <= one.at_ms < within.to_ms),
        corrections=tuple(one for one in audited.audit.corrections if within.from_ms <= one.at_ms < within.to_ms),
        proof=None,
        years=years,
        ends=ends,
    )
    receipts = tuple(_receipts(ledger, audited, found)) if run is not None else ()
    return replace(found, receipts=receipts, proof=_proof(ledger, audited, receipts, trusted))


def write_period(found: LabPeriod, path: str | os.PathLike[str]) -> Path:
    """Write a report of a period as one HTML file; raises ``InputError`` S105 if it cannot be written."""
    target = Path(path)
    text = period_page(found)
    try:
        target.write_text(text, "utf-8")
    except OSError as error:
        raise InputError("S105", f"cannot be written: {error.strerror or error}", place=Place(str(target))) from None
    return target


# ------------------------------------------------------------------------------------------------------------- the time


def _zone(book: Book) -> str:
    charters = book.charters() if book.minutes is not None and book.minutes.forces else ()
    return charters[0].timezone if charters else "UTC"


def _asked(book: Book, period: Period, zone: str, ledger: Path) -> Span:
    if book.origin_ms is None:
        raise InputError(
            "S131",
            f"{ledger} is of a log without dates, so it has no {period.name}",
            hint="leave the period out: it is of all",
        )
    return period.span(zone)


def _within(book: Book, asked: Span | None, record: Record | None, ledger: Path) -> Span:
    """Return the time of the period that the ledger tells of, since its origin; S130 where there is none."""
    last_ms = 1 + max(
        book.last_ms,
        0 if book.minutes is None else book.minutes.at_ms,
        *(one.at_ms for one in book.testimony.corrections),
        *(at_ms for _, at_ms, *_ in book.testimony.beats[-1:]),
    )
    if record is not None and book.ended is not None:
        last_ms = max(1, int(record.run.closes_ms[-1]))
    if asked is None:
        return Span(0, last_ms)
    origin_ms = book.origin_ms or 0
    from_ms, to_ms = max(0, asked.from_ms - origin_ms), min(last_ms, asked.to_ms - origin_ms)
    nothing = from_ms >= to_ms or (record is not None and record.closes_by(from_ms) == record.closes_by(to_ms))
    if nothing:
        begin, end = (_day(origin_ms + at_ms, _zone(book)) for at_ms in (0, last_ms))
        raise InputError(
            "S130", f"{ledger} has no accounts of that period", hint=f"it tells of {begin} to {end}"
        )  # fmt: skip
    return Span(from_ms, to_ms)


def _name(book: Book, within: Span) -> str:
    if book.origin_ms is None:
        return "all that is recorded"
    first, last = (_day(book.origin_ms + at_ms, _zone(book)) for at_ms in (within.from_ms, within.to_ms - 1))
    return first if first == last else f"{first} to {last}"


def _day(at_ms: int, zone: str) -> str:
    return moment(at_ms, origin_ms=0, zone=zone).split(",")[0]


# ------------------------------------------------------------------------------------------------------------- what happened


def _changes(book: Book) -> Iterator[CharterChange]:
    """Yield what became of charters, in order, each with what differs from the one before."""
    minutes = book.minutes
    if minutes is None:
        return
    charters = {one.digest: one for one in (*minutes.charters.values(), *book.charters())}
    before: Charter | None = None
    found: list[CharterChange] = []
    for force in minutes.forces:
        after = charters.get(force.digest)
        signed = tuple(f"{seat.member} ({seat.board})" for seat in force.signed)
        sentences = () if before is None or after is None else tuple(_differs(before, after))
        revision = None if after is None else after.revision
        found.append(CharterChange(force.at_ms, force.how, revision, force.digest, signed, sentences))
        before = after
    if minutes.docket is not None:
        for step in minutes.docket.history:
            if step.step in ("withdrawal", "lapse"):
                after = charters.get(step.digest)
                at_ms = step.at_ms - minutes.origin_ms
                found.append(
                    CharterChange(at_ms, step.step, None if after is None else after.revision, step.digest, (), ())
                )
    yield from sorted(found, key=lambda one: one.at_ms)


def _differs(before: Charter, after: Charter) -> Iterator[str]:
    told = [
        f"{entry.title}: {' '.join(entry.sentences)}" for entry in written(differences(before, after), before, after)
    ]
    yield from told[:SENTENCES_MAX]
    if len(told) > SENTENCES_MAX:
        yield f"… and {len(told) - SENTENCES_MAX} more."


def _years(
    record: Record, audited: Audited, people: str, staff: str | None, announce: Callable[[str], None] | None
) -> tuple[Results, Prospect]:
    from equipoise.tasks.prospect import prospect  # late: it compiles

    ends = results(record, policy=audited.audit.policy)
    return ends, prospect(replace(ends, partial=False), people, staff=staff, announce=announce)


# ------------------------------------------------------------------------------------------------------------- what proves it


def _receipts(ledger: Path, audited: Audited, found: LabPeriod) -> Iterator[Receipted]:
    """Yield receipts of the period's judged windows, those that were not kept first, then the latest, up to what a page holds."""
    if audited.checkpoint is None:
        return
    verdicts = {(row["promise"], round(row["to_s"] * 1000)): row["verdict"] for row in found.ended}
    origin_ms, size = audited.book.origin_ms or 0, checkpoint_of(audited.checkpoint).size
    with closing(open_sqlite(ledger, read_only=True)) as store:
        judged = {(name, to_ms) for name, _, to_ms in windows_judged(store, size)}
        wanted = [(name, to_ms) for name, to_ms in judged if (name, to_ms - origin_ms) in verdicts]
        wanted.sort(key=lambda one: (verdicts[one[0], one[1] - origin_ms].startswith("kept"), -one[1], one[0]))
        room = SIZE_MAX
        for receipt in make_receipts(store, wanted[:RECEIPTS_MAX]):
            data = receipt.to_bytes()
            room -= len(data)
            if room < 0:
                return
            at_ms = receipt.to_ms - origin_ms
            name = f"{receipt.promise}-{_day(receipt.to_ms, found.zone).replace(' ', '-')}.receipt.json"
            yield Receipted(receipt.promise, at_ms, name, data)


def _proof(ledger: Path, audited: Audited, receipts: Sequence[Receipted], trusted: Sequence[str]) -> Proof:
    seen = audited.witnessed
    return Proof(
        origin=audited.origin,
        size=audited.audit.entries,
        root=base64.b64encode(audited.root).decode(),
        checkpoint=None if audited.checkpoint is None else audited.checkpoint.decode(),
        signed_by=None if seen is None else seen.log.name,
        unsigned=audited.beyond,
        witnesses={} if seen is None else seen.witnesses,
        quorum=None if seen is None else seen.quorum,
        audit=audit_command(ledger.name, list(trusted)),
        verify=verify_command(receipts[0].name if receipts else "RECEIPT", list(trusted)),
    )


def _refused(audited: Audited) -> str:
    if audited.audit.findings:
        return "what the ledger records does not follow from its events and the charter"
    return "nothing was executed in this ledger yet"


def _unread(ledger: Path, period: Period | None, command: str, error: VerificationError) -> LabPeriod:
    """Return a report that only says that the ledger does not hold."""
    return LabPeriod(
        name="this ledger" if period is None else period.name,
        lab="",
        ledger=ledger.name,
        command=command,
        asked=None,
        origin_ms=None,
        zone="UTC",
        source="",
        run=None,
        refused=f"{error.code} {error.message}",
        findings=(),
        notes=(),
        residual=tuple(map(str, RESIDUAL)),
        changes=(),
        corrections=(),
        proof=None,
    )
