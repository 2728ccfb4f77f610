"""Floors and limits that promises move (PACING 1): effective floors, rounded floors, what is kept, ceilings.

`move_floors` is the main path. Where the paces of all promises fit a pool beside everybody's floors (`roomy`), each moved floor is
written by itself; otherwise all are found anew, in order of need, for they take room from each other.
"""

from equipoise.policy.kernel.capacity import watch_all
from equipoise.policy.kernel.entitlement import ANEW, STAY, settle_all, settle_below
from equipoise.policy.kernel.jit import apart, inlined, kernel
from equipoise.policy.kernel.layout import AT_LEAST, NEVER
from equipoise.policy.kernel.running import pool_accrue, watch_hunger, watch_path
from equipoise.policy.kernel.wide import exceeds


@kernel
def move_floors(s, pool):
    """Let the floors and limits of a pool follow what its promises ask for."""
    g = s.glob[0]
    p = s.pools[pool]
    if p.roomy == 0:
        find_floors(s, pool)
        return
    for k in range(g.n_promises):
        v = s.promises[k]
        for i in range(v.member, v.member + v.members):
            m = s.members[i]
            if m.pool == pool and m.moved:
                m.moved = 0
                if v.kind == AT_LEAST:
                    lift_row(s, v, m)
                elif v.acting:
                    find_floors(s, pool)
                    return


@kernel
def lift_row(s, v, m):
    """Write the floor that the promises of a row ask for, to the tree of shares and, if it executes, to its rows."""
    g = s.glob[0]
    at = g.n_refs if v.foreign else 0
    shares = s.shares if v.foreign else s.refs
    row, full, asked, kept, largest = m.row, 0, 0, 0, 1
    for k in range(g.n_promises):  # a team may have several promises, some of a charter that is not in force
        u = s.promises[k]
        if u.kind == AT_LEAST and u.foreign == v.foreign:
            for i in range(u.member, u.member + u.members):
                if s.members[i].row == row:
                    asked = max(asked, s.members[i].wanted)
                    full = max(full, s.members[i].full)
                    if u.live:
                        largest = max(largest, u.largest)
                    if s.members[i].full:
                        kept = max(kept, s.members[i].wanted)
    s.lifts[at + row].asked = asked
    acts = v.acting
    rounded = rounded_floor(asked, largest)
    kept = rounded_floor(kept, largest)  # of demand below the pace too: a larger gang may come next
    flipped = acts and s.rows[row].full != full
    top = raise_path(s, shares, at, row, rounded, full, kept, acts)
    if top >= 0:
        shares[top].stacked = STAY
        settle_below(s, shares, top, ANEW, v.foreign == 0)
    if acts:
        watch_path(s, row)
    if flipped:
        watch_all(s, s.rows[row].pool)
    if top >= 0 and acts:
        p = s.pools[s.rows[row].pool]
        pool_accrue(s, p)
        p.dirty = 1


@kernel
def raise_path(s, shares, at, row, rounded, full, kept, acts):
    """Write a row's floor and let those above follow; the last row whose children's floors changed, or -1. Inner ones are marked."""
    i, top = row, -1
    while shares[i].parent >= 0:
        x, y = s.lifts[at + i], shares[i]
        floor = min(max(x.still, x.asked, x.below), y.limit)
        rounded = max(rounded if i == row else floor, x.below_rounded)
        if i != row:
            full = s.rows[i].full if acts else 0
        by, by_rounded = floor - y.floor, max(rounded, floor) - x.rounded
        reserve = 0
        if acts:  # what a row above keeps is a matter of its own promises
            reserve = max(s.rows[i].still_reserve, kept) if i == row else s.rows[i].reserve
        changed = by != 0 or by_rounded != 0 or (acts and (s.rows[i].full != full or s.rows[i].reserve != reserve))
        if not changed:
            return top
        up = s.lifts[at + y.parent]
        up.below += by
        up.below_rounded += by_rounded
        x.rounded += by_rounded
        if by != 0:
            y.floor = floor
            top = y.parent
            if shares[top].parent >= 0:
                shares[top].stacked = ANEW
        if acts:
            t = s.rows[i]
            t.floor, t.rounded, t.full = floor, x.rounded, full
            t.reserve = reserve
            t.tried_entered, t.tried_freed, t.tried_ends = -1, -1, -1
            watch_hunger(s, i)
        i = y.parent
    return top


@apart
def find_floors(s, pool):
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
        pool_accrue(s, p)
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
        if v.kind == AT_LEAST and v.foreign == foreign and v.live:
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
                    limit = max(y.floor, min(lowest_ceiling(s, m.row, foreign), s.rows[m.row].still_limit))
                    changed = changed or y.limit != limit
                    if limit > y.limit:
                        let_more_in(s, m.row)
                    y.limit = limit
                    s.rows[m.row].limit = limit
    return changed


@kernel
def let_more_in(s, row):
    """A limit rises: who waited for it, and what was tried in vain, is looked at in a whole pass, before who has just come."""
    t = s.rows[row]
    t.tried_entered, t.tried_freed, t.tried_ends = -1, -1, -1
    p = s.pools[t.pool]
    pool_accrue(s, p)
    p.dirty = 1


@inlined
def lowest_ceiling(s, row, foreign):
    """The lowest limit that a ceiling leaves row ``row``: a team may have several, and after an amendment two of one name."""
    limit = NEVER
    for k in range(s.glob[0].n_promises):
        v = s.promises[k]
        if v.kind != AT_LEAST and v.foreign == foreign and v.acting:
            for i in range(v.member, v.member + v.members):
                if s.members[i].row == row:
                    limit = min(limit, s.members[i].limit)
    return limit


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
        reserve = max(t.still_reserve, x.rounded) if full else t.still_reserve
        if t.floor != floor or t.rounded != rounded or t.full != full or t.reserve != reserve:
            t.floor, t.rounded, t.full = floor, rounded, full
            t.reserve = reserve
            t.tried_entered, t.tried_freed, t.tried_ends = -1, -1, -1
            moved = True
    return moved
