"""The report's people and outlook: fans drawn where the quantiles are, failures in view, every parameter with its badge."""

from __future__ import annotations

import re
from dataclasses import replace
from xml.etree import ElementTree

import numpy as np
import pytest

from equipoise.outlook.differences import OUTCOME, RISK
from equipoise.outlook.parameters import PARAMETERS
from equipoise.outlook.room import Asked
from equipoise.outlook.run import forecast
from equipoise.report.page import page
from equipoise.tasks.prospect import Prospect, prospect
from tests.unit.outlook.prospects import crowded, demo_years, idle, people
from tests.unit.report.replays import HOSTILE, synthetic
from tests.unit.report.test_page import SCRIPTS, SECTIONS, SOURCE, Reader, plain


@pytest.fixture(scope="module")
def years() -> Prospect:
    return demo_years()


@pytest.fixture(scope="module")
def text(years: Prospect) -> str:
    return page(synthetic().runs, source=SOURCE, prospect=years)


@pytest.fixture(scope="module")
def read(text: str) -> Reader:
    return Reader(text)


def test_sections_stand_behind_the_comparison_and_are_linked(read: Reader) -> None:
    at = SECTIONS.index("comparison") + 1
    assert read.sections == [*SECTIONS[:at], "people", "outlook", *SECTIONS[at:], "again"]
    links = {named["href"] for tag, named in read.elements if tag == "a"}
    assert links == {f"#{section}" for section in read.sections}


def test_page_is_whole_small_and_says_the_sentence(text: str, read: Reader, years: Prospect) -> None:
    assert len(text.encode()) < 1_000_000
    assert "://" not in text and len(read.scripts) == SCRIPTS
    for said in years.sentence().split(". "):
        assert said.rstrip(".") in plain(read.text)
    pictures = re.findall(r"<svg .*?</svg>", text, re.DOTALL)
    for picture in pictures:
        for shape in ElementTree.fromstring(picture).iter("path"):
            assert re.fullmatch(r"(?:[MmHhVvLl][-\d. ]+|z)+", str(shape.get("d")))


def points(path: str) -> list[tuple[float, float]]:
    return [(float(x), float(y)) for x, y in re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", path)]


def test_fans_are_drawn_where_the_quantiles_of_the_runs_are(text: str, years: Prospect) -> None:
    """From a forecast of its own, not from the fans that the page was made of."""
    months = (*range(3, 36, 3), 36)
    for course in years.courses:
        got = forecast(course.world, runs=60, asked=Asked(months=36, marks=months))
        for team in course.world.groups:
            label = f"{team} first people still there, {course.label}: "
            (picture,) = [p for p in re.findall(r"<svg .*?</svg>", text, re.DOTALL) if f'aria-label="{label}' in p]
            far, near, middle = [points(str(shape.get("d"))) for shape in ElementTree.fromstring(picture).iter("path")]
            kept = np.array([got.team("kept", team, month=month) for month in months])
            wanted = {level: np.quantile(kept, level, axis=1) for level in (0.05, 0.25, 0.5, 0.75, 0.95)}
            n = len(months) + 1
            for drawn, level in (
                (far[:n], 0.95), (far[n:][::-1], 0.05), (near[:n], 0.75), (near[n:][::-1], 0.25), (middle, 0.5),
            ):  # fmt: skip
                xs, ys = np.array(drawn).T
                np.testing.assert_allclose(xs, np.array([0, *months]) * 1000 / 36, atol=0.51)
                # 100 units are 108 %, so that there is room above
                np.testing.assert_allclose((100 - ys) / 100 * 1.08, [1.0, *wanted[level]], atol=0.0012)


def test_failures_are_as_visible_as_what_is_passed(read: Reader, years: Prospect) -> None:
    rows = [row for row in read.rows("outlook", 3) if row["check against public facts"]]
    assert [row[""] for row in rows].count("FAILED") == sum(not check.passed for check in years.main.checks) >= 2
    assert {row["kind"] for row in rows} == {"calibration", "held out"}


def test_every_parameter_has_a_badge_and_its_source(read: Reader, years: Prospect) -> None:
    rows = {row["parameter"]: row for row in read.rows("outlook", 4)}
    assert list(rows) == [known.name for known in PARAMETERS]
    for known in PARAMETERS:
        assert rows[known.name][""] == known.badge
        assert plain(known.source) in rows[known.name]["what it is, and from where"]
    badges = [named for tag, named in read.elements if tag == "span" and "assumed" in str(named.get("class"))]
    assumed = sum(known.solidity == "A" for known in PARAMETERS)
    assert len(badges) == assumed + len(years.main.world.assumptions)


def test_differences_are_those_of_the_outlook(read: Reader, years: Prospect) -> None:
    rows = read.rows("outlook", 2)
    assert len(rows) == len(years.main.differences)
    for row, found in zip(rows, years.main.differences, strict=True):
        parts = [float(row[head].replace("−", "-")) for head in row if head.startswith("by way")]
        assert sum(parts) == pytest.approx(found.paired.mean, abs=0.03 + abs(found.paired.mean) * 0.01)


def test_outcomes_and_strategic_risk_are_shown_apart(read: Reader, years: Prospect) -> None:
    kinds = {
        row.measure.name + ", HHI" * (row.measure.unit == "HHI"): row.measure.kind for row in years.main.differences
    }
    outcomes, risks = ([next(iter(row.values())) for row in read.rows("outlook", number)] for number in (0, 1))
    assert {kinds[name] for name in outcomes} == {OUTCOME}
    assert {kinds[name] for name in risks} == {RISK}
    assert {"a rival leapfrogs", "compute among the lab's teams, HHI", "revenue among its product lines, HHI"} <= set(
        risks
    )


def test_starts_are_those_of_the_replays(read: Reader, years: Prospect) -> None:
    rows = {row["what the replay measured"]: row for row in read.rows("people")}
    for course in years.courses:
        for one in course.measured:
            assert rows[one.team][f"starved\n{course.label}"] == (
                f"{100 * one.starved:.1f} %" if one.starved else "0 %"
            )


def test_one_run_has_results_instead_of_differences_and_no_rivals_no_lead() -> None:
    alone = idle().runs[0]
    file = people("teams: {safety: {role: core, people: 25}}", "runs: 40", "months: 12")
    found = Reader(page([alone], source=SOURCE, prospect=prospect(alone, file)))
    heads = [table[0][0] for where, table in found.tables if where == "outlook"]
    assert heads[0] == "after 12 months"
    assert "lead" not in found.text.split("Outlook of the lab")[1].split("gets right")[0].replace("leads", "")


def test_words_of_a_file_stay_text() -> None:
    file = replace(people(), assumptions=(HOSTILE,))
    whole = page(crowded().runs, source=SOURCE, prospect=prospect(crowded(), file))
    found = Reader(whole)
    assert len(found.scripts) == SCRIPTS and not [n for _, n in found.elements if {"onerror", "src"} & set(n)]
