"""The verdict is true whatever the figures are."""

from __future__ import annotations

import pytest

from equipoise.report.verdict import Standing, difference, state

PHRASES = ("as promised", "with the product first")


def standing(delivered: float, entitled: float, denied: float, wait_p95_s: float | None = None) -> Standing:
    account = {"delivered_gpu_h": delivered, "entitled_gpu_h": entitled, "denied_gpu_h": denied}
    return Standing(account, wait_p95_s)


@pytest.mark.parametrize(
    ("kept", "first", "said"),
    [
        (
            standing(100, 100, 0),
            standing(80, 100, 20),
            "20.0 % less compute over the 9 days (80 GPU-hours inst",
        ),
        (standing(100, 100, 0), standing(125, 100, 0), "25.0 % more compute"),
        (standing(100, 100, 0), standing(100, 100, 0), "as much compute over the 9 days (100 GPU-hours), is denied"),
        (standing(1, 1, 0), standing(1.001, 1, 0), "0.1 % more compute over the 9 days (1 GPU-hours), is denied"),
        (standing(0, 0, 0), standing(5, 10, 5), "gets some compute"),
        (standing(0, 0, 0), standing(0, 0, 0), "gets no compute"),
        (standing(1, 2, 1), standing(1, 4, 3), "is denied 75.0 % of what the charter entitles it to while it asks"),
        (standing(1, 2, 1), standing(1, 4, 3), "(as promised: 50.0 %)"),
        (standing(1, 0, 0), standing(1, 4, 1), "(as promised: none)"),
    ],
)
def test_sentence_follows_the_figures(kept: Standing, first: Standing, said: str) -> None:
    text = difference("safety", kept, first, phrases=PHRASES, over="over the 9 days")
    assert text.startswith("With the product first, safety gets ")
    assert said in text
    assert "waits" not in text
    assert text.endswith(".")


def test_sentence_tells_waits_in_hours() -> None:
    text = difference("safety", standing(1, 1, 0, 7200.0), standing(1, 1, 0, 1800.0), phrases=PHRASES, over="over 1 d")
    assert text.endswith("and one job in twenty waits longer than 30 min (as promised: 2.0 hours).")


def test_of_one_run_the_most_starved_is_named_but_no_trifle() -> None:
    teams = {
        "a": standing(90, 100, 10, 60.0),
        "b": standing(70, 100, 30, 7200.0),
        "trifle": standing(0, 1, 1, 999.0),  # half a percent of the whole
    }
    text = state(teams, phrase="first in, first out", over="over the 9 days")
    assert text.startswith("First in, first out, 160 GPU-hours are delivered over the 9 days")
    assert "20.4 % is denied: most to b, 30.0 % of its own, where one job in twenty waits longer than 2.0 h." in text


def test_of_one_run_nobody_is_starved_or_nobody_asked() -> None:
    assert "every team gets all" in state({"a": standing(5, 5, 0)}, phrase="as promised", over="over 2.0 h")
    assert "nobody asked for anything" in state({"a": standing(0, 0, 0)}, phrase="as promised", over="over 0 s")
