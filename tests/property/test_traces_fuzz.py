"""No bytes make a reader do anything but return a workload or say what is wrong with the input."""

from __future__ import annotations

import csv
import gzip
import io
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from equipoise import traces
from equipoise.errors import InputError
from equipoise.traces import FORMATS, load_rules
from equipoise.traces.source import Block
from equipoise.traces.table import Shape, _simply_quoted_rows
from equipoise.workload import Workload

SWF = (
    b"; UnixStartTime: 100\n; MaxProcs: 8\n"
    b"1 0 -1 5 2 -1 -1 2 9 -1 1 3 1 -1 0 -1 -1 -1\n2 7 1 0 4 -1 -1 -1 -1 -1 0 4 2 -1 0 -1 -1 -1\n"
)
SACCT = (
    b"JobID|Account|User|Submit|Start|End|Elapsed|Timelimit|AllocTRES|State|Partition\n"
    b"1|nlp|ada|2024-01-01T00:00:00|2024-01-01T00:00:05|2024-01-01T01:00:05|01:00:00|1-00:00:00|gres/gpu=8,cpu=8|COMPLETED|a\n"
    b"1.batch|nlp||2024-01-01T00:00:00|2024-01-01T00:00:05|2024-01-01T01:00:05|01:00:00||gres/gpu=8|COMPLETED|\n"
    b"2_4|cv|bob|2024-01-01T00:01:00|Unknown|Unknown|00:00:00|UNLIMITED||PENDING|b\n"
)
CSV = (
    b"vc,submit_s,num_gpu,duration_s,user,after,job_id\r\n"
    b'nlp,1.5,8,60,"ada, b",,x\r\ncv,0,0,1e3,bob,x,y\r\n\r\nlab,7,2,9,,,z\r\n'
)
MURI = b"job_id,num_gpu,submit_time,iterations,duration,iteration_time,resource_time_0\n0,1,0,5,1000,4,3\n"
OPENB = (
    b"name,num_gpu,gpu_milli,gpu_spec,qos,creation_time,deletion_time,scheduled_time\n"
    b"a,2,1000,,LS,5,90,7\nb,1,460,,BE,6,80,6\nc,0,0,,BE,6,80,\n"
)
HELIOS = b"time,running_gpu_num,pending_gpu_num,total_gpu_num\n2020-05-01 00:00:00,1,2,3\n2020-05-01 00:01:00,1,0,3\n"
SEEDS = {"swf": SWF, "sacct": SACCT, "csv": CSV, "philly": MURI, "openb": OPENB, "helios": HELIOS}

ODD = [
    b"", b"-1", b"-5", b"1e400", b"nan", b"inf", b"9223372036854775808", b"99999999999999999999999", b"0.5", b"+3",
    b" 4 ", b"\0", b"\xff\xfe", b'"', b'""', b"'", b"\r", b"\n", b"\r\n", b",", b"|", b";", b"\t", b"\xef\xbb\xbf",
    b"0x10", b"1_0", b"2024-02-30T00:00:00", b"9999-12-31T23:59:59", b"0000-00-00", b"1-00:00", b"99999-99:99:99",
    b"\xd9\xa1", b"\x0b", b"#", b"gres/gpu=x", b"gres/gpu:a=3,gres/gpu:b=4", b"gres/gpu=999999999999999999999",
    b"True", b"NULL", b"\xe2\x80\xa8",
]  # fmt: skip


def outcome(content: bytes, suffix: str, **options: object) -> Workload | InputError:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"log{suffix}"
        path.write_bytes(content)
        try:
            return traces.read(path, **options)  # type: ignore[arg-type]
        except InputError as error:
            assert error.code.startswith("T1")
            packed = content.startswith((b"\x1f\x8b", b"PAR1"))  # their lines are not those of the bytes
            assert packed or error.place is None or error.place.line <= content.count(b"\n") + 2
            return error


def check(result: Workload | InputError) -> None:
    """What every workload promises, whatever the bytes were."""
    if isinstance(result, InputError):
        return
    jobs = result.jobs
    assert len(jobs) or result.services
    if len(jobs):
        assert jobs.submit_ms[0] == 0
        assert np.all(np.diff(jobs.submit_ms) >= 0)
        assert jobs.duration_ms.min() >= 0
        assert jobs.walltime_ms.min() >= 0
        assert jobs.gang.min() >= 1
        for index, names in ((jobs.team, result.teams), (jobs.user, result.users), (jobs.pool, result.pools)):
            assert 0 <= index.min() <= index.max() < len(names)
        assert jobs.after.max() < len(jobs)


@st.composite
def mutated(draw: st.DrawFn) -> tuple[str, bytes]:
    """A well-formed log with a few odd things put in, cut out or doubled."""
    kind = draw(st.sampled_from(sorted(SEEDS)))
    content = SEEDS[kind]
    for _ in range(draw(st.integers(0, 4))):
        start = draw(st.integers(0, len(content)))
        end = min(len(content), start + draw(st.integers(0, 6)))
        middle = draw(st.sampled_from(ODD) | st.binary(max_size=4) | st.just(content[start:end] * 2))
        content = content[:start] + middle + content[end:]
    return kind, content[: draw(st.integers(len(content) // 2, len(content)))] if draw(st.booleans()) else content


@st.composite
def swapped(draw: st.DrawFn) -> tuple[str, bytes]:
    """A log in which whole fields are replaced, so that the shape holds and the values do not."""
    kind = draw(st.sampled_from(sorted(SEEDS)))
    separator = {"swf": b" ", "sacct": b"|"}.get(kind, b",")
    lines = [line.split(separator) for line in SEEDS[kind].splitlines()]
    for _ in range(draw(st.integers(1, 5))):
        line = draw(st.sampled_from(lines))
        line[draw(st.integers(0, len(line) - 1))] = draw(st.sampled_from(ODD))
    return kind, b"\n".join(separator.join(line) for line in lines) + b"\n"


@given(st.binary(max_size=400), st.sampled_from([None, *FORMATS]), st.sampled_from(["raise", "skip"]))
def test_any_bytes_are_read_or_refused(content: bytes, kind: str | None, on_error: str) -> None:
    check(outcome(content, ".log", format=kind, on_error=on_error))


@given(mutated() | swapped(), st.booleans(), st.sampled_from(["raise", "skip"]), st.sampled_from([None, "drop", "x"]))
def test_damaged_logs_are_read_or_refused(
    log: tuple[str, bytes], detect: bool, on_error: str, unmapped: str | None
) -> None:
    kind, content = log
    check(outcome(content, ".log", format=None if detect else kind, on_error=on_error, unmapped=unmapped))


@given(swapped(), st.sampled_from(["gpu", "nodes", "cpus"]), st.sampled_from(["declared", "runtime", "none"]))
def test_options_do_not_open_holes(log: tuple[str, bytes], count: str, walltime: str) -> None:
    leaves = ["nlp", "cv", "t-1", "t-2", "t-lab"]
    check(
        outcome(
            log[1], "", on_error="skip", leaves=leaves, pools=["a", "b"], unmapped="cv", count=count, walltime=walltime,
            timezone="Europe/Berlin",
        )
    )  # fmt: skip


@given(mutated(), st.integers(0, 60), st.binary(max_size=3))
def test_damaged_gzip_is_read_or_refused(log: tuple[str, bytes], cut: int, noise: bytes) -> None:
    packed = gzip.compress(log[1], mtime=0)
    place = len(packed) - cut if cut < len(packed) else len(packed)
    check(outcome(packed[:place] + noise, ".gz", format=log[0], on_error="skip"))


@given(st.integers(0, 2000), st.binary(max_size=3))
def test_cut_parquet_is_refused(place: int, noise: bytes) -> None:
    # Bytes changed inside are not tried here: polars aborts the process on some of them (docs/logs.md says so).
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "good.parquet"
        pl.DataFrame({"vc": ["a", "b"], "submit_s": [0, 1], "num_gpu": [1, 2], "duration_s": [3, 4]}).write_parquet(
            path
        )
        content = path.read_bytes()
    damaged = content[: place % len(content)] + noise
    assert damaged == content or isinstance(outcome(damaged, ".parquet"), InputError)


fields = st.text(alphabet='ab", |\r', max_size=5)


@given(st.lists(st.lists(fields, min_size=2, max_size=3), max_size=4), st.booleans())
def test_quotes_are_split_as_the_standard_library_does(rows: list[list[str]], simply: bool) -> None:
    """The fast way for simple quotes takes a block only if it reads what Python's own parser reads."""
    if simply:
        rows = [[f'"{field}"' if "," in field else field for field in row] for row in rows]
    text = "".join(",".join(row) + "\n" for row in rows)
    block = Block(text.encode(), 1)
    shape = Shape(("a", "b"), ",", quoted=True)
    split = _simply_quoted_rows(block, shape, ("a", "b"))
    if split is not None:
        want = list(csv.reader(io.StringIO(text, newline=""), strict=True)) if "\r" not in text else None
        assert want is None or [list(row) for row in split.frame.iter_rows()] == want
        assert split.line.tolist() == list(range(1, len(split.line) + 1))


@given(st.binary(max_size=200) | st.text(alphabet='fieldvalu,tam\n".x', max_size=80).map(str.encode))
def test_any_mapping_file_is_read_or_refused(content: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "map.csv"
        path.write_bytes(content)
        try:
            assert load_rules(path)
        except InputError as error:
            assert error.code in {"T102", "T103", "T104", "T106", "T114"}


@pytest.fixture(autouse=True)
def _quiet_panics(capfd: pytest.CaptureFixture[str]) -> Iterator[None]:  # pyright: ignore[reportUnusedFunction]
    """Rust prints its panics; they are caught, so they need not be shown."""
    yield
    capfd.readouterr()
