"""The tables of docs/baselines.md are those that the runs give, and within the margins to what was published."""

from __future__ import annotations

import pytest

from benchmarks import _muri, baselines

pytestmark = pytest.mark.skipif(not baselines.DATA.is_dir(), reason="../shared/data is not here")


def test_page_shows_what_the_runs_give() -> None:
    page = baselines.PAGE.read_text("utf-8")
    assert baselines.renewed(page, baselines.tables()) == page, "run: python -m benchmarks.baselines --write"


@pytest.mark.parametrize(("policy", "name"), [("fifo", "fifo"), ("smallest", "sjf")])
def test_tiresias_to_the_last_digit(policy: str, name: str) -> None:
    jobs = baselines.tiresias_jobs()
    found = baselines.run(jobs, "16 nodes of 1 gpu", policy)
    mean_s = found.mean_jct_s
    assert mean_s is not None
    pending_s = mean_s - sum(job[2] for job in jobs) / 1000 / len(jobs)
    assert (round(mean_s, 2), round(pending_s, 2), found.makespan_s) == baselines.TIRESIAS_S[name]


@pytest.mark.parametrize(("trace", "policy"), sorted(baselines.MURI_JCT_S))
def test_muri_within_eight_percent_below_and_all_of_it_explained(trace: str, policy: str) -> None:
    published = baselines.MURI_JCT_S[trace, policy]
    assert 0.92 * published <= baselines.ours_s(trace, policy) <= published
    jobs = _muri.trainings(baselines.MURI[trace])
    as_published = _muri.mean_jct_s(jobs, policy, longer=_muri.LONGER, starts_cost=True)
    assert as_published == pytest.approx(published, rel=1e-5)
