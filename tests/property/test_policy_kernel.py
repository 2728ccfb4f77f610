"""The kernel held to what was written without it: the checker of decisions and the account by brute force.

Each property runs over seeds in one loop (fast; a failure names its seed), the first also under Hypothesis.
"""

from __future__ import annotations

from dataclasses import replace
from random import Random

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equipoise.policy.kernel import layout as k
from equipoise.simulator.run import Run
from tests.property.policy_streams import Preorder, runs_of
from tests.property.policy_systems import COUNTED, POLICIES, Shape, System, draw_closes, draw_system, with_outages
from tests.reference.policy_account import account
from tests.reference.policy_audit import violations

FORESEEABLE = Shape(carry=False)
"""All kinds of systems but services that carry demand over: how many replicas those ask for depends on the run."""


def lawful(system: System) -> None:
    """Fail with the first rows that the checker objects to."""
    for run in runs_of(system, system.run()):
        found = violations(run)
        assert not found, found[:3]


@pytest.mark.parametrize("shape", [COUNTED, FORESEEABLE], ids=["counted", "everything"])
def test_every_decision_of_a_charter_is_lawful(shape: Shape) -> None:
    for seed in range(1_500):
        try:
            lawful(draw_system(Random(seed), shape))
        except AssertionError as error:
            raise AssertionError(f"seed {seed}") from error


@settings(max_examples=100)
@given(st.randoms(use_true_random=False))
def test_no_drawn_system_makes_an_unlawful_decision(chance: Random) -> None:
    lawful(draw_system(chance, FORESEEABLE))


def waits_for_a_refused_job(system: System, done: Run) -> bool:
    """Whether some job depends on one that was refused (it is eligible at once then)."""
    after = system.workload.jobs.after
    return bool((done.jobs["state"][after[after >= 0]] == k.REFUSED).any())


def test_accounts_equal_those_of_brute_force() -> None:
    for seed in range(600):
        chance = Random(seed)
        system = draw_system(chance, FORESEEABLE)
        policy = chance.choice(POLICIES)
        done = system.run(policy, closes_ms=draw_closes(chance, system))
        for pool, run in enumerate(runs_of(system, done)):
            for close, at_ms in enumerate(done.closes_ms.tolist()):
                last = close == len(done.closes_ms) - 1
                seen = run if last else replace(run, rows=[row for row in run.rows if row.time_ms < at_ms])
                books = account(seen, until_ms=at_ms, inner="free")
                wanted = [(b.held_gpu_ms, b.entitled_gpu_ms, b.denied_gpu_ms, b.lost_gpu_ms) for b in books]
                found = totals(system, done, close, pool)
                if waits_for_a_refused_job(system, done):  # the twin charges such a job later than the kernel: open
                    found, wanted = [f[:2] for f in found], [w[:2] for w in wanted]
                assert found == wanted, f"seed {seed}, {policy}, pool {pool}, {at_ms} ms"


def totals(system: System, done: Run, close: int, pool: int) -> list[tuple[int, ...]]:
    """Return held, entitled, denied and lost GPU-ms of every row of the checker's tree."""
    plan = system.plan()
    first = pool * len(plan.lines)
    return [tuple(done.teams[close][first + line][:4].tolist()) for line in Preorder.of(plan).lines]


def test_compiled_and_interpreted_runs_are_equal() -> None:
    for seed in range(60):
        chance = Random(seed)
        system = draw_system(chance)
        if seed % 3 == 0:
            system = with_outages(system, chance)
        policy = POLICIES[seed % len(POLICIES)]
        closes_ms = draw_closes(chance, system)
        compiled = system.run(policy, closes_ms=closes_ms)
        plain = system.run(policy, closes_ms=closes_ms, interpreted=True)
        assert compiled.digest == plain.digest, f"seed {seed}, {policy}"
        for name in ("teams", "pools", "jobs", "replicas", "services"):
            assert np.array_equal(getattr(compiled, name), getattr(plain, name)), f"seed {seed}, {policy}, {name}"
