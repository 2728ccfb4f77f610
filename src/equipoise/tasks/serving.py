"""The file ``equipoise.toml``: what is not policy and so not signed: the engine, where things are kept, how the server listens.

`read_settings` is the main path. What nobody knows is an error with its line; secrets are not in the file: they come from the environment.
"""

from __future__ import annotations

import importlib
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any, cast

from equipoise.controller.alerts.settings import Notices
from equipoise.controller.alerts.settings import Settings as AlertSettings
from equipoise.controller.settings import Settings as ControllerSettings
from equipoise.errors import InputError, Place
from equipoise.tasks.address import is_loopback
from equipoise.tasks.oidc import OidcSettings
from equipoise.units import shown

ENGINES = ("local", "ray", "slurm", "kubernetes")
TABLES = ("alerts", "controller", "engines", "log", "notices", "oidc", "server", "store")
MOST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class ServerSettings:
    """Table ``[server]``.

    Parameters
    ----------
    bind : str
        An address; any but a loopback one needs TLS, or a proxy in front that does it.
    port : int
        0: any that is free.
    tls_certificate, tls_key : str
        PEM files.
    proxied : bool
        A proxy in front does TLS.
    run_as : str
        ``person``: jobs run under the login name of who submitted them, which only an engine that runs as root can do; ``server``: all
        under the server's own. Empty: ``person`` where the local engine runs as root, else ``server``.
    most_body_bytes : int
        Larger requests are refused.
    most_per_minute : int
        Calls that a token may make in a minute.
    """

    bind: str = "127.0.0.1"
    port: int = 7878
    tls_certificate: str = ""
    tls_key: str = ""
    proxied: bool = False
    run_as: str = ""
    most_body_bytes: int = 1 << 20
    most_per_minute: int = 6_000


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """Table ``[store]``: paths are relative to the lab's folder.

    Parameters
    ----------
    ledger : str
        The ledger's file.
    spool : str
        The folder of what is recorded while the ledger cannot be written; better on another disk.
    postgres : bool
        Whether the ledger is in PostgreSQL, at the address of ``EQUIPOISE_STORE``.
    """

    ledger: str = "ledger.db"
    spool: str = "spool"
    postgres: bool = False


@dataclass(frozen=True, slots=True)
class LogSettings:
    """Table ``[log]``.

    Parameters
    ----------
    json : bool
        Whether each line is a JSON object.
    """

    json: bool = False


@dataclass(frozen=True, slots=True)
class ServeSettings:
    """The whole file.

    Parameters
    ----------
    engine : str
        ``use`` of the table ``[engines]``.
    engine_settings : object
        ``Settings`` of the engine's package.
    controller, store, server, alerts, notices, log
    oidc : OidcSettings or None
        None: only the lab's own tokens are believed.
    """

    engine: str
    engine_settings: Any
    controller: ControllerSettings = field(default_factory=ControllerSettings)
    store: StoreSettings = field(default_factory=StoreSettings)
    server: ServerSettings = field(default_factory=ServerSettings)
    alerts: AlertSettings = field(default_factory=AlertSettings)
    notices: Notices = field(default_factory=Notices)
    log: LogSettings = field(default_factory=LogSettings)
    oidc: OidcSettings | None = None


def read_settings(path: Path | None, *, engine: str | None = None) -> ServeSettings:
    """Read a file of settings.

    Parameters
    ----------
    path : path or None
        None: all defaults.
    engine : str or None
        Which engine, whatever the file says.

    Raises
    ------
    InputError
        N140 with the line of what cannot be; what the engine's own settings raise.
    """
    text = "" if path is None else _text(path)
    try:
        tables = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        found = re.search(r"line (\d+), column (\d+)", str(error))
        place = Place(str(path), *(int(one) for one in found.groups())) if found else Place(str(path))
        raise InputError("N140", f"not TOML: {error}", place=place) from error
    where = _Where(str(path or "equipoise.toml"), text)
    for name in tables:
        if name not in TABLES:
            raise where.error((name,), "is no table of the settings", ", ".join(TABLES))
    engines = where.table(tables, "engines")
    chosen = engine or str(engines.get("use", "local"))
    for name in engines:
        if name not in (*ENGINES, "use"):
            raise where.error(("engines", name), "is no engine", ", ".join(ENGINES))
    if chosen not in ENGINES:
        raise where.error(("engines", "use"), f"is no engine: {shown(chosen)}", ", ".join(ENGINES))
    package = engine_package(chosen)
    try:
        engine_settings = package.Settings.of(where.table(engines, chosen, "engines"))
        controller = ControllerSettings.of(where.table(tables, "controller"))
        oidc = OidcSettings.of(where.table(tables, "oidc")) if "oidc" in tables else None
        alerts, notices = AlertSettings.of(where.table(tables, "alerts")), Notices.of(where.table(tables, "notices"))
    except InputError as error:
        raise InputError(error.code, error.message, hint=error.hint, place=error.place or where.named(error)) from error
    server = cast(ServerSettings, where.read(ServerSettings, tables, "server"))
    store = cast(StoreSettings, where.read(StoreSettings, tables, "store"))
    log = cast(LogSettings, where.read(LogSettings, tables, "log"))
    _check_server(server, where)
    return ServeSettings(chosen, engine_settings, controller, store, server, alerts, notices, log, oidc)


def engine_package(name: str) -> Any:
    """Return the package of an engine; N141 for one that is not part of this installation."""
    try:
        return importlib.import_module(f"equipoise.engines.{name}")
    except ModuleNotFoundError as error:
        raise InputError(
            "N141", f"the engine {shown(name)} is not installed", hint=f"pip install 'equipoise[{name}]'"
        ) from error


def _check_server(server: ServerSettings, where: _Where) -> None:
    if bool(server.tls_certificate) != bool(server.tls_key):
        raise where.error(("server", "tls_certificate"), "and tls_key come together", "name both files")
    if not is_loopback(server.bind) and not server.tls_certificate and not server.proxied:
        raise where.error(
            ("server", "bind"),
            f"= {shown(server.bind)} is reached from elsewhere, and tokens would pass unencrypted",
            "set tls_certificate and tls_key, or proxied = true where a proxy in front does TLS",
        )
    if server.run_as not in ("", "person", "server"):
        raise where.error(("server", "run_as"), f"cannot be {shown(server.run_as)}", "person or server")
    if not 0 <= server.port < 65_536 or server.most_body_bytes < 1_024 or server.most_per_minute < 1:
        raise where.error(("server",), "has a number out of range", "port below 65536, most_body_bytes from 1024 on")


class _Where:
    """Finds the line of a setting."""

    def __init__(self, file: str, text: str) -> None:
        self._file = file
        self._lines = text.splitlines()

    def table(self, tables: Mapping[str, Any], name: str, *above: str) -> dict[str, Any]:
        found = tables.get(name, {})
        if not isinstance(found, dict):
            raise self.error((*above, name), "is no table", f"[{'.'.join((*above, name))}]")
        return cast("dict[str, Any]", found)

    def read(self, kind: type, tables: Mapping[str, Any], name: str) -> object:
        known = {one.name: one.default for one in fields(kind)}
        table = self.table(tables, name)
        for key, value in table.items():
            if key not in known:
                raise self.error((name, key), "is no setting", ", ".join(known))
            if type(value) is not type(known[key]):
                raise self.error((name, key), f"cannot be {shown(str(value))}", f"such as {known[key]!r}")
        return kind(**table)

    def error(self, path: tuple[str, ...], said: str, hint: str) -> InputError:
        return InputError("N140", f"{'.'.join(path)} {said}", hint=hint, place=self.place(path))

    def named(self, error: InputError) -> Place:
        """Return the line of the setting that an error's message names."""
        words = re.findall(r"\w+", error.message)
        for number, line in enumerate(self._lines, start=1):
            found = re.match(r"\s*\"?(\w+)\"?\s*=", line)
            if found and found[1] in words:
                return Place(self._file, number)
        return Place(self._file)

    def place(self, path: tuple[str, ...]) -> Place:
        table = ""
        for number, line in enumerate(self._lines, start=1):
            if found := re.match(r"\s*\[([^\]]+)\]", line):
                table = found[1].strip()
                if table == ".".join(path):
                    return Place(self._file, number)
            elif (found := re.match(r"\s*\"?([\w.-]+)\"?\s*=", line)) and (
                (".".join((table, found[1])) if table else found[1]) == ".".join(path)
            ):
                return Place(self._file, number)
        return Place(self._file)


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
        if len(data) > MOST_BYTES:
            raise InputError("N140", f"larger than {MOST_BYTES >> 20} MiB", place=Place(str(path)))
        return data.decode()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("N140", f"the settings cannot be read: {error}", place=Place(str(path))) from error
