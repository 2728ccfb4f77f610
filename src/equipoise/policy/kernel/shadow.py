"""The one reservation: when its job can start if estimates hold, and what others may use until then and beyond."""

from equipoise.policy.kernel.calendar import calendar_remove, expected_release, next_bucket
from equipoise.policy.kernel.confirmation import move_expected
from equipoise.policy.kernel.jit import inlined, kernel
from equipoise.policy.kernel.layout import NEVER, RING
from equipoise.policy.kernel.placement import kept_after, part_free_at
from equipoise.policy.kernel.submission import launch
from equipoise.policy.kernel.transition import runs_since


@kernel
def extend_overdue(s, pool):
    """Jobs that outlived their estimate are expected to take as long again.

    A node that is overdue all the same has only jobs that were warned: no one may count on it.
    """
    p = s.pools[pool]
    now = s.glob[0].now
    last = now // p.quantum_ms
    first = max(p.swept, last - RING + 1)
    p.swept = last
    sweep(s, 2 * pool, first, last)
    if p.per_node > 1:
        sweep(s, 2 * pool + 1, first, last)


@kernel
def sweep(s, c, tick, last):
    """Extend the overdue jobs of a calendar between two ticks, or let go of its overdue nodes."""
    now = s.glob[0].now
    while True:
        tick = next_bucket(s, c, tick, last + 1)
        if tick > last:
            return
        i = s.ticks[c * RING + (tick & (RING - 1))].first
        while i >= 0:
            after = s.items[i].next
            if s.items[i].ms <= now:
                if c & 1:
                    calendar_remove(s, c, i)
                    s.nodes[i - s.glob[0].n_slots].calendared = 0
                else:
                    postpone(s, c >> 1, i)
            i = after
        tick += 1


@kernel
def postpone(s, pool, i):
    """Double the estimate of the running job in slot i until it lies ahead."""
    x = s.slots[i]
    now = s.glob[0].now
    since = runs_since(s, x)
    if since >= NEVER:
        since = x.start_ms
    length = max(x.expected_ms - since, 1)
    while since + length <= now:
        length *= 2
    move_expected(s, pool, i, since + length)


@kernel
def first_part_free(s, pool, part):
    """Node that will first have ``part`` devices free, by expected ends: (time in ``shadow_ms``, node in ``reserved_node``)."""
    g = s.glob[0]
    p = s.pools[pool]
    c = 2 * pool
    g.stamp += 1
    tick = g.now // p.quantum_ms
    last = tick + RING
    p.shadow_ms = NEVER
    p.reserved_node = -1
    while True:
        tick = next_bucket(s, c, tick, last)
        if tick >= last:
            return
        i = s.ticks[c * RING + (tick & (RING - 1))].first
        while i >= 0:
            x = s.slots[i]
            if x.node >= 0:
                consider_node(s, p, pool, x.node, part)
            if x.part_node >= 0:
                node = s.nodes[x.part_node]
                if node.stamp != g.stamp:
                    node.stamp = g.stamp
                    node.gain = 0
                node.gain += x.part
                if node.free + node.gain >= part:
                    consider_node(s, p, pool, x.part_node, part)
            i = s.items[i].next
        if p.reserved_node >= 0:
            return
        tick += 1


@inlined
def consider_node(s, p, pool, n, part):
    t = part_free_at(s, pool, n, part, s.glob[0].now)
    if t < p.shadow_ms or (t == p.shadow_ms and t < NEVER and n < p.reserved_node):
        p.shadow_ms = t
        p.reserved_node = n


@kernel
def mixed_shadow(s, pool, whole, part):
    """Shadow of a gang of ``whole`` nodes and a remainder: the remainder waits for a partly used node or one more whole one."""
    p = s.pools[pool]
    now = s.glob[0].now
    base = now if p.whole >= whole else expected_release(s, 2 * pool + 1, whole - p.whole, now)
    spare = p.whole - whole if p.whole >= whole else p.spare
    one_more = expected_release(s, 2 * pool + 1, whole + 1 - p.whole, now) if p.whole <= whole else now
    best, at = NEVER, -1
    for n in range(p.node_off, p.node_off + p.n_nodes):
        if s.nodes[n].free_ms > base and base < NEVER:
            t = max(part_free_at(s, pool, n, part, now), base)
            if t < best:
                best, at = t, n
    if base < NEVER and best < one_more:
        p.shadow_ms, p.reserved_node = best, at
        p.spare = spare
    else:
        p.shadow_ms, p.reserved_node = one_more, -1


@kernel
def may_ever_fit(s, pool, j):
    """Whether job j can start once all that is expected to end has ended."""
    p = s.pools[pool]
    gang = s.jobs[j].gang
    kept = (
        kept_after(s, p, s.queues[s.jobs[j].queue].row, gang)
        if p.reserving and s.rows[p.root].below_unfilled > 0
        else 0
    )
    if p.per_node == 1:
        return gang + kept - p.free <= s.calendars[2 * pool].total
    if gang % p.per_node == 0 and kept == 0:
        return gang // p.per_node - p.whole <= s.calendars[2 * pool + 1].total
    return reserve(s, pool, j)


@kernel
def reserve(s, pool, j):
    """Find when job j can start if estimates hold, and what that leaves over; whether it ever can."""
    p = s.pools[pool]
    now = s.glob[0].now
    extend_overdue(s, pool)
    gang = s.jobs[j].gang
    kept = (
        kept_after(s, p, s.queues[s.jobs[j].queue].row, gang)
        if p.reserving and s.rows[p.root].below_unfilled > 0
        else 0
    )
    p.reserved_node = -1
    p.spare = 0
    if p.per_node == 1:
        p.shadow_ms = expected_release(s, 2 * pool, gang + kept - p.free, now)
    else:
        whole, part = gang // p.per_node, gang % p.per_node
        whole += (
            kept + p.per_node - 1
        ) // p.per_node  # reserves are counted in whole nodes here: an estimate, never a start
        if whole > 0 and part > 0 and kept > 0:
            whole, part = whole + 1, 0
        if part == 0:
            p.shadow_ms = whole_release(s, pool, whole - p.whole, now)
        elif whole == 0:
            first_part_free(s, pool, part)
            p.spare = NEVER
        else:
            mixed_shadow(s, pool, whole, part)
    return p.shadow_ms < NEVER


@inlined
def whole_release(s, pool, need, now):
    """When ``need`` more whole nodes are expected; with none needed (only reserves stand in the way) one release is waited for."""
    return expected_release(s, 2 * pool + 1, max(need, 1), now)


@inlined
def part_beyond(s, p, until_ms):
    """Most free devices on a partly used node that stays in use beyond ``until_ms`` and is not reserved."""
    for f in range(p.per_node - 1, 0, -1):
        at = p.bucket_off + f
        if s.latest_ms[at] > until_ms:
            n = s.buckets[at]
            latest = 0
            while n >= 0:
                free_ms = s.nodes[n].free_ms
                if n != p.reserved_node and free_ms > until_ms:
                    return f
                latest = max(latest, free_ms)
                n = s.nodes[n].next
            s.latest_ms[at] = latest
    return 0


@inlined
def room_beyond(s, p):
    """Largest gang that may start now and run beyond the shadow time without delaying the reservation."""
    if p.per_node == 1:
        return min(p.spare, p.free)
    if p.spare >= NEVER:  # a small gang waits for one node: only that node is barred
        return p.whole * p.per_node + part_beyond(s, p, -1)
    return min(p.spare, p.whole) * p.per_node + part_beyond(s, p, p.shadow_ms)


@kernel
def launch_beyond(s, j, pool):
    """Start a job that runs beyond the shadow time, on what the reservation leaves over."""
    p = s.pools[pool]
    gang = s.jobs[j].gang
    if p.per_node == 1:
        p.spare -= gang
        launch(s, j, pool, -1, -1)
        return
    if p.spare >= NEVER:
        launch(s, j, pool, p.reserved_node, -1)
        return
    part = gang % p.per_node
    p.spare -= gang // p.per_node
    after_ms = p.shadow_ms if p.spare == 0 else -1  # a remainder must then go where it costs the reservation nothing
    if part > 0:
        p.spare -= free_by_shadow(s, p, part, p.reserved_node, after_ms)
    launch(s, j, pool, p.reserved_node, after_ms)


@inlined
def free_by_shadow(s, p, part, not_node, after_ms):
    """1 if the node that a remainder will get would have been whole at the shadow time."""
    for f in range(part, p.per_node):
        n = s.buckets[p.bucket_off + f]
        while n >= 0:
            if n != not_node and s.nodes[n].free_ms > after_ms:
                return 1 if s.nodes[n].free_ms <= p.shadow_ms else 0
            n = s.nodes[n].next
    return 1
