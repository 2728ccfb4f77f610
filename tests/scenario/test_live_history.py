"""The history of a live lab: what its ledger proves is what its controller says, at every instant at which it was asked."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

from equipoise.api.live_runs import LiveRuns
from equipoise.errors import InputError, StoreError
from equipoise.ledger.entry import parse_entry
from equipoise.ledger.pieces import encoded
from equipoise.screens import LabRun
from equipoise.screens.attempts import attempts
from equipoise.store import open_sqlite
from equipoise.tasks.history import History
from tests.scenario.live_server import Served, end, served

pytestmark = pytest.mark.slow
TEAMS = ("safety.alignment", "safety.evals", "product")


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Served]:
    with served(tmp_path_factory.mktemp("history")) as one:
        yield one
        assert end(one.process) == 0, one.log()[-3000:]


def held(run: LabRun, at_ms: int) -> dict[str, int]:
    """What teams hold at an instant of the history, by its attempts alone."""
    found = attempts(run.record)
    rows = found.running(at_ms - run.origin_ms)
    own = run.record.rolled_up(np.bincount(found.line[rows], found.gang[rows], run.record.count).astype(np.int64))
    return {line.path: int(own[n]) for n, line in enumerate(run.record.reference.lines) if n}


def test_the_history_of_a_live_lab_is_what_its_controller_said(lab: Served) -> None:
    said: list[tuple[int, dict[str, int]]] = []
    with lab.client("operator") as operator:
        (begun,) = operator.get("/runs").json()["items"]
        assert (begun["run"], begun["live"], begun["jobs"]) == ("live", True, 0)
        with lab.client("lea") as lea, lab.client("ben") as ben:
            for n in range(24):
                client, team = (ben, "product") if n % 3 == 2 else (lea, TEAMS[n % 3])
                job = {"team": team, "gang": 1 + n % 4, "argv": ["sleep", str(0.3 + n % 5)]}
                assert client.post("/jobs", json=job).status_code == 201
                told = operator.get("/standing").json()
                said.append((told["at_ms"], {row["path"]: row["held"] for row in told["teams"]}))
                time.sleep(0.15)
        until_s = time.monotonic() + 240  # the first time machine code is compiled
        while (items := operator.get("/runs").json()["items"]) == [] or items[0]["to_ms"] < said[-1][0]:
            assert time.monotonic() < until_s, lab.log()[-3000:]
            time.sleep(0.5)
    (run,) = items
    assert (run["run"], run["live"], run["findings"]) == ("live", True, [])
    history = History("Live")
    with open_sqlite(lab.lab / "ledger.db", read_only=True) as store:
        assert history.follow(store)
    shown = history.proven.run
    assert shown is not None and shown.own_ms(None) == shown.ends_ms
    compared = [(at_ms, teams) for at_ms, teams in said if at_ms <= shown.origin_ms + shown.ends_ms]
    assert len(compared) > 20 and len({tuple(sorted(teams.items())) for _, teams in compared}) > 5
    latest = dict(compared)  # of two answers at one instant the later one saw all of it
    for at_ms, teams in latest.items():
        assert held(shown, at_ms) == teams, at_ms


def test_a_ledger_that_does_not_follow_is_shown_as_such_and_the_last_good_state_stays(lab: Served) -> None:
    with open_sqlite(lab.lab / "ledger.db", read_only=True) as store:
        entries = list(store.entries())
    passes = [n for n, data in enumerate(entries) if b'"decisions":[["start"' in data]
    history = History("Live")
    assert history.take(entries[: passes[2]]) and not history.take([])
    good = history.proven.run
    assert good is not None and good.findings == () and good.number == passes[2]
    values: dict[str, Any] = dict(parse_entry(entries[passes[2]]))
    forged = values | {"decisions": [[*values["decisions"][0]]] * 2}
    assert history.take(encoded(forged))
    stayed = history.proven.run
    assert stayed is not None and stayed.results is good.results and stayed.number == good.number
    assert history.proven.entries == passes[2] + 1 and stayed.findings[0].startswith("V201 entry")
    broken = History("Live")
    assert broken.take([*entries[: passes[2]], b"no entry"])
    assert broken.proven.findings and broken.proven.run is None


def test_who_asks_waits_for_the_first_state_and_nobody_is_served_without_one(lab: Served) -> None:
    def not_there() -> Any:
        raise StoreError("L140", "the disk is gone", retryable=True)

    runs = LiveRuns(not_there, "Live")
    runs.start()
    try:
        assert runs.all() == ()
        with pytest.raises(StoreError, match="disk is gone"):
            runs.one("live")
        with pytest.raises(InputError, match="no run"):
            runs.one("charter")
    finally:
        runs.stop()
    again = LiveRuns(lambda: open_sqlite(lab.lab / "ledger.db", read_only=True), "Live")
    again.start()
    try:
        assert again.one("live").number > 0
    finally:
        again.stop()
