"""The engine: what the controller asks becomes requests to the driver, what keepers tell becomes observations.

All state here is made of what Ray's cluster keeps: placement groups (who has which devices) and the records of keepers (how
parts stand). So opening the engine again, after the controller or the driver died, is the same as opening it at all.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from equipoise.charter.model import Pool
from equipoise.engines.protocol import (
    Arrived,
    Attempt,
    Condition,
    Launch,
    Node,
    NodeChanged,
    Observation,
    Part,
    Phase,
    Refused,
    Running,
    Seen,
    Stopped,
)
from equipoise.engines.ray.bridge import Bridge, Message, result
from equipoise.engines.ray.gang import LOST, Gang, Record, attempt_of
from equipoise.engines.ray.order import order
from equipoise.engines.ray.roster import Place, RayNode, Roster
from equipoise.engines.ray.settings import Settings
from equipoise.errors import EngineError

_AGAIN_S = 0.5
_CLOSING_S = 5.0
_HELD_BACK_S = 5.0
"""So long a node's loss is held back at most, until what its gangs had on other nodes is dead."""


class RayEngine:
    """An engine over a Ray cluster; see `equipoise.engines.protocol.Engine` for its methods."""

    name = "ray"

    def __init__(self, settings: Settings, pools: tuple[Pool, ...], folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._settings, self._pools, self._folder = settings, pools, folder
        self._roster = Roster(settings, pools, folder / "nodes.json")
        self._observed: list[Observation] = []
        self._gangs: dict[Attempt, Gang] = {}
        self._places: dict[Place, RayNode] = {}
        self._kept: set[str] = set()
        self._shown: dict[Place, Node] = {}
        self._fallen: dict[
            Place, bool
        ] = {}  # which went down, and whether that was told; down until the observation after
        self._refused: list[Refused] = []
        self._again: list[tuple[float, str, dict[str, Any]]] = []
        self._held_back_s = 0.0
        self._pending = 0
        self._closed = False
        self._connect()
        self._shown = {place: self._node(place) for place in self._all_places()}

    # ----------------------------------------------------------------------------------------------- what stands how

    def nodes(self) -> Sequence[Node]:
        """Return the nodes that the pools expect, as Ray told of them last."""
        self._live()
        return [self._node(place) for place in self._all_places()]

    def attempts(self) -> Sequence[Seen]:
        """Return what runs, and what ended and was not forgotten; what went with a node is gone."""
        self._live()
        return [gang.seen() for gang in self._gangs.values() if not gang.lost]

    def waiting(self) -> Sequence[Arrived]:
        """Return nothing: users give their jobs to the controller."""
        return []

    # ------------------------------------------------------------------------------------------------ what to do

    def launch(self, launch: Launch, /) -> None:
        """Reserve the devices on the nodes named, and run the command once on each."""
        self._live()
        attempt = launch.attempt
        if attempt in self._gangs and self._gangs[attempt].lost:
            self._until(lambda: attempt not in self._gangs, f"{attempt} is cleared")
        if attempt in self._gangs:
            return
        parts = launch.parts or self._choose(launch.pool, launch.gang)
        ready = [self._ready((launch.pool, part.node)) for part in parts]
        nodes = [node for node in ready if node is not None]
        if launch.command is None:
            self._observed.append(Refused(attempt, "Ray has no jobs of its own: there is no command"))
        elif not parts or len(nodes) < len(parts):
            down = [str(part.node) for part, node in zip(parts, ready, strict=True) if node is None]
            told = f"node {', '.join(down)} of {launch.pool} is down" if down else f"no node of {launch.pool} is free"
            self._fallen |= {
                (launch.pool, part.node): False for part, node in zip(parts, ready, strict=True) if not node
            }
            self._refused.append(Refused(attempt, told))  # after the news of its node, which may be held back
            self._show_nodes()
        else:
            self._gangs[attempt] = Gang(attempt, tuple(node.id for node in nodes))
            self._request(
                "launch",
                order(launch, parts, nodes, settings=self._settings, address=self._address),
                partial(self._launched, attempt),
            )

    def warn(self, attempt: Attempt, /, *, by_ms: int, reason: str) -> None:
        """Send the warning signal to the parts of a job with savepoints."""
        self._live()
        gang = self._gangs.get(attempt)
        if gang is not None and gang.phase is Phase.RUNNING:
            for rank in gang.unended:
                self._insist("warn", {"node": gang.nodes[rank], "key": f"{attempt}.{rank}"})

    def stop(self, attempt: Attempt, /, *, grace_ms: int, requeue: bool) -> None:
        """Ask, wait and force, on all nodes at once; the keepers see to it also when nobody asks any more."""
        self._live()
        gang = self._gangs.get(attempt)
        if gang is None or gang.released:
            return
        gang.stop_asked, gang.grace_ms = True, grace_ms
        if gang.lost:
            return  # it is being cleared away, and reported when it is
        if gang.started:
            self._stop_parts(gang, grace_ms, "stop")
        else:
            self._insist("let_go", {"attempt": str(attempt)})  # ends the wait for devices, if it still waits

    def forget(self, attempt: Attempt, /) -> None:
        """Let keepers drop their records of an attempt that came to its end."""
        self._live()
        gang = self._gangs.get(attempt)
        if gang is not None and gang.released:
            self._drop(gang)

    def drain(self, pool: str, node: int, /, *, back: bool = False) -> None:
        """Note that a node is in maintenance or back; Ray itself is not told, for it starts nothing there by itself."""
        self._live()
        if (pool, node) in self._shown:
            self._roster.set_maintenance((pool, node), back=back)
            self._show_nodes()

    def observe(self, timeout_s: float, /) -> Sequence[Observation]:
        """Return what happened since the last call, waiting for it at most so long."""
        self._live()
        if any(self._fallen.values()):
            self._fallen = {place: told for place, told in self._fallen.items() if not told}
            self._show_nodes()
        until_s = time.monotonic() + timeout_s
        while not self._observed and not self._bridge.woken:
            self._send_again()
            left_s = until_s - time.monotonic()
            message = self._bridge.receive(min(left_s, _AGAIN_S) if self._again or self._held_back_s else left_s)
            if message is not None:
                self._hear(message)
            elif left_s <= 0:
                break
        self._bridge.woken = False
        while (message := self._bridge.receive(0.0)) is not None:
            self._hear(message)
        observed, self._observed = self._observed, []
        if not self._held_back_s:
            self._fallen = dict.fromkeys(self._fallen, True)
        return observed

    def wake(self) -> None:
        """Let `observe` return soon; from any thread."""
        self._bridge.wake()

    def close(self) -> None:
        """End the driver, once it has sent off what was asked; jobs run on."""
        if self._closed:
            return
        self._closed = True
        until_s = time.monotonic() + _CLOSING_S
        while self._pending and self._bridge.lives and time.monotonic() < until_s:
            message = self._bridge.receive(0.1)  # what was asked for is sent off before the driver ends
            if message is not None and message["news"] == "gone":
                break
        self._bridge.close()

    def output(self, attempt: Attempt) -> list[str]:
        """Where an attempt's output is, as ``NODE:PATH`` by rank; it is on the nodes' own disks."""
        gang = self._gangs.get(attempt)
        names = {node.id: node.name for node in self._places.values()}
        where = [names[node] for node in gang.nodes] if gang else []
        root = f"{self._settings.directory}/{self._settings.namespace}"
        return [f"{name}:{root}/{name}/{attempt}.{rank}.log" for rank, name in enumerate(where)]

    # ----------------------------------------------------------------------------------------- to Ray and from it

    def _connect(self) -> None:
        """Start a driver, and learn from the cluster how everything stands."""
        self._pending, self._again, self._kept = 0, [], set()
        self._bridge = Bridge(self._settings, self._folder / "driver.log")
        try:
            about = {"answer_s": self._settings.answer_ms / 1000, "poll_s": self._settings.poll_ms / 1000}
            names = {name: getattr(self._settings, name) for name in ("address", "namespace", "directory")}
            told = self._bridge.ask("connect", about | names)
            self._address: str = told["address"]
            self._places = self._roster.place(told["nodes"])
            records: list[Record] = []
            for node in self._alive():
                self._keep(node, records.extend)
            self._until(lambda: self._kept >= {node.id for node in self._alive()}, "keepers start", insist=False)
            held = self._bridge.ask("reservations")
            self._gangs = self._found(records, held)
            for gang in list(self._gangs.values()):
                self._clear_lost(gang)
                self._weigh(gang)
            unsettled = [gang for gang in self._gangs.values() if gang.lost or gang.releasing]
            self._until(lambda: not any(it.lost or not it.released for it in unsettled if it.attempt in self._gangs),
                        "leftovers are cleared")  # fmt: skip
        except BaseException:
            self._bridge.close()
            raise

    def _found(self, records: list[Record], held: list[str]) -> dict[Attempt, Gang]:
        """Make the attempts out of what the cluster keeps; what is not whole is lost, and will be cleared."""
        gangs: dict[Attempt, Gang] = {}
        for record in records:
            attempt = attempt_of(record["attempt"])
            gang = gangs.setdefault(attempt, Gang(attempt, tuple(record["nodes"]), started=True))
            gang.records[record["rank"]] = record
        for text in held:
            gangs.setdefault(attempt_of(text), Gang(attempt_of(text), ()))
        reserved = {attempt_of(text) for text in held}
        for gang in gangs.values():
            gang.released = gang.attempt not in reserved and gang.over
            whole = gang.nodes and len(gang.records) == len(gang.nodes)
            gang.lost = not whole
        return gangs

    def _live(self) -> None:
        """Connect again if the driver has died, and tell what happened meanwhile."""
        if self._closed:
            raise EngineError("E122", "the engine is closed")
        if self._bridge.lives:
            return
        self._bridge.close()
        before = self._gangs
        self._connect()
        for attempt, was in before.items():
            now = self._gangs.get(attempt)
            if was.released or was.lost:
                continue
            if now is None:
                if was.stop_asked:
                    self._observed.append(Stopped(attempt))
                elif not was.started:
                    self._observed.append(Refused(attempt, "the connection to Ray broke while it started"))
                continue
            if not was.started:
                self._observed.append(Running(attempt))
            if now.released:
                self._observed.append(now.end())
            elif was.stop_asked and not now.stopped:
                self.stop(attempt, grace_ms=was.grace_ms, requeue=True)
        self._show_nodes()

    def _hear(self, message: Message) -> None:
        match message["news"]:
            case "parts":
                self._records_came(message["records"])
            case "nodes":
                self._nodes_came(message["nodes"])
            case "gone":
                self._live()
            case _:
                pass

    def _request(self, do: str, what: Mapping[str, Any], answered: Callable[[Message], None]) -> None:
        def settled(reply: Message) -> None:
            self._pending -= 1
            answered(reply)

        self._pending += 1
        self._bridge.send(do, settled, what)

    def _insist(self, do: str, what: dict[str, Any], done: Callable[[], None] = lambda: None) -> None:
        """Ask for what may be asked twice, again and again until it is done or its node is gone."""

        def answered(reply: Message) -> None:
            if "error" not in reply:
                done()
            elif "node" not in what or what["node"] in {node.id for node in self._alive()}:
                self._again.append((time.monotonic() + _AGAIN_S, do, what | {"done": done}))

        self._request(do, {name: value for name, value in what.items() if name != "done"}, answered)

    def _send_again(self) -> None:
        cleared = not any(gang.lost for gang in self._gangs.values())
        if self._held_back_s and (cleared or time.monotonic() > self._held_back_s):
            self._held_back_s = 0.0
            self._show_nodes()
        due = [entry for entry in self._again if entry[0] <= time.monotonic()]
        self._again = [entry for entry in self._again if entry not in due]
        for _, do, what in due:
            self._insist(do, what, what.pop("done"))

    def _until(self, holds: Callable[[], bool], what: str, *, insist: bool = True) -> None:
        until_s = time.monotonic() + self._settings.answer_ms / 1000
        while not holds():
            left_s = until_s - time.monotonic()
            if left_s <= 0:
                if insist:
                    raise EngineError("E121", f"Ray did not answer in time: {what}", retryable=True)
                return
            self._send_again()
            message = self._bridge.receive(min(left_s, _AGAIN_S))
            if message is not None and message["news"] == "gone":
                raise EngineError("E122", "the connection to Ray broke", retryable=True)
            if message is not None:
                self._hear(message)

    # -------------------------------------------------------------------------------------------------- attempts

    def _launched(self, attempt: Attempt, reply: Message) -> None:
        gang = self._gangs.get(attempt)
        if gang is None:
            return
        told: dict[str, Any] = reply.get("ok") or {"refused": reply.get("error", "")}
        if "refused" in told:
            del self._gangs[attempt]
            if gang.stop_asked:
                self._observed.append(Stopped(attempt))
            elif not gang.lost:  # else the news of its node tells it
                self._observed.append(Refused(attempt, told["refused"]))
            return
        gang.started = True
        for record in told["records"]:
            gang.records.setdefault(record["rank"], record)  # later news may have come before
        if gang.lost:
            self._clear_lost(gang)
            return
        self._observed.append(Running(attempt))
        if gang.stop_asked:
            self._stop_parts(gang, gang.grace_ms, "stop")
        self._weigh(gang)

    def _records_came(self, records: list[Record]) -> None:
        for record in records:
            gang = self._gangs.get(attempt_of(record["attempt"]))
            if gang is None or record["node"] not in gang.nodes:
                continue
            gang.records[record["rank"]] = record
            self._weigh(gang)

    def _weigh(self, gang: Gang) -> None:
        """Take the next step toward the end of an attempt, if there is one."""
        if gang.released or not (gang.started or gang.lost):
            return
        if gang.over and not gang.releasing:
            gang.releasing = True
            self._insist("release", {"attempt": str(gang.attempt)}, partial(self._released, gang))
        elif gang.failed and not gang.over and not gang.cut:
            gang.cut = True
            self._stop_parts(gang, self._settings.end_ms, "gang")

    def _released(self, gang: Gang) -> None:
        gang.releasing, gang.released = False, True
        if gang.lost:
            self._drop(gang)
            if gang.stop_asked:
                self._observed.append(Stopped(gang.attempt))
        elif self._gangs.get(gang.attempt) is gang:
            self._observed.append(gang.end())

    def _stop_parts(self, gang: Gang, grace_ms: int, asked: str) -> None:
        for rank in gang.unended:
            key = f"{gang.attempt}.{rank}"
            self._insist("stop", {"node": gang.nodes[rank], "key": key, "grace_ms": grace_ms, "asked": asked})

    def _clear_lost(self, gang: Gang) -> None:
        """End what is left of an attempt that lost a node or never was whole."""
        if not gang.lost:
            return
        missing = set(range(len(gang.nodes))) - gang.records.keys()
        for node in set(gang.nodes) - {node.id for node in self._alive()}:
            gang.lose(node)
        for rank in missing:
            gang.records.setdefault(rank, LOST)
        self._stop_parts(gang, 0, "lost")
        self._weigh(gang)

    def _drop(self, gang: Gang) -> None:
        self._gangs.pop(gang.attempt, None)
        alive = {node.id for node in self._alive()}
        for rank, node in enumerate(gang.nodes):
            if node in alive:
                self._insist("forget", {"node": node, "key": f"{gang.attempt}.{rank}"})

    # ----------------------------------------------------------------------------------------------------- nodes

    def _all_places(self) -> list[Place]:
        return [(pool.name, number) for pool in self._pools for number in range(pool.nodes)]

    def _alive(self) -> list[RayNode]:
        return [node for node in self._places.values() if node.alive]

    def _ready(self, place: Place) -> RayNode | None:
        """Return the node of a place if jobs can start there: alive, and its keeper has cleared what was left of earlier."""
        node = self._places.get(place)
        return node if node is not None and node.alive and node.id in self._kept else None

    def _choose(self, pool: str, gang: int) -> tuple[Part, ...]:
        """Take free nodes of a pool of one-device nodes, lowest number first."""
        busy = {node for it in self._gangs.values() if not it.released for node in it.nodes}
        free = [
            number
            for name, number in self._all_places()
            if name == pool and not self._roster.in_maintenance((pool, number))
            if (node := self._ready((pool, number))) is not None and node.id not in busy
        ]
        return tuple(Part(number, 1) for number in free[:gang]) if len(free) >= gang else ()

    def _node(self, place: Place) -> Node:
        pool = next(pool for pool in self._pools if pool.name == place[0])
        node = self._places.get(place)
        name = self._roster.name(place)
        if node is None:
            return Node(*place, name, Condition.DOWN, pool.gpus_per_node, "Ray does not have it")
        if not node.alive:
            return Node(*place, name, Condition.DOWN, pool.gpus_per_node, node.reason or "its raylet ended")
        if node.devices < pool.gpus_per_node:
            short = f"Ray has {node.devices} of its {pool.gpus_per_node} devices"
            return Node(*place, name, Condition.DOWN, node.devices, short)
        if place in self._fallen:
            return Node(*place, name, Condition.DOWN, pool.gpus_per_node, "its raylet ended")
        if node.id not in self._kept:
            return Node(*place, name, Condition.DOWN, pool.gpus_per_node, "its keeper starts")
        if self._roster.in_maintenance(place):
            return Node(*place, name, Condition.MAINTENANCE, pool.gpus_per_node, "drained")
        return Node(*place, name, Condition.UP, pool.gpus_per_node)

    def _nodes_came(self, told: list[dict[str, Any]]) -> None:
        were, before = self._places, {node.id: node for node in self._alive()}
        self._places = self._roster.place(told)
        alive = {node.id: node for node in self._alive()}
        for gone in before.keys() - alive.keys():
            self._kept.discard(gone)
            self._fallen |= {place: False for place, node in were.items() if node.id == gone}
            for gang in [it for it in self._gangs.values() if gone in it.nodes and not it.released]:
                self._held_back_s = time.monotonic() + _HELD_BACK_S
                gang.lose(gone)
                if gang.started:
                    self._clear_lost(gang)
                else:
                    self._insist("let_go", {"attempt": str(gang.attempt)})  # ends its start; then it is cleared
        for new in alive.keys() - before.keys():
            self._keep(alive[new], self._records_came)
        self._show_nodes()

    def _keep(self, node: RayNode, records_came: Callable[[list[Record]], None]) -> None:
        """See to it that a node has a keeper; jobs can start there from then on."""

        def answered(reply: Message) -> None:
            if "error" in reply:
                if node.id in {it.id for it in self._alive()}:
                    self._request("keep", {"node": node.id, "name": node.name}, answered)
                return
            self._kept.add(node.id)
            records_came(result("keep", reply)["records"])
            self._show_nodes()

        self._request("keep", {"node": node.id, "name": node.name}, answered)

    def _show_nodes(self) -> None:
        """Report what has changed since it was last reported, and then what was refused for a node that is down."""
        if self._held_back_s:
            return
        for place, shown in list(self._shown.items()):
            now = self._node(place)
            if (now.condition, now.devices) != (shown.condition, shown.devices):
                self._observed.append(NodeChanged(now))
            self._shown[place] = now
        self._observed += self._refused
        self._refused = []
