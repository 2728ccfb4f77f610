"""The charter in force, and bringing another with its signatures."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Annotated, Any, Literal

from fastapi import Header
from pydantic import Field

from equipoise.api.conditional import require_match
from equipoise.api.resources.words import Body, Text
from equipoise.api.service import Call, Caller, Service, told
from equipoise.audit.minutes import Minutes
from equipoise.tasks.amend import enter_now

Plain = dict[str, Any]
Values = Mapping[str, Any]
IfMatch = Annotated[
    str | None, Header(alias="If-Match", max_length=1_000, description="The digest of the charter in force, in quotes.")
]


class NewCharter(Body):
    """A charter's text, byte for byte as it was signed, and envelopes with signatures of it."""

    text: Text
    envelopes: Annotated[list[Text], Field(default_factory=list[Text], max_length=100)]
    act: Literal["amendment", "emergency", "withdrawal", "end"] = "amendment"
    dry_run: bool = False


async def in_force(call: Caller) -> Plain:
    """Return the charter in force with its text, and what is pending."""
    minutes = await told(call.controller.minutes())
    docket = minutes.docket
    assert docket is not None, "a live ledger has a charter"
    return {**stand(minutes), "lab": docket.charter.lab, "text": minutes.texts.get(docket.in_force.digest, "")}


async def enter(call: Caller, body: NewCharter, if_match: IfMatch = None) -> Plain:
    """Enter a charter and its signatures, which are checked; it is in force once all have signed and notice has passed.

    With ``If-Match`` only while the charter of that digest is in force.
    """
    data, envelopes = body.text.encode(), [one.encode() for one in body.envelopes]
    if body.dry_run:
        minutes = await told(call.controller.minutes())
        _hold_in_force(minutes, if_match)
        standing = await told(call.controller.standing(jobs=False))
        at_ms = standing.origin_ms + max(standing.at_ms, minutes.at_ms)
        entries = enter_now(minutes, at_ms, data=data, envelopes=envelopes, act=body.act)
        return {"written": False, "entries": [_short(one) for one in entries], **stand(minutes)}
    return await enter_with(
        call, lambda minutes, at_ms: enter_now(minutes, at_ms, data=data, envelopes=envelopes, act=body.act), if_match
    )


async def enter_with(call: Call, enter: Callable[[Minutes, int], Sequence[Values]], if_match: str | None) -> Plain:
    """Enter what is made in the controller's thread, if the charter in force is the one that is named."""

    def entered(minutes: Minutes, at_ms: int) -> Sequence[Values]:
        _hold_in_force(minutes, if_match)
        return enter(minutes, at_ms)

    entries = await told(call.controller.convene(entered))
    minutes = await told(call.controller.minutes())
    return {"written": True, "entries": [_short(one) for one in entries], **stand(minutes)}


def _hold_in_force(minutes: Minutes, if_match: str | None) -> None:
    docket = minutes.docket
    assert docket is not None, "a live ledger has a charter"
    require_match(if_match, f'"{docket.in_force.digest}"', "the charter in force")


async def settle(service: Service) -> None:
    """Put in force what is due."""
    await told(service.live.controller.convene(enter_now))


def _short(values: Any) -> Plain:
    return {name: value for name, value in values.items() if name not in ("text", "canonical")}


def stand(minutes: Minutes) -> Plain:
    """Return which charter is in force, which is pending, and how far that is."""
    docket = minutes.docket
    assert docket is not None, "a live ledger has a charter"
    status, pending = docket.status, docket.pending
    return {
        "in_force": {"revision": docket.in_force.revision, "digest": docket.in_force.digest},
        "pending": None
        if pending is None
        else {"revision": pending.charter.revision, "digest": pending.charter.digest},
        "signatures": [] if status is None else [tally.to_dict() for tally in status.tallies],
        "notice_ms": None if status is None else status.notice_ms,
        "force_ms": None if status is None else status.force_ms,
    }
