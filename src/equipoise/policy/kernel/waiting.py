"""Waiting jobs and the order of admission.

A leaf holds a queue per (user, priority, preemptible or not); a queue holds a list per class of size and length, oldest first. Every row
counts the waiting jobs of each class below it, so that a search never enters a subtree that has nothing to offer.
"""

from equipoise.policy.kernel.jit import bit_length, inlined, kernel, lowest_bit
from equipoise.policy.kernel.layout import (
    ALL_CLASSES,
    CLASSES,
    EVERY_FOURTH,
    LENGTH_1_MS,
    LENGTH_2_MS,
    LENGTH_3_MS,
    LENGTHS,
    NEVER,
    SECURE_START,
    SIZES,
)
from equipoise.policy.kernel.placement import room_for

LEADING, WEIGHTLESS, UNORDERED = -4.0, 1e300, 1e301  # keys of order: before all siblings, after them, of none


@inlined
def class_of(gang, estimate_ms):
    """Size (largest power of two within the gang, the last open-ended) and length of a job as one number.

    Most gangs are powers of two, so most lists hold one size: a room smaller than that never enters the list.
    """
    size = min(bit_length(gang) - 1, SIZES - 1)
    length = 0
    if estimate_ms > LENGTH_1_MS:
        length = 1
    if estimate_ms > LENGTH_2_MS:
        length = 2
    if estimate_ms > LENGTH_3_MS:
        length = 3
    return 4 * size + length


@inlined
def classes_within(gang):
    """Mask of the classes whose smallest gang is at most ``gang``."""
    if gang <= 0:
        return 0
    sizes = bit_length(gang)
    if sizes >= SIZES:
        return ALL_CLASSES
    return (1 << (4 * sizes)) - 1


@inlined
def classes_below(gang):
    """Mask of the classes whose largest gang is at most ``gang``."""
    return classes_within((gang + 1) // 2) if gang < (1 << (SIZES - 1)) else ALL_CLASSES >> LENGTHS


@inlined
def classes_ending_within(ms):
    """Mask of the classes whose shortest estimate is at most ``ms``."""
    if ms < 0:
        return 0
    lengths = 1
    if ms > LENGTH_1_MS:
        lengths = 3
    if ms > LENGTH_2_MS:
        lengths = 7
    if ms > LENGTH_3_MS:
        return ALL_CLASSES
    return lengths * EVERY_FOURTH


@inlined
def classes_surely_ending(ms):
    """Mask of the classes whose longest estimate is at most ``ms``."""
    lengths = 0
    if ms >= LENGTH_1_MS:
        lengths = 1
    if ms >= LENGTH_2_MS:
        lengths = 3
    if ms >= LENGTH_3_MS:
        lengths = 7
    if ms >= NEVER:
        lengths = 15
    return lengths * EVERY_FOURTH


@inlined
def wanted(room, within_ms, spare):
    """Classes that may hold a job with gang <= room and (estimate <= within_ms or gang <= spare)."""
    return classes_within(room) & (classes_ending_within(within_ms) | classes_within(spare))


@inlined
def older(s, i, j):
    """Whether job i became eligible before job j (ties by number)."""
    a, b = s.jobs[i].eligible_ms, s.jobs[j].eligible_ms
    return a < b or (a == b and i < j)


@inlined
def activate(s, v, child):
    """Note that a child row (or, of a leaf, a queue) has waiting jobs; returns its position among the active."""
    t = s.rows[v]
    at = t.act_n
    s.active[t.act + at] = child
    t.act_n = at + 1
    return at


@inlined
def count_up(s, v, k, estimate_ms, solid):
    """One more waiting job of class k in row v and above."""
    bit = 1 << k
    while v >= 0:
        t = s.rows[v]
        t.waiting += 1
        t.entered += 1
        x = s.tallies[v * CLASSES + k]
        if solid:
            x.solid += 1
            x.solid_least_ms = min(x.solid_least_ms, estimate_ms) if t.solid_mask & bit else estimate_ms
            t.solid_mask |= bit
        else:
            x.soft += 1
            x.soft_least_ms = min(x.soft_least_ms, estimate_ms) if t.soft_mask & bit else estimate_ms
            t.soft_mask |= bit
        t.mask |= bit
        up = t.parent
        if t.waiting == 1 and up >= 0:
            t.at = activate(s, up, v)
        v = up


@inlined
def count_down(s, v, k, solid):
    """One waiting job of class k less in row v and above."""
    bit = 1 << k
    while v >= 0:
        t = s.rows[v]
        t.waiting -= 1
        x = s.tallies[v * CLASSES + k]
        if solid:
            x.solid -= 1
            if x.solid == 0:
                t.solid_mask ^= bit
        else:
            x.soft -= 1
            if x.soft == 0:
                t.soft_mask ^= bit
        t.mask = t.soft_mask | t.solid_mask
        up = t.parent
        if t.waiting == 0 and up >= 0:
            u = s.rows[up]
            u.act_n -= 1
            moved = s.active[u.act + u.act_n]
            s.active[u.act + t.at] = moved
            s.rows[moved].at = t.at
        v = up


@kernel
def watch_open(s, leaf):
    """Keep up to date whether a non-preemptible waiting job of the leaf may be secure, and count such leaves above it.

    Where none may, searches pass these jobs by until a job of the leaf ends or its floor changes.
    """
    t = s.rows[leaf]
    may = t.solid_mask
    if s.glob[0].rules & SECURE_START:
        may &= classes_within(t.firm - t.solid)
    now = 1 if may != 0 else 0
    v = leaf
    while s.rows[v].open != now:
        s.rows[v].open = now
        v = s.rows[v].parent
        if v < 0:
            return
        s.rows[v].open_n += 1 if now else -1
        now = 1 if s.rows[v].open_n > 0 else 0


@kernel
def enqueue(s, j):
    """Put a job into its queue by age."""
    job = s.jobs[j]
    q = job.queue
    k = class_of(job.gang, job.estimate_ms)
    job.klass = k
    u = s.queues[q]
    at = q * CLASSES + k
    x = s.lists[at]
    bit = 1 << k
    if u.mask == 0:
        u.at = activate(s, u.row, q)
    if (u.mask & bit) == 0:
        u.mask |= bit
        x.head = j
        x.tail = j
        job.next = -1
        job.prev = -1
        x.least_ms = job.estimate_ms
        x.most = job.gang
        s.head_ms[at] = job.eligible_ms
    else:
        x.least_ms = min(x.least_ms, job.estimate_ms)
        x.most = max(x.most, job.gang)
        before = x.tail
        while before >= 0 and older(s, j, before):
            before = s.jobs[before].prev
        if before < 0:
            after = x.head
            x.head = j
            s.head_ms[at] = job.eligible_ms
        else:
            after = s.jobs[before].next
            s.jobs[before].next = j
        job.prev = before
        job.next = after
        if after >= 0:
            s.jobs[after].prev = j
        else:
            x.tail = j
    count_up(s, u.row, k, job.estimate_ms, u.solid)
    if u.solid:
        watch_open(s, u.row)
    s.pools[u.pool].pending += 1


@kernel
def dequeue(s, j):
    """Take a job out of its queue."""
    job = s.jobs[j]
    q = job.queue
    u = s.queues[q]
    k = job.klass
    at = q * CLASSES + k
    x = s.lists[at]
    if job.prev >= 0:
        s.jobs[job.prev].next = job.next
    else:
        x.head = job.next
    if job.next >= 0:
        s.jobs[job.next].prev = job.prev
    else:
        x.tail = job.prev
    if x.head >= 0:
        s.head_ms[at] = s.jobs[x.head].eligible_ms
    else:
        u.mask ^= 1 << k
        if u.mask == 0:
            t = s.rows[u.row]
            t.act_n -= 1
            moved = s.active[t.act + t.act_n]
            s.active[t.act + u.at] = moved
            s.queues[moved].at = u.at
    count_down(s, u.row, k, u.solid)
    if u.solid:
        watch_open(s, u.row)
    s.pools[u.pool].pending -= 1


@inlined
def first_in_class(s, at, room, within_ms, spare, than):
    """Oldest job of a class list that qualifies and is older than job ``than`` (-1: any); -1 if none."""
    x = s.lists[at]
    j = x.head
    least = NEVER
    while j >= 0:
        job = s.jobs[j]
        if than >= 0 and not older(s, j, than):
            return -1
        if job.gang <= room and (job.estimate_ms <= within_ms or job.gang <= spare):
            return j
        least = min(least, job.estimate_ms)
        j = job.next
    x.least_ms = least
    return -1


@kernel
def oldest_in_queue(s, q, room, within_ms, spare):
    """Oldest job of queue q with gang <= room and (estimate <= within_ms or gang <= spare); -1 if none."""
    u = s.queues[q]
    m = u.mask & wanted(room, within_ms, spare)
    easy = classes_within(spare)
    best = -1
    while m != 0:
        k = lowest_bit(m)
        m &= m - 1
        at = q * CLASSES + k
        if best >= 0 and s.head_ms[at] > s.jobs[best].eligible_ms:
            continue
        if ((easy >> k) & 1) or s.lists[at].least_ms <= within_ms:
            j = first_in_class(s, at, room, within_ms, spare, best)
            if j >= 0:
                best = j
    return best


@kernel
def pick(s, v, room, within_ms, spare):
    """Next qualifying job of leaf v: priority, then the user with least decayed usage, then age; -1 if none."""
    t = s.rows[v]
    g = s.glob[0]
    best, rank, usage = -1, 0, 0.0
    for i in range(t.act_n):
        q = s.active[t.act + i]
        u = s.queues[q]
        most = room
        if u.solid and (g.rules & SECURE_START):
            most = min(room, t.firm - t.solid)
        if (u.mask & wanted(most, within_ms, spare)) == 0:
            continue
        if t.act_n == 1:
            return oldest_in_queue(s, q, most, within_ms, spare)
        used = s.users[u.user].alloc * g.inflation + s.users[u.user].usage
        if best >= 0 and (u.priority < rank or (u.priority == rank and used > usage)):
            continue
        j = oldest_in_queue(s, q, most, within_ms, spare)
        if j >= 0:
            if best < 0 or u.priority > rank or used < usage or older(s, j, best):
                best, rank, usage = j, u.priority, used
    return best


@inlined
def order_key(s, x):
    """Place of row record x among its siblings, least first: furthest below its floor, then least decayed usage for its weight.

    Quotients are correctly rounded, so that ratios of amounts up to 2^25 stay in order and distinct. Usage is a float as it is.
    """
    have = x.alloc + x.claimed - x.warned
    if x.leading:
        return LEADING
    if have < x.floor:
        return have / x.floor - 2.0
    return max(x.alloc * s.glob[0].inflation + x.usage, 0.0) * x.per_weight if x.per_weight > 0.0 else WEIGHTLESS


@inlined
def solid_room(s, x, room):
    """Largest non-preemptible gang that row record x may start within ``room``."""
    if x.n > 0:
        return room if x.open else 0
    if s.glob[0].rules & SECURE_START:
        return min(room, x.firm - x.solid)
    return room


@inlined
def least_of(x, solid):
    return x.solid_least_ms if solid else x.soft_least_ms


@inlined
def short_enough(s, v, m, solid, within_ms):
    """Whether some class of mask m of row v has a bound of estimates within the given time."""
    while m != 0:
        if least_of(s.tallies[v * CLASSES + lowest_bit(m)], solid) <= within_ms:
            return True
        m &= m - 1
    return False


@inlined
def offers(s, v, room, within_ms, spare):
    """Whether row v may hold a waiting job with gang <= room and (estimate <= within_ms or gang <= spare)."""
    x = s.rows[v]
    soft = x.soft_mask & classes_within(room)
    solid = x.solid_mask & classes_within(solid_room(s, x, room)) if x.open else 0
    if (soft | solid) & (classes_surely_ending(within_ms) | classes_within(spare)):
        return True
    some = classes_ending_within(within_ms)
    return short_enough(s, v, soft & some, False, within_ms) or short_enough(s, v, solid & some, True, within_ms)


@kernel
def tighten(s, v, within_ms):
    """Row v offered nothing: raise its bounds of estimates to those of what is below it."""
    t = s.rows[v]
    some = classes_ending_within(within_ms) & ~classes_surely_ending(within_ms)
    m = some & t.soft_mask
    while m != 0:
        k = lowest_bit(m)
        m &= m - 1
        x = s.tallies[v * CLASSES + k]
        if x.soft_least_ms <= within_ms:
            x.soft_least_ms = least_below(s, t, k, False)
    m = some & t.solid_mask
    while m != 0:
        k = lowest_bit(m)
        m &= m - 1
        x = s.tallies[v * CLASSES + k]
        if x.solid_least_ms <= within_ms:
            x.solid_least_ms = least_below(s, t, k, True)


@kernel
def least_below(s, t, k, solid):
    """Least bound of estimates of class k among the queues or children of row record t."""
    least = NEVER
    for i in range(t.act_n):
        c = s.active[t.act + i]
        if t.n == 0:
            u = s.queues[c]
            if (u.solid != 0) == solid and (u.mask >> k) & 1:
                least = min(least, s.lists[c * CLASSES + k].least_ms)
        elif ((s.rows[c].solid_mask if solid else s.rows[c].soft_mask) >> k) & 1:
            least = min(least, least_of(s.tallies[c * CLASSES + k], solid))
    return least


@inlined
def first_child(s, t, room, within_ms, spare, stamp):
    """Child of row record t that comes first in the order of admission among those that may offer a job; -1 if none."""
    while True:
        best, least = -1, UNORDERED
        for i in range(t.act_n):
            c = s.active[t.act + i]
            x = s.rows[c]
            most = min(room, x.limit - x.alloc - x.claimed)
            m = x.soft_mask
            if x.open:
                m |= x.solid_mask & classes_within(solid_room(s, x, most))
            key = order_key(s, x)
            if (m & wanted(most, within_ms, spare)) != 0 and x.excluded != stamp:
                if key < least or (key == least and c < best):
                    best, least = c, key
        if best < 0 or within_ms >= NEVER:
            return best
        x = s.rows[best]
        if offers(s, best, min(room, x.limit - x.alloc - x.claimed), within_ms, spare):
            return best
        x.excluded = stamp


@kernel
def next_job(s, top, room, within_ms, spare, stamp):
    """Next job in the order of admission below row ``top`` with gang <= room and (estimate <= within_ms or gang <= spare).

    Rows that turn out to offer nothing are stamped, and skipped while the caller's demands only get stricter.
    """
    v = top
    rooms = room
    if within_ms < NEVER and not offers(s, top, room, within_ms, spare):
        return -1
    while True:
        t = s.rows[v]
        if t.n == 0:
            if spare < NEVER and s.pools[t.pool].reserving:  # backfill: who restores a floor may take devices back
                rooms = min(rooms, room_for(s, s.pools[t.pool], v))
            j = pick(s, v, rooms, within_ms, spare)
            if j >= 0:
                return j
        else:
            best = first_child(s, t, rooms, within_ms, spare, stamp)
            if best >= 0:
                v = best
                rooms = min(rooms, s.rows[v].limit - s.rows[v].alloc - s.rows[v].claimed)
                continue
        t.excluded = stamp
        if within_ms < NEVER:
            tighten(s, v, within_ms)
        if v == top:
            return -1
        v = t.parent
        rooms = room
        w = v
        while w != top:
            rooms = min(rooms, s.rows[w].limit - s.rows[w].alloc - s.rows[w].claimed)
            w = s.rows[w].parent
