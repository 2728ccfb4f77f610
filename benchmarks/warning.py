"""The measurements of docs/warning.md: false alarms of the early warning, and how long it takes.

`python -m benchmarks.warning` prints the page's tables; with `--write` it puts them and the picture into docs/.
`--labs N` runs N synthetic labs and 3 fleets at each load for ten labs (default: as many as the page says).
"""

from __future__ import annotations

import argparse
import math
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from benchmarks import _warning_figure, helios
from benchmarks._warning_labs import (
    CUT_DAY,
    FLOOR,
    TEAM,
    Watched,
    charter_of_lab,
    hungry,
    needs_of,
    planted,
    quiet_fleets,
    quiet_labs,
    ran,
    synthetic,
)
from benchmarks.philly import with_tables
from equipoise.account import Chart, Need, alarms, average_run_length, chart
from equipoise.charter_io import loads
from equipoise.policy.plan import plan
from equipoise.report.figures import part
from equipoise.simulator.results import Results
from equipoise.simulator.warning_frame import FALSE_ALARM_DAYS, RAISED, USUAL, daily_chart
from equipoise.tasks.simulate import simulate
from equipoise.traces import team_name
from equipoise.workload.synthetic import lab, lab_charter

PAGE = Path(__file__).resolve().parents[1] / "docs" / "warning.md"
PICTURE = PAGE.parent / "figures" / "warning.svg"
LABS = 40
FLEETS_E2 = 30  # percent: fleets for a hundred labs
FLOORS = (20, 15, 10, 5, 1)  # percent: safety's floor from the day of the cut on
CLASSES = (0.0, 0.025, 0.05, 0.075, 0.1, 0.15, 1.0)
DEMO_SEEDS = range(1, 9)
YEAR = 365.25
DAY_S = 86_400


def main() -> None:
    options = argparse.ArgumentParser(prog="python -m benchmarks.warning", description="Measure the early warning.")
    options.add_argument("--labs", type=int, default=LABS, help="synthetic labs")
    options.add_argument("--write", action="store_true", help="put tables and picture into docs/")
    given = options.parse_args()
    campaign = measured(given.labs)
    classes, delays = by_class(campaign.watched), by_floor(campaign)
    made = [classes_table(classes), sources_table(campaign), clustering_table(), delays_table(delays)]
    made += [demo_table(DEMO_SEEDS)]
    if helios.DATA.is_dir():
        made.append(helios_table(helios.runs()))
    for text in made:
        print(text, end="\n\n")
    if given.write and helios.DATA.is_dir():
        PAGE.write_text(with_tables(PAGE.read_text("utf-8"), made), "utf-8")
        PICTURE.write_text(_warning_figure.picture(classes, delays), "utf-8")


def blind_chart() -> Chart:
    """The chart for the same rates that takes days to be independent."""
    return chart(USUAL, RAISED, days_to_false_alarm=FALSE_ALARM_DAYS)


CHARTS = (blind_chart(), daily_chart())


@dataclass(frozen=True)
class Campaign:
    """Labs by what they are, each a list of its teams; and safety's days after the cut, by floor, lab by lab."""

    quiet: dict[str, list[list[Watched]]]
    cut: dict[int, list[dict[str, list[Need]]]]

    @property
    def watched(self) -> list[Watched]:
        """Every team of every quiet lab."""
        return [one for labs in self.quiet.values() for lab in labs for one in lab]


def measured(labs: int) -> Campaign:
    """Run the labs and the fleets."""
    cut: dict[int, list[dict[str, list[Need]]]] = {floor: [] for floor in FLOORS}
    unfloored: list[dict[str, list[Need]]] = []
    charter = charter_of_lab()
    for seed in range(1, labs + 1):
        workload = synthetic(seed)
        for floor in FLOORS:
            cut[floor].append(needs_of(planted(workload, floor)))
        unfloored.append(needs_of(ran(workload, charter, plan(charter, "no-floors"))))
        print(f"{seed} of {labs} labs", end="\r", file=sys.stderr, flush=True)
    quiet = {"labs, floors on": quiet_labs(cut[FLOOR]), "labs, floors off": quiet_labs(unfloored)}
    for policy, name in (("charter", "fleets, floors on"), ("no-floors", "fleets, floors off")):
        quiet[name] = []
        for seed in range(1, max(1, labs * FLEETS_E2 // 100) + 1):
            quiet[name] += quiet_fleets(seed, policy)
            print(f"{seed} {name}", end="\r", file=sys.stderr, flush=True)
    print(file=sys.stderr)
    return Campaign(quiet, cut)


@dataclass(frozen=True)
class Rates:
    """Teams taken together: their days, hungry days, those that another follows, and the alarms of each of `CHARTS`."""

    name: str
    days: int
    hungry: int
    followed: int
    alarms: tuple[int, ...]

    @property
    def years(self) -> float:
        """Team-years."""
        return self.days / YEAR

    def per_ten_years(self, number: int) -> tuple[float, float, float]:
        """Alarms of a chart in ten team-years, with the exact 95 % interval of a Poisson count."""
        low, high = poisson_interval(self.alarms[number])
        years = max(self.years, 1e-9)
        return 10 * self.alarms[number] / years, 10 * low / years, 10 * high / years


def rates(name: str, teams: Sequence[Watched]) -> Rates:
    """Add teams up."""
    told = tuple(sum(one.alarms(found) for one in teams) for found in CHARTS)
    sums = (sum(len(one.asked) for one in teams), sum(one.hungry for one in teams), sum(one.followed for one in teams))
    return Rates(name, *sums, told)


def by_class(teams: Sequence[Watched]) -> list[Rates]:
    """Add teams up that are hungry about as often."""
    found: list[Rates] = []
    for low, high in pairwise(CLASSES):
        name = f"{100 * low:g} – {100 * high:g} %" if high < 1 else f"above {100 * low:g} %"
        own = [one for one in teams if low < one.usual <= high or (low == 0 and one.usual == 0)]
        found.append(rates(name, own))
    return found


def classes_table(classes: Sequence[Rates]) -> str:
    """False alarms by how often the teams' days are usually hungry; the last line: all that the statement is about."""
    head = (
        "hungry days, usually | team-years | hungry days | after a hungry day | "
        f"false alarms in 10 years, limit {CHARTS[0].limit} | 95 % | limit {CHARTS[1].limit} | 95 %"
    )
    within = [one for one, high in zip(classes, CLASSES[1:], strict=True) if high <= float(USUAL)]
    return helios.table(head, [_rate_row(one) for one in [*classes, _sum("**up to 10 %**", within)]])


def sources_table(campaign: Campaign) -> str:
    """False alarms by kind of lab, of the teams whose days are hungry at most at the usual rate; and how they bunch."""
    head = (
        "what ran | team-years | hungry days | after a hungry day | "
        f"false alarms in 10 years, limit {CHARTS[0].limit} | 95 % | limit {CHARTS[1].limit} | 95 %"
        " | alarms of a lab, variance ÷ mean"
    )
    rows: list[list[str]] = []
    for name, labs in campaign.quiet.items():
        usual = [[one for one in lab if one.usual <= USUAL] for lab in labs]
        counts = np.array([sum(one.alarms(CHARTS[1]) for one in lab) for lab in usual])
        bunched = f"{counts.var(ddof=1) / counts.mean():.1f}" if counts.sum() and len(counts) > 1 else "–"
        rows.append([*_rate_row(rates(name, [one for lab in usual for one in lab])), bunched])
    return helios.table(head, rows)


def clustering_table() -> str:
    """False alarms in ten years by the chart's own arithmetic, when days are not as it was made for."""
    found = daily_chart()
    follows = (0.2, 0.3, 0.4, 0.5)
    head = "hungry days | " + " | ".join(f"after a hungry day {part(after)}" for after in follows)
    rows: list[list[str]] = []
    for usual in (Fraction(1, 20), Fraction(3, 40), USUAL, Fraction(1, 8), Fraction(3, 20)):
        lengths = [
            average_run_length(usual, found.gain, found.limit, after_hungry=Fraction(round(100 * after), 100))
            for after in follows
        ]
        rows.append([part(float(usual)), *(f"{10 * YEAR / float(days):.2f}" for days in lengths)])
    return helios.table(head, rows)


@dataclass(frozen=True)
class Delays:
    """Starvation from the day of the cut on, and the days until the alarm: one number for each lab, ∞ where none came."""

    floor: int
    who: str
    starvation: float
    hungry: float
    by_chart: tuple[list[float], ...]

    def quantile(self, of: float, number: int) -> float:
        """The least delay within which that part of the labs had their alarm."""
        ranked = sorted(self.by_chart[number])
        return ranked[math.ceil(of * len(ranked)) - 1]

    def missed(self, number: int) -> float:
        """The part of labs without an alarm."""
        return sum(map(math.isinf, self.by_chart[number])) / len(self.by_chart[number])


def by_floor(campaign: Campaign) -> list[Delays]:
    """How long the alarm takes, of safety and of the teams in it, by the floor that safety is left with."""
    found: list[Delays] = []
    for floor, labs in campaign.cut.items():
        inside = [team for team in labs[0] if team.startswith(f"{TEAM}.")]
        for who, teams in ((TEAM, [TEAM]), ("the teams in it", inside)):
            after = [sum(lab[team][CUT_DAY:], Need()) for lab in labs for team in teams]
            whole = sum(after, Need())
            days = [hungry(lab[team]) for lab in labs for team in teams]
            told = [bool(day) for one in days for day in one[CUT_DAY:] if day is not None]
            waits = tuple([delay(chart_, one) for one in days] for chart_ in CHARTS)
            found.append(Delays(floor, who, float(whole.starvation or 0), sum(told) / len(told), waits))
    return found


def delay(found: Chart, days: list[bool | None]) -> float:
    """Days from the cut to the end of the day of the first alarm after it; the score comes from before."""
    return next((number + 1 - CUT_DAY for number in alarms(found, days) if number >= CUT_DAY), math.inf)


def delays_table(delays: Sequence[Delays]) -> str:
    """How long the alarm takes, and how often it does not come."""
    head = (
        "safety's floor from then on | who is watched | denied ÷ entitled | hungry days | "
        f"days to the alarm: median | 90 % | none in 90 days | limit {CHARTS[0].limit}: median | 90 % | none in 90 days"
    )
    rows: list[list[str]] = []
    for one in delays:
        cells = [f"{one.floor} %" if one.floor != FLOOR else f"{FLOOR} %, as promised", one.who]
        cells += [part(one.starvation), part(one.hungry)]
        for number in (1, 0):
            cells += [_days(one.quantile(0.5, number)), _days(one.quantile(0.9, number)), part(one.missed(number))]
        rows.append(cells)
    return helios.table(head, rows)


def demo_table(seeds: Sequence[int]) -> str:
    """The demo's lab with the product first: when safety's alarm comes, and when its promises are lost and broken."""
    head = (
        f"seed | alarm of safety, day | limit {CHARTS[0].limit}: day | safety-20 past saving, day | broken, day | "
        "days from the alarm to past saving | to broken | first broken window of safety-28d, day | "
        "days from the alarm | alarms of safety as promised"
    )
    return helios.table(head, [demo_row(seed) for seed in seeds])


def demo_row(seed: int) -> list[str]:
    """One lab of the demo; days are counted from the start, and end at midnight."""
    workload, charter = lab(seed), loads(lab_charter())
    first, promised = simulate(workload, charter, policy="product-first", vs=["charter"], closes="day")
    days = hungry(needs_of(first.record)[TEAM])
    blind, alarm = (next(number + 1 for number in alarms(found, days)) for found in CHARTS)
    broken = first.promises.filter(pl.col("verdict") == "broken").sort("to_s")
    quarter, rolling = (
        broken.filter(pl.col("promise") == name).row(0, named=True) for name in ("safety-20", "safety-28d")
    )
    lost, ends, breaks = (round(at_s / DAY_S) for at_s in (quarter["lost_s"], quarter["to_s"], rolling["to_s"]))
    assert round(_of_team(first, TEAM)["first_alarm_s"] / DAY_S) == alarm, "the table of warnings says another day"
    numbers = [seed, alarm, blind, lost, ends, lost - alarm, ends - alarm, breaks, breaks - alarm]
    return [*map(str, numbers), str(_of_team(promised, TEAM)["alarms"])]


def helios_table(runs: Sequence[Results]) -> str:
    """Who in Helios Earth is warned, beside what was recorded of it."""
    month = helios.recorded()
    off, on, none = runs
    head = (
        "cluster | minutes in which jobs wait | its GPUs used | lending off: denied ÷ entitled | hungry days | "
        f"alarm in May | limit {CHARTS[0].limit}: alarm in May | lending on: hungry days | floors off: hungry days"
    )
    own = needs_of(off.record)
    rows: list[list[str]] = []
    for n in helios.by_size(month):
        team = team_name(month.clusters[n])
        used = month.running[n].sum() / month.quota[n] / month.running.shape[1]
        cells = [month.clusters[n], part(float((month.pending[n] > 0).mean())), part(float(used))]
        cells += [part(float(sum(own[team], Need()).starvation or 0)), _counted(off, team)]
        for found in CHARTS[::-1]:
            told = alarms(found, hungry(own[team]))
            cells.append(str(told[0] + 1) if told else "–")
        rows.append([*cells, _counted(on, team), _counted(none, team)])
    return helios.table(head, rows)


def _of_team(run: Results, team: str) -> dict[str, Any]:
    return run.warnings.row(by_predicate=pl.col("team") == team, named=True)


def _counted(run: Results, team: str) -> str:
    row = _of_team(run, team)
    return f"{row['days_starved']} of {row['days_asked']}"


def poisson_interval(count: int, *, outside: float = 0.05) -> tuple[float, float]:
    """Return the exact interval of Garwood (1936) for the mean of a Poisson count, by bisection."""

    def up_to(mean: float, most: int) -> float:
        return math.fsum(math.exp(n * math.log(mean) - mean - math.lgamma(n + 1)) for n in range(most + 1))

    def solved(most: int, chance: float) -> float:
        low, high = 1e-9, 10.0 + 3.0 * count
        for _ in range(50):
            middle = (low + high) / 2
            low, high = (middle, high) if up_to(middle, most) > chance else (low, middle)
        return high

    lower = solved(count - 1, 1 - outside / 2) if count else 0.0
    return lower, solved(count, outside / 2)


def _sum(name: str, several: Sequence[Rates]) -> Rates:
    told = tuple(sum(one.alarms[number] for one in several) for number in range(len(CHARTS)))
    sums = (sum(one.days for one in several), sum(one.hungry for one in several), sum(one.followed for one in several))
    return Rates(name, *sums, told)


def _rate_row(one: Rates) -> list[str]:
    cells = [
        one.name,
        f"{one.years:,.0f}",
        part(one.hungry / max(1, one.days)),
        part(one.followed / max(1, one.hungry)),
    ]
    for number in range(len(CHARTS)):
        found, low, high = one.per_ten_years(number)
        cells += [f"{found:.2f}", f"{low:.2f} – {high:.2f}"]
    return cells


def _days(count: float) -> str:
    return "–" if math.isinf(count) else f"{count:.0f}"


if __name__ == "__main__":
    main()
