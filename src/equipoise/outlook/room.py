"""A world as the records that the compiled month works on."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from equipoise.charter.model import Charter
from equipoise.outlook.draws import WORD, key_of
from equipoise.outlook.kernel import layout as k
from equipoise.outlook.labs import WHOLE, Lab, World, promises, whole
from equipoise.outlook.parameters import LAB_RECORD, RECORD
from equipoise.policy.kernel.layout import GLOB, SHARE
from equipoise.policy.plan import plan

KNOWN0 = 0.85  # of a full head, at the start: assumed
WINDOW = 3  # months of a promise's window
LEAD_MARGIN, LEAD_MONTHS = 0.25, 3
ROLES = {"research": k.PLAIN, "product": k.PLAIN, "exploration": k.EXPLORATION, "core": k.CORE}


@dataclass(frozen=True, slots=True)
class Asked:
    """What a forecast is asked for.

    Parameters
    ----------
    months : int
    marks : tuple of int
        Months after which people, capability and the rest are kept; rising, the last at most ``months``.
    seed : int
        0 up to 2^64 − 1.
    loss : float
        What is left of a team's first people when it counts as lost.
    """

    months: int = 60
    marks: tuple[int, ...] = (12, 24, 60)
    seed: int = 0
    loss: float = 0.5


@dataclass(frozen=True, slots=True)
class Outputs:
    """What runs leave behind; the first axis of each is the run."""

    team_marks: Any
    lab_marks: Any
    team_ends: Any
    run_ends: Any
    flows: Any

    @classmethod
    def empty(cls, world: World, asked: Asked, runs: int) -> Outputs:
        """Return room for ``runs`` runs."""
        labs, teams = len(world.labs), len(world.teams)
        return cls(
            np.zeros((runs, len(asked.marks), labs, teams), k.TEAM_MARK),
            np.zeros((runs, len(asked.marks), labs), k.LAB_MARK),
            np.zeros((runs, labs, teams), k.TEAM_END),
            np.zeros(runs, k.RUN_END),
            np.zeros((runs, labs, labs + 1), np.int64),
        )

    def part(self, begin: int, end: int) -> Outputs:
        """Return the runs from ``begin`` up to ``end``, as the same memory."""
        members = (self.team_marks, self.lab_marks, self.team_ends, self.run_ends, self.flows)
        return Outputs(*(member[begin:end] for member in members))


class Start:
    """A world prepared once; `room` gives each thread records of its own."""

    def __init__(self, world: World, asked: Asked) -> None:
        self.world, self.asked = world, asked
        self._trees: list[Charter] = []
        self._labs = _labs(world)
        self._teams = _teams(world)
        self._schedule = self._scheduled()
        self._tree, self._leaf, self._share = self._planted()

    def room(self, params: Any, per_lab: Any, out: Outputs) -> k.Room:
        """Return records for a thread that runs the runs of ``params``."""
        assert params.dtype == RECORD and per_lab.dtype == LAB_RECORD
        teams = len(self._teams)
        return k.Room(
            self._globals(), self._labs.copy(), self._teams.copy(), self._labs, self._teams, np.zeros(teams * k.SIX, k.PAST),
            self._schedule, self._tree.copy(), self._leaf, self._share.copy(), np.zeros(1, GLOB),
            np.array(self.asked.marks, np.int64), params, per_lab, out.team_marks.reshape(-1), out.lab_marks.reshape(-1),
            out.team_ends.reshape(-1), out.run_ends, out.flows.reshape(-1),
        )  # fmt: skip

    def _globals(self) -> Any:
        world, asked = self.world, self.asked
        g = np.zeros(1, k.WORLD)
        g["seed_low"], g["seed_high"] = asked.seed & WORD, asked.seed >> 32 & WORD
        g["labs"], g["teams"], g["months"], g["marks"] = (
            len(world.labs),
            len(world.teams),
            asked.months,
            len(asked.marks),
        )
        g["focal"] = [lab.name for lab in world.labs].index(world.focal)
        g["outside0"], g["loss"], g["window"] = world.outside, asked.loss, WINDOW
        g["lead_margin"], g["lead_months"] = LEAD_MARGIN, LEAD_MONTHS
        return g

    def _number(self, charter: Charter) -> int:
        if charter not in self._trees:
            self._trees.append(charter)
        return self._trees.index(charter)

    def _scheduled(self) -> Any:
        """Number the charters and say which holds when. Each lab has trees of its own, for they remember what was asked."""
        labs = len(self.world.labs)
        schedule = np.zeros(max(self.asked.months, 1) * labs, k.SCHEDULE)
        self._trees.clear()
        for number, lab in enumerate(self.world.labs):
            own: list[Charter] = []
            begin = len(self._trees)

            def place(charter: Charter, own: list[Charter] = own, begin: int = begin) -> int:
                if charter not in own:
                    own.append(charter)
                return begin + own.index(charter)

            refers = -1 if lab.reference is None else place(lab.reference)
            for month in range(self.asked.months):
                stage = lab.stage(month)
                row = schedule[month * labs + number]
                row["acts"], row["refers"], row["mission"] = place(stage.charter), refers, stage.mission
            if not own:
                place(lab.course[0].charter)
            self._trees.extend(own)
        return schedule

    def _planted(self) -> tuple[Any, Any, Any]:
        trees, teams = np.zeros(len(self._trees), k.TREE), self.world.teams
        leaves = np.zeros(len(self._trees) * len(teams), k.LEAF)
        shares: list[Any] = []
        root = 0
        for number, charter in enumerate(self._trees):
            lines = plan(whole(charter)).lines
            rows = np.zeros(len(lines), SHARE)
            promised = promises(charter)
            for at, line in enumerate(lines):
                row, quota = rows[at], line.quotas[0]
                row["floor"], row["limit"], row["reserve"], row["weight"] = (
                    quota.floor,
                    quota.limit,
                    quota.reserve,
                    line.weight_e4,
                )
                row["parent"] = root + line.parent if line.parent >= 0 else -1
                row["first"], row["n"] = root + line.first, line.children
                if line.path in teams and not line.children:
                    leaf = leaves[number * len(teams) + teams.index(line.path)]
                    leaf["row"], leaf["promise_ppm"] = root + at, math.floor(promised.get(line.path, 0) * WHOLE)
            trees[number]["root"], trees[number]["rows"] = root, len(lines)
            shares.append(rows)
            root += len(lines)
        return trees, leaves, np.concatenate(shares)


def _labs(world: World) -> Any:
    labs = np.zeros(len(world.labs), k.LAB)
    for row, lab in zip(labs, world.labs, strict=True):
        row["key"], row["compute"], row["revenue"], row["base"] = (
            key_of(lab.name),
            lab.compute,
            lab.revenue,
            lab.capability,
        )
        row["growth"] = k.NOT_YET if lab.growth is None else lab.growth
        row["flat"] = lab.flat
        row["baseline"] = lab.baseline
    return labs


def _teams(world: World) -> Any:
    teams = np.zeros(len(world.labs) * len(world.teams), k.TEAM)
    rows = iter(teams)
    for lab in world.labs:
        for team in lab.teams:
            row = next(rows)
            row["key"], row["role"] = key_of(team.name), ROLES[team.role]
            row["follows"] = k.FOLLOWS_REVENUE if team.role == "product" else k.FOLLOWS_PEOPLE
            row["people"] = row["people0"] = team.people
            row["ref_people"] = max(team.people, 1)
            row["growth"], row["asked_ppm"], row["known"] = team.growth, team.asks * WHOLE, KNOWN0 * team.people
            row["starved"], row["breach"] = team.starved, team.breach
            row["ref_scale"] = lab.revenue / lab.compute
    for number in range(len(world.teams)):
        one = slice(number, None, len(world.teams))
        teams["ref_known"][one] = max(teams["known"][one].mean(), 1e-3)
        asked = [_asked(lab, number) for lab in world.labs]
        teams["ref_compute"][one] = max(sum(asked) / len(asked), 1e-6)
    return teams


def _asked(lab: Lab, number: int) -> float:
    return lab.teams[number].asks * lab.compute
