"""Charters that come into force during a replay: when each does, and how a run's notes say so."""

from __future__ import annotations

import os
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from equipoise.charter.model import Charter
from equipoise.charter_io import load
from equipoise.charter_io.kinds import moment
from equipoise.errors import InputError
from equipoise.policy.course import Enactment
from equipoise.simulator.run import check_times
from equipoise.units import DAY_MS, HOUR_MS, duration_ms, shown

When = int | str
HINT = "a date such as 2027-01-01, an instant such as 2027-01-01T00:00:00Z, or a time since the log's first submission such as 14d"


def in_order(
    enact: Sequence[tuple[When, str | os.PathLike[str] | Charter]], charter: Charter, origin_ms: int | None
) -> list[tuple[int, Charter]]:
    """Return when other charters come into force, in milliseconds since the log's first submission, and which.

    Parameters
    ----------
    enact : sequence of (time, charter)
        A time is milliseconds since the log's first submission, or text: a duration since then, a date (midnight in the time zone of
        ``charter``) or an instant. A charter may be its path.
    charter : Charter
        In force from the beginning.
    origin_ms : int or None
        Unix time of the log's first submission; None of a log without a calendar, which has no dates.

    Raises
    ------
    InputError
        P106 unless they follow one another, P108 for a time that cannot be read.

    Examples
    --------
    >>> lab = Charter("Lab", (), ())
    >>> [at_ms // DAY_MS for at_ms, _ in in_order([("14d", lab)], lab, None)]
    [14]
    """
    found = [
        (
            at if isinstance(at, int) else since_first(at, charter.timezone, origin_ms),
            one if isinstance(one, Charter) else load(Path(one)),
        )
        for at, one in enact
    ]
    found.sort(key=lambda one: one[0])
    check_times([at_ms for at_ms, _ in found])
    return found


def split(text: str) -> tuple[str, str]:
    """Return time and path of ``DATE=FILE``; raises ``InputError`` P108."""
    at, sign, path = text.partition("=")
    if not (at and sign and path):
        raise InputError("P108", f"{shown(text)} is not DATE=FILE", hint=HINT)
    return at.strip(), path.strip()


def notes(enacted: Sequence[Enactment], origin_ms: int | None) -> list[str]:
    """Say which charters came into force and when: ``from day 14.0 on another charter was in force: Lab, revision 2``."""
    said: list[str] = []
    for one in enacted:
        charter = one.reference.charter
        when = f"hour {one.at_ms / HOUR_MS:,.1f}" if one.at_ms < 2 * DAY_MS else f"day {one.at_ms / DAY_MS:,.1f}"
        if origin_ms is not None:
            zone = ZoneInfo(charter.timezone)
            when = datetime.fromtimestamp((origin_ms + one.at_ms) / 1000, zone).isoformat(" ", "minutes")
        said.append(f"from {when} on another charter was in force: {charter.lab}, revision {charter.revision}")
    if said:
        said.append("floors of teams are shown as they were at the beginning")
    return said


def since_first(text: str, timezone: str, origin_ms: int | None, *, code: str = "P108") -> int:
    """Return a time in milliseconds since the log's first submission: a duration since then, a date or an instant.

    Raises
    ------
    InputError
        ``code`` for a time that cannot be read, or a date of a log without a calendar.
    """
    try:
        return duration_ms(text)
    except InputError:
        pass
    try:
        at = moment(text)
    except InputError as error:
        what = "at which a charter comes into force" if code == "P108" else "at which something is recorded"
        raise InputError(code, f"{shown(text)} is no time {what}", hint=HINT) from error
    if origin_ms is None:
        raise InputError(
            code,
            f"{shown(text)} is a date, and the log has no calendar",
            hint="say how long after its first submission: 14d",
        )
    if not isinstance(at, datetime):
        at = datetime(at.year, at.month, at.day, tzinfo=ZoneInfo(timezone))
    return round((at - datetime(1970, 1, 1, tzinfo=UTC)).total_seconds() * 1000) - origin_ms
