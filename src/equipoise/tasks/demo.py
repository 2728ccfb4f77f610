"""The demo: a synthetic lab under its charter, as promised and with the product first, and what that does to safety."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from equipoise.charter_io import loads
from equipoise.simulator.results import Results
from equipoise.tasks.simulate import Watch, simulate
from equipoise.units import DAY_MS
from equipoise.workload.synthetic import lab, lab_charter

GPUS = 4_096
TEAM = "safety"
PROMISED, PRODUCT_FIRST = "charter", "product-first"


@dataclass(frozen=True, slots=True, eq=False)
class Demo:
    """Two runs of one lab, and the account of the days in which work was submitted.

    Parameters
    ----------
    promised, product_first : Results
    days : int
    """

    promised: Results
    product_first: Results
    days: int

    def account(self, run: Results) -> pl.DataFrame:
        """Return delivered, entitled, denied and lost GPU-hours of each team within the days.

        Whatever is not run by then is run later, so only a window tells whom a policy served first.
        """
        return run.account(until_s=self.days * DAY_MS / 1000)

    def sentence(self, team: str = TEAM) -> str:
        """Say in one sentence, by the figures, what putting the product first does to a team."""
        kept, first = (_row(self.account(run), team) for run in (self.promised, self.product_first))
        waits = [run.team(team)["wait_p95_s"] for run in (self.promised, self.product_first)]
        return sentence(team, kept, first, waits=(waits[0], waits[1]), days=self.days)


def demo(
    *,
    days: int = 90,
    seed: int = 1,
    progress: Watch | None = None,
    announce: Callable[[str], None] | None = None,
) -> Demo:
    """Replay the synthetic lab of 4,096 accelerators as promised and with the product first.

    Parameters
    ----------
    days : int
        How long the lab submits work, 1 or more; half way the product asks for far more.
    seed : int
    progress, announce
        As in ``simulate``.

    Raises
    ------
    InputError
        L102 for a number of days that is not possible.
    """
    workload = lab(seed, days=days, gpus=GPUS)
    charter = loads(lab_charter(GPUS), "demo.yaml")
    both = simulate(workload, charter, policy=PROMISED, vs=[PRODUCT_FIRST], progress=progress, announce=announce)
    return Demo(both[0], both[1], days)


def sentence(
    team: str,
    kept: dict[str, float],
    first: dict[str, float],
    *,
    waits: tuple[float | None, float | None],
    days: int,
) -> str:
    """Say what the second of two accounts of a team does to it, whatever the figures are.

    Parameters
    ----------
    team : str
    kept, first : dict
        ``delivered_gpu_h``, ``entitled_gpu_h`` and ``denied_gpu_h`` as promised, and with the product first.
    waits : (float or None, float or None)
        The 95th percentiles of its waits in seconds.
    days : int

    Examples
    --------
    >>> promised = {"delivered_gpu_h": 200.0, "entitled_gpu_h": 210.0, "denied_gpu_h": 10.5}
    >>> starved = {"delivered_gpu_h": 150.0, "entitled_gpu_h": 220.0, "denied_gpu_h": 55.0}
    >>> print(sentence("safety", promised, starved, waits=(3600.0, 7200.0), days=90))
    With the product first, safety gets 25.0 % less compute over the 90 days (150 GPU-hours instead of 200), is denied
    25.0 % of what the charter entitles it to while it asks (as promised: 5.0 %), and one job in twenty waits longer
    than 2.0 hours (as promised: 1.0 hours).
    """
    before, after = kept["delivered_gpu_h"], first["delivered_gpu_h"]
    hours = f"{after:,.0f} GPU-hours instead of {before:,.0f}"
    parts = [
        f"With the product first, {team} gets {_more_or_less(after, before)} compute over the {days} days ({hours})",
        f"is denied {_denied(first)} of what the charter entitles it to while it asks (as promised: {_denied(kept)})",
    ]
    if waits[0] is not None and waits[1] is not None:
        was, now = waits[0] / 3600, waits[1] / 3600
        parts.append(f"and one job in twenty waits longer than {now:,.1f} hours (as promised: {was:,.1f} hours)")
    return ", ".join(parts) + "."


def _more_or_less(after: float, before: float) -> str:
    if before <= 0:
        return "some" if after > 0 else "no"
    by = 100 * (after / before - 1)
    if abs(by) < 0.05:
        return "as much"
    return f"{abs(by):,.1f} % {'more' if by > 0 else 'less'}"


def _denied(row: dict[str, float]) -> str:
    return f"{100 * row['denied_gpu_h'] / row['entitled_gpu_h']:.1f} %" if row["entitled_gpu_h"] > 0 else "none"


def _row(account: pl.DataFrame, team: str) -> dict[str, float]:
    return account.row(by_predicate=pl.col("team") == team, named=True)
