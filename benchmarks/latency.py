"""The table of docs/events.md: random systems are run with random latencies, recorded, and told again event by event.

`python -m benchmarks.latency` prints it; with `--write` it puts it into the page, `--seeds N` says how many seeds. It ends at the first
record that does not lead to the decisions, closes and totals of promises that its run had.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from rich.console import Console
from rich.progress import track

from benchmarks.conformance import table
from benchmarks.philly import ROOT, with_tables
from equipoise.policy.kernel import layout as k
from equipoise.simulator.replay import Run
from tests.property.latency_cases import check, check_amended, check_promised
from tests.property.policy_systems import POLICIES

PAGE = ROOT / "docs" / "events.md"
SEEDS = 10_000
COUNTED = {
    "events": (),
    "ends": (k.ENDED,),
    "confirmed": (k.START_CONFIRMED, k.STOP_CONFIRMED),
    "windows": (k.WINDOW_BEGAN,),
    "node changes": (k.NODE_CHANGED,),
    "charters": (k.CHARTER_ENACTED,),
    "caps": (k.CAP_SET,),
}


@dataclass(frozen=True, slots=True)
class Family:
    """Systems of one kind: how a seed is checked, and under which policy."""

    name: str
    check: Callable[[int, str], Run]
    others: int  # every so many seeds another policy than the charter's
    part: int  # of so many seeds that are asked for, one is taken

    def policy(self, seed: int) -> str:
        """Under which policy a seed is checked."""
        return POLICIES[seed // self.others % len(POLICIES)] if seed % self.others == 1 else "charter"


FAMILIES = (
    Family("floors, reclaim, backfill, services", check, 2, 1),
    Family("the same with promises", check_promised, 4, 2),
    Family("both, while charters and caps change", check_amended, 4, 2),
)


def main() -> None:
    parser = argparse.ArgumentParser(description="Record, tell again, compare.")
    parser.add_argument(
        "--seeds", type=int, default=SEEDS, help="half as many with promises, or with charters that change"
    )
    parser.add_argument("--write", action="store_true", help="put the table into docs/events.md")
    wanted = parser.parse_args()
    made = counts(wanted.seeds)
    print(made)
    if wanted.write:
        PAGE.write_text(with_tables(PAGE.read_text("utf-8"), [made]), "utf-8")


def counts(seeds: int) -> str:
    """Check every seed of all families; what they held, as Markdown."""
    rows: list[list[str]] = []
    for family in FAMILIES:
        n = seeds // family.part
        found = dict.fromkeys([*COUNTED, "decisions", "closes"], 0)
        for seed in track(range(n), family.name, console=Console(stderr=True)):
            for name, number in numbers(family.check(seed, family.policy(seed))).items():
                found[name] += number
        rows.append([family.name, *(f"{number:,}" for number in (n, *found.values()))])
    return table(["systems", "seeds", *COUNTED, "decisions", "closes"], "lrrrrrrrrrr", rows)


def numbers(run: Run) -> dict[str, int]:
    """What a run held."""
    assert run.events is not None
    assert run.decisions is not None
    kinds = run.events["kind"]
    told = {name: int(np.isin(kinds, which).sum()) if which else len(kinds) for name, which in COUNTED.items()}
    return told | {"decisions": len(run.decisions), "closes": len(run.closes_ms)}


if __name__ == "__main__":
    main()
