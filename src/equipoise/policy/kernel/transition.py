"""Start-up and drain: the time between a decision and the engine's confirmation that it is carried out.

A start occupies its devices at the decision, and the job runs from the confirmation on. A stop frees them at the decision, and they
drain until the confirmation; who gets them meanwhile starts up until it can begin. Where devices drain is known by *place*: a node, or
a pool whose devices are only counted. A start takes what does not drain first, then what was stopped first.
"""

from equipoise.policy.kernel.draws import drain_ms, startup_ms
from equipoise.policy.kernel.heap import heap_push
from equipoise.policy.kernel.jit import apart, inlined, kernel
from equipoise.policy.kernel.layout import CONFIRM, INDEX_BITS, INDEX_MASK, NEVER, OUTSIDE


@inlined
def runs_since(s, x):
    """Since when the job in slot record x runs: its start, or if starts are confirmed its confirmation (NEVER before it)."""
    return x.began_ms if s.glob[0].rules & CONFIRM else x.start_ms


@apart
def begin_startup(s, i, pool):
    """Slot i has its devices; the engine is to start its job, as soon as they are clear."""
    g = s.glob[0]
    x = s.slots[i]
    job = s.jobs[x.job]
    x.clear_ms = 0
    if job.duration_ms == 0:  # over within the pass that starts it: nothing is left to confirm
        x.began_ms = g.now
        return
    x.began_ms = NEVER
    s.pools[pool].starting += x.gang
    move_startup(s, job.ref, x.gang)
    x.clear_ms = take_over(s, x, pool)
    if (g.rules & OUTSIDE) == 0:
        x.confirm_ms = max(g.now, x.clear_ms) + startup_ms(s, x.job, job.stops)
        expect_confirmation(s, x.confirm_ms, i)


@apart
def end_startup(s, i, pool):
    """The job in slot i runs from now on, or is not to run any more."""
    x = s.slots[i]
    s.pools[pool].starting -= x.gang
    move_startup(s, s.jobs[x.job].ref, -x.gang)


@inlined
def move_startup(s, r, by):
    """Reference row r and all above have ``by`` more accelerators that start up."""
    while r >= 0:
        startup_accrue(s, r)
        s.startups[r].starting += by
        r = s.refs[r].parent


@inlined
def startup_accrue(s, r):
    """Bring the start-up time of reference row r up to now: it is part of what the row held, and is not delivered."""
    y = s.startups[r]
    now = s.glob[0].now
    y.acc_starting += y.starting * (now - y.last_ms)
    y.last_ms = now


@apart
def begin_drain(s, i, pool):
    """The job in slot i is to stop: its devices drain from now on. The caller brought the pool's account up to now."""
    g = s.glob[0]
    x = s.slots[i]
    p = s.pools[pool]
    until = NEVER
    if (g.rules & OUTSIDE) == 0:
        until = max(x.clear_ms, g.now + drain_ms(s, x.job, s.jobs[x.job].stops))
    if p.per_node == 1:
        add_drain(s, x.job, pool, g.n_nodes + pool, x.gang, until)
        return
    n = x.node
    while n >= 0:
        add_drain(s, x.job, pool, n, p.per_node, until)
        n = s.nodes[n].next
    if x.part_node >= 0:
        add_drain(s, x.job, pool, x.part_node, x.part, until)


@kernel
def add_drain(s, j, pool, place, count, until_ms):
    """Let ``count`` devices of a place drain for the attempt of job j that is stopped now."""
    g = s.glob[0]
    d = g.drain_free
    e = s.drains[d]
    y = s.places[place]
    g.drain_free = e.next
    e.job, e.attempt, e.pool, e.place, e.left, e.until_ms = j, s.jobs[j].stops, pool, place, count, until_ms
    y.draining += count
    s.pools[pool].draining += count
    e.prev, e.next = y.tail, -1
    if y.tail >= 0:
        s.drains[y.tail].next = d
    else:
        y.head = d
    y.tail = d
    e.up, e.down = -1, s.drained[j]
    if e.down >= 0:
        s.drains[e.down].up = d
    s.drained[j] = d
    if until_ms < NEVER:
        expect_confirmation(s, until_ms, g.n_slots + d)


@kernel
def drop_drain(s, d):
    """Nothing of drain d is left: its devices are clear, or somebody starts on them."""
    g = s.glob[0]
    e = s.drains[d]
    y = s.places[e.place]
    y.draining -= e.left
    s.pools[e.pool].draining -= e.left
    e.left = 0
    if e.prev >= 0:
        s.drains[e.prev].next = e.next
    else:
        y.head = e.next
    if e.next >= 0:
        s.drains[e.next].prev = e.prev
    else:
        y.tail = e.prev
    if e.up >= 0:
        s.drains[e.up].down = e.down
    else:
        s.drained[e.job] = e.down
    if e.down >= 0:
        s.drains[e.down].up = e.up
    e.until_ms = -1
    e.next = g.drain_free
    g.drain_free = d


@kernel
def take_over(s, x, pool):
    """Slot record x takes devices that do not drain first, then those that were stopped first; when the last of them is clear."""
    p = s.pools[pool]
    if p.per_node == 1:
        return keep_draining(s, s.glob[0].n_nodes + pool, p.free + p.claim_held)
    clear_ms = 0
    n = x.node
    while n >= 0:
        clear_ms = max(clear_ms, keep_draining(s, n, 0))
        n = s.nodes[n].next
    if x.part_node >= 0:
        node = s.nodes[x.part_node]
        idle = node.free
        if node.part_claim >= 0:
            c = s.claims[node.part_claim]
            idle += c.part - c.part_missing
        clear_ms = max(clear_ms, keep_draining(s, x.part_node, idle))
    return clear_ms


@apart
def keep_draining(s, place, idle):
    """Of a place only ``idle`` devices have nobody, so no more can drain; when the last of the others is clear (0: none)."""
    y = s.places[place]
    clear_ms = 0
    while y.draining > idle:
        e = s.drains[y.head]
        clear_ms = max(clear_ms, e.until_ms)
        more = y.draining - idle
        if e.left <= more:
            drop_drain(s, y.head)
        else:
            e.left -= more
            y.draining -= more
            s.pools[e.pool].draining -= more
    return clear_ms


@apart
def expect_confirmation(s, at_ms, index):
    """Let a slot or (from ``n_slots`` on) a drain be confirmed at a time that the simulated engine takes."""
    g = s.glob[0]
    if g.confirm_n == g.confirm_room:
        n, kept = g.confirm_n, 0
        for k in range(n):
            x = s.confirms[k]
            if is_awaited(s, x):
                heap_push(s.confirms, kept, x)
                kept += 1
        g.confirm_n = kept
    heap_push(s.confirms, g.confirm_n, (at_ms << INDEX_BITS) | index)
    g.confirm_n += 1


@inlined
def is_awaited(s, entry):
    """Whether an entry of the heap of confirmations still agrees with its slot or drain."""
    k = entry & INDEX_MASK
    n = s.glob[0].n_slots
    if k < n:
        x = s.slots[k]
        return x.end_ms >= 0 and x.began_ms >= NEVER and x.confirm_ms == entry >> INDEX_BITS
    return s.drains[k - n].until_ms == entry >> INDEX_BITS
