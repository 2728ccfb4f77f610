"""What every route does beside its own work: rights first, then repeated calls, and at the end tags, pages and how long it holds."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass
from typing import Any

from fastapi import Request, Response
from fastapi.routing import APIRoute
from starlette.responses import StreamingResponse

from equipoise.api.conditional import CONTROL, Cache, conditional, values_of
from equipoise.api.paging import next_link
from equipoise.api.roles import Right, require_any
from equipoise.api.service import Service
from equipoise.errors import InputError
from equipoise.units import shown

KEY = "Idempotency-Key"
AGAIN = "again"
"""What a reader may add to tell one call of an address from the next; it changes nothing."""
LONGEST_KEY = 200
NULL = b"\0"


@dataclass(frozen=True, slots=True)
class Route:
    """A route, and the rights of which its caller needs one; none where it is open to all.

    Parameters
    ----------
    method, path : str
    rights : tuple of Right
    endpoint : callable
    status : int
        Where all goes well.
    answer : type or None
        What it answers, for the description of the interface.
    cache : Cache
        How long that holds.
    kind : str
        Its media type.
    is_secret : bool
        Whether the answer has a secret.
    is_safe : bool
        Whether the change can be made twice without harm.
    """

    method: str
    path: str
    rights: tuple[Right, ...]
    endpoint: Callable[..., Any]
    status: int = 200
    answer: Any = None
    cache: Cache = Cache.NEVER
    kind: str = "application/json"
    is_secret: bool = False
    is_safe: bool = True

    @property
    def keeps_keys(self) -> bool:
        """Whether the server keeps the answers of repeated calls; the desk itself does for jobs, for good and exactly."""
        return self.method == "POST" and self.path != "/jobs"


def guarded_route(routes: dict[tuple[str, str], Route]) -> type[APIRoute]:
    """Return the class of routes that are guarded by a table, by method and whole path."""

    class GuardedRoute(APIRoute):
        """A route that asks for its rights before it looks at what was sent."""

        def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
            """Return what answers a call."""
            answer = super().get_route_handler()
            (method,) = self.methods or set[str]()
            route = routes[method, self.path]
            known = frozenset([one.alias for one in self.dependant.query_params] + ([AGAIN] if method == "GET" else []))

            async def guarded(request: Request) -> Response:
                if route.rights:
                    require_any(request.state.bearer.role, route.rights)
                _check_query(request, known)
                if route.method != "GET":
                    return await _changed(request, route, answer)
                return _read(request, route, await answer(request))

            return guarded

    return GuardedRoute


def _check_query(request: Request, known: frozenset[str]) -> None:
    """Raise N136 for a parameter that the route does not have, or that stands twice: a slip would else change the answer unseen."""
    seen: set[str] = set()
    for name, _ in request.query_params.multi_items():
        if name not in known:
            hint = f"there are: {', '.join(sorted(known))}" if known else "it takes none"
            raise InputError("N136", f"not understood: no parameter {shown(name)}", hint=hint)
        if name in seen:
            raise InputError("N136", f"not understood: {name} stands twice", hint="say it once")
        seen.add(name)


def _read(request: Request, route: Route, answer: Response) -> Response:
    if isinstance(answer, StreamingResponse):
        answer.headers["Cache-Control"] = CONTROL[Cache.NEVER]
        return answer
    if route.cache is not Cache.FOREVER and (link := next_link(request.url, values_of(answer))) is not None:
        answer.headers["Link"] = link
    return conditional(answer, route.cache, request.headers.get("if-none-match"))


async def _changed(request: Request, route: Route, act: Callable[[Request], Awaitable[Response]]) -> Response:
    key = request.headers.get(KEY)
    service: Service = request.app.state.service
    if key is None or not route.keeps_keys or service.lab is None:
        answer = await act(request)
    else:
        if not 0 < len(key) <= LONGEST_KEY or any(not "!" <= one <= "~" for one in key):
            raise InputError("N136", f"not understood: header.{KEY}", hint="1 to 200 letters, digits and signs")
        who = f"{request.state.bearer.person} {key} {request.method} {request.url.path}"
        asked = request.url.query.encode() + NULL + request.headers.get("if-match", "").encode() + NULL
        answer = await service.lab.repeats.call(
            who, asked + await request.body(), lambda: act(request), is_secret=route.is_secret, is_safe=route.is_safe
        )
    answer.headers["Cache-Control"] = CONTROL[Cache.NEVER]
    return answer
