"""Pages of jobs and a job's life against slow looks at every job."""

from __future__ import annotations

from typing import Any

import pytest

from equipoise.errors import InputError
from equipoise.policy.kernel import layout as k
from equipoise.screens.job import job
from equipoise.screens.jobs import Doing, Order, Wanted, page
from tests.unit.screens.test_timeline import DAY_MS, shown_run, stays

BOX = (4 * DAY_MS, 5 * DAY_MS)


def everything(**wanted: Any) -> list[dict[str, Any]]:
    """All pages, one after the other."""
    rows: list[dict[str, Any]] = []
    after = ""
    while True:
        found = page(shown_run(), Wanted(after=after, limit=37, **wanted))
        rows += [dict(zip(found["columns"], row, strict=True)) for row in found["rows"]]
        if found["next"] is None:
            assert len(rows) == found["total"]
            return rows
        after = found["next"]


@pytest.mark.parametrize("order", ["job", "-wait", "-gang", "gang", "-lost"])
def test_pages_are_all_jobs_once_in_their_order(order: Order) -> None:
    run = shown_run()
    rows = everything(order=order)
    assert sorted(row["job"] for row in rows) == list(range(len(run.record.run.jobs)))
    name = {"wait": "wait_ms", "lost": "lost_gpu_ms"}.get(order.removeprefix("-"), order.removeprefix("-"))
    sign = -1 if order.startswith("-") else 1
    keys = [(sign * row[name], row["job"]) for row in rows]
    assert keys == sorted(keys)


@pytest.mark.parametrize("doing", ["running", "waiting", "started", "ended", "any", "reclaimed"])
@pytest.mark.parametrize("team", ["", "safety", "frontier.pretraining"])
def test_a_box_has_the_jobs_that_a_look_at_every_life_finds(doing: Doing, team: str) -> None:
    run = shown_run()
    box = [run.origin_ms + at_ms for at_ms in BOX]
    mine = {row["job"] for row in everything(doing=doing, team=team, pool="train", from_ms=box[0], to_ms=box[1])}
    found: set[int] = set()
    for number in range(len(run.record.run.jobs)):
        life = job(run, number)
        if (
            life["pool"] == "train"
            and f"{life['team']}.".startswith(f"{team}." if team else "")
            and did(life, doing, box)
        ):
            found.add(number)
    assert mine == found and (mine or (team and doing in ("waiting", "reclaimed")))


def did(life: dict[str, Any], doing: str, box: list[int]) -> bool:
    """Whether a life has it in a box; what ends at the box's first instant was not in it."""
    begin, end = box
    far = 1 << 62

    def touches(what: str) -> bool:
        return any(
            one["what"] == what and one["from_ms"] < end and (one["to_ms"] or far) > begin for one in life["spans"]
        )

    stops = [one for one in life["spans"] if one["what"] == "runs" and one["to_ms"] and begin <= one["to_ms"] < end]
    return {
        "running": touches("runs"),
        "waiting": touches("waits"),
        "started": any(one["what"] == "runs" and begin <= one["from_ms"] < end for one in life["spans"]),
        "ended": any(one["ended_by"] == "ended" for one in stops),
        "reclaimed": any(one["ended_by"] == "reclaimed" for one in stops),
        "any": life["submit_ms"] < end and (life["end_ms"] or far) >= begin,
    }[doing]


def test_a_life_is_its_decisions() -> None:
    run = shown_run()
    by_hand: dict[int, list[tuple[int, int]]] = {}
    for number, from_ms, to_ms in stays(0):
        by_hand.setdefault(number, []).append((from_ms, to_ms))
    seen: set[str] = set()
    for number in range(0, len(run.record.run.jobs), 3):
        life = job(run, number)
        ran = [one for one in life["spans"] if one["what"] == "runs" and one["to_ms"] != one["from_ms"]]
        wanted = [one for one in by_hand.get(number, []) if one[0] <= run.ends_ms]
        assert [one["from_ms"] - run.origin_ms for one in ran] == [from_ms for from_ms, _ in wanted]
        assert all(a["to_ms"] <= b["from_ms"] for a, b in zip(life["spans"], life["spans"][1:], strict=False))
        seen |= {one.get("ended_by", "") for one in ran}
        waited = sum(
            (one["to_ms"] or run.origin_ms + run.ends_ms) - one["from_ms"]
            for one in life["spans"]
            if one["what"] == "waits"
        )
        assert waited == life["wait_ms"]
        for one in ran:
            if one["ended_by"] == "reclaimed":
                assert one["for"]["team"] != life["team"]
    assert {"ended", "reclaimed"} <= seen


def test_the_state_is_that_of_the_moment() -> None:
    run = shown_run()
    lives = (job(run, n) for n in range(len(run.record.run.jobs)))
    number = next(
        one["job"] for one in lives if any(span["what"] == "waits" and span["to_ms"] for span in one["spans"])
    )
    life = job(run, number)
    waits = next(one for one in life["spans"] if one["what"] == "waits")
    assert job(run, number, waits["from_ms"])["state"] == "waiting"
    assert job(run, number, waits["to_ms"])["state"] == "running"
    assert job(run, number, max(run.origin_ms, life["submit_ms"] - 1))["state"] in ("future", "waiting")
    assert run.record.run.jobs["state"][number] == k.DONE


def test_what_was_lost_is_what_was_lost_by_then() -> None:
    run = shown_run()
    lost = run.record.run.jobs["lost"]
    rows = everything()
    over = [row for row in rows if row["end_ms"] is not None]
    assert all(row["lost_gpu_ms"] == lost[row["job"]] for row in over) and any(row["lost_gpu_ms"] for row in over)
    assert all(0 <= row["lost_gpu_ms"] <= lost[row["job"]] for row in rows)


@pytest.mark.parametrize("wanted", [{"after": "x"}, {"after": "1.x"}, {"pool": "moon"}, {"team": "moon"}])
def test_what_is_not_there_is_refused(wanted: dict[str, Any]) -> None:
    with pytest.raises(InputError) as refused:
        page(shown_run(), Wanted(**wanted))
    assert refused.value.code == ("C301" if "team" in wanted else "N175")
    with pytest.raises(InputError, match="no job"):
        job(shown_run(), 1 << 30)
