"""Decisions in words, with the names that people gave."""

from __future__ import annotations

from typing import Any

from equipoise.policy.kernel import layout as k
from equipoise.policy.passage import DECISION_WORDS
from equipoise.policy.state import Layout
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
