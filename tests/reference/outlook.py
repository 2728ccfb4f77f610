"""The month of the labs, written from the equations of docs/outlook.md with plain numbers: slow, and no code of the product's kernel.

Entitlements are those of the exact function of the charter layer; chance is Philox from the paper's text; binomial quantiles add exact
fractions.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from fractions import Fraction
from statistics import NormalDist
from typing import Any

from equipoise.charter import entitlements
from equipoise.charter.entitlement import Tree, tree
from equipoise.outlook.draws import key_of
from equipoise.outlook.labs import POOL, WHOLE, Lab, Stage, World, whole

NOBODY = 0xFFFF
STAY, DESTINATION, GROWTH, PARADIGM = 0, 1, 2, 3


def philox(counter: tuple[int, ...], key: tuple[int, int]) -> tuple[int, ...]:
    """Philox 4x32 of ten rounds (Salmon and others 2011, section 3.3)."""
    c, k = list(counter), list(key)
    for turn in range(10):
        if turn:
            k = [(k[0] + 0x9E3779B9) % 2**32, (k[1] + 0xBB67AE85) % 2**32]
        high0, low0 = divmod(0xD2511F53 * c[0], 2**32)
        high1, low1 = divmod(0xCD9E8D57 * c[2], 2**32)
        c = [high1 ^ c[1] ^ k[0], low1, high0 ^ c[3] ^ k[1], low0]
    return tuple(c)


def uniforms(seed: int, run: int, month: int, lab: int, team: int, purpose: int, other: int = 0) -> tuple[float, float]:
    """Two numbers inside (0, 1), each of 52 bits."""
    a, b, c, d = philox((month * 256 + purpose, lab * 65536 + team, run, other), (seed % 2**32, seed >> 32))
    return ((a * 2**20 + b // 2**12) + 0.5) / 2**52, ((c * 2**20 + d // 2**12) + 0.5) / 2**52


def quantile(n: int, p: float, u: float) -> int:
    """The least k of which Binomial(n, p) is not above with probability u, in exact fractions."""
    odds, total = Fraction(p), Fraction(0)
    for k in range(n + 1):
        total += math.comb(n, k) * odds**k * (1 - odds) ** (n - k)
        if total >= Fraction(u):
            return k
    return n


def student4(u: float) -> float:
    """Student's t of 4 degrees by halving: F(t) = 1/2 + 3/8 · s(1 − s²/12 …) in its closed form, scaled to variance 1."""
    low, high = -1e6, 1e6
    for _ in range(200):
        t = (low + high) / 2
        s = t / math.sqrt(4 + t * t)
        if 0.5 + 0.75 * (s - s**3 / 3) < u:
            low = t
        else:
            high = t
    return low / math.sqrt(2)


@dataclass
class Team:
    """A team of the twin."""

    start: Any
    lab: LabState
    people: int = 0
    known: float = 0.0
    target: float = 0.0
    starved: float = 0.0
    contagion: float = 0.0
    breach: float = 0.0
    kept: float = 1.0
    left: int = 0
    share: int = 0
    due: int = 0
    demand: int = 0
    window: list[tuple[int, int, int]] = field(default_factory=list[tuple[int, int, int]])
    arriving: int = 0
    ref_c: float = 0.0
    ref_h: float = 0.0
    pull0: float = 0.0
    broken: int = 0
    lived: float = 0.0
    hire: float = 0.0


@dataclass
class LabState:
    """A lab of the twin."""

    lab: Lab
    compute: float
    revenue: float
    base: float
    paradigm: float
    shock: float
    u: float
    draw: float
    teams: list[Team] = field(default_factory=list[Team])
    core: float = 0.0
    exploration: float = 0.0


class Twin:
    """One run of a world with given parameters (as mappings of names to numbers)."""

    def __init__(
        self, world: World, p: dict[str, float], own: dict[str, dict[str, float]], *, seed: int, run: int
    ) -> None:
        self.p, self.seed, self.run, self.month = p, seed, run, 0
        self.outside = world.outside
        self.labs: list[LabState] = []
        self.flows: dict[tuple[str, str], int] = {}
        for lab in world.labs:
            shock = 0.0 if lab.growth is None else lab.growth - p["g0"]
            u, z = own[lab.name]["u_lab"], own[lab.name]["draw"]
            draw = z - p["repute"] * (u + known(lab))
            state = LabState(lab, lab.compute, lab.revenue, lab.capability, 0.0, shock, u, draw)
            state.teams = [
                Team(t, state, t.people, 0.85 * t.people, float(t.people), t.starved, 0.0, t.breach) for t in lab.teams
            ]
            self.labs.append(state)
        for k in range(len(world.teams)):
            column = [state.teams[k] for state in self.labs]
            for team in column:
                team.ref_c = max(sum(t.start.asks * t.lab.compute for t in column) / len(column), 1e-6)
                team.ref_h = max(sum(t.known for t in column) / len(column), 1e-3)

    def step(self) -> None:
        """One month."""
        for state in self.labs:
            self.divide(state)
        self.pulls()
        for state in self.labs:
            for k, team in enumerate(state.teams):
                self.leave(state, team, k)
        for state in self.labs:
            for team in state.teams:
                self.join(team)
        self.produce()
        self.month += 1

    def divide(self, state: LabState) -> None:
        stage: Stage = state.lab.stage(self.month)
        for team in state.teams:
            asked = team.start.asks
            if team.start.role == "product":
                asked *= (state.revenue / state.compute) / (state.lab.revenue / state.lab.compute)
            elif team.start.people > 0:  # a team of which no people are told asks for the same for ever
                asked *= team.people / team.start.people
            team.demand = min(100, math.ceil(round(asked * 100, 5))) * 10_000
        reference = state.lab.reference or stage.charter
        acts, due = entitled(stage.charter, state), entitled(reference, state)
        for team in state.teams:
            team.share, team.due = acts[team.start.name], min(due[team.start.name], team.demand)
            s = max(0.0, 1 - team.share / team.due) if team.due else 0.0
            team.starved += (s - team.starved) / self.p["tau_s"]
            team.lived += s
            promised = max(
                [int(c.at_least * WHOLE) for c in reference.commitments if c.team == team.start.name and c.at_least]
                or [0]
            )
            team.window.append((promised, team.share, max(0, min(promised, team.demand) - team.share)))
            if len(team.window) == 3:
                owed, delivered, denied = (sum(column) for column in zip(*team.window, strict=True))
                team.breach = float(delivered < owed and denied > 0)
                team.broken += int(team.breach)
                team.window = []

    def value(self, state: LabState, k: int) -> float:
        team = state.teams[k]
        per_head = (team.share + 1) * state.compute / max(team.people, 1)
        return self.p["mobility"] * (state.lab.stage(self.month).mission + self.p["per_head"] * math.log(per_head))

    def pulls(self) -> None:
        self.values = {(s.lab.name, k): self.value(s, k) for s in self.labs for k in range(len(s.teams))}
        self.pull: dict[tuple[str, int], float] = {}
        for (name, k), own in self.values.items():
            others = [math.exp(v) for (other, kk), v in self.values.items() if kk == k and other != name]
            self.pull[name, k] = math.log(sum(others) / len(others)) - own if others else 0.0
            team = next(s for s in self.labs if s.lab.name == name).teams[k]
            if self.month == 0:
                team.pull0 = self.pull[name, k]

    def leave(self, state: LabState, team: Team, k: int) -> None:
        p, lab, key = self.p, key_of(state.lab.name), key_of(team.start.name)
        z = (
            known(state.lab)
            + state.u
            + p["beta_s"] * team.starved
            + p["beta_m"] * team.breach
            + p["kappa"] * team.contagion
        )
        rate = min(p["h0"] * math.exp(z + p["pull"] * (self.pull[state.lab.name, k] - team.pull0)), 0.7)
        u, team.hire = uniforms(self.seed, self.run, self.month, lab, key, STAY)
        gone = quantile(team.people, 1 - math.exp(-rate), u)
        part = gone / team.people if team.people else 0.0
        team.contagion += part - team.contagion / p["tau_x"]
        team.known = min(team.known * (1 - min(1.0, p["chi"] * part)), team.people - gone)
        team.kept *= math.exp(-rate)
        team.people -= gone
        team.left += gone
        if gone:
            self.send(state, k, gone, lab, key)

    def send(self, state: LabState, k: int, gone: int, lab: int, key: int) -> None:
        others = [s for s in self.labs if s is not state]
        draw = lambda other: uniforms(self.seed, self.run, self.month, lab, key, DESTINATION, other)[0]  # noqa: E731
        outside = quantile(gone, self.p["out"], draw(NOBODY)) if others else gone
        self.outside += outside
        self.count(state, "outside", outside)
        left = gone - outside
        appeal = [
            math.exp(self.values[s.lab.name, k] + s.draw) * (1 + max(0.0, s.teams[k].target - s.teams[k].people))
            for s in others
        ]
        for number, (other, own) in enumerate(zip(others, appeal, strict=True)):
            last = number == len(others) - 1
            went = left if last else quantile(left, own / sum(appeal[number:]), draw(key_of(other.lab.name)))
            left -= went
            other.teams[k].arriving += went
            self.count(state, other.lab.name, went)

    def count(self, state: LabState, to: str, people: int) -> None:
        self.flows[state.lab.name, to] = self.flows.get((state.lab.name, to), 0) + people

    def join(self, team: Team) -> None:
        p = self.p
        team.people += team.arriving
        team.known += p["carried"] * team.arriving
        team.arriving = 0
        team.target *= 1 + team.start.growth / 12
        wanted = max(0.0, team.target - team.people) / p["tau_hire"]
        hired = min(int(wanted) + (team.hire < wanted - int(wanted)), self.outside)
        self.outside -= hired
        team.people += hired
        team.known += p["q0"] * hired
        if team.people:
            team.known = min(
                team.people, team.known + (team.people - team.known) / p["tau_ramp"] * team.known / team.people
            )

    def produce(self) -> None:
        p, labs, n = self.p, self.labs, len(self.labs)
        for state in labs:
            yields = {
                role: [self.ces(state, t) for t in state.teams if t.start.role == role]
                for role in ("core", "exploration")
            }
            state.core, state.exploration = 1e-9 + sum(yields["core"]), 1e-9 + sum(yields["exploration"])
        core, explored = sum(s.core for s in labs) / n, sum(s.exploration for s in labs) / n
        best, top = max(s.base for s in labs), max(s.paradigm for s in labs)
        for state in labs:
            state.base += p["eta"] * state.core / core + p["spill"] * (best - state.base)
            state.paradigm += min(1.0, p["absorb"] * state.exploration / explored) * (top - state.paradigm)
        comes, who = uniforms(self.seed, self.run, self.month, NOBODY, NOBODY, PARADIGM)
        if comes < 1 - math.exp(-p["mu"] / 12):
            place, winner = who * explored * n, labs[-1]
            for state in labs[:-1]:
                if place < state.exploration:
                    winner = state
                    break
                place -= state.exploration
            winner.paradigm = top + p["jump"]
        mean = sum(s.base + s.paradigm for s in labs) / n
        room = max(0.0, 1 - sum(s.revenue for s in labs) / p["market"])
        for state in labs:
            u = uniforms(self.seed, self.run, self.month, key_of(state.lab.name), NOBODY, GROWTH)[0]
            fresh = p["shock_size"] * math.exp(-self.month / p["tau_g"]) * student4(u)
            state.shock = max(-0.5, min(0.5, p["shock_memory"] * state.shock + fresh))
            grown = (
                p["g0"] * math.exp(-self.month / p["tau_g"])
                + p["gamma"] * (state.base + state.paradigm - mean)
                + state.shock
            )
            grown = min(grown, grown * room)
            serving = sum(t.share for t in state.teams if t.start.role == "product") / 1e6 * state.compute
            state.revenue = min(state.revenue * math.exp(grown), max(p["revenue_cap"] * serving, state.revenue))
            if not state.lab.flat:
                state.compute += p["lag"] * (p["multiple"] * state.revenue - state.compute)

    def ces(self, state: LabState, team: Team) -> float:
        p = self.p
        c = (team.share + 1) / 1e6 * state.compute / team.ref_c
        h = (team.known + 1e-3) / team.ref_h
        rho = (p["sigma"] - 1) / p["sigma"]
        if abs(rho) < 1e-3:
            return (c ** p["alpha"] * h ** (1 - p["alpha"])) ** p["nu"]
        return (p["alpha"] * c**rho + (1 - p["alpha"]) * h**rho) ** (p["nu"] / rho)


def known(lab: Lab) -> float:
    """What a lab's known retention says of its rate, against the field's."""
    return 0.0 if lab.retention is None else math.log(math.log(1 / lab.retention) / (24 * 0.0093))


def entitled(charter: Any, state: LabState) -> dict[str, int]:
    """The parts of the lab's compute that its teams are due, by the exact function."""
    one = whole(charter)
    nodes: Tree = tree(one, POOL, WHOLE)
    asks = {team.start.name: team.demand for team in state.teams}
    given = entitlements(nodes, WHOLE, [asks.get(team.path, 0) for team in one.teams])
    return {team.path: units for team, units in zip(one.teams, given, strict=True)}


def normal_quantile(u: float) -> float:
    """The standard library's."""
    return NormalDist().inv_cdf(u)
