"""A film of a small lab over a real server, for tests of screens: as promised, with the product first, and with a release gate."""

from __future__ import annotations

import os
from collections.abc import Generator
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from equipoise.api.app import make_app
from equipoise.api.runs import Film
from equipoise.api.service import Service
from equipoise.api.tokens import Tokens
from equipoise.charter_io import loads
from equipoise.screens import LabRun
from equipoise.simulator.bookkeeping import Releases
from equipoise.tasks.film import gated_film
from equipoise.tasks.serving import ServerSettings
from equipoise.tasks.simulate import simulate
from equipoise.units import DAY_MS
from equipoise.workload.synthetic.release import gated_charter, gated_lab, release_records, releases
from tests.browser.conftest import serving
from tests.unit.screens.small_film import DAYS, GPUS, TEXT, small_film

ORIGIN_MS = 1_798_761_600_000
GATED_DAYS = 20


@cache
def all_runs() -> tuple[LabRun, ...]:
    """The runs of the film."""
    work, written = gated_lab(1, days=GATED_DAYS, gpus=GPUS), gated_charter(GPUS)
    known = Releases(releases(work), release_records(work.origin_ms or 0))
    gated = simulate(work, loads(written), releases=known, record=True)
    return (*small_film(), gated_film(gated, text=written, ends_ms=GATED_DAYS * DAY_MS))


@contextmanager
def showing() -> Generator[str]:
    """Show the film; gives its address."""
    service = Service(None, Tokens(Path(os.devnull, "tokens"), lambda: 0), Film(all_runs()))
    try:
        with serving(make_app(service, ServerSettings())) as address:
            yield address
    finally:
        service.close()


__all__ = ["DAYS", "GPUS", "ORIGIN_MS", "TEXT", "all_runs", "showing"]
