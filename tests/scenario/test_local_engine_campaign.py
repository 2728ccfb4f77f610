"""Drawn sequences of launches, stops and kills against the local engine, held to what must be true of the machine whatever happens.

Each job writes down which devices it has, and that it lives, ten times a second. From that alone it follows whether two jobs had a
device at the same time and whether one ran twice; the engine's word is not needed.
"""

from __future__ import annotations

import os
import random
import signal
import time
from collections import Counter
from contextlib import suppress
from pathlib import Path

import pytest

from equipoise.engines.protocol import Attempt, Part, Phase, Refused
from tests.contract.engine_rig import LAST
from tests.scenario.local_site import Site, opened, supervisors

ROUNDS = 60
KILLS = ("supervisor", "job", "controller", "both")


def campaign(site: Site, seed: int) -> Counter[str]:
    """Act at random until the rounds are over, then wait for all jobs; returns how often each fault was done."""
    chance = random.Random(seed)
    free = dict.fromkeys(range(3), 4)
    held: dict[Attempt, Part] = {}
    number: Counter[int] = Counter()
    ended: set[Attempt] = set()
    done: Counter[str] = Counter()

    def take() -> None:
        for seen in list(site.heard):
            assert not isinstance(seen, Refused), seen  # there was room, by all that the engine has reported
            if isinstance(seen, LAST) and seen.attempt in held:
                give_back(seen.attempt)
        site.heard.clear()

    def give_back(attempt: Attempt) -> None:
        part = held.pop(attempt)
        free[part.node] += part.devices
        ended.add(attempt)

    def reconcile() -> None:
        """As a controller that has just started: what the engine does not know was never launched."""
        known = {seen.attempt: seen.phase for seen in site.engine.attempts()}
        for attempt in list(held):
            if known.get(attempt, Phase.ENDED) in (Phase.ENDED, Phase.STOPPED):
                give_back(attempt)

    for _ in range(ROUNDS):
        act = chance.choices(("launch", "stop", "pause", "fault"), (6, 2, 2, 1.5))[0]
        if act == "launch":
            node = chance.choice([node for node in free if free[node]] or [0])
            if not free[node]:
                continue
            part = Part(node, chance.randint(1, free[node]))
            job = chance.randrange(12)
            if any(attempt.job == job for attempt in held):
                continue
            attempt = site.launch(
                "--for", round(chance.uniform(0.0, 2.0), 2), "--beat", 0.1, "--on-term", chance.choice(("exit", "ignore")),
                gang=part.devices, parts=[part], job=job, number=number[job],
            )  # fmt: skip
            number[job] += 1
            held[attempt] = part
            free[node] -= part.devices
        elif act == "stop" and held:
            site.engine.stop(chance.choice(list(held)), grace_ms=chance.choice((0, 100, 1000)), requeue=True)
        elif act == "pause":
            site.quiet(chance.uniform(0.0, 0.3))
        elif act == "fault":
            fault = chance.choice(KILLS)
            done[fault] += 1
            if fault == "job" and held:
                notes = site.notes(chance.choice(list(held)), "start")
                if notes:
                    with suppress(ProcessLookupError):
                        os.kill(notes[0]["pid"], signal.SIGKILL)
            if fault in ("supervisor", "both"):
                for pid in supervisors(site.rig.folder):
                    with suppress(ProcessLookupError):
                        os.kill(pid, signal.SIGKILL)
            if fault in ("controller", "both"):
                site.reopen()
                reconcile()
        site.heard += site.engine.observe(0)
        take()
    site.listen(lambda: (take(), not held)[1], "all have ended", extra_s=10)
    return done


def check_machine(site: Site) -> None:
    """No job ran twice, no device was two jobs' at once, and nothing runs that has ended."""
    lives: list[tuple[float, float, str, Attempt]] = []
    for attempt in site.launched:
        notes = site.notes(attempt)
        starts = [note for note in notes if note["what"] == "start"]
        assert len(starts) <= 1, attempt
        for start in starts:
            devices = start["environment"]["EQUIPOISE_DEVICES"].split(",")
            lives += [(start["time"], notes[-1]["time"], device, attempt) for device in devices]
    assert lives
    for index, (begins, ends, device, attempt) in enumerate(lives):
        for other in lives[index + 1 :]:
            if other[2] == device and other[3] != attempt:
                assert other[0] > ends or begins > other[1], (device, attempt, other)


@pytest.mark.parametrize("seed", range(int(os.environ.get("EQUIPOISE_CAMPAIGNS", "3"))))
def test_whatever_is_killed_nothing_runs_twice_and_no_device_is_shared(tmp_path: Path, seed: int) -> None:
    with opened(tmp_path / "engine", tmp_path / "jobs") as site:
        campaign(site, seed)
        check_machine(site)
        phases = {seen.attempt: seen.phase for seen in site.engine.attempts()}
        assert set(phases.values()) <= {Phase.ENDED, Phase.STOPPED}
        time.sleep(0.3)
        sizes = {attempt: len(site.notes(attempt)) for attempt in site.launched}
        time.sleep(0.3)
        assert sizes == {attempt: len(site.notes(attempt)) for attempt in site.launched}, "something lives on"
        site.heard.clear()
