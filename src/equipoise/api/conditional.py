"""Answers that a reader has already: entity tags, 304, and changes that hold only if nothing has changed (RFC 9110, section 13).

What kind of answer a route gives is in the table of routes. A state has a strong tag, of its bytes. An answer that also says when it
was made has a weak one, of everything but that: two of them mean the same. What never changes may be kept for a year; what must not
lie about anywhere is never kept.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from enum import Enum
from hashlib import sha256
from typing import Any, cast

from starlette.responses import Response

from equipoise.errors import InputError
from equipoise.units import shown


class Cache(Enum):
    """How long an answer holds."""

    NEVER = "never"
    """A change, a secret, a stream."""
    STATE = "state"
    CLOCK = "clock"
    """A state with the time at which it was read."""
    FOREVER = "forever"
    """What it says can never be otherwise."""


CONTROL: Mapping[Cache, str] = {
    Cache.NEVER: "no-store",
    Cache.STATE: "private, no-cache",
    Cache.CLOCK: "private, no-cache",
    Cache.FOREVER: "private, max-age=31536000, immutable",
}
CLOCKS = ("at_ms", "now_ms")
"""Names of what says when an answer was made."""
_TAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')
MOST_HEADER = 4_096


def conditional(answer: Response, cache: Cache, if_none_match: str | None) -> Response:
    """Return an answer with its tag and how long it holds, or 304 where the reader has it.

    Parameters
    ----------
    answer : Response
        Of a GET.
    cache : Cache
    if_none_match : str or None
        The header.
    """
    answer.headers["Cache-Control"] = CONTROL[cache if answer.status_code == 200 else Cache.NEVER]
    answer.headers["Vary"] = "Authorization"
    if cache is Cache.NEVER or answer.status_code != 200:
        return answer
    tag = answer.headers.get("etag") or tag_of(bytes(answer.body), cache)
    answer.headers["ETag"] = tag
    if not has_tag(if_none_match, tag):
        return answer
    kept = {name: answer.headers[name] for name in ("ETag", "Cache-Control", "Vary", "Link") if name in answer.headers}
    return Response(status_code=304, headers=kept)


def tag_of(body: bytes, cache: Cache) -> str:
    """Return the entity tag of an answer.

    Examples
    --------
    >>> one, other = (b'{"held":1,"now_ms":%d}' % now_ms for now_ms in (1, 2))
    >>> tag_of(one, Cache.CLOCK) == tag_of(other, Cache.CLOCK), tag_of(one, Cache.STATE) == tag_of(other, Cache.STATE)
    (True, False)
    """
    if cache is Cache.CLOCK:
        told = json.loads(body)
        body = json.dumps({name: value for name, value in told.items() if name not in CLOCKS}).encode()
    text = f'"{sha256(body).hexdigest()[:32]}"'
    return f"W/{text}" if cache is Cache.CLOCK else text


def has_tag(header: str | None, tag: str) -> bool:
    """Whether ``If-None-Match`` names a tag, by weak comparison.

    Examples
    --------
    >>> has_tag('"a", W/"b"', '"b"'), has_tag("*", '"c"'), has_tag(None, '"c"'), has_tag('"a"', '"b"')
    (True, True, False, False)
    """
    if header is None or len(header) > MOST_HEADER:
        return False
    return header.strip() == "*" or tag.removeprefix("W/") in [one.removeprefix("W/") for one in _TAG.findall(header)]


def require_match(header: str | None, tag: str, what: str) -> None:
    """Raise N160 unless ``If-Match`` is absent or names a strong tag.

    Examples
    --------
    >>> require_match('"a"', '"a"', "it"), require_match(None, '"a"', "it")
    (None, None)
    >>> require_match('"b"', '"a"', "the charter in force")
    Traceback (most recent call last):
    ...
    equipoise.errors.InputError: N160 the charter in force is "a", not '"b"' (hint: read it again, then decide again)
    """
    if header is None or header.strip() == "*":
        return
    if tag not in [one for one in _TAG.findall(header[:MOST_HEADER]) if not one.startswith("W/")]:
        raise InputError(
            "N160", f"{what} is {tag}, not {shown(header, width=90)}", hint="read it again, then decide again"
        )


def values_of(answer: Response) -> dict[str, Any]:
    """Return what a JSON answer says; nothing for another."""
    if not answer.headers.get("content-type", "").startswith("application/json"):
        return {}
    told = json.loads(bytes(answer.body) or b"{}")
    return cast("dict[str, Any]", told) if isinstance(told, dict) else {}
