"""Recorded labs that the tests of screens show in Chromium: the small one with everything in it, and one of a thousand teams."""

from __future__ import annotations

import time
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from functools import cache
from pathlib import Path

from equipoise.api.app import make_app
from equipoise.api.runs import Film
from equipoise.api.service import Service
from equipoise.api.tokens import Tokens
from equipoise.charter_io import loads
from equipoise.screens import LabRun
from equipoise.tasks.film import film
from equipoise.tasks.serving import ServerSettings
from equipoise.tasks.simulate import simulate
from equipoise.workload.fleet import fleet
from tests.browser.conftest import serving


@cache
def thousand_teams() -> tuple[LabRun, ...]:
    """A fleet of 1,000 leaves under 32 divisions."""
    jobs, text = fleet(20_000, nodes=2_000, teams=1_000, seed=3)
    return film([simulate(jobs, loads(text), record=True)], text=text)


@contextmanager
def showing(runs: Sequence[LabRun], folder: Path) -> Generator[str]:
    """Serve a film; gives its address."""
    tokens = Tokens(folder / "tokens", lambda: time.time_ns() // 1_000_000)
    app = make_app(Service(None, tokens, Film(runs)), ServerSettings(most_per_minute=100_000))
    with serving(app) as address:
        yield address
