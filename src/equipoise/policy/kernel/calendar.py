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
    s.item_ms[item] = t
    s.item_weight[item] = weight
    if t < NEVER:
        know(s, c, t, weight)
        b = bucket_of(s, c, t)
        at = c * RING + b
        s.sums0[at] += weight
        s.sums1[at >> 6] += weight
        s.sums2[at >> 12] += weight
        head = s.first_item[at]
        s.item_next[item] = head
        s.item_prev[item] = -1
        if head >= 0:
            s.item_prev[head] = item
        s.first_item[at] = item


@kernel
def calendar_remove(s, c, item):
    t = s.item_ms[item]
    if t < NEVER:
        b = bucket_of(s, c, t)
        at = c * RING + b
        weight = s.item_weight[item]
        know(s, c, t, -weight)
        s.sums0[at] -= weight
        s.sums1[at >> 6] -= weight
        s.sums2[at >> 12] -= weight
        before, after = s.item_prev[item], s.item_next[item]
        if before >= 0:
            s.item_next[before] = after
        else:
            s.first_item[at] = after
        if after >= 0:
            s.item_prev[after] = before
        s.item_ms[item] = NEVER


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
        if s.sums0[at] != 0:
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
        if seen + s.sums0[at] >= need:
            break
        seen += s.sums0[at]
        tick += 1
    if tick >= end:
        return NEVER
    at = base + (tick & (RING - 1))
    last, found = -1, 0
    while seen < need:
        best, found = NEVER, 0
        i = s.first_item[at]
        while i >= 0:
            t = s.item_ms[i]
            if t > last:
                if t < best:
                    best, found = t, s.item_weight[i]
                elif t == best:
                    found += s.item_weight[i]
            i = s.item_next[i]
        seen += found
        last = best
    p.spare = seen - need
    k.known_ms, k.before, k.by = last, seen - found, seen
    return last
