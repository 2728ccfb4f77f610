"""docs/knowledge.md: published truck factors are found, by two roads, and fast enough."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from benchmarks import knowledge as measured
from equipoise.people.knowledge import chosen
from equipoise.tasks.knowledge import knowledge

PAGE = measured.PAGE.read_text("utf-8")
pytestmark = pytest.mark.skipif(not measured.LOGS.is_dir(), reason="../shared/data is not here")
COMMITS_PER_S_MIN = 10_000


@pytest.mark.parametrize(("name", "factor"), measured.PUBLISHED.items())
def test_published_truck_factors_are_found_in_the_saved_log_and_through_git(
    name: str, factor: int, tmp_path: Path
) -> None:
    saved = measured.saved(name)
    assert saved.total.truck_factor == factor
    measured.made(tmp_path / name, name)
    found = knowledge([tmp_path / name], merge=False)
    assert found.knowledge.total.truck_factor == factor
    assert found.knowledge.commits == saved.commits
    if name == measured.DECISIVE:  # in the others, commits of branches in one line leave other files than the merge did
        assert found.knowledge.total == saved.total
    assert found.commits_per_s > COMMITS_PER_S_MIN


def test_a_file_added_again_decides_between_four_and_three() -> None:
    for counts in (chosen("source"), chosen("all")):
        parts = [measured.covered(measured.history_of("jquery", again=again), counts) for again in (True, False)]
        assert [next(n for n, part in enumerate(of) if part < 0.5) for of in parts] == [4, 3]


def test_page_shows_what_is_found() -> None:
    assert measured.published() in PAGE, "run: python -m benchmarks.knowledge --write"
    assert measured.rules() in PAGE, "run: python -m benchmarks.knowledge --write"


def test_page_shows_a_measured_speed_above_what_is_asked() -> None:
    rates = [
        int(rate.replace(",", ""))
        for rate in re.findall(r"\| ([\d,]+) commits/s \([\d.]+ s\) \| [\d,]+ commits/s", PAGE)
    ]
    assert len(rates) == 2
    assert min(rates) > COMMITS_PER_S_MIN
