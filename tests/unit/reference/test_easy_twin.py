"""The one-queue twin against hand-worked schedules and against published figures of two real logs."""

from __future__ import annotations

import csv
import gzip
from pathlib import Path

import pytest

from tests.reference.policy_easy import Machine, QueuedJob, starts

DATA = Path(__file__).parents[4] / "shared" / "data"


def mean_wait_s(jobs: list[QueuedJob], begun: list[int]) -> float:
    return sum(start - job.submit_ms for start, job in zip(begun, jobs, strict=True)) / len(jobs) / 1000


def philly() -> list[QueuedJob]:
    path = DATA / "philly_5vc" / "philly_5vc.csv"
    if not path.exists():
        pytest.skip("the Philly log is not here")
    with path.open(newline="") as rows:
        jobs = [
            QueuedJob(int(row["submit_s"]) * 1000, int(row["num_gpu"]), int(row["duration_s"]) * 1000)
            for row in csv.DictReader(rows)
        ]
    return sorted(jobs, key=lambda job: job.submit_ms)


def nasa() -> list[QueuedJob]:
    path = DATA / "swf_pwa" / "NASA-iPSC-1993-3.1-cln.swf.gz"
    if not path.exists():
        pytest.skip("the NASA log is not here")
    jobs: list[QueuedJob] = []
    with gzip.open(path, "rt") as lines:
        for line in lines:
            if not line.startswith(";") and line.strip():
                fields = line.split()
                jobs.append(QueuedJob(int(fields[1]) * 1000, int(fields[4]), int(fields[3]) * 1000))
    return jobs


def test_philly_fifo_has_the_published_mean_wait_and_makespan() -> None:
    jobs = philly()
    begun = starts(jobs, 640)
    ends = [start + job.duration_ms for start, job in zip(begun, jobs, strict=True)]
    assert len(jobs) == 11_755
    assert mean_wait_s(jobs, begun) == pytest.approx(873_337.86, abs=0.005)
    assert max(ends) - jobs[0].submit_ms == 11_078_604_000


def test_nasa_waits_are_the_published_ones() -> None:
    jobs = nasa()
    assert len(jobs) == 18_239
    assert mean_wait_s(jobs, starts(jobs, 128)) == pytest.approx(8.005, abs=0.0005)
    assert mean_wait_s(jobs, starts(jobs, 128, backfill=True)) == pytest.approx(4.028, abs=0.0005)


def test_strict_fifo_never_lets_a_later_job_pass() -> None:
    jobs = [QueuedJob(0, 3, 10), QueuedJob(1, 2, 5), QueuedJob(2, 1, 1)]
    assert starts(jobs, 4) == [0, 10, 10]


def test_easy_lets_a_short_job_pass_and_holds_a_long_one_back() -> None:
    head = [QueuedJob(0, 3, 10), QueuedJob(1, 4, 5)]
    assert starts([*head, QueuedJob(2, 1, 8)], 4, backfill=True) == [0, 10, 2]
    assert starts([*head, QueuedJob(2, 1, 9)], 4, backfill=True) == [0, 10, 15]


def test_easy_lets_a_long_job_pass_on_devices_that_the_head_leaves_over() -> None:
    jobs = [QueuedJob(0, 3, 10), QueuedJob(1, 3, 5), QueuedJob(2, 1, 100)]
    assert starts(jobs, 4, backfill=True) == [0, 10, 2]


def test_easy_gives_spare_devices_away_only_once() -> None:
    jobs = [QueuedJob(0, 3, 10), QueuedJob(1, 4, 5), QueuedJob(2, 1, 100), QueuedJob(2, 1, 100)]
    assert starts(jobs, 5, backfill=True) == [0, 10, 2, 15]


def test_a_job_that_outlives_its_estimate_delays_the_head_and_nothing_else_breaks() -> None:
    jobs = [QueuedJob(0, 4, 20, estimate_ms=5), QueuedJob(1, 4, 5), QueuedJob(2, 1, 3)]
    assert starts(jobs, 4, backfill=True) == [0, 20, 25]


def test_a_job_of_no_duration_gives_its_devices_back_in_the_same_pass() -> None:
    jobs = [QueuedJob(0, 4, 0), QueuedJob(0, 4, 7), QueuedJob(0, 4, 0), QueuedJob(0, 2, 1)]
    assert starts(jobs, 4) == [0, 0, 7, 7]


def test_placement_takes_whole_empty_nodes_and_the_tightest_fit_for_the_rest() -> None:
    machine = Machine(4, 8)
    machine.take(((0, 3), (1, 6)))
    assert machine.place(10) == ((2, 8), (1, 2))
    assert machine.place(3) == ((0, 3),)
    assert machine.place(16) == ((2, 8), (3, 8))
    assert machine.place(22) is None
    assert machine.place(21) == ((2, 8), (3, 8), (0, 5))


def test_fragmentation_blocks_a_gang_that_the_count_would_admit() -> None:
    jobs = [QueuedJob(0, 5, 10), QueuedJob(0, 5, 20), QueuedJob(1, 6, 5)]
    assert starts(jobs, 2, 8) == [0, 0, 10]
    assert starts(jobs, 16) == [0, 0, 1]


def test_backfill_on_nodes_counts_the_node_that_the_head_needs() -> None:
    # At 10 node 0 empties; the head needs two whole nodes at 20. A gang of 8 on node 0 until 25 would delay it.
    jobs = [QueuedJob(0, 8, 10), QueuedJob(0, 8, 20), QueuedJob(1, 16, 5), QueuedJob(11, 8, 14), QueuedJob(11, 8, 9)]
    assert starts(jobs, 2, 8, backfill=True) == [0, 0, 20, 25, 11]


def test_a_gang_larger_than_the_machine_is_named_as_an_error() -> None:
    with pytest.raises(ValueError, match="larger than the machine"):
        starts([QueuedJob(0, 9, 1)], 8)
