"""The dashboard's page and files, in front of the gate: they hold no data, so they need no token; what they show does.

`Pages` wraps an application, answers what is the dashboard's and hands everything else on.
"""

from __future__ import annotations

import json
import re

from starlette.datastructures import Headers
from starlette.responses import Response
from starlette.types import ASGIApp, Receive, Scope, Send

from equipoise import web
from equipoise.report.theme import tokens_sheet
from equipoise.web import File, Site

SCREENS = re.compile(r"/(?:(?:teams|jobs|promises)(?:/.*)?|timeline|charter|outlook)?")
FILES = ("/app/", "/vendor/")
FOR_EVER = "public, max-age=31536000, immutable"
HEADERS = {
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=(), usb=()",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "vary": "Accept-Encoding",
}


class Pages:
    """The dashboard, around an application.

    Parameters
    ----------
    app : ASGIApp
        What answers everything else.
    entries : dict
        Further pages by path, each with the module that it begins with (tests look at parts so).
    """

    def __init__(self, app: ASGIApp, *, entries: dict[str, str] | None = None) -> None:
        self._app, self._entries = app, entries or {}
        self._changed_ns, self._site = web.changed_ns(), _load()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a call for the dashboard, or hand it on."""
        path = scope.get("path", "")
        is_page = bool(SCREENS.fullmatch(path)) or path in self._entries
        if scope["type"] != "http" or not (is_page or path.startswith(FILES)):
            await self._app(scope, receive, send)
            return
        if scope["method"] not in ("GET", "HEAD"):
            answer = _refusal(405, "pages and files are only read")
        elif is_page:
            answer = self._page(scope)
        else:
            answer = self._given(scope)
        await answer(scope, receive, send)

    def _page(self, scope: Scope) -> Response:
        changed_ns = web.changed_ns()
        if changed_ns != self._changed_ns:
            self._changed_ns, self._site = changed_ns, _load()
        file = self._site.page(self._entries.get(scope["path"], "main.js"))
        policy = {"content-security-policy": _policy(self._site)}
        return _answer(scope, file, policy | {"cache-control": "no-cache"})

    def _given(self, scope: Scope) -> Response:
        path = scope["path"]
        file = self._site.find(path)
        if file is None and path.count("/") > 2:  # of another version, which an open page still asks for
            file = self._site.find(re.sub(r"^/(app|vendor)/[0-9a-f]{16}/", r"/\1/", path))
        if file is None:
            return _refusal(404, "no such file")
        lasts = self._site.is_lasting(path)
        policy = {"content-security-policy": "default-src 'none'; frame-ancestors 'none'"}
        return _answer(scope, file, policy | {"cache-control": FOR_EVER if lasts else "no-cache"})


def _load() -> Site:
    return web.load({"theme.css": tokens_sheet()})


def _policy(site: Site) -> str:
    return "; ".join(
        (
            "default-src 'none'",
            f"script-src 'self' {site.script_source}" if site.is_built else "script-src 'none'",
            "style-src 'self'",
            "img-src 'self' data: blob:",
            "connect-src 'self'",
            "frame-ancestors 'none'",
            "base-uri 'none'",
            "form-action 'none'",
        )
    )


def _answer(scope: Scope, file: File, more: dict[str, str]) -> Response:
    asked = Headers(scope=scope)
    headers = HEADERS | more | {"etag": file.etag}
    if file.etag in re.findall(r'"[^"]*"', asked.get("if-none-match", "")):
        return Response(status_code=304, headers=headers)
    data = file.data
    if "gzip" in asked.get("accept-encoding", "") and len(file.packed) < len(data):
        data, headers = file.packed, headers | {"content-encoding": "gzip"}
    length = {"content-length": str(len(data))}
    return Response(b"" if scope["method"] == "HEAD" else data, 200, headers | length, file.media_type)


def _refusal(status: int, title: str) -> Response:
    told = {"type": "about:blank", "title": title, "status": status}
    headers = HEADERS | {"content-security-policy": "default-src 'none'", "cache-control": "no-store"}
    return Response(json.dumps(told), status, headers, "application/problem+json")
