"""An explanation of `why` in sentences, and as plain data."""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime
from io import StringIO
from typing import TYPE_CHECKING, Any

from rich.console import Console

from equipoise.policy.why import Change, Constraint, Explanation
from equipoise.report.figures import count, counted, shortened, span
from equipoise.units import amount_text

if TYPE_CHECKING:
    from collections.abc import Callable

    from equipoise.simulator.calibration import Forecast

HOLDERS = 8  # teams that are listed
NAMED = 6  # jobs that are named


def print_why(
    found: Explanation,
    console: Console,
    *,
    name_of: Callable[[int], str],
    forecast: Forecast | None = None,
    changes: bool = True,
) -> None:
    """Print what keeps a job from starting, who holds what it waits for, when it may start and what would start it now.

    Without ``changes`` nothing is said of what would start it: nobody tried.
    """
    console.print(headline(found, name_of), style="bold")
    if found.constraint is not None:
        console.print(binding(found, found.constraint, name_of))
    for line in _holders(found):
        console.print(line)
    for line in _releases(found, name_of):
        console.print(line)
    if (turn := _turn(found, name_of)) is not None:
        console.print(turn)
    if forecast is not None:
        console.print(predicted(found.at_ms, forecast))
    if changes and found.state in ("waiting", "claimed"):
        console.print(_changes_headline(found))
        for change in found.changes:
            console.print("  · " + proposal(change, name_of))


def why_text(found: Explanation, *, name_of: Callable[[int], str], changes: bool = True) -> str:
    """Return what `print_why` prints, without colours and in long lines."""
    console = Console(file=StringIO(), width=10_000, highlight=False, soft_wrap=True, color_system=None)
    with console.capture() as held:
        print_why(found, console, name_of=name_of, changes=changes)
    return held.get()


def headline(found: Explanation, name_of: Callable[[int], str]) -> str:
    """Say what has become of a job."""
    job = f"Job {name_of(found.job)} of {found.team} ({amount_text(found.gang)} of {found.pool})"
    when = clock(found.at_ms, found.origin_ms)
    if found.state == "future":
        return f"{job} is not submitted yet at {when}."
    if found.state == "done":
        return f"{job} is done: it ended at {clock(found.since_ms, found.origin_ms)}. Why it waited is answered at an earlier time (--at)."
    if found.state == "running":
        return f"{job} runs since {clock(found.since_ms, found.origin_ms)}. Why it waited is answered at an earlier time (--at)."
    if found.state == "cancelled":
        return f"{job} is no longer asked for."
    if found.state == "refused":
        return f"{job} was refused at {clock(found.since_ms, found.origin_ms)}: it can never run."
    if found.state == "dependent":
        return f"{job} is not in a queue at {when}."
    waits = f"waits since {span(found.waited_ms / 1000)}" if found.waited_ms else "has just begun to wait"
    if found.stops:
        often = "once" if found.stops == 1 else f"{count(found.stops)} times"
        return f"{job} is asked for since {span(found.waited_ms / 1000)} and waits at {when}, after it was stopped {often}."
    claims = "; devices are being freed for it" if found.state == "claimed" else ""
    return f"{job} {waits} at {when}{claims}."


def binding(found: Explanation, of: Constraint, name_of: Callable[[int], str]) -> str:
    """Say which constraint binds, with its numbers."""
    n = of.numbers
    first = "" if of.job is None else f"job {name_of(of.job)}"
    team = of.team or "the lab"
    if of.kind == "refused":
        what = {"limit": f"the limit of {team}", "max_job": f"max_job of {team}", "pool": "the pool"}
        bound = what.get(of.reason, f"the floor of {team}, within which a job that may not be stopped has to fit")
        return f"Refused: it asks for {count(n['asked'])}, and {bound} is {count(n['most'])}."
    if of.kind == "dependency":
        return f"Dependency: it waits for {first} to end."
    if of.kind == "protection":
        if of.reason == "limit":
            return "Protection: what it claimed is stopped; it waits until limits and devices are clear."
        return (
            f"Protection: {counted(n['jobs'], 'job')} with {amount_text(n['gpus'])} must give way to it, and may run on "
            f"until {clock(n['until_ms'], found.origin_ms)} at the latest."
        )
    if of.kind == "limit":
        return (
            f"Limit: {team} may hold {count(n['limit'])} and holds {count(n['held'])}; with this job it would be "
            f"{count(n['over'])} over."
        )
    if of.kind == "non-preemptible":
        return (
            f"Entitlement: it may not be stopped, so it starts only within the floor of {team}: {count(n['floor'])}, of which "
            f"such jobs hold {count(n['non_preemptible'])}."
        )
    if of.kind == "reserve":
        return (
            f"Entitlement: {count(n['free'])} are free, but {count(n['kept'])} must stay free for floors that are not lent "
            f"(most of them for {team}); the largest gang that may start is {count(n['room'])}."
        )
    if of.kind == "placement":
        nodes = f"{counted(n['whole_needed'], 'whole node')}" if n["whole_needed"] else ""
        rest = f"{count(n['part_needed'])} on one node" if n["part_needed"] else ""
        return (
            f"Placement: {count(n['free'])} are free, more than the {count(n['asked'])} it asks for, but not in the shape: it "
            f"needs {' and '.join(filter(None, (nodes, rest)))} of {count(n['per_node'])}; {count(n['whole_free'])} are whole, "
            f"and the largest gang that fits is {count(n['largest'])}."
        )
    if of.kind == "reservation":
        turn = "its turn has come" if of.reason == "turn" else "it is first in the order"
        return (
            f"Reservation: {first} of {team} ({amount_text(n['first_asked'])}) holds the reservation ({turn}) and can start "
            f"at {clock(n['shadow_ms'], found.origin_ms)} if estimates hold. This job would delay it: it is expected to run "
            f"{span(n['estimate_ms'] / 1000)}, "
            f"{span(n['window_ms'] / 1000)} are left, and the reservation leaves {count(n['spare'])} over."
        )
    if of.kind == "order":
        before = (
            f" {first} of {team} ({amount_text(n['first_asked'])}) is first"
            if of.job is not None
            else " Others are first"
        )
        return f"Order: it would fit, but nobody passes the head of the queue.{before}."
    if of.kind == "devices":
        return f"Devices: it asks for {count(n['asked'])}, {count(n['free'])} are free, and nothing is taken back under these rules."
    return f"Entitlement: it asks for {count(n['asked'])}, {count(n['free'])} are free. " + _entitlement(of)


def _entitlement(of: Constraint) -> str:
    n, team = of.numbers, of.team
    have = f"{team} holds {count(n['held'])} of a floor of {count(n['floor'])} (entitled now: {count(n['entitled'])})"
    if of.reason == "has its floor":
        return f"{have}: it may take nothing back, and waits until others end."
    if of.reason == "larger than what is missing":
        return f"{have}: the gang is larger than what is missing of the floor, so it cannot be claimed by right."
    if of.reason == "others claim":
        return f"{have}: what could be taken back is claimed by others already."
    return f"{have}: nobody who could give way holds enough beyond a floor, in the shape that it needs."


def _holders(found: Explanation) -> list[str]:
    if not found.holders:
        return []
    parts = [
        f"{shortened(h.team or 'the lab', 40)} {count(h.held)}"
        + (
            f" (floor {count(h.floor)}" + (f", {count(h.borrowed)} borrowed" if h.borrowed else "") + ")"
            if h.floor
            else ""
        )
        for h in found.holders[:HOLDERS]
        if h.held
    ]
    more = len([h for h in found.holders if h.held]) - len(parts)
    return ["Held by: " + ", ".join(parts) + (f" and {count(more)} more" if more > 0 else "") + "."] if parts else []


def _releases(found: Explanation, name_of: Callable[[int], str]) -> list[str]:
    lines: list[str] = []
    for warned in found.warned[:NAMED]:
        verb = "is warned since" if warned.warned else "will be warned at"
        lines.append(
            f"  job {name_of(warned.job)} of {warned.team} ({count(warned.gang)}) {verb} "
            f"{clock(warned.warn_ms, found.origin_ms)}, stops by "
            f"{clock(warned.stop_ms, found.origin_ms)}"
        )
    if found.warned:
        return ["Gives way:", *lines]
    if found.constraint is not None and found.constraint.kind in ("limit", "refused", "dependency", "non-preemptible"):
        return []
    ends = [f"job {name_of(o.job)} ({count(o.gang)}, {_ends(o.expected_ms, found.origin_ms)})" for o in found.occupants]
    return ["Expected to end first: " + ", ".join(ends) + "."] if ends else []


def _ends(expected_ms: int | None, origin_ms: int | None) -> str:
    return "no end in sight" if expected_ms is None else f"at {clock(expected_ms, origin_ms)}"


def _turn(found: Explanation, name_of: Callable[[int], str]) -> str | None:
    turn = found.turn
    if turn is None:
        return None
    if not turn.bounded:
        return (
            "Turn: it is larger than its team's floor, and walltimes are not enforced: how long it may wait is not bounded "
            "by any promise."
        )
    if turn.crossed:
        return "Turn: its team has saved up for it; it holds the reservation, or is next to."
    whose = "" if turn.job == found.job else f" (for job {name_of(turn.job)}, which is before it)"
    return f"Turn: its team has saved {100 * turn.saved // max(turn.needed, 1)} % of what the gang needs{whose}."


def predicted(at_ms: int, forecast: Forecast) -> str:
    """Say when a job is predicted to start, and how often such predictions held."""
    if forecast.low_ms is None:
        return f"Predicted start: in none of {forecast.replicas} played futures soon enough to say."
    low = span(max(forecast.low_ms - at_ms, 0) / 1000)
    high = "never, as far as was played" if forecast.high_ms is None else span(max(forecast.high_ms - at_ms, 0) / 1000)
    text = f"Predicted start: in {low} to {high} (80 % interval, {forecast.replicas} played futures"
    stretch, coverage = forecast.stretch, forecast.coverage
    if stretch is None:
        return text + ")."
    if not stretch.enough:
        return text + "; too few earlier predictions to correct it by, so its wait is halved and doubled)."
    text += f", corrected by {stretch.judged} earlier predictions)."
    if coverage is not None and coverage.judged:
        text += f" Of {coverage.judged} such intervals of this run that are over, {coverage.held} held."
    return text


def _changes_headline(found: Explanation) -> str:
    if found.changes:
        return "It would start now with any one of these, the smallest first (each was tried):"
    return "Nothing that was tried starts it now: size, walltime, limit, floor, devices, and jobs that end or are withdrawn."


def proposal(change: Change, name_of: Callable[[int], str]) -> str:
    """Say one change."""
    teams = ", ".join(f"{team} {count(value)}" for team, value in change.teams)
    named = ", ".join(name_of(job) for job in change.jobs[:NAMED])
    more = f" and {count(len(change.jobs) - NAMED)} more" if len(change.jobs) > NAMED else ""
    jobs = counted(len(change.jobs), "job")
    if change.kind == "size":
        return f"if it asked for {count(change.after or 0)} instead of {count(change.before or 0)}"
    if change.kind == "walltime":
        return f"if it were declared to take at most {span((change.after or 0) / 1000)} instead of {span((change.before or 0) / 1000)}"
    if change.kind == "limit":
        return f"if the limit were {count(change.amount)} higher ({teams})"
    if change.kind == "floor":
        return f"if the floor were {count(change.amount)} higher ({teams})"
    if change.kind == "devices":
        return f"if {amount_text(change.amount)} more were free"
    if change.kind == "nodes":
        return f"if {counted(change.amount, 'node')} came back"
    verb = "ended" if change.kind == "ended" else "were withdrawn"
    return f"if {jobs} with {amount_text(change.amount)} {verb} ({named}{more})"


def plain_why(
    found: Explanation,
    *,
    name: str,
    name_of: Callable[[int], str],
    forecast: Forecast | None,
) -> dict[str, Any]:
    """Return what ``--json`` prints; times are milliseconds since the log's first submission, jobs go by the log's names."""
    plain: dict[str, Any] = asdict(found)
    plain["name"] = name
    if plain["constraint"] is not None and found.constraint is not None and found.constraint.job is not None:
        plain["constraint"]["job"] = name_of(found.constraint.job)
    for member in ("occupants", "warned"):
        for each in plain[member]:
            each["job"] = name_of(each["job"])
    if plain["turn"] is not None:
        plain["turn"]["job"] = name_of(plain["turn"]["job"])
    for change in plain["changes"]:
        change["jobs"] = [name_of(job) for job in change["jobs"]]
    plain["smallest"] = plain["changes"][0] if plain["changes"] else None
    plain["forecast"] = None if forecast is None else asdict(forecast)
    return plain


def clock(at_ms: int, origin_ms: int | None = None) -> str:
    """Write a time of a run: ``day 3 04:05:06``, from the log's first submission (day 0); with an origin, the time of day in UTC."""
    if origin_ms is not None:
        return datetime.fromtimestamp((origin_ms + at_ms) / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")
    days, rest = divmod(at_ms, 86_400_000)
    return f"day {days} {rest // 3_600_000:02}:{rest // 60_000 % 60:02}:{rest // 1000 % 60:02}"
