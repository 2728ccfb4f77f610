"""The description of the interface and its page say what there is."""

from __future__ import annotations

import json

from fastapi import FastAPI

from equipoise.api.conditional import Cache
from equipoise.api.description import described
from equipoise.api.guard import Route
from equipoise.api.reference import routes_table, with_table
from equipoise.api.roles import RIGHTS, Right
from equipoise.api.routes import BASE, ROUTES, add_routes
from tests.docs.pages import ROOT

TEXTS = {
    "/events",
    "/metrics",
    "/ledger/checkpoint",
    "/ledger/tile/{path:path}",
    "/promises/{promise}/receipt",
    "/runs/{run}/promises/{promise}/receipt",
    "/runs/{run}/charters/{digest}",
}


def test_the_page_has_the_table_of_the_code() -> None:
    page = (ROOT / "docs" / "api.md").read_text("utf-8")
    assert routes_table() in page, "python -m equipoise.api.reference"
    assert with_table(page) == page


def test_every_route_says_what_it_answers_and_how_it_refuses() -> None:
    app = FastAPI(title="Equipoise", version="0", openapi_url=f"{BASE}/openapi.json")
    add_routes(app)
    told = described(app)
    assert "HTTPValidationError" not in json.dumps(told), "errors are problems"
    for route in ROUTES:
        own = told["paths"][BASE + route.path.replace(":path", "")][route.method.lower()]
        assert own["description"] and own["operationId"], route
        assert ("$ref" in json.dumps(own["responses"][str(route.status)]["content"])) == (route.path not in TEXTS), (
            route
        )
        refused = {
            code for code, one in own["responses"].items() if "application/problem+json" in one.get("content", {})
        }
        assert refused >= ({"401", "403", "429"} if route.rights else {"503"}), route
        assert (own.get("security") == []) == (not route.rights)
        assert ("304" in own["responses"]) == (route.cache is not Cache.NEVER)


def test_secrets_and_changes_are_never_kept_by_a_reader() -> None:
    kept = [one for one in ROUTES if one.cache is not Cache.NEVER]
    assert all(one.method == "GET" and not one.is_secret for one in kept)
    assert {one.path for one in ROUTES if one.cache is Cache.FOREVER} == {
        "/charters/{digest}",
        "/runs/{run}/charters/{digest}",
        "/ledger/tile/{path:path}",
    }


def test_every_right_is_somebodys_and_opens_something() -> None:
    used: set[Right] = set()
    for one in ROUTES:
        assert isinstance(one, Route)
        used |= set(one.rights)
    assert used == set(Right) == set().union(*RIGHTS.values())
