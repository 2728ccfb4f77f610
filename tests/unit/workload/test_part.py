"""Parts of a workload by time: nothing is lost, nothing is asked for twice, and times begin anew."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from equipoise.workload import Service, Workload
from equipoise.workload.part import part
from equipoise.workload.synthetic import lab

HOUR_MS = 3_600_000
WEEK = lab(days=7, gpus=512)


def wanted_gpu_ms(service: Service, until_ms: int) -> int:
    """Add up what a service wants, step by step."""
    edges = [*service.at_ms.tolist(), until_ms]
    return sum(
        (min(edges[n + 1], until_ms) - min(edges[n], until_ms)) * int(many) * service.gang
        for n, many in enumerate(service.replicas.tolist())
    )


@given(st.lists(st.integers(1, 7 * 24 * HOUR_MS - 1), min_size=1, max_size=4, unique=True))
def test_parts_are_the_whole(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), 8 * 24 * HOUR_MS]
    parts = [part(WEEK, begin, end) for begin, end in pairwise(edges)]
    begins = np.concatenate([each.jobs.submit_ms + begin for each, begin in zip(parts, edges, strict=False)])
    assert np.array_equal(begins, WEEK.jobs.submit_ms)
    for name in ("duration_ms", "gang", "team", "pool", "user", "priority", "savepoint_ms"):
        assert np.array_equal(np.concatenate([getattr(each.jobs, name) for each in parts]), getattr(WEEK.jobs, name))
    assert WEEK.jobs.name is not None
    assert sum((each.jobs.name or () for each in parts), ()) == WEEK.jobs.name
    spans = [end - begin for begin, end in pairwise(edges)]
    for number, service in enumerate(WEEK.services):
        found = sum(wanted_gpu_ms(each.services[number], span) for each, span in zip(parts, spans, strict=True))
        assert found == wanted_gpu_ms(service, edges[-1])
    assert sorted(sum((each.requests.name for each in parts), ())) == sorted(WEEK.requests.name)
    for each, begin in zip(parts, edges, strict=False):
        assert each.origin_ms == (WEEK.origin_ms or 0) + begin
        assert all(int(service.replicas[-1]) == 0 for service in each.services)


@given(st.integers(1, 7 * 24 * HOUR_MS - 1))
def test_a_job_waits_for_one_of_its_own_part_only(cut: int) -> None:
    last = part(WEEK, cut, 8 * 24 * HOUR_MS)
    first_row = len(WEEK.jobs) - len(last.jobs)
    for row, after in enumerate(last.jobs.after.tolist()):
        whole = int(WEEK.jobs.after[first_row + row])
        assert after == (whole - first_row if whole >= first_row else -1)
    assert any(after >= 0 for after in WEEK.jobs.after.tolist())


def test_a_part_without_any_work_asks_for_nothing() -> None:
    quiet: Workload = part(WEEK, 20 * 24 * HOUR_MS, 21 * 24 * HOUR_MS)
    assert (len(quiet.jobs), quiet.asked_ms) == (0, 0)


def test_a_part_has_a_length() -> None:
    with pytest.raises(AssertionError):
        part(WEEK, 5, 5)
