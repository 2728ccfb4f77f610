"""Teams and a team's page in Chromium: the whole tree by pointer and keys, a thousand teams, and what the page of one tells."""

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
from tests.browser.conftest import is_no_wider_than_its_window, page_allows
from tests.browser.film import showing, thousand_teams
from tests.unit.screens.runs import shown


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with showing(shown(), tmp_path_factory.mktemp("film")) as one:
        yield one


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with showing(thousand_teams(), tmp_path_factory.mktemp("large")) as one:
        yield one


def told(address: str, path: str) -> Any:
    with urlopen(f"{address}/api/v1{path}", timeout=60) as answer:
        return json.load(answer)


AT = shown()[0].origin_ms + 5 * DAY_MS


def open_screen(page: Page, address: str, path: str) -> None:
    page.goto(f"{address}{path}{'&' if '?' in path else '?'}tz=UTC")
    expect(page.locator(".answer h1")).to_be_visible()


def test_rows_bars_and_pools_are_the_servers(page: Page, address: str) -> None:
    open_screen(page, address, f"/teams?run=product-first&at={AT}")
    tree = page.get_by_role("treegrid", name="Teams")
    for pool in ("", "flex"):
        if pool:
            page.get_by_role("radio", name=pool).click()
            expect(page).to_have_url(re.compile(f"pool={pool}"))
        found = told(address, f"/runs/product-first/teams?at_ms={AT}" + (f"&pool={pool}" if pool else ""))
        column = found["columns"].index
        for place, row in enumerate(found["rows"]):
            bar = tree.locator(f"tr[data-row='{place}'] svg.bar")
            held, floor, entitled = (row[column(name)] for name in ("held_gpus", "floor_gpus", "entitled_gpus"))
            expect(bar).to_have_attribute(
                "aria-label", re.compile(f"^holds {held:,}, floor {floor:,}, entitled to {entitled:,}")
            )
    starving = [row for row in found["rows"] if row[found["columns"].index("starving")]]
    expect(page.locator(".answer h1")).to_contain_text("starving")
    expect(tree.get_by_text("starving")).to_have_count(len(starving))


def test_the_tree_by_keys(page: Page, address: str) -> None:
    open_screen(page, address, f"/teams?run=charter&at={AT}")
    tree = page.get_by_role("treegrid", name="Teams")
    rows = tree.locator("tr[data-row]")
    everyone = rows.count()
    rows.first.focus()
    page.keyboard.press("ArrowLeft")
    expect(rows.first).to_have_attribute("aria-expanded", "false")
    assert rows.count() < everyone
    expect(page).to_have_url(re.compile("teams.closed=exploration"))
    page.keyboard.press("ArrowRight")
    expect(rows).to_have_count(everyone)
    page.keyboard.press("End")
    expect(page.locator("tr:focus")).to_contain_text("red-team")
    page.get_by_label("Find in Teams").fill("interp")
    expect(rows).to_have_count(2)  # what has it, and the team above
    rows.nth(1).focus()
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile(r"/teams/safety\.interpretability\?"))


def test_a_thousand_teams_are_a_tree_of_a_few_rows_that_stay_put(page: Page, large: str) -> None:
    middle = thousand_teams()[0].origin_ms + thousand_teams()[0].ends_ms // 2
    open_screen(page, large, f"/teams?at={middle}")
    tree = page.get_by_role("treegrid", name="Teams")
    found = told(large, f"/runs/charter/teams?at_ms={middle}")
    assert tree.get_attribute("aria-rowcount") == str(len(found["rows"]) + 1)
    assert len(found["rows"]) > 1_000
    assert tree.locator("tr[data-row]").count() < 80
    tree.locator("tr[data-row='0']").focus()
    for _ in range(30):
        page.keyboard.press("PageDown")
    focused = page.locator("tr:focus")
    expect(focused).to_have_attribute("data-row", "450")
    name = focused.locator("td").first.get_attribute("title")
    page.get_by_label("Moment").evaluate(
        "(element, to) => { element.value = to; element.dispatchEvent(new Event('input', {bubbles: true})); }",
        str(middle + 3_600_000),
    )
    expect(page).not_to_have_url(re.compile(f"at={middle}&"))
    row = page.locator("tr[data-row='450']")
    expect(row.locator("td").first).to_have_attribute("title", str(name))
    page.keyboard.press("End")
    expect(page.locator("tr:focus td").first).to_have_attribute("title", found["rows"][-1][0])


def test_answers_about_a_thousand_teams_are_small(large: str) -> None:
    run = thousand_teams()[0]
    tops = ",".join(team.path for team in run.record.charter.teams if team.parent is None).split(",")[:7]
    leaf = run.record.charter.leaves[500].path
    for path in ("/now", "/teams", "/teams?pool=main", f"/teams/{leaf}", f"/series?team={','.join(tops)}&points=900"):
        with urlopen(f"{large}/api/v1/runs/charter{path}", timeout=60) as answer:
            assert len(answer.read()) <= 200_000, path


def test_a_teams_page_tells_its_queue_with_reasons_loans_waits_stops_and_requests(page: Page, address: str) -> None:
    team = told(address, f"/runs/charter/teams/safety?at_ms={AT}")
    open_screen(page, address, f"/teams/safety?run=charter&at={AT}")
    expect(page.get_by_label("Pools").locator(".figure").first).to_contain_text(
        f"{team['pools'][0]['held_gpus']:,} held of {team['pools'][0]['entitled_gpus']:,} entitled"
    )
    queue = page.get_by_role("grid", name="Queue")
    expect(queue.locator("tr[data-row]")).to_have_count(len(team["queue"]["rows"]))
    reasons = told(address, f"/runs/charter/teams/safety/queue?at_ms={AT}")
    assert reasons["explained"]
    assert reasons["rows"]
    for place, (_, _, reason, _, _) in enumerate(reasons["rows"]):
        phrase = queue.locator("tr[data-row]").nth(place).locator(".phrase")
        expect(phrase).to_have_attribute("title", reason, timeout=30_000)
        assert reason.startswith(phrase.inner_text())
    expect(page.get_by_role("grid", name="Waits by gang size").locator("tr[data-row]")).to_have_count(
        len(team["waits"]["rows"])
    )
    expect(page.get_by_role("grid", name="Requests for credits").locator("tr[data-row]")).to_have_count(
        len(team["requests"]["rows"])
    )
    stops = team["reclaims"]["suffered"]
    if stops["rows"]:
        expect(page.get_by_role("grid", name="Jobs of this team that gave way").locator("tr[data-row]")).to_have_count(
            len(stops["rows"])
        )
    loans = page.get_by_role("grid", name="Loans of its floor").locator("tr[data-row]")
    expect(loans).to_have_count(len(team["loans"]["lends"]["items"]))
    page.get_by_role("link", name="safety.red-team").first.click()
    expect(page.get_by_label("Teams above").get_by_text("red-team")).to_be_visible()


def test_a_team_that_is_not_there_is_said(page: Page, address: str) -> None:
    page_allows(page, "404")
    page.goto(f"{address}/teams/nobody?at={AT}")
    expect(page.get_by_role("alert")).to_contain_text("no team 'nobody'", ignore_case=True)
    expect(page.get_by_role("alert")).to_contain_text("N172")


def test_both_screens_on_every_device(
    page: Page, address: str, axe: Callable[[Page], list[str]], shot: Callable[..., dict[str, Path]]
) -> None:
    for name, path in (("teams", "/teams"), ("team", "/teams/safety")):
        open_screen(page, address, f"{path}?run=charter&at={AT}")
        if name == "team":
            expect(page.get_by_role("grid", name="Queue").locator(".phrase").first).not_to_have_text(
                "Being worked out …", timeout=30_000
            )
        assert axe(page) == [], name
        page.emulate_media(color_scheme="dark")
        assert axe(page) == [], name
        page.emulate_media(color_scheme="light")
        assert all(taken.stat().st_size > 20_000 for taken in shot(page, name).values())


def test_they_fit_a_telephone(telephone: Page, address: str, axe: Callable[[Page], list[str]]) -> None:
    for path in ("/teams", "/teams/safety"):
        open_screen(telephone, address, f"{path}?run=charter&at={AT}")
        assert is_no_wider_than_its_window(telephone), path
        assert axe(telephone) == [], path
