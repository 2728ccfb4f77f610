"""From the machine to the lab: what a replay measured of the teams at the top, and the charter by which the lab goes on.

A charter divides pools, and the outlook the whole lab: floors, limits and promises are added up over the pools, each device by its `heh`,
in whole millionths, rounded down. Teams below those at the top do not appear; what they ask for is asked for by the team above them.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from equipoise.charter.model import Charter, Pool, Share, Team
from equipoise.charter.promise import Commitment
from equipoise.errors import InputError
from equipoise.outlook.labs import POOL, WHOLE
from equipoise.policy.kernel.layout import REFUSED
from equipoise.policy.plan import Line, Plan
from equipoise.simulator.promise_frame import windows_by
from equipoise.simulator.record import ENTITLED, Record
from equipoise.simulator.results import Results
from equipoise.units import DAY_MS, HOUR_MS

LATEST_MS = 30 * DAY_MS
"""What teams ask for is measured over so much of the replay's end: there the lab goes on."""

F64 = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Measured:
    """What a replay says of a team at the top.

    Parameters
    ----------
    team : str
    asks : float
        Part of the lab's compute that it asked for in the last 30 days of the log: work submitted, services, requests not granted.
    entitled_gpu_h, denied_gpu_h : float
        Over the account.
    refused_gpu_h : float
        Requests cut or refused, as far as the team's floor was not asked for by other work: they count as denied, once.
    judged, broken : int
        Its promises with a verdict, and of those the ones whose latest verdict is that it was broken.
    """

    team: str
    asks: float
    entitled_gpu_h: float
    denied_gpu_h: float
    refused_gpu_h: float
    judged: int
    broken: int

    @property
    def starved(self) -> float:
        """Denied ÷ entitled, with what was refused in both."""
        entitled = self.entitled_gpu_h + self.refused_gpu_h
        return (self.denied_gpu_h + self.refused_gpu_h) / entitled if entitled > 0 else 0.0

    @property
    def breach(self) -> float:
        """The part of its promises that were broken last."""
        return self.broken / self.judged if self.judged else 0.0


def measured(run: Results, *, until_ms: int) -> tuple[Measured, ...]:
    """Return what a replay says of each team at the top, by name, up to the end of its account."""
    record = run.record
    account = {row["team"]: row for row in run.account(until_s=until_ms / 1000).to_dicts()}
    latest_ms = min(until_ms, record.workload.asked_ms + 1)  # the last submission is in
    asked = asks(record, max(0, latest_ms - LATEST_MS), latest_ms)
    refused = _refused_gpu_h(record, until_ms)
    found: list[Measured] = []
    for number, line in enumerate(record.reference.lines):
        if line.parent != 0:
            continue
        row = account[line.path]
        judged, broken = _verdicts(run, line.path, latest_ms)
        found.append(
            Measured(
                line.path, float(asked[number]), row["entitled_gpu_h"], row["denied_gpu_h"], float(refused[number]),
                judged, broken,
            )
        )  # fmt: skip
    return tuple(sorted(found, key=lambda one: one.team))


def asks(record: Record, from_ms: int, until_ms: int) -> F64:
    """Return by line what part of the lab's compute was asked for in a span; no policy changes it, and none is above 1.

    Work counts when it is submitted, a request that was cut or refused when it was to begin. Jobs that are never to run do not count.
    """
    workload, jobs, charter = record.workload, record.run.jobs, record.charter
    work = jobs["gang"].astype(np.int64) * jobs["duration_ms"].astype(np.int64)
    submit = workload.jobs.submit_ms
    inside = (submit >= from_ms) & (submit < until_ms) & (jobs["state"] != REFUSED)
    total = np.zeros(record.count)
    for number, pool in enumerate(charter.pools):
        own = record.total(np.where(inside & (record.pool == number), work, 0))
        for service in workload.services:
            if _pool(record, service.pool) == number:
                begins = np.clip(service.at_ms, from_ms, until_ms)
                spans = np.diff(begins, append=until_ms)
                own = own + _above(record, service.team, int((spans * service.replicas).sum()) * service.gang)
        requests = workload.requests
        begun = (requests.begin_ms >= from_ms) & (requests.begin_ms < until_ms)
        for row in np.flatnonzero(begun & _not_granted(record)).tolist():
            if _pool(record, int(requests.pool[row])) == number:
                missing = int(requests.amount_gpu_ms[row] - requests.granted_gpu_ms[row])
                own = own + _above(record, int(requests.team[row]), missing)
        total = total + own * float(pool.heh)
    capacity = float(sum(pool.heh * pool.capacity for pool in charter.pools)) * max(1, until_ms - from_ms)
    return np.minimum(total / capacity, 1.0)


def course(plan: Plan, charter: Charter) -> Charter:
    """Return the teams at the top of a charter, as a plan of it divides the whole lab, with its promises of hours.

    A team that goes before its siblings is one whose floor is its limit.

    Raises
    ------
    InputError
        N122 for a policy that knows no shares: nothing says what a team would have next year.
    """
    if plan.one_queue:
        raise InputError(
            "N122", f"'{plan.name}' divides by no shares, so it says nothing of the lab in years",
            hint="an outlook follows a charter, no-floors, fair-tree or product-first",
        )  # fmt: skip
    teams = [_team(line, charter) for line in plan.lines if line.parent == 0]
    promised = [_promised(one, charter) for one in charter.commitments if carried(one)]
    return Charter(
        charter.lab, (Pool(POOL, "part", WHOLE, 1),), tuple(sorted(teams, key=lambda team: team.path)),
        commitments=tuple(promised),
    )  # fmt: skip


def carried(promise: Commitment) -> bool:
    """Whether a promise is also judged in the months to come: of hours, to a team at the top."""
    return promise.at_least is not None and "." not in promise.team


def _team(line: Line, charter: Charter) -> Team:
    floor, limit, reserve = (_part([getattr(quota, field) for quota in line.quotas], charter) for field in _QUOTA)
    if line.leading:
        floor = limit
    lend = 1 - reserve / floor if floor and not line.leading else Fraction(1)
    return Team(
        line.path, line.path, None, {POOL: Share(fraction=min(floor, limit))}, {POOL: Share(fraction=limit)},
        line.weight_e4, lend,
    )  # fmt: skip


_QUOTA = ("floor", "limit", "reserve")


def _part(gpus: Sequence[int], charter: Charter) -> Fraction:
    """Return devices of each pool as a part of the lab, in whole millionths."""
    held = sum((number * pool.heh for number, pool in zip(gpus, charter.pools, strict=True)), Fraction(0))
    whole = sum((pool.capacity * pool.heh for pool in charter.pools), Fraction(0))
    return Fraction(held / whole * WHOLE // 1, WHOLE)


def _promised(promise: Commitment, charter: Charter) -> Commitment:
    assert promise.at_least is not None
    part = _part([pool.capacity if pool.name in promise.pools else 0 for pool in charter.pools], charter)
    return replace(promise, pools=(POOL,), at_least=promise.at_least * part)


def _refused_gpu_h(record: Record, until_ms: int) -> F64:
    """Return by line the requests not granted that would have been entitled to their amount, whatever the others asked.

    That is certain within the floor: between two closes and in one pool, as far as the team's floor was not asked for by other work. A
    request is spread evenly over its window.
    """
    count = int(np.searchsorted(record.run.closes_ms, until_ms, side="right"))
    ends = record.run.closes_ms[:count].astype(np.int64)
    begins = np.concatenate([[0], ends[:-1]]).astype(np.int64)
    requests, total = record.workload.requests, np.zeros(record.count)
    rows = np.flatnonzero(_not_granted(record)).tolist()
    for number in range(len(record.charter.pools)):
        floors = np.array([line.quotas[number].floor for line in record.reference.lines])
        entitled = np.diff(record.accounts[:count, number, :, ENTITLED], axis=0, prepend=0)
        refused = np.zeros((count, record.count))
        for row in rows:
            if _pool(record, int(requests.pool[row])) == number:
                begin, end = int(requests.begin_ms[row]), int(requests.end_ms[row])
                inside = np.maximum(0, np.minimum(ends, end) - np.maximum(begins, begin)) / (end - begin)
                amount = int(requests.amount_gpu_ms[row] - requests.granted_gpu_ms[row])
                refused += np.outer(inside, _above(record, int(requests.team[row]), amount))
        free = np.outer(ends - begins, floors) - entitled
        total = total + np.minimum(refused, np.maximum(0, free)).sum(axis=0)
    return total / HOUR_MS


def _not_granted(record: Record) -> NDArray[np.bool_]:
    requests = record.workload.requests
    return (requests.granted_gpu_ms >= 0) & (requests.granted_gpu_ms < requests.amount_gpu_ms)


def _above(record: Record, team: int, amount: int) -> NDArray[np.int64]:
    """Return an amount of a team of the workload, by line: its own and those above it."""
    own = np.zeros(record.count, np.int64)
    own[record.reference.line_of(record.workload.teams[team])] = amount
    return record.rolled_up(own)


def _pool(record: Record, pool: int) -> int:
    """Return a pool of the workload as a place in the charter's pools; the empty name is the only one."""
    name = record.workload.pools[pool]
    return [each.name for each in record.charter.pools].index(name) if name else 0


def _verdicts(run: Results, team: str, until_ms: int) -> tuple[int, int]:
    """Return how many promises to a team, or to those below it, have a verdict by then, and how many were broken last."""
    latest: dict[str, str] = {}
    for row in sorted(windows_by(run.promises, until_ms), key=lambda row: float(row["to_s"])):
        mine = row["team"] == team or row["team"].startswith(f"{team}.")
        if mine and row["verdict"] != "undecided":
            latest[row["promise"]] = row["verdict"]
    return len(latest), sum(verdict == "broken" for verdict in latest.values())
