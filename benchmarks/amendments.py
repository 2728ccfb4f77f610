"""The tables of docs/amendments.md: how long an effect takes, and a search for chains of steps that add up.

`python -m benchmarks.amendments` prints the first; with `--chains` also the second, some twenty minutes; with `--write` it
puts what it made into the page.
"""

from __future__ import annotations

import random
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from statistics import median

from benchmarks._machine import machine
from benchmarks._page import table, with_tables
from benchmarks.philly import ROOT
from equipoise.charter import EVERYTHING, Charter, Pool, Share, Team
from equipoise.charter.amendment import needs
from tests.property.amendment_chains import search

PAGE = ROOT / "docs" / "amendments.md"
ROUNDS = 3
POOLS = tuple(Pool(f"p{n}", "GPU", 4096 * (n + 1), 4) for n in range(3))
SIZES = (10, 10, 9)  # teams at each level below one: 1,010 in all
STEPS = 12
SEARCHES = (
    ("percentages", 0.0, True, range(1_000, 2_500)),
    ("amounts, one machine", 0.3, False, range(50_000, 50_680)),
    ("amounts, the machine too", 0.3, True, range(50_000, 50_440)),
)


def main() -> None:
    made = [("amendments", speeds())]
    if "--chains" in sys.argv[1:]:
        made.append(("amendments.chains", chains()))
    page = PAGE.read_text("utf-8")
    for name, text in made:
        print(text, end="\n\n")
        page = with_tables(page, name, [text])
    if "--write" in sys.argv[1:]:
        PAGE.write_text(page, "utf-8")


def speeds() -> str:
    """How many CPU-seconds effect and needs take for some amendments of a lab of 1,010 teams and three pools."""
    rows = ["amendment | percentages | every floor an amount", "---|---:|---:"]
    labs = [(lab(1, amounts=amounts), lab(2, amounts=amounts)) for amounts in (False, True)]
    changes: tuple[tuple[str, Callable[[Charter, Charter], Charter]], ...] = (
        ("every team in everything", lambda _, other: other),
        ("the weight of a team at the top", lambda old, _: heavier(old, old.teams[0].path)),
        ("the weight of a leaf", lambda old, _: heavier(old, old.leaves[5].path)),
    )
    for name, change in changes:
        took = [f"{median(cpu_s(old, change(old, other)) for _ in range(ROUNDS)):.2f} s" for old, other in labs]
        rows.append(" | ".join([name, *took]))
    return f"{machine()}\n\n{table(rows)}"


def cpu_s(old: Charter, new: Charter) -> float:
    begun_s = time.process_time()
    needs(old, new)
    return time.process_time() - begun_s


def heavier(old: Charter, path: str) -> Charter:
    return replace(old, teams=tuple(replace(t, weight_e4=2 * t.weight_e4) if t.path == path else t for t in old.teams))


def lab(seed: int, *, amounts: bool) -> Charter:
    """Return a lab whose floors fit, with limits, weights and lending drawn at random."""
    r = random.Random(seed)
    teams: list[Team] = []
    level(r, None, {pool.name: pool.capacity for pool in POOLS}, teams, SIZES, amounts=amounts)
    return Charter("Lab", POOLS, tuple(teams))


def level(
    r: random.Random,
    parent: Team | None,
    above: dict[str, int],
    teams: list[Team],
    sizes: Sequence[int],
    *,
    amounts: bool,
) -> None:
    for number in range(sizes[0]):
        parts = {pool.name: Fraction(r.randint(1, 9_500 // sizes[0]), 10_000) for pool in POOLS}
        gpus = {name: int(part * above[name]) for name, part in parts.items()}
        made = Team(
            f"t{number:03}" if parent is None else f"{parent.path}.t{number:03}",
            f"t{number:03}",
            None if parent is None else parent.path,
            {name: Share(gpus=gpus[name]) if amounts else Share(fraction=part) for name, part in parts.items()},
            {
                pool.name: Share(fraction=Fraction(r.randint(60, 100), 100)) if r.random() < 0.3 else EVERYTHING
                for pool in POOLS
            },
            weight_e4=r.randint(1, 9) * 10_000,
            lend=Fraction(r.randint(0, 20), 20),
            is_leaf=len(sizes) == 1,
        )
        teams.append(made)
        if len(sizes) > 1:
            level(r, made, gpus, teams, sizes[1:], amounts=amounts)


def chains() -> str:
    """How many chains were searched, and what was found that no step weakens and the whole does."""
    rows = ["charters and steps | chains | steps taken | comparisons end to end | found | of which at a fixed capacity"]
    rows.append("---|---:|---:|---:|---:|---:")
    for name, amounts, changes, seeds in SEARCHES:
        counts, found = search(seeds, steps=STEPS, amounts=amounts, machine=changes)
        fixed = sum(not one.is_between for _, one in found)
        numbers = (counts["chains"], counts["steps"], counts["compared"], len(found), fixed)
        rows.append(" | ".join([name, *(f"{number:,}" for number in numbers)]))
    return table(rows)


if __name__ == "__main__":
    main()
