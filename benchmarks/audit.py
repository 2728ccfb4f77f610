"""The measurements of docs/audit.md: what it costs to record a run in a ledger, and to audit it, part by part.

`python -m benchmarks.audit` records about a million events and prints the page's tables; with `--large` it records ten million
(some minutes, 10 GB of disk, 9 GB of memory), and with `--write` it does that and puts the tables into the page. Time is the
process's own processor time, so that what else the machine does counts little. `--folder` names the disk to measure.
"""

from __future__ import annotations

import argparse
import os
import resource
import shutil
import tempfile
import time
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from benchmarks._machine import machine
from benchmarks._page import table, with_tables
from equipoise.audit import Audit, Book, audit
from equipoise.charter_io import loads
from equipoise.ledger.entry import parse_entry
from equipoise.ledger.keys import Algorithm, SigningKey
from equipoise.ledger.tree import Frontier, leaf_hashes
from equipoise.policy.plan import plan
from equipoise.simulator.record import Record
from equipoise.simulator.run import simulate
from equipoise.store import open_sqlite
from equipoise.tasks.ledger import audit_ledger, record_run
from equipoise.tasks.verify import policy_of
from equipoise.workload.fleet import fleet

PAGE = Path(__file__).resolve().parents[1] / "docs" / "audit.md"
EVENTS, LARGE = 1_000_000, 10_000_000
EVENTS_PER_JOB = 2  # a submission and an end; the fleet is rarely reclaimed from
BATCH = 4_096
ALONE = 100_000  # entries that are parsed one by one, for comparison
TARGET_S, TARGET_GB, TARGET_WRITTEN = 120, 10, 50_000
KEY = SigningKey("lab.example/log", Algorithm.ED25519, bytes(range(32)))


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.audit", description="Measure recording and auditing.")
    parser.add_argument("--large", action="store_true", help="ten million events")
    parser.add_argument("--write", action="store_true", help="measure ten million and put it into the page")
    parser.add_argument("--folder", type=Path, help="where to write, by default the folder of temporary files")
    given = parser.parse_args()
    figures = measured(LARGE if given.large or given.write else EVENTS, given.folder)
    made = [figures.table()]
    print(made[0])
    if given.write:
        PAGE.write_text(with_tables(PAGE.read_text("utf-8"), "audit", made), "utf-8")


@dataclass(frozen=True, slots=True)
class Figures:
    """Processor seconds of each part."""

    events: int
    entries: int
    file_bytes: int
    writing_s: float
    parts: dict[str, float]
    alone_s: float
    command_cpu_s: float
    command_wall_s: float
    peak_gb: float

    def table(self) -> str:
        """Return the page's table."""
        rows = [f"{machine()} | CPU-s | µs an event | target", "--- | ---: | ---: | ---:"]
        rows.append(
            f"recording {self.events:,} events in {self.entries:,} entries, {self.file_bytes / 1e9:.2f} GB:"
            f" {self.entries / self.writing_s:,.0f} entries a second | {self.writing_s:.1f} | {self.each(self.writing_s)} |"
            f" {judged(reached=self.entries / self.writing_s >= TARGET_WRITTEN)}≥ {TARGET_WRITTEN:,} entries a second"
        )
        rows += [f"{name} | {cpu_s:.1f} | {self.each(cpu_s)} |" for name, cpu_s in self.parts.items()]
        rows.append(
            f"reading them without compiled code (by {ALONE:,}) | {self.alone_s:.1f} | {self.each(self.alone_s)} |"
        )
        scale = TARGET_S * self.events / LARGE
        rows.append(
            f"the whole audit, {self.command_wall_s:.1f} s by the clock | {self.command_cpu_s:.1f} |"
            f" {self.each(self.command_cpu_s)} | {judged(reached=self.command_cpu_s <= scale)}≤ {scale:g} s"
        )
        rows.append(
            f"memory at its peak, GB | {self.peak_gb:.2f} | | {judged(reached=self.peak_gb < TARGET_GB)}< {TARGET_GB}"
        )
        return table(rows)

    def each(self, cpu_s: float) -> str:
        """Say what each event took of it."""
        return f"{cpu_s / self.events * 1e6:.2f}"


def judged(*, reached: bool) -> str:
    return "" if reached else "**missed**: "


def measured(events: int, folder: Path | None) -> Figures:
    """Record so many events and audit them; recording is another process, so that memory is the audit's own."""
    place = Path(tempfile.mkdtemp(dir=folder))
    try:
        recorded(2_000, place / "small.ledger")  # compiles what is not in the cache
        audit_ledger(place / "small.ledger", policy_of([str(KEY.verifier)], None))
        path = place / "run.ledger"
        writing_s = in_child(events // EVENTS_PER_JOB, path)
        begun, begun_s = time.process_time(), time.perf_counter()
        found = audit_ledger(path, policy_of([str(KEY.verifier)], None)).audit
        command = time.process_time() - begun, time.perf_counter() - begun_s
        assert found.holds
        peak_gb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9
        told = found.events
        del found
        parts, alone_s = by_part(path)
        with closing(open_sqlite(path, read_only=True)) as store:
            entries = store.size
        return Figures(told, entries, path.stat().st_size, writing_s, parts, alone_s, *command, peak_gb)
    finally:
        shutil.rmtree(place)


def in_child(jobs: int, path: Path) -> float:
    """Record a run in another process, and return the processor time of the recording."""
    read, write = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(write, str(recorded(jobs, path)).encode())
        os._exit(0)
    os.close(write)
    with os.fdopen(read) as answer:
        seconds = answer.read()
    os.waitpid(child, 0)
    return float(seconds)


def recorded(jobs: int, path: Path) -> float:
    workload, text = fleet(jobs, nodes=1_000)
    charter = loads(text)
    rules = plan(charter, "charter")
    run = simulate(workload, charter, rules, reference=rules, record=True, keep=True)
    begun = time.process_time()
    record_run(Record(run, workload, charter, rules, rules), [text], path, KEY)
    return time.process_time() - begun


def by_part(path: Path) -> tuple[dict[str, float], float]:
    """Return the processor time of each part of an audit done apart, and of parsing all entries one by one by that of some."""
    spent = dict.fromkeys(("reading the file", "hashing it again", "reading the entries"), 0.0)
    alone_s, alone = 0.0, 0
    book, frontier = Book(), Frontier()
    with closing(open_sqlite(path, read_only=True)) as store:
        for first in range(0, store.size, BATCH):
            marks = [time.process_time()]
            chunk = list(store.entries(first, min(first + BATCH, store.size)))
            marks.append(time.process_time())
            frontier.extend(leaf_hashes(chunk))
            marks.append(time.process_time())
            book.read(chunk)
            marks.append(time.process_time())
            for name, begun, ended in zip(spent, marks, marks[1:], strict=False):
                spent[name] += ended - begun
            if alone < ALONE:
                alone_s += one_by_one(chunk)
                alone += len(chunk)
        assert frontier.root() == store.root
        alone_s *= store.size / alone
    begun = time.process_time()
    found: Audit = audit(book)
    assert found.holds
    return {**spent, "executing, and comparing what was decided": time.process_time() - begun}, alone_s


def one_by_one(chunk: list[bytes]) -> float:
    begun, other = time.process_time(), Book()
    other.opened = {}
    for data in chunk:
        values = parse_entry(data)
        if values["kind"] == "pass":
            other.add(values)
    return time.process_time() - begun


if __name__ == "__main__":
    main()
