"""Jobs that users hand in to a cluster by themselves: their arrival at the engine, and their admission."""

from __future__ import annotations

from typing import Any

from equipoise.engines.protocol import (
    Arrived,
    Attempt,
    Launch,
    Part,
)
from tests.contract.engine_kubernetes import POOL, TEAM, KubernetesRig, user_job
from tests.contract.engine_rig import Bench


def hand_in(bench: Bench, name: str, *options: str | float, gang: str = "", of: int = 1, notes: dict[str, str] | None = None,
            pods: int = 1, devices: int = 1, **spec: Any) -> str:  # fmt: skip
    """Hand a Job in as a user does; returns its uid."""
    labels = {TEAM: "research", POOL: "a"} | ({"equipoise.dev/gang": gang} if gang else {})
    notes = {**(notes or {}), **({"equipoise.dev/gang-size": str(of)} if gang else {})}
    job = user_job(name, bench.argv(name, *options), labels=labels, notes=notes, pods=pods, devices=devices, **spec)
    return server(bench).create("jobs", job)["metadata"]["uid"]


def server(bench: Bench) -> Any:
    assert isinstance(bench.rig, KubernetesRig)
    return bench.rig.server


def arrival(bench: Bench, name: str) -> Arrived:
    def found() -> list[Arrived]:
        return [seen for seen in bench.heard if isinstance(seen, Arrived) and seen.name == name]

    bench.listen(found, f"{name} arrives")
    return found()[-1]


def admit(bench: Bench, arrived: Arrived, *parts: Part, job: int | None = None, number: int = 0) -> Attempt:
    attempt = Attempt(next(bench.rig.numbers) if job is None else job, number)
    where = parts or (Part(0, arrived.gang),)
    order = Launch(attempt, arrived.name, arrived.team, arrived.pool, arrived.gang, where, None, origin=arrived.origin)
    bench.start(order)
    return attempt
