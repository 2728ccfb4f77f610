"""Long lists, page by page: a page has so many rows, and so many bytes, and says where the next one begins.

The cursor is the key of a row, never its place: rows that come or go between two pages neither repeat nor hide others.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from typing import Any, TypeVar
from urllib.parse import urlencode

from starlette.datastructures import URL

from equipoise.errors import InputError
from equipoise.units import shown

Plain = dict[str, Any]
T = TypeVar("T")
MOST_BYTES = 200_000
"""No answer is longer, but for one row that is, and for files that are taken whole (receipts, tiles)."""
SPARE_BYTES = 2_000


def page(rows: Iterable[Plain], *, limit: int, key: Callable[[Plain], str | int], spare: int = SPARE_BYTES) -> Plain:
    """Return the first rows, as many as fit, and as ``next`` the key of the last one if there are more.

    Parameters
    ----------
    rows : iterable of dict
        From the first one of the page on; not read much further than the page.
    limit : int
        Most rows.
    key : callable
        What is passed on as ``after``.
    spare : int
        Bytes for what else is in the answer.

    Examples
    --------
    >>> page([{"a": 1}, {"a": 2}, {"a": 3}], limit=2, key=lambda row: row["a"])
    {'items': [{'a': 1}, {'a': 2}], 'next': 2}
    >>> page([{"a": 1}], limit=2, key=lambda row: row["a"])
    {'items': [{'a': 1}], 'next': None}
    """
    found: list[Plain] = []
    room = MOST_BYTES - spare
    for row in rows:
        room -= len(json.dumps(row, ensure_ascii=False).encode("utf-8", "surrogatepass")) + 1
        if found and (len(found) == limit or room < 0):
            return {"items": found, "next": key(found[-1])}
        found.append(row)
    return {"items": found, "next": None}


def following(rows: Iterable[T], after: str | None, key: Callable[[T], str]) -> Iterable[T]:
    """Return the rows after one, which is still there: of a list from which nothing is ever taken.

    Raises
    ------
    InputError
        N161 where it is not.
    """
    listed = list(rows)
    if not after:
        return listed
    for number, row in enumerate(listed):
        if key(row) == after:
            return listed[number + 1 :]
    raise InputError("N161", f"no page begins after {shown(after)}", hint="`next` of the page before, or nothing")


def next_link(url: URL, told: Mapping[str, Any]) -> str | None:
    """Return the header ``Link`` of a page that is not the last.

    Examples
    --------
    >>> next_link(URL("http://lab/api/v1/jobs?limit=2&after=5"), {"next": 7})
    '</api/v1/jobs?limit=2&after=7>; rel="next"'
    """
    after = told.get("next")
    if after is None:
        return None
    kept = [one for one in url.query.split("&") if one and not one.startswith("after=")]
    return f'<{url.path}?{"&".join([*kept, urlencode({"after": after})])}>; rel="next"'
