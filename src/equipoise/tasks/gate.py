"""What a gate says of a release by attestations in files, and attestations made with keys in files.

Files have no ledger that would date them: each statement is taken as recorded when it says to be issued, but a revocation that
is dated ahead counts at once.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

from equipoise.charter_io import load, moment_ms
from equipoise.errors import InputError, Place, VerificationError
from equipoise.gates.decision import Dossier, GateDecision
from equipoise.gates.evidence import Recorded
from equipoise.gates.statement import PAYLOAD_TYPE, Kind, Statement, parse_attested
from equipoise.ledger.dsse import Envelope, parse_envelope, sign_envelope
from equipoise.ledger.keys import SigningKey, parse_signing_key

MAX_FILE_BYTES = 16 << 20


def now_ms() -> int:
    """Return the time of this machine's clock."""
    return time.time_ns() // 1_000_000


def decide_by_files(
    charter: str | Path,
    release: str,
    attestations: Iterable[str | Path],
    *,
    gate: str | None = None,
    at: str | None = None,
) -> tuple[Dossier, GateDecision]:
    """Return a dossier and what its gate says of the release.

    Parameters
    ----------
    charter : path
    release : str
        ``sha256:…``
    attestations : iterable of path
        Files of envelopes, each one envelope or one on every line.
    gate : str or None
        The gate's name, where the charter has several.
    at : str or None
        A date (midnight in the charter's time zone) or an instant; None is now.

    Raises
    ------
    InputError
        G105 or G106 as of ``Dossier``, G109 for a file that cannot be read, C201 for a date that is none.
    CharterError
        For a charter with errors.
    """
    rules = load(charter)
    at_ms = now_ms() if at is None else moment_ms(at, rules.timezone)
    records = [record for path in attestations for record in _records(path, at_ms)]
    dossier = Dossier(rules, gate, release, records)
    return dossier, dossier.decide(at_ms)


def _records(path: str | Path, at_ms: int) -> Iterator[Recorded]:
    for envelope in envelopes(read_file(path)):
        try:
            statement = parse_attested(envelope)[1]
        except VerificationError:
            yield Recorded(at_ms, envelope)  # to be told of, not to count
            continue
        recorded_ms = statement.issued_ms
        if statement.kind is Kind.REVOCATION and recorded_ms > max(at_ms, now_ms()):
            recorded_ms = at_ms  # a file that is here was not written later, and no is no
        yield Recorded(recorded_ms, envelope)


def envelopes(data: bytes) -> Sequence[bytes]:
    """Return the envelopes of a file: the file, if it is one, else its lines."""
    try:
        parse_envelope(data)
    except VerificationError:
        lines = [line for line in data.splitlines() if line.strip()]
        return lines if len(lines) > 1 and all(line.lstrip().startswith(b"{") for line in lines) else [data]
    return [data]


def attest(payload: bytes, keys: Iterable[str | Path]) -> bytes:
    """Return a statement's envelope, signed with the keys of some files; G109 or L115 for one that cannot be used."""
    return sign_envelope(PAYLOAD_TYPE, payload, [read_key(path) for path in keys])


def cosign(path: str | Path, keys: Iterable[str | Path]) -> tuple[bytes, Statement]:
    """Return a file's envelope with further signatures, and the statement that they are under.

    Raises
    ------
    VerificationError
        L125 or G101 to G104, if the file is not one attestation.
    InputError
        G109 or L115 for a file that cannot be used.
    """
    envelope, statement = parse_attested(read_file(path))
    added = parse_envelope(attest(envelope.payload, keys)).signatures
    signatures = tuple(dict.fromkeys((*envelope.signatures, *added)))
    return Envelope(envelope.payload_type, envelope.payload, signatures).to_bytes(), statement


def read_key(path: str | Path) -> SigningKey:
    """Return the private key that a file holds; G109 or L115 if there is none."""
    try:
        text = read_file(path).decode("ascii").strip()
    except UnicodeDecodeError:
        text = ""
    return parse_signing_key(text)


def write(data: bytes, path: str | Path) -> None:
    """Write an envelope as a line of a file of its own; ``InputError`` G109 rather than overwrite one."""
    try:
        with Path(path).open("xb") as file:
            file.write(data + b"\n")
    except (OSError, ValueError) as error:
        raise _unusable(path, error, "write") from None


def read_file(path: str | Path) -> bytes:
    """Return the bytes of a file of attestations, or of a key; ``InputError`` G109."""
    try:
        with Path(path).open("rb") as file:
            data = file.read(MAX_FILE_BYTES + 1)
    except (OSError, ValueError) as error:
        raise _unusable(path, error, "read") from None
    if len(data) > MAX_FILE_BYTES:
        raise InputError("G109", f"a file of more than {MAX_FILE_BYTES >> 20} MiB", place=Place(str(path)))
    return data


def _unusable(path: str | Path, error: OSError | ValueError, verb: str) -> InputError:
    reason = getattr(error, "strerror", None) or str(error)
    return InputError("G109", f"cannot {verb} the file: {reason}", place=Place(str(path)))
