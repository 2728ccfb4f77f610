"""A small lab as promised and with the product first, looked at as a film: made once for all tests of screens."""

from __future__ import annotations

from functools import cache

from equipoise.charter_io import loads
from equipoise.screens import LabRun
from equipoise.tasks.film import film
from equipoise.tasks.simulate import simulate
from equipoise.units import DAY_MS
from equipoise.workload.part import part
from equipoise.workload.synthetic import lab, lab_charter

GPUS, DAYS = 512, 45
TEXT = lab_charter(GPUS)


@cache
def small_film(days: int = DAYS) -> tuple[LabRun, ...]:
    """Two runs of the lab's first days; fewer are the same lab, whose later days nobody knows of."""
    work = part(lab(1, days=DAYS, gpus=GPUS), 0, days * DAY_MS)
    both = simulate(work, loads(TEXT, "demo.yaml"), vs=["product-first"], closes="day", record=True)
    return film(both.runs, text=TEXT, ends_ms=days * DAY_MS)
