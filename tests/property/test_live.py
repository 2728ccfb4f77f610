"""What is decided on what is known follows from everything known at once; a controller that was killed goes on where it was."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from equipoise.errors import InputError
from equipoise.policy.columns import Options
from equipoise.policy.events import event
from equipoise.policy.growing import LIVE, GrowingCore
from equipoise.policy.kernel import layout as k
from equipoise.policy.spares import Spares
from equipoise.workload.model import Service
from equipoise.workload.roll import Asked, Request
from tests.property.live_systems import check_live, draw_live


def test_an_audit_of_everything_agrees_with_what_was_decided_job_by_job() -> None:
    done = [check_live(seed, restarts=seed % 3 == 0) for seed in range(100)]
    assert sum(live.rebuilds for live in done) > 300, "they were laid out again and again"
    assert sum(live.restarts for live in done) > 50
    assert sum(len(live.chronicle.core.charters) > 1 for live in done) > 30
    assert sum(len(live.asked) > 0 for live in done) > 10


@pytest.mark.parametrize("policy", [name for name in LIVE if name != "charter"])
def test_so_it_is_of_other_policies(policy: str) -> None:
    for seed in range(20):
        check_live(seed, policy=policy)


@pytest.mark.parametrize("seed", [75, 480, 768, 1036, 1398, 1038])
def test_what_once_differed(seed: int) -> None:
    """A divided leaf; the end of a text's last window; texts not in force; a ceiling that rises while one priority is known.

    Last, the promise of an inner team that is not in force.
    """
    check_live(seed, restarts=seed != 75)


def test_a_spare_queue_of_another_user_would_be_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    own = Spares.queue

    def mixed(spares: Spares, layout: object, row: int, user: int, priority: int, *, solid: bool) -> int | None:
        return own(spares, layout, row, user % 2, priority, solid=solid)  # pyright: ignore[reportArgumentType]

    monkeypatch.setattr(Spares, "queue", mixed)
    failed = 0
    for seed in range(60):
        try:
            check_live(seed)
        except (AssertionError, InputError):
            failed += 1
    assert failed > 0


def _core() -> GrowingCore:
    system, _ = draw_live(3)
    return GrowingCore([system.charter], options=Options())


def test_what_cannot_be_asked_for_is_refused_and_changes_nothing() -> None:
    core = _core()
    leaf, pool = core.charters[0].leaves[0].path, core.charters[0].pools[0].name
    for asked, code in (
        (Asked(0, leaf, pool), "P110"),
        (Asked(1, leaf, pool, walltime_ms=1 << 40), "P110"),
        (Asked(1, leaf, pool, after=0), "P110"),
        (Asked(1, "nobody", pool), "C301"),
        (Asked(1, leaf, "nothing"), "W101"),
    ):
        with pytest.raises(InputError, match=code):
            core.admit(asked)
    assert core.roll.count == 0
    assert [core.admit(Asked(1, leaf, pool, f"user {n}")) for n in range(12)] == list(range(12))
    assert core.rebuilds == 1, "eight more users than there were spare queues, which then were doubled"
    with pytest.raises(InputError, match="P111"):
        core.take(0, event(k.SUBMITTED, 1))
    core.take(0, event(k.SUBMITTED, 0))
    with pytest.raises(InputError, match="P102"):
        core.close(0)


def test_policies_that_need_to_know_more_do_not_run_live() -> None:
    system, _ = draw_live(3)
    for policy in ("sjf", "fair-tree", "fifo"):
        with pytest.raises(InputError, match="P109"):
            GrowingCore([system.charter], policy, options=Options())


def test_services_do_not_run_live_and_the_error_says_what_to_do() -> None:
    system, _ = draw_live(3)
    every = np.zeros(1, np.int64), np.ones(1, np.int32)
    web = Service("web", team=0, pool=0, gang=1, minimum=0, at_ms=every[0], replicas=every[1], carry=False)
    with pytest.raises(InputError, match=r"P131 web is a service.*\(hint: submit its replicas as jobs"):
        GrowingCore([system.charter], options=Options(), workload=replace(system.workload, services=(web,)))


def test_an_answer_counts_right_after_the_latest_pass_and_once() -> None:
    core = _core()
    leaf, pool = core.charters[0].leaves[0].path, core.charters[0].pools[0].name
    core.ask(Request("r", leaf, pool, 100, 0, 0, 10))
    core.take(7, np.zeros(0, k.EVENT))
    assert core.answer("r", 3, 40, reason="the product launches").answered_ms == 8
    for name, granted in (("r", 40), ("s", 1)):
        with pytest.raises(InputError, match="P112"):
            core.answer(name, 9, granted)
    assert core.workload().refusals().amount_gpu_ms.tolist() == [60]
