"""Real engines under faults, for a minute: nothing is lost, nothing is done twice, no device is given twice, the audit is clean.

`python -m benchmarks.live_campaign` goes on for longer, over all engines, and writes the counts into docs/live.md.
"""

from __future__ import annotations

from contextlib import ExitStack
from pathlib import Path

import pytest
from hypothesis import settings

from tests.scenario import live_notes
from tests.scenario.live_campaign import A_JOB, CLOCK, CONTROLLER, DISK, Campaign, may_mount, shuffled, small_disk
from tests.scenario.live_engines import machine, missing

SOAKING = settings.get_current_profile_name() == "soak"
SHORT = {CONTROLLER: 3, A_JOB: 3, "kill -9 of the supervisor": 1, DISK: 2, CLOCK: 2}
LONG = {
    "local": {name: 10 * count for name, count in SHORT.items()},
    "slurm": {"kill -9 of slurmctld": 10, "kill -9 of a slurmd": 5, CONTROLLER: 10, A_JOB: 10},
    "ray": {"kill -9 of a raylet": 10, CONTROLLER: 10, A_JOB: 10},
}
"""What happens where in a round of `script/soak tests/scenario/test_live_campaign.py`."""


@pytest.mark.slow
@pytest.mark.parametrize("engine", LONG if SOAKING else ["local"])
def test_jobs_are_done_once_whatever_is_killed_filled_up_or_set(
    engine: str, tmp_path: Path, pytestconfig: pytest.Config
) -> None:
    given: str | None = pytestconfig.getoption("--hypothesis-seed")
    seed = int(given or 1)
    if engine == "local" and not may_mount():
        pytest.skip("a small disk needs root (mount)")
    if reason := missing(engine):
        pytest.skip(reason)
    faults = shuffled(seed, LONG[engine] if SOAKING else SHORT)
    with ExitStack() as stack:
        made = stack.enter_context(machine(engine))
        disk = stack.enter_context(small_disk(tmp_path / "disk")) if engine == "local" else None
        campaign = Campaign(tmp_path / "site", made, seed, faults, every_s=1.5, jobs_per_s=3, disk=disk).run()
        assert campaign.found() == [], f"seed {seed}"
    assert campaign.happened.total() == len(faults)
    assert campaign.lives > campaign.happened[CONTROLLER]


def test_what_judges_notes_finds_what_may_never_be() -> None:
    def note(what: str, job: int, attempt: int = 0, **more: object) -> live_notes.Note:
        own = {"what": what, "job": job, "attempt": attempt, "rank": 0, "pid": 1, "at_ms": 1.0, "devices": ["a/0"]}
        return own | more

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
