"""Caps of services must be those that the release gates require, by the releases and attestations that are recorded."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import accumulate, pairwise, zip_longest

from equipoise.audit.book import Book
from equipoise.audit.finding import Finding
from equipoise.audit.minutes import LATE_MS
from equipoise.charter.model import Charter
from equipoise.gates.caps import GatedService, cap_course
from equipoise.gates.evidence import Recorded
from equipoise.policy.kernel import layout as k
from equipoise.workload.gated import gated_services
from equipoise.workload.model import Workload

Changes = list[tuple[int, int]]
"""When the cap of a service changed, and to how many accelerators (NEVER: any number)."""


def release_findings(book: Book, charters: Sequence[Charter], workload: Workload) -> Iterator[Finding]:
    """Find the first cap of each service that the gates did not require, or that was not set when they did.

    In a simulation without releases nobody asked the gates.
    """
    if book.live or book.releases:
        required, told = _required(book, charters, workload), _told(book)
        late_ms = LATE_MS.get(book.source, 0)
        for number, service in enumerate(workload.services):
            pairs = zip_longest(_moves(told.get(number, [])), _moves(required.get(number, [])))
            for said, due in pairs:
                if said is None or due is None or said[1] != due[1] or not 0 <= said[0] - due[0] <= late_ms:
                    at_ms = min(one[0] for one in (said, due) if one is not None)
                    yield Finding("V228", at_ms, -1, _text(service.name, said), _text(service.name, due))
                    break


def _required(book: Book, charters: Sequence[Charter], workload: Workload) -> dict[int, Changes]:
    origin_ms = book.origin_ms or 0
    services = gated_services(workload, book.releases)
    numbers = {each.name: number for number, each in enumerate(services)}
    begins = list(zip((0, *book.enact_ms), charters, strict=True))
    end_ms = book.last_ms + 1
    records = [Recorded(origin_ms + at_ms, envelope, _at(begins, at_ms)) for at_ms, envelope in book.attestations]
    found: dict[int, Changes] = {}
    for (from_ms, charter), (until_ms, _) in pairwise([*begins, (end_ms, charters[0])]):
        if from_ms < end_ms:
            course = cap_course(
                charter,
                list(_within(charter, services)),
                records,
                from_ms=origin_ms + from_ms,
                until_ms=origin_ms + min(until_ms, end_ms),
            )
            for cap in course:
                number = numbers[cap.service]
                gpus = k.NEVER if cap.replicas is None else cap.replicas * services[number].gang
                found.setdefault(number, []).append((cap.at_ms - origin_ms, gpus))
    return found


def _within(charter: Charter, services: Sequence[GatedService]) -> Iterator[GatedService]:
    """Yield the services that run under a charter; one whose team it lacks is of the nearest team above that it has."""
    paths, pools = {team.path for team in charter.teams}, {pool.name for pool in charter.pools}
    for service in services:
        above = list(accumulate(service.team.split("."), "{}.{}".format))
        team = next((path for path in reversed(above) if path in paths), None)
        if team is not None and service.pool in pools:
            yield replace(service, team=team)


def _at(begins: Sequence[tuple[int, Charter]], at_ms: int) -> Charter:
    """Return the charter that was in force at an instant; before the first, the first."""
    return [begins[0][1], *(charter for from_ms, charter in begins if from_ms <= at_ms)][-1]


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
