"""Who used what, and how much at once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from equipoise import traces
from equipoise.workload import Jobs, Service, Workload


def workload_of(rows: list[tuple[int, int, int]], services: tuple[Service, ...] = ()) -> Workload:
    """Jobs of one team from (submit, duration, gang)."""
    rows = sorted(rows)
    submit, duration, gang = (np.array([row[i] for row in rows], np.int64) for i in range(3))
    zero = np.zeros(len(rows), np.int32)
    wide = np.zeros(len(rows), np.int64)
    jobs = Jobs(
        submit,
        duration,
        gang.astype(np.int32),
        wide,
        zero,
        zero,
        zero,
        zero,
        np.ones(len(rows), np.bool_),
        wide,
        zero - 1,
    )
    return Workload(jobs, ("a",), services=services)


def test_use_is_counted_by_team_and_pool(tmp_path: Path) -> None:
    path = tmp_path / "log.csv"
    path.write_text(
        "vc,pool,submit_s,num_gpu,duration_s\nx,p,0,2,3600\nx,p,0,4,1800\ny,p,0,1,7200\nx,q,0,3,3600\nx,p,9,1,0\n"
    )
    frame = traces.usage(traces.read(path))
    assert frame.select("team", "pool", "jobs", "gpu_h", "largest_gang").rows() == [
        ("x", "p", 3, 4.0, 4),
        ("x", "q", 1, 3.0, 3),
        ("y", "p", 1, 2.0, 1),
    ]
    assert frame["share"].to_list() == pytest.approx([4 / 6, 1, 2 / 6])
    assert frame["median_duration_s"].to_list() == [1800.0, 3600.0, 7200.0]
    assert frame["p95_duration_s"].to_list() == [3600.0, 3600.0, 7200.0]


def test_services_count_with_what_they_ask_for() -> None:
    hour = 3_600_000
    service = Service(
        "s", 0, 0, gang=2, minimum=0, at_ms=np.array([0, hour, 3 * hour]), replicas=np.array([3, 1, 0], np.int32)
    )
    workload = workload_of([(0, hour, 4)], (service,))
    frame = traces.usage(workload)
    assert frame.select("jobs", "services", "gpu_h", "share").rows() == [(1, 1, 4.0 + 6.0 + 4.0, 1.0)]
    assert traces.peak_gpus(workload) == {"": 10}


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 10), st.integers(1, 8)), min_size=1, max_size=20))
def test_the_peak_is_that_of_a_count_instant_by_instant(rows: list[tuple[int, int, int]]) -> None:
    at_once = [sum(gang for submit, length, gang in rows if submit <= now < submit + length) for now in range(45)]
    assert traces.peak_gpus(workload_of(rows)) == {"": max(at_once)}
    frame = traces.usage(workload_of(rows))
    assert frame["gpu_h"].sum() * 3_600_000 == pytest.approx(sum(length * gang for _, length, gang in rows))
