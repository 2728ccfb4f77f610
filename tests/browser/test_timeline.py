"""The timeline and a job's page in Chromium, over a film of a small lab: box to jobs to why, by pointer and by keys, on every device."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest
from playwright.sync_api import Page, expect

from equipoise.api.app import make_app
from equipoise.api.runs import Film
from equipoise.api.service import Service
from equipoise.api.tokens import Tokens
from equipoise.charter_io import loads
from equipoise.screens import LabRun
from equipoise.tasks.film import film
from equipoise.tasks.serving import ServerSettings
from equipoise.tasks.simulate import simulate
from equipoise.workload.synthetic import lab, lab_charter
from tests.browser.conftest import is_no_wider_than_its_window, serving, wait_until

DAYS, GPUS, DAY_MS = 6, 512, 86_400_000


@cache
def runs() -> tuple[LabRun, ...]:
    text = lab_charter(GPUS)
    both = simulate(lab(2, days=DAYS, gpus=GPUS), loads(text), vs=["product-first"], record=True)
    return film(both.runs, text=text, ends_ms=DAYS * DAY_MS)


@pytest.fixture(scope="module")
def address() -> Iterator[str]:
    service = Service(None, Tokens(Path(os.devnull, "tokens"), lambda: 0), Film(runs()))
    with serving(make_app(service, ServerSettings())) as found:
        yield found


def asked(address: str, path: str, **query: Any) -> Any:
    return httpx.get(f"{address}/api/v1/runs/charter/{path}", params=query, timeout=60).json()


def open_timeline(page: Page, address: str, query: str = "") -> None:
    page.goto(f"{address}/timeline{query}")
    expect(page.locator(".stage canvas").first).to_be_visible(timeout=60_000)
    expect(page.locator(".joblist h2").first).to_be_visible(timeout=60_000)


def query_of(page: Page) -> dict[str, str]:
    return {name: values[0] for name, values in parse_qs(urlsplit(page.evaluate("location.href")).query).items()}


def settled(page: Page, name: str) -> None:
    wait_until(page, f"new URLSearchParams(location.search).has({json.dumps(name)})")


def test_the_picture_shows_what_the_server_says(page: Page, address: str) -> None:
    open_timeline(page, address, "?pool=train")
    first = page.locator(".stage").first
    told = asked(address, "raster", pool="train", width=10, height=10)
    assert int(first.get_attribute("data-from") or 0) == told["from_ms"]
    # What the canvas has in the middle of a column is the colour of the team that holds that device.
    found = page.evaluate(
        """async () => {
            const app = document.querySelector("script[type=module]").src.replace("main.js", "");
            const { unpacked } = await import(app + "timeline/planes.js");
            const { shades } = await import(app + "timeline/palette.js");
            const { MARKS_PX } = await import(app + "timeline/paint.js");
            const canvas = document.querySelector(".stage canvas");
            const all = performance.getEntriesByType("resource").map(one => one.name);
            const asked = all.filter(one => one.includes("/raster") && !one.includes("height=44")).at(-1);
            const { of, planes } = await unpacked(await (await fetch(asked)).json());
            const colours = shades(of.teams).map(one => one.rgb);
            const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
            const wrong = [];
            let compared = 0;
            for (let x = 3; x < of.width; x += 97) for (let y = 5; y < of.height; y += 31) {
                const pixel = planes.stack[x * of.height + y];
                if (pixel < of.first_value || pixel & of.edge) continue;
                const left = Math.floor((x + .5) * canvas.width / of.width);
                const at = 4 * ((MARKS_PX + of.height - 1 - y) * devicePixelRatio * canvas.width + left);
                compared++;
                if ([0, 1, 2].some(n => Math.abs(data[at + n] - colours[pixel - of.first_value][n]) > 2)) wrong.push([x, y, pixel]);
            }
            return { compared, wrong };
        }"""
    )
    assert found["compared"] > 40 and found["wrong"] == []


def test_a_box_by_pointer_leads_to_its_jobs_and_one_of_them_to_why(page: Page, address: str) -> None:
    open_timeline(page, address, "?pool=train&doing=waiting")
    room = page.locator(".stage").bounding_box()
    assert room is not None
    y = room["y"] + 30 + 150
    page.mouse.move(room["x"] + room["width"] * 0.70, y)
    page.mouse.down()
    page.mouse.move(room["x"] + room["width"] * 0.75, y)
    page.mouse.move(room["x"] + room["width"] * 0.90, y - 120)
    page.mouse.up()
    settled(page, "box")
    box = query_of(page)["box"]
    times, _, team = box.partition(":")
    begin, end = map(int, times.split("-"))
    run = runs()[0]
    assert (
        abs((begin - run.origin_ms) / (DAYS * DAY_MS) - 0.70) < 0.01
        and abs((end - run.origin_ms) / (DAYS * DAY_MS) - 0.90) < 0.01
    )
    told = asked(address, "jobs", pool="train", doing="waiting", from_ms=begin, to_ms=end, team=team)
    assert told["total"] > 0
    expect(page.locator(".joblist h2")).to_contain_text(re.compile(rf"^{told['total']:,} jobs? .*waited in the box"))
    link = page.locator(".joblist tbody a").first
    number = int(link.inner_text())
    assert number == told["rows"][0][0]
    link.click()
    expect(page).to_have_url(re.compile(rf"/jobs/{number}\?"))
    expect(page.locator(".life svg")).to_be_visible()
    expect(page.locator(".binding")).to_be_visible(timeout=60_000)
    expect(page.get_by_role("heading", name="What would have started it at once")).to_be_visible(timeout=90_000)
    why = asked(address, f"jobs/{number}/why", at_ms=int(page.locator(".life").get_attribute("data-asked") or 0))
    assert page.locator(".binding").inner_text()[:40] == why["sentences"][1][:40]
    # The page can be shared: the same address shows the same.
    sentence = page.locator("main h1").inner_text()
    page.reload()
    expect(page.locator("main h1")).to_have_text(sentence)


def test_keys_zoom_move_and_draw(page: Page, address: str) -> None:
    open_timeline(page, address, "?pool=train")
    page.locator(".stage").focus()
    page.keyboard.press("+")
    settled(page, "range")
    zoomed = [int(part) for part in query_of(page)["range"].split("-")]
    assert abs((zoomed[1] - zoomed[0]) - DAYS * DAY_MS / 2) < 10
    page.keyboard.press("Shift+ArrowRight")
    wait_until(page, f"!location.search.includes('range={zoomed[0]}')")
    moved = [int(part) for part in query_of(page)["range"].split("-")]
    assert abs((moved[0] - zoomed[0]) - (zoomed[1] - zoomed[0]) / 4) < 10
    wait_until(page, f"document.querySelector('.stage').dataset.from === '{moved[0]}'")
    for key in ["ArrowUp", "ArrowUp", "Enter", *["ArrowRight"] * 9, "Enter"]:
        page.keyboard.press(key)
    settled(page, "box")
    expect(page.locator(".readout").first).to_contain_text("are held")
    expect(page.locator(".joblist h2")).to_contain_text("in the box")
    page.keyboard.press("Escape")
    wait_until(page, "!new URLSearchParams(location.search).has('box')")
    page.keyboard.press("Escape")
    wait_until(page, "!new URLSearchParams(location.search).has('range')")


def test_two_charters_stand_side_by_side_and_teams_can_be_picked_out(page: Page, address: str) -> None:
    open_timeline(page, address, "?pool=train")
    page.get_by_label("beside").select_option("product-first")
    expect(page.locator(".stage")).to_have_count(2)
    expect(page.locator("main h1")).to_contain_text("Product first")
    page.locator(".stage").nth(1).hover(position={"x": 300, "y": 120})
    expect(page.locator(".over .cross")).to_have_count(4)  # the cross is in both
    page.get_by_role("button", name="safety.alignment").click()
    settled(page, "only")
    expect(page.get_by_role("button", name="safety.alignment")).to_have_attribute("aria-pressed", "true")
    page.get_by_role("button", name="Table").first.click()
    expect(page.get_by_role("grid", name=re.compile("As promised"))).to_be_visible()
    with page.expect_download() as saved:
        page.get_by_role("button", name="CSV").first.click()
    lines = Path(saved.value.path()).read_text("utf-8").splitlines()
    assert (
        lines[0].startswith("at,held,waiting_gpus,denied_gpus,starts,reclaims,failures,platform") and len(lines) > 500
    )


def test_both_screens_on_every_device(
    page: Page, address: str, axe: Callable[[Page], list[str]], shot: Callable[..., dict[str, Path]]
) -> None:
    open_timeline(page, address, "?pool=train&doing=waiting")
    page.wait_for_timeout(500)
    assert axe(page) == []
    shot(page, "timeline")
    waited = asked(address, "jobs", pool="train", doing="waiting", order="-wait", limit=1)["rows"][0][0]
    page.goto(f"{address}/jobs/{waited}")
    expect(page.get_by_role("heading", name="What would have started it at once")).to_be_visible(timeout=90_000)
    assert axe(page) == []
    shot(page, "job")


def test_they_fit_a_telephone(telephone: Page, address: str, axe: Callable[[Page], list[str]]) -> None:
    open_timeline(telephone, address, "?pool=train")
    assert is_no_wider_than_its_window(telephone)
    assert axe(telephone) == []


def test_what_is_not_there_is_said(page: Page, address: str) -> None:
    page.goto(f"{address}/jobs/none")
    expect(page.locator("main h1")).to_have_text("There is no such job.")
