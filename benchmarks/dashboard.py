"""The dashboard in real Chromium over a large recorded lab: first paint, update, and sizes and times of answers.

    python -m benchmarks.dashboard [--jobs N] [--teams N] [--chromium PATH]

First paint is from the beginning of the navigation, in a browser without anything kept, to the frame after the screen's sentence is in
place. An update is from new data in the page (the answer is read) to the frame after it; what the server takes is told beside it.
A screen is added to `SCREENS`, an answer to `ANSWERS`.
"""

# pyright: basic

from __future__ import annotations

import argparse
import asyncio
import shutil
import statistics
import threading
import time
from typing import Any

import httpx
import uvicorn
from playwright.sync_api import Page, sync_playwright

from equipoise.api.app import make_app
from equipoise.api.runs import Film
from equipoise.api.service import Service
from equipoise.api.tokens import Tokens
from equipoise.charter_io import loads
from equipoise.screens import LabRun
from equipoise.tasks.film import film
from equipoise.tasks.serving import ServerSettings
from equipoise.tasks.simulate import simulate
from equipoise.workload.fleet import fleet

PAINT_MS, UPDATE_MS, ANSWER_BYTES, ANSWER_MS = 1_000, 50, 200_000, 50
TIMES = 9
SCREENS = {"Now": "/", "Teams": "/teams", "Team": "/teams/{team}"}
ANSWERS = {
    "now": "/runs/{run}/now?at_ms={at}",
    "teams": "/runs/{run}/teams?at_ms={at}",
    "team": "/runs/{run}/teams/{team}?at_ms={at}",
    "series, 7 teams": "/runs/{run}/series?team={seven}&measures=held&points=360",
    "series, lab": "/runs/{run}/series?team=&measures=held,entitled,denied&points=1440",
}
WATCH = """
window.painted = new Promise((resolve) => {
  const drawn = () => requestAnimationFrame(() => setTimeout(() => resolve(performance.now())));
  const look = () => document.querySelector(".answer h1") ? drawn() : requestAnimationFrame(look);
  addEventListener("DOMContentLoaded", look);
});
"""
UPDATE = """
async at => {
  const app = document.querySelector("script[type=module]").src.replace("main.js", "");
  const { go } = await import(app + "state.js");
  const read = Response.prototype.json;
  let begun = 0;
  let size = 0;
  Response.prototype.json = async function () {
    const told = await read.call(this);
    begun = performance.now();
    return told;
  };
  const before = document.querySelector("main").innerText;
  go({ at });
  while (!begun || document.querySelector("main").innerText === before) await new Promise((go_on) => setTimeout(go_on));
  await new Promise((go_on) => requestAnimationFrame(() => setTimeout(go_on)));
  Response.prototype.json = read;
  return performance.now() - begun;
}
"""


def main() -> None:
    """Measure, and print a line for each."""
    asked = argparse.ArgumentParser(description=__doc__)
    asked.add_argument("--jobs", type=int, default=1_000_000)
    asked.add_argument("--teams", type=int, default=1_000)
    asked.add_argument("--chromium", default=shutil.which("chromium"))
    options = asked.parse_args()
    run = recorded(options.jobs, options.teams)
    names = words(run)
    print(f"{options.jobs:,} jobs, {len(run.record.charter.teams):,} teams, {len(run.record.run.closes_ms):,} closes")
    with served(run) as address:
        answers(address, names)
        if options.chromium is None:
            print("no chromium: screens are not measured")
            return
        with sync_playwright() as playwright:
            browser = playwright.chromium.launch(
                executable_path=options.chromium, args=["--no-sandbox", "--disable-gpu"]
            )
            for name, path in SCREENS.items():
                screen(browser, address, name, path.format(**names), int(names["at"]))
            browser.close()


def recorded(jobs: int, teams: int) -> LabRun:
    """Simulate a fleet, and return the run with its record."""
    workload, text = fleet(jobs, nodes=2_000, teams=teams, seed=1)
    begun_s = time.perf_counter()
    found = simulate(workload, loads(text), record=True)
    print(f"simulated in {time.perf_counter() - begun_s:.1f} s")
    return film([found], text=text)[0]


def words(run: LabRun) -> dict[str, str]:
    """Return what stands for the words in paths."""
    leaves = [team.path for team in run.record.charter.teams if team.is_leaf]
    tops = [team.path for team in run.record.charter.teams if team.parent is None]
    at_ms = run.origin_ms + run.ends_ms * 3 // 4
    return {"run": run.name, "at": str(at_ms), "team": leaves[len(leaves) // 2], "seven": ",".join(tops[:7])}


class served:  # noqa: N801 - a context
    """Serve a film of one run in a thread; gives its address."""

    def __init__(self, run: LabRun) -> None:
        from pathlib import Path

        nobody = Tokens(Path("/dev/null/tokens"), lambda: time.time_ns() // 1_000_000)
        app = make_app(Service(None, nobody, Film([run])), ServerSettings(most_per_minute=100_000))
        self._server = uvicorn.Server(uvicorn.Config(app, port=0, log_config=None, lifespan="off"))
        self._thread = threading.Thread(target=lambda: asyncio.run(self._server.serve()), daemon=True)

    def __enter__(self) -> str:
        self._thread.start()
        while not self._server.started:
            time.sleep(0.01)
        return f"http://127.0.0.1:{self._server.servers[0].sockets[0].getsockname()[1]}"

    def __exit__(self, *_: object) -> None:
        self._server.should_exit = True
        self._thread.join(20)


def answers(address: str, names: dict[str, str]) -> None:
    """Ask for each answer: the first time, and then at other moments."""
    with httpx.Client(base_url=address + "/api/v1", timeout=300) as client:
        for name, path in ANSWERS.items():
            times: list[float] = []
            size = 0
            for number in range(TIMES + 1):
                moved = {**names, "at": str(int(names["at"]) + number * 60_000)}
                begun_s = time.perf_counter()
                found = client.get(path.format(**moved))
                times.append(1000 * (time.perf_counter() - begun_s))
                assert found.status_code == 200, found.text
                size = max(size, len(found.content))
            warm = statistics.median(times[1:])
            print(
                f"answer  {name:16} first {times[0]:8.0f} ms, then {warm:6.1f} ms (most {max(times[1:]):.0f}), {size:,} bytes"
                f"{_over(over=warm > ANSWER_MS or size > ANSWER_BYTES)}"
            )


def screen(browser: Any, address: str, name: str, path: str, at_ms: int) -> None:
    """Open a screen a few times, and move its moment."""
    paints: list[float] = []
    updates: list[float] = []
    for _ in range(TIMES):
        context = browser.new_context(viewport={"width": 1440, "height": 900})
        page: Page = context.new_page()
        page.add_init_script(WATCH)
        page.goto(f"{address}{path}?at={at_ms}")
        paints.append(page.evaluate("window.painted"))
        context.close()
    context = browser.new_context(viewport={"width": 1440, "height": 900})
    page = context.new_page()
    page.goto(f"{address}{path}?at={at_ms}")
    page.wait_for_selector(".answer h1")
    page.wait_for_timeout(1_000)
    for number in range(1, TIMES + 1):
        updates.append(page.evaluate(UPDATE, at_ms + number * 3_600_000))
        page.wait_for_timeout(400)
    context.close()
    paint, update = statistics.median(paints), statistics.median(updates)
    print(
        f"screen  {name:16} first paint {paint:5.0f} ms (most {max(paints):.0f}), update {update:5.1f} ms (most {max(updates):.0f})"
        f"{_over(over=paint > PAINT_MS or update > UPDATE_MS)}"
    )


def _over(*, over: bool) -> str:
    return "  OVER" if over else ""


if __name__ == "__main__":
    main()
