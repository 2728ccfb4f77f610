"""One table of all routes, and who may call each: a route that is not in it does not exist."""

from __future__ import annotations

from fastapi import FastAPI

from equipoise.api.description import description
from equipoise.api.guard import Route, guarded_route
from equipoise.api.resources import (
    charters,
    events,
    health,
    holders,
    jobs,
    ledger,
    nodes,
    requests,
    standing,
    watching,
)
from equipoise.api.roles import Right

BASE = "/api/v1"


LOOK = (Right.LOOK,)
ROUTES = (
    Route("GET", "/health", (), health.health),
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



def add_routes(app: FastAPI) -> None:
    """Give an app its routes."""
    app.router.route_class = guarded_route({(one.method, BASE + one.path): one for one in ROUTES})
    for one in ROUTES:
        described = description(one)
        app.router.add_api_route(
            BASE + one.path,
            one.endpoint,
            methods=[one.method],
            status_code=one.status,
            response_model=None,
            **described,
        )
