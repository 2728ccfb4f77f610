"""The policy as whoever runs it sees it: events in, decisions out, with a digest of every decision and the closes so far.

`Core.take` is the main path: one batch of events, one instant, one answer. A live controller calls it with what its
engine reports, an audit with what the ledger holds (`retracing`), and the simulator's `Replay` is a core that plays the
engine itself. No clock, file or thread is touched here.
"""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.errors import InputError
from equipoise.policy.events import Events, in_order, per_pass
from equipoise.policy.kernel import (
    calendar,
    capacity,
    claims,
    confirmation,
    decay,
    draws,
    enactment,
    entitlement,
    fair_tree,
    heap,
    jit,
    lifting,
    ordering,
    pacing,
    packing,
    placement,
    promises,
    reclaim,
    restoring,
    running,
    schedule,
    services,
    shadow,
    submission,
    transition,
    turns,
    victims,
    waiting,
    webster,
    wide,
)
from equipoise.policy.kernel import events as taking
from equipoise.policy.kernel import layout as k
from equipoise.policy.kernel.capacity import rescale, set_devices_out, set_node
from equipoise.policy.kernel.layout import State
from equipoise.policy.kernel.pointer import Handle
from equipoise.policy.kernel.services import set_cap
from equipoise.policy.promises import is_live, nominal_shares, settle
from equipoise.policy.state import Layout, plain, steps_per_half_life, write_terms
from equipoise.policy.stream import Stream

TEAM_TOTALS = ("acc_held", "acc_entitled", "acc_denied", "acc_lost", "acc_reclaims")
POOL_TOTALS = (
    "acc_capacity", "acc_held", "idle_unused", "idle_blocked", "acc_down", "acc_maintenance", "stranded", "acc_starting",
    "acc_draining",
)  # fmt: skip
PROMISE_TOTALS = ("owed", "delivered", "gross", "unclaimed", "surplus", "balance", "pace", "held", "asked", "whole")
WINDOW_TOTALS = ("from_ms", "to_ms", "make_good", "denied", "denied_both", "lost_ms")
KERNEL: tuple[ModuleType, ...] = (
    calendar, capacity, claims, confirmation, decay, draws, enactment, entitlement, fair_tree, heap, lifting, ordering, packing, pacing,
    placement, promises, reclaim, restoring, running, schedule, services, shadow, submission, taking, transition,
    turns, victims, waiting, webster, wide,
)  # fmt: skip

AT_ONCE = 1 << 16
"""So many events are told at a time, where their passes are known."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What a batch of events led to.

    Parameters
    ----------
    decisions : structured array of ``layout.DECISION``
        To be carried out in this order.
    refused : structured array of ``layout.EVENT``
        Events that cannot be, each with its reason in ``refused`` (`events.REASONS`); they changed nothing.
    next_ms : int
        When the core wants to be asked again though nothing happens: the next deadline of a warning (``NEVER``: none).
    taken : structured array of ``layout.EVENT``
        The other events, in the order in which they were taken.
    """

    decisions: NDArray[Any]
    refused: Events
    next_ms: int
    taken: Events


class Core:
    """A policy under way.

    Parameters
    ----------
    layout : Layout
        Built with ``run_times="unknown"`` (or "known", which tells the account, not the policy, how long jobs run).
    keep : bool
        Whether to keep the stream of decisions and not only its digest.
    interpreted : bool
        Run the kernel's source as plain Python: thousands of times slower, bit for bit the same.
    lasting : bool
        Whether decisions leave out what charters to come would number otherwise: the row in which a job starts.

    Examples
    --------
    See `tests/property/latency_cases.py`.
    """

    def __init__(self, layout: Layout, *, keep: bool = False, interpreted: bool = False, lasting: bool = False) -> None:
        self.layout = layout
        self._lasting = lasting
        self._arrays = layout.state
        self._stream = Stream(keep=keep)
        self._teams: list[NDArray[np.int64]] = []
        self._pools: list[NDArray[np.int64]] = []
        self._times: list[int] = []
        self._promises: dict[int, tuple[NDArray[np.int64], NDArray[np.int64]]] = {}
        self._out: dict[tuple[int, int], int] = {}
        self._interpreted = interpreted
        self._handle: Any = plain(layout.state) if interpreted else Handle(layout.state)
        self._call = self._functions()

    def take(self, at_ms: int, events: Events) -> Answer:
        """Tell the core what happened, all of it at one instant, and let it decide.

        Parameters
        ----------
        at_ms : int
            Not before the batch before. Who reads a clock takes the later of that and the clock.
        events : structured array of ``layout.EVENT``
            In any order (`events.in_order` is applied); may be empty.

        Raises
        ------
        InputError
            P102 for a batch before the latest one, or with more events than there is room for.
        """
        self._check_batch(at_ms, events)
        told = in_order(events)
        n = len(told)
        self._tell(told)
        first = after = int(self._call["take_reports"](self._handle, at_ms, n))
        while after < n and k.NODE_CHANGED <= told[after]["kind"] <= k.CAP_SET:
            after += 1
        self._follow_windows()
        self._change(told[first:after])
        next_ms = int(self._call["take_requests"](self._handle, at_ms, after, n))
        reasons = self._refusals(n)
        reasons[first:after] = told["refused"][first:after]
        told["refused"] = reasons
        return Answer(self._drain(), told[reasons != 0], next_ms, told[reasons == 0])

    def take_passes(self, record: Events) -> tuple[NDArray[Any], Events]:
        """Tell the core whole passes, none of which changes nodes, charter or caps; returns the decisions, and what was told.

        As many are taken as there is room for, at least one. In what is returned each ``PASS`` has in ``detail`` how many
        decisions it led to and in ``until_ms`` when the policy then wants to be asked again, and every event its reason in
        ``refused``.

        Parameters
        ----------
        record : structured array of ``layout.EVENT``
            In the order in which `take` takes them (`events.in_order`); each batch ends with a ``PASS``, whose time is the
            batch's.

        Raises
        ------
        InputError
            P102 for a batch before the latest one, or with more events than there is room for.
        """
        ends = np.flatnonzero(record["kind"][:AT_ONCE] == k.PASS)
        if len(ends) == 0:
            ends = np.flatnonzero(record["kind"] == k.PASS)[:1]
        first, n = int(ends[0]), int(ends[np.searchsorted(ends, len(self._arrays.events)) - 1]) + 1
        self._check_batch(int(record["time_ms"][first]), record[:first])
        times_ms = record["time_ms"][ends[: np.searchsorted(ends, n)]]
        for back in np.flatnonzero(times_ms[1:] < times_ms[:-1])[:1]:
            self._check_order(int(times_ms[back + 1]), int(times_ms[back]))
        self._tell(record[:n])
        taken = int(self._call["take_passes"](self._handle, n, self.layout.room))
        told = per_pass(self._array("events")[:taken].copy())
        return self._drain(), told

    def close(self, at_ms: int) -> None:
        """Record totals up to ``at_ms`` (not before the latest event)."""
        self._call["close"](self._handle, at_ms)
        refs, pools = self._array("refs"), self._array("pools")
        teams = np.stack([refs[name] for name in TEAM_TOTALS], axis=1)
        if self._member("glob")[0].rules & k.CONFIRM:
            teams[:, 0] -= self._array("startups")["acc_starting"]  # start-up counts for nobody
        self._teams.append(teams)
        self._pools.append(np.stack([pools[name] for name in POOL_TOTALS], axis=1))
        self._times.append(at_ms)
        self._note_promises(at_ms)

    def close_promises(self, at_ms: int) -> None:
        """Record the totals of promises up to ``at_ms`` (not before the latest event)."""
        self._call["close"](self._handle, at_ms)
        self._note_promises(at_ms)

    def _note_promises(self, at_ms: int) -> None:
        """Note the totals of promises; those by which a window that ended at this time is judged stay."""
        noted = self._promises.get(at_ms)
        if noted is not None and bool((noted[1][:, WINDOW_TOTALS.index("to_ms")] == at_ms).any()):
            return
        if self.layout.promised:
            promises, spans = self._array("promises"), self._array("spans")
            totals = np.stack([promises[name] for name in PROMISE_TOTALS], axis=1)
            windows = np.stack([spans[name] for name in WINDOW_TOTALS], axis=1)
            self._promises[at_ms] = (totals.astype(np.int64), windows.astype(np.int64))

    @property
    def promises(self) -> dict[int, tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Totals of promises (`PROMISE_TOTALS`) and of their windows (`WINDOW_TOTALS`) by the time they were recorded."""
        return dict(self._promises)

    @property
    def now_ms(self) -> int:
        """Time of the latest event or close."""
        return int(self._member("glob")[0].now)

    @property
    def digest(self) -> str:
        """Name of all decisions so far: SHA-256, chained over blocks (`stream.Stream`)."""
        return self._stream.digest

    @property
    def decisions(self) -> NDArray[Any] | None:
        """All decisions so far, if they are kept."""
        return self._stream.kept

    @property
    def closes_ms(self) -> NDArray[np.int64]:
        """The times of the closes so far."""
        return np.array(self._times, np.int64)

    @property
    def latest_close(self) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
        """Totals of teams and of pools at the latest close, as in `teams` and `pools`."""
        return self._teams[-1], self._pools[-1]

    @property
    def teams(self) -> NDArray[np.int64]:
        """Totals of teams at each close, shape (closes, pools * lines, 5): `TEAM_TOTALS`."""
        return np.array(self._teams)

    @property
    def pools(self) -> NDArray[np.int64]:
        """Totals of pools at each close, shape (closes, pools, 9): `POOL_TOTALS`."""
        return np.array(self._pools)

    @property
    def jobs(self) -> NDArray[Any]:
        """What is known of every job now, and after them of the replicas of services: rows of ``layout.JOB``."""
        return self._structured().jobs

    @property
    def state(self) -> State:
        """All that the core knows, to be read between batches and never written: compiled, it is the core's own."""
        return self._structured()

    def _functions(self) -> dict[str, Any]:
        """Return the kernel's functions that are called from here, by name."""
        if self._interpreted:
            return jit.plain([*KERNEL, *self._more_modules()])
        call: dict[str, Any] = {"take_reports": taking.take_reports, "take_requests": taking.take_requests}
        call |= {"take_passes": taking.take_passes, "close": taking.close}
        call |= {"set_node": set_node, "set_devices_out": set_devices_out, "rescale": rescale, "set_cap": set_cap}
        charter = (enactment.begin_charter, enactment.change_half_life, enactment.settle_charter)
        return call | dict(zip(("begin_charter", "change_half_life", "settle_charter"), charter, strict=True))

    def _more_modules(self) -> tuple[ModuleType, ...]:
        """Return further modules of compiled functions that are called from here."""
        return ()

    def _check_batch(self, at_ms: int, events: Events) -> None:
        self._check_order(at_ms, self.now_ms)
        room = len(self._arrays.events)
        if len(events) >= room:
            raise InputError("P102", f"{len(events)} events at once, where {room} are possible", hint="split the batch")

    def _check_order(self, at_ms: int, before_ms: int) -> None:
        if at_ms < before_ms:
            raise InputError(
                "P102",
                f"events of {at_ms} ms come after those of {before_ms} ms",
                hint="take the later of the two times",
            )

    def _tell(self, told: Events) -> None:
        if self._interpreted:
            rows = self._handle.events
            for n, values in enumerate(told.tolist()):
                for name, value in zip(k.EVENT.names or (), values, strict=True):
                    setattr(rows[n], name, value)
        else:
            self._arrays.events[: len(told)] = told

    def _refusals(self, n: int) -> NDArray[np.int32]:
        if self._interpreted:
            return np.array([row.refused for row in self._handle.events[:n]], np.int32)
        return self._arrays.events["refused"][:n].copy()

    def _change(self, changes: Events) -> None:
        """Change nodes, the charter and caps as events say, in this order; marks what is refused."""
        nodes, others = changes[changes["kind"] == k.NODE_CHANGED], changes[changes["kind"] != k.NODE_CHANGED]
        if len(nodes):
            self._change_nodes(nodes)
            changes["refused"][changes["kind"] == k.NODE_CHANGED] = nodes["refused"]
        for row in others:
            row["refused"] = self._enact(row) if row["kind"] == k.CHARTER_ENACTED else self._set_cap(row)
        changes["refused"][changes["kind"] != k.NODE_CHANGED] = others["refused"]

    def _change_nodes(self, changes: Events) -> None:
        """Let nodes go and come back as events say, then divide what is left of each pool; marks what is refused."""
        touched: set[int] = set()
        for change in changes:
            p, node, state = int(change["pool"]), int(change["subject"]), int(change["detail"])
            change["refused"] = 0
            if not (0 <= p < len(self.layout.pools) and 0 <= node < self.layout.pools[p].nodes and 0 <= state <= 2):
                change["refused"] = k.NO_SUCH_NODE
                continue
            touched.add(p)
            if self.layout.pools[p].gpus_per_node > 1:
                self._call["set_node"](self._handle, p, node, state)
            else:
                self._change_device(p, node, state)
        for p in sorted(touched):
            self._rescale(p)

    def _change_device(self, p: int, node: int, state: int) -> None:
        """Nodes of one device are only counted: remember which are out, and change the counts."""
        was = self._out.get((p, node), capacity.UP)
        if was != capacity.UP:
            self._call["set_devices_out"](self._handle, p, -1, was)
        if state != capacity.UP:
            self._call["set_devices_out"](self._handle, p, 1, state)
        self._out[p, node] = state

    def _enact(self, enacted: Any) -> int:
        """Let another charter be in force from now on; returns why not, or 0."""
        number, g = int(enacted["subject"]), self._member("glob")[0]
        if not 0 <= number <= len(self.layout.later):
            return k.NO_SUCH_CHARTER
        before, after = self.layout.in_force(int(g.charter)), self.layout.in_force(number)
        g.charter = number
        if all(one.decides_as(other) for one, other in zip(before, after, strict=True)):
            return 0
        self._call["begin_charter"](self._handle)
        plan, reference = after
        g.rules = int(g.rules) & ~k.SHARES | plan.rules & k.SHARES
        if plan.half_life_ms != int(g.half_life_ms):
            per_half_life = steps_per_half_life(plan.half_life_ms)
            self._call["change_half_life"](self._handle, plan.half_life_ms, per_half_life)
        firm = nominal_shares(self.layout.promised, number, self.layout.pools)
        for p, pool in enumerate(self.layout.pools):
            for at, line in enumerate(reference.lines, start=p * len(reference.lines)):
                self._member("refs")[at].weight = line.weight_e4
            for at, line in enumerate(plan.lines, start=p * len(plan.lines)):
                self._member("shares")[at].weight = line.weight_e4
                row = self._member("rows")[at]
                write_terms(row, line, p)
                row.nominal_floor = max(int(row.nominal_floor), firm.get((line.path, pool.name), 0))
        for p in range(len(self.layout.pools)):
            self._rescale(p)
        for p in range(len(self.layout.pools)):
            self._call["settle_charter"](self._handle, p)
        return 0

    def _set_cap(self, cap: Any) -> int:
        """Let a service have at most so many accelerators from now on; returns why not, or 0."""
        number, amount = int(cap["subject"]), int(cap["amount"])
        if not (0 <= number < int(self._member("glob")[0].n_services) and amount >= 0):
            return k.NO_SUCH_SERVICE
        self._call["set_cap"](self._handle, number, amount)
        return 0

    def _follow_windows(self) -> None:
        """Where a promise has several texts: divide anew once a window of one that is no longer in force has ended."""
        if self.layout.later:
            found = self.layout.promised
            live = [int(self._member("promises")[one.number].live) for one in found]
            if live != [int(is_live(self._member, one)) for one in found]:
                for p in range(len(self.layout.pools)):
                    self._rescale(p)

    def _rescale(self, p: int) -> None:
        """Write floors, limits and reserves for the devices that are up now, to each tree by its own charter."""
        devices = int(self._member("pools")[p].capacity)
        name = self.layout.pools[p].name
        plan, reference = self.layout.in_force(int(self._member("glob")[0].charter))
        for of, member in ((reference, "refs"), (plan, "shares")):
            for number, quota in enumerate(of.quotas(name, devices), start=p * len(of.lines)):
                share = self._member(member)[number]
                share.floor, share.limit, share.reserve = quota.floor, quota.limit, quota.reserve
        for number, quota in enumerate(plan.quotas(name, devices)):
            row = self._member("rows")[p * len(plan.lines) + number]
            row.limit = quota.limit
            row.floor, row.reserve = (quota.floor, quota.reserve) if number else (0, 0)
        settle(self._member, self.layout.promised, plan, reference, self.layout.pools, p)
        self._call["rescale"](self._handle, p)
        for number in range(p * len(plan.lines), (p + 1) * len(plan.lines)):
            row = self._member("rows")[number]
            row.still_limit = row.limit

    def _member(self, name: str) -> Any:
        member = getattr(self._handle if self._interpreted else self._arrays, name)
        return member if self._interpreted else member.view(np.recarray)

    def _structured(self) -> State:
        """Return the state as arrays (copied back from the lists of the interpreted run)."""
        return State(*map(self._array, State._fields)) if self._interpreted else self._arrays

    def _array(self, name: str) -> NDArray[Any]:
        """Return one member as an array."""
        array: NDArray[Any] = getattr(self._arrays, name)
        return _as_array(array, getattr(self._handle, name)) if self._interpreted else array

    def _drain(self) -> NDArray[Any]:
        """Move the decisions made since the last drain to the stream, and return them."""
        block = self._emptied("out", "out_n")
        if len(block):
            if self._lasting:
                block["detail"][block["kind"] == k.START] = 0
            self._stream.add(block)
        return block

    def _emptied(self, name: str, counter: str) -> NDArray[Any]:
        """Return a copy of the rows that the kernel wrote to a member, and let it begin anew."""
        g = self._member("glob")[0]
        n = int(getattr(g, counter))
        setattr(g, counter, 0)
        array: NDArray[Any] = getattr(self._arrays, name)
        return _as_array(array, getattr(self._handle, name)[:n]) if self._interpreted else array[:n].copy()


def _as_array(like: NDArray[Any], values: Any) -> NDArray[Any]:
    names = like.dtype.names
    if names is None:
        return np.array(values, like.dtype)
    return np.array([tuple(getattr(v, name) for name in names) for v in values], like.dtype)
