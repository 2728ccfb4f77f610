"""Decisions in words, with the names that people gave."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from equipoise.audit.minutes import Minutes
from equipoise.charter.explanation import instant_text, listed
from equipoise.policy.kernel import layout as k
from equipoise.policy.passage import DECISION_WORDS
from equipoise.policy.state import Layout
from equipoise.units import shown
from equipoise.workload.model import Workload

_DONE = {
    k.START: "starts", k.CLAIM: "gets devices freed for it", k.WARN: "is warned", k.STOP: "is stopped",
    k.WITHDRAW: "has its warning withdrawn", k.REFUSE: "is refused", k.RELEASE: "no longer has devices freed for it",
    k.END: "ends", k.MARK: "is marked", k.LOST: "is lost",
}  # fmt: skip
assert _DONE.keys() == DECISION_WORDS.keys()


def decision_text(layout: Layout, workload: Workload, row: Any | None) -> str:
    """Say a decision: ``job 12 of safety.alignment (8 gpu of h100) starts``; "" for none."""
    if row is None:
        return ""
    return f"{job_text(layout, workload, int(row['job']))} {_DONE[int(row['kind'])]}"


def job_text(layout: Layout, workload: Workload, job: int) -> str:
    """Say which job, of whom, and what it asks for; of a service, which replica."""
    if not 0 <= job < len(layout.state.jobs):
        return f"job {job}, which does not exist,"
    record = layout.state.jobs[job]
    lines = len(layout.reference.lines)
    team, pool = layout.reference.lines[int(record["ref"]) % lines].path, layout.pools[int(record["ref"]) // lines].name
    return f"{_name(layout, workload, job)} of {team} ({int(record['gang'])} gpu of {pool})"


def _name(layout: Layout, workload: Workload, job: int) -> str:
    if job < layout.n_jobs:
        return f"job {job if workload.jobs.name is None else workload.jobs.name[job]}"
    service = int(layout.state.serves[job - layout.n_jobs])
    return f"replica {job} of {workload.services[service].name}"


def charter_notes(minutes: Minutes) -> Iterator[str]:
    """Say by whose leave charters came into force, and whose was not asked for."""
    changes = [force for force in minutes.forces if force.how not in ("founded", "announced")]
    if not minutes.asked:
        if changes:
            yield f"Charters changed {len(changes)} times, and nobody's signature was asked for: the ledger is of a simulation."
        return
    for force in changes:
        name, when = shown(force.digest, width=20), instant_text(minutes.origin_ms + force.at_ms)
        if force.how == "re-founded":
            yield f"Re-founded with {name} on {when}: no board signed, and every promise that ran then is broken."
        elif force.how == "amended":
            signed = listed([f"{seat.member} ({seat.board})" for seat in force.signed])
            yield f"Amended to {name} on {when}, " + (f"signed by {signed}." if signed else "signed by nobody.")
        else:
            yield f"Emergency: {name} in force on {when} ({force.how})."
    if minutes.docket is not None and minutes.docket.charter.amendments is None:
        yield "The charter in force names nobody who must sign: anyone who can run `equipoise apply` changes it."
