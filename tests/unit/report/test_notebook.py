"""What a notebook shows: a picture and a table, with everything of others escaped."""

from __future__ import annotations

from dataclasses import replace
from xml.etree import ElementTree

from equipoise import compare
from equipoise.report.figures import hours, part
from equipoise.report.view import view
from tests.unit.report.replays import DAYS, HOSTILE, outage, synthetic
from tests.unit.report.test_page import Reader, plain


def test_a_run_shows_the_machine_and_its_teams() -> None:
    run = synthetic()[0]
    found = Reader(str(run._repr_html_()))
    account = {row["team"]: row for row in run.account(until_s=DAYS * 86_400).to_dicts()}
    rows = {row["team"]: row for row in found.rows("")}
    assert rows.keys() == account.keys()
    for team, row in rows.items():
        assert row["delivered\nGPU-h"] == hours(account[team]["delivered_gpu_h"])
        assert row["starved"] == part(account[team]["starvation"])
    assert [tag for tag, _ in found.elements].count("figure") == 1
    assert plain(found.text).startswith("As promised, ")


def test_a_comparison_shows_every_run_and_the_differences_of_each_team() -> None:
    both = synthetic()
    found = Reader(both._repr_html_())
    assert [tag for tag, _ in found.elements].count("figure") == 2
    rows = {row["team"]: row for row in found.rows("")}
    table = {(row["team"], row["policy"]): row for row in both.differences().to_dicts()}
    assert {team for team, _ in table} == rows.keys()
    kept, first = (run.account(until_s=DAYS * 86_400) for run in both)
    by = dict(zip(kept["team"], first["delivered_gpu_h"] - kept["delivered_gpu_h"], strict=True))
    for team, row in rows.items():
        sign = "+" if by[team] > 0 else "−" if by[team] < 0 else "±"
        assert row["difference"] == f"{sign}{hours(abs(by[team]))}"
    assert compare(*both)._repr_html_() == both._repr_html_()


def test_three_runs_have_two_tables_of_differences() -> None:
    found = Reader(outage()._repr_html_())
    assert len(found.tables) == 2


def test_a_notebook_gets_no_script_and_no_markup_of_others() -> None:
    run = synthetic()[0]
    shown = str(run._repr_html_())
    assert "<script" not in shown
    assert "://" not in shown
    odd = replace(run, policy=HOSTILE)
    found = Reader(str(odd._repr_html_()))
    assert {tag for tag, _ in found.elements} == {tag for tag, _ in Reader(shown).elements}
    picture = shown[shown.index("<svg") : shown.index("</svg>") + 6]
    assert ElementTree.fromstring(picture).get("role") == "img"


def test_results_made_without_a_view_show_nothing() -> None:
    run = synthetic()[0]
    assert replace(run, view=None)._repr_html_() is None
    assert view((run,)).sentence in plain(Reader(str(run._repr_html_())).text)
