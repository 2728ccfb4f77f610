"""The hazard of leaving: what holds for every table, coefficient and team."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from equipoise.people.groups import GROUP_MIN
from equipoise.people.hazard import Coefficients, Standing, TeamMonth, chance_of_loss, fit, pooled, team_months
from equipoise.people.hazard.likelihood import derivatives, log_likelihood
from equipoise.people.hazard.loss import departures
from tests.reference import hazard as twin

SHARES = st.floats(0, 1)
PRIOR_DRAWS = fit().draws(400, 1)
FORWARD = PRIOR_DRAWS.beta_s >= 0


@st.composite
def tables(draw: st.DrawFn, least: int = 8) -> list[TeamMonth]:
    rows: list[TeamMonth] = []
    for name in draw(st.lists(st.sampled_from(["a", "b.x", "b.y", "b.z.w", "c"]), min_size=1, unique=True)):
        first = draw(st.integers(100, 104))
        for month in range(first, first + draw(st.integers(1, 5))):
            people = draw(st.integers(least, 30))
            values = draw(SHARES), draw(st.sampled_from([0.0, 1.0])), draw(st.floats(-3, 3))
            rows.append(TeamMonth(name, month, people, draw(st.integers(0, min(people, 4))), *values))
    return rows


@given(tables(), st.randoms(use_true_random=False))
def test_order_of_rows_changes_nothing(rows: list[TeamMonth], chance: object) -> None:
    other = list(rows)
    chance.shuffle(other)  # type: ignore[attr-defined]
    one, two = fit(team_months(rows)), fit(team_months(other))
    assert np.array_equal(one.mode, two.mode)
    assert np.array_equal(one.draws(5, 1).kappa, two.draws(5, 1).kappa)
    assert team_months(pooled(rows)[0]).felt.tolist() == team_months(pooled(other)[0]).felt.tolist()


@given(tables(least=1))
def test_whatever_is_pooled_has_eight_people_and_nobody_is_counted_twice(rows: list[TeamMonth]) -> None:
    made, notes = pooled(rows)
    assert all(row.people >= GROUP_MIN for row in made)
    months = {row.month for row in rows}
    for month in months:
        before = sum(row.people for row in rows if row.month == month)
        after = sum(row.people for row in made if row.month == month)
        assert after <= before
        assert after == before or any("left out" in note for note in notes)
    assert len({(row.team, row.month) for row in made}) == len(made)


@given(tables())
def test_names_of_teams_do_not_matter_to_the_fit(rows: list[TeamMonth]) -> None:
    renamed = [replace(row, team={"a": "z", "b.x": "m", "b.y": "c", "b.z.w": "a", "c": "k"}[row.team]) for row in rows]
    assert np.allclose(fit(team_months(rows)).mode, fit(team_months(renamed)).mode, rtol=1e-9, atol=1e-9)


@given(st.integers(1, 60), st.floats(1e-6, 3), st.floats(0, 1, exclude_max=True))
def test_departures_are_the_quantile_of_the_binomial(people: int, rate: float, unit: float) -> None:
    found = int(departures(np.array([people]), np.array([rate]), np.array([unit]))[0])
    chance = -np.expm1(-rate)
    # a rounding at the very edge of two numbers may decide otherwise
    near = {twin.binomial_quantile(people, chance, min(max(unit + away, 0.0), 1.0)) for away in (-1e-12, 0.0, 1e-12)}
    assert found in near


@given(st.integers(8, 60), SHARES, SHARES, SHARES, st.integers(0, 99))
@settings(deadline=None)
def test_more_starvation_never_lowers_an_early_warning(
    people: int, felt: float, starved: float, further: float, seed: int
) -> None:
    """Draw for draw, by common chance: true for every seed, not only on average."""
    names = ("h0", "u_lab", "beta_s", "beta_m", "kappa", "pull")
    draws = Coefficients(*(getattr(PRIOR_DRAWS, name)[FORWARD] for name in names))
    low = Standing("t", people, starved=min(starved, further), felt=felt)
    high = replace(low, starved=max(starved, further))
    for ppm in (100_000, 200_000, 500_000):
        less, more = (chance_of_loss(draws, at, lost_ppm=ppm, seed=seed) for at in (low, high))
        assert less.probability <= more.probability
        assert less.mean <= more.mean


@given(st.floats(0.0001, 0.2), SHARES, st.floats(-5, 5))
def test_where_every_effect_is_zero_the_hazard_is_the_baseline(h0: float, felt: float, pull: float) -> None:
    zero = np.zeros(1)
    one = Coefficients(np.array([h0]), zero, zero, zero, zero, zero)
    assert one.rate(felt=felt, breach=1.0, contagion=0.7, pull=pull).tolist() == [h0]


@given(st.floats(-12, 3), st.integers(1, 200), st.data())
def test_slopes_are_those_of_the_likelihood(eta: float, people: int, data: st.DataObject) -> None:
    gone = data.draw(st.integers(0, people))
    n, d = np.array([people]), np.array([gone])

    def value(at: float) -> float:
        return log_likelihood(np.array([at]), n, d)

    def slope(at: float) -> float:
        return float(derivatives(np.array([at]), n, d)[0][0])

    bend = float(derivatives(np.array([eta]), n, d)[1][0])
    step, scale = 1e-4, 1e-5 * (1 + people * (1 + np.exp(eta)))
    assert abs((value(eta + step) - value(eta - step)) / (2 * step) - slope(eta)) < scale
    assert abs((slope(eta - step) - slope(eta + step)) / (2 * step) - bend) < scale
    assert bend >= 0
