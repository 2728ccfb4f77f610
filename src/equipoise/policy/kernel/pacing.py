"""Pacing (PACING 1, 5, 6): how many devices a promise over time asks for now.

`pace_all` is the main path, once an instant before the passes: what every promise asks for in each of its pools, then (`lifting`) the
floors and limits of the pools in which that changed.

What is outstanding never rises by itself: the denominator grows by the capacity at most. So a pace that was found to be enough stays
enough until `safe_ms`, however little is delivered meanwhile; only the window that asked for most is looked at before that.
"""

from equipoise.policy.kernel.jit import inlined, kernel
from equipoise.policy.kernel.layout import AT_LEAST, BY_DELIVERED, BY_RECORD, NEVER
from equipoise.policy.kernel.lifting import move_floors
from equipoise.policy.kernel.promises import balance_now, bring_up
from equipoise.policy.kernel.wide import exceeds


@kernel
def pace_all(s):
    """Let every promise ask for what it needs now, and move floors and limits where that changed."""
    g = s.glob[0]
    for k in range(g.n_promises):
        v = s.promises[k]
        if v.kind == AT_LEAST:
            if g.now >= v.steady_ms or v.members > 1 or demand_of(s, v, s.members[v.member]) != v.demand:
                ask(s, v)  # else it asks for what it asked for last
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
    return balance_now(s, v) - w.balance + w.make_good + rate * (w.to_ms - s.glob[0].now)


@kernel
def ask(s, v):
    """Let promise v ask for its pace in each of its pools: the most that one of its open windows needs."""
    if s.glob[0].now >= v.steady_ms:
        if not still_right(s, v):
            find_pace(s, v)
        v.steady_ms = steady_until(s, v)
    v.demand = demand_of(s, v, s.members[v.member])
    s.glob[0].unforeseen = 1
    for i in range(v.member, v.member + v.members):
        m = s.members[i]
        full = 1 if m.fits and m.level > 0 and m.pace >= m.level else 0
        wanted = m.pace
        # A floor above the demand is as good as one at it, but where devices are kept or rows above are lifted.
        if full or m.top == 0:
            wanted = min(wanted, demand_of(s, v, m))
        if full == 0:  # what is kept follows the demand below the static floor too
            wanted = max(wanted, m.still)
        if wanted != m.wanted or full != m.full:
            m.wanted, m.full, m.moved = wanted, full, 1
            s.pools[m.pool].repace = 1


@inlined
def still_right(s, v):
    """Whether the window that asked for most still asks for the same, and no other can ask for more."""
    now = s.glob[0].now
    if now >= v.safe_ms or v.peak < 0:
        return False
    m, w = s.members[v.member], s.spans[v.peak]
    x, run_ms = outstanding(s, v, w), w.to_ms - now - v.margin_ms
    if run_ms <= 0 or x <= 0:
        return False
    each = v.q * run_ms * m.den
    most = m.pace == m.most or not exceeds(x, m.num, each, m.pace)
    return most and (m.pace == 0 or exceeds(x, m.num, each, m.pace - 1))


@kernel
def steady_until(s, v):
    """Until when the pace stays what it is, as long as the promise holds what it holds now (rather too early)."""
    now = s.glob[0].now
    if v.members > 1 or now >= v.safe_ms:
        return now
    m = s.members[v.member]
    if v.peak < 0:
        return v.safe_ms if m.pace == 0 else now
    w = s.spans[v.peak]
    x, run_ms = float(outstanding(s, v, w)), float(w.to_ms - now - v.margin_ms)
    if run_ms <= 0.0 or x <= 0.0:
        return now
    forecast = float(v.p * (v.whole if v.of == BY_RECORD else v.capacity))
    high = low = float(v.rise) - forecast  # by what x changes a millisecond
    if v.of == BY_DELIVERED:  # all together may hold anything
        high = -float(v.q * v.held)
        low = high - forecast
    each = float(v.q) * float(m.den)
    ms = run_ms
    if low < 0.0:
        ms = min(ms, x / -low)
    enough = float(m.pace) * each
    falling = enough + high * m.num  # how fast what is enough nears x
    if m.pace < m.most and falling > 0.0:
        ms = min(ms, (enough * run_ms - x * m.num) / falling)
    less = enough - each
    rising = -(low * m.num + less)  # how fast x nears what one device less is enough for
    if m.pace > 0 and rising > 0.0:
        ms = min(ms, (x * m.num - less * run_ms) / rising)
    return min(now + int(max(ms, 0.0) * 0.999), v.safe_ms)


@kernel
def find_pace(s, v):
    """Look at every open window of promise v, and note until when no window can ask for more."""
    now = s.glob[0].now
    v.peak, v.safe_ms = -1, NEVER
    for i in range(v.member, v.member + v.members):
        s.members[i].next_pace = 0
    for e in range(v.span, v.span + v.spans):
        w = s.spans[e]
        if w.to_ms < NEVER and w.to_ms > now:
            x, run_ms = outstanding(s, v, w), w.to_ms - now - v.margin_ms
            if v.members > 1 and x > 0 and run_ms > 0:
                share_out(s, v, x, run_ms)
            else:
                for i in range(v.member, v.member + v.members):
                    m = s.members[i]
                    pace = pace_for(v, x, run_ms, m.num, m.den, m.most)
                    if pace > m.next_pace:
                        m.next_pace, v.peak = pace, e
    total = 0
    for i in range(v.member, v.member + v.members):
        m = s.members[i]
        m.pace = m.next_pace
        total += m.weight * m.pace
    if total != v.pace:
        bring_up(s, v)
        v.pace = total
    if v.members > 1:  # a share of a pool also follows its demand
        v.peak = -1
        return
    for e in range(v.span, v.span + v.spans):
        if s.spans[e].to_ms < NEVER and s.spans[e].to_ms > now:
            v.safe_ms = min(v.safe_ms, enough_until(s, v, s.spans[e], s.members[v.member]))


@inlined
def enough_until(s, v, w, m):
    """Until when the pace of now is enough for window w whatever is delivered: x <= P * q * run."""
    x = outstanding(s, v, w)
    if x <= 0:
        return NEVER
    last_ms = w.to_ms - v.margin_ms
    if m.pace == 0 or s.glob[0].now >= last_ms:
        return s.glob[0].now if m.pace < m.most else NEVER
    if m.pace == m.most:
        return NEVER
    return last_ms - x * m.num // (m.pace * v.q * m.den)


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
        enough = max(demand_of(s, v, m), m.share)  # what lets all have that binds nobody, and no floor below it
        for e in range(v.span, v.span + v.spans):
            w = s.spans[e]
            left_ms = w.to_ms - now
            if w.to_ms < NEVER and left_ms > 0:
                limit = min(limit, ceiling_of(m, v, balance_now(s, v) - w.balance, left_ms, enough))
        limit = min(limit, m.still_limit)
        if limit != m.limit:
            m.limit, m.moved = limit, 1
            s.pools[m.pool].repace = 1


@inlined
def ceiling_of(m, v, balance, left_ms, enough):
    """Devices of a pool that a ceiling leaves for ``left_ms``: the most with L * q' * left * den <= room * num (NEVER: ``enough``)."""
    others = max(v.whole - v.held, 0)
    room = balance + v.p * (others if v.of == BY_DELIVERED else v.whole) * left_ms
    each = (v.q - v.p if v.of == BY_DELIVERED else v.q) * left_ms * m.den
    if room <= 0 or each <= 0:
        return 0 if each > 0 else NEVER
    if not exceeds(each, enough, room, m.num):
        return NEVER
    limit = int(room / each * m.num)
    while not exceeds(each, limit + 1, room, m.num):
        limit += 1
    while limit > 0 and exceeds(each, limit, room, m.num):
        limit -= 1
    return limit


@kernel
def foresee(s):
    """Set when a promise that acts may next ask for more though nothing else happens: never too late, sometimes too early.

    That changes only where a promise asked anew, or holds or asks for something else (``unforeseen``).
    """
    g = s.glob[0]
    g.wake_ms = NEVER
    for k in range(g.n_promises):
        v = s.promises[k]
        if v.acting and v.kind == AT_LEAST and works_wait(s, v):
            if v.members == 1:
                if v.safe_ms > g.now:
                    g.wake_ms = min(g.wake_ms, v.safe_ms)
            else:
                for e in range(v.span, v.span + v.spans):
                    w = s.spans[e]
                    if w.to_ms < NEVER and w.to_ms - v.margin_ms > g.now:
                        g.wake_ms = min(g.wake_ms, together_until(s, v, w))


@inlined
def together_until(s, v, w):
    """Until when the paces of now are enough together for window w, whatever is delivered."""
    x = outstanding(s, v, w)
    last_ms = w.to_ms - v.margin_ms
    if x <= 0 or v.pace == 0:
        return last_ms
    until_ms = last_ms - x // (v.q * v.pace)
    # Where they are not enough, pools ask already for all they have demand for, or may.
    return until_ms if until_ms > s.glob[0].now else last_ms


@inlined
def works_wait(s, v):
    """Whether work waits below the team of promise v, in some pool of it."""
    waiting = 0
    for i in range(v.member, v.member + v.members):
        waiting += s.rows[s.members[i].row].waiting
    return waiting > 0
