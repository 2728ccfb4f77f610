"""Numbers for people: three digits that count, and the unit that fits."""

from __future__ import annotations

NOTHING = "–"


def count(value: int) -> str:
    """Write a count: ``count(11755)`` is ``11,755``."""
    return f"{value:,}"


def counted(number: int, noun: str) -> str:
    """Write a count of things.

    Examples
    --------
    >>> counted(1, "row"), counted(11755, "row")
    ('1 row', '11,755 rows')
    """
    return f"{count(number)} {noun}" if number == 1 else f"{count(number)} {noun}s"


def hours(value: float | None) -> str:
    """Write GPU-hours.

    Examples
    --------
    >>> hours(1234567.8), hours(12.34), hours(0.0), hours(None)
    ('1,234,568', '12.3', '0', '–')
    """
    if value is None:
        return NOTHING
    if value == 0:
        return "0"
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:.3g}"


def part(value: float | None) -> str:
    """Write a part of a whole as a percentage.

    Examples
    --------
    >>> part(0.2), part(0.00004), part(0.0), part(None)
    ('20.0 %', '<0.1 %', '0 %', '–')
    """
    if value is None:
        return NOTHING
    if value == 0:
        return "0 %"
    return f"{100 * value:.1f} %" if abs(value) >= 0.0005 else "<0.1 %"


def span(seconds: float | None) -> str:
    """Write a length of time.

    Examples
    --------
    >>> span(0.0), span(42.4), span(95), span(5400), span(873337.86), span(None)
    ('0 s', '42.4 s', '95 s', '90 min', '10.1 d', '–')
    """
    if seconds is None:
        return NOTHING
    if seconds < 120:
        return f"{seconds:.3g} s"
    if seconds < 7_200:
        return f"{seconds / 60:.0f} min"
    if seconds < 172_800:
        return f"{seconds / 3600:.1f} h"
    return f"{seconds / 86_400:.1f} d" if seconds < 8_640_000 else f"{seconds / 86_400:.0f} d"


def shortened(name: str, most: int) -> str:
    """Shorten a name in its middle: what tells long names apart is often at their end.

    Examples
    --------
    >>> shortened("safety", 12), shortened("team-with-a-long-name-07", 12)
    ('safety', 'team-…ame-07')
    """
    if len(name) <= most:
        return name
    tail = most // 2
    return f"{name[: most - tail - 1]}…{name[-tail:]}"


def change(value: float | None, base: float | None) -> str:
    """Write a difference in percent of what it is a difference from.

    Examples
    --------
    >>> change(90.0, 100.0), change(1.0, 0.0), change(100.0, 100.0)
    ('−10.0 %', '–', '±0 %')
    """
    if value is None or not base:
        return NOTHING
    by = value / base - 1
    if abs(by) < 0.0005:
        return "±0 %"
    return f"{'+' if by > 0 else '−'}{abs(100 * by):.1f} %"
