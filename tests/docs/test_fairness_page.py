"""docs/fairness.md: every test that it names is there, and its figures are those of the tests and of the search."""

from __future__ import annotations

import ast
import re

from benchmarks import fairness
from tests.docs.pages import ROOT
from tests.property.small_families import families
from tests.property.test_fairness_backfill import SEEDS
from tests.property.test_fairness_chains import EACH
from tests.property.test_fairness_entitlement import TREES

PAGE = (ROOT / "docs" / "fairness.md").read_text("utf-8")


def names_of_tests() -> set[str]:
    found: set[str] = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        tree = ast.parse(path.read_text("utf-8"))
        found |= {node.name for node in ast.walk(tree) if isinstance(node, ast.FunctionDef)}
    return found


def test_every_test_that_the_page_names_exists() -> None:
    named = set(re.findall(r"`(test_\w+)`", PAGE))
    assert len(named) > 40
    assert named - names_of_tests() == set()


def test_every_statement_names_a_test() -> None:
    (table,) = re.findall(r"(?m)^\| statement \|.*\n\|---.*\n((?:\|.*\n)+)", PAGE)
    for row in table.splitlines():
        assert "`test_" in row or "by the two tests under 4" in row, row


def test_every_fairness_test_is_on_the_page() -> None:
    for path in (ROOT / "tests" / "property").glob("test_fairness_*.py"):
        names = re.findall(r"(?m)^def (test_\w+)", path.read_text("utf-8"))
        unnamed = [name for name in names if f"`{name}`" not in PAGE and not name.startswith("test_the_trees_are")]
        assert set(unnamed) <= {
            "test_the_sample_is_large_enough",
            "test_a_large_gang_comes_in_time_where_nobody_has_a_floor",
        }


def test_sizes_on_the_page_are_those_of_the_tests() -> None:
    for text in (f"{TREES:,} trees", f"{2 * TREES:,} trees", f"{TREES // 2:,} trees", f"{EACH} of each family"):
        assert text in PAGE
    assert f"{SEEDS} random systems, after every instant" in PAGE


def test_the_table_of_situations_is_what_the_search_prints() -> None:
    assert fairness.with_table(PAGE, "trees", fairness.situation_table()) == PAGE, (
        "python -m benchmarks.fairness --write"
    )


def test_the_table_of_families_is_of_these_families_and_shows_nothing_forbidden() -> None:
    (table,) = re.findall(r"(?m)^\| family \|.*\n\| ---.*\n((?:\|.*\n)+)", PAGE)
    rows = [[cell.strip() for cell in row.strip("|\n ").split("|")] for row in table.splitlines()]
    searched = [family for reclaim in ("floors", "shares") for family in families(reclaim)]
    for row, family in zip(rows, searched, strict=False):
        whole = family.name.split("/")[0] in fairness.WHOLE
        run = len(family) if whole else min(fairness.EACH, len(family))
        assert row[:3] == [family.name.replace("/", ", "), fairness.size_of(len(family)), f"{run:,}"]
        assert row[5] == "0"
    assert [row[0] for row in rows[len(searched) :]] == ["together"]
