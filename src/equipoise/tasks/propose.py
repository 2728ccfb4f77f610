"""A charter proposed from a job log: teams from the names in it, floors from who used what.

It writes down what was, as a place to start from; what ought to be is for people to decide. Each line says in a comment
which figures of the log it comes from.
"""

from __future__ import annotations

import json
import math
import os
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from equipoise import units
from equipoise.errors import InputError
from equipoise.report.figures import counted
from equipoise.traces import peak_gpus, read, team_name, usage
from equipoise.workload import Workload

NODE_GPUS = 8
TITLE_LENGTH = 150
_PLAIN_POOL = "gpu"


def propose_from_log(
    log: str | os.PathLike[str],
    *,
    nodes: str | None = None,
    map: str | os.PathLike[str] | None = None,
    **options: Any,
) -> str:
    """Read a log and propose a charter from it.

    Parameters
    ----------
    log : path
    nodes : str or None
        The machine as a charter writes it, ``64 nodes of 8 gpu``; None: from the log.
    map : path or None
        Mapping file; the teams of the proposal are its paths.
    **options
        Further ones of ``traces.read``, such as ``unmapped``, ``count`` and ``timezone``.

    Raises
    ------
    InputError
        As ``traces.read`` and ``propose``; C201 or C202 where ``nodes`` is no capacity.
    """
    machine = units.nodes(nodes) if nodes is not None else None
    workload = read(log, map=map, **options)
    return propose(workload, nodes=machine, log=Path(log).name, mapped=map is not None)


def propose(
    workload: Workload, *, nodes: tuple[int, int] | None = None, log: str = "a job log", mapped: bool = False
) -> str:
    """Return the text of a charter under which the log's teams keep what they used.

    Parameters
    ----------
    workload : Workload
        As ``traces.read`` returns it, without leaves.
    nodes : (int, int) or None
        Nodes and GPUs of each, for a log of one pool. None: as many GPUs as were wanted at once at most, in nodes of 8.
    log : str
        What the log is called in the title.
    mapped : bool
        Whether teams are paths from a mapping file, taken as they are; else they are names of the log, of which
        ``team_name`` makes names of the charter.

    Raises
    ------
    InputError
        T116 where two names of the log would be one team or pool, or a mapped team holds both jobs and teams; T117
        where ``nodes`` is given for several pools.
    """
    pools = _pools(workload, nodes)
    root = _tree(workload, mapped=mapped)
    lines = [
        f"# Proposed from {json.dumps(log)}: the teams of the log, each with the part of the GPU-hours that it used.",
        "# It says what was. Change it to what you promise; `equipoise check FILE --explain` tells what a line means.",
        *(f"# Left out of the log: {counted(item.rows, 'row')}, {item.reason}." for item in workload.skipped),
        "",
        "equipoise: charter/v1",
        f"lab: {_title(log)}",
        "timezone: UTC",
        "",
        "pools:",
    ]
    lines += [
        f"  {p.name}: {{device: GPU, expect: {p.nodes} nodes of {p.each} gpu}}   # {p.comment}" for p in pools.values()
    ]
    lines += ["", "teams:"]
    lines += _team_lines(root, {pool.name: pool.nodes * pool.each for pool in pools.values()}, indent="  ")
    return "\n".join(lines) + "\n"


def _title(log: str) -> str:
    """Quote a title: a charter takes up to 200 printable characters."""
    name = "".join(sign if sign.isprintable() else "?" for sign in log)[:TITLE_LENGTH]
    return json.dumps(f"Proposed from {name}", ensure_ascii=False)


@dataclass(frozen=True, slots=True)
class _Pool:
    name: str
    nodes: int
    each: int
    comment: str


@dataclass(slots=True)
class _Node:
    """A team of the proposal: GPU-hours by pool, its own and those of the teams in it."""

    name: str
    value: str = ""  # as the log has it
    jobs: int = 0
    services: int = 0
    largest_gang: int = 0
    gpu_h: dict[str, float] = field(default_factory=dict[str, float])
    teams: dict[str, _Node] = field(default_factory=dict[str, "_Node"])


def _pools(workload: Workload, nodes: tuple[int, int] | None) -> dict[str, _Pool]:
    names = _named(workload.pools, what="pool")
    if nodes is not None and len(names) > 1:
        raise InputError("T117", f"one size is given for {len(names)} pools: {', '.join(names.values())}")
    peaks = peak_gpus(workload)
    pools: dict[str, _Pool] = {}
    for value, name in names.items():
        peak = peaks[value]
        if nodes is not None:
            comment = f"as given; run without waiting, the log's work would hold {peak} GPUs at once at most"
            pools[value] = _Pool(name, *nodes, comment)
        else:
            # Jobs that take no time hold nothing, but their gangs must fit.
            largest = max(
                (int(g) for g in workload.jobs.gang[workload.jobs.pool == workload.pools.index(value)]), default=1
            )
            wanted = max(peak, largest, 1)
            each = NODE_GPUS if wanted >= NODE_GPUS else 1
            comment = f"the most that was wanted at once: {wanted} GPUs, if no job had waited"
            pools[value] = _Pool(name, -(-wanted // each), each, comment)
    return pools


def _named(values: Collection[str], *, what: str) -> dict[str, str]:
    """Give every value of the log its name in the charter; T116 where two get the same."""
    names: dict[str, str] = {}
    taken: dict[str, str] = {}
    for value in values:
        name = team_name(value) if value else _PLAIN_POOL
        if name in taken:
            raise InputError(
                "T116",
                f"{taken[name]!r} and {value!r} would both be the {what} {name!r}",
                hint="say which is which in a mapping file (--map)",
            )
        taken[name] = value
        names[value] = name
    return names


def _tree(workload: Workload, *, mapped: bool) -> _Node:
    paths = {team: tuple(team.split(".")) for team in workload.teams}
    if not mapped:
        paths = {team: (name,) for team, name in _named(workload.teams, what="team").items()}
    pools = _named(workload.pools, what="pool")
    root = _Node("")
    for team, pool, jobs, services, gpu_h, gang in (
        usage(workload).select("team", "pool", "jobs", "services", "gpu_h", "largest_gang").iter_rows()
    ):
        node = root
        for name in ("", *paths[team]):
            node = node.teams.setdefault(name, _Node(name)) if name else node
            node.jobs += jobs
            node.services += services
            node.largest_gang = max(node.largest_gang, gang)
            node.gpu_h[pools[pool]] = node.gpu_h.get(pools[pool], 0.0) + gpu_h
        node.value = team
    _refuse_work_on_inner_teams(root, set(workload.teams))
    return root


def _refuse_work_on_inner_teams(node: _Node, teams: Collection[str]) -> None:
    for child in node.teams.values():
        if child.teams and child.value in teams and child.value:
            raise InputError(
                "T116",
                f"the team {child.value!r} would hold jobs and, with {next(iter(child.teams))!r}, teams",
                hint="only a team without teams holds jobs: map them to one below it",
            )
        _refuse_work_on_inner_teams(child, teams)


def _team_lines(parent: _Node, room: Mapping[str, int], *, indent: str) -> list[str]:
    """Write the teams of a node, most GPU-hours first; ``room`` is the parent's floor by pool in GPUs."""
    lines: list[str] = []
    for node in sorted(parent.teams.values(), key=lambda node: (-sum(node.gpu_h.values()), node.name)):
        tenths = {pool: _tenths(node, parent, pool, gpus) for pool, gpus in room.items()}
        comment = _figures(node, parent)
        if not any(tenths.values()) and sum(node.gpu_h.values()) > 0:
            comment += "; less than one whole GPU, so no floor"
        if node.teams:
            lines.append(f"{indent}{node.name}:   # {comment}")
            lines.append(f"{indent}  floor: {_share(tenths)}")
            lines.append(f"{indent}  teams:")
            below = {pool: room[pool] * part // 1000 for pool, part in tenths.items()}
            lines += _team_lines(node, below, indent=indent + "    ")
        else:
            lines.append(f"{indent}{node.name}: {{floor: {_share(tenths)}}}   # {comment}")
    return lines


def _tenths(node: _Node, parent: _Node, pool: str, room: int) -> int:
    """Return the part of the parent's GPU-hours in tenths of a percent, rounded down; 0 where it is no whole GPU."""
    whole = parent.gpu_h.get(pool, 0.0)
    part = node.gpu_h.get(pool, 0.0) / whole if whole > 0 else 0.0
    # Hours are floats: what is a tenth of a percent but for their last digit counts as one.
    tenths = min(1000, math.floor(part * 1000 + 1e-6))
    # Whole percents read better where they say enough.
    tenths = tenths // 10 * 10 if tenths >= 100 else tenths
    return tenths if room * tenths >= 1000 else 0


def _share(tenths: Mapping[str, int]) -> str:
    texts = {pool: f"{part // 10}.{part % 10}%" if part % 10 else f"{part // 10}%" for pool, part in tenths.items()}
    if len(texts) == 1:
        return next(iter(texts.values()))
    return "{" + ", ".join(f"{pool}: {text}" for pool, text in texts.items()) + "}"


def _figures(node: _Node, parent: _Node) -> str:
    hours, whole = sum(node.gpu_h.values()), sum(parent.gpu_h.values())
    part = f"{100 * hours / whole:.1f}% of the GPU-hours: " if whole > 0 else ""
    work = [counted(number, noun) for number, noun in ((node.jobs, "job"), (node.services, "service")) if number]
    text = f"{part}{hours:,.0f} by {' and '.join(work)}, the largest of {counted(node.largest_gang, 'GPU')}"
    return text if node.value in ("", node.name) or node.teams else f"{text}; {json.dumps(node.value)} in the log"
