"""Another charter comes into force: floors, limits, weights and terms act at once, on what runs, waits and claims already.

The driver writes them (`core.Core`), pool by pool, as where nodes change. `begin_charter` comes before that: what grew with the old
numbers is brought up to now. `settle_charter` comes after: claims that could not be opened any more are withdrawn, warnings that were
not given yet follow the new terms, and gangs save up by the new floors. A victim that was warned keeps its time.
"""

from equipoise.policy.kernel.capacity import put_back
from equipoise.policy.kernel.claims import expect_deadline
from equipoise.policy.kernel.decay import REBASE, inflation_at
from equipoise.policy.kernel.entitlement import accrue, level_now
from equipoise.policy.kernel.jit import entry, inlined, kernel
from equipoise.policy.kernel.layout import SHARES, TURNS
from equipoise.policy.kernel.promises import integrate
from equipoise.policy.kernel.restoring import fits_bound, fits_promised, may_be_courteous
from equipoise.policy.kernel.running import pool_accrue
from equipoise.policy.kernel.turns import grow_turn, renew_turn
from equipoise.policy.kernel.victims import mark_secure, stop_time


@entry
def begin_charter(s):
    """Bring up to now all that grew with the floors and weights that end now."""
    g = s.glob[0]
    integrate(s)
    for p in range(g.n_pools):
        pool_accrue(s, s.pools[p])
    for i in range(g.n_refs):
        accrue(s, i)
        if s.refs[i].n > 0:
            level_now(s, s.refs, i)
    for v in range(g.n_rows):
        if g.same_tree == 0 and s.shares[v].n > 0:
            level_now(s, s.shares, v)
        if s.rows[v].turn_job >= 0:
            grow_turn(s, v)


@entry
def change_half_life(s, half_life_ms, per_half_life):
    """Let past use fade with another half-life from now on: what is left of it now stays the same GPU-time.

    Usage counts in units of the half-life (see `decay`), so it is counted anew in those of the new one.
    """
    g = s.glob[0]
    before, ratio = g.inflation, g.half_life_ms / half_life_ms
    g.half_life_ms, g.per_half_life = half_life_ms, per_half_life
    g.half_lives = g.now // half_life_ms
    g.half_begins_ms = g.half_lives * half_life_ms
    g.decay_base = g.half_lives // REBASE * REBASE
    g.inflation = inflation_at(s, g.now)
    for v in range(g.n_rows):
        fade_anew(s.rows[v], before, ratio, g.inflation)
    for u in range(g.n_users):
        fade_anew(s.users[u], before, ratio, g.inflation)


@inlined
def fade_anew(x, before, ratio, now):
    """Count the usage of record x in units of the new half-life."""
    x.usage = ((x.alloc + x.usage / before) * ratio - x.alloc) * now


@entry
def settle_charter(s, pool):
    """New floors, limits and terms were written, and the pool was divided again: look anew at its claims and turns."""
    g = s.glob[0]
    p = s.pools[pool]
    k = p.claim_head
    while k >= 0:
        c = s.claims[k]
        after, j, since_ms, inside = c.next, c.job, c.since_ms, is_inside(s, k)
        if may_stand(s, k):
            move_deadlines(s, k)
        else:
            put_back(s, k)
            if not inside:
                s.jobs[j].since_ms = since_ms  # its wait for what it is guaranteed goes on
        k = after
    if g.rules & TURNS:
        for v in range(p.root + 1, p.root + p.n_rows):
            if s.rows[v].n == 0:
                renew_turn(s, v)


@inlined
def is_inside(s, k):
    """Whether claim k is of a job that stops others of its own team, by priority."""
    w = s.claims[k].warn_head
    return w >= 0 and s.slots[s.warns[w].slot].row == s.claims[k].row


@kernel
def may_stand(s, k):
    """Whether claim k holds against the floors and limits of now: within limits, by right, and no victim of it is secure."""
    c = s.claims[k]
    v = c.row
    while s.rows[v].parent >= 0:
        t = s.rows[v]
        if t.alloc + t.claimed - t.warned > t.limit:
            return False
        v = t.parent
    if c.open == 0 or is_inside(s, k):
        return True
    set_aside(s, k, -1)
    gang = s.jobs[c.job].gang
    promised = s.glob[0].n_promises > 0 and fits_promised(s, c.row, gang)
    by_right = promised or fits_bound(s, c.row, gang)
    stands = by_right or may_be_courteous(s, c.row, gang)
    by_share = (s.glob[0].rules & SHARES) != 0 and not promised
    i = c.warn_head
    while i >= 0 and stands:
        w = s.warns[i]
        if w.state < 3:
            s.glob[0].stamp += 1
            mark_secure(s, fork(s, c.row if by_right else -1, s.slots[w.slot].row), s.glob[0].stamp, by_share)
            stands = s.slots[w.slot].secure != s.glob[0].stamp
        i = w.next
    set_aside(s, k, 1)
    return stands


@kernel
def set_aside(s, k, sign):
    """For a moment let claim k and its victims not count (-1), or count again (1)."""
    c = s.claims[k]
    v = c.row
    while v >= 0:
        s.rows[v].claimed += sign * c.gang
        v = s.rows[v].parent
    i = c.warn_head
    while i >= 0:
        w = s.warns[i]
        if w.state < 3:
            x = s.slots[w.slot]
            x.claim = k if sign > 0 else -1
            v = x.row
            while v >= 0:
                s.rows[v].warned += sign * x.gang
                v = s.rows[v].parent
        i = w.next


@inlined
def fork(s, a, b):
    """The row above leaf b (or b itself) that is a sibling of leaf a or of a row above it; at the top where ``a`` is -1."""
    while s.rows[s.rows[b].parent].parent >= 0:
        up = a
        while up >= 0 and s.rows[up].parent != s.rows[b].parent:
            up = s.rows[up].parent
        if up >= 0:
            return b
        b = s.rows[b].parent
    return b


@kernel
def move_deadlines(s, k):
    """Let the warnings of claim k follow the terms of now: those not given yet wholly, the others at most earlier, for `recover`."""
    g = s.glob[0]
    c = s.claims[k]
    latest_ms = c.since_ms + s.rows[c.row].recover_ms
    i = c.warn_head if not is_inside(s, k) else -1
    while i >= 0:
        w = s.warns[i]
        x = s.slots[w.slot]
        due_ms = w.warn_ms if w.state == 0 else w.stop_ms
        if w.state == 0:
            w.warn_ms = max(stop_time(s, x, c.since_ms, s.rows[c.row].recover_ms), g.now)
            w.stop_ms = max(min(w.warn_ms + s.rows[x.row].grace_ms, latest_ms), g.now)
        elif w.state == 1:
            w.stop_ms = min(w.stop_ms, max(latest_ms, g.now))
        if w.state < 2 and due_ms != (w.warn_ms if w.state == 0 else w.stop_ms):
            expect_deadline(s, i)
        i = w.next
