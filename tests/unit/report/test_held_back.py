"""What is said of a model that waits at its gate is what the run did, hour by hour."""

from __future__ import annotations

import re
from functools import cache

import numpy as np
import pytest

from equipoise.charter_io import loads
from equipoise.policy.kernel import layout as k
from equipoise.report.held_back import GatedRun, stretches
from equipoise.report.page import page
from equipoise.report.view import Source
from equipoise.simulator.bookkeeping import Releases
from equipoise.tasks.simulate import simulate
from equipoise.units import DAY_MS, HOUR_MS
from equipoise.workload.synthetic.release import NEXT, gated_charter, gated_lab, release_records, releases

GPUS, DAYS = 1024, 70
OPEN_DAY, CANARY_DAY = 61, 9


@cache
def gated(days: int = DAYS) -> GatedRun:
    workload = gated_lab(1, days=days, gpus=GPUS)
    known = Releases(releases(workload), release_records(workload.origin_ms or 0))
    run = simulate(workload, loads(gated_charter(GPUS)), releases=known, keep=True)
    return GatedRun(run, NEXT.name)


def asked(days: int = DAYS) -> np.ndarray:
    """What the service asks for in every hour."""
    service = gated(days).run.record.workload.services[-1]
    hours = np.arange(days * 24) * HOUR_MS
    return service.replicas[np.searchsorted(service.at_ms, hours, side="right") - 1]


def held() -> list[tuple[int, int]]:
    """When the number of started replicas of the service changed, and to how many, by the decisions alone."""
    record = gated().run.record
    assert record.run.decisions is not None
    everyone = len(record.run.jobs) + len(record.run.replicas)
    own = range(everyone - int(record.workload.services[-1].replicas.max()), everyone)  # the last service's come last
    running, found = set[int](), list[tuple[int, int]]()
    for at_ms, kind, job in record.run.decisions[["time_ms", "kind", "job"]].tolist():
        if job in own:
            if kind == k.START:
                running.add(job)
            elif kind in (k.STOP, k.LOST, k.RELEASE):
                running.discard(job)
            found.append((at_ms, len(running)))
    return found


def test_sentence_has_the_figures_of_the_hours() -> None:
    said = gated().sentence()
    wants = asked()[CANARY_DAY * 24 : OPEN_DAY * 24]
    # The chat may hold 80 % of flex's 448 GPUs, 358: 5 % of it are 17, which is 2 replicas of 8.
    assert (
        f"from 10 January 2027 to 3 March 2027 chat-next asks for up to {wants.max()} replicas and may have 2 (16 GPUs,"
        in said
    )
    assert "the stage canary), since the stage general lacks safety-case from the board safety." in said
    assert f"On 3 March 2027 that has changed, and it may have {358 // 8} (general);" in said


def test_stretches_count_what_is_asked_for_above_the_cap() -> None:
    wants = asked()
    for one in stretches(gated().run, NEXT.name):
        part = wants[one.from_ms // HOUR_MS : one.to_ms // HOUR_MS]
        assert one.held_back == int(np.maximum(part - one.replicas, 0).sum()) * HOUR_MS
        assert one.asked == part.max(initial=0)
    assert [one.from_ms // DAY_MS for one in stretches(gated().run, NEXT.name)] == [0, 9, OPEN_DAY]


def test_no_more_replicas_run_than_the_gate_lets_and_all_that_it_lets_at_first_and_more_when_it_opens() -> None:
    before = [many for at_ms, many in held() if CANARY_DAY * DAY_MS <= at_ms < OPEN_DAY * DAY_MS]
    early = [many for at_ms, many in held() if at_ms < CANARY_DAY * DAY_MS]
    after = [many for at_ms, many in held() if at_ms >= OPEN_DAY * DAY_MS]
    assert (max(early, default=0), max(before)) == (0, 2)
    assert max(after) > 2


def test_a_gate_that_holds_nothing_back_says_so() -> None:
    assert gated(2).sentence().endswith("holds nothing back in this time.")


@pytest.mark.parametrize("days", [20, 40])
def test_a_time_that_ends_before_it_opens_says_so(days: int) -> None:
    said = gated(days).sentence()
    assert re.search(rf"to {days + 1 if days < 31 else days - 30} (January|February) 2027 chat-next", said)
    assert "So it is when the time ends" in said


def test_report_begins_its_section_with_the_sentence() -> None:
    about = gated()
    text = page([about.run], source=Source("lab"), gated=about)
    section = text.split('id="gates"', 1)[1].split("</section>", 1)[0]
    plain = re.sub("<[^>]+>", "", section).replace("\u202f", " ").replace("\xa0", " ")
    assert about.sentence() in " ".join(plain.split())
    assert 'href="#gates"' in text
