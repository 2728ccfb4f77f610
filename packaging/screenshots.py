"""The pictures of the dashboard in docs/figures/: the film of `equipoise demo`, at fixed moments, in Debian's Chromium.

Two device pixels for each pixel of the page, at most 256 colours, so that a picture stays below `MOST_BYTES`.
"""

from __future__ import annotations

import base64
import re
import shutil
import struct
import subprocess
import sys
import zlib
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from playwright.sync_api import Browser, Page, sync_playwright

ROOT = Path(__file__).resolve().parent.parent
FIGURES = ROOT / "docs" / "figures"
MOST_BYTES = 350_000
WIDTH, HEIGHT, SCALE = 1440, 900, 2
FILMBAR = 68
"""Pixels at the lower edge of a window that the film's bar covers."""
EXACT = 96
"""So many colours are kept as they are."""
U8 = NDArray[np.uint8]
U32 = NDArray[np.uint32]


@dataclass(frozen=True, slots=True)
class Shot:
    """A picture: a screen with its address after ``at=``, and how much of it is kept, from the top."""

    name: str
    path: str
    keeps: int = HEIGHT
    scheme: str = "light"
    width: int = WIDTH
    settled: str = ".answer h1"


def shots(at_ms: str) -> list[Shot]:
    """Return what is taken; ``at_ms`` is when safety lacks most."""
    first = f"run=product-first&at={at_ms}&tz=UTC"
    pair = "run=charter&vs=product-first&pool=train&only=safety&tz=UTC"
    return [
        Shot("dashboard-now", f"/?{first}", keeps=812, width=1280, settled="[aria-label='Teams at the top'] svg.bar"),
        Shot("dashboard-timeline", f"/timeline?{pair}", keeps=1406, settled=".stage canvas"),
        Shot("dashboard-team-dark", f"/teams/safety?{first}", scheme="dark", keeps=980, settled=".uplot canvas"),
        Shot("dashboard-promises", f"/promises?{first}", keeps=720, settled="section.card svg"),
    ]


def main(arguments: list[str]) -> int:
    """Take all of them; returns 0, or 1 where one is too large."""
    chromium = shutil.which("chromium")
    if chromium is None:
        print("Chromium is not installed (Debian, Ubuntu: apt install chromium).", file=sys.stderr)
        return 1
    with shown(arguments[0] if arguments else None) as (address, at_ms), sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=chromium, args=["--no-sandbox", "--disable-gpu"])
        sizes = {shot.name: take(browser, address, shot) for shot in shots(at_ms)}
        browser.close()
    for name, size in sizes.items():
        print(f"docs/figures/{name}.png  {size / 1000:.0f} kB{'  TOO LARGE' if size > MOST_BYTES else ''}")
    return int(any(size > MOST_BYTES for size in sizes.values()))


@contextmanager
def shown(address: str | None) -> Generator[tuple[str, str]]:
    """Give the address of a film and the moment at which safety lacks most, as the demo says them."""
    if address is not None:
        found = re.fullmatch(r"(http://[^/]+)/\?run=product-first&at=(\d+)", address)
        if found is None:
            raise SystemExit("The address is the second one that `equipoise demo --serve` says: http://…/?run=…&at=…")
        yield found[1], found[2]
        return
    command = [sys.executable, "-m", "equipoise.cli", "demo", "--serve", "--port", "0", "--no-report"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            for line in process.stdout:
                if found := re.search(r"(http://\S+)/\?run=product-first&at=(\d+)", line):
                    yield found[1], found[2]
                    return
            raise SystemExit("The demo did not show its film.")
        finally:
            process.terminate()


def take(browser: Browser, address: str, shot: Shot) -> int:
    """Take one picture; returns its size in bytes."""
    height = max(HEIGHT, shot.keeps + FILMBAR)
    context = browser.new_context(
        viewport={"width": shot.width, "height": height},
        device_scale_factor=SCALE,
        color_scheme="dark" if shot.scheme == "dark" else "light",
        locale="en-GB",
        timezone_id="UTC",
        reduced_motion="reduce",
    )
    page = context.new_page()
    page.goto(address + shot.path)
    page.locator(shot.settled).first.wait_for(timeout=120_000)
    page.wait_for_load_state("networkidle", timeout=120_000)
    page.wait_for_timeout(1_000)
    taken = page.screenshot(clip={"x": 0, "y": 0, "width": shot.width, "height": shot.keeps})
    blank = context.new_page()
    made = with_palette(pixels_of(blank, taken))
    context.close()
    FIGURES.mkdir(exist_ok=True)
    return (FIGURES / f"{shot.name}.png").write_bytes(made)


def pixels_of(page: Page, png: bytes) -> U8:
    """Return a picture's pixels as rows × columns × RGB; an empty page unpacks it."""
    text = page.evaluate(
        """async (text) => {
            const packed = Uint8Array.from(atob(text), (one) => one.charCodeAt(0));
            const picture = await createImageBitmap(new Blob([packed], { type: "image/png" }));
            const canvas = new OffscreenCanvas(picture.width, picture.height);
            const context = canvas.getContext("2d");
            context.drawImage(picture, 0, 0);
            const { data } = context.getImageData(0, 0, picture.width, picture.height);
            let found = "";
            for (let at = 0; at < data.length; at += 32768) found += String.fromCharCode(...data.subarray(at, at + 32768));
            return [picture.width, picture.height, btoa(found)];
        }""",
        base64.b64encode(png).decode(),
    )
    width, height, data = text
    return np.frombuffer(base64.b64decode(data), np.uint8).reshape(height, width, 4)[:, :, :3]


def with_palette(pixels: U8) -> bytes:
    """Return a PNG with at most 256 colours: the most frequent ones that are not too near each other, and the nearest of them elsewhere."""
    whole = pixels.astype(np.uint32)
    packed = whole[:, :, 0] << 16 | whole[:, :, 1] << 8 | whole[:, :, 2]
    colours, of, counts = np.unique(packed, return_inverse=True, return_counts=True)
    rgb = np.stack([colours >> 16, colours >> 8 & 255, colours & 255], axis=1).astype(np.int32)
    palette = rgb[picked(rgb, counts)]
    nearest = np.empty(len(rgb), np.uint8)
    for at in range(0, len(rgb), 4096):
        away = ((rgb[at : at + 4096, None, :] - palette[None, :, :]) ** 2).sum(axis=2)
        nearest[at : at + 4096] = away.argmin(axis=1)
    return png(nearest[of.reshape(packed.shape)], palette.astype(np.uint8))


def picked(rgb: NDArray[np.int32], counts: NDArray[np.int64]) -> list[int]:
    """Return which colours make the palette: the most frequent as they are, of the rest those that are farther apart."""
    order = np.argsort(-counts, kind="stable")
    for apart in (0, 4, 8, 12, 16, 24, 32):
        free, found = np.ones(len(rgb), np.bool_), order[:EXACT].tolist()
        free[found] = False
        for n in order.tolist():
            if not free[n]:
                continue
            found.append(n)
            if len(found) > 256:
                break
            free &= ((rgb - rgb[n]) ** 2).sum(axis=1) > apart**2
        if len(found) <= 256:
            return found
    return found[:256]


def png(pixels: U8, palette: U8) -> bytes:
    """Write a picture with a palette (PNG, sections 5 and 11: IHDR, PLTE, IDAT, IEND)."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    height, width = pixels.shape
    rows = np.zeros((height, width + 1), np.uint8)  # each begins with its filter: none
    rows[:, 1:] = pixels
    head = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    parts = [(b"IHDR", head), (b"PLTE", palette.tobytes()), (b"IDAT", zlib.compress(rows.tobytes(), 9)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, data) for kind, data in parts)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
