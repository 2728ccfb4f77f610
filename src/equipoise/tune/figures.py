"""What a charter does with a log: promises kept, hours denied, product demand served, and departures to expect.

`Gauge` is the main path: it replays a workload under a charter and measures it by the present one, which is the same for all,
so that no charter looks better by promising less.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

from equipoise.account import Answer, Span
from equipoise.charter.model import Charter
from equipoise.people.hazard import Coefficients, Standing, chance_of_loss, fit
from equipoise.policy.plan import Plan, plan
from equipoise.policy.state import Options
from equipoise.simulator.accounts import account_frame, services_frame
from equipoise.simulator.days import midnights
from equipoise.simulator.record import Record
from equipoise.simulator.replay import NodeChange
from equipoise.simulator.run import simulate
from equipoise.simulator.starts import starts_seen
from equipoise.simulator.verdicts import windows_seen
from equipoise.workload.model import Workload

DRAWS, SEED = 2_000, 1
"""Of the hazard's coefficients. The same for all charters, so that a difference is never luck."""
MONTHS = 6


@dataclass(frozen=True, slots=True)
class Case:
    """A log and by what it is measured; it can be sent to other processes.

    Parameters
    ----------
    workload : Workload
    present : Charter
        The charter that everything is measured by.
    span_ms : int
        Accounts are up to here, and so are the windows of promises that count.
    research : tuple of str
        Teams whose denied hours count.
    product : tuple of str
        Teams whose demand is to be served.
    people : tuple of (str, int)
        How many people teams have, eight or more.
    options : Options
    nodes : tuple of NodeChange
    """

    workload: Workload
    present: Charter
    span_ms: int
    research: tuple[str, ...]
    product: tuple[str, ...] = ()
    people: tuple[tuple[str, int], ...] = ()
    options: Options = Options()  # noqa: RUF009 - frozen
    nodes: tuple[NodeChange, ...] = ()


@dataclass(frozen=True, slots=True)
class Figures:
    """What came of a charter.

    Parameters
    ----------
    promises : tuple of (str, int, int)
        Of each promise that had windows to judge: its name, how many were kept, of how many.
    denied_gpu_h, entitled_gpu_h : float
        Of the research teams.
    served_gpu_h, demanded_gpu_h : float
        Of the product's services, or of its jobs where it has no services.
    departures : tuple of (str, float, int, int)
        Of each team with people: how many leave within six months such as this log, the mean, 5 % and 95 %.
    """

    promises: tuple[tuple[str, int, int], ...]
    denied_gpu_h: float
    entitled_gpu_h: float
    served_gpu_h: float
    demanded_gpu_h: float
    departures: tuple[tuple[str, float, int, int], ...] = ()

    @property
    def kept(self) -> float | None:
        """Windows of promises that were kept, of those judged."""
        return self.windows_kept / self.windows if self.windows else None

    @property
    def windows(self) -> int:
        """How many windows of promises were judged."""
        return sum(windows for _, _, windows in self.promises)

    @property
    def windows_kept(self) -> int:
        """How many of them were kept."""
        return sum(kept for _, kept, _ in self.promises)

    @property
    def denied(self) -> float | None:
        """Denied of what the research teams were entitled to."""
        return self.denied_gpu_h / self.entitled_gpu_h if self.entitled_gpu_h else None

    @property
    def served(self) -> float | None:
        """Part of the product's demand that was served."""
        return self.served_gpu_h / self.demanded_gpu_h if self.demanded_gpu_h else None

    @property
    def leaving(self) -> float | None:
        """Departures to expect, all teams together."""
        return sum(mean for _, mean, _, _ in self.departures) if self.departures else None


class Gauge:
    """Measures charters on one case.

    Examples
    --------
    See `equipoise.tasks.tune`.
    """

    def __init__(self, case: Case) -> None:
        self.case = case
        self._reference = plan(case.present)

    def __call__(self, charter: Charter, *, halt: Callable[[], bool] | None = None) -> Figures | None:
        """Replay the case under a charter; None if it was halted."""
        record = self._replayed(charter, halt)
        return None if record is None else self.figures(record)

    def figures(self, record: Record) -> Figures:
        """Measure a run of the case."""
        promises = tuple(_judged(record, self.case.span_ms))
        accounts = {row["team"]: row for row in account_frame(record, Span(0, self.case.span_ms)).to_dicts()}
        served, demanded = self._served(record, accounts)
        return Figures(
            promises=promises,
            denied_gpu_h=sum(accounts[team]["denied_gpu_h"] for team in self.case.research),
            entitled_gpu_h=sum(accounts[team]["entitled_gpu_h"] for team in self.case.research),
            served_gpu_h=served,
            demanded_gpu_h=demanded,
            departures=tuple(
                [
                    self._leaving(team, people, accounts[team]["starvation"] or 0.0, promises)
                    for team, people in self.case.people
                ]
            ),
        )

    def _replayed(self, charter: Charter, halt: Callable[[], bool] | None) -> Record | None:
        case = self.case
        way: Plan = self._reference if charter == case.present else plan(charter)
        run = simulate(
            case.workload,
            charter,
            way,
            reference=self._reference,
            options=case.options,
            closes_ms=_closes(case),
            nodes=case.nodes,
            halt=halt,
        )
        if run.partial:
            return None
        return Record(run, case.workload, case.present, way, self._reference, bool(case.nodes), case.options)

    def _served(self, record: Record, accounts: dict[str, dict[str, float]]) -> tuple[float, float]:
        """Return what of the product's demand was served, and the demand."""
        of = self.case.product
        rows = [row for row in services_frame(record).to_dicts() if _within(row["team"], of)]
        if rows:
            met = sum(row["served_gpu_h"] + row["carried_gpu_h"] for row in rows)
            return met, sum(row["demanded_gpu_h"] for row in rows)
        return sum(accounts[team]["delivered_gpu_h"] for team in of), self._asked_gpu_h

    @cached_property
    def _asked_gpu_h(self) -> float:
        """What the jobs of the product ask for."""
        jobs, teams = self.case.workload.jobs, self.case.workload.teams
        whose = [number for number, team in enumerate(teams) if _within(team, self.case.product)]
        asked = [jobs.duration_ms[jobs.team == number] @ jobs.gang[jobs.team == number] for number in whose]
        return float(sum(asked)) / 3_600_000

    def _leaving(
        self, team: str, people: int, starved: float, promises: Sequence[tuple[str, int, int]]
    ) -> tuple[str, float, int, int]:
        own = {each.name for each in self.case.present.commitments if _related(each.team, team)}
        judged = [(kept, windows) for name, kept, windows in promises if name in own]
        windows = sum(windows for _, windows in judged)
        breach = 1 - sum(kept for kept, _ in judged) / windows if windows else 0.0
        return (team, *departures(self._hazard, team, people, starved=starved, breach=breach))

    @cached_property
    def _hazard(self) -> Coefficients:
        return fit().draws(DRAWS, SEED)


def departures(
    hazard: Coefficients, team: str, people: int, *, starved: float, breach: float
) -> tuple[float, int, int]:
    """Return how many of a team leave within six months if all stays as it is: the mean, 5 % and 95 %.

    The hazard is that of `equipoise.people.hazard`; more starvation or breach never makes fewer leave.

    Examples
    --------
    >>> hazard = fit().draws(2000, 1)
    >>> calm, starved = (departures(hazard, "safety", 60, starved=s, breach=0.0) for s in (0.0, 0.5))
    >>> 3 < calm[0] < starved[0] < 9
    True
    """
    standing = Standing(team, people, starved=starved, breach=breach, felt=starved)
    found = chance_of_loss(hazard, standing, seed=SEED)
    return found.mean, found.low, found.high


def _judged(record: Record, span_ms: int) -> Iterator[tuple[str, int, int]]:
    """Count the windows of each promise that ended within the span: how many were kept, and how many there were."""
    answers: dict[str, list[Answer]] = {}
    run, origin_ms = record.run, record.workload.origin_ms
    for window in windows_seen(run.promised, run.promises, origin_ms or 0):
        if window.span.to_ms <= span_ms and window.judgement is not None:
            answers.setdefault(window.promised.promise.name, []).append(window.judgement.verdict.answer)
    for window in starts_seen(record.charters, run, origin_ms, record.enact_ms):
        if window.span.to_ms <= span_ms:
            answers.setdefault(window.promise.name, []).append(window.verdict.answer)
    for name, found in answers.items():
        judged = [answer for answer in found if answer is not Answer.UNDECIDED]
        if judged:
            yield name, sum(answer is not Answer.BROKEN for answer in judged), len(judged)


def _closes(case: Case) -> Iterator[int]:
    """Every local midnight, and the end of the span."""
    midnight_after = midnights(case.present.timezone, case.workload.origin_ms)
    at_ms = 0
    while True:
        next_ms = midnight_after(at_ms)
        if at_ms < case.span_ms < next_ms:
            yield case.span_ms
        yield next_ms
        at_ms = next_ms


def _within(team: str, of: Sequence[str]) -> bool:
    """Whether a team is one of these or below one."""
    return any(team == top or team.startswith(f"{top}.") for top in of)


def _related(one: str, other: str) -> bool:
    """Whether one of two teams is the other or above it."""
    return _within(one, [other]) or _within(other, [one])
