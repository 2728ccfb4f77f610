"""docs/bellwether.md: what it shows is what is found, and what was said comes about as often as it was said."""

from __future__ import annotations

import re

import numpy as np
import pytest

from benchmarks import bellwether as measured

PAGE = measured.PAGE.read_text("utf-8")


def test_page_shows_what_is_regained() -> None:
    assert measured.regains() in PAGE, "run: python -m benchmarks.bellwether --write"


@pytest.mark.slow
def test_page_shows_the_scores_and_the_reliability_that_are_found() -> None:
    assert measured.scores() in PAGE and measured.reliability() in PAGE, "run: python -m benchmarks.bellwether --write"
    of = measured.read().of
    assert of.brier(of.updated) < of.brier(of.prior) < of.brier(of.climatology)
    # From 5 % on chance explains what is off, but for one of the six rows at most; below, the page says that too little is said.
    bands = re.findall(r"\| ([\d.]+) % \| ([\d.]+) to ([\d.]+) % \|", measured.reliable(of.prior, of.came))
    assert sum(not float(low) <= float(came) <= float(high) for came, low, high in bands[2:]) <= 1
    calm = of.prior < 0.02
    assert of.came[calm].mean() < 0.02 and float(np.mean(of.prior[calm])) < of.came[calm].mean()
