"""What watches over a lab: alerts that are open, and metrics for Prometheus."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import Response

from equipoise.api.paging import page
from equipoise.api.resources.words import Limit, Mark
from equipoise.api.service import Caller
from equipoise.controller.metrics import metrics_text


async def alerts(call: Caller, after: Mark = "", limit: Limit = 100) -> dict[str, Any]:
    """Return the alerts that are open, the oldest first; times are Unix milliseconds."""
    rows = sorted((one.to_json() for one in call.service.live.alerts.status.open), key=_key)
    return page((row for row in rows if _key(row) > after), limit=limit, key=_key)


def _key(row: dict[str, Any]) -> str:
    """Return a key by which an alert has its place also when others, or it itself, are over."""
    return f"{row['since_ms']:015d}.{row['alert']}"


async def metrics(call: Caller) -> Response:
    """Return all metrics in the text format of Prometheus."""
    text = await asyncio.to_thread(metrics_text, call.controller, call.service.live.alerts)
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")
