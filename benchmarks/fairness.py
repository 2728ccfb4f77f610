"""The search behind docs/fairness.md: families of small systems, each run by the kernel and judged from its decisions.

`python -m benchmarks.fairness` prints the tables, with `--write` it puts them into the page; `--each N` bounds how many
systems of a family are run (default 6,000; the families that are searched whole are run whole all the same), `--only
NAME` picks families.
"""

from __future__ import annotations

import argparse
import faulthandler
import os
import re
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

from tests.property.small_families import families
from tests.property.small_search import FORBIDDEN, ON_THE_WAY, UNFINISHED, Found, search
from tests.property.small_systems import Family
from tests.property.small_views import LABS, claims, victim_sets, views
from tests.property.turn_cases import draw_turns

ROOT = Path(__file__).resolve().parents[1]
PAGE = ROOT / "docs" / "fairness.md"
WHOLE = ("flat-2", "five")
EACH = 6_000
PARTS = 8
TURNS = 500
STUCK_S = 3_600  # a chain that never ends inside one instant would never return


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m benchmarks.fairness", description="Search small systems.")
    options.add_argument("--each", type=int, default=EACH, help="systems of a family, where it is not run whole")
    options.add_argument("--only", nargs="*", help="families by name")
    options.add_argument("--write", action="store_true", help="put the tables into docs/fairness.md")
    given = options.parse_args()
    faulthandler.dump_traceback_later(STUCK_S, exit=True)
    chosen = [f for r in ("floors", "shares") for f in families(r) if not given.only or f.name in given.only]
    situations, turns = situation_table(), turn_table()
    print(situations, turns, sep="\n\n", end="\n\n")
    found = run(chosen, given.each)
    made = table(found)
    print(made)
    for one in found:
        for kind, example in sorted(one.examples.items()):
            print(f"{one.family} number {example.number}: {kind}: {example.text}")
    if given.write:
        page = with_table(PAGE.read_text("utf-8"), "trees", situations)
        page = with_table(page, "turns", turns)
        PAGE.write_text(with_table(page, "family", made), "utf-8")


def run(chosen: Sequence[Family], each: int) -> list[Found]:
    """Search the families in parts, on every core."""
    done: list[Found] = []
    with ProcessPoolExecutor(os.cpu_count()) as pool:
        for family in chosen:
            most = len(family) if family.name.split("/")[0] in WHOLE else each
            whole = Found(family.name, len(family))
            for part in pool.map(search_part, [(family, most, number) for number in range(PARTS)]):
                whole.add(part)
            print(f"{family.name}: {whole.searched:,} of {whole.size:,}", flush=True)
            done.append(whole)
    return done


def search_part(job: tuple[Family, int, int]) -> Found:
    family, most, part = job
    return search(family, most, part=part, parts=PARTS)


def table(found: Sequence[Found]) -> str:
    """Return the table of the page."""
    rows = [
        "family | systems | run | claims | chain | forbidden | unfinished | on the way | placement",
        "---|---:|---:|---:|---:|---:|---:|---:|---:",
    ]
    total = Found("all", sum(one.size for one in found))
    for one in found:
        rows.append(row_of(one, one.family.replace("/", ", ")))
        total.add(one)
    rows.append(row_of(total, "together"))
    return "\n".join(f"| {row} |" for row in rows)


def row_of(one: Found, name: str) -> str:
    """Return the row of one family."""
    kinds = (FORBIDDEN, UNFINISHED, ON_THE_WAY[:1], ON_THE_WAY[1:])
    figures = [
        one.searched,
        one.claims,
        one.longest_chain,
        *(sum(one.wrong[kind] for kind in group) for group in kinds),
    ]
    return " | ".join([name, size_of(one.size), *(f"{figure:,}" for figure in figures)])


def size_of(systems: int) -> str:
    """Return how many systems there are, in powers of ten where nobody would count them."""
    if systems < 10**9:
        return f"{systems:,}"
    return "{}e{}".format(*f"{systems:.1e}".split("e+"))


def situation_table() -> str:
    """Return the sizes of what tests/property/test_fairness_rules.py walks through."""
    rows = ["trees | divisions of floors | situations | sets of victims", "---|---:|---:|---:"]
    for name, labs in LABS.items():
        situations = sets = 0
        for lab in labs:
            for view in views(lab):
                for claim in claims(view):
                    situations += 1
                    sets += sum(1 for _ in victim_sets(view, claim))
        rows.append(f"{name} | {len(labs):,} | {situations:,} | {sets:,}")
    return "\n".join(f"| {row} |" for row in rows)


def turn_table() -> str:
    """Return how often waits of gangs larger than their floor stay within the bound of FAIRNESS 8."""
    rows = ["turns | systems | gangs | beyond the bound | longest wait, of its bound", "---|---:|---:|---:|---:"]
    for name in ("the rule alone", "the kernel"):
        for floored in (False, True):
            gangs = beyond = 0
            worst = 0.0
            for seed in range(TURNS):
                case = draw_turns(seed, floored=floored)
                for wait in case.waits(case.kernel_starts() if name == "the kernel" else case.twin_starts(seed)):
                    gangs += 1
                    beyond += wait.wait_ms > wait.bound_ms
                    worst = max(worst, wait.wait_ms / wait.bound_ms)
            title = f"{name}, {'with' if floored else 'no'} floors"
            rows.append(f"{title} | {TURNS:,} | {gangs:,} | {beyond:,} | {100 * worst:.0f} %")
    return "\n".join(f"| {row} |" for row in rows)


def with_table(page: str, first: str, made: str) -> str:
    """Return the page with one table replaced: the one whose first column is called ``first``."""
    block = re.compile(rf"(?m)^\| {first} \|.*\n(?:^\|.*\n)+")
    assert len(block.findall(page)) == 1, f"the page has no table of {first}"
    return block.sub(lambda _: made + "\n", page)


if __name__ == "__main__":
    main()
