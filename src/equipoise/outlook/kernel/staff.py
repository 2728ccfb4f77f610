"""Who leaves, where to, who is hired, and what they know: people as whole numbers, none made and none lost."""

import math

from equipoise.outlook.kernel.chance import DESTINATION, NOBODY, STAY, many, pair
from equipoise.outlook.kernel.layout import NOT_YET, SIX
from equipoise.policy.kernel.jit import inlined, kernel

RATE_MOST = 0.7  # a month: half of a team; beyond it the model says nothing


@kernel
def weigh_labs(w, p):
    """Set what a place in each team is worth to people, and how hard the other labs pull, against the pull of the first month."""
    g = w.world[0]
    for lab in range(g.labs):
        x = w.labs[lab]
        for i in range(lab * g.teams, lab * g.teams + g.teams):
            team = w.teams[i]
            per_head = (team.share_ppm + 1) * x.compute / max(team.people, 1)
            team.value = p.mobility * (x.mission + p.per_head * math.log(per_head))
            team.weight = math.exp(team.value)
    for k in range(g.teams):
        for i in range(k, g.labs * g.teams, g.teams):
            team = w.teams[i]
            total = 0.0
            for j in range(k, g.labs * g.teams, g.teams):
                if j != i:
                    total += w.teams[j].weight
            team.pull = 0.0
            if g.labs > 1:
                team.pull = math.log(total / (g.labs - 1)) - team.value


@kernel
def leave(w, p, lab, k, run, month):
    """Let people of a team leave, to the outside and to the other labs; those who go to labs arrive when all have left."""
    g = w.world[0]
    x, team = w.labs[lab], w.teams[lab * g.teams + k]
    pressure = x.baseline + x.unease + p.beta_s * team.starved + p.beta_m * team.breach + p.kappa * team.contagion
    team.rate = min(p.h0 * math.exp(pressure + p.pull * (team.pull - team.pull0)), RATE_MOST)
    stays = math.exp(-team.rate)
    stay, hire = pair(w, run, month, x.key, team.key, STAY, 0)
    gone = many(w, run, month, x.key, team.key, 0, team.people, 1.0 - stays, stay)
    part = gone / team.people if team.people > 0 else 0.0
    team.contagion += part - team.contagion / p.tau_x
    team.known -= min(p.chi * part, 1.0) * team.known
    team.kept *= stays
    team.people -= gone
    team.known = min(team.known, 1.0 * team.people)
    team.left += gone
    team.gone = gone
    if gone > 0:
        depart(w, p, lab, k, gone, run, month)
    return hire


@kernel
def depart(w, p, lab, k, gone, run, month):
    """Send those who left to where they go: outside, or to a lab by what a place is worth there, by its draw and its openings."""
    g = w.world[0]
    x, team = w.labs[lab], w.teams[lab * g.teams + k]
    row = (g.row * g.labs + lab) * (g.labs + 1)
    outside = gone
    if g.labs > 1:
        u, _ = pair(w, run, month, x.key, team.key, DESTINATION, NOBODY)
        outside = many(w, run, month, x.key, team.key, NOBODY, gone, p.out, u)
    g.outside += outside
    w.flows[row + g.labs] += outside
    left = gone - outside
    total = 0.0
    for j in range(g.labs):
        if j != lab and left > 0:
            total += appeal(w, j, k)
    for j in range(g.labs):
        if j != lab and left > 0:
            own = appeal(w, j, k)
            went = left
            if own < total * 0.999999999:  # else it is the last
                u, _ = pair(w, run, month, x.key, team.key, DESTINATION, w.labs[j].key)
                went = many(w, run, month, x.key, team.key, w.labs[j].key, left, own / total, u)
            total -= own
            left -= went
            w.teams[j * g.teams + k].moved += went
            w.flows[row + j] += went


@inlined
def appeal(w, j, k):
    """How likely a place in team k of lab j is taken: grows with what it is worth, the lab's own draw, and its openings."""
    g = w.world[0]
    team = w.teams[j * g.teams + k]
    return team.weight * w.labs[j].drawing * (1.0 + max(team.target - team.people, 0.0))


@kernel
def join(w, p, lab, k, hire):
    """Let those who come from other labs join, hire from the outside towards the target, and let everybody learn."""
    g = w.world[0]
    team = w.teams[lab * g.teams + k]
    team.people += team.moved
    team.known += p.carried * team.moved
    team.joined += team.moved
    team.moved = 0
    team.target *= 1.0 + team.growth / 12.0
    wanted = max(team.target - team.people, 0.0) / p.tau_hire
    hired = int(wanted)
    if hire < wanted - hired:
        hired += 1
    hired = min(hired, g.outside)
    g.outside -= hired
    team.people += hired
    team.hired += hired
    team.known += p.q0 * hired
    if team.people > 0:
        team.known += (team.people - team.known) / p.tau_ramp * (team.known / team.people)
    team.known = min(team.known, 1.0 * team.people)


@kernel
def remember(w, i, month):
    """Keep the worst six months of a team, and when it had lost what the world asks about."""
    g = w.world[0]
    team = w.teams[i]
    then = w.past[i * SIX + month % SIX]
    if month >= SIX - 1:
        # `then` was written six months ago: at the start of the six months that end now
        people = team.people0 if month == SIX - 1 else then.people
        left = 0 if month == SIX - 1 else then.left
        part = (team.left - left) / people if people > 0 else 0.0
        if month == SIX - 1:
            team.first_six = part
        team.worst_six = max(team.worst_six, part)
    then.people = team.people
    then.left = team.left
    if team.lost_month == NOT_YET and team.kept <= g.loss:
        team.lost_month = month + 1
