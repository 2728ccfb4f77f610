"""The screen of promises: its figures are those of the account, and of each moment only what was known at it."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator

import pytest

from equipoise.errors import InputError
from equipoise.ledger.quorum import parse_policy
from equipoise.receipt import verify_receipt
from equipoise.screens import LabRun
from equipoise.screens.promise_words import STATES
from equipoise.screens.promises import POINTS, promise, promises
from equipoise.tasks.film_ledger import FilmLedgers
from equipoise.units import DAY_MS
from tests.unit.screens.small_film import DAYS, small_film


def at(run: LabRun, days: float) -> int:
    return run.origin_ms + int(days * DAY_MS)


def test_verdicts_are_those_of_the_account() -> None:
    for run in small_film():
        rows = run.results.promises.to_dicts()
        for item in promises(run)["items"]:
            told = [row for row in rows if row["promise"] == item["promise"] and row["to_s"] * 1000 <= DAYS * DAY_MS]
            assert item["tally"] == Counter(row["verdict"] for row in told if row["verdict"] != "undecided")
            whole = promise(run, item["promise"])
            assert whole is not None
            assert [one["verdict"] for one in whole["windows"]] == [row["verdict"] for row in told]
            for one, row in zip(whole["windows"], told, strict=True):
                if item["kind"] != "starts":
                    assert one["owed_heh_h"] == pytest.approx(row["owed_heh_h"])
                    assert one["denied_heh_h"] == pytest.approx(row["denied_heh_h"])


@pytest.mark.parametrize("days", [3, 16.4, 29, 38])
def test_nothing_is_known_that_comes_later(days: float) -> None:
    """A lab whose work ends shortly after the moment is the same up to it, so every figure must be the same."""
    for whole, cut in zip(small_film(), small_film(int(days) + 2), strict=True):
        when = at(whole, days)
        assert when == at(cut, days)
        assert promises(whole, when) == promises(cut, when)
        for name in ("safety-20", "safety-28d", "exploration-starts"):
            ours, theirs = promise(whole, name, when), promise(cut, name, when)
            assert ours == theirs
            assert json.dumps(ours) != json.dumps(promise(whole, name))


def times(value: object, name: str = "") -> Iterator[int]:
    """Every time in a plain value that is of something that has happened."""
    if isinstance(value, dict):
        for key, one in value.items():
            if key not in ("forecast", "open"):
                yield from times(one, key)
    elif isinstance(value, list):
        for one in value:
            yield from times(one, name)
    elif isinstance(value, int) and name in ("at_ms", "lost_ms", "as_of_ms", "to_ms"):
        yield value


def test_no_time_is_after_the_moment() -> None:
    run = small_film()[1]
    for days in (5, 20.7, 44):
        told = promise(run, "safety-28d", at(run, days))
        assert told is not None
        found = list(times(told))
        assert found and max(found) <= at(run, days)
        assert told["as_of_ms"] == at(run, int(days))  # accounts are closed at midnight


def test_before_the_first_close_no_window_is_open_and_it_says_so() -> None:
    run = small_film()[0]
    told = promises(run, run.origin_ms)
    assert told["sentence"] == "The accounts have not been closed yet: the first close tells how a promise stands."
    assert {item["state"] for item in told["items"]} == {"no open window"}


def test_the_product_first_breaks_what_is_kept_as_promised() -> None:
    kept, first = (promises(run) for run in small_film())
    broken = [
        sum(item["tally"].get("broken", 0) for item in told["items"] if item["team"] == "safety")
        for told in (kept, first)
    ]
    assert broken[0] == 0 < broken[1]
    worst = min(first["items"], key=lambda item: STATES.index(item["state"]))
    assert first["sentence"].startswith(f"{worst['promise']} is {worst['state']}")


def test_the_point_of_no_return_is_told_once_it_is_passed() -> None:
    run = small_film()[1]
    lost = [
        one["lost_ms"] for day in range(1, DAYS)
        for one in [(promise(run, "safety-28d", at(run, day)) or {})["open"]] if one and one["lost_ms"]
    ]  # fmt: skip
    assert lost
    before = promise(run, "safety-28d", min(lost) - 1)
    assert before is not None and before["state"] != "past saving"


def test_forecasts_are_of_the_open_window_and_hold_their_band() -> None:
    run = small_film()[1]
    told = promise(run, "safety-20", at(run, 30))
    assert told is not None
    ahead, window = told["open"]["forecast"], told["open"]
    assert (ahead["at_ms"][0], ahead["at_ms"][-1]) == (told["as_of_ms"], window["to_ms"])
    for low, middle, high in zip(ahead["low_heh_h"], ahead["middle_heh_h"], ahead["high_heh_h"], strict=True):
        assert low <= middle <= high
    assert ahead["low_heh_h"][0] == pytest.approx(window["delivered_heh_h"], abs=1e-3)


def test_courses_stay_short_and_pages_follow_one_another() -> None:
    run = small_film()[0]
    told = promise(run, "safety-28d")
    assert told is not None and all(len(one["at_ms"]) <= POINTS for one in told["course"])
    pages, after = [], 0
    while after is not None:
        page = promises(run, first=after, limit=2)
        pages += [item["promise"] for item in page["items"]]
        after = page["next"]
    assert pages == [one.name for one in run.record.charter.commitments]
    assert promise(run, "none") is None


def test_a_films_receipt_is_of_the_same_verdict_and_says_what_it_is() -> None:
    ledgers = FilmLedgers()
    try:
        for run in small_film():
            ledger = ledgers.of(run)
            assert ledger.evidence()["size"] is None
            told = promise(run, "safety-28d")
            assert told is not None
            for window in (told["windows"][0], told["windows"][-1]):
                data = ledger.receipt("safety-28d", window["to_ms"])
                found = verify_receipt(
                    data, policy=parse_policy(f"log {ledger.evidence()['key']}\nquorum none\n".encode())
                )
                verdict = found.judgement.verdict
                assert verdict.answer.value == window["verdict"]
                assert float(found.terms.scale.heh_h(verdict.delivered)) == pytest.approx(window["delivered_heh_h"])
                assert (found.source, found.policy) == ("simulated", run.results.policy)
            evidence = ledger.evidence()
            assert evidence["size"] > 1_000 and evidence["origin"] in evidence["checkpoint"]
            assert "not what a machine did" in evidence["says"]
            with pytest.raises(InputError) as raised:
                ledger.receipt("safety-28d", window["to_ms"] + 1)
            assert raised.value.code == "N177"
        assert len({ledgers.of(run).evidence()["key"] for run in small_film()}) == 2
    finally:
        ledgers.close()
