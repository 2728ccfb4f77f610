"""What the table ``[engines.slurm]`` of ``equipoise.toml`` says."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from equipoise.errors import InputError

WORD = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.:+@-]*")
PATH = re.compile(r"(/[A-Za-z0-9_.+-]+)+")
HOSTS = re.compile(r"[A-Za-z0-9_.\[\],-]+")


@dataclass(frozen=True, slots=True)
class Place:
    """Where a pool of the charter lies in the cluster.

    Parameters
    ----------
    partition : str
        Where its jobs run.
    queues : tuple of str
        Partitions to which users submit, in state DOWN: Slurm queues jobs there and starts none. `launch` moves a job on.
    nodes : str
        Names as Slurm writes them (``gpu[01-16]``), in the order of their numbers; empty: those of the partition, by name.
    gres : str
        ``gpu``, or with the type that tells this pool from others of its partition: ``gpu:a100``.
    fenced : bool
        The partition is DOWN in slurm.conf, so that slurmctld starts nothing after its own start until the engine has looked at what it
        forgot, and opens it.
    """

    partition: str
    queues: tuple[str, ...] = ()
    nodes: str = ""
    gres: str = "gpu"
    fenced: bool = False

    @property
    def partitions(self) -> tuple[str, ...]:
        """All partitions in which its jobs may be."""
        return (self.partition, *self.queues)


@dataclass(frozen=True, slots=True)
class Settings:
    """How the engine reaches Slurm, and what is what there.

    Parameters
    ----------
    pools : mapping of pool to Place
    teams : mapping of Slurm account to team
        An account that is not named is the team of its own name.
    priorities : mapping of QOS to int
        Added to what a user says by ``--nice`` (its negative).
    shadow : bool
        Observe only: nothing is held, started, stopped or drained.
    mark : str
        Begins every comment of ours; two controllers on one cluster need two.
    conf : str
        Path of slurm.conf; empty: as the programs find it.
    output : str
        A folder on every node for the output of jobs that have a command; empty: in the engine's own folder.
    python : str
        On every node, a Python of 3.8 or later by its path: it starts jobs that have a command.
    options : tuple of str
        Further options of sbatch for jobs that have a command, such as ``--cpus-per-gpu=8``.
    poll_s, node_poll_s : float
        How often the queue and the nodes are read.
    command_timeout_s : float
        How long a program of Slurm may take.
    patience_s : float
        How long a released job may wait before it counts as refused.
    """

    pools: Mapping[str, Place]
    teams: Mapping[str, str] = field(default_factory=dict[str, str])
    priorities: Mapping[str, int] = field(default_factory=dict[str, int])
    shadow: bool = False
    mark: str = "equipoise"
    conf: str = ""
    output: str = ""
    python: str = "/usr/bin/python3"
    options: tuple[str, ...] = ()
    poll_s: float = 0.5
    node_poll_s: float = 2.0
    command_timeout_s: float = 10.0
    patience_s: float = 60.0

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> Settings:
        """Read the table; raises InputError E142 that names what is wrong.

        Examples
        --------
        >>> Settings.of({"pools": {"main": {"partition": "gpu", "queues": ["submit"]}}}).pools["main"].queues
        ('submit',)
        """
        unknown = sorted(set(table) - {known.name for known in fields(cls)})
        if unknown:
            raise _wrong(f"no setting is called {unknown[0]!r}", "see docs/engine-slurm.md for those there are")
        given: dict[str, Any] = {}
        for name, value in table.items():
            given[name] = _READ[name](name, value)
        if not given.get("pools"):
            raise _wrong("pools is missing", "say where each pool lies: [engines.slurm.pools.NAME] partition = ...")
        return cls(**given)

    def account(self, team: str) -> str:
        """Return the account under which jobs of a team are submitted."""
        return next((account for account, owner in self.teams.items() if owner == team), team)

    @property
    def partitions(self) -> tuple[str, ...]:
        """All partitions that the engine manages, each once."""
        return tuple(dict.fromkeys(name for place in self.pools.values() for name in place.partitions))


def _wrong(message: str, hint: str = "") -> InputError:
    return InputError("E142", f"[engines.slurm] {message}", hint=hint)


def _pools(name: str, value: Any) -> dict[str, Place]:
    return {pool: _place(f"{name}.{pool}", entry) for pool, entry in _table(name, value).items()}


def _place(name: str, value: Any) -> Place:
    entry = _table(name, value)
    unknown = sorted(set(entry) - {"partition", "queues", "nodes", "gres", "fenced"})
    if unknown:
        raise _wrong(f"{name} has {unknown[0]!r}, which is nothing", "partition, queues, nodes, gres and fenced are")
    if "partition" not in entry:
        raise _wrong(f"{name} names no partition")
    nodes = _text(f"{name}.nodes", entry.get("nodes", ""))
    if nodes and not HOSTS.fullmatch(nodes):
        raise _wrong(f"{name}.nodes is {nodes!r}, which is no list of names", "such as gpu[01-16]")
    gres = _word(f"{name}.gres", entry.get("gres", "gpu"))
    queues = tuple(_word(f"{name}.queues", queue) for queue in _list(f"{name}.queues", entry.get("queues", [])))
    fenced = _flag(f"{name}.fenced", entry.get("fenced", False))
    return Place(_word(f"{name}.partition", entry["partition"]), queues, nodes, gres, fenced)


def _table(name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, Mapping):
        raise _wrong(f"{name} is {value!r}, and should be a table")
    return {str(key): entry for key, entry in value.items()}  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


def _list(name: str, value: Any) -> list[Any]:
    if not isinstance(value, list | tuple):
        raise _wrong(f"{name} is {value!r}, and should be a list")
    return list(value)  # pyright: ignore[reportUnknownVariableType, reportUnknownArgumentType]


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str) or "\0" in value:
        raise _wrong(f"{name} is {value!r}, and should be text")
    return value


def _path(name: str, value: Any) -> str:
    text = _text(name, value)
    if not PATH.fullmatch(text):
        raise _wrong(f"{name} is {text!r}, and should be a path from the root, of letters, digits and _.+-")
    return text


def _word(name: str, value: Any) -> str:
    text = _text(name, value)
    if not WORD.fullmatch(text):
        raise _wrong(f"{name} is {text!r}, and should be one word of letters, digits and _.:+@-")
    return text


def _flag(name: str, value: Any) -> bool:
    if not isinstance(value, bool):
        raise _wrong(f"{name} is {value!r}, and should be true or false")
    return value


def _seconds(name: str, value: Any) -> float:
    if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value <= 86_400:
        raise _wrong(f"{name} is {value!r}, and should be seconds, above 0 and at most a day")
    return float(value)


def _words(name: str, value: Any) -> dict[str, str]:
    return {account: _word(f"{name}.{account}", team) for account, team in _table(name, value).items()}


def _numbers(name: str, value: Any) -> dict[str, int]:
    table = _table(name, value)
    for qos, number in table.items():
        if isinstance(number, bool) or not isinstance(number, int):
            raise _wrong(f"{name}.{qos} is {number!r}, and should be a whole number")
    return dict(table)


def _texts(name: str, value: Any) -> tuple[str, ...]:
    return tuple(_text(name, entry) for entry in _list(name, value))


_READ = {
    "pools": _pools, "teams": _words, "priorities": _numbers, "shadow": _flag, "mark": _word, "conf": _text,
    "output": _text, "python": _path, "options": _texts, "poll_s": _seconds, "node_poll_s": _seconds, "command_timeout_s": _seconds,
    "patience_s": _seconds,
}  # fmt: skip
