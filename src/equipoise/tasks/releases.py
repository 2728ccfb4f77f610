"""Releases that services run in a replay: read from a command line, and the caps that gates put on the services by them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from equipoise.charter.model import Charter
from equipoise.errors import InputError
from equipoise.gates.evidence import Recorded
from equipoise.gates.rulings import Course, Ruling, cap_moves, rulings
from equipoise.gates.statement import parse_attested, read_release
from equipoise.simulator.bookkeeping import Releases
from equipoise.simulator.replay import CapChange
from equipoise.tasks.enact import since_first
from equipoise.tasks.gate import envelopes, read_file
from equipoise.units import DAY_MS, shown
from equipoise.workload.gated import gated_services
from equipoise.workload.model import Workload

TAIL_MS = 400 * DAY_MS
"""How long after the last of a workload work may still run, and gates still decide."""


@dataclass(frozen=True, slots=True)
class Declared:
    """What services run and what is attested of it, as files that are not read yet.

    Parameters
    ----------
    digests : Mapping of str to str
        ``sha256:…`` by the service's name.
    attestations : sequence of (path, str or None)
        Files of envelopes, and when each was recorded: a date, an instant or a duration since the log's first submission.
        None: when each statement says to be issued.
    """

    digests: Mapping[str, str]
    attestations: Sequence[tuple[Path, str | None]] = ()


def declared(named: Iterable[str], attestations: Iterable[str]) -> Declared | None:
    """Read ``SERVICE=DIGEST`` and ``FILE`` or ``FILE@TIME``; None where nothing is named.

    Raises
    ------
    InputError
        S111 for what is not SERVICE=DIGEST, two releases of one service, or attestations without a release; G105 for a
        digest that is none.

    Examples
    --------
    >>> declared(["chat=sha256:" + "ab" * 32], ["cyber.json@14d"]).attestations
    [(PosixPath('cyber.json'), '14d')]
    """
    digests = digests_of(named)
    files = [_dated(text) for text in attestations]
    if files and not digests:
        raise InputError("S111", "attestations, and no release that they are of", hint="--release SERVICE=DIGEST")
    return Declared(digests, files) if digests else None


def digests_of(named: Iterable[str]) -> dict[str, str]:
    """Read ``SERVICE=DIGEST``; errors are those of `declared`."""
    digests: dict[str, str] = {}
    for text in named:
        service, sign, digest = text.partition("=")
        if not (service and sign and digest):
            raise InputError("S111", f"{shown(text)} is not SERVICE=DIGEST", hint="such as chat=sha256:…")
        read_release(digest)
        if digests.setdefault(service, digest) != digest:
            raise InputError(
                "S111", f"two releases of {shown(service)}", hint="a service runs one: name another service"
            )
    return digests


def released(given: Releases | Declared | None, *, charters: Sequence[Charter], workload: Workload) -> Releases | None:
    """Return what services run, read from its files if need be, and check that it can be.

    Raises
    ------
    InputError
        S101 for a release of a service that there is not, S110 for a log without a calendar or a time that cannot be read,
        S112 where no charter of the run has a gate, G109 for a file that cannot be read.
    VerificationError
        L125, G101 to G104 for a file that is no attestation.
    """
    if given is None:
        return None
    names = [service.name for service in workload.services]
    for name in given.digests:
        if name not in names:
            raise InputError("S101", f"no service {shown(name)} that could run a release", hint=", ".join(names[:9]))
    if not any(charter.release_gates for charter in charters):
        raise InputError(
            "S112", "no charter of the run has release_gates", hint="without a gate nothing holds a release"
        )
    if isinstance(given, Releases):
        return given
    if workload.origin_ms is None:
        raise InputError(
            "S110",
            "attestations have dates, and the log has no calendar",
            hint="give the log's times as dates or as Unix time",
        )
    records = _records(given, charters[0].timezone, workload.origin_ms)
    return Releases(given.digests, sorted(records, key=lambda one: one.at_ms))


def gate_rulings(charters: Course, workload: Workload, releases: Releases) -> tuple[Ruling, ...]:
    """Return what gates say of a workload's services, under charters by the time (since its origin) from which each is in force."""
    origin_ms = workload.origin_ms or 0
    dated = [(origin_ms + at_ms, charter) for at_ms, charter in charters]
    services = gated_services(workload, releases.digests)
    records = [Recorded(one.at_ms, one.envelope) for one in releases.records]  # each under the charter of the run then
    until_ms = origin_ms + workload.asked_ms + TAIL_MS
    return tuple(rulings(dated, services, records, from_ms=origin_ms, until_ms=until_ms))


def cap_changes(said: Iterable[Ruling], workload: Workload) -> tuple[CapChange, ...]:
    """Return how caps of services move by what gates say, in accelerators and time since the workload's origin."""
    origin_ms = workload.origin_ms or 0
    places = {service.name: (number, service.gang) for number, service in enumerate(workload.services)}
    found: list[CapChange] = []
    for cap in cap_moves(said):
        number, gang = places[cap.service]
        gpus = None if cap.replicas is None else cap.replicas * gang
        found.append(CapChange(cap.at_ms - origin_ms, number, gpus))
    return tuple(found)


def gates_unasked(charters: Course, workload: Workload) -> tuple[str, ...]:
    """Return a note that gates held nothing since no release was named; none where there is no gate or no service."""
    if not workload.services or not any(charter.release_gates for _, charter in charters):
        return ()
    return ("release gates were not asked: no release of a service was named",)


def _dated(text: str) -> tuple[Path, str | None]:
    """Split ``FILE@TIME``; a file may have the sign in its name."""
    path, sign, at = text.rpartition("@")
    return (Path(path), at) if sign and path and at and not Path(text).exists() else (Path(text), None)


def _records(given: Declared, timezone: str, origin_ms: int) -> Iterator[Recorded]:
    for path, at in given.attestations:
        at_ms = None if at is None else origin_ms + since_first(at, timezone, origin_ms, code="S110")
        for envelope in envelopes(read_file(path)):
            statement = parse_attested(envelope)[1]
            yield Recorded(statement.issued_ms if at_ms is None else at_ms, envelope)
