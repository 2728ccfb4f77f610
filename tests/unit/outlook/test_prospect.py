"""From a replay to the years that follow: the start recomputed by hand, what follows of it, and what is not told."""

from __future__ import annotations

import math
from collections import defaultdict
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from equipoise.charter import entitlements
from equipoise.charter.entitlement import tree
from equipoise.errors import InputError
from equipoise.outlook.labs import POOL, WHOLE, promises, whole
from equipoise.outlook.measured import LATEST_MS, course, measured
from equipoise.outlook.parameters import Beliefs
from equipoise.outlook.room import Asked
from equipoise.outlook.run import forecast
from equipoise.policy.kernel.layout import REFUSED
from equipoise.policy.plan import plan
from equipoise.report.prospects import sentence
from equipoise.report.view import view
from equipoise.simulator.results import Results
from equipoise.tasks.prospect import prospect
from equipoise.tasks.simulate import compare
from equipoise.units import HOUR_MS
from tests.unit.outlook.prospects import CHARTER, PEOPLE, crowded, demo_years, idle, people, replayed
from tests.unit.report.replays import outage, synthetic

QUIET = "set: [h0=0.01, u_lab=0, kappa=0, pull=0]"

# ------------------------------------------------------------------------------------------------ what a replay measured


def by_hand(run: Results, until_ms: int) -> dict[str, tuple[float, float, float]]:
    """Entitled, denied and counted refusals of teams at the top in GPU-hours, from the table of closes and the requests one by one."""
    workload, charter = run.record.workload, run.record.charter
    entitled: dict[str, float] = defaultdict(float)
    denied: dict[str, float] = defaultdict(float)
    refused: dict[str, float] = defaultdict(float)
    for row in run.closes.to_dicts():
        team, pool = row["team"], charter.pool(row["pool"])
        if "." in team or row["to_s"] * 1000 > until_ms:
            continue
        entitled[team] += row["entitled_gpu_h"]
        denied[team] += row["denied_gpu_h"]
        missing = 0.0
        for n in range(len(workload.requests)):
            of = workload.requests
            top = workload.teams[of.team[n]].split(".")[0]
            if top == team and workload.pools[of.pool[n]] == row["pool"] and of.granted_gpu_ms[n] >= 0:
                begin, end = of.begin_ms[n], of.end_ms[n]
                inside = max(0.0, min(end, row["to_s"] * 1000) - max(begin, row["from_s"] * 1000)) / (end - begin)
                missing += float(inside * (of.amount_gpu_ms[n] - of.granted_gpu_ms[n])) / HOUR_MS
        floor_gpu_h = round(row["floor_share"] * pool.capacity) * (row["to_s"] - row["from_s"]) / 3600
        refused[team] += min(missing, max(0.0, floor_gpu_h - row["entitled_gpu_h"]))
    return {team: (entitled[team], denied[team], refused[team]) for team in entitled}


def asked_by_hand(run: Results, from_ms: int, until_ms: int) -> dict[str, float]:
    """What teams at the top ask for, as a part of the lab: jobs, services and requests one by one."""
    workload, charter = run.record.workload, run.record.charter
    heh = {pool.name: float(pool.heh) for pool in charter.pools} | {"": float(charter.pools[0].heh)}
    found: dict[str, float] = defaultdict(float)
    jobs = workload.jobs
    for n in range(len(jobs)):
        if from_ms <= jobs.submit_ms[n] < until_ms and run.record.run.jobs["state"][n] != REFUSED:
            work = float(jobs.gang[n]) * float(jobs.duration_ms[n])
            found[workload.teams[jobs.team[n]].split(".")[0]] += work * heh[workload.pools[jobs.pool[n]]]
    for service in workload.services:
        for at, until, replicas in zip(service.at_ms, [*service.at_ms[1:], until_ms], service.replicas, strict=True):
            span = max(0, min(int(until), until_ms) - max(int(at), from_ms))
            top = workload.teams[service.team].split(".")[0]
            found[top] += float(span * int(replicas) * service.gang) * heh[workload.pools[service.pool]]
    of = workload.requests
    for n in range(len(of)):
        if from_ms <= of.begin_ms[n] < until_ms and of.granted_gpu_ms[n] >= 0:
            top = workload.teams[of.team[n]].split(".")[0]
            found[top] += float(of.amount_gpu_ms[n] - of.granted_gpu_ms[n]) * heh[workload.pools[of.pool[n]]]
    lab = sum(pool.capacity * float(pool.heh) for pool in charter.pools) * (until_ms - from_ms)
    return {team: min(1.0, value / lab) for team, value in found.items()}


@pytest.mark.parametrize("number", [0, 1])
@pytest.mark.parametrize("replay", [synthetic, crowded, idle, outage])
def test_start_is_that_of_closes_jobs_and_requests_one_by_one(replay: object, number: int) -> None:
    runs = replay().runs  # pyright: ignore
    run: Results = runs[number]
    until_ms = view(runs).until_ms
    latest_ms = min(until_ms, run.record.workload.asked_ms + 1)
    hand, asked = by_hand(run, until_ms), asked_by_hand(run, max(0, latest_ms - LATEST_MS), latest_ms)
    for one in measured(run, until_ms=until_ms):
        entitled, denied, refused = hand[one.team]
        assert one.entitled_gpu_h == pytest.approx(entitled, rel=1e-9, abs=1e-9), one.team
        assert one.denied_gpu_h == pytest.approx(denied, rel=1e-9, abs=1e-9), one.team
        assert one.refused_gpu_h == pytest.approx(refused, rel=1e-6, abs=1e-6), one.team
        assert one.asks == pytest.approx(asked.get(one.team, 0.0), rel=1e-9), one.team
        total = entitled + refused
        assert one.starved == pytest.approx((denied + refused) / total if total else 0.0, rel=1e-6, abs=1e-9)
    assert any(refused > 0 for _, _, refused in hand.values()) == (replay is synthetic)


def test_broken_promises_are_those_of_the_latest_verdicts() -> None:
    runs = crowded().runs
    for run, broken in zip(runs, (False, True), strict=True):
        until_ms = min(view(runs).until_ms, run.record.workload.asked_ms)
        ended = [row for row in run.promises.to_dicts() if row["to_s"] * 1000 <= until_ms]
        last = max(ended, key=lambda row: row["to_s"])
        assert (last["verdict"] == "broken") == broken
        safety = measured(run, until_ms=view(runs).until_ms)[1]
        assert (safety.team, safety.judged, safety.broken, safety.breach) == ("safety", 1, int(broken), float(broken))


# ------------------------------------------------------------------------------------------- the charter of a whole lab


def test_charter_of_the_lab_adds_pools_up_by_what_their_devices_are_worth() -> None:
    record = synthetic().runs[0].record
    found = course(record.reference, record.charter)
    lab = sum((pool.capacity * pool.heh for pool in record.charter.pools), Fraction(0))
    for team in found.teams:
        line = next(line for line in record.reference.lines if line.path == team.path)
        exact = (
            sum(
                (quota.floor * pool.heh for quota, pool in zip(line.quotas, record.charter.pools, strict=True)),
                Fraction(0),
            )
            / lab
        )
        share = team.floor[POOL].fraction
        assert share is not None and 0 <= exact - share < Fraction(1, WHOLE)
        assert team.weight_e4 == record.charter.team(team.path).weight_e4
    training = (
        sum((pool.capacity * pool.heh for pool in record.charter.pools if pool.name != "eval"), Fraction(0)) / lab
    )
    assert float(promises(found)["safety"]) == pytest.approx(0.2 * float(training), abs=1e-6)


def test_shares_are_the_exact_entitlement_under_the_real_charter_and_the_first_team_goes_first() -> None:
    years = prospect(synthetic(), people("teams: {safety: {role: research, people: 60}}", "runs: 20"))
    for number, each in enumerate(years.courses):
        got = forecast(each.world, runs=20, asked=Asked(months=6, marks=(1,)))
        asks = {one.team: math.ceil(one.asks * 100 - 1e-6) * 10_000 for one in years.courses[0].measured}
        acts = whole(each.world.labs[0].course[0].charter)
        due = entitlements(tree(acts, POOL, WHOLE), WHOLE, [asks[team.path] for team in acts.teams])
        for team, share in zip(acts.teams, due, strict=True):
            assert set(got.team("share", team.path, month=1) * 1e6) == {float(share)}, team.path
        if number:
            limit = acts.team("product").limit[POOL].fraction
            assert limit is not None
            assert dict(zip([t.path for t in acts.teams], due, strict=True))["product"] == min(
                asks["product"], int(limit * WHOLE)
            )


# --------------------------------------------------------------------------------------------------- what follows of it


def test_without_denial_and_broken_promises_people_leave_at_the_baseline_on_every_course() -> None:
    years = prospect(idle(), people(PEOPLE, QUIET))
    for each in years.courses:
        assert all(one.starved == 0 and one.broken == 0 for one in each.measured)
        for team in ("product", "safety"):
            bands = each.fan("kept", team).bands
            wanted = np.exp(-0.01 * np.array(each.fan("kept", team).months))
            np.testing.assert_allclose(bands, np.broadcast_to(wanted, bands.shape), rtol=1e-12)
    for found in years.main.differences:
        assert (found.paired.mean, found.paired.low, found.paired.high, found.flips) == (0, 0, 0, 0), found.measure.name


def test_rate_of_the_first_month_by_hand() -> None:
    settings = ["h0=0.01", "u_lab=0", "kappa=0", "pull=0", "beta_s=0.9", "beta_m=0.5", "tau_s=6"]
    years = prospect(crowded(), people())
    for each in years.courses:
        beliefs = Beliefs().with_set(settings)
        got = forecast(each.world, runs=20, asked=Asked(months=6, marks=(1,)), beliefs=beliefs)
        start = each.measured[1]
        share = float(got.team("share", "safety", month=1)[0])
        # both ask for more than all there is; under the charter each is entitled to its half
        now = max(0.0, 1 - share / 0.5)
        felt = start.starved + (now - start.starved) / 6
        wanted = math.exp(-0.01 * math.exp(0.9 * felt + 0.5 * start.breach))
        assert got.team("kept", "safety", month=1) == pytest.approx(wanted, rel=1e-9), each.label


def test_the_same_rules_twice_differ_by_nothing_at_all() -> None:
    twice = compare(synthetic().runs[0], synthetic().runs[0])
    years = prospect(twice, people("teams: {safety: {role: core, people: 60}}", "runs: 40"))
    for found in years.main.differences:
        assert found.paired.low == found.paired.high == found.flips == 0
        assert set(found.parts.values()) == {0.0}
    assert years.drivers == ()


def test_threads_change_nothing_and_parts_add_up() -> None:
    first, second = (prospect(crowded(), people(), threads=threads) for threads in (1, 3))
    assert first.to_dict() == second.to_dict()
    for found in first.main.differences:
        assert sum(found.parts.values()) == pytest.approx(found.paired.mean, abs=1e-9)
    assert first.watched == "safety"


def test_sentence_has_both_sides_with_intervals_and_every_failed_check() -> None:
    years = demo_years()
    said = sentence(years)
    assert "under product-first and" in said and "under the charter" in said
    for name, each in (("kept", years.courses[1]), ("kept", years.courses[0])):
        low, median, high = each.fan(name, years.watched).at_end()
        assert f"{100 * median:.0f} % ({100 * low:.0f} to {100 * high:.0f})" in said
    for word in ("The lead over the best rival", "Revenue is"):
        assert word in said
    wrong = [check.name for check in years.main.checks if not check.passed]
    assert len(wrong) >= 2 and all(name in said for name in wrong)
    assert f"fails {len(wrong)} of its {len(years.main.checks)} checks" in said


def test_own_months_change_the_years_and_say_so(tmp_path: Path) -> None:
    file = tmp_path / "staff.csv"
    rows = [f"safety,{2023 + n // 12}-{n % 12 + 1:02},40,2,0.1" for n in range(36)]
    file.write_text("team,month,people,departures,starvation\n" + "\n".join(rows) + "\n", "utf-8")
    bare, learned = prospect(crowded(), people()), prospect(crowded(), people(), staff=file)
    assert learned.main.learned and not bare.main.learned
    for number in (0, 1):
        kept = [of.courses[number].fan("kept", "product").at_end()[1] for of in (bare, learned)]
        assert kept[1] < kept[0] - 0.1


# ------------------------------------------------------------------------------------------------------ what is not told


def test_of_fewer_than_eight_people_nothing_is_told() -> None:
    years = prospect(crowded(), people(PEOPLE.replace("people: 25", "people: 7")))
    told = str(years.to_dict()["outlooks"])
    assert "product: first people" in told and "safety:" not in told
    assert all(fan.team != "safety" for each in years.courses for fan in each.fans)
    assert years.watched == "product" and "safety" not in years.sentence()
    assert "fewer than 8 people or none told: safety" in years.notes[0]


def test_team_without_people_goes_on_asking() -> None:
    years = prospect(
        crowded(),
        people(
            PEOPLE.replace("safety: {role: core, people: 25}", "safety: {role: research}").replace(", safety: 30", "")
        ),
    )
    got = forecast(years.courses[0].world, runs=20, asked=Asked(months=12, marks=(1, 12)))
    shares = {team: got.team("share", team, month=12) for team in ("safety", "product")}
    # it asked for all there is and goes on: it has its floor of a half, and whatever the product leaves
    assert next(one.asks for one in years.courses[0].measured if one.team == "safety") == 1
    assert (shares["safety"] >= 0.5).all()
    np.testing.assert_allclose(shares["safety"] + shares["product"], 1, atol=1e-6)


@pytest.mark.parametrize(
    ("text", "code", "said"),
    [
        ("teams: 3", "N120", "teams"),
        ("teams: {safety: {role: boss}}", "N120", "boss"),
        ("teams: {safety: {role: core, people: 2.5}}", "N120", "2.5"),
        ("teams: {safety: {role: core, people: nan}}", "N120", "nan"),
        ("teams: {safety: {role: core, people: 20, names: [x]}}", "N120", "names"),
        ("teams: {a: [", "N120", "YAML"),
        ("teams: {evals: {role: core, people: 20}}", "N121", "evals"),
        ("teams: {safety: {role: core, people: 7}}", "N123", "8"),
        ("teams: {safety: {role: core, people: 20}}\nrivals: {x: {people: {evals: 3}}}", "N120", "evals"),
        ("teams: {safety: {role: core, people: 20}}\nmonths: 2", "N106", "2 months"),
        ("teams: {safety: {role: core, people: 20}}\nset: [beta=1]", "N101", "beta"),
    ],
)
def test_file_of_people_that_does_not_fit_is_refused(text: str, code: str, said: str) -> None:
    with pytest.raises(InputError) as caught:
        prospect(crowded(), people(text))
    assert caught.value.code == code and said in f"{caught.value.message} {caught.value.hint}"


def test_file_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        prospect(crowded(), tmp_path / "nobody.yaml")
    assert caught.value.code == "N120"


def test_policy_without_shares_and_interrupted_replays_have_no_years() -> None:
    one = replayed("product,0,8,3600\nsafety,0,8,3600\n", "fifo")
    with pytest.raises(InputError) as caught:
        prospect(one, people())
    assert caught.value.code == "N122" and "fifo" in caught.value.message
    with pytest.raises(InputError) as caught:
        prospect(replace(one.runs[0], partial=True), people())
    assert caught.value.code == "N124"


def test_another_charter_with_other_teams_at_the_top_is_refused(tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(CHARTER.replace("safety: {floor: 50%}}", "safety: {floor: 40%}, evals: {}}"), "utf-8")
    both = replayed("product,0,8,3600\nsafety,0,8,3600\n", str(other))
    with pytest.raises(InputError) as caught:
        prospect(both, people())
    assert caught.value.code == "N121"


def test_several_courses_are_each_compared_with_the_first(tmp_path: Path) -> None:
    other = tmp_path / "other.yaml"
    other.write_text(
        CHARTER.replace("safety: {floor: 50%}", "safety: {floor: 20%, lend: 50%}").replace("40%", "10%"), "utf-8"
    )
    jobs = "".join(f"{'safety' if n % 2 else 'product'},{n * 600},8,14400\n" for n in range(400))
    years = prospect(replayed(jobs, "no-floors", str(other)), people())
    assert [each.under for each in years.courses] == ["under the charter", "under no-floors", "under other.yaml"]
    assert [found.world.name for found in years.outlooks] == ["without floors", "other.yaml"]
    assert years.outlooks[0].checks and not years.outlooks[1].checks
    acts = years.courses[2].world.lab("focal").course[0].charter.team("safety")
    assert (acts.floor[POOL].fraction, acts.lend) == (Fraction(6, 32), Fraction(1, 2))  # 20 % of 32 devices, whole ones
    assert years.courses[2].world.lab("focal").reference == years.courses[0].world.lab("focal").reference


def test_lent_floor_and_leading_team_in_the_course() -> None:
    record = crowded().runs[1].record
    found = course(plan(record.charter, "product-first"), record.charter)
    assert found.team("product").floor == found.team("product").limit
    assert found.team("safety").floor[POOL].fraction == 0
