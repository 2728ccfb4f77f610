"""Quantities as people write them, and the exact values they stand for.

Time is integer milliseconds, an amount is whole accelerators, a percentage or decimal is an exact fraction. Reading is
strict: one spelling for each value, so that two readers of a signed file cannot disagree.

>>> duration_ms("90s"), percent("12.5%"), amount("512 gpu"), nodes("4096 nodes of 4 gpu")
(90000, Fraction(1, 8), 512, (4096, 4))
>>> duration_text(5_400_000), percent_text(Fraction(1, 8))
('90m', '12.5%')
"""

from __future__ import annotations

import re
from fractions import Fraction
from typing import NoReturn

from equipoise.errors import InputError

SECOND_MS = 1_000
MINUTE_MS = 60 * SECOND_MS
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS

_MS = {"d": DAY_MS, "h": HOUR_MS, "m": MINUTE_MS, "s": SECOND_MS}

MAX_AMOUNT = 1_000_000_000
"""The largest number of accelerators that a pool, share or job may name."""
MAX_DURATION_MS = 36_500 * DAY_MS
"""A hundred years."""
_MAX_DIGITS = 15  # a longer number is out of range for every quantity, and is never converted

PERCENT_PATTERN = r"[0-9]+(\.[0-9]{1,4})?%"
DECIMAL_PATTERN = r"[0-9]+(\.[0-9]{1,4})?"
INTEGER_PATTERN = r"[0-9]+"
DURATION_PATTERN = r"[0-9]+[smhd]"
AMOUNT_PATTERN = r"[0-9]+ gpu"
NODES_PATTERN = r"[0-9]+ nodes of [0-9]+ gpu"

_SIGNED = re.compile(r"-[0-9]")
_DECIMAL = re.compile(r"([0-9]+)(?:\.([0-9]{1,4}))?\Z")
_DURATION = re.compile(r"([0-9]+)([smhd])\Z")
_AMOUNT = re.compile(r"([0-9]+) gpu\Z")
_NODES = re.compile(r"([0-9]+) nodes of ([0-9]+) gpu\Z")
_INTEGER = re.compile(r"[0-9]+\Z")


_SAFE = 1 << 53
_LARGE = re.compile(r"-?[1-9][0-9]{15,59}\Z")


def json_integer(value: int) -> int | str:
    """Return a whole number as JSON keeps it: from 2^53 on as a string of its digits, for most readers would round it.

    >>> json_integer(-5), json_integer(1 << 53)
    (-5, '9007199254740992')
    """
    return str(value) if abs(value) >= _SAFE else value


def read_json_integer(value: object) -> int | None:
    """Return what `json_integer` was given; None for anything that it does not make.

    >>> read_json_integer("9007199254740992"), read_json_integer("5"), read_json_integer(True)
    (9007199254740992, None, None)
    """
    if type(value) is int and abs(value) < _SAFE:
        return value
    if isinstance(value, str) and _LARGE.match(value) and abs(int(value)) >= _SAFE:
        return int(value)
    return None


def integer(text: str, *, low: int = 0, high: int = (1 << 53) - 1) -> int:
    """Read a whole number in ``[low, high]``; raises ``InputError`` C201 (not a number) or C202 (out of range)."""
    if _INTEGER.match(text) is None:
        _refuse(text, "a whole number", "such as 3")
    return _within(_digits(text, text), text, low, high)


def decimal(text: str, *, high: int = 1_000_000) -> Fraction:
    """Read a decimal with at most 4 places, from 0 to ``high``; raises ``InputError`` C201 or C202."""
    match = _DECIMAL.match(text)
    if match is None:
        _refuse(text, "a decimal number with at most 4 places", "such as 2.6")
    value = _ten_thousandths(match, text)
    _within(value, text, 0, high * 10_000, shown_high=high)
    return Fraction(value, 10_000)


def percent(text: str, *, high: int = 100) -> Fraction:
    """Read a percentage with at most 4 places, from 0% to ``high`` percent, as a fraction (``20%`` is 1/5).

    Raises
    ------
    InputError
        C201 when it is not a percentage, C202 when it is out of range.
    """
    match = _DECIMAL.match(text[:-1]) if text.endswith("%") else None
    if match is None:
        _refuse(text, "a percentage with at most 4 places", "such as 20% or 2.5%")
    value = _ten_thousandths(match, text)
    _within(value, text, 0, high * 10_000, shown_high=f"{high}%")
    return Fraction(value, 1_000_000)


def amount(text: str, *, low: int = 0) -> int:
    """Read a number of accelerators such as ``512 gpu``; raises ``InputError`` C201 or C202."""
    match = _AMOUNT.match(text)
    if match is None:
        _refuse(text, "an amount of GPUs", "such as 512 gpu")
    return _within(_digits(match[1], text), text, low, MAX_AMOUNT)


def nodes(text: str) -> tuple[int, int]:
    """Read a capacity such as ``64 nodes of 8 gpu`` as (nodes, GPUs per node); raises ``InputError`` C201 or C202."""
    match = _NODES.match(text)
    if match is None:
        _refuse(text, "a capacity", "such as 64 nodes of 8 gpu")
    count, each = _digits(match[1], text), _digits(match[2], text)
    _within(count, text, 1, MAX_AMOUNT)
    _within(each, text, 1, MAX_AMOUNT)
    _within(count * each, text, 1, MAX_AMOUNT)
    return count, each


def duration_ms(text: str, *, low: int = 0) -> int:
    """Read a duration such as ``90s``, ``15m`` or ``14d`` as milliseconds; raises ``InputError`` C201 or C202."""
    match = _DURATION.match(text)
    if match is None:
        _refuse(text, "a duration", "a whole number and one of s, m, h, d, such as 90m")
    value = _digits(match[1], text) * _MS[match[2]]
    return _within(value, text, low, MAX_DURATION_MS, shown_low=duration_text(low), shown_high="36500d")


def duration_text(value_ms: int) -> str:
    """Write a duration in the largest unit that is exact: ``duration_text(5_400_000)`` is ``90m``."""
    if value_ms == 0:
        return "0s"
    for unit, size_ms in _MS.items():
        if value_ms % size_ms == 0:
            return f"{value_ms // size_ms}{unit}"
    return f"{value_ms}ms"


def percent_text(share: Fraction) -> str:
    """Write a fraction as a percentage with at most 4 places, marked ``~`` where that is not exact."""
    scaled = share * 1_000_000
    rounded = round(scaled)
    whole, places = divmod(abs(rounded), 10_000)
    digits = f"{places:04d}".rstrip("0")
    sign = "-" if rounded < 0 else ""
    return f"{'' if scaled == rounded else '~'}{sign}{whole}{'.' + digits if digits else ''}%"


def decimal_text(value: Fraction) -> str:
    """Write a decimal of at most 4 places, as :func:`decimal` reads it."""
    return percent_text(value / 100)[:-1]


def amount_text(gpus: int) -> str:
    """Write a number of accelerators for people: ``1,024 GPUs``."""
    return f"{gpus:,} GPU{'' if gpus == 1 else 's'}"


def shown(text: str, *, width: int = 60) -> str:
    """Quote a value for a message: shortened, and with control characters escaped."""
    cut = text if len(text) <= width else f"{text[:width]}…"
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode("ascii") for c in f"'{cut}'")


def _digits(digits: str, text: str) -> int:
    if len(digits.lstrip("0")) > _MAX_DIGITS:
        raise InputError("C202", f"{shown(text)} is out of range", hint="no quantity is that large")
    return int(digits[-(_MAX_DIGITS + 1) :])


def _ten_thousandths(match: re.Match[str], text: str) -> int:
    return _digits(match[1], text) * 10_000 + int((match[2] or "").ljust(4, "0"))


def _within(value: int, text: str, low: int, high: int, *, shown_low: object = None, shown_high: object = None) -> int:
    if low <= value <= high:
        return value
    least = low if shown_low is None else shown_low
    most = high if shown_high is None else shown_high
    raise InputError("C202", f"{shown(text)} is out of range", hint=f"from {least} to {most}")


def _refuse(text: str, wanted: str, hint: str) -> NoReturn:
    if _SIGNED.match(text):
        raise InputError("C202", f"{shown(text)} is out of range", hint="nothing here can be negative")
    raise InputError("C201", f"{shown(text)} is not {wanted}", hint=hint)
