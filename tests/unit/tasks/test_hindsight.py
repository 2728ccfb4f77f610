"""Why a job waited then: the same by whichever way one comes to the instant, and as the decisions say what each job did."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from equipoise.errors import InputError
from equipoise.screens.job import job
from equipoise.tasks.hindsight import Hindsight, hindsight
from tests.unit.screens.test_timeline import DAY_MS, shown_run

AT_MS = [int(day * DAY_MS) for day in (4.9, 1.3, 3.1, 5.5, 2.2)]


@pytest.mark.parametrize("number", [0, 1])
def test_an_instant_is_explained_alike_by_every_way_there(number: int) -> None:
    run = shown_run(number)
    known = Hindsight(run.record)
    live = replace(run, live=True)
    chance = np.random.default_rng(5)
    states: set[str] = set()
    for at_ms in AT_MS:
        asked = np.flatnonzero(run.record.workload.jobs.submit_ms <= at_ms)
        again = Hindsight(replace(run.record))  # from the beginning
        waiting = [n for n in asked.tolist() if job(run, n, run.origin_ms + at_ms)["state"] == "waiting"]
        for row in [*chance.choice(asked, 4).tolist(), *waiting[:: max(1, len(waiting) // 3)][:4]]:
            found = known.why(run, row, at_ms, changes=False, predict=False).explanation
            assert found == again.why(run, row, at_ms, changes=False, predict=False).explanation
            told = again.why(live, row, at_ms, changes=False, predict=False).explanation  # by its events
            state = job(run, row, run.origin_ms + at_ms)["state"]
            shown = "waiting" if found.state == "claimed" else found.state
            assert (told.state, told.team, told.gang) == (found.state, found.team, found.gang)
            assert shown == state, (row, at_ms)
            states.add(found.state)
    assert {"waiting", "running", "done"} <= states


def test_a_start_is_predicted_for_what_waits_and_for_nothing_else() -> None:
    run = shown_run()
    found = hindsight(run)
    assert hindsight(run) is found
    at_ms = AT_MS[0]
    rows = range(len(run.record.run.jobs))
    waits = next(n for n in rows if job(run, n, run.origin_ms + at_ms)["state"] == "waiting")
    done = next(n for n in rows if job(run, n, run.origin_ms + at_ms)["state"] == "done")
    told = found.why(run, waits, at_ms, changes=True, predict=True)
    assert told.forecast is not None and told.forecast.replicas > 0
    assert told.forecast.low_ms is None or told.forecast.low_ms >= told.explanation.at_ms
    assert found.why(run, done, at_ms, changes=False, predict=True).forecast is None
    with pytest.raises(InputError, match="not submitted yet"):
        found.why(run, len(rows) - 1, 0, changes=False, predict=False)
