"""A run under way: the kernel's arrays, moved by a few verbs, with a digest of every decision and the closes so far.

No clock, file or thread is touched here. `timeline` says which verb comes when.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.errors import InputError, InternalError
from equipoise.policy.kernel import (
    calendar,
    capacity,
    claims,
    decay,
    entitlement,
    fair_tree,
    jit,
    ordering,
    packing,
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
    webster,
)
from equipoise.policy.kernel.capacity import rescale, set_devices_out, set_node
from equipoise.policy.kernel.layout import DECISION, DEMAND, NEVER, State
from equipoise.policy.kernel.pointer import STATE, Handle
from equipoise.policy.state import Layout, plain
from equipoise.simulator import loop
from equipoise.simulator.snapshot import pack, unpack
from equipoise.simulator.stream import Stream

NODE_STATES = {"up": capacity.UP, "down": capacity.DOWN, "maintenance": capacity.MAINTENANCE}

UNSAVED = frozenset({"out", "powers"})  # emptied after every call; the same in every run
GIVEN = (  # what a run never changes
    *(f"jobs.{name}" for name in ("duration_ms", "savepoint_ms", "gang", "queue", "ref")),
    *(f"demands.{name}" for name in DEMAND.names or ()),
    *(f"glob.{name}" for name in ("rules", "half_life_ms", "savepoint_cost_ms")),
    "arrivals.",
    "edges.",
)

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
        Name of the stream of decisions: SHA-256, chained over blocks (`stream.Stream`).
    decisions : structured array of ``layout.DECISION`` or None
        The stream itself, if it was asked for.
    partial : bool
        Whether it was ended before everything had happened.
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
    partial: bool = False


class Replay:
    """A run under way; a `Timeline` moves it.

    Attributes
    ----------
    passed_ms : int
        The latest stop (close, day, change of nodes) that was made; NEVER once the run is over.
    day_ms : int
        A time up to which all days have begun.
    """

    def __init__(self, layout: Layout, *, keep: bool, interpreted: bool = False) -> None:
        self.layout = layout
        self.passed_ms = -1
        self.day_ms = 0
        self._arrays = layout.state
        self._stream = Stream(keep=keep)
        self._teams: list[NDArray[np.int64]] = []
        self._pools: list[NDArray[np.int64]] = []
        self._times: list[int] = []
        self._out: dict[tuple[int, int], str] = {}
        self._interpreted = interpreted
        self._handle: Any = Handle(layout.state)
        self._call: dict[str, Any] = {"run": loop.run, "begin_instant": loop.begin_instant, "close": loop.close}
        self._call |= {"set_node": set_node, "set_devices_out": set_devices_out, "rescale": rescale}
        if interpreted:
            self._handle = plain(layout.state)
            self._call = _interpreted()

    def advance(self, until_ms: int, *, resume: bool = False) -> int:
        """Run instants before ``until_ms``, some or all; returns the time of the next instant (NEVER: none).

        All of them were run if that is not before ``until_ms``. ``resume`` finishes an instant that was begun.
        """
        next_ms = self._call["run"](self._handle, until_ms, self.layout.room, resume)
        self._drain()
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
        self.advance(at_ms, resume=True)

    def begin_day(self, at_ms: int) -> None:
        """Charter-local days begin, the last of them not after ``at_ms``: reclaims are counted anew."""
        self._member("glob")[0].day += 1
        self.day_ms = at_ms

    def close(self, at_ms: int) -> None:
        """Record totals up to ``at_ms`` (not before the latest event)."""
        self._call["close"](self._handle, at_ms)
        state = self._structured()
        self._teams.append(np.stack([state.refs[name] for name in TEAM_TOTALS], axis=1))
        self._pools.append(np.stack([state.pools[name] for name in POOL_TOTALS], axis=1))
        self._times.append(at_ms)

    def close_now(self) -> None:
        """Record totals at the latest event."""
        self.close(int(self._member("glob")[0].now))

    def finish(self) -> None:
        """Record totals at the last event: the run is over."""
        self.close_now()
        self.passed_ms = NEVER

    @property
    def over(self) -> bool:
        """Whether the run was finished."""
        return self.passed_ms >= NEVER

    @property
    def waiting(self) -> bool:
        """Whether work waits that a change of nodes could let start."""
        return any(pool.pending > 0 for pool in self._member("pools"))

    def progress(self) -> Progress:
        """Return how far the run is."""
        g = self._member("glob")[0]
        return Progress(int(g.arrived), int(g.ends), self.layout.n_jobs, int(g.now))

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
            digest=self._stream.digest,
            decisions=self._stream.kept,
            counters={
                name: int(state.glob[name][0]) for name in ("events", "passes", "starts", "ends", "stops", "claims")
            },
            partial=not self.over,
        )

    def snapshot(self) -> bytes:
        """Return all that `restore` needs to go on from here; the same run gives the same bytes at the same place.

        It holds the kernel's state, the closes so far, the digest so far and, where they are kept, the decisions.
        """
        facts = {
            "kernel": STATE.name,
            "rules": _rules(self.layout),
            "passed_ms": self.passed_ms,
            "day_ms": self.day_ms,
            "link": self._stream.link.hex(),
            "out": sorted([*place, state] for place, state in self._out.items()),
            "keep": self._stream.kept is not None,
        }
        columns = _columns(self._structured())
        columns["closes.ms"] = np.array(self._times, np.int64)
        columns["closes.teams"] = np.array(self._teams, np.int64)
        columns["closes.pools"] = np.array(self._pools, np.int64)
        columns["stream.rest"] = np.frombuffer(self._stream.rest, np.uint8)
        columns["stream.kept"] = np.frombuffer(b"" if (kept := self._stream.kept) is None else kept.tobytes(), np.uint8)
        return pack(facts, columns)

    @classmethod
    def restore(cls, snapshot: bytes, layout: Layout, *, interpreted: bool = False) -> Replay:
        """Return the run that was put aside, to go on from there.

        Parameters
        ----------
        snapshot : bytes
            From `snapshot`, compiled or interpreted.
        layout : Layout
            Built of the same workload, pools, plans and options; its arrays are written over, and belong to the run.
        interpreted : bool
            Go on in plain Python.

        Raises
        ------
        InputError
            S106 for a snapshot that is damaged, of another kernel, or of another workload, charter or options.
        """
        facts, columns = unpack(snapshot)
        _check_fit(facts, columns, layout)
        for name, column in _columns(layout.state).items():
            column[...] = columns[name]
        replay = cls(layout, keep=facts["keep"], interpreted=interpreted)
        replay.passed_ms, replay.day_ms = facts["passed_ms"], facts["day_ms"]
        replay._out = {(p, node): state for p, node, state in facts["out"]}
        replay._times = columns["closes.ms"].tolist()
        replay._teams, replay._pools = list(columns["closes.teams"]), list(columns["closes.pools"])
        kept = np.frombuffer(columns["stream.kept"].tobytes(), DECISION) if facts["keep"] else None
        replay._stream.resume(bytes.fromhex(facts["link"]), columns["stream.rest"].tobytes(), kept)
        return replay

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
        """Move the decisions made since the last drain to the stream."""
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
        self._stream.add(block)
        g.out_n = 0

    def _change_device(self, p: int, change: NodeChange) -> None:
        """Nodes of one device are only counted: remember which are out, and change the counts."""
        was = self._out.get((p, change.node), "up")
        if was != "up":
            self._call["set_devices_out"](self._handle, p, -1, NODE_STATES[was])
        if change.state != "up":
            self._call["set_devices_out"](self._handle, p, 1, NODE_STATES[change.state])
        self._out[p, change.node] = change.state

    def _rescale(self, p: int) -> None:
        """Write floors, limits and reserves for the devices that are up now, to each tree by its own charter."""
        devices = int(self._member("pools")[p].capacity)
        name = self.layout.pools[p].name
        for plan, member in ((self.layout.reference, "refs"), (self.layout.plan, "shares")):
            for number, quota in enumerate(plan.quotas(name, devices), start=p * len(plan.lines)):
                share = self._member(member)[number]
                share.floor, share.limit, share.reserve = quota.floor, quota.limit, quota.reserve
        plan = self.layout.plan
        for number, quota in enumerate(plan.quotas(name, devices)):
            row = self._member("rows")[p * len(plan.lines) + number]
            row.limit = quota.limit
            row.floor, row.reserve = (quota.floor, quota.reserve) if number else (0, 0)
        self._call["rescale"](self._handle, p)


def _columns(state: State) -> dict[str, NDArray[Any]]:
    """Return views of all that a state knows and a layout does not, column by column."""
    found: dict[str, NDArray[Any]] = {}
    for name, array in zip(State._fields, state, strict=True):
        if name in UNSAVED or (name == "shares" and state.glob["same_tree"][0]):
            continue
        for column in array.dtype.names or ("",):
            if column != "pad":
                found[f"{name}.{column}"] = array[column] if column else array
    return found


def _rules(layout: Layout) -> str:
    """Name pools, plans and their charters."""
    return hashlib.sha256(repr((layout.pools, layout.plan, layout.reference)).encode()).hexdigest()


def _check_fit(facts: dict[str, Any], columns: dict[str, NDArray[Any]], layout: Layout) -> None:
    if facts["kernel"] != STATE.name:
        raise InputError(
            "S106",
            f"the snapshot is of another kernel: {facts['kernel']}, and this is {STATE.name}",
            hint="replay from the start, or with the version that made it",
        )
    own = _columns(layout.state)
    fits = facts["rules"] == _rules(layout) and all(
        name in columns and (columns[name].shape, columns[name].dtype) == (column.shape, column.dtype)
        for name, column in own.items()
    )
    given = {name: columns[name] for name in GIVEN} if fits else {}
    for name, column in given.items():
        rows = slice(layout.n_jobs if name.startswith("jobs.") else None)  # of a service's replicas a run changes these
        fits = fits and np.array_equal(column[rows], own[name][rows])
    if not fits:
        raise InputError(
            "S106", "the snapshot is of another workload, charter or options", hint="lay out what it was made of"
        )


def _interpreted() -> dict[str, Any]:
    """Return the kernel's functions by name, to be run as plain Python over `policy.state.plain`."""
    modules = [
        calendar, capacity, claims, decay, entitlement, fair_tree, ordering, packing, placement, reclaim, restoring, running,
        schedule, services, shadow, submission, turns, victims, waiting, webster, loop,
    ]  # fmt: skip
    return jit.plain(modules)
