"""The worked example of docs/philly.md: five virtual clusters that share, with floors and without, or stay alone.

`python -m benchmarks.philly` prints the page's tables; with `--write` it puts them into the page.
"""

from __future__ import annotations

import csv
import re
import sys
from pathlib import Path
from typing import Any

from equipoise.charter.model import Charter
from equipoise.charter_io import load, loads
from equipoise.report.figures import hours, part, span
from equipoise.simulator.results import Results
from equipoise.tasks.simulate import simulate
from equipoise.traces import team_name

ROOT = Path(__file__).resolve().parents[1]
DATA = ROOT.parent / "shared" / "data"
LOG = DATA / "philly_5vc" / "philly_5vc.csv"
SIZES = DATA / "philly_gavel" / "philly_vc_nodes.csv"
CHARTER = ROOT / "examples" / "charters" / "philly.yaml"
PAGE = ROOT / "docs" / "philly.md"
GPUS_PER_NODE = 8


def main() -> None:
    if not LOG.is_file():
        print("../shared/data is not here: nothing to replay")
        return
    made = tables()
    for text in made:
        print(text, end="\n\n")
    if "--write" in sys.argv[1:]:
        PAGE.write_text(with_tables(PAGE.read_text("utf-8"), made), "utf-8")


def tables() -> list[str]:
    """Return the tables of the page as Markdown, in its order."""
    found: list[str] = []
    for charter in (load(CHARTER), halved()):
        both = runs(charter)
        found += [sharing(alone(charter), both), price(both), lab(both)]
    return found


def with_tables(page: str, made: list[str]) -> str:
    """Return the page with its tables replaced; they are the runs of lines that begin with a bar."""
    blocks = re.compile(r"(?m)(?:^\|.*\n)+")
    assert len(blocks.findall(page)) == len(made), "the page has another number of tables"
    left = iter(made)
    return blocks.sub(lambda _: next(left) + "\n", page)


def nodes_of() -> dict[str, int]:
    """Nodes that each virtual cluster had, by its team's name."""
    with SIZES.open(encoding="utf-8", newline="") as file:
        return {team_name(row["vc"]): int(row["node num"]) for row in csv.DictReader(file)}


def halved() -> Charter:
    """The charter for a machine of half the nodes, with half of every floor."""
    text = CHARTER.read_text("utf-8")
    text = re.sub(r"expect: (\d+) nodes", lambda found: f"expect: {int(found[1]) // 2} nodes", text)
    return loads(re.sub(r"floor: (\d+) gpu", lambda found: f"floor: {int(found[1]) // 2} gpu", text))


def runs(charter: Charter) -> tuple[Results, Results]:
    """Floors off, and floors on with borrowing."""
    both = simulate(LOG, charter, policy="no-floors", vs=["charter"])
    return both[0], both[1]


def alone(charter: Charter) -> dict[str, Results]:
    """Each cluster on as many nodes as its floor has, with nobody to share with."""
    found: dict[str, Results] = {}
    for team in charter.leaves:
        floor = team.floor["gpu"].gpus
        assert floor is not None
        found[team.path] = simulate(LOG, own(team.path, floor // GPUS_PER_NODE), unmapped="drop")
    return found


def own(team: str, nodes: int) -> Charter:
    pool = f"{{gpu: {{device: GPU, expect: {nodes} nodes of {GPUS_PER_NODE} gpu}}}}"
    return loads(f"equipoise: charter/v1\nlab: Alone\npools: {pool}\nteams: {{{team}: {{}}}}\n")


def sharing(apart: dict[str, Results], both: tuple[Results, Results]) -> str:
    """Waits of each cluster: alone, with floors off, with floors on."""
    off, on = both
    rows = [
        "cluster | jobs | floor | mean wait: alone | floors off | floors on"
        " | longest 1 %: alone | floors off | floors on",
        "---|---:|---:|---:|---:|---:|---:|---:|---:",
    ]
    for team in [team.path for team in on.record.charter.leaves]:
        three = (apart[team].team(team), off.team(team), on.team(team))
        cells = [team, f"{three[2]['jobs']:,}", f"{three[2]['floor_gpus']} GPUs"]
        cells += [span(row["wait_mean_s"]) for row in three] + [span(row["wait_p99_s"]) for row in three]
        rows.append(" | ".join(cells))
    return "\n".join(f"| {row} |" for row in rows)


def price(both: tuple[Results, Results]) -> str:
    """What each cluster was denied of its entitlement, and what borrowing cost it."""
    off, on = both
    rows = [
        "cluster | denied: floors off | floors on | its jobs stopped | GPU-hours it lost",
        "---|---:|---:|---:|---:",
    ]
    for team in [team.path for team in on.record.charter.leaves]:
        b, c = off.team(team), on.team(team)
        cells = [team, part(b["starvation"]), part(c["starvation"]), f"{c['reclaims']:,}", hours(c["lost_gpu_h"])]
        rows.append(" | ".join(cells))
    return "\n".join(f"| {row} |" for row in rows)


def lab(both: tuple[Results, Results]) -> str:
    """The lab as a whole: floors off and floors on."""
    figures: list[tuple[str, Any]] = [
        ("mean wait", lambda run: span(run.mean_wait_s)),
        ("mean time to done", lambda run: span(run.mean_jct_s)),
        ("makespan", lambda run: span(run.makespan_s)),
        ("machine held", lambda run: part(run.utilisation)),
        ("GPU-hours denied", lambda run: hours(run.denied_gpu_h)),
        ("GPU-hours lost", lambda run: hours(run.lost_gpu_h)),
        ("jobs stopped", lambda run: f"{run.reclaims:,}"),
    ]
    rows = ["the five together | floors off | floors on", "---|---:|---:"]
    rows += [f"{name} | " + " | ".join(figure(run) for run in both) for name, figure in figures]
    return "\n".join(f"| {row} |" for row in rows)


if __name__ == "__main__":
    main()
