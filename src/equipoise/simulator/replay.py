"""A run under way: a core whose engine is simulated, moved by a few verbs; it can be put aside and gone on with.

No clock, file or thread is touched here. `timeline` says which verb comes when.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.errors import InputError, InternalError
from equipoise.policy.core import POOL_TOTALS, TEAM_TOTALS, Core
from equipoise.policy.events import Events, event, in_order, per_pass
from equipoise.policy.kernel import capacity
from equipoise.policy.kernel.layout import (
    DAY_BEGAN,
    DECISION,
    DEMAND,
    EVENT,
    NEVER,
    SHARES,
    WINDOW_BEGAN,
    State,
)
from equipoise.policy.kernel.pointer import STATE
from equipoise.policy.kernel.promises import look_anew
from equipoise.policy.promises import Promised
from equipoise.policy.state import Layout
from equipoise.simulator import loop
from equipoise.simulator.snapshot import pack, unpack

__all__ = ["NODE_STATES", "POOL_TOTALS", "TEAM_TOTALS", "NodeChange", "Progress", "Replay", "Run"]

NODE_STATES = {"up": capacity.UP, "down": capacity.DOWN, "maintenance": capacity.MAINTENANCE}

UNSAVED = frozenset({"out", "events", "powers"})  # emptied after every call; the same in every run
GIVEN = (  # what a run never changes
    *(f"jobs.{name}" for name in ("duration_ms", "savepoint_ms", "gang", "queue", "ref")),
    *(f"demands.{name}" for name in DEMAND.names or ()),
    *(f"glob.{name}" for name in ("rules", "savepoint_cost_ms", "seed")),
    *(f"glob.{name}" for name in ("startup_ms", "startup_span_ms", "drain_ms", "drain_span_ms")),
    "arrivals.",
    "edges.",
)


@dataclass(frozen=True, slots=True)
class NodeChange:
    """At ``at_ms``, node ``node`` (from 0) of pool ``pool`` goes ``up``, ``down`` or into ``maintenance``."""

    at_ms: int
    pool: str
    node: int
    state: str


@dataclass(frozen=True, slots=True)
class CapChange:
    """From ``at_ms`` on, service ``service`` (its number) may have at most ``gpus`` accelerators; None: any number."""

    at_ms: int
    service: int
    gpus: int | None


@dataclass(frozen=True, slots=True)
class WindowBegin:
    """A window of a promise (its number in ``Layout.promised``) begins: in which place, its end, and what it makes good."""

    promise: int
    place: int
    to_ms: int
    make_good: int = 0


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
    pools : int64 array, shape (closes, pools, 9)
        Totals at each close: capacity, held, idle unused, idle blocked, down, maintenance, stranded, start-up and drain
        GPU-ms (`POOL_TOTALS`).
    services : structured array of ``layout.SERVICE``
    closes_ms : int64 array
        The times of the closes; the last is the end of the run.
    digest : str
        Name of the stream of decisions: SHA-256, chained over blocks (`stream.Stream`).
    decisions : structured array of ``layout.DECISION`` or None
        The stream itself, if it was asked for.
    partial : bool
        Whether it was ended before everything had happened.
    promises : mapping of time to (int64 array, int64 array)
        Totals of promises at closes and at the edges of windows, shapes (promises, 10) and (windows open at once, 6):
        `policy.core.PROMISE_TOTALS` and `WINDOW_TOTALS`; rows as in ``promised``.
    promised : tuple of Promised
    counted : int32 array
        Of every job, which promises of starts count it (bits, as in `policy.promises.starts_promises`); empty without any.
    events : structured array of ``layout.EVENT`` or None
        What the policy would be told to decide the same, if that was asked for; `policy.retracing.retrace` tells it.
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
    events: Events | None = None
    promises: dict[int, tuple[NDArray[np.int64], NDArray[np.int64]]] = field(
        default_factory=dict[int, tuple[NDArray[np.int64], NDArray[np.int64]]]
    )
    promised: tuple[Promised, ...] = ()
    counted: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))


class Replay(Core):
    """A run under way: a core whose engine is simulated; a `Timeline` moves it.

    Parameters
    ----------
    layout : Layout
    keep, interpreted : bool
        As of `Core`.

    Attributes
    ----------
    passed_ms : int
        The latest stop (close, day, change of nodes) that was made; NEVER once the run is over.
    day_ms : int
        A time up to which all days have begun.
    """

    def __init__(self, layout: Layout, *, keep: bool, interpreted: bool = False) -> None:
        super().__init__(layout, keep=keep, interpreted=interpreted)
        self.passed_ms = -1
        self.day_ms = 0
        self._recording = int(layout.state.glob["record_room"][0]) > 0
        self._events: list[Events] = []

    def advance(self, until_ms: int, *, resume: bool = False) -> int:
        """Run instants before ``until_ms``, some or all; returns the time of the next instant (NEVER: none).

        All of them were run if that is not before ``until_ms``. ``resume`` finishes an instant that was begun.
        """
        next_ms = self._call["run"](self._handle, until_ms, self.layout.room, resume)
        self._drain()
        self._keep_events()
        return int(next_ms)

    def change(self, at_ms: int, rows: Events) -> None:
        """End what ends at ``at_ms``, change nodes, the charter and caps as events say, and finish the instant."""
        self._call["begin_instant"](self._handle, at_ms)
        self._keep_events()
        rows = in_order(rows)
        self._change(rows)
        assert not rows["refused"].any(), "what changes was checked before the run"
        if self._recording:
            self._events.append(rows)
        self.advance(at_ms, resume=True)

    def begin_day(self, at_ms: int) -> None:
        """Charter-local days begin, the last of them not after ``at_ms``: reclaims are counted anew."""
        self._member("glob")[0].day += 1
        self.day_ms = at_ms
        if self._recording:
            self._events.append(event(DAY_BEGAN, at_ms=at_ms))

    def begin_windows(self, at_ms: int, windows: Sequence[WindowBegin]) -> None:
        """Windows of promises begin (totals were recorded up to here): open them, and let the instant decide."""
        for one in windows:
            place = int(self._member("promises")[one.promise].span) + one.place
            span, promise = self._member("spans")[place], self._member("promises")[one.promise]
            span.from_ms, span.to_ms, span.make_good = at_ms, one.to_ms, one.make_good
            span.balance, span.denied, span.denied_both, span.lost_ms = promise.balance, 0, 0, -1
            look_anew.py_func(promise)
            if self._recording:
                row = event(
                    WINDOW_BEGAN, one.promise, detail=one.place, at_ms=at_ms, until_ms=one.to_ms, amount=one.make_good
                )
                self._events.append(row)
        self._call["begin_instant"](self._handle, at_ms)
        self._keep_events()
        self._follow_windows()
        self.advance(at_ms, resume=True)

    def close_now(self) -> None:
        """Record totals at the latest event."""
        self.close(self.now_ms)

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
        """Whether work waits that a change of nodes, or of the charter, could let start, or a cap holds some back."""
        held_back = any(service.sought > service.asked for service in self._member("services"))
        return held_back or any(pool.pending > 0 for pool in self._member("pools"))

    def pool_capacity(self, number: int) -> int:
        """Return how many devices of a pool are up."""
        return int(self._member("pools")[number].capacity)

    def progress(self) -> Progress:
        """Return how far the run is."""
        g = self._member("glob")[0]
        return Progress(int(g.arrived), int(g.ends), self.layout.n_jobs, int(g.now))

    def result(self) -> Run:
        """Return what happened so far."""
        return run_of(self, partial=not self.over, events=self.recorded if self._recording else None)

    @property
    def recorded(self) -> Events:
        """The events so far, if they are recorded: rows of ``layout.EVENT``, each batch ending with its pass."""
        return np.concatenate([np.zeros(0, EVENT), *self._events])

    def _more_modules(self) -> tuple[ModuleType, ...]:
        return (loop,)

    def _functions(self) -> dict[str, Any]:
        return {"run": loop.run, "begin_instant": loop.begin_instant} | super()._functions()

    def _keep_events(self) -> None:
        if self._recording:
            self._events.append(per_pass(self._emptied("events", "recorded")))

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
        columns["promises.ms"] = np.array(list(self._promises), np.int64)
        columns["promises.totals"] = np.array([totals for totals, _ in self._promises.values()], np.int64)
        columns["promises.windows"] = np.array([windows for _, windows in self._promises.values()], np.int64)
        columns["stream.rest"] = np.frombuffer(self._stream.rest, np.uint8)
        columns["events.kept"] = np.frombuffer(self.recorded.tobytes(), np.uint8)
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
        noted = zip(columns["promises.totals"], columns["promises.windows"], strict=True)
        replay._promises = dict(zip(columns["promises.ms"].tolist(), noted, strict=True))
        replay._events = [np.frombuffer(columns["events.kept"].tobytes(), EVENT)]
        kept = np.frombuffer(columns["stream.kept"].tobytes(), DECISION) if facts["keep"] else None
        replay._stream.resume(bytes.fromhex(facts["link"]), columns["stream.rest"].tobytes(), kept)
        return replay


def run_of(core: Core, *, partial: bool, events: Events | None = None) -> Run:
    """Return what happened to a core so far, whoever moved it."""
    state = core.state
    failed = int(state.glob["failed"][0])
    if failed:
        raise InternalError(
            "X101", f"{failed} claims could not be placed as planned", hint="please report the charter and log"
        )
    n = core.layout.n_jobs
    return Run(
        jobs=state.jobs[:n],
        replicas=state.jobs[n:],
        teams=core.teams,
        pools=core.pools,
        services=state.services,
        closes_ms=core.closes_ms,
        digest=core.digest,
        decisions=core.decisions,
        counters={name: int(state.glob[name][0]) for name in ("events", "passes", "starts", "ends", "stops", "claims")},
        partial=partial,
        events=events,
        promises=core.promises,
        promised=core.layout.promised,
        counted=state.counted[:n] if len(state.starts_rules) else np.zeros(0, np.int32),
    )


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
    told = (layout.pools, layout.plan, layout.reference, *layout.later)
    return hashlib.sha256(repr(told).encode()).hexdigest()


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
        same = column[rows], own[name][rows]
        if name == "glob.rules":  # one of them follows the charter in force
            same = same[0] & ~SHARES, same[1] & ~SHARES
        fits = fits and np.array_equal(*same)
    if not fits:
        raise InputError(
            "S106", "the snapshot is of another workload, charter or options", hint="lay out what it was made of"
        )
