"""A lab's own team-months in place of the priors: the posterior's moments, the same luck, and what stays as it was set."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from benchmarks._people_labs import lab, typical
from equipoise.errors import InputError
from equipoise.outlook.draws import parameters
from equipoise.outlook.learned import NAMES, learn
from equipoise.outlook.parameters import Beliefs
from equipoise.people.hazard import TeamMonths, fit, priors, team_months
from equipoise.tasks.outlook import outlook

LABS, RUNS = ["focal", "giant", "rival"], 40_000
OTHERS = ("tau_s", "sigma", "pull", "market", "draw")


def own_months(seed: int = 5) -> TeamMonths:
    return team_months(lab(np.random.default_rng(seed), typical(), teams=20, months=36).rows)


def drawn(
    beliefs: Beliefs, name: str, *, of: str = "focal", seed: int = 3
) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    shared, own = parameters(beliefs, LABS, seed, 0, RUNS)
    if name in shared.dtype.names:
        return np.array(shared[name])
    return np.array(own.reshape(RUNS, len(LABS))[name][:, LABS.index(of)])


def test_priors_of_the_hazard_and_of_the_outlook_are_the_same() -> None:
    kinds = {"normal": "normal", "lognormal": "lognormal", "half-normal": "halfnormal"}
    for known in priors():
        ours = Beliefs().prior(known.name)
        numbers = (known.spread,) if known.family == "half-normal" else (known.centre, known.spread)
        assert (ours.kind, ours.numbers) == (kinds[known.family], numbers), known.name


def test_draws_have_the_moments_of_the_fit() -> None:
    months = own_months()
    beliefs, after = learn(Beliefs(), "focal", months), fit(months)
    assert beliefs.learned is not None and beliefs.learned.names == NAMES
    # Laplace's normal itself, of level, beta_s, beta_m (kappa is cut at 0, pull is not taken over)
    level = np.log(drawn(beliefs, "h0")) + drawn(beliefs, "u_lab")
    # given contagion the others are normal; its cut moves their means by slope times how far the cut mean is from the mode
    shift = after.covariance[:, 3] / after.covariance[3, 3] * (drawn(beliefs, "kappa").mean() - after.mode[3])
    cut = (
        after.covariance[:, 3] ** 2
        / after.covariance[3, 3]
        * (1 - drawn(beliefs, "kappa").var() / after.covariance[3, 3])
    )
    for place, values in ((0, level), (1, drawn(beliefs, "beta_s")), (2, drawn(beliefs, "beta_m"))):
        spread = np.sqrt(after.covariance[place, place] - cut[place])
        assert values.mean() == pytest.approx(after.mode[place] + shift[place], abs=4 * spread / RUNS**0.5), place
        assert values.std() == pytest.approx(spread, rel=0.02), place
    # and the fit's own draws, which come from other numbers
    fitted = after.draws(RUNS, 11)
    for name in NAMES:
        here, there = drawn(beliefs, name), getattr(fitted, name)
        assert here.mean() == pytest.approx(there.mean(), abs=6 * there.std() / RUNS**0.5), name
        assert here.std() == pytest.approx(there.std(), rel=0.02), name
    here = np.corrcoef([drawn(beliefs, name) for name in NAMES])
    there = np.corrcoef([getattr(fitted, name) for name in NAMES])
    assert np.abs(here - there).max() < 0.03


def test_without_data_every_parameter_is_what_the_priors_draw() -> None:
    empty = learn(Beliefs(), "focal", team_months([]))
    for name in (*NAMES, *OTHERS):
        np.testing.assert_allclose(drawn(empty, name), drawn(Beliefs(), name), rtol=1e-9, atol=1e-12, err_msg=name)


def test_what_was_not_learned_and_other_labs_keep_their_draws() -> None:
    beliefs = learn(Beliefs(), "focal", own_months())
    for name in OTHERS:
        assert (drawn(beliefs, name) == drawn(Beliefs(), name)).all(), name
    for rival in ("giant", "rival"):
        assert (drawn(beliefs, "u_lab", of=rival) == drawn(Beliefs(), "u_lab", of=rival)).all()
    # the same luck: who was high stays high
    assert np.corrcoef(drawn(beliefs, "kappa"), drawn(Beliefs(), "kappa"))[0, 1] > 0.9


def test_what_was_set_to_a_number_stays_and_another_prior_is_where_the_fit_starts() -> None:
    months = own_months()
    fixed = learn(Beliefs().with_set(["beta_s=0"]), "focal", months)
    assert fixed.learned is not None and "beta_s" not in fixed.learned.names
    assert set(drawn(fixed, "beta_s")) == {0.0}
    firm = learn(Beliefs().with_set(["beta_s=N(0.2, 0.01)"]), "focal", months)
    assert drawn(firm, "beta_s").mean() == pytest.approx(0.2, abs=0.01)


def test_outlook_tells_what_was_learned_and_from_how_much(tmp_path: Path) -> None:
    file = tmp_path / "staff.csv"
    rows = [f"safety,{2023 + n // 12}-{n % 12 + 1:02},40,{2 + n % 2},0.1" for n in range(36)]
    file.write_text("team,month,people,departures,starvation\n" + "\n".join(rows) + "\n", "utf-8")
    bare, found = outlook("charter-kept", runs=400, months=24), outlook("charter-kept", runs=400, months=24, staff=file)
    lessons = {lesson.name: lesson for lesson in found.learned}
    assert set(lessons) == set(NAMES) and bare.learned == ()
    # two in forty leave a month: about six times the belief, which one lab's own rate has to explain
    assert lessons["u_lab"].after > 1 and lessons["u_lab"].left < 0.7
    assert found.learned_from.startswith("90 departures in 1,440 people-months of 1 team")
    kept = [{m.name: b for m, b in of.results}["safety: first people still there"].median for of in (bare, found)]
    assert kept[1] < kept[0] / 2
    source = next(p.source for p in found.parameters if p.name == "u_lab")
    assert "brought up to date by 90 departures" in source
    assert found.to_dict()["learned"][0]["name"] == "h0"


def test_table_of_too_few_people_is_refused_and_a_wrong_row_is_named(tmp_path: Path) -> None:
    file = tmp_path / "staff.csv"
    head = "team,month,people,departures,starvation\n"
    for rows, said in (
        ("safety,2025-01,7,1,0.1\n", "no group"),
        ("safety,2025-01,9,1,0.1\nsafety,2025-02,9,10,0\n", ":3 T123"),
    ):
        file.write_text(head + rows, "utf-8")
        with pytest.raises(InputError) as caught:
            outlook("charter-kept", runs=20, staff=file)
        assert caught.value.code == "T123"
        assert said in f"{caught.value.place} {caught.value.code} {caught.value.message}"
