"""Columns of text to integers: milliseconds, accelerators, flags; with the rows that do not parse."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import polars as pl
from numpy.typing import NDArray

from equipoise.traces.findings import Fault

I64 = NDArray[np.int64]
Mask = NDArray[np.bool_]

MS_PER = {"ns": 1e-6, "us": 1e-3, "ms": 1, "s": 1000, "min": 60_000, "h": 3_600_000}
INSTANT_MS_MAX = 2**53  # the ledger's bound on integers; 285,000 years
DURATION_MS_MAX = 2**42  # 139 years: sums over ten million jobs stay below 2^63 in any log that is honest
COUNT_MAX = 2**31 - 1

UNKNOWN_NUMBERS = ("", "-", "NA", "N/A", "nan", "NaN", "null", "NULL", "None", "none", "Unknown")


@dataclass(slots=True)
class Parsed:
    """A parsed column: ``value`` where ``known``; faults where the text is neither a value nor "unknown".

    ``fractional`` marks the values that had to be rounded; None where none did.
    """

    value: I64
    known: Mask
    faults: list[Fault] = field(default_factory=list[Fault])
    fractional: Mask | None = None


def numbers(series: pl.Series, scale: float, *, limit: int, unknown: frozenset[str] = frozenset()) -> Parsed:
    """Parse numbers and multiply by ``scale``, rounded half to even; refuse what is beyond ``±limit``.

    Parameters
    ----------
    series : text, integer or float column
    scale : float
        Integers stay exact integers where the scale is whole.
    limit : int
        Largest magnitude of the result.
    unknown : frozenset of str
        Further texts that mean "not known", such as SWF's ``-1``.
    """
    count = len(series)
    whole = series.cast(pl.Int64, strict=False) if series.dtype.is_integer() or series.dtype == pl.String else None
    if whole is None or whole.null_count():
        return _mixed_numbers(series, scale, limit, unknown)
    value = whole.to_numpy()
    known = np.ones(count, np.bool_)
    for text in unknown:
        if re.fullmatch(r"-?\d+", text):
            known &= value != int(text)
    return _scaled(series, value, known, scale, limit)


def _mixed_numbers(series: pl.Series, scale: float, limit: int, unknown: frozenset[str]) -> Parsed:
    """The slow way, for columns in which some value is no plain integer."""
    text = series.cast(pl.String).fill_null("").str.strip_chars()
    absent = text.is_in([*UNKNOWN_NUMBERS, *unknown]).to_numpy()
    floats = text.cast(pl.Float64, strict=False).fill_null(float("nan")).to_numpy()
    known = ~absent & ~np.isnan(floats)
    faults = [Fault("T109", ~absent & np.isnan(floats), lambda row: f"{_shown(series, row)} is not a number")]
    whole = text.cast(pl.Int64, strict=False)
    exact = whole.is_not_null().to_numpy() & known & (np.abs(floats) < 2**62)
    integers = np.where(exact, whole.fill_null(0).to_numpy(), 0)
    parsed = _scaled(series, integers, exact, scale, limit)
    rest = known & ~exact
    with np.errstate(over="ignore", invalid="ignore"):
        scaled = np.where(rest, floats * scale, 0.0)
    far = rest & ~(np.abs(scaled) <= limit)
    parsed.faults += [*faults, _out_of_range(series, far)]
    rest &= ~far
    rounded = np.rint(np.where(rest, scaled, 0.0))
    value = np.where(rest, rounded.astype(np.int64), parsed.value)
    return Parsed(value, parsed.known | rest, parsed.faults, rest & (rounded != scaled))


def _scaled(series: pl.Series, value: I64, known: Mask, scale: float, limit: int) -> Parsed:
    bound = int(limit / scale)
    far = known & ((value > bound) | (value < -bound))
    faults = [_out_of_range(series, far)] if far.any() else []
    value = np.where(known & ~far, value, 0)
    if scale >= 1:
        value = value * int(scale)
    else:
        value = np.rint(value * scale).astype(np.int64)
    return Parsed(value, known & ~far, faults)


def counts(series: pl.Series, *, unknown: frozenset[str] = frozenset()) -> Parsed:
    """Parse amounts of accelerators; ``fractional`` marks the rows that ask for a part of one."""
    return numbers(series, 1, limit=COUNT_MAX, unknown=unknown)


def instants(series: pl.Series, timezone: str) -> Parsed:
    """Parse ISO 8601 dates and times to Unix milliseconds; without an offset they are local to ``timezone``.

    Local times that occur twice (clocks set back) are taken as the first; ones that never occur are faults.
    """
    if series.dtype == pl.Date or isinstance(series.dtype, pl.Datetime):
        known = series.is_not_null().to_numpy()
        stamp = series.cast(
            pl.Datetime("ms", series.dtype.time_zone if isinstance(series.dtype, pl.Datetime) else None)
        )
        local = stamp if isinstance(stamp.dtype, pl.Datetime) and stamp.dtype.time_zone else _localised(stamp, timezone)
        text = series
    else:
        text = series.cast(pl.String).fill_null("").str.strip_chars()
        known = ~text.is_in(UNKNOWN_NUMBERS).to_numpy()
        local = _local_instants(text, timezone)
    physical = local.dt.epoch("ms")
    bad = known & physical.is_null().to_numpy()
    value = physical.fill_null(0).to_numpy().astype(np.int64)
    far = known & ~bad & (np.abs(value) > INSTANT_MS_MAX)
    faults = [
        Fault("T109", bad, lambda row: f"{_shown(text, row)} is not a date and time like 2026-03-02T08:00:00"),
        _out_of_range(text, far),
    ]
    good = known & ~bad & ~far
    return Parsed(np.where(good, value, 0), good, faults)


def _local_instants(text: pl.Series, timezone: str) -> pl.Series:
    stamp = text.str.to_datetime("%Y-%m-%dT%H:%M:%S", time_unit="ms", strict=False)
    if stamp.null_count():
        # Everything else: a space for the T, fractions, offsets, dates alone.
        pattern = (
            r"^([0-9]{4}-[0-9]{2}-[0-9]{2})(?:[T ]([0-9]{2}:[0-9]{2})(:[0-9]{2})?([.,][0-9]{1,9})?)?"
            r"\s*(Z|[+-][0-9]{2}:?[0-9]{2})?$"
        )
        parts = text.str.extract_groups(pattern).struct.unnest()
        day, clock, second, fraction, offset = (parts[name] for name in parts.columns)
        base = (day + "T" + clock.fill_null("00:00") + second.fill_null(":00")).str.to_datetime(
            "%Y-%m-%dT%H:%M:%S", time_unit="ms", strict=False
        )
        digits = fraction.fill_null(".0").str.slice(1).str.pad_end(9, "0").cast(pl.Int64, strict=False)
        base = base + (digits // 1_000_000).cast(pl.Duration("ms"))
        zoned = offset.is_not_null()
        fixed = (base - _offsets(offset)).dt.replace_time_zone("UTC")
        return pl.select(
            pl.when(zoned).then(fixed).otherwise(_localised(base, timezone).dt.convert_time_zone("UTC"))
        ).to_series()
    return _localised(stamp, timezone)


def _offsets(offset: pl.Series) -> pl.Series:
    digits = offset.fill_null("Z").str.replace("Z", "+0000", literal=True).str.replace(":", "", literal=True)
    minutes = digits.str.slice(1, 2).cast(pl.Int64, strict=False) * 60 + digits.str.slice(3, 2).cast(
        pl.Int64, strict=False
    )
    sign = pl.select(pl.when(digits.str.starts_with("-")).then(-1).otherwise(1)).to_series()
    return (minutes * sign * 60_000).cast(pl.Duration("ms"))


def _localised(stamp: pl.Series, timezone: str) -> pl.Series:
    return stamp.dt.replace_time_zone(timezone, ambiguous="earliest", non_existent="null")


def clock_durations(series: pl.Series) -> Parsed:
    """Parse Slurm's ``[days-]hours:minutes:seconds`` to milliseconds; words such as ``UNLIMITED`` mean unknown."""
    usual = series.str.contains(r"^(?:[0-9]{1,5}-)?[0-9]{2}:[0-9]{2}:[0-9]{2}$").to_numpy()
    if usual.all():
        return _checked_durations(series, _usual_clock_seconds(series), usual)
    seconds = np.zeros(len(series), np.int64)
    known = usual.copy()
    seconds[usual] = _usual_clock_seconds(series.filter(pl.Series(usual)))
    seconds[~usual], known[~usual] = _odd_clock_seconds(series.filter(pl.Series(~usual)))
    words = series.str.strip_chars().is_in([*UNKNOWN_NUMBERS, "UNLIMITED", "INVALID", "Partition_Limit", "NONE"])
    bad = ~known & ~words.to_numpy()
    parsed = _checked_durations(series, seconds, known)
    parsed.faults.append(Fault("T109", bad, lambda row: f"{_shown(series, row)} is not a duration like 1-02:03:04"))
    return parsed


def _usual_clock_seconds(text: pl.Series) -> I64:
    """Read ``DDDDD-HH:MM:SS``, padded on the left, as a table of digits: far faster than by groups of a pattern."""
    digits = np.frombuffer("".join(text.str.pad_start(14, "0").to_list()).encode(), np.uint8).reshape(-1, 14) - 48
    seconds = np.zeros(len(digits), np.int64)
    for place, weight in zip((0, 1, 2, 3, 4), (10_000, 1_000, 100, 10, 1), strict=True):
        seconds += digits[:, place].astype(np.int64) * (weight * 86_400)
    for place, weight in zip((6, 7, 9, 10, 12, 13), (36_000, 3_600, 600, 60, 10, 1), strict=True):
        seconds += digits[:, place].astype(np.int64) * weight
    return seconds


def _odd_clock_seconds(text: pl.Series) -> tuple[I64, Mask]:
    """Read the rarer shapes: ``MM:SS``, ``D-HH:MM``, fractions of a second (cut off)."""
    pattern = r"^\s*(?:([0-9]{1,5})-)?([0-9]{1,4}):([0-9]{2})(?::([0-9]{2}))?(?:\.[0-9]+)?\s*$"
    groups = text.str.extract_groups(pattern).struct.unnest()
    days, first, second, third = (groups[name].cast(pl.Int64, strict=False) for name in groups.columns)
    # With days or three parts the first is hours; two parts alone are minutes and seconds.
    hours_first = (third.is_not_null() | days.is_not_null()).to_numpy()
    d, a, b, c = (part.fill_null(0).to_numpy() for part in (days, first, second, third))
    seconds = np.where(hours_first, d * 86_400 + a * 3_600 + b * 60 + c, a * 60 + b)
    return seconds, first.is_not_null().to_numpy()


def _checked_durations(text: pl.Series, seconds: I64, known: Mask) -> Parsed:
    far = seconds > DURATION_MS_MAX // 1000
    return Parsed(np.where(far, 0, seconds * 1000), known & ~far, [_out_of_range(text, far)])


def resource_counts(series: pl.Series, key: str) -> Parsed:
    """Take one amount out of Slurm's ``cpu=8,gres/gpu=2,mem=64G``; absent means 0.

    For ``gres/gpu``, typed amounts (``gres/gpu:a100=2``) are added up where the untyped one is missing.
    """
    if not len(series):
        return Parsed(np.zeros(0, np.int64), np.zeros(0, np.bool_))
    distinct = series.unique()
    amounts = pl.Series([_resource_count(text, key) for text in distinct.to_list()], dtype=pl.Int64)
    result = series.replace_strict(distinct, amounts, return_dtype=pl.Int64).to_numpy()
    bad = result < 0
    far = result > COUNT_MAX
    faults = [
        Fault("T109", bad, lambda row: f"{_shown(series, row)} has no whole number for {key}"),
        _out_of_range(series, far),
    ]
    return Parsed(np.where(bad | far, 0, result), ~bad & ~far, faults)


def _resource_count(text: str, key: str) -> int:
    """Return the amount; -1 where it is not a number."""
    typed = 0
    for part in text.split(","):
        name, _, amount = part.partition("=")
        if name == key or name.startswith(key + ":"):
            if not (amount.isascii() and amount.isdigit()):
                return -1
            number = int(amount[:18])
            if name == key:
                return number
            typed += number
    return min(typed, 2**62)


def flags(series: pl.Series) -> Parsed:
    """Parse yes or no, in the usual spellings."""
    text = series.cast(pl.String).fill_null("").str.strip_chars().str.to_lowercase()
    yes = text.is_in(["1", "true", "yes", "y", "t"]).to_numpy()
    no = text.is_in(["0", "false", "no", "n", "f"]).to_numpy()
    absent = (text == "").to_numpy()
    fault = Fault("T109", ~(yes | no | absent), lambda row: f"{_shown(series, row)} is neither yes nor no")
    return Parsed(yes.astype(np.int64), yes | no, [fault])


def negatives(parsed: Parsed, what: str, shown: Callable[[int], str]) -> Fault:
    """Return the fault of values below zero."""
    return Fault("T111", parsed.known & (parsed.value < 0), lambda row: f"{what} {shown(row)} is negative")


def _out_of_range(series: pl.Series, rows: Mask) -> Fault:
    return Fault("T112", rows, lambda row: f"{_shown(series, row)} is beyond anything real")


def _shown(series: pl.Series, row: int) -> str:
    text = str(series[row])
    return repr(text if len(text) <= 40 else text[:37] + "...")
