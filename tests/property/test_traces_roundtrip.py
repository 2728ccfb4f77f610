"""A log written by hand, read back: the same columns, whatever the format and wherever the blocks end."""

from __future__ import annotations

import gzip
import tempfile
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np
import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from equipoise import traces
from equipoise.errors import InputError
from equipoise.traces import source
from equipoise.workload import Workload

EPOCH_S = 1_700_000_000


@dataclass(frozen=True)
class Job:
    submit_s: int
    duration_s: int
    gang: int
    walltime_s: int
    group: int
    user: int


jobs_of = st.lists(
    st.builds(
        Job,
        submit_s=st.integers(0, 10**8),
        duration_s=st.integers(0, 10**8),
        gang=st.integers(1, 2**31 - 1),
        walltime_s=st.integers(0, 10**7).map(lambda minutes: minutes * 60),
        group=st.integers(0, 5),
        user=st.integers(0, 9),
    ),
    min_size=1,
    max_size=40,
)


def swf(jobs: list[Job]) -> str:
    lines = [f"; UnixStartTime: {EPOCH_S}", ";"]
    for number, job in enumerate(jobs):
        walltime = job.walltime_s or -1
        lines.append(
            f"  {number} {job.submit_s}\t-1   {job.duration_s} {job.gang} -1 -1 {job.gang} {walltime} -1 1"
            f" {job.user} {job.group} -1 -1 -1 -1 -1 "
        )
    return "\n".join(lines) + "\n"


def csv(jobs: list[Job]) -> str:
    lines = ["job_id;team;user;submit_s;num_gpu;duration_s;walltime_s"]
    lines += [
        f"{n};{j.group};{j.user};{EPOCH_S + j.submit_s};{j.gang};{j.duration_s};{j.walltime_s}"
        for n, j in enumerate(jobs)
    ]
    return "\r\n".join(lines)


def quoted_csv(jobs: list[Job]) -> str:
    lines = ["job_id,note,vc,user,submit_ms,gpus,duration_us,walltime_min"]
    for n, j in enumerate(jobs):
        submit_ms = (EPOCH_S + j.submit_s) * 1000
        minutes = j.walltime_s // 60
        lines.append(f'{n},"a ""b"", c","{j.group}",{j.user},{submit_ms},{j.gang},{j.duration_s}000000,{minutes}')
    return "\n".join(lines) + "\n"


def simply_quoted_csv(jobs: list[Job]) -> str:
    lines = ['"job_id",note,team,user,"submit_s",num_gpu,duration_s,walltime_s']
    for n, j in enumerate(jobs):
        lines.append(
            f'"{n}","a, b{n}","{j.group}",{j.user},"{EPOCH_S + j.submit_s}",{j.gang},{j.duration_s},"{j.walltime_s}"'
        )
    return "\n".join(lines)


def sacct(jobs: list[Job]) -> str:
    lines = ["JobID|Account|User|Submit|Start|Elapsed|Timelimit|ReqTRES|State"]
    for n, j in enumerate(jobs):
        submit = datetime.fromtimestamp(EPOCH_S + j.submit_s, UTC)
        start = submit + timedelta(seconds=7)
        limit = clock(j.walltime_s) if j.walltime_s else "UNLIMITED"
        lines.append(
            f"{n}|{j.group}|{j.user}|{submit:%Y-%m-%dT%H:%M:%S}|{start:%Y-%m-%dT%H:%M:%S}|{clock(j.duration_s)}"
            f"|{limit}|billing=1,gres/gpu={j.gang},mem=4G|COMPLETED"
        )
        lines.append(f"{n}.extern||||||||COMPLETED")
    return "\n".join(lines) + "\n"


def clock(seconds: int) -> str:
    days, rest = divmod(seconds, 86_400)
    text = f"{rest // 3600:02d}:{rest // 60 % 60:02d}:{rest % 60:02d}"
    return f"{days}-{text}" if days else text


WRITERS = {"swf": swf, "csv": csv, "quoted": quoted_csv, "simply quoted": simply_quoted_csv, "sacct": sacct}


def read(text: bytes, suffix: str, block_bytes: int = 1 << 20, **options: Any) -> Workload:
    with tempfile.TemporaryDirectory() as folder, mock.patch.object(source, "BLOCK_BYTES", block_bytes):
        path = Path(folder) / f"log{suffix}"
        path.write_bytes(text)
        return traces.read(path, **options)


def check(workload: Workload, jobs: list[Job]) -> None:
    order = sorted(range(len(jobs)), key=lambda number: jobs[number].submit_s)
    want = [jobs[number] for number in order]
    first = want[0].submit_s
    got = workload.jobs
    assert workload.origin_ms == (EPOCH_S + first) * 1000
    assert got.submit_ms.tolist() == [(job.submit_s - first) * 1000 for job in want]
    assert got.duration_ms.tolist() == [job.duration_s * 1000 for job in want]
    assert got.gang.tolist() == [job.gang for job in want]
    assert got.walltime_ms.tolist() == [job.walltime_s * 1000 for job in want]
    assert [workload.teams[team] for team in got.team] == [str(job.group) for job in want]
    assert [workload.users[user] for user in got.user] == [str(job.user) for job in want]
    assert got.name == tuple(str(number) for number in order)
    assert got.submit_ms.dtype == got.duration_ms.dtype == got.walltime_ms.dtype == np.int64
    assert got.gang.dtype == got.team.dtype == got.user.dtype == got.pool.dtype == got.priority.dtype == np.int32
    assert got.preemptible.dtype == np.bool_


@given(jobs_of, st.sampled_from(sorted(WRITERS)), st.sampled_from(["", ".gz"]), st.integers(1, 400))
def test_what_is_written_is_read_back(jobs: list[Job], kind: str, suffix: str, block_bytes: int) -> None:
    text = WRITERS[kind](jobs).encode()
    workload = read(gzip.compress(text) if suffix else text, suffix, block_bytes)
    check(workload, jobs)
    steps = len(jobs) if kind == "sacct" else 0
    assert sum(skipped.rows for skipped in workload.skipped) == steps
    late = sum(job.submit_s < max(j.submit_s for j in jobs[: n + 1]) for n, job in enumerate(jobs))
    assert bool(workload.notes) == bool(late)
    if late:
        assert workload.notes[0].startswith(f"{late} jobs: out of order")


@given(jobs_of, st.booleans())
def test_parquet_is_read_back(jobs: list[Job], dates: bool) -> None:
    submit: list[Any] = [EPOCH_S + job.submit_s for job in jobs]
    if dates:
        submit = [datetime.fromtimestamp(second, UTC) for second in submit]
    frame = pl.DataFrame(
        {
            "job_id": range(len(jobs)),
            "vc": [str(job.group) for job in jobs],
            "user": [job.user for job in jobs],
            "submit_time": submit,
            "num_gpu": [job.gang for job in jobs],
            "duration_s": [float(job.duration_s) for job in jobs],
            "walltime_s": [job.walltime_s for job in jobs],
        }
    )
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "log"
        frame.write_parquet(path)
        check(traces.read(path), jobs)


@given(jobs_of, st.sampled_from(sorted(WRITERS)), st.integers(1, 300), st.data())
def test_the_line_of_a_bad_row_is_right(jobs: list[Job], kind: str, block_bytes: int, data: st.DataObject) -> None:
    lines = WRITERS[kind](jobs).replace("\r", "").splitlines()
    first = 2 if kind == "swf" else 1
    place = data.draw(st.integers(first, len(lines)))
    blanks = data.draw(st.integers(0, 2))
    lines[place:place] = [""] * blanks + ["one field"]
    text = ("\n".join(lines) + "\n").encode()
    with_line = place + blanks + 1
    try:
        read(text, "", block_bytes)
    except InputError as error:
        assert (error.code, error.place.line if error.place else 0) == ("T108", with_line)
    else:
        raise AssertionError("a row of one field was read")
    workload = read(text, "", block_bytes, on_error="skip")
    check(workload, jobs)
    [skipped] = [one for one in workload.skipped if "T108" in one.reason]
    assert skipped.rows == 1
    assert skipped.examples[0].endswith(f":{with_line}")
