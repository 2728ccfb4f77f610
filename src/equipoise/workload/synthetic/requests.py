"""The lab's requests for credits: what exploratory and safety teams ask for beyond their daily work, and what is answered.

No published figures are known of how a lab answers its own researchers, so every figure here is an *assumption*: it makes
an example in which the product's code red is felt where the reports say that it is, before a job is ever submitted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from equipoise.workload.draws import I64, Draws, Quantiles
from equipoise.workload.requests import Requests
from equipoise.workload.synthetic.rhythm import HOUR_MS, SURGE_FROM

DAY_MS = 24 * HOUR_MS
STREAM = 500  # of the draws: those of jobs and services stay as they were

PER_WEEK = 1.5  # requests of each avenue; *assumption*
MEDIAN_GPU_H = 600.0  # of a lab of 4,096 accelerators; *assumption*
SIGMA = 1.0  # of its logarithm; *assumption*
WINDOWS_DAYS = (7, 14, 28)  # in which it would be used, each as likely; *assumption*
ANSWER_DAYS = (1, 7)  # after so many days at least and at most; *assumption*
OUTCOMES = ("granted", "cut", "refused")
CALM = (0.70, 0.20, 0.10)  # how likely each outcome is; *assumption*
CODE_RED = (0.25, 0.35, 0.40)  # once the product has asked for more; *assumption*
CUT_TO = (0.25, 0.75)  # part that is granted of what is cut; *assumption*
REASONS = (
    "another project does much the same",
    "the plan is too vague",
    "the product launches this quarter",
    "no capacity until the launch is over",
)
"""Of what is cut or refused: two before the code red, two in it; *assumption*."""

AVENUES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "exploration.new-architectures": ("flex", ("state-space models", "memory")),
    "exploration.residents": ("flex", ("small ideas",)),
    "safety.alignment": ("flex", ("scalable oversight", "reward hacking")),
    "safety.evals": ("eval", ("dangerous capabilities",)),
    "safety.interpretability": ("flex", ("circuits", "probes")),
    "safety.red-team": ("eval", ("jailbreaks",)),
}
"""Who applies, in which pool, and along which lines of research; *assumption*."""


@dataclass(frozen=True, slots=True)
class _Avenue:
    """One line of research: requests as columns, in no order."""

    team: int
    pool: int
    name: str
    asked_ms: I64
    amount_gpu_ms: I64
    length_ms: I64
    answered_ms: I64
    granted_gpu_ms: I64
    reason: tuple[str, ...]


def requests(
    seed: int, days: int, pools: Sequence[str], teams: Sequence[str], *, scale: float, asked_until_ms: int
) -> Requests:
    """Make the requests of a span of days.

    Parameters
    ----------
    seed, days : int
    pools, teams : sequence of str
    scale : float
        Of the amounts: size of the lab ÷ 4,096.
    asked_until_ms : int
        The end of the span; what is answered later is still open.

    Returns
    -------
    Requests
        In order of asking.
    """
    found: list[_Avenue] = []
    for team, (pool, names) in AVENUES.items():
        for name in names:
            draws = Draws(seed, stream=STREAM + len(found))
            place = teams.index(team), pools.index(pool)
            found.append(_avenue(name, draws, *place, days=days, scale=scale, until_ms=asked_until_ms))
    return _in_order(found)


def _avenue(name: str, draws: Draws, team: int, pool: int, *, days: int, scale: float, until_ms: int) -> _Avenue:
    n = int(PER_WEEK * days / 7)
    asked = draws.below(days * DAY_MS, n)
    hours = Quantiles.lognormal(MEDIAN_GPU_H * scale, SIGMA, least=8.0 * scale, most=20_000.0 * scale)
    amount = np.maximum(np.rint(hours.read(draws.unit(n))).astype(np.int64), 1) * HOUR_MS
    length = np.array(WINDOWS_DAYS, np.int64)[draws.below(len(WINDOWS_DAYS), n)] * DAY_MS
    least, most = ANSWER_DAYS
    answered = asked + least * DAY_MS + draws.below((most - least) * DAY_MS, n)
    red = answered >= int(SURGE_FROM * days) * DAY_MS
    outcome = np.where(red, draws.pick(CODE_RED, n), draws.pick(CALM, n))
    part = CUT_TO[0] + (CUT_TO[1] - CUT_TO[0]) * draws.unit(n)
    cut = np.minimum(np.maximum((amount * part).astype(np.int64), 1), amount - 1)
    granted = np.select([outcome == 0, outcome == 1], [amount, cut], 0)
    said = draws.below(2, n) + 2 * red
    said = np.where((outcome > 0) & (answered < until_ms), said, len(REASONS))
    granted = np.where(answered >= until_ms, -1, granted)  # still open when the span ends
    return _Avenue(
        team, pool, name, asked, amount, length, answered, granted, tuple([(*REASONS, "")[int(i)] for i in said])
    )


def _in_order(avenues: Sequence[_Avenue]) -> Requests:
    def joined(field: str) -> I64:
        return np.concatenate([getattr(avenue, field) for avenue in avenues])

    sizes = [len(avenue.asked_ms) for avenue in avenues]
    asked = joined("asked_ms")
    order = np.argsort(asked, kind="stable")
    of = np.repeat(np.arange(len(avenues)), sizes)[order]
    reasons = [reason for avenue in avenues for reason in avenue.reason]
    answered = joined("answered_ms")[order]
    names = tuple([avenues[int(i)].name for i in of])
    return Requests(
        name=tuple([f"request-{number}" for number in range(len(of))]),
        team=np.array([avenue.team for avenue in avenues], np.int32)[of],
        pool=np.array([avenue.pool for avenue in avenues], np.int32)[of],
        amount_gpu_ms=joined("amount_gpu_ms")[order],
        asked_ms=asked[order],
        begin_ms=answered,
        end_ms=answered + joined("length_ms")[order],
        answered_ms=answered,
        granted_gpu_ms=joined("granted_gpu_ms")[order],
        reason=tuple([reasons[int(i)] for i in order]),
        avenue=names,
        purpose=tuple([f"experiments on {name}" for name in names]),
        project=names,
    )
