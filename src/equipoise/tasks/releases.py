"""Caps that a charter's gates put on the services of a workload while it is replayed."""

from __future__ import annotations

from equipoise.charter.model import Charter
from equipoise.errors import InputError
from equipoise.gates.caps import cap_course
from equipoise.simulator.bookkeeping import Releases
from equipoise.simulator.replay import CapChange
from equipoise.units import DAY_MS, shown
from equipoise.workload.gated import gated_services
from equipoise.workload.model import Workload

TAIL_MS = 400 * DAY_MS
"""How long after the last of a workload work may still run, and gates still decide."""


def gate_caps(charter: Charter, workload: Workload, releases: Releases) -> tuple[CapChange, ...]:
    """Return how the gates move the caps of services; ``InputError`` S101 for a release of a service that there is not."""
    names = [service.name for service in workload.services]
    for name in releases.digests:
        if name not in names:
            raise InputError("S101", f"no service {shown(name)} that could run a release", hint=", ".join(names[:9]))
    services = gated_services(workload, releases.digests)
    origin_ms = workload.origin_ms or 0
    until_ms = origin_ms + workload.asked_ms + TAIL_MS
    found = cap_course(charter, services, releases.records, from_ms=origin_ms, until_ms=until_ms)
    return tuple(
        CapChange(
            cap.at_ms - origin_ms,
            names.index(cap.service),
            None if cap.replicas is None else cap.replicas * services[names.index(cap.service)].gang,
        )
        for cap in found
    )
