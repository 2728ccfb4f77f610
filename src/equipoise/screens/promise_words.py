"""How a promise stands, in a word and a sentence. Times are left to whoever shows it, in the reader's time zone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from equipoise.screens.lab_run import Plain

PAST_SAVING, AT_RISK, BEHIND, ON_COURSE, NO_WINDOW = "past saving", "at risk", "behind", "on course", "no open window"
STATES = (PAST_SAVING, AT_RISK, BEHIND, ON_COURSE, NO_WINDOW)
"""From the worst."""
NOT_ACCOUNTED = "The accounts have not been closed yet: the first close tells how a promise stands."


def standing(row: Plain, *, at_ms: int, is_accounted: bool = True) -> Plain:
    """Return the state of a promise's open window, and a sentence that says why; ``is_accounted``: whether there was a close."""
    window = row["open"]
    if window is None and not is_accounted:
        return {"state": NO_WINDOW, "sentence": NOT_ACCOUNTED}
    if window is None:
        return {"state": NO_WINDOW, "sentence": f"No window is open.{_judged(row)}"}
    if row["kind"] == "starts":
        return _starts(row, window, overdue=window["to_ms"] <= at_ms)
    if row["kind"] == "at_most":
        return _at_most(row, window)
    return _at_least(row, window)


def overview(items: Sequence[Plain], *, of: int) -> str:
    """Say in one sentence how the promises stand, the worst first."""
    if not items:
        return "The charter makes no promises over time."
    named: dict[str, list[str]] = {}
    for item in items:
        named.setdefault(item["state"], []).append(item["promise"])
    told = [
        f"{_names(named[state])} {'is' if len(named[state]) == 1 else 'are'} {state}"
        for state in STATES[:3]
        if state in named
    ]
    broken = Counter({item["promise"]: item["tally"].get("broken", 0) for item in items})
    if len(named.get(NO_WINDOW, ())) == len(items):
        said = "No window is open"
    else:
        said = "; ".join(told) if told else ("The promise is on course" if of == 1 else "All promises are on course")
    return f"{said}.{_broken(broken)}"


def _broken(broken: Counter[str]) -> str:
    count = broken.total()
    if not count:
        return ""
    whose = _names([name for name, windows in broken.items() if windows])
    return f" {count:,} window{_s(count)} of {whose} {_was(count)} broken so far."


def hours_text(value: float) -> str:
    """Write hours for people: whole from 100 on, else with one place."""
    return f"{value:,.0f}" if abs(value) >= 100 else f"{value:,.1f}"


def _at_least(row: Plain, window: Plain) -> Plain:
    owed, delivered, arrears = (window[f"{name}_heh_h"] for name in ("owed", "delivered", "arrears"))
    held = f"{hours_text(delivered)} of {hours_text(owed)} hours owed so far are delivered"
    ahead = window["forecast"]
    met = None if ahead is None else ahead["met_ppm"] / 1_000_000
    chance = "" if met is None else f" Of 100 forecasts, {met * 100:.0f} keep it."
    if window["lost_ms"] is not None:
        said = (
            f"{held}; not even the most that pacing may ask for brings back the {hours_text(arrears)} that are missing."
        )
        return {"state": PAST_SAVING, "sentence": said}
    at_risk = met is not None and met * 1_000_000 < row["warn_below_ppm"]
    if arrears <= 0:
        said = f"{held}, {hours_text(delivered - owed)} more than that.{chance}"
        return {"state": AT_RISK if at_risk else ON_COURSE, "sentence": said}
    pace = window["pace_heh_gpus"]
    catch_up = f" Pacing asks for {pace:,.0f} H100-equivalent devices to catch up." if pace > 0 else ""
    said = f"{held}; {hours_text(arrears)} are missing.{catch_up}{chance}"
    return {"state": AT_RISK if at_risk else BEHIND, "sentence": said}


def _at_most(row: Plain, window: Plain) -> Plain:
    owed, delivered = window["owed_heh_h"], window["delivered_heh_h"]
    over = delivered - owed
    if over > 0:
        said = f"{hours_text(delivered)} hours are delivered, {hours_text(over)} above the limit so far."
        return {"state": BEHIND, "sentence": said}
    return {
        "state": ON_COURSE,
        "sentence": f"{hours_text(delivered)} of at most {hours_text(owed)} hours are delivered so far.",
    }


def _starts(row: Plain, window: Plain, *, overdue: bool) -> Plain:
    decided = window["jobs_in_time"] + window["jobs_late"]
    waits = f" {window['jobs_open']:,} still have time." if window["jobs_open"] else ""
    if not decided:
        return {"state": ON_COURSE, "sentence": f"No job has come to be counted yet.{waits}"}
    enough = window["jobs_in_time"] * 1_000_000 >= row["share_ppm"] * decided
    said = f"{window['jobs_in_time']:,} of {decided:,} jobs started in time.{waits}"
    if overdue:
        said += " The window is over, and is judged when the last of them has started or not."
    return {"state": ON_COURSE if enough else BEHIND, "sentence": said}


def _judged(row: Plain) -> str:
    count = row["windows_judged"]
    if not count:
        return ""
    verdicts = ", ".join(f"{number:,} {word}" for word, number in row["tally"].items())
    return f" Of {count:,} that are over: {verdicts}."


def _names(names: Sequence[str], most: int = 4) -> str:
    shown = list(names[:most]) + ([f"{len(names) - most:,} more"] if len(names) > most else [])
    return shown[0] if len(shown) == 1 else f"{', '.join(shown[:-1])} and {shown[-1]}"


def _s(count: int) -> str:
    return "" if count == 1 else "s"


def _was(count: int) -> str:
    return "was" if count == 1 else "were"
