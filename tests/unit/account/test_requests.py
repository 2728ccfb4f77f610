"""Requests for credits: what may follow what, and sums by team and avenue."""

from __future__ import annotations

from fractions import Fraction

import pytest

from equipoise.account import Answered, Asked, Outcome, Span, Spent, fold_requests, sums
from equipoise.errors import InputError
from equipoise.units import DAY_MS, HOUR_MS

MONTH = Span(0, 30 * DAY_MS)


def asked(name: str, hours: int, *, team: str = "safety", avenue: str = "probes") -> Asked:
    return Asked(name, team, "a project", avenue, "a sweep", "gpu", hours * HOUR_MS, MONTH)


def test_sums_by_team_and_avenue_add_up_and_tell_cuts_from_refusals() -> None:
    requests = fold_requests(
        [
            asked("a", 100),
            asked("b", 40),
            asked("c", 60, avenue="evals"),
            asked("d", 10),
            asked("e", 8, team="product", avenue="chat"),
            Answered("a", 70 * HOUR_MS, "others need it"),
            Answered("b", 0, "not now"),
            Answered("c", 60 * HOUR_MS),
            Answered("e", 8 * HOUR_MS),
            Spent("a", 50 * HOUR_MS),
            Spent("a", -20 * HOUR_MS),  # a job gave back what it did not use
            Spent("c", 60 * HOUR_MS),
        ]
    )
    assert {name: request.outcome for name, request in requests.items()} == {
        "a": Outcome.CUT,
        "b": Outcome.REFUSED,
        "c": Outcome.GRANTED,
        "d": Outcome.OPEN,
        "e": Outcome.GRANTED,
    }
    found = sums(requests)
    assert list(found) == [("product", "chat"), ("safety", "evals"), ("safety", "probes")]
    probes = found["safety", "probes"]
    hours = (probes.asked_gpu_ms, probes.granted_gpu_ms, probes.cut_gpu_ms, probes.refused_gpu_ms, probes.spent_gpu_ms)
    assert [part // HOUR_MS for part in hours] == [150, 70, 30, 40, 30]
    assert (probes.requests, probes.refusals, probes.denied_share) == (3, 1, Fraction(70, 140))
    assert found["safety", "evals"].denied_share == 0
    for one in found.values():
        still_open = one.asked_gpu_ms - one.granted_gpu_ms - one.cut_gpu_ms - one.refused_gpu_ms
        assert still_open == (10 * HOUR_MS if one is probes else 0)


def test_nothing_answered_is_no_share() -> None:
    assert sums(fold_requests([asked("a", 1)]))["safety", "probes"].denied_share is None


@pytest.mark.parametrize(
    ("records", "complaint"),
    [
        ([asked("a", 1), asked("a", 2)], "asked twice"),
        ([Answered("a", 1)], "was not asked"),
        ([asked("a", 1), Answered("a", HOUR_MS), Answered("a", HOUR_MS)], "answered twice"),
        ([asked("a", 1), Answered("a", HOUR_MS + 1)], "is granted 3600001"),
        ([asked("a", 1), Answered("a", -1, "no")], "is granted -1"),
        ([asked("a", 1), Answered("a", 5)], "without a reason"),
        ([asked("a", 1), Answered("a", 0, "  ")], "without a reason"),
        ([asked("a", 1), Spent("a", 1)], "was not granted"),
        ([Spent("a", 1)], "was not granted"),
        ([asked("a", 1), Answered("a", 5, "cut"), Spent("a", 4), Spent("a", 2)], "has 6 spent"),
        ([asked("a", 1), Answered("a", 5, "cut"), Spent("a", 4), Spent("a", -5)], "has -1 spent"),
    ],
)
def test_what_cannot_follow_is_refused(records: list[Asked | Answered | Spent], complaint: str) -> None:
    with pytest.raises(InputError, match=complaint) as caught:
        fold_requests(records)
    assert caught.value.code == "A203"


def test_a_refused_request_has_a_size_that_spends_it_within_its_window() -> None:
    request = fold_requests([asked("a", 721), Answered("a", 0, "no")])["a"]
    assert request.refused_gpus == 2  # 720 GPU-hours are one GPU for thirty days
