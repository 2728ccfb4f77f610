"""Tables of a page that a benchmark writes."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping


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


def with_rows(page: str, benchmark: str, rows: Mapping[str, str]) -> str:
    """Return the page with some rows of a table replaced, each found by its first cell; the others stay."""
    begin, end = f"<!-- benchmarks.{benchmark} -->\n", "<!-- end -->"
    head, found, rest = page.partition(begin)
    assert found, f"the page has no place for {benchmark}"
    body, _, tail = rest.partition(end)
    lines = body.splitlines()
    for name, row in rows.items():
        line, at = f"| {row} |", [n for n, old in enumerate(lines) if old.startswith(f"| {name} |")]
        if at:
            lines[at[0]] = line
        else:
            lines.append(line)
    return head + begin + "\n".join(lines) + "\n" + end + tail
