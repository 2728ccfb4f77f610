"""Colours can be read and told apart: computed by the formulas of WCAG 2.2 and of Machado et al. 2009."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from equipoise.report.theme import DARK, LIGHT, TEAM_COLOURS, style

F64 = NDArray[np.float64]
THEMES = pytest.mark.parametrize("colours", [LIGHT, DARK], ids=["light", "dark"])
TEAMS = [f"t{n}" for n in range(TEAM_COLOURS)] + ["other"]

# Machado, Oliveira and Fernandes, A Physiologically-based Model for Simulation of Color Vision Deficiency, IEEE TVCG
# 15(6), 2009: full protanopia, deuteranopia, tritanopia.
SEEN: dict[str, Any] = {
    "all colours": np.eye(3),
    "without red": [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]],
    "without green": [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.01182, 0.04294, 0.968881]],
    "without blue": [[1.255528, -0.076749, -0.178779], [-0.078411, 0.930809, 0.147602], [0.004733, 0.691367, 0.3039]],
}


def linear(colour: str) -> F64:
    parts = np.array([int(colour[n : n + 2], 16) for n in (1, 3, 5)]) / 255
    return np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)


def contrast(one: str, other: str) -> float:
    low, high = sorted(float(linear(colour) @ [0.2126, 0.7152, 0.0722]) for colour in (one, other))
    return (high + 0.05) / (low + 0.05)


def lab(rgb: F64) -> F64:
    """CIE L*a*b*, D65."""
    xyz = rgb @ np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]).T
    f = np.cbrt(xyz / np.array([0.9505, 1.0, 1.089]))
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)


@THEMES
def test_text_can_be_read(colours: dict[str, str]) -> None:
    for text in ("ink", "soft", "accent", "denied"):
        for ground in ("paper", "card"):
            assert contrast(colours[text], colours[ground]) >= 4.5, (text, ground)


@THEMES
def test_areas_stand_out_from_the_paper(colours: dict[str, str]) -> None:
    for area in [*TEAMS, "denied", "held", "blocked", "down", "ink"]:
        assert contrast(colours[area], colours["paper"]) >= 3, area


@THEMES
@pytest.mark.parametrize("eyes", SEEN)
def test_teams_are_told_apart_by_all_eyes(colours: dict[str, str], eyes: str) -> None:
    seen = {name: lab(np.clip(np.array(SEEN[eyes]) @ linear(colours[name]), 0, 1)) for name in [*TEAMS, "denied"]}
    nearest = min((float(np.linalg.norm(seen[one] - seen[other])), one, other) for one, other in combinations(seen, 2))
    # 2.3 is a just noticeable difference.
    assert nearest[0] > 4 * 2.3, nearest


def test_every_colour_is_defined_in_both_themes_and_every_used_one_is_defined() -> None:
    assert LIGHT.keys() == DARK.keys()
    sheet = style()
    used = {name.split(")")[0].split(",")[0] for name in sheet.split("var(--")[1:]}
    assert used - {"c", "h"} <= LIGHT.keys()
    for colours in (LIGHT, DARK):
        for name, colour in colours.items():
            assert sheet.count(f"--{name}:{colour}") >= 2
