"""The frontier in a terminal, as a page and as a table: every point, the present charter, what each gives up, both parts."""

from __future__ import annotations

import io
import re
from functools import cache
from pathlib import Path

import polars as pl
import pytest
from rich.console import Console

from equipoise.errors import InputError
from equipoise.report.frontier import frontier_page, write_frontier
from equipoise.report.trade import point_sentences, present_sentence, trade
from equipoise.report.tuning import print_tuned, write_points, write_table
from equipoise.tasks.tune import tune
from equipoise.tune.figures import Figures
from equipoise.tune.objectives import DENIED, KEPT, LEAVING, SERVED
from equipoise.tune.outcome import Tuned
from equipoise.workload.synthetic import lab, lab_charter
from tests.unit.report.replays import HOSTILE


@cache
def small() -> Tuned:
    return tune(
        lab(2, days=6, gpus=512), lab_charter(512).encode(), search_for=["safety.floor=16%..24%/4%", "product.weight=2..6/2"],
        people=["safety=60"], trials=9, points=5,
    )  # fmt: skip


def printed(width: int) -> str:
    out = io.StringIO()
    print_tuned(small(), Console(file=out, width=width, soft_wrap=True))
    return out.getvalue()


@pytest.mark.parametrize("width", [80, 110, 200])
def test_terminal_shows_every_point_on_both_parts_and_what_it_gives_up(width: int) -> None:
    text = printed(width)
    for part in ("searched", "held out"):
        table = re.split(rf"(?m)^{part} ", text)[1].split("\n\n")[0]
        for number, point in enumerate(small().points, start=1):
            figures = point.figures if part == "searched" else point.held_out
            assert figures is not None
            row = next(line for line in table.splitlines() if re.match(rf"{number}( =|\s)", line))
            assert f"{100 * (figures.denied or 0):.1f} %" in row
            assert f"{100 * (figures.served or 0):.1f} %" in row
        assert re.search(r"(?m)^(present|\d+ = present)\s", table)
    for number in range(len(small().points)):
        assert all(sentence in text for sentence in point_sentences(small(), number))
    assert present_sentence(small()) in text


def figures(kept: int, denied: float, served: float, leaving: float) -> Figures:
    return Figures((("p", kept, 10),), denied, 100.0, served, 100.0, (("t", leaving, 0, 9),))


def test_trade_says_what_is_better_and_worse_and_leaves_out_what_reads_the_same() -> None:
    one, other = figures(9, 5.0, 80.0, 3.0), figures(8, 6.0, 90.0, 3.0001)
    better, worse = trade([KEPT, DENIED, SERVED, LEAVING], one, other)
    assert better == ["keeps more windows of promises (9 of 10, not 8 of 10)", "denies less (5.0 %, not 6.0 %)"]
    assert worse == ["serves less of the product's demand (80.0 %, not 90.0 %)"]
    assert trade([KEPT, DENIED, SERVED, LEAVING], other, one)[0] == [
        "serves more of the product's demand (90.0 %, not 80.0 %)"
    ]


def test_page_has_a_spot_for_each_point_and_one_for_the_present_charter_in_each_scatter() -> None:
    page = frontier_page(small(), log="a log", command="equipoise tune")
    assert page.count('class="spot now"') == 2
    spots = re.findall(r'class="spot" style="left:([\d.]+)%;bottom:([\d.]+)%" title="point (\d+): ([^"]*)"', page)
    assert sorted(int(number) for _, _, number, _ in spots) == sorted([*range(1, len(small().points) + 1)] * 2)
    # Where a spot stands follows its figures: who serves more stands higher, in both.
    for across in ("denied", "leave in 6 months"):
        own = [spot for spot in spots if spot[3].startswith(across)]
        points = {int(number): (float(left), float(bottom)) for left, bottom, number, _ in own}
        by_served = sorted(points, key=lambda number: small().points[number - 1].figures.served or 0)
        assert [points[number][1] for number in by_served] == sorted(height for _, height in points.values())
        name = "denied" if across == "denied" else "leaving"
        by_cost = sorted(points, key=lambda number: getattr(small().points[number - 1].figures, name))
        assert [points[number][0] for number in by_cost] == sorted(left for left, _ in points.values())
    assert page.count('class="tie') == 2 * (len(small().points) + 1)
    assert "<h2>Again</h2>" in page


def test_page_is_safe_whatever_a_log_is_called(tmp_path: Path) -> None:
    page = write_frontier(small(), tmp_path / "f.html", log=HOSTILE, command=HOSTILE).read_text("utf-8")
    assert "<script>alert" not in page
    assert "<img" not in page
    assert page.count("<script>") == 1


def test_table_has_every_charter_that_was_measured(tmp_path: Path) -> None:
    frame = pl.read_csv(write_table(small(), tmp_path / "all.csv"))
    assert frame["trial"].to_list() == [trial.number for trial in small().searched.trials]
    assert frame["denied"].to_list() == pytest.approx([trial.figures.denied for trial in small().searched.trials])
    assert int(frame["frontier"].sum()) == small().frontier_size
    assert set(frame["product.weight"].to_list()) == {2, 4, 6}


def test_what_cannot_be_written_is_said(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("", "utf-8")
    for attempt in (
        lambda: write_table(small(), tmp_path / "no" / "x.csv"),
        lambda: write_frontier(small(), tmp_path / "no" / "x.html"),
        lambda: write_points(small(), tmp_path / "file", log=""),
    ):
        with pytest.raises(InputError) as caught:
            attempt()
        assert caught.value.code == "S105"
