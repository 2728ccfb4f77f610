"""Which of Ray's nodes is which node of a pool. Ray names a node anew whenever it starts; a pool's number never changes its meaning.

A node keeps its number by its name: the first time a name is seen it takes the pool's lowest free number, and the file
``nodes.json`` in the engine's folder remembers that, as well as which nodes are in maintenance.
"""

from __future__ import annotations

import json
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from equipoise.charter.model import Pool
from equipoise.engines.ray.settings import Settings
from equipoise.errors import EngineError

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]*")

Place = tuple[str, int]
"""A pool and a number in it."""


@dataclass(frozen=True, slots=True)
class RayNode:
    """A node as Ray tells of it; ``id`` is new whenever its raylet starts."""

    id: str
    name: str
    pool: str
    address: str
    devices: int
    alive: bool
    reason: str


class Roster:
    """Numbers of names, and who is in maintenance; written down whenever it changes."""

    def __init__(self, settings: Settings, pools: tuple[Pool, ...], file: Path) -> None:
        self._settings, self._pools, self._file = settings, pools, file
        self._numbers: dict[str, dict[str, int]] = {pool.name: {} for pool in pools}
        self._maintenance: set[Place] = set()
        if file.exists():
            self._read()

    def place(self, told: list[dict[str, Any]]) -> dict[Place, RayNode]:
        """Return which of Ray's nodes is where; of two of one name the one that lives. Those beyond a pool's size are left out."""
        nodes = [node for entry in told if (node := self._node(entry)) is not None]
        known = {name: len(numbers) for name, numbers in self._numbers.items()}
        found: dict[Place, RayNode] = {}
        for node in sorted(nodes, key=lambda node: (not node.alive, node.name)):
            number = self._number(node)
            if number is not None:
                found.setdefault((node.pool, number), node)
        if known != {name: len(numbers) for name, numbers in self._numbers.items()}:
            self._write()
        return found

    def name(self, place: Place) -> str:
        """Return the name of a node that was seen once, or what it is called before."""
        pool, number = place
        return next((name for name, it in self._numbers[pool].items() if it == number), f"{pool}-{number}")

    def in_maintenance(self, place: Place) -> bool:
        """Whether somebody drained the node."""
        return place in self._maintenance

    def set_maintenance(self, place: Place, *, back: bool) -> None:
        """Write down that a node is drained, or back."""
        (self._maintenance.discard if back else self._maintenance.add)(place)
        self._write()

    def _node(self, entry: dict[str, Any]) -> RayNode | None:
        labels, resources = entry["labels"], set(entry["resources"])
        label = self._settings.pool_label
        pool = labels.get(label) or next(
            (pool.name for pool in self._pools if f"{label}:{pool.name}" in resources), None
        )
        if pool is None and len(self._pools) == 1 and entry["devices"]:
            pool = self._pools[0].name
        name = labels.get(self._settings.node_label) or entry["name"]
        if pool not in self._numbers or not _NAME.fullmatch(name):
            return None
        return RayNode(entry["id"], name, pool, entry["address"], entry["devices"], entry["alive"], entry["reason"])

    def _number(self, node: RayNode) -> int | None:
        numbers = self._numbers[node.pool]
        if node.name not in numbers:
            size = next(pool.nodes for pool in self._pools if pool.name == node.pool)
            free = next((number for number in range(size) if number not in numbers.values()), None)
            if free is None or not node.alive:
                return None
            numbers[node.name] = free
        return numbers[node.name]

    def _read(self) -> None:
        try:
            written = json.loads(self._file.read_text("utf-8"))
            for pool, numbers in written["numbers"].items():
                self._numbers.setdefault(pool, {}).update(numbers)
            self._maintenance = {(pool, number) for pool, number in written["maintenance"]}
        except (ValueError, KeyError, TypeError, AttributeError, OSError) as error:
            raise EngineError(
                "E124",
                f"the nodes of Ray cannot be read from {self._file}: {error}",
                hint="Restore it; without it, nodes get new numbers, so remove it only while nothing runs.",
            ) from error

    def _write(self) -> None:
        text = json.dumps({"numbers": self._numbers, "maintenance": sorted(self._maintenance)})
        draft = self._file.with_suffix(".draft")
        try:
            with draft.open("w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            draft.replace(self._file)
        except OSError as error:
            raise EngineError(
                "E124", f"the nodes of Ray cannot be written to {self._file}: {error}", retryable=True
            ) from error
