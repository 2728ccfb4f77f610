"""Releases and attestations entered into a ledger that goes on.

`declare` is the main path. What it is about to write it first takes into the ledger's `Register`, which refuses what an audit
would find; it holds the ledger's lock meanwhile, as `tasks.amend.apply` does. What is there already is not entered again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from typing import Any

from equipoise.audit.minutes import Minutes
from equipoise.audit.register import KINDS, Register
from equipoise.charter.explanation import instant_text
from equipoise.charter.governance import Board
from equipoise.errors import InputError, VerificationError
from equipoise.gates.evidence import CLOCK_MS
from equipoise.gates.statement import Kind, Statement, parse_attested, read_release
from equipoise.ledger.dsse import Envelope, Signatories
from equipoise.ledger.keys import SigningKey, ed25519_fault
from equipoise.store import open_sqlite
from equipoise.tasks.amend import Applied, Pen, applied, needed, read_minutes
from equipoise.tasks.gate import envelopes, now_ms, read_file
from equipoise.tasks.ledger import append_signed
from equipoise.units import shown

Values = Mapping[str, Any]


def declare(
    ledger: Path,
    *,
    key: SigningKey | None,
    releases: Mapping[str, str] | None = None,
    attestations: Sequence[Path] = (),
    at_ms: int | None = None,
    dry_run: bool = False,
) -> Applied:
    """Enter which services run which releases, and what is attested of these; charters that are due come first.

    Parameters
    ----------
    ledger : path
        Begun by `equipoise apply`, and not ended.
    key : SigningKey or None
        The ledger's, which signs the new head. None only for a dry run.
    releases : mapping of str to str
        ``sha256:…`` by the name of the service; they count from now on.
    attestations : sequence of path
        Files of envelopes, each one envelope or one on every line; they count from now on.
    at_ms : int or None
        Unix time; None is now.
    dry_run : bool
        Whether nothing is written.

    Returns
    -------
    Applied
        Whose entries are those that were new.

    Raises
    ------
    InputError
        G105, G109, L174, L177; G110 for an attestation that says to be issued later, G112 for a second release of a service,
        G113 for a service that the ledger does not have, C514 for a clock before the ledger's last entry.
    VerificationError
        L125, G101 to G104 for a file that is no attestation, G111 for one that nobody of a board signed; V220 to V229 for a
        ledger with errors.
    StoreError
        What the store raises.
    """
    when_ms = now_ms() if at_ms is None else at_ms
    if not ledger.exists():
        raise InputError("L174", f"{ledger} is not there", hint="`equipoise apply CHARTER --ledger FILE` begins one")
    with closing(open_sqlite(ledger, origin=None if key is None else key.name, read_only=dry_run)) as store:
        register, services = Register(), set[str]()

        def others(number: int, values: Values, minutes: Any) -> None:
            if values.get("kind") == "service":
                services.add(str(values.get("name")))
            elif values.get("kind") in KINDS:
                register.take(values, number=number, passed_ms=minutes.at_ms)

        pen = Pen(read_minutes(store, others=others), when_ms)
        if pen.at_ms < register.last_ms:
            raise InputError("C514", "the clock is before the ledger's last attestation", hint="mend the clock")
        pen.settle()
        _declare(register, pen, releases or {}, _read(attestations), services, size=store.size)
        if not dry_run:
            append_signed(store, pen.entries, needed(key), time_ms=when_ms, names=_name)
        return applied(pen, store.size, written=not dry_run)


def declare_now(
    register: Register,
    minutes: Minutes,
    when_ms: int,
    *,
    releases: Mapping[str, str] | None = None,
    attestations: Sequence[tuple[str, bytes]] = (),
    size: int = 0,
) -> list[dict[str, Any]]:
    """Enter releases and attestations into the minutes of a ledger that is being written, and what is due.

    Parameters
    ----------
    register : Register
        What the ledger says of releases; changed, as are the minutes: after an exception both are of no use.
    minutes : Minutes
    when_ms : int
        Unix time.
    releases, attestations
        As of `declare`, which also says what is raised; of each file its name and what is in it.
    size : int
        Entries of the ledger.
    """
    pen = Pen(minutes, when_ms)
    if pen.at_ms < register.last_ms:
        raise InputError("C514", "the clock is before the ledger's last attestation", hint="mend the clock")
    pen.settle()
    _declare(register, pen, releases or {}, attestations, set(), size=size)
    return pen.entries


def _declare(
    register: Register,
    pen: Pen,
    releases: Mapping[str, str],
    attestations: Iterable[tuple[str, bytes]],
    services: set[str],
    *,
    size: int,
) -> None:
    """Take what is new into the register, and into the pen's entries."""
    for values in _new(register, pen, releases, attestations, services, pen.minutes.origin_ms + pen.at_ms):
        register.take(values, number=size + len(pen.entries), passed_ms=pen.at_ms)
        pen.entries.append(dict(values))


def _read(paths: Iterable[Path]) -> Iterator[tuple[str, bytes]]:
    for path in paths:
        yield str(path), read_file(path)


def _new(
    register: Register,
    pen: Pen,
    releases: Mapping[str, str],
    attestations: Iterable[tuple[str, bytes]],
    services: set[str],
    when_ms: int,
) -> Iterator[Values]:
    """Yield the entries of what is not in the ledger yet."""
    for service, digest in releases.items():
        held = register.digests.get(service)
        if held not in (None, read_release(digest)):
            said = f"{shown(service)} runs {shown(str(held), width=20)}, and not {shown(digest, width=20)}"
            raise InputError("G112", said, hint="a service runs one release; a new model is a new service")
        if services and service not in services:
            hint = f"services: {', '.join(sorted(services)[:9])}"
            raise InputError("G113", f"the ledger has no service {shown(service)}", hint=hint)
        if held is None:
            yield {"kind": "release", "at_ms": pen.at_ms, "service": service, "digest": digest}
    docket = pen.minutes.docket
    assert docket is not None, "a ledger that can be amended has a charter"
    for name, file in attestations:
        for data in envelopes(file):
            envelope, statement = parse_attested(data)
            _check(name, envelope, statement, docket.charter.boards, when_ms)
            known = _signed(register, pen.minutes.origin_ms, envelope, statement)
            if not set(envelope.signatures) <= known:
                yield {"kind": "attestation", "at_ms": pen.at_ms, "envelope": envelope.to_bytes().decode()}


def _check(path: str, envelope: Envelope, statement: Statement, boards: Iterable[Board], when_ms: int) -> None:
    """Refuse what would never count as it is entered."""
    if statement.kind is Kind.ATTESTATION and when_ms < statement.issued_ms - CLOCK_MS:
        said = f"{path} says to be issued on {instant_text(statement.issued_ms)}, which is not yet"
        raise InputError("G110", said, hint="entered now it would never count: enter it then")
    keys = {key for board in boards for key in board.members.values() if not ed25519_fault(key)}
    if not keys or not Signatories({key.hex(): [key] for key in keys}, needed=1).signed(envelope).people:
        raise VerificationError(
            "G111",
            f"{path} has no signature of a member of a board that holds",
            hint="who signed it, and for which board?",
        )


def _signed(register: Register, origin_ms: int, envelope: Envelope, statement: Statement) -> set[Any]:
    """Return the signatures under a statement that are in the ledger already, where they count."""
    earliest_ms = statement.issued_ms - CLOCK_MS if statement.kind is Kind.ATTESTATION else 0
    found: set[Any] = set()
    for at_ms, data in register.attestations:
        try:
            before = parse_attested(data)[0]
        except VerificationError:
            continue  # it counts for nothing
        if before.payload == envelope.payload and origin_ms + at_ms >= earliest_ms:
            found.update(before.signatures)
    return found


def _name(values: Values) -> str | None:
    """Return what an entry is known by, so that the store does not take it twice either."""
    if values["kind"] == "release":
        return f"release {values['service']}"
    if values["kind"] == "attestation":
        return f"attestation {sha256(str(values['envelope']).encode()).hexdigest()} {values['at_ms']}"
    return None
