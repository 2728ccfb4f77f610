"""What Slurm did beside what a charter would have done: a table of teams, sentences, and what the comparison does not show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

from rich.console import Console

from equipoise.report.columns import Column, fitted
from equipoise.report.figures import count, counted, hours, part, span
from equipoise.report.markup import Markup, element, unbroken
from equipoise.report.parts import section
from equipoise.report.promises import tally, windows_in
from equipoise.simulator.results import Results

MS_PER_H = 3_600_000
LEGEND = (
    "Of two figures the first is what Slurm did, the second what the charter would have done. below floor: time in which a team held less"
    " than its floor though it asked for more. denied: part of what the charter entitled it to."
)


@dataclass(frozen=True, slots=True)
class Side:
    """How a team fared on one side.

    Parameters
    ----------
    team : str
    jobs : int
        That it started.
    wait_p50_s, wait_p95_s : float or None
        From when a job could run to its start.
    below_floor_h : float
        How long it held less than its floor though it asked for more.
    below_floor_gpu_h : float
        How much less, summed over that time.
    entitled_gpu_h, denied_gpu_h, delivered_gpu_h, lost_gpu_h : float
    starvation : float or None
        Denied ÷ entitled.
    floor_gpus, reclaimed : int
        ``reclaimed`` is how often jobs of the team were stopped for another team.
    """

    team: str
    jobs: int
    wait_p50_s: float | None
    wait_p95_s: float | None
    below_floor_h: float
    below_floor_gpu_h: float
    entitled_gpu_h: float
    denied_gpu_h: float
    delivered_gpu_h: float
    lost_gpu_h: float
    starvation: float | None
    floor_gpus: int
    reclaimed: int

    @classmethod
    def of(cls, row: Mapping[str, Any], short: tuple[int, int]) -> Side:
        """Take a row of ``Results.teams``, and how long and by how much the team was below its floor."""
        same = {one.name: row[one.name] for one in fields(cls) if one.name in row and one.name != "jobs"}
        return cls(
            **same, jobs=row["started"], reclaimed=row["reclaims"],
            below_floor_h=short[0] / MS_PER_H, below_floor_gpu_h=short[1] / MS_PER_H,
        )  # fmt: skip

    def to_dict(self) -> dict[str, Any]:
        """Return plain values."""
        plain = asdict(self)
        del plain["team"]
        return plain


Sides = Sequence[tuple[Side, Side]]


def print_shadow(
    runs: Sequence[Results], sides: Sides, said: Sequence[str], unsaid: Sequence[str], console: Console
) -> None:
    """Print the teams side by side, what the comparison says, and what it does not."""
    columns = [
        Column("team", ["  " * would.team.count(".") + would.team.rpartition(".")[2] for would, _ in sides], 0),
        Column("floor", [count(would.floor_gpus) for would, _ in sides], 1),
        Column("jobs", [count(was.jobs) for _, was in sides], 4),
        *_pair("wait p50", [(span(was.wait_p50_s), span(would.wait_p50_s)) for would, was in sides], 3),
        *_pair("wait p95", [(span(was.wait_p95_s), span(would.wait_p95_s)) for would, was in sides], 0),
        *_pair("below floor", [(_time(was), _time(would)) for would, was in sides], 0),
        *_pair("denied", [(part(was.starvation), part(would.starvation)) for would, was in sides], 2),
        Column("reclaimed", [count(would.reclaimed) for would, _ in sides], 2),
    ]
    console.print(fitted(columns, console))
    console.print(LEGEND)
    console.print()
    for sentence in said:
        console.print(sentence)
    console.print()
    console.print("What this does not show", style="bold")
    for sentence in unsaid:
        console.print(f"- {sentence}")


def shadow_section(said: Sequence[str], unsaid: Sequence[str]) -> Markup:
    """Return what the comparison says, and what it does not show, as a section of the report."""
    told = element("ul", *(element("li", unbroken(sentence)) for sentence in said))
    untold = element("ul", *(element("li", unbroken(sentence)) for sentence in unsaid))
    lead = (
        "What Slurm did, and what the charter would have done with the same jobs. Nothing in the cluster was changed."
    )
    return section("shadow", "Beside Slurm", lead, told, element("h3", "What this does not show"), untold)


def sentences(runs: Sequence[Results], sides: Sides) -> tuple[str, ...]:
    """Say what Slurm did and the charter would have done: the team that was furthest below its floor, promises, what is taken back."""
    would, was = runs
    said = [_waits(would, was)]
    leaves = {row["team"] for row in would.teams.to_dicts() if row["leaf"]}
    short = [pair for pair in sides if pair[0].team in leaves and max(one.below_floor_gpu_h for one in pair) > 0]
    for own, slurm in sorted(short, key=lambda pair: -pair[1].below_floor_gpu_h)[:5]:
        said.append(
            f"{own.team} was below its floor of {counted(own.floor_gpus, 'device')} for {_time(slurm)} with Slurm, lacking"
            f" {hours(slurm.below_floor_gpu_h)} GPU-hours, while it asked for more; under the charter for {_time(own)},"
            f" lacking {hours(own.below_floor_gpu_h)}."
        )
    if not short:
        said.append("No team was below its floor while it asked for more, on either side.")
    said += _promises(runs)
    stops = would.reclaims
    said.append(
        f"The charter would have taken devices back {counted(stops, 'time')} from jobs that held more than their team's floor, and"
        f" {hours(would.lost_gpu_h)} GPU-hours of their work would have been lost."
        if stops
        else "The charter would have taken nothing back."
    )
    refused = would.refused.height
    if refused:
        said.append(f"The charter would have refused {counted(refused, 'job')} that Slurm ran: {_reasons(would)}.")
    return tuple(said)


def not_shown(would: Results, peak: int) -> tuple[str, ...]:
    """Say what the comparison leaves out. ``peak``: the most devices that the log's jobs held at once."""
    capacity = sum(pool.capacity for pool in would.record.charter.pools)
    said = [
        "Run times are those that Slurm recorded, wherever a job would have run instead, and beside whatever else.",
        "People would have asked for other things under other rules: what they submitted is taken as it is.",
        f"The charter's side had all of its {counted(capacity, 'device')} at every moment; Slurm's jobs held at most {count(peak)} at once."
        " Nodes that were down, drained or reserved, and jobs outside of this log, are not in it.",
        "Jobs that had ended before the log begins are not in it: in its first hours the machine is emptier than it was.",
        "A job that is taken back begins again: the log does not know who writes savepoints, so what is lost is the most that it can be.",
    ]
    said += [
        f"{counted(item.rows, 'row')} of the log {'is' if item.rows == 1 else 'are'} left out: {item.reason}."
        for item in would.skipped
    ]
    said += [f"{note[:1].upper()}{note[1:]}." for note in would.record.workload.notes]
    return tuple(said)


def _waits(would: Results, was: Results) -> str:
    return (
        f"Of {counted(was.n_started, 'job')}, half waited up to {span(was.wait_p50_s)} with Slurm and one in twenty longer than"
        f" {span(was.wait_p95_s)}; under the charter {span(would.wait_p50_s)} and {span(would.wait_p95_s)}."
    )


def _promises(runs: Sequence[Results]) -> list[str]:
    until_ms = runs[0].record.workload.asked_ms
    charter = runs[0].record.charter
    listed = [windows_in(run, until_ms) for run in runs]
    said: list[str] = []
    for promise in charter.commitments:
        would, was = ([row for row in rows if row["promise"] == promise.name] for rows in listed)
        if would or was:
            told = f"with Slurm {_verdicts(was)}; under the charter {_verdicts(would)}"
            said.append(f"The promise {promise.name}: {told}.")
        else:
            said.append(f"The promise {promise.name} has no window that ended while the log lasts.")
    return said


def _verdicts(rows: Sequence[dict[str, Any]]) -> str:
    return tally(rows) if rows else "no window"


def _reasons(run: Results) -> str:
    reasons = run.refused.group_by("reason").len().sort("reason")
    return ", ".join(f"{count(jobs)} {reason}" for reason, jobs in reasons.iter_rows())


def _time(side: Side) -> str:
    return span(side.below_floor_h * 3600) if side.floor_gpus else "–"


def _pair(name: str, cells: Sequence[tuple[str, str]], rank: int) -> list[Column]:
    return [
        Column(f"{name}\nSlurm", [was for was, _ in cells], rank),
        Column("charter", [would for _, would in cells], rank),
    ]
