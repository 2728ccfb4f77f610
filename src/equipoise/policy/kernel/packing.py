"""The pass of an ordered run: who is to run, where, and who has to give way.

`follow_order` is the main path. All jobs are walked through in the order, running ones and waiting ones alike, on a bench that is empty
at first. Whoever fits what is left is to run. A running job keeps its devices if nobody before it took them; else it moves, if it fits
elsewhere, or waits again. A job that starts takes devices that are free; only if there are too few, those of jobs that come later.
"""

from equipoise.policy.kernel.claims import drop_stale_timers
from equipoise.policy.kernel.heap import heap_push
from equipoise.policy.kernel.jit import inlined, kernel, merged
from equipoise.policy.kernel.layout import BY_ATTAINED, INDEX_BITS, NEVER, RUNNING, STOP
from equipoise.policy.kernel.ordering import (
    LEAST_SERVED_GPU_MS,
    attained,
    comes_before,
    first_waiting,
    leave_order,
    order_kind,
    rank_of,
)
from equipoise.policy.kernel.placement import node_expect, node_link, node_unlink, take_part
from equipoise.policy.kernel.running import begin, new_slot, pool_accrue, stop
from equipoise.policy.kernel.submission import end_at_once
from equipoise.policy.kernel.transition import runs_since
from equipoise.policy.kernel.waiting import dequeue


@kernel
def follow_order(s, pool):
    """Let those run who come first in the order."""
    p = s.pools[pool]
    if p.pending == 0:
        return
    line_up(s, pool)
    clear_bench(s, pool)
    walk(s, pool)
    if s.orders[pool].chosen_n > 0:
        carry_out(s, pool)
    if order_kind(s) == BY_ATTAINED:
        watch_service(s, pool)


@kernel
def line_up(s, pool):
    """Bring the pool's running jobs into the order as it is now; nearly all of them stand there already."""
    o = s.orders[pool]
    n = 0
    for k in range(o.line_n):
        i = s.lineup[o.line + k]
        x = s.slots[i]
        if x.end_ms >= 0 and s.rows[x.row].pool == pool:  # else it ended, and another pool may have the slot
            s.spots[x.job].key = rank_of(s, x.job)
            at = n
            while at > 0 and comes_before(s, x.job, s.slots[s.lineup[o.line + at - 1]].job):
                s.lineup[o.line + at] = s.lineup[o.line + at - 1]
                at -= 1
            s.lineup[o.line + at] = i
            n += 1
    o.line_n = n


@kernel
def clear_bench(s, pool):
    """Begin with a machine on which nothing runs."""
    g = s.glob[0]
    p = s.pools[pool]
    o = s.orders[pool]
    g.stamp += 1
    o.chosen_n = 0
    o.picked_n = 0
    o.left = p.capacity
    if p.per_node > 1:
        for f in range(p.per_node):
            s.vacant[p.bucket_off + f] = 0
        s.vacant[p.bucket_off + p.per_node] = p.capacity // p.per_node


@inlined
def bench_room(s, pool):
    """Largest gang that fits what those before left."""
    p = s.pools[pool]
    if p.per_node == 1:
        return s.orders[pool].left
    part = p.per_node - 1
    while part > 0 and s.vacant[p.bucket_off + part] == 0:
        part -= 1
    return s.vacant[p.bucket_off + p.per_node] * p.per_node + part


@merged
def walk(s, pool):
    """Go through all jobs in the order until nothing is left: mark who keeps its devices, choose who starts."""
    g = s.glob[0]
    o = s.orders[pool]
    at = 0
    room = bench_room(s, pool)
    j = first_waiting(s, pool, room)
    while room > 0:
        i = s.lineup[o.line + at] if at < o.line_n else -1
        if j < 0 and (i < 0 or o.chosen_n == 0):
            return
        if i < 0 or (j >= 0 and comes_before(s, j, s.slots[i].job)):
            leave_order(s, j)
            choose(s, pool, j)
            room = bench_room(s, pool)
            j = first_waiting(s, pool, room)
            continue
        at += 1
        if keeps_devices(s, pool, i):
            s.slots[i].picked = g.stamp
        elif s.slots[i].gang <= room:
            choose(s, pool, s.slots[i].job)
        room = bench_room(s, pool)
        if j >= 0 and s.jobs[j].gang > room:
            j = first_waiting(s, pool, room)


@inlined
def join_walk(s, n):
    """Let node n take part in this walk."""
    node = s.nodes[n]
    if node.stamp != s.glob[0].stamp:
        node.stamp = s.glob[0].stamp
        node.gain = 0
        node.loose = node.free


@inlined
def left_on(s, p, n):
    """Devices of node n that those before left."""
    if s.nodes[n].down != 0:
        return 0
    join_walk(s, n)
    return p.per_node - s.nodes[n].gain


@inlined
def fill_node(s, p, n, count):
    """``count`` devices of node n are gone for those who come later."""
    node = s.nodes[n]
    s.vacant[p.bucket_off + p.per_node - node.gain] -= 1
    node.gain += count
    s.vacant[p.bucket_off + p.per_node - node.gain] += 1


@kernel
def keeps_devices(s, pool, i):
    """Let the job in slot i keep its devices, if nobody before took them; whether it does."""
    p = s.pools[pool]
    o = s.orders[pool]
    x = s.slots[i]
    if p.per_node == 1:
        if x.gang > o.left:
            return False
        o.left -= x.gang
        return True
    n = x.node
    while n >= 0:
        if left_on(s, p, n) < p.per_node:
            return False
        n = s.nodes[n].next
    if x.part_node >= 0 and left_on(s, p, x.part_node) < x.part:
        return False
    n = x.node
    while n >= 0:
        fill_node(s, p, n, p.per_node)
        n = s.nodes[n].next
    if x.part_node >= 0:
        fill_node(s, p, x.part_node, x.part)
    return True


@kernel
def choose(s, pool, j):
    """Job j, which fits, is to start: note where."""
    p = s.pools[pool]
    o = s.orders[pool]
    c = s.choices[o.chosen_n]
    o.chosen_n += 1
    c.job, c.part_node, c.first, c.nodes = j, -1, o.picked_n, 0
    gang = s.jobs[j].gang
    if p.per_node == 1:
        o.left -= gang
        return
    c.nodes = gang // p.per_node
    if c.nodes > 0:
        pick_whole(s, p, o, c.nodes)
    part = gang % p.per_node
    if part > 0:
        n = node_for(s, p, part)
        fill_node(s, p, n, part)
        s.nodes[n].loose = max(s.nodes[n].loose - part, 0)
        c.part_node = n


@kernel
def pick_whole(s, p, o, need):
    """Pick whole nodes: the emptiest first, then by number."""
    f = p.per_node
    while need > 0:
        n = p.node_off
        while need > 0 and n < p.node_off + p.n_nodes:
            if left_on(s, p, n) == p.per_node and s.nodes[n].loose == f:
                s.picked[o.picked_n] = n
                o.picked_n += 1
                fill_node(s, p, n, p.per_node)
                s.nodes[n].loose = 0
                need -= 1
            n += 1
        f -= 1


@kernel
def node_for(s, p, part):
    """Node for ``part`` devices: where it fits the free ones best; else where fewest others have to go."""
    best, best_loose, best_left = -1, -1, 0
    for n in range(p.node_off, p.node_off + p.n_nodes):
        left = left_on(s, p, n)
        if left >= part:
            loose = s.nodes[n].loose
            if best_loose >= part:
                better = part <= loose < best_loose
            else:
                better = loose > best_loose or (loose == best_loose and left < best_left)
            if better:
                best, best_loose, best_left = n, loose, left
    return best


@merged
def carry_out(s, pool):
    """Stop who lost its devices, then start who was chosen."""
    g = s.glob[0]
    o = s.orders[pool]
    walked = g.stamp
    pool_accrue(s, s.pools[pool])
    claimant = s.choices[0].job
    n = o.line_n
    o.line_n = 0
    for k in range(n):
        i = s.lineup[o.line + k]
        if s.slots[i].picked == walked:
            s.lineup[o.line + o.line_n] = i
            o.line_n += 1
        else:
            stop(s, i, claimant, 0, STOP)
    for k in range(o.chosen_n):
        start_chosen(s, pool, k)


@kernel
def start_chosen(s, pool, k):
    """Start the job of choice k where it is to run."""
    p = s.pools[pool]
    o = s.orders[pool]
    c = s.choices[k]
    j = c.job
    if s.spots[j].spot >= 0:  # it moves: it was stopped a moment ago
        leave_order(s, j)
    dequeue(s, j)
    i = new_slot(s, j)
    place_chosen(s, p, pool, i, c)
    begin(s, j, i, pool)
    if s.slots[i].end_ms <= s.glob[0].now:
        end_at_once(s, i)
    if s.jobs[j].state == RUNNING:
        s.lineup[o.line + o.line_n] = i
        o.line_n += 1


@inlined
def place_chosen(s, p, pool, i, c):
    """Give slot i the devices that were chosen for it."""
    x = s.slots[i]
    x.node, x.part_node, x.part = -1, -1, 0
    if p.per_node == 1:
        p.free -= x.gang
        return
    for k in range(c.first, c.first + c.nodes):
        n = s.picked[k]
        node_unlink(s, p, n)
        s.nodes[n].free = 0
        s.nodes[n].next = x.node
        x.node = n
        node_expect(s, p, pool, n, x.expected_ms)
    if c.part_node >= 0:
        part = x.gang % p.per_node
        node_unlink(s, p, c.part_node)
        take_part(s, p, pool, i, c.part_node, part, x.expected_ms)
        s.nodes[c.part_node].free -= part
        node_link(s, p, c.part_node)


@kernel
def watch_service(s, pool):
    """Set the pool's timer for the moment at which the first running job has had so much that others may come before it.

    What still starts up has no such moment: its confirmation asks for a pass.
    """
    g = s.glob[0]
    o = s.orders[pool]
    due = NEVER
    if s.pools[pool].pending > 0:
        for k in range(o.line_n):
            x = s.slots[s.lineup[o.line + k]]
            short = LEAST_SERVED_GPU_MS - attained(s, x.job)
            if short > 0 and s.jobs[x.job].duration_ms < NEVER and runs_since(s, x) <= g.now:
                at = g.now + (short + x.gang - 1) // x.gang
                if at < x.end_ms:
                    due = min(due, at)
    w = s.warns[pool]
    if w.state == 0 and w.warn_ms == due:
        return
    w.state = 0
    w.warn_ms = due
    if due < NEVER:
        if g.timer_n == g.timer_room:
            drop_stale_timers(s)
        heap_push(s.timers, g.timer_n, (due << INDEX_BITS) | pool)
        g.timer_n += 1
