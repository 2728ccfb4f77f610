"""Devices of a pool: a gang takes whole empty nodes, and the rest of it the fullest node that has room.

On a pool of one-device nodes only counts are kept. Otherwise nodes hang in lists by free devices, and cells say which running job
(slot) has which device. Nodes that a claim holds are in no list.
"""

from equipoise.policy.kernel.calendar import calendar_add, calendar_remove
from equipoise.policy.kernel.jit import bit_length, inlined, kernel
from equipoise.policy.kernel.layout import NEVER

PARTS = 62  # numbers of free devices that ``parts`` has a bit for, where a partly used node has them


@inlined
def node_unlink(s, p, n):
    node = s.nodes[n]
    before, after = node.prev, node.next
    if before >= 0:
        s.nodes[before].next = after
    else:
        s.buckets[p.bucket_off + node.free] = after
        if after < 0 and node.free < PARTS:
            p.parts &= ~(1 << node.free)
    if after >= 0:
        s.nodes[after].prev = before
    p.free -= node.free
    if node.free == p.per_node:
        p.whole -= 1


@inlined
def node_link(s, p, n):
    node = s.nodes[n]
    at = p.bucket_off + node.free
    head = s.buckets[at]
    node.prev = -1
    node.next = head
    if head >= 0:
        s.nodes[head].prev = n
    s.buckets[at] = n
    if node.free < PARTS:
        p.parts |= 1 << node.free
    s.latest_ms[at] = max(s.latest_ms[at], node.free_ms)
    p.free += node.free
    if node.free == p.per_node:
        p.whole += 1


@inlined
def room_now(s, p):
    """Largest gang that fits the free devices now (every smaller gang fits too)."""
    if p.per_node == 1:
        return p.free
    if p.per_node <= PARTS:
        partly = p.parts & ((1 << p.per_node) - 2)
        part = bit_length(partly) - 1 if partly != 0 else 0
    else:
        part = p.per_node - 1
        while part > 0 and s.buckets[p.bucket_off + part] < 0:
            part -= 1
    return p.whole * p.per_node + part


@kernel
def kept_after(s, p, v, gang):
    """Devices that must stay free for unfilled reserves once leaf v has started ``gang`` more."""
    child = 0  # how much less the child on the path keeps
    while s.rows[v].parent >= 0:
        t = s.rows[v]
        after = max(t.below_unfilled - child, t.reserve - t.alloc - t.claimed + t.warned - gang)
        child = t.unfilled - after
        v = t.parent
    return s.rows[v].below_unfilled - child


@kernel
def room_for(s, p, v):
    """Largest gang of leaf v that fits the free devices now, those apart that idle reserves keep free."""
    room = room_now(s, p)
    if p.reserving == 0 or s.rows[p.root].below_unfilled == 0 or leaves_reserves(s, p, v, room):
        return room
    low, high = 0, room
    while low + 1 < high:
        middle = (low + high) // 2
        if leaves_reserves(s, p, v, middle):
            low = middle
        else:
            high = middle
    return low


@inlined
def leaves_reserves(s, p, v, gang):
    """Whether leaf v may start ``gang`` more: what is free then covers the reserves, or the start only fills reserves."""
    kept = kept_after(s, p, v, gang)
    return p.free - gang >= kept or s.rows[p.root].below_unfilled - kept >= gang


@inlined
def node_expect(s, p, pool, n, t):
    """Let node ``n`` be expected whole again at ``t`` (0: it is whole)."""
    node = s.nodes[n]
    if node.free_ms != t:
        item = s.glob[0].n_slots + n
        c = 2 * pool + 1
        if node.calendared:
            calendar_remove(s, c, item)
            node.calendared = 0
        node.free_ms = t
        at = p.bucket_off + node.free
        s.latest_ms[at] = max(s.latest_ms[at], t)
        if t > 0 and node.claim < 0 and node.down == 0:
            calendar_add(s, c, item, t, 1)
            node.calendared = 1


@inlined
def best_fit(s, p, part, not_node, after_ms):
    """Node with the fewest free devices that suffice, but not ``not_node`` and only nodes busy beyond ``after_ms``; -1 if none."""
    for f in range(part, p.per_node):
        n = s.buckets[p.bucket_off + f]
        while n >= 0:
            if n != not_node and s.nodes[n].free_ms > after_ms:
                return n
            n = s.nodes[n].next
    return -1


@inlined
def take_part(s, p, pool, slot, n, part, expected_ms):
    """Give ``part`` free devices of node ``n`` (in no list) to the slot."""
    x = s.slots[slot]
    x.part_node = n
    x.part = part
    left = part
    first = p.cell_off + (n - p.node_off) * p.per_node
    for c in range(first, first + p.per_node):
        if left > 0 and s.cells[c] < 0:
            s.cells[c] = slot
            left -= 1
    node = s.nodes[n]
    if expected_ms > node.free_ms:
        node_expect(s, p, pool, n, expected_ms)


@kernel
def place(s, pool, slot, gang, expected_ms, not_node, after_ms):
    """Take free devices for a gang that fits. A remainder avoids ``not_node`` and nodes whole again by ``after_ms``."""
    p = s.pools[pool]
    x = s.slots[slot]
    x.node = -1
    x.part_node = -1
    x.part = 0
    if p.per_node == 1:
        p.free -= gang
        return
    count = gang // p.per_node
    part = gang % p.per_node
    last = -1
    for _ in range(count):
        n = s.buckets[p.bucket_off + p.per_node]
        node_unlink(s, p, n)
        s.nodes[n].free = 0
        s.nodes[n].next = last
        last = n
        node_expect(s, p, pool, n, expected_ms)
    x.node = last
    if part > 0:
        n = best_fit(s, p, part, not_node, after_ms)
        if n < 0:
            n = s.buckets[p.bucket_off + p.per_node]
        node_unlink(s, p, n)
        take_part(s, p, pool, slot, n, part, expected_ms)
        s.nodes[n].free -= part
        node_link(s, p, n)


@inlined
def latest_on(s, p, n):
    """Latest expected end among the jobs on node ``n``; 0 if it has none."""
    latest = 0
    first = p.cell_off + (n - p.node_off) * p.per_node
    for c in range(first, first + p.per_node):
        k = s.cells[c]
        if k >= 0:
            latest = max(latest, s.slots[k].expected_ms)
    return latest


@kernel
def node_gain(s, p, pool, n, count):
    """``count`` devices of node ``n`` came free: first what a claim waits for, the rest for everybody."""
    node = s.nodes[n]
    if node.down != 0:
        node.free += count
    elif node.claim >= 0:
        node.free += count
        if node.free == p.per_node:
            s.claims[node.claim].ready += 1
    else:
        node_unlink(s, p, n)
        left = count
        if node.part_claim >= 0:
            k = s.claims[node.part_claim]
            taken = min(left, k.part_missing)
            k.part_missing -= taken
            left -= taken
        node.free += left
        node_link(s, p, n)


@kernel
def give_back(s, pool, slot):
    """Return the devices of a slot whose job ended or was stopped."""
    p = s.pools[pool]
    x = s.slots[slot]
    if p.per_node == 1:
        left = x.gang
        if x.claim >= 0:
            k = s.claims[x.claim]
            taken = min(left, k.missing)
            k.missing -= taken
            k.held += taken
            p.claim_held += taken
            left -= taken
        p.free += left
        return
    n = x.node
    while n >= 0:
        after = s.nodes[n].next
        s.nodes[n].next = -1
        node_expect(s, p, pool, n, 0)
        regain_whole(s, p, pool, n)
        n = after
    if x.part_node >= 0:
        n = x.part_node
        first = p.cell_off + (n - p.node_off) * p.per_node
        for c in range(first, first + p.per_node):
            if s.cells[c] == slot:
                s.cells[c] = -1
        node_expect(s, p, pool, n, latest_on(s, p, n))
        node_gain(s, p, pool, n, x.part)


@inlined
def regain_whole(s, p, pool, n):
    """A node that one gang held whole is empty again (it was in no list)."""
    node = s.nodes[n]
    node.free = p.per_node
    if node.claim >= 0:
        s.claims[node.claim].ready += 1
    elif node.down == 0:
        node_link(s, p, n)


@kernel
def part_free_at(s, pool, n, part, now):
    """Earliest time at which node ``n`` is expected to have ``part`` devices free; NEVER if that is not foreseen."""
    p = s.pools[pool]
    node = s.nodes[n]
    if node.claim >= 0 or node.down != 0:
        return NEVER
    if node.free >= part:
        return now
    have = node.free
    first = p.cell_off + (n - p.node_off) * p.per_node
    last = now
    while have < part:
        best, gain = NEVER, 0
        for c in range(first, first + p.per_node):
            k = s.cells[c]
            if k >= 0:
                t = s.slots[k].expected_ms
                if t > last:
                    if t < best:
                        best, gain = t, 1
                    elif t == best:
                        gain += 1
        if best >= NEVER:  # no cell is taken: one gang holds the node whole
            return node.free_ms if node.free_ms > last else NEVER
        have += gain
        last = best
    return last
