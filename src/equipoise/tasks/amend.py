"""Amendments in files and ledgers: a charter signed with a key, and entered into a ledger as the rules allow.

`apply` is the main path. What it is about to write it first takes into the ledger's `Minutes`, which refuses what the rules of
amendments do; so nothing is written that an audit would find. It holds the ledger's lock meanwhile: what the charter in force is
when it decides is what it is when the entries become durable.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from equipoise import __version__
from equipoise.audit.minutes import HOW, KINDS, Minutes, signature_values
from equipoise.charter.amendment import Seat, Status, seats
from equipoise.charter.canonical import to_values
from equipoise.charter.model import Charter
from equipoise.charter_io import loads, read_bytes
from equipoise.errors import InputError, VerificationError
from equipoise.ledger.assent import Act, Given, sign_act, signatures_of
from equipoise.ledger.entry import parse_entry
from equipoise.ledger.keys import SigningKey
from equipoise.ledger.pieces import joined
from equipoise.policy.columns import Options
from equipoise.simulator.bookkeeping import FORMAT, charter_values
from equipoise.store import StoredLedger, open_sqlite
from equipoise.tasks.gate import now_ms
from equipoise.tasks.ledger import append_signed
from equipoise.units import shown

Values = dict[str, Any]
MAX_ENVELOPE_FILE = 16 << 20


@dataclass(frozen=True, slots=True)
class Signed:
    """A charter's envelope with a new signature, and as whom it was given (None: on no board of the charters known)."""

    envelope: bytes
    seat: Seat | None


def sign_charter(
    new: Path, key: SigningKey, *, act: Act = "amendment", to: Path | None = None, old: Charter | None = None
) -> Signed:
    """Sign a charter's file.

    Parameters
    ----------
    new : path
        The charter; of a withdrawal the amendment that is pending, of an end the emergency that is in force.
    key : SigningKey
    act : {'amendment', 'emergency', 'withdrawal', 'end'}
    to : path or None
        An envelope to which the signature is added, if the file exists.
    old : Charter or None
        The charter in force, if it is known, to say as whom it is signed.

    Raises
    ------
    CharterError
        For a charter with errors: nobody should sign it.
    VerificationError
        L175 where the envelope is over other bytes, L125 where it is none.
    InputError
        C100, L174 for files that cannot be read.
    """
    data = read_bytes(new)
    charter = loads(data, os.fspath(new))
    before = read_envelope(to) if to is not None and to.exists() else None
    known = seats(charter) | ({} if old is None else seats(old))
    return Signed(sign_act(act, data, [key], to=before), known.get(key.verifier.key))


def read_envelope(path: Path) -> bytes:
    """Return the bytes of an envelope's file; L174 where it cannot be read."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_ENVELOPE_FILE + 1)
    except OSError as error:
        raise InputError("L174", f"{path} cannot be read: {error}") from error
    if len(data) > MAX_ENVELOPE_FILE:
        raise InputError("L174", f"{path} is larger than {MAX_ENVELOPE_FILE >> 20} MiB, which no envelope is")
    return data


def write_envelope(data: bytes, path: Path) -> None:
    """Write an envelope in place of the one that it adds a signature to, at once; L174 where that cannot be done."""
    beside = path.with_name(path.name + ".part")
    try:
        beside.write_bytes(data + b"\n")
        beside.replace(path)
    except OSError as error:
        raise InputError("L174", f"{path} cannot be written: {error}") from error


@dataclass(frozen=True, slots=True, eq=False)
class Applied:
    """What `apply` entered, and where things stand after it.

    Parameters
    ----------
    entries : tuple of mappings
        What was entered, or would be.
    written : bool
    size : int
        Entries of the ledger after it.
    charter : Charter
        In force now.
    pending : Charter or None
    status : Status or None
        How far the pending amendment is.
    needs_nobody : bool
        Whether whoever can enter an amendment changes this charter.
    """

    entries: tuple[Values, ...]
    written: bool
    size: int
    charter: Charter
    pending: Charter | None
    status: Status | None

    @property
    def needs_nobody(self) -> bool:
        """Whether no board signs ordinary amendments of the charter in force."""
        rules = self.charter.amendments
        return rules is None or not rules.ordinary.needs


def apply(
    new: Path | None,
    envelopes: Sequence[Path] = (),
    *,
    ledger: Path,
    key: SigningKey | None,
    act: Act | None = "amendment",
    reason: str = "",
    at_ms: int | None = None,
    dry_run: bool = False,
) -> Applied:
    """Enter a charter and signatures of it into a ledger, and put in force what is due.

    Parameters
    ----------
    new : path or None
        The charter's file; None only enters what is due. With a ledger that does not exist, its first charter.
    envelopes : sequence of path
        Each with signatures over the bytes of ``new``.
    ledger : path
    key : SigningKey or None
        The ledger's, which signs the new head; its name is that of the ledger. None only for a dry run.
    act : {'amendment', 'emergency', 'withdrawal', 'end'} or None
        None re-founds: no signature is asked for, and it is in the ledger for ever.
    reason : str
        Why it is re-founded.
    at_ms : int or None
        Unix time; None is now.
    dry_run : bool
        Whether nothing is written.

    Raises
    ------
    InputError
        L174, L177, L179, C504 to C514 for what cannot be entered; C100 for a file that cannot be read.
    VerificationError
        L175, L176 for envelopes over other bytes or without a signature that counts; V220 to V227 for a ledger with errors.
    StoreError
        What the store raises.
    """
    when_ms = now_ms() if at_ms is None else at_ms
    if dry_run and not ledger.exists():
        return applied(_founded(new, ledger, when_ms), 0, written=False)
    if not ledger.exists():
        _founded(new, ledger, when_ms)  # before there is a file
        needed(key)
    origin = None if key is None else key.name
    with closing(open_sqlite(ledger, origin=origin, read_only=dry_run)) as store:
        if store.size == 0:
            pen = _founded(new, ledger, when_ms)
        else:
            pen = Pen(read_minutes(store), when_ms)
            pen.settle()
            if new is not None:
                data, held = read_bytes(new), [(os.fspath(path), read_envelope(path)) for path in envelopes]
                _enter(pen, data, os.fspath(new), held, act, reason)
        if not dry_run:
            append_signed(store, pen.entries, needed(key), time_ms=when_ms)
        return applied(pen, store.size, written=not dry_run)


def read_minutes(
    store: StoredLedger, *, others: Callable[[int, Mapping[str, Any], Minutes], None] | None = None
) -> Minutes:
    """Return the minutes of a ledger that can be amended.

    Parameters
    ----------
    store : StoredLedger
    others : callable or None
        Called with each entry that is not about charters, its number, and the minutes so far.

    Raises
    ------
    InputError
        L177 for a ledger of a simulation, or one that has ended.
    VerificationError
        V220 to V227 and others for entries that cannot be.
    """
    minutes: Minutes | None = None
    for number, values in joined((n, parse_entry(data)) for n, data in enumerate(store.entries())):
        kind = values.get("kind")
        if kind == "opened":
            minutes = Minutes(int(values.get("origin_ms") or 0), source=str(values.get("source")))
            if not minutes.asked:
                raise InputError("L177", "the ledger is of a simulation", hint="amendments are entered in a live one")
        if minutes is None:
            raise VerificationError("V101", "the first entry does not open the ledger")
        if kind == "ended":
            raise InputError("L177", "the ledger has ended", hint="begin another")
        if kind in KINDS:
            minutes.take(values)
        elif kind == "pass":
            minutes.let_pass(int(values["at_ms"]))
        elif others is not None:
            others(number, values, minutes)
    if minutes is None or minutes.docket is None:
        raise InputError("L177", "the ledger has no charter", hint="it was not begun by `equipoise apply`")
    return minutes


def minutes_at(ledger: Path, *, at_ms: int | None = None) -> Minutes:
    """Return a ledger's minutes as they stand now, or at a Unix time."""
    with closing(open_sqlite(ledger, read_only=True)) as store:
        minutes = read_minutes(store)
    minutes.let_pass(max(minutes.at_ms, (now_ms() if at_ms is None else at_ms) - minutes.origin_ms))
    return minutes


class Pen:
    """Writes entries of an instant: each is taken into the minutes first."""

    def __init__(self, minutes: Minutes, when_ms: int) -> None:
        self.minutes = minutes
        self.entries: list[Values] = []
        self.at_ms = when_ms - minutes.origin_ms
        if self.at_ms < minutes.at_ms:
            raise InputError("C514", "the clock is before the ledger's last entry", hint="mend the clock")
        minutes.let_pass(self.at_ms)

    def enter(self, kind: str, **values: object) -> None:
        """Enter something, and the charters that come into force by it."""
        self._put({"kind": kind, "at_ms": self.at_ms, **values})
        self.settle()

    def settle(self) -> None:
        """Enter the charters that are due."""
        while self.minutes.awaited:
            step = self.minutes.awaited[0]
            charter, text = self.minutes.charters[step.digest], self.minutes.texts[step.digest]
            self._put(charter_values(charter, text, at_ms=self.at_ms, how=HOW[step.step]))

    def _put(self, values: Values) -> None:
        self.minutes.take(values)
        self.entries.append(values)


def enter_now(
    minutes: Minutes,
    when_ms: int,
    *,
    data: bytes | None = None,
    envelopes: Sequence[bytes] = (),
    act: Act | None = "amendment",
    reason: str = "",
) -> list[Values]:
    """Enter a charter and signatures of it into the minutes of a ledger that is being written, and what is due.

    Parameters
    ----------
    minutes : Minutes
        Changed; after an exception they are of no use.
    when_ms : int
        Unix time.
    data : bytes or None
        The charter's text; None enters only what is due.
    envelopes : sequence of bytes
    act, reason
        As of `apply`, which also says what is raised.
    """
    pen = Pen(minutes, when_ms)
    pen.settle()
    if data is not None:
        named = [(f"envelope {number}", one) for number, one in enumerate(envelopes, start=1)]
        _enter(pen, data, "<charter>", named, act, reason)
    return pen.entries


Named = Sequence[tuple[str, bytes]]
"""Envelopes, each with what it is called."""


def _enter(pen: Pen, data: bytes, name: str, envelopes: Named, act: Act | None, reason: str) -> None:
    """Enter an act about a charter."""
    charter = loads(data, name)
    told: Values = {"digest": charter.digest}
    text: Values = {"text": data.decode(), "canonical": to_values(charter)}
    if act is None:
        if not reason.strip():
            raise InputError("L179", "a re-founding needs a reason", hint="it is in the ledger for ever")
        pen.enter("refounding", **told, **text, reason=reason)
    elif act == "amendment":
        _amend(pen, charter, data, envelopes, told | text)
    else:
        given = list(_given(pen, act, charter, data, envelopes))
        signatures = [signature_values(one) for one in given]
        kind = {"emergency": "emergency", "withdrawal": "withdrawal", "end": "emergency_end"}[act]
        pen.enter(kind, **told, **(text if act == "emergency" else {}), signatures=signatures)


def _amend(pen: Pen, charter: Charter, data: bytes, envelopes: Named, told: Values) -> None:
    docket = pen.minutes.docket
    assert docket is not None, "a ledger that can be amended has a charter"
    if docket.charter.digest == charter.digest:
        return  # it is in force; what was due has been entered
    if docket.pending is None or docket.pending.charter.digest != charter.digest:
        pen.enter("proposal", **told)
    for one in _given(pen, "amendment", charter, data, envelopes):
        held = pen.minutes.docket.pending if pen.minutes.docket is not None else None
        if held is None:  # enough have signed, and it is in force
            return
        if one.key not in held.signed:
            pen.enter("signature", digest=charter.digest, **signature_values(one))


def _given(pen: Pen, act: Act, charter: Charter, data: bytes, envelopes: Named) -> Iterator[Given]:
    """Yield the signatures of envelopes that members of boards gave, by the charter in force or, of an amendment, the new one."""
    docket = pen.minutes.docket
    assert docket is not None, "a ledger that can be amended has a charter"
    keys = seats(docket.charter) | (seats(charter) if act == "amendment" else {})
    for name, envelope in envelopes:
        found = signatures_of(act, data, envelope, keys)
        if not found:
            raise VerificationError(
                "L176", f"{name} has no signature of a member of a board that holds", hint="who signed it, and as what?"
            )
        yield from found


def _founded(new: Path | None, ledger: Path, when_ms: int) -> Pen:
    """Begin the entries of a ledger with its first charter."""
    if new is None:
        raise InputError("L174", f"{ledger} is not there", hint="`equipoise apply CHARTER --ledger FILE` begins one")
    data = read_bytes(new)
    charter = loads(data, os.fspath(new))
    if charter.parent:
        said = f"the first charter of a ledger has no parent, and this names {shown(charter.parent, width=20)}"
        raise InputError("L179", said, hint="begin with the charter that it amends, and enter this one after it")
    options = Options()
    opened: Values = {
        "kind": "opened", "at_ms": 0, "format": FORMAT, "lab": charter.lab, "source": "live", "origin_ms": when_ms,
        "software": f"equipoise {__version__}", "policy": "charter", "first": "product", "run_times": "unknown",
        "estimates": options.estimates, "enforce_walltime": options.enforce_walltime, "trace": options.trace,
        "savepoint_cost_ms": options.savepoint_cost_ms, "confirmed": True,
    }  # fmt: skip
    pen = Pen(Minutes(when_ms), when_ms)
    first = charter_values(charter, data.decode(), at_ms=0, how="founded")
    pen.minutes.take(first)
    pen.entries += [opened, first]
    return pen


def needed(key: SigningKey | None) -> SigningKey:
    """Return the ledger's key; L174 without one, for nothing is entered unsigned."""
    if key is None:
        raise InputError(
            "L174", "a ledger is signed with its key", hint="--key FILE; equipoise keys new NAME makes one"
        )
    return key


def applied(pen: Pen, size: int, *, written: bool) -> Applied:
    """Return what was entered, and where things stand after it."""
    docket = pen.minutes.docket
    assert docket is not None, "a ledger has a charter"
    pending = None if docket.pending is None else docket.pending.charter
    return Applied(tuple(pen.entries), written, size, docket.in_force, pending, docket.status)
