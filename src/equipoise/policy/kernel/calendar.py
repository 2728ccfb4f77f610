"""When capacity is expected back: a ring of time buckets per pool with sums over 64 and 4,096 of them.

Each pool has two calendars: 2p holds running jobs by expected end (weight: accelerators), 2p + 1 holds nodes by the time their last
job is expected to end (weight 1). Sums find the bucket, the bucket's list finds the exact millisecond.
"""

from equipoise.policy.kernel.jit import inlined, kernel
from equipoise.policy.kernel.layout import NEVER, RING


@inlined
def bucket_of(s, c, t):
    return (t // s.pools[c >> 1].quantum_ms) & (RING - 1)


@inlined
def know(s, c, t, weight):
    """Keep count of what the calendar holds in all, before and by the time that was found last."""
    k = s.calendars[c]
    k.total += weight
    if t <= k.known_ms:
        k.by += weight
        if t < k.known_ms:
            k.before += weight


@kernel
def calendar_add(s, c, item, t, weight):
    """Expect ``weight`` back at ``t``; what never ends is not entered."""
    s.items[item].ms = t
    s.items[item].weight = weight
    if t < NEVER:
        know(s, c, t, weight)
        b = bucket_of(s, c, t)
        at = c * RING + b
        s.ticks[at].weight += weight
        s.sums1[at >> 6] += weight
        s.sums2[at >> 12] += weight
        head = s.ticks[at].first
        s.items[item].next = head
        s.items[item].prev = -1
        if head >= 0:
            s.items[head].prev = item
        s.ticks[at].first = item


@kernel
def calendar_remove(s, c, item):
    t = s.items[item].ms
    if t < NEVER:
        b = bucket_of(s, c, t)
        at = c * RING + b
        weight = s.items[item].weight
        know(s, c, t, -weight)
        s.ticks[at].weight -= weight
        s.sums1[at >> 6] -= weight
        s.sums2[at >> 12] -= weight
        before, after = s.items[item].prev, s.items[item].next
        if before >= 0:
            s.items[before].next = after
        else:
            s.ticks[at].first = after
        if after >= 0:
            s.items[after].prev = before
        s.items[item].ms = NEVER


@kernel
def next_bucket(s, c, tick, end):
    """First tick in [tick, end) whose bucket is not empty, or ``end``."""
    base = c * RING
    while tick < end:
        at = base + (tick & (RING - 1))
        if (tick & 63) == 0:
            if (tick & 4095) == 0 and s.sums2[at >> 12] == 0:
                tick += 4096
                continue
            if s.sums1[at >> 6] == 0:
                tick += 64
                continue
        if s.ticks[at].weight != 0:
            return tick
        tick += 1
    return end


@kernel
def expected_release(s, c, need, now):
    """Earliest time by which ``need`` (> 0) is back. Sets the pool's ``spare`` to what is back by then beyond the need.

    Returns NEVER if the calendar does not hold that much. What is overdue must have been extended before.
    """
    p = s.pools[c >> 1]
    k = s.calendars[c]
    if k.before < need <= k.by:
        p.spare = k.by - need
        return k.known_ms
    base = c * RING
    tick = now // p.quantum_ms
    end = tick + RING
    seen = 0
    while tick < end:
        at = base + (tick & (RING - 1))
        if (tick & 63) == 0:
            if (tick & 4095) == 0 and seen + s.sums2[at >> 12] < need:
                seen += s.sums2[at >> 12]
                tick += 4096
                continue
            if seen + s.sums1[at >> 6] < need:
                seen += s.sums1[at >> 6]
                tick += 64
                continue
        if seen + s.ticks[at].weight >= need:
            break
        seen += s.ticks[at].weight
        tick += 1
    if tick >= end:
        return NEVER
    at = base + (tick & (RING - 1))
    last, found = -1, 0
    while seen < need:
        best, found = NEVER, 0
        i = s.ticks[at].first
        while i >= 0:
            t = s.items[i].ms
            if t > last:
                if t < best:
                    best, found = t, s.items[i].weight
                elif t == best:
                    found += s.items[i].weight
            i = s.items[i].next
        seen += found
        last = best
    p.spare = seen - need
    k.known_ms, k.before, k.by = last, seen - found, seen
    return last
