"""The errors of Equipoise, and what each one means.

* EquipoiseError
    - InputError            a charter, trace or setting that cannot be used
    - AuthorizationError    a quorum or a gate says no
    - VerificationError     a signature, inclusion or consistency proof does not hold
    - RetryableError        a component outside failed; says whether to try again
        - EngineError       an execution engine
        - StoreError        a ledger store
    - InternalError         a bug of ours

Each carries a stable ``code``, one sentence with the offending value, and a hint that says what to do. The library
raises; only the edge (CLI, API) prints them and turns them into exit codes or HTTP statuses.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """Where in a file a finding lies. ``line`` and ``column`` count from 1; 0 means unknown."""

    file: str = ""
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        parts = [self.file or "<input>"]
        if self.line:
            parts.append(str(self.line))
            if self.column:
                parts.append(str(self.column))
        return ":".join(parts)


class EquipoiseError(Exception):
    """Base of all errors that Equipoise raises on purpose.

    Parameters
    ----------
    code : str
        Stable identifier, such as ``C401``.
    message : str
        One sentence that names the offending value.
    hint : str
        What the reader can do about it; may be empty.
    place : Place or None
        Where the value stands, if it came from a file.
    """

    def __init__(self, code: str, message: str, *, hint: str = "", place: Place | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.hint = hint
        self.place = place

    def __str__(self) -> str:
        head = f"{self.place} " if self.place else ""
        tail = f" (hint: {self.hint})" if self.hint else ""
        return f"{head}{self.code} {self.message}{tail}"


class InputError(EquipoiseError):
    """A charter, trace or setting that cannot be used."""


class AuthorizationError(EquipoiseError):
    """A quorum or a gate does not allow it."""


class VerificationError(EquipoiseError):
    """A signature, an inclusion or a consistency proof does not hold."""


class RetryableError(EquipoiseError):
    """A component outside failed; ``retryable`` tells whether trying again can help."""

    def __init__(
        self, code: str, message: str, *, hint: str = "", place: Place | None = None, retryable: bool = False
    ) -> None:
        super().__init__(code, message, hint=hint, place=place)
        self.retryable = retryable


class EngineError(RetryableError):
    """An execution engine failed."""


class StoreError(RetryableError):
    """A ledger store failed."""


class InternalError(EquipoiseError):
    """A bug of ours: please report it with the input that caused it."""
