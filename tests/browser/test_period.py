"""The report of a period in Chromium: nothing to complain of, axe, dark, a telephone, its files, and paper."""

from __future__ import annotations

import csv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page

from equipoise.report.period_page import period_page
from equipoise.report.theme import DARK
from equipoise.tasks.period import parse_period
from equipoise.tasks.period_report import period_report, write_period
from tests.browser.conftest import is_no_wider_than_its_window, watched_page
from tests.unit.tasks.quarters import TRUSTED, write_ledger
from tests.unit.tasks.test_period_report import copied, forged

A4_PX = 1122


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("period")
    ledger = write_ledger(folder)
    found = period_report(ledger, parse_period("2027-Q1"), policy=TRUSTED, command="equipoise report 2027-Q1")
    write_period(found, folder / "quarter.html")
    bad = period_report(copied(ledger, folder / "forged.ledger", forged), parse_period("2027-Q1"), policy=TRUSTED)
    write_period(bad, folder / "bad.html")
    assert period_page(found) == (folder / "quarter.html").read_text("utf-8"), "the same figures make the same bytes"
    return folder


@pytest.mark.parametrize("name", ["quarter", "bad"])
def test_page_pleases_axe_light_dark_and_on_a_telephone(
    name: str, page: Page, telephone: Page, folder: Path, axe: Callable[[Page], list[str]], shot: Callable[..., Any]
) -> None:
    address = (folder / f"{name}.html").as_uri()
    for one in (page, telephone):
        one.goto(address)
        assert axe(one) == []
        assert is_no_wider_than_its_window(one)
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    page.emulate_media(color_scheme="dark")
    assert axe(page) == []
    paper = page.evaluate("getComputedStyle(document.body).backgroundColor")
    assert paper == f"rgb({', '.join(str(int(DARK['paper'][at : at + 2], 16)) for at in (1, 3, 5))})"
    shot(page, f"period-{name}")


def test_tables_and_receipts_are_downloaded_under_the_policy_of_the_page(
    page: Page, folder: Path, tmp_path: Path
) -> None:
    page.goto((folder / "quarter.html").as_uri())
    for name in ("shares-Q1-2027.csv", "windows-ended-Q1-2027.csv"):
        with page.expect_download() as waiting:
            page.locator(f'a[download="{name}"]').click()
        waiting.value.save_as(tmp_path / name)
        assert waiting.value.suggested_filename == name
    with (tmp_path / "shares-Q1-2027.csv").open() as file:
        assert next(row["team"] for row in csv.DictReader(file)) == "product"
    with page.expect_download() as waiting:
        page.locator("ul.filelist a").first.click()
    assert waiting.value.suggested_filename.endswith(".receipt.json")


def test_a_page_without_scripts_lacks_nothing_but_the_switch(browser: Browser, folder: Path) -> None:
    with watched_page(browser, java_script_enabled=False) as plain:
        plain.goto((folder / "quarter.html").as_uri())
        assert plain.locator("h1").inner_text().startswith("In Q1 2027")
        assert not plain.locator("#theme").is_visible()
        plain.locator("summary").first.click()
        assert plain.locator("details[open] table").first.is_visible()


def test_on_paper_no_chart_is_cut(page: Page, folder: Path) -> None:
    page.goto((folder / "quarter.html").as_uri())
    page.emulate_media(media="print")
    page.set_viewport_size({"width": 680, "height": 1000})  # A4 less its margins
    whole = page.evaluate(
        "[...document.querySelectorAll('figure .plot, .card, .rows .strips, .tiles, svg')].filter(one => one.getClientRects().length)"
        ".map(one => { for (let at = one; at; at = at.parentElement)"
        " if (getComputedStyle(at).breakInside === 'avoid') return [true, at.getBoundingClientRect().height];"
        " return [false, 0] })"
    )
    assert len(whole) > 20
    assert all(kept and height < A4_PX * 0.85 for kept, height in whole)
    assert page.evaluate("[...document.querySelectorAll('nav, button')].every(one => !one.getClientRects().length)")
    pdf = page.pdf(prefer_css_page_size=True, print_background=True)
    assert pdf[:5] == b"%PDF-"
    pages = pdf.count(b"/Type /Page\n") or pdf.count(b"/Type /Page ")
    assert 3 <= pages <= 20
    box = pdf[pdf.index(b"/MediaBox") :].split(b"]")[0]
    assert [round(float(n)) for n in box.split(b"[")[1].split()] in ([0, 0, 595, 842], [0, 0, 596, 842])
