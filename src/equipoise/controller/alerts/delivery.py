"""How a message gets to its receiver: posted and signed, or given to a program on its standard input.

A receiver is believed nothing but its status: what it answers beyond that is not read, and no redirect is followed. What failed is
told by sentences of our own, for addresses, answers and programs' arguments may hold secrets.
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import logging
import os
import signal
import ssl
from contextlib import suppress
from types import ModuleType
from typing import Any

from equipoise import __version__
from equipoise.controller.alerts.book import Message
from equipoise.controller.alerts.settings import Program, Sink, Webhook
from equipoise.errors import InputError
from equipoise.units import shown

MOST_SAID_BYTES = 4_096
"""So much of what a program writes on standard error is looked at; the rest is thrown away."""


def signature(secret: bytes, time_s: int, body: bytes) -> str:
    """Return the header ``Equipoise-Signature`` of a body that is sent at a Unix time.

    Examples
    --------
    >>> signature(b"0123456789abcdef", 1_800_000_000, b"{}")[:22]
    't=1800000000,v1=1313ae'
    """
    found = hmac.new(secret, str(time_s).encode() + b"." + body, hashlib.sha256).hexdigest()
    return f"t={time_s},v1={found}"


class Post:
    """A webhook.

    Parameters
    ----------
    hook : Webhook

    Raises
    ------
    InputError
        R130 for certificates that cannot be read, R131 for a secret that cannot be used, R133 without httpx.
    """

    def __init__(self, hook: Webhook) -> None:
        self.sink = hook
        self._httpx = httpx()
        assert hook.secret, "it can be read"
        try:
            context = ssl.create_default_context(cafile=hook.ca_file or None)
        except OSError as error:
            raise InputError(
                "R130", f"ca_file of '{hook.name}' cannot be read: {error.strerror}", hint="a file of PEM certificates"
            ) from None
        # No address of a proxy, no password of a .netrc from the environment; a connection for each message.
        self._client = self._httpx.AsyncClient(
            verify=context,
            trust_env=False,
            follow_redirects=False,
            timeout=hook.timeout_ms / 1000,
            limits=self._httpx.Limits(max_keepalive_connections=0),
        )

    async def tell(self, message: Message, time_s: int) -> str:
        """Deliver a message; returns why that failed, or nothing."""
        try:
            headers = {
                "Content-Type": "application/json",
                "User-Agent": f"equipoise/{__version__}",
                "Equipoise-Id": message.id,
                "Equipoise-Signature": signature(self.sink.secret, time_s, message.body),
            }
            async with (
                asyncio.timeout(self.sink.timeout_ms / 1000),
                self._client.stream("POST", self.sink.url, content=message.body, headers=headers) as answer,
            ):
                status = int(answer.status_code)
        except (TimeoutError, self._httpx.TimeoutException):
            return f"no answer in {self.sink.timeout_ms} ms"
        except (self._httpx.HTTPError, self._httpx.InvalidURL, OSError, ValueError) as error:
            return f"{type(error).__name__}"
        except InputError as error:
            return error.message
        return "" if 200 <= status < 300 else f"it answered {status}"

    async def close(self) -> None:
        """Let go of its connections."""
        await self._client.aclose()


class Run:
    """A program; it inherits nothing but a search path, and ends with all that it started."""

    def __init__(self, program: Program) -> None:
        self.sink = program

    async def tell(self, message: Message, time_s: int) -> str:
        """Deliver a message; returns why that failed, or nothing."""
        environment = {"PATH": os.defpath, "LANG": "C.UTF-8", "EQUIPOISE_ID": message.id}
        try:
            process = await asyncio.create_subprocess_exec(
                *self.sink.argv,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.DEVNULL,
                stderr=asyncio.subprocess.PIPE,
                env=environment,
                cwd="/",
                start_new_session=True,
            )
        except (OSError, ValueError) as error:
            return f"it cannot be started: {type(error).__name__}"
        try:
            async with asyncio.timeout(self.sink.timeout_ms / 1000):
                said, _ = await asyncio.gather(_heard(process), _fed(process, message.body))
                code = await process.wait()
        except TimeoutError:
            return f"it did not end in {self.sink.timeout_ms} ms"
        finally:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(process.pid, signal.SIGKILL)
            await process.wait()
            process._transport.close()  # pyright: ignore
        return "" if code == 0 else f"it ended with {code}" + (f" and said {shown(said)}" if said else "")

    async def close(self) -> None:
        """Nothing is kept."""


async def _heard(process: Any) -> str:
    """Return the last line of what a program writes on standard error, if that is short; everything is read."""
    kept = b""
    while part := await process.stderr.read(65_536):
        kept = (kept + part)[:MOST_SAID_BYTES]
    lines = kept.decode("utf-8", "replace").strip().splitlines()
    return lines[-1] if lines else ""


async def _fed(process: Any, body: bytes) -> None:
    with suppress(BrokenPipeError, ConnectionResetError):
        process.stdin.write(body + b"\n")
        await process.stdin.drain()
    process.stdin.close()


async def deliver(hook: Webhook, name: str, body: bytes, now_ms: int) -> str:
    """Deliver one message now, beside those of the book; returns why that failed, or nothing."""
    post = Post(hook)
    try:
        return await post.tell(Message(0, hook.name, name, name, body, now_ms, 0), now_ms // 1000)
    finally:
        await post.close()


def receiver(sink: Sink) -> Post | Run:
    """Return what delivers to a receiver; raises as `Post`."""
    return Post(sink) if isinstance(sink, Webhook) else Run(sink)


def httpx() -> ModuleType:
    """Return the library; raises ``InputError`` R133 where it is not installed.

    Its own log lines, and those below it, hold whole addresses, which may be secrets: from then on only its warnings are logged.
    """
    try:
        import httpx
    except ImportError:
        raise InputError("R133", "webhooks need httpx", hint="pip install 'equipoise[alerts]'") from None
    for name in ("httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return httpx
