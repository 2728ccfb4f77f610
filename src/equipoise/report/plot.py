"""Shapes over time as SVG paths, drawn in a box that stretches to whatever room there is.

Only shapes are in the box, with strokes that do not stretch; words stand beside it as HTML, placed in percent, so that
they keep their size on a telephone.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from equipoise.report.markup import Markup, element

WIDE = 1000

F64 = NDArray[np.float64]
I64 = NDArray[np.int64]


def box(*shapes: str, high: int, name: str = "") -> Markup:
    """Return shapes as one picture of ``WIDE`` × ``high`` units; with a name it is one for screen readers, too."""
    return element(
        "svg",
        *shapes,
        viewBox=f"0 0 {WIDE} {high}",
        preserveAspectRatio="none",
        role="img" if name else None,
        aria_label=name or None,
        aria_hidden=None if name else "true",
    )


def across(edges_ms: I64, until_ms: int) -> I64:
    """Return where spans of time begin and end in the box; those after ``until_ms`` are cut off."""
    inside = edges_ms[: int(np.searchsorted(edges_ms, until_ms, side="left")) + 1]
    return np.minimum(np.rint(inside * (WIDE / until_ms)), WIDE).astype(np.int64)


def heights(values: F64, most: float, high: int) -> I64:
    """Return values as distances from the top of the box; ``most`` is at the top."""
    return high - np.rint(np.clip(values / most if most > 0 else 0.0 * values, 0, 1) * high).astype(np.int64)


def line(xs: I64, ys: I64) -> str:
    """Return the path of a value that holds over each span.

    Examples
    --------
    >>> line(np.array([0, 10, 20, 30]), np.array([5, 5, 2]))
    'M0 5h20v-3h10'
    """
    return f"M{xs[0]} {ys[0]}" + _walk(np.diff(xs), ys) if len(ys) else ""


def area(xs: I64, lower: I64, upper: I64) -> str:
    """Return the path of the area between two such values.

    Examples
    --------
    >>> area(np.array([0, 10, 20]), np.array([9, 9]), np.array([5, 2]))
    'M0 5h10v-3h10V9h-20z'
    """
    if not len(upper):
        return ""
    back = _walk(-np.diff(xs)[::-1], lower[::-1])
    return f"M{xs[0]} {upper[0]}" + _walk(np.diff(xs), upper) + f"V{lower[-1]}{back}z"


def _walk(steps: I64, ys: I64) -> str:
    """Steps along, and up or down between them; neighbours at one height are one step."""
    parts: list[str] = []
    along = 0
    for number, step in enumerate(steps.tolist()):
        rise = int(ys[number] - ys[number - 1]) if number else 0
        if rise:
            if along:
                parts.append(f"h{along}")
            parts.append(f"v{rise}")
            along = 0
        along += step
    if along:
        parts.append(f"h{along}")
    return "".join(parts)


def slope(xs: F64, ys: F64) -> str:
    """Return the path of a value that moves evenly between points.

    Examples
    --------
    >>> slope(np.array([0.0, 500.0]), np.array([10.0, 2.25]))
    'M0 10.0L500 2.2'
    """
    return "M" + "L".join(f"{x:.0f} {y:.1f}" for x, y in zip(xs, ys, strict=True))


def between(xs: F64, lower: F64, upper: F64) -> str:
    """Return the path of the area between two such values.

    Examples
    --------
    >>> between(np.array([0.0, 500.0]), np.array([10.0, 8.0]), np.array([10.0, 2.0]))
    'M0 10.0L500 2.0L500 8.0L0 10.0z'
    """
    return f"{slope(xs, upper)}{slope(xs[::-1], lower[::-1]).replace('M', 'L')}z"


def rule(y: float, high: int, kind: str, *, width: int = WIDE) -> Markup:
    """Return a level line at a part of the height, from below."""
    at = round(high * (1 - y))
    return element("path", d=f"M0 {at}h{width}", class_=kind)


def apart(wanted: Sequence[float], *, gap: float) -> list[float]:
    """Return places in ascending order, as wanted as can be, of which no two are nearer than ``gap``; all in 0 to 1.

    Examples
    --------
    >>> [round(place, 2) for place in apart([0.5, 0.52, 0.99], gap=0.1)]
    [0.46, 0.56, 0.95]
    """
    low, high = gap / 2, 1 - gap / 2
    groups: list[list[float]] = []  # sum of what each member would like the first to have, members
    for place in wanted:
        groups.append([place, 1.0])
        while len(groups) > 1 and _first(groups[-2], gap, low, high) + gap * groups[-2][1] > _first(
            groups[-1], gap, low, high
        ):
            total, size = groups.pop()
            groups[-1][0] += total - size * gap * groups[-1][1]
            groups[-1][1] += size
    return [_first(group, gap, low, high) + gap * n for group in groups for n in range(round(group[1]))]


def _first(group: list[float], gap: float, low: float, high: float) -> float:
    place = group[0] / group[1]
    return max(low, min(place, high - gap * (group[1] - 1)))


def scale(value: float, *, steps: int = 5) -> tuple[float, list[float]]:
    """Return a round end of a scale that is not less than a value, and its marks from 0 on.

    Examples
    --------
    >>> scale(0.304)
    (0.4, [0.0, 0.1, 0.2, 0.3, 0.4])
    >>> scale(812_211.0)
    (1000000.0, [0.0, 200000.0, 400000.0, 600000.0, 800000.0, 1000000.0])
    """
    if value <= 0:
        return 1.0, [0.0, 1.0]
    power = 10.0 ** math.floor(math.log10(value / steps))
    step = next(times * power for times in (1, 2, 2.5, 5, 10) if times * power * steps >= value * (1 - 1e-9))
    count = math.ceil(value / step - 1e-9)
    return round(count * step, 9), [round(number * step, 9) for number in range(count + 1)]


def steps(low: float, high: float, *, most: int = 6) -> list[float]:
    """Return round numbers from ``low`` to ``high``, at most about so many.

    Examples
    --------
    >>> steps(0.48, 0.94)
    [0.5, 0.6, 0.7, 0.8, 0.9]
    >>> steps(15.0, 16.4)
    [15.0, 15.25, 15.5, 15.75, 16.0, 16.25]
    """
    end, marks = scale(high - low, steps=most)
    step = marks[1]
    first = math.ceil(low / step - 1e-9)
    return [
        round(number * step, 9)
        for number in range(first, first + len(marks))
        if number * step <= low + end and number * step <= high
    ]
