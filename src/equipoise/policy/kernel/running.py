"""Starting, ending and stopping jobs: what each does to teams, users, devices, calendars and the account."""

from equipoise.policy.kernel.calendar import calendar_add, calendar_remove
from equipoise.policy.kernel.entitlement import accrue, demand_changes, held_changes, list_charge, unlist_charge
from equipoise.policy.kernel.heap import heap_push
from equipoise.policy.kernel.jit import inlined, kernel
from equipoise.policy.kernel.layout import (
    CONFIRM,
    DONE,
    END,
    INDEX_BITS,
    INDEX_MASK,
    NEVER,
    ORDERED,
    OUTSIDE,
    PENDING,
    RELEASE,
    RUNNING,
    START,
    TRACE,
)
from equipoise.policy.kernel.ordering import enter_order
from equipoise.policy.kernel.placement import give_back, place
from equipoise.policy.kernel.promises import leave_budget
from equipoise.policy.kernel.transition import begin_drain, begin_startup, end_startup, runs_since
from equipoise.policy.kernel.waiting import enqueue, watch_open


@inlined
def emit(s, kind, job, other, detail):
    """Append a decision to the stream."""
    g = s.glob[0]
    d = s.out[g.out_n]
    d.time_ms = g.now
    d.kind = kind
    d.job = job
    d.other = other
    d.detail = detail
    g.out_n += 1


@kernel
def pool_accrue(s, p):
    """Bring the account of a pool's devices up to now: capacity = held + start-up + drain + idle + down + maintenance."""
    now = s.glob[0].now
    dt = now - p.last_ms
    if dt > 0:
        p.last_ms = now
        p.acc_capacity += p.expected * dt
        p.acc_held += p.held * dt
        p.acc_down += p.down * dt
        p.acc_maintenance += p.maintenance * dt
        idle = p.expected - p.held - p.down - p.maintenance
        stranded = p.free - p.whole * p.per_node
        if p.starting + p.draining > 0:
            p.acc_held -= p.starting * dt
            p.acc_starting += p.starting * dt
            p.acc_draining += p.draining * dt
            idle -= p.draining
            stranded = min(stranded, idle)
        if p.pending > 0 or p.claim_head >= 0:
            p.idle_blocked += idle * dt
        else:
            p.idle_unused += idle * dt
        p.stranded += stranded * dt


@inlined
def watch_hunger(s, v):
    """Keep row v in the pool's list of rows below their floor whose waiting work may help, and its unfilled reserve up to date.

    Where every gang was found larger than what is missing, none helps until one comes or something ends below the row.
    """
    t = s.rows[v]
    have = t.alloc + t.claimed - t.warned
    hungry = t.waiting > 0 and have < t.floor and (t.tried_entered != t.entered or t.tried_freed != t.freed)
    p = s.pools[t.pool]
    if p.reserving:
        unfilled = max(t.below_unfilled, t.reserve - have)
        s.rows[t.parent].below_unfilled += unfilled - t.unfilled
        t.unfilled = unfilled
    if hungry and t.hungry_at < 0:
        t.hungry_at = p.hungry_n
        s.scratch[p.hungry + p.hungry_n] = v
        p.hungry_n += 1
    elif not hungry and t.hungry_at >= 0:
        p.hungry_n -= 1
        moved = s.scratch[p.hungry + p.hungry_n]
        s.scratch[p.hungry + t.hungry_at] = moved
        s.rows[moved].hungry_at = t.hungry_at
        t.hungry_at = -1


@inlined
def watch_path(s, v):
    """Look again at the hunger of row v and all above."""
    while s.rows[v].parent >= 0:
        watch_hunger(s, v)
        v = s.rows[v].parent


@inlined
def charge(s, v, user, by):
    """Row v, all above and the user hold ``by`` more accelerators."""
    e = s.glob[0].inflation
    u = s.users[user]
    u.alloc += by
    u.usage -= by * e
    while v >= 0:
        t = s.rows[v]
        t.alloc += by
        t.usage -= by * e
        if t.parent >= 0:
            watch_hunger(s, v)
        v = t.parent


@inlined
def enter_running(s, v, slot):
    """Enter a slot among the leaf's running jobs: oldest start first, ties by job."""
    t = s.rows[v]
    x = s.slots[slot]
    before = t.run_tail
    while before >= 0 and s.slots[before].start_ms == x.start_ms and s.slots[before].job > x.job:
        before = s.slots[before].prev
    after = s.slots[before].next if before >= 0 else t.run_head
    x.prev = before
    x.next = after
    if before >= 0:
        s.slots[before].next = slot
    else:
        t.run_head = slot
    if after >= 0:
        s.slots[after].prev = slot
    else:
        t.run_tail = slot


@inlined
def leave_running(s, v, slot):
    t = s.rows[v]
    x = s.slots[slot]
    if x.prev >= 0:
        s.slots[x.prev].next = x.next
    else:
        t.run_head = x.next
    if x.next >= 0:
        s.slots[x.next].prev = x.prev
    else:
        t.run_tail = x.prev


@kernel
def new_slot(s, j):
    """Take a slot for job j, which starts now; devices are placed by the caller."""
    g = s.glob[0]
    job = s.jobs[j]
    u = s.queues[job.queue]
    i = g.slot_free
    x = s.slots[i]
    g.slot_free = x.next
    x.job = j
    x.row = u.row
    x.gang = job.gang
    x.solid = u.solid
    x.start_ms = g.now
    x.end_ms = NEVER if job.duration_ms >= NEVER else g.now + job.duration_ms - job.done_ms
    x.expected_ms = NEVER if job.duration_ms >= NEVER else g.now + job.estimate_ms
    if g.rules & (CONFIRM | OUTSIDE) and job.duration_ms != 0:
        x.end_ms = NEVER  # it is not known before the start is confirmed, or not at all
    return i


@kernel
def begin(s, j, i, pool):
    """Job j runs in slot i from now on; it left its queue (and its claim) already."""
    g = s.glob[0]
    job = s.jobs[j]
    x = s.slots[i]
    p = s.pools[pool]
    pool_accrue(s, p)
    p.held += job.gang
    if g.rules & CONFIRM:
        begin_startup(s, i, pool)
    accrue(s, job.ref)  # while it still counts as waiting
    unlist_charge(s, j)
    if g.n_promises > 0:
        leave_budget(s, j)
    job.state = RUNNING
    job.slot = i
    job.start_ms = g.now
    if job.first_ms < 0:
        job.first_ms = g.now
    calendar_add(s, 2 * pool, i, x.expected_ms, job.gang)
    enter_running(s, x.row, i)
    charge(s, x.row, s.queues[job.queue].user, job.gang)
    held_changes(s, job.ref, job.gang)
    if x.solid:
        s.rows[x.row].solid += job.gang
        watch_open(s, x.row)
    else:
        v = x.row
        while v >= 0:
            s.rows[v].soft += job.gang
            v = s.rows[v].parent
    if j >= g.n_arrivals and (g.rules & CONFIRM) == 0:  # else it serves from its confirmation on
        replicas_change(s, s.serves[j - g.n_arrivals], 1)
    g.starts += 1
    if x.end_ms < NEVER:
        expect_end(s, i)
    emit(s, START, j, x.node if x.node >= 0 else x.part_node, s.rows[x.row].share)


@inlined
def expect_end(s, i):
    """Let the job in slot i end at its time."""
    g = s.glob[0]
    if g.heap_n == g.heap_room:
        drop_stale_ends(s)
    heap_push(s.heap, g.heap_n, (s.slots[i].end_ms << INDEX_BITS) | i)
    g.heap_n += 1


@kernel
def drop_stale_ends(s):
    """Rebuild the heap of ends without those of jobs that were stopped."""
    g = s.glob[0]
    n, kept = g.heap_n, 0
    for k in range(n):
        x = s.heap[k]
        if s.slots[x & INDEX_MASK].end_ms == x >> INDEX_BITS:
            heap_push(s.heap, kept, x)
            kept += 1
    g.heap_n = kept


@kernel
def start(s, j, pool, not_node, after_ms):
    """Start a job that fits the free devices; it left its queue already."""
    i = new_slot(s, j)
    p = s.pools[pool]
    pool_accrue(s, p)
    place(s, pool, i, s.jobs[j].gang, s.slots[i].expected_ms, not_node, after_ms)
    begin(s, j, i, pool)


@inlined
def replicas_change(s, k, by):
    """A service has ``by`` more replicas running: account what was served until now."""
    service_accrue(s, k)
    s.services[k].running += by


@inlined
def service_accrue(s, k):
    v = s.services[k]
    now = s.glob[0].now
    dt = now - v.last_ms
    if dt > 0:
        v.last_ms = now
        served = min(v.running, v.asked)
        v.demanded += v.asked * dt
        v.served += served * dt
        v.short_ms += (v.asked - served) * dt
        v.over_ms += (v.running - served) * dt


@kernel
def vacate(s, i, pool):
    """Slot i is given up: devices, calendars, charges."""
    g = s.glob[0]
    x = s.slots[i]
    j = x.job
    job = s.jobs[j]
    p = s.pools[pool]
    pool_accrue(s, p)
    p.held -= x.gang
    p.ends += x.gang
    p.dirty = 1
    calendar_remove(s, 2 * pool, i)
    give_back(s, pool, i)
    leave_running(s, x.row, i)
    v = x.row
    while v >= 0:
        t = s.rows[v]
        t.freed += 1
        if x.claim >= 0:
            t.warned -= x.gang
        if x.solid == 0:
            t.soft -= x.gang
        v = t.parent
    if x.solid:
        s.rows[x.row].solid -= x.gang
        watch_open(s, x.row)
    charge(s, x.row, s.queues[job.queue].user, -x.gang)
    held_changes(s, job.ref, -x.gang)
    if (g.rules & CONFIRM) and x.began_ms >= NEVER:
        end_startup(s, i, pool)
    elif j >= g.n_arrivals:
        replicas_change(s, s.serves[j - g.n_arrivals], -1)
    if x.claim >= 0:
        s.warns[x.warn].state = 3
        s.claims[x.claim].open -= 1
        x.warn = -1
        x.claim = -1
    x.end_ms = -1
    job.slot = -1
    x.next = g.slot_free
    g.slot_free = i


@inlined
def demand_moves(s, j, by):
    """The work that job j asks for changes the demand of its team in both trees."""
    job = s.jobs[j]
    demand_changes(s, s.refs, job.ref, by, True)
    if s.glob[0].same_tree == 0:
        demand_changes(s, s.shares, s.rows[s.queues[job.queue].row].share, by, False)


@kernel
def end(s, i):
    """The job in slot i ended by itself."""
    g = s.glob[0]
    x = s.slots[i]
    j = x.job
    job = s.jobs[j]
    row = x.row
    pool = s.rows[row].pool
    took_ms = job.done_ms + g.now - runs_since(s, x)
    vacate(s, i, pool)
    job.state = DONE
    job.done_ms = took_ms
    job.end_ms = g.now
    demand_moves(s, j, -job.gang)
    t = s.rows[row]
    t.history_n += 1
    t.history_ms += took_ms
    if t.history_n == 256:
        t.history_n = 128
        t.history_ms //= 2
    g.ends += 1
    if g.rules & TRACE:
        emit(s, END, j, -1, 0)


@inlined
def work_kept(s, job, ran_ms, warned_ms):
    """Progress of a run of ``ran_ms`` that survives a stop after a warning of ``warned_ms``."""
    if job.savepoint_ms <= 0:
        return 0
    if warned_ms >= s.glob[0].savepoint_cost_ms:
        return ran_ms
    return ran_ms // job.savepoint_ms * job.savepoint_ms


@kernel
def stop(s, i, claimant, warned_ms, kind):
    """Stop the job in slot i and let it wait again with the work that was saved."""
    g = s.glob[0]
    x = s.slots[i]
    j = x.job
    job = s.jobs[j]
    pool = s.rows[x.row].pool
    ran = max(g.now - runs_since(s, x), 0)
    kept = 0
    if g.rules & CONFIRM:
        warned_ms = min(warned_ms, ran)  # what does not run yet saves nothing
        pool_accrue(s, s.pools[pool])
        begin_drain(s, i, pool)
    if job.duration_ms < NEVER and kind != RELEASE:  # of what is no longer asked for nothing is lost
        kept = work_kept(s, job, ran, warned_ms)
        lost = (ran - kept) * job.gang
        job.done_ms += kept
        job.lost += lost
        accrue(s, job.ref)
        r = job.ref
        while r >= 0:
            s.refs[r].acc_lost += lost
            s.refs[r].acc_reclaims += 1
            r = s.refs[r].parent
        if g.n_promises > 0 and g.same_tree == 0:
            r = s.rows[x.row].share
            while r >= 0:
                s.shares[r].acc_lost += lost
                r = s.shares[r].parent
    vacate(s, i, pool)
    job.stops += 1
    g.stops += 1
    emit(s, kind, j, claimant, 0)
    if kind != RELEASE:
        job.estimate_ms = max(job.estimate_ms - kept, 1)
        job.state = PENDING
        job.since_ms = -1
        job.charged = 0
        enqueue(s, j)
        if g.rules & ORDERED:
            enter_order(s, j)
        list_charge(s, j)
        watch_path(s, s.queues[job.queue].row)
