"""A part of a workload by time, as though the machine were empty when it begins."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from equipoise.workload.model import I64, Jobs, Service, Workload
from equipoise.workload.requests import Requests


def part(workload: Workload, from_ms: int, to_ms: int) -> Workload:
    """Return what is asked for from ``from_ms`` on and before ``to_ms``, with its times since ``from_ms``.

    Jobs and requests for credits belong to the part in which they are submitted or asked for. A service wants at the
    beginning what it wanted then, and nothing at the end. A job that waits for one of an earlier part waits no longer.

    Examples
    --------
    >>> from equipoise.workload.synthetic import lab
    >>> week = lab(days=7, gpus=512)
    >>> first, last = part(week, 0, 3 * 86_400_000), part(week, 3 * 86_400_000, 7 * 86_400_000)
    >>> len(first.jobs) + len(last.jobs) == len(week.jobs), first.asked_ms / 86_400_000
    (True, 3.0)
    """
    assert 0 <= from_ms < to_ms, (from_ms, to_ms)
    return replace(
        workload,
        jobs=_jobs(workload.jobs, from_ms, to_ms),
        services=tuple([_service(service, from_ms, to_ms) for service in workload.services]),
        origin_ms=None if workload.origin_ms is None else workload.origin_ms + from_ms,
        requests=_requests(workload.requests, from_ms, to_ms),
    )


def _jobs(jobs: Jobs, from_ms: int, to_ms: int) -> Jobs:
    first, last = (int(np.searchsorted(jobs.submit_ms, at)) for at in (from_ms, to_ms))
    rows = slice(first, last)
    columns = {
        name: getattr(jobs, name)[rows]
        for name in (
            "duration_ms",
            "gang",
            "walltime_ms",
            "team",
            "pool",
            "user",
            "priority",
            "preemptible",
            "savepoint_ms",
        )
    }
    after = jobs.after[rows]
    return Jobs(
        **columns,
        submit_ms=jobs.submit_ms[rows] - from_ms,
        after=np.where((after >= first) & (after < last), after - first, -1).astype(np.int32),
        name=None if jobs.name is None else jobs.name[rows],
        request=None if jobs.request is None else jobs.request[rows],
    )


def _service(service: Service, from_ms: int, to_ms: int) -> Service:
    before = int(np.searchsorted(service.at_ms, from_ms, side="right")) - 1
    rows = slice(max(before, 0), int(np.searchsorted(service.at_ms, to_ms)))
    at_ms: I64 = np.maximum(service.at_ms[rows] - from_ms, 0)
    replicas = service.replicas[rows]
    if len(replicas) and int(replicas[-1]):
        at_ms, replicas = np.append(at_ms, to_ms - from_ms), np.append(replicas, 0).astype(np.int32)
    if not len(replicas):
        at_ms, replicas = np.zeros(1, np.int64), np.zeros(1, np.int32)
    return replace(service, at_ms=at_ms, replicas=replicas)


def _requests(requests: Requests, from_ms: int, to_ms: int) -> Requests:
    rows = np.flatnonzero((requests.asked_ms < to_ms) & ((requests.asked_ms >= from_ms) | (from_ms == 0)))
    texts = ("name", "reason", "avenue", "purpose", "project")
    times = ("asked_ms", "begin_ms", "end_ms", "answered_ms")
    return replace(
        requests,
        **{name: tuple([getattr(requests, name)[row] for row in rows]) for name in texts},
        **{name: getattr(requests, name)[rows] for name in ("team", "pool", "amount_gpu_ms", "granted_gpu_ms")},
        **{name: getattr(requests, name)[rows] - from_ms for name in times},
    )
