"""The smallest change of each kind that would start a waiting job now. Each is applied to a copy and decided upon by the policy.

A change is reported only if the job starts with it and does not start with one unit less.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from equipoise.policy.kernel import inquiry
from equipoise.policy.kernel import layout as k
from equipoise.policy.why.explanation import Change
from equipoise.policy.why.trial import Trial, least
from equipoise.policy.why.view import View

Slots = list[int]


def smallest_changes(view: View) -> tuple[Change, ...]:
    """Return the smallest change of each kind that starts the job now, least first (none where a pass alone would do)."""
    if Trial(view.state).starts(view.job):
        return ()
    found = [kind(view) for kind in (_size, _walltime, _limit, _floor, _devices, _nodes, _ended, _withdrawn)]
    return tuple(sorted((change for change in found if change is not None), key=lambda change: change.part))


def starts_with(view: View, change: Change, *, less: int = 0) -> bool:
    """Apply a change, or ``less`` units less of it, and tell whether the job starts at this instant.

    Of jobs that end or are withdrawn, ``less`` leaves the last ones out.
    """
    trial = Trial(view.state)
    amount = change.amount - less
    if change.kind == "size":
        trial.resubmit(view.job, gang=view.gang - amount, estimate_ms=view.estimate_ms)
    elif change.kind == "walltime":
        trial.resubmit(view.job, gang=view.gang, estimate_ms=view.estimate_ms - amount)
    elif change.kind == "limit":
        trial.change_rows(view.pool, _raised_limits(view, amount), column="limit")
    elif change.kind == "floor":
        trial.change_rows(view.pool, _raised_floors(view, amount), column="floor")
    elif change.kind == "devices":
        trial.add_devices(view.pool, amount)
    elif change.kind == "nodes":
        trial.bring_up(view.pool, _nodes_out(view)[:amount])
    elif change.kind == "withdrawn":
        trial.withdraw(change.jobs[: len(change.jobs) - less])
    else:
        trial.end([int(view.state.jobs["slot"][job]) for job in change.jobs[: len(change.jobs) - less]])
    return trial.starts(view.job)


def _search(view: View, kind: str, most: int) -> int | None:
    return least(most, lambda amount: starts_with(view, Change(kind, amount, 0.0)))  # pyright: ignore[reportArgumentType]


def _size(view: View) -> Change | None:
    amount = _search(view, "size", view.gang - 1)
    if amount is None:
        return None
    return Change("size", amount, amount / view.gang, before=view.gang, after=view.gang - amount)


def _walltime(view: View) -> Change | None:
    if not view.follows(k.BACKFILL) or view.estimate_ms >= k.NEVER:
        return None
    amount = _search(view, "walltime", view.estimate_ms - 1)
    if amount is None:
        return None
    after = view.estimate_ms - amount
    return Change("walltime", amount, amount / view.estimate_ms, before=view.estimate_ms, after=after)


def _limit(view: View) -> Change | None:
    if view.gang <= _limit_room(view):
        return None
    amount = _search(view, "limit", view.gang - _limit_room(view))
    if amount is None:
        return None
    return _of_rows(view, "limit", amount, _raised_limits(view, amount))


def _floor(view: View) -> Change | None:
    path = view.path()
    if not path or not (view.follows(k.RECLAIM) or view.follows(k.SECURE_START)):
        return None
    amount = _search(view, "floor", min(_floor_headroom(view), 2 * view.gang + _most_beyond(view)))
    if amount is None:
        return None
    return _of_rows(view, "floor", amount, _raised_floors(view, amount))


def _devices(view: View) -> Change | None:
    pool = view.state.pools[view.pool]
    if int(pool["per_node"]) > 1:
        return None
    waiting = view.state.jobs["state"] == k.PENDING
    most = int(view.state.jobs["gang"][waiting].sum()) + int(view.state.rows["reserve"].sum()) + view.gang
    amount = _search(view, "devices", min(most, _room_to_run(view, int(np.count_nonzero(waiting)))))
    return None if amount is None else Change("devices", amount, amount / view.gang)


def _room_to_run(view: View, waiting: int) -> int:
    """How many more devices the state's places for running jobs allow for, should each new device run a job of its own."""
    slots = view.state.slots
    idle = len(slots) - int(np.count_nonzero(slots["end_ms"] >= 0))
    return k.NEVER if waiting <= idle else idle - int(view.state.pools["free"].sum())


def _nodes(view: View) -> Change | None:
    out = _nodes_out(view)
    amount = _search(view, "nodes", len(out))
    if amount is None:
        return None
    per_node = int(view.state.pools["per_node"][view.pool])
    return Change("nodes", amount, amount * per_node / view.gang)


def _ended(view: View) -> Change | None:
    """Find jobs whose end starts the job, such that none can be left out: of two orders, the one that ends less."""
    slots = view.state.slots
    own = [int(i) for i in view.running if int(slots["job"][i]) < int(view.glob["n_arrivals"])]

    def works(chosen: Slots) -> bool:
        trial = Trial(view.state)
        trial.end(chosen)
        return trial.starts(view.job)

    soonest = sorted(own, key=lambda i: (int(slots["expected_ms"][i]), int(slots["job"][i])))
    largest = sorted(own, key=lambda i: (-int(slots["gang"][i]), int(slots["job"][i])))
    found = [chosen for order in (soonest, largest) if (chosen := _few(order, works)) is not None]
    if not found:
        return None
    chosen = min(found, key=lambda chosen: int(slots["gang"][chosen].sum()))
    gpus = int(slots["gang"][chosen].sum())
    return Change("ended", gpus, gpus / view.gang, jobs=tuple(int(slots["job"][i]) for i in chosen))


def _withdrawn(view: View) -> Change | None:
    """Find waiting jobs that stand before this one, such that none can be left out: the reservation's first, then the oldest."""
    jobs, queues = view.state.jobs, view.state.queues
    waiting = np.flatnonzero((jobs["state"] == k.PENDING) | (jobs["state"] == k.CLAIMED))
    same = (queues["pool"][jobs["queue"][waiting]] == view.pool) & (waiting != view.job)
    reserved = int(view.state.pools["reserved"][view.pool])
    order = sorted(waiting[same].tolist(), key=lambda job: (job != reserved, int(jobs["eligible_ms"][job]), job))

    def works(chosen: list[int]) -> bool:
        trial = Trial(view.state)
        trial.withdraw(chosen)
        return trial.starts(view.job)

    chosen = _few(order, works)
    if chosen is None:
        return None
    gpus = int(jobs["gang"][chosen].sum())
    return Change("withdrawn", gpus, gpus / view.gang, jobs=tuple(chosen))


def _few(order: Slots, works: Callable[[Slots], bool]) -> Slots | None:
    """Return the shortest beginning of an order that works, without what is not needed: first in halves, then one by one."""
    count = least(len(order), lambda n: works(order[:n]))
    if count is None:
        return None
    chosen, step = order[:count], max(count // 2, 1)
    while True:
        before = len(chosen)
        for at in range(len(chosen) - step, -1, -step):
            fewer = chosen[:at] + chosen[at + step :]
            if fewer and works(fewer):
                chosen = fewer
        if step > 1:
            step = min(step // 2, max(len(chosen) // 2, 1))
        elif len(chosen) == before:
            return chosen


def _limit_room(view: View) -> int:
    return min(view.answer(inquiry.LIMIT_ROOM), k.NEVER)


def _raised_limits(view: View, amount: int) -> dict[int, int]:
    """Limits on the job's path that are raised so that what they leave grows by ``amount``."""
    rows = view.state.rows
    wanted = _limit_room(view) + amount
    raised: dict[int, int] = {}
    for row in view.path():
        held = int(rows["alloc"][row] + rows["claimed"][row])
        if int(rows["limit"][row]) - held < wanted:
            raised[row] = held + wanted
    return raised


def _floor_headroom(view: View) -> int:
    """By how much the leaf's floor can grow: what is promised to nobody at the top, and within limits."""
    state, path = view.state, view.path()
    top = state.rows[state.rows["parent"][path[-1]]]
    promised = int(state.rows["floor"][int(top["first"]) : int(top["first"]) + int(top["n"])].sum())
    spare = int(state.pools["capacity"][view.pool]) - promised
    low, high = 0, max(spare + sum(int(state.rows["floor"][row]) for row in path), 0)
    while low < high:  # limits hold on the whole path, and more is never easier
        middle = (low + high + 1) // 2
        raised = _raised_floors(view, middle)
        top_raise = raised.get(path[-1], int(state.rows["floor"][path[-1]])) - int(state.rows["floor"][path[-1]])
        if top_raise <= spare and all(value <= int(state.rows["limit"][row]) for row, value in raised.items()):
            low = middle
        else:
            high = middle - 1
    return low


def _raised_floors(view: View, amount: int) -> dict[int, int]:
    """The leaf's floor raised by ``amount``, and those above it as far as their children's need it."""
    rows = view.state.rows
    raised: dict[int, int] = {}
    for row in view.path():
        floor = int(rows["floor"][row])
        x = rows[row]
        if not raised:
            raised[row] = floor + amount
            continue
        children = range(int(x["first"]), int(x["first"]) + int(x["n"]))
        needed = sum(raised.get(child, int(rows["floor"][child])) for child in children)
        if needed <= floor:
            break
        raised[row] = needed
    return raised


def _most_beyond(view: View) -> int:
    """How much the rows of the job's path hold beyond their floors at most: a raise may have to cover that first."""
    rows = view.state.rows
    return max(max(view.held(row) - int(rows["floor"][row]), 0) for row in view.path())


def _of_rows(view: View, kind: str, amount: int, raised: dict[int, int]) -> Change:
    own = next(iter(raised))
    teams = tuple((view.team(row), value) for row, value in raised.items())
    before = int(view.state.rows[kind][own])
    return Change(kind, amount, amount / view.gang, before=before, after=raised[own], teams=teams)  # pyright: ignore[reportArgumentType]


def _nodes_out(view: View) -> list[int]:
    """Nodes of the pool, counted within it, that are down or in maintenance."""
    pool = view.state.pools[view.pool]
    first, count = int(pool["node_off"]), int(pool["n_nodes"])
    return [int(n) for n in np.flatnonzero(view.state.nodes["down"][first : first + count])]
