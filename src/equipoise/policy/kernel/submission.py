"""The events of a job: submitted, refused, eligible, started, ended, cancelled.

Each leaves a mark on its pool (`dirty`) when a scheduling pass may change something.
"""

from equipoise.policy.kernel.claims import withdraw
from equipoise.policy.kernel.entitlement import accrue, list_charge, unlist_charge
from equipoise.policy.kernel.jit import inlined, kernel
from equipoise.policy.kernel.layout import (
    CLAIMED,
    DEPENDENT,
    NEVER,
    NO_TEAM,
    ORDERED,
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
    RUNNING,
    SECURE_START,
    SHARES,
)
from equipoise.policy.kernel.ordering import enter_order
from equipoise.policy.kernel.placement import room_now
from equipoise.policy.kernel.promises import count_start, leave_budget
from equipoise.policy.kernel.running import demand_moves, emit, end, pool_accrue, start, stop, watch_path
from equipoise.policy.kernel.turns import pay_turn, watch_turn
from equipoise.policy.kernel.waiting import dequeue, enqueue

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
    if job.gang > t.max_job:  # below zero: the charter in force does not have the team
        return OVER_MAX_JOB if t.max_job >= 0 else NO_TEAM
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
    elif j < s.glob[0].n_bonds and s.bonds[j].waits_for > 0:
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
    job.state = PENDING
    if job.estimate_ms < 0:  # none declared: the mean of the team's latest finished jobs, or an hour
        job.estimate_ms = max(t.history_ms // t.history_n, 1) if t.history_n > 0 else HOUR_MS
    enqueue(s, j)
    if g.rules & ORDERED:
        enter_order(s, j)
    watch_path(s, row)
    demand_moves(s, j, job.gang)
    list_charge(s, j)
    if g.n_starts > 0:
        count_start(s, j)
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
    if j >= s.glob[0].n_bonds:
        return
    e = s.bonds[j].dependents
    while e >= 0:
        k = s.edges[2 * e]
        bond = s.bonds[k]
        bond.waits_for -= 1
        if bond.waits_for == 0 and s.jobs[k].state == DEPENDENT:
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
    pool_accrue(s, s.pools[s.queues[job.queue].pool])  # while it still counts as waiting
    if job.state == PENDING:
        dequeue(s, j)
        watch_path(s, s.queues[job.queue].row)
        drop_turn(s, j)
    elif job.state == CLAIMED:
        withdraw(s, claim_of_job(s, j))
    elif job.state == RUNNING:
        stop(s, job.slot, -1, NEVER, RELEASE)
    if job.state == PENDING or job.state == CLAIMED or job.state == RUNNING:
        s.pools[s.queues[job.queue].pool].dirty = 1
        s.pools[s.queues[job.queue].pool].ends += 1  # what one team no longer asks for may be due to another
        accrue(s, job.ref)
        unlist_charge(s, j)
        if s.glob[0].n_promises > 0:
            leave_budget(s, j)
        job.state = state
        job.since_ms = -1  # a replica may be asked for again
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
