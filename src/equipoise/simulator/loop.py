"""The simulator's inner loop: virtual time moves from instant to instant, the policy decides once at each.

At one instant: ends by job, then what the driver changes (capacity, charter, caps), deadlines, demands of services, submissions by
number; then one pass over every pool that something happened to.
"""

from equipoise.policy.kernel.claims import deadline, deadline_holds
from equipoise.policy.kernel.decay import advance
from equipoise.policy.kernel.entitlement import accrue
from equipoise.policy.kernel.jit import entry, kernel, merged
from equipoise.policy.kernel.layout import FUTURE, INDEX_BITS, INDEX_MASK, NEVER
from equipoise.policy.kernel.running import heap_pop, pool_accrue, service_accrue
from equipoise.policy.kernel.schedule import decide
from equipoise.policy.kernel.services import change_demand
from equipoise.policy.kernel.submission import finish, submit


@merged
def next_time(s):
    """Time of the next instant at which something happens; ends and deadlines that no longer hold are dropped."""
    g = s.glob[0]
    while g.heap_n > 0 and s.slots[s.heap[0] & INDEX_MASK].end_ms != s.heap[0] >> INDEX_BITS:
        heap_pop(s.heap, g.heap_n)
        g.heap_n -= 1
    while g.timer_n > 0 and not deadline_holds(s, s.timers[0]):
        heap_pop(s.timers, g.timer_n)
        g.timer_n -= 1
    t = s.arrivals[g.arrived] if g.arrived < g.n_arrivals else NEVER
    if g.heap_n > 0:
        t = min(t, s.heap[0] >> INDEX_BITS)
    if g.timer_n > 0:
        t = min(t, s.timers[0] >> INDEX_BITS)
    if g.demanded < g.n_demands:
        t = min(t, s.demands[g.demanded].at_ms)
    return t


@kernel
def ends_at(s, now):
    """End every job whose end is due, in order of job number."""
    g = s.glob[0]
    base = 2 * g.n_rows + 3 * g.n_slots
    while g.heap_n > 0 and s.heap[0] >> INDEX_BITS == now:
        n = 0
        while g.heap_n > 0 and s.heap[0] >> INDEX_BITS == now:
            i = s.heap[0] & INDEX_MASK
            heap_pop(s.heap, g.heap_n)
            g.heap_n -= 1
            if s.slots[i].end_ms == now:  # else stale: the job was stopped
                k = n
                while k > 0 and s.slots[s.scratch[base + k - 1]].job > s.slots[i].job:
                    k -= 1
                if k == 0 or s.scratch[base + k - 1] != i:  # else a stale end of a slot that was used again
                    for m in range(n, k, -1):
                        s.scratch[base + m] = s.scratch[base + m - 1]
                    s.scratch[base + k] = i
                    n += 1
        for k in range(n):
            i = s.scratch[base + k]
            if s.slots[i].end_ms == now:
                finish(s, i)


@merged
def deadlines_at(s, now):
    g = s.glob[0]
    while g.timer_n > 0 and s.timers[0] >> INDEX_BITS == now:
        x = s.timers[0]
        heap_pop(s.timers, g.timer_n)
        g.timer_n -= 1
        deadline(s, x)


@merged
def arrivals_at(s, now):
    g = s.glob[0]
    while g.demanded < g.n_demands and s.demands[g.demanded].at_ms == now:
        change_demand(s, g.demanded)
        g.demanded += 1
    while g.arrived < g.n_arrivals and s.arrivals[g.arrived] == now:
        j = g.arrived
        g.arrived += 1
        g.events += 1
        if s.jobs[j].state == FUTURE:
            submit(s, j)


@entry
def begin_instant(s, now):
    """Move to ``now`` and end what ends; the driver may then change capacity or charter."""
    move_to(s, now)


@kernel
def move_to(s, now):
    advance(s, now)
    ends_at(s, now)


@merged
def finish_instant(s, now):
    """Deadlines, demands, submissions and the scheduling passes of the instant."""
    g = s.glob[0]
    deadlines_at(s, now)
    arrivals_at(s, now)
    again = True
    while again:  # a job that takes no time may release work of a pool that was visited before
        again = False
        for p in range(g.n_pools):
            if s.pools[p].dirty:
                decide(s, p)
                again = g.n_pools > 1


@entry
def close(s, now):
    """Bring every account up to ``now``, so that the driver can read totals."""
    g = s.glob[0]
    advance(s, now)
    for i in range(g.n_refs):
        accrue(s, i)
    for p in range(g.n_pools):
        pool_accrue(s, s.pools[p])
    for i in range(g.n_services):
        service_accrue(s, i)


@entry
def run(s, until, room, resume):
    """Finish the current instant if it was begun (``resume``), then run every instant before ``until``.

    Returns early when the decision stream has less than ``room`` entries left; the result is the time of the next instant (NEVER:
    nothing more will happen by itself).
    """
    g = s.glob[0]
    unfinished = resume
    while True:
        now = g.now
        if not unfinished:
            now = next_time(s)
            if now >= until or g.out_n + room > g.out_room:
                return now
            move_to(s, now)
        unfinished = False
        finish_instant(s, now)
