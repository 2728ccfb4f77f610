"""Caps of services must be those that the release gates require, by the releases and attestations that are recorded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import zip_longest

from equipoise.audit.book import Book
from equipoise.audit.finding import Finding
from equipoise.audit.minutes import LATE_MS
from equipoise.charter.model import Charter
from equipoise.gates.evidence import Recorded
from equipoise.gates.rulings import Ruling, cap_moves, rulings
from equipoise.policy.kernel import layout as k
from equipoise.workload.gated import gated_services
from equipoise.workload.model import Workload

Changes = list[tuple[int, int]]
"""When the cap of a service changed, and to how many accelerators (NEVER: any number)."""


def release_findings(book: Book, ruled: Sequence[Ruling], workload: Workload) -> Iterator[Finding]:
    """Find, by the rulings of the gates, the first cap of each service that the gates did not require, or that was not set when they did.

    In a simulation without releases nobody asked the gates.
    """
    if book.live or book.register.digests:
        required, told = _required(book, ruled, workload), _told(book)
        late_ms = LATE_MS.get(book.source, 0)
        for number, service in enumerate(workload.services):
            pairs = zip_longest(_moves(told.get(number, [])), _moves(required.get(number, [])))
            for said, due in pairs:
                if said is None or due is None or said[1] != due[1] or not 0 <= said[0] - due[0] <= late_ms:
                    at_ms = min(one[0] for one in (said, due) if one is not None)
                    yield Finding("V228", at_ms, -1, _text(service.name, said), _text(service.name, due))
                    break


def rulings_of(book: Book, charters: Sequence[Charter], workload: Workload) -> tuple[Ruling, ...]:
    """Return what the release gates said of the services, by what the ledger knows; nothing where nobody asked them."""
    if not (book.live or book.register.digests):
        return ()
    origin_ms = book.origin_ms or 0
    since_ms = {name: origin_ms + at_ms for name, at_ms in book.register.since_ms.items()}
    services = gated_services(workload, book.register.digests, since_ms=since_ms)
    said = rulings(
        [(origin_ms + at_ms, charter) for at_ms, charter in zip((0, *book.enact_ms), charters, strict=True)],
        services,
        [Recorded(origin_ms + at_ms, envelope) for at_ms, envelope in book.register.attestations],
        from_ms=origin_ms,
        until_ms=origin_ms + book.last_ms + 1,
    )
    return tuple(said)


def _required(book: Book, said: Sequence[Ruling], workload: Workload) -> dict[int, Changes]:
    origin_ms = book.origin_ms or 0
    services = workload.services
    numbers = {each.name: number for number, each in enumerate(services)}
    found: dict[int, Changes] = {}
    for cap in cap_moves(said):
        number = numbers[cap.service]
        gpus = k.NEVER if cap.replicas is None else cap.replicas * services[number].gang
        found.setdefault(number, []).append((cap.at_ms - origin_ms, gpus))
    return found


def _told(book: Book) -> dict[int, Changes]:
    rows = book.events[book.events["kind"] == k.CAP_SET]
    found: dict[int, Changes] = {}
    for at_ms, number, gpus in zip(
        rows["time_ms"].tolist(), rows["subject"].tolist(), rows["amount"].tolist(), strict=True
    ):
        found.setdefault(number, []).append((at_ms, gpus))
    return found


def _moves(changes: Changes) -> Changes:
    """Return the changes that change something; a service begins without a cap."""
    last = dict(changes)  # of several at one instant the last holds
    held, found = k.NEVER, Changes()
    for at_ms, gpus in sorted(last.items()):
        if gpus != held:
            found.append((at_ms, gpus))
        held = gpus
    return found


def _text(service: str, change: tuple[int, int] | None) -> str:
    if change is None:
        return ""
    at_ms, gpus = change
    return f"{service} may hold {'any number of' if gpus >= k.NEVER else f'{gpus:,}'} gpu from {at_ms} ms on"
