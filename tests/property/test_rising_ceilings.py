"""A ceiling (`at_most`) that lets its team have more: who waited for it starts before who has just come."""

from __future__ import annotations

import heapq
from random import Random

import numpy as np

from equipoise.charter_io import loads
from equipoise.policy.columns import Options
from equipoise.policy.events import Events, event
from equipoise.policy.growing import GrowingCore
from equipoise.policy.kernel import layout as k
from equipoise.simulator.chronicle import Chronicle
from equipoise.workload.roll import Asked
from tests.reference.queue_order import Queue

HOUR_MS = 3_600_000
CHARTER = """
equipoise: charter/v1
lab: Small
pools: {h100: {device: H100, expect: 8 nodes of 1 gpu}}
teams: {product: {}, research: {floor: 25%}}
commitments:
  not-more: {team: product, at_most: SHARE%, of: OF, window: day}
"""


def queue_of(seed: int) -> tuple[Queue, int]:
    """Let equal jobs of one user come at random times, for three days; returns their queue and how many started after waiting."""
    chance = Random(seed)
    text = CHARTER.replace("SHARE", str(chance.choice((20, 35, 50)))).replace(
        "OF", chance.choice(("capacity", "delivered"))
    )
    core = GrowingCore([loads(text.encode())], options=Options(), origin_ms=1_767_225_600_000)
    chronicle, queue = Chronicle(core), Queue()
    chronicle.opening(text)
    ends: list[tuple[int, int]] = []
    late, since, gang = 0, dict[int, int](), chance.choice((2, 3))
    arrivals = sorted(chance.randrange(72 * HOUR_MS) for _ in range(chance.randint(40, 120)))
    while arrivals or ends:
        at_ms = min([*arrivals[:1], *(end_ms for end_ms, _ in ends[:1]), chronicle.next_ms])
        rows: list[Events] = [np.zeros(0, k.EVENT)]
        while ends and ends[0][0] <= at_ms:
            rows.append(event(k.ENDED, heapq.heappop(ends)[1]))
        while arrivals and arrivals[0] <= at_ms:
            arrivals.pop(0)
            job = core.admit(Asked(gang, "product", "h100", "ada"))
            queue.submitted(job, gang)
            since[job] = at_ms
            rows.append(event(k.SUBMITTED, job))
        for row in chronicle.take(at_ms, np.concatenate(rows)).decisions:
            if row["kind"] == k.START:
                job = int(row["job"])
                queue.started(job)
                late += at_ms > since[job]
                heapq.heappush(ends, (at_ms + chance.randint(1, 12 * HOUR_MS), job))
        team, pool = chronicle.core.core.state.rows[1], chronicle.core.core.state.pools[0]
        room = min(int(team["limit"] - team["alloc"]), int(pool["free"]))
        queue.settled(at_ms, room)
    return queue, late


def test_nobody_who_has_just_come_starts_before_who_waited_for_the_ceiling() -> None:
    waited = 0
    for seed in range(40):
        queue, late = queue_of(seed)
        assert queue.overtaken == queue.forgotten == [], f"seed {seed}"
        waited += late
    assert waited > 100
