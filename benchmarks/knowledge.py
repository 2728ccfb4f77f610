"""Knowledge from git: truck factors against published ones, what each rule decides, and commits a second.

`python -m benchmarks.knowledge` prints the tables of docs/knowledge.md; with `--write` it puts them into the page.
"""

from __future__ import annotations

import gzip
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

from benchmarks._machine import machine
from benchmarks._page import table, with_tables
from equipoise.people.knowledge import History, Identities, Knowledge, chosen, is_source, summarise
from equipoise.people.knowledge.authorship import authors
from equipoise.people.knowledge.truck_factor import COVERED_MIN, covered_after
from equipoise.tasks.knowledge import knowledge

ROOT = Path(__file__).resolve().parents[1]
LOGS = ROOT.parent / "shared" / "data" / "git_logs"
PAGE = ROOT / "docs" / "knowledge.md"
PUBLISHED = {"vue": 1, "d3": 1, "jquery": 4}
TIMES = 12
ROUNDS = 3
DECISIVE = "jquery"


class Commit(NamedTuple):
    """A commit of a saved log: its author, its time, and status and paths of the files that it changed."""

    name: str
    email: str
    when_s: int
    entries: list[str]
    renames: list[tuple[str, str]]


def main() -> None:
    if not LOGS.is_dir():
        print("../shared/data is not here: nothing to read")
        return
    tables = [published(), rules(), speed()]
    print(*tables, sep="\n\n")
    if "--write" in sys.argv[1:]:
        PAGE.write_text(with_tables(PAGE.read_text("utf-8"), "knowledge", tables), "utf-8")


def published() -> str:
    """Return the table of truck factors as published and as found."""
    rows = ["repository | commits | files | people | published | found | files covered after 1, 2, 3 … main authors"]
    rows.append("---|---:|---:|---:|---:|---:|---")
    for name, factor in PUBLISHED.items():
        known = saved(name)
        total = known.total
        left = [f"{100 * part:.1f} %" for part in total.covered[1:]]
        cells = [name, f"{known.commits:,}", f"{total.files:,}", f"{total.people:,}", str(factor)]
        rows.append(" | ".join([*cells, f"**{total.truck_factor}**", ", ".join(left)]))
    return table(rows)


def saved(name: str) -> Knowledge:
    """Summarise a saved log. Its aliases are united already."""
    history = history_of(name)
    return summarise([(history, None)], history.identities, counts=is_source, merge=False)


def history_of(name: str, *, again: bool = True) -> History:
    """Replay a saved log; without ``again`` a path that is added again after a deletion begins a new record."""
    history = Forgetful(name, Identities()) if not again else History(name, Identities())
    for commit in commits_of(name):
        history.add(history.identities.number(commit.name, commit.email), commit.when_s, commit.entries, commit.renames)
    return history


class Forgetful(History):
    """A history in which a deleted file is forgotten, as plain reimplementations of the method have it."""

    def add(self, who: int, when_s: int, entries: Sequence[str], renames: Sequence[tuple[str, str]] = ()) -> None:
        """Replay a commit, then forget what it deleted."""
        super().add(who, when_s, entries, renames)
        for status, path in zip(entries[::2], entries[1::2], strict=True):
            if status == "D":
                self._at.pop(path, None)


def rules() -> str:
    """Return the table of what each rule of counting decides for the one repository where they matter."""
    ways: list[tuple[str, History, Callable[[str], bool]]] = []
    for again, what in ((True, "goes on"), (False, "begins anew")):
        history = history_of(DECISIVE, again=again)
        ways += [
            (f"programs and markup; a file added again {what}", history, is_source),
            (f"every file; a file added again {what}", history, chosen("all")),
            (f"programs only; a file added again {what}", history, lambda path: is_source(path) and program(path)),
        ]
    rows = [f"{DECISIVE}: what counts | files | truck factor | covered after 2, 3, 4", "---|---:|---:|---"]
    for what, history, counts in ways:
        parts = covered(history, counts)
        factor = next(n for n, part in enumerate(parts) if part < COVERED_MIN)
        files = sum(1 for path in history.files() if counts(path))
        rows.append(f"{what} | {files} | {factor} | {', '.join(f'{100 * part:.1f} %' for part in parts[2:5])}")
    return f"{table(rows)}\n\n{edge()}"


def edge() -> str:
    """Say how many files came back after a deletion, and how near the first row is to another truck factor."""
    history = history_of(DECISIVE)
    deleted: set[str] = set()
    back: set[str] = set()
    for commit in commits_of(DECISIVE):
        for status, path in zip(commit.entries[::2], commit.entries[1::2], strict=True):
            if status == "D":
                deleted.add(path)
            elif status == "A" and path in deleted:
                back.add(path)
    files = {path for path in history.files() if is_source(path)}
    left = round(covered(history, is_source)[3] * len(files))
    fewer = left - int((len(files) - 1) * COVERED_MIN)
    return (
        f"{len(files & back)} of the {len(files)} files in the first row were deleted and added again. The third departure"
        f" leaves {left} of them with an author: {fewer} fewer, and the truck factor would be 3."
    )


def program(path: str) -> bool:
    return not path.endswith((".html", ".htm"))


def covered(history: History, counts: Callable[[str], bool]) -> list[float]:
    """Return what part of the files has an author left after 0, 1, 2 … main authors have gone."""
    files = [record for path, record in history.files().items() if counts(path)]
    of_files = [authors(record.creators, record.changes) for record in files]
    return [number / len(of_files) for number in covered_after(of_files)]


def commits_of(name: str) -> Iterator[Commit]:
    """Read a saved log, by its lines: another road than the stream of NULs that the product reads."""
    text = gzip.decompress((LOGS / f"{name}.log.gz").read_bytes()).decode("utf-8", "surrogateescape")
    for record in text.split("\x01")[1:]:
        head, _, body = record.partition("\n")
        _, author, email, when_s = head.split("\0")
        lines = [line.split("\t") for line in body.split("\n") if line]
        renames = [(line[1], line[2]) for line in lines if len(line) == 3]
        yield Commit(author, email, int(when_s), [part for line in lines if len(line) == 2 for part in line], renames)


def speed() -> str:
    """Return the table of commits a second, on repositories made of the saved logs."""
    rows = ["repository | commits | changes of files | parsed and analysed | git's own time"]
    rows.append("---|---:|---:|---:|---:")
    with tempfile.TemporaryDirectory() as folder:
        for name, times in ((DECISIVE, 1), (DECISIVE, TIMES)):
            path = Path(folder) / f"{name}-{times}"
            changes = made(path, name, times=times)
            measured = [knowledge([path], merge=False) for _ in range(ROUNDS)]
            rate = statistics.median(found.commits_per_s for found in measured)
            git_s = statistics.median(found.effort.git_s for found in measured)
            commits = measured[0].knowledge.commits
            what = name if times == 1 else f"{name} × {times}"
            rows.append(
                f"{what} | {commits:,} | {changes:,} | {rate:,.0f} commits/s ({commits / rate:.2f} s)"
                f" | {commits / git_s:,.0f} commits/s ({git_s:.2f} s)"
            )
    return f"{table(rows)}\n\n{machine()}, {git_version()}; processor seconds, median of {ROUNDS}."


def made(path: Path, name: str, *, times: int = 1) -> int:
    """Make a repository that has the history of a saved log, ``times`` times in folders of its own; return its changes."""
    subprocess.run(["git", "init", "--quiet", "--bare", str(path)], check=True)
    command = ["git", "-C", str(path), "fast-import", "--quiet", "--date-format=raw-permissive", "--force"]
    with subprocess.Popen(command, stdin=subprocess.PIPE) as process:
        assert process.stdin is not None
        changes = 0
        for time in range(times):
            folder = "" if times == 1 else f"{time:02}/"
            contents: dict[str, str] = {}
            for number, commit in enumerate(commits_of(name)):
                changes += len(commit.entries) // 2 + len(commit.renames)
                lines = imported(commit, folder, number, contents)
                process.stdin.write("".join(lines).encode("utf-8", "surrogateescape"))
        process.stdin.close()
    assert process.returncode == 0
    subprocess.run(["git", "-C", str(path), "symbolic-ref", "HEAD", "refs/heads/imported"], check=True)
    return changes


def imported(commit: Commit, folder: str, number: int, contents: dict[str, str]) -> Iterator[str]:
    """Tell `git fast-import` a commit; each version of a file is a line that is unlike any other."""
    who = f"{commit.name} <{commit.email}> {commit.when_s} +0000"
    yield f"commit refs/heads/imported\nauthor {who}\ncommitter {who}\ndata 0\n"
    written: dict[str, str] = {}
    for old, new in commit.renames:
        written[new] = contents.pop(old, f"{folder}{old} {number}\n")
        yield f"D {folder}{old}\n"
    for status, path in zip(commit.entries[::2], commit.entries[1::2], strict=True):
        if status == "D":
            contents.pop(path, None)
            yield f"D {folder}{path}\n"
        else:
            written[path] = f"{folder}{path} {number}\n"
    for path, text in written.items():
        contents[path] = text
        yield f"M 100644 inline {folder}{path}\ndata {len(text.encode('utf-8', 'surrogateescape'))}\n{text}"
    yield "\n"


def git_version() -> str:
    done = subprocess.run(["git", "--version"], check=True, capture_output=True, text=True)
    return done.stdout.strip().replace(" version", "")


if __name__ == "__main__":
    main()
