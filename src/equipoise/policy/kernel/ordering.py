"""One order of all jobs, for the baselines that published comparisons use: by length, gang, remaining time or service, service had.

Waiting jobs lie in a heap for each size of gang. A pass goes from the first of all to the last that fits; whoever does not fit has a
larger gang than what is left, so that a pass never walks through a queue.

How long a job will run is known here, as in the papers: it is the run time itself, whatever its owner declared.
"""

from equipoise.policy.kernel.jit import inlined, kernel
from equipoise.policy.kernel.layout import (
    BY_ATTAINED,
    BY_GANG,
    BY_LENGTH,
    BY_SERVICE,
    NEVER,
    ORDER_SHIFT,
    PENDING,
    RUNNING,
)
from equipoise.policy.kernel.transition import runs_since
from equipoise.policy.kernel.waiting import older

# Service after which a job goes from the first of two queues to the second. Tiresias (Gu et al., NSDI 2019) leaves it to the operator;
# its simulator has 3250 GPU-seconds (jobs.py, queue_limit).
LEAST_SERVED_GPU_MS = 3_250_000
UNBEGUN, SECOND_QUEUE, ENDLESS = 1 << 59, 1 << 60, 1 << 61  # beyond all times; what never ends comes last


@inlined
def order_kind(s):
    """What the run goes by."""
    return s.glob[0].rules >> ORDER_SHIFT


@inlined
def attained(s, j):
    """GPU-milliseconds that job j has had, of use or lost."""
    job = s.jobs[j]
    return (job.done_ms + ran_ms(s, job)) * job.gang + job.lost


@inlined
def ran_ms(s, job):
    """How long job record ``job`` has run since it last started; a start that is not confirmed yet is no service."""
    return max(s.glob[0].now - runs_since(s, s.slots[job.slot]), 0) if job.state == RUNNING else 0


@kernel
def rank_of(s, j):
    """Place of job j in the order, least first; a running job that nobody may stop comes before all."""
    job = s.jobs[j]
    kind = order_kind(s)
    running = job.state == RUNNING
    if running and (kind == BY_LENGTH or s.queues[job.queue].solid != 0):
        return -1
    if kind == BY_GANG:
        return job.gang
    if job.duration_ms >= NEVER:
        return ENDLESS
    if kind == BY_LENGTH:
        return job.duration_ms
    if kind == BY_ATTAINED:  # in each queue by first start, then by age
        begun = job.first_ms if job.first_ms >= 0 else UNBEGUN
        return begun + (SECOND_QUEUE if attained(s, j) >= LEAST_SERVED_GPU_MS else 0)
    left = job.duration_ms - job.done_ms - ran_ms(s, job)
    return left * job.gang if kind == BY_SERVICE else left


@inlined
def comes_before(s, a, b):
    """Whether job a comes before job b: by key, then by age."""
    x, y = s.spots[a].key, s.spots[b].key
    return x < y or (x == y and older(s, a, b))


@inlined
def put_at(s, q, spot, j):
    s.ranked[q.first + spot] = j
    s.spots[j].spot = spot


@kernel
def settle(s, q, spot, j):
    """Put job j where it belongs in heap q, in which ``spot`` is vacant."""
    while spot > 0:
        up = s.ranked[q.first + (spot - 1) // 2]
        if not comes_before(s, j, up):
            break
        put_at(s, q, spot, up)
        spot = (spot - 1) // 2
    while 2 * spot + 1 < q.n:
        at = 2 * spot + 1
        if at + 1 < q.n and comes_before(s, s.ranked[q.first + at + 1], s.ranked[q.first + at]):
            at += 1
        below = s.ranked[q.first + at]
        if not comes_before(s, below, j):
            break
        put_at(s, q, spot, below)
        spot = at
    put_at(s, q, spot, j)


@kernel
def enter_order(s, j):
    """Job j begins to wait: put it into the heap of its size."""
    x = s.spots[j]
    q = s.grades[x.grade]
    x.key = rank_of(s, j)
    if x.spot < 0:
        q.n += 1
        settle(s, q, q.n - 1, j)
    else:  # a replica that was cancelled while it waited, and is asked for again
        settle(s, q, x.spot, j)


@kernel
def leave_order(s, j):
    """Take job j out of its heap."""
    x = s.spots[j]
    q = s.grades[x.grade]
    spot = x.spot
    x.spot = -1
    q.n -= 1
    if spot < q.n:
        settle(s, q, spot, s.ranked[q.first + q.n])


@kernel
def first_waiting(s, pool, room):
    """First in the order of the jobs that wait with a gang of at most ``room``; -1 if none."""
    o = s.orders[pool]
    best = -1
    for k in range(o.grades, o.grades + o.grades_n):
        q = s.grades[k]
        if q.gang <= room:
            while q.n > 0 and s.jobs[s.ranked[q.first]].state != PENDING:
                leave_order(s, s.ranked[q.first])
            if q.n > 0 and (best < 0 or comes_before(s, s.ranked[q.first], best)):
                best = s.ranked[q.first]
    return best
