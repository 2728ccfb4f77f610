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
    ("charter", 1): "ea74114b3a5f5868df4621621b1535284ffa907dbc45d5670d7693ba63451a54",
    ("charter", 2): "2a6f052a9307496e3b8089bcbdbc3e94794e1a5fc0e3e23bf5fdffbd336cd61e",
    ("no-floors", 1): "3414b46a106a42ba2ada754098cd114db1fc65954971ddc8cdf7fa13dc982780",
    ("no-floors", 2): "91e0bef342335f757c3bd08176c31aab9b3bf13e76e0d223fc49853f9c8bd2b2",
    ("product-first", 1): "3414b46a106a42ba2ada754098cd114db1fc65954971ddc8cdf7fa13dc982780",
    ("product-first", 2): "e9fc6d1fa0b6372eba3d768f0e8e27c8761bf98232fdf275b499c81db85db8f7",
    ("easy", 1): "4c75ed10c22310381e671a286b79f70ef5e65e4b0a70bee306fb6b4ac9cb4001",
    ("easy", 2): "e6b581467899aee5e9e1993c2f05cdd3050f5b795ee5374b45994e4fa1183e15",
    ("fifo", 1): "552011f8ed45b759051a0243f83e1e4dc0c08467cad797288f2b0dc4ac6de710",
    ("fifo", 2): "986fbfb98b0c624d3871335ebc315f7712019698b43c9951ddc06e0fbfd52900",
}


@pytest.mark.parametrize(("policy", "seed"), sorted(PINNED))
def test_decisions_are_those_of_the_pinned_digest(policy: str, seed: int) -> None:
    for interpreted in (False, True):
        assert digest(policy, seed, interpreted=interpreted) == PINNED[policy, seed], f"interpreted={interpreted}"


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
