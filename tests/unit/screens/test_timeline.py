"""The picture of a run against a slow walk: decisions one by one, lanes by looking through them, pixels by the device in their middle."""

from __future__ import annotations

import base64
import math
import zlib
from collections import defaultdict
from functools import cache
from typing import Any

import numpy as np
import pytest

from equipoise.errors import InputError
from equipoise.policy.kernel import layout as k
from equipoise.screens import LabRun
from equipoise.screens.raster import FIRST, Frame, Picture, picture
from equipoise.screens.timeline import raster
from equipoise.screens.waits import waits
from equipoise.simulator.record import DENIED, Record
from equipoise.tasks.film import film
from tests.unit.screens.runs import DAYS, runs

DAY_MS = 86_400_000
FRAMES = [
    Frame(0, 0, DAYS * DAY_MS, 61, 97, 31),
    Frame(0, DAY_MS - 3_600_000, DAY_MS + 7_200_000, 83, 64, 17),
    Frame(1, 2 * DAY_MS, 3 * DAY_MS, 40, 120, 20),
    Frame(2, 0, DAYS * DAY_MS, 50, 33, 9),
]


def shown_run(number: int = 0) -> LabRun:
    return film(runs().runs, text="", ends_ms=DAYS * DAY_MS)[number]


@cache
def stays(number: int) -> list[tuple[int, int, int]]:
    """Job, start and end of every attempt that lasts, decision by decision."""
    run = runs()[number].record.run
    assert run.decisions is not None
    began: dict[int, int] = {}
    found: list[tuple[int, int, int]] = []
    for at_ms, kind, job, _, _ in run.decisions.tolist():
        if kind == k.START:
            began[job] = at_ms
        elif kind in (k.STOP, k.LOST, k.RELEASE) and job in began:
            found.append((job, began.pop(job), at_ms))
    for job, at_ms in began.items():
        row = run.jobs[job] if job < len(run.jobs) else run.replicas[job - len(run.jobs)]
        found.append((job, at_ms, int(row["end_ms"]) if row["state"] == k.DONE else 1 << 62))
    # Those that begin at one instant stand in the order of their decisions.
    order = {(job, at): n for n, (at, kind, job, _, _) in enumerate(run.decisions.tolist()) if kind == k.START}
    return sorted((one for one in found if one[1] < one[2]), key=lambda one: order[one[0], one[1]])


@cache
def lanes_by_hand(number: int) -> dict[tuple[int, int], int]:
    """The lane of each attempt in its team and pool: the first whose occupant has gone."""
    record = runs()[number].record
    until: defaultdict[int, list[int]] = defaultdict(list)
    found: dict[tuple[int, int], int] = {}
    for job, from_ms, to_ms in stays(number):
        lanes = until[ref_of(record, job)]
        lane = next((n for n, end_ms in enumerate(lanes) if end_ms <= from_ms), len(lanes))
        lanes[lane : lane + 1] = [to_ms]
        found[job, from_ms] = lane
    return found


def row_of(record: Record, job: int) -> Any:
    run = record.run
    return run.jobs[job] if job < len(run.jobs) else run.replicas[job - len(run.jobs)]


def ref_of(record: Record, job: int) -> int:
    return int(row_of(record, job)["ref"])


def column_by_hand(number: int, frame: Frame, at_ms: int, out: int) -> list[int]:
    """The values of a column from below."""
    record = runs()[number].record
    capacity = record.charter.pools[frame.pool].capacity
    rank = {line: n for n, line in enumerate(record.leaves.tolist())}
    running = [
        (rank[ref_of(record, job) % record.count], lanes_by_hand(number)[job, from_ms], job)
        for job, from_ms, to_ms in stays(number)
        if from_ms <= at_ms < to_ms and ref_of(record, job) // record.count == frame.pool
    ]
    devices = [FIRST + leaf for leaf, _, job in sorted(running) for _ in range(int(row_of(record, job)["gang"]))]
    devices += [0] * (capacity - out - len(devices))
    devices += [1] * (capacity - len(devices))
    return [devices[math.ceil((row + 0.5) * capacity / frame.height) - 1] for row in range(frame.height)]


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("frame", FRAMES)
def test_every_pixel_is_the_team_that_holds_the_device_in_its_middle(frame: Frame, number: int) -> None:
    found = picture(runs()[number].record, frame)
    edge = 1 << (8 * found.stack.itemsize - 1)
    shown = 0
    for x, at_ms in enumerate(frame.middles_ms.tolist()):
        out = 8 if frame.pool == 0 and (DAY_MS <= at_ms < 2 * DAY_MS or at_ms >= 4 * DAY_MS) else 0
        assert (found.stack[x] & (edge - 1)).tolist() == column_by_hand(number, frame, at_ms, out), (x, at_ms)
        shown += out > 0
    assert shown or frame.pool
    assert (found.stack[found.stack >= edge] & (edge - 1) >= FIRST).all(), "only jobs have edges"


def test_large_jobs_have_edges_and_small_ones_do_not() -> None:
    record = runs()[0].record
    near = picture(record, Frame(0, 2 * DAY_MS, 2 * DAY_MS + DAY_MS // 4, 400, 512, 20)).stack
    far = picture(record, Frame(0, 2 * DAY_MS, 2 * DAY_MS + DAY_MS // 4, 400, 5, 20)).stack  # nobody has six rows
    assert (near & 128).any() and not (far & 128).any()


@pytest.mark.parametrize("frame", FRAMES)
def test_marks_and_what_waits_are_those_of_the_run(frame: Frame) -> None:
    record = runs()[0].record
    found = picture(record, frame)
    edges = frame.edges_ms.tolist()
    begun = [
        (from_ms, to_ms, job) for job, from_ms, to_ms in stays(0) if ref_of(record, job) // record.count == frame.pool
    ]
    for x in range(frame.width):
        inside = [1 for from_ms, _, _ in begun if edges[x] <= from_ms < edges[x + 1]]
        instant = int(np.sum([1 for _ in inside]))
        assert found.starts[x] >= instant, "those that take no time count too"
    own = waits(record)
    rank = {line: n for n, line in enumerate(record.leaves.tolist())}
    for x, at_ms in enumerate(frame.middles_ms.tolist()):
        depth = [0] * len(rank)
        for row in own.waiting(at_ms).tolist():
            job = int(own.job[row])
            if ref_of(record, job) // record.count == frame.pool:
                depth[rank[ref_of(record, job) % record.count]] += int(row_of(record, job)["gang"])
        assert found.waiting_gpus[x] == sum(depth)
        assert painted(depth, found, frame) == found.waiting[x].tolist()


def painted(depth: list[int], found: Picture, frame: Frame) -> list[int]:
    below, rows = 0, [0] * frame.waiting_height
    for leaf, amount in enumerate(depth):
        for row in range(frame.waiting_height):
            middle = (row + 0.5) * max(found.waiting_most, 1) / frame.waiting_height
            if below < middle <= below + amount:
                rows[row] = FIRST + leaf
        below += amount
    return rows


def test_reclaims_and_denials_add_up_to_those_of_the_account() -> None:
    record = runs()[0].record
    end_ms = int(record.run.closes_ms[-1])
    found = [picture(record, Frame(pool, 0, end_ms + 1, 200, 20, 20)) for pool in range(len(record.charter.pools))]
    replicas = len(record.run.jobs)
    stops = [row for row in record.run.decisions.tolist() if row[1] == k.STOP]  # type: ignore[union-attr]
    across = [row for row in stops if ref_of(record, row[2]) != ref_of(record, row[3]) or row[3] < 0]
    assert sum(int(one.reclaims.sum()) for one in found) == len(across) and replicas > 0
    for pool, one in enumerate(found):
        total = float(record.accounts[-1, pool, record.leaves, DENIED].sum())
        assert abs(float(one.denied_gpus.sum()) * (end_ms + 1) / 200 - total) <= 0.5 * (end_ms + 1)
    assert sum(int(one.denied_gpus.sum()) for one in found) > 0


def test_a_picture_is_sent_as_it_was_made_and_small() -> None:
    run = shown_run()
    asked = {
        "pool": "flex",
        "from_ms": None,
        "to_ms": run.origin_ms + DAY_MS,
        "width": 120,
        "height": 50,
        "waiting_height": 10,
    }
    told = raster(run, **asked)  # type: ignore[arg-type]
    data, at = zlib.decompress(base64.b64decode(told["data"])), 0
    again = picture(run.record, Frame(1, 0, DAY_MS, 120, 50, 10))
    for name, kind, shape in told["planes"]:
        length = int(np.prod(shape)) * np.dtype(kind).itemsize
        assert np.array_equal(np.frombuffer(data[at : at + length], kind).reshape(shape), getattr(again, name)), name
        at += length
    assert at == len(data) and told["teams"][0] == "platform" and len(told["data"]) < 200_000
    assert (told["from_ms"], told["to_ms"]) == (run.origin_ms, run.origin_ms + DAY_MS)


@pytest.mark.parametrize("change", [{"pool": "moon"}, {"width": 4_000, "height": 2_000}])
def test_what_cannot_be_shown_is_refused(change: dict[str, Any]) -> None:
    asked: dict[str, Any] = {"from_ms": None, "to_ms": None, "width": 9, "height": 9, "waiting_height": 9}
    with pytest.raises(InputError) as refused:
        raster(shown_run(), **(asked | change))
    assert refused.value.code == "N175"
