"""The simulator's inner loop: virtual time moves from instant to instant, the policy decides once at each.

At one instant: confirmations, ends by job, then what the driver changes (capacity, charter, caps), deadlines, demands of services,
submissions by number; then one pass over every pool that something happened to. If asked, it records each as the event that the policy
would be told (`policy.kernel.events`).

`follow` decides nothing: jobs start when a log says that they did, and everything is accounted as usual. The starts of a batch are told as
events: row 0 says which row comes next (``subject``) and how many rows there are (``detail``), each row after it which job starts when.
No job is refused, for each of them did run.
"""

from equipoise.policy.kernel.confirmation import confirm_start, confirm_stop
from equipoise.policy.kernel.decay import advance
from equipoise.policy.kernel.events import deadlines_by, next_deadline, run_passes
from equipoise.policy.kernel.heap import heap_pop
from equipoise.policy.kernel.jit import apart, entry, inlined, kernel, merged
from equipoise.policy.kernel.layout import (
    DEMAND_CHANGED,
    ENDED,
    FUTURE,
    INDEX_BITS,
    INDEX_MASK,
    NEVER,
    PASS,
    START_CONFIRMED,
    STOP_CONFIRMED,
    SUBMITTED,
)
from equipoise.policy.kernel.pacing import foresee, pace_all
from equipoise.policy.kernel.promises import charge_denied, observe
from equipoise.policy.kernel.services import change_demand
from equipoise.policy.kernel.submission import finish, launch, make_eligible, submit
from equipoise.policy.kernel.transition import is_awaited


@merged
def next_time(s):
    """Time of the next instant at which something happens; ends and deadlines that no longer hold are dropped."""
    g = s.glob[0]
    while g.heap_n > 0 and s.slots[s.heap[0] & INDEX_MASK].end_ms != s.heap[0] >> INDEX_BITS:
        heap_pop(s.heap, g.heap_n)
        g.heap_n -= 1
    while g.confirm_n > 0 and not is_awaited(s, s.confirms[0]):
        heap_pop(s.confirms, g.confirm_n)
        g.confirm_n -= 1
    t = s.arrivals[g.arrived] if g.arrived < g.n_arrivals else NEVER
    if g.heap_n > 0:
        t = min(t, s.heap[0] >> INDEX_BITS)
    if g.confirm_n > 0:
        t = min(t, s.confirms[0] >> INDEX_BITS)
    if g.timer_n > 0:
        t = min(t, next_deadline(s))
    if t < NEVER:  # else nothing runs, and no pace can let anything start
        t = min(t, g.wake_ms)
    if g.refused_n < g.n_refusals:
        t = min(t, max(s.refusals[g.refused_n].at_ms, g.now))
    if g.demanded < g.n_demands:
        t = min(t, s.demands[g.demanded].at_ms)
    return t


@inlined
def record(s, kind, subject, detail, until_ms):
    """Append an event to the record, if one is kept."""
    g = s.glob[0]
    if g.record_room > 0:
        e = s.events[g.recorded]
        e.time_ms, e.until_ms, e.kind, e.subject, e.detail, e.pool = g.now, until_ms, kind, subject, detail, -1
        g.recorded += 1


@apart
def confirmations_at(s, now):
    """Confirm every start and stop for which the simulated engine is done."""
    g = s.glob[0]
    while g.confirm_n > 0 and s.confirms[0] >> INDEX_BITS == now:
        x = s.confirms[0]
        k = x & INDEX_MASK
        heap_pop(s.confirms, g.confirm_n)
        g.confirm_n -= 1
        if is_awaited(s, x):
            if k < g.n_slots:
                j = s.slots[k].job
                record(s, START_CONFIRMED, j, s.jobs[j].stops, -1)
                confirm_start(s, k)
            else:
                d = s.drains[k - g.n_slots]
                record(s, STOP_CONFIRMED, d.job, d.attempt, -1)
                confirm_stop(s, d.job, d.attempt)


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
                record(s, ENDED, s.slots[i].job, s.jobs[s.slots[i].job].stops, -1)
                finish(s, i)


@merged
def arrivals_at(s, now):
    g = s.glob[0]
    while g.demanded < g.n_demands and s.demands[g.demanded].at_ms == now:
        e = s.demands[g.demanded]
        record(s, DEMAND_CHANGED, e.service, e.replicas, e.next_ms)
        change_demand(s, g.demanded)
        g.demanded += 1
    while g.arrived < g.n_arrivals and s.arrivals[g.arrived] == now:
        j = g.arrived
        g.arrived += 1
        g.events += 1
        if s.jobs[j].state == FUTURE:
            record(s, SUBMITTED, j, 1 if s.jobs[j].duration_ms == 0 else 0, -1)
            submit(s, j)


@entry
def begin_instant(s, now):
    """Move to ``now`` and end what ends; the driver may then change capacity or charter."""
    move_to(s, now)


@kernel
def move_to(s, now):
    advance(s, now)
    charge_denied(s)
    if s.glob[0].confirm_n > 0:
        confirmations_at(s, now)
    ends_at(s, now)


@merged
def finish_instant(s, now):
    """Deadlines, demands, submissions and the scheduling passes of the instant."""
    deadlines_by(s, now)
    arrivals_at(s, now)
    run_passes(s)
    record(s, PASS, -1, s.glob[0].out_n, -1)


@entry
def run(s, until, room, resume):
    """Finish the current instant if it was begun (``resume``), then run every instant before ``until``.

    Returns early when the decision stream, or the record, has less than ``room`` entries left; the result is the time of the next
    instant (NEVER: nothing more will happen by itself).
    """
    g = s.glob[0]
    unfinished = resume
    while True:
        now = g.now
        if not unfinished:
            now = next_time(s)
            if now >= until or g.out_n + room > g.out_room or (g.record_room > 0 and g.recorded + room > g.record_room):
                return now
            move_to(s, now)
        unfinished = False
        finish_instant(s, now)


# ---------------------------------------------------------------------------------------------- where nothing is decided


@inlined
def ask_recorded(s, now):
    """Let the jobs wait that are asked for now."""
    g = s.glob[0]
    while g.arrived < g.n_arrivals and s.arrivals[g.arrived] == now:
        j = g.arrived
        g.arrived += 1
        g.events += 1
        if s.jobs[j].state == FUTURE:
            make_eligible(s, j)


@kernel
def start_recorded(s, now):
    """Start the jobs that started now."""
    told = s.events[0]
    while told.subject < told.detail and s.events[told.subject].time_ms == now:
        j = s.events[told.subject].subject
        told.subject += 1
        launch(s, j, s.queues[s.jobs[j].queue].pool, -1, -1)


@apart
def finish_recorded(s, now):
    """What is asked for and what starts at an instant, with what follows for promises; pools come to rest without a decision."""
    g = s.glob[0]
    ask_recorded(s, now)
    if g.n_promises > 0:
        pace_all(s)
    start_recorded(s, now)
    for p in range(g.n_pools):
        s.pools[p].dirty = 0
    if g.n_promises > 0:
        observe(s)
        if g.unforeseen:
            g.unforeseen = 0
            foresee(s)


@entry
def follow(s, until, room, resume):
    """Finish the current instant if it was begun (``resume``), then run every instant before ``until``; the time of the next one.

    Returns early when the stream has less than ``room`` entries left. No start that was not told may come before ``until``.
    """
    g = s.glob[0]
    told = s.events[0]
    unfinished = resume
    while True:
        now = g.now
        if not unfinished:
            now = next_time(s)
            if told.subject < told.detail:
                now = min(now, s.events[told.subject].time_ms)
            if now >= until or g.out_n + room > g.out_room:
                return now
            move_to(s, now)
        unfinished = False
        finish_recorded(s, now)
