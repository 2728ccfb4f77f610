"""The search: against a grid, against plain replays, with several workers; conditions; what is written; interruptions."""

from __future__ import annotations

import base64
import re
from collections.abc import Callable
from fractions import Fraction
from functools import cache
from itertools import product
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from equipoise.charter_io import check, load, loads
from equipoise.errors import InputError
from equipoise.people.hazard import Standing, chance_of_loss, fit
from equipoise.report.tuning import write_points
from equipoise.tasks.simulate import Comparison, simulate
from equipoise.tasks.tune import tune
from equipoise.tune import Gauge
from equipoise.tune.objectives import weakened_teams
from equipoise.tune.outcome import Tuned
from equipoise.tune.search import costs_of
from equipoise.workload import Workload
from equipoise.workload.part import part
from equipoise.workload.synthetic import lab, lab_charter

DAY_MS = 86_400_000
DAYS, CUT = 12, 8
TWO = ["product.floor=25%..41%/2%", "product.weight=1..8/1"]
PEOPLE = ["safety=60", "frontier=200"]
TOLERANCE = 0.005
"""How much worse, in parts of one, the nearest point of the frontier may be than any charter of the grid, in each respect."""


@cache
def work() -> Workload:
    return lab(3, days=DAYS, gpus=512)


@cache
def text() -> bytes:
    """The demo's charter with windows so short that some end within the days."""
    return lab_charter(512).replace("rolling 28d", "rolling 3d").encode()


@cache
def found() -> Tuned:
    return tune(work(), text(), search_for=TWO, people=PEOPLE, trials=36, points=8, seed=5)


def test_no_charter_of_the_whole_grid_is_missed_by_more_than_half_a_hundredth() -> None:
    """All 72 charters are measured one by one; 36 were in the search."""
    gauge, space, sought = Gauge(found().case), found().space, found().objectives
    assert [each.name for each in sought] == ["kept", "denied", "served", "leaving"]
    grid: list[tuple[float, ...]] = []
    for levels in product(*(range(len(parameter.values)) for parameter in space.parameters)):
        charter = check(space.written(levels)).charter
        if charter is not None:
            figures = gauge(charter)
            assert figures is not None
            grid.append(costs_of(figures, sought))
    people = sum(number for _, number in found().case.people)
    unit = (1.0, 1.0, 1.0, float(people))  # departures as a part of those who are there
    front = [costs_of(trial.figures, sought) for trial in found().searched.frontier(sought)]
    for charter in grid:
        away = min(max((f - g) / u for f, g, u in zip(point, charter, unit, strict=True)) for point in front)
        assert away <= TOLERANCE, (charter, away)
    # and the frontier is of the grid: what was found is what plain measuring finds.
    assert set(front) <= set(grid)
    assert len(grid) > len(found().searched.trials)


def test_a_space_no_larger_than_the_trials_is_tried_whole() -> None:
    few = tune(work(), text(), search_for=["product.weight=2..8/2"], trials=10, hold_out=Fraction(0))
    assert [trial.levels for trial in few.searched.trials] == [(1,), (0,), (2,), (3,)]
    assert few.searched.trials[0].levels == few.space.present


@pytest.mark.parametrize("number", [0, -1])
def test_figures_are_those_of_a_plain_replay_of_the_written_charter(number: int, tmp_path: Path) -> None:
    paths = write_points(found(), tmp_path, log="the lab")
    (tmp_path / "present.yaml").write_bytes(text())
    place = range(len(paths))[number]
    point = found().points[place]
    assert point.changed, "a charter that differs from the present one"
    for figures, begin, end in ((point.figures, 0, CUT), (point.held_out, CUT, DAYS)):
        assert figures is not None
        log = part(work(), begin * DAY_MS, end * DAY_MS)
        both = simulate(log, tmp_path / "present.yaml", vs=[paths[place]], closes="day")
        assert isinstance(both, Comparison)
        run, until_s = both[1], float((end - begin) * 86_400)
        account = run.account(until_s=until_s).filter(
            pl.col("team").is_in(["exploration", "frontier", "platform", "safety"])
        )
        assert figures.denied_gpu_h == pytest.approx(account["denied_gpu_h"].sum(), rel=1e-12)
        assert figures.entitled_gpu_h == pytest.approx(account["entitled_gpu_h"].sum(), rel=1e-12)
        services = run.services
        assert services["team"].str.starts_with("product.").all()
        demanded, *met = (
            sum(services[column].to_list()) for column in ("demanded_gpu_h", "served_gpu_h", "carried_gpu_h")
        )
        assert figures.served == pytest.approx(sum(met) / demanded, rel=1e-12)
        judged = run.promises.filter((pl.col("to_s") <= until_s) & (pl.col("verdict") != "undecided"))
        assert figures.windows == len(judged) > 0
        assert figures.windows_kept == len(judged.filter(pl.col("verdict") != "broken"))
        for team, mean, _, _ in figures.departures:
            own = judged.filter(pl.col("team") == team)
            breach = (own["verdict"] == "broken").mean() if len(own) else 0.0
            starved = account.row(by_predicate=pl.col("team") == team, named=True)["starvation"]
            standing = Standing(team, dict(found().case.people)[team], starved, float(str(breach)), felt=starved)
            assert mean == pytest.approx(chance_of_loss(fit().draws(2000, 1), standing, seed=1).mean, rel=1e-12)


def test_points_differ_from_the_present_charter_in_their_figures() -> None:
    """Else the comparison with a plain replay would not tell one charter from another."""
    assert len({costs_of(point.figures, found().objectives) for point in found().points}) == len(found().points) > 3


def test_two_processes_find_the_same() -> None:
    again = tune(work(), text(), search_for=TWO, people=PEOPLE, trials=36, points=8, seed=5, workers=2)
    assert again.frame().equals(found().frame())
    assert again.to_dict() == found().to_dict()


def test_another_seed_searches_elsewhere() -> None:
    other = tune(work(), text(), search_for=TWO, people=PEOPLE, trials=36, points=8, seed=6, hold_out=Fraction(0))
    assert [trial.levels for trial in other.searched.trials] != [trial.levels for trial in found().searched.trials]


def test_every_point_is_a_charter_that_follows_the_present_one_and_says_what_it_gives_up(tmp_path: Path) -> None:
    for number, path in enumerate(write_points(found(), tmp_path, log="a\nlog")):
        report = check(path.read_bytes(), against=text())
        assert report.charter is not None, report.findings
        comment = path.read_text("utf-8").split("equipoise: charter/v1")[0]
        assert "Against the present charter" in comment
        assert "a?log" in comment
        for name, value in found().points[number].changed.items():
            assert re.search(rf"\b{value}", path.read_text("utf-8")), name


def test_conditions_are_kept_by_whatever_is_measured_or_shown() -> None:
    kept = tune(
        work(), text(), search_for=["floors", "product.weight"], keep=["safety.floor>=20%", "product.weight<=6", "served>=70%"],
        trials=25, hold_out=Fraction(0),
    )  # fmt: skip
    for trial in kept.searched.trials:
        charter = loads(kept.space.written(trial.levels))
        floors = charter.team("safety").floor.values()
        assert min(share.fraction or Fraction(0) for share in floors) >= Fraction(1, 5)
        assert charter.team("product").weight_e4 <= 60_000
        assert (trial.violation == 0) == ((trial.figures.served or 0) >= 0.7)
    assert "safety.floor>=20%" in kept.searched.refused
    assert all((point.figures.served or 0) >= 0.7 for point in kept.points)


def test_a_promise_that_must_be_kept_is_kept_by_every_point() -> None:
    names = {each.name for each in loads(text()).commitments}
    asked = tune(
        work(), text(), search_for=["safety.floor=2%..20%/3%", "product.weight=4..16/4", "safety.lend"],
        promises_kept=["all"], trials=30, hold_out=Fraction(0),
    )  # fmt: skip
    broken = [trial for trial in asked.searched.trials if trial.figures.windows_kept < trial.figures.windows]
    assert broken, "some charter of this space breaks a promise, or the condition would not be tried"
    assert all(trial.violation > 0 for trial in broken)
    for point in asked.points:
        assert all(kept == windows for name, kept, windows in point.figures.promises if name in names)


def guarded_text() -> bytes:
    key = Ed25519PrivateKey.generate().public_key().public_bytes(Encoding.Raw, PublicFormat.Raw)
    whole = text().decode().replace("  safety:  ", "  safety:\n    protected_by: [watch]\n    #", 1)
    assert "protected_by" in whole
    member = base64.b64encode(key).decode()
    return (
        whole + f"\nboards: {{watch: {{quorum: 1, members: {{ann: 'ed25519:{member}'}}}}}}\n"
        "amendments: {ordinary: {needs: [watch]}, weakening: {needs: [watch]}, constitution: {needs: [watch]}}\n"
    ).encode()


def test_what_boards_protect_is_not_weakened_unless_asked_for() -> None:
    data = guarded_text()
    options: dict[str, Any] = {"search_for": ["safety.floor=15%..26%/1%", "safety.recover", "platform.floor=1%..5%/1%"],
                               "trials": 20, "hold_out": Fraction(0)}  # fmt: skip
    kept = tune(work(), data, **options)
    before = loads(data)
    assert kept.searched.refused["weakens safety"] > 0
    for trial in kept.searched.trials:
        after = loads(kept.space.written(trial.levels))
        assert "safety" not in weakened_teams(before, after)
        assert (after.team("safety").floor["train"].fraction or 0) >= Fraction(1, 5)
        assert after.team("safety").recover_ms <= before.team("safety").recover_ms
    asked = tune(work(), data, weaken=True, **options)
    lowered = [loads(asked.space.written(trial.levels)).team("safety") for trial in asked.searched.trials]
    assert any((team.floor["train"].fraction or 0) < Fraction(1, 5) for team in lowered)


def test_what_was_found_before_a_halt_is_returned() -> None:
    asked = iter(range(1_000))
    ended = tune(work(), text(), search_for=TWO, trials=36, seed=5, halt=lambda: next(asked) > 200)
    assert ended.searched.halted
    assert 1 <= len(ended.searched.trials) < 36
    numbers = [trial.levels for trial in ended.searched.trials]
    assert numbers == [trial.levels for trial in found().searched.trials][: len(numbers)]
    assert ended.points[0].held_out is not None


def test_the_present_charter_is_dominated_by_what_is_better_everywhere() -> None:
    """A weight of nothing for the product serves nobody: some weight is better and costs nothing."""
    worse = text().replace(b"    weight: 4\n    teams:\n      chat", b"    weight: 0.0001\n    teams:\n      chat", 1)
    assert worse != text()
    odd = tune(
        work(), worse, search_for=["product.weight=1..12/1", "frontier.weight=1..12/1"], trials=30, hold_out=Fraction(0)
    )
    by = {trial.number: trial for trial in odd.searched.trials}
    now = costs_of(odd.present.figures, odd.objectives)
    assert odd.is_on_frontier == (not odd.dominating)
    for number in odd.dominating:
        better = costs_of(by[number].figures, odd.objectives)
        assert all(b <= n for b, n in zip(better, now, strict=True)) and better != now


def test_a_log_without_product_people_or_whole_windows_seeks_what_there_is(tmp_path: Path) -> None:
    (tmp_path / "lab.yaml").write_text(
        "equipoise: charter/v1\nlab: Small\npools: {p: {device: G, expect: 1 nodes of 8 gpu}}\n"
        "teams: {a: {floor: 50%}, b: {floor: 50%}}\n"
        "commitments: {year: {team: a, at_least: 10%, window: year}}\n", "utf-8",
    )  # fmt: skip
    rows = [f"{'ab'[n % 2]},{600 * n},{1 + n % 8},7200" for n in range(200)]
    (tmp_path / "jobs.csv").write_text("team,submit_s,num_gpu,duration_s\n" + "\n".join(rows), "utf-8")
    bare = tune(tmp_path / "jobs.csv", tmp_path / "lab.yaml", search_for=["floors"], trials=8)
    assert [each.name for each in bare.objectives] == ["denied"]
    assert len(bare.left_out) == 3
    assert bare.case.research == ("a", "b")
    named = tune(tmp_path / "jobs.csv", tmp_path / "lab.yaml", product=["b"], people=["a=9"], trials=8)
    assert [each.name for each in named.objectives] == ["denied", "served", "leaving"]
    assert named.case.research == ("a",)
    # The product has no services: its demand is what its jobs of the first day ask for, and some of it ran by then.
    jobs = named.case.workload.jobs
    whose = jobs.team == named.case.workload.teams.index("b")
    asked = float((jobs.gang[whose] * jobs.duration_ms[whose]).sum()) / 3_600_000
    assert named.present.figures.demanded_gpu_h == pytest.approx(asked)
    assert 0 < named.present.figures.served_gpu_h <= asked


@pytest.mark.parametrize(
    ("code", "options"),
    [
        ("U102", {"search_for": ["safety"]}),
        ("U103", {"keep": ["safety"]}),
        ("U103", {"promises_kept": ["none-such"]}),
        ("U104", {"search_for": ["safety.floor=20%..20%"]}),
        ("U104", {"product": ["product", "frontier", "safety", "exploration", "platform"]}),
        ("U105", {"trials": 1}),
        ("U105", {"workers": 0}),
        ("U105", {"points": 0}),
        ("U105", {"seed": -1}),
        ("U105", {"hold_out": Fraction(1)}),
        ("U105", {"people": ["safety"]}),
        ("H101", {"people": ["safety=7"]}),
        ("C301", {"teams": ["nobody"]}),
        ("S102", {"timezone": "UTC"}),
    ],
)
def test_what_makes_no_sense_is_refused(code: str, options: dict[str, Any]) -> None:
    with pytest.raises(InputError) as caught:
        tune(work(), text(), **options)
    assert caught.value.code == code


def missing(name: str) -> Callable[[str], Any]:
    import importlib

    real = importlib.import_module

    def load_module(wanted: str, package: str | None = None) -> Any:
        if wanted == name:
            raise ImportError(wanted)
        return real(wanted, package)

    return load_module


@pytest.mark.parametrize(("code", "name", "options"), [("U101", "optuna", {}), ("U106", "ray", {"on": "ray"})])
def test_extras_that_are_not_installed_are_named(
    code: str, name: str, options: dict[str, Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("importlib.import_module", missing(name))
    with pytest.raises(InputError) as caught:
        tune(work(), text(), **options)
    assert caught.value.code == code
    assert "pip install" in caught.value.hint


def test_charters_are_read_from_files(tmp_path: Path) -> None:
    (tmp_path / "lab.yaml").write_bytes(text())
    one = tune(work(), tmp_path / "lab.yaml", search_for=["product.weight=4..5/1"], trials=2, hold_out=Fraction(0))
    assert one.charter == load(tmp_path / "lab.yaml")
