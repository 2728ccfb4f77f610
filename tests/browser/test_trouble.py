"""What goes wrong, or just goes on, while somebody looks: a server that dies, a token that runs out, jobs that come, the dark."""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from playwright.sync_api import Browser, Page, expect

from equipoise.api.roles import Role
from equipoise.api.tokens import Tokens
from equipoise.report.theme import DARK
from tests.browser.conftest import page_allows, sign_in, watched_page
from tests.scenario import live_server
from tests.scenario.live_server import Served

PATHS = ["/", "/teams", "/timeline", "/promises", "/charter", "/outlook"]
SLEEP = ["sleep", "300"]


def submit(client: httpx.Client, gang: int, team: str = "safety.alignment") -> int:
    answer = client.post("/jobs", json={"team": team, "gang": gang, "argv": SLEEP, "pool": "slots"})
    assert answer.status_code == 201, answer.text
    return int(answer.json()["job"])


def cancel_all(lab: Served) -> None:
    with lab.client("member") as client:
        for job in client.get("/jobs?open=true").json()["items"]:
            client.post(f"/jobs/{job['job']}/cancel")


def pool_figure(page: Page, text: str) -> None:
    expect(page.get_by_label("Pools").locator(".figure")).to_have_text(text, timeout=20_000)


def known(lab: Served) -> None:
    """Wait until the history of a lab that has just begun is there to be shown."""
    until_s = time.monotonic() + 90
    with lab.client("viewer") as client:
        while not client.get("/runs").json()["items"] or client.get("/runs/live/teams").status_code != 200:
            assert time.monotonic() < until_s
            time.sleep(0.2)


def clock(text: str) -> datetime:
    """The time of day in a sentence; pages are opened with ``tz=UTC``."""
    found = re.search(r"(\d\d):(\d\d)", text)
    assert found is not None, text
    now = datetime.now(UTC)
    return now.replace(hour=int(found[1]), minute=int(found[2]), second=0, microsecond=0)


def test_a_server_that_dies_leaves_what_was_shown_says_since_when_and_comes_back(
    browser: Browser, tmp_path: Path, axe: Callable[[Page], list[str]]
) -> None:
    with live_server.served(tmp_path) as lab, watched_page(browser) as page:
        page_allows(page, r"ERR_", r"request failed")
        sign_in(page, lab.address, lab.tokens["viewer"])
        with lab.client("member") as client:
            submit(client, 4)
        page.goto(f"{lab.address}/?tz=UTC")
        pool_figure(page, "4 of 8 held")
        before = page.get_by_role("treegrid", name="Teams at the top").inner_text()
        died = datetime.now(UTC)
        lab.process.kill()
        lab.process.wait()

        # Nobody touches the page: the stream of events breaks, so it asks, and learns it.
        notice, stale = page.locator(".notice"), page.locator(".stale").first
        expect(notice).to_contain_text("The server has not answered since", timeout=15_000)
        expect(stale).to_contain_text("Shown as of")
        for said in (notice, stale):
            assert timedelta(minutes=-1) <= clock(said.inner_text()) - died <= timedelta(minutes=1)
        assert page.get_by_role("treegrid", name="Teams at the top").inner_text() == before
        pool_figure(page, "4 of 8 held")
        assert axe(page) == []
        # A screen that was not looked at before cannot even be loaded. It says so, and nobody has to reload it later.
        page.get_by_role("navigation", name="Screens").get_by_role("link", name="Teams").click()
        expect(page.get_by_role("alert")).to_contain_text("The server does not answer")

        lab.process, _ = live_server.start(tmp_path, "--port", lab.address.rsplit(":", 1)[1])
        expect(page.get_by_role("treegrid", name="Teams")).to_contain_text("alignment", timeout=60_000)
        expect(notice).to_have_count(0)
        page.go_back()
        pool_figure(page, "4 of 8 held")
        expect(page.locator(".stale")).to_have_count(0)
        with lab.client("member") as client:  # and it is live again
            submit(client, 2)
        pool_figure(page, "6 of 8 held")


def test_a_token_that_runs_out_is_asked_for_over_what_is_shown(page: Page, live_lab: Served) -> None:
    page_allows(page, r"status of 401")
    known(live_lab)
    tokens = Tokens(live_lab.lab / "tokens.json", lambda: time.time_ns() // 1_000_000)
    sign_in(page, live_lab.address, tokens.new("short", Role.VIEWER, lasts_ms=8_000))
    address = f"{live_lab.address}/teams?teams.sorted=-held_gpus&tz=UTC"
    page.goto(address)
    tree = page.get_by_role("treegrid", name="Teams")
    expect(tree).to_contain_text("alignment")
    time.sleep(8)
    with live_lab.client("member") as client:  # something happens, so the page asks
        submit(client, 1)
    login = page.get_by_role("region", name="Your token is not taken any more.")
    expect(login).to_contain_text("the token has expired", timeout=15_000)
    expect(tree).to_contain_text("alignment")
    expect(page.locator(".stale").first).to_contain_text("Shown as of")
    login.get_by_role("textbox", name="Token").fill(live_lab.tokens["viewer"])
    page.keyboard.press("Enter")
    expect(login).to_have_count(0)
    expect(page.locator(".stale")).to_have_count(0)
    expect(page).to_have_url(address)
    cancel_all(live_lab)


def test_jobs_appear_without_a_reload_and_rows_stay_where_they_are(page: Page, live_lab: Served) -> None:
    sign_in(page, live_lab.address, live_lab.tokens["viewer"])
    page.goto(f"{live_lab.address}/?tz=UTC")
    pool_figure(page, "0 of 8 held")
    rows = page.get_by_role("treegrid", name="Teams at the top").locator("tr[data-row]")
    order = rows.locator("td:first-child").all_inner_texts()
    rows.first.focus()
    # Marks on the elements themselves: a row that is made anew, or trades places, does not have its own any more.
    rows.evaluate_all("rows => rows.forEach((row, n) => { row.marked = n; })")
    scrolled = page.evaluate("window.isSamePage = true; scrollTo(0, 40); scrollY")
    with live_lab.client("member") as client:
        submit(client, 4)
        pool_figure(page, "4 of 8 held")
        submit(client, 4)
        submit(client, 2)
    pool_figure(page, "8 of 8 held")
    expect(page.locator(".answer p")).to_contain_text("1 job waits for 2 devices")
    assert rows.locator("td:first-child").all_inner_texts() == order
    assert rows.evaluate_all("rows => rows.map(row => row.marked)") == list(range(len(order)))
    assert page.evaluate("[window.isSamePage, document.activeElement.marked, scrollY]") == [True, 0, scrolled]

    # The queue of a team: what waits longest stays first, and what comes is added below.
    page.goto(f"{live_lab.address}/teams/safety?tz=UTC")
    queue = page.get_by_role("grid", name="Queue").locator("tbody tr[data-row]")
    expect(queue).to_have_count(1, timeout=30_000)
    queue.evaluate_all("rows => rows.forEach((row, n) => { row.marked = n; })")
    with live_lab.client("member") as client:
        submit(client, 1)
    expect(queue).to_have_count(2, timeout=20_000)
    assert queue.first.evaluate("row => row.marked") == 0
    cancel_all(live_lab)
    expect(queue).to_have_count(0, timeout=20_000)


@pytest.mark.parametrize("asked_by", ["system", "address"])
def test_every_screen_is_dark_where_the_system_or_the_address_says_so(
    browser: Browser, live_lab: Served, asked_by: str
) -> None:
    known(live_lab)
    scheme, query = ("dark", "") if asked_by == "system" else ("light", "?theme=dark")
    with watched_page(browser, color_scheme=scheme) as page:
        sign_in(page, live_lab.address, live_lab.tokens["viewer"])
        for path in PATHS:
            page.goto(live_lab.address + path + query)
            heading = page.locator("main h1")
            expect(heading).to_be_visible(timeout=30_000)
            assert page.evaluate("getComputedStyle(document.documentElement).backgroundColor") == rgb("paper"), path
            assert heading.evaluate("heading => getComputedStyle(heading).color") == rgb("ink"), path


def rgb(name: str) -> str:
    return f"rgb{tuple(int(DARK[name][at : at + 2], 16) for at in (1, 3, 5))}"
