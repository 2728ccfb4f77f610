"""The tables of docs/conformance.md: peers' public test tables, case by case, and what Equipoise does.

`python -m benchmarks.conformance` prints them; with `--write` it puts them into the page.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence

from benchmarks.philly import ROOT, with_tables
from tests.contract.choices import CHOICES, Verdict
from tests.contract.conformance import verdicts
from tests.contract.peer_cases import CASES

PAGE = ROOT / "docs" / "conformance.md"
LONGEST_NAME = 90  # characters of a case's title


def main() -> None:
    if not CASES.is_dir():
        print("../shared/cases is not here: nothing to compare with")
        return
    made = tables()
    for text in made:
        print(text, end="\n\n")
    if "--write" in sys.argv[1:]:
        PAGE.write_text(with_tables(PAGE.read_text("utf-8"), made), "utf-8")


def tables() -> list[str]:
    """Return the tables of the page as Markdown, in its order."""
    found = verdicts()
    return [summary(found), choices(found), divisions(found), reclaims(found), every_case(found)]


def summary(found: Sequence[Verdict]) -> str:
    """How many cases of each source agree, under either mode."""
    rows: list[list[str]] = []
    for name, own in [*by_source(found), ("all", found)]:
        floors, shares = (sum(v.outcomes[mode] == "agree" for v in own) for mode in (0, 1))
        differing = sum(v.outcomes != ("agree", "agree") for v in own)
        rules = sum(v.rule_gives_it for v in own)
        rows.append([name, *map(str, (len(own), floors, shares, differing, rules))])
    head = ["source", "cases", "agree under `floors`", "agree under `shares`", "differ under either"]
    return table([*head, "its own rule agrees"], "lrrrrr", rows)


def choices(found: Sequence[Verdict]) -> str:
    """Every choice that explains a difference, why it is made, and where it shows."""
    rows: list[list[str]] = []
    for choice, why in CHOICES.items():
        cases = [v.id for v in found if choice in v.outcomes]
        rows.append([f"`{choice}`", why, ", ".join(cases)])
    return table(["choice", "why", "cases"], "lll", rows)


def divisions(found: Sequence[Verdict]) -> str:
    """Differing cases whose answer does not depend on the mode of reclaim."""
    rows = [
        [f"{v.id}: {title(v)}", v.theirs, v.answers["floors"].ours, f"`{v.outcomes[0]}`"]
        for v in found
        if v.id.startswith("F") and v.outcomes[0] != "agree"
    ]
    return table(["case", "expected", "Equipoise", "choice"], "llll", rows)


def reclaims(found: Sequence[Verdict]) -> str:
    """Differing cases of reclaim, under both modes."""
    rows = [
        [f"{v.id}: {title(v)}", v.theirs, answer(v, "floors"), "the same" if same(v) else answer(v, "shares")]
        for v in found
        if v.id.startswith("R") and v.outcomes != ("agree", "agree")
    ]
    return table(["case", "expected", "under `floors`", "under `shares`"], "llll", rows)


def every_case(found: Sequence[Verdict]) -> str:
    """All cases by source: agreeing under both modes, under one, under none."""

    def ids(own: Iterable[Verdict], wanted: Callable[[Verdict], bool]) -> str:
        return ", ".join(v.id for v in own if wanted(v)) or "–"

    rows = [
        [
            name,
            own[0].by,
            ids(own, lambda v: v.outcomes == ("agree", "agree")),
            ids(own, lambda v: v.outcomes.count("agree") == 1),
            ids(own, lambda v: "agree" not in v.outcomes),
        ]
        for name, own in by_source(found)
    ]
    return table(["source", "answered by", "agree under both", "agree under one", "differ under both"], "lllll", rows)


def by_source(found: Sequence[Verdict]) -> list[tuple[str, list[Verdict]]]:
    """Group the verdicts, sources in the order in which they first come."""
    return [(name, [v for v in found if v.source == name]) for name in dict.fromkeys(v.source for v in found)]


def answer(verdict: Verdict, mode: str) -> str:
    given = verdict.answers[mode]
    return "agrees" if given.choice is None else f"{given.ours} (`{given.choice}`)"


def same(verdict: Verdict) -> bool:
    return verdict.answers["floors"] == verdict.answers["shares"]


def title(verdict: Verdict) -> str:
    name = verdict.name.split(" / ", 1)[-1]
    return name if len(name) <= LONGEST_NAME else name[: LONGEST_NAME - 1].rstrip() + "…"


def table(head: Sequence[str], sides: str, rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table; ``sides`` says l or r for each column."""
    rule = ["---:" if side == "r" else "---" for side in sides]
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, rule, *rows])


if __name__ == "__main__":
    main()
