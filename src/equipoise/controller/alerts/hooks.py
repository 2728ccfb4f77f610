"""Webhooks that operators add while the lab runs: where they are in a file of the lab's folder, their secrets in files beside it.

A secret can be written and never read again: it is no part of what `Hooks.all` returns. Those of ``equipoise.toml`` are not in the
file, and cannot be changed here.
"""

from __future__ import annotations

import json
import os
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Protocol

from equipoise.controller.alerts.settings import LEAST_SECRET_BYTES, MOST_SECRET_BYTES, NAME, Sink, Webhook
from equipoise.errors import InputError
from equipoise.units import shown

MOST = 100


class Receivers(Protocol):
    """What delivers: `Alerts`."""

    @property
    def fixed(self) -> Sequence[Sink]:
        """Who receives by the settings, also notices."""
        ...

    def receive(self, hooks: Sequence[Webhook]) -> None:
        """Deliver to these as well, from now on."""
        ...


class Hooks:
    """The webhooks of a lab.

    Parameters
    ----------
    folder : Path
        The lab's.
    receivers : Receivers
        Told of those that are there, and of every change.

    Raises
    ------
    InputError
        N162 for a file that is none; R130, R131, R133 for a webhook that cannot be.
    """

    def __init__(self, folder: Path, receivers: Receivers) -> None:
        self._path, self._secrets = folder / "webhooks.json", folder / "webhooks"
        self._receivers = receivers
        self._turn = threading.Lock()
        self._hooks = {one.name: one for one in self._read()}
        receivers.receive(self.all())

    def all(self) -> tuple[Webhook, ...]:
        """Return them in the order in which they were added."""
        return tuple(self._hooks.values())

    def add(self, table: dict[str, Any], secret: bytes) -> Webhook:
        """Add a webhook; ``table`` as of ``[[alerts.webhook]]``, without the secret's file.

        Raises
        ------
        InputError
            R130, R131 for one that cannot be, N168 for a name that is taken, N162 where it cannot be kept.
        """
        name = str(table.get("name", ""))
        if NAME.fullmatch(name) is None:
            raise InputError("R130", f"name = {shown(name)}", hint="small letters, digits, - and _")
        if not LEAST_SECRET_BYTES <= len(secret.strip()) <= MOST_SECRET_BYTES:
            said = f"a secret of {LEAST_SECRET_BYTES} to {MOST_SECRET_BYTES} bytes is asked for"
            raise InputError("R131", said, hint="head -c 32 /dev/urandom | base64")
        with self._turn:
            if name in self._hooks or name in [one.name for one in self._receivers.fixed]:
                raise InputError("N168", f"there is a receiver {name} already", hint="another name, or remove it first")
            if len(self._hooks) >= MOST:
                raise InputError("N168", f"there are {MOST} webhooks already", hint="remove one first")
            place = self._secrets / f"{name}.secret"
            found = Webhook.of({**table, "secret_file": os.fspath(place)}, where="webhook")
            self._put(place, secret)
            self._keep({**self._hooks, name: found})
        return found

    def remove(self, name: str) -> None:
        """Remove a webhook with its secret; N167 for one that was not added here."""
        with self._turn:
            if name not in self._hooks:
                raise InputError("N167", f"no webhook {shown(name)} was added", hint="those of equipoise.toml stay")
            self._keep({known: one for known, one in self._hooks.items() if known != name})
            (self._secrets / f"{name}.secret").unlink(missing_ok=True)

    def one(self, name: str) -> Webhook:
        """Return a webhook, also one of the settings; N167 where there is none."""
        known = {one.name: one for one in self._receivers.fixed if isinstance(one, Webhook)} | self._hooks
        if name not in known:
            raise InputError("N167", f"there is no webhook {shown(name)}", hint=", ".join(sorted(known)[:9]))
        return known[name]

    def _keep(self, hooks: dict[str, Webhook]) -> None:
        rows = [_table(one) for one in hooks.values()]
        self._put(self._path, json.dumps(rows, indent=1).encode())
        self._hooks = hooks
        self._receivers.receive(self.all())

    def _put(self, path: Path, data: bytes) -> None:
        """Replace a file whole; only its owner can read it."""
        beside = path.with_name(path.name + ".new")
        try:
            path.parent.mkdir(mode=0o700, exist_ok=True)
            file = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
            with os.fdopen(file, "wb") as out:
                os.fchmod(out.fileno(), 0o600)
                out.write(data)
                out.flush()
                os.fsync(out.fileno())
            beside.replace(path)
        except OSError as error:
            raise InputError("N162", f"{path} cannot be written: {error.strerror}", hint="mend the disk") from None

    def _read(self) -> list[Webhook]:
        if not self._path.exists():
            return []
        try:
            rows = json.loads(self._path.read_bytes())
            return [
                Webhook.of({**row, "secret_file": os.fspath(self._secrets / f"{row['name']}.secret")}) for row in rows
            ]
        except (OSError, ValueError, TypeError, KeyError) as error:
            raise InputError("N162", f"{self._path} is no file of webhooks", hint="put a backup back") from error


def _table(hook: Webhook) -> dict[str, Any]:
    return {"name": hook.name, "url": hook.url, "kinds": sorted(hook.kinds), "timeout_ms": hook.timeout_ms}
