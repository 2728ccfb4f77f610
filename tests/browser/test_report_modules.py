"""The dashboard's modules inside reports, opened as files: tables that sort and search, receipts that are checked, paper as without."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from equipoise.report.page import page as replay_page
from equipoise.report.view import Source
from equipoise.tasks.period import parse_period
from equipoise.tasks.period_report import period_report, write_period
from tests.browser.conftest import is_no_wider_than_its_window, page_allows, watched_page
from tests.unit.report.replays import HOSTILE, outage, synthetic
from tests.unit.tasks.quarters import KEY as SIGNER
from tests.unit.tasks.quarters import TRUSTED, write_ledger

KEY = str(SIGNER.verifier)
CELLS = """where => [...document.querySelectorAll(`${where} tbody`)].map(
    body => [...body.rows].filter(row => !row.matches(".space")).map(row => [...row.cells].map(cell => cell.textContent)))"""
SEEN = """[...document.querySelectorAll('main *')].filter(one => one.checkVisibility() && !one.closest('.files')).map(
    one => one.localName + (one.children.length ? '' : one.textContent))"""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("modules")
    found = period_report(
        write_ledger(folder), parse_period("2027-Q1"), policy=TRUSTED, command="equipoise report 2027-Q1"
    )
    write_period(found, folder / "quarter.html")
    source = Source("jobs.csv", "lab.yaml", "lab: Small", "equipoise report")
    (folder / "replay.html").write_text(replay_page(synthetic().runs, source=source), "utf-8")
    odd = Source(HOSTILE, HOSTILE, HOSTILE, HOSTILE)
    (folder / "hostile.html").write_text(replay_page(outage().runs, source=odd, verdict=HOSTILE), "utf-8")
    return folder


def watched_requests(page: Page) -> list[str]:
    """What a page asks for beside itself; fills while it lives."""
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url) if not request.url.startswith("data:") else None)
    return asked


@pytest.mark.parametrize("name", ["quarter", "replay", "hostile"])
def test_each_table_that_is_open_comes_alive_and_nothing_is_asked_for(name: str, page: Page, folder: Path) -> None:
    asked = watched_requests(page)
    page.goto((folder / f"{name}.html").as_uri())
    page.wait_for_selector(".live table")
    page.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
    expect(page.locator(".still")).to_have_count(page.locator(".scroll:has(> table)").count())
    # What stands in the page is what its modules show, cell by cell.
    was, now = page.evaluate(CELLS, ".still"), page.evaluate(CELLS, ".live")
    assert len(was) == len(now) > 3
    for one, other in zip(was, now, strict=True):
        assert other == one[: len(other)]
        assert len(other) == len(one) or len(one) > 150
    assert asked == [(folder / f"{name}.html").as_uri()]


def test_a_table_is_sorted_by_what_its_figures_mean(page: Page, folder: Path) -> None:
    page.goto((folder / "quarter.html").as_uri())
    table = page.locator("#shares .live").first
    heads = table.locator("thead button").all_text_contents()
    column = next(n for n, head in enumerate(heads) if "delivered" in head)
    table.locator("thead button").nth(column).click()
    cells = table.locator(f"tbody tr td:nth-child({column + 1})").all_text_contents()
    values = [float(cell.replace(",", "")) for cell in cells]
    assert values == sorted(values, reverse=True)
    assert len(set(values)) > 1
    expect(table.locator("th[aria-sort]")).to_have_attribute("aria-sort", "descending")


def test_lengths_of_time_and_days_are_put_in_order(page: Page, folder: Path) -> None:
    page.goto((folder / "replay.html").as_uri())
    page.wait_for_selector(".live table")
    found = page.evaluate(
        """async () => {
            const { quantityOf, momentOf } = await import("app/report/sheet.js");
            return [["0 s", "42.4 s", "90 min", "2.0 h", "10.1 d", "500 d"].map(quantityOf),
                ["−10.0 %", "0 %", "<0.1 %", "0.1 %", "+13.9 %"].map(quantityOf),
                ["31 Dec 2026", "1 Jan 2027, 00:30", "2 Jan 2027", "1 Feb 2027"].map(momentOf), quantityOf("h100"), momentOf("1 of 2027")];
        }"""
    )
    for values in found[:3]:
        assert values == sorted(set(values))
    assert found[3:] == [None, None]


def test_a_table_is_searched_and_taken_away_as_it_is_seen(page: Page, folder: Path, tmp_path: Path) -> None:
    page.goto((folder / "quarter.html").as_uri())
    table = page.locator(".live:has(input[type=search])").first
    rows = table.locator("tbody tr")
    word = rows.last.locator("td").first.text_content() or ""
    expected = sum(word.lower() in (text or "").lower() for text in rows.all_text_contents())
    table.locator("input[type=search]").fill(word)
    expect(rows).to_have_count(expected)
    with page.expect_download() as waiting:
        table.get_by_role("button", name="CSV").click()
    waiting.value.save_as(tmp_path / "rows.csv")
    assert len((tmp_path / "rows.csv").read_text("utf-8").splitlines()) == expected + 1


def test_receipts_are_checked_where_they_stand_and_one_byte_fails(
    page: Page, folder: Path, shot: Callable[..., Any]
) -> None:
    asked = watched_requests(page)
    page.goto((folder / "quarter.html").as_uri())
    proof = page.locator("#proof")
    proof.get_by_role("heading", name="Check these receipts here").wait_for()
    proof.get_by_label("Whom do you trust?").fill("no key")
    expect(proof.locator(".result.fails")).to_have_count(1)
    proof.get_by_label("Whom do you trust?").fill(KEY)
    links = proof.locator("a.file").count()
    expect(proof.get_by_text(f"All {links} receipts hold.")).to_be_visible(timeout=60_000)
    one = proof.locator("details.receipt").first
    one.locator("summary").first.click()
    expect(one.locator(".result.holds")).to_contain_text("It holds.")
    one.get_by_role("button", name="Change one byte").click()
    expect(one.locator(".result.fails")).to_contain_text("It does not hold")
    expect(one).to_contain_text(re.compile(r"Byte [\d,]+ was \d and is now \d"))
    shot(page, "report-receipts")
    one.get_by_role("button", name="Take it as it is").click()
    expect(one.locator(".result.holds")).to_be_visible()
    assert asked == [(folder / "quarter.html").as_uri()]


def test_a_receipt_that_was_changed_in_the_file_fails_there(page: Page, folder: Path, tmp_path: Path) -> None:
    text = (folder / "quarter.html").read_text("utf-8")
    (before, old, after) = re.split(r"(?<=data:application/json;base64,)([^\"]+)", text, maxsplit=1)
    data = base64.b64decode(old)
    bad = re.sub(
        rb'(\\"delivered\\":)(\d)', lambda found: found[1] + str((int(found[2]) + 1) % 10).encode(), data, count=1
    )
    assert bad != data
    (tmp_path / "bad.html").write_text(before + base64.b64encode(bad).decode() + after, "utf-8")
    page.goto((tmp_path / "bad.html").as_uri())
    page.get_by_label("Whom do you trust?").fill(KEY)
    links = page.locator("#proof a.file").count()
    expect(page.get_by_text(f"1 of {links} receipts does not hold.")).to_be_visible(timeout=60_000)


def test_a_script_that_came_with_a_name_would_not_run(page: Page, folder: Path, tmp_path: Path) -> None:
    """Were a name not escaped after all: neither its script, nor a module at an address that holds it, nor one of the map's names."""
    page_allows(page, "Content Security Policy", "data:")
    tried = "document.body.dataset.ran=1"
    address = f"data:text/javascript,{tried}"
    smuggled = (
        f'<script>{tried}</script><script src="{address}"></script><script type=module src="{address}"></script>'
        f"<script type=module>import '{address}'</script>"
    )
    text = (folder / "quarter.html").read_text("utf-8")
    (tmp_path / "smuggled.html").write_text(text.replace("</main>", f"{smuggled}</main>", 1), "utf-8")
    page.goto((tmp_path / "smuggled.html").as_uri())
    page.wait_for_selector(".live table")
    assert page.evaluate("document.body.dataset.ran") is None


def test_a_map_with_another_module_does_not_run(page: Page, folder: Path, tmp_path: Path) -> None:
    page_allows(page, "Content Security Policy", "Failed to resolve module specifier")
    text = (folder / "quarter.html").read_text("utf-8")
    (tmp_path / "other.html").write_text(
        text.replace('{"imports":{"', '{"imports":{"x":"data:text/javascript,","', 1), "utf-8"
    )
    page.goto((tmp_path / "other.html").as_uri())
    page.wait_for_timeout(500)
    assert page.locator(".live").count() == 0
    assert page.locator("#shares table").first.is_visible()


def test_paper_and_a_page_without_scripts_are_as_ever(browser: Browser, page: Page, folder: Path) -> None:
    address = (folder / "quarter.html").as_uri()
    page.goto(address)
    page.wait_for_selector(".live table")
    page.emulate_media(media="print")
    with watched_page(browser, java_script_enabled=False) as plain:
        plain.goto(address)
        plain.emulate_media(media="print")
        assert plain.evaluate(SEEN) == page.evaluate(SEEN)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_what_modules_make_pleases_axe_and_a_telephone(
    scheme: Any, page: Page, telephone: Page, folder: Path, axe: Callable[[Page], list[str]], shot: Callable[..., Any]
) -> None:
    for one in (page, telephone):
        one.emulate_media(color_scheme=scheme)
        one.goto((folder / "quarter.html").as_uri())
        one.get_by_label("Whom do you trust?").fill(KEY)
        one.get_by_text("receipts hold.").wait_for(timeout=60_000)
        one.evaluate("document.querySelectorAll('details').forEach(one => one.open = true)")
        assert axe(one) == []
        assert is_no_wider_than_its_window(one)
    shot(page, f"report-modules-{scheme}")
