"""Explain one job in a state at rest: its state, the constraint, who holds what it waits for, what would start it now."""

from __future__ import annotations

import numpy as np

from equipoise.policy.kernel import inquiry
from equipoise.policy.kernel import layout as k
from equipoise.policy.state import Layout
from equipoise.policy.why import constraint
from equipoise.policy.why.change import smallest_changes
from equipoise.policy.why.explanation import (
    Constraint,
    Explanation,
    Holder,
    JobState,
    Occupant,
    Turn,
    Warned,
)
from equipoise.policy.why.view import View

STATES: dict[int, JobState] = {
    k.FUTURE: "future",
    k.DEPENDENT: "dependent",
    k.PENDING: "waiting",
    k.CLAIMED: "claimed",
    k.RUNNING: "running",
    k.DONE: "done",
    k.REFUSED: "refused",
    k.CANCELLED: "cancelled",
}
MOST_OCCUPANTS = 5


def explain(state: k.State, layout: Layout, job: int, *, changes: bool = True) -> Explanation:
    """Explain a job as things stand after the latest event.

    Parameters
    ----------
    state : State
        Of a core or replay between two batches of events (`Core.state`); it is only read.
    layout : Layout
        The one that the core was made with.
    job : int
        Row of the workload.
    changes : bool
        Whether to look for the smallest change that starts it, which takes a few hundred passes on copies.

    Returns
    -------
    Explanation
        The same for the same state, compiled or interpreted.
    """
    view = View(state, layout, job)
    name = STATES[int(state.jobs["state"][job])]
    waits = name in ("waiting", "claimed")
    now_ms = int(view.glob["now"])
    return Explanation(
        job=job,
        state=name,
        at_ms=now_ms,
        since_ms=_since_ms(view, name),
        team=view.job_team(job),
        pool=layout.pools[view.pool].name,
        gang=view.gang,
        estimate_ms=view.estimate_ms,
        waited_ms=now_ms - int(state.jobs["eligible_ms"][job]) if waits else 0,
        stops=int(state.jobs["stops"][job]),
        ahead=_ahead(view) if waits else 0,
        constraint=_constraint(view, name),
        holders=_holders(view) if waits else (),
        occupants=_occupants(view) if waits else (),
        warned=_warned(view) if name == "claimed" else (),
        turn=_turn(view) if name == "waiting" else None,
        changes=smallest_changes(view) if waits and changes else (),
    )


def _since_ms(view: View, name: JobState) -> int:
    job = view.state.jobs[view.job]
    if name in ("future", "dependent", "refused"):
        return int(view.state.arrivals[view.job])
    if name == "claimed":
        return int(view.state.claims["since_ms"][view.claim])
    if name == "waiting":
        return int(job["eligible_ms"])
    return int(job["start_ms"] if name == "running" else job["end_ms"])


def _constraint(view: View, name: JobState) -> Constraint | None:
    if name == "waiting":
        return constraint.find_constraint(view)
    if name == "claimed":
        return constraint.protection(view)
    if name == "dependent":
        return constraint.dependency(view)
    return constraint.refused(view) if name == "refused" else None


def _ahead(view: View) -> int:
    """Waiting jobs of the pool that became eligible earlier."""
    jobs, queues = view.state.jobs, view.state.queues
    waiting = np.flatnonzero((jobs["state"] == k.PENDING) | (jobs["state"] == k.CLAIMED))
    waiting = waiting[queues["pool"][jobs["queue"][waiting]] == view.pool]
    since, own_ms = jobs["eligible_ms"][waiting], int(jobs["eligible_ms"][view.job])
    return int(np.count_nonzero((since < own_ms) | ((since == own_ms) & (waiting < view.job))))


def _holders(view: View) -> tuple[Holder, ...]:
    """Leaves (of a plan of one queue: the lab) that hold devices of the pool, or wait for them, most held first."""
    rows, shares = view.state.rows, view.state.shares
    lines = len(view.layout.plan.lines)
    waiting = _asked_by_row(view)
    found: list[Holder] = []
    for row in range(view.pool * lines, (view.pool + 1) * lines):
        x = rows[row]
        if int(x["n"]) > 0 or not (int(x["alloc"]) or int(waiting[row])):
            continue
        held, floor, limit = int(x["alloc"]), int(x["floor"]), int(x["limit"])
        found.append(
            Holder(
                team=view.team(row),
                held=held,
                floor=floor,
                limit=None if limit >= int(view.state.pools["capacity"][view.pool]) else limit,
                entitled=int(shares["due"][x["share"]]),
                borrowed=max(held - floor, 0),
                waiting=int(waiting[row]),
            )
        )
    return tuple(sorted(found, key=lambda holder: (-holder.held, holder.team)))


def _asked_by_row(view: View) -> np.ndarray[tuple[int], np.dtype[np.int64]]:
    jobs, queues = view.state.jobs, view.state.queues
    waiting = np.flatnonzero((jobs["state"] == k.PENDING) | (jobs["state"] == k.CLAIMED))
    asked = np.zeros(len(view.state.rows), np.int64)
    np.add.at(asked, queues["row"][jobs["queue"][waiting]], jobs["gang"][waiting])
    return asked


def _occupants(view: View) -> tuple[Occupant, ...]:
    """The running jobs that are expected to end first, until they free what is missing; at most a handful."""
    asked = view.asked.state if _is_waiting(view) else view.state
    slots = asked.slots
    order = sorted(view.running.tolist(), key=lambda i: (int(slots["expected_ms"][i]), int(slots["job"][i])))
    secure_stamp = view.answer(inquiry.SECURE) if _is_waiting(view) else -1
    missing = max(view.gang - view.free, 1)
    found: list[Occupant] = []
    for i in order:
        if missing <= 0 or len(found) == MOST_OCCUPANTS:
            break
        x = slots[i]
        expected_ms = int(x["expected_ms"])
        found.append(
            Occupant(
                job=int(x["job"]),
                team=view.job_team(int(x["job"])),
                gang=int(x["gang"]),
                start_ms=int(x["start_ms"]),
                expected_ms=None if expected_ms >= k.NEVER else expected_ms,
                secure=bool(x["solid"]) or int(x["secure"]) == secure_stamp,
            )
        )
        missing -= int(x["gang"])
    return tuple(found)


def _is_waiting(view: View) -> bool:
    return int(view.state.jobs["state"][view.job]) == k.PENDING


def _warned(view: View) -> tuple[Warned, ...]:
    jobs = view.state.jobs
    found = [
        Warned(
            job=int(w["job"]),
            team=view.job_team(int(w["job"])),
            gang=int(jobs["gang"][w["job"]]),
            warn_ms=int(w["warn_ms"]),
            stop_ms=int(w["stop_ms"]),
            warned=int(w["state"]) == 1,
        )
        for w in view.warnings()
        if int(w["state"]) < 2
    ]
    return tuple(sorted(found, key=lambda warned: (warned.stop_ms, warned.job)))


def _turn(view: View) -> Turn | None:
    """Return how far the leaf's turn is, if the job is larger than the leaf's floor and has to wait for it."""
    leaf = view.asked.state.rows[view.row]
    if int(leaf["parent"]) < 0 or view.gang <= int(leaf["floor"]) or view.layout.plan.unfloored:
        return None
    if not view.follows(k.RECLAIM):
        return None
    bounded = view.follows(k.TURNS)
    turn_job = int(leaf["turn_job"]) if bounded else -1
    if turn_job < 0:
        return Turn(view.job, 0, view.gang * view.estimate_ms, crossed=False, bounded=bounded)
    large = view.state.jobs[turn_job]
    needed = int(large["gang"]) * int(large["estimate_ms"])
    crossed = int(leaf["crossed_ms"]) < k.NEVER
    return Turn(turn_job, min(int(leaf["turn"]), needed), needed, crossed=crossed, bounded=bounded)
