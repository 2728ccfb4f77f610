"""The record of a run, as a file: what the policy was told, pass by pass."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import polars as pl

from equipoise.errors import InputError
from equipoise.policy.events import Events
from equipoise.policy.kernel.layout import EVENT

COLUMNS = ("time_ms", "until_ms", "amount", "kind", "subject", "detail", "pool")


def write_events(events: Events | None, path: str | os.PathLike[str]) -> None:
    """Write a record as Parquet, one row per event; raises ``InputError`` S105 where that cannot be done."""
    assert events is not None, "the run was to record its events"
    frame = pl.DataFrame({name: events[name] for name in COLUMNS})
    try:
        frame.write_parquet(Path(path))
    except OSError as error:
        raise InputError("S105", f"{path} cannot be written: {error}") from error


def read_events(path: str | os.PathLike[str]) -> Events:
    """Read what `write_events` wrote; raises ``InputError`` S108 for another file."""
    try:
        frame = pl.read_parquet(Path(path))
    except (OSError, pl.exceptions.PolarsError) as error:
        raise InputError("S108", f"{path} is no record of events: {error}") from error
    missing = [name for name in COLUMNS if name not in frame.columns]
    if missing:
        raise InputError("S108", f"{path} is no record of events", hint="columns are missing: " + ", ".join(missing))
    events = np.zeros(len(frame), EVENT)
    for name in COLUMNS:
        events[name] = frame[name].to_numpy()
    return events
