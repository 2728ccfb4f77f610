"""Nodes that go down, into maintenance and come back: their jobs wait again, their devices leave and join the pool."""

from equipoise.policy.kernel.claims import withdraw
from equipoise.policy.kernel.entitlement import accrue, settle_all
from equipoise.policy.kernel.jit import entry, inlined, kernel
from equipoise.policy.kernel.layout import CONFIRM, LOST, NEVER, PENDING
from equipoise.policy.kernel.placement import node_link, node_unlink
from equipoise.policy.kernel.promises import integrate
from equipoise.policy.kernel.running import pool_accrue, stop, watch_hunger, watch_path
from equipoise.policy.kernel.transition import keep_draining
from equipoise.policy.kernel.waiting import enqueue, watch_open

UP, DOWN, MAINTENANCE = 0, 1, 2


@kernel
def put_back(s, k):
    """Withdraw claim k because its devices go; its gang waits on as before."""
    j = s.claims[k].job
    withdraw(s, k)
    job = s.jobs[j]
    job.state = PENDING
    job.since_ms = -1
    enqueue(s, j)
    watch_path(s, s.queues[job.queue].row)


@kernel
def leave_node(s, pool, n):
    """Withdraw the claims on node n, and let the jobs on it wait again without what they had not saved."""
    node = s.nodes[n]
    while node.claim >= 0 or node.part_claim >= 0:
        put_back(s, node.claim if node.claim >= 0 else node.part_claim)
    i = 0
    while i < s.glob[0].n_slots:
        x = s.slots[i]
        if x.end_ms >= 0 and s.rows[x.row].pool == pool and holds_node(s, x, n):
            stop(s, i, -1, 0, LOST)
        i += 1


@inlined
def holds_node(s, x, n):
    """Whether the running job in slot record x has devices on node n."""
    if x.part_node == n:
        return True
    m = x.node
    while m >= 0:
        if m == n:
            return True
        m = s.nodes[m].next
    return False


@entry
def set_node(s, pool, n, state):
    """Node ``n`` (counted within its pool) goes up, down or into maintenance."""
    p = s.pools[pool]
    integrate(s)
    pool_accrue(s, p)
    m = p.node_off + n
    node = s.nodes[m]
    if node.down == state:
        return
    if node.down == UP:
        leave_node(s, pool, m)
        if s.glob[0].rules & CONFIRM:
            keep_draining(s, m, 0)
        node_unlink(s, p, m)
        node.free = p.per_node
    else:
        count_out(p, node.down, -p.per_node)
    node.down = state
    if state == UP:
        node.free = p.per_node
        node.free_ms = 0
        node_link(s, p, m)
    else:
        count_out(p, state, p.per_node)
    p.dirty = 1


@inlined
def count_out(p, state, by):
    p.capacity -= by
    if state == DOWN:
        p.down += by
    else:
        p.maintenance += by


@entry
def set_devices_out(s, pool, by, state):
    """On a pool of one-device nodes, ``by`` devices (negative: back) go down or into maintenance; the newest jobs give way."""
    p = s.pools[pool]
    integrate(s)
    pool_accrue(s, p)
    while p.free < by and p.claim_head >= 0:
        put_back(s, p.claim_tail)
    while p.free < by:
        newest = -1
        for i in range(s.glob[0].n_slots):
            x = s.slots[i]
            if x.end_ms >= 0 and s.rows[x.row].pool == pool:
                if newest < 0 or x.start_ms > s.slots[newest].start_ms:
                    newest = i
        stop(s, newest, -1, 0, LOST)
    p.free -= by
    if s.glob[0].rules & CONFIRM:
        keep_draining(s, s.glob[0].n_nodes + pool, p.free + p.claim_held)
    count_out(p, state, by)
    p.dirty = 1


@entry
def rescale(s, pool):
    """The driver wrote new floors, limits and reserves: divide again and look anew who is below its floor."""
    p = s.pools[pool]
    accrue(s, p.ref_root)
    s.refs[p.ref_root].due = p.capacity
    settle_all(s, s.refs, p.ref_root, p.n_refs, True)
    if s.glob[0].same_tree == 0:
        s.shares[p.root].due = p.capacity
        settle_all(s, s.shares, p.root, p.n_rows, False)
    for v in range(p.root + 1, p.root + p.n_rows):
        if (
            s.rows[v].limit >= p.capacity
        ):  # no limit but that of the devices: a gang may wait for its own team's jobs to end
            s.rows[v].limit = NEVER
        s.rows[v].tried_ends = -1
        s.rows[v].tried_freed = -1
    watch_all(s, pool)
    p.dirty = 1


@kernel
def watch_all(s, pool):
    """Look anew at every row of a pool, children before parents: who is below its floor, whose reserve is unfilled."""
    p = s.pools[pool]
    p.reserving = 0
    for v in range(p.root + 1, p.root + p.n_rows):
        if s.rows[v].reserve > 0:
            p.reserving = 1
    for v in range(p.root + p.n_rows - 1, p.root, -1):
        watch_hunger(s, v)
        if s.rows[v].n == 0:
            watch_open(s, v)
