"""What the driver is told of an attempt that is to start: its parts, their bundles, and what its command sees."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from equipoise.engines.protocol import Launch, Part
from equipoise.engines.ray.roster import RayNode
from equipoise.engines.ray.settings import Settings


def order(
    launch: Launch, parts: Sequence[Part], nodes: Sequence[RayNode], *, settings: Settings, address: str
) -> dict[str, Any]:
    """Return what the driver needs to know to start an attempt; ``address`` is the cluster's."""
    assert launch.command is not None
    command = launch.command
    own = {
        "EQUIPOISE_JOB": str(launch.attempt.job),
        "EQUIPOISE_ATTEMPT": str(launch.attempt.number),
        "EQUIPOISE_TEAM": launch.team,
        "EQUIPOISE_POOL": launch.pool,
        "EQUIPOISE_SIZE": str(len(nodes)),
        "EQUIPOISE_ADDRESSES": ",".join(node.address for node in nodes),
        "EQUIPOISE_PLACEMENT_GROUP": f"{settings.namespace}-{launch.attempt}",
        "EQUIPOISE_NAMESPACE": settings.namespace,
        "RAY_ADDRESS": address,
    }
    placed: list[dict[str, Any]] = []
    for rank, (part, node) in enumerate(zip(parts, nodes, strict=True)):
        bundle: dict[str, float] = {"GPU": part.devices}
        if settings.cpus_per_device:
            bundle["CPU"] = settings.cpus_per_device * part.devices
        environment = {**command.environment, **own, "EQUIPOISE_RANK": str(rank), "EQUIPOISE_NODE": node.name}
        placed.append({"node": node.id, "devices": part.devices, "bundle": bundle, "environment": environment})
    return {
        "attempt": str(launch.attempt),
        "parts": placed,
        "reserve_s": settings.reserve_ms / 1000,
        "part": {
            "argv": command.argv,
            "directory": command.directory,
            "user": command.user,
            "nodes": [node.id for node in nodes],
            "signal": settings.warn_signal if launch.savepoint else "",
        },
    }
