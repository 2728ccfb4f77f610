"""What the engine confirms: a job runs from now on, the devices of one that was stopped are clear.

Neither asks for a scheduling pass, since decisions counted the start and the stop when they were made; only where jobs go by the service
that they had, a start does. What does change is what is expected (an end counts from the confirmation) and what protects a job that
somebody claims (so does `min_runtime`).
"""

from equipoise.policy.kernel.calendar import calendar_add, calendar_remove
from equipoise.policy.kernel.claims import expect_deadline
from equipoise.policy.kernel.jit import apart, inlined
from equipoise.policy.kernel.layout import BY_ATTAINED, NEVER, ORDERED, OUTSIDE
from equipoise.policy.kernel.ordering import order_kind
from equipoise.policy.kernel.placement import node_expect
from equipoise.policy.kernel.running import expect_end, pool_accrue, replicas_change
from equipoise.policy.kernel.transition import drop_drain, end_startup
from equipoise.policy.kernel.victims import stop_time


@apart
def confirm_start(s, i):
    """The job in slot i runs from now on."""
    g = s.glob[0]
    x = s.slots[i]
    job = s.jobs[x.job]
    pool = s.rows[x.row].pool
    pool_accrue(s, s.pools[pool])
    end_startup(s, i, pool)
    x.began_ms = g.now
    if x.job >= g.n_arrivals:
        replicas_change(s, s.serves[x.job - g.n_arrivals], 1)
    if job.duration_ms < NEVER:
        if g.now > x.start_ms:
            move_expected(s, pool, i, g.now + job.estimate_ms)
            s.pools[pool].shadow_ms = -1  # the reservation rested on an earlier end: the next pass is a full one
        if (g.rules & OUTSIDE) == 0:
            x.end_ms = g.now + job.duration_ms - job.done_ms
            expect_end(s, i)
    if x.claim >= 0:
        protect_again(s, x)
    if g.rules & ORDERED and order_kind(s) == BY_ATTAINED:
        s.pools[pool].dirty = 1  # its service counts from now on, and ends its turn


@apart
def move_expected(s, pool, i, t):
    """The job in slot i is expected to end at ``t``."""
    x = s.slots[i]
    x.expected_ms = t
    if x.claim < 0:  # whoever gives way is expected by nobody
        calendar_remove(s, 2 * pool, i)
        calendar_add(s, 2 * pool, i, t, x.gang)
    p = s.pools[pool]
    if p.per_node > 1:
        n = x.node
        while n >= 0:
            node_expect(s, p, pool, n, t)
            n = s.nodes[n].next
        if x.part_node >= 0 and s.nodes[x.part_node].free_ms < t:
            node_expect(s, p, pool, x.part_node, t)


@inlined
def protect_again(s, x):
    """A victim in slot record x that is not warned yet: its `min_runtime` counts from now, so it is warned earlier than feared."""
    g = s.glob[0]
    w = s.warns[x.warn]
    if w.state == 0:
        c = s.claims[x.claim]
        t = s.rows[x.row]
        recover_ms = s.rows[c.row].recover_ms
        w.warn_ms = max(stop_time(s, x, c.since_ms, recover_ms), g.now)
        w.stop_ms = max(min(w.warn_ms + t.grace_ms, c.since_ms + recover_ms), g.now)
        expect_deadline(s, x.warn)


@apart
def confirm_stop(s, j, attempt):
    """The devices on which an attempt of job j was stopped are clear; those that somebody took meanwhile are none of them."""
    d = s.drained[j]
    while d >= 0:
        after = s.drains[d].down
        e = s.drains[d]
        if e.attempt == attempt:
            pool_accrue(s, s.pools[e.pool])
            drop_drain(s, d)
        d = after
