"""What is believed of a parameter before data: distributions, read as quantiles and written as words (``LogNormal(0.0093, 0.12)``)."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from equipoise.errors import InputError
from equipoise.outlook.kernel.month import fill_normals

F64 = NDArray[np.float64]


def _normals(unit: F64) -> F64:
    scores = np.array(unit, np.float64).reshape(-1)
    fill_normals(scores, len(scores))
    return scores.reshape(unit.shape)


@dataclass(frozen=True, slots=True)
class Prior:
    """A distribution, cut to [``least``, ``most``] by moving what lies outside to the bound.

    Parameters
    ----------
    kind : str
        ``fixed`` (a), ``uniform`` (from a to b), ``normal`` (mean a, deviation b), ``halfnormal`` (deviation a), ``lognormal``
        (median a, deviation b of the logarithm), ``halves`` (half from a to b, half from c to d).
    numbers : tuple of float
    least, most : float
    """

    kind: str
    numbers: tuple[float, ...]
    least: float = -math.inf
    most: float = math.inf

    def quantiles(self, unit: F64) -> F64:
        """Turn numbers inside (0, 1) into values; a larger number never gives a smaller value.

        Examples
        --------
        >>> Prior("uniform", (3, 9)).quantiles(np.array([0.5])).tolist()
        [6.0]
        """
        a, b, c, d = (*self.numbers, *(0.0 for _ in range(4 - len(self.numbers))))
        if self.kind == "fixed":
            values = np.full(unit.shape, a)
        elif self.kind == "uniform":
            values = a + (b - a) * unit
        elif self.kind == "normal":
            values = a + b * _normals(unit)
        elif self.kind == "halfnormal":
            values = a * _normals(0.5 + 0.5 * unit)
        elif self.kind == "lognormal":
            values = a * np.exp(b * _normals(unit))
        else:
            values = np.where(unit < 0.5, a + (b - a) * 2 * unit, c + (d - c) * (2 * unit - 1))
        return np.clip(values, self.least, self.most)

    def __str__(self) -> str:
        words = ", ".join(f"{number:.6g}" for number in self.numbers)
        if self.kind == "fixed":
            return words
        if self.kind == "halves":
            return "½ U({:g}, {:g}) + ½ U({:g}, {:g})".format(*self.numbers)
        cut = ""
        if math.isfinite(self.least) or math.isfinite(self.most):
            cut = f" in [{self.least:g}, {self.most:g}]".replace("inf", "∞")
        return f"{NAMES[self.kind]}({words}){cut}"


NAMES = {"uniform": "U", "normal": "N", "halfnormal": "HalfN", "lognormal": "LogNormal"}
_WORDS = {
    "u": "uniform",
    "uniform": "uniform",
    "n": "normal",
    "normal": "normal",
    "halfn": "halfnormal",
    "lognormal": "lognormal",
}
_COUNTS = {"uniform": 2, "normal": 2, "halfnormal": 1, "lognormal": 2}


def parse(text: str, *, least: float = -math.inf, most: float = math.inf) -> Prior:
    """Read a prior from a number or from words.

    Raises
    ------
    InputError
        N102 when it is neither.

    Examples
    --------
    >>> str(parse("U(3, 9)")), str(parse("0.4"))
    ('U(3, 9)', '0.4')
    """
    try:
        found = re.fullmatch(r"\s*([A-Za-z]+)\s*\(([^()]*)\)\s*", text)
        kind = "fixed" if found is None else _WORDS[found[1].lower()]
        numbers = tuple(float(word) for word in (text if found is None else found[2]).split(","))
    except (ValueError, KeyError):
        raise _wrong(text) from None
    sane = len(numbers) == _COUNTS.get(kind, 1) and all(math.isfinite(number) for number in numbers)
    if (
        not sane
        or (kind == "uniform" and numbers[0] > numbers[1])
        or (kind not in ("fixed", "uniform") and numbers[-1] < 0)
    ):
        raise _wrong(text)
    if kind == "lognormal" and numbers[0] <= 0:
        raise _wrong(text)
    if kind in ("fixed", "uniform") and not all(least <= number <= most for number in numbers):
        raise InputError("N102", f"{text!r} is outside of what it may be", hint=f"from {least:g} to {most:g}")
    return Prior(kind, numbers, least, most)


def _wrong(text: str) -> InputError:
    return InputError(
        "N102",
        f"{text!r} is no number and no distribution",
        hint="such as 0.5, U(3, 9), N(0.9, 0.35), HalfN(0.9), LogNormal(3, 0.2)",
    )
