"""One seed: a drawn system with a random latency is run, recorded, and told again through the events of the policy."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Literal

import numpy as np

from equipoise.policy.core import Core
from equipoise.policy.latency import Latency
from equipoise.policy.retracing import retrace
from equipoise.policy.state import Layout, build
from equipoise.simulator.replay import Run
from tests.property.amended_systems import with_caps, with_enactments
from tests.property.policy_systems import Shape, System, draw_closes, draw_system, with_latency, with_outages
from tests.property.promised_systems import PROMISED, with_promises

DRAWN = Latency(seed=1)
BY_RUN_TIME = ("sjf", "srtf", "srsf")
DENIED = 2  # a column of what teams had: bounded by what waiting work still needs, which nobody knows who is not told


def case(seed: int, *, latency: Latency | None = DRAWN) -> tuple[System, list[int]]:
    """Draw a system, every third with outages; ``latency`` stands for a drawn one unless another is given."""
    chance = Random(seed)
    system = with_latency(draw_system(chance), chance)
    if seed % 3 == 0:
        system = with_outages(system, chance)
    if latency is not DRAWN:
        system = replace(system, options=replace(system.options, latency=latency))
    return system, draw_closes(chance, system)


def core_of(system: System, policy: str, run_times: Literal["known", "unknown"]) -> Layout:
    """Lay out a core that is told its events."""
    (executing, reference), *later = system.ways(policy)
    return build(
        system.workload,
        system.charter.pools,
        executing,
        reference=reference,
        later=later,
        options=system.options,
        run_times=run_times,
    )


def promised_case(seed: int) -> tuple[System, list[int]]:
    """Draw a system with promises, most with a latency, every third with outages."""
    chance = Random(seed)
    system = with_promises(draw_system(chance, PROMISED), chance)
    if chance.random() < 0.8:
        system = with_latency(system, chance)
    if seed % 3 == 0:
        system = with_outages(system, chance)
    return system, draw_closes(chance, system)


def amended_case(seed: int) -> tuple[System, list[int]]:
    """Draw a system whose charter and caps change, half with promises, every third with outages."""
    chance = Random(seed)
    promised = seed % 2 == 0
    shape = PROMISED if promised else Shape()
    system = draw_system(chance, shape)
    if promised:
        system = with_promises(system, chance)
    if chance.random() < 0.9:
        system = with_enactments(system, chance, shape=shape, promised=promised)
    system = with_caps(system, chance)
    if chance.random() < 0.6:
        system = with_latency(system, chance)
    if seed % 3 == 0:
        system = with_outages(system, chance)
    return system, draw_closes(chance, system)


def check_amended(seed: int, policy: str) -> Run:
    """Fail unless the record leads to the same also where other charters come into force and services are capped; returns the run."""
    known = seed % 4 > 1 or seed % 2 == 0 or policy in BY_RUN_TIME
    return _check(amended_case(seed), policy, "known" if known else "unknown", f"amended, seed {seed}, {policy}")


def check(seed: int, policy: str) -> Run:
    """Fail unless the record of a run leads to its digest and closes; returns the run.

    Every GPU-ms of a pool is accounted for, and however often accounts are closed, they hold the same.
    """
    known = seed % 2 or policy in BY_RUN_TIME
    return _check(case(seed), policy, "known" if known else "unknown", f"seed {seed}, {policy}")


def check_promised(seed: int, policy: str) -> Run:
    """Fail unless the record leads to the same also where windows of promises begin; returns the run.

    How long jobs run is known: they may claim no more of a promise than they need.
    """
    return _check(promised_case(seed), policy, "known", f"promised, seed {seed}, {policy}")


def _check(drawn: tuple[System, list[int]], policy: str, run_times: Literal["known", "unknown"], here: str) -> Run:
    system, closes_ms = drawn
    done = system.run(policy, closes_ms=closes_ms, record=True)
    assert done.events is not None
    parts = done.pools[:, :, [1, 2, 3, 4, 5, 7, 8]]
    assert np.array_equal(done.pools[:, :, 0], parts.sum(axis=2)), f"{here}: capacity is not the sum of its parts"
    assert done.pools.min() >= 0, here
    core = Core(core_of(system, policy, run_times))
    often_ms, own = _every_instant(done)
    retrace(core, done.events, closes_ms=often_ms, edges_ms=done.promises)
    assert core.digest == done.digest, here
    assert np.array_equal(core.pools[own], done.pools), here
    told, ran = core.teams[own], done.teams
    if run_times == "unknown":
        told, ran = np.delete(told, DENIED, 2), np.delete(ran, DENIED, 2)
    assert np.array_equal(told, ran), here
    for at_ms, totals in done.promises.items():
        assert all(map(np.array_equal, core.promises[at_ms], totals)), f"{here}: promises at {at_ms} ms"
    return done


def _every_instant(done: Run) -> tuple[list[int], list[int]]:
    """Return times of closes before every instant of a run beside its own, and the places of its own among them."""
    assert done.events is not None
    own_ms = done.closes_ms.tolist()
    often_ms = sorted({*own_ms[:-1], *done.events["time_ms"].tolist()})
    return [*often_ms, own_ms[-1]], [*(often_ms.index(at_ms) for at_ms in own_ms[:-1]), len(often_ms)]
