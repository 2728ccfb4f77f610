"""Pacing (PACING 1, 5, 6): promises over time move the floors and limits of now.

`pace_all` is the main path, once an instant before the passes: what every promise asks for in each of its pools, then the floors of the
pools in which that changed. `foresee` says when, with nothing else happening, a promise would next ask for more.
"""

from equipoise.policy.kernel.capacity import watch_all
from equipoise.policy.kernel.entitlement import settle_all
from equipoise.policy.kernel.jit import apart, inlined, kernel
from equipoise.policy.kernel.layout import AT_LEAST, BY_RECORD, NEVER
from equipoise.policy.kernel.wide import exceeds


@kernel
def pace_all(s):
    """Let every promise ask for what it needs now, and move floors and limits where that changed."""
    g = s.glob[0]
    for k in range(g.n_promises):
        v = s.promises[k]
        if v.kind == AT_LEAST:
            ask(s, v)
        elif v.acting:
            lower_limit(s, v)
    for p in range(g.n_pools):
        if s.pools[p].repace:
            s.pools[p].repace = 0
            move_floors(s, p)


@inlined
def outstanding(s, v, w):
    """What is still to be delivered in window w of promise v if all others use what is left: x, in q * weighted GPU-ms."""
    rate = v.p * (v.whole if v.of == BY_RECORD else v.capacity)
    return v.balance - w.balance + w.make_good + rate * (w.to_ms - s.glob[0].now)


@kernel
def ask(s, v):
    """Compute the pace of promise v in each of its pools: the most that one of its open windows needs."""
    now = s.glob[0].now
    for i in range(v.member, v.member + v.members):
        s.members[i].next_pace = 0
    for e in range(v.span, v.span + v.spans):
        w = s.spans[e]
        if w.to_ms < NEVER and w.to_ms > now:
            x, run_ms = outstanding(s, v, w), w.to_ms - now - v.margin_ms
            if v.members == 1 or x <= 0 or run_ms <= 0:
                for i in range(v.member, v.member + v.members):
                    m = s.members[i]
                    m.next_pace = max(m.next_pace, pace_for(v, x, run_ms, m.num, m.den, m.most))
            else:
                share_out(s, v, x, run_ms)
    total = 0
    for i in range(v.member, v.member + v.members):
        m = s.members[i]
        m.pace = m.next_pace
        wanted = min(m.pace, demand_of(s, v, m))
        full = 1 if m.fits and m.level > 0 and m.pace >= m.level else 0
        if wanted != m.wanted or full != m.full:
            m.wanted, m.full = wanted, full
            s.pools[m.pool].repace = 1
        total += m.weight * m.pace
    v.pace = total


@inlined
def demand_of(s, v, m):
    return max(s.shares[m.row].demand if v.foreign else s.refs[m.row].demand, 0)


@kernel
def share_out(s, v, x, run_ms):
    """Ask every pool for the same fraction, at most for what has demand there; what a pool cannot use is asked of the others."""
    open_weight = 0
    for i in range(v.member, v.member + v.members):
        m = s.members[i]
        m.done = 0
        open_weight += m.weight * s.pools[m.pool].capacity
    again = True
    while again and x > 0 and open_weight > 0:
        again = False
        left = open_weight
        for i in range(v.member, v.member + v.members):
            m = s.members[i]
            devices = s.pools[m.pool].capacity
            most = min(m.most, demand_of(s, v, m))
            if m.done == 0 and devices > 0 and exceeds(x, devices, v.q * run_ms * open_weight, most):
                m.done = 1
                m.next_pace = max(m.next_pace, most)
                x -= v.q * run_ms * m.weight * most
                left -= m.weight * devices
                again = True
                break
        open_weight = left
    if x > 0 and open_weight > 0:
        for i in range(v.member, v.member + v.members):
            m = s.members[i]
            if m.done == 0:
                m.next_pace = max(m.next_pace, pace_for(v, x, run_ms, s.pools[m.pool].capacity, open_weight, m.most))


@inlined
def pace_for(v, x, run_ms, num, den, most):
    """Devices of a pool that deliver num / den of x in ``run_ms``: least P with x * num <= P * q * run * den, at most ``most``."""
    if x <= 0:
        return 0
    if run_ms <= 0:
        return most
    each = v.q * run_ms * den
    if exceeds(x, num, each, most):
        return most
    pace = int(x / each * num)
    while exceeds(x, num, each, pace):
        pace += 1
    while pace > 0 and not exceeds(x, num, each, pace - 1):
        pace -= 1
    return pace


@kernel
def lower_limit(s, v):
    """Let the limit of a team follow what its ceiling leaves: held until the window ends, it is used up exactly then."""
    now = s.glob[0].now
    for i in range(v.member, v.member + v.members):
        m = s.members[i]
        limit = NEVER
        for e in range(v.span, v.span + v.spans):
            w = s.spans[e]
            left_ms = w.to_ms - now
            if w.to_ms < NEVER and left_ms > 0:
                limit = min(limit, ceiling_of(m, v, v.balance - w.balance, left_ms))
        if limit != m.limit:
            m.limit = limit
            s.pools[m.pool].repace = 1


@inlined
def ceiling_of(m, v, balance, left_ms):
    """Devices of a pool that a ceiling leaves for ``left_ms``: the most with L * q' * left * den <= room * num."""
    others = max(v.whole - v.held, 0)
    room = balance + v.p * (others if v.of == 0 else v.whole) * left_ms
    each = (v.q - v.p if v.of == 0 else v.q) * left_ms * m.den
    if room <= 0 or each <= 0:
        return 0 if each > 0 else NEVER
    limit = int(room / each * m.num)
    while not exceeds(each, limit + 1, room, m.num):
        limit += 1
    while limit > 0 and exceeds(each, limit, room, m.num):
        limit -= 1
    return limit


@kernel
def move_floors(s, pool):
    """Find the floors of a pool anew, for the reference tree and, where it is another one, for the tree that executes."""
    g = s.glob[0]
    p = s.pools[pool]
    if lift_tree(s, pool, s.refs, 0, p.ref_root, p.n_refs, 0, g.same_tree):
        settle_all(s, s.refs, p.ref_root, p.n_refs, True)
    moved = False
    if g.same_tree:
        moved = write_rows(s, pool, 0)
    elif g.n_promises > g.n_acting:
        if lift_tree(s, pool, s.shares, g.n_refs, p.root, p.n_rows, 1, 1):
            settle_all(s, s.shares, p.root, p.n_rows, False)
        moved = write_rows(s, pool, g.n_refs)
    if moved:
        watch_all(s, pool)
        p.dirty = 1


@kernel
def lift_tree(s, pool, shares, at, root, count, foreign, limits):
    """Effective and rounded floors of a tree of ``count`` rows (PACING 1); whether a floor or a limit changed."""
    for v in range(root, root + count):
        x = s.lifts[at + v]
        x.asked, x.granted, x.full = 0, 0, 0
    first_part(s, pool, at, foreign)
    while True:  # by descending P / (phi C): first the rounded floors of what is never cut, then what is above
        i = next_member(s, pool, foreign, 0)
        if i < 0:
            break
        s.members[i].done = 1
        grant(s, shares, at, root, count, i, pool)
    while True:
        i = next_member(s, pool, foreign, 1)
        if i < 0:
            break
        s.members[i].done = 2
        raise_premium(s, shares, at, root, count, i, pool)
        grant(s, shares, at, root, count, i, pool)
    needed(s, shares, at, root, count)
    changed = False
    for v in range(root + 1, root + count):
        x, y = s.lifts[at + v], shares[v]
        floor = max(x.still, x.floor) if x.on_path else x.still
        changed = changed or y.floor != floor
        y.floor = floor
    if limits:
        changed = limit_tree(s, pool, shares, foreign) or changed
    return changed


@inlined
def first_part(s, pool, at, foreign):
    """Let every promise ask for what is never cut: its pace up to the static floor or its level."""
    for k in range(s.glob[0].n_promises):
        v = s.promises[k]
        if v.kind == AT_LEAST and v.foreign == foreign:
            for i in range(v.member, v.member + v.members):
                m = s.members[i]
                if m.pool == pool:
                    m.done = 0
                    x = s.lifts[at + m.row]
                    x.asked = max(x.asked, min(m.pace, max(x.still, m.level)))
                    x.full = max(x.full, m.full)


@kernel
def next_member(s, pool, foreign, done):
    """The promise's pool record that is next in order of pace by share, of those at stage ``done``; -1 if none."""
    best = -1
    for k in range(s.glob[0].n_promises):
        v = s.promises[k]
        if v.kind == AT_LEAST and v.foreign == foreign:
            for i in range(v.member, v.member + v.members):
                m = s.members[i]
                if m.pool == pool and m.done == done and (best < 0 or further_behind(s, i, best)):
                    best = i
    return best


@inlined
def further_behind(s, i, j):
    """Whether pool record i has the larger P / phi; ties by row."""
    a, b = s.members[i], s.members[j]
    v, w = s.promises[a.promise], s.promises[b.promise]
    if exceeds(a.pace * v.q, w.p, b.pace * w.q, v.p):
        return True
    if exceeds(b.pace * w.q, v.p, a.pace * v.q, w.p):
        return False
    return a.row < b.row


@kernel
def needed(s, shares, at, root, count):
    """What all rows need together, with what is asked and granted; leaves ``floor`` and ``rounded`` of every row."""
    for v in range(root, root + count):
        x = s.lifts[at + v]
        x.below, x.below_rounded = 0, 0
    for v in range(root + count - 1, root, -1):
        x, y = s.lifts[at + v], shares[v]
        x.floor = min(max(x.still, x.asked, x.below), y.demand, y.limit)
        x.rounded = max(min(x.granted, y.limit), x.floor, x.below_rounded)
        up = s.lifts[at + y.parent]
        up.below += x.floor
        up.below_rounded += x.rounded
    return s.lifts[at + root].below_rounded


@inlined
def rounded_floor(floor, largest):
    """The most that a team can hold which starts whole gangs of up to ``largest`` while it holds less than its floor."""
    return floor - 1 + largest if floor > 0 else 0


@kernel
def grant(s, shares, at, root, count, i, pool):
    """Grant the rounded floor of what is asked for a row, as far as there is room."""
    m = s.members[i]
    x = s.lifts[at + m.row]
    capacity = s.pools[pool].capacity
    before = x.granted
    needed(s, shares, at, root, count)
    low, high = x.floor, max(rounded_floor(x.floor, s.promises[m.promise].largest), x.floor)
    x.granted = max(before, high)
    if needed(s, shares, at, root, count) <= capacity:
        return
    while low + 1 < high:
        middle = (low + high) // 2
        x.granted = max(before, middle)
        if needed(s, shares, at, root, count) <= capacity:
            low = middle
        else:
            high = middle
    x.granted = max(before, low)


@kernel
def raise_premium(s, shares, at, root, count, i, pool):
    """Let a promise ask for its whole pace, as far as others keep their floors and what they were granted."""
    m = s.members[i]
    x = s.lifts[at + m.row]
    capacity = s.pools[pool].capacity
    low, high = x.asked, max(x.asked, m.pace)
    x.asked = high
    if low == high or needed(s, shares, at, root, count) <= capacity:
        return
    while low + 1 < high:
        middle = (low + high) // 2
        x.asked = middle
        if needed(s, shares, at, root, count) <= capacity:
            low = middle
        else:
            high = middle
    x.asked = low


@kernel
def limit_tree(s, pool, shares, foreign):
    """Write the limits that ceilings leave, never under the floor; whether one changed."""
    changed = False
    for k in range(s.glob[0].n_promises):
        v = s.promises[k]
        if v.kind != AT_LEAST and v.foreign == foreign and v.acting:
            for i in range(v.member, v.member + v.members):
                m = s.members[i]
                if m.pool == pool:
                    y = shares[m.row]
                    limit = max(y.floor, min(m.limit, s.rows[m.row].still_limit))
                    changed = changed or y.limit != limit
                    y.limit = limit
                    s.rows[m.row].limit = limit
    return changed


@kernel
def write_rows(s, pool, at):
    """Let the rows of the executing tree have the floors that were found; whether one changed."""
    p = s.pools[pool]
    moved = False
    for v in range(p.root + 1, p.root + p.n_rows):
        t, x = s.rows[v], s.lifts[at + v]
        floor = max(x.still, x.floor) if x.on_path else x.still
        rounded = max(floor, x.rounded) if x.on_path else floor
        full = s.lifts[at + v].full
        if t.floor != floor or t.rounded != rounded or t.full != full:
            t.floor, t.rounded, t.full = floor, rounded, full
            t.reserve = max(t.still_reserve, rounded) if full else t.still_reserve
            t.tried_entered, t.tried_freed, t.tried_ends = -1, -1, -1
            moved = True
    return moved


@apart
def foresee(s):
    """Set when a promise that acts would next ask for more though nothing else happens."""
    g = s.glob[0]
    g.wake_ms = NEVER
    for k in range(g.n_promises):
        v = s.promises[k]
        if v.acting == 0 or v.kind != AT_LEAST:
            continue
        for e in range(v.span, v.span + v.spans):
            w = s.spans[e]
            if w.to_ms < NEVER and w.to_ms - v.margin_ms > g.now:
                for i in range(v.member, v.member + v.members):
                    if s.rows[s.members[i].row].waiting > 0:
                        g.wake_ms = min(g.wake_ms, w.to_ms - v.margin_ms)
                        wake_for(s, v, w, s.members[i])


@inlined
def wake_for(s, v, w, m):
    """When the pace in a pool first exceeds what its row holds and claims (and the pace of now)."""
    g = s.glob[0]
    t = s.rows[m.row]
    theta = max(t.alloc + t.claimed - t.warned, m.pace)
    if theta >= m.most:
        return
    full = v.q * theta * m.den
    short = full * (w.to_ms - g.now - v.margin_ms) - outstanding(s, v, w) * m.num
    rate = (v.p * (v.whole - v.capacity) if v.of == 0 else 0) - v.q * v.held
    gain = full + rate * m.num
    if gain > 0 and short >= 0:
        g.wake_ms = min(g.wake_ms, g.now + short // gain + 1)
