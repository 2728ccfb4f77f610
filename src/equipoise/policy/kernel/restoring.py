"""Floors and priorities: serving open claims, opening new ones for whoever is below its floor, preempting inside a team."""

from equipoise.policy.kernel.claims import claim_ready, may_be_served, start_served, take_held
from equipoise.policy.kernel.jit import inlined, kernel
from equipoise.policy.kernel.layout import NEVER, SHARES
from equipoise.policy.kernel.placement import room_for, room_now
from equipoise.policy.kernel.reclaim import claim_for, preempt_for
from equipoise.policy.kernel.running import watch_hunger
from equipoise.policy.kernel.submission import drop_turn, end_at_once, launch
from equipoise.policy.kernel.victims import BY_SHARE, COURTESY, RIGHT
from equipoise.policy.kernel.waiting import next_job, pick


@inlined
def fits_bound(s, v, gang):
    """Whether the gang fits the floor (with ``reclaim: shares``, the entitlement) of its leaf or of a row above."""
    shares = s.glob[0].rules & SHARES
    while s.rows[v].parent >= 0:
        t = s.rows[v]
        bound = s.shares[t.share].due if shares else t.rounded
        if t.alloc + t.claimed - t.warned + gang <= bound:
            return True
        v = t.parent
    return False


@inlined
def fits_promised(s, v, gang):
    """Whether a promise lets leaf v, or a row above that is below its floor, hold the gang: by right, whatever reclaim restores.

    Entitlements are never rounded up to whole gangs, so what straddles one could not be claimed by share.
    """
    while s.rows[v].parent >= 0:
        t = s.rows[v]
        have = t.alloc + t.claimed - t.warned
        if t.rounded > t.floor and have < t.floor and have + gang <= t.rounded:
            return True
        v = t.parent
    return False


@inlined
def may_be_courteous(s, v, gang):
    """Whether some row of the claimant's path is below its floor and may hold the gang by its entitlement (rule N)."""
    if s.glob[0].rules & SHARES:
        return False
    while s.rows[v].parent >= 0:
        t = s.rows[v]
        have = t.alloc + t.claimed - t.warned
        if have < t.floor and have + gang <= s.shares[t.share].due:
            return True
        v = t.parent
    return False


@kernel
def try_claim(s, j, courtesy):
    """Let job j take devices back, by right or (if asked) by courtesy; whether it did."""
    g = s.glob[0]
    job = s.jobs[j]
    pool = s.queues[job.queue].pool
    leaf = s.queues[job.queue].row
    shares = (g.rules & SHARES) != 0
    promised = shares and g.n_promises > 0 and fits_promised(s, leaf, job.gang)
    if not promised and not fits_bound(s, leaf, job.gang):
        job.since_ms = -1
    elif job.since_ms < 0:  # from this instant the gang has waited for what it is guaranteed
        job.since_ms = g.now
    since = job.since_ms if job.since_ms >= 0 else g.now
    done = False
    if promised or (not shares and job.since_ms >= 0):
        done = claim_for(s, j, RIGHT, since)
    if shares and not done:
        done = claim_for(s, j, BY_SHARE, since)
    if not done and courtesy and may_be_courteous(s, leaf, job.gang):
        done = claim_for(s, j, COURTESY, since)
    if done:
        drop_turn(s, j)
        serve_claims(s, pool)
    return done


@kernel
def serve_claims(s, pool):
    """Start every claimant whose devices are free, or that the free devices now hold without its remaining victims."""
    g = s.glob[0]
    p = s.pools[pool]
    k = p.claim_head
    while k >= 0:
        c = s.claims[k]
        after = c.next
        i = -1
        if claim_ready(s, k):
            if may_be_served(s, k, False):
                i = take_held(s, k) if c.gang == s.jobs[c.job].gang else start_served(s, k)
        elif c.gang <= room_now(s, p) + (c.held if p.per_node == 1 else 0) and may_be_served(s, k, True):
            if p.reserving == 0 or p.free + c.held >= c.gang + s.rows[p.root].below_unfilled:
                i = start_served(s, k)
        if i >= 0 and s.slots[i].end_ms <= g.now:
            end_at_once(s, i)
            after = p.claim_head  # what ended may have let other claims go
        k = after


@inlined
def limit_room(s, v):
    """How much more row v may hold under its own limit and those above it."""
    room = NEVER
    while s.rows[v].parent >= 0:
        t = s.rows[v]
        room = min(room, t.limit - t.alloc - t.claimed)
        v = t.parent
    return room


@inlined
def lacks(s, v):
    """How much row v is below its floor (with ``reclaim: shares``, a leaf below its entitlement or what it is promised)."""
    t = s.rows[v]
    have = t.alloc + t.claimed - t.warned
    if s.glob[0].rules & SHARES:
        if t.n > 0:
            return 0
        short = s.shares[t.share].due - have
        return max(short, lacks_promised(s, v)) if s.glob[0].n_promises > 0 else short
    return t.rounded - have if have < t.floor else 0


@inlined
def lacks_promised(s, v):
    """How much leaf v, or a row above, is below the rounded floor of a promise, if it is below its floor."""
    short = 0
    while s.rows[v].parent >= 0:
        t = s.rows[v]
        have = t.alloc + t.claimed - t.warned
        if t.rounded > t.floor and have < t.floor:
            short = max(short, t.rounded - have)
        v = t.parent
    return short


@kernel
def restore(s, pool, v):
    """Give row v gangs until its floor is met or nothing more can be taken back."""
    g = s.glob[0]
    p = s.pools[pool]
    t = s.rows[v]
    if t.tried_entered == t.entered and (t.tried_ends == p.ends or t.tried_freed == t.freed):
        return  # nothing came since, and nothing ended (anywhere, or where every gang was too large: below this row)
    most = NEVER  # larger gangs were tried in vain: they do not stand in the way of smaller ones
    while s.rows[v].waiting > 0:
        short = min(lacks(s, v), most)
        if short <= 0 and most == NEVER:
            return
        g.stamp += 1
        j = next_job(s, v, short, NEVER, NEVER, g.stamp) if short > 0 else -1
        if j < 0:  # every gang is larger than what is missing: they wait for their turn at the head
            any_end = most < NEVER or (g.rules & SHARES) != 0
            t.tried_ends, t.tried_entered, t.tried_freed = p.ends, t.entered, -1 if any_end else t.freed
            watch_hunger(s, v)
            return
        gang, leaf = s.jobs[j].gang, s.queues[s.jobs[j].queue].row
        if gang <= room_for(s, p, leaf) and gang <= limit_room(s, leaf):
            launch(s, j, pool, -1, -1)
        elif not try_claim(s, j, False):
            most = gang - 1


@kernel
def restore_floors(s, pool):
    """Visit every row below its floor that has waiting work, by id (parents before children)."""
    g = s.glob[0]
    p = s.pools[pool]
    base = 2 * g.n_rows + 3 * g.n_slots
    n = 0
    if g.rules & SHARES:
        for v in range(p.root + 1, p.root + p.n_rows):
            if s.rows[v].n == 0 and s.rows[v].waiting > 0:
                s.scratch[base + n] = v
                n += 1
    else:
        for i in range(p.hungry_n):  # insertion by id: the list is short
            v = s.scratch[p.hungry + i]
            k = n
            while k > 0 and s.scratch[base + k - 1] > v:
                s.scratch[base + k] = s.scratch[base + k - 1]
                k -= 1
            s.scratch[base + k] = v
            n += 1
    for i in range(n):
        restore(s, pool, s.scratch[base + i])


@kernel
def follow_priority(s, pool):
    """Inside every team, the next job may stop running jobs of lower priority."""
    p = s.pools[pool]
    for v in range(p.root, p.root + p.n_rows):
        t = s.rows[v]
        if t.n == 0 and t.waiting > 0:
            j = pick(s, v, NEVER, NEVER, NEVER)
            if j >= 0 and preempt_for(s, j):
                drop_turn(s, j)
                serve_claims(s, pool)
