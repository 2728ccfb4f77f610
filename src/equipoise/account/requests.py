"""Requests for credits: who asked for compute, for what, what the team's owner answered, and what was spent.

A lab can starve a line of research without ever refusing a job: it refuses the request that comes before the job. So
requests are counted as jobs are. What is refused, in whole or by a cut, is demand of the team once, at its amount.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from equipoise.account.window import Span
from equipoise.errors import InputError


class Outcome(StrEnum):
    """What became of a request."""

    OPEN = "open"
    GRANTED = "granted"
    CUT = "cut"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Asked:
    """A project asks for compute.

    Parameters
    ----------
    request, team, project : str
    avenue : str
        The line of research that it is for.
    purpose : str
    pool : str
    gpu_ms : int
        GPU-milliseconds.
    window : Span
        When they would be used.
    """

    request: str
    team: str
    project: str
    avenue: str
    purpose: str
    pool: str
    gpu_ms: int
    window: Span

    def __post_init__(self) -> None:
        assert self.gpu_ms > 0, "a request asks for something"


@dataclass(frozen=True, slots=True)
class Answered:
    """The owner's answer: how much is granted, and why not all of it."""

    request: str
    gpu_ms: int
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Spent:
    """What jobs spent of a grant; a negative number gives back what a job did not use."""

    request: str
    gpu_ms: int


@dataclass(frozen=True, slots=True)
class Request:
    """A request with what became of it.

    Parameters
    ----------
    asked : Asked
    granted_gpu_ms : int or None
        None while it is open.
    reason : str
        Of a cut or a refusal.
    spent_gpu_ms : int
    """

    asked: Asked
    granted_gpu_ms: int | None = None
    reason: str = ""
    spent_gpu_ms: int = 0

    @property
    def outcome(self) -> Outcome:
        """Open, granted in full, cut, or refused."""
        if self.granted_gpu_ms is None:
            return Outcome.OPEN
        if self.granted_gpu_ms == 0:
            return Outcome.REFUSED
        return Outcome.GRANTED if self.granted_gpu_ms == self.asked.gpu_ms else Outcome.CUT

    @property
    def refused_gpu_ms(self) -> int:
        """What was asked for and not granted; 0 while it is open."""
        return 0 if self.granted_gpu_ms is None else self.asked.gpu_ms - self.granted_gpu_ms

    @property
    def refused_gpus(self) -> int:
        """How many GPUs the refused part would have held over its window, rounded up: its size as demand."""
        return -(-self.refused_gpu_ms // self.asked.window.length_ms)


@dataclass(frozen=True, slots=True)
class Sums:
    """Sums over requests, in GPU-milliseconds; ``cut`` is what cuts took, ``refused`` what whole refusals did."""

    requests: int = 0
    refusals: int = 0
    asked_gpu_ms: int = 0
    granted_gpu_ms: int = 0
    cut_gpu_ms: int = 0
    refused_gpu_ms: int = 0
    spent_gpu_ms: int = 0

    @property
    def denied_share(self) -> Fraction | None:
        """Cut and refused, of all that was asked for and answered; None when nothing was."""
        denied = self.cut_gpu_ms + self.refused_gpu_ms
        answered = denied + self.granted_gpu_ms
        return Fraction(denied, answered) if answered else None


def fold_requests(records: Iterable[Asked | Answered | Spent]) -> dict[str, Request]:
    """Fold records, in order, into requests by name.

    Raises
    ------
    InputError
        A203 for a record that cannot follow those before it: a request asked twice, an answer or spending without a
        request, an answer above what was asked or without its reason, a second answer, spending beyond the grant.

    Examples
    --------
    >>> month = Span(0, 30 * 86_400_000)
    >>> asked = Asked("r1", "safety", "probes", "interpretability", "a sweep", "gpu", 64 * 3_600_000, month)
    >>> requests = fold_requests([asked, Answered("r1", 16 * 3_600_000, "the product launches"), Spent("r1", 5)])
    >>> requests["r1"].outcome.value, requests["r1"].refused_gpu_ms / 3_600_000, requests["r1"].refused_gpus
    ('cut', 48.0, 1)
    """
    requests: dict[str, Request] = {}
    for record in records:
        known = requests.get(record.request)
        match record:
            case Asked():
                if known:
                    _refuse(record.request, "is asked twice", "a new request has a new name")
                requests[record.request] = Request(record)
            case Answered():
                requests[record.request] = _answered(known, record)
            case Spent():
                requests[record.request] = _spent(known, record)
    return requests


def sums(requests: Mapping[str, Request]) -> dict[tuple[str, str], Sums]:
    """Sum requests by team and avenue of research, in their order."""
    found: dict[tuple[str, str], Sums] = {}
    for request in requests.values():
        key = (request.asked.team, request.asked.avenue)
        found[key] = _plus(found.get(key, Sums()), request)
    return dict(sorted(found.items()))


def _answered(known: Request | None, answer: Answered) -> Request:
    if known is None:
        return _refuse(answer.request, "is answered and was not asked", "record the request first")
    if known.granted_gpu_ms is not None:
        return _refuse(answer.request, "is answered twice", "more is asked for by a new request")
    if not 0 <= answer.gpu_ms <= known.asked.gpu_ms:
        return _refuse(answer.request, f"is granted {answer.gpu_ms}", f"0 to {known.asked.gpu_ms}, what was asked")
    if answer.gpu_ms < known.asked.gpu_ms and not answer.reason.strip():
        return _refuse(answer.request, "is cut or refused without a reason", "say why")
    return Request(known.asked, answer.gpu_ms, answer.reason, known.spent_gpu_ms)


def _spent(known: Request | None, spent: Spent) -> Request:
    if known is None or known.granted_gpu_ms is None:
        return _refuse(spent.request, "is spent from and was not granted", "record the answer first")
    total = known.spent_gpu_ms + spent.gpu_ms
    if not 0 <= total <= known.granted_gpu_ms:
        return _refuse(spent.request, f"has {total} spent", f"0 to {known.granted_gpu_ms}, what was granted")
    return Request(known.asked, known.granted_gpu_ms, known.reason, total)


def _plus(before: Sums, request: Request) -> Sums:
    refused = request.outcome is Outcome.REFUSED
    return Sums(
        before.requests + 1,
        before.refusals + refused,
        before.asked_gpu_ms + request.asked.gpu_ms,
        before.granted_gpu_ms + (request.granted_gpu_ms or 0),
        before.cut_gpu_ms + (0 if refused else request.refused_gpu_ms),
        before.refused_gpu_ms + (request.refused_gpu_ms if refused else 0),
        before.spent_gpu_ms + request.spent_gpu_ms,
    )


def _refuse(request: str, said: str, hint: str) -> Request:
    raise InputError("A203", f"request '{request}' {said}", hint=hint)
