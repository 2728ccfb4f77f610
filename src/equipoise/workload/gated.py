"""A workload's services as release gates see them."""

from __future__ import annotations

from collections.abc import Mapping

from equipoise.gates.caps import GatedService
from equipoise.workload.model import Workload


def gated_services(
    workload: Workload, releases: Mapping[str, str], *, since_ms: Mapping[str, int] | None = None
) -> list[GatedService]:
    """Return the services of a workload as gates see them, by what is declared of their releases, and since when if not always."""
    return [
        GatedService(
            each.name,
            workload.teams[each.team],
            workload.pools[each.pool],
            each.gang,
            int(each.replicas.max(initial=0)),
            releases.get(each.name),
            None if since_ms is None else since_ms.get(each.name),
        )
        for each in workload.services
    ]
