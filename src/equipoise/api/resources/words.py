"""Kinds of text and number that bodies may hold, and the base of all bodies."""

from __future__ import annotations

from typing import Annotated

from fastapi import Header, Query
from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from equipoise.units import MAX_AMOUNT, MAX_DURATION_MS

MOST_ITEMS = 1_000
SAFE = (1 << 53) - 1
SOONEST_MS, LATEST_MS = 0, 1 << 45
"""Unix times: from 1970 into the thirty-first century."""


class Body(BaseModel):
    """A body: what it does not know is an error, and nothing is turned into what it is not."""

    model_config = ConfigDict(extra="forbid", strict=True)


def _line(text: str) -> str:
    if not text.isprintable():
        raise ValueError("has control characters or half a character")
    return text


def _word(text: str) -> str:
    if "\0" in text or any("\ud800" <= one <= "\udfff" for one in text):
        raise ValueError("has a null or half a character")
    return text


Line = Annotated[str, Field(max_length=1_000), AfterValidator(_line)]
"""One line."""
Name = Annotated[str, Field(max_length=200), AfterValidator(_line)]
"""A team, a pool, what a job is called; may be empty."""
Slug = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$")]
"""A name that stands in a path."""
Word = Annotated[str, Field(max_length=131_072), AfterValidator(_word)]
"""An argument or the value of a variable, as a program may be given it."""
Text = Annotated[str, AfterValidator(_word)]
Gang = Annotated[int, Field(ge=1, le=MAX_AMOUNT)]
Duration = Annotated[int, Field(ge=0, le=MAX_DURATION_MS)]
Amount = Annotated[int, Field(ge=0, le=SAFE)]
Instant = Annotated[int, Field(ge=SOONEST_MS, le=LATEST_MS)]
Cursor = Annotated[int, Query(ge=0, le=SAFE, description="The number to begin with; `next` of the page before.")]
Mark = Annotated[
    str,
    Query(max_length=200, description="The row after which to begin; `next` of the page before."),
    AfterValidator(_line),
]
Limit = Annotated[int, Query(ge=1, le=MOST_ITEMS)]
IdempotencyKey = Annotated[
    str | None,
    Header(
        alias="Idempotency-Key", max_length=200, pattern=r"^[!-~]*$", description="The same again: nothing comes twice."
    ),
]
