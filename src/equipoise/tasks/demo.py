"""The demo: a synthetic lab under its charter, as promised and with the product first; what that does to safety, and to its people."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

import polars as pl

from equipoise.charter_io import loads
from equipoise.report import verdict
from equipoise.report.held_back import GatedRun
from equipoise.report.page import write_page
from equipoise.report.view import Source
from equipoise.simulator.bookkeeping import Releases
from equipoise.simulator.results import Results
from equipoise.tasks.proof import Proof, prove
from equipoise.tasks.prospect import Prospect, prospect
from equipoise.tasks.roster import roster
from equipoise.tasks.simulate import Watch, simulate
from equipoise.units import DAY_MS
from equipoise.workload.synthetic import lab, lab_charter, lab_people
from equipoise.workload.synthetic.release import NEXT, gated_charter, gated_lab, release_records, releases

GPUS = 4_096
TEAM = "safety"
PEOPLE = "people.yaml"
PROMISE, ORIGIN = "safety-20", "demo.example/ledger"
PROMISED, PRODUCT_FIRST = "charter", "product-first"


@dataclass(frozen=True, slots=True, eq=False)
class Demo:
    """Two runs of one lab, the account of the days in which work was submitted, and the years that follow each.

    Parameters
    ----------
    promised, product_first : Results
    days : int
    years : Prospect
        What follows for people and lead.
    proof : Proof or None
        What became of the promise to safety with the product first, as anybody can check it.
    gated : GatedRun
        The same lab as promised, with a new model of the chat that waits at its release gate.
    """

    promised: Results
    product_first: Results
    days: int
    years: Prospect
    proof: Proof | None
    gated: GatedRun

    def account(self, run: Results) -> pl.DataFrame:
        """Return delivered, entitled, denied and lost GPU-hours of each team within the days.

        Whatever is not run by then is run later, so only a window tells whom a policy served first.
        """
        return run.account(until_s=self.days * DAY_MS / 1000)

    @property
    def runs(self) -> tuple[Results, Results]:
        """Both runs."""
        return self.promised, self.product_first

    def sentence(self, team: str = TEAM) -> str:
        """Say in one sentence, by the figures, what putting the product first does to a team."""
        kept, first = (_standing(self.account(run), run, team) for run in self.runs)
        phrases = (verdict.phrase(self.promised), verdict.phrase(self.product_first))
        clause = self._trade(team)
        return verdict.difference(team, kept, first, phrases=phrases, over=f"over the {self.days} days", promise=clause)

    def _trade(self, team: str) -> str:
        """Say when a promise to a team is past saving that is kept as promised, and what keeping it costs; else nothing."""
        of = [run.promises.filter(team=team, verdict="broken").sort("lost_s") for run in self.runs]
        kept = set(self.promised.promises.filter(team=team, verdict="kept")["promise"])
        calendar = [row for row in of[1].to_dicts() if row["promise"] in kept and "rolling" not in row["window"]]
        lost = next((row for row in calendar if row["lost"]), None)
        if lost is None:
            return ""
        at = date.fromisoformat(lost["lost"][:10])
        served = [_served(run) for run in self.runs]
        return verdict.trade(lost, week=at - timedelta(days=at.weekday()), served=(served[0], served[1]))

    def write_report(self, path: str | os.PathLike[str], *, command: str | None = None) -> Path:
        """Write both runs as one HTML file that begins with the sentence; raises ``InputError`` S105."""
        source = Source("A synthetic lab", "demo.yaml", lab_charter(GPUS), command)
        return write_page(
            self.runs, path, source=source, verdict=self.sentence(), prospect=self.years, gated=self.gated
        )


def _served(run: Results, team: str = "product") -> float:
    """Return the part of a team's services' demand that was served."""
    rows = run.services.filter(pl.col("team").str.starts_with(f"{team}."))
    met = float(rows["served_gpu_h"].sum()) + float(rows["carried_gpu_h"].sum())
    return met / max(1e-9, float(rows["demanded_gpu_h"].sum()))


def _standing(account: pl.DataFrame, run: Results, team: str) -> verdict.Standing:
    row = account.row(by_predicate=pl.col("team") == team, named=True)
    return verdict.Standing(row, run.team(team)["wait_p95_s"])


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
    both = simulate(
        workload, charter, policy=PROMISED, vs=[PRODUCT_FIRST], record=True, progress=progress, announce=announce
    )
    years = prospect(both, roster(lab_people(), PEOPLE), announce=announce)
    gated = _gated(days, seed, progress, announce)
    return Demo(both[0], both[1], days, years, _proved(both[1]), gated)


def charter_text() -> str:
    """Return the charter of the lab, as it was written."""
    return lab_charter(GPUS)


def gated_charter_text() -> str:
    """Return the charter with a release gate, as it was written."""
    return gated_charter(GPUS)


def _gated(days: int, seed: int, progress: Watch | None, announce: Callable[[str], None] | None) -> GatedRun:
    """Replay the lab with one service more, whose model is new: it may have as much as was attested of it."""
    workload = gated_lab(seed, days=days, gpus=GPUS)
    known = Releases(releases(workload), release_records(workload.origin_ms or 0))
    charter = loads(gated_charter(GPUS), "gated.yaml")
    return GatedRun(
        simulate(workload, charter, releases=known, record=True, progress=progress, announce=announce), NEXT.name
    )


def _proved(run: Results) -> Proof | None:
    """Return what became of the promise to safety, proved; None where no window of it was judged."""
    if run.partial or PROMISE not in set(run.promises.filter(pl.col("verdict") != "undecided")["promise"]):
        return None
    return prove(run.record, lab_charter(GPUS), PROMISE, origin=ORIGIN)
