"""The tables of docs/vectors.md: published vectors of the ledger's formats, folder by folder, and what Equipoise does.

`python -m benchmarks.vectors` prints them; with `--write` it puts them into the page.
"""

from __future__ import annotations

import sys

from benchmarks._page import table, with_tables
from benchmarks.philly import ROOT
from tests.contract.ledger_vectors import CHOICES, NOT_APPLIED, VECTORS, Held, held

PAGE = ROOT / "docs" / "vectors.md"


def main() -> None:
    if not VECTORS.is_dir():
        print("../shared/vectors is not here: nothing to compare with")
        return
    made = tables()
    for text in made:
        print(text, end="\n\n")
    if "--write" in sys.argv[1:]:
        PAGE.write_text(with_tables(PAGE.read_text("utf-8"), "vectors", made), "utf-8")


def tables() -> list[str]:
    """Return the tables of the page as Markdown, in its order."""
    found = held()
    return [agreement(found), choices(found)]


def agreement(found: list[Held]) -> str:
    """How many vectors of each folder come out as published."""
    rows = [
        "folder | vectors | as published | by choice | not applied | choices",
        "--- | ---: | ---: | ---: | ---: | ---",
    ]
    for folder in [*dict.fromkeys(one.folder for one in found), "all"]:
        own = [one for one in found if folder in (one.folder, "all")]
        other = [one for one in own if not one.agrees]
        idle = sum(one.choice in NOT_APPLIED for one in other)
        names = "" if folder == "all" else ", ".join(f"`{name}`" for name in dict.fromkeys(one.choice for one in other))
        counts = f"{len(own)} | {len(own) - len(other)} | {len(other) - idle} | {idle}"
        rows.append(f"{folder} | {counts} | {names}")
    return table(rows)


def choices(found: list[Held]) -> str:
    """What each choice is, and how many vectors differ by it."""
    rows = ["choice | vectors | what and why", "--- | ---: | ---"]
    for name, why in CHOICES.items():
        rows.append(f"`{name}` | {sum(one.choice == name and not one.agrees for one in found)} | {why}")
    return table(rows)


if __name__ == "__main__":
    main()
