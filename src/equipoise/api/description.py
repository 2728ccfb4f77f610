"""What the interface says of itself (OpenAPI): what each route answers, how it refuses, and what a caller shows."""

from __future__ import annotations

from http import HTTPStatus
from typing import Any

from fastapi import FastAPI
from fastapi.openapi.utils import get_openapi
from fastapi.responses import JSONResponse, Response
from pydantic.json_schema import models_json_schema

from equipoise.api.answers import Problem
from equipoise.api.conditional import Cache
from equipoise.api.guard import KEY, LONGEST_KEY, Route
from equipoise.api.problem import MEDIA_TYPE

Plain = dict[str, Any]
READ_REFUSED = (401, 403, 404, 409, 422, 429, 500, 503)
CHANGE_REFUSED = (401, 403, 404, 409, 412, 413, 422, 429, 500, 503)
OPEN_REFUSED = (409, 500, 503)
PROBLEM: Plain = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
ABOUT = """\
Everything that a lab's commands and pages show and change. Times are Unix milliseconds, amounts whole devices or GPU-milliseconds; units
end names. Errors are problem details with the code that commands print. Lists have pages: `next` is the `after` of the page that follows.
"""
CACHES = {
    Cache.STATE: "Of exactly this answer.",
    Cache.CLOCK: "Weak: of everything but the time at which it was read.",
    Cache.FOREVER: "Of exactly this answer, which never changes.",
}


def description(route: Route) -> Plain:
    """Return what FastAPI is told of a route."""
    extra: Plain = {"x-rights": [right.value for right in route.rights]}
    if not route.rights:
        extra["security"] = []
    names = _named_headers(route)
    if names:
        extra["parameters"] = [{"in": "header", "required": False, **one} for one in names]
    return {
        "operation_id": f"{route.endpoint.__module__.rsplit('.', 1)[1]}_{route.endpoint.__name__}",
        "tags": [route.endpoint.__module__.rsplit(".", 1)[1]],
        "response_class": JSONResponse if route.answer is not None else Response,
        "responses": {**_answered(route), **_refused(route)},
        "openapi_extra": extra,
    }


def described(app: FastAPI) -> Plain:
    """Return the whole description; made once."""
    if app.openapi_schema is None:
        found = get_openapi(title=app.title, version=app.version, description=ABOUT, routes=app.routes)
        parts = found.setdefault("components", {})
        _, schemas = models_json_schema([(Problem, "serialization")], ref_template="#/components/schemas/{model}")
        parts.setdefault("schemas", {}).update(schemas["$defs"])
        parts["securitySchemes"] = {
            "token": {
                "type": "http",
                "scheme": "bearer",
                "description": "`equipoise token new`, or of the issuer of OIDC.",
            }
        }
        found["security"] = [{"token": []}]
        app.openapi_schema = found
    return app.openapi_schema


def _answered(route: Route) -> dict[int | str, Plain]:
    told: Plain = {"description": "Done." if route.method != "GET" else "What was asked for."}
    if route.answer is not None:
        told["model"] = route.answer
    else:
        told["content"] = {route.kind.partition(";")[0]: {"schema": {"type": "string"}}}
    headers: Plain = {"Cache-Control": _header("How long it holds.")}
    if route.cache is not Cache.NEVER:
        headers["ETag"] = _header(CACHES[route.cache])
    if route.answer is not None and "next" in route.answer.model_fields:
        headers["Link"] = _header('The page that follows, `rel="next"`.')
    if route.keeps_keys:
        headers["Idempotency-Replayed"] = _header("`true`: the call was made before, and this was its answer.")
    found: dict[int | str, Plain] = {route.status: {**told, "headers": headers}}
    if route.cache is not Cache.NEVER:
        found[304] = {"description": "The caller has it."}
    return found


def _refused(route: Route) -> dict[int | str, Plain]:
    codes = OPEN_REFUSED if not route.rights else READ_REFUSED if route.method == "GET" else CHANGE_REFUSED
    return {code: {"description": f"{HTTPStatus(code).phrase}.", "content": PROBLEM} for code in codes}


def _named_headers(route: Route) -> list[Plain]:
    """Return headers that are read for all routes, and so stand in no signature."""
    if route.cache is not Cache.NEVER:
        about = "Tags that the caller has."
        return [{"name": "If-None-Match", "description": about, "schema": {"type": "string"}}]
    if route.keeps_keys and route.path != "/requests":
        about = "The same again within a day: the same answer, and nothing comes twice."
        schema = {"type": "string", "minLength": 1, "maxLength": LONGEST_KEY, "pattern": "^[!-~]+$"}
        return [{"name": KEY, "description": about, "schema": schema}]
    return []


def _header(about: str) -> Plain:
    return {"description": about, "schema": {"type": "string"}}
