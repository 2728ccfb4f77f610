"""The synthetic lab: stable, true to its sources, and consistent with its charter."""

from __future__ import annotations

import csv
import gzip
import hashlib
import html
import re
from collections import Counter
from fractions import Fraction
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import numpy as np
import pytest
import yaml

from benchmarks.lab_marginals import figures, table
from equipoise.errors import InputError
from equipoise.workload.model import Jobs, Workload
from equipoise.workload.synthetic import MARGINALS, lab, lab_charter, marginals
from equipoise.workload.synthetic.asks import capacities
from equipoise.workload.synthetic.published import ESTIMATES_MIN, FAILED, SOURCES
from equipoise.workload.synthetic.rhythm import CALLS, CHAT, ORIGIN_MS

ROOT = Path(__file__).resolve().parents[3]
DATA = ROOT.parent / "shared" / "data"
DAY_MS = 86_400_000


@pytest.fixture(scope="module")
def workload() -> Workload:
    return lab()


@pytest.fixture(scope="module")
def charter() -> dict[str, Any]:
    return yaml.safe_load(lab_charter())


def kinds(jobs: Jobs) -> np.ndarray:
    assert jobs.name is not None
    return np.array([name.split("-")[0] for name in jobs.name])


def groups(jobs: Jobs) -> np.ndarray:
    assert jobs.name is not None
    return np.array([name.rsplit(".", 1)[0] for name in jobs.name])


def digest(workload: Workload) -> str:
    seen = hashlib.sha256("\n".join((*workload.teams, *workload.pools, *workload.users)).encode())
    for column in Jobs.__dataclass_fields__:
        if column not in ("name", "request"):
            seen.update(np.ascontiguousarray(getattr(workload.jobs, column)).tobytes())
    seen.update("\n".join(workload.jobs.name or ()).encode())
    for service in workload.services:
        seen.update(f"{service.name} {service.team} {service.pool} {service.gang} {service.minimum}".encode())
        seen.update(service.at_ms.tobytes() + service.replicas.tobytes())
    return seen.hexdigest()


# -- stable ------------------------------------------------------------------------------------------------------------


def test_bits_are_pinned(workload: Workload) -> None:
    # Seen on Linux x86-64 with CPython 3.11 and NumPy 2.4; every operation is exact or IEEE, so others should agree.
    assert digest(workload) == "a247cc018d0311fd0733dc2c9b0ccbb415bc3ca11f9cb40edc627fed8c671a10"


def test_same_arguments_give_the_same_bits_and_another_seed_others() -> None:
    first, again, other = lab(5, days=7), lab(5, days=7), lab(6, days=7)
    assert digest(first) == digest(again)
    assert digest(first) != digest(other)


# -- true to its sources -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_marginal_lies_in_its_interval(seed: int) -> None:
    frame = marginals(lab(seed))
    outside = [(name, value) for name, value, ok in frame.select("name", "measured", "within").rows() if not ok]
    assert outside == [], f"seed {seed}"
    assert frame["name"].to_list() == [m.name for m in MARGINALS]


def test_marginals_notice_a_lab_that_is_not_like_the_published_ones(workload: Workload) -> None:
    slow = lab(days=90, gpus=512)
    frame = marginals(slow, gpus=512)
    assert not frame["within"].all()


def test_each_marginal_names_a_source_or_says_assumption() -> None:
    for m in MARGINALS:
        assert m.low <= m.high, m
        assert "*assumption*" in m.source or any(m.source.startswith(key) for key in SOURCES), m
        assert "http" not in m.source
    assert len({m.name for m in MARGINALS}) == len(MARGINALS)


def test_documentation_shows_the_figures_and_sources_of_the_program(workload: Workload) -> None:
    page = (ROOT / "docs" / "synthetic-lab.md").read_text("utf-8")
    shown = page.split("<!-- marginals: begin -->")[1].split("<!-- marginals: end -->")[0].strip()
    assert shown == table(marginals(workload))
    for name, citation in SOURCES.items():
        assert f"- **{name}**: {citation}." in page


def test_pictures_of_the_documentation_are_those_of_the_program(workload: Workload) -> None:
    made = figures(workload, marginals(workload))
    page = (ROOT / "docs" / "synthetic-lab.md").read_text("utf-8")
    for path, text in made.items():
        assert path.read_text("utf-8") == text, "run: python -m benchmarks.lab_marginals --write"
        assert f"](figures/{path.name})" in page
        root = ElementTree.fromstring(text)
        assert root.tag.endswith("svg")
        assert "://" not in text.replace("http://www.w3.org/2000/svg", "")
    first, _ = made.values()
    assert all(html.escape(m.name) in first for m in MARGINALS)


def test_marks_of_pictures_are_the_published_numbers() -> None:
    marked = [m for m in MARGINALS if m.marks]
    assert len(marked) > 15
    for m in marked:
        told = [float(number.replace(",", "")) for number in re.findall(r"\d[\d,]*(?:\.\d+)?", m.published)]
        for value, name in m.marks:
            assert any(value == pytest.approx(number, abs=0.5 if value > 1000 else 1e-9) for number in told), m
            assert name in m.published + m.source or name in ("assumed", "at most", "at least"), m
            assert (name == "assumed") <= ("*assumption*" in m.source), m


def test_figures_measured_by_hand_agree(workload: Workload) -> None:
    measured = dict(marginals(workload).select("name", "measured").rows())
    jobs = workload.jobs
    durations = sorted(jobs.duration_ms.tolist())
    assert measured["median duration of a job, s"] == pytest.approx(durations[len(durations) // 2] / 1000, rel=1e-3)
    debug = [n for n in jobs.name or () if n.startswith("debug-")]
    first_tries = sum(n.endswith(".0") for n in debug)
    followed = 1 - first_tries / len(debug)  # every try but the first follows a failed one
    assert measured["part of debugging attempts that fail and are tried again"] == pytest.approx(followed)
    in_safety = [i for i, team in enumerate(workload.teams) if team.startswith("safety.")]
    gpu_ms = sum(
        int(g) * int(d) for g, d, t in zip(jobs.gang, jobs.duration_ms, jobs.team, strict=True) if t in in_safety
    )
    assert measured["safety ÷ capacity (its floor is 0.20)"] == pytest.approx(gpu_ms / (4096 * 90 * DAY_MS), rel=0.01)


@pytest.mark.skipif(not (DATA / "acme").exists(), reason="shared data absent")
def test_acme_figures_are_those_of_its_table() -> None:
    with (DATA / "acme" / "cluster_summary.csv").open() as file:
        rows = {row["id"]: row for row in csv.DictReader(file)}
    seren, kalos = rows["Seren"], rows["Kalos"]
    by_name = {m.name: m for m in MARGINALS}
    for row in (seren, kalos):
        assert by_name["median duration of a job, s"].low <= float(row["med_run_time_gpu"])
        assert float(row["med_run_time_gpu"]) <= by_name["median duration of a job, s"].high
        assert float(row["med_gpu_num"]) == 1
        assert float(row["fail_rate_gpu"]) == pytest.approx(FAILED, abs=0.03)
    assert float(seren["avg_gpu_num"]) == by_name["mean gang"].low
    assert float(kalos["avg_gpu_num"]) == by_name["mean gang"].high


@pytest.mark.skipif(not (DATA / "servegen").exists(), reason="shared data absent")
def test_serving_profiles_are_computed_from_servegen() -> None:
    with gzip.open(DATA / "servegen" / "servegen_rate_10min.csv.gz", "rt") as file:
        rows = list(csv.DictReader(file))
    swings: list[float] = []
    for column, used in (("m_small_rps", CHAT), ("m_large_rps", CALLS), ("m_mid_rps", None)):
        hourly = np.array([float(row[column]) for row in rows]).reshape(14, 24, 6).mean(axis=2)
        if used is not None:
            profile = hourly.mean(axis=0) / hourly.mean()
            assert np.abs(profile - np.array(used)).max() <= 0.0051
        swings.append(
            float(np.median(hourly.max(axis=1) / np.maximum(hourly.min(axis=1), 1e-9)))
        )  # one hour saw nobody
    assert min(swings) == pytest.approx(2.48, abs=0.005)
    assert max(swings) == pytest.approx(2.79, abs=0.005)


# -- a workload that can be run ----------------------------------------------------------------------------------------


def test_columns_have_their_types_and_order(workload: Workload) -> None:
    jobs = workload.jobs
    for column, kind in (("submit_ms", np.int64), ("gang", np.int32), ("after", np.int32), ("preemptible", np.bool_)):
        assert getattr(jobs, column).dtype == kind
    assert jobs.request is None
    assert {len(getattr(jobs, c)) for c in Jobs.__dataclass_fields__ if c != "request"} == {len(jobs)}
    assert 60_000 <= len(jobs) <= 200_000
    assert np.all(np.diff(jobs.submit_ms) >= 0)
    assert jobs.submit_ms[0] >= 0
    assert jobs.submit_ms[-1] < 90 * DAY_MS
    assert jobs.duration_ms.min() > 0
    assert len(set(jobs.name or ())) == len(jobs)
    assert workload.origin_ms == ORIGIN_MS


def test_declared_walltimes_are_usual_values_and_never_too_short(workload: Workload) -> None:
    jobs = workload.jobs
    declared = jobs.walltime_ms > 0
    assert np.all(jobs.walltime_ms[declared] >= jobs.duration_ms[declared])
    assert set((jobs.walltime_ms[declared] // 60_000).tolist()) <= set(ESTIMATES_MIN)


def test_a_job_waits_only_for_an_earlier_row_of_the_same_person(workload: Workload) -> None:
    jobs = workload.jobs
    rows = np.flatnonzero(jobs.after >= 0)
    previous = jobs.after[rows]
    assert len(rows) > 5_000
    assert np.all(previous < rows)
    for column in ("team", "user", "pool", "submit_ms"):
        values = getattr(jobs, column)
        assert np.array_equal(values[rows], values[previous]), column
    group = groups(jobs)
    assert np.array_equal(group[rows], group[previous])
    tries = kinds(jobs)[rows] == "debug"
    assert np.array_equal(jobs.gang[rows[tries]], jobs.gang[previous[tries]])


def test_evaluations_come_in_batches(workload: Workload) -> None:
    jobs = workload.jobs
    chosen = kinds(jobs) == "eval"
    group, submit = groups(jobs)[chosen], jobs.submit_ms[chosen]
    sizes = Counter(Counter(group.tolist()).values())
    assert sum(sizes[s] for s in (8, 16, 32, 63)) >= sum(sizes.values()) - 4  # the last batch of each stream is cut
    assert len(set(zip(group.tolist(), submit.tolist(), strict=True))) == len(set(group.tolist()))
    assert np.all(jobs.after[chosen] == -1)


def test_users_belong_to_one_team(workload: Workload) -> None:
    pairs = set(zip(workload.jobs.user.tolist(), workload.jobs.team.tolist(), strict=True))
    assert len(pairs) == len({user for user, _ in pairs})
    assert all(name == f"u{i}" for i, name in enumerate(workload.users))


def test_services_more_than_double_in_the_code_red(workload: Workload) -> None:
    assert {workload.teams[s.team] for s in workload.services} == {"product.chat", "product.api"}
    for service in workload.services:
        assert np.all(np.diff(service.at_ms) > 0)
        assert service.at_ms[0] == 0
        assert service.at_ms[-1] == 90 * DAY_MS
        assert service.replicas[-1] == 0
        assert service.replicas[:-1].min() >= service.minimum >= 1
        late, early = np.searchsorted(service.at_ms, (70 * DAY_MS, 40 * DAY_MS))
        assert service.replicas[late:-1].mean() > 2 * service.replicas[:early].mean()


# -- at home in its charter --------------------------------------------------------------------------------------------


def leaves(charter: dict[str, Any]) -> dict[str, list[dict[str, Any]]]:
    """Path of each leaf → the teams from the top down to it."""
    found: dict[str, list[dict[str, Any]]] = {}

    def walk(prefix: str, teams: dict[str, Any], above: list[dict[str, Any]]) -> None:
        for name, team in teams.items():
            if "teams" in team:
                walk(f"{prefix}{name}.", team["teams"], [*above, team])
            else:
                found[prefix + name] = [*above, team]

    walk("", charter["teams"], [])
    return found


def floor_gpus(path: list[dict[str, Any]], pool: str, capacity: int) -> int:
    share = Fraction(capacity)
    for team in path:
        floor = team.get("floor", "0%")
        floor = floor.get(pool, "0%") if isinstance(floor, dict) else floor
        share *= Fraction(floor.rstrip("%")) / 100
    return int(share)


def test_charter_names_the_teams_and_pools_of_the_workload(workload: Workload, charter: dict[str, Any]) -> None:
    assert sorted(leaves(charter)) == sorted(workload.teams)
    assert sorted(charter["pools"]) == sorted(workload.pools)
    for pool, gpus in capacities(4096).items():
        nodes, _, _, per_node, _ = charter["pools"][pool]["expect"].split()
        assert int(nodes) * int(per_node) == gpus
    assert sum(capacities(4096).values()) == 4096


def test_charter_promises_a_fifth_to_safety(charter: dict[str, Any]) -> None:
    assert charter["teams"]["safety"]["floor"] == "20%"
    assert charter["commitments"]["safety-20"]["at_least"] == "20%"
    assert sum(float(team["floor"].rstrip("%")) for team in charter["teams"].values()) == 94


def test_no_gang_is_refused_by_its_charter(workload: Workload, charter: dict[str, Any]) -> None:
    jobs, paths = workload.jobs, leaves(charter)
    for t, team in enumerate(workload.teams):
        of_team = jobs.team == t
        for step in paths[team]:
            if "max_job" in step:
                assert jobs.gang[of_team].max() <= int(step["max_job"].split()[0]), team
    capacity = np.array([capacities(4096)[pool] for pool in workload.pools])
    assert np.all(jobs.gang <= capacity[jobs.pool] // 4)


@pytest.mark.parametrize("gpus", [512, 1024, 4096])
def test_what_cannot_be_stopped_fits_the_floor_of_its_team(gpus: int) -> None:
    workload, paths = lab(3, days=10, gpus=gpus), leaves(yaml.safe_load(lab_charter(gpus)))
    jobs = workload.jobs
    firm = ~jobs.preemptible
    assert firm.sum() > 10
    for t, p in set(zip(jobs.team[firm].tolist(), jobs.pool[firm].tolist(), strict=True)):
        largest = jobs.gang[firm & (jobs.team == t) & (jobs.pool == p)].max()
        pool = workload.pools[p]
        assert largest <= floor_gpus(paths[workload.teams[t]], pool, capacities(gpus)[pool]), (workload.teams[t], pool)


@pytest.mark.parametrize("gpus", [512, 1000, 4096, 16_384])
def test_charter_and_lab_scale_together(gpus: int) -> None:
    charter, workload = yaml.safe_load(lab_charter(gpus)), lab(days=5, gpus=gpus)
    for pool, capacity in capacities(gpus).items():
        nodes, _, _, per_node, _ = charter["pools"][pool]["expect"].split()
        assert int(nodes) * int(per_node) == capacity
    safety = [i for i, team in enumerate(workload.teams) if team.startswith("safety.")]
    largest = workload.jobs.gang[np.isin(workload.jobs.team, safety)].max()
    assert largest <= int(charter["teams"]["safety"]["max_job"].split()[0])
    assert workload.jobs.gang.max() <= capacities(gpus)["train"] // 4


def test_more_short_jobs_leave_the_load_as_it_was() -> None:
    few, many = lab(4, days=20, jobs_per_day=500), lab(4, days=20, jobs_per_day=20_000)
    assert len(many.jobs) > 380_000 > 40_000 > len(few.jobs)

    def gpu_ms(workload: Workload) -> int:
        return int((workload.jobs.gang.astype(np.int64) * workload.jobs.duration_ms).sum())

    assert gpu_ms(many) == pytest.approx(gpu_ms(few), rel=0.01)


@pytest.mark.parametrize(
    ("arguments", "code"),
    [({"days": 0}, "L102"), ({"gpus": 511}, "L102"), ({"jobs_per_day": -1}, "L102"), ({"jobs_per_day": 1e6}, "L103")],
)
def test_impossible_labs_are_refused(arguments: dict[str, Any], code: str) -> None:
    with pytest.raises(InputError) as caught:
        lab(**{"days": 1, **arguments})
    assert caught.value.code == code


def test_impossible_charter_is_refused() -> None:
    with pytest.raises(InputError):
        lab_charter(100)
