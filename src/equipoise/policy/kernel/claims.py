"""Claims: a gang that takes devices back holds them by name until the last victim has stopped, then starts.

Of a claim's devices those that are free are held from its first moment; victims are warned and stopped at their times, and what they
leave fills the hold. A warned victim counts as gone and the claimant as come in every later decision (the post-claim view).
"""

from equipoise.policy.kernel.calendar import calendar_add, calendar_remove
from equipoise.policy.kernel.heap import heap_push
from equipoise.policy.kernel.jit import inlined, kernel
from equipoise.policy.kernel.layout import CLAIM, CLAIMED, INDEX_BITS, INDEX_MASK, MARK, ORDERED, STOP, WARN, WITHDRAW
from equipoise.policy.kernel.placement import (
    node_expect,
    node_link,
    node_unlink,
    place,
    take_part,
)
from equipoise.policy.kernel.running import begin, emit, new_slot, pool_accrue, stop, watch_path
from equipoise.policy.kernel.waiting import dequeue, watch_open

LONGEST_WAIT = (1 << 31) - 1  # what the stream's 32-bit detail can say


@kernel
def open_claim(s, j, pool, since_ms, size):
    """Take job j out of its queue and open an empty claim of ``size`` devices for it, its gang or more; returns the claim."""
    g = s.glob[0]
    job = s.jobs[j]
    row = s.queues[job.queue].row
    p = s.pools[pool]
    pool_accrue(s, p)
    dequeue(s, j)
    job.state = CLAIMED
    k = g.claim_free
    c = s.claims[k]
    g.claim_free = c.next
    c.job, c.pool, c.row, c.gang = j, pool, row, size
    c.nodes, c.need, c.ready, c.part_node, c.part, c.part_missing = -1, 0, 0, -1, 0, 0
    c.held, c.missing, c.warn_head, c.open = 0, 0, -1, 0
    c.since_ms = since_ms
    c.prev, c.next = p.claim_tail, -1
    if p.claim_tail >= 0:
        s.claims[p.claim_tail].next = k
    else:
        p.claim_head = k
    p.claim_tail = k
    move_claimed(s, row, size, s.queues[job.queue].solid)
    g.claims += 1
    emit(s, CLAIM, j, -1, min(g.now - since_ms, LONGEST_WAIT))
    return k


@inlined
def move_claimed(s, row, by, solid):
    v = row
    if solid:
        s.rows[row].solid += by
        watch_open(s, row)
    while v >= 0:
        s.rows[v].claimed += by
        v = s.rows[v].parent
    watch_path(s, row)


@kernel
def pledged(s, pool, n):
    """What the open claims may still add to row n before their victims below it have all gone."""
    total = 0
    k = s.pools[pool].claim_head
    while k >= 0:
        c = s.claims[k]
        v = c.row
        while v > n:
            v = s.rows[v].parent
        more = c.gang if v == n else 0
        w = c.warn_head
        while w >= 0 and more > 0:
            x = s.warns[w]
            if x.state < 3:
                u = s.slots[x.slot].row
                while u > n:
                    u = s.rows[u].parent
                if u == n:
                    more -= s.slots[x.slot].gang
            w = x.next
        total += max(more, 0)
        k = c.next
    return total


@kernel
def close_claim(s, k):
    """Remove claim k from its pool's list; its devices were taken or given back before."""
    c = s.claims[k]
    p = s.pools[c.pool]
    pool_accrue(s, p)
    if c.prev >= 0:
        s.claims[c.prev].next = c.next
    else:
        p.claim_head = c.next
    if c.next >= 0:
        s.claims[c.next].prev = c.prev
    else:
        p.claim_tail = c.prev
    w = c.warn_head
    while w >= 0:
        x = s.warns[w]
        after = x.next
        if x.state < 3:
            release_victim(s, x)
            emit(s, WITHDRAW, c.job, x.job, 0)
        x.state = 3
        x.next = s.glob[0].warn_free
        s.glob[0].warn_free = w
        w = after
    move_claimed(s, c.row, -c.gang, s.queues[s.jobs[c.job].queue].solid)
    c.job = -1
    c.next = s.glob[0].claim_free
    s.glob[0].claim_free = k


@inlined
def release_victim(s, w):
    """A victim that was not stopped stays: it counts as running again."""
    x = s.slots[w.slot]
    x.claim = -1
    x.warn = -1
    row = x.row
    v = row
    while v >= 0:
        s.rows[v].warned -= x.gang
        v = s.rows[v].parent
    watch_path(s, row)
    p = s.pools[s.rows[row].pool]
    calendar_add(s, 2 * s.rows[row].pool, w.slot, x.expected_ms, x.gang)
    p.swept = min(p.swept, x.expected_ms // p.quantum_ms)  # it may be overdue by now


@kernel
def hold_node(s, k, n):
    """Hold node n whole for claim k: free devices now, the others as victims leave."""
    c = s.claims[k]
    p = s.pools[c.pool]
    node = s.nodes[n]
    if node.free > 0 or node_listed(s, p, n):
        node_unlink(s, p, n)
    if node.calendared:
        calendar_remove(s, 2 * c.pool + 1, s.glob[0].n_slots + n)
        node.calendared = 0
    node.claim = k
    c.need += 1
    if node.free == p.per_node:
        c.ready += 1
    node.prev = c.nodes  # a held node is in no list of free devices: `prev` chains the claim's nodes
    c.nodes = n


@inlined
def node_listed(s, p, n):
    """Whether a node without free devices hangs in the list of full nodes (a node held whole by one gang does not)."""
    first = p.cell_off + (n - p.node_off) * p.per_node
    return s.cells[first] >= 0


@inlined
def hold_part(s, k, n, part):
    """Hold ``part`` devices of node n for claim k, as many as are free now."""
    c = s.claims[k]
    p = s.pools[c.pool]
    node = s.nodes[n]
    node_unlink(s, p, n)
    taken = min(part, node.free)
    node.free -= taken
    node.part_claim = k
    c.part_node = n
    c.part = part
    c.part_missing = part - taken
    node_link(s, p, n)


@kernel
def add_victim(s, k, slot, warn_ms, stop_ms):
    """Count slot as a victim of claim k; returns the warning, which `advance_warning` carries out."""
    g = s.glob[0]
    c = s.claims[k]
    x = s.slots[slot]
    i = g.warn_free
    w = s.warns[i]
    g.warn_free = w.next
    w.slot, w.job, w.claim, w.warn_ms, w.stop_ms, w.state = slot, x.job, k, warn_ms, stop_ms, 0
    w.next = c.warn_head
    c.warn_head = i
    c.open += 1
    x.claim = k
    x.warn = i
    v = x.row
    while v >= 0:
        s.rows[v].warned += x.gang
        v = s.rows[v].parent
    watch_path(s, x.row)
    calendar_remove(s, 2 * c.pool, slot)
    emit(s, MARK, x.job, c.job, 0)
    return i


@kernel
def advance_warning(s, i):
    """Carry out what is due of warning i, and set its next timer."""
    g = s.glob[0]
    w = s.warns[i]
    if w.state == 0 and w.warn_ms <= g.now:
        w.state = 1
        w.warn_ms = g.now
        emit(s, WARN, w.job, s.claims[w.claim].job, 0)
    if w.state == 1 and w.stop_ms <= g.now:
        stop(s, w.slot, s.claims[w.claim].job, g.now - w.warn_ms, STOP)
        return
    if w.state < 2:
        expect_deadline(s, i)


@inlined
def expect_deadline(s, i):
    """Set the timer of warning i to what is due next."""
    g = s.glob[0]
    w = s.warns[i]
    due = w.warn_ms if w.state == 0 else w.stop_ms
    if g.timer_n == g.timer_room:
        drop_stale_timers(s)
    heap_push(s.timers, g.timer_n, (due << INDEX_BITS) | i)
    g.timer_n += 1


@kernel
def drop_stale_timers(s):
    """Rebuild the heap of deadlines without those of warnings that were withdrawn or carried out."""
    g = s.glob[0]
    n, kept = g.timer_n, 0
    for k in range(n):
        x = s.timers[k]
        if deadline_holds(s, x):
            heap_push(s.timers, kept, x)
            kept += 1
    g.timer_n = kept


@inlined
def deadline_holds(s, x):
    """Whether timer entry x still agrees with its warning (else it was withdrawn or carried out)."""
    w = s.warns[x & INDEX_MASK]
    t = x >> INDEX_BITS
    return (w.state == 0 and w.warn_ms == t) or (w.state == 1 and w.stop_ms == t)


@kernel
def deadline(s, x):
    """Timer entry x fired."""
    if deadline_holds(s, x):
        i = x & INDEX_MASK
        if s.glob[0].rules & ORDERED:  # no claims are made: it is the pool whose order changes
            s.warns[i].state = 2
            pool_accrue(s, s.pools[i])
            s.pools[i].dirty = 1
            return
        p = s.pools[s.claims[s.warns[i].claim].pool]
        pool_accrue(s, p)
        p.dirty = 1
        advance_warning(s, i)


@inlined
def claim_ready(s, k):
    """Whether all that claim k holds by name is free."""
    c = s.claims[k]
    if s.pools[c.pool].per_node == 1:
        return c.missing <= 0
    return c.ready >= c.need and c.part_missing <= 0


@kernel
def let_go(s, k):
    """Give back what claim k holds, except nodes it no longer knows."""
    c = s.claims[k]
    p = s.pools[c.pool]
    if p.per_node == 1:
        p.free += c.held
        p.claim_held -= c.held
        c.held = 0
        c.missing = 0
        return
    n = c.nodes
    while n >= 0:
        after = s.nodes[n].prev
        node = s.nodes[n]
        node.claim = -1
        if node.down == 0:
            if node.free > 0 or node_listed(s, p, n):
                node_link(s, p, n)
            if node.free_ms > 0:
                calendar_add(s, 2 * c.pool + 1, s.glob[0].n_slots + n, node.free_ms, 1)
                node.calendared = 1
                p.swept = min(p.swept, node.free_ms // p.quantum_ms)
        n = after
    if c.part_node >= 0:
        node = s.nodes[c.part_node]
        node.part_claim = -1
        if node.down == 0:
            node_unlink(s, p, c.part_node)
            node.free += c.part - c.part_missing
            node_link(s, p, c.part_node)
    c.nodes = -1
    c.part_node = -1


@kernel
def withdraw(s, k):
    """The claimant goes away or is served otherwise: victims not stopped yet stay, held devices are free again."""
    emit(s, WITHDRAW, s.claims[k].job, -1, 0)
    let_go(s, k)
    close_claim(s, k)
    s.pools[s.claims[k].pool].dirty = 1


@kernel
def take_held(s, k):
    """Start the gang of claim k on the devices it holds; returns its slot."""
    c = s.claims[k]
    j, pool = c.job, c.pool
    p = s.pools[pool]
    i = new_slot(s, j)
    x = s.slots[i]
    x.node, x.part_node, x.part = -1, -1, 0
    if p.per_node == 1:
        p.claim_held -= c.held
        p.free += c.held - c.gang
    else:
        n = c.nodes
        if c.part > 0 and c.part_node < 0:  # the remainder has an empty node of its own: only part of it is taken
            n = s.nodes[n].prev
            take_remainder(s, i, c.nodes, c.part)
        while n >= 0:
            after = s.nodes[n].prev
            node = s.nodes[n]
            node.claim = -1
            node.free = 0
            node.next = x.node
            x.node = n
            node_expect(s, p, pool, n, x.expected_ms)
            n = after
        if c.part_node >= 0:
            s.nodes[c.part_node].part_claim = -1
            take_part(s, p, pool, i, c.part_node, c.part, x.expected_ms)
    c.nodes = -1
    c.part_node = -1
    close_claim(s, k)
    begin(s, j, i, pool)
    return i


@inlined
def take_remainder(s, i, n, part):
    """Give slot i ``part`` devices of the empty node n that its claim held; the others are free for everybody."""
    x = s.slots[i]
    pool = s.rows[x.row].pool
    p = s.pools[pool]
    s.nodes[n].claim = -1
    take_part(s, p, pool, i, n, part, x.expected_ms)
    s.nodes[n].free = p.per_node - part
    node_link(s, p, n)


@inlined
def own_victims_below(s, c, v):
    """Accelerators of a claim's victims below row v that still run."""
    total = 0
    i = c.warn_head
    while i >= 0:
        w = s.warns[i]
        if w.state < 3:
            u = s.slots[w.slot].row
            while u > v:
                u = s.rows[u].parent
            if u == v:
                total += s.slots[w.slot].gang
        i = w.next
    return total


@kernel
def may_be_served(s, k, early):
    """Whether limits let claim k start beside all that runs; ``early``: its victims stay, and other claims count on the room too."""
    c = s.claims[k]
    v = c.row
    while s.rows[v].parent >= 0:
        t = s.rows[v]
        if t.alloc + c.gang > t.limit:
            return False
        if early and t.alloc + t.claimed - t.warned + own_victims_below(s, c, v) > t.limit:
            return False
        v = t.parent
    return True


@inlined
def start_served(s, k):
    """Start the gang of claim k on free devices; its remaining victims stay. Returns its slot."""
    c = s.claims[k]
    j, pool = c.job, c.pool
    let_go(s, k)
    close_claim(s, k)
    i = new_slot(s, j)
    pool_accrue(s, s.pools[pool])
    place(s, pool, i, s.jobs[j].gang, s.slots[i].expected_ms, -1, -1)
    begin(s, j, i, pool)
    return i
