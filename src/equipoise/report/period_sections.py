"""The sections that only a period has: windows of promises, shares against floors, who was stopped for whom, charters, corrections."""

from __future__ import annotations

from collections.abc import Sequence

from equipoise.audit.finding import FOUND
from equipoise.report import cards, promises, waiting
from equipoise.report.figures import NOTHING, count, counted, hours, part, span
from equipoise.report.markup import Markup, element, joined, unbroken
from equipoise.report.parts import STRIP_HIGH, Column, Entry, behind, figures, names, rows, section, strong, table
from equipoise.report.period import KEPT, LabPeriod, Row
from equipoise.report.plot import WIDE, box, scale

SHOWN_MAX = 40
CHARTS_MAX = 24
STRIPS_MAX = 48
PAIRS_MAX = 20
HOW = {
    "founded": "first charter",
    "amended": "amendment",
    "announced": "as announced",
    "emergency": "emergency",
    "restored": "return from an emergency",
    "re-founded": "re-founding: no board signed, and every promise that ran is broken",
    "withdrawal": "amendment withdrawn",
    "lapse": "amendment lapsed",
}
_HOURS = ("owed", "delivered", "unclaimed", "denied", "surplus", "grace")


def promises_section(of: LabPeriod) -> Markup:
    """Every window that ended in the period and those open at its end; the charts of the report of a log."""
    if not of.windows:
        return section("promises", "Promises", f"No promise of the charter had a window {of.during}.")
    ended, still = of.ended, of.open
    lead = (
        f"{counted(len(ended), 'window')} ended {of.during}, and {count(len(still))} were open at its end, as they stood then."
        " Hours are H100-equivalent."
    )
    unlucky = [row for row in ended if row["verdict"] not in KEPT]
    content: list[Markup] = [_by_promise(of)] if len(of.windows) > SHOWN_MAX else []
    if len(ended) <= SHOWN_MAX:
        content += _windows(of, ended, "Windows that ended", "windows ended") if ended else []
    else:
        content += _windows(of, unlucky, "Windows that ended and were not kept", "windows not kept") if unlucky else []
        every = _window_columns(of, ended)
        content.append(
            behind(every, label=f"All {count(len(ended))} windows that ended", sheet=of.view.sheet("windows ended"))
        )
    if len(still) <= SHOWN_MAX:
        content += _windows(of, still, "Open at the end", "windows open") if still else []
    else:
        calendar = [row for row in still if "rolling" not in row["window"]]
        content += _windows(of, calendar, "Open at the end", "windows open") if calendar else []
        every = _window_columns(of, still)
        content.append(
            behind(every, label=f"All {count(len(still))} open windows", sheet=of.view.sheet("all windows open"))
        )
    charts = promises.promise_charts(of.view)
    return section("promises", "Promises", lead, *content, *charts)


def _by_promise(of: LabPeriod) -> Markup:
    """How the windows of each promise ended, where there are many."""
    listed = list(dict.fromkeys(row["promise"] for row in of.windows))
    of_each = [[row for row in of.ended if row["promise"] == name] for name in listed]
    first = [next(row for row in of.windows if row["promise"] == name) for name in listed]
    kinds: tuple[tuple[str, tuple[str, ...]], ...] = (
        ("kept", KEPT),
        ("broken", ("broken",)),
        ("undecided", ("undecided",)),
    )
    columns = [
        Column("promise", listed),
        Column("for", [row["team"] for row in first], name="team"),
        Column("window", [row["window"] for row in first]),
        figures("ended", "ended", [len(ended) for ended in of_each], count),
        *(
            figures(word, word, [sum(row["verdict"] in verdicts for row in ended) for ended in of_each], count)
            for word, verdicts in kinds
        ),
        figures("open", "open", [sum(row["promise"] == name for row in of.open) for name in listed], count),
    ]
    return table(columns, sheet=of.view.sheet("promises"))


def _windows(of: LabPeriod, windows: Sequence[Row], title: str, sheet: str) -> list[Markup]:
    return [element("h3", title), table(_window_columns(of, windows), sheet=of.view.sheet(sheet))]


def _window_columns(of: LabPeriod, windows: Sequence[Row]) -> list[Column]:
    bad = ["bad" if row["verdict"] == "broken" else None for row in windows]
    signs = [f"{promises.LIGHTS[row['verdict']]} {row['verdict']}" for row in windows]
    columns = [
        Column("promise", [row["promise"] for row in windows]),
        Column("for", [row["team"] for row in windows], name="team"),
        *(
            Column(head, [of.moment(round(row[f"{head}_s"] * 1000)) for row in windows], name=head,
                   values=[row[head] or row[f"{head}_s"] for row in windows])
            for head in ("from", "to")
        ),
        Column("verdict", signs, bad, values=[row["verdict"] for row in windows]),
    ]  # fmt: skip
    columns += [
        figures(name, f"{name}_heh_h", [row[f"{name}_heh_h"] for row in windows], hours)
        for name in _HOURS
        if any(row[f"{name}_heh_h"] for row in windows) or name in ("owed", "delivered")
    ]
    columns.append(
        Column(
            "no return",
            [_no_return(of, row) for row in windows],
            name="no_return",
            values=[row["lost"] for row in windows],
        )
    )
    if any(row["jobs"] is not None for row in windows):
        columns.append(Column("starts in time", [_starts(row) for row in windows], name="starts_in_time"))
    if any(row["forecast_met"] is not None for row in windows):
        columns.append(figures("chance", "forecast_met", [row["forecast_met"] for row in windows], part))
    return columns


def _no_return(of: LabPeriod, row: Row) -> str:
    return NOTHING if row["lost_s"] is None else of.moment(round(row["lost_s"] * 1000))


def _starts(row: Row) -> str:
    return NOTHING if row["jobs"] is None else f"{count(row['jobs_in_time'])} of {count(row['jobs'])}"


def shares_section(of: LabPeriod) -> Markup:
    """What each team had of the machine against its floor, in the period only."""
    view, listed = of.view, of.shares
    by_path = {row["team"]: row for row in listed}
    chosen = view.chosen(STRIPS_MAX)
    lead = (
        f"What teams held of all capacity {_between(of)}, and their floors (the mark). A team that asks for less than its floor holds"
        f" less without being denied anything.{view.left_out(STRIPS_MAX)}"
    )
    shares = [each for path in chosen for each in (by_path[path]["held_share"], by_path[path]["floor_share"])]
    most, places = scale(max([0.01, *(share or 0.0 for share in shares)]))
    strips = [_strip(view.colour(path), by_path[path], most) for path in chosen]
    said = [
        strong(
            part(row["held_share"]),
            f" of {part(row['floor_share']) if row['floor_gpus'] else 'no floor'} · denied {part(row['starvation'])}",
        )
        for row in (by_path[path] for path in chosen)
    ]
    entries = [
        Entry(path, [strip], [figure], deep="." in path)
        for path, strip, figure in zip(chosen, strips, said, strict=True)
    ]
    marks = [(at / most, f"{100 * at:.3g} %") for at in places]
    columns = [
        names([row["team"] for row in listed]),
        figures("floor\nGPUs", "floor_gpus", [row["floor_gpus"] for row in listed], count),
        *(
            figures(head, name, [row[name] for row in listed], write)
            for head, name, write in (
                ("floor", "floor_share", part), ("held", "held_share", part), ("delivered\nGPU-h", "delivered_gpu_h", hours),
                ("floor\nGPU-h", "floor_gpu_h", hours), ("entitled\nGPU-h", "entitled_gpu_h", hours),
                ("denied\nGPU-h", "denied_gpu_h", hours), ("denied ÷\nentitled", "starvation", part),
            )
        ),
    ]  # fmt: skip
    shown = table(columns, top=["." not in row["team"] for row in listed], sheet=view.sheet("shares"))
    charts = cards.small_charts(view, CHARTS_MAX)
    words = (
        f"Over time, each on a scale of its own: held against floor, entitled and denied.{view.left_out(CHARTS_MAX)}"
    )
    return section(
        "shares",
        "Shares against floors",
        lead,
        rows(entries, marks, wide=True),
        shown,
        element("p", words, class_="lead apart"),
        *charts,
    )


def _strip(colour: str, row: Row, most: float) -> Markup:
    held = round(WIDE * (row["held_share"] or 0.0) / most, 1)
    shapes = [element("rect", x=0, y=0, width=held, height=STRIP_HIGH, class_="band")]
    if row["floor_gpus"]:
        at = round(WIDE * (row["floor_share"] or 0.0) / most)
        shapes.append(element("path", d=f"M{at} -1V{STRIP_HIGH + 1}", class_="tick"))
    return box(element("g", *shapes, class_=colour), high=STRIP_HIGH)


def _between(of: LabPeriod) -> str:
    """Say over what accounts are, and from which close to which where these do not fall on the borders."""
    begin, end = of.borders
    if begin and end:
        return f"over {of.name}"
    view = of.view
    return f"from the close of {of.moment(view.begin_ms)} to that of {of.moment(view.begin_ms + view.until_ms)}"


def reclaims_section(of: LabPeriod) -> Markup:
    """Work that was lost by stopping jobs, by team; who was stopped for whom."""
    section_of_stops = waiting.stops_section(of.view)
    if not of.reclaims:
        return section_of_stops
    shown = of.reclaims
    words = "Whose work was stopped for whom: jobs and replicas of services, and the GPUs that they held."
    most, every = _pairs(shown[:PAIRS_MAX]), _pairs(shown)
    sheet = of.view.sheet("reclaims")
    pairs = [table(every, sheet=sheet)]
    if len(shown) > PAIRS_MAX:
        words = f"{words} Shown are the {PAIRS_MAX} pairs with most stops."
        pairs = [table(most), behind(every, label=f"All {count(len(shown))} pairs", sheet=sheet)]
    end = section_of_stops.rindex("</section>")
    inner = joined(element("h3", "Who was stopped for whom"), element("p", words, class_="soft"), *pairs)
    return Markup(f"{section_of_stops[:end]}{inner}</section>")


def _pairs(shown: Sequence[Row]) -> list[Column]:
    return [
        Column("stopped", [row["team"] for row in shown], name="team"),
        Column("for", [row["stopped_for"] for row in shown], name="stopped_for"),
        Column("pool", [row["pool"] for row in shown]),
        figures("stops", "stops", [row["stops"] for row in shown], count),
        figures("GPUs", "gpus", [row["gpus"] for row in shown], count),
    ]


def charters_section(of: LabPeriod) -> Markup:
    """What became of charters in the period: who signed, what differs."""
    if not of.changes:
        lead = f"No charter came into force {of.during}, and none was withdrawn."
        return section("charters", "Charter changes and emergencies", lead, *_asked(of))
    emergencies = sum(one.how == "emergency" for one in of.changes)
    kinds = f"{count(emergencies)} of them {'an emergency' if emergencies == 1 else 'emergencies'}"
    lead = f"{counted(len(of.changes), 'event')} {of.during}, {kinds}."
    columns = [
        Column("when", [of.moment(one.at_ms) for one in of.changes]),
        Column("what", [HOW.get(one.how, one.how) for one in of.changes], ["text"] * len(of.changes)),
        Column("revision", [NOTHING if one.revision is None else count(one.revision) for one in of.changes]),
        Column("signed by", [", ".join(one.signed) or NOTHING for one in of.changes], ["text"] * len(of.changes)),
        Column("what differs", [" ".join(one.sentences) or NOTHING for one in of.changes], ["text"] * len(of.changes)),
        Column("digest", [f"{one.digest[:19]}…" for one in of.changes], values=[one.digest for one in of.changes]),
    ]
    return section(
        "charters",
        "Charter changes and emergencies",
        lead,
        table(columns, sheet=of.view.sheet("charters") if of.run else ""),
        *_asked(of),
    )


def _asked(of: LabPeriod) -> list[Markup]:
    if of.source != "simulated":
        return []
    return [element("p", "The ledger is of a simulation: nobody's signature was asked for.", class_="soft")]


def answers_section(of: LabPeriod) -> Markup:
    """The requests that were answered in the period, with the reasons."""
    if not of.answers:
        return Markup("")
    of_outcome = {word: sum(row["outcome"] == word for row in of.answers) for word in ("granted", "cut", "refused")}
    lead = f"Answered {of.during}: " + ", ".join(f"{count(number)} {word}" for word, number in of_outcome.items()) + "."
    sheet = of.view.sheet("answers")
    if len(of.answers) <= SHOWN_MAX:
        return section("answers", "Requests that were answered", lead, table(_answers(of, of.answers), sheet=sheet))
    lead = f"{lead} Shown are the {SHOWN_MAX} to which most was denied."
    worst = sorted(of.answers, key=lambda row: row["granted_gpu_h"] - row["asked_gpu_h"])[:SHOWN_MAX]
    every = behind(_answers(of, of.answers), label=f"All {count(len(of.answers))}, by time", sheet=sheet)
    return section("answers", "Requests that were answered", lead, table(_answers(of, worst)), every)


def _answers(of: LabPeriod, listed: Sequence[Row]) -> list[Column]:
    bad = ["bad" if row["outcome"] == "refused" else None for row in listed]
    return [
        Column(
            "when", [of.moment(row["at_ms"]) for row in listed], values=[row["at_ms"] for row in listed], name="at_ms"
        ),
        *(Column(name, [row[name] for row in listed]) for name in ("name", "team", "avenue")),
        Column("answer", [row["outcome"] for row in listed], bad),
        figures("asked\nGPU-h", "asked_gpu_h", [row["asked_gpu_h"] for row in listed], hours),
        figures("granted\nGPU-h", "granted_gpu_h", [row["granted_gpu_h"] for row in listed], hours),
        Column("reason", [row["reason"] for row in listed], ["text"] * len(listed)),
    ]


def corrections_section(of: LabPeriod) -> Markup:
    """Corrections that were entered in the period."""
    if not of.corrections:
        return section("corrections", "Corrections", f"No correction was entered {of.during}.")
    columns = [
        Column("when", [of.moment(one.at_ms) for one in of.corrections]),
        Column("entry", [count(one.entry) for one in of.corrections], values=[one.entry for one in of.corrections]),
        *(
            Column(name, [getattr(one, name) for one in of.corrections], ["text"] * len(of.corrections))
            for name in ("wrong", "right", "by", "reason")
        ),
    ]
    lead = (
        f"{counted(len(of.corrections), 'correction')} entered {of.during}, of entries of any time. A correction changes nothing that was"
        " decided or judged; it is read beside it."
    )
    return section(
        "corrections", "Corrections", lead, table(columns, sheet=of.view.sheet("corrections") if of.run else "")
    )


def tiles(of: LabPeriod) -> Markup:
    """The key figures of the period."""
    assert of.run is not None
    run, pools = of.run, of.view.pools[0]
    held, capacity = int(pools["held_gpu_ms"].sum()), int(pools["capacity_gpu_ms"].sum())
    kept = sum(row["verdict"] in KEPT for row in of.ended)
    stops = run.reclaims + run.preemptions + run.failures
    pairs = [
        ("Windows of promises kept", f"{count(kept)} of {count(len(of.ended))}" if of.ended else NOTHING),
        ("Denied, of what teams were due", part(of.denied)),
        ("Machine held", part(held / capacity if capacity else None)),
        ("One job in twenty waits longer than", span(run.wait_p95_s)),
        ("Jobs stopped", count(stops)),
        ("Work lost by stopping jobs", f"{hours(run.lost_gpu_h)} GPU-h"),
    ]
    shown = [
        element(
            "div", element("dt", label), element("dd", element("b", unbroken(value)), class_="alone"), class_="tile"
        )
        for label, value in pairs
    ]
    return element("dl", *shown, class_="tiles")


def alert(of: LabPeriod, shown: int = 10) -> Markup:
    """What an audit found, first of all and in red; nothing where everything follows."""
    if not of.findings and of.run is not None:
        return Markup("")
    lines = [
        element(
            "li",
            element("b", f"{one.code} {FOUND.get(one.code, '')}: "),
            f"{f'entry {one.entry:,}' if one.entry >= 0 else 'an entry that is missing'}, at {of.moment(one.at_ms)}. Recorded: "
            f"{one.recorded or 'nothing'}. Required: {one.required or 'nothing'}.",
        )
        for one in of.findings[:shown]
    ]
    if len(of.findings) > shown:
        lines.append(element("li", f"… and {count(len(of.findings) - shown)} more: `equipoise audit` lists them."))
    if of.run is None:
        head = f"There are no figures: {of.refused}."
    else:
        head = (
            f"An audit of the ledger has {counted(len(of.findings), 'finding')}: what does not follow from the charter and the events."
            " The figures below are those that follow from the recorded events."
        )
    return element(
        "div",
        element("p", element("b", head)),
        element("ul", *lines) if lines else "",
        class_="alert found",
        role="alert",
    )
