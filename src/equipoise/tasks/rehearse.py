"""A charter or policy tried on the jobs that a ledger recorded: `rehearse` is the main path.

Only jobs that ended are taken, for only of those it is known how long they run. Work that was lost to reclaims is not part of that: a
job runs as long as it would have run undisturbed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Any, cast

import numpy as np

from equipoise.audit import Book, audit
from equipoise.charter.model import Charter
from equipoise.charter_io import loads
from equipoise.errors import InputError, VerificationError
from equipoise.policy.kernel.layout import DONE
from equipoise.simulator.record import Record
from equipoise.simulator.results import Results
from equipoise.store import StoredLedger
from equipoise.tasks.plan import Proposal, replay_both
from equipoise.tasks.simulate import Watch, simulate
from equipoise.workload import Jobs, Workload

AT_ONCE = 16_384
_COLUMNS = ("submit_ms", "gang", "walltime_ms", "team", "pool", "user", "priority", "preemptible", "savepoint_ms")


@dataclass(frozen=True, slots=True, eq=False)
class Recorded:
    """The jobs of a ledger that ended, as a workload.

    Parameters
    ----------
    workload : Workload
    charter : Charter
        In force at the end.
    left_out : int
        Jobs that had not ended, or were refused or withdrawn.
    """

    workload: Workload
    charter: Charter
    left_out: int


def recorded_jobs(store: StoredLedger) -> Recorded:
    """Return the jobs of a ledger.

    Raises
    ------
    VerificationError
        V204 where the ledger's decisions do not follow from its events.
    InputError
        N167 where no job has ended yet.
    """
    book, entries = Book(), store.entries(0, store.size)
    while chunk := list(islice(entries, AT_ONCE)):
        book.read(chunk)
    found = audit(book)
    if found.findings:
        first = found.findings[0]
        raise VerificationError(first.code, f"the ledger does not hold: {first.required}", hint="`equipoise audit`")
    if found.record is None:
        raise InputError("N167", "no job has ended yet", hint="try again when some have")
    return _of(found.record)


def _of(record: Record) -> Recorded:
    jobs, asked = record.run.jobs, record.workload.jobs
    rows = np.flatnonzero((jobs["state"] == DONE) & (jobs["start_ms"] >= 0))
    if not len(rows):
        raise InputError("N167", "no job has ended yet", hint="try again when some have")
    place = np.full(len(asked) + 1, -1, np.int32)
    place[rows] = np.arange(len(rows), dtype=np.int32)
    kept = Jobs(
        **{name: getattr(asked, name)[rows] for name in _COLUMNS},
        duration_ms=jobs["done_ms"][rows] + jobs["end_ms"][rows] - jobs["start_ms"][rows],
        after=place[asked.after[rows]],
    )
    workload = Workload(
        kept, record.workload.teams, record.workload.pools, record.workload.users, origin_ms=record.workload.origin_ms
    )
    return Recorded(workload, record.charters[-1], len(asked) - len(rows))


def rehearse(
    recorded: Recorded,
    text: bytes | None,
    policy: str,
    *,
    progress: Watch | None = None,
    halt: Callable[[], bool] | None = None,
) -> dict[str, Any]:
    """Try a charter and a policy on recorded jobs, beside the charter in force.

    Parameters
    ----------
    recorded : Recorded
    text : bytes or None
        The charter that is tried; None: the one in force.
    policy : str
        What is executed of it, as of ``tasks.simulate``.
    progress, halt
        As of ``tasks.simulate``.

    Returns
    -------
    dict
        Plain values: of each team its figures before and after, of each run its promises.
    """

    def run(charter: Charter, vs: tuple[Any, ...]) -> Any:
        options = {"progress": progress, "halt": halt}
        return cast(Any, simulate)(recorded.workload, charter, vs=vs, **options)

    before = recorded.charter
    after = before if text is None else loads(text)
    if policy == "charter" and after.digest != before.digest:
        both = replay_both(Proposal(before, after, (), ()), run)
        runs, rows, one_measure = both.runs, both.rows(), both.one_measure
    else:
        found = simulate(recorded.workload, after, vs=(policy,), progress=progress, halt=halt)
        from equipoise.tasks.plan import Replayed

        runs = tuple(found)
        rows, one_measure = Replayed(runs, one_measure=True).rows(), True
    workload = recorded.workload
    return {
        "policies": [one.policy for one in runs],
        "one_measure": one_measure,
        "jobs": len(workload.jobs),
        "left_out": recorded.left_out,
        "from_ms": workload.origin_ms or 0,
        "to_ms": (workload.origin_ms or 0) + workload.asked_ms,
        "teams": rows,
        "notes": list(dict.fromkeys(note for one in runs for note in one.notes)),
        "promises": [_promises(one) for one in runs],
        "partial": any(one.partial for one in runs),
    }


def _promises(run: Results) -> dict[str, dict[str, int]]:
    """Return of each promise how many windows came to which verdict."""
    found: dict[str, dict[str, int]] = {}
    for row in run.promises.to_dicts():
        tally = found.setdefault(str(row["promise"]), {})
        verdict = str(row["verdict"])
        tally[verdict] = tally.get(verdict, 0) + 1
    return found
