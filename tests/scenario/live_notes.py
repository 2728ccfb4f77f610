"""What jobs wrote about themselves (`live_job`), judged against what the desk says of them: `faults` is the main path."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from equipoise.controller import Outcome

Note = Mapping[str, Any]
OVERTAKEN = "it ended before it could be stopped"
"""What the desk says of a job whose stop came too late: then the end of a stopped attempt counts."""


@dataclass(frozen=True, slots=True)
class Run:
    """One attempt of a job by its first process; ``ended_ms`` is None where it did not come to its end."""

    job: int
    attempt: int
    begun_ms: float
    ended_ms: float | None
    devices: tuple[str, ...]


def read(folder: Path) -> list[Note]:
    path = folder / "notes"
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()] if path.exists() else []


def runs(notes: list[Note]) -> list[Run]:
    """Return the attempts that began."""
    ends = {
        (note["job"], note["attempt"]): note["at_ms"] for note in notes if note["what"] == "end" and not note["rank"]
    }
    return [
        Run(note["job"], note["attempt"], note["at_ms"], ends.get((note["job"], note["attempt"])), tuple(note["devices"]))
        for note in notes
        if note["what"] == "begin" and not note["rank"]
    ]  # fmt: skip


def faults(
    notes: list[Note], outcomes: Mapping[int, Outcome | None], codes: Mapping[int, int], *, stopped: Collection[str] = (),
    refused: Collection[int] = (), hurt: bool = False,
) -> Iterator[str]:  # fmt: skip
    """Yield what may never be.

    Parameters
    ----------
    notes : list of mappings
    outcomes : mapping of int to Outcome
        By job; None where it has none.
    codes : mapping of int to int
        With what each job exits.
    stopped : collection of str
        Attempts (``job.attempt``) that the policy stopped: what they had done by then is done again.
    refused : collection of int
        Jobs that the policy refused.
    hurt : bool
        Whether jobs or machines were killed, so that a job may fail without having come to its end.
    """
    yield from (
        f"{note['job']}.{note['attempt']} found {note['file']} taken" for note in notes if note["what"] == "taken"
    )
    begun = Counter((note["job"], note["attempt"], note["rank"]) for note in notes if note["what"] == "begin")
    yield from (f"attempt {attempt} began {count} times" for attempt, count in begun.items() if count > 1)
    ends = Counter(
        note["job"]
        for note in notes
        if note["what"] == "end" and not note["rank"] and f"{note['job']}.{note['attempt']}" not in stopped
    )
    for job, outcome in outcomes.items():
        done = ends[job]
        if outcome is None:
            yield f"job {job} has no outcome"
        elif job in refused and outcome.what == "refused":
            if done:
                yield f"job {job} was refused, and ran"
        elif done > 1:
            yield f"the work of job {job} was done {done} times"
        elif (outcome.what, outcome.exit_code) == ("ended" if codes[job] == 0 else "failed", codes[job]):
            if not (
                done
                or (outcome.reason == OVERTAKEN and any(note["job"] == job and note["what"] == "end" for note in notes))
            ):
                yield f"job {job}: {outcome}, and it never came to its end"
        elif not (hurt and outcome.what == "failed"):
            yield f"job {job}: {outcome}, and it exits with {codes[job]}"
    yield from (f"job {job} wrote, and nobody knows it" for job in {note["job"] for note in notes} - set(outcomes))


def decided(entries: list[bytes]) -> tuple[set[str], set[int]]:
    """Return which attempts a ledger says were stopped, and which jobs were refused."""
    stops, refused = Counter[int](), set[int]()
    stopped: set[str] = set()
    for raw in entries:
        entry = json.loads(raw)
        for word, job, *_ in entry.get("decisions", []) if entry["kind"] == "pass" else []:
            if word in ("stop", "lost"):
                stopped.add(f"{job}.{stops[job]}")
                stops[job] += 1
            elif word == "refuse":
                refused.add(job)
    return stopped, refused
