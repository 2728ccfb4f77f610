"""Reclaim (FAIRNESS 4 to 7b): whose jobs give way so that a team below its floor gets its gang.

`claim_for` is the main path: walk from the leaf upwards, take victims from siblings that hold most beyond their floor, drop those that
turn out unnecessary, check the whole set, and open a claim. All amounts are in the post-claim view (see claims).
"""

from equipoise.policy.kernel.claims import add_victim, advance_warning, hold_node, hold_part, open_claim, pledged
from equipoise.policy.kernel.jit import inlined, kernel
from equipoise.policy.kernel.placement import kept_after
from equipoise.policy.kernel.victims import (
    BY_SHARE,
    COURTESY,
    FIRST,
    INSIDE,
    RIGHT,
    bound_of,
    further_beyond,
    heap_sort,
    kept_bound,
    left_of,
    pop_victim,
    prepare,
    rank_victims,
    stop_time,
)


@inlined
def touch(s, p, n, stamp, by, part):
    """Let the victims free ``by`` more devices of node n; keeps the counts of whole and partly fitting nodes in scratch2[2:4]."""
    node = s.nodes[n]
    if node.stamp != stamp:
        node.stamp = stamp
        node.gain = 0
    if node.claim >= 0 or node.part_claim >= 0 or node.down != 0:
        return
    before = node.free + node.gain
    node.gain += by
    after = node.free + node.gain
    s.scratch2[2] += (1 if after == p.per_node else 0) - (1 if before == p.per_node else 0)
    if part > 0:
        s.scratch2[3] += (1 if part <= after < p.per_node else 0) - (1 if part <= before < p.per_node else 0)


@inlined
def count_victim(s, p, slot, stamp, sign, part):
    """Add (sign 1) or take back (-1) a victim's devices."""
    x = s.slots[slot]
    s.scratch2[1] += sign * x.gang
    if p.per_node > 1:
        n = x.node
        while n >= 0:
            touch(s, p, n, stamp, sign * p.per_node, part)
            n = s.nodes[n].next
        if x.part_node >= 0:
            touch(s, p, x.part_node, stamp, sign * x.part, part)


@inlined
def is_met(s, p, gang):
    """Whether the gang fits the free devices and those of the victims."""
    if p.per_node == 1 or s.scratch2[1] < gang:
        return s.scratch2[1] >= gang
    whole, part = gang // p.per_node, gang % p.per_node
    if part == 0:
        return s.scratch2[2] >= whole
    return s.scratch2[2] >= whole + (0 if s.scratch2[3] > 0 else 1)


@inlined
def begin_count(s, p, leaf, gang):
    """Start the counts with the devices that are free now, and that no idle reserve keeps free."""
    part = gang % p.per_node
    s.scratch2[1] = p.free - (kept_after(s, p, leaf, gang) if p.reserving and s.rows[p.root].below_unfilled > 0 else 0)
    s.scratch2[2] = p.whole
    s.scratch2[3] = 0
    if part > 0:
        for f in range(part, p.per_node):
            n = s.buckets[p.bucket_off + f]
            while n >= 0:
                if s.nodes[n].part_claim < 0:
                    s.scratch2[3] += 1
                n = s.nodes[n].next


@inlined
def take_from(s, v, gang, stamp):
    """Victims left row v and above: less is left."""
    while v >= 0:
        left_of(s, v, stamp)
        s.rows[v].left -= gang
        v = s.rows[v].parent


@inlined
def may_take(s, slot, b, g_v, rule, stamp):
    """What rule N asks of a victim beyond being insecure: every row from b to its leaf keeps its floor."""
    if rule != COURTESY:
        return True
    v = s.slots[slot].row
    while True:
        if left_of(s, v, stamp) - g_v < s.rows[v].floor:
            return False
        if v == b:
            return True
        v = s.rows[v].parent


@kernel
def next_victim(s, a, stamp, rule, since_ms, recover_ms):
    """Best victim among the siblings of row a, or -1. Lists are made when a sibling is first asked."""
    up = s.rows[s.rows[a].parent]
    while True:
        best = -1
        for b in range(up.first, up.first + up.n):
            if b == a:
                continue
            left = left_of(s, b, stamp)
            t = s.rows[b]
            if t.soft == 0 or t.pick_n == 0 or left <= kept_floor(s, b, rule):
                continue
            if best < 0 or further_beyond(s, b, best, stamp):
                best = b
        if best < 0:
            return -1
        t = s.rows[best]
        if t.pick_n < 0:
            base = s.scratch2[4]
            s.scratch2[4] += prepare(s, best, stamp, base, rule, since_ms, recover_ms)
            continue
        slot = pop_victim(s, t)
        if may_take(s, slot, best, s.slots[slot].gang, rule, stamp):
            return slot


@inlined
def kept_floor(s, b, rule):
    """A sibling that holds no more than this has only secure jobs."""
    if rule == BY_SHARE:
        return min(s.rows[b].rounded, kept_bound(s, b)) - 1
    return s.rows[b].rounded


@inlined
def enough_here(s, a, gang, rule, stamp):
    """Whether row a may hold the gang besides what is left in it."""
    left = left_of(s, a, stamp)
    if rule == COURTESY and left >= s.rows[a].floor:
        return False
    return left + gang <= bound_of(s, a, rule)


@kernel
def choose_victims(s, leaf, gang, rule, stamp, since_ms, recover_ms):
    """Victims for a gang of ``leaf``: listed in scratch from scratch2[5] on, their number in scratch2[6]; whether they suffice."""
    p = s.pools[s.rows[leaf].pool]
    part = gang % p.per_node
    begin_count(s, p, leaf, gang)
    s.scratch2[4] = 2 * s.glob[0].n_rows
    chosen = 2 * s.glob[0].n_rows + s.glob[0].n_slots
    s.scratch2[5] = chosen
    n = 0
    a = leaf
    while s.rows[a].parent >= 0 and not fits_all(s, leaf, p, gang, stamp):
        while not fits_all(s, leaf, p, gang, stamp) and enough_here(s, a, gang, rule, stamp):
            slot = next_victim(s, a, stamp, rule, since_ms, recover_ms)
            if slot < 0:
                break
            s.scratch[chosen + n] = slot
            n += 1
            s.slots[slot].picked = stamp
            count_victim(s, p, slot, stamp, 1, part)
            take_from(s, s.slots[slot].row, s.slots[slot].gang, stamp)
        a = s.rows[a].parent
    s.scratch2[6] = n
    if not fits_all(s, leaf, p, gang, stamp):
        return False
    drop_needless(s, leaf, p, gang, rule, stamp)
    return n > 0 and accepted(s, leaf, gang, rule, stamp)


@inlined
def fits_all(s, leaf, p, gang, stamp):
    """Whether the gang fits devices and limits once the victims chosen so far are gone."""
    return is_met(s, p, gang) and within_limits(s, leaf, gang, stamp)


@kernel
def drop_needless(s, leaf, p, gang, rule, stamp):
    """From the last to the first: do without a victim if the rest still suffices and is still acceptable."""
    n, chosen = s.scratch2[6], s.scratch2[5]
    part = gang % p.per_node
    for i in range(n - 1, -1, -1):
        slot = s.scratch[chosen + i]
        count_victim(s, p, slot, stamp, -1, part)
        take_from(s, s.slots[slot].row, -s.slots[slot].gang, stamp)
        s.slots[slot].picked = 0
        if not (is_met(s, p, gang) and accepted(s, leaf, gang, rule, stamp)):
            count_victim(s, p, slot, stamp, 1, part)
            take_from(s, s.slots[slot].row, s.slots[slot].gang, stamp)
            s.slots[slot].picked = stamp
    kept = 0
    for i in range(n):
        slot = s.scratch[chosen + i]
        if s.slots[slot].picked == stamp:
            s.scratch[chosen + kept] = slot
            kept += 1
    s.scratch2[6] = kept


@inlined
def within_limits(s, leaf, gang, stamp):
    """Whether every row above the claimant stays within its limit."""
    pool = s.rows[leaf].pool
    claimed = s.pools[pool].claim_head >= 0
    v = leaf
    while s.rows[v].parent >= 0:
        t = s.rows[v]
        have = left_of(s, v, stamp)
        if claimed:  # other claims come before their last victims go: the limit must hold in between too
            have += t.warned - t.claimed + pledged(s, pool, v)
        if have + gang > t.limit:
            return False
        v = t.parent
    return True


@kernel
def accepted(s, leaf, gang, rule, stamp):
    """Rules S, N or 7b for the chosen set as a whole, and the limits above the claimant."""
    if not within_limits(s, leaf, gang, stamp):
        return False
    if rule == INSIDE:
        return True
    short = False
    a = leaf
    while s.rows[a].parent >= 0:
        t = s.rows[a]
        up = s.rows[t.parent]
        short = short or left_of(s, a, stamp) < t.floor
        taken = 0
        for b in range(up.first, up.first + up.n):
            x = s.rows[b]
            if b != a and x.left_stamp == stamp:
                taken += x.alloc + x.claimed - x.warned - x.left
        if taken > 0 and not enough_here(s, a, gang, rule, stamp):
            return False
        a = t.parent
    return short or rule == BY_SHARE


@kernel
def claim_for(s, j, rule, since_ms):
    """Try to take back devices for job j of a team below its floor; whether a claim was opened (and perhaps served)."""
    g = s.glob[0]
    g.stamp += 1
    stamp = g.stamp
    job = s.jobs[j]
    leaf = s.queues[job.queue].row
    recover = s.rows[leaf].recover_ms
    if g.n_promises > 0 and rule == RIGHT:
        size = job.gang + ahead(s, leaf, job.gang)
        if size > job.gang and choose_victims(s, leaf, size, rule, stamp, since_ms, recover):
            hold_and_warn(s, j, since_ms, recover, stamp, size)
            return True
        g.stamp += 1
        stamp = g.stamp
    if not choose_victims(s, leaf, job.gang, rule, stamp, since_ms, recover):
        return False
    hold_and_warn(s, j, since_ms, recover, stamp, job.gang)
    return True


@inlined
def ahead(s, leaf, gang):
    """How much more than a gang its claim is to take back, so that the team keeps its rounded floor (pacing from its level on)."""
    more = 0
    v = leaf
    while s.rows[v].parent >= 0:
        t = s.rows[v]
        if t.full:
            more = max(more, t.rounded - (t.alloc + t.claimed - t.warned) - gang)
        v = t.parent
    return more


@kernel
def hold_and_warn(s, j, since_ms, recover, stamp, size):
    """Open the claim of job j for ``size`` devices on the chosen victims, hold them, and warn (or stop) the victims."""
    g = s.glob[0]
    pool = s.queues[s.jobs[j].queue].pool
    p = s.pools[pool]
    n, chosen = s.scratch2[6], s.scratch2[5]
    k = open_claim(s, j, pool, since_ms, size)
    if p.per_node == 1:
        total = 0
        for i in range(n):
            total += s.slots[s.scratch[chosen + i]].gang
        held = max(size - total, 0)
        p.free -= held
        p.claim_held += held
        s.claims[k].held = held
        s.claims[k].missing = size - held
    else:
        hold_devices(s, k, n, chosen, stamp)
    for i in range(n):
        slot = s.scratch[chosen + i]
        x = s.slots[slot]
        t = s.rows[x.row]
        if t.day != g.day:
            t.day = g.day
            t.reclaims_today = 0
        t.reclaims_today += 1
        warn = max(stop_time(s, x, since_ms, recover), g.now)
        s.scratch[chosen + i] = add_victim(s, k, slot, warn, max(min(warn + t.grace_ms, since_ms + recover), g.now))
    for i in range(n):
        advance_warning(s, s.scratch[chosen + i])


@kernel
def hold_devices(s, k, n, chosen, stamp):
    """Name the nodes of claim k: those that its victims empty first, then empty ones; for a remainder likewise."""
    c = s.claims[k]
    p = s.pools[c.pool]
    whole, part = c.gang // p.per_node, c.gang % p.per_node
    c.part = part
    if part > 0:
        best = -1
        for i in range(n):
            x = s.slots[s.scratch[chosen + i]]
            m = x.part_node
            if m >= 0 and s.nodes[m].part_claim < 0 and part <= s.nodes[m].free + s.nodes[m].gain < p.per_node:
                best = m
        if best < 0:
            best = fullest_unclaimed(s, p, part, stamp)
        if best < 0:
            whole += 1
        else:
            hold_part(s, k, best, part)
    for i in range(n):
        x = s.slots[s.scratch[chosen + i]]
        m = x.node
        while m >= 0 and c.need < whole:
            after = s.nodes[m].next
            if s.nodes[m].claim < 0:
                hold_node(s, k, m)
            m = after
        m = x.part_node
        if m >= 0 and c.need < whole and s.nodes[m].claim < 0 and s.nodes[m].free + s.nodes[m].gain == p.per_node:
            hold_node(s, k, m)
    while c.need < whole and s.buckets[p.bucket_off + p.per_node] >= 0:
        hold_node(s, k, s.buckets[p.bucket_off + p.per_node])
    if c.need < whole:
        s.glob[0].failed += 1


@inlined
def fullest_unclaimed(s, p, part, stamp):
    """Node with the fewest free devices that hold ``part``, that no claim has an eye on and no victim makes whole; -1 if none."""
    for f in range(part, p.per_node):
        n = s.buckets[p.bucket_off + f]
        while n >= 0:
            node = s.nodes[n]
            if node.part_claim < 0 and not (node.stamp == stamp and node.free + node.gain == p.per_node):
                return n
            n = node.next
    return -1


@kernel
def preempt_for(s, j):
    """Let job j stop jobs of lower priority of its own team; whether a claim was opened."""
    g = s.glob[0]
    g.stamp += 1
    stamp = g.stamp
    job = s.jobs[j]
    u = s.queues[job.queue]
    leaf = u.row
    t = s.rows[leaf]
    p = s.pools[t.pool]
    base = 2 * g.n_rows
    n = 0
    i = t.run_head
    while i >= 0:
        x = s.slots[i]
        if x.solid == 0 and x.claim < 0 and s.queues[s.jobs[x.job].queue].priority < u.priority:
            s.scratch[base + n] = i
            n += 1
        i = x.next
    if n == 0:
        return False
    rank_victims(s, base, n, g.now, t.grace_ms)
    for i in range(n):
        x = s.slots[s.scratch[base + i]]
        x.order = s.queues[s.jobs[x.job].queue].priority
    heap_sort(s, base, n, FIRST)
    begin_count(s, p, leaf, job.gang)
    chosen = base + g.n_slots
    s.scratch2[5] = chosen
    m = 0
    while m < n and not fits_all(s, leaf, p, job.gang, stamp):
        slot = s.scratch[base + m]
        s.scratch[chosen + m] = slot
        s.slots[slot].picked = stamp
        count_victim(s, p, slot, stamp, 1, job.gang % p.per_node)
        take_from(s, leaf, s.slots[slot].gang, stamp)
        m += 1
    s.scratch2[6] = m
    if m == 0 or not fits_all(s, leaf, p, job.gang, stamp):
        return False
    drop_needless(s, leaf, p, job.gang, INSIDE, stamp)
    if s.scratch2[6] == 0:
        return False
    hold_and_warn(s, j, g.now, t.grace_ms, stamp, job.gang)
    return True
