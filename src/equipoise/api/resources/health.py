"""Whether the server is of use: the one route that needs no token, so it says nothing else."""

from __future__ import annotations

from typing import cast

from fastapi import Request

from equipoise.api.service import Service
from equipoise.errors import StoreError


async def health(request: Request) -> dict[str, str]:
    """Say that the controller runs; 503 where it does not."""
    service = cast(Service, request.app.state.service)
    if service.lab is not None and service.lab.controller.failure is not None:
        raise StoreError("R116", "the controller has ended", hint="see its log", retryable=True)
    return {"status": "ok"}
