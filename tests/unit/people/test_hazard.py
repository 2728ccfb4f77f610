"""The hazard of leaving: against statsmodels, against a walk through the posterior, on labs whose truth is known."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import statsmodels.api as sm

from benchmarks import people as measured
from benchmarks._people_labs import FIRST_MONTH, lab, typical
from equipoise.errors import InputError
from equipoise.people.hazard import (
    Course,
    Priors,
    Standing,
    TeamMonth,
    TeamMonths,
    chance_of_loss,
    fit,
    like_the_past,
    pooled,
    priors,
    team_months,
)
from equipoise.people.hazard.likelihood import derivatives, maximum
from equipoise.workload.draws import Draws
from tests.reference import hazard as twin

STUDIES = 200


def simulated(seed: int, *, teams: int = 20, months: int = 36) -> TeamMonths:
    return team_months(lab(np.random.default_rng(seed), typical(), teams=teams, months=months).rows)


# ----------------------------------------------------------------------------------------------------------- estimates


@pytest.mark.parametrize("seed", range(5))
def test_without_priors_the_estimate_is_that_of_statsmodels(seed: int) -> None:
    months = simulated(seed, teams=30, months=40)
    outcome = np.column_stack([months.departures, months.people - months.departures])
    model = sm.GLM(outcome, months.design, family=sm.families.Binomial(link=sm.families.links.CLogLog()))
    oracle = model.fit(tol=1e-14, maxiter=200)
    ours = measured.by_likelihood(months)
    assert np.abs(ours.at - oracle.params).max() < 1e-6, seed
    # What the curvature says of errors is the same too (observed, not expected, information).
    assert np.allclose(ours.information, -model.hessian(oracle.params, observed=True), rtol=1e-6), seed


def test_intervals_cover_the_truth_in_91_to_98_of_100_labs() -> None:
    studies = [measured.study(seed) for seed in range(STUDIES)]
    covered = {name: float(np.mean([one.covered[name] for one in studies])) for name in measured.NAMES}
    assert all(0.91 <= share <= 0.98 for share in covered.values()), covered


def test_laplace_agrees_with_a_walk_through_the_posterior() -> None:
    months = simulated(3, teams=12, months=24)
    after = fit(months)
    steps = twin.walk(months.design, months.people.tolist(), months.departures.tolist(), steps=40_000, seed=3)
    draws = after.draws(40_000, 1)
    ours = {"log_h0": np.log(draws.h0)} | {name: getattr(draws, name) for name in steps if name != "log_h0"}
    for name, walked in steps.items():
        spread = walked.std()
        # 36,000 linked steps are worth some hundreds of free ones: a tenth of the spread is about two of their errors
        assert abs(ours[name].mean() - walked.mean()) < 0.15 * spread, name
        assert ours[name].std() == pytest.approx(spread, rel=0.12), name
    assert after.effective_share(months) > 0.9


def test_without_data_draws_are_the_priors() -> None:
    draws, n = fit().draws(40_000, 5), 40_000
    for prior in priors():
        values = getattr(draws, prior.name)
        for probability in (0.025, 0.25, 0.5, 0.9, 0.975):
            below = float(np.mean(values < prior.quantile(probability)))
            assert below == pytest.approx(probability, abs=4 * math.sqrt(probability * (1 - probability) / n)), (
                prior.name
            )
    together = np.corrcoef([np.log(draws.h0), draws.u_lab, draws.beta_s, draws.beta_m, draws.kappa, draws.pull])
    assert np.abs(together - np.eye(6)).max() < 0.03


def test_h0_and_u_lab_are_told_apart_as_six_coordinates_would() -> None:
    """The fit has five. The same posterior in six, of which two have the same column, has this covariance."""
    beliefs = replace(priors(), kappa=replace(priors().kappa, spread=1e-6))
    months = simulated(8)
    after = fit(months, beliefs)
    draws = after.draws(40_000, 1)
    design = np.column_stack([np.ones(len(months)), months.design])
    at = np.array([0.0, *after.mode])
    _, bend = derivatives(design @ at, months.people, months.departures)
    precision = np.diag([0.12**-2, 0.3**-2, 0.35**-2, 0.25**-2, 1e12, 0.15**-2])
    wanted = np.linalg.inv((design.T * bend) @ design + precision)[np.ix_([0, 1, 2, 3, 5], [0, 1, 2, 3, 5])]
    found = np.cov([np.log(draws.h0), draws.u_lab, draws.beta_s, draws.beta_m, draws.pull])
    scale = np.sqrt(np.outer(np.diag(wanted), np.diag(wanted)))
    assert np.abs((found - wanted) / scale).max() < 0.03
    moved = np.mean(np.log(draws.h0)) - math.log(0.0093), np.mean(draws.u_lab)
    surprise = after.mode[0] - math.log(0.0093)
    parts = 0.12**2 / (0.12**2 + 0.3**2), 0.3**2 / (0.12**2 + 0.3**2)
    assert moved == pytest.approx([part * surprise for part in parts], abs=0.005)


def test_contagion_is_never_negative_though_the_data_speak_against_it() -> None:
    # after every departure, months without one
    rows = [TeamMonth("t", FIRST_MONTH + m, 200, 40 if m % 12 == 0 else 1, 0.0) for m in range(120)]
    after = fit(team_months(rows))
    assert after.mode[3] < 0
    kappa = after.draws(5000, 1).kappa
    assert kappa.min() >= 0
    assert np.quantile(kappa, 0.975) < priors().kappa.quantile(0.5)


def test_the_data_may_turn_a_belief_around() -> None:
    """Nothing is wired in: where the starved stay and the fed leave, beta_s becomes negative."""
    rows = [
        TeamMonth(f"t{n}", FIRST_MONTH + m, 100, 0 if n % 2 else 4, 0.9 if n % 2 else 0.0)
        for n in range(10)
        for m in range(36)
    ]
    after = fit(team_months(rows))
    assert after.learned()[2].posterior.high < 0


def test_a_column_that_never_varies_leaves_its_prior() -> None:
    rows = [
        TeamMonth(f"t{n}", FIRST_MONTH + m, 20, (n + m) % 7 == 0, 0.1 * (m % 5)) for n in range(8) for m in range(24)
    ]
    breach = fit(team_months(rows)).learned()[3]
    assert (breach.name, round(breach.width_left, 2)) == ("beta_m", 1.0)


def test_without_priors_such_a_column_is_refused() -> None:
    rows = [TeamMonth("t", FIRST_MONTH + m, 20, m % 3 == 0, 0.1 * (m % 5)) for m in range(24)]
    months = team_months(rows)
    with pytest.raises(InputError, match="H103 the data alone do not determine"):
        maximum(months.design, months.people, months.departures, centre=np.zeros(5), precision=np.zeros(5))


@pytest.mark.parametrize("change", [{"spread": 0.0}, {"spread": math.nan}, {"centre": -0.01}])
def test_a_prior_that_is_no_distribution_is_refused(change: dict[str, float]) -> None:
    with pytest.raises(InputError, match="H102 the prior of h0"):
        replace(priors().h0, **change)


def test_every_prior_says_where_it_is_from() -> None:
    for prior in priors():
        assert prior.solidity in "HMLA"
        assert ("assumption" in prior.basis) == (prior.solidity == "A"), prior.name
    assert "no direct evidence" in priors().beta_s.basis


def test_priors_are_those_of_the_published_figures() -> None:
    of = priors()
    assert math.exp(-24 * of.h0.centre) == pytest.approx(0.80, abs=0.001)  # two-year retention
    half_normal_mean = of.kappa.spread * math.sqrt(2 / math.pi)
    assert half_normal_mean / 8 == pytest.approx(math.log(1.09), rel=0.05)  # one of eight left


# ----------------------------------------------------------------------------------------------------------- the table


def test_memories_are_sums_over_the_past() -> None:
    rng = np.random.default_rng(4)
    rows = [
        TeamMonth("t", FIRST_MONTH + m, int(rng.integers(8, 40)), int(rng.integers(0, 4)), rng.random())
        for m in range(30)
    ]
    table = team_months(rows, felt_months=4.0)
    wanted = twin.memories(rows, 4.0)
    assert np.allclose(table.felt, [felt for felt, _ in wanted], rtol=1e-12)
    assert np.allclose(table.contagion, [contagion for _, contagion in wanted], rtol=1e-12)
    # the standing goes on where the table ends
    more = [*rows, TeamMonth("t", FIRST_MONTH + 30, 20, 0, rows[-1].starved)]
    assert twin.memories(more, 4.0)[-1][1] == pytest.approx(table.standings[0].contagion)


def test_over_missing_months_contagion_fades_and_feeling_stays() -> None:
    table = team_months([TeamMonth("t", 100, 10, 5, 0.5), TeamMonth("t", 103, 10, 0, 0.5)])
    assert table.contagion[1] == pytest.approx(0.5 * (1 - 1 / 4.5) ** 2)
    assert table.felt.tolist() == [0.5, 0.5]


def test_fewer_than_eight_are_refused_in_the_table_and_in_a_forecast() -> None:
    with pytest.raises(InputError, match="H101 team 'x' has 7 people"):
        team_months([TeamMonth("x", 100, 7, 0, 0.0)])
    with pytest.raises(InputError, match="H101"):
        Standing("x", 7)


def test_a_team_that_has_shrunk_below_eight_has_no_forecast() -> None:
    table = team_months([TeamMonth("x", 100, 9, 2, 0.0), TeamMonth("y", 100, 9, 1, 0.0)])
    assert [standing.team for standing in table.standings] == ["y"]


def test_small_teams_are_pooled_over_all_their_months() -> None:
    rows = [
        TeamMonth("a.x", 100, 20, 1, 0.5, 1.0, 2.0),
        TeamMonth("a.x", 101, 7, 0, 0.5),
        TeamMonth("a.y", 100, 20, 2, 0.1),
    ]
    rows += [TeamMonth("a.y", 101, 20, 0, 0.1), TeamMonth("b", 100, 30, 0, 0.0), TeamMonth("b", 101, 30, 0, 0.0)]
    made, notes = pooled(rows)
    assert {row.team for row in made} == {"a", "b"}
    first = next(row for row in made if row.team == "a" and row.month == 100)
    assert (first.people, first.departures, first.breach, first.pull) == (40, 3, 0.5, 1.0)
    assert first.starved == pytest.approx(0.3)
    assert notes == ("2 teams are pooled into 1, each of 8 people or more in every month",)
    assert sum(row.people for row in made) == sum(row.people for row in rows)


# -------------------------------------------------------------------------------------------------------- the forecast


def test_forecast_is_the_binomial_where_nothing_is_uncertain() -> None:
    """Coefficients known and no contagion: of those there, each leaves within six months with 1 − e^(−6 rate)."""
    tiny = {"spread": 1e-9}
    of = priors()
    sure = replace(
        of, h0=replace(of.h0, centre=0.03, **tiny), u_lab=replace(of.u_lab, **tiny), kappa=replace(of.kappa, **tiny)
    )
    draws = fit(None, sure).draws(40_000, 1)
    loss = chance_of_loss(draws, Standing("t", 20), seed=2)
    chance = 1 - math.exp(-6 * 0.03)
    at_most_three = sum(math.comb(20, k) * chance**k * (1 - chance) ** (20 - k) for k in range(4))
    assert loss.probability == pytest.approx(1 - at_most_three, abs=4 * math.sqrt(0.25 / 40_000))
    assert loss.mean == pytest.approx(20 * chance, rel=0.02)


def test_contagion_makes_losses_come_together() -> None:
    of = priors()
    known = replace(of, kappa=replace(of.kappa, spread=1e-9))
    without, with_it = fit(None, known).draws(20_000, 1), fit().draws(20_000, 1)
    standing = Standing("t", 16)
    assert chance_of_loss(without, standing).probability < chance_of_loss(with_it, standing).probability


def test_a_fifth_is_counted_exactly() -> None:
    """Of 10 people two are a fifth, and of 11 three."""
    draws = fit().draws(4000, 1)
    for people, least in ((10, 2), (11, 3), (15, 3), (16, 4)):
        whole = [
            chance_of_loss(draws, Standing("t", people), lost_ppm=ppm).probability
            for ppm in (200_000, least * 1_000_000 // people)
        ]
        assert whole[0] == whole[1], people


def test_a_course_like_the_past_follows_what_came_after_months_like_the_last() -> None:
    """A lab in which starvation always lasts three months: whoever is in its last month is fed from then on."""
    rows = [
        TeamMonth(f"t{n}", FIRST_MONTH + m, 20, 0, 0.8 - 0.01 * ((n + m) % 12) if (n + m) % 12 < 3 else 0.0)
        for n in range(40)
        for m in range(36)
    ]
    table = team_months(rows)
    course = like_the_past(table, Standing("t", 20, starved=0.78), 500, months=4)
    assert (course.starved.shape, float(course.starved.max())) == ((500, 4), 0.0)
    first = like_the_past(table, Standing("t", 20, starved=0.80), 500, months=4)
    assert first.starved.tolist() == [[0.79, 0.78, 0.0, 0.0]] * 500


def test_courses_do_not_run_from_one_team_into_the_next_or_over_gaps() -> None:
    rows = [TeamMonth(f"t{n:02}", FIRST_MONTH + m, 20, 0, n / 50) for n in range(50) for m in range(7)]
    rows += [TeamMonth("z", FIRST_MONTH + m, 20, 0, 0.99) for m in (0, 1, 2, 3, 10, 11, 12, 13)]
    course = like_the_past(team_months(rows), Standing("t", 20, starved=0.99), 1000)
    assert (course.starved == course.starved[:, :1]).all()
    assert course.starved.max() < 0.99  # z has no six months that follow


def test_without_enough_of_a_past_the_course_is_held() -> None:
    rows = [TeamMonth("t", FIRST_MONTH + m, 20, 0, m / 20) for m in range(20)]
    standing = team_months(rows).standings[0]
    course = like_the_past(team_months(rows), standing, 10)
    assert course.starved.tolist() == [standing.starved] * 6
    draws = fit().draws(500, 1)
    assert chance_of_loss(draws, standing, course) == chance_of_loss(draws, standing)


def test_one_course_for_all_is_the_same_as_the_course_of_each_draw() -> None:
    draws, standing = fit().draws(500, 1), Standing("t", 20)
    path = np.array([0.1, 0.9, 0.9, 0.0])
    one = Course(path, path, path)
    each = Course(*(np.tile(path, (500, 1)) for _ in range(3)))
    assert chance_of_loss(draws, standing, one) == chance_of_loss(draws, standing, each)
    assert chance_of_loss(draws, standing, one).months == 4


def test_forecast_is_that_of_a_future_played_month_by_month() -> None:
    n, names = 300, [prior.name for prior in priors()]
    draws = fit().draws(n, 4)
    standing = Standing("t", 30, starved=0.9, breach=1.0, pull=1.5, felt=0.4, contagion=0.5)
    loss = chance_of_loss(draws, standing, seed=9)
    chance = Draws(9, stream=3)
    units = np.array([chance.unit(n) for _ in range(6)])
    each = [{name: float(getattr(draws, name)[at]) for name in names} for at in range(n)]
    lost = [twin.lost(of, standing, 0.9, units[:, at].tolist()) for at, of in enumerate(each)]
    assert loss.mean == pytest.approx(np.mean(lost), abs=1e-12)
    assert loss.probability == sum(5 * gone >= 30 for gone in lost) / n
    assert (loss.low, loss.median, loss.high) == tuple(
        sorted(lost)[math.ceil(part * n) - 1] for part in (0.05, 0.5, 0.95)
    )


def test_effective_share_tells_where_the_normal_is_poor() -> None:
    months = measured.few(1, 1, 12)
    wide = Priors(*(replace(prior, spread=5 * prior.spread) for prior in priors()))
    shipped, wider = fit(months), fit(months, wide)
    assert fit().effective_share(team_months([])) == pytest.approx(1.0)  # without data the draws are the posterior
    assert 0.9 < shipped.effective_share(months) < 1
    assert wider.effective_share(months) < shipped.effective_share(months) - 0.05
