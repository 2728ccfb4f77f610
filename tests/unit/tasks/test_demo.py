"""The demo's sentence is true whatever the figures are; the demo itself on a short quarter."""

from __future__ import annotations

import re

import pytest

from equipoise.tasks.demo import Demo, demo, sentence


def account(delivered: float, entitled: float, denied: float) -> dict[str, float]:
    return {"delivered_gpu_h": delivered, "entitled_gpu_h": entitled, "denied_gpu_h": denied}


@pytest.mark.parametrize(
    ("kept", "first", "said"),
    [
        (
            account(100, 100, 0),
            account(80, 100, 20),
            "20.0 % less compute over the 9 days (80 GPU-hours inst",
        ),
        (account(100, 100, 0), account(125, 100, 0), "25.0 % more compute"),
        (account(100, 100, 0), account(100, 100, 0), "as much compute"),
        (account(0, 0, 0), account(5, 10, 5), "gets some compute"),
        (account(0, 0, 0), account(0, 0, 0), "gets no compute"),
        (account(1, 2, 1), account(1, 4, 3), "is denied 75.0 % of what the charter entitles it to while it asks"),
        (account(1, 2, 1), account(1, 4, 3), "(as promised: 50.0 %)"),
        (account(1, 0, 0), account(1, 4, 1), "(as promised: none)"),
    ],
)
def test_sentence_follows_the_figures(kept: dict[str, float], first: dict[str, float], said: str) -> None:
    text = sentence("safety", kept, first, waits=(None, None), days=9)
    assert said in text
    assert "waits" not in text
    assert text.endswith(".")


def test_sentence_tells_waits_in_hours() -> None:
    text = sentence("safety", account(1, 1, 0), account(1, 1, 0), waits=(7200.0, 1800.0), days=1)
    assert text.endswith("and one job in twenty waits longer than 0.5 hours (as promised: 2.0 hours).")


@pytest.fixture(scope="module")
def short() -> Demo:
    return demo(days=6, seed=3)


def test_both_runs_are_of_one_lab_under_one_charter(short: Demo) -> None:
    assert short.promised.n_jobs == short.product_first.n_jobs > 5_000
    assert (short.promised.policy, short.product_first.policy) == ("charter", "product-first")
    assert short.promised.team("safety")["floor_gpus"] == short.product_first.team("safety")["floor_gpus"] > 800


def test_sentence_is_that_of_the_account_of_the_days(short: Demo) -> None:
    row = {r["team"]: r for r in short.account(short.product_first).to_dicts()}["safety"]
    told = short.sentence()
    assert f"({row['delivered_gpu_h']:,.0f} GPU-hours instead of" in told
    assert f"is denied {100 * row['denied_gpu_h'] / row['entitled_gpu_h']:.1f} %" in told
    share = re.search(r"over the (\d+) days", told)
    assert share is not None
    assert share[1] == "6"


def test_account_of_the_days_ends_with_them(short: Demo) -> None:
    gpus = int(short.promised.pools["gpus"].sum())
    for run in (short.promised, short.product_first):
        top = [row for row in short.account(run).to_dicts() if "." not in row["team"]]
        assert 0 < sum(row["delivered_gpu_h"] + row["lost_gpu_h"] for row in top) <= gpus * 6 * 24
        assert run.makespan_s > 6 * 86_400


def test_same_seed_is_the_same_run(short: Demo) -> None:
    again = demo(days=6, seed=3)
    assert again.promised.digest == short.promised.digest
    assert again.product_first.digest == short.product_first.digest
    assert again.sentence() == short.sentence()
