"""What release gates said of services in a replay: in sentences, and as a section of the report."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from equipoise.report.figures import counted, part
from equipoise.report.markup import Markup
from equipoise.report.parts import Column, section, table
from equipoise.simulator.results import Results

Row = dict[str, Any]


def gate_sentences(run: Results) -> list[str]:
    """Say when gates let each service have more or less, and what the next stage lacked: a line for each change."""
    return [f"{row['service']} from {_day(row)}: {_standing(row)}" for row in turning(run.gates.to_dicts())]


def told(runs: Sequence[Results]) -> list[Results]:
    """Return the runs in which gates said something, each other thing once."""
    found: list[Results] = []
    for run in runs:
        if not run.gates.is_empty() and all(not run.gates.equals(other.gates) for other in found):
            found.append(run)
    return found


def turning(rows: Sequence[Row]) -> list[Row]:
    """Leave out the days of a quota that falls evenly, but for the first and the last."""
    same = ("service", "gate", "stage", "lacks")
    kept: list[Row] = []
    for n, row in enumerate(rows):
        sides = [rows[m] if 0 <= m < len(rows) else None for m in (n - 1, n + 1)]
        if any(side is None or any(side[name] != row[name] for name in same) for side in sides):
            kept.append(row)
    return kept


def gates_section(runs: Sequence[Results], *, first: str = "", sheet: str = "") -> Markup:
    """When gates let services have how much, and what the next stage lacked; nothing where no gate was asked.

    Parameters
    ----------
    runs : sequence of Results
        As of `told`.
    first : str
        What the section begins with.
    sheet : str
        What its table is called as a CSV file.
    """
    if not runs:
        return Markup("")
    lead = f"{first} " if first else ""
    lead += (
        "A release gate lets a model have part of its team’s limit, stage by stage, as attestations are recorded. What a"
        " gate holds back is not waiting work, and nobody is denied it. Days of an even fall are left out."
    )
    tables: list[Markup] = []
    for run in runs:
        rows = turning(run.gates.to_dicts())
        columns = [
            Column("service", [row["service"] for row in rows]),
            Column("from", [_day(row) for row in rows]),
            Column("stage", [_stage(row) for row in rows]),
            Column("of the limit", ["–" if row["quota"] is None else part(row["quota"]) for row in rows]),
            Column("may have", [_amount(row) for row in rows]),
            Column("the next stage lacks", [row["lacks"] or "–" for row in rows], ["text"] * len(rows)),
        ]
        if len(runs) > 1:
            columns.insert(0, Column("executed", [run.policy] * len(rows)))
        tables.append(table(columns, sheet=sheet))
    return section("gates", "Release gates", lead, *tables)


def _standing(row: Row) -> str:
    lacks = f"; {row['lacks']}" if row["lacks"] else ""
    return f"{_stage(row)}, {_amount(row)}{lacks}"


def _stage(row: Row) -> str:
    if row["gate"] is None:
        return "behind no gate"
    return f"in {row['stage']}" if row["stage"] is not None else "in no stage"


def _amount(row: Row) -> str:
    if row["replicas"] is None:
        return "any number of replicas"
    return f"{counted(row['replicas'], 'replica')} of {counted(row['gpus'], 'GPU')}"


def _day(row: Row) -> str:
    """Return an instant without the part that midnights share."""
    return row["at"].removesuffix("T00:00:00Z")
