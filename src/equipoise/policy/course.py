"""Charters that come into force one after another, as plans of one tree: the union of all their teams.

A path is a team's identity. A team that the charter in force does not have stays a row of the tree: nothing new may be submitted to
it, and what it runs and has waiting goes on as an unfloored child of weight 1, without a limit of its own, of the nearest ancestor that
remains. It keeps the terms (`protect`, `recover`) that it had last. Where a leaf is divided, or a team with teams of its own becomes a
leaf, the leaf's own work has a row below the team, named ``TEAM.*``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

from equipoise.charter.model import EVERYTHING, NOTHING, Charter, Share, Team
from equipoise.errors import InputError
from equipoise.policy.plan import OWN, Plan, plan


@dataclass(frozen=True, slots=True)
class Enactment:
    """From ``at_ms`` on another charter is in force: what executes, and what entitlement and denial are computed against."""

    at_ms: int
    plan: Plan
    reference: Plan


def course(charters: Sequence[Charter], policy: str = "charter", *, first: str = "product") -> tuple[Plan, ...]:
    """Return the plans that run ``policy`` under one charter after another; of a single charter its plan.

    Parameters
    ----------
    charters : sequence of Charter
        In the order in which they come into force, the first from the beginning.
    policy, first : str
        As of `plan`.

    Raises
    ------
    InputError
        P105 for charters of different machines; P101 and C301 as `plan`.

    Examples
    --------
    >>> from equipoise.charter.model import Pool
    >>> pool = Pool("a", "A100", 1, 8)
    >>> old, new = (Charter("Lab", (pool,), (Team(n, n, None, {"a": NOTHING}, {"a": EVERYTHING}),)) for n in ("x", "y"))
    >>> [[(line.path, line.max_job < 0) for line in plan.lines[1:]] for plan in course([old, new])]
    [[('x', False), ('y', True)], [('x', True), ('y', False)]]
    """
    if len(charters) == 1:
        return (plan(charters[0], policy, first=first),)
    trees = completed(charters)
    return tuple(plan(charter, policy, first=first, tree=tree) for charter, tree in zip(charters, trees, strict=True))


def completed(charters: Sequence[Charter]) -> tuple[Charter, ...]:
    """Return every charter with the teams that only others have, so that all have one tree; raises ``InputError`` P105."""
    ordered = [_same_machine(charter, charters[0]) for charter in charters]
    own = [{team.path: team for team in charter.teams} for charter in ordered]
    leaves = {path for teams in own for path, team in teams.items() if team.is_leaf}
    inner = {path for teams in own for path, team in teams.items() if not team.is_leaf}
    paths = sorted(leaves | inner | {f"{path}.{OWN}" for path in leaves & inner}, key=lambda path: path.split("."))
    parents = {path.rpartition(".")[0] for path in paths}
    return tuple(
        replace(charter, teams=tuple(_team(path, number, own, is_leaf=path not in parents) for path in paths))
        for number, charter in enumerate(ordered)
    )


def _same_machine(charter: Charter, first: Charter) -> Charter:
    """Return a charter with its pools in the order of the first one's."""
    machines = [{(pool.name, pool.nodes, pool.gpus_per_node) for pool in one.pools} for one in (charter, first)]
    if machines[0] != machines[1]:
        pools = ", ".join(f"{pool.name} of {pool.nodes} nodes of {pool.gpus_per_node} gpu" for pool in first.pools)
        raise InputError(
            "P105",
            f"'{charter.lab}' divides another machine than the charter before it",
            hint=f"pools stay as they are while charters change: {pools}",
        )
    return replace(charter, pools=tuple(charter.pool(pool.name) for pool in first.pools))


def _team(path: str, number: int, own: Sequence[dict[str, Team]], *, is_leaf: bool) -> Team:
    """Return a team of the common tree as charter ``number`` has it."""
    parent, _, name = path.rpartition(".")
    of = parent if name == OWN else path
    here = own[number].get(of)
    if name == OWN and here is not None and here.is_leaf:  # the whole of its team
        shares = dict.fromkeys(here.floor, EVERYTHING)
        return replace(here, path=path, name=name, parent=parent, floor=shares, limit=shares, weight_e4=10_000)
    if name != OWN and here is not None:
        return replace(here, is_leaf=is_leaf)
    order = [*range(number, -1, -1), *range(number + 1, len(own))]
    fits = [own[n][of] for n in order if of in own[n] and (name != OWN or own[n][of].is_leaf)]
    return replace(
        fits[0],
        path=path,
        name=name,
        parent=parent or None,
        floor=_all(fits[0], NOTHING),
        limit=_all(fits[0], EVERYTHING),
        weight_e4=10_000,
        lend=Fraction(1),
        is_leaf=is_leaf,
    )


def _all(team: Team, share: Share) -> dict[str, Share]:
    return dict.fromkeys(team.floor, share)
