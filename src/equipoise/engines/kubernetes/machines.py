"""The nodes of the charter's pools: which machine of the cluster has which number, and how it stands.

A number stays with a machine for as long as the cluster has a node of its name; it is kept in a file. A node that is new
takes the first number that no machine has, or one whose machine the cluster has no more.
"""

from __future__ import annotations

import json
import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from equipoise.charter.model import Pool
from equipoise.engines.kubernetes.objects import Machine
from equipoise.engines.kubernetes.settings import Settings
from equipoise.engines.protocol import Condition, Node
from equipoise.errors import InputError


class Machines:
    """The machines by pool and number.

    Parameters
    ----------
    pools : sequence of Pool
    settings : Settings
    file : Path
        Where the numbers are kept.
    """

    def __init__(self, pools: Sequence[Pool], settings: Settings, file: Path) -> None:
        self._pools = tuple(pools)
        self._labels = {pool.name: _labels(pool.name, settings, alone=len(pools) == 1) for pool in pools}
        self._file = file
        kept: Mapping[str, list[str]] = json.loads(file.read_text("utf-8")) if file.exists() else {}
        self._names = {pool.name: kept.get(pool.name, [])[: pool.nodes] for pool in pools}
        for pool in pools:
            self._names[pool.name] += [""] * (pool.nodes - len(self._names[pool.name]))
        self._machines: dict[str, Machine] = {}

    def see(self, machines: Iterable[Machine]) -> list[Node]:
        """Take the cluster's nodes as they are now, and return all nodes of all pools."""
        self._machines = {machine.name: machine for machine in machines}
        before = json.dumps(self._names)
        taken: set[str] = set()
        for pool in self._pools:
            self._number(pool, taken)
        if json.dumps(self._names) != before:
            self._keep()
        return [self._node(pool, number) for pool in self._pools for number in range(pool.nodes)]

    def labels(self, pool: str) -> Mapping[str, str]:
        """Return the labels that a pool's nodes have."""
        return self._labels[pool]

    def machine(self, pool: str, number: int) -> Machine | None:
        """Return the machine of that number, if the cluster has it."""
        names = self._names.get(pool, [])
        return self._machines.get(names[number]) if number < len(names) else None

    def named(self, name: str) -> Machine | None:
        """Return the machine of that name, if the cluster has it."""
        return self._machines.get(name)

    def _number(self, pool: Pool, taken: set[str]) -> None:
        labels, names = self._labels[pool.name], self._names[pool.name]
        fitting = [
            machine.name
            for machine in self._machines.values()
            if (machine.labels.items() >= labels.items() if labels else machine.devices > 0)
        ]
        new = iter(sorted((name for name in fitting if name not in names and name not in taken), key=_natural))
        for number, name in enumerate(names):
            if name not in self._machines:
                names[number] = next(new, name)
        taken.update(names)

    def _keep(self) -> None:
        beside = self._file.with_suffix(".new")
        with beside.open("w", encoding="utf-8") as file:
            json.dump(self._names, file)
            file.flush()
            os.fsync(file.fileno())
        beside.replace(self._file)

    def _node(self, pool: Pool, number: int) -> Node:
        name = self._names[pool.name][number]
        machine = self._machines.get(name)
        if machine is None:
            return Node(pool.name, number, name, Condition.DOWN, pool.gpus_per_node, "the cluster has no such node")
        devices = min(machine.devices, pool.gpus_per_node)
        if machine.cordoned:
            return Node(pool.name, number, name, Condition.MAINTENANCE, devices, "cordoned")
        if not machine.ready:
            return Node(
                pool.name, number, name, Condition.DOWN, devices or pool.gpus_per_node, machine.reason or "not ready"
            )
        if devices == 0:
            return Node(pool.name, number, name, Condition.DOWN, pool.gpus_per_node, "it has no such devices")
        return Node(pool.name, number, name, Condition.UP, devices)


def _labels(pool: str, settings: Settings, *, alone: bool) -> Mapping[str, str]:
    if pool in settings.pools:
        return settings.pools[pool]
    if alone and not settings.pools:
        return {}
    hint = 'add it to [engines.kubernetes.pools], such as h100 = "nvidia.com/gpu.product=H100"'
    raise InputError("E161", f"the settings do not say which nodes are the pool '{pool}'", hint=hint)


def _natural(name: str) -> list[tuple[int, str]]:
    """``node-9`` before ``node-10``."""
    return [(int(piece), "") if piece.isdecimal() else (-1, piece) for piece in re.split(r"(\d+)", name)]
