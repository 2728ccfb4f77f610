"""What release gates said of services during a run, as a data frame: when it changed, how much it left them, and why."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import polars as pl

from equipoise.account import Span
from equipoise.charter.explanation import instant_text
from equipoise.gates.decision import GateDecision
from equipoise.gates.rulings import Ruling
from equipoise.simulator.record import Record

SCHEMA = {
    "service": pl.String,
    "gate": pl.String,
    "release": pl.String,
    "at_s": pl.Float64,
    "at": pl.String,
    "stage": pl.String,
    "quota": pl.Float64,
    "replicas": pl.Int64,
    "gpus": pl.Int64,
    "lacks": pl.String,
}


def gates_frame(record: Record, within: Span | None = None) -> pl.DataFrame:
    """Return one row for each service, gate and time at which what the gate says of it changed.

    Returns
    -------
    pl.DataFrame
        ``at_s`` since the run began and ``at`` (UTC), ``stage`` (null: none), ``quota`` of the team's limit, ``replicas`` and
        ``gpus`` that the service may have by all gates (null: any number; then no gate holds it any more, and ``gate`` is
        null), and ``lacks``: what keeps the next stage closed. Rows are by service, then by time, up to the run's end; ``within``: in a
        time, each service beginning with what was said of it last before.
    """
    origin_ms, end_ms = record.workload.origin_ms or 0, int(record.run.closes_ms[-1])
    rows: list[dict[str, Any]] = []
    for service in record.workload.services:
        before: dict[str | None, tuple[Any, ...]] = {}
        for ruling in record.rulings:
            at_ms = ruling.at_ms - origin_ms
            told = {} if at_ms > end_ms else {row["gate"]: row for row in _rows(ruling, service.name, service.gang)}
            after = {gate: tuple(row.values()) for gate, row in told.items()}
            when = {"at_s": at_ms / 1000, "at": instant_text(ruling.at_ms)}
            if told and not (list(told) == [None] and not before):
                rows += [row | when for gate, row in told.items() if after[gate] != before.get(gate)]
                before = after
    found = pl.DataFrame([{name: row[name] for name in SCHEMA} for row in rows], schema=SCHEMA)
    return found if within is None else _said_within(found, within)


def _said_within(rows: pl.DataFrame, within: Span) -> pl.DataFrame:
    """Leave what was said in a time, and of each service what was said last before it."""
    begin_s, end_s = within.from_ms / 1000, within.to_ms / 1000
    before = rows.filter(pl.col("at_s") < begin_s)
    latest = before.filter(pl.col("at_s") == pl.col("at_s").max().over("service"))
    inside = rows.filter((pl.col("at_s") >= begin_s) & (pl.col("at_s") < end_s))
    return pl.concat([latest, inside]).sort("service", maintain_order=True)


def _rows(ruling: Ruling, service: str, gang: int) -> Iterator[dict[str, Any]]:
    """Yield what each gate says of a service; that none holds it, where none does."""
    replicas = ruling.replicas[service]
    amounts = {"replicas": replicas, "gpus": None if replicas is None else replicas * gang}
    held = False
    for gate, decision in ruling.holding(service):
        held = True
        yield {"service": service, "gate": gate.name, **_said(decision), **amounts}
    if not held:
        yield {"service": service, "gate": None, "release": None, "stage": None, "quota": None, "lacks": "", **amounts}


def _said(decision: GateDecision | None) -> dict[str, Any]:
    if decision is None:
        return {"release": None, "stage": None, "quota": 0.0, "lacks": "no release of it is named"}
    return {
        "release": decision.release,
        "stage": decision.stage,
        "quota": float(decision.quota),
        "lacks": lacking(decision),
    }


def lacking(decision: GateDecision) -> str:
    """Say what keeps the next stage closed: every need that is not met, or that it has to wait; empty at the last."""
    if decision.unmet:
        return "; ".join(dict.fromkeys(need.says for need in decision.unmet))
    if decision.next_stage is None or decision.opens_ms is None:
        return ""
    return f"{decision.next_stage} opens on {instant_text(decision.opens_ms)}"
