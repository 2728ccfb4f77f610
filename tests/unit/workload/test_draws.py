"""Chance with stable bits: the stream, and distributions read from tables."""

from __future__ import annotations

import decimal

import numpy as np
import pytest

from equipoise.workload.draws import CELLS, Draws, Quantiles, choose


def test_stream_is_that_of_the_bit_generator() -> None:
    # NumPy's own uniform numbers take the same 53 bits: an independent way to the same values.
    expected = np.random.Generator(np.random.PCG64(np.random.SeedSequence((7, 3)))).random(1000)
    assert np.array_equal(Draws(7, stream=3).unit(1000), expected)


def test_streams_of_one_seed_differ() -> None:
    assert not np.array_equal(Draws(1).unit(10), Draws(1, stream=1).unit(10))
    assert not np.array_equal(Draws(1).unit(10), Draws(2).unit(10))


def test_integers_are_uniform_below_their_bound() -> None:
    drawn = Draws(2).below(6, 60_000)
    assert set(drawn.tolist()) == set(range(6))
    assert np.bincount(drawn).min() > 9_600


def test_choice_follows_the_weights_and_their_edges() -> None:
    weights = np.array([1.0, 0.0, 3.0])
    assert choose(weights, np.array([0.0, 0.249, 0.25, 0.999])).tolist() == [0, 0, 2, 2]
    counts = np.bincount(Draws(3).pick([1, 0, 3], 40_000), minlength=3)
    assert counts[1] == 0
    assert counts[2] / counts[0] == pytest.approx(3, rel=0.05)


@pytest.mark.parametrize("sigma", [0.6, 1.1, 2.0])
def test_lognormal_table_has_the_quantiles_of_the_distribution(sigma: float) -> None:
    table = Quantiles.lognormal(600.0, sigma, least=1e-9, most=1e9)
    assert table.at(0.5) == 600.0
    # one, two and three standard deviations; probabilities from a table of the normal distribution
    for p, z in ((0.841344746, 1), (0.977249868, 2), (0.158655254, -1), (0.022750132, -2)):
        assert table.at(p) == pytest.approx(600 * np.exp(sigma * z), rel=2e-3)


def test_clipped_lognormal_stays_in_its_bounds_and_knows_its_mean() -> None:
    table = Quantiles.lognormal(100.0, 1.5, least=20, most=2000)
    drawn = table.read(Draws(4).unit(400_000))
    assert drawn.min() >= 20
    assert drawn.max() <= 2000
    assert drawn.mean() == pytest.approx(table.mean, rel=0.01)


def test_exponential_table_has_its_mean_and_median() -> None:
    table = Quantiles.exponential(90.0)
    assert table.at(0) == 0
    assert table.at(0.5) == pytest.approx(90 * np.log(2), rel=1e-9)
    assert table.mean == pytest.approx(90, rel=1e-3)
    drawn = table.read(Draws(5).unit(200_000))
    assert np.mean(drawn > 90) == pytest.approx(np.exp(-1), abs=0.005)


def test_tables_do_not_depend_on_the_decimal_context_of_the_program() -> None:
    points = [(0, 3), (0.3, 7), (1, 11)]
    usual = [Quantiles.exponential(7.0).knots, Quantiles.through(points).knots]
    with decimal.localcontext() as context:
        context.prec, context.rounding = 4, decimal.ROUND_UP
        coarse = [Quantiles.exponential(7.0).knots, Quantiles.through(points).knots]
    assert all(np.array_equal(a, b) for a, b in zip(usual, coarse, strict=True))


def test_table_passes_through_published_quantiles() -> None:
    table = Quantiles.through([(0, 10), (0.25, 100), (0.5, 200), (1, 5000)])
    for p, value in ((0, 10), (0.25, 100), (0.5, 200)):
        assert table.at(p) == pytest.approx(value, rel=1e-12)
    assert table.at(0.125) == pytest.approx((10 * 100) ** 0.5, rel=1e-9)  # geometric in between
    assert np.all(np.diff(table.knots) > 0)
    assert len(table.knots) == CELLS + 1
