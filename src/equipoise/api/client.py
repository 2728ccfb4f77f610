"""Calls a live lab's server: for the command line, and for Python.

`Client` is what one uses; `connection` finds out where the server is and which token to show: from the environment
(``EQUIPOISE_SERVER``, ``EQUIPOISE_TOKEN``), or from a file that only its owner may read.
"""

from __future__ import annotations

import json
import os
from collections.abc import Generator, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import httpx

from equipoise.errors import AuthorizationError, EngineError, EquipoiseError, InputError, StoreError
from equipoise.tasks.address import is_loopback

Plain = dict[str, Any]
DEFAULT_SERVER = "http://127.0.0.1:7878"
TIMEOUT_S = 45.0


@dataclass(frozen=True, slots=True)
class Connection:
    """Where the server is, and the token.

    Parameters
    ----------
    server : str
        Such as ``https://equipoise.lab.example``.
    token : str
        Not shown by ``repr``.
    """

    server: str
    token: str = field(repr=False)


def connection(*, server: str | None = None) -> Connection:
    """Return where to call, and with which token.

    Parameters
    ----------
    server : str or None
        By default that of the environment, then that of the file, then this machine's.

    Raises
    ------
    InputError
        N146 without a token, for a file that others may read, or one that cannot be read; or where a token would be sent unencrypted
        to another machine.
    """
    address, token = server or os.environ.get("EQUIPOISE_SERVER"), os.environ.get("EQUIPOISE_TOKEN")
    if not address or not token:
        kept = _kept(credentials_path())
        address, token = address or kept.get("server") or DEFAULT_SERVER, token or kept.get("token")
    if not token:
        raise InputError(
            "N146", "no token to show to the server", hint="EQUIPOISE_TOKEN, or `equipoise token use` keeps one"
        )
    _check_address(address)
    return Connection(address.rstrip("/"), token)


def keep(server: str, token: str) -> Path:
    """Keep a server's address and a token in a file that only its owner may read; returns which."""
    _check_address(server)
    path = credentials_path()
    path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    beside = path.with_name(path.name + ".new")
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "w") as file:
        os.fchmod(file.fileno(), 0o600)
        json.dump({"server": server, "token": token}, file)
    beside.replace(path)
    return path


def credentials_path() -> Path:
    """Return the file of `keep`."""
    base = os.environ.get("XDG_CONFIG_HOME") or os.fspath(Path.home() / ".config")
    return Path(base) / "equipoise" / "credentials.json"


class Client:
    """Calls of one server.

    Parameters
    ----------
    to : Connection
    """

    def __init__(self, to: Connection) -> None:
        self._to = to
        self._http = httpx.Client(
            base_url=f"{to.server}/api/v1",
            headers={"Authorization": f"Bearer {to.token}"},
            timeout=httpx.Timeout(TIMEOUT_S, read=TIMEOUT_S + 60),
            follow_redirects=False,  # the token goes to nobody else
        )

    def get(self, path: str, **parameters: Any) -> Plain:
        """Read something."""
        return self.call("GET", path, parameters=parameters)

    def rows(self, path: str, **parameters: Any) -> Iterator[Plain]:
        """Read a list, page by page."""
        while True:
            found = self.get(path, **parameters)
            yield from found["items"]
            if found.get("next") is None:
                return
            parameters["after"] = found["next"]

    def post(self, path: str, body: Mapping[str, Any] | None = None, *, key: str = "") -> Plain:
        """Ask for something; with a key it may be asked again, and nothing comes twice."""
        return self.call("POST", path, body=body, key=key)

    def delete(self, path: str) -> Plain:
        """Take something away."""
        return self.call("DELETE", path)

    def call(
        self,
        method: str,
        path: str,
        *,
        parameters: Mapping[str, Any] | None = None,
        body: Mapping[str, Any] | None = None,
        key: str = "",
    ) -> Plain:
        """Call a route, such as ``/jobs``.

        Raises
        ------
        EquipoiseError
            What the server said, of the class that it was there; StoreError N144 where it cannot be reached, or is something else.
        """
        headers = {"Idempotency-Key": key} if key else {}
        try:
            answer = self._http.request(method, path, params=parameters, json=body, headers=headers)
        except httpx.HTTPError as error:
            said = f"the server at {self._to.server} cannot be reached: {str(error) or type(error).__name__}"
            raise StoreError("N144", said, hint="is `equipoise serve` running?", retryable=True) from error
        try:
            told = answer.json()
        except ValueError:
            told = None
        if not isinstance(told, dict):
            said = f"{self._to.server} answers with status {answer.status_code}, but not as Equipoise does"
            raise StoreError(
                "N144", said, hint="EQUIPOISE_SERVER=http://HOST:PORT", retryable=answer.status_code >= 500
            )
        found = cast(Plain, told)
        if answer.is_success:
            return found
        raise _error(found, answer.status_code)

    def close(self) -> None:
        """Let go of the connection."""
        self._http.close()


@contextmanager
def calling(*, server: str | None = None) -> Generator[Client]:
    """Give a client of the server that `connection` finds."""
    client = Client(connection(server=server))
    try:
        yield client
    finally:
        client.close()


def _error(told: Plain, status: int) -> EquipoiseError:
    code, message, hint = (str(told.get(name, "")) for name in ("code", "title", "hint"))
    if status in (401, 403):
        return AuthorizationError(code, message, hint=hint)
    if status == 503:
        kind = EngineError if code.startswith("E") else StoreError
        return kind(code, message, hint=hint, retryable=True)
    return InputError(code or "N144", message or f"the server answers with status {status}", hint=hint)


def _check_address(address: str) -> None:
    try:
        url = httpx.URL(address)
    except (httpx.InvalidURL, TypeError, ValueError):
        url = None
    if url is None or url.scheme not in ("http", "https") or not url.host:
        raise InputError("N146", f"no address of a server: {address[:80]!r}", hint="such as https://HOST:PORT")
    if url.scheme == "http" and not is_loopback(url.host):
        raise InputError(
            "N146", f"the token would be sent unencrypted to {url.host}", hint="https://, or a tunnel to this machine"
        )


def _kept(path: Path) -> dict[str, str]:
    try:
        with path.open("rb") as file:
            if os.fstat(file.fileno()).st_mode & 0o077:
                raise InputError("N146", f"others than its owner may read {path}", hint=f"chmod 600 {path}")
            told: object = json.loads(file.read(1 << 16))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise InputError("N146", f"{path} cannot be read: {error}", hint="`equipoise token use` writes it") from error
    if not isinstance(told, dict):
        raise InputError("N146", f"{path} has no server and token", hint="`equipoise token use` writes it")
    return {str(name): str(value) for name, value in cast("dict[object, object]", told).items()}
