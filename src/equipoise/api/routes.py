"""One table of all routes, and who may call each: a route that is not in it does not exist."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from fastapi import FastAPI, Request, Response
from fastapi.routing import APIRoute

from equipoise.api.resources import (
    charters,
    events,
    health,
    history,
    holders,
    jobs,
    ledger,
    nodes,
    requests,
    runs,
    standing,
    watching,
)
from equipoise.api.roles import Right, require_any

BASE = "/api/v1"


@dataclass(frozen=True, slots=True)
class Route:
    """A route, and the rights of which its caller needs one; none where it is open to all."""

    method: str
    path: str
    rights: tuple[Right, ...]
    endpoint: Callable[..., Any]
    status: int = 200


LOOK = (Right.LOOK,)
ROUTES = (
    Route("GET", "/health", (), health.health),
    Route("GET", "/runs", LOOK, runs.listed),
    Route("GET", "/runs/{run}/raster", LOOK, history.picture),
    Route("GET", "/runs/{run}/jobs", LOOK, history.jobs),
    Route("GET", "/runs/{run}/jobs/{job}", LOOK, history.job),
    Route("GET", "/runs/{run}/jobs/{job}/why", LOOK, history.why),
    Route("GET", "/standing", LOOK, standing.standing),
    Route("GET", "/capacity", LOOK, standing.capacity),
    Route("GET", "/teams", LOOK, standing.teams),
    Route("GET", "/teams/{path}/standing", LOOK, standing.team),
    Route("GET", "/jobs", LOOK, jobs.listed),
    Route("POST", "/jobs", (Right.SUBMIT,), jobs.submit, 201),
    Route("GET", "/jobs/{job}", LOOK, jobs.one),
    Route("GET", "/jobs/{job}/why", LOOK, jobs.why),
    Route("POST", "/jobs/{job}/cancel", (Right.CANCEL, Right.CANCEL_ANY), jobs.cancel),
    Route("GET", "/requests", LOOK, requests.listed),
    Route("POST", "/requests", (Right.ASK,), requests.ask, 201),
    Route("POST", "/requests/{name}/answer", (Right.ANSWER,), requests.answer),
    Route("POST", "/requests/{name}/transfer", (Right.ANSWER,), requests.transfer),
    Route("GET", "/nodes", LOOK, nodes.listed),
    Route("POST", "/nodes/{pool}/{node}/drain", (Right.DRAIN,), nodes.drain),
    Route("GET", "/charter", LOOK, charters.in_force),
    Route("POST", "/charters", (Right.ENACT,), charters.enter),
    Route("GET", "/ledger", LOOK, ledger.head),
    Route("GET", "/ledger/checkpoint", (Right.READ_LEDGER,), ledger.checkpoint),
    Route("GET", "/ledger/tile/{path:path}", (Right.READ_LEDGER,), ledger.tile),
    Route("GET", "/ledger/entries", (Right.READ_LEDGER,), ledger.entries),
    Route("GET", "/tokens", (Right.MANAGE_TOKENS,), holders.listed),
    Route("POST", "/tokens", (Right.MANAGE_TOKENS,), holders.new, 201),
    Route("DELETE", "/tokens/{token}", (Right.MANAGE_TOKENS,), holders.revoke),
    Route("GET", "/events", LOOK, events.stream),
    Route("GET", "/alerts", LOOK, watching.alerts),
    Route("GET", "/metrics", LOOK, watching.metrics),
)
RIGHTS_OF = {(one.method, BASE + one.path): one.rights for one in ROUTES}


class GuardedRoute(APIRoute):
    """A route that asks for its rights before it looks at what was sent."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """Return what answers a call."""
        answer = super().get_route_handler()
        (method,) = self.methods or set[str]()
        rights = RIGHTS_OF[method, self.path]

        async def guarded(request: Request) -> Response:
            if rights:
                require_any(request.state.bearer.role, rights)
            return await answer(request)

        return guarded


def add_routes(app: FastAPI) -> None:
    """Give an app its routes."""
    app.router.route_class = GuardedRoute
    for one in ROUTES:
        app.router.add_api_route(
            BASE + one.path,
            one.endpoint,
            methods=[one.method],
            status_code=one.status,
            operation_id=f"{one.endpoint.__module__.rsplit('.', 1)[1]}_{one.endpoint.__name__}",
            openapi_extra={"x-rights": [right.value for right in one.rights]},
        )
