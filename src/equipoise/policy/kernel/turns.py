"""Turns (FAIRNESS 8): a gang larger than its team's floor saves up its team's share until it may hold the reservation.

While such a gang waits, its team's turn grows by the rational share (floor + weight x water level, in doubles); at gang x walltime
it has crossed. Crossed teams get the reservation in the order in which they crossed, and pay when they start.
"""

from equipoise.policy.kernel.entitlement import level_now
from equipoise.policy.kernel.jit import inlined, kernel, lowest_bit
from equipoise.policy.kernel.layout import CLASSES, NEVER, PENDING, TURNS
from equipoise.policy.kernel.waiting import classes_below, older


@inlined
def level_total(s, v):
    """Integral of the water level that row v draws from, up to now."""
    share = s.rows[v].share
    up = s.shares[share].parent
    if up < 0:
        return 0.0
    level_now(s, s.shares, up)
    return s.shares[up].acc_level


@inlined
def grow_turn(s, v):
    """Bring the turn of row v up to now."""
    t = s.rows[v]
    now = s.glob[0].now
    x = s.shares[t.share]
    total = level_total(s, v)
    t.turn += x.floor * (now - t.turn_ms) + x.weight * (total - t.turn_level)
    t.turn_ms = now
    t.turn_level = total


@inlined
def watch_turn(s, v, j):
    """Job j of leaf v begins to wait: if it is larger than the floor and nothing larger waits already, the turn begins."""
    t = s.rows[v]
    if t.turn_job < 0 and (s.glob[0].rules & TURNS) and s.jobs[j].gang > t.floor and t.parent >= 0:
        t.turn_job = j
        t.turn = 0.0
        t.turn_ms = s.glob[0].now
        t.turn_level = level_total(s, v)
        t.crossed_ms = NEVER
        p = s.pools[t.pool]
        s.scratch[p.turning + p.turns] = v
        p.turns += 1
        p.turn_check_ms = 0


@inlined
def forget_turn(s, v):
    """No gang of row v saves up any more."""
    p = s.pools[s.rows[v].pool]
    p.turns -= 1
    i = p.turning
    while s.scratch[i] != v:
        i += 1
    s.scratch[i] = s.scratch[p.turning + p.turns]


@kernel
def pay_turn(s, v):
    """The gang that saved up left the queue: pay for it, and let the next large gang of the leaf go on."""
    t = s.rows[v]
    grow_turn(s, v)
    job = s.jobs[t.turn_job]
    t.turn = max(t.turn - 1.0 * job.gang * job.estimate_ms, 0.0)
    pass_turn_on(s, v)
    s.pools[t.pool].turn_check_ms = 0


@kernel
def pass_turn_on(s, v):
    """Let the next large gang of leaf v save up, if there is one."""
    t = s.rows[v]
    if t.crossed_ms < NEVER:
        s.pools[t.pool].crossed -= 1
        s.pools[t.pool].crossed_row = -1
    t.crossed_ms = NEVER
    t.turn_job = oldest_beyond_floor(s, v)
    if t.turn_job < 0:
        forget_turn(s, v)


@kernel
def oldest_beyond_floor(s, v):
    """The oldest waiting gang of leaf v that is larger than its floor; -1 if none."""
    t = s.rows[v]
    best = -1
    for i in range(t.act_n):
        q = s.active[t.act + i]
        m = s.queues[q].mask & ~classes_below(t.floor)
        while m != 0:
            k = lowest_bit(m)
            m &= m - 1
            x = s.lists[q * CLASSES + k]
            j = x.head if x.most > t.floor else -1
            while j >= 0 and s.jobs[j].gang <= t.floor:  # only the class in which the floor lies holds both kinds
                j = s.jobs[j].next
            if j >= 0 and (best < 0 or older(s, j, best)):
                best = j
    return best


@kernel
def renew_turn(s, v):
    """The floor of leaf v is another one: a gang that it now holds saves up no more, and one that it no longer holds begins to."""
    t = s.rows[v]
    if t.turn_job >= 0 and s.jobs[t.turn_job].gang <= t.floor:
        pass_turn_on(s, v)
    elif t.turn_job < 0 and t.waiting > 0:
        j = oldest_beyond_floor(s, v)
        if j >= 0:
            watch_turn(s, v, j)
    s.pools[t.pool].turn_check_ms = 0


@kernel
def crossed_turn(s, pool):
    """The waiting gang whose team's turn crossed first, or -1."""
    p = s.pools[pool]
    now = s.glob[0].now
    if now >= p.turn_check_ms:
        p.turn_check_ms = NEVER
        for i in range(p.turning, p.turning + p.turns):
            v = s.scratch[i]
            t = s.rows[v]
            if t.crossed_ms >= NEVER:
                grow_turn(s, v)
                job = s.jobs[t.turn_job]
                lacks = 1.0 * job.gang * job.estimate_ms - t.turn
                if lacks <= 0.0:
                    t.crossed_ms = now
                    p.crossed += 1
                    p.crossed_row = -1
                else:
                    p.turn_check_ms = min(
                        p.turn_check_ms, now + 1 + int(lacks / p.capacity) if p.capacity > 0 else NEVER
                    )
    if p.crossed == 0:
        return -1
    best = p.crossed_row
    if best >= 0 and s.jobs[s.rows[best].turn_job].state == PENDING:
        return s.rows[best].turn_job
    best = -1
    for i in range(p.turning, p.turning + p.turns):
        v = s.scratch[i]
        t = s.rows[v]
        if t.crossed_ms < NEVER and s.jobs[t.turn_job].state == PENDING:
            first = s.rows[best].crossed_ms if best >= 0 else NEVER
            if t.crossed_ms < first or (t.crossed_ms == first and v < best):
                best = v
    p.crossed_row = best
    return s.rows[best].turn_job if best >= 0 else -1
