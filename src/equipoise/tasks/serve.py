"""A lab that runs: its folder, opened, with a controller in it. `open_lab` is the main path; the server of it is `equipoise.api`."""

from __future__ import annotations

import os
import re
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from equipoise.charter.model import Charter
from equipoise.charter_io import loads, read_bytes
from equipoise.controller import Controller, Foundation, open_controller
from equipoise.engines.protocol import Engine
from equipoise.errors import InputError
from equipoise.ledger.keys import SigningKey, is_key_name
from equipoise.store import StoredLedger, open_sqlite
from equipoise.tasks.keys import new_key, read_key
from equipoise.tasks.serving import ServeSettings, engine_package

KEY, TOKENS = "ledger.key", "tokens.json"
LONGEST_CHARTER = 16 << 20


@dataclass(slots=True)
class Lab:
    """A lab's controller, and how its ledger is read beside it.

    Parameters
    ----------
    folder : Path
    controller : Controller
        Not started yet.
    open_reader : callable
        Opens the ledger read-only.
    key : SigningKey
    is_new : bool
        Whether its ledger was founded now.
    runs_as_person : bool
        Whether jobs run under the login name of who submits them.
    settings : ServeSettings
    """

    folder: Path
    controller: Controller
    open_reader: Callable[[], StoredLedger]
    key: SigningKey
    is_new: bool
    runs_as_person: bool
    settings: ServeSettings

    @property
    def tokens(self) -> Path:
        """The file of tokens."""
        return self.folder / TOKENS


def open_lab(
    folder: Path,
    settings: ServeSettings,
    *,
    charter: Path | None = None,
    given_up: threading.Event | None = None,
    give_up_lost: bool = False,
) -> Lab | None:
    """Open a lab, or found it from a charter; waits while another controller leads it.

    Parameters
    ----------
    folder : Path
        Made, readable by its owner only.
    settings : ServeSettings
    charter : Path or None
        Needed for a new lab; of one that is there the ledger knows which is in force.
    given_up : Event or None
        Set to wait for the lead no longer.
    give_up_lost : bool
        End jobs as failed that the ledger knows and the desk does not.

    Returns
    -------
    Lab or None
        None where waiting was given up.

    Raises
    ------
    InputError
        N142 for a new lab without a charter, or a folder that cannot be used; N143 where the ledger's key is gone; what reading raises.
    StoreError, EngineError
        What ledger and engine raise.
    """
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise InputError("N142", f"the folder {folder} cannot be used: {error.strerror}") from error
    foundation, key, is_new = _foundation(folder, settings, charter)
    store = settings.store
    if store.postgres:
        opened = _postgres(key.name)
        open_writer, open_reader = opened
    else:
        path = folder / store.ledger
        open_writer = lambda: open_sqlite(path, origin=key.name)  # noqa: E731
        open_reader = lambda: open_sqlite(path, read_only=True)  # noqa: E731
    package = engine_package(settings.engine)

    def open_engine(first: Charter) -> Engine:
        place = folder / "engines" / settings.engine
        place.mkdir(mode=0o700, parents=True, exist_ok=True)
        return package.open_engine(settings.engine_settings, first.pools, place)

    controller = open_controller(
        open_writer, open_engine, folder=folder, spool_folder=folder / store.spool, key=key, foundation=foundation,
        settings=settings.controller, given_up=given_up, give_up_lost=give_up_lost,
    )  # fmt: skip
    if controller is None:
        return None
    default = "person" if settings.engine == "local" and os.geteuid() == 0 else "server"
    return Lab(folder, controller, open_reader, key, is_new, (settings.server.run_as or default) == "person", settings)


def ledger_name(lab: str) -> str:
    """Return what the ledger of a lab is called.

    Examples
    --------
    >>> ledger_name("Frontier Lab, Inc."), ledger_name("   ")
    ('frontier-lab-inc/ledger', 'lab/ledger')
    """
    name = re.sub(r"[^a-z0-9]+", "-", lab.lower()).strip("-")[:60] or "lab"
    assert is_key_name(name)
    return f"{name}/ledger"


def _foundation(folder: Path, settings: ServeSettings, charter: Path | None) -> tuple[Foundation, SigningKey, bool]:
    """Return what the lab begins with, its key, and whether it is new."""
    path, kept = folder / KEY, folder / "charter.yaml"
    if charter is None and not kept.exists():
        raise InputError(
            "N142", f"{folder} has no lab yet", hint="--charter FILE founds one; `equipoise init` writes a charter"
        )
    is_new = not path.exists()
    if is_new and not settings.store.postgres and (folder / settings.store.ledger).exists():
        raise InputError("N143", f"{path} is gone, and the ledger is signed by it", hint="put a backup back")
    source = charter if charter is not None and not kept.exists() else kept
    data = read_bytes(source)
    first = loads(data, os.fspath(source))
    if is_new:
        if first.parent:
            raise InputError("L179", "the first charter of a ledger has no parent", hint="begin with the one it amends")
        if not kept.exists():
            kept.write_bytes(data)
        key = new_key(ledger_name(first.lab), path)
    else:
        key = read_key(path)
    return Foundation(first, data.decode()), key, is_new


def _postgres(origin: str) -> tuple[Callable[[], StoredLedger], Callable[[], StoredLedger]]:
    address = os.environ.get("EQUIPOISE_STORE", "")
    if not address:
        raise InputError(
            "N142", "the ledger is in PostgreSQL, and its address is not set", hint="EQUIPOISE_STORE=postgresql://…"
        )
    try:
        from equipoise.store.postgres import open_postgres
    except ModuleNotFoundError as error:
        raise InputError("N142", "PostgreSQL is an extra", hint="pip install 'equipoise[postgres]'") from error
    return lambda: open_postgres(address, origin=origin), lambda: open_postgres(address, read_only=True)
