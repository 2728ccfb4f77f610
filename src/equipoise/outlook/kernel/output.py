"""What people, what they know and compute come to: research, capability, paradigm shifts, revenue, and next month's compute."""

import math

from equipoise.outlook.kernel.chance import GROWTH, NOBODY, PARADIGM, fat, pair
from equipoise.outlook.kernel.layout import CORE, EXPLORATION, FOLLOWS_REVENUE
from equipoise.policy.kernel.jit import inlined, kernel

SHOCK_MOST = 0.5  # of revenue's growth in a month, as a logarithm


@kernel
def research(w, p):
    """Set what exploration and core research of each lab yield."""
    g = w.world[0]
    for lab in range(g.labs):
        x = w.labs[lab]
        x.core = x.exploration = 1e-9
        for k in range(g.teams):
            team = w.teams[lab * g.teams + k]
            if team.role == CORE:
                x.core += yielded(p, x, team)
            elif team.role == EXPLORATION:
                x.exploration += yielded(p, x, team)


@inlined
def yielded(p, x, team):
    """Compute and knowledge together: a CES in what the labs had on average at the start, with returns ν to scale."""
    log_c = math.log((team.share_ppm + 1) * 1e-6 * x.compute / team.ref_compute)
    log_h = math.log((team.known + 1e-3) / team.ref_known)
    rho = 1.0 - 1.0 / p.sigma
    if abs(rho) < 1e-3:
        return math.exp(p.nu * (p.alpha * log_c + (1.0 - p.alpha) * log_h))
    # about the larger term, for with sigma near 0 the powers overflow
    of_c, of_h = rho * log_c, rho * log_h
    most = max(of_c, of_h)
    less = math.exp(min(of_c, of_h) - most)
    mixed = p.alpha + (1.0 - p.alpha) * less if of_c > of_h else p.alpha * less + (1.0 - p.alpha)
    return math.exp(p.nu / rho * (math.log(mixed) + most))


@kernel
def advance_capability(w, p, run, month):
    """Let capability rise: research against the mean of the labs, what spills over, and paradigm shifts won by exploration."""
    g = w.world[0]
    core = exploration = 0.0
    base = paradigm = -1e300
    for lab in range(g.labs):
        x = w.labs[lab]
        core += x.core / g.labs
        exploration += x.exploration / g.labs
        base, paradigm = max(base, x.base), max(paradigm, x.paradigm)
    for lab in range(g.labs):
        x = w.labs[lab]
        x.base += p.eta * x.core / core + p.spill * (base - x.base)
        x.paradigm += min(p.absorb * x.exploration / exploration, 1.0) * (paradigm - x.paradigm)
    comes, who = pair(w, run, month, NOBODY, NOBODY, PARADIGM, 0)
    if comes < 1.0 - math.exp(-p.mu / 12.0):
        shift(w, p, who * exploration * g.labs, paradigm)


@kernel
def shift(w, p, place, paradigm):
    """Let the lab at ``place``, in proportion to exploration, be first with a new paradigm."""
    g = w.world[0]
    end = w.run_ends[g.row]
    winner = 0
    while winner < g.labs - 1 and place >= w.labs[winner].exploration:
        place -= w.labs[winner].exploration
        winner += 1
    w.labs[winner].paradigm = paradigm + p.jump
    end.shifts += 1.0
    if winner == g.focal:
        end.won += 1.0


@kernel
def earn(w, p, run, month):
    """Let revenue grow up to what the product can serve, with shocks that last, have fat tails and calm down; then buy compute."""
    g = w.world[0]
    mean = earned = 0.0
    for lab in range(g.labs):
        earned += w.labs[lab].revenue
        mean += (w.labs[lab].base + w.labs[lab].paradigm) / g.labs
    young = math.exp(-month / p.tau_g)
    for lab in range(g.labs):
        x = w.labs[lab]
        u, _ = pair(w, run, month, x.key, NOBODY, GROWTH, 0)
        x.shock = p.shock_memory * x.shock + p.shock_size * young * fat(u)
        x.shock = min(max(x.shock, -SHOCK_MOST), SHOCK_MOST)
        grown = p.g0 * young + p.gamma * (x.base + x.paradigm - mean) + x.shock
        if grown > 0.0:
            grown *= max(1.0 - earned / p.market, 0.0)
        # never cut below where it was: what could be served can be served
        ceiling = max(p.revenue_cap * serving(w, lab), x.revenue)
        x.revenue = min(x.revenue * math.exp(grown), ceiling)
        if x.flat == 0:
            x.compute += p.lag * (p.multiple * x.revenue - x.compute)


@inlined
def serving(w, lab):
    """Compute of the teams that serve."""
    g = w.world[0]
    held = 0
    for i in range(lab * g.teams, lab * g.teams + g.teams):
        if w.teams[i].follows == FOLLOWS_REVENUE:
            held += w.teams[i].share_ppm
    return held * 1e-6 * w.labs[lab].compute
