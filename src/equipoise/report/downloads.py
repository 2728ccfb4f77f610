"""Files inside a page: links that hold what they give, so that a page that fetches nothing can still be taken apart."""

from __future__ import annotations

import base64
import csv
import io
from collections.abc import Iterable, Sequence
from urllib.parse import quote

from equipoise.report.markup import Markup, element

DECIMALS = 6
_PLAIN = ",:;/?@!$'()*+=-._~|"  # may stand in an address as they are; a comma more often than all the rest
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def csv_link(name: str, heads: Sequence[str], rows: Iterable[Sequence[object]]) -> Markup:
    """Return a link that holds a table as CSV.

    Numbers are written as they are, to `DECIMALS` places; nothing where there is nothing. A text that a spreadsheet would take for a
    formula is set off by an apostrophe.

    Examples
    --------
    >>> csv_link("shares", ["team", "held"], [["safety", 0.25], ["=1+1", None]])
    '<a href="data:text/csv;charset=utf-8,team,held%0Asafety,0.25%0A&#x27;=1+1,%0A" download="shares.csv" class="file">CSV</a>'
    """
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(heads)
    writer.writerows([_value(cell) for cell in row] for row in rows)
    data = quote(out.getvalue(), safe=_PLAIN)
    return element("a", "CSV", href=f"data:text/csv;charset=utf-8,{data}", download=f"{name}.csv", class_="file")


def file_link(words: str, name: str, data: bytes, *, kind: str) -> Markup:
    """Return a link that holds a file, byte for byte."""
    text = base64.b64encode(data).decode()
    return element("a", words, href=f"data:{kind};base64,{text}", download=name, class_="file")


def _value(cell: object) -> object:
    if isinstance(cell, float):
        return f"{cell:.{DECIMALS}f}".rstrip("0").rstrip(".")
    if isinstance(cell, str) and cell.startswith(_FORMULA):
        return f"'{cell}"
    return cell
