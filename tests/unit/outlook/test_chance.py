"""Chance of the outlook: published vectors, exact quantiles, and uniform numbers that look it."""

from __future__ import annotations

from random import Random
from statistics import NormalDist

import numpy as np
import pytest

from equipoise.outlook.draws import key_of, units
from equipoise.outlook.kernel import chance
from equipoise.outlook.kernel.month import fill_fat, fill_normals
from equipoise.policy.kernel.jit import plain
from tests.reference.outlook import philox, quantile, student4

# Random123's kat_vectors, philox4x32 of 10 rounds: counter, key, answer.
VECTORS = [
    ((0, 0, 0, 0), (0, 0), (0x6627E8D5, 0xE169C58D, 0xBC57AC4C, 0x9B00DBD8)),
    ((0xFFFFFFFF,) * 4, (0xFFFFFFFF,) * 2, (0x408F276D, 0x41C83B0E, 0xA20BC7C6, 0x6D5451FD)),
    (
        (0x243F6A88, 0x85A308D3, 0x13198A2E, 0x03707344),
        (0xA4093822, 0x299F31D0),
        (0xD16CFE09, 0x94FDCCEB, 0x5001E420, 0x24126EA1),
    ),
]
PLAIN = plain([chance])


@pytest.mark.parametrize(("counter", "key", "answer"), VECTORS)
def test_words_are_the_published_ones(counter: tuple[int, ...], key: tuple[int, int], answer: tuple[int, ...]) -> None:
    assert PLAIN["philox"](*counter, *key) == answer
    assert philox(counter, key) == answer


def test_binomial_is_the_exact_quantile_and_never_falls_with_the_rate() -> None:
    draw = Random(1)
    for _ in range(400):
        n, p, u = draw.randint(0, 60), draw.choice((0.0, 1.0, draw.random(), draw.random() / 50)), draw.random()
        assert PLAIN["binomial"](n, p, u) == (quantile(n, p, u) if 0 < p < 1 else n * int(p)), (n, p, u)
        assert PLAIN["binomial"](n, min(1.0, p + 0.01), u) >= PLAIN["binomial"](n, p, u)
    assert PLAIN["binomial"](chance.BLOCK, 0.5, 0.5) == chance.BLOCK // 2


def test_normal_and_fat_tails_are_those_of_other_sources() -> None:
    unit = np.array([1e-14, 1e-6, 0.01, 0.2, 0.4999, 0.5, 0.7, 0.99, 1 - 1e-9])
    normals, fat = unit.copy(), unit.copy()
    fill_normals(normals, len(unit))
    fill_fat(fat, len(unit))
    np.testing.assert_allclose(normals, [NormalDist().inv_cdf(u) for u in unit], rtol=1e-12, atol=1e-12)
    np.testing.assert_allclose(fat[1:-1], [student4(u) for u in unit[1:-1]], rtol=1e-6, atol=1e-6)


def test_numbers_are_uniform_and_unrelated_between_runs_columns_and_labs() -> None:
    n = 20_000
    drawn = [units(5, 0, n, columns=3), units(5, 0, n, columns=3, lab="a"), units(6, 0, n, columns=3)]
    flat = np.concatenate(drawn, axis=1)
    assert (np.abs(flat.mean(axis=0) - 0.5) < 4.5 / np.sqrt(12 * n)).all()
    counts = np.stack([np.histogram(column, 100, (0, 1))[0] for column in flat.T])
    assert (((counts - n / 100) ** 2 / (n / 100)).sum(axis=1) < 99 + 4.5 * np.sqrt(198)).all()
    related = np.corrcoef(np.concatenate([flat, np.roll(flat, 1, axis=0)], axis=1).T) - np.eye(18)
    assert np.abs(related).max() < 5 / np.sqrt(n)


def test_part_of_the_runs_is_what_all_have() -> None:
    assert units(9, 0, 50, columns=4)[20:30].tolist() == units(9, 20, 10, columns=4).tolist()
    assert key_of("focal") != key_of("rival")
