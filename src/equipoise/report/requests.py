"""Requests for credits: what people asked for by line of research, and what became of it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from equipoise.report.figures import NOTHING, count, counted, hours, part
from equipoise.report.markup import Markup
from equipoise.report.parts import Column, Entry, bar, behind, figures, keys, rows, section, strong
from equipoise.report.view import View
from equipoise.simulator.results import Results

_KEYS = (("heldkey", "spent"), ("unusedkey", "granted, not spent"), ("blockedkey", "cut"), ("denied", "refused"))


def requests_sentence(run: Results) -> str:
    """Say in one sentence what was asked for in credits and what was not granted; empty where nothing was asked."""
    frame = run.requests
    if frame.is_empty():
        return ""
    table: list[dict[str, Any]] = frame.to_dicts()
    sums: dict[str, Any] = {name: sum(row[name] for row in table) for name in frame.columns[2:-1]}
    answered = sums["granted_gpu_h"] + sums["cut_gpu_h"] + sums["refused_gpu_h"]
    denied = part((sums["cut_gpu_h"] + sums["refused_gpu_h"]) / answered) if answered else NOTHING
    return (
        f"{counted(sums['requests'], 'request')} for credits over {hours(sums['asked_gpu_h'])} GPU-hours:"
        f" {count(sums['refused'])} refused, {count(sums['cut'])} cut, which is {denied} of what was answered;"
        f" {hours(sums['spent_gpu_h'])} spent."
    )


def requests_section(view: View) -> Markup:
    """What was asked for in credits by team and avenue of research; nothing where there are no requests."""
    if view.runs[0].requests.is_empty():
        return Markup("")
    frames = [run.requests.to_dicts() for run in view.runs]
    lead = (
        f"{requests_sentence(view.runs[0])} A line of research can starve here without one job being refused: what is not"
        " granted is never submitted. Each bar is all that was asked for along one line of research; what is blank is"
        " still open."
    )
    entries = [
        Entry(
            f"{row['avenue'] or 'no avenue named'} · {row['team'].rpartition('.')[2]}",
            [_outcome(row)],
            [strong(part(row["denied_share"]), f" not granted of {hours(row['asked_gpu_h'])} GPU-h")],
        )
        for row in frames[0]
    ]
    columns = [
        Column("team", [row["team"] for row in frames[0]]),
        Column("avenue", [row["avenue"] for row in frames[0]]),
    ]
    columns += [
        figures(head, head, [row[head] for row in frames[0]], count)
        for head in ("requests", "granted", "cut", "refused", "open")
    ]
    columns += [
        figures(f"{head},\nGPU-h", f"{head}_gpu_h", [row[f"{head}_gpu_h"] for row in frames[0]], hours)
        for head in ("asked", "granted", "cut", "refused")
    ]
    for of, label in zip(frames, view.labels, strict=True):
        head = f"spent, GPU-h\n{label}" if len(view.runs) > 1 else "spent,\nGPU-h"
        columns.append(figures(head, "spent_gpu_h", [row["spent_gpu_h"] for row in of], hours))
    return section(
        "requests", "Requests for credits", lead, keys(*_KEYS), rows(entries, wide=True),
        behind(columns, label="Counts and GPU-hours, as a table", sheet=view.sheet("requests")),
    )  # fmt: skip


def _outcome(row: Mapping[str, Any]) -> Markup:
    whole = row["asked_gpu_h"]
    left = row["granted_gpu_h"] - row["spent_gpu_h"]
    parts = ((row["spent_gpu_h"], "held"), (left, "unused"), (row["cut_gpu_h"], "blocked"))
    return bar([(size / whole, kind) for size, kind in (*parts, (row["refused_gpu_h"], "denied"))])
