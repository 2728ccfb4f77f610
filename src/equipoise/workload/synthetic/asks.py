"""Who asks for what: the lab's pools and teams, and the streams of work they submit.

Shares are parts of a pool's capacity before the code red, so a column of them sums to the load that is offered. All of
them are *assumptions* of the story: safety and exploration ask for a little more than their floors (20 % and 8 %), so
that being cut below a floor hurts; the product asks for less than its floor (35 %) until the code red, and then for far
more. Gangs and durations of long jobs are *assumptions* as well; what is published about all jobs together is in
`published`, and measured.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

GPUS = 4096
"""Size of the lab that shares and gangs are given for."""

POOL_E4 = {"eval": 625, "flex": 4375, "train": 5000}
"""Parts of the lab's accelerators in ten-thousandths: 256, 1792 and 2048 of 4096."""
GPUS_PER_NODE = {"eval": 1, "flex": 8, "train": 8}


def capacities(gpus: int) -> dict[str, int]:
    """Accelerators of each pool in whole nodes, in the order of the pools' names.

    Examples
    --------
    >>> capacities(4096)
    {'eval': 256, 'flex': 1792, 'train': 2048}
    """
    return {pool: gpus * part // 10_000 // GPUS_PER_NODE[pool] * GPUS_PER_NODE[pool] for pool, part in POOL_E4.items()}


USERS = {  # *assumption*
    "exploration.new-architectures": 14,
    "exploration.residents": 18,
    "frontier.post-training": 30,
    "frontier.pretraining": 24,
    "platform": 12,
    "product.api": 8,
    "product.chat": 8,
    "product.improve": 40,
    "safety.alignment": 22,
    "safety.evals": 16,
    "safety.interpretability": 14,
    "safety.red-team": 10,
}
"""Leaves of the charter ``demo``, with how many people submit."""

Rhythm = Literal["office", "deadlines", "flat"]

MINUTE_MS = 60_000
HOUR = 60  # minutes

SMALL = ((2, 0.10), (4, 0.20), (8, 0.70))
NODES = ((8, 0.45), (16, 0.30), (32, 0.25))
WIDE = ((8, 0.25), (16, 0.25), (32, 0.25), (64, 0.20), (96, 0.05))  # 96: the largest job safety may run, by its charter
SUITE = ((4, 0.25), (8, 0.50), (16, 0.25))
ABLATION = ((64, 0.55), (128, 0.30), (256, 0.15))


@dataclass(frozen=True, slots=True)
class Ask:
    """One stream of long jobs.

    Parameters
    ----------
    team, pool, kind : str
        ``kind`` begins the jobs' names.
    share_e3 : int
        Accelerators it would hold on average, in thousandths of the pool.
    gangs : tuple of (int, float)
        Sizes and their weights.
    median_minutes, sigma : float
        Of the lognormal durations.
    rhythm : str
    surge : float
        What it asks for in the code red ÷ before.
    chain : int
        Jobs that run one after the other.
    savepoint_minutes : int
        0 for work that starts again from nothing.
    """

    team: str
    pool: str
    kind: str
    share_e3: int
    gangs: tuple[tuple[int, float], ...]
    median_minutes: float
    sigma: float = 1.1
    rhythm: Rhythm = "office"
    surge: float = 1.0
    chain: int = 1
    savepoint_minutes: int = 30


ASKS = (
    # train: wide, fast network
    Ask("frontier.pretraining", "train", "pretraining", 220, ABLATION, 3 * HOUR, 1.0, rhythm="flat"),
    Ask("frontier.post-training", "train", "training", 60, WIDE, 3 * HOUR, chain=3),
    Ask("safety.alignment", "train", "training", 105, WIDE, 3 * HOUR),
    Ask("safety.interpretability", "train", "training", 80, NODES, 4 * HOUR),
    Ask("safety.red-team", "train", "training", 20, NODES, 4 * HOUR),
    Ask("exploration.new-architectures", "train", "training", 40, WIDE, 3 * HOUR, rhythm="deadlines"),
    Ask("exploration.residents", "train", "training", 20, NODES, 4 * HOUR, rhythm="deadlines"),
    Ask("platform", "train", "burnin", 20, NODES, 4 * HOUR, 0.6, rhythm="flat", savepoint_minutes=0),
    Ask("product.improve", "train", "finetune", 100, WIDE, 3 * HOUR, surge=2.0),
    # flex: the same nodes without the network
    Ask("frontier.pretraining", "flex", "data", 15, NODES, 3 * HOUR, rhythm="flat"),
    Ask("frontier.post-training", "flex", "training", 175, WIDE, 4 * HOUR, chain=3),
    Ask("safety.alignment", "flex", "training", 95, WIDE, 4 * HOUR),
    Ask("safety.interpretability", "flex", "training", 65, NODES, 5 * HOUR),
    Ask("safety.evals", "flex", "suite", 30, NODES, 3 * HOUR, savepoint_minutes=0),
    Ask("safety.red-team", "flex", "training", 30, NODES, 4 * HOUR),
    Ask("exploration.new-architectures", "flex", "training", 70, NODES, 4 * HOUR, rhythm="deadlines"),
    Ask("exploration.residents", "flex", "training", 50, SMALL, 8 * HOUR, rhythm="deadlines"),
    Ask("platform", "flex", "data", 40, NODES, 2 * HOUR, rhythm="flat", savepoint_minutes=0),
    Ask("product.improve", "flex", "finetune", 80, WIDE, 3 * HOUR, surge=2.0),
    # eval: single devices
    Ask("frontier.pretraining", "eval", "suite", 80, SUITE, 3 * HOUR, 0.9, savepoint_minutes=0),
    Ask("frontier.post-training", "eval", "suite", 120, SUITE, 3 * HOUR, 0.9, savepoint_minutes=0),
    Ask("safety.evals", "eval", "suite", 240, SUITE, 4 * HOUR, 0.9, savepoint_minutes=0),
    Ask("safety.red-team", "eval", "suite", 80, SUITE, 3 * HOUR, 0.9, savepoint_minutes=0),
    Ask("exploration.new-architectures", "eval", "suite", 60, SUITE, 3 * HOUR, 0.9, "deadlines", savepoint_minutes=0),
    Ask("exploration.residents", "eval", "suite", 40, SUITE, 3 * HOUR, 0.9, "deadlines", savepoint_minutes=0),
    Ask("platform", "eval", "data", 70, SUITE, 3 * HOUR, 0.9, "flat", savepoint_minutes=0),
    Ask("product.improve", "eval", "suite", 200, SUITE, 3 * HOUR, 0.9, surge=2.0, savepoint_minutes=0),
)

# The runs that the frontier is named for: a quarter of the pool each, one after an interruption resumes the other.
RUN_TEAM, RUN_POOL, RUN_GANG_PART = "frontier.pretraining", "train", 4
RUN_STARTS = (0.03, 0.48)  # parts of the span
RUN_SHARE_E3 = 160  # of the pool over the whole span, all runs together


@dataclass(frozen=True, slots=True)
class Short:
    """Many jobs of minutes: ``weight`` of the lab's short jobs, submitted as ``kind``."""

    team: str
    pool: str
    kind: Literal["eval", "debug", "ci"]
    weight: int
    surge: float = 1.0


# *Assumption*: so short that all jobs together have the median that Acme publishes.
SHORT_MEDIAN_S, SHORT_SIGMA, SHORT_LEAST_S, SHORT_MOST_S = 57, 1.4, 5, 6 * 3600
SHORT_GANGS = ((1, 0.72), (2, 0.12), (4, 0.08), (8, 0.08))
BATCHES = ((8, 0.30), (16, 0.30), (32, 0.20), (63, 0.20))  # Acme evaluates one model on 63 data sets
DEBUG_LARGEST_FIRM = 2  # what a person waits for is not stopped, and must fit every team's floor

SHORTS = (
    Short("frontier.pretraining", "eval", "eval", 18),
    Short("frontier.post-training", "eval", "eval", 15),
    Short("safety.evals", "eval", "eval", 13),
    Short("product.improve", "eval", "eval", 18, surge=2.0),
    Short("frontier.pretraining", "flex", "debug", 4),
    Short("frontier.post-training", "flex", "debug", 5),
    Short("safety.alignment", "flex", "debug", 4),
    Short("safety.interpretability", "flex", "debug", 3),
    Short("safety.red-team", "flex", "debug", 2),
    Short("exploration.new-architectures", "flex", "debug", 3),
    Short("exploration.residents", "flex", "debug", 3),
    Short("product.improve", "flex", "debug", 7, surge=2.0),
    Short("platform", "flex", "ci", 5),
)


@dataclass(frozen=True, slots=True)
class Serving:
    """One service: ``share_e3`` thousandths of the pool on average at the start, in replicas of ``gang``.

    Each hour differs from its rhythm by up to ``noise``: so much that a day's peak ÷ trough is what ServeGen released.
    """

    name: str
    team: str
    pool: str
    share_e3: int
    gang: int
    rhythm: Literal["chat", "calls"]
    noise: float
    carry: bool


SERVINGS = (
    Serving("chat-large", "product.chat", "train", 92, 16, "chat", noise=0.12, carry=False),
    Serving("chat", "product.chat", "flex", 138, 8, "chat", noise=0.12, carry=False),
    Serving("api", "product.api", "flex", 64, 8, "calls", noise=0.35, carry=True),
)
SERVING_MINIMUM = 0.4  # replicas never reclaimed ÷ average at the start; *assumption*
