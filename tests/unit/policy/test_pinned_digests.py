"""Digests of all decisions of small fleets, the same from the compiled kernel and from its source run as plain Python.

They were computed on Linux x86-64 with CPython 3.11. A change of any of them is a change of what the policy decides: say so in the
changelog, with the reason.
"""

from __future__ import annotations

import pytest

from equipoise.charter_io import loads
from equipoise.policy.plan import plan
from equipoise.policy.state import Options
from equipoise.simulator.run import simulate
from equipoise.workload.fleet import fleet

PINNED = {
    ("charter", 2): "4b8923790bc4e0b2ea0c60f8ab83989de9d1d895f5e8d11632fcbfa4265ca863",
    ("charter", 3): "a18cf6eef8a734dcdaf92d827ad8eecd3d6ceca03666f26d016786c22f7e87dc",
    ("no-floors", 2): "8e544e5934f5fd978d3b2fb22ea9a988930409fc569668720b587eb68c08fa2c",
    ("no-floors", 3): "57a144d6adffd750c5f2d80f827587e19297a41748e0322e4eea5fd9a21887f6",
    ("product-first", 2): "e7b908b6fccab0dcd53fb8590b525a95cfa6d0d902e64420e257fd9f00b57a62",
    ("product-first", 3): "cfd0a67a2ce4bb2557ca8002176f8a90b09f67d28ae7c971a302b86056c925d8",
    ("easy", 2): "0b4878eeab8202279c45156610ed717de31c113a4a38e4d605b698991afc4f30",
    ("easy", 3): "17b6c42201404e5bcecb70db5d9ca593b4fe1cd9e5114526f0ab71e924670c35",
    ("fifo", 2): "45f3cfb2293739d6ffd61ca0ce8e528dd4e3dfd90897e1ccaf08b486fcc34d54",
    ("fifo", 3): "44a416be8b76875f6d2cfa158253970d73824830a86e8631868ad734fcfbdbb8",
}


@pytest.mark.parametrize(("policy", "seed"), sorted(PINNED))
def test_decisions_are_those_of_the_pinned_digest(policy: str, seed: int) -> None:
    for interpreted in (False, True):
        assert digest(policy, seed, interpreted=interpreted) == PINNED[policy, seed], f"interpreted={interpreted}"


def test_policies_differ_in_what_they_decide() -> None:
    assert len(set(PINNED.values())) == len(PINNED)


def digest(policy: str, seed: int, *, interpreted: bool) -> str:
    """Replay a fleet of 1,500 jobs on 12 nodes of 8 with declared walltimes enforced."""
    workload, text = fleet(1_500, nodes=12, teams=9, divisions=3, seed=seed)
    charter = loads(text.encode(), "fleet")
    reference = plan(charter)
    run = simulate(
        workload,
        charter,
        reference if policy == "charter" else plan(charter, policy, first="d0"),
        reference=reference,
        options=Options(enforce_walltime=True),
        interpreted=interpreted,
    )
    return run.digest
