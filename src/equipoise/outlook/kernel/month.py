"""The main path: one run after the other, month by month (docs/outlook.md has the equations).

`run_all` is what Python calls; nothing is allocated, and what a run draws depends on its number alone.
"""

import math

from equipoise.outlook.kernel.chance import PARAMETER, fat, normal, pair
from equipoise.outlook.kernel.compute import divide_compute, feel_starved
from equipoise.outlook.kernel.layout import NOT_YET, WHOLE_PPM
from equipoise.outlook.kernel.output import advance_capability, earn, research
from equipoise.outlook.kernel.staff import join, leave, remember, weigh_labs
from equipoise.policy.kernel.jit import entry, kernel


@entry
def run_all(w, numbers, runs):
    """Run ``runs`` runs, whose luck is that of their ``numbers``; results go to the first records of the outputs."""
    for n in range(runs):
        begin(w, n)
        for month in range(w.world[0].months):
            step(w, w.params[n], numbers[n], month)
            note(w, n, month)
        finish(w, n)


@kernel
def step(w, p, run, month):
    """One month of all labs."""
    g = w.world[0]
    for lab in range(g.labs):
        x, now = w.labs[lab], w.schedule[month * g.labs + lab]
        x.acts, x.refers, x.mission = now.acts, now.refers, now.mission
        divide_compute(w, lab)
        feel_starved(w, p, lab, month)
    weigh_labs(w, p)
    if month == 0:
        for i in range(g.labs * g.teams):
            w.teams[i].pull0 = w.teams[i].pull
    for lab in range(g.labs):
        for k in range(g.teams):
            w.teams[lab * g.teams + k].hire = leave(w, p, lab, k, run, month)
    for lab in range(g.labs):
        for k in range(g.teams):
            join(w, p, lab, k, w.teams[lab * g.teams + k].hire)
            remember(w, lab * g.teams + k, month)
    research(w, p)
    advance_capability(w, p, run, month)
    earn(w, p, run, month)
    compare(w, month)


@kernel
def begin(w, n):
    """Put every lab and team to where they start, with what this run's parameters say of each lab."""
    g = w.world[0]
    g.outside = g.outside0
    p = w.params[n]
    for lab in range(g.labs):
        x, start, own = w.labs[lab], w.labs0[lab], w.per_lab[n * g.labs + lab]
        x.compute, x.revenue, x.base, x.paradigm = start.compute, start.revenue, start.base, 0.0
        x.shock = start.growth - p.g0 if start.growth > NOT_YET else 0.0
        x.unease, x.drawing = own.u_lab, math.exp(own.draw - p.repute * (x.baseline + own.u_lab))
    for i in range(g.labs * g.teams):
        begin_team(w.teams[i], w.teams0[i])
    for f in range(n * g.labs * (g.labs + 1), (n + 1) * g.labs * (g.labs + 1)):
        w.flows[f] = 0
    end = w.run_ends[n]
    end.leapfrog_month = end.overtaken_month = NOT_YET
    end.shifts = end.won = end.people_error = end.ppm_error = 0.0
    g.leading, g.row = 0, n


@kernel
def begin_team(team, start):
    """Put a team to where it starts."""
    team.people = start.people
    team.target, team.known, team.kept = 1.0 * start.people, start.known, 1.0
    team.starved, team.breach = start.starved, start.breach
    team.contagion = team.sum_starved = team.first_six = team.worst_six = 0.0
    team.left = team.joined = team.hired = team.moved = team.gone = team.owed = team.delivered = team.denied = (
        team.broken
    ) = 0
    team.lost_month = NOT_YET


@kernel
def compare(w, month):
    """Note when a rival has led the focal lab for long enough, and when one that did not first earns more."""
    g = w.world[0]
    end = w.run_ends[g.row]
    focal = w.labs[g.focal]
    ahead = False
    for lab in range(g.labs):
        x = w.labs[lab]
        if lab != g.focal:
            ahead = ahead or x.base + x.paradigm > focal.base + focal.paradigm + g.lead_margin
            smaller = w.labs0[lab].revenue <= w.labs0[g.focal].revenue
            if smaller and end.overtaken_month < 0.0 and x.revenue > focal.revenue:
                end.overtaken_month = month + 1.0
    g.leading = g.leading + 1 if ahead else 0
    if end.leapfrog_month < 0.0 and g.leading >= g.lead_months:
        end.leapfrog_month = month + 1.0


@kernel
def note(w, n, month):
    """Write the marks of this month, if it is one that is asked about, and check what must hold."""
    g = w.world[0]
    people, error = g.outside - g.outside0, 0
    for lab in range(g.labs):
        total = 0
        for i in range(lab * g.teams, lab * g.teams + g.teams):
            people += w.teams[i].people - w.teams[i].people0
            total += w.teams[i].share_ppm
        error = max(error, total - WHOLE_PPM)
    end = w.run_ends[n]
    end.people_error = max(end.people_error, 1.0 * abs(people))
    end.ppm_error = max(end.ppm_error, 1.0 * error)
    for m in range(g.marks):
        if w.marks[m] == month + 1:
            write_mark(w, n * g.marks + m)


@kernel
def write_mark(w, row):
    """Write what each team and lab is now."""
    g = w.world[0]
    exploration = 0.0
    for lab in range(g.labs):
        exploration += w.labs[lab].exploration
    for lab in range(g.labs):
        x, out = w.labs[lab], w.lab_marks[row * g.labs + lab]
        out.compute, out.revenue, out.capability = x.compute, x.revenue, x.base + x.paradigm
        out.exploration = x.exploration / exploration
    for i in range(g.labs * g.teams):
        team, to = w.teams[i], w.team_marks[row * g.labs * g.teams + i]
        to.people, to.kept, to.known, to.left = 1.0 * team.people, team.kept, team.known, 1.0 * team.left
        to.starved, to.share_ppm, to.broken = team.sum_starved, 1.0 * team.share_ppm, 1.0 * team.broken


@kernel
def finish(w, n):
    """Write what only the end of a run tells."""
    g = w.world[0]
    for i in range(g.labs * g.teams):
        team, to = w.teams[i], w.team_ends[n * g.labs * g.teams + i]
        to.lost_month, to.first_six, to.worst_six = 1.0 * team.lost_month, team.first_six, team.worst_six


@entry
def fill_units(w, units, columns, first_run, runs, key):
    """Fill rows of ``columns`` uniform numbers, one row a run: the chance that parameters are made of; ``key`` 0, or that of a lab."""
    for n in range(runs):
        for c in range(columns):
            units[n * columns + c], _ = pair(w, first_run + n, c, key, 0, PARAMETER, 0)


@entry
def fill_normals(units, n):
    """Turn uniform numbers into standard normal ones."""
    for i in range(n):
        units[i] = normal(units[i])


@entry
def fill_fat(units, n):
    """Turn uniform numbers into the fat-tailed ones of revenue's growth."""
    for i in range(n):
        units[i] = fat(units[i])
