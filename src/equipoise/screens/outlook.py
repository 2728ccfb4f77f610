"""The screen Outlook: what each course does to people, knowledge and the lead, on which beliefs that hangs, and what the model fails.

`outlook` is the main path. Figures are those of a `Prospect`, as its ``to_dict`` has them; what is added says of whom nothing is told,
puts failed checks first, and names every parameter with its source. `frontier` shows what ``equipoise tune --json`` wrote.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from equipoise.errors import InputError
from equipoise.outlook.checks import OUT_OF_REACH
from equipoise.outlook.fans import LEVELS
from equipoise.outlook.parameters import Parameter
from equipoise.people.groups import GROUP_MIN
from equipoise.report.outlook import reach
from equipoise.report.prospects import clauses, failed
from equipoise.screens.lab_run import Plain
from equipoise.tune.objectives import ALL

if TYPE_CHECKING:
    from equipoise.tasks.prospect import Prospect

USUAL = ("beta_s", "beta_m", "kappa", "pull", "tau_hire", "mu")
"""What is moved most: what charters do to people, and what else drives a lab's years."""
FAR = (0.001, 0.999)
STEPS = 200
FRONTIER = "frontier.json"


def outlook(of: Prospect, *, moved: Sequence[str] = (), scenario: str = "lab") -> Plain:
    """Return a prospect as the screen shows it; ``moved`` are the settings by which it was played anew."""
    told, main = of.to_dict(), of.main
    by_name = {each.name: each for each in main.parameters}
    world = of.courses[0].world
    said = clauses(of)
    return {
        "state": "ready",
        "scenario": scenario,
        "moved": list(moved),
        "sentences": [*said[:-1], said[-1] if main.checks else said[-1].removesuffix(f" {failed(of)}")],
        "watched": of.watched,
        "runs": main.runs,
        "months": main.months,
        "seed": main.seed,
        "levels": list(LEVELS),
        "least_people": GROUP_MIN,
        "told_of": list(world.groups),
        "not_told_of": [team for team in world.teams if team not in world.groups],
        "notes": told["notes"],
        "courses": [
            {**plain, "under": each.under, "told": each.world.told}
            for plain, each in zip(told["courses"], of.courses, strict=True)
        ],
        "differences": [
            {"course": each["scenario"], "against": each["against"], "rows": each["differences"]}
            for each in told["outlooks"]
            if each["against"] is not None
        ],
        "results": told["outlooks"][0]["results"],
        "drivers": [
            {
                "measure": measure.name,
                "unit": measure.unit,
                "of_difference": len(of.courses) > 1,
                "rank": [{"name": each.name, "rank": each.rank, **_about(by_name, each.name)} for each in drivers],
            }
            for measure, drivers in of.drivers
        ],
        "checks": _checks(told["outlooks"][0]["checks"]),
        "assumptions": list(dict.fromkeys(line for each in told["outlooks"] for line in each["assumptions"])),
        "parameters": [
            {**plain, "meaning": by_name[plain["name"]].meaning} for plain in told["outlooks"][0]["parameters"]
        ],
        "learned": told["outlooks"][0]["learned"],
        "learned_from": main.learned_from,
    }


def _checks(rows: Sequence[Plain]) -> list[Plain]:
    """Return checks, the failed ones first; a ratio whose lower part is nobody has no number."""
    found: list[Plain] = []
    for row in sorted(rows, key=lambda row: row["verdict"] == "passed"):
        band = row["band"]
        said = f"{reach(band['median'])} ({reach(band['low'])} to {reach(band['high'])})"
        numbers = {name: None if value > OUT_OF_REACH / 1e6 else value for name, value in band.items()}
        found.append({**row, "band": numbers, "said": said, "kind": "held out" if row["held_out"] else "calibration"})
    return found


def _about(by_name: Mapping[str, Parameter], name: str) -> Plain:
    """Return what a driver is; those of single labs are called ``name.LAB``."""
    one = by_name.get(name.partition(".")[0])
    return {"meaning": "" if one is None else one.meaning, "solidity": "" if one is None else one.badge}


def movable(parameters: Sequence[Parameter]) -> list[Plain]:
    """Return parameters as sliders: from where to where each may be moved, and where it is believed to lie."""
    found: list[Plain] = []
    for each in parameters:
        least, low, median, high, most = each.prior.quantiles(np.array([FAR[0], *LEVELS[::2], FAR[1]])).tolist()
        begin = each.prior.least if np.isfinite(each.prior.least) else least
        end = each.prior.most if np.isfinite(each.prior.most) else most
        if each.prior.kind == "fixed":
            low = median = high
        found.append({
            "name": each.name, "meaning": each.meaning, "unit": each.unit, "prior": str(each.prior), "solidity": each.badge,
            "source": each.source, "is_usual": each.name in USUAL, "least": begin, "most": max(end, begin), "step": _step(end - begin),
            "low": low, "median": median, "high": high,
        })  # fmt: skip
    order = {name: n for n, name in enumerate(USUAL)}
    return sorted(found, key=lambda row: order.get(row["name"], len(order)))


def _step(span: float) -> float:
    """Return a round step of a slider: about two hundred over its span."""
    if span <= 0:
        return 1.0
    rough = span / STEPS
    power = 10.0 ** np.floor(np.log10(rough))
    return float(min((1, 2, 5, 10), key=lambda by: abs(by * power - rough)) * power)


def missing(teams: Sequence[str], *, file: str, sentence: str = "") -> Plain:
    """Return what a lab shows of which nobody has said who works in it: which file to put where, with its own teams filled in."""
    lines = "\n".join(f"  {team}: {{role: research, people: 0, growth: 20%}}" for team in teams)
    head, money = (
        "teams:  # role: product, core, exploration or research",
        "revenue: 1  # $ bn a year; so is compute\ncompute: 1.2",
    )
    return {
        "state": "missing",
        "sentence": sentence or "Nothing says yet who works in this lab.",
        "file": file,
        "example": f"{head}\n{lines}\n{money}\n",
        "least_people": GROUP_MIN,
    }


def frontier(found: object, *, name: str = FRONTIER) -> Plain:
    """Return what a search for charters found: its points and the present charter, as `tune` wrote them.

    Raises
    ------
    InputError
        N179 where it is not what `equipoise tune --json` writes.
    """
    told = cast("dict[str, Any]", found) if isinstance(found, dict) else {}
    try:
        objectives = [_objective(each) for each in told["objectives"]]
        names = [each["name"] for each in objectives]
        rows = [("present charter", told["present"])]
        rows += [(f"point {n:02d}", each) for n, each in enumerate(told["points"], start=1)]
        return {
            "state": "ready",
            "objectives": objectives,
            "points": [_point(label, each, names) for label, each in rows],
            "on_frontier": bool(told["present"]["on_frontier"]),
            "dominated_by": len(told["present"]["dominated_by"]),
            **{key: told[key] for key in ("measured", "frontier_size", "searched_days", "held_out_days", "teams", "product")},
            "left_out": [str(each) for each in told["left_out"]],
        }  # fmt: skip
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(
            "N179", f"{name} holds no frontier: {type(error).__name__} {error}", hint="write it by `equipoise tune … --json`"
        ) from None  # fmt: skip


def _objective(told: Mapping[str, Any]) -> Plain:
    title = next((each.title for each in ALL if each.name == told["name"]), str(told["name"]))
    return {"name": str(told["name"]), "better": str(told["better"]), "title": title}


def _point(label: str, told: Mapping[str, Any], names: Sequence[str]) -> Plain:
    def figures(of: Mapping[str, Any] | None) -> Plain | None:
        return None if of is None else {name: None if of[name] is None else float(of[name]) for name in names}

    return {
        "name": label,
        "is_present": label == "present charter",
        "changed": {str(key): str(value) for key, value in told["changed"].items()},
        "differences": [str(each) for each in told["differences"]],
        "searched": figures(told["searched"]),
        "held_out": figures(told["held_out"]),
        "holds": told["holds"],
    }


def plain_choices(found: Sequence[Any]) -> list[Plain]:
    """Return the scenarios that can be chosen."""
    return [asdict(each) for each in found]
