"""What a reader found wrong: rows left out by reason, and rows that cannot be read."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from equipoise.errors import InputError, Place
from equipoise.workload import Skipped

OnError = Literal["raise", "skip"]
EXAMPLES = 5

TITLES = {
    "T108": "wrong number of fields",
    "T109": "not a number or date",
    "T110": "value missing",
    "T111": "negative",
    "T112": "out of range",
    "T113": "broken quoting",
}


@dataclass(frozen=True, slots=True)
class Fault:
    """Rows of one batch that share a defect.

    Parameters
    ----------
    code : str
        A key of ``TITLES``.
    rows : bool array
        Which rows of the batch.
    message : callable
        Row → the sentence that names the offending value.
    """

    code: str
    rows: NDArray[np.bool_]
    message: Callable[[int], str]


@dataclass(slots=True)
class Findings:
    """Collects what is left out; raises at the first faulty row unless ``on_error`` is ``skip``.

    Parameters
    ----------
    file : str
        Name in messages.
    on_error : "raise" or "skip"
    unit : str
        ``line`` for text; ``row`` where a file has no lines, so that places stay honest.
    """

    file: str
    on_error: OnError = "raise"
    unit: Literal["line", "row"] = "line"
    remarks: dict[str, int] = field(default_factory=dict[str, int])
    _broken: InputError | None = None
    _rows: dict[str, int] = field(default_factory=dict[str, int])
    _examples: dict[str, list[str]] = field(default_factory=dict[str, list[str]])

    def skip(self, reason: str, lines: NDArray[np.int64]) -> None:
        """Count rows that are left out for ``reason``."""
        if not len(lines):
            return
        self._rows[reason] = self._rows.get(reason, 0) + len(lines)
        examples = self._examples.setdefault(reason, [])
        for line in lines[: EXAMPLES - len(examples)]:
            examples.append(f"{self.file}:{line}" if self.unit == "line" else f"{self.file} row {line}")

    def remark(self, sentence: str, rows: int) -> None:
        """Count rows that are taken but that the reader must be told of."""
        if rows:
            self.remarks[sentence] = self.remarks.get(sentence, 0) + rows

    def broken_line(self, code: str, message: str, line: int) -> None:
        """Count a line that does not divide into fields, or keep it until the rows before it are looked at."""
        if self.on_error == "skip":
            self.skip(_malformed(code), np.array([line], np.int64))
        elif self._broken is None:
            self._broken = self.error(code, message, line)

    def settle(self) -> None:
        """Raise for a broken line, if there is one."""
        if self._broken is not None:
            raise self._broken

    def faulty(self, faults: list[Fault], lines: NDArray[np.int64]) -> NDArray[np.bool_]:
        """Raise at the first faulty row of a batch, or count the rows; return which rows are faulty."""
        bad = np.zeros(len(lines), np.bool_)
        present = [fault for fault in faults if fault.rows.any()]
        if self.on_error == "raise":
            if present:
                first = min(present, key=lambda fault: int(fault.rows.argmax()))
                row = int(first.rows.argmax())
                if self._broken is None or self._broken.place is None or lines[row] < self._broken.place.line:
                    raise self.error(first.code, first.message(row), int(lines[row]))
            self.settle()
        for fault in present:
            self.skip(_malformed(fault.code), lines[fault.rows & ~bad])
            bad |= fault.rows
        return bad

    def error(self, code: str, message: str, line: int = 0, *, hint: str = "") -> InputError:
        """Return the error for one place of the file."""
        if line and self.unit == "row":
            return InputError(code, f"row {line}: {message}", hint=hint, place=Place(self.file))
        return InputError(code, message, hint=hint, place=Place(self.file, line))

    @property
    def rows_skipped(self) -> int:
        """How many rows were left out so far."""
        return sum(self._rows.values())

    def skipped(self) -> tuple[Skipped, ...]:
        """Return the reasons, most rows first (ties: by reason)."""
        order = sorted(self._rows, key=lambda reason: (-self._rows[reason], reason))
        return tuple(Skipped(reason, self._rows[reason], tuple(self._examples[reason])) for reason in order)


def _malformed(code: str) -> str:
    return f"malformed: {TITLES[code]} ({code})"
