"""A controller over a real engine in a process of its own, to be killed: ``python -m tests.scenario.live_process FOLDER``.

It is its own user, too: it hands in the jobs of ``FOLDER/wishes.json`` when they are due, under their keys, which a life before may have
done already, waits until all are over, and writes ``FOLDER/over.json``. ``FOLDER/site.json`` names engine and ledger; ``FOLDER/step``
says by how many milliseconds its clock is wrong.
"""

from __future__ import annotations

import json
import logging
import os
import sys
import time
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from equipoise.charter_io import loads
from equipoise.controller import Accepted, Controller, Foundation, Settings, SystemClock, open_controller
from equipoise.engines.protocol import Command
from equipoise.errors import StoreError
from equipoise.ledger.keys import Algorithm, SigningKey
from equipoise.store import StoredLedger, open_sqlite
from equipoise.store.postgres import open_postgres
from equipoise.workload.roll import Asked
from tests.scenario.live_engines import opened

KEY = SigningKey("live.example/log", Algorithm.ED25519, bytes(range(32)))
LOCAL = {"engine": "local", "table": {"devices": "slots"}, "ledger": "ledger.db"}


class SteppedClock(SystemClock):
    """The clock of a machine that somebody sets."""

    def __init__(self, step: Path) -> None:
        self._step = step

    def now_ms(self) -> int:
        return super().now_ms() + (int(self._step.read_text()) if self._step.exists() else 0)


def open_ledger(folder: Path, where: str, *, read_only: bool = False) -> StoredLedger:
    """Open the ledger of a site: a file in its folder, or an address of PostgreSQL."""
    origin = None if read_only else KEY.name
    if "=" in where:
        return open_postgres(where, origin=origin, anchor=folder / "anchor", read_only=read_only)
    return open_sqlite(folder / where, origin=origin, read_only=read_only)


def site_of(folder: Path) -> dict[str, Any]:
    """Return which engine and ledger a folder has."""
    path = folder / "site.json"
    return json.loads(path.read_text("utf-8")) if path.exists() else LOCAL


def main(folder: Path) -> None:
    logging.basicConfig(
        filename=folder / "controller.log",
        level=logging.INFO,
        format="%(asctime)s %(process)d %(levelname)s %(message)s",
    )
    text, site = (folder / "charter.yaml").read_text("utf-8"), site_of(folder)
    charter = loads(text.encode())
    controller = open_controller(
        lambda: open_ledger(folder, site["ledger"]),
        lambda first: opened(site["engine"], site["table"], first.pools, folder / "engine"),
        folder=folder, spool_folder=folder / "spool", key=KEY, foundation=Foundation(charter, text),
        settings=Settings(checkpoint_every_ms=2_000, survey_every_ms=5_000, lost_after_ms=20_000),
        clock=SteppedClock(folder / "step"),
    )  # fmt: skip
    assert controller is not None
    controller.start()
    wishes = json.loads((folder / "wishes.json").read_text())
    numbers = _hand_in(controller, wishes, site.get("began_s", time.time()), folder / "stay")
    found = [controller.outcome(number).result(60) for number in numbers]
    controller.stop()
    over = [
        {"job": job, "what": one.what, "exit_code": one.exit_code, "reason": one.reason} if one else {"job": job}
        for job, one in zip(numbers, found, strict=True)
    ]
    (folder / "over.part").write_text(json.dumps(over))
    (folder / "over.part").rename(folder / "over.json")


def _hand_in(controller: Controller, wishes: list[dict[str, Any]], began_s: float, stay: Path) -> list[int]:
    """Hand in what is due until everything was taken and is over, and nobody wants it to stay; returns the jobs in the wishes' order."""
    asked: dict[int, Future[Accepted]] = {}
    told: dict[int, int] = {}
    while True:
        if controller.failure is not None:
            os._exit(70)  # its log says why
        for n, wish in enumerate(wishes):
            if n not in told and n not in asked and time.time() - began_s >= wish.get("at_s", 0):
                command = Command(tuple(wish["argv"]), {"TOKEN": "a secret"})
                asked[n] = controller.submit(
                    Asked(**wish["asked"]), command, owner=wish["asked"]["user"], key=wish["key"]
                )
        for n in [n for n, future in asked.items() if future.done()]:
            future = asked.pop(n)
            error = future.exception()
            if error is None:
                told[n] = future.result().job
            elif not isinstance(error, StoreError):
                raise error
        if len(told) == len(wishes) and not stay.exists() and not controller.standing().result(60).jobs:
            return [told[n] for n in range(len(wishes))]
        time.sleep(0.05 if asked else 0.2)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
