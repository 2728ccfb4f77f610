"""Who is secure (FAIRNESS 3, 7b) and who would give way first.

`mark_secure` stamps the jobs that nobody may take; `prepare` lists the others below a row as victims, best first.
"""

from equipoise.policy.kernel.jit import inlined, kernel
from equipoise.policy.kernel.layout import NEVER, SHARES
from equipoise.policy.kernel.transition import runs_since

RIGHT, COURTESY, BY_SHARE, INSIDE = 0, 1, 2, 3
BY_AGE, FIRST, LAST = 0, 1, 2  # orders of slots: by age, as victims, as victims from the last on


@inlined
def left_of(s, v, stamp):
    """What row v holds in the post-claim view, less the victims chosen so far."""
    t = s.rows[v]
    if t.left_stamp != stamp:
        t.left_stamp = stamp
        t.left = t.alloc + t.claimed - t.warned
        t.pick_n = -1
    return t.left


@inlined
def bound_of(s, v, rule):
    """What row v may hold with the claimant: its floor, or its entitlement."""
    if rule == RIGHT:
        return s.rows[v].rounded
    return s.shares[s.rows[v].share].due


@inlined
def kept_bound(s, v):
    """How much of row v is secure: its floor, or with ``reclaim: shares`` its entitlement."""
    if s.glob[0].rules & SHARES:
        return max(s.shares[s.rows[v].share].due, 0)
    return s.rows[v].rounded


@kernel
def mark_secure(s, top, stamp, by_share):
    """Stamp the secure running jobs of row ``top`` (FAIRNESS 3): children's unions first, then own others, oldest first."""
    base = s.glob[0].n_rows
    count, at = 1, 0
    s.scratch[base] = top
    while at < count:
        t = s.rows[s.scratch[base + at]]
        at += 1
        for c in range(t.first, t.first + t.n):
            s.scratch[base + count] = c
            count += 1
    for i in range(count - 1, -1, -1):
        v = s.scratch[base + i]
        if s.rows[v].n == 0:
            secure_leaf(s, v, stamp, by_share)
        else:
            secure_inner(s, v, stamp, by_share, 2 * base + 2 * s.glob[0].n_slots)


@kernel
def secure_leaf(s, v, stamp, by_share):
    t = s.rows[v]
    total = 0
    for solid in range(1 if t.solid > 0 else 0, -1, -1):
        i = t.run_head
        while i >= 0 and total < t.rounded:
            x = s.slots[i]
            if x.solid == solid and x.claim < 0 and total + x.gang <= t.rounded:
                x.secure = stamp
                total += x.gang
            i = x.next
    if by_share:
        bound = kept_bound(s, v)
        for solid in range(1, -1, -1):
            i = t.run_head
            while i >= 0:
                x = s.slots[i]
                if x.solid == solid and x.claim < 0 and x.secure != stamp and total + x.gang <= bound:
                    x.secure = stamp
                    total += x.gang
                i = x.next
    t.secured = total


@kernel
def secure_inner(s, v, stamp, by_share, base):
    """Add to the union of the children what else fits, non-preemptible first, then oldest."""
    t = s.rows[v]
    total = 0
    for c in range(t.first, t.first + t.n):
        total += s.rows[c].secured
    bound = kept_bound(s, v) if by_share else t.rounded
    if total < bound:
        n = gather(s, v, stamp, base, False)
        heap_sort(s, base, n, BY_AGE)
        for i in range(n):
            x = s.slots[s.scratch[base + i]]
            if total + x.gang <= bound:
                x.secure = stamp
                total += x.gang
    t.secured = total


@kernel
def gather(s, top, stamp, base, victims_only):
    """List the slots below ``top`` that are not secure (only preemptible ones if asked); returns how many."""
    n = 0
    v = top
    while True:
        t = s.rows[v]
        if t.n > 0:
            v = t.first
            continue
        i = t.run_head if t.soft > 0 or not victims_only else -1
        while i >= 0:
            x = s.slots[i]
            if x.claim < 0 and x.secure != stamp and (not victims_only or x.solid == 0):
                s.scratch[base + n] = i
                n += 1
            i = x.next
        while v != top:
            up = s.rows[s.rows[v].parent]
            if v + 1 < up.first + up.n:
                v += 1
                break
            v = s.rows[v].parent
        if v == top:
            return n


@kernel
def comes_first(s, a, b, order):
    """Order of slots: by age (non-preemptible, oldest start, job), or as victims (exhausted teams last, least lost, newest, job)."""
    x, y = s.slots[a], s.slots[b]
    if order == LAST:
        x, y = s.slots[b], s.slots[a]
    if order == BY_AGE:
        if x.solid != y.solid:
            return x.solid > y.solid
        if x.start_ms != y.start_ms:
            return x.start_ms < y.start_ms
        return x.job < y.job
    if x.order != y.order:
        return x.order < y.order
    if x.lost != y.lost:
        return x.lost < y.lost
    if x.start_ms != y.start_ms:
        return x.start_ms > y.start_ms
    return x.job < y.job


@kernel
def sift(s, base, root, n, order):
    item = s.scratch[base + root]
    while True:
        c = 2 * root + 1
        if c >= n:
            break
        if c + 1 < n and comes_first(s, s.scratch[base + c], s.scratch[base + c + 1], order):
            c += 1
        if not comes_first(s, item, s.scratch[base + c], order):
            break
        s.scratch[base + root] = s.scratch[base + c]
        root = c
    s.scratch[base + root] = item


@kernel
def heap_sort(s, base, n, order):
    """Sort n slots of the scratch in place."""
    for root in range(n // 2 - 1, -1, -1):
        sift(s, base, root, n, order)
    for end in range(n - 1, 0, -1):
        last = s.scratch[base]
        s.scratch[base] = s.scratch[base + end]
        s.scratch[base + end] = last
        sift(s, base, 0, end, order)


@inlined
def pop_victim(s, t):
    """Take the best victim off the heap of row record t."""
    best = s.scratch[t.pick]
    t.pick_n -= 1
    s.scratch[t.pick] = s.scratch[t.pick + t.pick_n]
    sift(s, t.pick, 0, t.pick_n, LAST)
    return best


@inlined
def stop_time(s, x, since_ms, recover_ms):
    """When a victim of a claim that stands since ``since_ms`` is warned (FAIRNESS 5)."""
    t = s.rows[x.row]
    return max(since_ms, min(runs_since(s, x) + t.min_runtime_ms, since_ms + recover_ms - t.grace_ms))


@kernel
def rank_victims(s, base, n, since_ms, recover_ms):
    """Note for each listed slot what would be lost at its stop, and whether its team had its reclaims of the day."""
    g = s.glob[0]
    for i in range(n):
        x = s.slots[s.scratch[base + i]]
        t = s.rows[x.row]
        job = s.jobs[x.job]
        warn = max(stop_time(s, x, since_ms, recover_ms), g.now)
        halt = max(min(warn + t.grace_ms, since_ms + recover_ms), g.now)
        ran = halt - min(runs_since(s, x), g.now)  # what does not run yet may begin at any moment
        kept = 0
        if job.savepoint_ms > 0:
            kept = ran if halt - warn >= g.savepoint_cost_ms else ran // job.savepoint_ms * job.savepoint_ms
        x.lost = 0 if job.duration_ms >= NEVER else (ran - kept) * x.gang
        today = t.reclaims_today if t.day == g.day else 0
        x.order = 1 if today >= t.reclaims_per_day else 0


@inlined
def prepare(s, b, stamp, base, rule, since_ms, recover_ms):
    """Heap the possible victims below row b, the best at the top, at ``base``; returns how many."""
    top = b
    if rule == COURTESY:  # a victim must be insecure on its whole path, not only below the fork
        while s.rows[s.rows[top].parent].parent >= 0:
            top = s.rows[top].parent
    if s.rows[top].marked != stamp:
        s.rows[top].marked = stamp
        mark_secure(s, top, stamp, rule == BY_SHARE)
    n = gather(s, b, stamp, base, True)
    rank_victims(s, base, n, since_ms, recover_ms)
    for root in range(n // 2 - 1, -1, -1):
        sift(s, base, root, n, LAST)
    t = s.rows[b]
    t.pick = base
    t.pick_n = n
    return n


@inlined
def further_beyond(s, a, b, stamp):
    """Whether sibling a holds more beyond its floor for its weight than sibling b (ties to the smaller id)."""
    x, y = s.rows[a], s.rows[b]
    over_a, over_b = left_of(s, a, stamp) - x.floor, left_of(s, b, stamp) - y.floor
    if x.weight == 0.0 or y.weight == 0.0:
        if x.weight != y.weight:
            return x.weight == 0.0 and over_a > 0
        return over_a > over_b or (over_a == over_b and a < b)
    p, q = over_a * y.weight, over_b * x.weight
    return p > q or (p == q and a < b)
