"""Which devices each node has, and which attempt holds them. Nodes are parts of this one machine, filled in the pools' order."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field

from equipoise.engines.protocol import Condition, Node


class CannotStartError(Exception):
    """An attempt cannot start here, whoever asks again; the text says why."""


@dataclass(frozen=True, slots=True)
class Place:
    """Devices of one node."""

    node: int
    devices: tuple[str, ...]


@dataclass(slots=True)
class Machine:
    """Pools as ``(name, nodes, devices of each)``; ``devices`` are the machine's, or None for plain slots."""

    host: str
    pools: Sequence[tuple[str, int, int]]
    devices: Sequence[str] | None
    drained: set[tuple[str, int]] = field(default_factory=set[tuple[str, int]])
    holders: dict[str, str] = field(default_factory=dict[str, str])
    """By device the attempt that holds it."""
    _of_node: dict[tuple[str, int], tuple[str, ...]] = field(default_factory=dict[tuple[str, int], tuple[str, ...]])

    def __post_init__(self) -> None:
        self.arrange(self.pools, self.devices)

    def arrange(self, pools: Sequence[tuple[str, int, int]], devices: Sequence[str] | None) -> None:
        """Divide the machine anew; who holds what stays."""
        self.pools, self.devices = pools, devices
        needed = sum(nodes * each for _, nodes, each in pools)
        names = [str(number) for number in range(needed)] if devices is None else list(devices)
        self._of_node = {}
        first = 0
        for pool, nodes, each in pools:
            for node in range(nodes):
                self._of_node[pool, node] = tuple(names[first : first + each])
                first += each

    def nodes(self) -> list[Node]:
        """Every node that the pools expect."""
        return [self.node(pool, number) for pool, nodes, _ in self.pools for number in range(nodes)]

    def node(self, pool: str, number: int) -> Node:
        """One of them, as it stands; raises KeyError."""
        found = self._of_node[pool, number]
        expected = next(each for name, _, each in self.pools if name == pool)
        condition, reason = Condition.UP, ""
        if len(found) < expected:
            condition = Condition.DOWN
            reason = f"the pools expect more devices than the {len(self.devices or ())} of this machine"
        elif (pool, number) in self.drained:
            condition, reason = Condition.MAINTENANCE, "drained"
        return Node(pool, number, f"{self.host}/{pool}/{number}", condition, expected, reason)

    def choose(self, pool: str, gang: int, parts: Iterable[tuple[int, int]]) -> list[Place]:
        """Find free devices for a gang; raises CannotStartError."""
        if pool not in {name for name, _, _ in self.pools}:
            raise CannotStartError(f"this machine has no pool {pool!r}")
        wanted = list(parts) or self._anywhere(pool, gang)
        if gang < 1 or sum(count for _, count in wanted) != gang or len({node for node, _ in wanted}) < len(wanted):
            raise CannotStartError(f"a gang of {gang} is not divided into {wanted}")
        places: list[Place] = []
        for node, count in wanted:
            if (pool, node) not in self._of_node:
                raise CannotStartError(f"pool {pool} has no node {node}")
            stands = self.node(pool, node)
            if stands.condition is not Condition.UP:
                raise CannotStartError(f"node {stands.name} is {stands.condition}: {stands.reason}")
            free = self._free(pool, node)
            if not 0 < count <= len(free):
                raise CannotStartError(
                    f"node {stands.name} has {len(free)} free devices of {stands.devices}, not {count}"
                )
            places.append(Place(node, free[:count]))
        return places

    def _free(self, pool: str, node: int) -> tuple[str, ...]:
        return tuple(device for device in self._of_node[pool, node] if device not in self.holders)

    def _anywhere(self, pool: str, gang: int) -> list[tuple[int, int]]:
        """On pools of one-device nodes only counts are kept: the first free nodes will do."""
        nodes = next(nodes for name, nodes, _ in self.pools if name == pool)
        found: list[tuple[int, int]] = []
        for node in range(nodes):
            if sum(count for _, count in found) == gang:
                break
            if self.node(pool, node).condition is Condition.UP and (free := len(self._free(pool, node))):
                found.append((node, min(free, gang - sum(count for _, count in found))))
        if sum(count for _, count in found) < gang:
            raise CannotStartError(f"pool {pool} has fewer than {gang} free devices on nodes that are up")
        return found

    def hold(self, attempt: str, devices: Iterable[str]) -> None:
        """Give devices to an attempt."""
        for device in devices:
            assert device not in self.holders, (device, self.holders[device], attempt)
            self.holders[device] = attempt

    def release(self, attempt: str, devices: Iterable[str]) -> None:
        """Take them back."""
        for device in devices:
            if self.holders.get(device) == attempt:
                del self.holders[device]

    def drain(self, pool: str, number: int, *, back: bool) -> bool:
        """Put a node into maintenance or take it back; tells whether that changed anything. Raises KeyError."""
        key = (pool, number)
        if key not in self._of_node:
            raise KeyError(key)
        changed = (key in self.drained) is back
        (self.drained.discard if back else self.drained.add)(key)
        return changed


def gpus() -> list[str] | None:
    """Number the NVIDIA GPUs of this machine, in the order of their places on the bus; None without any."""
    with suppress(FileNotFoundError):
        count = len(os.listdir("/proc/driver/nvidia/gpus"))
        if count:
            return [str(number) for number in range(count)]
    return None
