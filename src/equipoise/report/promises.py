"""Promises: for each a card with its verdict, what was delivered against what was owed, and the forecast; all windows."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.policy.promises import Promised
from equipoise.report.figures import NOTHING, count, hours, part
from equipoise.report.markup import Markup, element, joined, unbroken
from equipoise.report.parts import Column, behind, figures, keys, section
from equipoise.report.plot import WIDE, between, box, rule, slope
from equipoise.report.timeaxis import moment
from equipoise.report.view import View
from equipoise.simulator.promise_frame import DRAWS, HISTORY_DAYS, Forecast, days_of, forecast, windows_by
from equipoise.simulator.record import Record
from equipoise.simulator.results import Results

Row = dict[str, Any]
F64 = NDArray[np.float64]

HIGH = 120
AHEAD = 2 / 3
"""Of a window that is over, the forecast is shown as it was when so much of it had passed."""
LIGHTS = {"kept": "✓", "kept, unused": "✓", "kept within grace": "✓", "broken": "✕", "undecided": "…"}
"""A sign beside the word, so that no colour is needed to tell verdicts apart."""


def promises_section(view: View) -> Markup:
    """One card per promise, with a chart for each run; nothing where the charter promises nothing over time."""
    listed = [windows_in(run, view.begin_ms + view.until_ms) for run in view.runs]
    names = list(dict.fromkeys(row["promise"] for row in listed[0]))
    if not names:
        return Markup("")
    lead = (
        "What the charter owes over a time, judged by what was delivered. Hours are H100-equivalent. The band is a forecast"
        f" and no verdict: days drawn again from the {HISTORY_DAYS} before ({count(DRAWS)} draws, seeded), of which 80 of 100"
        " lie in the band; of a window that is over it is shown as it was after two thirds of it, so that it can be seen"
        " how it did. From the point of no return on, not even the most that pacing may ask for would keep the promise."
        " Of a rolling promise the line is delivered ÷ owed of every window, at its end."
    )
    return section(
        "promises", "Promises", lead, *promise_charts(view), _table(view, listed), _warned(view)
    )  # fmt: skip


def promise_charts(view: View) -> list[Markup]:
    """Return what the lines of the charts are, and a card for each promise, with a chart for each run."""
    listed = [windows_in(run, view.begin_ms + view.until_ms) for run in view.runs]
    names = list(dict.fromkeys(row["promise"] for row in listed[0]))
    legend = keys(("line", "delivered"), ("dash", "owed"), ("unusedkey", "forecast"), ("denied", "point of no return"))
    return [legend, element("div", *[_card(view, name, listed) for name in names], class_="cards")] if names else []


def windows_in(run: Results, until_ms: int) -> list[Row]:
    """Return the windows that count while work is asked for: rolling ones by their end, others by their beginning."""
    return windows_by(run.promises, until_ms)


def tally(rows: Sequence[Row]) -> str:
    """Say how many windows have which verdict: ``broken 15, kept 48``; the verdict itself where there is one window."""
    found = Counter(str(row["verdict"]) for row in rows)
    if len(rows) == 1:
        return next(iter(found))
    return ", ".join(f"{word} {count(number)}" for word, number in sorted(found.items(), key=lambda pair: -pair[1]))


def warning_sentences(run: Results) -> list[str]:
    """Say of every team whose alarm came how often it was starved, and when the alarm came."""
    said: list[str] = []
    for row in run.warnings.filter(run.warnings["alarms"] > 0).to_dicts():
        when = row["first_alarm"][:10] if row["first_alarm"] else f"day {row['first_alarm_s'] / 86_400:.0f}"
        years = row["days_to_false_alarm"] / 365.25
        said.append(
            f"{row['team']}: starved {row['latest_starved']} of the last {row['latest_days']} days; alarm on {when},"
            f" false-alarm rate one in {years:.0f} years of days by design"
        )
    return said


def _card(view: View, name: str, listed: Sequence[Sequence[Row]]) -> Markup:
    first = next(row for row in listed[0] if row["promise"] == name)
    kind = "at most" if first["kind"] == "at_most" else "at least"
    what = f"{part(first['share'])} of {'starts in time' if first['kind'] == 'starts' else first['of']}"
    minis = [_mini(view, number, [row for row in rows if row["promise"] == name]) for number, rows in enumerate(listed)]
    sub = unbroken(f"{first['team']} · {kind} {what} · {first['window']}")
    return element(
        "div", element("h3", name, title=name), element("p", sub, class_="sub"), *minis,
        class_=f"card top {view.colour(first['team'])}",
    )  # fmt: skip


def _mini(view: View, number: int, rows: Sequence[Row]) -> Markup:
    label = view.labels[number] if len(view.runs) > 1 else ""
    if not rows:
        return element("p", f"{label}: no window", class_="sub")
    broken = any(row["verdict"] == "broken" for row in rows)
    worst = "broken" if broken else str(rows[0]["verdict"])
    word = element("span", f"{LIGHTS[worst]} {tally(rows)}", class_=f"light {'bad' if broken else 'good'}")
    several = bool(view.period) and len(rows) > 1
    rolling = several or "rolling" in rows[0]["window"] or rows[0]["kind"] == "starts"
    shapes = _ratios(rows) if rolling else _cumulative(view, number, rows[0])
    times = [row["to_s"] for row in rows] if rolling else [rows[0]["from_s"], rows[0]["to_s"]]
    zone, origin_ms = view.record.charter.timezone, view.record.workload.origin_ms
    ends = [moment(round(at * 1000), origin_ms=origin_ms, zone=zone) for at in (times[0], times[-1])]
    return joined(
        element("div", element("span", label, class_="name"), element("span", word, class_="value"),
                box(*shapes, high=HIGH, name=f"{rows[0]['promise']}, {label}: {tally(rows)}"), class_="mini pace"),
        element("div", *(element("span", text) for text in ends), class_="minix"),
        element("p", unbroken(_numbers(rows)), class_="sub"),
    )  # fmt: skip


def _numbers(rows: Sequence[Row]) -> str:
    row = rows[0]
    if row["kind"] == "starts":
        return f"{count(sum(each['jobs_in_time'] for each in rows[-1:]))} of {count(rows[-1]['jobs'])} in time, last window"
    if len(rows) > 1:
        worst = max(rows, key=lambda each: each["broken_by_heh_h"])
        return (
            f"worst window: {hours(worst['broken_by_heh_h'])} hours denied"
            if worst["broken_by_heh_h"]
            else "none broken"
        )
    lost = f" · lost {row['lost'][5:10]}" if row["lost"] else ""
    return f"{hours(row['delivered_heh_h'])} of {hours(row['owed_heh_h'])}, {hours(row['denied_heh_h'])} denied{lost}"


def _ratios(rows: Sequence[Row]) -> list[Markup]:
    starts = rows[0]["kind"] == "starts"
    pairs = [
        (row["jobs_in_time"], row["share"] * row["jobs"]) if starts else (row["delivered_heh_h"], row["owed_heh_h"])
        for row in rows
    ]
    values = np.array([got / due if due else 1.0 for got, due in pairs])
    most = max(1.25, float(values.max()))
    xs = np.linspace(0, WIDE, len(values)) if len(values) > 1 else np.array([0.0])
    wide = WIDE / max(1, len(rows))
    bad = [
        element("rect", x=round(n * wide, 1), y=HIGH - 5, width=round(wide, 1), height=5, class_="denied")
        for n, row in enumerate(rows)
        if row["verdict"] == "broken"
    ]
    return [*bad, rule(1 / most, HIGH, "floor"), element("path", d=_path(xs, values, most), class_="pacing")]


def _cumulative(view: View, number: int, row: Row) -> list[Markup]:
    record = view.runs[number].record
    from_ms, to_ms = round(row["from_s"] * 1000), round(row["to_s"] * 1000)
    told = days_of(record, _text_of(record, row["promise"], from_ms))
    seen_ms = min(to_ms, view.begin_ms + view.until_ms) if view.period else to_ms
    inside = (told.at_ms >= from_ms) & (told.at_ms <= seen_ms)
    times = told.at_ms[inside]
    owed, delivered = (values - values[0] for values in (told.owed[inside], told.delivered[inside]))
    open_ms = int(times[-1]) if row["verdict"] == "undecided" else int(from_ms + AHEAD * (to_ms - from_ms))
    found = forecast(told, from_ms, to_ms, now_ms=open_ms)
    most = max(1e-9, float(owed.max()), float(delivered.max()), float(found.high[-1]) if found else 0.0)

    def across(at_ms: NDArray[np.int64]) -> F64:
        return (at_ms - from_ms) * (WIDE / (to_ms - from_ms))

    shapes = _band(found, across(found.at_ms), most) if found else []
    shapes += [
        element("path", d=_path(across(times), owed, most), class_="floor"),
        element("path", d=_path(across(times), delivered, most), class_="pacing"),
    ]
    if row["lost_s"] is not None:
        x = round((row["lost_s"] * 1000 - from_ms) * WIDE / (to_ms - from_ms))
        shapes.append(element("path", d=f"M{x} 0V{HIGH}", class_="noreturn"))
    return shapes


def _text_of(record: Record, name: str, at_ms: int) -> Promised:
    """Return a promise as the charter had it that was in force at a time; as the first did that had it, if that one has it not."""
    versions = [one for one in record.run.promised if one.promise.name == name and not one.foreign]
    charter = sum(enact_ms <= at_ms for enact_ms in record.enact_ms)
    return next((one for one in versions if charter in one.charters), versions[0])


def _band(found: Forecast, xs: F64, most: float) -> list[Markup]:
    low, middle, high = (_high(values, most) for values in (found.low, found.middle, found.high))
    return [
        element("path", d=between(xs, low, high), class_="unused"),
        element("path", d=slope(xs, middle), class_="hair"),
    ]


def _path(xs: F64, values: F64, most: float) -> str:
    return slope(xs, _high(values, most))


def _high(values: F64, most: float) -> F64:
    return HIGH * (1 - np.clip(values / most, 0.0, 1.0))


def _table(view: View, listed: Sequence[Sequence[Row]]) -> Markup:
    flat = [(label, row) for label, rows in zip(view.labels, listed, strict=True) for row in rows]
    columns = [Column("promise", [row["promise"] for _, row in flat])]
    if len(view.runs) > 1:
        columns.append(Column("run", [label for label, _ in flat]))
    zone, origin_ms = view.record.charter.timezone, view.record.workload.origin_ms
    for head in ("from_s", "to_s"):
        cells = [moment(round(row[head] * 1000), origin_ms=origin_ms, zone=zone) for _, row in flat]
        columns.append(Column(head[:-2], cells))
    bad = ["bad" if row["verdict"] == "broken" else None for _, row in flat]
    columns.append(Column("verdict", [row["verdict"] for _, row in flat], bad))
    columns += [
        figures(name, f"{name}_heh_h", [row[f"{name}_heh_h"] for _, row in flat], hours)
        for name in ("owed", "delivered", "unclaimed", "denied", "surplus", "grace")
    ]
    columns.append(
        Column("no return", [row["lost"][:16].replace("T", " ") if row["lost"] else NOTHING for _, row in flat])
    )
    return behind(columns, label="All windows, as a table", sheet=view.sheet("promises"))


def _warned(view: View) -> Markup:
    shown: list[Markup] = []
    for run, label in zip(view.runs, view.labels, strict=True):
        said = [text for text in warning_sentences(run) if "." not in text.split(":", 1)[0]]
        shown += [element("p", element("b", f"Early warning, {label}. "), f"{text}.") for text in said]
    return joined(*shown)
