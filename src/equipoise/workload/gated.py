"""A workload's services as release gates see them."""

from __future__ import annotations

from collections.abc import Mapping

from equipoise.gates.caps import GatedService
from equipoise.workload.model import Workload


def gated_services(workload: Workload, releases: Mapping[str, str]) -> list[GatedService]:
    """Return the services of a workload as gates see them, by what is declared of their releases."""
    return [
        GatedService(
            each.name,
            workload.teams[each.team],
            workload.pools[each.pool],
            each.gang,
            int(each.replicas.max(initial=0)),
            releases.get(each.name),
        )
        for each in workload.services
    ]
