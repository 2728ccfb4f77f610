"""Read when nodes went down, into maintenance and came back."""

from __future__ import annotations

import csv
import os
from decimal import Decimal, InvalidOperation
from pathlib import Path

from equipoise.charter.model import Charter
from equipoise.errors import InputError, Place
from equipoise.simulator.replay import NODE_STATES, NodeChange

COLUMNS = ["time_s", "pool", "node", "state"]
LATEST_MS = 1 << 42


def read_outages(path: str | os.PathLike[str], charter: Charter) -> tuple[NodeChange, ...]:
    r"""Read a CSV file of changes of nodes: ``time_s,pool,node,state``, in any order.

    Parameters
    ----------
    path : path
    charter : Charter
        Whose pools have the nodes; those of a pool count from 0.

    Raises
    ------
    InputError
        S104, with file and line.

    Examples
    --------
    >>> from equipoise.charter.model import Pool; import tempfile
    >>> file = Path(tempfile.mkdtemp()) / "outages.csv"
    >>> _ = file.write_text("time_s,pool,node,state\n60,h100,3,down\n")
    >>> read_outages(file, Charter(lab="", pools=(Pool("h100", "H100", 4, 8),), teams=()))
    (NodeChange(at_ms=60000, pool='h100', node=3, state='down'),)
    """
    name = str(path)
    try:
        with Path(path).open(encoding="utf-8-sig", newline="") as file:
            rows = list(csv.reader(file, strict=True))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise InputError("S104", f"cannot be read: {error}", place=Place(name)) from None
    found: list[NodeChange] = []
    header = [field.strip() for field in rows[0]] if rows else []
    if header != COLUMNS:
        raise InputError("S104", "the first line must be " + ",".join(COLUMNS), place=Place(name, 1))
    for line, fields in enumerate(rows[1:], start=2):
        if any(field.strip() for field in fields):
            found.append(_change([field.strip() for field in fields], charter, Place(name, line)))
    return tuple(found)


def _change(fields: list[str], charter: Charter, place: Place) -> NodeChange:
    if len(fields) != len(COLUMNS):
        raise InputError("S104", f"{len(fields)} fields where {len(COLUMNS)} are expected", place=place)
    time_s, name, node, state = fields
    pool = next((pool for pool in charter.pools if pool.name == name), None)
    if pool is None:
        hint = "pools: " + ", ".join(pool.name for pool in charter.pools)
        raise InputError("S104", f"no pool '{name}'", hint=hint, place=place)
    if state not in NODE_STATES:
        raise InputError("S104", f"state '{state}' is unknown", hint="states: " + ", ".join(NODE_STATES), place=place)
    if not (node.isascii() and node.isdigit() and len(node) < 10 and int(node) < pool.nodes):
        raise InputError("S104", f"no node '{node}' in {name}", hint=f"0 to {pool.nodes - 1}", place=place)
    return NodeChange(_time_ms(time_s, place), name, int(node), state)


def _time_ms(text: str, place: Place) -> int:
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise InputError("S104", f"'{text}' is no number of seconds", place=place) from None
    if not value.is_finite() or not 0 <= value * 1000 <= LATEST_MS:
        raise InputError("S104", f"{text} s is out of range", hint=f"0 to {LATEST_MS // 1000}", place=place)
    return round(value * 1000)
