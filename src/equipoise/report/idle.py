"""Where the capacity of each pool went: held, idle while something waited, idle for want of work, down."""

from __future__ import annotations

from equipoise.report.figures import count, hours, part
from equipoise.report.markup import Markup, element, unbroken
from equipoise.report.parts import Column, Entry, bar, behind, keys, rows, section, strong
from equipoise.report.view import View

GPU_MS_PER_H = 3_600_000.0

_PARTS = ("held", "transition", "idle_blocked", "idle_unused", "down", "maintenance")
_KINDS = ("held", "transition", "blocked", "unused", "down", "maintenance")
_KEYS = (
    ("heldkey", "held"), ("transitionkey", "start-up and drain"),
    ("blockedkey", "idle, blocked"), ("unusedkey", "idle, unused"), ("downkey", "down"),
    ("maintkey", "maintenance"),
)  # fmt: skip
_HEADS = (
    ("pool", "pool"), ("run", "run"), ("held", "held_gpu_h"), ("start-up, drain", "transition_gpu_h"),
    ("idle, blocked", "idle_blocked_gpu_h"), ("idle, unused", "idle_unused_gpu_h"), ("down", "down_gpu_h"),
    ("maintenance", "maintenance_gpu_h"), ("of idle:\nstranded", "stranded_gpu_h"),
)  # fmt: skip


def idle_section(view: View) -> Markup:
    """Where the capacity of each pool went, and what of the idle time was stranded."""
    lead = (
        f"All capacity {view.over}, by pool. Idle unused: nothing waited there. Idle blocked: something waited, but could"
        " not start: its gang is too large for what was free, or a reservation or an agreed limit stands before it."
    )
    whole = [sum(int(frame[f"{name}_gpu_ms"].sum()) for frame in view.pools) for name in _PARTS]
    legend = keys(*(key for key, ms in zip(_KEYS, whole, strict=True) if ms))
    entries: list[Entry] = []
    columns: list[list[str]] = [[] for _ in _HEADS]
    values: list[list[object]] = [[] for _ in _HEADS]
    for place, pool in enumerate(view.record.charter.pools):
        found = [frame.row(place, named=True) for frame in view.pools]
        entries.append(
            Entry(f"{pool.name} · {count(pool.capacity)} {pool.device}", [_idle_bar(row) for row in found],
                  [_idle_figures(row, label if len(view.runs) > 1 else "")
                   for row, label in zip(found, view.labels, strict=True)])
        )  # fmt: skip
        for row, label in zip(found, view.labels, strict=True):
            figures = [row[f"{kind}_gpu_ms"] / GPU_MS_PER_H for kind in (*_PARTS, "stranded")]
            for number, value in enumerate([pool.name, label, *figures]):
                columns[number].append(value if isinstance(value, str) else hours(value))
                values[number].append(value)
    shown = [
        Column(head, cells, name=name, values=own)
        for (head, name), cells, own in zip(_HEADS, columns, values, strict=True)
    ]
    return section(
        "idle", "The idle machine", lead, legend, rows(entries, wide=True), _stranded(view),
        behind(shown, label="GPU-hours, as a table", sheet=view.sheet("pools")),
    )  # fmt: skip


def _stranded(view: View) -> Markup:
    """Say how much of the idle time lay on nodes that were partly in use."""
    texts: list[str] = []
    for frame, label in zip(view.pools, view.labels, strict=True):
        idle = int(frame["idle_unused_gpu_ms"].sum()) + int(frame["idle_blocked_gpu_ms"].sum())
        of = part(int(frame["stranded_gpu_ms"].sum()) / idle if idle else None)
        texts.append(f"{of} ({label})" if len(view.runs) > 1 else of)
    text = f"Stranded, that is on nodes partly in use: {', '.join(texts)} of the idle time."
    return element("p", unbroken(text), class_="soft")


def _idle_bar(row: dict[str, int]) -> Markup:
    whole = row["capacity_gpu_ms"] or 1
    return bar([(row[f"{name}_gpu_ms"] / whole, kind) for name, kind in zip(_PARTS, _KINDS, strict=True)])


def _idle_figures(row: dict[str, int], label: str) -> Markup:
    whole = row["capacity_gpu_ms"]
    held, blocked = (part(row[f"{name}_gpu_ms"] / whole if whole else None) for name in ("held", "idle_blocked"))
    return strong(held, f" held · {blocked} blocked" + (f" · {label}" if label else ""))
