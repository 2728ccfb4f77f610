"""Now in Chromium: the sentence and the figures are the server's, the film moves them, and a live lab's own events do."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from playwright.sync_api import Page, expect

from equipoise.units import DAY_MS
from tests.browser.conftest import is_no_wider_than_its_window, sign_in
from tests.browser.film import showing
from tests.scenario.live_server import Served
from tests.unit.screens.runs import shown


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with showing(shown(), tmp_path_factory.mktemp("film")) as one:
        yield one


def told(address: str, path: str) -> Any:
    with urlopen(f"{address}/api/v1{path}", timeout=60) as answer:
        return json.load(answer)


def at(day: float) -> int:
    return shown()[0].origin_ms + round(day * DAY_MS)


def open_now(page: Page, address: str, day: float, run: str = "product-first") -> None:
    page.goto(f"{address}/?run={run}&at={at(day)}&tz=UTC")
    expect(page.locator(".answer h1")).to_be_visible()


def test_the_sentence_says_who_lacks_most_by_how_much_and_who_holds_it(page: Page, address: str) -> None:
    said = 0
    for day in (2.5, 4.0, 5.5):
        open_now(page, address, day)
        now = told(address, f"/runs/product-first/now?at_ms={at(day)}")
        sentence = page.locator(".answer h1")
        if not now["below"]["teams"]:
            expect(sentence).to_contain_text(re.compile("Every team that waits has its floor|Nobody waits"))
            continue
        first = now["below"]["teams"][0]
        assert first["lacks_gpus"] == max(one["lacks_gpus"] for one in now["below"]["teams"])
        amount = "1 device" if first["lacks_gpus"] == 1 else f"{first['lacks_gpus']:,} devices"
        expect(sentence).to_contain_text(f"{first['team']} is below its floor by {amount} in {first['pool']} since")
        for holder in first["held_by"]:
            expect(sentence).to_contain_text(f"{holder['team']}")
        said += 1
    assert said > 0


def test_figures_of_pools_and_teams_are_the_servers(page: Page, address: str) -> None:
    open_now(page, address, 4)
    now = told(address, f"/runs/product-first/now?at_ms={at(4)}")
    cards = page.get_by_label("Pools").locator(".card")
    expect(cards).to_have_count(len(now["pools"]))
    for place, pool in enumerate(now["pools"]):
        expect(cards.nth(place).locator(".figure")).to_have_text(
            f"{pool['held_gpus']:,} of {pool['capacity_gpus']:,} held"
        )
    held = now["teams"]["columns"].index("held_gpus")
    rows = page.get_by_role("treegrid", name="Teams at the top").locator("tr[data-row]")
    expect(rows).to_have_count(len(now["teams"]["rows"]))
    for place, row in enumerate(now["teams"]["rows"]):
        expect(rows.nth(place)).to_contain_text(row[0])
        expect(rows.nth(place).locator("svg.bar")).to_have_attribute("aria-label", re.compile(f"^holds {row[held]:,},"))


def test_the_films_bar_moves_the_moment_and_nothing_after_it_is_drawn(page: Page, address: str) -> None:
    open_now(page, address, 2)
    before = page.locator("main").inner_text()
    page.get_by_label("Moment").focus()
    for _ in range(40):
        page.keyboard.press("ArrowRight")  # quarters of an hour
    expect(page).to_have_url(re.compile(f"at={at(2) + 40 * 900_000}"))
    expect(page.locator(".tools .push").first).to_have_text("At 3 Jan 2027, 10:00")
    assert page.locator("main").inner_text() != before
    page.get_by_role("group", name="Film").get_by_role("button", name="Play").click()
    expect(page).to_have_url(re.compile("play=1"))
    page.wait_for_timeout(1_200)
    page.get_by_role("button", name="Pause").click()
    moved = int(re.search(r"at=(\d+)", page.url)[1])  # type: ignore[index]
    assert moved > at(2) + 40 * 900_000
    page.get_by_role("button", name="Table").click()
    table = page.locator("figure.chart table")
    expect(table).to_be_visible()


def test_keys_walk_the_teams_and_enter_opens_one(page: Page, address: str) -> None:
    open_now(page, address, 4)
    page.get_by_role("treegrid", name="Teams at the top").locator("tr[data-row='0']").focus()
    page.keyboard.press("End")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/teams/safety\?at="))
    expect(page.locator(".answer h1")).to_contain_text("safety")


def test_now_on_every_device(
    page: Page, address: str, axe: Callable[[Page], list[str]], shot: Callable[..., dict[str, Path]]
) -> None:
    open_now(page, address, 5)
    expect(page.locator(".uplot")).to_be_visible()
    assert axe(page) == []
    page.emulate_media(color_scheme="dark")
    assert axe(page) == []
    assert all(path.stat().st_size > 20_000 for path in shot(page, "now").values())


def test_now_fits_a_telephone(telephone: Page, address: str, axe: Callable[[Page], list[str]]) -> None:
    open_now(telephone, address, 5)
    assert is_no_wider_than_its_window(telephone)
    assert axe(telephone) == []


def test_a_live_lab_moves_the_figures_by_its_own_events(
    page: Page, live_lab: Served, axe: Callable[[Page], list[str]], shot: Callable[..., dict[str, Path]]
) -> None:
    sign_in(page, live_lab.address, live_lab.tokens["viewer"])
    page.goto(f"{live_lab.address}/?tz=UTC")
    figure = page.get_by_label("Pools").locator(".figure")
    expect(figure).to_have_text("0 of 8 held")
    with live_lab.client("member") as client:
        for gang in (4, 4, 2):
            job = {"team": "safety.alignment", "gang": gang, "argv": ["sleep", "120"], "pool": "slots"}
            assert client.post("/jobs", json=job).status_code == 201
    expect(figure).to_have_text("8 of 8 held", timeout=20_000)
    expect(page.locator(".answer p")).to_contain_text("1 job waits for 2 devices")
    row = page.get_by_role("treegrid", name="Teams at the top").locator("tr[data-row]", has_text="safety")
    expect(row.locator("svg.bar")).to_have_attribute("aria-label", re.compile("^holds 8, floor 4,"))
    assert axe(page) == []
    row.get_by_role("link").click()
    queue = page.get_by_role("grid", name="Queue")
    expect(queue).to_contain_text("safety.alignment")
    expect(queue.locator(".phrase")).to_contain_text(re.compile("Entitlement|Devices|Limit|Placement"), timeout=20_000)
    shot(page, "team-live")
    with live_lab.client("member") as client:
        for job in client.get("/jobs?open=true").json()["items"]:
            client.post(f"/jobs/{job['job']}/cancel")
    expect(queue).not_to_contain_text("safety.alignment", timeout=20_000)
