"""Runs that are over, as a film: the dashboard plays them from their first day to the last on which work was asked for."""

from __future__ import annotations

from collections.abc import Sequence

from equipoise.screens import LabRun
from equipoise.simulator.results import Results

TITLES = {"charter": "As promised", "product-first": "Product first"}


GATED, GATED_TITLE = "gated", "With a release gate"


def film(runs: Sequence[Results], *, text: str, ends_ms: int | None = None) -> tuple[LabRun, ...]:
    """Return runs to be looked at.

    Parameters
    ----------
    runs : sequence of Results
        Recorded with their decisions; their policies name them.
    text : str
        The charter as it was written.
    ends_ms : int or None
        The last instant to be shown, in the runs' own time; None: when the last work was asked for.
    """
    found: list[LabRun] = []
    for run in runs:
        end_ms = run.record.workload.asked_ms if ends_ms is None else ends_ms
        title = TITLES.get(run.policy, run.policy)
        found.append(LabRun(run.policy, title, run, text, live=False, ends_ms=end_ms))
    return tuple(found)


def gated_film(run: Results, *, text: str, ends_ms: int) -> LabRun:
    """Return the run with a release gate, to be looked at beside the others; parameters as of `film`."""
    return LabRun(GATED, GATED_TITLE, run, text, live=False, ends_ms=ends_ms)
