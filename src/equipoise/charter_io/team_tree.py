"""Builds the tree of teams: inheritance resolved, siblings sorted by name, in preorder."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from equipoise.charter.model import EVERYTHING, NOTHING, Share, Team
from equipoise.charter_io.document import Mapping, Reading
from equipoise.charter_io.fields import Values, check_name, default_of, read, read_record
from equipoise.charter_io.kinds import NAME
from equipoise.charter_io.language import DEFAULTS, INHERITED, TEAM

_PROTECT = ("grace", "min_runtime", "reclaims_per_day")


def read_teams(top: Mapping, defaults: Mapping | None, pools: Sequence[str], reading: Reading) -> tuple[Team, ...]:
    """Read the ``teams`` of a charter.

    Parameters
    ----------
    top : Mapping
        The map of top teams.
    defaults : Mapping or None
        The charter's ``defaults``.
    pools : sequence of str
        Names of all pools; a share is resolved to one entry for each.
    reading : Reading
        Takes the findings.

    Returns
    -------
    tuple of Team
        Preorder; a field that was wrong has its default.
    """
    root: Values = {name: default_of(field) for name, field in INHERITED.items()}
    root["submit"] = ["everyone"]
    if defaults is not None:
        root = _inherit(root, read_record(DEFAULTS, defaults, reading, fill=False))
    return tuple(_level(top, None, root, tuple(pools), reading))


def _level(
    nodes: Mapping, parent: str | None, above: Values, pools: tuple[str, ...], reading: Reading
) -> Iterator[Team]:
    for name in sorted(nodes.values):
        if not check_name(NAME, nodes.keys[name], reading):
            continue
        node = nodes.values[name]
        values = read(TEAM, node, reading, fill=False)
        if values is None:
            continue
        path = name if parent is None else f"{parent}.{name}"
        held = _inherit(above, values)
        below = node.values.get(TEAM.recursive) if isinstance(node, Mapping) else None
        yield _team(path, name, parent, values, held, pools, is_leaf=below is None)
        if isinstance(below, Mapping) and below.values:
            yield from _level(below, path, held, pools, reading)
        elif isinstance(below, Mapping):
            reading.add("C104", f"'teams' of {path} is empty", at=below, hint="leave `teams` out: a leaf has none")
        elif below is not None:
            reading.add("C201", f"'teams' of {path} is not a map", at=below, hint="write `name: {…}` lines below")


def _inherit(above: Values, own: Values) -> Values:
    """Return what a team hands down: its own value, else that of above; jobs shrink and protection adds up."""
    held = {name: above[name] if own.get(name) is None else own[name] for name in INHERITED}
    if own.get("protect") is not None:
        held["protect"] = {
            part: above["protect"][part] if own["protect"][part] is None else own["protect"][part] for part in _PROTECT
        }
    if own.get("max_job") is not None and above["max_job"] is not None:
        held["max_job"] = min(above["max_job"], own["max_job"])
    held["protected_by"] = sorted({*above["protected_by"], *(own.get("protected_by") or ())})
    held["submit"] = own.get("submit") or above["submit"]
    return held


def _team(
    path: str,
    name: str,
    parent: str | None,
    values: Values,
    held: Values,
    pools: tuple[str, ...],
    *,
    is_leaf: bool,
) -> Team:
    weight = values["weight"]
    return Team(
        path=path,
        name=name,
        parent=parent,
        floor=_shares(values["floor"], NOTHING, pools),
        limit=_shares(values["limit"], EVERYTHING, pools),
        weight_e4=10_000 if weight is None else int(weight * 10_000),
        lend=held["lend"],
        recover_ms=held["recover"],
        grace_ms=held["protect"]["grace"],
        min_runtime_ms=held["protect"]["min_runtime"],
        reclaims_per_day=held["protect"]["reclaims_per_day"],
        max_job=held["max_job"],
        submit=tuple(held["submit"]),
        owner=held["owner"],
        protected_by=tuple(held["protected_by"]),
        is_leaf=is_leaf,
    )


def _shares(value: Any, default: Share, pools: tuple[str, ...]) -> dict[str, Share]:
    if isinstance(value, dict):
        return {pool: value.get(pool) or default for pool in pools}  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
    return dict.fromkeys(pools, value or default)
