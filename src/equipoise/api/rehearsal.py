"""The process of one simulation: ``python -m equipoise.api.rehearsal FOLDER``.

It reads what is asked from ``asked.json``, notes how far it is in ``progress.json``, and ends with ``result.json`` or ``fault.json``.
"""

from __future__ import annotations

import json
import os
import resource
import sys
import threading
import time
from pathlib import Path
from typing import Any

from equipoise.errors import EquipoiseError
from equipoise.store import StoredLedger, open_sqlite

EVERY_S = 0.5


def main(place: Path) -> None:
    """Carry a simulation out."""
    asked = json.loads((place / "asked.json").read_bytes())
    os.nice(10)
    resource.setrlimit(resource.RLIMIT_CPU, (asked["cpu_s"], asked["cpu_s"] + 5))
    resource.setrlimit(resource.RLIMIT_AS, (asked["memory_bytes"], asked["memory_bytes"]))
    threading.Thread(target=_end_with_the_server, daemon=True).start()
    try:
        put(place / "result.json", _rehearsed(asked, place))
    except EquipoiseError as error:
        put(place / "fault.json", {"code": error.code, "title": error.message, "hint": error.hint})
    except MemoryError:
        put(place / "fault.json", {"code": "N168", "title": "it needs more memory than it may take", "hint": ""})


def _rehearsed(asked: dict[str, Any], place: Path) -> dict[str, Any]:
    from equipoise.simulator.replay import Progress
    from equipoise.tasks.rehearse import recorded_jobs, rehearse

    said_s = 0.0

    def progress(name: str, now: Progress) -> None:
        nonlocal said_s
        if time.monotonic() - said_s >= EVERY_S:
            said_s = time.monotonic()
            done = 1_000_000 * now.ended // max(1, now.jobs)
            put(place / "progress.json", {"stage": name, "done_ppm": min(done, 1_000_000)})

    put(place / "progress.json", {"stage": "reading the ledger", "done_ppm": 0})
    with _ledger(asked["ledger"]) as store:
        recorded = recorded_jobs(store)
    text = None if asked["text"] is None else asked["text"].encode()
    return rehearse(recorded, text, asked["policy"], progress=progress)


def _ledger(path: str | None) -> StoredLedger:
    if path is not None:
        return open_sqlite(Path(path), read_only=True)
    from equipoise.store.postgres import open_postgres

    return open_postgres(os.environ["EQUIPOISE_STORE"], read_only=True)


def _end_with_the_server() -> None:
    """The server holds the other end of standard input; it has ended when that does."""
    while os.read(0, 4_096):
        pass
    os._exit(1)


def put(path: Path, values: dict[str, Any]) -> None:
    """Replace a file whole."""
    beside = path.with_name(path.name + ".new")
    beside.write_text(json.dumps(values), "utf-8")
    beside.replace(path)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
