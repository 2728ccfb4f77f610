"""How large the receipt of a quarter is and how long it takes to check: the table of docs/verify.md.

`python -m benchmarks.receipt` prints it; with `--write` it puts it into the page. A lab of 1,000 teams and three pools runs a
quarter of small jobs into a ledger; one promise's receipt is checked by `equipoise verify`, the whole process counted.
"""

from __future__ import annotations

import statistics
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from benchmarks._commands import command, ran
from benchmarks._machine import machine
from benchmarks._page import table, with_tables
from benchmarks.philly import ROOT
from equipoise.ledger.entry import parse_entry
from equipoise.receipt import parse_receipt
from equipoise.tasks.keys import new_key

PAGE = ROOT / "docs" / "verify.md"
GROUPS, EACH, POOLS = 10, 100, ("train", "flex", "small")
DAYS = 92
JOBS_A_DAY = 500
ROUNDS = 5
ORIGIN_S = 1_806_537_600  # 2027-04-01, where a quarter begins
ORIGIN = "lab.example/ledger"


def main() -> None:
    with tempfile.TemporaryDirectory() as folder:
        rows = list(figures(Path(folder)))
    made = [f"{machine()}.\n\n" + table(["what | measured", "--- | ---:", *rows])]
    print(made[0])
    if "--write" in sys.argv[1:]:
        PAGE.write_text(with_tables(PAGE.read_text("utf-8"), "receipt", made), "utf-8")


def figures(folder: Path) -> Iterator[str]:
    charter, log, ledger, receipt, private = (
        folder / name for name in ("lab.yaml", "jobs.csv", "lab.ledger", "safety.json", "lab.key")
    )
    charter.write_text(charter_text(), "utf-8")
    log.write_text("".join(jobs()), "utf-8")
    public = str(new_key(ORIGIN, private).verifier)
    ran([command(), "simulate", str(log), "--charter", str(charter), "--ledger", str(ledger), "--key", str(private)])
    begun_s = time.perf_counter()
    ran([command(), "receipt", str(ledger), "safety", "-o", str(receipt)])
    made_s = time.perf_counter() - begun_s
    data = receipt.read_bytes()
    took = sorted(ran([command(), "verify", str(receipt), "--key", public]).wall_s for _ in range(ROUNDS))
    parsed = parse_receipt(data)
    sizes: dict[str, int] = {}
    for one in parsed.included:
        said = parse_entry(one.entry)
        kind = str(said.get("of") or said["kind"])
        sizes[kind] = sizes.get(kind, 0) + len(one.entry)
    yield f"teams × pools | {len(teams()):,} × {len(POOLS)}"
    yield f"entries of the receipt, of a ledger's | {len(parsed.included):,} of {parsed.checkpoint.split()[1].decode()}"
    yield f"the receipt of a quarter | {len(data) / 1e6:.2f} MB"
    for kind, size in sorted(sizes.items(), key=lambda one: -one[1])[:3]:
        yield f"of which entries of kind `{kind}` | {size / 1e6:.2f} MB"
    yield f"made from the ledger, whole process | {made_s:.2f} s"
    yield f"`equipoise verify`, whole process, median of {ROUNDS} | {statistics.median(took):.2f} s"


def charter_text() -> str:
    """A charter of ten groups of a hundred teams, each with a floor in each pool."""
    lines = ["equipoise: charter/v1", "lab: A lab of a thousand teams", "revision: 1", "timezone: UTC", "pools:"]
    lines += [f"  {pool}: {{device: H100, expect: 1000 nodes of 8 gpu}}" for pool in POOLS]
    lines.append("teams:")
    for g in range(GROUPS):
        lines += [f"  group-{g}:", "    floor: 10%", "    teams:"]
        share = ", ".join(f"{pool}: 1%" for pool in POOLS)
        lines += [f"      team-{n}: {{floor: {{{share}}}, weight: {1 + n % 5}}}" for n in range(EACH)]
    lines += ["commitments:", "  safety:", "    team: group-3", "    at_least: 8%", "    window: quarter", ""]
    return "\n".join(lines)


def teams() -> list[str]:
    return [f"group-{g}.team-{n}" for g in range(GROUPS) for n in range(EACH)]


def jobs() -> Iterator[str]:
    """Jobs of all teams in turn, in a log as CSV."""
    yield "team,submit_s,num_gpu,duration_s,pool\n"
    names = teams()
    for n in range(DAYS * JOBS_A_DAY):
        at_s = ORIGIN_S + n * 86_400 // JOBS_A_DAY
        yield f"{names[n % len(names)]},{at_s},{8 << n % 4},{3_600 + n % 7 * 600},{POOLS[n % 3]}\n"


if __name__ == "__main__":
    main()
