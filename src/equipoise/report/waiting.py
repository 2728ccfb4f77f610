"""Who waited, who starved, whose jobs were stopped, and whether services were served."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import polars as pl

from equipoise.report.figures import count, hours, part, span
from equipoise.report.markup import Markup, element, unbroken
from equipoise.report.parts import (
    Column,
    Entry,
    bar,
    behind,
    figures,
    keys,
    names,
    rows,
    run_class,
    run_keys,
    section,
    strong,
    whisker,
)
from equipoise.report.plot import scale
from equipoise.report.view import View

ROWS_MAX = 64
WAITS = ("wait_p50_s", "wait_p95_s", "wait_p99_s")
_MARKS_S = ((1, "1 s"), (60, "1 min"), (3600, "1 h"), (86_400, "1 d"), (2_592_000, "30 d"))


def waits_section(view: View) -> Markup:
    """Waits of teams and of gang sizes: half waited no longer than the large dot, 95 and 99 of 100 than the others."""
    during = "of the jobs that started in the period" if view.period else "over the whole run"
    lead = (
        f"From the moment a job could run to its first start, {during}. The largest dot is the median; 95 of"
        " 100 jobs waited no longer than the second, 99 of 100 no longer than the third. The scale is logarithmic."
    ) + view.left_out(ROWS_MAX)
    listed = [path for path in view.chosen(ROWS_MAX) if any(teams[path]["started"] for teams in view.teams)]
    gangs = [_by_gang(run.waits_by_gang) for run in view.runs]
    sizes = sorted({size for rows_of in gangs for size in rows_of})
    longest_s = max(
        [60.0]
        + [teams[path]["wait_p99_s"] or 0.0 for teams in view.teams for path in listed]
        + [row["wait_p99_s"] or 0.0 for rows_of in gangs for row in rows_of.values()]
    )
    log = _Log(longest_s)
    by_team = [_waits(path, [teams[path] for teams in view.teams], log, deep="." in path) for path in listed]
    by_gang = [_waits(_gang(size), [rows_of.get(size, {}) for rows_of in gangs], log) for size in sizes]
    content: list[str] = [run_keys(view.labels)]
    content += [element("figure", element("figcaption", element("b", "By team")), rows(by_team, log.marks))]
    content.append(_waits_table(view))
    content += [element("figure", element("figcaption", element("b", "By gang size")), rows(by_gang, log.marks),
                        style="margin-top:34px")]  # fmt: skip
    content.append(_gangs_table(view, gangs, sizes))
    if not by_gang or not listed:
        return section("waits", "Waits", "No job started.")
    return section("waits", "Waits", lead, *content)


class _Log:
    """Seconds on a logarithmic scale that begins with one second."""

    def __init__(self, longest_s: float) -> None:
        self._most = math.log(max(longest_s, 60.0) * 1.25)
        self.marks = [(self.place(at), text) for at, text in _MARKS_S if at <= longest_s * 1.25]

    def place(self, seconds: float) -> float:
        return max(0.0, min(1.0, math.log(max(seconds, 1.0)) / self._most))


def _waits(who: str, found: Sequence[Mapping[str, Any]], log: _Log, *, deep: bool = False) -> Entry:
    strips: list[Markup] = []
    figures: list[Markup] = []
    for number, row in enumerate(found):
        values = [row.get(name) for name in WAITS]
        if any(value is None for value in values):
            strips.append(bar([]))
            figures.append(element("span", "no job started"))
            continue
        strips.append(whisker([log.place(value or 0.0) for value in values], kind=run_class(number)))
        p50, p95, p99 = (span(value) for value in values)
        figures.append(strong(p50, f" · {p95} · {p99}"))
    return Entry(who, strips, figures, deep=deep)


def _by_gang(frame: pl.DataFrame) -> dict[tuple[int, int], dict[str, Any]]:
    return {(row["gang_from"], row["gang_to"]): row for row in frame.filter(pl.col("team") == "").to_dicts()}


def _gang(size: tuple[int, int]) -> str:
    low, high = size
    return "1 GPU" if high == 1 else f"{count(low)} GPUs" if low == high else f"{count(low)}–{count(high)} GPUs"


def _waits_table(view: View) -> Markup:
    of = "started" if view.period else "jobs"  # of a period the jobs that started in it
    columns = [names(view.order), figures("jobs", of, [view.teams[0][path][of] for path in view.order], count)]
    for head, field in (("mean", "wait_mean_s"), ("p50", WAITS[0]), ("p95", WAITS[1]), ("p99", WAITS[2])):
        for teams, label in zip(view.teams, view.labels, strict=True):
            values = [teams[path][field] for path in view.order]
            columns.append(figures(f"{head}\n{label}" if len(view.runs) > 1 else head, field, values, span))
    return behind(columns, sheet=view.sheet("waits"), top=["." not in path for path in view.order])


def _gangs_table(
    view: View, gangs: Sequence[Mapping[tuple[int, int], Mapping[str, Any]]], sizes: Sequence[tuple[int, int]]
) -> Markup:
    columns = [Column("gang", [_gang(size) for size in sizes])]
    columns.append(figures("jobs", "jobs", [gangs[0].get(size, {}).get("jobs", 0) for size in sizes], count))
    for head, field in (("mean", "wait_mean_s"), ("p50", WAITS[0]), ("p95", WAITS[1]), ("p99", WAITS[2])):
        for found, label in zip(gangs, view.labels, strict=True):
            values = [found.get(size, {}).get(field) for size in sizes]
            columns.append(figures(f"{head}\n{label}" if len(view.runs) > 1 else head, field, values, span))
    return behind(columns, sheet=view.sheet("waits by gang"))


def starvation_section(view: View) -> Markup:
    """Denied ÷ entitled of each team, as a bar for each run."""
    lead = (
        f"Of what the charter entitled a team to while it asked, the part that it did not get, {view.over}. An inner team"
        " is denied at most what the teams below it are denied together."
    ) + view.left_out(ROWS_MAX)
    listed = [
        path for path in view.chosen(ROWS_MAX) if any(rows_of[path]["entitled_gpu_h"] > 0 for rows_of in view.accounts)
    ]
    if not listed:
        return section("starvation", "Starvation", "Nobody asked for anything that the charter entitles them to.")
    worst = max(rows_of[path]["starvation"] or 0.0 for rows_of in view.accounts for path in listed)
    most, places = scale(worst)
    marks = [(at / most, f"{100 * at:.3g} %") for at in places]
    entries = [
        Entry(
            path,
            [
                bar([((rows_of[path]["starvation"] or 0.0) / most, f"bar {run_class(n)}")])
                for n, rows_of in enumerate(view.accounts)
            ],
            [
                strong(part(rows_of[path]["starvation"]), f" · {hours(rows_of[path]['denied_gpu_h'])} GPU-h")
                for rows_of in view.accounts
            ],
            deep="." in path,
        )
        for path in listed
    ]
    columns = [names(view.order)]
    kinds: tuple[tuple[str, Callable[[str, int], str]], ...] = (
        ("entitled", lambda path, n: hours(view.accounts[n][path]["entitled_gpu_h"])),
        ("denied", lambda path, n: hours(view.accounts[n][path]["denied_gpu_h"])),
        ("starved", lambda path, n: part(view.accounts[n][path]["starvation"])),
        ("starved,\nwhole run", lambda path, n: part(view.teams[n][path]["starvation"])),
    )
    for head, cell in kinds:
        for number, label in enumerate(view.labels):
            cells = [cell(path, number) for path in view.order]
            columns.append(Column(f"{head}\n{label}" if len(view.runs) > 1 else head, cells))
    table = behind(columns, top=["." not in path for path in view.order])
    return section("starvation", "Starvation", lead, run_keys(view.labels), rows(entries, marks), table)


def stops_section(view: View) -> Markup:
    """How often jobs were stopped, why, and what work was lost by it."""
    totals = [(run.reclaims, run.preemptions, run.failures) for run in view.runs]
    if not any(map(any, totals)):
        return section("stops", "Jobs that were stopped", "No job was stopped before its end, and no work was lost.")
    lead = (
        "Restoring a floor stops jobs that had borrowed it (reclaims); inside a team, priority does (preemptions); nodes"
        " that go away do (failures). Bars: GPU-hours of work that was lost by it and had to be done again,"
        f" {view.over if view.period else 'whole run'}."
    ) + view.left_out(ROWS_MAX)
    listed = [
        path
        for path in view.chosen(ROWS_MAX)
        if any(teams[path]["lost_gpu_h"] > 0 or _stopped(teams[path]) for teams in view.teams)
    ]
    most, places = scale(max(teams[path]["lost_gpu_h"] for teams in view.teams for path in listed))
    marks = [(at / most, hours(at)) for at in places]
    entries = [
        Entry(
            path,
            [bar([(teams[path]["lost_gpu_h"] / most, f"bar {run_class(n)}")]) for n, teams in enumerate(view.teams)],
            [
                strong(f"{hours(teams[path]['lost_gpu_h'])} GPU-h", f" · {count(_stopped(teams[path]))} stops")
                for teams in view.teams
            ],
            deep="." in path,
        )
        for path in listed
    ]
    columns = [names(view.order)]
    for head, field in (("reclaims", "reclaims"), ("preemptions", "preemptions"), ("failures", "failures")):
        if any(teams[path][field] for teams in view.teams for path in view.order):
            for teams, label in zip(view.teams, view.labels, strict=True):
                values = [teams[path][field] for path in view.order]
                columns.append(figures(f"{head}\n{label}" if len(view.runs) > 1 else head, field, values, count))
    for teams, label in zip(view.teams, view.labels, strict=True):
        values = [teams[path]["lost_gpu_h"] for path in view.order]
        columns.append(
            figures(f"lost GPU-h\n{label}" if len(view.runs) > 1 else "lost GPU-h", "lost_gpu_h", values, hours)
        )
    table = behind(columns, sheet=view.sheet("stops"), top=["." not in path for path in view.order])
    return section("stops", "Jobs that were stopped", lead, run_keys(view.labels), rows(entries, marks), table)


def _stopped(row: Mapping[str, Any]) -> int:
    return int(row["reclaims"] + row["preemptions"] + row["failures"])


def services_section(view: View) -> Markup:
    """How much of what services wanted they had; nothing where there are none."""
    if view.runs[0].services.is_empty():
        return Markup("")
    lead = (
        "Of the GPU-hours that a service’s demand asked for, what it had at once, what it made up within the hour where it"
        " may, and what was shed."
    )
    frames = [run.services.to_dicts() for run in view.runs]
    legend = keys(("heldkey", "served"), ("blockedkey", "made up within the hour"), ("denied", "shed"))
    entries = [
        Entry(
            f"{frames[0][n]['service']} · {frames[0][n]['team']}",
            [_served(rows_of[n]) for rows_of in frames],
            [
                strong(part(rows_of[n]["served_fraction"]), f" {label}" if len(view.runs) > 1 else " served")
                for rows_of, label in zip(frames, view.labels, strict=True)
            ],
        )
        for n in range(len(frames[0]))
    ]
    columns = [Column("service", [row["service"] for row in frames[0]]),
               Column("asked for", [hours(row["demanded_gpu_h"]) for row in frames[0]])]  # fmt: skip
    for head, field in (("served", "served_gpu_h"), ("made up", "carried_gpu_h"), ("shed", "shed_gpu_h")):
        for rows_of, label in zip(frames, view.labels, strict=True):
            columns.append(
                Column(f"{head}\n{label}" if len(view.runs) > 1 else head, [hours(r[field]) for r in rows_of])
            )
    return section(
        "services", "Services", lead, legend, rows(entries, wide=True), behind(columns, label="GPU-hours, as a table")
    )


def _served(row: Mapping[str, Any]) -> Markup:
    whole = row["demanded_gpu_h"] or 1.0
    return bar([(row["served_gpu_h"] / whole, "held"), (row["carried_gpu_h"] / whole, "blocked"),
                (row["shed_gpu_h"] / whole, "denied")])  # fmt: skip


def tiles(view: View) -> Markup:
    """The key figures: each with its value in every run."""
    pairs: list[tuple[str, Callable[[int], str]]] = [
        ("Denied, of what teams were due", lambda n: part(_denied(view, n))),
        ("Machine held", lambda n: part(_held(view, n))),
        ("One job in twenty waits longer than", lambda n: span(view.runs[n].wait_p95_s)),
        ("Work lost by stopping jobs", lambda n: f"{hours(view.runs[n].lost_gpu_h)} GPU-h"),
        ("Jobs stopped", lambda n: count(view.runs[n].reclaims + view.runs[n].preemptions + view.runs[n].failures)),
    ]
    if not view.runs[0].services.is_empty():
        pairs.append(("Services’ demand served", lambda n: part(view.runs[n].served_fraction)))
    else:
        pairs.append(("All work is done after", lambda n: span(view.runs[n].makespan_s)))
    shown = [element("div", element("dt", label), *_values(view, write), class_="tile") for label, write in pairs]
    return element("dl", *shown, class_="tiles")


def _values(view: View, write: Callable[[int], str]) -> list[Markup]:
    if len(view.runs) == 1:
        return [element("dd", element("b", unbroken(write(0))), class_="alone")]
    return [
        element("dd", element("b", unbroken(write(number))), element("span", label))
        for number, label in enumerate(view.labels)
    ]


def _denied(view: View, number: int) -> float | None:
    leaves = [view.accounts[number][team.path] for team in view.record.charter.leaves]
    entitled = sum(row["entitled_gpu_h"] for row in leaves)
    return sum(row["denied_gpu_h"] for row in leaves) / entitled if entitled > 0 else None


def _held(view: View, number: int) -> float | None:
    frame = view.pools[number]
    capacity = int(frame["capacity_gpu_ms"].sum())
    return int(frame["held_gpu_ms"].sum()) / capacity if capacity else None
