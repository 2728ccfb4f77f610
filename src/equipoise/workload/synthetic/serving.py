"""Services of the lab: how many replicas are wanted, hour by hour."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from equipoise.workload.draws import Draws
from equipoise.workload.model import Service
from equipoise.workload.synthetic import rhythm
from equipoise.workload.synthetic.asks import SERVING_MINIMUM, SERVINGS, Serving


def services(seed: int, days: int, pools: Mapping[str, int], teams: Sequence[str]) -> tuple[Service, ...]:
    """Make the services; each ends with the span.

    Parameters
    ----------
    seed, days : int
    pools : mapping of str to int
        Accelerators by pool, in the order of ``Workload.pools``.
    teams : sequence of str
        ``Workload.teams``.
    """
    order = list(pools)
    return tuple(
        service(
            spec, Draws(seed, stream=900 + i), days, pools[spec.pool], teams.index(spec.team), order.index(spec.pool)
        )
        for i, spec in enumerate(SERVINGS)
    )


def service(spec: Serving, draws: Draws, days: int, gpus: int, team: int, pool: int) -> Service:
    """Make one service of a pool of ``gpus`` accelerators; ``team`` and ``pool`` are indices into the workload's."""
    hourly = (rhythm.chat if spec.rhythm == "chat" else rhythm.calls)(days) * rhythm.surge(days, rhythm.SURGE)
    level = hourly * (1.0 + (2.0 * draws.unit(days * 24) - 1.0) * spec.noise)
    average = gpus * spec.share_e3 / (1000.0 * spec.gang)
    replicas = np.maximum(1, (level * average + 0.5).astype(np.int32)).astype(np.int32)
    changes = np.flatnonzero(np.concatenate(([True], replicas[1:] != replicas[:-1])))
    return Service(
        name=spec.name,
        team=team,
        pool=pool,
        gang=spec.gang,
        minimum=max(1, int(average * SERVING_MINIMUM)),
        at_ms=np.append(changes * rhythm.HOUR_MS, days * 24 * rhythm.HOUR_MS).astype(np.int64),
        replicas=np.append(replicas[changes], 0).astype(np.int32),
        carry=spec.carry,
    )
