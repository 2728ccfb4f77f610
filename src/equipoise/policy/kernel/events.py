"""Events in, decisions out: what a policy is told, whoever tells it (a simulator's record, a live controller, an audit).

The events of one instant are taken in this order: days, confirmations, ends, nodes, charters, caps, (deadlines of its own warnings),
demands, cancellations, submissions; then every pool that something happened to decides once. `take_reports` takes those up to the ends,
`take_requests` the rest; between them the caller changes nodes, the charter and caps. An event that cannot be is refused with a reason,
and changes nothing.
"""

from equipoise.policy.kernel.claims import deadline, deadline_holds
from equipoise.policy.kernel.confirmation import confirm_start, confirm_stop
from equipoise.policy.kernel.decay import advance
from equipoise.policy.kernel.entitlement import accrue
from equipoise.policy.kernel.heap import heap_pop
from equipoise.policy.kernel.jit import apart, entry, inlined, kernel
from equipoise.policy.kernel.layout import (
    CANCELLED,
    CLAIMED,
    CONFIRM,
    CONFIRMED_BEFORE,
    DAY_BEGAN,
    DEMAND_CHANGED,
    DEPENDENT,
    ENDED,
    FUTURE,
    INDEX_BITS,
    JOB_CANCELLED,
    NEVER,
    NO_SUCH_JOB,
    NO_SUCH_KIND,
    NO_SUCH_SERVICE,
    NODE_CHANGED,
    NOT_ASKED_FOR,
    NOT_CONFIRMED,
    NOT_RUNNING,
    NOT_STOPPED,
    PASS,
    PENDING,
    RUNNING,
    START_CONFIRMED,
    STOP_CONFIRMED,
    SUBMITTED,
    SUBMITTED_BEFORE,
    SUPERSEDED,
    WINDOW_BEGAN,
)
from equipoise.policy.kernel.pacing import foresee, pace_all
from equipoise.policy.kernel.promises import (
    begin_window,
    book_losses,
    charge_denied,
    integrate,
    observe,
    window_refused,
)
from equipoise.policy.kernel.running import pool_accrue, service_accrue
from equipoise.policy.kernel.schedule import decide
from equipoise.policy.kernel.services import ask_replicas
from equipoise.policy.kernel.submission import cancel, finish, release_dependents, submit
from equipoise.policy.kernel.transition import startup_accrue


@entry
def take_reports(s, now, n):
    """Move to ``now`` and take the first of ``n`` events, up to the ends; returns the place of the first that was not taken."""
    return reports(s, now, 0, n)


@kernel
def reports(s, now, first, n):
    """Move to ``now`` and take the reports from ``first`` on; returns the place of the first event that is none."""
    advance(s, now)
    charge_denied(s)
    i = first
    while i < n and s.events[i].kind < NODE_CHANGED:
        e = s.events[i]
        e.refused = report_refused(s, e)
        if e.refused == 0:
            take_report(s, e)
        i += 1
    return i


@entry
def take_requests(s, now, first, n):
    """Carry out deadlines, take the events from ``first`` on, and let the pools decide; the time of the next deadline."""
    requests(s, now, first, n)
    return min(next_deadline(s), s.glob[0].wake_ms)


@kernel
def requests(s, now, first, n):
    """Carry out deadlines, take the requests from ``first`` on, and let the pools decide."""
    deadlines_by(s, now)
    for i in range(first, n):
        e = s.events[i]
        e.refused = request_refused(s, e)
        if e.refused == 0:
            take_request(s, e)
    run_passes(s)


@entry
def take_passes(s, n, room):
    """Take whole passes of a record, none of which changes nodes, charter or caps; returns how many of the ``n`` events were taken.

    Returns early when the decision stream has less than ``room`` entries left. Each ``PASS`` is told how many decisions had been
    made after it, and when the policy wants to be asked again.
    """
    g = s.glob[0]
    first = 0
    while first < n and g.out_n + room <= g.out_room:
        end = first
        while s.events[end].kind != PASS:
            end += 1
        now = s.events[end].time_ms
        requests(s, now, reports(s, now, first, end), end)
        s.events[end].detail, s.events[end].until_ms = g.out_n, min(next_deadline(s), g.wake_ms)
        first = end + 1
    return first


@apart
def run_passes(s):
    """Let every pool decide that something happened to."""
    g = s.glob[0]
    if g.n_promises > 0:
        if g.stops != g.booked_stops:
            book_losses(s)
        pace_all(s)
    again = True
    while again:  # a job that takes no time may release work of a pool that was visited before
        again = False
        for p in range(g.n_pools):
            if s.pools[p].dirty:
                decide(s, p)
                again = g.n_pools > 1
    if g.n_promises > 0:
        observe(s)
        if g.unforeseen:
            g.unforeseen = 0
            foresee(s)


@entry
def close(s, now):
    """Bring every account up to ``now``, so that the driver can read totals."""
    g = s.glob[0]
    advance(s, now)
    integrate(s)
    for i in range(g.n_refs):
        accrue(s, i)
        if g.rules & CONFIRM:
            startup_accrue(s, i)
    for p in range(g.n_pools):
        pool_accrue(s, s.pools[p])
    for i in range(g.n_services):
        service_accrue(s, i)


@inlined
def take_report(s, e):
    """The engine, or the calendar, reports."""
    if e.kind == DAY_BEGAN:
        s.glob[0].day += 1
    elif e.kind == WINDOW_BEGAN:
        begin_window(s, e)
    elif e.kind == START_CONFIRMED:
        confirm_start(s, s.jobs[e.subject].slot)
    elif e.kind == STOP_CONFIRMED:
        confirm_stop(s, e.subject, e.detail)
    else:
        finish(s, s.jobs[e.subject].slot)
        s.jobs[e.subject].duration_ms = s.jobs[e.subject].done_ms


@inlined
def take_request(s, e):
    """Somebody asks for something, or no longer does."""
    g = s.glob[0]
    g.events += 1
    if e.kind == DEMAND_CHANGED:
        ask_replicas(s, e.subject, e.detail, e.until_ms)
    elif e.kind == JOB_CANCELLED:
        cancel_job(s, e.subject)
    else:
        g.arrived += 1
        if e.detail == 1:
            s.jobs[e.subject].duration_ms = 0
        submit(s, e.subject)


@inlined
def cancel_job(s, j):
    """Job j is withdrawn by whoever asked for it; what waits for it need not wait any longer."""
    if s.jobs[j].state == DEPENDENT:
        s.jobs[j].state = CANCELLED
    else:
        cancel(s, j, CANCELLED)
    release_dependents(s, j)


@apart
def report_refused(s, e):
    """Why a report cannot be (0: it can)."""
    g = s.glob[0]
    if e.kind == DAY_BEGAN:
        return 0
    if e.kind == WINDOW_BEGAN:
        return window_refused(s, e)
    if e.kind < DAY_BEGAN:
        return NO_SUCH_KIND
    if e.subject < 0 or e.subject >= g.n_jobs:
        return NO_SUCH_JOB
    job = s.jobs[e.subject]
    if e.kind == STOP_CONFIRMED:
        return 0 if 0 <= e.detail < job.stops else NOT_STOPPED
    if 0 <= e.detail < job.stops:
        return SUPERSEDED  # that attempt was stopped before the engine said so
    if job.state != RUNNING or e.detail != job.stops or (e.kind == ENDED and job.duration_ms >= NEVER):
        return NOT_RUNNING
    awaited = (g.rules & CONFIRM) != 0 and s.slots[job.slot].began_ms >= NEVER
    if e.kind == START_CONFIRMED:
        return 0 if awaited else CONFIRMED_BEFORE
    return NOT_CONFIRMED if awaited else 0


@apart
def request_refused(s, e):
    """Why a request cannot be (0: it can)."""
    g = s.glob[0]
    if e.kind == DEMAND_CHANGED:
        return 0 if 0 <= e.subject < g.n_services and e.detail >= 0 else NO_SUCH_SERVICE
    if e.kind != JOB_CANCELLED and e.kind != SUBMITTED:
        return NO_SUCH_KIND
    if e.subject < 0 or e.subject >= g.n_arrivals:
        return NO_SUCH_JOB
    state = s.jobs[e.subject].state
    if e.kind == SUBMITTED:
        return 0 if state == FUTURE else SUBMITTED_BEFORE
    asked = state == DEPENDENT or state == PENDING or state == CLAIMED or state == RUNNING
    return 0 if asked else NOT_ASKED_FOR


@apart
def deadlines_by(s, now):
    """Carry out the deadlines of warnings that are due."""
    g = s.glob[0]
    while g.timer_n > 0 and s.timers[0] >> INDEX_BITS <= now:
        x = s.timers[0]
        heap_pop(s.timers, g.timer_n)
        g.timer_n -= 1
        deadline(s, x)


@kernel
def next_deadline(s):
    """Time of the next deadline of a warning (NEVER: none); those that no longer hold are dropped."""
    g = s.glob[0]
    while g.timer_n > 0 and not deadline_holds(s, s.timers[0]):
        heap_pop(s.timers, g.timer_n)
        g.timer_n -= 1
    return s.timers[0] >> INDEX_BITS if g.timer_n > 0 else NEVER
