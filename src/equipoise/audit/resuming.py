"""A ledger gone on with: the core that wrote it, in the state in which it was after the last entry."""

from __future__ import annotations

from equipoise.audit.book import Book
from equipoise.audit.credits import credited
from equipoise.audit.evidence import evidence_of
from equipoise.audit.execution import closings
from equipoise.errors import VerificationError
from equipoise.policy.growing import GrowingCore
from equipoise.simulator.chronicle import Chronicle


def resumed(book: Book, *, room: int = 4096, spare: int = 4, burst: int = 4096) -> Chronicle:
    """Return the chronicle that goes on after a live ledger.

    Parameters
    ----------
    book : Book
        With all entries of the ledger.
    room, spare, burst : int
        As of `GrowingCore`.

    Raises
    ------
    VerificationError
        V101 for a ledger that was ended, or is of a simulation; V102 and V209 for entries that cannot be read.
    InputError
        P102 where the policy cannot have been told what is recorded.
    """
    if book.opened is None or not book.live or book.ended is not None or book.divided:
        raise VerificationError(
            "V101", "nothing goes on after this ledger", hint="only a live ledger that is whole is gone on with"
        )
    closes_ms, edges_ms = closings(book)
    core = GrowingCore(
        book.charters(),
        str(book.opened["policy"]),
        options=book.options(),
        first=str(book.opened["first"]),
        workload=book.workload(),
        room=room,
        spare=spare,
        burst=burst,
    )
    core.retrace(book.events, closes_ms=closes_ms, edges_ms=edges_ms)
    credits, _ = credited(book, book.workload(), core.core.state.jobs["lost"])
    return Chronicle(core, enact_ms=book.enact_ms, named=book.named, evidence=evidence_of(book), credits=credits)
