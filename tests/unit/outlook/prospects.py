"""Replays that go on for years in tests: small labs with people, rivals, and a promise."""

from __future__ import annotations

from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from equipoise.charter_io import loads
from equipoise.tasks.prospect import Prospect, prospect
from equipoise.tasks.roster import Roster, roster
from equipoise.tasks.simulate import Comparison, simulate
from equipoise.workload.synthetic import lab_people
from tests.unit.report.replays import synthetic

CHARTER = """equipoise: charter/v1
lab: Small
pools: {h100: {device: H100, expect: 4 nodes of 8 gpu}}
teams: {product: {floor: 50%, weight: 3}, safety: {floor: 50%}}
commitments: {half: {team: safety, at_least: 40%, window: rolling 2d}}
"""
PEOPLE = """teams:
  product: {role: product, people: 90, growth: 30%}
  safety: {role: core, people: 25}
rivals:
  other: {revenue: 2, compute: 2, people: {product: 80, safety: 30}}
months: 24
runs: 300
"""


def replayed(jobs: str, *vs: str, charter: str = CHARTER) -> Comparison:
    """Replay lines of a log under a charter and other rules."""
    with TemporaryDirectory() as folder:
        log = Path(folder) / "jobs.csv"
        log.write_text("team,submit_s,num_gpu,duration_s\n" + jobs, "utf-8")
        return simulate(log, loads(charter), vs=list(vs))


@cache
def crowded() -> Comparison:
    """Two weeks in which both teams ask for the whole machine, as promised and with the product first."""
    jobs = (f"{'safety' if n % 3 == 0 else 'product'},{n * 600},8,14400\n" for n in range(2000))
    return replayed("".join(jobs), "product-first")


@cache
def idle() -> Comparison:
    """Two weeks in which little is asked for and nobody is denied anything."""
    jobs = (f"{'safety' if n % 3 == 0 else 'product'},{n * 86_400},8,3600\n" for n in range(14))
    return replayed("".join(jobs), "no-floors")


def people(text: str = PEOPLE, *more: str) -> Roster:
    """Return who works in the lab; ``more`` are lines of the file."""
    return roster("\n".join([text, *more]), "people.yaml")


@cache
def demo_years() -> Prospect:
    """The small synthetic lab with the people of the demo, of which 60 runs."""
    return prospect(synthetic(), roster(lab_people().replace("runs: 1000", "runs: 60"), "people.yaml"))
