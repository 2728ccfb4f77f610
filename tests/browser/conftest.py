"""Pages in Debian's Chromium: a browser for all tests of a module, pages that forgive nothing, axe, and pictures that are kept.

`page` fails its test on a message in the console, a violation of the content security policy, an exception in the page or a request
that failed; what a test provokes on purpose it names: ``page_allows(page, "401")``.
"""

from __future__ import annotations

import asyncio
import json
import re
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import uvicorn
from playwright.sync_api import Browser, Page, sync_playwright
from starlette.types import ASGIApp

from equipoise import web
from tests.docs.pages import ROOT
from tests.scenario import live_server
from tests.scenario.live_server import Served

CHROMIUM = shutil.which("chromium")
SHOTS = ROOT / ".cache" / "screenshots"
DESKTOP = {"width": 1440, "height": 900}
TELEPHONE = {"width": 390, "height": 844}
LOOKS = {"light": (DESKTOP, "light"), "dark": (DESKTOP, "dark"), "telephone": (TELEPHONE, "light")}
ARGUMENTS = ["--no-sandbox", "--disable-gpu", "--disable-background-networking", "--disable-component-update"]

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")


@pytest.fixture(scope="session")
def dev_tools() -> Path:
    """The folder of what the lock file holds for developers: axe."""
    done = subprocess.run(
        [sys.executable, str(ROOT / "packaging" / "web_vendor.py"), "--dev"],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        pytest.skip(done.stderr.strip())
    return ROOT / ".cache" / "web" / "node_modules"


@pytest.fixture(scope="module")
def browser(dev_tools: Path) -> Iterator[Browser]:
    """Chromium, once for a module; the dashboard's modules are in place.

    Not for the whole session: as long as it is open, Playwright's loop runs in this thread, and no other test could run one.
    """
    if CHROMIUM is None:
        pytest.skip("chromium is not installed")
    assert web.is_built()
    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=CHROMIUM, args=ARGUMENTS)
        yield found
        found.close()


class Watch:
    """What went wrong on a page, and what a test allows."""

    def __init__(self, page: Page) -> None:
        self.seen: list[str] = []
        self.allowed: list[str] = []
        page.on("console", lambda said: self._note(f"{said.type}: {said.text} ({said.location['url']})", said.type))
        page.on("pageerror", lambda error: self.seen.append(f"exception: {error}"))
        page.on("requestfailed", self._failed)

    def _note(self, text: str, kind: str) -> None:
        if kind in ("error", "warning", "assert"):
            self.seen.append(text)

    def _failed(self, request: Any) -> None:
        # A page that leaves a question takes it back, which is no failure.
        if "ERR_ABORTED" not in (request.failure or ""):
            self.seen.append(f"request failed: {request.url} {request.failure}")

    def wrong(self) -> list[str]:
        return [one for one in self.seen if not any(re.search(pattern, one) for pattern in self.allowed)]


_WATCHES: dict[Page, Watch] = {}


def page_allows(page: Page, *patterns: str) -> None:
    """Let a page complain of what a test provokes, as regular expressions."""
    _WATCHES[page].allowed += patterns


@contextmanager
def watched_page(browser: Browser, **options: Any) -> Generator[Page]:
    """Give a page of its own context that must have nothing to complain of at the end."""
    usual: dict[str, Any] = {"viewport": DESKTOP, "locale": "en-GB", "timezone_id": "Europe/Berlin"}
    context = browser.new_context(**usual | options)
    context.set_default_timeout(15_000)
    page = context.new_page()
    watch = _WATCHES[page] = Watch(page)
    try:
        yield page
        assert watch.wrong() == []
    finally:
        del _WATCHES[page]
        context.close()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """A page on a desktop, light."""
    with watched_page(browser, color_scheme="light") as one:
        yield one


@pytest.fixture
def telephone(browser: Browser) -> Iterator[Page]:
    """A page on a telephone."""
    with watched_page(browser, color_scheme="light", viewport=TELEPHONE, has_touch=True, is_mobile=True) as one:
        yield one


@pytest.fixture
def axe(dev_tools: Path) -> Callable[[Page], list[str]]:
    """Looks for what WCAG 2.2 AA forbids on a page; returns each finding with the elements that it is about."""
    source = (dev_tools / "axe-core" / "axe.min.js").read_text("utf-8")

    def run(page: Page) -> list[str]:
        # Through the debugger, which no policy of the page's forbids, and without a trace in it.
        if not page.evaluate("() => 'axe' in window"):
            page.context.new_cdp_session(page).send("Runtime.evaluate", {"expression": source})
        options = {"runOnly": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
        found = page.evaluate("options => axe.run(document, options)", options)
        return [
            f"{one['id']}: {one['help']}: " + "; ".join(str(node["target"]) for node in one["nodes"][:5])
            for one in found["violations"]
        ]

    return run


@pytest.fixture
def shot() -> Callable[..., dict[str, Path]]:
    """Keeps pictures of a page: light, dark and on a telephone."""

    def take(
        page: Page, name: str, *, full: bool = True, settle: Callable[[Page], None] | None = None
    ) -> dict[str, Path]:
        SHOTS.mkdir(parents=True, exist_ok=True)
        before, paths = page.viewport_size, {}
        for look, (size, scheme) in LOOKS.items():
            page.set_viewport_size(size)  # type: ignore[arg-type]
            page.emulate_media(color_scheme=scheme)  # type: ignore[arg-type]
            page.wait_for_timeout(200)
            if settle is not None:
                settle(page)
            if full:  # in a window as high as the page: what sticks to its edge is then where it belongs
                height = page.evaluate("Math.max(innerHeight, document.documentElement.scrollHeight)")
                page.set_viewport_size({"width": size["width"], "height": height})
                page.wait_for_timeout(100)
            paths[look] = SHOTS / f"{name}-{look}.png"
            page.screenshot(path=paths[look])
        page.set_viewport_size(before or DESKTOP)  # type: ignore[arg-type]
        page.emulate_media(color_scheme="light")
        return paths

    return take


def wait_until(page: Page, expression: str, most_s: float = 20) -> None:
    """Wait for what a page says; `Page.wait_for_function` evaluates text in the page, which its policy refuses."""
    until_s = time.monotonic() + most_s
    while not page.evaluate(expression):
        assert time.monotonic() < until_s, expression
        page.wait_for_timeout(50)


def is_no_wider_than_its_window(page: Page) -> bool:
    """Whether nothing makes the whole page scroll sideways."""
    return bool(page.evaluate("document.documentElement.scrollWidth <= innerWidth"))


@contextmanager
def serving(app: ASGIApp, port: int = 0) -> Generator[str]:
    """Serve an application in a thread; gives its address."""
    server = uvicorn.Server(
        uvicorn.Config(app, port=port, log_config=None, lifespan="off", timeout_graceful_shutdown=1)
    )
    thread = threading.Thread(target=lambda: asyncio.run(server.serve()), daemon=True)
    thread.start()
    until_s = time.monotonic() + 30
    while not server.started:
        assert time.monotonic() < until_s and thread.is_alive()
        time.sleep(0.01)
    try:
        yield f"http://127.0.0.1:{server.servers[0].sockets[0].getsockname()[1]}"
    finally:
        server.should_exit = True
        thread.join(20)


@pytest.fixture(scope="module")
def live_lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    """A real lab over the local engine, with tokens of every role, and everything gone at the end."""
    with live_server.served(tmp_path_factory.mktemp("live")) as one:
        yield one


def sign_in(page: Page, address: str, token: str) -> None:
    """Give a page its token before it asks, as one who has entered it in this tab."""
    page.context.add_init_script(
        f"if (location.origin === {json.dumps(address)}) sessionStorage.setItem('equipoise-token', {json.dumps(token)})"
    )
