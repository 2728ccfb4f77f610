"""The years that follow a replay, for a terminal: in a sentence that has both sides of the trade, and as tables."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.console import Console

from equipoise.outlook.differences import Difference
from equipoise.report.columns import Column, fitted
from equipoise.report.figures import hours, part
from equipoise.report.outlook import number, print_outlook, signed

if TYPE_CHECKING:
    from equipoise.tasks.prospect import Course, Prospect


def sentence(of: Prospect) -> str:
    """Say what each course does to the people and the lead, with intervals, and which checks the model fails."""
    return " ".join(clauses(of))


def clauses(of: Prospect) -> list[str]:
    """Return the sentences of `sentence`: people, lead, revenue, and what the model fails."""
    shown, team = [*of.courses[1:2], of.courses[0]], of.watched
    kept = " and ".join(
        f"{_kept(course, team)}{' are still there' * (not n)} {course.under}" for n, course in enumerate(shown)
    )
    people = _sure(of, f"{team}: first people still there", scale=100, unit=" points")
    parts = [f"{of.main.months} months on, of the people now in {team} {kept}{people}"]
    for name, measure, words in _LAB:
        if any(fan.name == name for fan in of.courses[0].fans):
            told = " and ".join(_amount(course, name) for course in shown)
            parts.append(f"{words} {told}{_sure(of, measure)}")
    runs = "Medians, and in brackets 5 to 95 of 100 runs"
    several = "; a median run by run need not be the difference of two medians" if len(of.courses) > 1 else ""
    return [*(f"{each}." for each in parts), f"{runs}{several}. {failed(of)}"]


_LAB = (
    ("lead", "lead in capability", "The lead over the best rival, as a logarithm, is"),
    ("revenue", "revenue", "Revenue is"),
)


def failed(of: Prospect) -> str:
    """Say which of its checks against public facts the model fails."""
    wrong = [check.name for check in of.main.checks if not check.passed]
    if not wrong:
        return f"The model passes its {len(of.main.checks)} checks against public facts."
    return f"The model fails {len(wrong)} of its {len(of.main.checks)} checks against public facts: {'; '.join(wrong)}."


def difference(of: Prospect, measure: str) -> Difference | None:
    """Return how the second course differs from the first in a measure; None where there is one course."""
    return next((each for each in of.main.differences if each.measure.name == measure), None)


def _kept(course: Course, team: str) -> str:
    low, median, high = course.fan("kept", team).at_end()
    return f"{100 * median:.0f} % ({100 * low:.0f} to {100 * high:.0f})"


def _amount(course: Course, name: str) -> str:
    low, median, high = (number(value) for value in course.fan(name).at_end())
    return f"$ {median} bn a year ({low} to {high})" if name == "revenue" else f"{median} ({low} to {high})"


def _sure(of: Prospect, measure: str, *, scale: int = 1, unit: str = "") -> str:
    """Say how the second course differs run by run, and whether that is one way only."""
    found = difference(of, measure)
    if found is None:
        return ""
    low, middle, high = (signed(scale * value) for value in (found.paired.low, found.paired.median, found.paired.high))
    if found.paired.low == found.paired.high:
        return ": the same in nearly every run" if found.paired.low == 0 else f": run by run {middle}{unit}"
    doubt = ", so it may be either way" if found.paired.low < 0 < found.paired.high else ""
    return f": run by run {middle}{unit} ({low} to {high}){doubt}"


def print_prospect(of: Prospect, console: Console) -> None:
    """Print where each course starts, the sentence, and each outlook with its checks."""
    for course in of.courses:
        console.print()
        rows = course.measured
        columns = [
            Column(f"where it starts, {course.label}", [one.team for one in rows], 0),
            Column("asks for", [part(one.asks) for one in rows], 0),
            Column("entitled", [hours(one.entitled_gpu_h) for one in rows], 2),
            Column("denied", [hours(one.denied_gpu_h) for one in rows], 1),
            Column("refused", [hours(one.refused_gpu_h) for one in rows], 1),
            Column("starved", [part(one.starved) for one in rows], 0),
            Column("promises broken", [f"{one.broken} of {one.judged}" for one in rows], 0),
        ]
        console.print(fitted(columns, console))
    console.print("GPU-hours. refused: requests, as far as the floor was not asked for otherwise; starved: with those.")
    for line in of.notes:
        console.print(f"  {line}")
    for found in of.outlooks:
        console.print()
        print_outlook(found, console)
