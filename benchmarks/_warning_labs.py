"""Labs whose hungry days are known: left in peace, or with a floor that is cut on a certain day."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from equipoise.account import Chart, Need, alarms, hungry_days
from equipoise.charter.model import Charter
from equipoise.charter_io import loads
from equipoise.policy.plan import Plan, plan
from equipoise.policy.state import Options
from equipoise.simulator.record import Record
from equipoise.simulator.replay import NodeChange
from equipoise.simulator.run import simulate
from equipoise.simulator.warning_frame import ABOVE, needs, whole_days
from equipoise.tasks.dates import close_times
from equipoise.tasks.simulate import enforceable
from equipoise.units import DAY_MS
from equipoise.workload import Workload
from equipoise.workload.fleet import fleet
from equipoise.workload.synthetic import lab, lab_charter

GPUS, DAYS, CUT_DAY = 512, 180, 90
TEAM = "safety"
FLOOR, PRODUCT_FLOOR = 20, 35  # percent, by the charter of the lab
FLEET_LOADS = (0.75, 0.85, 0.95)
FLEET_JOBS, FLEET_NODES, FLEET_TEAMS = 450_000, 16, 16

Days = list[bool | None]


@dataclass(frozen=True)
class Watched:
    """One team's days: whether each was hungry (None: it asked for nothing), and how often its days usually are.

    ``usual`` is measured on other days than these.
    """

    team: str
    days: Days
    usual: float

    @property
    def asked(self) -> list[bool]:
        """The days that count."""
        return [day for day in self.days if day is not None]

    @property
    def hungry(self) -> int:
        """Number of hungry days."""
        return sum(self.asked)

    @property
    def followed(self) -> int:
        """Number of hungry days that another follows."""
        return sum(a and b for a, b in pairwise(self.asked))

    def alarms(self, chart: Chart) -> int:
        """Number of alarms of a chart."""
        return len(alarms(chart, self.days))


def synthetic(seed: int) -> Workload:
    """Return a lab in which the product begins to ask for more than twice as much on the day `CUT_DAY`."""
    return lab(seed, days=DAYS, gpus=GPUS)


def charter_of_lab(floor_e2: int = FLOOR) -> Charter:
    """Return the lab's charter without its promises; what safety's floor lacks of `FLOOR` percent the product has."""
    text = lab_charter(GPUS).partition("commitments:")[0]
    for name, was, now in ((TEAM, FLOOR, floor_e2), ("product", PRODUCT_FLOOR, PRODUCT_FLOOR + FLOOR - floor_e2)):
        text, times = re.subn(rf"(?m)^(  {name}:.*\n    floor: ){was}%", rf"\g<1>{now}%", text)
        assert times == 1, name
    return loads(text)


def planted(workload: Workload, floor_e2: int) -> Record:
    """Run a lab under its charter until `CUT_DAY`, and from then on with another floor of safety.

    Entitled and denied are by the charter all the time. Floors are written anew when nodes change, by the charter that
    the plan then has; so that day one node of each pool is told to be up, which it is.
    """
    charter = charter_of_lab()
    executed = replace(plan(charter), charter=charter_of_lab(floor_e2))
    told = [NodeChange(CUT_DAY * DAY_MS, pool.name, 0, "up") for pool in charter.pools]
    return ran(workload, charter, executed, nodes=told)


def ran(workload: Workload, charter: Charter, executed: Plan, *, nodes: Sequence[NodeChange] = ()) -> Record:
    """Run a workload as `tasks.simulate` does, with accounts closed at midnight."""
    reference, options = plan(charter), Options(enforce_walltime=enforceable(workload))
    closes = close_times(workload, charter.timezone, "day")()
    run = simulate(workload, charter, executed, reference=reference, options=options, nodes=nodes, closes_ms=closes)
    return Record(run, workload, charter, executed, reference, options=options)


def needs_of(record: Record) -> dict[str, list[Need]]:
    """Return what every team was entitled to and denied, day by day."""
    edges = whole_days(record)
    lines = record.reference.lines
    return {lines[n].path: needs(record, n, edges) for n in range(1, len(lines))}


def hungry(days: list[Need]) -> Days:
    """Return which days are hungry, as the simulator counts them."""
    return hungry_days(days, above=ABOVE)


def quiet_labs(records: Sequence[dict[str, list[Need]]]) -> list[list[Watched]]:
    """Return every team of every lab until the day before `CUT_DAY`; its usual rate is that in the other labs."""
    days = [{team: hungry(own[:CUT_DAY]) for team, own in record.items()} for record in records]
    return [
        [Watched(team, own, _rate(other[team] for other in days if other is not one)) for team, own in one.items()]
        for one in days
    ]


def quiet_fleets(seed: int, policy: str, shares: Sequence[float] = FLEET_LOADS) -> Iterator[list[Watched]]:
    """Return every team of fleets at several loads, in two halves; each has its usual rate from the other."""
    for load in shares:
        workload, text = fleet(FLEET_JOBS, nodes=FLEET_NODES, teams=FLEET_TEAMS, seed=seed, load=load)
        charter = loads(text)
        found: list[Watched] = []
        for team, own in needs_of(ran(workload, charter, plan(charter, policy))).items():
            days = hungry(own)
            halves = days[: len(days) // 2], days[len(days) // 2 :]
            found += [Watched(team, half, _rate([other])) for half, other in (halves, halves[::-1])]
        yield found


def _rate(several: Iterator[Days] | list[Days]) -> float:
    asked = [day for days in several for day in days if day is not None]
    return sum(asked) / max(1, len(asked))
