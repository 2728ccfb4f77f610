"""What a report is about: the runs, the span of their accounts, and the order, colours and names of teams in it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import polars as pl

from equipoise.policy.plan import Plan
from equipoise.report import verdict
from equipoise.report.figures import count, span
from equipoise.report.theme import TEAM_COLOURS
from equipoise.simulator.record import Record
from equipoise.simulator.results import Results
from equipoise.simulator.series import POINTS, Series

TAIL = 1.2
"""Pictures over time end at the latest so many times the span of the accounts; a queue can take years to empty."""

Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Source:
    """What was replayed, in the reader's own words.

    Parameters
    ----------
    log, charter : str
        What the job log and the charter are called; empty where they have no name.
    charter_text : str or None
        The charter as it was written.
    command : str or None
        What makes this report again.
    """

    log: str = ""
    charter: str = ""
    charter_text: str | None = None
    command: str | None = None


@dataclass(frozen=True, slots=True)
class Band:
    """A strip of the machine over time: a team at the top, or all for which there is no colour.

    Parameters
    ----------
    name : str
    colour : str
        A class of the theme.
    lines : tuple of int
        Lines of the reference plan.
    floor : int
        Accelerators.
    """

    name: str
    colour: str
    lines: tuple[int, ...]
    floor: int


@dataclass(frozen=True, eq=False)
class View:
    """Runs of one log against one charter; the first is what the others are compared with.

    Parameters
    ----------
    runs : tuple of Results
        All of their whole time, or of one period.
    period : str
        What that period is called.
    """

    runs: tuple[Results, ...]
    period: str = ""

    @property
    def record(self) -> Record:
        """The first run's; charter and workload are those of all."""
        return self.runs[0].record

    @cached_property
    def begin_ms(self) -> int:
        """When the accounts begin, since the run's origin: of a period the last close that is not after its beginning."""
        within, closes_ms = self.runs[0].within, self.record.run.closes_ms
        before = 0 if within is None else self.record.closes_by(within.from_ms)
        return int(closes_ms[before - 1]) if before else 0

    @property
    def origin_ms(self) -> int | None:
        """Unix time of where pictures over time begin; None without a calendar."""
        origin_ms = self.record.workload.origin_ms
        return None if origin_ms is None else origin_ms + self.begin_ms

    def sheet(self, name: str) -> str:
        """Return what a table is called as a CSV file in the page: of a period. Of a log `--csv` writes all tables."""
        return f"{name} {self.period}".replace(" ", "-") if self.period else ""

    @property
    def zone(self) -> str:
        """The time zone of dates: the charter's."""
        return self.record.charter.timezone

    @property
    def reference(self) -> Plan:
        """The plan of the reference charter; of a period the one in force at its end."""
        within = self.runs[0].within
        return self.record.reference if within is None else self.record.reference_at(within.to_ms - 1)

    @cached_property
    def asked_ms(self) -> int:
        """The last close, in all runs, before work is no longer asked for; 0 if there is none."""
        asked = self.record.workload.asked_ms
        closes = [[int(at) for at in run.record.run.closes_ms if at <= asked] for run in self.runs]
        return min((max(times, default=0) for times in closes), default=0)

    @cached_property
    def end_ms(self) -> int:
        """When the last run is over."""
        return max(int(run.record.run.closes_ms[-1]) for run in self.runs)

    @property
    def windowed(self) -> bool:
        """Whether accounts end when work is no longer asked for.

        In the end everybody has had what they asked for, so only a window tells whom a policy served in time. Where
        submissions were over in a third of the time it tells little, and the account is that of the whole run.
        """
        return self.runs[0].within is None and 3 * self.asked_ms >= self.end_ms

    @property
    def until_ms(self) -> int:
        """The end of the accounts, since they began."""
        within = self.runs[0].within
        if within is not None:
            last = self.record.closes_by(within.to_ms)
            return max(1, int(self.record.run.closes_ms[last - 1]) - self.begin_ms if last else 0)
        return max(1, self.asked_ms if self.windowed else self.end_ms)

    @property
    def shown_ms(self) -> int:
        """The end of pictures over time, since the accounts began."""
        if self.period:
            return self.until_ms
        return max(1, min(self.end_ms, round(TAIL * self.until_ms)))

    @property
    def over(self) -> str:
        """Over which time the accounts are, as part of a sentence."""
        if self.period:
            return f"over {self.period}"
        if not self.windowed:
            return "over the whole run"
        days = self.until_ms / 86_400_000
        if days == round(days) and days > 1:
            return f"over the {count(round(days))} days"
        return f"over {span(self.until_ms / 1000)}"

    @cached_property
    def labels(self) -> tuple[str, ...]:
        """What each run is called."""
        return tuple(verdict.label(run) for run in self.runs)

    @cached_property
    def accounts(self) -> tuple[dict[str, Row], ...]:
        """Each run's account up to ``until_ms``, by team."""
        frames = [run.account(until_s=self._end_s) for run in self.runs]
        return tuple({row["team"]: row for row in frame.to_dicts()} for frame in frames)

    @cached_property
    def teams(self) -> tuple[dict[str, Row], ...]:
        """Each run's teams over the whole run, by path."""
        return tuple({row["team"]: row for row in run.teams.to_dicts()} for run in self.runs)

    @cached_property
    def pools(self) -> tuple[pl.DataFrame, ...]:
        """Each run's pools up to ``until_ms``."""
        return tuple(run.pool_account(until_s=self._end_s) for run in self.runs)

    @property
    def _end_s(self) -> float:
        return (self.begin_ms + self.until_ms) / 1000

    @cached_property
    def series(self) -> tuple[Series, ...]:
        """Each run over time."""
        return tuple(self.series_of(run) for run in self.runs)

    def series_of(self, run: Results, *, pool: int | None = None, points: int = POINTS) -> Series:
        """Return a run over time, since the accounts began."""
        found = run.series(pool=pool, points=points)
        return replace(found, edges_ms=found.edges_ms - self.begin_ms)

    @cached_property
    def top(self) -> list[str]:
        """The teams at the top, the largest floor first; then who held most."""
        held = self.accounts[0]
        paths = [line.path for line in self.reference.lines if line.parent == 0]
        return sorted(paths, key=lambda path: (-self.floor(path), -held[path]["delivered_gpu_h"], path))

    @cached_property
    def order(self) -> list[str]:
        """All teams, each under its parent."""
        below: dict[str, list[str]] = {}
        for team in self.record.charter.teams:
            below.setdefault(team.path.split(".")[0], []).append(team.path)
        return [path for top in self.top for path in below[top]]

    def floor(self, path: str) -> int:
        """Return a team's floor in accelerators of all pools."""
        return int(self.teams[0][path]["floor_gpus"])

    @cached_property
    def bands(self) -> list[Band]:
        """The strips of the machine, from below; more teams than there are colours share the last."""
        lines = {line.path: number for number, line in enumerate(self.reference.lines)}
        held = self.accounts[0]
        coloured = self.top
        if len(coloured) > TEAM_COLOURS + 1:
            coloured = sorted(coloured, key=lambda path: -max(self.floor(path), held[path]["delivered_gpu_h"]))
            coloured = [path for path in self.top if path in set(coloured[:TEAM_COLOURS])]
        others = [path for path in self.top if path not in coloured]
        found = [
            Band(path, f"t{n}" if n < TEAM_COLOURS else "other", (lines[path],), self.floor(path))
            for n, path in enumerate(coloured)
        ]
        if others:
            all_lines = tuple(lines[path] for path in others)
            found.append(Band(f"{len(others)} other teams", "other", all_lines, sum(map(self.floor, others))))
        return found

    def colour(self, path: str) -> str:
        """Return the class of the colour of a team: that of the team at the top above it."""
        top = path.split(".", maxsplit=1)[0]
        return next((band.colour for band in self.bands if band.name == top), "other")

    def chosen(self, limit: int) -> list[str]:
        """Return at most so many teams, in order: all, or those at the top, or those that were denied most."""
        if len(self.order) <= limit:
            return self.order
        if len(self.top) <= limit and len(self.top) > 1 and len(self.top) < len(self.order):
            return self.top
        ranked = sorted(self.order, key=lambda path: -max(rows[path]["denied_gpu_h"] for rows in self.accounts))
        kept = set(ranked[:limit])
        return [path for path in self.order if path in kept]

    def left_out(self, limit: int) -> str:
        """Say, as a sentence to add, that not all teams are shown; nothing where they are."""
        shown = len(self.chosen(limit))
        return "" if shown == len(self.order) else f" Shown are {count(shown)} of {count(len(self.order))} teams."

    @cached_property
    def sentence(self) -> str:
        """The verdict: of one run, who is starved most; of several, to whom the second does most."""
        standings = [self._standings(number) for number in range(len(self.runs))]
        if len(self.runs) == 1:
            return verdict.state(standings[0], phrase=verdict.phrase(self.runs[0]), over=self.over)
        base, other = standings[0], standings[1]
        team = max(self.top, key=lambda path: abs(_starved(other[path]) - _starved(base[path])))
        phrases = (verdict.phrase(self.runs[0]), verdict.phrase(self.runs[1]))
        return verdict.difference(team, base[team], other[team], phrases=phrases, over=self.over)

    def _standings(self, number: int) -> dict[str, verdict.Standing]:
        rows, teams = self.accounts[number], self.teams[number]
        return {path: verdict.Standing(rows[path], teams[path]["wait_p95_s"]) for path in self.top}


def view(runs: Sequence[Results], *, period: str = "") -> View:
    """Return what a report of these runs is about; ``period`` is what the time is called that they are of."""
    return View(tuple(runs), period)


def verdict_of(runs: Sequence[Results]) -> str:
    """Say in one sentence what runs of one log show."""
    return view(runs).sentence


def _starved(standing: verdict.Standing) -> float:
    account: Mapping[str, float] = standing.account
    return account["denied_gpu_h"] / account["entitled_gpu_h"] if account["entitled_gpu_h"] > 0 else 0.0
