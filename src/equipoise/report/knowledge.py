"""What a lab's people know, for a terminal."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from rich.console import Console
from rich.text import Text

from equipoise.people.groups import GROUP_MIN
from equipoise.people.knowledge.ramp_up import FOLLOWED, UP_TO_SPEED
from equipoise.people.knowledge.summary import Departure, Figures, Knowledge, TeamArea, TeamKnowledge
from equipoise.report.columns import Column, fitted
from equipoise.report.figures import NOTHING, count, counted, part

AREAS_MAX = 20
SHOWN_DEPARTURES = (1, 2, 3, 5, 10)

LEGEND = (
    "truck factor: so many main authors would have to leave until fewer than half of the files have one left.",
    "effective: how many authors, were all equal. orphaned now: files none of whose authors committed in the last year.",
)


def print_knowledge(known: Knowledge, console: Console, *, git_s: float, commits_per_s: float) -> None:
    """Print the whole, the repositories if there are several, areas, teams and departures."""
    for line in _headline(known):
        console.print(Text(line, style="bold" if line.startswith("Truck") else ""))
    if len(known.repositories) > 1:
        console.print()
        _figures_table("repository", known.repositories, console)
    if len(known.areas) > 1:
        console.print()
        shown = known.areas[:AREAS_MAX]
        _figures_table("area", shown, console)
        if len(known.areas) > AREAS_MAX:
            console.print(f"and {counted(len(known.areas) - AREAS_MAX, 'more area')} (--json has them)")
    if len(known.repositories) > 1 or len(known.areas) > 1:
        console.print("\n".join(LEGEND))
    if known.teams:
        console.print()
        _teams_table(known.teams, console)
    if len(known.team_areas) > len(known.teams):
        console.print()
        _team_areas_table(known.team_areas, console)
    if known.departures:
        console.print()
        _departures_table(known.departures, console)
    for line in _closing(known, git_s, commits_per_s):
        console.print(line)


def _headline(known: Knowledge) -> Iterator[str]:
    total = known.total
    names = ", ".join(known.names)
    yield (
        f"{names}: {counted(known.commits, 'commit')} from {_day(known.begin_s)} to {_day(known.end_s)},"
        f" {counted(total.files, 'file')} counted"
    )
    if total.truck_factor is None:
        yield f"Truck factor and all else about people: not told, for there are fewer than {GROUP_MIN} who changed these files."
        return
    yield f"Truck factor {total.truck_factor}, of {count(total.people or 0)} people who made or changed these files."
    yield (
        f"Authorship is as concentrated as among {total.effective_authors:.1f} equals. Active in the last year:"
        f" {count(total.active or 0)}; {part(total.orphaned)} of the files have no author among them."
    )


def _figures_table(noun: str, rows: Sequence[Figures], console: Console) -> None:
    columns = [
        Column(noun, _names([row.name for row in rows], "/"), 0),
        Column("files", [count(row.files) for row in rows], 0),
        Column("people", [_number(row.people) for row in rows], 0),
        Column("truck factor", [_number(row.truck_factor) for row in rows], 0),
        Column(
            "effective",
            [NOTHING if row.effective_authors is None else f"{row.effective_authors:.1f}" for row in rows],
            1,
        ),
        Column("active", [_number(row.active) for row in rows], 2),
        Column("orphaned now", [part(row.orphaned) for row in rows], 0),
    ]
    console.print(fitted(columns, console))


def _teams_table(rows: Sequence[TeamKnowledge], console: Console) -> None:
    columns = [
        Column("team", _names([row.name for row in rows], "."), 0),
        Column("people", [count(row.people) for row in rows], 0),
        Column("knows", [part(row.knows) for row in rows], 0),
        Column("alone", [part(row.alone) for row in rows], 0),
    ]
    console.print(fitted(columns, console))
    console.print("knows: files with an author in the team. alone: with no author elsewhere; they leave with it.")


def _team_areas_table(rows: Sequence[TeamArea], console: Console) -> None:
    shown = rows[:AREAS_MAX]
    areas = {team: _names([row.area for row in rows if row.team == team], "/") for team in {row.team for row in rows}}
    columns = [
        Column("team", [row.team or "(the rest)" for row in shown], 0),
        Column("area", [areas[row.team].pop(0) for row in shown], 0),
        Column("files", [count(row.files) for row in shown], 0),
        Column("its people", [count(row.people) for row in shown], 0),
        Column("knows", [part(row.knows) for row in shown], 0),
    ]
    console.print(fitted(columns, console))
    if len(rows) > AREAS_MAX:
        console.print(f"and {counted(len(rows) - AREAS_MAX, 'more row')} (--json has them)")
    console.print(f"An area in which fewer than {GROUP_MIN} of a team changed files is part of its rest.")


def _departures_table(rows: Sequence[Departure], console: Console) -> None:
    now, shown = rows[0], [row for row in rows if row.departures in SHOWN_DEPARTURES]
    columns = [
        Column("departures", [count(row.departures) for row in shown], 0),
        Column("main authors", [part(now.main - row.main) for row in shown], 0),
        Column("drawn blindly", [part(now.drawn - row.drawn) for row in shown], 0),
    ]
    console.print(fitted(columns, console))
    console.print(
        f"Files that lose their last active author, if so many of the active leave; {part(now.main)} have one now."
    )


def _closing(known: Knowledge, git_s: float, commits_per_s: float) -> Iterator[str]:
    yield ""
    if known.ramp_up is not None:
        of = known.ramp_up
        when = "not within a year" if of.months is None else f"in month {of.months + 1}"
        yield (
            f"Ramp-up: {count(of.newcomers)} newcomers followed for {FOLLOWED} months reached {part(UP_TO_SPEED)} of their later"
            f" pace {when}."
        )
    left = f"{counted(known.left_out, 'file')} by kind or pattern, {count(known.untraced)} without a person's commit"
    yield f"Left out: {left}; {counted(known.bot_commits, 'commit')} of programs, and all merges."
    yield f"Parsed and analysed at {commits_per_s:,.0f} commits/s; git itself took {git_s:.1f} s."


def _names(names: Sequence[str], separator: str) -> list[str]:
    """Say which names mean only the rest of what they name, because some of it has a row of its own or is too small."""
    divided = {name for name in names for other in names if other.startswith(f"{name}{separator}")}
    return [f"{name} (rest)" if name in divided else name or "(the rest)" for name in names]


def _number(value: int | None) -> str:
    return NOTHING if value is None else count(value)


def _day(when_s: int) -> str:
    try:
        return datetime.fromtimestamp(when_s, UTC).date().isoformat()
    except (ValueError, OverflowError, OSError):
        return "an impossible date"
