"""A controller over the local engine in a process of its own, to be killed: ``python -m tests.scenario.live_process FOLDER``.

It is its own user, too: it hands in the jobs of ``FOLDER/wishes.json`` under their keys, which a life before may have done already, waits
until all are over, and writes ``FOLDER/over.json``.
"""

from __future__ import annotations

import json
import logging
import sys
import time
from concurrent.futures import Future
from pathlib import Path

from equipoise.charter_io import loads
from equipoise.controller import Accepted, Foundation, Settings, open_controller
from equipoise.engines.local import Settings as LocalSettings
from equipoise.engines.local import open_engine
from equipoise.engines.protocol import Command
from equipoise.ledger.keys import Algorithm, SigningKey
from equipoise.store import open_sqlite
from equipoise.workload.roll import Asked

KEY = SigningKey("live.example/log", Algorithm.ED25519, bytes(range(32)))


def main(folder: Path) -> None:
    logging.basicConfig(filename=folder / "controller.log", level=logging.INFO)
    text = (folder / "charter.yaml").read_text("utf-8")
    charter = loads(text.encode())
    controller = open_controller(
        lambda: open_sqlite(folder / "ledger.db", origin=KEY.name),
        lambda first: open_engine(LocalSettings(devices="slots"), first.pools, folder / "engine"),
        folder=folder, spool_folder=folder / "spool", key=KEY, foundation=Foundation(charter, text),
        settings=Settings(checkpoint_every_ms=2_000, survey_every_ms=5_000),
    )  # fmt: skip
    assert controller is not None
    controller.start()
    wishes = json.loads((folder / "wishes.json").read_text())
    told: list[Future[Accepted]] = []
    for wish in wishes:
        command = Command((sys.executable, "-S", "-c", wish["program"]), {"TOKEN": "a secret"})
        told.append(controller.submit(Asked(**wish["asked"]), command, owner=wish["asked"]["user"], key=wish["key"]))
    numbers = [future.result(120).job for future in told]
    while True:
        assert controller.failure is None, controller.failure
        if not controller.standing().result(60).jobs:
            break
        time.sleep(0.2)
    found = [controller.outcome(number).result(60) for number in numbers]
    controller.stop()
    over = [
        {"job": one.job, "what": one.what, "exit_code": one.exit_code, "reason": one.reason} for one in found if one
    ]
    (folder / "over.part").write_text(json.dumps(over))
    (folder / "over.part").rename(folder / "over.json")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
