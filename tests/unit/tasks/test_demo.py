"""The demo's sentence is true whatever the figures are; the demo itself on a short quarter."""

from __future__ import annotations

import re

import pytest

from equipoise.tasks.demo import Demo, demo


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
    assert again.years.to_dict() == short.years.to_dict()


def test_a_new_model_waits_at_its_gate_and_changes_nothing_of_both_runs() -> None:
    found = demo(days=10, seed=3)
    said = found.gated.sentence()
    assert "from 3 January 2027 to 10 January 2027 chat-next asks for up to" in said
    assert (
        "may have 1 (8 GPUs, the stage internal), since the stage canary lacks jailbreak from the board evals." in said
    )
    assert "On 10 January 2027 that has changed, and it may have 8 (canary);" in said
    assert [len(run.record.workload.services) for run in (*found.runs, found.gated.run)] == [3, 3, 4]
    assert all(run.gates.is_empty() for run in found.runs)
