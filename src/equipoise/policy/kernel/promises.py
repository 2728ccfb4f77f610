"""The account of promises, exact, from instant to instant (PACING 4; `equipoise.account.stocks` is the same in plain integers).

Between two instants nothing changes, so what a promise is owed, holds and asks for is read once when an instant is over (`observe`).
Where that changed, the time since it last did is added up before (`bring_up`). All amounts are weighted: devices by the integer
weight of their pool, stocks times q, where the promised share is p/q. Whoever builds the state checks that they stay below 2^62.
"""

from equipoise.policy.kernel.jit import apart, inlined, kernel
from equipoise.policy.kernel.layout import (
    AT_LEAST,
    BY_CAPACITY,
    BY_DELIVERED,
    BY_RECORD,
    CONFIRM,
    NEVER,
    NO_SUCH_PROMISE,
    UNKNOWN,
)

SETTLE_MS = 60_000  # how often the waiting jobs are charged with what was denied


@kernel
def integrate(s):
    """Bring every promise up to now, from which nothing has happened yet."""
    charge_denied(s)
    for k in range(s.glob[0].n_promises):
        bring_up(s, s.promises[k])


@kernel
def bring_up(s, v):
    """Bring promise v up to now, with the rates that were observed last."""
    ms = s.glob[0].now - v.last_ms
    if ms > 0:
        v.last_ms = s.glob[0].now
        grow(s, v, ms)


@inlined
def balance_now(s, v):
    """What the balance of promise v is now, which it need not have been brought up to."""
    return v.balance + v.rise * (s.glob[0].now - v.last_ms)


@kernel
def charge_denied(s):
    """If nothing happened for long, charge work that was denied as often as if something had."""
    for k in range(s.glob[0].n_promises):
        v = s.promises[k]
        if v.settled_ms + SETTLE_MS < s.glob[0].now and v.head >= 0 and shortfall(v) > 0:
            charge_between(s, k)


@apart
def charge_between(s, k):
    """Charge the waiting work of promise k from when it last was up to now, in which nothing else happened."""
    g = s.glob[0]
    v = s.promises[k]
    now = g.now
    while v.head >= 0 and v.settled_ms + SETTLE_MS < now and shortfall(v) > 0:
        g.now = v.settled_ms + SETTLE_MS
        settle_charges(s, k)
        look(s, v)
    g.now = now


@inlined
def shortfall(v):
    """How much less promise v holds than it asks for and should, times q."""
    return max(0, min(max(v.p * v.whole, v.q * v.pace), v.q * v.asked) - v.q * v.held)


@inlined
def grow(s, v, ms):
    """Let ``ms`` pass for promise record v."""
    owed, held, asked = v.p * v.whole, v.q * v.held, v.q * v.asked
    short = shortfall(v)
    lapsing, rise = max(0, owed - asked), v.rise
    if s.glob[0].now > v.lost_safe_ms and v.kind == AT_LEAST:
        watch_lost(s, v, rise, ms)
    behind_ms = 0
    # Else N stays: all windows are ahead, or it is below the arrears of each.
    if (short > 0 and (v.any or s.glob[0].now > v.calm_ms)) or v.balance + rise * ms < v.binding:
        behind_ms = fold_denied(s, v, rise, short, ms)
    v.owed += owed * ms
    v.delivered += held * ms
    v.gross += max(0, min(owed, asked) - held) * ms
    v.unclaimed += lapsing * ms
    v.surplus += max(0, held - owed) * ms
    v.balance += rise * ms
    v.charge += short * behind_ms


@inlined
def fold_denied(s, v, rise, short, ms):
    """Let N of every open window follow; for how long the earliest of them was behind."""
    furthest = -NEVER
    v.any, v.binding = 0, -NEVER
    for i in range(v.span, v.span + v.spans):
        w = s.spans[i]
        if w.to_ms >= NEVER or w.to_ms <= s.glob[0].now - ms:
            continue
        own = v.balance - w.balance
        w.denied = denied_after(w.denied, own, rise, short, ms)
        if w.make_good > 0:
            w.denied_both = denied_after(w.denied_both, own + w.make_good, rise, short, ms)
        else:
            w.denied_both = w.denied
        furthest = max(furthest, own + w.make_good)
        if w.denied_both > 0:
            v.any = 1
            v.binding = max(v.binding, w.balance + max(w.denied, w.denied_both - w.make_good))
    ahead = -(furthest + rise * ms)
    v.calm_ms = s.glob[0].now + (ahead // max(v.p * max(v.whole, v.capacity), 1) if ahead > 0 else 0)
    return time_behind(furthest, rise, ms)


@kernel
def watch_lost(s, v, rise, ms):
    """Note which windows were lost in the last ``ms``, and until when none can be."""
    v.lost_safe_ms = NEVER
    for i in range(v.span, v.span + v.spans):
        w = s.spans[i]
        if w.to_ms < NEVER and w.to_ms > s.glob[0].now - ms and w.lost_ms < 0:
            short = note_lost(s, v, w, v.balance - w.balance, rise, ms)
            if w.lost_ms < 0:
                v.lost_safe_ms = min(v.lost_safe_ms, s.glob[0].now - ms + short // max(v.q * v.most, 1))


@inlined
def note_lost(s, v, w, own, rise, ms):
    """Note the first instant from which not even the most that pacing may ask for would keep window w, whose balance was ``own``.

    That is x > q * most * L. Over ``ms`` in which nothing changes, x grows by ``rise`` less its forecast, and L falls by 1 a ms.
    """
    left_ms = w.to_ms - s.glob[0].now + ms
    forecast = v.p * (v.whole if v.of == BY_RECORD else v.capacity)
    most = v.q * v.most
    short = most * left_ms - (own + w.make_good + forecast * left_ms)
    if short < 0:
        w.lost_ms = s.glob[0].now - ms
        return short
    gain = most + rise - forecast
    if gain > 0 and short // gain + 1 <= ms:
        w.lost_ms = s.glob[0].now - ms + short // gain + 1
    return short


@inlined
def time_behind(balance, rise, ms):
    """For how many of the next ``ms`` a window is behind; where arrears begin inside, from the first whole millisecond after."""
    if balance >= 0:
        if rise < 0:
            return min(ms, -(balance // rise))
        return ms if balance > 0 or rise > 0 else 0
    if balance + rise * ms <= 0:
        return 0
    return ms + balance // rise


@inlined
def denied_after(denied, balance, rise, short, ms):
    """N after ``ms`` in which the balance rises by ``rise`` a millisecond: never above the arrears."""
    after = balance + rise * ms
    counted = ms
    if balance < 0 < after:
        counted = ms + balance // rise
    return max(0, min(denied + short * counted, after))


@inlined
def begin_window(s, e):
    """Open a window of a promise: event record e names it, its place among the promise's windows, its end, and what it makes good."""
    v = s.promises[e.subject]
    bring_up(s, v)
    w = s.spans[v.span + e.detail]
    w.from_ms, w.to_ms, w.make_good = s.glob[0].now, e.until_ms, e.amount
    w.balance, w.denied, w.lost_ms = v.balance, 0, -1
    w.denied_both = 0
    look_anew(v)


@inlined
def look_anew(v):
    """What was found to hold for a while need not any more."""
    v.binding = NEVER
    v.safe_ms, v.steady_ms, v.calm_ms, v.lost_safe_ms, v.any = 0, 0, 0, 0, 1


@inlined
def window_refused(s, e):
    """Why a window cannot begin (0: it can)."""
    if e.subject < 0 or e.subject >= s.glob[0].n_promises or e.detail < 0 or e.detail >= s.promises[e.subject].spans:
        return NO_SUCH_PROMISE
    return 0 if e.until_ms > s.glob[0].now and e.amount >= 0 else NO_SUCH_PROMISE


@kernel
def book_losses(s):
    """Book the work that was lost since the last time with every promise."""
    s.glob[0].booked_stops = s.glob[0].stops
    for k in range(s.glob[0].n_promises):
        v = s.promises[k]
        lost, lost_by_all = 0, 0
        for i in range(v.member, v.member + v.members):
            m = s.members[i]
            lost += m.weight * (s.shares[m.row].acc_lost if v.foreign else s.refs[m.row].acc_lost)
            lost_by_all += m.weight * s.refs[s.pools[m.pool].ref_root].acc_lost
        if lost != v.lost or lost_by_all != v.lost_by_all:
            lose(s, v, lost - v.lost, lost_by_all - v.lost_by_all)
            v.lost, v.lost_by_all = lost, lost_by_all


@kernel
def observe(s):
    """Read what every promise holds and asks for from now on."""
    if s.glob[0].refused_n < s.glob[0].n_refusals:
        refuse_requests(s)
    if s.glob[0].stops != s.glob[0].booked_stops:
        book_losses(s)
    for k in range(s.glob[0].n_promises):
        settle_charges(s, k)
        look(s, s.promises[k])


@kernel
def look(s, v):
    """Read what promise v holds and asks for; where that is something else than before, bring it up to now first."""
    held, asked, delivered = 0, 0, 0
    for i in range(v.member, v.member + v.members):
        m = s.members[i]
        p = s.pools[m.pool]
        delivered += m.weight * p.held
        if s.glob[0].rules & CONFIRM:  # start-up counts for nobody
            delivered -= m.weight * p.starting
            held -= 0 if v.foreign else m.weight * s.startups[m.row].starting
        if v.foreign:
            held += m.weight * s.rows[m.row].alloc
            asked += m.weight * s.shares[m.row].demand
        else:
            x = s.refs[m.row]
            held += m.weight * x.held
            demand = x.demand - m.spent
            asked += m.weight * (demand if v.members == 1 else min(demand, max(x.held, m.most)))
    asked = max(held, asked) + v.refused
    whole = v.whole
    if v.of == BY_DELIVERED:
        whole = delivered
    elif v.of == BY_CAPACITY:
        whole = v.capacity
    if held != v.held or asked != v.asked or whole != v.whole:
        bring_up(s, v)
        if held != v.held or (v.of != BY_DELIVERED and (whole != v.whole or v.forfeit)):
            v.steady_ms = 0
        if held != v.held or asked != v.asked:
            s.glob[0].unforeseen = 1
        v.held, v.asked, v.whole = held, asked, whole
        owed = v.p * whole
        v.rise = owed - v.q * held - (max(0, owed - v.q * asked) if v.forfeit else 0)


@kernel
def lose(s, v, lost, lost_by_all):
    """Work was lost to reclaim or failure: less was delivered; what the team lost is owed again and was denied."""
    bring_up(s, v)
    look_anew(v)
    owed = -v.p * lost_by_all if v.of == BY_DELIVERED else 0
    held = -v.q * lost
    lapsing = max(0, owed)
    rise = owed - held - (lapsing if v.forfeit else 0)
    for i in range(v.span, v.span + v.spans):
        w = s.spans[i]
        if w.to_ms < NEVER:
            own = v.balance - w.balance
            w.denied = max(0, min(w.denied - held, own + rise))
            w.denied_both = max(0, min(w.denied_both - held, own + w.make_good + rise)) if w.make_good > 0 else w.denied
    v.owed += owed
    v.delivered += held
    v.gross += max(0, min(owed, 0) - held)
    v.unclaimed += lapsing
    v.surplus += max(0, held - owed)
    v.balance += rise


@kernel
def enter_budget(s, j):
    """Job j begins to wait; of every promise of its team it may claim what it still needs, or is declared to need."""
    g = s.glob[0]
    job = s.jobs[j]
    amount = NEVER
    if job.duration_ms < UNKNOWN:
        amount = job.gang * (job.duration_ms - job.done_ms)
    elif j < g.n_arrivals:
        amount = job.gang * job.estimate_ms
    enter_claim(s, j, job.ref, job.gang, amount)


@inlined
def enter_claim(s, j, row, gang, amount):
    """Item j, work of reference row ``row``, may claim ``amount`` of every promise that covers it."""
    g = s.glob[0]
    for c in range(s.covers[row], s.covers[row + 1]):
        k = s.covering[c]
        v = s.promises[k]
        b = s.budgets[k * g.n_budgets + j]
        b.left, b.entered_ms, b.listed, b.gang = amount, g.now, 1, gang
        b.member = member_at(s, v, row)
        if amount == 0:  # it takes no time: an empty budget is no demand
            b.listed = 2
            s.members[b.member].spent += gang
            continue
        b.next, b.prev = -1, v.tail
        if v.tail >= 0:
            s.budgets[k * g.n_budgets + v.tail].next = j
        else:
            v.head = j
        v.tail = j


@inlined
def member_at(s, v, row):
    """The member of promise v whose pool has reference row ``row``, which the promise covers."""
    found = v.member
    for i in range(v.member, v.member + v.members):
        p = s.pools[s.members[i].pool]
        if p.ref_root <= row < p.ref_root + p.n_refs:
            found = i
    return found


@kernel
def leave_budget(s, j):
    """Job j does not wait any more."""
    g = s.glob[0]
    ref = s.jobs[j].ref
    for c in range(s.covers[ref], s.covers[ref + 1]):
        k = s.covering[c]
        b = s.budgets[k * g.n_budgets + j]
        if b.listed == 1:
            unlist_budget(s, k, b)
        elif b.listed == 2:
            s.members[b.member].spent -= b.gang
        b.listed = 0


@inlined
def unlist_budget(s, k, b):
    """Take budget record b of promise k out of the list of what may be charged."""
    n = s.glob[0].n_budgets
    v = s.promises[k]
    if b.prev >= 0:
        s.budgets[k * n + b.prev].next = b.next
    else:
        v.head = b.next
    if b.next >= 0:
        s.budgets[k * n + b.next].prev = b.prev
    else:
        v.tail = b.prev


@kernel
def refuse_requests(s):
    """Requests that were refused up to now are demand from now on, each once, at its amount."""
    g = s.glob[0]
    while g.refused_n < g.n_refusals and s.refusals[g.refused_n].at_ms <= g.now:
        x = s.refusals[g.refused_n]
        j = g.n_jobs + g.refused_n
        g.refused_n += 1
        enter_claim(s, j, x.row, x.gang, x.amount)
        for c in range(s.covers[x.row], s.covers[x.row + 1]):
            v = s.promises[s.covering[c]]
            v.refused += x.gang * s.members[member_at(s, v, x.row)].weight


@kernel
def settle_charges(s, k):
    """Charge the waiting work of promise k, first in first out, with what was denied; an empty budget is no demand any more.

    At most once in `SETTLE_MS`: each item bears at most its gang times the time since it was last charged or began to wait.
    """
    g = s.glob[0]
    v = s.promises[k]
    if g.now - v.settled_ms < SETTLE_MS:
        return
    bring_up(s, v)
    amount = v.charge // v.q
    j = v.head
    while j >= 0 and amount > 0:
        b = s.budgets[k * g.n_budgets + j]
        after = b.next
        least = min(b.left, b.gang * (g.now - max(b.entered_ms, v.settled_ms)))
        if least > 0:
            m = s.members[b.member]
            taken = min(least, -(-amount // m.weight))
            b.left -= taken
            amount -= min(amount, taken * m.weight)
            if b.left == 0:
                unlist_budget(s, k, b)
                b.listed = 2
                if j < g.n_jobs:
                    m.spent += b.gang
                else:
                    v.refused -= b.gang * m.weight
        j = after
    v.charge = 0
    v.settled_ms = g.now


@kernel
def count_start(s, j):
    """Job j begins to wait: promises of starts count it if its team's floor holds all that the team holds and waits for with it."""
    job = s.jobs[j]
    for i in range(s.glob[0].n_starts):
        x = s.starts_rules[i]
        r = job.ref
        while r > x.row:
            r = s.refs[r].parent
        if r == x.row and job.gang <= x.up_to and s.refs[r].demand <= s.lifts[r].still:
            s.counted[j] |= 1 << x.bit
