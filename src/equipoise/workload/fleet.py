"""A fleet of any size, made fast: for benchmarks and for tests at scale, not for a story (that is the lab).

Durations and gangs are heavy-tailed, teams ask unevenly (so that floors are borrowed and reclaimed), and most jobs can
be stopped. The charter that belongs to it promises 60 % of the machine. Every constant below is an *assumption*, chosen
to be hard for a scheduler: a few gangs as large as an eighth of the machine above a mass of single-accelerator jobs.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from equipoise.errors import InputError
from equipoise.workload.draws import I64, Draws, Quantiles, choose
from equipoise.workload.model import I32, Jobs, Workload

GANGS = (1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096)
GANG_WEIGHTS = (0.50, 0.12, 0.10, 0.15, 0.06, 0.035, 0.02, 0.008, 0.004, 0.002, 0.0007, 0.0002, 0.0001)
LARGEST_GANG_PART = 8  # no gang above 1/8 of the machine
MEDIAN_MS, SIGMA = 600_000, 2.0
LEAST_MS, MOST_MS = 5_000, 7 * 86_400_000
ESTIMATE_MOST = 3.0  # declared walltime: duration × a number between 1 and this
PREEMPTIBLE = 0.7
SAVEPOINT_MS = 900_000
FLOOR_E2 = 60  # percent of the capacity that floors promise

_ROWS = 1 << 18  # rows made at a time: temporaries stay in the cache, and memory stays that of the columns


@dataclass(frozen=True, slots=True)
class Tree:
    """The teams of a fleet: leaves in the order of their paths.

    Parameters
    ----------
    divisions, names : tuple of str
        Division of each leaf, name of each leaf.
    weight_e4 : tuple of int
        Charter weight of each leaf in ten-thousandths.
    floor : tuple of int
        Floor of each leaf in accelerators.
    """

    divisions: tuple[str, ...]
    names: tuple[str, ...]
    weight_e4: tuple[int, ...]
    floor: tuple[int, ...]

    @property
    def paths(self) -> tuple[str, ...]:
        """Path of each leaf."""
        return tuple(f"{division}.{name}" for division, name in zip(self.divisions, self.names, strict=True))


def fleet(
    n_jobs: int,
    *,
    nodes: int,
    gpus_per_node: int = 8,
    teams: int = 100,
    divisions: int | None = None,
    seed: int = 1,
    load: float = 0.95,
    users_per_team: int = 1,
) -> tuple[Workload, str]:
    """Make a fleet's jobs and the charter that divides it.

    Parameters
    ----------
    n_jobs : int
        1 or more.
    nodes, gpus_per_node : int
        The one pool, ``main``.
    teams, divisions : int
        Leaves, and inner teams above them (default: the square root of ``teams``). Leaf 17 is ``d01.t17`` or so.
    seed : int
    load : float
        GPU-time asked for ÷ GPU-time there is, over the time in which jobs are submitted.
    users_per_team : int

    Returns
    -------
    workload : Workload
        Columns of ``n_jobs`` rows; jobs arrive evenly at random over a span that follows from ``load``.
    charter : str
        YAML of the charter ``fleet`` with the same team paths, weights and floors.

    Raises
    ------
    InputError
        ``L101`` if a size or the load is not positive, or there are more divisions than teams.

    Examples
    --------
    >>> workload, charter = fleet(1000, nodes=16, teams=4)
    >>> len(workload.jobs), workload.teams
    (1000, ('d0.t0', 'd0.t1', 'd1.t2', 'd1.t3'))
    """
    if divisions is None:
        divisions = max(1, round(teams**0.5))
    if min(n_jobs, nodes, gpus_per_node, teams, divisions, users_per_team) < 1 or load <= 0 or divisions > teams:
        raise InputError(
            "L101",
            f"a fleet of {n_jobs} jobs on {nodes} × {gpus_per_node} accelerators, "
            f"{teams} teams in {divisions} divisions at load {load} cannot be made",
            hint="give sizes of 1 or more, a load above 0, and no more divisions than teams",
        )
    capacity = nodes * gpus_per_node
    tree = _tree(teams, divisions, capacity, seed)
    jobs = _jobs(n_jobs, tree, capacity=capacity, seed=seed, load=load, users_per_team=users_per_team)
    users = tuple(f"u{i}" for i in range(teams * users_per_team))
    workload = Workload(jobs=jobs, teams=tree.paths, pools=("main",), users=users)
    return workload, _charter(tree, nodes, gpus_per_node)


def _tree(teams: int, divisions: int, capacity: int, seed: int) -> Tree:
    weight_e4 = (10_000 + Draws(seed, stream=1).below(30_001, teams)).tolist()  # 1 to 4
    total = sum(weight_e4)
    width_d, width_t = len(str(divisions - 1)), len(str(teams - 1))
    return Tree(
        divisions=tuple(f"d{i * divisions // teams:0{width_d}}" for i in range(teams)),
        names=tuple(f"t{i:0{width_t}}" for i in range(teams)),
        weight_e4=tuple(weight_e4),
        floor=tuple(capacity * FLOOR_E2 * weight // (100 * total) for weight in weight_e4),
    )


def _jobs(n: int, tree: Tree, *, capacity: int, seed: int, load: float, users_per_team: int) -> Jobs:
    teams = len(tree.names)
    asks = Quantiles.lognormal(1.0, 1.0, least=0.05, most=20.0).read(Draws(seed, stream=2).unit(teams))
    floor = np.array(tree.floor, np.int64)
    largest = max(1, capacity // LARGEST_GANG_PART)
    fitting = sum(gang <= largest for gang in GANGS)
    gangs, gang_weights = np.array(GANGS[:fitting], np.int32), np.array(GANG_WEIGHTS[:fitting])
    durations = Quantiles.lognormal(MEDIAN_MS, SIGMA, least=LEAST_MS, most=MOST_MS)

    duration, walltime = np.empty(n, np.int64), np.empty(n, np.int64)
    gang, team = np.empty(n, np.int32), np.empty(n, np.int32)
    none = np.broadcast_to(np.int32(0), n)  # columns of one value take no memory
    user, preemptible = np.empty(n, np.int32), np.empty(n, np.bool_)
    draws = Draws(seed)
    for first in range(0, n, _ROWS):
        rows = slice(first, min(n, first + _ROWS))
        size = rows.stop - first
        duration[rows] = durations.read(draws.unit(size))
        walltime[rows] = duration[rows] * (1.0 + draws.unit(size) * (ESTIMATE_MOST - 1.0))
        gang[rows] = gangs[choose(gang_weights, draws.unit(size))]
        team[rows] = choose(asks, draws.unit(size))
        user[rows] = team[rows] * users_per_team + draws.below(users_per_team, size)
        # What cannot be stopped starts only where it is secure, and nothing above its team's floor ever is.
        preemptible[rows] = (draws.unit(size) < PREEMPTIBLE) | (gang[rows] > floor[team[rows]])
    return Jobs(
        submit_ms=_arrivals(_gpu_ms(gang, duration), capacity=capacity, load=load, n=n, seed=seed),
        duration_ms=duration,
        gang=gang,
        walltime_ms=walltime,
        team=team,
        pool=none,
        user=user,
        priority=none,
        preemptible=preemptible,
        savepoint_ms=np.broadcast_to(np.int64(SAVEPOINT_MS), n),
        after=np.broadcast_to(np.int32(-1), n),
    )


def _gpu_ms(gang: I32, duration_ms: I64) -> int:
    """Sum gang × duration in integers, exactly at any size (each block of rows stays far below 2^63)."""
    return sum(
        int(np.dot(gang[first : first + _ROWS].astype(np.int64), duration_ms[first : first + _ROWS]))
        for first in range(0, len(gang), _ROWS)
    )


def _arrivals(gpu_ms: int, *, capacity: int, load: float, n: int, seed: int) -> I64:
    """Submission times of a Poisson process of which ``n`` arrivals are known: sorted uniform instants."""
    span_ms = max(1, int(gpu_ms / (capacity * load)))
    submit = np.empty(n, np.int64)
    draws = Draws(seed, stream=3)
    for first in range(0, n, _ROWS):
        submit[first : first + _ROWS] = draws.below(span_ms, min(_ROWS, n - first))
    submit.sort()
    submit -= submit[0]
    return submit


def _charter(tree: Tree, nodes: int, gpus_per_node: int) -> str:
    lines = [
        "equipoise: charter/v1",
        "lab: fleet",
        "pools:",
        f"  main: {{device: GPU, expect: {nodes} nodes of {gpus_per_node} gpu}}",
        "teams:",
    ]
    inside: dict[str, list[tuple[str, int, int]]] = {division: [] for division in tree.divisions}
    for division, name, floor, weight in zip(tree.divisions, tree.names, tree.floor, tree.weight_e4, strict=True):
        inside[division].append((name, floor, weight))
    totals = {division: sum(weight for _, _, weight in leaves) for division, leaves in inside.items()}
    shrink = 1 + max(totals.values()) // 10_000_000  # the language has no weight above 1000
    for division, leaves in inside.items():
        fields = _fields("    ", sum(floor for _, floor, _ in leaves), totals[division] // shrink)
        lines += [f"  {division}:", *fields, "    teams:"]
        lines += [f"      {name}: {{{', '.join(_fields('', floor, weight))}}}" for name, floor, weight in leaves]
    return "\n".join(lines) + "\n"


def _fields(indent: str, floor: int, weight_e4: int) -> list[str]:
    """Fields of one team; a floor of nothing is left out, for the charter language warns of it."""
    fields = [f"{indent}floor: {floor} gpu"] if floor else []
    return [*fields, f"{indent}weight: {weight_e4 // 10_000}.{weight_e4 % 10_000:04}"]
