"""The screen of the charter in Chromium over a film: the text, one line of it changed and planned, the replay of it, and gates."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from playwright.sync_api import Page, expect

from equipoise.charter_io import loads
from equipoise.tasks.plan import plain_plan, propose_beside
from equipoise.units import DAY_MS
from tests.browser.conftest import is_no_wider_than_its_window, sign_in
from tests.browser.small_film import ORIGIN_MS, TEXT, showing
from tests.scenario.live_server import CHARTER, Served

AT_MS = ORIGIN_MS + 20 * DAY_MS
QUERY = f"run=charter&at={AT_MS}&tz=UTC"


@pytest.fixture(scope="module")
def film() -> Iterator[str]:
    with showing() as address:
        yield address


def asked(film: str, path: str, **query: Any) -> Any:
    return httpx.get(f"{film}/api/v1/runs/{path}", params=query, timeout=120).json()


def opened(page: Page, film: str, query: str = QUERY) -> Page:
    page.goto(f"{film}/charter?{query}")
    expect(page.get_by_role("treegrid", name=re.compile("Teams with their floors"))).to_be_visible(timeout=30_000)
    return page


def editor(page: Page, film: str, query: str = QUERY) -> Any:
    opened(page, film, f"{query}&try=1")
    field = page.get_by_role("textbox", name=re.compile("charter's text"))
    expect(field).to_be_visible()
    return field


def test_the_document_is_there_with_lines_floors_and_meaning(page: Page, film: str) -> None:
    opened(page, film)
    said = asked(film, "charter/charter", at_ms=AT_MS)
    expect(page.locator("h1")).to_have_text(said["sentence"])
    lines = page.locator(".source li")
    assert [line.rstrip() for line in lines.all_inner_texts()] == [line or "" for line in TEXT.rstrip("\n").split("\n")]
    row = page.get_by_role("row", name=re.compile("^.*safety"))
    floors = next(one for one in said["teams"]["rows"] if one[0] == "safety")
    expect(row.first).to_contain_text(f"{sum(floors[3]):,}")
    expect(row.first).to_contain_text("20%")
    expect(page.get_by_role("link", name="safety-20")).to_have_attribute("href", re.compile("/promises/safety-20"))
    with page.expect_download() as waited:
        page.get_by_role("button", name="Save").click()
    assert loads(Path(waited.value.path()).read_bytes()).digest == said["digest"]


def test_one_line_changed_is_planned_in_sentences_and_replayed(page: Page, film: str) -> None:
    field = editor(page, film)
    changed = TEXT.replace("floor: 20%", "floor: 12%", 1)
    field.fill(changed)
    plan = plain_plan(propose_beside(loads(TEXT), TEXT, changed.encode()))
    expect(page.get_by_role("heading", name=plan["summary"])).to_be_visible()
    for entry in plan["sentences"]:
        for sentence in entry.split("\n")[1:]:
            expect(page.get_by_text(sentence.strip()).first).to_be_visible()
    expect(page.get_by_text("Nobody has to sign it")).to_be_visible()
    page.get_by_text("As text").first.click()
    expect(page.locator(".diff .removed")).to_contain_text("floor: 20%")
    expect(page.locator(".diff .added")).to_contain_text("floor: 12%")
    page.get_by_role("spinbutton", name="Days").fill("3")
    page.get_by_role("spinbutton", name="Days").press("Enter")
    expect(page).to_have_url(re.compile("days=3"))
    page.get_by_role("button", name="Replay 3 days").click()
    figures = page.locator(".effects figure")
    expect(figures.first).to_be_visible(timeout=90_000)
    tops = [one.path for one in loads(TEXT).teams if one.parent is None]
    assert [one.inner_text() for one in page.locator(".effects").first.locator("figcaption").all()] == tops
    expect(page.get_by_text(re.compile(r"of \d+ teams would have fared otherwise"))).to_be_visible()
    page.locator(".wide").get_by_role("button", name="Table").click()
    expect(page.get_by_role("grid", name="Effect by team")).to_be_visible()
    # What was typed outlives the page, and can be taken back.
    page.reload()
    expect(field).to_have_value(changed)
    page.get_by_role("button", name="Take it all back").click()
    expect(field).to_have_value(TEXT)
    expect(page.get_by_role("heading", name=plan["summary"])).to_have_count(0)


def test_what_is_wrong_stands_beside_its_line(page: Page, film: str) -> None:
    field = editor(page, film)
    field.fill(TEXT.replace("floor: 20%", "floor: 1x%", 1))
    line = TEXT[: TEXT.index("floor: 20%")].count("\n") + 1
    button = page.get_by_role("button", name=re.compile(f"^Line {line}, column"))
    expect(button).to_be_visible()
    expect(page.locator(".gutter .error")).to_have_text(f"✕ {line}")
    expect(page.get_by_text("'1x%' is not a share")).to_be_visible()
    expect(field).to_have_attribute("aria-invalid", "true")
    button.click()
    chosen = field.evaluate("field => field.value.slice(field.selectionStart, field.selectionStart + 3)")
    assert chosen == "1x%"
    expect(page.get_by_role("heading", name="It cannot be read as a charter yet.")).to_be_visible()


def test_the_text_can_be_made_to_follow_the_charter_in_force(page: Page, film: str) -> None:
    field = editor(page, film)
    field.fill(TEXT.replace("floor: 20%", "floor: 19%", 1))
    page.get_by_role("button", name="Write it so").click()
    expect(page.get_by_role("button", name="Write it so")).to_have_count(0)
    made = loads(field.input_value())
    assert (made.revision, made.parent) == (2, loads(TEXT).digest)


def test_boards_that_must_sign_are_named_with_why(page: Page, film: str) -> None:
    field = editor(page, film, f"run=gated&at={ORIGIN_MS + 15 * DAY_MS}&tz=UTC")
    text = field.input_value()
    field.fill(text.replace("at_least: 20%", "at_least: 15%", 1))
    expect(page.get_by_role("heading", name="Who must sign")).to_be_visible()
    needs = page.locator(".workbench .needs")
    expect(needs).to_contain_text("executive: 0 of 2 have signed")
    expect(needs).to_contain_text("safety: 0 of 2 have signed")
    expect(page.locator(".workbench")).to_contain_text("14 d after the last needed signature")


def test_gates_say_what_is_lacking_and_who_must_attest(page: Page, film: str) -> None:
    when = ORIGIN_MS + 15 * DAY_MS
    opened(page, film, f"run=gated&at={when}&tz=UTC")
    said = asked(film, "gated/charter", at_ms=when)
    for gate in said["gates"]:
        name = ", ".join(one["service"] for one in gate["services"])
        card = page.locator(".gate", has=page.get_by_role("heading", name=f"{gate['gate']}: {name}"))
        expect(card.locator("[aria-current=step]")).to_contain_text(gate["stage"])
        for need in gate["needs"]:
            expect(card).to_contain_text(need["type"])
            if not need["met"]:
                expect(card).to_contain_text(need["says"])
                expect(card).to_contain_text(", ".join(need["can_sign"]))
    assert any(not need["met"] for gate in said["gates"] for need in gate["needs"])


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(page: Page, film: str, axe: Callable[[Page], list[str]], theme: str) -> None:
    opened(page, film, f"run=gated&at={AT_MS}&theme={theme}")
    assert axe(page) == []
    field = editor(page, film, f"{QUERY}&theme={theme}&days=1")
    field.fill(TEXT.replace("floor: 20%", "floor: 12%", 1))
    page.get_by_role("button", name="Replay 1 day").click()
    expect(page.locator(".effects figure").first).to_be_visible(timeout=90_000)
    page.get_by_text("As text").first.click()
    assert axe(page) == []
    field.fill(TEXT.replace("floor: 20%", "floor: 1x%", 1))
    expect(page.locator(".gutter .error")).to_be_visible()
    assert axe(page) == []


def test_it_fits_a_telephone(telephone: Page, film: str, axe: Callable[[Page], list[str]]) -> None:
    opened(telephone, film)
    assert is_no_wider_than_its_window(telephone)
    field = editor(telephone, film)
    field.fill(TEXT.replace("floor: 20%", "floor: 12%", 1))
    expect(telephone.get_by_role("heading", name="Who must sign")).to_be_visible()
    assert is_no_wider_than_its_window(telephone)
    assert axe(telephone) == []


def test_pictures_are_kept(page: Page, film: str, shot: Callable[..., dict[str, Path]]) -> None:
    opened(page, film, f"run=gated&at={ORIGIN_MS + 15 * DAY_MS}&tz=UTC")
    shot(page, "charter")
    field = editor(page, film, f"{QUERY}&days=3")
    field.fill(TEXT.replace("floor: 20%", "floor: 12%", 1))
    page.get_by_role("button", name="Replay 3 days").click()
    expect(page.locator(".effects figure").first).to_be_visible(timeout=90_000)
    shot(page, "charter-plan")


def test_a_live_labs_charter_is_planned_on(page: Page, live_lab: Served, axe: Callable[[Page], list[str]]) -> None:
    sign_in(page, live_lab.address, live_lab.tokens["viewer"])
    page.goto(f"{live_lab.address}/promises")
    expect(page.locator("h1")).to_have_text(
        re.compile("Nothing is judged yet|makes no promises over time"), timeout=60_000
    )
    assert axe(page) == []
    page.goto(f"{live_lab.address}/charter?try=1")
    field = page.get_by_role("textbox", name=re.compile("charter's text"))
    expect(field).to_have_value(CHARTER, timeout=60_000)
    changed = CHARTER.replace("floor: 50%", "floor: 25%", 1)
    field.fill(changed)
    plan = plain_plan(propose_beside(loads(CHARTER), CHARTER, changed.encode()))
    expect(page.get_by_role("heading", name=plan["summary"])).to_be_visible()
    expect(page.locator(".workbench")).to_contain_text("falls from 50%")
    assert axe(page) == []
