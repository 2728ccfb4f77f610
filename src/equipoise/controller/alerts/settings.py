"""What the tables ``[alerts]``, ``[[alerts.webhook]]``, ``[alerts.command]`` and ``[notices]`` of ``equipoise.toml`` say.

Secrets are not among them: a webhook's is in a file, read by `Secret.read` when messages are sent.
"""

from __future__ import annotations

import ipaddress
import os
import re
import stat
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from fractions import Fraction
from pathlib import Path
from typing import Any, cast
from urllib.parse import urlsplit

from equipoise.controller.alerts.alert import Kind
from equipoise.errors import InputError
from equipoise.units import percent, shown

NAME = re.compile(r"[a-z0-9][a-z0-9_-]{0,39}")
LEAST_SECRET_BYTES, MOST_SECRET_BYTES = 16, 4_096
EVERYTHING = frozenset(Kind)


@dataclass(frozen=True, slots=True)
class Webhook:
    """Where messages are posted.

    Parameters
    ----------
    name : str
        How logs and metrics call it; its address may be a secret and stands in neither.
    url : str
        ``https``, or ``http`` to this machine itself.
    secret_file : str
        What signs them; readable by nobody but its owner and group, of at least 16 bytes.
    kinds : frozenset of Kind
        Of alerts; all by default.
    timeout_ms : int
        From the first packet to the last.
    ca_file : str
        Certificates to trust instead of the system's; empty: those.
    """

    name: str
    url: str = field(repr=False)
    secret_file: str
    kinds: frozenset[Kind] = EVERYTHING
    timeout_ms: int = 10_000
    ca_file: str = ""

    @property
    def secret(self) -> bytes:
        """Read the secret; raises ``InputError`` R131 where the file cannot be used."""
        return _secret(Path(self.secret_file))

    @classmethod
    def of(cls, table: object, *, name: str = "", where: str = "[[alerts.webhook]]") -> Webhook:
        """Return it from a table; raises ``InputError`` R130."""
        values = _known(table, cls, where, required={"url", "secret_file"} | (set() if name else {"name"}))
        values.setdefault("name", name)
        found = cls(**values)
        if NAME.fullmatch(found.name) is None:
            raise _refused(where, f"name = {shown(found.name)}", "small letters, digits, - and _")
        if not _is_safe(found.url):
            raise _refused(where, "url is no address of https (or of http on this machine)", "https://…")
        return found


@dataclass(frozen=True, slots=True)
class Program:
    """What gets messages as JSON on its standard input; never a shell string.

    Parameters
    ----------
    argv : tuple of str
        An absolute path and its arguments.
    kinds : frozenset of Kind
    timeout_ms : int
        After it the program and all that it started are killed.
    name : str
    """

    argv: tuple[str, ...] = field(repr=False)
    kinds: frozenset[Kind] = EVERYTHING
    timeout_ms: int = 10_000
    name: str = "command"

    @classmethod
    def of(cls, table: object, *, where: str = "[alerts.command]", name: str = "command") -> Program:
        """Return it from a table; raises ``InputError`` R130."""
        values = _known(table, cls, where, required={"argv"})
        values.setdefault("name", name)
        found = cls(**values)
        if not found.argv or not os.path.isabs(found.argv[0]) or any("\0" in word for word in found.argv):
            raise _refused(where, "argv does not begin with an absolute path", 'argv = ["/usr/local/bin/page-us"]')
        return found


Sink = Webhook | Program


@dataclass(frozen=True, slots=True)
class Settings:
    """Table ``[alerts]``.

    Parameters
    ----------
    at_risk_below : Fraction
        A promise is at risk where it is forecast to be kept with a smaller probability.
    look_every_ms : int
        How often it is looked whether something is to be raised.
    spool_above : Fraction
        Part of the spool that may be full before it is told.
    checkpoint_late : int
        How many times as long as asked an entry may wait for a checkpoint.
    clock_ahead_ms : int
        How far event time may be ahead of the clock.
    retry_for_ms : int
        How long a message is tried.
    retry_least_ms, retry_most_ms : int
        Bounds of the growing pause between two tries of one message.
    at_once : int
        Most messages on their way at one time.
    webhook : tuple of Webhook
    command : Program or None
    """

    at_risk_below: Fraction = Fraction(1, 2)
    look_every_ms: int = 5_000
    spool_above: Fraction = Fraction(1, 10)
    checkpoint_late: int = 3
    clock_ahead_ms: int = 60_000
    retry_for_ms: int = 86_400_000
    retry_least_ms: int = 1_000
    retry_most_ms: int = 3_600_000
    at_once: int = 4
    webhook: tuple[Webhook, ...] = ()
    command: Program | None = None

    @property
    def sinks(self) -> tuple[Sink, ...]:
        """Where alerts go."""
        return (*self.webhook, *(() if self.command is None else (self.command,)))

    @classmethod
    def of(cls, table: Mapping[str, object]) -> Settings:
        """Return settings from a table.

        Raises
        ------
        InputError
            R130 for a name or value that is none.

        Examples
        --------
        >>> told = {"at_risk_below": "30%", "command": {"argv": ["/usr/bin/logger"], "kinds": ["emergency"]}}
        >>> found = Settings.of(told)
        >>> found.at_risk_below, [(sink.name, sorted(sink.kinds)) for sink in found.sinks]
        (Fraction(3, 10), [('command', [<Kind.EMERGENCY: 'emergency'>])])
        """
        plain = {name: value for name, value in table.items() if name not in ("webhook", "command")}
        values = _known(plain, cls, "[alerts]")
        hooks = table.get("webhook", ())
        if not isinstance(hooks, list | tuple):
            raise _refused("[alerts]", "webhook is no list of tables", "[[alerts.webhook]]")
        values["webhook"] = tuple(Webhook.of(one) for one in cast(Sequence[object], hooks))
        values["command"] = Program.of(table["command"]) if "command" in table else None
        found = cls(**values)
        names = [sink.name for sink in found.sinks]
        if len(set(names)) < len(names):
            raise _refused("[alerts]", f"{shown(', '.join(names))} are not different names", "one name for each")
        return found


@dataclass(frozen=True, slots=True)
class Notices:
    """Table ``[notices]``: where owners' notices go; nowhere by default, and then they wait on the desk."""

    webhook: Webhook | None = None
    command: Program | None = None

    @property
    def sinks(self) -> tuple[Sink, ...]:
        """Where they go."""
        return tuple(sink for sink in (self.webhook, self.command) if sink is not None)

    @classmethod
    def of(cls, table: Mapping[str, object]) -> Notices:
        """Return settings from a table; raises ``InputError`` R130."""
        if unknown := set(table) - {"webhook", "command"}:
            raise _refused("[notices]", f"{shown(min(unknown))} is no setting", "webhook, command")
        hook, program = table.get("webhook"), table.get("command")
        return cls(
            None if hook is None else Webhook.of(hook, name="notices-webhook", where="[notices.webhook]"),
            None if program is None else Program.of(program, where="[notices.command]", name="notices-command"),
        )


def _known(table: object, kind: type[Any], where: str, *, required: set[str] | None = None) -> dict[str, Any]:
    """Return the values of a table, each of the type of its field."""
    if not isinstance(table, Mapping):
        raise _refused(where, "it is no table", f"{where} with names and values")
    values: dict[str, Any] = {}
    known = {one.name: str(one.type) for one in fields(kind)}
    for name, value in cast(Mapping[object, object], table).items():
        if not isinstance(name, str) or name not in known:
            raise _refused(where, f"{shown(str(name))} is no setting", ", ".join(sorted(known)))
        values[name] = _read(where, name, value, known[name])
    if missing := (required or set()) - set(values):
        raise _refused(where, f"{min(missing)} is missing", "see the page on alerts")
    return values


def _read(where: str, name: str, value: object, wanted: str) -> Any:
    if wanted == "Fraction" and isinstance(value, str):
        return percent(value)
    if wanted == "int" and isinstance(value, int) and not isinstance(value, bool) and 1 <= value < 1 << 40:
        return value
    if wanted == "str" and isinstance(value, str) and value:
        return value
    if wanted in ("tuple[str, ...]", "frozenset[Kind]") and isinstance(value, list | tuple):
        words = cast(Sequence[object], value)
        if wanted == "tuple[str, ...]" and all(isinstance(word, str) for word in words):
            return tuple(words)
        if wanted == "frozenset[Kind]" and words and all(isinstance(word, str) and word in set(Kind) for word in words):
            return frozenset(Kind(word) for word in words)
    # The value is not shown: it may be a secret in the wrong place.
    raise _refused(
        where, f"{name} has a value that cannot be", f"kinds: {', '.join(Kind)}; parts such as 30%; 1 or more"
    )


def _is_safe(url: str) -> bool:
    try:
        parts = urlsplit(url)
        host, _ = parts.hostname, parts.port
    except ValueError:
        return False
    if not host or any(not c.isprintable() or c.isspace() for c in url) or "@" in parts.netloc:
        return False
    return parts.scheme == "https" or (parts.scheme == "http" and _is_loopback(host))


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _secret(path: Path) -> bytes:
    try:
        file = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        try:
            about = os.fstat(file)
            data = os.read(file, MOST_SECRET_BYTES + 1) if stat.S_ISREG(about.st_mode) else b""
        finally:
            os.close(file)
    except OSError as error:
        raise InputError("R131", f"the secret {path} cannot be read: {error.strerror}", hint="chmod 600") from None
    if about.st_mode & stat.S_IRWXO:
        raise InputError("R131", f"the secret {path} can be read by everybody", hint="chmod 600")
    data = data.strip()
    if not LEAST_SECRET_BYTES <= len(data) <= MOST_SECRET_BYTES:
        raise InputError(
            "R131",
            f"the secret {path} is not a file of {LEAST_SECRET_BYTES} to {MOST_SECRET_BYTES} bytes",
            hint="head -c 32 /dev/urandom | base64",
        )
    return data


def _refused(where: str, said: str, hint: str) -> InputError:
    return InputError("R130", f"{where}: {said}", hint=hint)
