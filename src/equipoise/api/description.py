"""What the interface says of itself (OpenAPI): what each route answers, how it refuses, and what a caller shows."""

from __future__ import annotations

from typing import Any

from equipoise.api.guard import Route


def description(route: Route) -> dict[str, Any]:
    """Return what FastAPI is told of a route."""
    return {
        "operation_id": f"{route.endpoint.__module__.rsplit('.', 1)[1]}_{route.endpoint.__name__}",
        "openapi_extra": {"x-rights": [right.value for right in route.rights]},
    }
