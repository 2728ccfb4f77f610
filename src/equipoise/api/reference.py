"""The table of routes on the page about the interface: ``python -m equipoise.api.reference`` writes it; a test compares them.

Examples
--------
>>> print(routes_table().splitlines()[2])
| GET `/health` | Say that the controller runs; 503 where it does not. |
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path

from equipoise.api.routes import ROUTES

BEGINS, ENDS = "## What there is\n\n", "\nTimes are Unix milliseconds"


def routes_table() -> str:
    """Return the table: each route with the first sentence of what it says of itself."""
    rows = ["| route | |", "|---|---|"]
    for one in ROUTES:
        said = " ".join((inspect.getdoc(one.endpoint) or "").split("\n\n")[0].split())
        rows.append(f"| {one.method} `{one.path}` | {said.replace('``', '`')} |")
    return "\n".join(rows) + "\n"


def with_table(page: str) -> str:
    """Return the page with its table as it is to be."""
    before, _, rest = page.partition(BEGINS)
    return before + BEGINS + routes_table() + ENDS + rest.partition(ENDS)[2]


if __name__ == "__main__":
    path = Path(sys.argv[1] if len(sys.argv) > 1 else "docs/api.md")
    path.write_text(with_table(path.read_text("utf-8")), "utf-8")
