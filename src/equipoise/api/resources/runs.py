"""The runs that there are to look at."""

from __future__ import annotations

import asyncio
from typing import Any

from equipoise.api.service import Caller

Plain = dict[str, Any]


async def listed(call: Caller) -> Plain:
    """Return the runs: the live lab, or those of a film."""
    found = await asyncio.to_thread(call.service.runs.all)
    return {"items": [run.plain() for run in found], "next": None}
