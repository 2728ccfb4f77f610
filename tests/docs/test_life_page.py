"""docs/life-of-a-job.md: every function that it names is there, no room is left out, and its example goes the road it says."""

from __future__ import annotations

import importlib
import pkgutil
import re
import sys
from pathlib import Path
from types import FrameType

from equipoise import simulator, traces
from equipoise.charter_io import loads
from equipoise.policy import kernel
from equipoise.policy.plan import plan
from equipoise.simulator.run import simulate
from tests.docs.pages import ROOT

PAGE = (ROOT / "docs" / "life-of-a-job.md").read_text("utf-8")
NAMED = set(re.findall(r"`([a-z_]+(?:\.[A-Za-z_]+)+)`", PAGE))
# Not rooms that a job goes through: how the kernel is compiled, what its state is made of, how a snapshot is read.
BEHIND_THE_WALLS = {"jit", "layout", "pointer"}


PROMISES_PAGE = (ROOT / "docs" / "promises.md").read_text("utf-8").split("## How pacing keeps it")[1].split("\n## ")[0]
NAMED_FOR_PROMISES = set(re.findall(r"`([a-z_]+(?:\.[A-Za-z_]+)+)`", PROMISES_PAGE)) - {"equipoise.charter.pacing"}


def rooms(package: object) -> dict[str, str]:
    """Modules of a package by their last name."""
    path, name = package.__path__, package.__name__  # type: ignore[attr-defined]
    return {module.name: f"{name}.{module.name}" for module in pkgutil.iter_modules(path)}


MODULES = rooms(simulator) | rooms(kernel)


def test_every_function_that_the_page_names_exists() -> None:
    assert len(NAMED) > 60
    assert len(NAMED_FOR_PROMISES) > 12
    for name in sorted(NAMED | NAMED_FOR_PROMISES):
        module, *path = name.split(".")
        assert module in MODULES, name
        found: object = importlib.import_module(MODULES[module])
        for part in path:
            assert hasattr(found, part), name
            found = getattr(found, part)
        assert callable(found), name
        owner = getattr(found, "py_func", found)
        assert owner.__module__ == MODULES[module], f"{name} is only imported there"  # type: ignore[union-attr]


def test_the_page_goes_through_every_room_of_the_kernel() -> None:
    visited = {name.split(".")[0] for name in NAMED}
    assert set(rooms(kernel)) - visited == BEHIND_THE_WALLS
    assert {"loop", "replay", "timeline"} <= visited


def test_the_example_goes_the_road_of_the_page(tmp_path: Path) -> None:
    road = re.findall(r"(?m)^\d+\. `(\w+\.\w+)`: \w", PAGE.split("road of job 1: begin -->")[1].split("<!--")[0])
    assert len(road) > 15
    charter_text, log_text = (
        re.sub(r"(?m)^\.\.\. ?", "", text)
        for text in re.findall(r'(?s)write_text\("""(.*?)"""\)', PAGE.split("## Submitted")[0])
    )
    charter, log = loads(charter_text), tmp_path / "three.csv"
    log.write_text(log_text, "utf-8")
    workload = traces.read(log, leaves=[team.path for team in charter.leaves])
    rules = plan(charter)
    simulate(
        workload, charter, rules, reference=rules, interpreted=True
    )  # so that nothing is compiled while it is watched

    entered: list[str] = []
    here = str(ROOT / "src" / "equipoise")

    def watch(frame: FrameType, event: str, _: object) -> None:
        if event == "call" and frame.f_code.co_filename.startswith(here):
            entered.append(f"{Path(frame.f_code.co_filename).stem}.{frame.f_code.co_name}")

    before = sys.getprofile()
    sys.setprofile(watch)
    try:
        simulate(workload, charter, rules, reference=rules, interpreted=True)
    finally:
        sys.setprofile(before)
    rest = iter(entered)
    missing = [name for name in road if name not in rest]  # each is looked for after the one before it
    assert missing == []
