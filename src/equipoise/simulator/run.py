"""Drive the kernel through a workload: closes at given times, changes of capacity, and a digest of every decision.

No clock, file or thread is touched here. `simulate` hands back what happened to every job, and exact totals (closes) of every team and
pool between the given times.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.charter.floors import quotas
from equipoise.charter.model import Charter, Pool
from equipoise.errors import InputError, InternalError
from equipoise.policy.kernel import (
    calendar,
    capacity,
    claims,
    decay,
    entitlement,
    jit,
    placement,
    reclaim,
    restoring,
    running,
    schedule,
    services,
    shadow,
    submission,
    turns,
    victims,
    waiting,
)
from equipoise.policy.kernel.capacity import rescale, set_devices_out, set_node
from equipoise.policy.kernel.layout import NEVER, State
from equipoise.policy.kernel.pointer import Handle
from equipoise.policy.plan import Plan
from equipoise.policy.state import Layout, Options, build, plain
from equipoise.simulator import loop
from equipoise.workload.model import Workload

DAY_MS = 86_400_000

DEFAULTS = Options()

NODE_STATES = {"up": capacity.UP, "down": capacity.DOWN, "maintenance": capacity.MAINTENANCE}

TEAM_TOTALS = ("acc_held", "acc_entitled", "acc_denied", "acc_lost", "acc_reclaims")
POOL_TOTALS = ("acc_capacity", "acc_held", "idle_unused", "idle_blocked", "acc_down", "acc_maintenance", "stranded")


@dataclass(frozen=True, slots=True)
class NodeChange:
    """At ``at_ms``, node ``node`` (from 0) of pool ``pool`` goes ``up``, ``down`` or into ``maintenance``."""

    at_ms: int
    pool: str
    node: int
    state: str


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run is: jobs that arrived and ended, of how many, at which virtual time."""

    arrived: int
    ended: int
    jobs: int
    now_ms: int


@dataclass(frozen=True, slots=True)
class Run:
    """What happened.

    Parameters
    ----------
    jobs : structured array of ``layout.JOB``, one row per job of the workload, in its order
    replicas : the same for the replicas of services
    teams : int64 array, shape (closes, pools * lines, 5)
        Totals since the start of the run at each close: held, entitled, denied, lost GPU-ms, and jobs stopped; the columns are
        `TEAM_TOTALS`, the lines those of the reference plan.
    pools : int64 array, shape (closes, pools, 7)
        Totals at each close: capacity, held, idle unused, idle blocked, down, maintenance and stranded GPU-ms (`POOL_TOTALS`).
    services : structured array of ``layout.SERVICE``
    closes_ms : int64 array
        The times of the closes; the last is the end of the run.
    digest : str
        SHA-256 of the stream of decisions.
    decisions : structured array of ``layout.DECISION`` or None
        The stream itself, if it was asked for.
    """

    jobs: NDArray[Any]
    replicas: NDArray[Any]
    teams: NDArray[np.int64]
    pools: NDArray[np.int64]
    services: NDArray[Any]
    closes_ms: NDArray[np.int64]
    digest: str
    decisions: NDArray[Any] | None
    counters: dict[str, int]


class Replay:
    """A run under way; `simulate` is the usual way to use it."""

    def __init__(self, layout: Layout, charter: Charter, *, keep: bool, interpreted: bool = False) -> None:
        self.layout = layout
        self._charter = charter
        self._arrays = layout.state
        self._keep = keep
        self._hash = hashlib.sha256()
        self._kept: list[NDArray[Any]] = []
        self._teams: list[NDArray[np.int64]] = []
        self._pools: list[NDArray[np.int64]] = []
        self._times: list[int] = []
        self._interpreted = interpreted
        self._handle: Any = Handle(layout.state)
        self._call: dict[str, Any] = {"run": loop.run, "begin_instant": loop.begin_instant, "close": loop.close}
        self._call |= {"set_node": set_node, "set_devices_out": set_devices_out, "rescale": rescale}
        if interpreted:
            self._handle = plain(layout.state)
            self._call = _interpreted()

    def until(self, until_ms: int, *, resume: bool = False, progress: Callable[[Progress], None] | None = None) -> int:
        """Run every instant before ``until_ms``; returns the time of the next instant (NEVER: none)."""
        while True:
            next_ms = self._call["run"](self._handle, until_ms, self.layout.room, resume)
            resume = False
            self._drain()
            if progress is not None:
                g = self._member("glob")[0]
                progress(Progress(int(g.arrived), int(g.ends), self.layout.n_jobs, int(g.now)))
            if next_ms >= until_ms:
                return int(next_ms)

    def change_nodes(self, at_ms: int, changes: Sequence[NodeChange]) -> None:
        """End what ends at ``at_ms``, change the nodes, rescale the floors, and finish the instant."""
        self._call["begin_instant"](self._handle, at_ms)
        touched: set[int] = set()
        names = [pool.name for pool in self.layout.pools]
        for change in changes:
            p = names.index(change.pool)
            touched.add(p)
            if self.layout.pools[p].gpus_per_node > 1:
                self._call["set_node"](self._handle, p, change.node, NODE_STATES[change.state])
            else:
                self._change_device(p, change)
        for p in sorted(touched):
            self._rescale(p)
        self.until(at_ms, resume=True)

    @property
    def now_ms(self) -> int:
        """Time of the latest event."""
        return int(self._member("glob")[0].now)

    def begin_day(self) -> None:
        """A charter-local day begins: reclaims are counted anew."""
        self._member("glob")[0].day += 1

    def close(self, at_ms: int) -> None:
        """Record totals up to ``at_ms`` (not before the latest event)."""
        self._call["close"](self._handle, at_ms)
        state = self._structured()
        self._teams.append(np.stack([state.refs[name] for name in TEAM_TOTALS], axis=1))
        self._pools.append(np.stack([state.pools[name] for name in POOL_TOTALS], axis=1))
        self._times.append(at_ms)

    def result(self) -> Run:
        """Return what happened so far."""
        state = self._structured()
        failed = int(state.glob["failed"][0])
        if failed:
            raise InternalError(
                "X101", f"{failed} claims could not be placed as planned", hint="please report the charter and log"
            )
        n = self.layout.n_jobs
        return Run(
            jobs=state.jobs[:n],
            replicas=state.jobs[n:],
            teams=np.array(self._teams),
            pools=np.array(self._pools),
            services=state.services,
            closes_ms=np.array(self._times, np.int64),
            digest=self._hash.hexdigest(),
            decisions=np.concatenate(self._kept)
            if self._kept
            else (np.zeros(0, state.out.dtype) if self._keep else None),
            counters={
                name: int(state.glob[name][0]) for name in ("events", "passes", "starts", "ends", "stops", "claims")
            },
        )

    def _member(self, name: str) -> Any:
        member = getattr(self._handle if self._interpreted else self._arrays, name)
        return member if self._interpreted else member.view(np.recarray)

    def _structured(self) -> State:
        """Return the state as arrays (copied back from the lists of the interpreted run)."""
        if not self._interpreted:
            return self._arrays
        out: list[Any] = []
        for array, values in zip(self._arrays, self._handle, strict=True):
            if array.dtype.names is None:
                out.append(np.array(values, array.dtype))
            else:
                rows = [tuple(getattr(v, name) for name in array.dtype.names) for v in values]
                out.append(np.array(rows, array.dtype))
        return State(*out)

    def _drain(self) -> None:
        """Hash the decisions made since the last drain, and keep them if asked."""
        g = self._member("glob")[0]
        n = int(g.out_n)
        if n == 0:
            return
        if self._interpreted:
            names = self._arrays.out.dtype.names or ()
            block = np.array(
                [tuple(getattr(d, x) for x in names) for d in self._handle.out[:n]], self._arrays.out.dtype
            )
        else:
            block = self._arrays.out[:n]
        self._hash.update(block.tobytes())
        if self._keep:
            self._kept.append(block.copy())
        g.out_n = 0

    def _change_device(self, p: int, change: NodeChange) -> None:
        """Nodes of one device are only counted: remember which are out, and change the counts."""
        if not hasattr(self, "_out"):
            self._out: dict[tuple[int, int], str] = {}
        was = self._out.get((p, change.node), "up")
        if was != "up":
            self._call["set_devices_out"](self._handle, p, -1, NODE_STATES[was])
        if change.state != "up":
            self._call["set_devices_out"](self._handle, p, 1, NODE_STATES[change.state])
        self._out[p, change.node] = change.state

    def _rescale(self, p: int) -> None:
        """Write floors, limits and reserves for the devices that are up now."""
        devices = int(self._member("pools")[p].capacity)
        pool = self.layout.pools[p]
        scaled = quotas(self._charter, pool.name, devices)
        for plan, name in ((self.layout.reference, "refs"), (self.layout.plan, "shares")):
            self._write(plan, name, p, scaled, devices)
        self._call["rescale"](self._handle, p)

    def _write(self, plan: Plan, name: str, p: int, scaled: Any, devices: int) -> None:
        members = self._member(name)
        rows = self._member("rows")
        base = p * len(plan.lines)
        for number, line in enumerate(plan.lines):
            if line.parent < 0:
                floor, limit, reserve = (0 if plan.one_queue else devices), devices, 0
            else:
                quota = scaled[self._charter.id_of(line.path)]
                bare = plan.unfloored
                floor, limit, reserve = (0 if bare else quota.floor), quota.limit, (0 if bare else quota.reserve)
            share = members[base + number]
            share.floor, share.limit, share.reserve = floor, limit, reserve
            if name == "shares":
                row = rows[base + number]
                inner = line.parent >= 0
                row.floor, row.limit, row.reserve = (floor if inner else 0), limit, (reserve if inner else 0)


def simulate(
    workload: Workload,
    charter: Charter,
    plan: Plan,
    *,
    reference: Plan,
    options: Options = DEFAULTS,
    closes_ms: Sequence[int] = (),
    midnights_ms: Sequence[int] | None = None,
    nodes: Sequence[NodeChange] = (),
    keep: bool = False,
    interpreted: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> Run:
    """Replay a workload under a plan.

    Parameters
    ----------
    workload : Workload
    charter : Charter
        The charter that ``plan`` was made of; its pools are the machine.
    plan, reference : Plan
        What executes, and what entitlement and denial are computed against.
    closes_ms : sequence of int
        Times at which totals are recorded; one more is added at the end.
    midnights_ms : sequence of int, optional
        When a charter-local day begins (reclaims are counted by day); every 24 hours by default.
    nodes : sequence of NodeChange
        Changes of capacity, in any order.
    keep : bool
        Whether to return the stream of decisions.
    interpreted : bool
        Run the kernel's source as plain Python: thousands of times slower, bit for bit the same.

    Raises
    ------
    InputError
        W101, W102, C301 for a workload that does not fit the charter; W103 for a node that is not there.

    Examples
    --------
    See `equipoise.tasks.simulate`, which adds files, reports and comparison.
    """
    _check_nodes(nodes, charter.pools)
    layout = build(workload, charter.pools, plan, reference=reference, options=options)
    replay = Replay(layout, charter, keep=keep, interpreted=interpreted)
    days = _days(workload) if midnights_ms is None else midnights_ms
    stops = sorted({*closes_ms, *days} | {change.at_ms for change in nodes})
    closing, dawning = frozenset(closes_ms), frozenset(days)
    last = max((*closes_ms, *(change.at_ms for change in nodes)), default=0)
    for stop in stops:
        if replay.until(stop, progress=progress) == NEVER and stop > last:
            break
        if stop in closing:
            replay.close(stop)
        if stop in dawning:
            replay.begin_day()
        due = [change for change in nodes if change.at_ms == stop]
        if due:
            replay.change_nodes(stop, due)
    replay.until(NEVER, progress=progress)
    replay.close(replay.now_ms)
    return replay.result()


def _interpreted() -> dict[str, Any]:
    """Return the kernel's functions by name, to be run as plain Python over `policy.state.plain`."""
    modules = [
        calendar, capacity, claims, decay, entitlement, placement, reclaim, restoring, running, schedule, services, shadow,
        submission, turns, victims, waiting, loop,
    ]  # fmt: skip
    return jit.plain(modules)


def _days(workload: Workload) -> range:
    """Every 24 hours until a month after the last submission."""
    last = int(workload.jobs.submit_ms[-1]) if len(workload.jobs) else 0
    return range(DAY_MS, last + 31 * DAY_MS, DAY_MS)


def _check_nodes(nodes: Sequence[NodeChange], pools: tuple[Pool, ...]) -> None:
    sizes = {pool.name: pool.nodes for pool in pools}
    for change in nodes:
        if change.pool not in sizes:
            raise InputError(
                "W103", f"no pool '{change.pool}' whose nodes could change", hint="pools: " + ", ".join(sizes)
            )
        if not 0 <= change.node < sizes[change.pool] or change.state not in NODE_STATES or change.at_ms < 0:
            raise InputError(
                "W103",
                f"node {change.node} of '{change.pool}' cannot go '{change.state}' at {change.at_ms} ms",
                hint=f"nodes 0 to {sizes[change.pool] - 1}; states: " + ", ".join(NODE_STATES),
            )
