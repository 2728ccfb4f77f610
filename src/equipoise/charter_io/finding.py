"""What is wrong with a charter, and where."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from equipoise.charter.model import Charter
from equipoise.errors import InputError, Place

MAX_FINDINGS = 100
"""Reading stops when this many errors are known: a file that is no charter need not be listed whole."""


@dataclass(frozen=True, slots=True)
class Finding:
    """One error (``C…``) or warning (``W…``).

    Parameters
    ----------
    code : str
        As listed in the charter language.
    place : Place
        File, line and column of the value.
    message : str
        One sentence with the value.
    hint : str
        What to do; may be empty.
    """

    code: str
    place: Place
    message: str
    hint: str = ""

    @property
    def is_warning(self) -> bool:
        """Whether the charter may be used all the same."""
        return self.code.startswith("W")

    def __str__(self) -> str:
        return f"{self.place} {self.code} {self.message}{f' (hint: {self.hint})' if self.hint else ''}"

    def to_dict(self) -> dict[str, object]:
        """Return plain values for JSON."""
        return {
            "file": self.place.file,
            "line": self.place.line,
            "column": self.place.column,
            "code": self.code,
            "severity": "warning" if self.is_warning else "error",
            "message": self.message,
            "hint": self.hint,
        }


class CharterError(InputError):
    """A charter that cannot be used. Its own code and place are those of the first error; ``findings`` has them all."""

    def __init__(self, findings: Sequence[Finding]) -> None:
        first = next(finding for finding in findings if not finding.is_warning)
        super().__init__(first.code, first.message, hint=first.hint, place=first.place)
        self.findings = tuple(findings)

    def __str__(self) -> str:
        return "\n".join(str(finding) for finding in self.findings)


@dataclass(frozen=True, slots=True)
class Report:
    """What a check found. ``charter`` is None when there is an error."""

    charter: Charter | None
    findings: tuple[Finding, ...]

    @property
    def errors(self) -> tuple[Finding, ...]:
        """Findings that forbid the use of the charter, in order of the file."""
        return tuple(finding for finding in self.findings if not finding.is_warning)

    @property
    def warnings(self) -> tuple[Finding, ...]:
        """Findings that do not, in order of the file."""
        return tuple(finding for finding in self.findings if finding.is_warning)
