"""What every team is due now: the exact entitlement of a whole tree, in plain integers.

Bottom-up, each team asks for its demand within its limit, and at least for its reserve. Top-down, a team's units go to
its children, first up to their floors (in proportion to the floors when units are short), then by weight up to what
they ask. Both phases are Webster's method under caps. This is the oracle that faster forms are compared with.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

from equipoise.charter.apportion import fill
from equipoise.charter.floors import quotas
from equipoise.charter.model import Charter


class Tree(NamedTuple):
    """The teams of one pool as arrays of equal length, in preorder.

    Parameters
    ----------
    parent : sequence of int
        Id of the parent, smaller than the team's own; -1 at the top.
    floor, limit, reserve : sequence of int
        Whole GPUs, as in :class:`~equipoise.charter.floors.Quota`.
    weight : sequence of int
        0 or more, on any common scale.
    """

    parent: Sequence[int]
    floor: Sequence[int]
    limit: Sequence[int]
    weight: Sequence[int]
    reserve: Sequence[int]


def tree(charter: Charter, pool: str, capacity: int) -> Tree:
    """Return the charter's teams as the arrays that :func:`entitlements` reads, for a capacity in GPUs."""
    found = quotas(charter, pool, capacity)
    return Tree(
        parent=charter.parents,
        floor=[quota.floor for quota in found],
        limit=[quota.limit for quota in found],
        weight=[team.weight_e4 for team in charter.teams],
        reserve=[quota.reserve for quota in found],
    )


def asks(nodes: Tree, demand: Sequence[int]) -> list[int]:
    """Return what each team asks for, given the demand of the leaves (other entries of ``demand`` are not read)."""
    below = [0] * len(nodes.parent)
    inner = set(nodes.parent)
    ask = [0] * len(nodes.parent)
    for team in range(len(nodes.parent) - 1, -1, -1):
        wanted = below[team] if team in inner else demand[team]
        ask[team] = max(min(nodes.limit[team], wanted), nodes.reserve[team])
        if nodes.parent[team] >= 0:
            below[nodes.parent[team]] += ask[team]
    return ask


def entitlements(nodes: Tree, capacity: int, demand: Sequence[int]) -> list[int]:
    """Divide a pool's capacity among all teams.

    Parameters
    ----------
    nodes : Tree
    capacity : int
        GPUs that are up.
    demand : sequence of int
        GPUs that each leaf runs and waits for, aligned with the tree; entries of inner teams are not read.

    Returns
    -------
    list of int
        Entitled GPUs per team, aligned with the tree.

    Examples
    --------
    Two teams with floors of 6 and 2 of 10, both asking for all: the two units above floors go by weight 1 to 7.

    >>> nodes = Tree(parent=[-1, -1], floor=[6, 2], limit=[10, 10], weight=[1, 7], reserve=[0, 0])
    >>> entitlements(nodes, 10, [10, 10])
    [6, 4]
    """
    ask = asks(nodes, demand)
    groups: list[list[int]] = [[] for _ in range(len(nodes.parent) + 1)]
    for team, parent in enumerate(nodes.parent):
        groups[parent + 1].append(team)
    given = [0] * len(nodes.parent)
    for parent in range(-1, len(nodes.parent)):
        group = groups[parent + 1]
        if not group:
            continue
        units = capacity if parent < 0 else given[parent]
        floors = [nodes.floor[team] for team in group]
        low = [min(nodes.floor[team], ask[team]) for team in group]
        first = fill(units, low, floors)
        rest = [ask[team] - least for team, least in zip(group, low, strict=True)]
        second = fill(units - sum(first), rest, [nodes.weight[team] for team in group])
        for i, team in enumerate(group):
            given[team] = first[i] + second[i]
    return given
