"""Lay a workload and a plan out as the arrays of the kernel."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from decimal import Decimal, localcontext
from functools import cache, partial
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from equipoise.charter.model import Pool
from equipoise.errors import InputError
from equipoise.policy.baselines import baseline_members
from equipoise.policy.columns import AT_ONCE, Options, columns_of, lengths_of, pool_numbers, queues_of
from equipoise.policy.kernel import layout as k
from equipoise.policy.kernel.capacity import rescale
from equipoise.policy.kernel.decay import REBASE, STEPS
from equipoise.policy.kernel.pointer import Handle
from equipoise.policy.kernel.services import CARRIED
from equipoise.policy.latency import Latency
from equipoise.policy.plan import Line, Plan
from equipoise.policy.promises import Promised, lay_out, promised, settle
from equipoise.units import DAY_MS
from equipoise.workload.model import Workload

HOUR_MS = 3_600_000
CACHE_LINE = 64
REACH_MS = 400 * DAY_MS
"""How far ahead ends are expected where nobody is told how long jobs run: history may say more than any declared walltime."""


DEFAULTS = Options()


@dataclass(frozen=True, slots=True)
class Layout:
    """A built state with what is needed to read it: pools, plans (of the first charter, and of those that come later)."""

    state: k.State
    pools: tuple[Pool, ...]
    plan: Plan
    reference: Plan
    n_jobs: int
    room: int
    promised: tuple[Promised, ...] = ()
    later: tuple[tuple[Plan, Plan], ...] = ()

    def in_force(self, number: int) -> tuple[Plan, Plan]:
        """Return what executes and what is accounted against under charter ``number``: 0 is the first, then ``later``."""
        return (self.plan, self.reference) if number == 0 else self.later[number - 1]


def build(
    workload: Workload,
    pools: tuple[Pool, ...],
    plan: Plan,
    *,
    reference: Plan,
    later: Sequence[tuple[Plan, Plan]] = (),
    options: Options = DEFAULTS,
    run_times: Literal["simulated", "known", "unknown"] = "simulated",
    record: bool = False,
    burst: int | None = None,
) -> Layout:
    """Return the initial state of a run of ``workload`` on ``pools`` under ``plan``, accounted against ``reference``.

    Parameters
    ----------
    later : sequence of (Plan, Plan)
        What executes, and what is accounted against, under charters that may come into force later: the second, the third …
        All plans of a sequence must come from one `course.course`, so that they have one tree.
    run_times : {"simulated", "known", "unknown"}
        Whether the simulated engine ends jobs. Else events do, and how long jobs run is "known" to the account only
        (what waiting work still needs bounds what is denied), or to nobody: then that bound rests on estimates.
    record : bool
        Whether the simulator records the events that it makes.
    burst : int or None
        Most submissions that will be told at once, where the engine is not simulated; None: all of the workload's jobs.

    Raises
    ------
    InputError
        W101 if a workload names a pool that the charter does not have; C301 for an unknown team; P104 where the plan goes by
        how long jobs run, and nobody knows.
    """
    if run_times == "unknown":
        _check_order(plan)
    pool_of = pool_numbers(workload, pools)
    columns = columns_of(workload, pool_of, options)
    n_rows, n_refs = len(plan.lines) * len(pools), len(reference.lines) * len(pools)
    same = plan.lines is reference.lines
    _check_course(plan, reference, later)
    queues, users, leaf_queues = queues_of(workload, columns, plan, len(pools))
    n_all = len(columns["gang"])
    devices = sum(p.capacity for p in pools)
    n_slots = max(1, min(n_all, devices))
    n_nodes = sum(p.nodes for p in pools if p.gpus_per_node > 1)
    outside = run_times != "simulated"
    if burst is None:
        burst = len(workload.jobs) if outside else _largest_burst(workload)
    jobs = _jobs(columns, reference, workload, options)  # the largest by far: what takes memory for a moment is over
    bonds, edges = _edges(workload)
    rows, active = _rows(plan, pools, leaf_queues)
    services, demands = _services(workload)
    zero = int((jobs["duration_ms"] == 0).sum())
    if run_times == "unknown":
        jobs["duration_ms"][: len(workload.jobs)] = k.UNKNOWN
    confirmed = options.latency is not None
    n_drains = devices if confirmed else 0
    room = n_drains + 4 * n_slots + 3 * burst + 2 * zero + 3 * (n_all - len(workload.jobs)) + 1024
    horizon = max(HOUR_MS if run_times != "unknown" else REACH_MS, int(columns["horizon"]))
    i4 = np.int32
    items = _none(_in_lines(n_slots + n_nodes, k.ITEM), "next", "prev")
    items["ms"] = k.NEVER
    refs = _shares(reference, pools)
    references = [reference, *(one for _, one in later)]
    found = promised([plan, *(one for one, _ in later)], references)
    owing = lay_out(found, plan, references, pools, n_all, workload)
    state = k.State(
        glob=np.zeros(1, k.GLOB),
        pools=_pools(pools, len(plan.lines), len(reference.lines), horizon),
        rows=rows,
        refs=refs,
        shares=refs if same else _shares(plan, pools),
        jobs=jobs,
        slots=_slots(n_slots),
        queues=queues,
        users=users,
        arrivals=np.ascontiguousarray(workload.jobs.submit_ms, np.int64)
        if len(workload.jobs)
        else np.zeros(1, np.int64),
        bonds=bonds,
        serves=np.append(columns["service"], np.full(1, -1, i4)),
        lists=_none(np.zeros(len(queues) * k.CLASSES, k.LIST), "head", "tail"),
        head_ms=np.zeros(len(queues) * k.CLASSES, np.int64),
        tallies=_in_lines(n_rows * k.CLASSES, k.TALLY),
        active=active,
        nodes=_nodes(pools),
        cells=np.full(max(1, sum(p.capacity for p in pools if p.gpus_per_node > 1)), -1, i4),
        buckets=_buckets(pools),
        latest_ms=np.zeros(len(_buckets(pools)), np.int64),
        calendars=np.zeros(2 * len(pools), k.CALENDAR),
        ticks=_none(np.zeros(2 * len(pools) * k.RING, k.TICK), "first"),
        sums1=np.zeros(2 * len(pools) * k.RING // 64, i4),
        sums2=np.zeros(2 * len(pools) * k.RING // 4096, i4),
        items=items,
        heap=np.zeros(2 * n_slots + 64, np.int64),
        timers=np.zeros(2 * n_slots + 64, np.int64),
        claims=_chain(np.zeros(n_slots + 64, k.CLAIM_)),
        warns=_chain(np.zeros(2 * n_slots + 64 + len(pools), k.WARN_)),
        services=services,
        carried=np.zeros(max(1, len(services)) * 2 * CARRIED, np.int64),
        demands=demands,
        edges=edges,
        scratch=np.zeros(2 * n_rows + 4 * n_slots + 2 * n_rows + 64, i4),
        scratch2=np.zeros(n_rows + n_refs + 64, np.int64),
        **baseline_members(plan.rules, pools, columns, columns["user_rows"], len(plan.lines)),
        powers=_powers(),
        out=np.zeros(room + 65536, k.DECISION),
        confirms=np.zeros(2 * (n_slots + n_drains) + 64 if confirmed else 1, np.int64),
        drains=_chain(np.zeros(n_drains + 1, k.DRAIN)),
        drained=np.full(n_all if confirmed else 1, -1, i4),
        places=_none(np.zeros(n_nodes + len(pools) if confirmed else 1, k.PLACE), "head", "tail"),
        startups=np.zeros(n_refs if confirmed else 1, k.STARTUP),
        events=np.zeros(room + 65536 if record else room if outside else 1, k.EVENT),
        promises=owing["promises"],
        members=owing["members"],
        spans=owing["spans"],
        covers=owing["covers"],
        covering=owing["covering"],
        budgets=owing["budgets"],
        refusals=owing["refusals"],
        starts_rules=owing["starts_rules"],
        counted=np.zeros(n_all if len(owing["starts_rules"]) else 1, i4),
        lifts=np.zeros(n_refs + (0 if same else n_rows), k.LIFT),
    )
    state.pools["turning"] = state.pools["hungry"] + 3 * n_rows + 4 * n_slots
    _globals(state, workload, plan, options, same=same, n_users=len(users), n_all=n_all)
    if run_times == "unknown":
        state.glob[0]["rules"] |= (
            plan.rules & k.PREEMPT
        )  # who is not told how long jobs run may yet be told of other priorities
    _engine(state, options.latency, outside=outside, record=record, n_nodes=n_nodes)
    g = state.glob[0]
    g["n_promises"], g["wake_ms"] = len(found), k.NEVER
    g["n_refusals"], g["n_starts"] = len(owing["refusals"]), len(owing["starts_rules"])
    g["n_budgets"] = n_all + len(owing["refusals"])
    g["n_acting"] = sum(not one.foreign for one in found)
    handle = Handle(state)
    for p in range(len(pools)):
        settle(partial(_records, state), found, plan, reference, pools, p)
        rescale(handle, p)
        state.rows["still_limit"] = state.rows["limit"]
    # What can be stopped by nobody may fill what its team's promise holds on to, and is refused only beyond that.
    state.rows["nominal_floor"] = np.maximum(state.rows["nominal_floor"], state.rows["firm"])
    state.pools["dirty"] = 0  # nothing has happened yet
    return Layout(state, pools, plan, reference, len(workload.jobs), room, found, tuple(later))


def _check_course(plan: Plan, reference: Plan, later: Sequence[tuple[Plan, Plan]]) -> None:
    """Plans that follow one another have one tree, and are the reference's own where the first one is."""
    same = plan.lines is reference.lines
    for executing, account in later:
        assert (executing.lines is account.lines) == same, "a plan is the reference's own under all charters or none"
        for one, first in ((executing, plan), (account, reference)):
            assert [line.path for line in one.lines] == [line.path for line in first.lines], "one `course` makes them"


def _check_order(plan: Plan) -> None:
    if plan.rules & k.ORDERED and plan.rules >> k.ORDER_SHIFT in (k.BY_LENGTH, k.BY_REMAINING, k.BY_SERVICE):
        raise InputError(
            "P104",
            f"'{plan.name}' goes by how long jobs run, and nobody is told",
            hint="lay it out with the run times, or run another policy",
        )


def _records(state: k.State, name: str) -> Any:
    return getattr(state, name).view(np.recarray)


def plain(state: k.State) -> k.State:
    """Return the same state as lists (structured arrays as lists of objects), for the plain-Python execution."""
    done: dict[int, Any] = {}
    return k.State(*[done.setdefault(id(array), _plain_list(array)) for array in state])


def _plain_list(array: NDArray[Any]) -> list[Any]:
    if array.dtype.names is None:
        return array.tolist()
    record = type("Record", (), {"__slots__": array.dtype.names})
    out: list[Any] = []
    for values in array.tolist():
        item = record()
        for name, value in zip(array.dtype.names, values, strict=True):
            setattr(item, name, value)
        out.append(item)
    return out


def _rows(plan: Plan, pools: tuple[Pool, ...], leaf_queues: list[list[int]]) -> tuple[Any, Any]:
    n = len(plan.lines)
    rows = _in_lines(n * len(pools), k.ROW)
    offset = 0
    for p in range(len(pools)):
        for number, line in enumerate(plan.lines):
            row = rows[p * n + number : p * n + number + 1]
            _fill_row(row, line, p, number, base=p * n)
            row["act"][0] = offset
            offset += max(line.children, len(leaf_queues[p * n + number]))
    for name in ("run_head", "run_tail", "hungry_at", "turn_job", "tried_ends", "tried_freed", "left_stamp", "day"):
        rows[name] = -1
    rows["crossed_ms"] = k.NEVER
    return rows, np.full(max(1, offset), -1, np.int32)


def _fill_row(row: Any, line: Line, pool: int, number: int, *, base: int) -> None:
    row["pool"], row["share"] = pool, base + number
    row["parent"] = base + line.parent if line.parent >= 0 else -1
    row["first"], row["n"] = base + line.first, line.children
    write_terms(row.view(np.recarray), line, pool)
    row["floor"], row["limit"] = row["nominal_floor"], row["nominal_limit"]
    row["reserve"] = line.quotas[pool].reserve if line.parent >= 0 else 0


def write_terms(row: Any, line: Line, pool: int) -> None:
    """Write to a row what its team's line says, but what follows the devices that are up."""
    quota = line.quotas[pool]
    row.nominal_floor, row.nominal_limit = quota.floor if line.parent >= 0 else 0, quota.limit
    row.weight, row.leading = float(line.weight_e4), int(line.leading)
    row.per_weight = 1.0 / line.weight_e4 if line.weight_e4 else 0.0
    row.grace_ms, row.min_runtime_ms, row.recover_ms = line.grace_ms, line.min_runtime_ms, line.recover_ms
    row.reclaims_per_day, row.max_job = line.reclaims_per_day, line.max_job


def _shares(plan: Plan, pools: tuple[Pool, ...]) -> Any:
    n = len(plan.lines)
    shares = _in_lines(n * len(pools), k.SHARE)
    for p in range(len(pools)):
        for number, line in enumerate(plan.lines):
            share, quota = shares[p * n + number], line.quotas[p]
            share["floor"], share["limit"], share["reserve"] = quota.floor, quota.limit, quota.reserve
            share["weight"] = line.weight_e4
            share["parent"] = p * n + line.parent if line.parent >= 0 else -1
            share["first"], share["n"] = p * n + line.first, line.children
    shares["charge_head"] = shares["charge_tail"] = -1
    return shares


def _pools(pools: tuple[Pool, ...], n_lines: int, n_refs: int, horizon_ms: int) -> Any:
    out = np.zeros(len(pools), k.POOL)
    node_off = bucket_off = cell_off = 0
    for p, pool in enumerate(pools):
        x = out[p]
        many = pool.gpus_per_node > 1
        x["root"], x["ref_root"], x["n_rows"], x["n_refs"] = p * n_lines, p * n_refs, n_lines, n_refs
        x["hungry"] = p * n_lines
        x["per_node"], x["n_nodes"] = pool.gpus_per_node, pool.nodes if many else 0
        x["node_off"], x["bucket_off"], x["cell_off"] = node_off, bucket_off, cell_off
        x["capacity"] = x["free"] = x["expected"] = x["largest"] = pool.capacity
        x["whole"] = pool.nodes if many else 0
        x["quantum_ms"] = horizon_ms // (k.RING - 2) + 1
        x["claim_head"] = x["claim_tail"] = x["reserved"] = x["reserved_node"] = x["found"] = x["crossed_row"] = -1
        if many:
            node_off += pool.nodes
            bucket_off += pool.gpus_per_node + 1
            cell_off += pool.capacity
    return out


def _nodes(pools: tuple[Pool, ...]) -> Any:
    parts: list[Any] = []
    offset = 0
    for pool in pools:
        if pool.gpus_per_node > 1:
            nodes = np.zeros(pool.nodes, k.NODE)
            nodes["free"] = pool.gpus_per_node
            nodes["prev"] = np.arange(-1, pool.nodes - 1) + offset
            nodes["prev"][0] = -1
            nodes["next"] = np.append(np.arange(1, pool.nodes) + offset, -1)
            parts.append(nodes)
            offset += pool.nodes
    out = _in_lines(max(1, offset), k.NODE)
    if parts:
        out[:] = np.concatenate(parts)
    out["claim"] = out["part_claim"] = -1
    return out


def _buckets(pools: tuple[Pool, ...]) -> Any:
    out: list[int] = []
    offset = 0
    for pool in pools:
        if pool.gpus_per_node > 1:
            out += [-1] * pool.gpus_per_node + [offset]
            offset += pool.nodes
    return np.array(out or [-1], np.int32)


def _jobs(columns: dict[str, Any], reference: Plan, workload: Workload, options: Options) -> Any:
    """One record per job, then per replica; filled some at a time, so that nothing else grows with the log."""
    jobs = _in_lines(len(columns["gang"]), k.JOB)
    n = len(workload.jobs)
    lines = np.array([reference.leaf_of(path) for path in workload.teams] or [0], np.int64)
    for first in range(0, len(jobs), AT_ONCE):
        rows = slice(first, first + AT_ONCE)
        part, own = jobs[rows], jobs[first : min(first + AT_ONCE, n)]
        part["duration_ms"] = part["estimate_ms"] = k.NEVER
        if len(own):
            own["duration_ms"], own["estimate_ms"] = lengths_of(workload.jobs, options, slice(first, first + len(own)))
        part["gang"], part["savepoint_ms"] = columns["gang"][rows], columns["savepoint"][rows]
        part["queue"] = columns["queue"][rows]
        part["ref"] = columns["pool"][rows].astype(np.int64) * len(reference.lines) + lines[columns["team"][rows]]
        for name in ("start_ms", "first_ms", "end_ms", "eligible_ms", "since_ms"):
            part[name] = -1
        _none(part, "slot", "next", "prev", "charge_next", "charge_prev")
    return jobs


def _edges(workload: Workload) -> tuple[Any, Any]:
    """Which jobs wait for another, and lists of dependents: (job, next edge) pairs, the first edge in ``dependents``."""
    after = workload.jobs.after
    waiting = np.flatnonzero(after >= 0)
    bonds = _none(np.zeros(len(after) if len(waiting) else 0, k.BOND), "dependents")
    edges = np.full(2 * max(1, len(waiting)), -1, np.int32)
    heads = bonds["dependents"]
    for e, j in enumerate(waiting[::-1].tolist()):
        target = int(after[j])
        edges[2 * e] = j
        edges[2 * e + 1] = heads[target]
        heads[target] = e
        bonds["waits_for"][j] = 1
    return bonds, edges


def _services(workload: Workload) -> tuple[Any, Any]:
    services = np.zeros(max(1, len(workload.services)), k.SERVICE)
    first = len(workload.jobs)
    parts: list[Any] = []
    for number, service in enumerate(workload.services):
        most = int(service.replicas.max(initial=0)) * (2 if service.carry else 1)
        x = services[number]
        x["first_job"], x["most"], x["gang"], x["carry"] = first, most, service.gang, service.carry
        x["cap"] = k.NEVER
        first += most
        part = np.zeros(len(service.at_ms), k.DEMAND)
        part["at_ms"], part["replicas"], part["service"] = service.at_ms, service.replicas, number
        part["next_ms"] = np.append(service.at_ms[1:], service.at_ms[-1:] + HOUR_MS)
        parts.append(part)
    demands = np.concatenate(parts) if parts else np.zeros(1, k.DEMAND)
    return services, demands[np.argsort(demands["at_ms"], kind="stable")]


def _largest_burst(workload: Workload) -> int:
    """Most submissions at one instant."""
    submit = workload.jobs.submit_ms
    if len(submit) == 0:
        return 0
    edges = np.flatnonzero(np.diff(submit)) + 1
    return int(np.diff(np.concatenate([[0], edges, [len(submit)]])).max())


def _in_lines(n: int, record: np.dtype[Any]) -> Any:
    """Return ``n`` empty records, the first at the beginning of a cache line; fields lie so that lines are read whole."""
    raw = np.zeros(n * record.itemsize + CACHE_LINE, np.uint8)
    skip = -raw.ctypes.data % CACHE_LINE
    return raw[skip : skip + n * record.itemsize].view(record)


def _none(array: Any, *names: str) -> Any:
    """Let the named indices point at nothing."""
    for name in names:
        array[name] = -1
    return array


def _chain(array: Any) -> Any:
    """Link the entries of a free list through ``next``."""
    array["next"] = np.append(np.arange(1, len(array)), -1)
    return array


def _slots(n: int) -> Any:
    slots = _chain(_in_lines(n, k.SLOT))
    slots["end_ms"] = -1
    return _none(slots, "claim", "warn")


@cache
def _powers() -> NDArray[np.float64]:
    """2^(i/2^10), 2^(i/2^20), 2^(i/2^30) for i < 1024, correctly rounded, then 2^i: exact decimals, never libm."""
    with localcontext() as context:
        context.prec = 50
        fine = [float(Decimal(2) ** (Decimal(i) / (1 << bits))) for bits in (10, 20, 30) for i in range(STEPS)]
    return np.array(fine + [float(1 << i) for i in range(REBASE + 1)])


def _globals(
    state: k.State, workload: Workload, plan: Plan, options: Options, *, same: bool, n_users: int, n_all: int
) -> None:
    g = state.glob[0]
    rules = plan.rules | (k.TRACE if options.trace else 0)
    if not options.enforce_walltime:
        rules &= ~k.TURNS
    if len(np.unique(state.queues["priority"])) < 2:
        rules &= ~k.PREEMPT
    g["rules"], g["half_life_ms"], g["inflation"], g["same_tree"] = rules, plan.half_life_ms, 1.0, same
    g["n_pools"], g["n_rows"], g["n_refs"] = len(state.pools), len(state.rows), len(state.refs)
    g["n_arrivals"], g["n_demands"] = len(workload.jobs), sum(len(s.at_ms) for s in workload.services)
    g["n_jobs"], g["n_slots"], g["n_users"] = n_all, len(state.slots), n_users
    g["per_half_life"] = steps_per_half_life(plan.half_life_ms)
    g["heap_room"], g["timer_room"], g["out_room"] = len(state.heap), len(state.timers), len(state.out)
    g["n_services"], g["n_bonds"] = len(workload.services), len(state.bonds)
    g["savepoint_cost_ms"] = options.savepoint_cost_ms


def steps_per_half_life(half_life_ms: int) -> float:
    """Return how many of 2^30 steps of decay a millisecond is; never reaches 2^30 within one half-life."""
    return (1 << 30) / half_life_ms * (1 - 2.0**-40)


def _engine(state: k.State, latency: Latency | None, *, outside: bool, record: bool, n_nodes: int) -> None:
    """Say who ends and confirms jobs, and how long the simulated engine takes."""
    g = state.glob[0]
    g["rules"] |= (k.OUTSIDE if outside else 0) | (k.CONFIRM if latency is not None else 0)
    g["n_nodes"], g["record_room"] = n_nodes, len(state.events) if record else 0
    state.drains["until_ms"] = -1
    if latency is not None:
        g["confirm_room"], g["seed"] = len(state.confirms), latency.seed
        g["startup_ms"], g["startup_span_ms"] = latency.startup_ms[0], latency.startup_ms[1] - latency.startup_ms[0]
        g["drain_ms"], g["drain_span_ms"] = latency.drain_ms[0], latency.drain_ms[1] - latency.drain_ms[0]
