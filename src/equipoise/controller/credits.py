"""What grants of credits have left: a job that names a grant is taken in only while there is something to spend.

Spent is the work of the jobs that ended; for one that has not, its gang times its declared walltime is set aside.
"""

from __future__ import annotations

from collections import defaultdict

from equipoise.errors import InputError
from equipoise.policy.growing import GrowingCore
from equipoise.policy.kernel import layout as k
from equipoise.units import HOUR_MS, shown
from equipoise.workload.roll import Asked

_UNDER_WAY = (k.FUTURE, k.DEPENDENT, k.PENDING, k.CLAIMED, k.RUNNING)


class Credits:
    """Grants, and which jobs name them.

    Parameters
    ----------
    core : GrowingCore
    """

    def __init__(self, core: GrowingCore) -> None:
        self._core = core
        self._jobs: defaultdict[str, list[int]] = defaultdict(list)
        for job, name in enumerate(core.workload().jobs.request or ()):
            self.name(job, name)

    def name(self, job: int, request: str) -> None:
        """Note that a job spends a grant (empty: none by name)."""
        if request:
            self._jobs[request].append(job)

    def check_answer(self, request: str, granted_gpu_ms: int, reason: str) -> None:
        """Refuse an answer that takes something away without a reason: ``InputError`` R117."""
        asked = self._core.workload().requests
        if (
            request in asked.name
            and granted_gpu_ms < int(asked.amount_gpu_ms[asked.name.index(request)])
            and not reason.strip()
        ):
            raise InputError("R117", f"request {shown(request)} is cut or refused without a reason", hint="say why")

    def left_gpu_ms(self, request: str) -> int:
        """Return what a grant has left.

        Raises
        ------
        InputError
            R112 for a request that is not there, is open, or was refused.
        """
        asked = self._core.workload().requests
        row = asked.name.index(request) if request in asked.name else -1
        granted = int(asked.granted_gpu_ms[row]) if row >= 0 else -1
        if granted <= 0:
            raise InputError(
                "R112", f"there is no grant {shown(request)}", hint="a request is spent once it is granted"
            )
        return granted - sum(self._spent(job) for job in self._jobs[request])

    def check(self, job: Asked, at_ms: int) -> None:
        """Refuse a job that names a grant of another team or pool, one that is not open now, or one that has too little left.

        Raises
        ------
        InputError
            R112 for no such grant, R113 where it is spent, R114 where it is another's or not open.
        """
        left = self.left_gpu_ms(job.request)
        workload = self._core.workload()
        asked = workload.requests
        row = asked.name.index(job.request)
        pool = job.pool or workload.pools[0]
        if (workload.teams[int(asked.team[row])], workload.pools[int(asked.pool[row])]) != (job.team, pool):
            raise InputError(
                "R114",
                f"grant {shown(job.request)} is not of {job.team} in {pool}",
                hint="a grant is spent by its team",
            )
        if not int(asked.begin_ms[row]) <= at_ms < int(asked.end_ms[row]):
            raise InputError(
                "R114", f"grant {shown(job.request)} is not open now", hint="it is open in its window only"
            )
        needs = max(1, job.gang * job.walltime_ms)
        if needs > left:
            said = f"grant {shown(job.request)} has {left / HOUR_MS:,.2f} GPU hours left, and the job may take {needs / HOUR_MS:,.2f}"
            raise InputError("R113", said, hint="declare a shorter walltime, or ask for more")

    def _spent(self, job: int) -> int:
        row = self._core.core.state.jobs[job]
        gang, done_ms = int(row["gang"]), int(row["done_ms"])
        if int(row["state"]) in _UNDER_WAY:
            done_ms = max(done_ms, int(self._core.roll.jobs(job, job + 1).walltime_ms[0]))
        return gang * done_ms
