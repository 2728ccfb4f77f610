"""The unit of a promise: whole numbers, and as small as they can be."""

from __future__ import annotations

from fractions import Fraction
from math import gcd

import pytest

from equipoise.account import Scale


@pytest.mark.parametrize(
    ("heh", "weights", "unit"),
    [
        ({"gpu": "5/2"}, {"gpu": 1}, "5/2"),
        ({"a": "2", "b": "4"}, {"a": 1, "b": 2}, "2"),
        ({"a": "13/5", "b": "3/10"}, {"a": 26, "b": 3}, "1/10"),
        ({"a": "1/3", "b": "1/2"}, {"a": 2, "b": 3}, "1/6"),
    ],
)
def test_weights_are_the_least_whole_numbers_in_proportion(
    heh: dict[str, str], weights: dict[str, int], unit: str
) -> None:
    scale = Scale.of(Fraction(1, 5), {pool: Fraction(weight) for pool, weight in heh.items()})
    assert (scale.weights, scale.heh) == (weights, Fraction(unit))
    assert gcd(*scale.weights.values()) == 1
    assert all(scale.weights[pool] * scale.heh == Fraction(weight) for pool, weight in heh.items())


def test_pools_that_are_not_promised_weigh_nothing() -> None:
    assert Scale.of(Fraction(1, 5), {"a": Fraction(2)}).weigh({"a": 3, "b": 100}) == 3
