"""The gate that every call passes: headers that close what browsers leave open, who calls, how often, and how much they send.

Nothing of a body is read before the token is known. No cookie is ever set or looked at, so no page of another site can act with a
reader's rights: it would have to know the token.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import OrderedDict
from collections.abc import Callable
from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from equipoise.api.identity import Issuer
from equipoise.api.problem import problem
from equipoise.api.tokens import Bearer, Tokens
from equipoise.errors import AuthorizationError, EquipoiseError, InputError
from equipoise.tasks.address import is_loopback

LOG = logging.getLogger("equipoise.api")
OPEN_PATHS = frozenset({"/api/v1/health"})
HEADERS = {
    "content-security-policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-resource-policy": "same-origin",
    "cross-origin-opener-policy": "same-origin",
    "cache-control": "no-store",
}
READS = frozenset({"GET", "HEAD", "OPTIONS"})
WRONG_PER_MINUTE = 60
"""How many wrong tokens an address may show in a minute."""


class Rates:
    """How often somebody may call: a bucket that holds a minute's calls and fills steadily.

    Parameters
    ----------
    per_minute : int
    now_s : callable
        A clock that never goes back.
    room : int
        How many callers are remembered; who has not called for longest is forgotten first.

    Examples
    --------
    >>> rates = Rates(2, lambda: 0.0)
    >>> rates.take("ada"), rates.take("ada"), rates.take("ada"), rates.take("ben")
    (True, True, False, True)
    """

    def __init__(self, per_minute: int, now_s: Callable[[], float] = time.monotonic, room: int = 10_000) -> None:
        self._per_minute, self._now_s, self._room = per_minute, now_s, room
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def take(self, who: str) -> bool:
        """Whether somebody may call once more."""
        left = self.left(who)
        self._left[who] = (max(0.0, left - 1.0), self._now_s())
        self._left.move_to_end(who)
        if len(self._left) > self._room:
            self._left.popitem(last=False)
        return left >= 1.0

    def left(self, who: str) -> float:
        """How many calls somebody has left now."""
        now_s = self._now_s()
        left, since_s = self._left.get(who, (float(self._per_minute), now_s))
        return min(float(self._per_minute), left + (now_s - since_s) * self._per_minute / 60.0)


def check_site(method: str, headers: Headers) -> None:
    """Raise N166 for a change that a page of another site asks for, as far as its browser says so.

    A second wall: there is no cookie, so such a page would need a token. Programs send neither header.

    Examples
    --------
    >>> check_site("POST", Headers({"host": "lab:7878", "origin": "https://lab:7878", "sec-fetch-site": "same-origin"}))
    >>> check_site("POST", Headers({"host": "lab:7878", "origin": "https://evil.example"}))
    Traceback (most recent call last):
    ...
    equipoise.errors.AuthorizationError: N166 a change that a page of another site asks for (hint: nobody may)
    """
    if method in READS:
        return
    origin, site = headers.get("origin"), headers.get("sec-fetch-site")
    is_own = origin is None or origin.partition("://")[2] == headers.get("host", "") != ""
    if not is_own or site not in (None, "same-origin", "none"):
        raise AuthorizationError("N166", "a change that a page of another site asks for", hint="nobody may")


class Gate:
    """The gate, around the routes.

    Parameters
    ----------
    app : ASGIApp
    tokens : Tokens
    most_body_bytes, per_minute : int
    guest : Bearer or None
        Who a caller is that shows no token; None: nobody.
    issuer : Issuer or None
        Whose tokens are believed besides the lab's own.
    """

    def __init__(
        self,
        app: ASGIApp,
        *,
        tokens: Tokens,
        most_body_bytes: int,
        per_minute: int,
        guest: Bearer | None = None,
        issuer: Issuer | None = None,
    ) -> None:
        self._app, self._tokens, self._most, self._guest = app, tokens, most_body_bytes, guest
        self._issuer = issuer
        self._rates, self._wrong = Rates(per_minute), Rates(WRONG_PER_MINUTE)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a call through, or answer it."""
        if scope["type"] != "http":
            if scope["type"] == "lifespan":
                await self._app(scope, receive, send)
            return
        began_s = time.monotonic()
        sent = _Sent(send)
        who = "-"
        try:
            check_site(scope["method"], Headers(scope=scope))
            if scope["path"] not in OPEN_PATHS:
                bearer = await self._bearer(scope)
                who = f"{bearer.person} ({bearer.role} {bearer.token})"
                scope.setdefault("state", {})["bearer"] = bearer
            await self._app(scope, _Measured(receive, Headers(scope=scope), self._most), sent)
        except EquipoiseError as error:
            if sent.status:
                raise
            await problem(error)(scope, receive, sent)
        finally:
            took_ms = (time.monotonic() - began_s) * 1000
            LOG.info("%s %s %d %.0f ms %s", scope["method"], _printable(scope["path"]), sent.status, took_ms, who)

    async def _bearer(self, scope: Scope) -> Bearer:
        shown = Headers(scope=scope).get("authorization", "")
        if not shown and self._guest is not None:
            if not is_loopback(_host(scope)):  # a page of another site whose name was made to mean this machine
                raise AuthorizationError("N132", "a film is shown under this machine's own name only")
            return self._guest
        kind, _, text = shown.partition(" ")
        try:
            if kind.lower() != "bearer":
                raise AuthorizationError("N132", "no token was shown", hint="Authorization: Bearer eq_…")
            bearer = await self._shown(text.strip())
        except (
            AuthorizationError
        ):  # whoever shows a right token is answered, however many others call from there with wrong ones
            if not self._wrong.take(str((scope.get("client") or ("",))[0])):
                raise InputError("N138", "too many calls with wrong tokens", hint="wait a minute") from None
            raise
        if not self._rates.take(bearer.token):
            raise InputError("N138", "too many calls with this token", hint="wait a moment")
        return bearer

    async def _shown(self, text: str) -> Bearer:
        """Return who holds a token of the lab, or one of the issuer that is believed."""
        if self._issuer is None or not self._issuer.may_be(text):
            return self._tokens.bearer(text)
        return await asyncio.to_thread(self._issuer.bearer, text)


class _Measured:
    """A body that is not read past its limit."""

    def __init__(self, receive: Receive, headers: Headers, most: int) -> None:
        self._receive, self._most, self._read = receive, most, 0
        said = headers.get("content-length", "0")
        self._said = int(said) if said.isdecimal() and len(said) < 16 else most + 1

    async def __call__(self) -> Message:
        if self._said > self._most:
            self._refuse()
        message = await self._receive()
        if message["type"] == "http.request":
            self._read += len(message.get("body", b""))
            if self._read > self._most:
                self._refuse()
        return message

    def _refuse(self) -> None:
        raise InputError("N137", f"a body of more than {self._most} bytes", hint="send less, or in parts")


class _Sent:
    """Adds the headers, and remembers the status."""

    def __init__(self, send: Send) -> None:
        self._send = send
        self.status = 0

    async def __call__(self, message: Message) -> None:
        if message["type"] == "http.response.start":
            self.status = message["status"]
            headers = MutableHeaders(scope=message)
            for name, value in HEADERS.items():
                headers.setdefault(name, value)
        await self._send(message)


def _host(scope: Scope) -> str:
    """Return by which name the caller knows this server."""
    try:
        return urlsplit("//" + Headers(scope=scope).get("host", "")).hostname or ""
    except ValueError:
        return ""


def _printable(path: str) -> str:
    return "".join(one if one.isprintable() else "?" for one in path[:200])
