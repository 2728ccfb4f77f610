"""Results as files: one CSV or Parquet file per data frame."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Generator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from equipoise.errors import InputError, Place
from equipoise.simulator.results import Results

if TYPE_CHECKING:
    import polars as pl

FRAMES = (
    "jobs",
    "teams",
    "pools",
    "closes",
    "services",
    "waits_by_gang",
    "refused",
    "gates",
    "requests",
    "promises",
    "promise_days",
    "warnings",
)
SUMMARY = "summary.json"


def write_frames(
    runs: Sequence[Results], folder: str | os.PathLike[str], *, kind: Literal["csv", "parquet"]
) -> list[Path]:
    """Write the data frames of every run, and all figures as ``summary.json``.

    Parameters
    ----------
    runs : sequence of Results
        One: its files go into ``folder``; several: into one folder each, ``1-charter``, ``2-product-first`` …
    folder : path
        Made if it is not there; files of the same names are replaced.
    kind : {"csv", "parquet"}

    Returns
    -------
    list of Path
        What was written.

    Raises
    ------
    InputError
        S105 if something cannot be written.
    """
    written: list[Path] = []
    target = Path(folder)
    with writable(target):
        for number, run in enumerate(runs, start=1):
            own = target if len(runs) == 1 else target / f"{number}-{_file_name(run.policy)}"
            own.mkdir(parents=True, exist_ok=True)
            written += _write(run, own, kind)
    return written


@contextmanager
def writable(target: Path) -> Generator[None, None, None]:
    """Say which place cannot be written to, should it be so (S105)."""
    try:
        yield
    except OSError as error:
        raise InputError("S105", f"cannot be written: {error.strerror or error}", place=Place(str(target))) from None


def put_frame(frame: pl.DataFrame, path: Path, kind: Literal["csv", "parquet"]) -> Path:
    """Write a data frame, and return where."""
    if kind == "csv":
        frame.write_csv(path)
    else:
        frame.write_parquet(path)
    return path


def _write(run: Results, folder: Path, kind: Literal["csv", "parquet"]) -> list[Path]:
    written = [put_frame(getattr(run, name), folder / f"{name}.{kind}", kind) for name in FRAMES]
    summary = folder / SUMMARY
    summary.write_text(json.dumps(run.to_dict(), indent=2, ensure_ascii=False) + "\n", "utf-8")
    return [*written, summary]


def _file_name(policy: str) -> str:
    stem = re.sub(r"\.(ya?ml)$", "", policy.replace("\\", "/").rsplit("/", 1)[-1])
    return re.sub(r"[^A-Za-z0-9._-]", "-", stem)[:60] or "run"
