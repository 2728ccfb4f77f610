"""What an explanation asks of a copy of the state, and how it changes one: all by the kernel's own functions.

No rule is written here a second time. `inquire` calls the functions by which a pass decides and writes down what they say. All of it
is one compiled function, because a pass takes in most of the kernel, and the rest then costs next to nothing to compile.
"""

from equipoise.policy.kernel.entitlement import list_charge
from equipoise.policy.kernel.events import run_passes
from equipoise.policy.kernel.jit import entry, kernel
from equipoise.policy.kernel.layout import CANCELLED, NEVER, PENDING, SHARES
from equipoise.policy.kernel.placement import kept_after, room_for, room_now
from equipoise.policy.kernel.restoring import fits_bound, limit_room, may_be_courteous
from equipoise.policy.kernel.running import demand_moves, pool_accrue, watch_path
from equipoise.policy.kernel.shadow import reserve, room_beyond
from equipoise.policy.kernel.submission import below_floor, cancel, finish
from equipoise.policy.kernel.turns import grow_turn, watch_turn
from equipoise.policy.kernel.victims import mark_secure
from equipoise.policy.kernel.waiting import enqueue, next_job

INQUIRE, RESUBMIT, WITHDRAW, END, PASS = range(5)  # what `alter` does
# Where `inquire` writes its answers: places in scratch2.
ROOM, ROOM_FOR, LIMIT_ROOM, KEPT, BELOW_FLOOR, FITS_FLOOR, COURTESY, BEYOND, FIRST, SHADOW, SECURE = range(11)


@kernel
def inquire(s, j):
    """Ask about waiting job j: what is free for it, what its limits leave, what it may claim, who is first, when it might start."""
    g = s.glob[0]
    job = s.jobs[j]
    row, pool = s.queues[job.queue].row, s.queues[job.queue].pool
    p = s.pools[pool]
    beyond = room_beyond(s, p) if p.reserved >= 0 else room_now(s, p)
    g.stamp += 1
    first = next_job(s, p.root, NEVER, NEVER, NEVER, g.stamp)
    if s.rows[row].turn_job >= 0:
        grow_turn(s, row)
    g.stamp += 1
    secure = g.stamp
    mark_secure(s, p.root, secure, (g.rules & SHARES) != 0)
    answers = s.scratch2
    answers[ROOM] = room_now(s, p)
    answers[ROOM_FOR] = room_for(s, p, row)
    answers[LIMIT_ROOM] = limit_room(s, row)
    answers[KEPT] = kept_after(s, p, row, job.gang) if p.reserving else 0
    answers[BELOW_FLOOR] = 1 if below_floor(s, row) else 0
    answers[FITS_FLOOR] = 1 if fits_bound(s, row, job.gang) else 0
    answers[COURTESY] = 1 if may_be_courteous(s, row, job.gang) else 0
    answers[BEYOND], answers[FIRST], answers[SECURE] = beyond, first, secure
    answers[SHADOW] = p.shadow_ms if reserve(s, pool, j) else NEVER


@kernel
def resubmit(s, j, gang, estimate_ms):
    """Let waiting job j ask for ``gang`` devices and ``estimate_ms`` instead, at its old place by age."""
    job = s.jobs[j]
    row, pool = s.queues[job.queue].row, s.queues[job.queue].pool
    cancel(s, j, CANCELLED)
    pool_accrue(s, s.pools[pool])
    job.gang = gang
    job.estimate_ms = estimate_ms
    job.state = PENDING
    enqueue(s, j)
    watch_path(s, row)
    demand_moves(s, j, gang)
    list_charge(s, j)
    watch_turn(s, row, j)


@entry
def alter(s, what, which, gang, estimate_ms):
    """Inquire about job ``which``, resubmit or withdraw it, end the job in slot ``which``, or let every pool that is marked decide."""
    if what == INQUIRE:
        inquire(s, which)
    elif what == RESUBMIT:
        resubmit(s, which, gang, estimate_ms)
    elif what == WITHDRAW:
        cancel(s, which, CANCELLED)
    elif what == END:
        finish(s, which)
    else:
        run_passes(s)
