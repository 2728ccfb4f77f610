"""Slurm's Fair Tree, the default of its multifactor priority: users ranked by a walk through the tree of accounts.

Level fairshare is LF = S / U: S the shares of an account or user among its siblings, U its decayed usage in that of its parent. Siblings
go by LF, highest first; the walk goes down into an account before it goes on. Siblings that tie are one account with all their children;
a user that ties with an account has the rank of the account's first user. Source: https://slurm.schedmd.com/fair_tree.html.

Jobs go by the rank of their user, then by age; the first that does not fit gets the one reservation, and others start around it. Slurm
ranks every PriorityCalcPeriod (five minutes unless set); here users are ranked whenever something may start.
"""

from equipoise.policy.kernel.jit import inlined, kernel
from equipoise.policy.kernel.layout import NEVER
from equipoise.policy.kernel.placement import room_now
from equipoise.policy.kernel.restoring import limit_room
from equipoise.policy.kernel.shadow import launch_beyond, may_ever_fit, reserve, room_beyond
from equipoise.policy.kernel.submission import launch
from equipoise.policy.kernel.waiting import older, oldest_in_queue

UNUSED = 1e300  # level fairshare of whoever has used nothing
BY_DEPTH = 2  # two users differ in nothing but that one of them is deeper in the tree


@kernel
def follow_fair_tree(s, pool):
    """Start jobs by rank of their users while they fit, reserve for the first that does not, and start others around it."""
    p = s.pools[pool]
    if p.pending == 0 or room_now(s, p) == 0:
        return
    rank_users(s, pool)
    most = NEVER  # larger gangs can never fit as things stand: they are passed by
    while True:
        j = next_ranked(s, pool, most, NEVER, NEVER)
        if j < 0:
            return
        gang = s.jobs[j].gang
        if gang <= room_now(s, p):
            launch(s, j, pool, -1, -1)
        elif may_ever_fit(s, pool, j):
            break
        else:
            most = gang - 1
    if reserve(s, pool, j):
        p.reserved = j
    start_around(s, pool, most)


@kernel
def start_around(s, pool, most):
    """Start, by rank of their users, jobs that cannot delay the reservation."""
    p = s.pools[pool]
    while True:
        room = min(room_now(s, p), most)
        if room == 0:
            return
        within = p.shadow_ms - s.glob[0].now if p.reserved >= 0 else NEVER
        spare = room_beyond(s, p) if p.reserved >= 0 else room
        j = next_ranked(s, pool, room, within, spare)
        if j < 0:
            return
        if p.reserved < 0 or s.jobs[j].estimate_ms <= within:
            launch(s, j, pool, -1, -1)
        else:
            launch_beyond(s, j, pool)


@kernel
def next_ranked(s, pool, room, within, spare):
    """First by rank of user, then age, of the jobs with gang <= room and (estimate <= within or gang <= spare); -1 if none."""
    p = s.pools[pool]
    best, rank = -1, 0
    for v in range(p.root, p.root + p.n_rows):
        t = s.rows[v]
        if t.n == 0 and t.waiting > 0:
            most = min(room, limit_room(s, v))
            for i in range(t.act_n):
                q = s.active[t.act + i]
                place = s.standings[s.queues[q].user].place
                if best < 0 or place <= rank:
                    j = oldest_in_queue(s, q, most, within, spare)
                    if j >= 0 and (best < 0 or place < rank or older(s, j, best)):
                        best, rank = j, place
    return best


@kernel
def rank_users(s, pool):
    """Give every user of the pool a place, the first 0; users that tie have the same."""
    p = s.pools[pool]
    o = s.orders[pool]
    e = s.glob[0].inflation
    for v in range(p.root, p.root + p.n_rows):
        t = s.rows[v]
        if t.n > 0:
            used = used_by(t, e)
            shares = 0.0
            for c in range(t.first, t.first + t.n):
                shares += s.rows[c].weight
            for c in range(t.first, t.first + t.n):
                s.levels[c] = level_fairshare(s.rows[c].weight, shares, used_by(s.rows[c], e), used)
    rank_in_leaves(s, o, e)
    sort_users(s, o)
    place = 0
    s.standings[s.ladder[o.users]].place = 0
    for k in range(1, o.users_n):
        a, b = s.ladder[o.users + k - 1], s.ladder[o.users + k]
        apart = users_apart(s, a, b)
        if apart != 0 and apart != -BY_DEPTH:
            place = k
        s.standings[b].place = place


@inlined
def rank_in_leaves(s, o, e):
    """Find the level fairshare of every user: within a leaf all have the same shares."""
    k = o.users
    while k < o.users + o.users_n:
        row = s.standings[k].row
        last = k
        while last < o.users + o.users_n and s.standings[last].row == row:
            last += 1
        used = used_by(s.rows[row], e)
        for u in range(k, last):
            s.standings[u].level = level_fairshare(1.0, 1.0 * (last - k), used_by(s.users[u], e), used)
        k = last


@inlined
def used_by(x, e):
    """Decayed usage of a row or user record (times what all usage is inflated by)."""
    return max(x.alloc * e + x.usage, 0.0)


@inlined
def level_fairshare(shares, all_shares, used, all_used):
    """LF = S / U."""
    if shares <= 0.0:
        return 0.0
    if used <= 0.0 or all_used <= 0.0:
        return UNUSED
    return (shares / all_shares) / (used / all_used)


@kernel
def sort_users(s, o):
    """Sort the users of a pool by merging ever longer runs."""
    n, room = o.users_n, s.glob[0].n_users
    width = 1
    while width < n:
        low = 0
        while low < n:
            middle, high = min(low + width, n), min(low + 2 * width, n)
            a, b = low, middle
            for k in range(low, high):
                if b >= high or (a < middle and users_apart(s, s.ladder[o.users + a], s.ladder[o.users + b]) <= 0):
                    s.ladder[room + k] = s.ladder[o.users + a]
                    a += 1
                else:
                    s.ladder[room + k] = s.ladder[o.users + b]
                    b += 1
            low = high
        for k in range(n):
            s.ladder[o.users + k] = s.ladder[room + k]
        width *= 2


@inlined
def depth_of(s, v):
    depth = 0
    while s.rows[v].parent >= 0:
        depth += 1
        v = s.rows[v].parent
    return depth


@kernel
def users_apart(s, a, b):
    """Less than 0 if user a comes before user b, 0 if they tie; what is nearest to the root decides.

    -BY_DEPTH: all that can be compared ties, and b is in an account where a is a user.
    """
    v, w = s.standings[a].row, s.standings[b].row
    x, y = s.standings[a].level, s.standings[b].level
    up, down = depth_of(s, v), depth_of(s, w)
    apart = 0
    if up < down:
        apart = -BY_DEPTH
    elif up > down:
        apart = BY_DEPTH
    while up > down:
        x = s.levels[v]
        v = s.rows[v].parent
        up -= 1
    while down > up:
        y = s.levels[w]
        w = s.rows[w].parent
        down -= 1
    while True:
        if x != y:
            apart = -1 if x > y else 1
        if v == w:
            return apart
        x, y = s.levels[v], s.levels[w]
        v, w = s.rows[v].parent, s.rows[w].parent
