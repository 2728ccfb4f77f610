"""Recorded runs that the tests of screens look at: small, with services, outages, priorities and stops."""

from __future__ import annotations

from functools import cache

from equipoise.charter_io import loads
from equipoise.screens import LabRun
from equipoise.simulator.run import NodeChange
from equipoise.tasks.film import film
from equipoise.tasks.simulate import Comparison, simulate
from equipoise.units import DAY_MS
from equipoise.workload.synthetic import lab, lab_charter

DAYS, GPUS = 6, 512


@cache
def runs() -> Comparison:
    """The synthetic lab as promised and with the product first, while a node of it is away for some days."""
    changes = [NodeChange(day * DAY_MS, "train", 0, state) for day, state in ((1, "down"), (2, "up"), (4, "down"))]
    charter = loads(lab_charter(GPUS), "demo.yaml")
    return simulate(lab(2, days=DAYS, gpus=GPUS), charter, vs=["product-first"], record=True, outages=changes)


@cache
def shown() -> tuple[LabRun, ...]:
    """Both, as a film of their days."""
    return film(tuple(runs()), text=lab_charter(GPUS), ends_ms=DAYS * DAY_MS)
