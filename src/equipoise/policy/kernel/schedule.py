"""One scheduling pass over a pool, and the events that call for one.

`decide` is the main path: claims that can be served, the order of admission up to the first job that does not fit, reclaim for every team
below its floor, one reservation, and backfill around it.
"""

from equipoise.policy.kernel.calendar import calendar_add, calendar_remove, expected_release, next_bucket
from equipoise.policy.kernel.claims import claim_ready, may_be_served, start_served, take_held, withdraw
from equipoise.policy.kernel.entitlement import accrue, list_charge, unlist_charge
from equipoise.policy.kernel.jit import inlined, kernel, merged
from equipoise.policy.kernel.layout import (
    BACKFILL,
    CLAIMED,
    DEPENDENT,
    NEVER,
    OVER_FLOOR,
    OVER_LIMIT,
    OVER_MAX_JOB,
    OVER_POOL,
    PENDING,
    PREEMPT,
    RECLAIM,
    REFUSE,
    REFUSED,
    RELEASE,
    RING,
    RUNNING,
    SECURE_START,
    SHARES,
)
from equipoise.policy.kernel.placement import kept_after, node_expect, part_free_at, room_for, room_now
from equipoise.policy.kernel.reclaim import BY_SHARE, COURTESY, RIGHT, claim_for, preempt_for
from equipoise.policy.kernel.running import demand_moves, emit, end, pool_accrue, start, stop, watch_path
from equipoise.policy.kernel.turns import crossed_turn, pay_turn, watch_turn
from equipoise.policy.kernel.waiting import dequeue, enqueue, next_job, pick

HOUR_MS = 3_600_000

OTHER, FRESH = 1, 2  # what made a pool ask for a pass: anything, or one submission since it came to rest


@kernel
def refusal(s, j):
    """Why a job can never run as things stand (0: it can)."""
    job = s.jobs[j]
    u = s.queues[job.queue]
    t = s.rows[u.row]
    if job.gang > s.pools[t.pool].largest:
        return OVER_POOL
    if job.gang > t.max_job:
        return OVER_MAX_JOB
    v = u.row
    while v >= 0:
        if job.gang > s.rows[v].nominal_limit and s.rows[v].parent >= 0:
            return OVER_LIMIT
        v = s.rows[v].parent
    if u.solid and (s.glob[0].rules & SECURE_START) and job.gang > t.nominal_floor:
        return OVER_FLOOR
    return 0


@kernel
def submit(s, j):
    """Job j is asked for: refused, kept until what it depends on has ended, or waiting from now on."""
    job = s.jobs[j]
    reason = refusal(s, j)
    if reason != 0:
        job.state = REFUSED
        job.reason = reason
        emit(s, REFUSE, j, reason, 0)
        release_dependents(s, j)
    elif job.waits_for > 0:
        job.state = DEPENDENT
    else:
        make_eligible(s, j)


@kernel
def make_eligible(s, j):
    """Job j begins to wait."""
    g = s.glob[0]
    job = s.jobs[j]
    row = s.queues[job.queue].row
    t = s.rows[row]
    p = s.pools[t.pool]
    pool_accrue(s, p)
    job.eligible_ms = g.now
    job.since_ms = -1
    job.state = PENDING
    if job.estimate_ms < 0:  # none declared: the mean of the team's latest finished jobs, or an hour
        job.estimate_ms = max(t.history_ms // t.history_n, 1) if t.history_n > 0 else HOUR_MS
    enqueue(s, j)
    watch_path(s, row)
    demand_moves(s, j, job.gang)
    list_charge(s, j)
    watch_turn(s, row, j)
    if p.dirty & ~FRESH == 0:
        if p.dirty == 0 and p.head >= 0 and job.gang > room_now(s, p) and not calls_for_more(s, row):
            return  # others wait already; it cannot start or take anything back, so a pass would change nothing
        p.dirty = FRESH if p.dirty == 0 else FRESH + OTHER
        p.fresh = j


@inlined
def calls_for_more(s, row):
    """Whether a job that waits in a leaf and does not fit may still take devices from somebody."""
    rules = s.glob[0].rules
    if rules & PREEMPT:
        return True
    return (rules & RECLAIM) != 0 and below_floor(s, row)


@inlined
def release_dependents(s, j):
    """Job j ended (or will never run): what waited for it may be eligible."""
    e = s.jobs[j].dependents
    while e >= 0:
        k = s.edges[2 * e]
        job = s.jobs[k]
        job.waits_for -= 1
        if job.waits_for == 0 and job.state == DEPENDENT:
            make_eligible(s, k)
        e = s.edges[2 * e + 1]


@kernel
def finish(s, i):
    """The job in slot i ended."""
    j = s.slots[i].job
    end(s, i)
    release_dependents(s, j)


@kernel
def cancel(s, j, state):
    """Job j is no longer asked for, whatever it was doing."""
    job = s.jobs[j]
    if job.state == PENDING:
        dequeue(s, j)
        watch_path(s, s.queues[job.queue].row)
        drop_turn(s, j)
    elif job.state == CLAIMED:
        withdraw(s, claim_of_job(s, j))
    elif job.state == RUNNING:
        stop(s, job.slot, -1, NEVER, RELEASE)
    if job.state == PENDING or job.state == CLAIMED or job.state == RUNNING:
        pool_accrue(s, s.pools[s.queues[job.queue].pool])
        s.pools[s.queues[job.queue].pool].dirty = 1
        accrue(s, job.ref)  # while it still counts as waiting
        unlist_charge(s, j)
        job.state = state
        demand_moves(s, j, -job.gang)


@inlined
def claim_of_job(s, j):
    k = s.pools[s.queues[s.jobs[j].queue].pool].claim_head
    while s.claims[k].job != j:
        k = s.claims[k].next
    return k


@inlined
def drop_turn(s, j):
    """If job j was the gang that its leaf saved up for, the next one goes on."""
    row = s.queues[s.jobs[j].queue].row
    if s.rows[row].turn_job == j:
        pay_turn(s, row)


@kernel
def launch(s, j, pool, not_node, after_ms):
    """Take job j from its queue and start it; one that takes no time ends at once."""
    row = s.queues[s.jobs[j].queue].row
    dequeue(s, j)
    start(s, j, pool, not_node, after_ms)
    drop_turn(s, j)
    i = s.jobs[j].slot
    if s.slots[i].end_ms <= s.glob[0].now:
        end_at_once(s, i)
    return row


@kernel
def end_at_once(s, i):
    """End a job that needs no time within the pass that started it (its heap entry is stale from now on)."""
    finish(s, i)
    s.glob[0].stamp += 1


@kernel
def extend_overdue(s, pool):
    """Jobs that outlived their estimate are expected to take as long again."""
    p = s.pools[pool]
    now = s.glob[0].now
    c = 2 * pool
    last = now // p.quantum_ms
    tick = max(p.swept, last - RING + 1)
    while True:
        tick = next_bucket(s, c, tick, last + 1)
        if tick > last:
            break
        i = s.first_item[c * RING + (tick & (RING - 1))]
        while i >= 0:
            after = s.item_next[i]
            if s.item_ms[i] <= now:
                postpone(s, pool, i)
            i = after
        tick += 1
    p.swept = last


@kernel
def postpone(s, pool, i):
    """Double the estimate of the running job in slot i until it lies ahead."""
    x = s.slots[i]
    now = s.glob[0].now
    length = max(x.expected_ms - x.start_ms, 1)
    while x.start_ms + length <= now:
        length *= 2
    calendar_remove(s, 2 * pool, i)
    x.expected_ms = x.start_ms + length
    calendar_add(s, 2 * pool, i, x.expected_ms, x.gang)
    p = s.pools[pool]
    if p.per_node > 1:
        n = x.node
        while n >= 0:
            node_expect(s, p, pool, n, x.expected_ms)
            n = s.nodes[n].next
        if x.part_node >= 0 and s.nodes[x.part_node].free_ms < x.expected_ms:
            node_expect(s, p, pool, x.part_node, x.expected_ms)


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
        i = s.first_item[c * RING + (tick & (RING - 1))]
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
            i = s.item_next[i]
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
def reserve(s, pool, j):
    """Find when job j can start if estimates hold, and what that leaves over; whether it ever can."""
    p = s.pools[pool]
    now = s.glob[0].now
    extend_overdue(s, pool)
    gang = s.jobs[j].gang
    kept = kept_after(s, p, s.queues[s.jobs[j].queue].row, gang) if p.reserving else 0
    p.reserved_node = -1
    p.spare = 0
    if p.per_node == 1:
        p.shadow_ms = expected_release(s, 2 * pool, gang + kept - p.free, now)
    else:
        whole, part = gang // p.per_node, gang % p.per_node
        whole += (kept + p.per_node - 1) // p.per_node  # reserves are counted in whole nodes here: an estimate, never a start
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
        n = s.buckets[p.bucket_off + f]
        while n >= 0:
            if n != p.reserved_node and s.nodes[n].free_ms > until_ms:
                return f
            n = s.nodes[n].next
    return 0


@inlined
def room_beyond(s, p):
    """Largest gang that may start now and run beyond the shadow time without delaying the reservation."""
    if p.per_node == 1:
        return min(p.spare, p.free)
    if p.spare >= NEVER:  # a small gang waits for one node: only that node is barred
        return p.whole * p.per_node + part_beyond(s, p, -1)
    return min(p.spare, p.whole) * p.per_node + part_beyond(s, p, p.shadow_ms)


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


@inlined
def fits_bound(s, v, gang):
    """Whether the gang fits the floor (with ``reclaim: shares``, the entitlement) of its leaf or of a row above."""
    shares = s.glob[0].rules & SHARES
    while s.rows[v].parent >= 0:
        t = s.rows[v]
        bound = s.shares[t.share].due if shares else t.floor
        if t.alloc + t.claimed - t.warned + gang <= bound:
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
    if not fits_bound(s, s.queues[job.queue].row, job.gang):
        job.since_ms = -1
    elif job.since_ms < 0:  # from this instant the gang has waited for what it is guaranteed
        job.since_ms = g.now
    since = job.since_ms if job.since_ms >= 0 else g.now
    done = False
    if g.rules & SHARES:
        done = claim_for(s, j, BY_SHARE, since)
    elif job.since_ms >= 0:
        done = claim_for(s, j, RIGHT, since)
    if not done and courtesy and may_be_courteous(s, s.queues[job.queue].row, job.gang):
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
                i = take_held(s, k)
        elif c.gang <= room_now(s, p) + (c.held if p.per_node == 1 else 0) and may_be_served(s, k, True):
            if p.reserving == 0 or p.free + c.held >= c.gang + s.rows[p.root].below_unfilled:
                i = start_served(s, k)
        if i >= 0 and s.slots[i].end_ms <= g.now:
            end_at_once(s, i)
            after = p.claim_head  # what ended may have let other claims go
        k = after


@merged
def admit(s, pool):
    """Start jobs in the order of admission until one neither fits nor can take devices back; that one, or -1."""
    g = s.glob[0]
    p = s.pools[pool]
    g.stamp += 1
    stamp = g.stamp  # searches for victims and shadows use up stamps of their own
    while True:
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
        if reserve(s, pool, j):
            return j
        s.rows[leaf].excluded = stamp  # it can never fit as things stand: skipped, not waited for
        if s.rows[leaf].parent < 0:
            return -1


@inlined
def below_floor(s, leaf):
    """Whether the leaf or a row above it holds less than its floor."""
    if s.glob[0].rules & SHARES:
        return True
    v = leaf
    while s.rows[v].parent >= 0:
        t = s.rows[v]
        if t.alloc + t.claimed - t.warned < t.floor:
            return True
        v = t.parent
    return False


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
    """How much row v is below its floor (with ``reclaim: shares``, a leaf below its entitlement)."""
    t = s.rows[v]
    have = t.alloc + t.claimed - t.warned
    if s.glob[0].rules & SHARES:
        return s.shares[t.share].due - have if t.n == 0 else 0
    return t.floor - have


@kernel
def restore(s, pool, v):
    """Give row v gangs until its floor is met or nothing more can be taken back."""
    g = s.glob[0]
    p = s.pools[pool]
    t = s.rows[v]
    if t.tried_entered == t.entered and (t.tried_ends == p.ends or t.tried_freed == t.freed):
        return  # nothing came since, and nothing ended (anywhere, or where every gang was too large: below this row)
    while s.rows[v].waiting > 0:
        short = lacks(s, v)
        if short <= 0:
            return
        g.stamp += 1
        j = next_job(s, v, short, NEVER, NEVER, g.stamp)
        if j < 0:  # every gang is larger than what is missing: they wait for their turn at the head
            t.tried_ends, t.tried_entered, t.tried_freed = p.ends, t.entered, t.freed
            return
        gang, leaf = s.jobs[j].gang, s.queues[s.jobs[j].queue].row
        if gang <= room_for(s, p, leaf) and gang <= limit_room(s, leaf):
            launch(s, j, pool, -1, -1)
        elif not try_claim(s, j, False):
            t.tried_ends, t.tried_entered, t.tried_freed = p.ends, t.entered, -1
            return


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
    if u.solid and (s.glob[0].rules & SECURE_START) and t.solid + job.gang > t.floor:
        return False
    return p.reserved < 0 or job.estimate_ms <= p.shadow_ms - s.glob[0].now or job.gang <= room_beyond(s, p)


@kernel
def at_rest_with(s, pool, j):
    """Try the short pass: one submission, everything else as the last pass left it. Whether it was enough."""
    g = s.glob[0]
    p = s.pools[pool]
    if (g.rules & PREEMPT) or (p.turns > 0 and g.now >= p.turn_check_ms):
        return False
    if p.reserved < 0 and p.head < 0:  # whatever else waits, waits for limits or floors of its own
        if not may_start(s, p, j):
            return False
        launch(s, j, pool, -1, -1)
        return p.dirty == 0
    if p.reserved < 0 or p.shadow_ms <= g.now or s.jobs[p.reserved].state != PENDING:
        return False
    g.stamp += 1
    if p.head != next_job(s, p.root, NEVER, NEVER, NEVER, g.stamp):
        return False
    if (g.rules & RECLAIM) and calls_for_more(s, s.queues[s.jobs[j].queue].row):
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
def decide_all(s, pool):
    """The full pass: claims, order of admission, floors, priorities, one reservation, backfill."""
    g = s.glob[0]
    p = s.pools[pool]
    p.dirty = 0
    p.reserved = -1
    if p.claim_head >= 0:
        serve_claims(s, pool)
    p.head = -1
    if p.pending > 0:
        head = -1
        acts = 0
        again = True
        while again:
            if g.rules & SHARES:  # who is due more goes first, or what is admitted now would be taken back at once
                restore_floors(s, pool)
            head = admit(s, pool)
            acts = g.starts + g.claims + g.stops
            if (g.rules & RECLAIM) and p.hungry_n > 0:
                restore_floors(s, pool)
            if g.rules & PREEMPT:
                follow_priority(s, pool)
            again = head >= 0 and (s.jobs[head].state != PENDING or fits_now(s, p, head))
        p.head = head
        if (g.rules & BACKFILL) and p.pending > 0:
            make_reservation(s, pool, head, acts == g.starts + g.claims + g.stops)
            backfill(s, pool)
    p.dirty = 0


@inlined
def make_reservation(s, pool, head, fresh):
    """The earliest crossed turn, else the head of the order (``fresh``: its shadow was just found), gets the pool's reservation."""
    p = s.pools[pool]
    turn = crossed_turn(s, pool) if p.turns > 0 else -1
    target = head
    if turn >= 0 and s.jobs[turn].gang <= limit_room(s, s.queues[s.jobs[turn].queue].row):
        target = turn
    if target >= 0:
        if target == head and fresh:
            p.reserved = target
        elif fits_now(s, p, target):
            launch(s, target, pool, -1, -1)
        elif reserve(s, pool, target):
            p.reserved = target
