"""A ledger's file: a run recorded in it, receipts made from it, and everything in it executed again.

`record_run` writes, `read_book` and `audit_ledger` read; all of them go through the store's own checks.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import islice
from pathlib import Path

from equipoise.audit import Audit, Book, audit
from equipoise.audit.book import Values
from equipoise.errors import InputError, VerificationError
from equipoise.ledger.keys import SigningKey
from equipoise.ledger.note import sign_note
from equipoise.ledger.pieces import encoded
from equipoise.ledger.quorum import Policy, Witnessed
from equipoise.ledger.tree import Frontier, consistency_proof, leaf_hashes, verify_consistency
from equipoise.receipt import make_receipt, windows_judged
from equipoise.simulator.bookkeeping import Releases, entries
from equipoise.simulator.record import Record
from equipoise.store import StoredLedger, open_sqlite
from equipoise.store.start import checkpoint_of
from equipoise.tasks.audit_state import State, read_state, write_state

AT_ONCE = 4_096
LONG = 50_000  # events, from which on it is said that they are recorded
Watch = Callable[[str, int, int], None]


@dataclass(frozen=True, slots=True)
class Recorded:
    """A ledger that was written: its file, how many entries it has, and its signed checkpoint."""

    path: Path
    size: int
    checkpoint: bytes


def check_new(path: Path) -> None:
    """Raise ``InputError`` S105 where a ledger cannot be begun because its file exists."""
    if path.exists():
        raise InputError("S105", f"{path} exists, and a ledger is never begun anew", hint="name another file")


def record_run(
    record: Record,
    texts: list[str],
    path: Path,
    key: SigningKey,
    *,
    releases: Releases | None = None,
    announce: Callable[[str], None] | None = None,
) -> Recorded:
    """Write a run into a new ledger and sign its head.

    Parameters
    ----------
    record : Record
        With events and decisions (`tasks.simulate` keeps them where a ledger is asked for).
    texts : list of str
        The charters as they were written, in the order in which they came into force.
    path : Path
        A file that does not exist.
    key : SigningKey
        Signs the checkpoint; its name is the ledger's origin.
    releases : Releases or None
        Where gates held services: what they decided by.
    announce : callable or None
        Called with a sentence before entries are written, where that takes long.

    Raises
    ------
    InputError
        S109 for a run that no ledger can hold, S105 where the file exists.
    StoreError
        What the store raises where the file cannot be written.
    """
    check_new(path)
    assert record.run.events is not None
    if announce is not None and len(record.run.events) > LONG:
        announce(f"recording {len(record.run.events):,} events …")
    with closing(open_sqlite(path, origin=key.name)) as store:
        stream = (data for values in entries(record, texts, releases) for data in encoded(values))
        while chunk := list(islice(stream, AT_ONCE)):
            store.append(chunk)
        now_s = int(time.time())
        note = store.sign(lambda text: sign_note(text, [key], time_s=now_s))
        return Recorded(path, store.size, note)


def append_signed(
    store: StoredLedger,
    entries: Iterable[Values],
    key: SigningKey,
    *,
    time_ms: int,
    names: Callable[[Values], str | None] = lambda _: None,
) -> None:
    """Make entries durable, all or none, and sign the head; ``names`` gives an entry its idempotency key."""
    data, keys = list[bytes](), list[str | None]()
    for values in entries:
        name = names(values)
        for number, part in enumerate(encoded(values)):
            data.append(part)
            keys.append(None if name is None else f"{name} {number}")
    if data:
        store.append(data, keys, time_ms=time_ms)
    head = store.checkpoint()
    if head is None or checkpoint_of(head).size < store.size:  # also where a crash kept it from being signed
        store.sign(lambda text: sign_note(text, [key], time_s=int(time.time())))


def receipt_of(path: Path, promise: str, *, to_ms: int | None = None) -> bytes:
    """Return the receipt of a window of a promise; errors are those of `open_sqlite` and `make_receipt`."""
    with closing(open_sqlite(path, read_only=True)) as store:
        return make_receipt(store, promise, to_ms=to_ms).to_bytes()


@dataclass(frozen=True, slots=True, eq=False)
class Audited:
    """An audit of a ledger's file, and whose checkpoint its entries were found to be under (None: nobody's was asked for)."""

    audit: Audit
    witnessed: Witnessed | None
    beyond: int
    """Entries after the checkpoint, which nobody signed yet."""
    resumed: int
    """Entries that an earlier audit had read; they are the same, by the tree's hashes, and were not read again."""
    book: Book
    origin: str
    """What the ledger is called."""
    root: bytes
    """Of the tree over all entries."""
    checkpoint: bytes | None
    """The latest signed one, as it is stored."""

    def job_name(self, job: int) -> str:
        """Return what the ledger calls a job."""
        return self.audit.job_name(job)


def audit_ledger(
    path: Path, policy: Policy | None, *, state: Path | None = None, progress: Watch | None = None
) -> Audited:
    """Hash and execute everything in a ledger again.

    Parameters
    ----------
    path : Path
    policy : Policy or None
        Whose checkpoint the entries must be under; None: the entries are executed, and may have been written by anybody.
    state : Path or None
        A file that keeps what was read, for an audit of the same ledger when it has grown: entries that were read are not read
        again if the tree still begins with them. All are executed again.
    progress : callable or None

    Raises
    ------
    VerificationError
        L117 to L123 for a checkpoint that does not hold, V110 for entries that are not those that were signed, V210 for a state
        of another ledger or of other entries, V211 for a damaged one.
    """
    with closing(open_sqlite(path, read_only=True)) as store:
        witnessed = None
        if policy is not None:
            note = store.checkpoint()
            if note is None:
                raise VerificationError(
                    "V110", f"{path} has no signed checkpoint", hint="without --key it is executed all the same"
                )
            witnessed = policy.open(note)
        size, checkpoint = store.size, store.checkpoint()
        kept = None if state is None else read_state(state)
        book, frontier = (Book(), Frontier()) if kept is None else (kept.book, _resumed(kept, store, witnessed))
        resumed = book.size
        for chunk in _hashed(store.entries(resumed), frontier, size, witnessed, progress):
            book.read(chunk)
        if state is not None and book.size > resumed and not book.divided:
            write_state(State(store.origin, frontier.root(), book), state)
        book.close()

        def told(done: int, total: int) -> None:
            if progress is not None:
                progress("executing", done, total)

        found = audit(book, progress=told)
    found = replace(found, notes=(*found.notes, *_unseen(book, witnessed)))
    beyond = size - witnessed.checkpoint.size if witnessed is not None else size
    return Audited(found, witnessed, beyond, resumed, book, store.origin, frontier.root(), checkpoint)


def _unseen(book: Book, witnessed: Witnessed | None) -> Iterator[str]:
    """Say where fewer witnesses have seen the checkpoint than the charter asks for; nobody witnesses a simulation."""
    if witnessed is None or not book.live:
        return
    asked, seen = max((charter.evidence.witnesses for charter in book.charters()), default=0), len(witnessed.witnesses)
    if seen < asked:
        yield (
            f"A charter asks for {asked} witnesses, and {seen} that you named have seen this checkpoint:"
            " to you its windows are undecided."
        )


def _resumed(kept: State, store: StoredLedger, witnessed: Witnessed | None) -> Frontier:
    """Return the edge of the tree where an audit goes on; V210 unless the tree begins with what was read."""
    size = kept.book.size
    fault = None
    if kept.origin != store.origin or size > store.size:
        fault = f"the state is of {size} entries of {kept.origin!r}, the ledger has {store.size} of {store.origin!r}"
    else:
        frontier = Frontier.read(size, store)
        if frontier.root() == kept.root:
            if witnessed is None or witnessed.checkpoint.size > size:
                return frontier  # what is read from here on leads to the signed root, or it does not
            signed = witnessed.checkpoint
            proof = consistency_proof(signed.size, size, store)
            verify_consistency(
                proof, old_size=signed.size, old_root=signed.root, new_size=size, new_root=frontier.root()
            )
            return frontier
        fault = f"the first {size} entries are not those that were read"
    raise VerificationError("V210", fault, hint="delete the state, and the audit reads everything again")


def _hashed(
    raw: Iterator[bytes], frontier: Frontier, size: int, witnessed: Witnessed | None, progress: Watch | None
) -> Iterator[list[bytes]]:
    """Yield entries, many at once; when as many have gone by as were signed, their root must be the one that was."""
    signed = witnessed.checkpoint.size if witnessed is not None else 0
    number = frontier.size
    while chunk := list(islice(raw, min(AT_ONCE, signed - number) if number < signed else AT_ONCE)):
        frontier.extend(leaf_hashes(chunk))
        number += len(chunk)
        if number == signed and witnessed is not None and frontier.root() != witnessed.checkpoint.root:
            raise VerificationError(
                "V110",
                f"the {signed} entries of the ledger are not those that were signed",
                hint="an entry was changed, or the checkpoint is another ledger's",
            )
        if progress is not None:
            progress("reading", number, size)
        yield chunk
    if number < signed:
        raise VerificationError(
            "V110",
            f"the ledger has {number} entries, and {signed} were signed",
            hint="it was cut, or restored from an older copy",
        )


def judged_windows(path: Path) -> list[tuple[str, str, str]]:
    """Return the windows that a ledger has a verdict of: promise, and when it began and ended (UTC)."""
    with closing(open_sqlite(path, read_only=True)) as store:
        return [
            (name, _instant(from_ms), _instant(to_ms)) for name, from_ms, to_ms in windows_judged(store, store.size)
        ]


def window_end(path: Path, text: str) -> int:
    """Return the end of a judged window that a date (in the charter's time zone) or an instant means; V105 if there is none."""
    with closing(open_sqlite(path, read_only=True)) as store:
        ends = sorted({to_ms for _, _, to_ms in windows_judged(store, store.size)})
    found = [to_ms for to_ms in ends if _instant(to_ms).startswith(text) or _near(to_ms, text)]
    if not found:
        raise InputError(
            "V105", f"no window ends at {text}", hint="without a promise, `equipoise receipt LEDGER` lists them"
        )
    return found[-1]


def _near(to_ms: int, text: str) -> bool:
    """Whether a date is the local one of an instant: midnights of all zones lie within 14 hours of that of UTC."""
    try:
        day = datetime.fromisoformat(text).replace(tzinfo=UTC)
    except ValueError:
        return False
    return len(text) == len("2027-01-01") and abs(to_ms / 1000 - day.timestamp()) <= 14 * 3600


def _instant(at_ms: int) -> str:
    return datetime.fromtimestamp(at_ms / 1000, UTC).isoformat().replace("+00:00", "Z")


def write_receipt(data: bytes, path: Path) -> Path:
    """Write a receipt to a file; V108 where that cannot be done."""
    try:
        path.write_bytes(data)
    except OSError as error:
        raise InputError("V108", f"{path} cannot be written: {error}") from error
    return path
