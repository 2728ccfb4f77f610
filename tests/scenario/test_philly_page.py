"""The tables of docs/philly.md are those that the runs give."""

from __future__ import annotations

import pytest

from benchmarks import philly


@pytest.mark.skipif(not philly.DATA.is_dir(), reason="../shared/data is not here")
def test_page_shows_what_the_runs_give() -> None:
    page = philly.PAGE.read_text("utf-8")
    assert philly.with_tables(page, philly.tables()) == page, "run: python -m benchmarks.philly --write"


@pytest.mark.skipif(not philly.DATA.is_dir(), reason="../shared/data is not here")
def test_floors_are_the_sizes_of_the_clusters() -> None:
    charter = philly.load(philly.CHARTER)
    nodes = philly.nodes_of()
    for team in charter.leaves:
        assert team.floor["gpu"].gpus == nodes[team.path] * philly.GPUS_PER_NODE
    assert charter.pools[0].nodes == sum(nodes[team.path] for team in charter.leaves)
