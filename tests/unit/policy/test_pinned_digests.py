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
    ("sjf", 2): "8b7239449b1e3c4f2647c62358b9fbe7cf4c6124f1c3e5f0b46d663a508e0eef",
    ("sjf", 3): "263365b3310086058b973411237d9b597b0d6ad3c79952f9ba6ec2f8b55a599e",
    ("smallest", 2): "0d47983b5b14f590ebca42c620199f477b2c784288686b4a4701b9afc7b906b3",
    ("smallest", 3): "114dd091b447490b2ccea82a75d85c0f47fb61237e79b2d9dbb36112527dadf4",
    ("srtf", 2): "5e59d6152b4f5dd55a7ea94f7a4290b97964ea78a6ee32d6f4f2f43f280dac9e",
    ("srtf", 3): "7567569eb2149646ca56ffebc7781c2baa103693fc6cc0cce96ef89e78342a36",
    ("srsf", 2): "a234f39f814ee5ae3bd0c06cc978c2dd3913115bff11e303fa184407cfd959a3",
    ("srsf", 3): "cd53855b59693d343939215fdcaa4f23d211b1f8efae45dbb2baf2992a4ef2fc",
    ("las", 2): "06f8f4e3ae0178d56a8c9a2a5b5820510d1cfc96c893fef6dafc2d84047163a0",
    ("las", 3): "6b0ecdbd9a16dabf3c4e6c79937556bb9813f2b35a46e985ec78728111d3bde2",
}


@pytest.mark.parametrize(("policy", "seed"), sorted(PINNED))
def test_decisions_are_those_of_the_pinned_digest(policy: str, seed: int) -> None:
    for interpreted in (False, True):
        assert digest(policy, seed, interpreted=interpreted) == PINNED[policy, seed], f"interpreted={interpreted}"


def test_policies_differ_in_what_they_decide() -> None:
    assert len(set(PINNED.values())) == len(PINNED)


@pytest.mark.parametrize("seed", [2, 3])
def test_fair_tree_is_no_floors_where_nobody_ties_and_no_team_has_two_users(seed: int) -> None:
    # LF = S / U puts siblings in the order of usage by weight; what is left of Fair Tree is ties, and users.
    assert digest("fair-tree", seed, interpreted=False) == PINNED["no-floors", seed]


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
