"""What a point of the frontier gains and gives up, in words."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from equipoise.charter.explanation import listed
from equipoise.report.figures import NOTHING, counted, part
from equipoise.units import DAY_MS

if TYPE_CHECKING:
    from equipoise.tune import Figures, Objective
    from equipoise.tune.outcome import Point, Tuned


def value(objective: Objective, figures: Figures) -> str:
    """Write a figure: a part in percent, promises as windows kept of those judged."""
    found = getattr(figures, objective.name)
    if found is None:
        return NOTHING
    if objective.name == "kept":
        return f"{figures.windows_kept} of {figures.windows}"
    return f"{found:.3g}" if objective.name == "leaving" else part(found)


def trade(objectives: Sequence[Objective], figures: Figures, against: Figures) -> tuple[list[str], list[str]]:
    """Return what is better and what is worse than something else, one phrase each; what reads the same is neither."""
    better: list[str] = []
    worse: list[str] = []
    for each in objectives:
        here, there = value(each, figures), value(each, against)
        if here != there and NOTHING not in (here, there):
            gained = each.cost(figures) < each.cost(against)
            phrase = f"{each.better if gained else each.worse} ({here}, not {there})"
            (better if gained else worse).append(phrase)
    return better, worse


def sentence(objectives: Sequence[Objective], figures: Figures, against: Figures, *, whom: str) -> str:
    """Say in one sentence what a charter gains and gives up against another."""
    better, worse = trade(objectives, figures, against)
    if not better and not worse:
        return f"Against {whom}: the same figures."
    gains = listed(better) if better else "gains nothing that is measured"
    return f"Against {whom} it {gains}. The price: {f'it {listed(worse)}' if worse else 'nothing that shows'}."


def point_sentences(found: Tuned, number: int) -> list[str]:
    """Say of a point, by its place among ``found.points``, what it gains and gives up.

    Against the present charter, on both parts of the log, and against its neighbour.
    """
    point, sought = found.points[number], found.objectives
    told = [sentence(sought, point.figures, found.present.figures, whom="the present charter")]
    if point.held_out is not None and found.present.held_out is not None:
        told.append(
            "Where nothing was searched: "
            + _lower(
                sentence(found.held_objectives, point.held_out, found.present.held_out, whom="the present charter")
            )
        )
    if len(found.points) > 1:
        other = number - 1 if number else 1
        told.append(sentence(sought, point.figures, found.points[other].figures, whom=f"point {other + 1}"))
    return told


def present_sentence(found: Tuned) -> str:
    """Say where the present charter stands."""
    if found.present.trial.violation:
        return "The present charter does not keep the conditions."
    if not found.dominating:
        return (
            "The present charter is on the frontier: nothing that was found is better in one respect and worse in none."
        )
    shown = [n for n, point in enumerate(found.points, start=1) if point.trial.number in found.dominating]
    rest = len(found.dominating) - len(shown)
    by = [*(f"point {n}" for n in shown), *([f"{rest} more, not shown"] if rest else [])]
    return (
        f"The present charter is dominated by {counted(len(found.dominating), 'point')} of the frontier: {listed(by)}."
    )


def method_sentences(found: Tuned) -> list[str]:
    """Say what was searched, what was refused, and what the figures rest on."""
    space, searched = found.space, found.searched
    days = found.case.span_ms / DAY_MS
    told = [
        f"{counted(len(searched.trials), 'charter')} measured of {space.size:,} possible, by"
        f" {counted(len(space.parameters), 'parameter')}; the frontier has {counted(found.frontier_size, 'point')}"
        + (f", {len(found.points)} of them are shown." if len(found.points) < found.frontier_size else "."),
    ]
    if searched.refused:
        reasons = ", ".join(f"{count:,} ({reason})" for reason, count in list(searched.refused.items())[:6])
        told.append(f"Refused before they were measured: {reasons}.")
    told.append(
        f"Denied counts of {', '.join(found.case.research)}; everything is measured by the present charter, whatever is executed."
    )
    if found.present.figures.departures:
        bands = listed([f"{team} {low} to {high}" for team, _, low, high in found.present.figures.departures])
        told.append(
            "Departures are means, if all months were like these days, by beliefs of which most are assumptions (docs/people.md);"
            f" 5 to 95 % under the present charter: {bands}."
        )
    told += [f"{each[0].upper()}{each[1:]}." for each in found.left_out]
    if found.held_out is None:
        told.append(f"The figures are of the {days:.3g} days that were searched: on other days expect less.")
    else:
        held = [found.holds(point) for point in found.points]
        told.append(
            f"Searched were the first {days:.3g} days; the last {found.held_out.span_ms / DAY_MS:.3g} were held out, and"
            f" {sum(bool(each) for each in held)} of {counted(len(held), 'point')} are dominated by none of the others there."
        )
    if searched.halted:
        told.append("Interrupted: this is what was found until then.")
    return told


def head(found: Tuned, number: int, *, log: str) -> str:
    """Return the comment at the beginning of a point's file."""
    point = found.points[number]
    name = "".join(sign if sign.isprintable() else "?" for sign in log)[:150]
    lines = [
        f"Point {number + 1} of {len(found.points)} of a frontier found by `equipoise tune` on {name}",
        f"(trial {point.trial.number}, seed {found.seed}). Nothing is in force by it: `equipoise plan` says what it changes.",
        "",
        *point_sentences(found, number),
        "",
        "What differs from the present charter:",
        *(line for entry in point.differences for line in entry.splitlines()),
        *(["nothing: it is the present charter"] if not point.differences else []),
        "",
        "Comments below are those of the present charter and may no longer be true.",
    ]
    return "\n".join(lines)


def _lower(text: str) -> str:
    return text[0].lower() + text[1:]


def changes(point: Point) -> str:
    """Write what differs, short."""
    return ", ".join(f"{name} {value}" for name, value in point.changed.items()) or "nothing"
