"""The timeline of a million jobs, on the server and in a real browser: `python -m benchmarks.timeline_scale`.

Times of the server are of one answer, with the picture made for the first time (cold), then for spans all over the run (warm). Times of
the browser are from asking for the page to the first picture on it, and from a key to the next frame that shows its effect.
"""

from __future__ import annotations

import shutil
import threading
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import httpx
from playwright.sync_api import Page, sync_playwright

from equipoise.api.app import run_film
from equipoise.charter_io import loads
from equipoise.screens import LabRun
from equipoise.screens.attempts import attempts
from equipoise.screens.lanes import lanes
from equipoise.screens.raster import Frame, picture
from equipoise.screens.waits import waits
from equipoise.tasks.film import film
from equipoise.tasks.serving import ServerSettings
from equipoise.tasks.simulate import simulate
from equipoise.workload.fleet import fleet

JOBS, NODES, TEAMS, ROUNDS = 1_000_000, 1_000, 100, 9
WIDTH, HEIGHT, WAITING = 1_600, 500, 120
CHANGES = {"zoom": "+", "along": "Shift+ArrowRight", "cross": "ArrowRight", "box": "Enter"}


def main() -> None:
    workload, text = fleet(JOBS, nodes=NODES, teams=TEAMS, seed=1)
    small, small_text = fleet(2_000, nodes=100, teams=TEAMS, seed=1)
    picture_of(film([simulate(small, loads(small_text), record=True)], text=small_text)[0], 0.0, 1.0)  # compiles
    runs = film([simulate(workload, loads(text), record=True)], text=text)
    record = runs[0].record
    print(
        f"{JOBS:,} jobs, {TEAMS} teams, {record.charter.pools[0].capacity:,} devices, {len(attempts(record)):,} attempts"
    )
    vars(record).pop("_kept", None)  # nothing is known yet
    for name, make in (("attempts", attempts), ("waits", waits), ("lanes", lanes)):
        print(f"  cold {name}: {1000 * timed(lambda make=make: make(record)):.0f} ms")
    print(f"  cold picture: {1000 * timed(lambda: picture_of(runs[0], 0.0, 1.0)):.0f} ms")
    address = served(runs)
    over_http(address)
    in_chromium(address)


def picture_of(run: LabRun, begin: float, end: float) -> Any:
    """Make a picture of a part of a run."""
    frame = Frame(0, round(begin * run.ends_ms), round(end * run.ends_ms), WIDTH, HEIGHT, WAITING)
    return picture(run.record, frame)


def timed(act: Callable[[], object]) -> float:
    """Return how many seconds something takes."""
    begun_s = time.perf_counter()
    act()
    return time.perf_counter() - begun_s


def served(runs: tuple[LabRun, ...]) -> str:
    """Show a film in a thread of its own until the process ends; returns its address."""
    found: list[str] = []
    there = threading.Event()

    def ready(address: str) -> None:
        found.append(address)
        there.set()

    threading.Thread(target=lambda: run_film(runs, ServerSettings(port=0), ready=ready), daemon=True).start()
    assert there.wait(60)
    return found[0]


def over_http(address: str) -> None:
    """Measure answers: how long they take and how large they are as they are sent."""
    with httpx.Client(base_url=f"{address}/api/v1", timeout=60) as client:
        run = client.get("/runs").json()["items"][0]
        first, length = run["from_ms"], run["to_ms"] - run["from_ms"]
        spans = [(first + length * n // 20, first + length * (n + 1 + n % 5) // 20) for n in range(ROUNDS)]
        asked: dict[str, Callable[[int, int], tuple[str, dict[str, Any]]]] = {
            "picture": lambda a, b: ("raster", {"from_ms": a, "to_ms": b, "width": WIDTH, "height": HEIGHT}),
            "jobs that ran in a box": lambda a, b: ("jobs", {"doing": "running", "from_ms": a, "to_ms": b}),
            "longest waits of a box": lambda a, b: (
                "jobs",
                {"doing": "waiting", "order": "-wait", "from_ms": a, "to_ms": b},
            ),
            "series": lambda a, b: (
                "series",
                {"teams": "", "measures": "held,entitled,denied", "from_ms": a, "to_ms": b},
            ),
        }
        for name, ask in asked.items():
            took_s: list[float] = []
            sizes: list[int] = []
            for span in [(first, first + length), *spans]:
                path, query = ask(*span)
                begun_s = time.perf_counter()
                answer = client.get(f"/runs/{run['run']}/{path}", params=query)
                took_s.append(time.perf_counter() - begun_s)
                assert answer.status_code == 200, answer.text
                sizes.append(len(answer.content))
            print(
                f"  {name}: first {1000 * took_s[0]:.0f} ms, then {1000 * median(took_s[1:]):.0f} ms, "
                f"at most {max(sizes):,} bytes"
            )


def in_chromium(address: str) -> None:
    """Measure what a reader sees."""
    chromium = shutil.which("chromium")
    if chromium is None:
        print("  (no Chromium here)")
        return
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        page = browser.new_page(viewport={"width": 1_440, "height": 900})
        painted_ms: list[float] = []
        for _ in range(3):
            page.goto(f"{address}/timeline")
            page.wait_for_selector(".stage canvas", timeout=60_000)
            painted_ms.append(page.evaluate("performance.now()"))
        print(
            f"  page with its picture: {min(painted_ms):.0f} ms (best of 3; {', '.join(f'{ms:.0f}' for ms in painted_ms)})"
        )
        page.wait_for_timeout(1_500)
        for name, key in CHANGES.items():
            took_ms = sorted(next_frame_ms(page, key) for _ in range(ROUNDS))
            print(f"  {name}: {median(took_ms):.0f} ms to the next frame (worst of {ROUNDS}: {took_ms[-1]:.0f})")
        browser.close()


def next_frame_ms(page: Page, key: str) -> float:
    """Press a key on the picture, and return how long until what it does has been drawn."""
    shift, _, name = key.rpartition("+") if len(key) > 1 else ("", "", key)
    took = page.evaluate(
        """([key, shiftKey]) => new Promise(done => {
            const stage = document.querySelector(".stage");
            stage.focus();
            requestAnimationFrame(() => {
                const begun = performance.now();
                stage.dispatchEvent(new KeyboardEvent("keydown", { key, shiftKey, bubbles: true, cancelable: true }));
                requestAnimationFrame(() => setTimeout(() => done(performance.now() - begun)));
            });
        })""",
        [name, bool(shift)],
    )
    page.wait_for_timeout(400)
    return float(took)


if __name__ == "__main__":
    main()
