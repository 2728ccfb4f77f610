"""The report in Debian's Chromium, without a network: no complaint, both themes, a telephone, the switch."""

from __future__ import annotations

import html
import json
import re
import shutil
import subprocess
import zlib
from pathlib import Path

import pytest

from equipoise.report.frontier import frontier_page
from equipoise.report.page import page
from equipoise.report.theme import DARK, LIGHT
from equipoise.report.view import Source
from tests.unit.outlook.prospects import demo_years
from tests.unit.report.replays import HOSTILE, outage, synthetic
from tests.unit.report.test_frontier import small

CHROMIUM = shutil.which("chromium")

pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="chromium is not installed")

QUIET = [
    "--headless", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--enable-logging=stderr", "--v=0",
    "--proxy-server=127.0.0.1:9",  # nobody listens there
]  # fmt: skip
DARK_SYSTEM = "--blink-settings=preferredColorScheme=0"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    source = Source("jobs.csv", "lab.yaml", "lab: Small", "equipoise report")
    (folder / "synthetic.html").write_text(page(synthetic().runs, source=source), "utf-8")
    (folder / "outage.html").write_text(page(outage().runs, source=source), "utf-8")
    (folder / "years.html").write_text(page(synthetic().runs, source=source, prospect=demo_years()), "utf-8")
    (folder / "frontier.html").write_text(frontier_page(small(), log=HOSTILE, command=HOSTILE), "utf-8")
    odd = Source(HOSTILE, HOSTILE, HOSTILE, HOSTILE)
    (folder / "hostile.html").write_text(page(outage().runs, source=odd, verdict=HOSTILE), "utf-8")
    return folder


def browse(file: Path, folder: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [str(CHROMIUM), *QUIET, f"--user-data-dir={folder}", *options, file.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


def first_pixel(picture: bytes) -> str:
    """Return the colour of the upper left corner: no filter of PNG changes the first pixel of the first row."""
    assert picture[:8] == b"\x89PNG\r\n\x1a\n"
    data, at = b"", 8
    while at < len(picture):
        size, kind = int.from_bytes(picture[at : at + 4], "big"), picture[at + 4 : at + 8]
        data += picture[at + 8 : at + 8 + size] if kind == b"IDAT" else b""
        at += size + 12
    return "#" + zlib.decompress(data)[1:4].hex()


@pytest.mark.parametrize("name", ["synthetic", "outage", "hostile", "years", "frontier"])
def test_browser_has_nothing_to_complain_of(name: str, folder: Path, tmp_path: Path) -> None:
    done = browse(folder / f"{name}.html", tmp_path, "--dump-dom", "--virtual-time-budget=2000")
    assert [line for line in done.stderr.splitlines() if "CONSOLE" in line] == []
    # The script has run, which the policy allows by its digest: the switch is shown.
    button = re.search(r"<button[^>]*>([^<]*)</button>", done.stdout)
    assert button is not None
    assert "hidden" not in button[0]
    assert button[1] == "Dark"


def test_complaints_would_be_seen(tmp_path: Path) -> None:
    bad = tmp_path / "bad.html"
    bad.write_text(
        "<!doctype html><meta http-equiv=Content-Security-Policy content=\"default-src 'none'\"><script>1</script>",
        "utf-8",
    )
    done = browse(bad, tmp_path / "profile", "--dump-dom")
    assert [line for line in done.stderr.splitlines() if "CONSOLE" in line] != []


def test_values_are_named_under_the_pointer(folder: Path, tmp_path: Path) -> None:
    text = re.sub(r"<meta http-equiv=.*?>", "", (folder / "synthetic.html").read_text("utf-8"), count=1)
    point = (
        "<script>onload=function(){var canvas=document.querySelector('figure[data-series] .canvas');"
        "var box=canvas.getBoundingClientRect();canvas.dispatchEvent(new PointerEvent('pointermove',"
        "{clientX:box.left+box.width/2,clientY:box.top+5,bubbles:true}))}</script></body>"
    )
    probe = tmp_path / "probe.html"
    probe.write_text(text.replace("</body>", point), "utf-8")
    done = browse(probe, tmp_path / "profile", "--dump-dom", "--window-size=1200,900")
    told = re.search(r'<p class="readout"[^>]*>([^<]+)</p>', done.stdout)
    assert told is not None
    data = json.loads(html.unescape(re.search(r'data-series="([^"]+)"', text)[1]))  # type: ignore[index]
    at = max(n for n, place in enumerate(data["at"]) if place <= 500)
    values = [f"{name} {held[at]:,}" for name, held in zip(data["names"], data["held"], strict=True)]
    assert told[1] == f"{data['when'][at]}:  {' · '.join(values)}"


@pytest.mark.parametrize(("system", "colours"), [("light", LIGHT), ("dark", DARK)])
def test_page_follows_the_system(system: str, colours: dict[str, str], folder: Path, tmp_path: Path) -> None:
    shot = tmp_path / "shot.png"
    options = [DARK_SYSTEM] if system == "dark" else []
    browse(folder / "synthetic.html", tmp_path / "profile", f"--screenshot={shot}", "--window-size=1200,1500", *options)
    assert first_pixel(shot.read_bytes()) == colours["paper"]
    assert shot.stat().st_size > 40_000  # there is something on it


def test_reader_may_choose_the_other_theme(folder: Path, tmp_path: Path) -> None:
    chosen = tmp_path / "chosen.html"
    text = (folder / "synthetic.html").read_text("utf-8")
    chosen.write_text(text.replace('<html lang="en">', '<html lang="en" data-theme="dark">'), "utf-8")
    shot = tmp_path / "shot.png"
    browse(chosen, tmp_path / "profile", f"--screenshot={shot}", "--window-size=1200,400")
    assert first_pixel(shot.read_bytes()) == DARK["paper"]


@pytest.mark.parametrize("name", ["synthetic", "outage", "hostile", "frontier"])
@pytest.mark.parametrize("width", [390, 820, 1400])
def test_page_is_no_wider_than_its_window(name: str, width: int, folder: Path, tmp_path: Path) -> None:
    # In a frame, for a window has a least width.
    text = re.sub(r"<meta http-equiv=.*?>", "", (folder / f"{name}.html").read_text("utf-8"), count=1)
    measure = (
        "<script>onload=function(){var root=frames[0].document.documentElement;"
        "document.body.dataset.size=root.scrollWidth+'/'+frames[0].innerWidth}</script>"
    )
    frame = f'<iframe style="width:{width}px;height:900px;border:0" srcdoc="{html.escape(text)}"></iframe>'
    probe = tmp_path / "probe.html"
    probe.write_text(f"<!doctype html><meta charset=utf-8><body>{measure}{frame}", "utf-8")
    done = browse(probe, tmp_path / "profile", "--dump-dom", "--window-size=1600,900")
    size = re.search(r'data-size="(\d+)/(\d+)"', done.stdout)
    assert size is not None
    assert int(size[2]) == width
    assert int(size[1]) == width


def test_page_prints(folder: Path, tmp_path: Path) -> None:
    paper = tmp_path / "report.pdf"
    browse(folder / "synthetic.html", tmp_path / "profile", f"--print-to-pdf={paper}", DARK_SYSTEM)
    assert paper.read_bytes()[:5] == b"%PDF-"
