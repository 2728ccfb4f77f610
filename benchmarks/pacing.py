"""The campaign behind docs/pacing-evidence.md: families of small labs, run by the slow model, promises judged exactly.

`python -m benchmarks.pacing` prints the rows of the table, with `--write` it puts them into the page; `--labs N` says how
many labs of a family (default: as many as the page says), `--family NAME ...` picks families, `--first N` begins at
another number; `--shrink` shows a small lab for each rule that broke a promise. `--on kernel` runs the same labs by the
product's policy instead of the model.
"""

from __future__ import annotations

import argparse
import re
import sys
from pathlib import Path

from tests.property.kernel_labs import FAMILIES as ON_KERNEL
from tests.property.kernel_labs import campaign as campaign_on_kernel
from tests.reference.pacing_admission import room_of
from tests.reference.pacing_campaign import Tally, campaign
from tests.reference.pacing_draw import MINUTE_MS
from tests.reference.pacing_families import FAMILIES, RULES, draw
from tests.reference.pacing_lab import Lab
from tests.reference.pacing_run import run
from tests.reference.pacing_shrink import in_units, shrink

PAGE = Path(__file__).resolve().parents[1] / "docs" / "pacing-evidence.md"
LABS = 120
MANY = {"mended conditions": 10_000, "conditions as they stood": 300, "the same, other rules": 300} | dict.fromkeys(
    ("make-good", "savepoints", "capacity lost", "nodes", "trees four deep", "everything"), 200
)
MANY_ON_KERNEL = MANY | {"mended conditions": 10_600, "reclaim: shares": 1_000}
STEP = 50
HEADING = {"model": "## The campaign", "kernel": "## On the kernel"}


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m benchmarks.pacing", description="Run small labs with promises.")
    options.add_argument("--labs", type=int, help="labs of each family")
    options.add_argument("--first", type=int, default=0, help="number of the first lab")
    options.add_argument("--family", nargs="*", help="families by name")
    options.add_argument("--on", choices=list(HEADING), default="model", help="what decides")
    options.add_argument("--write", action="store_true", help="put the rows into docs/pacing-evidence.md")
    options.add_argument("--shrink", action="store_true", help="show a small lab for each rule that broke a promise")
    given = options.parse_args()
    many = MANY if given.on == "model" else MANY_ON_KERNEL
    for name in given.family or (FAMILIES if given.on == "model" else ON_KERNEL):
        tallies = run_family(name, given.first, given.labs or many.get(name, LABS), on=given.on)
        rows = ["| " + " | ".join(tally.row()) + " |" for tally in tallies]
        print("\n".join(rows))
        for tally in tallies:
            more = f"short {tally.short:,}, ceilings broken {tally.ceilings_broken:,}, reclaims {tally.reclaims:,}"
            lost = f"lost {100 * tally.lost / max(1, tally.delivered):.2f} %"
            print(f"  {tally.rule}: {more}, {lost}, broken in labs {tally.examples[:12]}", flush=True)
            if given.shrink and tally.examples and given.on == "model":
                print(f"  lab {tally.examples[0]} in minutes, made smaller:", smaller(tally))
        if given.write:
            PAGE.write_text(with_rows(PAGE.read_text("utf-8"), name, rows, HEADING[given.on]), "utf-8")


def run_family(name: str, first: int, labs: int, *, on: str) -> list[Tally]:
    """Run a family in steps, so that one sees it move."""
    whole: list[Tally] = []
    for begin in range(first, first + labs, STEP):
        numbers = range(begin, min(begin + STEP, first + labs))
        found = campaign(name, numbers) if on == "model" else campaign_on_kernel(name, numbers)
        whole = whole or [Tally(name, tally.rule) for tally in found]
        for tally, part in zip(whole, found, strict=True):
            tally.merge(part)
        print(f"{name}: {min(begin + STEP - first, labs):,} of {labs:,} labs", end="\r", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return [tally for tally in whole if tally.labs]


def smaller(tally: Tally) -> Lab:
    """Return a small lab that the rule breaks, in minutes, still taken by its family."""
    family, rule = FAMILIES[tally.family], RULES[tally.rule]

    def wrong(lab: Lab) -> bool:
        ready = all(lab.teams[promise.row].levels[0].from_ms <= lab.warm_ms for promise in lab.promises)
        return ready and family.accept(room_of(lab)) and bool(run(lab, rule).broken)

    return shrink(in_units(draw(tally.family, tally.examples[0]), MINUTE_MS), wrong)


def with_rows(page: str, family: str, rows: list[str], heading: str) -> str:
    """Return the page with the rows of one family replaced, below a heading."""
    before, found, after = page.partition(heading + "\n")
    block = re.compile(rf"(?:^\| {re.escape(family)} \|.*\n)+", re.MULTILINE)
    assert found, f"the page has no {heading}"
    assert block.search(after), f"the page has no rows of {family} below {heading}"
    return before + found + block.sub(lambda _: "\n".join(rows) + "\n", after, count=1)


if __name__ == "__main__":
    main()
