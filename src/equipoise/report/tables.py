"""Results as tables for a terminal."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import polars as pl
from rich.console import Console
from rich.text import Text

from equipoise.report.columns import Column, fitted
from equipoise.report.figures import count, counted, hours, part, span
from equipoise.report.promises import LIGHTS, tally, warning_sentences, windows_in
from equipoise.report.releases import gate_sentences, told
from equipoise.report.requests import requests_sentence
from equipoise.simulator.results import Results

LISTED = 10  # refused jobs that are named
TEAMS_MAX = 60  # a longer table is for --csv

LEGEND = "GPU-hours. denied: of what the charter entitled it to while it asked; starved: denied ÷ entitled."


def print_results(results: Results, console: Console, *, title: str = "") -> None:
    """Print one run: the lab in a line, its teams, its services if there are any, and what did not run."""
    _headline(console, title, (results,))
    rows = _teams(results)
    columns = [
        Column("team", [_indented(row["team"]) for row in rows], 0),
        Column("jobs", [count(row["jobs"]) for row in rows], 4),
        Column("delivered", [hours(row["delivered_gpu_h"]) for row in rows], 0),
        Column("entitled", [hours(row["entitled_gpu_h"]) for row in rows], 3),
        Column("denied", [hours(row["denied_gpu_h"]) for row in rows], 0),
        Column("starved", [part(row["starvation"]) for row in rows], 0),
        Column("share", [part(row["share"]) for row in rows], 1),
        Column("floor", [part(row["floor_share"]) for row in rows], 1),
        Column("wait p50", [span(row["wait_p50_s"]) for row in rows], 2),
        Column("wait p95", [span(row["wait_p95_s"]) for row in rows], 0),
        Column("stopped", [count(row["reclaims"] + row["preemptions"] + row["failures"]) for row in rows], 5),
    ]
    console.print(fitted(columns, console))
    console.print(LEGEND)
    _services(console, (results,))
    _gates(console, (results,))
    _requests(console, results)
    _promises(console, (results,))
    _left_out(console, results)


def print_comparison(runs: Sequence[Results], console: Console, *, title: str = "") -> None:
    """Print several runs of one log side by side: the lab by run, then each team."""
    _headline(console, title, runs)
    figures = [(label, [cell(run) for run in runs]) for label, cell in LAB_FIGURES]
    shown = [(label, cells) for label, cells in figures if any(text not in ("–", "0") for text in cells)]
    columns = [Column("", [label for label, _ in shown], 0)]
    columns += [Column(_short(run.policy), [cells[n] for _, cells in shown], 0) for n, run in enumerate(runs)]
    console.print(fitted(columns, console))
    console.print()
    console.print(
        fitted([Column("team", [_indented(row["team"]) for row in _teams(runs[0])], 0), *_by_run(runs)], console)
    )
    console.print(LEGEND)
    _services(console, runs)
    _gates(console, runs)
    _requests(console, runs[0])
    _promises(console, runs)
    for run in runs:
        _left_out(console, run, log=run is runs[0])


def print_demo(
    promised: Results, product_first: Results, console: Console, *, days: int, accounts: tuple[pl.DataFrame, ...]
) -> None:
    """Print the demo: what each team got within the days, and how long its jobs waited, as promised and product first.

    Parameters
    ----------
    accounts : tuple of pl.DataFrame
        What `Results.account` says of the days, of both runs.
    """
    runs = (promised, product_first)
    gpus = int(promised.pools["gpus"].sum())
    jobs_per_s = " and ".join(count(round(run.jobs_per_s or 0)) for run in runs)
    title = f"A synthetic lab of {count(gpus)} GPUs over {days} days: {count(promised.n_jobs)} jobs"
    console.print(Text(title, style="bold"))
    console.print(f"replayed twice, as its charter promises and with the product first, at {jobs_per_s} jobs/s")
    console.print()
    teams = [row["team"] for row in _teams(promised)]
    rows = [{row["team"]: row for row in frame.to_dicts()} for frame in accounts]
    waits = [{row["team"]: row for row in run.teams.to_dicts()} for run in runs]
    heads = ("promised", "product 1st")
    columns = [
        Column("team", [_indented(team) for team in teams], 0),
        Column("floor", [part(waits[0][team]["floor_share"]) for team in teams], 2),
    ]
    kinds: tuple[tuple[str, str, Callable[[Any], str], list[dict[str, Any]], int], ...] = (
        ("delivered", "delivered_gpu_h", hours, rows, 0),
        ("denied", "starvation", part, rows, 0),
        ("wait p95", "wait_p95_s", span, waits, 1),
    )
    for name, field, write, table, rank in kinds:
        for head, of in zip(heads, table, strict=True):
            columns.append(Column(f"{name}\n{head}", [write(of[team][field]) for team in teams], rank))
    console.print(fitted(columns, console))
    top = ~pl.col("team").str.contains(".", literal=True)
    lost = [hours(float(frame.filter(top)["lost_gpu_h"].sum())) for frame in accounts]
    console.print(f"delivered: GPU-hours within the {days} days. denied: part of what the charter entitled a team to.")
    console.print("wait p95: of jobs, as long as it takes until the last has started.")
    console.print(f"Stopping jobs lost {lost[0]} GPU-hours as promised, {lost[1]} with the product first.")
    _services(console, runs)
    _requests(console, runs[0])
    _promises(console, runs)


def _by_run(runs: Sequence[Results]) -> list[Column]:
    kinds: tuple[tuple[str, str, Callable[[Any], str], int], ...] = (
        ("delivered", "delivered_gpu_h", hours, 1),
        ("denied", "denied_gpu_h", hours, 2),
        ("starved", "starvation", part, 0),
        ("mean wait", "wait_mean_s", span, 3),
        ("wait p95", "wait_p95_s", span, 0),
    )
    return [
        Column(f"{name}\n{_short(run.policy)}", [write(row[field]) for row in _teams(run)], rank)
        for name, field, write, rank in kinds
        for run in runs
    ]


LAB_FIGURES: tuple[tuple[str, Callable[[Results], str]], ...] = (
    ("makespan", lambda run: span(run.makespan_s)),
    ("mean wait", lambda run: span(run.mean_wait_s)),
    ("wait p95", lambda run: span(run.wait_p95_s)),
    ("mean time to done", lambda run: span(run.mean_jct_s)),
    ("machine held", lambda run: part(run.utilisation)),
    ("delivered GPU-hours", lambda run: hours(run.delivered_gpu_h)),
    ("denied GPU-hours", lambda run: hours(run.denied_gpu_h)),
    ("lost GPU-hours", lambda run: hours(run.lost_gpu_h)),
    ("jobs stopped for other teams", lambda run: count(run.reclaims)),
    ("jobs stopped by priority", lambda run: count(run.preemptions)),
    ("jobs stopped by outages", lambda run: count(run.failures)),
    ("evenness (Jain)", lambda run: "–" if run.jain is None else f"{run.jain:.3f}"),
    ("services' demand served", lambda run: part(run.served_fraction)),
    ("jobs never to run", lambda run: count(run.refused.height)),
    ("jobs that never started", lambda run: count(run.n_never_started)),
)


def _headline(console: Console, title: str, runs: Sequence[Results]) -> None:
    if title:
        console.print(Text(title, style="bold"))
    first = runs[0]
    speed = max((run.jobs_per_s or 0.0 for run in runs), default=0.0)
    facts = [f"{count(first.n_jobs)} jobs"]
    if len(runs) == 1:
        facts += [
            f"makespan {span(first.makespan_s)}",
            f"mean wait {span(first.mean_wait_s)}",
            f"{part(first.utilisation)} of the machine held",
        ]
        if first.lost_gpu_h:
            facts.append(f"{hours(first.lost_gpu_h)} GPU-hours lost")
    if speed:
        facts.append(f"{count(round(speed))} jobs/s")
    console.print(" · ".join(facts))
    for note in dict.fromkeys(note for run in runs for note in run.notes):
        console.print(f"note: {note}", style="dim")


def _teams(run: Results) -> list[dict[str, Any]]:
    """Teams in order of their paths, so that a team stands under its parent."""
    rows = run.teams.sort("team").to_dicts()
    return rows if len(rows) <= TEAMS_MAX else [row for row in rows if "." not in row["team"]][:TEAMS_MAX]


def _services(console: Console, runs: Sequence[Results]) -> None:
    if runs[0].services.is_empty():
        return
    frames = [run.services.to_dicts() for run in runs]
    columns = [
        Column("service", [row["service"] for row in frames[0]], 0),
        Column("demand", [hours(row["demanded_gpu_h"]) for row in frames[0]], 1),
    ]
    for run, rows in zip(runs, frames, strict=True):
        columns.append(Column(f"served\n{_short(run.policy)}", [part(row["served_fraction"]) for row in rows], 0))
    console.print()
    console.print(fitted(columns, console))


def _gates(console: Console, runs: Sequence[Results]) -> None:
    """Say what release gates let services have, and why; of several runs each other thing once."""
    listed = told(runs)
    for run in listed:
        name = f", {run.policy}" if len(listed) > 1 else ""
        console.print()
        console.print(f"release gates{name}, with what the next stage lacks", style="bold")
        for said in gate_sentences(run):
            console.print(said)


def _requests(console: Console, results: Results) -> None:
    said = requests_sentence(results)
    if said:
        console.print()
        console.print(said)


def _promises(console: Console, runs: Sequence[Results]) -> None:
    """Say of every promise how its windows were judged in each run, and which teams' alarm came."""
    until_ms = runs[0].record.workload.asked_ms
    listed = [windows_in(run, until_ms) for run in runs]
    names = list(dict.fromkeys(row["promise"] for row in listed[0]))
    for number, name in enumerate(names):
        if not number:
            console.print()
            console.print("promises, by the windows of the time in which work was asked for", style="bold")
        for run, rows in zip(runs, listed, strict=True):
            own = [row for row in rows if row["promise"] == name]
            if own:
                broken = any(row["verdict"] == "broken" for row in own)
                sign = LIGHTS["broken" if broken else str(own[0]["verdict"])]
                console.print(f"{sign} {name}, {run.policy}: {tally(own)}", style="red" if broken else "green")
    for run in runs:
        for said in warning_sentences(run) if names else ():
            if "." not in said.split(":", 1)[0]:
                console.print(f"{run.policy}: {said}", style="yellow")


def _left_out(console: Console, results: Results, *, log: bool = True) -> None:
    """Say what was not run, by reason, and name the first of them."""
    for item in results.skipped if log else ():
        console.print(
            f"{counted(item.rows, 'row')} of the log {'was' if item.rows == 1 else 'were'} left out: {item.reason}",
            style="yellow",
        )
    for (reason,), jobs in sorted(results.refused.group_by("reason"), key=lambda group: str(group[0][0])):
        named = ", ".join(
            f"{row['name']} ({row['team']}, {counted(row['gang'], 'GPU')})" for row in jobs.head(LISTED).to_dicts()
        )
        more = " …" if jobs.height > LISTED else ""
        console.print(
            f"{results.policy}: {counted(jobs.height, 'job')} not run, {reason}: {named}{more}", style="yellow"
        )
    if results.n_never_started:
        never = "had not started" if results.partial else "never started"
        console.print(f"{results.policy}: {counted(results.n_never_started, 'job')} {never}", style="yellow")


def _indented(path: str) -> str:
    depth = path.count(".")
    return "  " * depth + path.rsplit(".", 1)[-1]


def _short(policy: str) -> str:
    """Return a policy's name, or the name of a charter's file, as narrow as a column."""
    name = policy.replace("\\", "/").rsplit("/", 1)[-1]
    return name if len(name) <= 14 else name[:13] + "…"
