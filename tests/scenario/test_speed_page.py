"""The figures of docs/speed.md cannot be made anew in a test; that the page is true to them, and they to the kernel, can."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import _rival, speed
from benchmarks._commands import write_log
from benchmarks._latency import latency
from benchmarks._replays import Fleet
from equipoise.traces import read
from tests.reference.policy_easy import OneQueue, QueuedJob

FIGURE = re.compile(r"([≥≤]) ([\d,.]+)")


def rows() -> list[list[str]]:
    lines = speed.PAGE.read_text("utf-8").splitlines()
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines if line.startswith("|")]


def test_page_says_missed_where_a_figure_misses_its_target_and_nowhere_else() -> None:
    compared = 0
    for row in rows():
        at = next((i for i, cell in enumerate(row) if FIGURE.match(cell)), None)
        for cell in row if at is None else row[at + 1 :]:
            if at is None:
                assert "missed" not in cell
                continue
            sign, bound = FIGURE.match(row[at]).groups()  # pyright: ignore[reportOptionalMemberAccess]
            number = re.match(r"[\d,.]+", cell)
            assert number, f"a target without a figure: {row}"
            figure, target = (float(text.replace(",", "")) for text in (number[0], bound))
            assert ("**missed**" in cell) == (figure < target if sign == "≥" else figure > target), row
            compared += 1
    assert compared == 2 * 4 + 2 + 3 + 2 + 1


def test_page_has_the_tables_that_are_measured() -> None:
    small = speed.Sizes(jobs=500, rounds=1)
    heads = [row for row, below in zip(rows(), rows()[1:], strict=False) if set("".join(below)) <= set("-:")]
    made = [speed.measured_on(), speed.throughput(small), speed.pacing(small), speed.rival("no network")]
    first = [[cell.strip() for cell in text.splitlines()[0].strip("|").split("|")] for text in made]
    assert heads[0] == first[0]
    assert heads[1] == first[1]
    assert heads[2] == first[2]
    assert len(heads) == 6
    policies = [line.strip("|").split("|")[0].strip() for line in made[1].splitlines()[2:]]
    assert [row[0] for row in rows()[5:9]] == policies
    assert "no network" in made[3]


def test_instant_by_instant_decides_as_straight_on_and_counts_what_waits() -> None:
    # That the digests are equal is asserted inside.
    found = latency(Fleet(20_000, nodes=100, teams=10, load=2.0), pending=200)
    assert found.most_pending > found.pending == 200
    assert found.instants > 1_000
    assert 0 < found.p50_us <= found.p99_us


def test_measured_log_holds_the_jobs_of_the_fleet(tmp_path: Path) -> None:
    workload, charter = Fleet(5_000, nodes=100, teams=10).made()
    write_log(workload, tmp_path / "jobs.csv")
    back = read(tmp_path / "jobs.csv", leaves=[team.path for team in charter.leaves])
    for name in ("submit_ms", "duration_ms", "gang", "walltime_ms", "preemptible", "savepoint_ms"):
        assert np.array_equal(getattr(back.jobs, name), getattr(workload.jobs, name)), name
    teams = [[made.teams[team] for team in made.jobs.team] for made in (workload, back)]
    assert teams[0] == teams[1]


def test_all_preemptible_changes_nothing_else() -> None:
    some, charter = Fleet(2_000).made()
    every, same = Fleet(2_000, all_preemptible=True).made()
    assert charter == same
    assert every.jobs.preemptible.all()
    assert not some.jobs.preemptible.all()
    assert np.array_equal(every.jobs.submit_ms, some.jobs.submit_ms)


@pytest.mark.skipif(not _rival.LOG.is_file(), reason="../shared/data is not here")
def test_what_is_compared_with_accasim_is_exact_easy() -> None:
    workload, charter = _rival.philly()
    n = 1_500
    columns = {
        name: column[:n]
        for name in type(workload.jobs).__dataclass_fields__
        if (column := getattr(workload.jobs, name)) is not None
    }
    part = replace(workload, jobs=type(workload.jobs)(**columns))
    jobs = [
        QueuedJob(*map(int, job))
        for job in zip(part.jobs.submit_ms, part.jobs.gang, part.jobs.duration_ms, strict=True)
    ]
    start_ms = OneQueue(jobs, _rival.NODES, 1, backfill=True).run()
    waited_s = sum(start - job.submit_ms for start, job in zip(start_ms, jobs, strict=True)) / n / 1e3
    alone, whole = _rival.ours(part, charter, rounds=1)
    assert alone.mean_wait_s == whole.mean_wait_s == pytest.approx(waited_s, rel=1e-12)
    assert waited_s > 60, "the jobs hardly waited: nothing was compared"
    assert whole.seconds > alone.seconds
