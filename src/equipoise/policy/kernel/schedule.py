"""One scheduling pass over a pool.

`decide` is the main path: claims that can be served, the order of admission up to the first job that does not fit, reclaim for every
team below its floor, one reservation, and backfill around it.
"""

from equipoise.policy.kernel.fair_tree import follow_fair_tree
from equipoise.policy.kernel.jit import inlined, kernel, merged
from equipoise.policy.kernel.layout import (
    BACKFILL,
    FAIR_TREE,
    NEVER,
    ORDERED,
    PENDING,
    PREEMPT,
    RECLAIM,
    SECURE_START,
    SHARES,
)
from equipoise.policy.kernel.packing import follow_order
from equipoise.policy.kernel.placement import room_for, room_now
from equipoise.policy.kernel.restoring import follow_priority, limit_room, restore_floors, serve_claims, try_claim
from equipoise.policy.kernel.shadow import launch_beyond, may_ever_fit, reserve, room_beyond
from equipoise.policy.kernel.submission import FRESH, below_floor, calls_for_more, launch
from equipoise.policy.kernel.turns import crossed_turn
from equipoise.policy.kernel.waiting import next_job


@merged
def backfill(s, pool):
    """Start, in order of admission, every job that cannot delay the reservation."""
    g = s.glob[0]
    p = s.pools[pool]
    g.stamp += 1
    while True:
        room = room_now(s, p)
        if room == 0:
            return
        within = p.shadow_ms - g.now if p.reserved >= 0 else NEVER
        spare = room_beyond(s, p) if p.reserved >= 0 else room
        j = next_job(s, p.root, room, within, spare, g.stamp)
        if j < 0:
            return
        job = s.jobs[j]
        if p.reserved < 0 or job.estimate_ms <= within:
            launch(s, j, pool, -1, -1)
        else:
            launch_beyond(s, j, pool)


@merged
def admit(s, pool):
    """Start jobs in the order of admission until one neither fits nor can take devices back; that one, or -1."""
    g = s.glob[0]
    p = s.pools[pool]
    g.stamp += 1
    stamp = g.stamp  # searches for victims and shadows use up stamps of their own
    while True:
        j = p.found  # what the short pass of this instant saw at the head
        p.found = -1
        if j < 0:
            j = next_job(s, p.root, NEVER, NEVER, NEVER, stamp)
            if j < 0:
                return -1
        leaf = s.queues[s.jobs[j].queue].row
        if s.jobs[j].gang <= room_for(s, p, leaf):
            launch(s, j, pool, -1, -1)
            continue
        if (g.rules & RECLAIM) and below_floor(s, leaf) and try_claim(s, j, True):
            g.stamp += 1
            stamp = g.stamp
            continue
        if may_ever_fit(s, pool, j):
            return j
        s.rows[leaf].excluded = stamp  # it can never fit as things stand: skipped, not waited for
        if s.rows[leaf].parent < 0:
            return -1


@inlined
def fits_now(s, p, j):
    """Whether the free devices, idle reserves apart, hold job j."""
    return s.jobs[j].gang <= room_for(s, p, s.queues[s.jobs[j].queue].row)


@inlined
def may_start(s, p, j):
    """Whether the only job that came since the pool was at rest can start beside the reservation as it stands."""
    job = s.jobs[j]
    u = s.queues[job.queue]
    t = s.rows[u.row]
    if job.gang > room_for(s, p, u.row) or job.gang > limit_room(s, u.row):
        return False
    if u.solid and (s.glob[0].rules & SECURE_START) and t.solid + job.gang > t.firm:
        return False
    return p.reserved < 0 or job.estimate_ms <= p.shadow_ms - s.glob[0].now or job.gang <= room_beyond(s, p)


@kernel
def at_rest_with(s, pool, j):
    """Try the short pass: one submission, everything else as the last pass left it. Whether it was enough."""
    g = s.glob[0]
    p = s.pools[pool]
    if g.rules & (PREEMPT | ORDERED | FAIR_TREE):
        return False
    looked = p.turns > 0 and g.now >= p.turn_check_ms
    if looked:
        crossed_turn(s, pool)
    turning = p.head >= 0 and p.reserved == p.head and p.crossed_row >= 0 and s.rows[p.crossed_row].turn_job == p.head
    if looked and not turning:
        return False
    if p.reserved < 0 and p.head < 0:  # whatever else waits, waits for limits or floors of its own
        if not may_start(s, p, j):
            return False
        launch(s, j, pool, -1, -1)
        return p.dirty == 0
    if p.reserved < 0 or p.shadow_ms <= g.now or s.jobs[p.reserved].state != PENDING:
        return False
    if (g.rules & RECLAIM) and calls_for_more(s, s.queues[s.jobs[j].queue].row):
        return False
    if not turning:  # a crossed turn stays first; of the order of admission, time alone may change the head
        g.stamp += 1
        first = next_job(s, p.root, NEVER, NEVER, NEVER, g.stamp)
        if p.head != first:
            p.found = first if p.claim_head < 0 and (g.rules & SHARES) == 0 else -1
            return False
    if may_start(s, p, j):
        if s.jobs[j].estimate_ms <= p.shadow_ms - g.now:
            launch(s, j, pool, -1, -1)
        else:
            launch_beyond(s, j, pool)
        return p.dirty == 0
    return True


@merged
def decide(s, pool):
    """One scheduling pass over a pool."""
    g = s.glob[0]
    p = s.pools[pool]
    g.passes += 1
    asked = p.dirty
    p.dirty = 0
    if asked == FRESH and at_rest_with(s, pool, p.fresh):
        return
    ends = g.ends - 1
    while ends != g.ends:  # jobs that take no time end within the pass: what they free is decided in it
        ends = g.ends
        decide_all(s, pool)


@kernel
def serve_turns(s, pool):
    """Start crossed turns, first crossed first, as long as their gangs fit; the first that has to wait for devices, or -1."""
    p = s.pools[pool]
    while True:
        j = crossed_turn(s, pool)
        if j < 0 or s.jobs[j].gang > limit_room(s, s.queues[s.jobs[j].queue].row):
            return -1
        if not fits_now(s, p, j):
            return j if may_ever_fit(s, pool, j) else -1
        p.found = -1
        launch(s, j, pool, -1, -1)


@kernel
def decide_all(s, pool):
    """The full pass: claims, crossed turns, order of admission, floors, priorities, one reservation, backfill.

    While a crossed turn waits for its devices, others start beside its reservation only, or take back what their floors lack.
    """
    g = s.glob[0]
    p = s.pools[pool]
    p.dirty = 0
    p.reserved = -1
    if g.rules & (ORDERED | FAIR_TREE):
        follow_baseline(s, pool)
        return
    if p.claim_head >= 0:
        serve_claims(s, pool)
    p.head = -1
    if p.pending > 0:
        head = -1
        again = True
        while again:
            taken = g.claims + g.stops
            if g.rules & SHARES:  # who is due more goes first, or what is admitted now would be taken back at once
                restore_floors(s, pool)
            head = serve_turns(s, pool) if p.turns > 0 else -1
            if head < 0:
                head = admit(s, pool)
            p.found = -1  # it holds for this instant only
            if (g.rules & RECLAIM) and p.hungry_n > 0:
                restore_floors(s, pool)
            if g.rules & PREEMPT:
                follow_priority(s, pool)
            again = head >= 0 and (s.jobs[head].state != PENDING or fits_now(s, p, head))
            again = again or taken != g.claims + g.stops  # whoever lost a gang may now be below its floor
        p.head = head
        if (g.rules & BACKFILL) and p.pending > 0:
            make_reservation(s, pool, head)
            backfill(s, pool)
    p.dirty = 0


@kernel
def follow_baseline(s, pool):
    """The pass of a baseline that orders jobs in a way of its own."""
    s.pools[pool].head = -1  # no submission may be passed over: it may come first
    if s.glob[0].rules & ORDERED:
        follow_order(s, pool)
    else:
        follow_fair_tree(s, pool)
    s.pools[pool].dirty = 0


@inlined
def make_reservation(s, pool, head):
    """The earliest crossed turn, else the head of the order, gets the pool's reservation."""
    p = s.pools[pool]
    turn = crossed_turn(s, pool) if p.turns > 0 else -1
    target = head
    if turn >= 0 and s.jobs[turn].gang <= limit_room(s, s.queues[s.jobs[turn].queue].row):
        target = turn
    if target >= 0:
        if fits_now(s, p, target):
            launch(s, target, pool, -1, -1)
        elif reserve(s, pool, target):
            p.reserved = target
