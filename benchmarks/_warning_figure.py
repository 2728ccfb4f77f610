"""The figure of docs/warning.md as SVG: how long the alarm takes, and how often it is false."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Protocol

from benchmarks._lab_figures import PANEL_HIGH, PANEL_WIDE, drawing, panel_frame
from equipoise.report.markup import Markup, element
from equipoise.simulator.warning_frame import FALSE_ALARM_DAYS

MOST_DAYS = 90
LEAST, MOST = -2, 2  # powers of ten of false alarms in ten years
STATED = 10 * 365.25 / FALSE_ALARM_DAYS


class Rate(Protocol):
    """False alarms of teams whose days are hungry about as often."""

    @property
    def name(self) -> str: ...
    def per_ten_years(self, number: int) -> tuple[float, float, float]: ...


class Delay(Protocol):
    """Days until the alarm, lab by lab, at one floor."""

    @property
    def floor(self) -> int: ...
    @property
    def who(self) -> str: ...
    @property
    def starvation(self) -> float: ...
    def quantile(self, of: float, number: int) -> float: ...


def picture(classes: Sequence[Rate], delays: Sequence[Delay]) -> str:
    """Return two panels: delay against the strength of the starvation, and false alarms against what is usual."""
    panels = (_delays(delays), _false_alarms(classes))
    shapes = [
        element("g", *panel, transform=f"translate({450 * number + 64} 62)") for number, panel in enumerate(panels)
    ]
    return drawing(*shapes, high=350, title="The early warning: how long the alarm takes, and how often it is false")


def _delays(delays: Sequence[Delay]) -> list[Markup]:
    cut = [one for one in delays if one.floor != max(other.floor for other in delays)]
    floors = list(dict.fromkeys(one.floor for one in cut))
    whose = list(dict.fromkeys(one.who for one in cut))
    xs = [((number + 0.5) / len(floors), f"{floor} %") for number, floor in enumerate(floors)]
    ys = [(days / MOST_DAYS, str(days)) for days in range(0, MOST_DAYS + 1, 30)]
    shapes = panel_frame(
        "Days until the alarm", "by the floor that safety is left with, of 20 %, and what that denies it", xs, ys
    )
    for one in cut:
        side = whose.index(one.who)
        x = round(PANEL_WIDE * (floors.index(one.floor) + 0.5) / len(floors) + (-9 if side == 0 else 9), 1)
        median, most = (_down(one.quantile(of, 1) / MOST_DAYS) for of in (0.5, 0.9))
        if not math.isinf(one.quantile(0.5, 1)):
            shapes += [element("path", d=f"M{x} {median}V{most}", class_=f"curve t{side}"),
                       element("circle", cx=x, cy=median, r=4.5, class_=f"band t{side}")]  # fmt: skip
        if not side:
            denied = f"{100 * one.starvation:.0f} % denied"
            shapes.append(element("text", denied, x=x + 9, y=PANEL_HIGH + 32, class_="soft mid"))
    return [
        *shapes,
        *_key(
            [(f"band t{side}", who) for side, who in enumerate(whose)],
            "dot: the median; line: up to 90 % of labs, to the top where a tenth had no alarm in 90 days",
        ),
    ]


def _false_alarms(classes: Sequence[Rate]) -> list[Markup]:
    xs = [((number + 0.5) / len(classes), one.name.replace(" %", "")) for number, one in enumerate(classes)]
    ys = [((power - LEAST) / (MOST - LEAST), f"{10.0**power:g}") for power in range(LEAST, MOST + 1)]
    about = "by how many days are hungry as a rule, %; bars: 95 % interval"
    shapes = panel_frame("False alarms of a team in ten years", about, xs, ys)
    stated = _down(_by_power(STATED))
    shapes.append(element("path", d=f"M0 {stated}H{PANEL_WIDE}", class_="dash"))
    shapes.append(element("text", "stated", x=4, y=stated - 5, class_="soft"))
    for place, one in enumerate(classes):
        for number in range(2):
            x = round(PANEL_WIDE * (place + 0.5) / len(classes) + (-8 if number == 0 else 8), 1)
            found, low, high = one.per_ten_years(number)
            kind = ("t3", "t1")[number]
            shapes.append(
                element("path", d=f"M{x} {_down(_by_power(low))}V{_down(_by_power(high))}", class_=f"curve {kind}")
            )
            if found:
                shapes.append(element("circle", cx=x, cy=_down(_by_power(found)), r=4.5, class_=f"band {kind}"))
    marks = [("band t3", "limit for independent days"), ("band t1", "limit as it is")]
    return [*shapes, *_key(marks, "")]


def _key(marks: Sequence[tuple[str, str]], about: str) -> list[Markup]:
    y, x = PANEL_HIGH + 56, -34
    shapes: list[Markup] = []
    for kind, text in marks:
        shapes += [
            element("circle", cx=x, cy=y - 4, r=4.5, class_=kind),
            element("text", text, x=x + 10, y=y, class_="soft"),
        ]
        x += 34 + 6 * len(text)
    return [*shapes, element("text", about, x=-40, y=y + 19, class_="soft")] if about else shapes


def _by_power(value: float) -> float:
    power = math.log10(value) if value > 0 else LEAST
    return (min(MOST, max(LEAST, power)) - LEAST) / (MOST - LEAST)


def _down(at: float) -> float:
    return round((1 - min(1.0, at)) * PANEL_HIGH, 1)
