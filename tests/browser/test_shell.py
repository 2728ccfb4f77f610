"""The dashboard's shell in Chromium, over a real lab: screens and their addresses, a token, its end, and a server that goes away."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from equipoise.api.roles import Role
from equipoise.api.tokens import Tokens
from tests.browser.conftest import is_no_wider_than_its_window, page_allows, sign_in, wait_until, watched_page
from tests.scenario import live_server
from tests.scenario.live_server import Served

NAMES = ["Now", "Teams", "Timeline", "Promises", "Charter", "Outlook"]
PATHS = ["/", "/teams", "/timeline", "/promises", "/charter", "/outlook"]


def open_as(page: Page, lab: Served, path: str, who: str = "viewer") -> None:
    sign_in(page, lab.address, lab.tokens[who])
    page.goto(lab.address + path)
    expect(page.locator("main")).to_be_visible()


def ask(page: Page, path: str) -> str:
    """What `server.js` makes of a path, asked through the page's own modules."""
    return page.evaluate(
        """async path => {
            const app = document.querySelector("script[type=module]").src.replace("main.js", "");
            const { ask } = await import(app + "server.js");
            const answer = await ask(path);
            return answer.kind === "problem" ? answer.kind + " " + answer.code : answer.kind;
        }""",
        path,
    )


def test_every_screen_has_its_address_and_is_loaded_when_wanted(page: Page, live_lab: Served) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    open_as(page, live_lab, "/")
    assert not any("/screens/outlook.js" in url for url in asked)
    for name, path in zip(NAMES, PATHS, strict=True):
        page.get_by_role("navigation").get_by_role("link", name=name).click()
        expect(page).to_have_url(live_lab.address + path)
        expect(page).to_have_title(f"{name} · Equipoise")
        expect(page.locator("nav [aria-current=page]")).to_have_text(name)
    assert any("/screens/outlook.js" in url for url in asked)
    page.go_back()
    expect(page).to_have_title("Charter · Equipoise")
    # As it was typed, and again: the server answers each address.
    page_allows(page, r"status of 404")  # there is no such job or promise, but such a page
    for path, title in [("/teams/safety.alignment?at=5", "Teams"), ("/jobs/7", "Now"), ("/promises/a%20b", "Promises")]:
        page.goto(live_lab.address + path)
        expect(page).to_have_title(f"{title} · Equipoise")


def test_state_is_in_the_address_and_goes_along(page: Page, live_lab: Served) -> None:
    open_as(page, live_lab, "/teams/safety?at=1700000000000&tz=Asia%2FTokyo&run=live&find.x=1")
    page.get_by_role("link", name="Timeline").click()
    expect(page).to_have_url(live_lab.address + "/timeline?at=1700000000000&run=live&tz=Asia%2FTokyo")
    page.get_by_label("Time zone").select_option("UTC")
    expect(page).to_have_url(re.compile("tz=UTC"))
    page.get_by_role("button", name="Dark").click()
    expect(page).to_have_url(re.compile("theme=dark"))
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    page.reload()
    expect(page.locator("html")).to_have_attribute("data-theme", "dark")
    expect(page.get_by_label("Time zone")).to_have_value("UTC")


def test_addresses_come_back_as_they_were_written(page: Page, live_lab: Served) -> None:
    open_as(page, live_lab, "/")
    back = page.evaluate(
        """async places => {
            const app = document.querySelector("script[type=module]").src.replace("main.js", "");
            const { addressOf, placeOf } = await import(app + "state.js");
            return places.map(place => placeOf(new URL(addressOf(place), location.origin)));
        }""",
        places := [
            {"screen": "team", "rest": "safety.alignment", "query": {"at": "17", "tz": "Europe/Berlin"}},
            {"screen": "promises", "rest": "q1 & more/100%", "query": {"find": "a+b=c&d"}},
            {"screen": "promises", "rest": "", "query": {}},
            {"screen": "job", "rest": "12", "query": {}},
        ],
    )
    assert back == places


def test_screens_are_there_on_every_device(
    page: Page, live_lab: Served, axe: Callable[[Page], list[str]], shot: Callable[..., dict[str, Path]]
) -> None:
    open_as(page, live_lab, "/")
    for name, path in zip(NAMES, PATHS, strict=True):
        page.goto(live_lab.address + path)
        expect(page).to_have_title(f"{name} · Equipoise")
        expect(page.locator("main h1")).to_be_visible()
        assert axe(page) == []
    shot(page, "shell", full=False)


def test_shell_fits_a_telephone(telephone: Page, live_lab: Served, axe: Callable[[Page], list[str]]) -> None:
    open_as(telephone, live_lab, "/teams")
    expect(telephone.locator("main h1")).to_be_visible()
    assert is_no_wider_than_its_window(telephone)
    assert axe(telephone) == []


def test_keyboard_comes_first_to_the_content(page: Page, live_lab: Served) -> None:
    open_as(page, live_lab, "/teams")
    page.keyboard.press("Tab")
    expect(page.get_by_role("link", name="To the content")).to_be_focused()
    page.keyboard.press("Enter")
    expect(page.locator("main")).to_be_focused()
    page.keyboard.press("Shift+Tab")
    focused = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert focused == "solid"


def test_token_is_asked_for_and_kept_in_the_tab(
    page: Page, live_lab: Served, axe: Callable[[Page], list[str]], shot: Callable[..., dict[str, Path]]
) -> None:
    page_allows(page, r"status of 401")
    page.goto(live_lab.address + "/teams?tz=UTC")
    assert ask(page, "/standing") == "problem N132"
    login = page.get_by_role("region", name="This lab wants to know who asks.")
    expect(login).to_contain_text("equipoise token new")
    field = login.get_by_role("textbox", name="Token")
    expect(field).to_be_focused()
    assert axe(page) == []
    shot(page, "login", full=False)
    field.fill("eq_wrong_token")
    page.keyboard.press("Enter")
    assert ask(page, "/standing") == "problem N132"
    expect(page.get_by_role("region", name="Your token is not taken any more.")).to_be_visible()
    page.get_by_role("textbox", name="Token").fill(f"  {live_lab.tokens['viewer']}\n")
    page.get_by_role("button", name="Enter").click()
    expect(page.get_by_role("textbox", name="Token")).to_have_count(0)
    assert ask(page, "/standing") == "ok"
    page.reload()
    assert ask(page, "/standing") == "ok"
    # Not beyond the tab: nothing of it is in the address, a cookie or what outlives the tab.
    assert "eq_" not in page.url
    assert page.context.cookies() == []
    assert page.evaluate("localStorage.length") == 0
    page.get_by_role("button", name="Forget token").click()
    assert page.evaluate("sessionStorage.length") == 0


def test_expired_token_is_said_over_what_is_shown(page: Page, live_lab: Served) -> None:
    page_allows(page, r"status of 401")
    tokens = Tokens(live_lab.lab / "tokens.json", lambda: time.time_ns() // 1_000_000)
    text = tokens.new("guest", Role.VIEWER)
    sign_in(page, live_lab.address, text)
    page.goto(live_lab.address + "/teams")
    assert ask(page, "/standing") == "ok"
    tokens.revoke(text.split("_")[1])
    assert ask(page, "/standing").startswith("problem N13")
    expect(page.get_by_role("heading", name="Your token is not taken any more.")).to_be_visible()
    expect(page.locator("main h1")).to_be_visible()


def test_events_come_with_the_token(page: Page, live_lab: Served) -> None:
    open_as(page, live_lab, "/", "ada")
    before = page.evaluate("""async () => {
        const app = document.querySelector("script[type=module]").src.replace("main.js", "");
        window.server = await import(app + "server.js");
        window.heard = [];
        window.server.follow(event => window.heard.push(event.name));
        return window.server.beat.value;
    }""")
    page.wait_for_timeout(1000)
    done = live_lab.cli("ada", "run", "--team", "safety.alignment", "--gpus", "1", "--", "true")
    assert done.returncode == 0, done.stderr
    wait_until(page, "window.heard.length > 0 && window.server.beat.value > " + str(before))


def test_dead_server_is_said_and_what_was_shown_stays(
    browser: Browser, tmp_path: Path, shot: Callable[..., dict[str, Path]]
) -> None:
    with live_server.served(tmp_path) as lab, watched_page(browser) as page:
        page_allows(page, r"ERR_", r"request failed")
        open_as(page, lab, "/teams")
        assert ask(page, "/standing") == "ok"
        live_server.end(lab.process)
        assert ask(page, "/standing") == "gone"
        notice = page.locator(".notice")
        expect(notice).to_contain_text("The server has not answered since")
        expect(page.locator("main h1")).to_be_visible()
        shot(page, "dead-server", full=False)
        port = lab.address.rsplit(":", 1)[1]
        lab.process, _ = live_server.start(tmp_path, "--port", port)
        notice.get_by_role("button", name="Ask now").click()
        assert ask(page, "/standing") == "ok"
        expect(notice).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_theme_follows_the_system_until_the_reader_chooses(browser: Browser, live_lab: Served, scheme: str) -> None:
    from equipoise.report.theme import DARK, LIGHT

    colours = {"light": LIGHT, "dark": DARK}
    other = {"light": "dark", "dark": "light"}[scheme]
    paper = "getComputedStyle(document.documentElement).getPropertyValue('--paper')"
    with watched_page(browser, color_scheme=scheme) as page:
        open_as(page, live_lab, "/")
        assert page.evaluate(paper) == colours[scheme]["paper"]
        page.get_by_role("button", name=other.capitalize()).click()
        wait_until(page, f"{paper} === '{colours[other]['paper']}'")
