"""What grants of credits have left: a job that names a grant is taken in only while there is something to spend.

A job spends once it is over (`simulator.crediting`). Until then its gang times its declared walltime is set aside, and what it held so
far where that is more. A job that declared none runs on what is left; when that is used up its owner is told, and nothing stops it: no
rule of a charter says so.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

from equipoise.account.grants import Grant
from equipoise.controller.notices import Notice, Told
from equipoise.errors import InputError
from equipoise.policy.growing import GrowingCore
from equipoise.simulator.chronicle import Chronicle, Values
from equipoise.simulator.crediting import Spender
from equipoise.units import HOUR_MS, shown
from equipoise.workload.roll import Asked, Request

NEARLY = 0.9
"""What part of a grant is used when its owner is told."""
LOOK_EVERY_MS = 1_000


@dataclass(frozen=True, slots=True)
class RequestRecord:
    """A request for credits with what became of it, in GPU-milliseconds.

    Parameters
    ----------
    request : Request
        Of what a transfer opened, what would have been asked for: ``granted_gpu_ms`` is 0, for nobody granted it.
    left_gpu_ms : int
        To be spent by further jobs: without what is set aside for jobs under way. 0 once it expired.
    spent_gpu_ms, received_gpu_ms, given_gpu_ms, expired_gpu_ms : int
    set_aside_gpu_ms : int
        For jobs under way.
    is_over : bool
        Whether its window has ended.
    lender : str
        The grant whose transfer opened it; empty: it was asked for.
    """

    request: Request
    left_gpu_ms: int = 0
    spent_gpu_ms: int = 0
    received_gpu_ms: int = 0
    given_gpu_ms: int = 0
    expired_gpu_ms: int = 0
    set_aside_gpu_ms: int = 0
    is_over: bool = False
    lender: str = ""


class Credits:
    """Grants as the controller sees them.

    Parameters
    ----------
    chronicle : Chronicle
    owner : callable
        From a job to its owner.
    now_ms : callable
        Event time.
    """

    def __init__(self, chronicle: Chronicle, owner: Callable[[int], str], now_ms: Callable[[], int]) -> None:
        self._chronicle = chronicle
        self._now_ms = now_ms
        self._owner = owner
        self._aside: dict[str, int] = {}
        self._look_ms = 0
        self._told: set[tuple[str, Told]] = set()

    def check_answer(self, request: str, granted_gpu_ms: int, reason: str) -> None:
        """Refuse an answer that takes something away without a reason: ``InputError`` R117."""
        for one in self._core.roll.asked:
            if one.name == request and granted_gpu_ms < one.amount_gpu_ms and not reason.strip():
                raise InputError("R117", f"request {shown(request)} is cut or refused without a reason", hint="say why")

    def left_gpu_ms(self, request: str, at_ms: int | None = None) -> int:
        """Return what a grant has left for further jobs.

        Raises
        ------
        InputError
            R112 for a request that is not there, is open, or was refused.
        """
        grant = self._grant(request)
        if grant.is_over:
            return 0
        return max(0, grant.left_gpu_ms - self._set_aside(request, self._now_ms() if at_ms is None else at_ms))

    def records(self) -> list[RequestRecord]:
        """Return all requests in the order in which they came, then what transfers opened."""
        at_ms, grants = self._now_ms(), self._chronicle.credits.grants
        found = [self._record(one, grants.get(one.name), at_ms) for one in self._core.roll.asked]
        return found + [self._record(_as_request(one), one, at_ms) for one in grants if one.lender]

    def begin(self) -> None:
        """Begin a pass: what is set aside by then is found anew, and grows with each job that is taken in."""
        self._aside.clear()

    def check(self, job: Asked, at_ms: int) -> None:
        """Refuse a job that names a grant of another team or pool, one that is not open now, or one that has too little left.

        What it may take is set aside for it among those of this pass.

        Raises
        ------
        InputError
            R112 for no such grant, R113 where it is spent, R114 where it is another's or not open.
        """
        at_ms = max(at_ms, self._core.now_ms)
        grant = self._grant(job.request)
        pool = job.pool or self._core.layout.pools[0].name
        if (grant.team, grant.pool) != (job.team, pool):
            raise InputError(
                "R114",
                f"grant {shown(job.request)} is not of {job.team} in {pool}",
                hint="a grant is spent by its team",
            )
        if not grant.is_open(at_ms):
            raise InputError(
                "R114", f"grant {shown(job.request)} is not open now", hint="it is open in its window only"
            )
        if job.request not in self._aside:
            self._aside[job.request] = self._set_aside(job.request, at_ms)
        left = grant.left_gpu_ms - self._aside[job.request]
        needs = job.gang * job.walltime_ms
        if max(1, needs) > left:
            said = f"grant {shown(job.request)} has {_hours(max(0, left))} left, and the job may take " + (
                _hours(needs) if needs else "more"
            )
            raise InputError("R113", said, hint="declare a shorter walltime, or ask for more")
        self._aside[job.request] += needs

    def transfer(
        self, name: str, to: str, gpu_ms: int, *, at_ms: int, reason: str, by: str
    ) -> tuple[list[Values], str]:
        """Move what a grant has left to another grant, or to a new one of a team; returns the entries, and which grant has it then.

        Raises
        ------
        InputError
            R112 for no such grant, R150 without a reason or a person, R151 for what is set aside for jobs, and as `Chronicle.transfer`.
        """
        if not reason.strip() or not by.strip():
            raise InputError(
                "R150", f"a transfer from grant {shown(name)} without a reason, or by nobody", hint="say why, and who"
            )
        left = self.left_gpu_ms(name, at_ms)
        if gpu_ms > left:
            raise InputError(
                "R151",
                f"grant {shown(name)} has {_hours(left)} left beside what is set aside for its jobs, not {_hours(gpu_ms)}",
                hint="give what is left, or wait for its jobs to end",
            )
        grants = self._chronicle.credits.grants
        is_grant = grants.get(to) is not None
        receiver, team = (to, "") if is_grant else (self._free_name(name), to)
        return self._chronicle.transfer(name, receiver, gpu_ms, at_ms=at_ms, reason=reason, by=by, team=team), receiver

    def notices(self, at_ms: int) -> list[Notice]:
        """Return what owners of jobs are to be told: that a grant is nearly used, is used up while a job runs on it, or has ended."""
        if at_ms < self._look_ms:
            return []
        self._look_ms = at_ms + LOOK_EVERY_MS
        found: list[Notice] = []
        running: dict[str, list[tuple[int, Spender]]] = {}
        for job, one in self._chronicle.credits.spenders.items():
            running.setdefault(one.grant, []).append((job, one))
        for name, jobs in running.items():
            grant = self._chronicle.credits.grants.get(name)
            for kind, text in [] if grant is None else self._due(grant, jobs, at_ms):
                if (name, kind) not in self._told:
                    self._told.add((name, kind))
                    owners = {self._owner(job): job for job, _ in reversed(jobs)}
                    found += [Notice(job, owner, kind, text, at_ms) for owner, job in owners.items()]
        return found

    def _due(self, grant: Grant, jobs: list[tuple[int, Spender]], at_ms: int) -> list[tuple[Told, str]]:
        had = grant.granted_gpu_ms + grant.received_gpu_ms - grant.given_gpu_ms
        used = grant.spent_gpu_ms + sum(self._worked(job, one, at_ms) for job, one in jobs)
        said = f"{_hours(used)} of {_hours(had)}"
        found: list[tuple[Told, str]] = []
        if used >= NEARLY * had:
            found.append((Told.NEARLY_SPENT, f"Grant {shown(grant.name)} is nearly used: {said}."))
        if used >= had:
            found.append(
                (Told.SPENT, f"Grant {shown(grant.name)} is used up: {said}. Its jobs go on as other work of the team.")
            )
        if grant.is_over:
            found.append(
                (Told.EXPIRED, f"Grant {shown(grant.name)} has ended; {_hours(grant.expired_gpu_ms)} of it lapsed.")
            )
        return found

    def _record(self, request: Request, grant: Grant | None, at_ms: int) -> RequestRecord:
        if grant is None:
            return RequestRecord(request)
        return RequestRecord(
            request,
            0 if grant.is_over else max(0, grant.left_gpu_ms - self._set_aside(grant.name, at_ms)),
            grant.spent_gpu_ms,
            grant.received_gpu_ms,
            grant.given_gpu_ms,
            grant.expired_gpu_ms,
            self._set_aside(grant.name, at_ms),
            at_ms >= grant.due_ms,
            grant.lender,
        )

    def _grant(self, name: str) -> Grant:
        grant = self._chronicle.credits.grants.get(name)
        if grant is None or grant.granted_gpu_ms + grant.received_gpu_ms <= 0:
            raise InputError("R112", f"there is no grant {shown(name)}", hint="a request is spent once it is granted")
        return grant

    def _set_aside(self, name: str, at_ms: int) -> int:
        jobs = self._chronicle.credits.under_way(name)
        return sum(max(one.set_aside_gpu_ms, self._worked(job, one, at_ms)) for job, one in jobs)

    def _worked(self, job: int, one: Spender, at_ms: int) -> int:
        if one.held_ms == 0 and one.since_ms is None:
            return 0
        return one.held_gpu_ms(at_ms) - int(self._core.core.state.jobs["lost"][job])

    def _free_name(self, name: str) -> str:
        """Return a name for what a transfer opens that no request has."""
        names = {one.name for one in self._core.roll.asked} | {one.name for one in self._chronicle.credits.grants}
        n = 1
        while f"{name}-{n}" in names:
            n += 1
        return f"{name}-{n}"

    @property
    def _core(self) -> GrowingCore:
        return self._chronicle.core


def _as_request(grant: Grant) -> Request:
    asked = Request(
        grant.name, grant.team, grant.pool, grant.received_gpu_ms, grant.since_ms, grant.begin_ms, grant.end_ms
    )
    return replace(asked, answered_ms=grant.since_ms, granted_gpu_ms=0, purpose=f"transferred from {grant.lender}")


def _hours(gpu_ms: int) -> str:
    return f"{gpu_ms / HOUR_MS:,.2f} GPU hours"
