"""The rules of one run: a tree of teams with floors, limits and weights per pool, and which rules act.

`charter` runs the charter itself. The others are baselines of the same core: `fifo` and `easy` keep one queue,
`no-floors` divides by weight alone, `product-first` puts one team before all its siblings. `fair-tree` ranks users as Slurm does;
`sjf`, `smallest`, `srtf`, `srsf` and `las` have one order of all jobs, by which the last four also stop running ones.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

from equipoise.charter.floors import Quota, quotas
from equipoise.charter.model import Charter, Team
from equipoise.errors import InputError
from equipoise.policy.kernel.layout import (
    BACKFILL,
    BY_ATTAINED,
    BY_GANG,
    BY_LENGTH,
    BY_REMAINING,
    BY_SERVICE,
    FAIR_TREE,
    NEVER,
    ORDER_SHIFT,
    ORDERED,
    PREEMPT,
    RECLAIM,
    SECURE_START,
    SHARES,
    TURNS,
)

ORDERS = {
    "sjf": BY_LENGTH,
    "smallest": BY_GANG,
    "srtf": BY_REMAINING,
    "srsf": BY_SERVICE,
    "las": BY_ATTAINED,
}
OWN = "*"
"""Names the row of a team's own work where it is a leaf in one charter and has teams of its own in another (`course`)."""
GONE = -1
"""The ``max_job`` of a team that the charter in force does not have: nothing may be submitted to it."""
POLICIES = ("charter", "no-floors", "product-first", "fair-tree", "easy", "fifo", *ORDERS)


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the tree: one team (or the whole lab) with what it may count on.

    ``quotas`` holds floor, limit and reserve in accelerators per pool; ``children`` are line numbers, siblings side by
    side.
    """

    path: str
    parent: int
    first: int
    children: int
    weight_e4: int
    quotas: tuple[Quota, ...]
    leading: bool = False
    grace_ms: int = 0
    min_runtime_ms: int = 0
    recover_ms: int = 0
    reclaims_per_day: int = NEVER
    max_job: int = NEVER


@dataclass(frozen=True, slots=True)
class Plan:
    """What the kernel needs to know of a charter and a policy.

    ``tree`` is the charter whose teams are the lines: ``charter``, or that with the teams of others that come before or after it.
    ``first`` is the team that ``product-first`` puts first.
    """

    name: str
    charter: Charter
    lines: tuple[Line, ...]
    rules: int
    half_life_ms: int
    first: str = ""
    one_queue: bool = False
    unfloored: bool = False
    paces: bool = False
    tree: Charter | None = None

    def line_of(self, path: str) -> int:
        """Return the line number of a team; of a plan with one queue, that of the queue."""
        if self.one_queue:
            return 0
        for number, line in enumerate(self.lines):
            if line.path == path:
                return number
        raise InputError("C301", f"no team '{path}' in the charter")

    def leaf_of(self, path: str) -> int:
        """Return the line that holds a leaf's work: its own, or that of its own work where another charter divides it."""
        own = f"{path}.{OWN}"
        return self.line_of(own if any(line.path == own for line in self.lines) else path)

    def decides_as(self, other: Plan) -> bool:
        """Whether another plan of the same tree differs in nothing that decides or is counted."""
        return self._deciding == other._deciding

    @property
    def _deciding(self) -> tuple[object, ...]:
        tree = self.tree or self.charter
        return tree.teams, self.lines, self.rules, self.half_life_ms, self.charter.commitments, self.charter.timezone

    def quotas(self, pool: str, devices: int) -> tuple[Quota, ...]:
        """Return what every line has in a pool of which ``devices`` are up."""
        if self.one_queue:
            return (Quota(0, devices, 0),)
        found = _quotas(self.tree or self.charter, [line.path for line in self.lines], pool, devices)
        return tuple(map(_bare, found)) if self.unfloored else found


def plan(charter: Charter, policy: str = "charter", *, first: str = "product", tree: Charter | None = None) -> Plan:
    """Return the plan that runs ``policy`` under ``charter``.

    Parameters
    ----------
    charter : Charter
    policy : str
        One of `POLICIES`.
    first : str
        The team that ``product-first`` puts before its siblings.
    tree : Charter or None
        The charter with further teams, that it does not have (`course.completed`).

    Raises
    ------
    InputError
        P101 for an unknown policy, C301 for an unknown team.
    """
    half_life_ms = charter.usage_half_life_ms
    if policy in ("fifo", "easy") or policy in ORDERS:
        root = Line("", -1, 0, 0, 10_000, tuple(Quota(0, pool.capacity, 0) for pool in charter.pools))
        rules = BACKFILL if policy == "easy" else 0
        if policy in ORDERS:
            rules = ORDERED | ORDERS[policy] << ORDER_SHIFT
        return Plan(policy, charter, (root,), rules, half_life_ms, one_queue=True)
    lines = _lines(charter, tree or charter)
    if policy == "charter":
        rules = BACKFILL | RECLAIM | SECURE_START | TURNS | PREEMPT | (SHARES if charter.reclaim == "shares" else 0)
        return Plan(policy, charter, lines, rules, half_life_ms, paces=True, tree=tree)
    if policy not in POLICIES:
        raise InputError("P101", f"no policy '{policy}'", hint="one of: " + ", ".join(POLICIES))
    leading = set[str]()
    if policy == "product-first":
        (tree or charter).team(first)
        parts = first.split(".")
        leading = {".".join(parts[:n]) for n in range(1, len(parts) + 1)}
    unfloored = tuple(
        replace(line, quotas=tuple(map(_bare, line.quotas)), leading=line.path in leading) for line in lines
    )
    rules = BACKFILL | (FAIR_TREE if policy == "fair-tree" else PREEMPT)
    return Plan(
        policy, charter, unfloored, rules, half_life_ms, first=first if leading else "", unfloored=True, tree=tree
    )


def _lines(own: Charter, charter: Charter) -> tuple[Line, ...]:
    """Lay the teams out level by level, so that siblings are side by side and parents come first; ``own`` has some of them."""
    leaves = {team.path for team in own.leaves}
    order: list[Team | None] = [None]
    parent, first, count = [-1], [0], [0]
    at = 0
    while at < len(order):
        team = order[at]
        below = charter.children(team.path if team else None)
        first[at], count[at] = len(order), len(below)
        for child in below:
            order.append(child)
            parent.append(at)
            first.append(0)
            count.append(0)
        at += 1
    paths = ["" if team is None else team.path for team in order]
    rows = list(zip(*(_quotas(charter, paths, pool.name, pool.capacity) for pool in charter.pools), strict=True))
    lines: list[Line] = []
    for number, team in enumerate(order):
        if team is None:
            lines.append(Line("", -1, first[0], count[0], 10_000, rows[0]))
            continue
        lines.append(
            Line(
                path=team.path,
                parent=parent[number],
                first=first[number] if count[number] else 0,
                children=count[number],
                weight_e4=team.weight_e4,
                quotas=rows[number],
                grace_ms=team.grace_ms,
                min_runtime_ms=team.min_runtime_ms,
                recover_ms=team.recover_ms,
                reclaims_per_day=team.reclaims_per_day,
                max_job=_max_job(team, gone=team.is_leaf and team.path.removesuffix(f".{OWN}") not in leaves),
            )
        )
    return tuple(lines)


def _max_job(team: Team, *, gone: bool) -> int:
    if gone:
        return GONE
    return NEVER if team.max_job is None else team.max_job


def _quotas(charter: Charter, paths: list[str], pool: str, devices: int) -> tuple[Quota, ...]:
    """Return what teams, the first of them the whole lab, have in a pool of which ``devices`` are up."""
    of_team = quotas(charter, pool, devices)
    return (Quota(devices, devices, 0), *(of_team[charter.id_of(path)] for path in paths[1:]))


def _bare(quota: Quota) -> Quota:
    """Return a quota without what floors promise."""
    return Quota(0, quota.limit, 0)
