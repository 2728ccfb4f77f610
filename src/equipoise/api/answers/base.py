"""The base of what is answered, and kinds of number and text in it."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Millis = Annotated[int, Field(description="Unix milliseconds.")]
Large = Annotated[
    int | str, Field(description="From 2^53 on a text of its digits, which most readers would round as a number.")
]
Digest = Annotated[str, Field(pattern="^sha256:[0-9a-f]{64}$")]
Plain = dict[str, Any]


class Answer(BaseModel):
    """An object, with nothing in it but what is described."""

    model_config = ConfigDict(extra="forbid")


class Page(Answer):
    """A page of a list; ``next`` is what to pass on as ``after``, and is null on the last page."""

    next: int | str | None


class Problem(BaseModel):
    """What is told of an error (RFC 9457)."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [
        {"type": "urn:equipoise:error:N133", "title": "a viewer may not drain nodes", "status": 403, "code": "N133", "hint": "operator may"}
    ]})  # fmt: skip

    type: str
    title: str
    status: int
    code: Annotated[str, Field(pattern="^[A-Z][0-9]{3}$")]
    hint: str
    findings: list[Plain] = Field(default_factory=list[Plain])


class Named(Answer):
    """What something is called."""

    name: str
