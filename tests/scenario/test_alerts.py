"""What a lab's alerts tell, when, and how often: against the ledger, the kernel's own record and a receiver that checks everything."""

from __future__ import annotations

import itertools
from pathlib import Path
from typing import Any

import pytest

from equipoise.account import Need, alarms, hungry_days
from equipoise.charter_io import loads
from equipoise.controller.alerts import Hooks
from equipoise.controller.alerts.book import AlertBook
from equipoise.engines.protocol import Condition
from equipoise.errors import InputError
from equipoise.ledger.entry import parse_entry
from equipoise.simulator.verdicts import windows_seen
from equipoise.simulator.warning_frame import ABOVE, daily_chart
from equipoise.store import open_sqlite
from tests.scenario.alert_lab import CHARTER, DAY_MS, SECRET, Lab, hook, receiving


def test_a_starved_promise_is_told_when_the_kernel_says_so(tmp_path: Path) -> None:
    """Product first: safety waits from the beginning. Points of no return are those that the kernel notes; all breaks were told."""
    with receiving() as receiver:
        lab = Lab(tmp_path).begin({"webhook": [hook(tmp_path, receiver)]})
        try:
            lab.submit("product", 16)
            lab.submit("safety", 4)
            lab.looked()
            assert lab.controller is not None and lab.alerts is not None
            core = lab.controller._loop.chronicle.core
            for _ in range(12 * 8):
                lab.pass_by(DAY_MS // 8)
            origin_ms = core.roll.origin_ms or 0
            seen = windows_seen(core.layout.promised, core.core.promises, origin_ms)
            teams, lines = core.core.teams, [line.path for line in core.layout.reference.lines]
            closes_ms = core.core.closes_ms.tolist()
            lab.until(lambda: not any(state == "waits" for _, state in lab.alerts.status.messages))  # type: ignore[union-attr]
            told = AlertBook(tmp_path / "alerts.db")
            found = told.latest(1_000)
            told.close()
        finally:
            lab.end()
    lost = sorted(origin_ms + window.lost_ms for window in seen if window.lost_ms is not None)
    assert len(lost) >= 12
    # What the alert says is what the kernel notes at its next event, to the millisecond; of the last it has not noted anything yet.
    said = sorted(one.condition.since_ms for one in found if one.condition.kind == "no_return")
    assert said[: len(lost)] == lost
    assert all(since_ms > origin_ms + closes_ms[-1] for since_ms in said[len(lost) :])
    with open_sqlite(tmp_path / "ledger.db", read_only=True) as store:
        entries: list[dict[str, Any]] = [parse_entry(data) for data in store.entries()]
    broken = [one for one in entries if one["kind"] == "verdict" and one["verdict"]["answer"] == "broken"]
    assert len(broken) >= 10
    spans = [
        (one.condition.numbers["from_ms"], one.condition.numbers["to_ms"])
        for one in found
        if one.condition.kind == "no_return"
    ]
    assert {(one["from_ms"], one["to_ms"]) for one in broken} <= set(spans)
    # Starving, by the chart on the days' own totals.
    line = lines.index("safety")
    totals = teams[:, line]  # one pool
    days = [Need(int(b[1] - a[1]), int(b[2] - a[2])) for a, b in itertools.pairwise(totals)]
    alarm = alarms(daily_chart(), hungry_days(days, above=ABOVE))[0]
    starving = [one for one in found if one.condition.kind == "starving"]
    assert [one.condition.subject for one in starving] == ["safety"]
    # The ledger's first day may be whole or not; from the first close on the days are the same.
    assert starving[0].condition.since_ms - origin_ms in (closes_ms[alarm + 1], closes_ms[alarm])
    assert {one.condition.kind for one in found} >= {"at_risk", "no_return", "starving"}
    # Each was told once, signed, raised before resolved.
    assert all(post.is_ours and post.id == post.body["id"] for post in receiver.posts)
    assert len(set(receiver.ids)) == len(receiver.ids)
    expected = {f"{one.id}-raised" for one in found} | {
        f"{one.id}-resolved" for one in found if one.over_ms is not None
    }
    assert set(receiver.ids) == expected
    for one in found:
        if one.over_ms is not None:
            assert receiver.ids.index(f"{one.id}-raised") < receiver.ids.index(f"{one.id}-resolved")


def test_where_the_charter_holds_nothing_is_raised(tmp_path: Path) -> None:
    lab = Lab(tmp_path, policy="charter").begin({})
    try:
        lab.submit("product", 12)
        lab.submit("safety", 4)
        lab.pass_by(3 * DAY_MS)
        assert lab.alerts is not None
        assert lab.alerts.status.open == ()
    finally:
        lab.end()
    book = AlertBook(tmp_path / "alerts.db")
    assert book.latest() == []
    book.close()


def test_a_team_that_does_not_ask_is_not_told_of(tmp_path: Path) -> None:
    """Much is missing, and nothing was denied: such a window is kept, unused."""
    lab = Lab(tmp_path).begin({})
    try:
        lab.submit("product", 16)
        lab.pass_by(2 * DAY_MS)
        assert lab.controller is not None and lab.alerts is not None
        vitals = lab.controller.vitals()
        lab.until(vitals.done)
        assert {window.promise for window in vitals.result().windows} == {"safety-day", "safety-week"}
        assert all(window.owed_heh_h > window.delivered_heh_h == 0 for window in vitals.result().windows)
        assert lab.alerts.status.open == ()
    finally:
        lab.end()


def test_a_ledger_that_stops_is_told_once_and_over_when_it_is_mended(tmp_path: Path) -> None:
    with receiving() as receiver:
        lab = Lab(tmp_path).begin(
            {"webhook": [hook(tmp_path, receiver)], "checkpoint_late": 1, "spool_above": "0.001%"}
        )
        try:
            lab.submit("safety", 4)
            lab.disk.out = True
            lab.pass_by(DAY_MS // 2)
            lab.until(lambda: {"stopped", "spool", "checkpoint"} <= {post.body["subject"] for post in receiver.posts})
            assert {post.body["state"] for post in receiver.posts} == {"raised"}
            lab.disk.out = False
            lab.pass_by(DAY_MS // 2)
            lab.until(lambda: sum(post.body["state"] == "resolved" for post in receiver.posts) == 3)
        finally:
            lab.end()
    assert sorted((post.body["subject"], post.body["state"]) for post in receiver.posts) == sorted(
        itertools.product(("checkpoint", "spool", "stopped"), ("raised", "resolved"))
    )


def test_a_webhook_that_is_added_while_the_lab_runs_is_told_until_it_is_removed(tmp_path: Path) -> None:
    with receiving() as first, receiving() as second:
        lab = Lab(tmp_path).begin({"webhook": [hook(tmp_path, first)], "clock_ahead_ms": 1_000})
        try:
            assert lab.alerts is not None
            hooks = Hooks(tmp_path, lab.alerts)
            table = {"name": "second", "url": f"http://127.0.0.1:{second.port}/second"}
            hooks.add(table, SECRET)
            with pytest.raises(InputError, match="N168"):
                hooks.add(table | {"name": "pager"}, SECRET)
            lab.submit("safety", 4)
            lab.clock.wall_ms -= 3_600_000
            lab.pass_by(60_000)
            lab.until(lambda: len(first.posts) == len(second.posts) == 1)
            assert second.posts[0].is_ours and first.posts[0].id == second.posts[0].id
            assert [one.name for one in Hooks(tmp_path, lab.alerts).all()] == ["second"], "it is there after a restart"
            hooks.remove("second")
            lab.clock.wall_ms += 3_600_000
            lab.pass_by(60_000)
            lab.until(lambda: len(first.posts) == 2)
            lab.looked()
            assert len(second.posts) == 1 and first.posts[1].body["state"] == "resolved"
        finally:
            lab.end()


def test_a_clock_that_is_set_back_is_told(tmp_path: Path) -> None:
    lab = Lab(tmp_path).begin({"clock_ahead_ms": 1_000})
    try:
        lab.submit("safety", 4)
        lab.clock.wall_ms -= 3_600_000
        lab.pass_by(60_000)
        assert lab.alerts is not None
        [alert] = lab.alerts.status.open
        assert (alert.condition.kind, alert.condition.subject) == ("ledger", "clock")
        lab.clock.wall_ms += 3_600_000
        lab.pass_by(60_000)
        assert lab.alerts.status.open == ()
    finally:
        lab.end()


def test_a_restart_neither_repeats_nor_loses(tmp_path: Path) -> None:
    """The receiver is gone while it is raised; alerts end there; the next life delivers it, and raises it not again."""
    with receiving(*["500"] * 1_000) as receiver:
        lab = Lab(tmp_path).begin({"webhook": [hook(tmp_path, receiver)]})
        try:
            lab.submit("product", 16)
            lab.submit("safety", 4)
            lab.pass_by(DAY_MS // 4)
            lab.until(lambda: any(post.body["kind"] == "no_return" for post in receiver.posts))
        finally:
            lab.end()
        refused = set(receiver.ids)
        receiver.script.clear()
        receiver.posts.clear()
        lab.begin({"webhook": [hook(tmp_path, receiver)]})
        try:
            lab.looked()
            lab.until(lambda: refused <= set(receiver.ids))
            lab.looked()
        finally:
            lab.end()
    assert len(receiver.ids) == len(set(receiver.ids))
    assert [post.body["state"] for post in receiver.posts if post.body["kind"] == "no_return"] == ["raised"]


def test_owners_are_told_by_the_webhook_of_notices(tmp_path: Path) -> None:
    """A job whose node goes: its owner hears of it once, though the receiver failed first; the desk is then empty."""
    with receiving("500", "closes") as receiver:
        table = hook(tmp_path, receiver)
        del table["name"]
        lab = Lab(tmp_path, policy="charter").begin({}, {"webhook": table})
        try:
            lab.submit("safety", 4)
            lab.pass_by(60_000)
            [trial] = lab.world.trials.values()
            lab.world.change_node("big", trial.parts[0].node, Condition.DOWN)
            lab.pass_by(120_000)
            lab.until(lambda: len(receiver.posts) >= 4)
            assert lab.controller is not None
            left = lab.controller.notices()
            lab.until(left.done)
            assert left.result() == []
        finally:
            lab.end()
    assert all(post.is_ours for post in receiver.posts)
    kinds = {post.body["kind"] for post in receiver.posts}
    assert "lost" in kinds
    assert {(post.body["owner"], post.body["job"]) for post in receiver.posts} == {("ada", 0)}


@pytest.fixture(autouse=True)
def _nothing_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    """A proxy that the environment names would get everything; it is not asked."""
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setenv(name, "http://127.0.0.1:9")


def test_an_emergency_is_told_at_once_and_one_that_came_and_went_meanwhile_too(tmp_path: Path) -> None:
    """The second comes and goes while nobody looks; alerts begin again, and tell of it."""
    charter, strict = (loads(text.encode()) for text in (CHARTER, CHARTER.replace("25%", "30%")))
    with receiving() as receiver:
        lab = Lab(tmp_path, policy="charter").begin({"webhook": [hook(tmp_path, receiver)], "look_every_ms": 60_000})
        try:
            lab.until(lambda: lab.alerts is not None and lab.alerts.looks == 1)
            for how, new, text in (
                ("emergency", strict, CHARTER.replace("25%", "30%")),
                ("restored", charter, CHARTER),
            ):
                assert lab.controller is not None
                done = lab.controller.enact(new, text, how=how)
                lab.until(done.done)
                done.result()
                state = "raised" if how == "emergency" else "resolved"
                lab.until(lambda: bool(receiver.posts) and receiver.posts[-1].body["state"] == state, timeout_s=20)  # noqa: B023
            assert lab.alerts is not None
            # What is taken but not yet noted as such would come again, under its name.
            lab.until(lambda: lab.alerts is not None and lab.alerts._book.next_ms() is None)
            lab.alerts.stop()
            lab.alerts = None
            for how, new, text in (
                ("emergency", strict, CHARTER.replace("25%", "30%")),
                ("restored", charter, CHARTER),
            ):
                lab.pass_by(60_000)
                done = lab.controller.enact(new, text, how=how)  # type: ignore[union-attr]
                lab.until(done.done)
                done.result()
        finally:
            lab.end()
        assert [post.body["state"] for post in receiver.posts] == ["raised", "resolved"]
        lab.begin({"webhook": [hook(tmp_path, receiver)]})
        try:
            lab.until(lambda: len(receiver.posts) == 4)
            lab.looked()
        finally:
            lab.end()
    assert [post.body["state"] for post in receiver.posts] == ["raised", "resolved"] * 2
    assert {(post.body["kind"], post.body["subject"]) for post in receiver.posts} == {("emergency", strict.digest)}
    assert receiver.posts[3].body["over_ms"] - receiver.posts[2].body["since_ms"] >= 60_000
    assert len(set(receiver.ids)) == 4
