"""Whatever goes wrong, nothing is lost, nothing is done twice, no device is given twice, and the ledger passes its audit.

`python -m benchmarks.live_faults` lives through hundreds of such days.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import settings

from equipoise.audit import Book, audit
from equipoise.store import open_sqlite
from tests.scenario.live_days import HARDSHIPS, Day
from tests.scenario.scripted_engine import Faults


@pytest.mark.slow
@pytest.mark.parametrize("hardship", HARDSHIPS)
@pytest.mark.parametrize("seed", range(1, 40) if settings.get_current_profile_name() == "soak" else [1])
def test_a_day_comes_to_its_end_with_everything_done_once(hardship: str, seed: int, tmp_path: Path) -> None:
    day = Day(seed, tmp_path, **HARDSHIPS[hardship]).run()
    assert list(day.faults_found()) == [], f"seed {seed}"
    assert sum(day.world.ends.values()) > day.jobs // 2  # it was a day of work
    assert day.lives >= HARDSHIPS[hardship].get("kills", 0)
    assert not any(
        b"secret of" in path.read_bytes()
        for path in tmp_path.glob("**/*")
        if path.is_file() and "desk" not in path.name
    )


def test_what_judges_a_day_finds_devices_given_twice_and_work_that_is_lost(tmp_path: Path) -> None:
    day = Day(3, tmp_path, jobs=30)
    day.run()
    assert list(day.faults_found()) == []
    [some, *_] = [wish for wish in day.wishes if wish.told is not None and day.world.ends[wish.told.job] == 1]
    assert some.told is not None
    day.world.ends[some.told.job] = 2
    assert any("2 times" in found for found in day.faults_found())
    day.world.ends[some.told.job] = 0
    assert any("0 times" in found for found in day.faults_found())


def test_a_refused_start_ends_its_job_and_the_ledger_says_why(tmp_path: Path) -> None:
    day = Day(4, tmp_path, jobs=20, faults=Faults(refused=1.0)).run()
    assert list(day.faults_found()) == []
    outcomes = [outcome for outcome in day.outcomes().values() if outcome is not None]
    assert {(one.what, one.reason) for one in outcomes if one.what == "failed"} == {("failed", "no such image")}
    book = Book()
    with open_sqlite(day.ledger, read_only=True) as store:
        entries = list(store.entries())
    book.read(entries)
    assert audit(book).holds
    said = [entry for entry in entries if b'"kind":"engine"' in entry]
    assert len(said) == sum(one.what == "failed" for one in outcomes)
    assert all(b'"reason":"no such image"' in entry and b'"said":"refused"' in entry for entry in said)
