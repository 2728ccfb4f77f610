"""Real engines under faults, for a minute: nothing is lost, nothing is done twice, no device is given twice, the audit is clean.

`python -m benchmarks.live_campaign` goes on for longer, over all engines, and writes the counts into docs/live.md.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.scenario import live_notes
from tests.scenario.live_campaign import A_JOB, CLOCK, CONTROLLER, DISK, Campaign, may_mount, shuffled, small_disk
from tests.scenario.live_engines import machine


@pytest.mark.slow
def test_local_jobs_are_done_once_whatever_is_killed_filled_up_or_set(tmp_path: Path) -> None:
    if not may_mount():
        pytest.skip("a small disk needs root (mount)")
    faults = shuffled(1, {CONTROLLER: 3, A_JOB: 3, "kill -9 of the supervisor": 1, DISK: 2, CLOCK: 2})
    with machine("local") as made, small_disk(tmp_path / "disk") as disk:
        campaign = Campaign(tmp_path / "site", made, 1, faults, every_s=1.5, jobs_per_s=4, disk=disk).run()
        assert campaign.found() == []
    assert campaign.happened.total() == len(faults)
    assert campaign.lives > campaign.happened[CONTROLLER]


def test_what_judges_notes_finds_what_may_never_be(tmp_path: Path) -> None:
    def note(what: str, job: int, attempt: int = 0, **more: object) -> live_notes.Note:
        return {
            "what": what,
            "job": job,
            "attempt": attempt,
            "rank": 0,
            "pid": 1,
            "at_ms": 1.0,
            "devices": ["a/0"],
        } | more

    ended = {0: live_notes.Outcome(0, "ended", 0)}
    whole = [note("begin", 0), note("end", 0)]
    assert [*live_notes.faults(whole, ended, {0: 0})] == []
    twice = [*whole, note("begin", 0, 1), note("end", 0, 1)]
    assert "done 2 times" in next(live_notes.faults(twice, ended, {0: 0}))
    assert [*live_notes.faults(twice, ended, {0: 0}, stopped={"0.0"})] == []
    assert "taken" in next(live_notes.faults([note("taken", 0, file="device-a-0"), *whole], ended, {0: 0}))
    assert "began 2 times" in next(live_notes.faults([note("begin", 0), *whole], ended, {0: 0}))
    assert "never came to its end" in next(live_notes.faults(whole[:1], ended, {0: 0}))
    assert "no outcome" in next(live_notes.faults(whole, {0: None}, {0: 0}))
    assert "nobody knows it" in next(live_notes.faults([note("begin", 1)], {}, {}))
    failed = {0: live_notes.Outcome(0, "failed", -9)}
    assert [*live_notes.faults(whole[:1], failed, {0: 0}, hurt=True)] == []
    assert [*live_notes.faults(whole[:1], failed, {0: 0})] != []
