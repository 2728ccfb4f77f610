"""What runs say in one sentence, whatever the figures are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from typing import Any

from equipoise.report.figures import hours, part, span
from equipoise.simulator.results import Results

SMALL = 0.01
"""Who was entitled to less than this part of the whole is not named: of a trifle, much is soon denied."""
_PHRASES = {
    "charter": "as promised",
    "no-floors": "without floors",
    "easy": "with one queue and backfill",
    "slurm": "as Slurm did it",
    "fifo": "first in, first out",
    "fair-tree": "as Slurm's Fair Tree would",
    "sjf": "with the shortest job first",
    "smallest": "with the smallest gang first",
    "srtf": "with the shortest remaining time first",
    "srsf": "with the least remaining GPU-time first",
    "las": "with the least served first",
}
_LABELS = {
    "charter": "as promised",
    "no-floors": "without floors",
    "easy": "one queue (EASY)",
    "slurm": "Slurm, as it was",
    "fifo": "first in, first out",
    "fair-tree": "Fair Tree (Slurm)",
    "sjf": "shortest job first",
    "smallest": "smallest gang first",
    "srtf": "shortest remaining time",
    "srsf": "shortest remaining service",
    "las": "least attained service",
}


@dataclass(frozen=True, slots=True)
class Standing:
    """How a team stands in one run.

    Parameters
    ----------
    account : mapping
        ``delivered_gpu_h``, ``entitled_gpu_h`` and ``denied_gpu_h``.
    wait_p95_s : float or None
    """

    account: Mapping[str, float]
    wait_p95_s: float | None = None


def phrase(run: Results) -> str:
    """Say how a run was made, as part of a sentence: ``as promised``, ``with the product first``."""
    first = _leading(run)
    if first:
        return "with the product first" if first == "product" else f"with {first} first"
    return _PHRASES.get(run.policy, f"under {run.policy}")


def label(run: Results) -> str:
    """Name a run for the head of a column: ``as promised``, ``product first``, a charter's file."""
    first = _leading(run)
    return f"{first} first" if first else _LABELS.get(run.policy, run.policy.replace("\\", "/").rsplit("/", 1)[-1])


def _leading(run: Results) -> str:
    """The team that goes before all others, if one does."""
    leading = [line.path for line in run.record.plan.lines if line.leading]
    return max(leading, key=len, default="")


def difference(
    team: str, base: Standing, other: Standing, *, phrases: tuple[str, str], over: str, promise: str = ""
) -> str:
    """Say what the second of two runs does to a team.

    Parameters
    ----------
    team : str
    base, other : Standing
    phrases : (str, str)
        How each was run.
    over : str
        Over which time the accounts are: ``over the 90 days``.
    promise : str
        What ends the sentence instead of the waits, where a promise was broken (`trade`).

    Examples
    --------
    >>> promised = Standing({"delivered_gpu_h": 200.0, "entitled_gpu_h": 210.0, "denied_gpu_h": 10.5}, 3600.0)
    >>> starved = Standing({"delivered_gpu_h": 150.0, "entitled_gpu_h": 220.0, "denied_gpu_h": 55.0}, 7200.0)
    >>> print(difference("safety", promised, starved, phrases=("as promised", "with the product first"),
    ...     over="over the 90 days"))
    With the product first, safety gets 25.0 % less compute over the 90 days (150 GPU-hours instead of 200), is denied
    25.0 % of what the charter entitles it to while it asks (as promised: 5.0 %), and one job in twenty waits longer
    than 2.0 hours (as promised: 1.0 hours).
    """
    was, now = phrases
    before, after = base.account["delivered_gpu_h"], other.account["delivered_gpu_h"]
    amounts = f"{hours(after)} GPU-hours"
    if hours(after) != hours(before):
        amounts += f" instead of {hours(before)}"
    denied = _denied(other.account), _denied(base.account)
    parts = [
        f"{now[:1].upper()}{now[1:]}, {team} gets {_more_or_less(after, before)} compute {over} ({amounts})",
        f"is denied {denied[0]} of what the charter entitles it to while it asks ({was}: {denied[1]})",
    ]
    if promise:
        parts.append(f"and {promise}")
    elif base.wait_p95_s is not None and other.wait_p95_s is not None:
        long, longer = _hours(base.wait_p95_s), _hours(other.wait_p95_s)
        parts.append(f"and one job in twenty waits longer than {longer} ({was}: {long})")
    return ", ".join(parts) + "."


def trade(lost: Mapping[str, Any], *, week: date, served: tuple[float, float]) -> str:
    """Say when a promise was past saving, and what keeping it costs the product.

    Parameters
    ----------
    lost : mapping
        The broken window, a row of ``Results.promises``.
    week : date
        The Monday of the week of its point of no return.
    served : (float, float)
        Part of the product's demand that is served where the promise is kept, and where it is broken.
    """
    return (
        f"the promise of {part(lost['share'])} per {lost['window']} is past saving in the week of {week:%d %B %Y} and ends"
        f" broken by {hours(lost['broken_by_heh_h'])} H100-equivalent hours; keeping it costs the product"
        f" {100 * (served[1] - served[0]):.1f} points of its services’ demand, of which {part(served[0])} is served"
        f" instead of {part(served[1])}"
    )


def state(standings: Mapping[str, Standing], *, phrase: str, over: str) -> str:
    """Say of one run who was starved most, or that nobody was.

    Parameters
    ----------
    standings : mapping
        Of every team at the top.
    phrase : str
        How it was run.
    over : str
        Over which time the accounts are.

    Examples
    --------
    >>> ours = Standing({"delivered_gpu_h": 150.0, "entitled_gpu_h": 220.0, "denied_gpu_h": 55.0}, 7200.0)
    >>> theirs = Standing({"delivered_gpu_h": 250.0, "entitled_gpu_h": 220.0, "denied_gpu_h": 0.0}, 0.0)
    >>> print(state({"safety": ours, "product": theirs}, phrase="as promised", over="over the 90 days"))
    As promised, 400 GPU-hours are delivered over the 90 days, and of what the charter entitles teams to while they ask,
    12.5 % is denied: most to safety, 25.0 % of its own, where one job in twenty waits longer than 2.0 h.
    """
    entitled, denied, delivered = (
        sum(each.account[name] for each in standings.values())
        for name in ("entitled_gpu_h", "denied_gpu_h", "delivered_gpu_h")
    )
    begin = f"{phrase[:1].upper()}{phrase[1:]}, {hours(delivered)} GPU-hours are delivered {over}"
    if entitled <= 0:
        return f"{begin}; nobody asked for anything that the charter entitles them to."
    if denied <= 0:
        return f"{begin}, and every team gets all that the charter entitles it to while it asks."
    if len(standings) == 1:
        (name, only) = next(iter(standings.items()))
        wait = "" if only.wait_p95_s is None else f", and one job in twenty waits longer than {span(only.wait_p95_s)}"
        entitled_to = f"of what the charter entitles {name} to while it asks"
        return f"{begin}; {entitled_to}, {part(denied / entitled)} is denied{wait}."
    name, worst = most_denied({name: each.account for name, each in standings.items()})
    text = f"{begin}, and of what the charter entitles teams to while they ask, {part(denied / entitled)} is denied"
    text += f": most to {name}, {part(worst)} of its own"
    wait_s = standings[name].wait_p95_s
    return text + ("." if wait_s is None else f", where one job in twenty waits longer than {span(wait_s)}.")


def most_denied(accounts: Mapping[str, Mapping[str, float]]) -> tuple[str, float]:
    """Return the team that was denied the largest part of what it was entitled to, and that part; one that counts (`SMALL`)."""
    entitled = sum(account["entitled_gpu_h"] for account in accounts.values())
    ranked = [
        (account["denied_gpu_h"] / account["entitled_gpu_h"], name)
        for name, account in accounts.items()
        if account["entitled_gpu_h"] >= max(SMALL * entitled, 1e-12)
    ]
    worst, name = max(ranked, key=lambda pair: pair[0])
    return name, worst


def _more_or_less(after: float, before: float) -> str:
    if before <= 0:
        return "some" if after > 0 else "no"
    by = 100 * (after / before - 1)
    if abs(by) < 0.05:
        return "as much"
    return f"{abs(by):,.1f} % {'more' if by > 0 else 'less'}"


def _hours(seconds: float) -> str:
    return f"{seconds / 3600:,.1f} hours" if seconds >= 3600 else span(seconds)


def _denied(account: Mapping[str, float]) -> str:
    if account["entitled_gpu_h"] <= 0:
        return "none"
    return f"{100 * account['denied_gpu_h'] / account['entitled_gpu_h']:.1f} %"
