"""Errors as they leave the server: problem details (RFC 9457) with code and hint, and one table of statuses."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from starlette.responses import Response

from equipoise.charter_io.finding import CharterError
from equipoise.errors import (
    AuthorizationError,
    EquipoiseError,
    InputError,
    InternalError,
    RetryableError,
    VerificationError,
)

STATUS_OF_CODE: Mapping[str, int] = {
    "N131": 404,
    "N132": 401,
    "N136": 422,
    "N137": 413,
    "N138": 429,
    "N139": 404,
    "N150": 409,
    "N151": 404,
    "N172": 404,
    "N160": 412,
    "N163": 422,
    "N164": 409,
    "N165": 409,
    "N167": 404,
    "N168": 409,
    "N174": 409,
    "N175": 404,
    "N176": 404,
    "N177": 404,
    "N178": 409,
    "N179": 409,
    "R108": 404,
    "R109": 404,
    "R103": 409,
    "R112": 409,
    "R113": 409,
    "R114": 409,
    "P112": 409,
}
STATUS_OF_CLASS: tuple[tuple[type[EquipoiseError], int], ...] = (
    (AuthorizationError, 403),
    (InputError, 422),
    (VerificationError, 422),
    (InternalError, 500),
)
RETRY_S = 2
MEDIA_TYPE = "application/problem+json"


def status_of(error: EquipoiseError) -> int:
    """Return the HTTP status of an error.

    Examples
    --------
    >>> status_of(InputError("R108", "there is no job 7")), status_of(AuthorizationError("N133", "no"))
    (404, 403)
    """
    if error.code in STATUS_OF_CODE:
        return STATUS_OF_CODE[error.code]
    if isinstance(error, RetryableError):
        return 503 if error.retryable else 500
    return next((status for kind, status in STATUS_OF_CLASS if isinstance(error, kind)), 500)


def problem(error: EquipoiseError, *, status: int | None = None) -> Response:
    """Return the answer that an error becomes."""
    status = status_of(error) if status is None else status
    told: dict[str, Any] = {
        "type": f"urn:equipoise:error:{error.code}",
        "title": error.message,
        "status": status,
        "code": error.code,
        "hint": error.hint,
    }
    if isinstance(error, CharterError):
        told["findings"] = [finding.to_dict() for finding in error.findings]
    headers: dict[str, str] = {}
    if status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    if status in (429, 503):
        headers["Retry-After"] = str(RETRY_S)
    data = json.dumps(told, ensure_ascii=True).encode()
    return Response(data, status, headers, MEDIA_TYPE)
