"""Faults over real engines, and over the scripted one: ``python -m benchmarks.live_campaign [LEG ...] [--part P] [--write]``.

Each leg is a controller in a process of its own over one engine, with users who go on handing in jobs while faults happen by turns; at
its end its jobs' own notes, the desk's outcomes, an audit and a check of the ledger are compared. ``--write`` puts the counts into
docs/live.md. Ends with 1 if anything was lost, done twice or given twice, or an audit found something.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Generator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks._page import with_rows
from tests.contract.postgres_server import Server
from tests.scenario.live_campaign import (
    A_JOB,
    CLOCK,
    CONTROLLER,
    DISK,
    POSTGRES,
    Campaign,
    outcomes_by_kind,
    shuffled,
    small_disk,
)
from tests.scenario.live_days import HARDSHIPS, Day
from tests.scenario.live_engines import machine

PAGE = Path(__file__).resolve().parents[1] / "docs" / "live.md"


@dataclass(frozen=True)
class Leg:
    """One campaign: an engine, where the ledger is, and how often what happens."""

    engine: str
    times: Mapping[str, int]
    every_s: float
    jobs_per_s: float


LEGS = {
    "local": Leg(
        "local", {CONTROLLER: 30, A_JOB: 40, "kill -9 of the supervisor": 15, DISK: 20, CLOCK: 20}, every_s=1.2, jobs_per_s=4
    ),
    "local, ledger in PostgreSQL": Leg("local", {POSTGRES: 20, CONTROLLER: 5}, every_s=1.5, jobs_per_s=4),
    "slurm": Leg(
        "slurm", {"kill -9 of slurmctld": 18, "kill -9 of a slurmd": 6, CONTROLLER: 8, A_JOB: 12}, every_s=3, jobs_per_s=1.5
    ),
    "ray": Leg("ray", {"kill -9 of a raylet": 20, CONTROLLER: 12, A_JOB: 16}, every_s=3, jobs_per_s=1.5),
}  # fmt: skip
SCRIPTED = "scripted"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("legs", nargs="*", help=f"of {', '.join([*LEGS, SCRIPTED])}; default: all")
    parser.add_argument("--part", type=float, default=1.0, help="how much of the faults of each leg")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--write", action="store_true")
    parser.add_argument("--keep", type=Path, help="a folder for what the legs leave")
    given = parser.parse_args()
    violated = False
    for name in given.legs or [*LEGS, SCRIPTED]:
        began_s = time.monotonic()
        happened, found, cut = (
            scripted(given.part) if name == SCRIPTED else lived(name, given.part, given.seed, given.keep)
        )
        rows = rows_of(name, happened, len(found), cut)
        print("\n".join(rows.values()), f"\n{name}: {time.monotonic() - began_s:.0f} s")
        for fault in found:
            print(f"VIOLATION {fault}")
        violated |= bool(found)
        if given.write:
            PAGE.write_text(with_rows(PAGE.read_text("utf-8"), "live_campaign", rows), "utf-8")
    return int(violated)


def rows_of(name: str, happened: Counter[str], violations: int, cut: int) -> dict[str, str]:
    """Return the rows of a leg by their first two cells."""
    rows = {f"{name} | {fault}": f"{name} | {fault} | {count} | | " for fault, count in sorted(happened.items())}
    return rows | {f"{name} | all": f"{name} | all | {happened.total():,} | {violations} | {cut}"}


def lived(name: str, part: float, seed: int, keep: Path | None) -> tuple[Counter[str], list[str], int]:
    """Run a leg; returns what happened, what may never be, and how many jobs ended so that nobody knows how."""
    leg = LEGS[name]
    faults = shuffled(seed, {fault: max(1, round(part * count)) for fault, count in leg.times.items()})
    with ExitStack() as stack:
        scratch = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="equipoise-faults-")))
        scratch.chmod(0o755)
        folder = (keep or scratch) / name.replace(", ", "-").replace(" ", "-")
        folder.mkdir(parents=True)
        campaign = Campaign(
            folder, stack.enter_context(machine(leg.engine)), seed, faults, every_s=leg.every_s, jobs_per_s=leg.jobs_per_s,
            server=stack.enter_context(_server()) if POSTGRES in leg.times else None,
            disk=stack.enter_context(small_disk(scratch / "disk")) if DISK in leg.times else None,
        )  # fmt: skip
        try:
            campaign.run()
            found = campaign.found()
        except AssertionError as error:
            return campaign.happened, [*campaign.violations, f"it did not come to its end: {error}"], 0
        badly = Counter(outcomes_by_kind(campaign.folder))
        print(f"{name}: {campaign.jobs} jobs, {campaign.lives} lives; ended badly: {dict(badly)}")
        return campaign.happened, found, sum(count for said, count in badly.items() if said.startswith("failed None"))


def scripted(part: float) -> tuple[Counter[str], list[str], int]:
    """Live through days over the scripted engine; returns what went wrong there, and what may never be."""
    happened, found = Counter[str](), list[str]()
    for seed in range(max(len(HARDSHIPS), round(part * 4 * len(HARDSHIPS)))):
        name = [*HARDSHIPS][seed % len(HARDSHIPS)]
        with tempfile.TemporaryDirectory() as folder:
            day = Day(seed, Path(folder), **HARDSHIPS[name]).run()
            found += [f"seed {seed}, {name}: {fault}" for fault in day.faults_found()]
            happened += day.world.happened
            happened += Counter(
                {CONTROLLER: day.lives, DISK: day.outages, CLOCK: day.steps, "a node that goes and comes": day.nodes}
            )
    return happened, found, 0


@contextmanager
def _server() -> Generator[Server]:
    server = Server()
    try:
        yield server
    finally:
        server.stop()


if __name__ == "__main__":
    sys.exit(main())
