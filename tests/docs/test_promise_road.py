"""docs/life-of-a-promise.md: every function that it names is there, in Python and in the browser, and its example goes the road it says."""

from __future__ import annotations

import importlib
import re
import sys
from contextlib import chdir
from pathlib import Path
from types import FrameType

from tests.docs.pages import ROOT, run_page

FILE = ROOT / "docs" / "life-of-a-promise.md"
PAGE = FILE.read_text("utf-8")
APP = ROOT / "src" / "equipoise" / "web" / "app"
SOURCES = ROOT / "src" / "equipoise"
NAMED = set(re.findall(r"`([a-z_]+(?:\.[A-Za-z_0-9]+){2,})`", PAGE))
IN_BROWSER = set(re.findall(r"`(verify/[a-z]+\.js)` `(\w+)`", PAGE))
ROAD = re.findall(r"(?m)^\d+\. `([\w.]+)`: \w", PAGE.split("road of a promise: begin -->")[1].split("<!--")[0])


def module_of(name: str) -> tuple[str, list[str]]:
    """Split a name into the file it points to and what is looked up in it."""
    parts = name.split(".")
    at = next(n for n in range(len(parts), 0, -1) if (SOURCES.joinpath(*parts[:n])).with_suffix(".py").is_file())
    return ".".join(["equipoise", *parts[:at]]), parts[at:]


def test_every_function_that_the_page_names_exists() -> None:
    assert len(NAMED) > 35
    for name in sorted(NAMED | set(ROAD)):
        module, path = module_of(name)
        assert path, name
        found: object = importlib.import_module(module)
        for part in path:
            assert hasattr(found, part), name
            found = getattr(found, part)
        assert callable(found), name
        assert getattr(found, "__module__", module) == module, f"{name} is only imported there"


def test_every_function_of_the_browser_is_exported_by_its_file() -> None:
    assert len(IN_BROWSER) > 14
    for file, name in sorted(IN_BROWSER):
        text = (APP / file).read_text("utf-8")
        assert re.search(rf"(?m)^export (?:async )?function {name}\(", text), (file, name)


def test_the_page_goes_through_every_file_that_judges_in_the_browser() -> None:
    """What is left out is how values are written and read, not what is decided."""
    named = {Path(file).stem for file, _ in IN_BROWSER}
    there = {path.stem for path in (APP / "verify").glob("*.js")}
    assert there - named == {"encoding", "fault", "fraction", "json", "keys"}


def test_the_example_goes_the_road_of_the_page(tmp_path: Path) -> None:
    assert len(ROAD) > 20
    entered: list[str] = []

    def watch(frame: FrameType, event: str, _: object) -> None:
        file = frame.f_code.co_filename
        if event == "call" and file.startswith(str(SOURCES)):
            module = Path(file).relative_to(SOURCES).with_suffix("")
            entered.append(f"{'.'.join(module.parts)}.{frame.f_code.co_qualname}")

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        with chdir(tmp_path):
            assert run_page(FILE, tmp_path) >= 3
    finally:
        sys.setprofile(before)
    rest = iter(entered)
    missing = [name for name in ROAD if name not in rest]  # each is looked for after the one before it
    assert missing == []
