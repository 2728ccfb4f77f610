"""What the columns of a log mean: a layout per format, as data."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import polars as pl

from equipoise.errors import InputError, Place
from equipoise.traces.values import MS_PER, UNKNOWN_NUMBERS

FIELDS = (
    "job", "submit", "duration", "start", "end", "gang", "walltime", "team", "pool", "user", "priority",
    "preemptible", "savepoint", "after", "request",
)  # fmt: skip

_UNITS = (*MS_PER, "clock", "date", "auto")


@dataclass(frozen=True, slots=True)
class Column:
    """Where a field stands and in what unit.

    Parameters
    ----------
    sources : tuple of str
        Columns of the log; the first that knows a value gives it.
    unit : str
        Of times: ``ns us ms s min h``, ``clock`` (``[days-]h:m:s``), ``date`` (ISO 8601) or ``auto`` (told by
        the first value: a date, a clock, else seconds). Of amounts: ``count``, or a key such as
        ``gres/gpu`` inside Slurm's TRES.
    """

    sources: tuple[str, ...]
    unit: str = "auto"


@dataclass(frozen=True, slots=True)
class Exclusion:
    """Rows that are no job that ran, told by the log itself: left out and counted under ``reason``."""

    reason: str
    needs: tuple[str, ...]
    rows: pl.Expr


@dataclass(frozen=True, slots=True)
class Layout:
    """The meaning of one kind of log.

    Parameters
    ----------
    columns : mapping of field to Column
        Keys are of ``FIELDS``; ``team`` is not among them, see ``team_sources``.
    team_sources : tuple of str
        Columns whose value is the team when no mapping is given; the first that knows one.
    unknown : frozenset of str
        Texts that mean "not known" besides the empty one.
    exclusions : tuple of Exclusion
        Tested in order; the first that holds names the reason.
    remarks : tuple of Exclusion
        Rows that are taken but of which the reader is told how many.
    zero_reason : str
        Reason under which rows without accelerators are counted.
    calendar_ms : int or None
        Unix time of the log's time 0 where submit times are relative to one; None if the log has none.
    """

    name: str
    columns: Mapping[str, Column]
    team_sources: tuple[str, ...] = ()
    unknown: frozenset[str] = frozenset()
    exclusions: tuple[Exclusion, ...] = ()
    remarks: tuple[Exclusion, ...] = ()
    zero_reason: str = "no GPU"
    calendar_ms: int | None = None

    def sources(self) -> tuple[str, ...]:
        """Return all columns of the log that this layout reads, each once."""
        names = [source for column in self.columns.values() for source in column.sources]
        names += [source for told in (*self.exclusions, *self.remarks) for source in told.needs]
        return tuple(dict.fromkeys([*names, *self.team_sources]))


@dataclass(frozen=True, slots=True)
class Header:
    """The column names of a log and where they stand."""

    names: tuple[str, ...]
    file: str
    line: int = 1
    folded: Mapping[str, str] = field(default_factory=dict[str, str])

    @classmethod
    def of(cls, names: Sequence[str], *, file: str, line: int = 1) -> Header:
        """Make a header; T107 where two columns have one name."""
        seen: set[str] = set()
        for name in names:
            if name and name in seen:
                raise InputError("T107", f"two columns are named {name!r}", place=Place(file, line))
            seen.add(name)
        folded = {_folded(name): name for name in reversed(names)}
        return cls(tuple(names), file, line, folded)

    def find(self, name: str) -> str | None:
        """Return the column of that name; capitals, blanks and dashes do not matter where it is not there exactly."""
        return name if name in self.names else self.folded.get(_folded(name))

    def require(self, name: str, what: str) -> str:
        """Return the column of that name; T107 if there is none."""
        found = self.find(name)
        if found is None:
            shown = ", ".join(self.names[:30]) or "nothing"
            raise InputError(
                "T107",
                f"no column {name!r} {what}",
                hint=f"the columns are: {shown}",
                place=Place(self.file, self.line),
            )
        return found


def with_columns(layout: Layout, header: Header, columns: Mapping[str, str] | None) -> Layout:
    """Apply a user's column map: ``{"submit": "submit_s", "gang": "gpus"}``.

    A unit follows from the end of the column's name (``_s``, ``_ms``) or is given as ``name:unit``.
    """
    if not columns:
        return layout
    chosen = dict(layout.columns)
    team_sources = layout.team_sources
    for name, source in columns.items():
        if name not in FIELDS:
            known = ", ".join(FIELDS)
            raise InputError("T117", f"{name!r} is no field of a job", hint=f"fields are: {known}")
        bare, unit = _with_unit(header, source)
        column = header.require(bare, f"for the field {name!r}")
        if name == "team":
            team_sources = (column,)
        else:
            amounts = ("gang", "priority", "preemptible")
            chosen[name] = Column((column,), unit or ("count" if name in amounts else unit_of(column)))
    if "duration" in columns:
        chosen.pop("end", None)
    elif "end" in columns:
        chosen.pop("duration", None)
    return replace(layout, columns=chosen, team_sources=team_sources)


def _with_unit(header: Header, source: str) -> tuple[str, str | None]:
    bare, colon, unit = source.rpartition(":")
    if not colon or header.find(source) is not None:
        return source, None
    if unit not in _UNITS and not unit.startswith("gres/"):
        units = ", ".join(_UNITS)
        raise InputError("T117", f"{unit!r} in {source!r} is no unit", hint=f"units are: {units}")
    return bare, unit


def unit_of(name: str) -> str:
    """Return the unit that a column's name ends in; ``auto`` if it names none."""
    suffix = _folded(name).rpartition("_")[2]
    return {"sec": "s", "secs": "s", "seconds": "s", "minutes": "min", "hours": "h"}.get(
        suffix, suffix if suffix in MS_PER else "auto"
    )


# The order matters: the first name that a header has is taken.
_GUESSES: Mapping[str, tuple[str, ...]] = {
    "job": ("job_id", "jobid", "job", "id", "job_name", "name"),
    "submit": ("submit", "submit_time", "submitted", "submitted_at", "submission_time", "arrival", "arrival_time",
               "creation_time", "created_at"),
    "duration": ("duration", "run_time", "runtime", "elapsed", "real_duration"),
    "start": ("start", "start_time", "started_at", "scheduled_time"),
    "end": ("end", "end_time", "finish_time", "ended_at", "deletion_time"),
    "gang": ("num_gpu", "num_gpus", "gpu_num", "gpus", "gpu", "n_gpus", "gpu_count", "gang", "processors", "procs"),
    "walltime": ("walltime", "time_limit", "timelimit", "requested_time"),
    "user": ("user", "user_id", "username"),
    "pool": ("pool", "partition"),
    "priority": ("priority",),
    "preemptible": ("preemptible",),
    "savepoint": ("savepoint", "savepoint_interval"),
    "after": ("after",),
    "request": ("request",),
}  # fmt: skip
_TEAM_GUESSES = ("vc", "team", "virtual_cluster", "account", "project", "group")


def guessed(header: Header, name: str, columns: Mapping[str, str] | None = None) -> Layout:
    """Guess the meaning of a header's columns from their usual names; what ``columns`` says needs no guess."""
    chosen: dict[str, Column] = {}
    for field_name, guesses in _GUESSES.items():
        for guess in guesses:
            found = next((c for c in header.names if _folded(c) == guess or _bare(c) == guess), None)
            if found is not None:
                amount = field_name in ("gang", "priority", "preemptible")
                chosen[field_name] = Column((found,), "count" if amount else unit_of(found))
                break
    teams = tuple(filter(None, map(header.find, _TEAM_GUESSES)))
    if "duration" in chosen:
        chosen.pop("end", None)
    layout = with_columns(Layout(name, chosen, teams[:1]), header, columns)
    _complete(layout, header)
    return started_only(layout)


def started_only(layout: Layout) -> Layout:
    """Leave out rows without a start, where the log has a column for it."""
    start = layout.columns.get("start")
    if start is None:
        return layout
    source = start.sources[0]
    text = pl.col(source).cast(pl.String).fill_null("").str.strip_chars()
    never = Exclusion("never started", (source,), text.is_in([*UNKNOWN_NUMBERS, *layout.unknown]))
    chosen = {
        name: column for name, column in layout.columns.items() if name != "start" or "duration" not in layout.columns
    }
    return replace(layout, columns=chosen, exclusions=(*layout.exclusions, never))


def _complete(layout: Layout, header: Header) -> None:
    """T107 unless submit, gang and a duration can be had."""
    have = layout.columns
    missing = [name for name in ("submit", "gang") if name not in have]
    if "duration" not in have and not ("start" in have and "end" in have):
        missing.append("duration")
    if missing:
        shown = ", ".join(header.names[:30]) or "nothing"
        name = missing[0]
        raise InputError(
            "T107",
            f"no column for {' and '.join(missing)} among: {shown}",
            hint=f"say which, for example --column {name}=NAME (from Python: columns=)",
            place=Place(header.file, header.line),
        )


def _bare(name: str) -> str:
    """The name without its unit."""
    folded = _folded(name)
    head, _, tail = folded.rpartition("_")
    return head if head and unit_of(name) != "auto" and tail else folded


def _folded(name: str) -> str:
    return name.strip().lower().replace("-", "_").replace(" ", "_")
