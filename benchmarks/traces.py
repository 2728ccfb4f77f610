"""Rows a second of the log readers, on logs of a million rows made on the fly."""

from __future__ import annotations

import gzip
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import polars as pl

from equipoise import traces

ROWS = 1_000_000
ROUNDS = 3


def main(rows: int = ROWS) -> dict[str, float]:
    """Print and return rows a second by kind of log: the best of a few readings."""
    frame = jobs(rows)
    speeds: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        for name, write in WRITERS.items():
            path = Path(folder) / name
            write(frame, path)
            speeds[name] = rows / min(_seconds(path, rows) for _ in range(ROUNDS))
            print(f"{name:14} {speeds[name] / 1e6:6.2f} M rows/s  ({path.stat().st_size / 1e6:.0f} MB)")
            path.unlink()
    return speeds


def _seconds(path: Path, rows: int) -> float:
    start = time.perf_counter()
    workload = traces.read(path)
    seconds = time.perf_counter() - start
    assert len(workload.jobs) == rows
    return seconds


def jobs(rows: int) -> pl.DataFrame:
    """Return random jobs: 50 groups, 500 users, gangs of powers of two."""
    draw = np.random.default_rng(1)
    return pl.DataFrame(
        {
            "job": np.arange(1, rows + 1),
            "submit": np.sort(draw.integers(0, 8_000_000, rows)) + 1_600_000_000,
            "run": draw.integers(1, 100_000, rows),
            "gpus": 2 ** draw.integers(0, 7, rows),
            "group": draw.integers(1, 51, rows),
            "user": draw.integers(1, 501, rows),
        }
    )


def write_csv(frame: pl.DataFrame, path: Path) -> None:
    named = frame.select(
        pl.col("job").alias("job_id"),
        pl.format("vc{}", "group").alias("vc"),
        pl.col("submit").alias("submit_s"),
        pl.col("gpus").alias("num_gpu"),
        pl.col("run").alias("duration_s"),
    )
    if path.suffix == ".parquet":
        named.write_parquet(path)
    else:
        named.write_csv(path)


def write_csv_gzip(frame: pl.DataFrame, path: Path) -> None:
    plain = path.with_suffix(".plain")
    write_csv(frame, plain)
    path.write_bytes(gzip.compress(plain.read_bytes(), compresslevel=3))
    plain.unlink()


def write_swf(frame: pl.DataFrame, path: Path) -> None:
    """Write the Standard Workload Format, aligned with blanks as the archive's logs are."""
    columns = ["job", "submit", None, "run", "gpus", None, None, None, "run", None, "1", "user", "group", "1", "1"]
    fields = [
        pl.lit("-1") if name is None else pl.lit(name) if name.isdigit() else pl.col(name).cast(pl.String)
        for name in [*columns, None, None, None]
    ]
    lines = frame.select(pl.concat_str([field.str.pad_start(6) for field in fields], separator=" ").alias("line"))
    path.write_text("; UnixStartTime: 0\n" + "\n".join(lines["line"].to_list()) + "\n")


def write_sacct(frame: pl.DataFrame, path: Path) -> None:
    def stamp(seconds: pl.Expr) -> pl.Expr:
        return pl.from_epoch(seconds, time_unit="s").dt.strftime("%Y-%m-%dT%H:%M:%S")

    run = pl.col("run")
    frame.select(
        pl.col("job").alias("JobID"),
        pl.format("acc{}", "group").alias("Account"),
        pl.format("u{}", "user").alias("User"),
        stamp(pl.col("submit")).alias("Submit"),
        stamp(pl.col("submit") + 5).alias("Start"),
        stamp(pl.col("submit") + 5 + run).alias("End"),
        pl.format(
            "{}-{}:{}:{}",
            run // 86_400,
            (run // 3600 % 24).cast(pl.String).str.zfill(2),
            (run // 60 % 60).cast(pl.String).str.zfill(2),
            (run % 60).cast(pl.String).str.zfill(2),
        ).alias("Elapsed"),
        pl.lit("2-00:00:00").alias("Timelimit"),
        pl.format("billing={},cpu={},gres/gpu={},mem=64G,node=1", "gpus", pl.col("gpus") * 8, "gpus").alias(
            "AllocTRES"
        ),
        pl.lit("COMPLETED").alias("State"),
    ).write_csv(path, separator="|", quote_style="never")


WRITERS: dict[str, Callable[[pl.DataFrame, Path], None]] = {
    "jobs.csv": write_csv,
    "jobs.csv.gz": write_csv_gzip,
    "jobs.parquet": write_csv,
    "jobs.swf": write_swf,
    "jobs.sacct": write_sacct,
}

if __name__ == "__main__":
    main()
