"""Nodes: which number a name has, and how each stands."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path

from equipoise.charter.model import Pool
from equipoise.engines.protocol import Condition, Node
from equipoise.engines.slurm.commands import Commands, SlurmRefusedError
from equipoise.engines.slurm.settings import Settings
from equipoise.errors import InputError

_DOWN = (
    "down",
    "fail",
    "error",
    "unknown",
    "powered_down",
    "powering_down",
    "powering_up",
    "future",
    "reboot",
    "no_respond",
)
_MAINTENANCE = ("drain", "maint")


class Nodes:
    """The nodes that the charter's pools expect, in the order of their numbers.

    Names are written down when they are first seen, so that a number never changes its meaning: what is added to a partition later
    gets a number behind all others.

    Parameters
    ----------
    commands : Commands
    settings : Settings
    pools : tuple of Pool
    folder : Path
    """

    def __init__(self, commands: Commands, settings: Settings, pools: tuple[Pool, ...], folder: Path) -> None:
        self._commands = commands
        self._settings = settings
        self._pools = pools
        self._path = folder / "nodes.json"
        self._mark = f"\x1f{os.urandom(9).hex()}\x1f"
        self.closed: set[str] = set()
        """Partitions in which Slurm starts nothing, when it was last asked."""
        self.names: dict[str, list[str]] = json.loads(self._path.read_text("utf-8")) if self._path.exists() else {}

    def read(self) -> tuple[Node, ...]:
        """Return every node that is expected, as it stands; what Slurm does not have is down."""
        seen = self._seen()
        before = {pool: list(names) for pool, names in self.names.items()}
        found: list[Node] = []
        for pool in self._pools:
            names = self._numbered(pool, seen)
            for number in range(pool.nodes):
                name = names[number] if number < len(names) else f"{pool.name}/{number}"
                found.append(self._node(pool, number, name, seen))
        if self.names != before:
            self._write()
        return tuple(found)

    def name(self, pool: str, number: int) -> str:
        """Return Slurm's name of a node; raises SlurmRefusedError where it has none."""
        names = self.names.get(pool, [])
        if not 0 <= number < len(names):
            raise SlurmRefusedError(f"pool {pool} has no node {number} in Slurm")
        return names[number]

    def _numbered(self, pool: Pool, seen: dict[tuple[str, str], tuple[str, str, str]]) -> list[str]:
        place = self._settings.pools[pool.name]
        names = self.names.setdefault(pool.name, [])
        if place.nodes:
            if not names:
                names += self._commands.run("scontrol", "show", "hostnames", place.nodes).split()
            return names
        fits = (
            name
            for (partition, name), (_, gres, _) in seen.items()
            if partition == place.partition and devices(gres, place.gres)
        )
        names += sorted(set(fits) - set(names), key=_natural)
        return names

    def _node(self, pool: Pool, number: int, name: str, seen: dict[tuple[str, str], tuple[str, str, str]]) -> Node:
        place = self._settings.pools[pool.name]
        state, gres, reason = seen.get((place.partition, name), ("down", "", "Slurm has no such node"))
        reason = "" if reason == "none" else reason[:200]
        return Node(pool.name, number, name, condition(state), devices(gres, place.gres), reason)

    def _seen(self) -> dict[tuple[str, str], tuple[str, str, str]]:
        partitions = ",".join(dict.fromkeys(place.partition for place in self._settings.pools.values()))
        said = self._commands.ask(
            "sinfo", "--noheader", "-N", "-p", partitions, "-o", f"{self._mark}%R|%a|%N|%T|%G{self._mark}%E"
        )
        parts = said.split(self._mark)[1:]
        found: dict[tuple[str, str], tuple[str, str, str]] = {}
        self.closed.clear()
        for at in range(0, len(parts), 2):
            partition, opened, name, state, gres = parts[at].split("|")
            if opened != "up":
                self.closed.add(partition)
            found[partition, name] = state, gres, parts[at + 1].strip()
        return found

    def _write(self) -> None:
        partial = self._path.with_suffix(".new")
        with partial.open("w", encoding="utf-8") as file:
            json.dump(self.names, file)
            file.flush()
            os.fsync(file.fileno())
        partial.replace(self._path)


def check_pools(settings: Settings, pools: tuple[Pool, ...]) -> None:
    """Raise E142 where a pool of the charter has no place."""
    for pool in pools:
        if pool.name not in settings.pools:
            hint = f'[engines.slurm.pools.{pool.name}] partition = "..."'
            raise InputError("E142", f"no partition is named for the pool {pool.name}", hint=hint)


def condition(state: str) -> Condition:
    """Return what a state of sinfo means: ``draining@``, ``idle*``.

    Examples
    --------
    >>> [condition(state).value for state in ("mixed", "draining", "down*", "idle*")]
    ['up', 'maintenance', 'down', 'up']
    """
    name = state.rstrip("*~#!%$@^-+").lower()
    if name.startswith(_DOWN) or name == "unk":
        return Condition.DOWN
    return Condition.MAINTENANCE if name.startswith(_MAINTENANCE) else Condition.UP


def devices(gres: str, kind: str) -> int:
    """Return how many devices of a kind a node has.

    Examples
    --------
    >>> devices("gpu:a100:4(S:0-1),gpu:v100:2,lscratch:1", "gpu"), devices("gpu:a100:4(S:0-1),gpu:v100:2", "gpu:v100")
    (6, 2)
    """
    bare = re.sub(r"\([^)]*\)", "", gres)
    found = [part.rsplit(":", 1) for part in bare.split(",") if ":" in part]
    return sum(int(count) for name, count in found if count.isdigit() and (name == kind or name.startswith(f"{kind}:")))


def _natural(name: str) -> list[tuple[int, str]]:
    return [(int(part), "") if part.isdigit() else (0, part) for part in re.split(r"(\d+)", name)]
