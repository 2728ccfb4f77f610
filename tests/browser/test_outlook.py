"""The screen Outlook in Chromium: a film's years, scenarios, sliders, tables, checks, by pointer and keys; a lab without its file."""

from __future__ import annotations

import csv
import json
import re
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from equipoise.api.app import make_app
from equipoise.api.outlooks import Outlooks
from equipoise.api.runs import Film
from equipoise.api.service import Service
from equipoise.api.tokens import Tokens
from equipoise.screens.outlook import outlook
from equipoise.tasks.film import film
from equipoise.tasks.serving import ServerSettings
from equipoise.workload.synthetic import lab_charter
from tests.browser.conftest import is_no_wider_than_its_window, page_allows, serving, sign_in, watched_page
from tests.scenario.live_server import Served
from tests.unit.outlook.prospects import demo_years
from tests.unit.report.replays import GPUS, synthetic
from tests.unit.report.test_frontier import small


def serve(outlooks: Outlooks) -> AbstractContextManager[str]:
    """Show the film of the small lab, with what follows it."""
    runs = film(synthetic().runs, text=lab_charter(GPUS))
    nobody = Tokens(Path("/dev/null/tokens"), lambda: 0)
    return serving(make_app(Service(None, nobody, Film(runs), outlooks=outlooks), ServerSettings()))


@pytest.fixture(scope="module")
def years(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A film with its years, and a frontier."""
    path = tmp_path_factory.mktemp("film") / "frontier.json"
    path.write_text(json.dumps(small().to_dict()), "utf-8")
    with serve(Outlooks(demo_years(), frontier=path)) as address:
        yield address


def opened(page: Page, address: str, query: str = "") -> None:
    page.goto(f"{address}/outlook{query}")
    expect(page.get_by_role("heading", level=1)).to_contain_text("months on")
    expect(page.get_by_role("heading", name="What could be traded for what")).to_be_visible()
    expect(page.locator(".whatif")).to_be_visible()


def query_of(page: Page) -> dict[str, list[str]]:
    page.wait_for_timeout(400)  # the address follows within 300 ms
    return parse_qs(urlsplit(page.url).query)


def test_the_answer_comes_first_and_the_film_has_no_bar_here(page: Page, years: str) -> None:
    opened(page, years)
    shown = outlook(demo_years())
    expect(page.get_by_role("heading", level=1)).to_have_text(shown["sentences"][0])
    expect(page.locator(".said")).to_contain_text(shown["sentences"][1])
    assert page.locator(".timebar").count() == 0
    for team in shown["told_of"]:
        expect(page.locator("section[aria-label=People]").get_by_role("heading", name=team)).to_be_visible()
    expect(page.locator("section[aria-label=People] > p").first).to_contain_text("nothing of platform")
    assert page.locator("section[aria-label=People] .card h3", has_text="platform").count() == 0


def test_fans_are_drawn_on_one_scale_and_read_at_any_month(page: Page, years: str) -> None:
    opened(page, years)
    card = page.locator("section[aria-label=People] .card", has=page.get_by_role("heading", name="safety"))
    sliders = card.get_by_role("slider")
    assert sliders.count() == 2
    fans = [each.fan("kept", "safety") for each in demo_years().courses]
    for n, fan in enumerate(fans):
        text = sliders.nth(n).get_attribute("aria-valuetext") or ""
        assert f"median {round(100 * fan.bands[2, -1])} %" in text
    # Medians on one scale: the path's last point is where the last value lies between 0 and 1, of 180.
    for n, fan in enumerate(fans):
        path = card.locator("path.middle").nth(n).get_attribute("d") or ""
        last = float(path.split("L")[-1].split()[1])
        assert last == pytest.approx(180 * (1 - fan.bands[2, -1]), abs=0.06)
    sliders.nth(0).focus()
    page.keyboard.press("Home")
    page.keyboard.press("ArrowRight")
    for n, fan in enumerate(fans):  # both are read at the same month
        assert (sliders.nth(n).get_attribute("aria-valuetext") or "").startswith("month 3:")
        expect(card.locator(".read").nth(n)).to_contain_text(f"{round(100 * fan.bands[2, 1])} %")
    page.keyboard.press("Escape")
    expect(card.locator(".read").nth(0)).to_contain_text("month 36")


def test_table_and_csv_have_the_fans_figures(page: Page, years: str, tmp_path: Path) -> None:
    opened(page, years)
    people = page.locator("section[aria-label=People]")
    people.get_by_role("radio", name="Knowledge", exact=True).click()
    assert query_of(page)["show"] == ["knowledge"]
    people.get_by_role("button", name="Table").click()
    expect(people.get_by_role("grid")).to_be_visible()
    with page.expect_download() as waiting:
        people.get_by_role("button", name="CSV").click()
    waiting.value.save_as(tmp_path / "people.csv")
    rows = list(csv.DictReader((tmp_path / "people.csv").read_text("utf-8").splitlines()))
    for course in demo_years().courses:
        fan = course.fan("knowledge", "safety")
        mine = [row for row in rows if row["what"] == "safety" and row["course"].lower() == course.label]
        assert [float(row["p50"]) for row in mine] == pytest.approx(fan.bands[2].tolist())
        assert [float(row["p95"]) for row in mine] == pytest.approx(fan.bands[4].tolist())


def test_failed_checks_stand_first_and_as_large(page: Page, years: str) -> None:
    opened(page, years)
    cards = page.locator(".checks > li")
    checks = demo_years().main.checks
    failed = sum(not each.passed for each in checks)
    assert failed > 0
    expect(cards).to_have_count(len(checks))
    words = cards.locator(".verdict").all_inner_texts()
    assert [word.startswith("Failed") for word in words] == [True] * failed + [False] * (len(checks) - failed)
    sizes = [cards.nth(n).evaluate("one => getComputedStyle(one.querySelector('h3')).fontSize") for n in range(len(checks))]  # fmt: skip
    assert len(set(sizes)) == 1
    expect(page.locator("section[aria-label=Checks] b")).to_have_text(f"fails {failed} of {len(checks)} checks")


def test_slider_plays_the_years_anew_by_keys_and_the_address_holds_it(page: Page, years: str) -> None:
    opened(page, years)
    before = page.get_by_role("heading", level=1).inner_text()
    slider = page.get_by_label(re.compile("^beta_s "))
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.post_data or "") if request.method == "POST" else None)
    slider.focus()
    page.keyboard.press("Home")
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    expect(page.locator(".playing[role=status]")).to_contain_text("Played anew, 1,000 runs", timeout=30_000)
    assert {json.loads(one)["moved"]["beta_s"] for one in asked} == {0.05}  # one wish, not six
    assert query_of(page)["set"] == ["beta_s:0.05"]
    after = page.get_by_role("heading", level=1).inner_text()
    assert after != before
    expect(page.locator("section[aria-label=Checks]")).to_contain_text("what you moved is not checked")
    page.reload()  # the address says it all
    expect(page.get_by_role("heading", level=1)).to_have_text(after)
    assert slider.input_value() == "0.05"
    page.get_by_role("button", name="Put beta_s back").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(before)
    assert "set" not in query_of(page)


def test_scenario_is_switched_and_gone_back_from(page: Page, years: str) -> None:
    opened(page, years)
    before = page.get_by_role("heading", level=1).inner_text()
    page.get_by_label("Scenario").select_option("lab-flat-budget")
    expect(page.locator(".playing[role=status]")).to_contain_text("Played anew", timeout=30_000)
    expect(page.locator(".assumptions")).to_contain_text("scenario: the lab's compute stays what it is")
    page.get_by_label("Scenario").select_option("product-pivot")
    expect(page.get_by_role("heading", level=1)).to_contain_text("under product-pivot", timeout=30_000)
    expect(page.locator("section[aria-label=Beliefs]")).to_contain_text("assumption")
    page.go_back()
    expect(page.locator(".whatif select").first).to_have_value("lab-flat-budget")
    page.get_by_role("button", name="Put everything back").click()
    expect(page.get_by_role("heading", level=1)).to_have_text(before)


def test_scenario_that_there_is_not_says_what_there_is(page: Page, years: str) -> None:
    page_allows(page, "422")
    page.goto(f"{years}/outlook?scenario=moon")
    expect(page.get_by_role("alert")).to_contain_text("No scenario 'moon'")
    expect(page.get_by_role("alert")).to_contain_text("product-pivot")
    page.get_by_role("button", name="Put everything back").click()
    expect(page.get_by_role("heading", level=1)).to_contain_text("months on")


def test_charters_of_the_frontier_have_their_names_and_say_what_differs(page: Page, years: str) -> None:
    opened(page, years)
    section = page.locator("section[aria-label=Frontier]")
    spots = section.locator(".scatter").first.locator(".spot")
    expect(spots).to_have_count(len(small().points) + 1)
    objectives = {each.name: each for each in small().objectives}
    for number, point in enumerate(small().points, start=1):
        title = section.locator(f".scatter >> nth=0 >> .spot[data-name='point {number:02d}']").get_attribute("title")
        assert f"{100 * objectives['denied'].of(point.figures):.1f} %" in (title or "")
    row = section.get_by_role("row").filter(has_text="point 02")
    row.focus()
    page.keyboard.press("Enter")
    assert query_of(page)["point"] == ["point 02"]
    differences = small().points[1].differences
    assert differences
    expect(section.locator("pre")).to_have_text("\n".join(differences))
    section.get_by_role("button", name="Close").click()
    section.locator(".scatter >> nth=0 >> .now").dispatch_event("click")  # others may lie on it
    assert query_of(page)["point"] == ["present charter"]
    expect(section.locator(".scatter >> nth=0 >> .chosen")).to_have_text("now")


def test_nothing_is_wrong_for_those_who_use_it_otherwise(
    page: Page, years: str, axe: Callable[[Page], list[str]], shot: Callable[..., dict[str, Path]]
) -> None:
    opened(page, years, "?people.table=1&point=point+02")
    expect(page.locator(".spot").first).to_be_visible()
    found = axe(page)
    page.emulate_media(color_scheme="dark")
    assert found + axe(page) == [], "\n".join(found)
    opened(page, years)
    shot(page, "outlook")
    opened(page, years, "?set=beta_s:0,mu:1&show=knowledge")
    expect(page.locator(".playing[role=status]")).to_contain_text("Played anew", timeout=30_000)
    shot(page, "outlook-moved")


def test_on_a_telephone_nothing_is_wider_than_the_window(
    telephone: Page, years: str, axe: Callable[[Page], list[str]]
) -> None:
    opened(telephone, years)
    assert is_no_wider_than_its_window(telephone)
    assert axe(telephone) == []


def test_film_without_a_frontier_says_which_command_makes_one(browser: Browser) -> None:
    with serve(Outlooks(demo_years())) as address, watched_page(browser) as page:
        opened(page, address)
        expect(page.locator("section[aria-label=Frontier]")).to_contain_text(
            "equipoise tune --demo 20 --json > frontier.json"
        )


def test_lab_without_its_file_says_what_to_put_where(
    page: Page, live_lab: Served, axe: Callable[[Page], list[str]], shot: Callable[..., dict[str, Path]]
) -> None:
    sign_in(page, live_lab.address, live_lab.tokens["viewer"])
    page.goto(f"{live_lab.address}/outlook")
    expect(page.get_by_role("heading", level=1)).to_have_text("Nothing says yet who works in this lab.")
    expect(page.locator("main")).to_contain_text("Put a file people.yaml into the lab's folder")
    expect(page.locator(".example")).to_contain_text("teams:")
    expect(page.locator("section[aria-label=Frontier]")).to_contain_text("put frontier.json into the lab's folder")
    expect(page.locator(".whatif option").first).to_have_text("choose one …")
    assert page.locator(".slider").count() == 0
    assert axe(page) == []
    shot(page, "outlook-missing")
    page.get_by_label("Scenario").select_option("charter-kept")
    expect(page.get_by_role("heading", level=1)).to_contain_text("months on", timeout=30_000)
