"""The dashboard's parts in Chromium, on the gallery's page: order, keys, files, zoom, the film's bar, and what axe says of all."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect
from starlette.responses import PlainTextResponse
from starlette.types import Receive, Scope, Send

from equipoise.api.pages import Pages
from tests.browser.conftest import is_no_wider_than_its_window, serving, wait_until


async def _nothing(scope: Scope, receive: Receive, send: Send) -> None:
    await PlainTextResponse("no data here", 404)(scope, receive, send)


@pytest.fixture(scope="module")
def gallery() -> Iterator[str]:
    with serving(Pages(_nothing, entries={"/gallery": "gallery/main.js"})) as address:
        yield f"{address}/gallery"


def opened(page: Page, address: str) -> Page:
    page.goto(address)
    expect(page.get_by_role("grid", name="Jobs")).to_be_visible()
    return page


def column(page: Page, place: int, grid: str = "Jobs") -> list[str]:
    cells = page.get_by_role("grid", name=grid, exact=True).locator(f"tbody tr[data-row] td:nth-child({place})")
    return cells.all_inner_texts()


def downloaded(page: Page, press: Callable[[], Any]) -> list[list[str]]:
    with page.expect_download() as waited:
        press()
    text = Path(waited.value.path()).read_bytes().decode()
    return list(csv.reader(io.StringIO(text, newline="")))


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(page: Page, gallery: str, axe: Callable[[Page], list[str]], theme: str) -> None:
    opened(page, f"{gallery}?theme={theme}&held.table=1&teams.closed=product")
    assert axe(page) == []


def test_axe_would_find_something(page: Page, gallery: str, axe: Callable[[Page], list[str]]) -> None:
    opened(page, gallery)
    page.evaluate(
        "document.querySelector('main').insertAdjacentHTML('beforeend', '<img src=\"data:,\"><button></button>')"
    )
    found = [one.split(":")[0] for one in axe(page)]
    assert {"image-alt", "button-name"} <= set(found)


def test_parts_on_every_device(page: Page, gallery: str, shot: Callable[..., dict[str, Path]]) -> None:
    opened(page, gallery)
    shot(page, "gallery")


def test_parts_fit_a_telephone(telephone: Page, gallery: str, axe: Callable[[Page], list[str]]) -> None:
    opened(telephone, gallery)
    assert is_no_wider_than_its_window(telephone)
    assert axe(telephone) == []


def test_of_many_rows_only_those_seen_are_there(page: Page, gallery: str) -> None:
    opened(page, gallery)
    grid = page.get_by_role("grid", name="Jobs")
    expect(grid).to_have_attribute("aria-rowcount", "12001")
    assert 0 < grid.locator("tbody tr[data-row]").count() < 80
    sheet = page.locator(".sheet", has=grid)
    sheet.evaluate("element => element.scrollTop = element.scrollHeight")
    expect(grid.locator("tr[data-row='11999']")).to_be_visible()
    assert 0 < grid.locator("tbody tr[data-row]").count() < 80
    # What is missing comes last, whichever way.
    assert column(page, 4)[-1] == "–"


def test_heads_sort_and_say_so(page: Page, gallery: str) -> None:
    opened(page, gallery)
    grid = page.get_by_role("grid", name="Jobs")
    head = grid.get_by_role("columnheader", name="GPUs")
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "descending")
    expect(page).to_have_url(re.compile(r"jobs\.sort=-gpus"))
    assert set(column(page, 3)) == {"128"}
    head.get_by_role("button").click()
    expect(head).to_have_attribute("aria-sort", "ascending")
    assert set(column(page, 3)) == {"1"}
    expect(page).to_have_url(re.compile(r"jobs\.sort=gpus"))
    page.reload()
    expect(head).to_have_attribute("aria-sort", "ascending")


def test_rows_stay_put_when_data_comes(page: Page, gallery: str) -> None:
    opened(page, gallery)
    page.evaluate("gallery.length.value = 60")
    expect(page.get_by_role("grid", name="Jobs")).to_have_attribute("aria-rowcount", "61")
    page.evaluate("document.querySelector('[aria-label=Jobs] tr[data-row=\"3\"]').focus()")
    before, waits = column(page, 1), column(page, 4)
    page.evaluate("gallery.seed.value = 2; gallery.length.value = 62")
    expect(page.get_by_role("grid", name="Jobs")).to_have_attribute("aria-rowcount", "63")
    after = column(page, 1)
    assert after[:60] == before
    assert sorted(after[60:]) == ["61", "62"]
    assert column(page, 4)[:60] != waits
    expect(page.locator(":focus")).to_have_attribute("data-row", "3")
    page.get_by_role("button", name="Sort again").click()
    expect(page.get_by_role("button", name="Sort again")).to_have_count(0)
    assert column(page, 1) != after


def test_keys_walk_and_open(page: Page, gallery: str) -> None:
    opened(page, gallery)
    focused = page.locator(":focus")
    page.get_by_role("grid", name="Jobs").locator("tr[data-row='0']").focus()
    for key, row in [
        ("ArrowDown", 1),
        ("PageDown", 16),
        ("End", 11_999),
        ("ArrowUp", 11_998),
        ("Home", 0),
        ("ArrowUp", 0),
    ]:
        page.keyboard.press(key)
        expect(focused).to_have_attribute("data-row", str(row))
        expect(focused).to_be_in_viewport()
    job = focused.locator("td").first.inner_text()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(rf"opened={job}\b"))


def test_word_finds_rows(page: Page, gallery: str) -> None:
    opened(page, gallery)
    page.get_by_role("searchbox", name="Find in Jobs").fill("EVALS")
    expect(page.get_by_role("status").filter(has_text="of 12,000 rows")).to_be_visible()
    assert set(column(page, 2)) == {"safety.evals"}
    page.get_by_role("searchbox", name="Find in Jobs").fill("<none>")
    expect(page.get_by_text("Nothing has “<none>” in it.")).to_be_visible()


def test_table_goes_away_as_csv_in_its_order(page: Page, gallery: str) -> None:
    opened(page, f"{gallery}?jobs.sort=job")
    table = page.locator(".tabled", has=page.get_by_role("grid", name="Jobs"))
    head, *rows = downloaded(page, table.get_by_role("button", name="CSV").click)
    assert head == ["job", "team", "gpus", "wait_ms"]
    assert [row[0] for row in rows] == [str(n) for n in range(1, 12_001)]
    assert rows[0][3] == ""  # missing, and not a dash


def test_csv_is_text_to_a_spreadsheet(page: Page, gallery: str) -> None:
    opened(page, gallery)
    text = page.evaluate(
        """async () => {
            const app = document.querySelector("script[type=module]").src.replace("gallery/main.js", "");
            const { csvOf, reader } = await import(app + "parts/columns.js");
            const rows = [["=1+1", -5], ['a "b", c\\nd', null]].map(reader(["name", "value"]));
            return csvOf([{ name: "name" }, { name: "value" }], rows);
        }"""
    )
    assert list(csv.reader(io.StringIO(text, newline=""))) == [["name", "value"], ["'=1+1", "-5"], ['a "b", c\nd', ""]]


def test_tree_opens_and_closes_by_keys(page: Page, gallery: str) -> None:
    opened(page, gallery)
    tree = page.get_by_role("treegrid", name="Teams")
    expect(tree.locator("tbody tr")).to_have_count(9)
    top = tree.locator("tr[data-row='0']")
    expect(top).to_have_attribute("aria-expanded", "true")
    top.focus()
    page.keyboard.press("ArrowLeft")
    expect(top).to_have_attribute("aria-expanded", "false")
    expect(tree.locator("tbody tr")).to_have_count(6)
    expect(page).to_have_url(re.compile(r"teams\.closed=safety"))
    page.keyboard.press("ArrowRight")
    expect(tree.locator("tbody tr")).to_have_count(9)
    page.keyboard.press("ArrowRight")
    focused = page.locator(":focus")
    expect(focused).to_have_attribute("aria-level", "2")
    page.keyboard.press("ArrowRight")
    page.keyboard.press("ArrowLeft")  # to its parent
    page.keyboard.press("ArrowLeft")  # closes that
    page.keyboard.press("ArrowLeft")
    expect(focused).to_have_attribute("aria-level", "1")
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Enter")  # follows the link
    expect(page).to_have_url(re.compile("team=safety.alignment"))


def test_tree_shows_what_is_found_under_its_parents(page: Page, gallery: str) -> None:
    opened(page, gallery)
    page.get_by_role("searchbox", name="Find in Teams").fill("oversight")
    rows = page.get_by_role("treegrid", name="Teams").locator("tbody tr td:first-child")
    expect(rows).to_have_count(3)
    assert rows.evaluate_all("cells => cells.map(cell => cell.title)") == [
        "safety",
        "safety.alignment",
        "safety.alignment.oversight",
    ]


def test_bars_are_told_in_words(page: Page, gallery: str) -> None:
    opened(page, gallery)
    said = page.get_by_role("img").evaluate_all("bars => bars.map(bar => bar.getAttribute('aria-label'))")
    assert said[1] == "holds 340, floor 128, entitled to 160, borrows 50"


def test_chart_is_walked_zoomed_and_taken_away(page: Page, gallery: str) -> None:
    opened(page, f"{gallery}?tz=UTC")
    chart = page.locator("figure.chart")
    plot = chart.get_by_role("group")
    plot.focus()
    page.keyboard.press("Home")
    legend = chart.locator(".legend")
    expect(legend).to_contain_text("5 Jan 2026, 00:00")
    page.keyboard.press("ArrowRight")
    expect(legend).to_contain_text("5 Jan 2026, 01:00")
    page.keyboard.press("+")
    expect(page).to_have_url(re.compile(r"range=1767571200000-17677"))
    page.keyboard.press("Escape")
    expect(page).not_to_have_url(re.compile("range="))
    box = plot.bounding_box()
    assert box is not None
    page.mouse.move(box["x"] + 300, box["y"] + 80)
    page.mouse.down()
    page.mouse.move(box["x"] + 500, box["y"] + 80, steps=5)
    page.mouse.up()
    expect(page).to_have_url(re.compile(r"range=\d+-\d+"))
    head, *rows = downloaded(page, chart.get_by_role("button", name="CSV").click)
    assert head == [
        "at",
        "safety",
        "safety least",
        "safety most",
        "product",
        "product least",
        "product most",
        "floor of safety",
    ]
    assert rows[0][0] == "2026-01-05T00:00:00.000Z"
    assert len(rows) == 400
    assert all(int(row[2]) <= int(row[1]) <= int(row[3]) for row in rows)
    # The table has the same numbers.
    chart.get_by_role("button", name="Table").click()
    twin = page.get_by_role("grid", name="Devices held by team.")
    expect(twin).to_have_attribute("aria-rowcount", "401")
    assert column(page, 2, "Devices held by team.")[:20] == [row[1] for row in rows[:20]]


def test_chart_shows_the_zone_and_follows_the_window(page: Page, gallery: str) -> None:
    opened(page, f"{gallery}?tz=Asia%2FTokyo")
    page.locator("figure.chart").get_by_role("group").focus()
    page.keyboard.press("Home")
    expect(page.locator("figure.chart .legend")).to_contain_text("5 Jan 2026, 09:00")
    wide = page.locator(".uplot canvas").bounding_box()
    page.set_viewport_size({"width": 700, "height": 900})
    page.wait_for_timeout(200)
    narrow = page.locator(".uplot canvas").bounding_box()
    assert wide is not None and narrow is not None
    assert narrow["width"] < wide["width"] - 400


def test_chart_takes_the_colours_of_its_theme(page: Page, gallery: str) -> None:
    opened(page, gallery)
    painted = "document.querySelector('.uplot canvas').toDataURL()"
    light = page.evaluate(painted)
    page.emulate_media(color_scheme="dark")
    wait_until(page, f"{painted} !== {json.dumps(light)}")


def test_film_plays_pauses_and_ends(page: Page, gallery: str) -> None:
    start_ms, day_ms = 1_767_571_200_000, 86_400_000
    opened(page, f"{gallery}?at={start_ms}&speed=7d")
    bar = page.get_by_role("group", name="Film")
    page.keyboard.press("Space")
    expect(bar.get_by_role("button", name="Pause")).to_be_visible()
    wait_until(page, f"Number(new URLSearchParams(location.search).get('at')) > {start_ms + 3 * day_ms}")
    page.keyboard.press("Space")
    expect(bar.get_by_role("button", name="Play")).to_be_visible()
    page.wait_for_timeout(500)
    stood = page.url
    page.wait_for_timeout(700)
    assert page.url == stood
    bar.get_by_role("slider", name="Moment").focus()
    page.keyboard.press("Home")
    wait_until(page, f"new URLSearchParams(location.search).get('at') === '{start_ms}'")
    page.goto(f"{gallery}?at={start_ms + 89 * day_ms}&speed=7d&play=1")
    wait_until(page, f"new URLSearchParams(location.search).get('at') === '{start_ms + 90 * day_ms}'")
    expect(page).not_to_have_url(re.compile("play="))


def test_choices_by_arrows_and_word_by_focus(page: Page, gallery: str) -> None:
    opened(page, gallery)
    page.get_by_role("radio", name="All").focus()
    page.keyboard.press("ArrowRight")
    expect(page.get_by_role("radio", name="Training")).to_be_focused()
    expect(page.get_by_role("radio", name="Training")).to_be_checked()
    page.get_by_role("button", name="What entitlement is").focus()
    expect(page.get_by_role("tooltip")).to_contain_text("What a team is due now")
    page.keyboard.press("Escape")
    expect(page.get_by_role("tooltip")).to_have_count(0)
