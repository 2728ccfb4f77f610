"""The one constraint that binds a waiting job: the first that holds, from what only its own team can change to what passes by itself.

The questions are answered by the kernel (`inquiry`); what is decided here is only which answer is the reason.
"""

from __future__ import annotations

from equipoise.policy.kernel import inquiry
from equipoise.policy.kernel import layout as k
from equipoise.policy.why.explanation import Constraint
from equipoise.policy.why.view import View

REASONS = {
    k.OVER_MAX_JOB: "max_job",
    k.OVER_LIMIT: "limit",
    k.OVER_POOL: "pool",
    k.OVER_FLOOR: "non-preemptible",
}


def find_constraint(view: View) -> Constraint:
    """Return what keeps a waiting job of ``view`` from starting; exactly one thing."""
    if view.gang > view.answer(inquiry.LIMIT_ROOM):
        return _limit(view)
    leaf = view.state.rows[view.row]
    if view.solid and view.follows(k.SECURE_START) and leaf["solid"] + view.gang > leaf["floor"]:
        numbers = {"floor": int(leaf["floor"]), "non_preemptible": int(leaf["solid"]), "asked": view.gang}
        return Constraint("non-preemptible", numbers, team=view.team(view.row))
    if view.gang > view.answer(inquiry.ROOM):
        return _placement(view) if view.free >= view.gang else _entitlement(view)
    if view.gang > view.answer(inquiry.ROOM_FOR):
        return _reserve(view)
    if int(view.state.pools["reserved"][view.pool]) >= 0:
        return _reservation(view)
    return _order(view)


def refused(view: View) -> Constraint:
    """Return why a job was refused at its submission."""
    reason = REASONS[int(view.state.jobs["reason"][view.job])]
    rows = view.state.rows
    numbers, team = {"asked": view.gang}, view.team(view.row)
    if reason == "max_job":
        numbers["most"] = int(rows["max_job"][view.row])
    elif reason == "pool":
        numbers["most"], team = int(view.state.pools["largest"][view.pool]), ""
    elif reason == "non-preemptible":
        numbers["most"] = int(rows["nominal_floor"][view.row])
    else:
        tightest = min(view.path(), key=lambda row: int(rows["nominal_limit"][row]))
        numbers["most"], team = int(rows["nominal_limit"][tightest]), view.team(tightest)
    return Constraint("refused", numbers, team=team, reason=reason)


def dependency(view: View) -> Constraint:
    """Return which job a job waits for before it may be queued."""
    edges = view.state.edges
    for first, edge in enumerate(view.state.bonds["dependents"].tolist()):
        while edge >= 0:
            if edges[2 * edge] == view.job:
                return Constraint("dependency", {}, job=first)
            edge = int(edges[2 * edge + 1])
    raise AssertionError(f"job {view.job} depends on nothing")


def protection(view: View) -> Constraint:
    """Return what a claim waits for: jobs that are to stop but are protected for a while."""
    claim = view.state.claims[view.claim]
    waits = [w for w in view.warnings() if int(w["state"]) < 2]
    numbers = {
        "asked": view.gang,
        "jobs": len(waits),
        "gpus": sum(int(view.state.jobs["gang"][w["job"]]) for w in waits),
        "since_ms": int(claim["since_ms"]),
        "until_ms": max((int(w["stop_ms"]) for w in waits), default=int(view.glob["now"])),
    }
    return Constraint("protection", numbers, team=view.team(view.row), reason="warned" if waits else "limit")


def _limit(view: View) -> Constraint:
    rows = view.state.rows
    row = min(view.path(), key=lambda row: int(rows["limit"][row] - rows["alloc"][row] - rows["claimed"][row]))
    x = rows[row]
    held, limit = int(x["alloc"]) + int(x["claimed"]), int(x["limit"])
    numbers = {"limit": limit, "held": held, "asked": view.gang, "over": held + view.gang - limit}
    return Constraint("limit", numbers, team=view.team(row))


def _placement(view: View) -> Constraint:
    pool = view.state.pools[view.pool]
    per_node = int(pool["per_node"])
    numbers = {
        "asked": view.gang,
        "free": view.free,
        "per_node": per_node,
        "whole_needed": view.gang // per_node,
        "part_needed": view.gang % per_node,
        "whole_free": int(pool["whole"]),
        "largest": view.answer(inquiry.ROOM),
    }
    return Constraint("placement", numbers)


def _entitlement(view: View) -> Constraint:
    leaf = view.state.rows[view.row]
    numbers = {"asked": view.gang, "free": view.free}
    if not view.follows(k.RECLAIM):
        return Constraint("devices", numbers)
    held = view.held(view.row)
    numbers |= {
        "held": held,
        "floor": int(leaf["floor"]),
        "entitled": int(view.state.shares["due"][leaf["share"]]),
    }
    if not view.answer(inquiry.BELOW_FLOOR):
        reason = "has its floor"
    elif not (view.answer(inquiry.FITS_FLOOR) or view.answer(inquiry.COURTESY)):
        reason = "larger than what is missing"
    elif int(view.state.pools["claim_held"][view.pool]) or int(view.state.pools["claim_head"][view.pool]) >= 0:
        reason = "others claim"
    else:
        reason = "nobody gives way"
    return Constraint("entitlement", numbers, team=view.team(view.row), reason=reason)


def _reserve(view: View) -> Constraint:
    numbers = {
        "asked": view.gang,
        "free": view.free,
        "kept": view.answer(inquiry.KEPT),
        "room": view.answer(inquiry.ROOM_FOR),
    }
    rows = view.state.rows
    lines = len(view.layout.plan.lines)
    idle = range(view.pool * lines + 1, (view.pool + 1) * lines)
    most = max(idle, key=lambda row: int(rows["reserve"][row]) - view.held(row))
    return Constraint("reserve", numbers, team=view.team(most))


def _reservation(view: View) -> Constraint:
    pool = view.state.pools[view.pool]
    first = int(pool["reserved"])
    now_ms = int(view.glob["now"])
    numbers = {
        "asked": view.gang,
        "free": view.free,
        "estimate_ms": view.estimate_ms,
        "window_ms": max(int(pool["shadow_ms"]) - now_ms, 0),
        "shadow_ms": int(pool["shadow_ms"]),
        "spare": view.answer(inquiry.BEYOND),
        "first_asked": int(view.state.jobs["gang"][first]),
    }
    crossed = int(pool["crossed_row"])
    turn = crossed >= 0 and int(view.state.rows["turn_job"][crossed]) == first
    return Constraint("reservation", numbers, team=view.job_team(first), job=first, reason="turn" if turn else "first")


def _order(view: View) -> Constraint:
    first = view.answer(inquiry.FIRST)
    numbers = {"asked": view.gang, "free": view.free}
    if first < 0 or first == view.job:
        return Constraint("order", numbers)
    numbers["first_asked"] = int(view.state.jobs["gang"][first])
    return Constraint("order", numbers, team=view.job_team(first), job=first)
