"""Who gets the lab's compute this month: demand, the policy's own entitlement under two charters, starvation, promises.

A lab acts under one charter and is held to another, its reference; starvation is denied ÷ entitled under the reference (DESIGN,
section 5). A lab without a reference is held to the charter that it acts under.
"""

from equipoise.outlook.kernel.layout import FOLLOWS_REVENUE, STEP_PPM, WHOLE_PPM
from equipoise.policy.kernel.entitlement import divide, mark_asks
from equipoise.policy.kernel.jit import inlined, kernel


@kernel
def divide_compute(w, lab):
    """Set what each team of a lab asks for, has, and is due."""
    g = w.world[0]
    x = w.labs[lab]
    first = lab * g.teams
    for i in range(first, first + g.teams):
        w.teams[i].demand_ppm = demand_ppm(w, x, w.teams[i])
    settle(w, x.acts, first)
    for k in range(g.teams):
        team = w.teams[first + k]
        team.share_ppm = w.shares[w.leaves[x.acts * g.teams + k].row].due
    if x.refers >= 0 and x.refers != x.acts:
        settle(w, x.refers, first)
        for k in range(g.teams):
            team = w.teams[first + k]
            team.due_ppm = min(w.shares[w.leaves[x.refers * g.teams + k].row].due, team.demand_ppm)
    else:
        for i in range(first, first + g.teams):
            w.teams[i].due_ppm = min(w.teams[i].share_ppm, w.teams[i].demand_ppm)


@inlined
def demand_ppm(w, x, team):
    """What a team asks for: with its people, or with revenue for each unit of compute, as at the start; in whole steps, upwards.

    A team that began without people, of which none are told, goes on asking for the same.
    """
    wanted = team.asked_ppm
    if team.follows == FOLLOWS_REVENUE:
        wanted *= x.revenue / x.compute / team.ref_scale
    elif team.people0 > 0:
        wanted *= team.people / team.ref_people
    steps = int(min(wanted, 1.0 * WHOLE_PPM) / STEP_PPM + 0.999999)
    return min(steps * STEP_PPM, WHOLE_PPM)


@kernel
def settle(w, tree, first):
    """Divide the lab's compute by a charter, unless its teams ask for what they asked for when that was done last."""
    g = w.world[0]
    t = w.trees[tree]
    same = t.settled == 1
    for k in range(g.teams):
        leaf = w.shares[w.leaves[tree * g.teams + k].row]
        if leaf.demand != w.teams[first + k].demand_ppm:
            leaf.demand = w.teams[first + k].demand_ppm
            same = False
    if not same:
        t.settled = 1
        w.shares[t.root].due = WHOLE_PPM
        mark_asks(w.shares, t.root, t.rows)
        for v in range(t.root, t.root + t.rows):  # rows lie parents before children
            hand_on(w, v)


@inlined
def hand_on(w, v):
    """Divide what v is due among its children by the policy's own functions."""
    x = w.shares[v]
    if x.n > 0:
        divide(w, w.shares, v)
        for c in range(x.first, x.first + x.n):
            w.shares[c].due = w.shares[c].low + w.shares[c].extra


@kernel
def feel_starved(w, p, lab, month):
    """Let starvation be felt, and judge the promises whose window ends with this month."""
    g = w.world[0]
    x = w.labs[lab]
    held_to = x.refers if x.refers >= 0 else x.acts
    for k in range(g.teams):
        team = w.teams[lab * g.teams + k]
        starved = 0.0
        if team.share_ppm < team.due_ppm:
            starved = (team.due_ppm - team.share_ppm) / team.due_ppm
        team.starved += (starved - team.starved) / p.tau_s
        team.sum_starved += starved
        judge(team, w.leaves[held_to * g.teams + k].promise_ppm, (month + 1) % g.window == 0)


@inlined
def judge(team, promise_ppm, ends):
    """Count a month of a promise; at the end of its window it is broken if what is missing was asked for."""
    team.owed += promise_ppm
    team.delivered += team.share_ppm
    if team.share_ppm < promise_ppm:
        team.denied += max(0, min(promise_ppm, team.demand_ppm) - team.share_ppm)
    if ends:
        missing = team.owed - team.delivered
        broken = missing > 0 and team.denied > 0
        team.breach = 1.0 if broken else 0.0
        if broken:
            team.broken += 1
        team.owed = team.delivered = team.denied = 0
