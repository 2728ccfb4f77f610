"""What each team is due now (FAIRNESS 2), kept up to date by changes, and the account that rests on it.

A node with A units gives each child low = min(floor, ask), then divides the rest by weight (Webster, capped at ask - low). A change
of one leaf's demand walks up while asks change, and comes down only into subtrees whose share changes. The same functions serve the
reference tree (which is accounted) and the executing tree (which is not, unless it is the same).
"""

from equipoise.policy.kernel.jit import inlined, kernel
from equipoise.policy.kernel.layout import NEVER, UNKNOWN
from equipoise.policy.kernel.promises import enter_budget
from equipoise.policy.kernel.webster import BY_FLOOR, BY_WEIGHT, fill, fill_by_weight, first_to_gain, first_to_lose

LARGE_SHIFT = 4  # a larger difference is divided anew
# How a node follows a change: anew; only the ask of a child that has its cap changed; it stays, but a child must follow; only what it is
# due changed.
STAY, ANEW, SHIFT, PASS, DUE = 0, 1, 2, 3, 4


@inlined
def charge_waiting(s, x, amount):
    """Charge denied GPU-time to the waiting jobs of a leaf, first in first out, at most what their work still needs."""
    left = amount
    while left > 0 and x.charge_head >= 0:
        j = x.charge_head
        job = s.jobs[j]
        need = NEVER
        if job.duration_ms < NEVER:
            need = job.gang * (job.duration_ms - job.done_ms) - job.charged
            if job.duration_ms >= UNKNOWN:
                need = job.gang * job.estimate_ms - job.charged
        if need > left:
            job.charged += left
            left = 0
        else:
            job.charged += need
            left -= need
            unlist_charge(s, j)
    return amount - left


@inlined
def accrue(s, i):
    """Bring the account of reference row i up to now."""
    x = s.refs[i]
    now = s.glob[0].now
    dt = now - x.last_ms
    if dt > 0:
        x.last_ms = now
        due = min(x.due, x.demand)
        x.acc_held += x.held * dt
        x.acc_entitled += due * dt
        if due > x.held:
            short = (due - x.held) * dt
            if x.n == 0:
                short = charge_waiting(s, x, short)
            x.acc_denied += short


@inlined
def list_charge(s, j):
    """Enter a job that begins to wait at the end of its leaf's list of charges."""
    job = s.jobs[j]
    x = s.refs[job.ref]
    job.listed = 1
    job.charge_next = -1
    job.charge_prev = x.charge_tail
    if x.charge_tail < 0:
        x.charge_head = j
    else:
        s.jobs[x.charge_tail].charge_next = j
    x.charge_tail = j
    if s.glob[0].n_promises > 0:
        enter_budget(s, j)


@inlined
def unlist_charge(s, j):
    """Take a job that no longer waits, or whose need is used up, out of its leaf's list of charges."""
    job = s.jobs[j]
    if job.listed:
        x = s.refs[job.ref]
        job.listed = 0
        if job.charge_prev >= 0:
            s.jobs[job.charge_prev].charge_next = job.charge_next
        else:
            x.charge_head = job.charge_next
        if job.charge_next >= 0:
            s.jobs[job.charge_next].charge_prev = job.charge_prev
        else:
            x.charge_tail = job.charge_prev


@inlined
def held_changes(s, i, by):
    """Reference row i and all above hold ``by`` more."""
    while i >= 0:
        accrue(s, i)
        s.refs[i].held += by
        i = s.refs[i].parent


@inlined
def contended(t):
    """Whether the children of node record t share by weight what is less than they ask for."""
    return t.weights > 0 and t.sum_ask > t.due


@kernel
def level_moves(s, shares, v, delta):
    """Give those below their caps ``delta`` units more (or less) to share; whether the same children have their caps as before."""
    t = shares[v]
    rest, weights = t.rest + delta, t.weights
    if rest < 0:
        return False
    for c in range(t.first, t.first + t.n):
        x = shares[c]
        if x.weight > 0 and ((x.ask - x.low) * weights <= x.weight * rest) != (x.full > 0):
            return False
    level_now(s, shares, v)
    t.rest = rest
    return True


@kernel
def amount_moved(s, shares, v, delta, account):
    """Divide v's share again, of which only the amount changed, by ``delta``: unit by unit, for Webster's method is monotone.

    Whether that was possible: not if the difference is large, or a child reaches or leaves its cap.
    """
    if not contended(shares[v]) or abs(delta) > LARGE_SHIFT or not level_moves(s, shares, v, delta):
        return False
    hand_units(s, shares, v, delta, account)
    return True


@kernel
def ask_moved(s, shares, v, child, old, account):
    """The same where only the ask of a child that has its cap changed, from ``old``."""
    t = shares[v]
    x = shares[child]
    had = x.low + x.extra
    if not contended(t) or x.full == 0 or x.weight == 0 or abs(had - x.ask) > LARGE_SHIFT:
        return False
    x.low = min(x.floor, x.ask)
    x.extra = x.ask - x.low
    if not level_moves(s, shares, v, old - x.ask):
        return False
    take_due(s, shares, child, x.ask - had, account)
    hand_units(s, shares, v, had - x.ask, account)
    return True


@inlined
def hand_units(s, shares, v, units, account):
    """Give ``units`` more (negative: take them) to the children of v, each to whoever gains (loses) first."""
    while units > 0:
        c = first_to_gain(shares, v, BY_WEIGHT)
        shares[c].extra += 1
        take_due(s, shares, c, 1, account)
        units -= 1
    while units < 0:
        c = first_to_lose(shares, v, BY_WEIGHT)
        shares[c].extra -= 1
        take_due(s, shares, c, -1, account)
        units += 1


@kernel
def take_due(s, shares, c, delta, account):
    """Node c is due ``delta`` more from now on; push it if something below it must follow."""
    x = shares[c]
    follow = x.stacked
    x.stacked = STAY
    if delta != 0:
        if account:
            accrue(s, c)
        if x.n > 0:
            level_now(s, shares, c)
            follow = ANEW if follow == ANEW or follow == SHIFT else DUE
        x.due += delta
        x.delta += delta
    if follow != STAY and x.n > 0:
        if x.queued == STAY:
            x.queued = ANEW if follow == SHIFT else follow
            s.scratch2[0] += 1
            s.scratch2[s.scratch2[0]] = c
        elif x.queued != DUE or follow != DUE:
            x.queued = ANEW


@inlined
def level_now(s, shares, v):
    """Integrate the water level of node v (units per weight, exact in a flat pool) up to now; turns rest on it."""
    t = shares[v]
    dt = s.glob[0].now - t.level_ms
    if dt > 0:
        if t.weights > 0:
            t.acc_level += t.rest * dt / t.weights
        else:
            t.acc_level += t.due * dt
        t.level_ms += dt


@kernel
def divide(s, shares, v):
    """Divide what v is due among its children: sets their ``low`` and ``extra``."""
    t = shares[v]
    first, end = t.first, t.first + t.n
    sum_low = 0
    for c in range(first, end):
        x = shares[c]
        x.low = min(x.floor, x.ask)
        sum_low += x.low
    level_now(s, shares, v)
    t.weights = 0
    t.open = t.sum_ask <= t.due
    if t.open:
        for c in range(first, end):
            shares[c].extra = shares[c].ask - shares[c].low
    elif sum_low <= t.due:
        fill_by_weight(shares, v, t.due - sum_low)
    else:
        for c in range(first, end):
            shares[c].extra = 0
        fill(shares, v, t.due, BY_FLOOR)
        t.weights = 0
        for c in range(first, end):
            shares[c].low, shares[c].extra = shares[c].extra, 0


@kernel
def hand_down(s, shares, v, way, account):
    """Divide v's share again as ``way`` says, and push the inner children that must follow; ``scratch2`` is the stack."""
    t = shares[v]
    delta = t.delta
    t.delta = 0
    if way == DUE and amount_moved(s, shares, v, delta, account):
        return
    if way != PASS:
        divide(s, shares, v)
    for c in range(t.first, t.first + t.n):
        x = shares[c]
        if x.low + x.extra != x.due or x.stacked != STAY:
            take_due(s, shares, c, x.low + x.extra - x.due, account)


@kernel
def settle_below(s, shares, v, way, account):
    """Divide v's share again, and that of every node below whose share or asks changed."""
    s.scratch2[0] = 0
    hand_down(s, shares, v, way, account)
    follow_all(s, shares, account)


@kernel
def follow_all(s, shares, account):
    """Let everything on the stack follow."""
    while s.scratch2[0] > 0:
        c = s.scratch2[s.scratch2[0]]
        s.scratch2[0] -= 1
        way = shares[c].queued
        shares[c].queued = STAY
        hand_down(s, shares, c, way, account)


@kernel
def child_asks(s, shares, v, child, old, way, account):
    """Let v follow its child on the path, whose ask was ``old``."""
    s.scratch2[0] = 0
    if way == SHIFT and ask_moved(s, shares, v, child, old, account):
        follow_all(s, shares, account)
    else:
        settle_below(s, shares, v, PASS if way == PASS else ANEW, account)


@kernel
def demand_changes(s, shares, leaf, by, account):
    """The waiting and running work of a leaf changed by ``by`` accelerators."""
    i = leaf
    while i >= 0:
        if account:
            accrue(s, i)
        shares[i].demand += by
        i = shares[i].parent
    i, below, below_old = leaf, -1, 0
    total = shares[leaf].demand
    while True:  # upwards, while asks change; untouched nodes keep their share
        x = shares[i]
        ask = max(min(x.limit, total), x.reserve)
        old = x.ask
        if ask == old:
            break
        x.ask = ask
        up = x.parent
        if up < 0:
            break
        t = shares[up]
        t.sum_ask += ask - old
        total = t.sum_ask
        way = STAY if unbound(t, x, old) else SHIFT if x.full and x.weight > 0 else ANEW
        if max(min(t.limit, total), t.reserve) == t.ask or t.parent < 0:
            t.ask = max(min(t.limit, total), t.reserve)
            if t.open and total <= t.due:
                follow_asks(s, shares, up, leaf, account)
            elif way != STAY:
                child_asks(s, shares, up, i, old, way, account)
            elif x.stacked != STAY:
                way, x.stacked = x.stacked, STAY
                child_asks(s, shares, i, below, below_old, way, account)
            return
        t.stacked = PASS if way == STAY and x.stacked != STAY else way
        i, below, below_old = up, i, old


@kernel
def follow_asks(s, shares, top, leaf, account):
    """Nobody below ``top`` is short: on the way down to ``leaf`` everybody still gets what it asks for (already accrued)."""
    i = leaf
    while i != top:  # from the leaf upwards: nodes that are open with the new asks take them; the others divide again
        x = shares[i]
        x.stacked = 0
        if x.n > 0:
            level_now(s, shares, i)
        x.low = min(x.floor, x.ask)
        x.extra = x.ask - x.low
        x.due = x.ask
        i = x.parent
    i = leaf
    while i != top:
        x = shares[i]
        if x.n > 0 and not (x.open and x.sum_ask <= x.due):
            settle_below(s, shares, i, ANEW, account)
        i = x.parent


@inlined
def unbound(t, x, old):
    """Whether changing the ask of child x from ``old`` leaves every share below t as it is."""
    if t.weights <= 0 or t.sum_ask <= t.due:
        return False
    low = min(x.floor, x.ask)
    if low != x.low:
        return False
    before, after = old - low, x.ask - low
    if x.extra >= before or x.extra > after:
        return False
    bound = x.weight * t.rest
    return before * t.weights > bound and after * t.weights > bound


@kernel
def settle_all(s, shares, root, count, account):
    """Recompute asks and shares of a pool's whole tree of ``count`` rows (capacity, floors or limits changed)."""
    mark_asks(shares, root, count)
    top = 1
    s.scratch2[1] = root
    while top > 0:  # children after parents: account, then let every inner node follow
        v = s.scratch2[top]
        top -= 1
        if account:
            accrue(s, v)
        t = shares[v]
        for c in range(t.first, t.first + t.n):
            shares[c].stacked = 1
            top += 1
            s.scratch2[top] = c
    settle_below(s, shares, root, ANEW, account)


@kernel
def mark_asks(shares, root, count):
    """Asks bottom-up: rows of a pool lie parents before children, ``root`` first."""
    for v in range(root + count - 1, root - 1, -1):
        x = shares[v]
        total = x.demand
        if x.n > 0:
            total = 0
            for c in range(x.first, x.first + x.n):
                total += shares[c].ask
            x.sum_ask = total
        x.ask = max(min(x.limit, total), x.reserve)
