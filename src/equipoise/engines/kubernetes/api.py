"""Requests to an API server: JSON in, JSON out, bounded in time; what it answers becomes one of a few errors.

Of a refused request only fields and reasons are told, never the server's sentence about a value: that quotes whole pod
templates, and these hold secrets.
"""

from __future__ import annotations

import contextlib
import importlib
import json
import random
import socket
import threading
from collections.abc import Iterator, Mapping
from typing import Any, TypeAlias

from equipoise.engines.kubernetes.access import Access
from equipoise.errors import EngineError, InputError

Json: TypeAlias = "dict[str, Any]"
MERGE_PATCH = "application/merge-patch+json"
PAGE = 500
WATCH_S = 60
_TRANSIENT = frozenset({408, 429, 500, 502, 503, 504})


class ApiError(EngineError):
    """The server answered, but not with what was asked for.

    Parameters
    ----------
    status : int
        Of HTTP.
    reason : str
        The server's word: ``Conflict``, ``NotFound``, ``AlreadyExists``, ``Invalid``, ``Forbidden``, ``Expired``.
    about : str
        What may be told of it.
    """

    def __init__(self, status: int, reason: str, about: str) -> None:
        super().__init__(
            "E164" if status in (401, 403) else "E163",
            f"the API server answered {status} {reason}{': ' if about else ''}{about}",
            hint="packaging/kubernetes/ has the roles that it needs" if status == 403 else "",
            retryable=status in _TRANSIENT or status in (401, 409, 410),
        )
        self.status, self.reason, self.about = status, reason, about

    @property
    def missing(self) -> bool:
        """No such object."""
        return self.status == 404

    @property
    def conflict(self) -> bool:
        """The object was changed meanwhile, or exists."""
        return self.status == 409

    @property
    def gone(self) -> bool:
        """The version asked for is no longer kept."""
        return self.status == 410

    @property
    def denies(self) -> bool:
        """Whether this object is refused, by validation, admission or a quota: asking again will not help."""
        return self.status in (400, 422) or (self.status == 403 and " cannot " not in self.about)


class Watch:
    """One watch: an iterator of events that `stop` ends from another thread."""

    def __init__(self, response: Any, broken: tuple[type[Exception], ...]) -> None:
        self._response, self._broken = response, broken

    def __iter__(self) -> Iterator[Json]:
        try:
            for line in self._response.iter_lines():
                if line:
                    yield json.loads(line)
        except (*self._broken, OSError, ValueError, RuntimeError) as error:  # ValueError: half a line is no JSON
            raise EngineError("E163", f"the watch broke off ({type(error).__name__})", retryable=True) from None

    def stop(self) -> None:
        """End it: the reader sees the end of the stream."""
        stream = self._response.extensions.get("network_stream")
        connection = None if stream is None else stream.get_extra_info("socket")
        if connection is not None:
            with contextlib.suppress(OSError):  # it has ended already
                connection.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Let go of the connection; only from the thread that reads."""
        self._response.close()


class Api:
    """A client of one API server. Threads may share it."""

    def __init__(self, access: Access, *, answer_ms: int) -> None:
        self._access = access
        self._answer_s = answer_ms / 1000
        self._httpx = _httpx()
        limits = self._httpx.Limits(max_connections=64, max_keepalive_connections=16)
        self._client = self._httpx.Client(
            base_url=access.server, verify=access.trust, timeout=self._answer_s, limits=limits, trust_env=False
        )
        self._watch_timeout = self._httpx.Timeout(self._answer_s, read=WATCH_S + self._answer_s)

    def get(self, path: str, **query: str) -> Json:
        """Return an object."""
        return self._asked("GET", path, query=query)

    def create(self, path: str, body: Json) -> Json:
        """Create an object in a collection, and return it."""
        return self._asked("POST", path, body=body)

    def patch(self, path: str, body: Json) -> Json:
        """Merge into an object, and return it; with ``metadata.resourceVersion`` only if it still is of that version."""
        return self._asked("PATCH", path, body=body, kind=MERGE_PATCH)

    def delete(self, path: str, options: Json) -> None:
        """Delete an object; it may live on until its grace is over."""
        self._asked("DELETE", path, body={"kind": "DeleteOptions", "apiVersion": "v1", **options})

    def list(self, path: str, query: Mapping[str, str]) -> tuple[list[Json], str]:
        """Return all objects of a collection as of one version, and that version."""
        found: list[Json] = []
        more = ""
        while True:
            page = self._asked("GET", path, query={**query, "limit": str(PAGE), **({"continue": more} if more else {})})
            found += page["items"]
            more = page["metadata"].get("continue", "")
            if not more:
                return found, page["metadata"]["resourceVersion"]

    def watch(self, path: str, query: Mapping[str, str], version: str) -> Watch:
        """Return the changes of a collection since a version; the server ends it after about a minute."""
        # Spread, so that the watches of many clients do not begin anew at one instant.
        last_s = str(WATCH_S - int(random.random() * WATCH_S / 4))
        more = {"watch": "true", "allowWatchBookmarks": "true", "resourceVersion": version, "timeoutSeconds": last_s}
        response = self._sent("GET", path, query={**query, **more}, stream=True)
        if response.status_code != 200:
            try:
                response.read()
                raise _error(response)
            finally:
                response.close()
        return Watch(response, (self._httpx.HTTPError, self._httpx.StreamError))

    def close(self) -> None:
        """Close all connections."""
        self._client.close()

    def _asked(self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: Json | None = None,
               kind: str = "application/json") -> Json:  # fmt: skip
        response = self._sent(method, path, query=query, body=body, kind=kind)
        if response.status_code == 401:
            response = self._sent(method, path, query=query, body=body, kind=kind, refused=True)
        if response.status_code >= 300:
            raise _error(response)
        try:
            return response.json()
        except ValueError:
            raise EngineError("E163", "the API server's answer is no JSON", retryable=True) from None

    def _sent(self, method: str, path: str, *, query: Mapping[str, str] | None = None, body: Json | None = None,
              kind: str = "application/json", stream: bool = False, refused: bool = False) -> Any:  # fmt: skip
        headers = {"accept": "application/json"}
        if body is not None:
            headers["content-type"] = kind
        try:
            token = self._access.bearer(refused)
            if token:
                headers["authorization"] = f"Bearer {token}"
            content = None if body is None else json.dumps(body).encode()
            timeout = self._watch_timeout if stream else self._answer_s
            request = self._client.build_request(
                method, path, params=query, content=content, headers=headers, timeout=timeout
            )
            return self._client.send(request, stream=stream)
        except (self._httpx.HTTPError, OSError, RuntimeError) as error:  # RuntimeError: closed meanwhile
            what = type(error).__name__
            raise EngineError("E163", f"the API server does not answer ({what})", retryable=True) from None


def _error(response: Any) -> ApiError:
    try:
        status: Json = response.json()
    except ValueError:
        status = {}
    reason = str(status.get("reason") or response.reason_phrase)
    return ApiError(int(response.status_code), reason, told(status))


def told(status: Json) -> str:
    """Return what may be told of a ``Status``: fields and reasons of what is invalid, else who may not do what."""
    details: Json = status.get("details") or {}
    causes: list[Json] = details.get("causes") or []
    if causes:
        return ", ".join(f"{cause.get('field', '?')} ({cause.get('reason', '?')})" for cause in causes[:5])
    return str(status.get("message", ""))[:200] if status.get("code") in (403, 404, 409) else ""


def _httpx() -> Any:
    try:
        return importlib.import_module("httpx")
    except ImportError:
        hint = "pip install 'equipoise[kubernetes]'"
        raise InputError("E160", "the engine needs httpx, which is not installed", hint=hint) from None


class Backoff:
    """How long to wait before the next try: doubling from a tenth of a second to half a minute, a part of it by chance."""

    def __init__(self, stopped: threading.Event, *, most_s: float = 30.0) -> None:
        self._stopped, self._most_s = stopped, most_s
        self._next_s = 0.1

    def reset(self) -> None:
        """Start over: it worked."""
        self._next_s = 0.1

    def wait(self) -> None:
        """Wait, unless all is to stop."""
        self._stopped.wait(self._next_s * (0.5 + random.random() / 2))
        self._next_s = min(self._most_s, self._next_s * 2)
