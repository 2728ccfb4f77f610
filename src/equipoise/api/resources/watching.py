"""What watches over a lab: alerts that are open, and metrics for Prometheus."""

from __future__ import annotations

import asyncio
from typing import Any

from fastapi import Response

from equipoise.api.service import Caller
from equipoise.controller.metrics import metrics_text


async def alerts(call: Caller) -> dict[str, Any]:
    """Return the alerts that are open, the oldest first; times are Unix milliseconds."""
    return {"items": [one.to_json() for one in call.service.live.alerts.status.open]}


async def metrics(call: Caller) -> Response:
    """Return all metrics in the text format of Prometheus."""
    text = await asyncio.to_thread(metrics_text, call.controller, call.service.live.alerts)
    return Response(text, media_type="text/plain; version=0.0.4; charset=utf-8")
