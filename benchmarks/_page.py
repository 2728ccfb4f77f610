"""Tables of a page that a benchmark writes."""

from __future__ import annotations

import re
from collections.abc import Iterable


def with_tables(page: str, benchmark: str, made: Iterable[str]) -> str:
    """Return the page with its measured tables replaced; each stands between comments that name the benchmark."""
    left = iter(made)
    between = re.compile(rf"(?s)(<!-- benchmarks\.{re.escape(benchmark)} -->\n).*?(<!-- end -->)")
    page = between.sub(lambda found: f"{found[1]}{next(left)}\n{found[2]}", page)
    assert next(left, None) is None, "the page has too few places for tables"
    return page


def table(rows: Iterable[str]) -> str:
    """Return a Markdown table of rows whose cells are divided by bars."""
    return "\n".join(f"| {row} |" for row in rows)
