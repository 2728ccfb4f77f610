"""Small charters with one promise, and windows played hour by hour."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

from equipoise.account import Close, Judgement, Span, Stocks, Stretch, Terms, Waiting, judge, open_window
from equipoise.charter import EVERYTHING, NOTHING, Charter, Commitment, Pool, Team, Window
from equipoise.units import HOUR_MS

FIFTH = Fraction(1, 5)
DIGEST = "sha256:" + "5a" * 32


@dataclass(frozen=True)
class Hours:
    """Hours in which nothing changes, per pool in GPUs; a number is of the pool ``gpu``."""

    hours: int
    whole: int | Mapping[str, int]
    held: int | Mapping[str, int]
    waiting: int | Mapping[str, int] = 0
    pace: int | Mapping[str, int] = 0


def charter(
    heh: Mapping[str, Fraction] | None = None,
    *,
    leaves: Sequence[str] = ("product", "safety"),
    digest: str = DIGEST,
    **promise: Any,
) -> Charter:
    """Return a charter with a promise ``fifth`` to safety: a fifth of what is delivered in a quarter, unless told."""
    heh = heh or {"gpu": Fraction(1)}
    settings: dict[str, Any] = {"window": Window(calendar="quarter"), "pools": tuple(heh)} | promise
    if not {"at_most", "starts"} & set(settings):
        settings = {"at_least": FIFTH} | settings
    paths = sorted(
        {path[:end] for path in leaves for end in range(1, len(path) + 1) if path[end : end + 1] in ("", ".")}
    )
    teams = tuple(
        Team(path, path.split(".")[-1], path.rpartition(".")[0] or None, dict.fromkeys(heh, NOTHING),
             dict.fromkeys(heh, EVERYTHING), is_leaf=path in leaves)
        for path in paths
    )  # fmt: skip
    kinds = tuple(Pool(name, name, 100, 1, weight) for name, weight in heh.items())
    return Charter("Lab", kinds, teams, commitments=(Commitment("fifth", "safety", **settings),), digest=digest)


def opened(lab: Charter, hours: int, *, from_ms: int = 0, **settings: Any) -> Terms:
    """Open a window of so many hours."""
    return open_window(lab, "fifth", Span(from_ms, from_ms + hours * HOUR_MS), **settings)


def stretch(terms: Terms, part: Hours) -> Stretch:
    weigh = terms.scale.weigh
    whole, held, waiting, pace = (
        weigh(value if isinstance(value, Mapping) else {"gpu": value})
        for value in (part.whole, part.held, part.waiting, part.pace)
    )
    return Stretch(
        part.hours * HOUR_MS, whole if terms.capacity is None else terms.capacity, held, held + waiting, pace
    )


def closes(terms: Terms, parts: Iterable[Hours | tuple[int, int]]) -> list[Close]:
    """Play a window, one close per part; a pair is lost GPU-hours, of the team and of all."""
    made: list[Close] = []
    before = stocks = terms.opening
    at_ms = terms.span.from_ms
    for part in parts:
        if isinstance(part, tuple):
            own, of_all = (terms.scale.weigh({"gpu": hours * HOUR_MS}) for hours in part)
            stocks = stocks.less(own, of_all, terms.scale)
            continue
        stocks = stocks.over(stretch(terms, part), terms.scale)
        place = Span(at_ms, at_ms + part.hours * HOUR_MS)
        made.append(close(terms, before, stocks, place))
        before, at_ms = stocks, place.to_ms
    return made


def close(terms: Terms, before: Stocks, after: Stocks, place: Span) -> Close:
    return Close.between(
        before, after, promise=terms.promise.name, text=terms.text, window_from_ms=terms.span.from_ms, span=place
    )


def judged(terms: Terms, parts: Iterable[Hours | tuple[int, int]]) -> Judgement:
    """Play a window and judge it at its end."""
    return judge(terms, closes(terms, parts), now_ms=terms.span.to_ms)


def in_hours(judgement: Judgement, *names: str) -> list[Fraction]:
    """Return numbers of the verdict in hours."""
    return [judgement.terms.scale.heh_h(getattr(judgement.verdict, name)) for name in names]


def played_with_budgets(
    terms: Terms, waiting: Waiting, *, whole: int, held: int, hours: int, pace: int = 0
) -> tuple[Stocks, Stocks]:
    """Play hours in which items wait with budgets; return the stocks before and after."""
    before = stocks = terms.opening
    scale, left_ms = terms.scale, hours * HOUR_MS
    while left_ms:
        demand = held + waiting.demand
        owed = scale.p * whole
        gross = max(0, min(owed, scale.q * demand) - scale.q * held)
        denied = max(0, min(max(owed, scale.q * pace), scale.q * demand) - scale.q * held)
        ms = min(left_ms, waiting.lasts_ms(denied) or left_ms)
        stocks = stocks.over(Stretch(ms, whole, held, demand, pace), scale)
        waiting.charge(gross, denied, ms)
        waiting.healed(stocks.denied)
        left_ms -= ms
    return before, stocks
