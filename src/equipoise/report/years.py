"""The years that follow a replay, in the report: people, then the lab, as fans; what that rests on; what the model fails."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from equipoise.outlook.differences import OUTCOME, PARTS, RISK, Band, Difference, Measure
from equipoise.outlook.drivers import Driver
from equipoise.outlook.fans import LEVELS, Fan
from equipoise.report.figures import count, hours, part
from equipoise.report.markup import Markup, element, joined, unbroken
from equipoise.report.outlook import number, reach, signed, three
from equipoise.report.parts import Column, Entry, bar, behind, keys, run_class, section, strong, table
from equipoise.report.parts import rows as strips
from equipoise.report.plot import WIDE, between, box, scale, slope
from equipoise.report.prospects import clauses, failed
from equipoise.report.view import View

if TYPE_CHECKING:
    from equipoise.tasks.outlook import Outlook
    from equipoise.tasks.prospect import Prospect

HIGH = 100
ALL = 1.08  # of a team, and room for the words above
NAMES = {"kept": "first people still there", "lead": "lead in capability over the best rival", "revenue": "revenue"}


def people_section(view: View, of: Prospect) -> Markup:
    """What each course does to the people: the sentence, where it starts, a fan for each team of eight or more."""
    lead = (
        f"The lab goes on for {count(of.main.months)} months as each replay ended, {count(of.main.runs)} times, under the same"
        " luck on each course. Fans show what part of the people who are in a team now is still there; numbers of people count"
        " those hired, too. Nothing is told of fewer than eight people. This is a model of few facts and many assumptions; they"
        " are listed below, and so is what it fails."
    )
    cards = [_card(view, of, team, "kept", team) for team in of.courses[0].world.groups]
    return section(
        "people", "People, on each course", lead, *(element("p", unbroken(said), class_="told") for said in clauses(of)), _keys(of),
        element("div", *cards, class_="cards"), _starts(of), _learned(of.main),
    )  # fmt: skip


def outlook_section(view: View, of: Prospect) -> Markup:
    """What each course does to the lab: lead and revenue, differences, what they hang on, checks, and every parameter."""
    assumed = sum(each.solidity == "A" for each in of.main.parameters)
    lead = f"Among its rivals. {count(assumed)} of {count(len(of.main.parameters))} parameters are assumptions. {failed(of)}"
    names = [name for name in ("lead", "revenue") if any(fan.name == name for fan in of.courses[0].fans)]
    cards = [_card(view, of, NAMES[name], name, "") for name in names]
    told = [_differences(found) for found in of.outlooks] if len(of.courses) > 1 else [_results(of.main)]
    return section(
        "outlook", "Outlook of the lab", lead, element("div", *cards, class_="cards"), *told, _drivers(of), _checks(of.main),
        _assumptions(of.main), _parameters(of.main),
    )  # fmt: skip


def _keys(of: Prospect) -> Markup:
    runs = [(run_class(n), course.label) for n, course in enumerate(of.courses)] if len(of.courses) > 1 else []
    return keys(*runs, ("farkey", "5 to 95 % of the runs"), ("nearkey", "25 to 75 %"), ("line", "median"))


def _card(view: View, of: Prospect, title: str, name: str, team: str) -> Markup:
    drawn = [course.fan(name, team) for course in of.courses]
    low, high = _scale(drawn)
    minis = [_mini(fan, low, high, run=n, label=of.courses[n].label) for n, fan in enumerate(drawn)]
    ends = element("div", element("span", "now"), element("span", f"{drawn[0].months[-1]} months"), class_="minix")
    colour = view.colour(team) if team else "run0"
    return element(
        "div", element("h3", title, title=title), element("p", unbroken(_sub(of, drawn[0], low, high)), class_="sub"), *minis, ends,
        class_=f"card top {colour}",
    )  # fmt: skip


def _sub(of: Prospect, fan: Fan, low: float, high: float) -> str:
    if fan.name == "kept":
        heads = [course.fan("people", fan.team) for course in of.courses]
        now = f"{count(round(heads[0].bands[0, 0]))} people now"
        ends = " and ".join(count(round(each.at_end()[1])) for each in heads)
        return f"{now}, {ends} at the end"
    cut = ", cut off there" if float(fan.bands.max()) > high else ""
    return f"{fan.unit} · scale from {low:g} to {high:g}{cut}".replace("-", "−")


def _scale(drawn: Sequence[Fan]) -> tuple[float, float]:
    """Return what all courses of a card are drawn on; revenue has long tails, and its scale ends at the upper quartiles' double."""
    if drawn[0].name == "kept":
        return 0.0, ALL
    inner = [fan.bands[LEVELS.index(0.75)] for fan in drawn]
    top = 2.0 * max(float(values.max()) for values in inner) if drawn[0].name == "revenue" else 0.0
    most = top or max(float(fan.bands.max()) for fan in drawn)
    least = min(float(fan.bands.min()) for fan in drawn)
    return (-scale(-least)[0] if least < 0 else 0.0), scale(max(most, 1e-9))[0]


def _mini(fan: Fan, low: float, high: float, *, run: int, label: str) -> Markup:
    xs = np.array(fan.months) * (WIDE / fan.months[-1])
    ys = HIGH * (1 - np.clip((fan.bands - low) / (high - low), 0.0, 1.0))
    shapes = [
        element("path", d=between(xs, ys[0], ys[4]), class_="fan far"),
        element("path", d=between(xs, ys[1], ys[3]), class_="fan"),
        element("path", d=slope(xs, ys[2]), class_="middle"),
    ]
    if low < 0:
        zero = round(HIGH * high / (high - low))
        shapes.insert(0, element("path", d=f"M0 {zero}h{WIDE}", class_="hair"))
    least, median, most = fan.at_end()
    words = [f"{100 * value:.0f}" if fan.name == "kept" else number(value) for value in (median, least, most)]
    unit = " %" if fan.name == "kept" else ""
    value = unbroken(f"{words[0]}{unit} ({words[1]} to {words[2]})")
    return element(
        "div", element("span", label, class_="name"), element("span", value, class_="value"),
        box(*shapes, high=HIGH, name=f"{fan.team} {NAMES[fan.name]}, {label}: {value}"), class_=f"mini {run_class(run)}",
    )  # fmt: skip


def _starts(of: Prospect) -> Markup:
    """What the replays measured, from which the years begin."""
    teams = [one.team for one in of.courses[0].measured]
    columns = [
        Column("what the replay measured", teams),
        Column("asks for", [part(one.asks) for one in of.courses[0].measured]),
    ]
    for course in of.courses:
        rows = course.measured
        columns += [
            Column(f"denied\n{course.label}", [hours(one.denied_gpu_h) for one in rows]),
            Column(f"refused\n{course.label}", [hours(one.refused_gpu_h) for one in rows]),
            Column(f"starved\n{course.label}", [part(one.starved) for one in rows]),
            Column(f"broken\n{course.label}", [f"{one.broken} of {one.judged}" if one.judged else "" for one in rows],
                   ["bad" if one.broken else None for one in rows]),
        ]  # fmt: skip
    said = (
        "Denied and refused are GPU-hours; requests for credits that were refused count as denied as far as the floor was not asked for by"
        " other work. Starved is denied ÷ entitled with those. Broken: of the team's promises, by their latest verdict."
    )
    notes = " ".join(f"{note[:1].upper()}{note[1:]}." for note in of.notes)
    return joined(table(columns), element("p", f"{said} {notes}", class_="soft"))


def _learned(found: Outlook) -> Markup:
    if not found.learned:
        return Markup("")
    rows = found.learned
    columns = [Column("learned from the lab's own months", [row.name for row in rows])]
    columns += [
        Column(head, [three(getattr(row, field)) for row in rows])
        for head, field in (
            ("before", "before"),
            ("±", "before_deviation"),
            ("after", "after"),
            ("±", "after_deviation"),
        )
    ]
    columns.append(Column("± left", [f"{100 * row.left:.0f} %" for row in rows]))
    said = (
        f"{found.learned_from}. ±: standard deviation; where nearly all of it is left the months say next to nothing."
    )
    return joined(table(columns), element("p", said, class_="soft"))


def _differences(found: Outlook) -> Markup:
    assert found.against is not None
    rows = found.differences
    columns = [
        Column(f"{found.world.name} less {found.against.name}", [_named(row.measure) for row in rows]),
        Column(f"mean\n{found.world.name}", [number(row.first.mean) for row in rows]),
        Column(f"mean\n{found.against.name}", [number(row.second.mean) for row in rows]),
        Column("difference\nmean", [signed(row.paired.mean) for row in rows]),
        Column("run by run\n5 to 95 %", [f"{signed(row.paired.low)} … {signed(row.paired.high)}" for row in rows]),
        Column("other\nsign", [f"{100 * row.flips:.0f} %" for row in rows]),
        *(Column(f"by way:\n{name}", [signed(row.parts[name]) for row in rows]) for name in PARTS),
    ]
    said = (
        "Other sign: runs in which the difference is not that of the mean. By way: direct is what compute does without anybody leaving for"
        " it; then compute, broken promises, mission and contagion are let reach people one after the other, and add up."
    )
    courses = columns[: -len(PARTS)]
    return joined(
        table(_chosen(courses, rows, OUTCOME)), element("h3", "Strategic risk"),
        element("p", RISK_LEAD, class_="soft"),
        table(_chosen(courses, rows, RISK)), behind(columns, label="All differences, and by which way they come about"),
        element("p", said, class_="soft"),
    )  # fmt: skip


def _named(measure: Measure) -> str:
    return f"{measure.name}, HHI" if measure.unit == "HHI" else measure.name


RISK_LEAD = (
    "What the lab has put on few cards, and what it would lack if a new paradigm came. HHI: the sum of squared parts, from near 0 where"
    " it is spread among many to 1 where one has it all."
)
_BEHIND = ("for each of its people", "of the start's")


def _chosen(columns: Sequence[Column], rows: Sequence[Difference], kind: str) -> list[Column]:
    """Return the rows of a kind that are shown at once."""
    shown = [
        n
        for n, row in enumerate(rows)
        if row.measure.kind == kind
        and (kind == RISK or row.measure.name != "compute")
        and not row.measure.name.endswith(_BEHIND)
    ]
    return [Column(column.head, [column.cells[n] for n in shown]) for column in columns]


def _results(found: Outlook) -> Markup:
    return joined(
        _bands(f"after {count(found.months)} months", [row for row in found.results if row[0].kind == OUTCOME]),
        element("h3", "Strategic risk"), element("p", RISK_LEAD, class_="soft"),
        _bands("strategic risk", [row for row in found.results if row[0].kind == RISK]),
    )  # fmt: skip


def _bands(head: str, rows: Sequence[tuple[Measure, Band]]) -> Markup:
    columns = [Column(head, [measure.name for measure, _ in rows])]
    columns += [
        Column(title, [number(getattr(band, field)) for _, band in rows])
        for title, field in (("mean", "mean"), ("5 %", "low"), ("median", "median"), ("95 %", "high"))
    ]
    return behind([*columns, Column("unit", [measure.unit for measure, _ in rows])])


def _drivers(of: Prospect) -> Markup:
    """What results hang on, as bars of rank correlations."""
    if not of.drivers:
        return Markup("")
    what = "the difference hangs" if len(of.courses) > 1 else "it hangs"
    shown: list[Markup] = []
    for measure, drivers in of.drivers:
        entries = [
            Entry(each.name, [bar([_span(each)], begin=_begin(each))], [strong(signed(each.rank or 0.0))])
            for each in drivers
        ]
        shown.append(
            element("div", element("h3", measure.name), strips(entries, ((0.0, "−1"), (0.5, "0"), (1.0, "+1"))))
        )
    said = (
        f"On which beliefs {what}: rank correlation with each parameter over the runs. What luck does is not in it; the table at"
        " the end says what each is."
    )
    return joined(
        element("h3", "Drivers"), element("p", said, class_="soft"), element("div", *shown, class_="pools drivers")
    )


def _span(driver: Driver) -> tuple[float, str]:
    rank = driver.rank or 0.0
    return abs(rank) / 2, "plus" if rank > 0 else "minus"


def _begin(driver: Driver) -> float:
    return 0.5 + min(driver.rank or 0.0, 0.0) / 2


def _checks(found: Outlook) -> Markup:
    rows = sorted(found.checks, key=lambda check: check.held_out)
    columns = [
        Column("check against public facts", [row.name for row in rows]),
        Column("kind", ["held out" if row.held_out else "calibration" for row in rows]),
        Column("fact", [row.fact for row in rows]),
        Column(
            "model: median (5 to 95 %)",
            [f"{reach(row.band.median)} ({reach(row.band.low)} to {reach(row.band.high)})" for row in rows],
        ),
        Column("passes if", [row.rule for row in rows]),
        Column("", [row.verdict for row in rows], ["good" if row.passed else "bad" for row in rows]),
    ]
    return joined(element("h3", "What the model gets right and wrong"), table(columns)) if rows else Markup("")


def _assumptions(found: Outlook) -> Markup:
    said = [*found.world.assumptions, *(found.against.assumptions if found.against else ())]
    items = [
        element("p", element("span", "assumption", class_="badge assumed"), f" {line}") for line in dict.fromkeys(said)
    ]
    return joined(element("h3", "Decided by hand"), *items)


def _parameters(found: Outlook) -> Markup:
    rows = found.parameters
    badges = [element("span", row.badge, class_="badge assumed" if row.solidity == "A" else "badge") for row in rows]
    text = ["text" for _ in rows]
    columns = [
        Column("parameter", [row.name for row in rows]),
        Column("what it is, and from where", [f"{row.meaning}: {row.source}" for row in rows], text),
        Column("", badges),
        Column("prior", [str(row.prior) for row in rows]),
        Column("unit", [row.unit for row in rows]),
    ]
    return behind(columns, label=f"All {count(len(rows))} parameters, each with its source or the word assumption")
