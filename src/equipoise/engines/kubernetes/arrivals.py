"""What users hand in: suspended Jobs with a team, alone or as a gang of several Jobs, read into what arrives."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from equipoise import units
from equipoise.charter.model import Pool
from equipoise.engines.kubernetes import names
from equipoise.engines.kubernetes.objects import Job
from equipoise.engines.kubernetes.placement import gang_size
from equipoise.engines.protocol import Arrived
from equipoise.errors import InputError

Key = tuple[str, str, str]
"""Namespace, ``gang`` or ``job``, and the gang's name or the Job's uid."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why what a user handed in cannot be admitted as it is written, said to the user."""

    text: str


def key_of(job: Job) -> Key | None:
    """Return what a Job belongs to; None if no user handed it in."""
    if job.made or not job.labels.get(names.TEAM):
        return None
    gang = job.labels.get(names.GANG, "")
    return (job.namespace, "gang", gang) if gang else (job.namespace, "job", job.uid)


def origin_of(jobs: Sequence[Job]) -> str:
    """Return the name by which the controller knows it: namespace, name, and the uid of the first Job by name."""
    first = min(jobs, key=lambda job: job.name)
    return f"{first.namespace}/{first.labels.get(names.GANG) or first.name}@{first.uid}"


def size_of(job: Job) -> int | None:
    """Return of how many Jobs its gang is; None where that is no number."""
    if job.made:
        text = job.labels[names.MADE]
    else:
        text = _word(job, names.GANG_SIZE) if names.GANG in job.labels else "1"
    return int(text) if text.isdecimal() and int(text) > 0 else None


def read_arrival(
    jobs: Sequence[Job], pools: Mapping[str, Pool], origin_named: Callable[[str, str], str]
) -> Arrived | Problem | None:
    """Read what a user handed in; None while Jobs of the gang are missing.

    Parameters
    ----------
    jobs : sequence of Job
        Of one key.
    pools : mapping of str to Pool
    origin_named : callable
        From namespace and name of a Job or gang to its origin; empty if there is none that has not ended.
    """
    first = min(jobs, key=lambda job: job.name)
    size = size_of(first)
    if size is None or any(size_of(job) != size for job in jobs):
        return Problem(f"{names.GANG_SIZE} must be the number of Jobs of the gang, the same on each")
    if len(jobs) < size:
        return None
    if len(jobs) > size:
        return Problem(f"the gang has {len(jobs)} Jobs, {names.GANG_SIZE} says {size}")
    return _read(first, jobs, pools, origin_named)


def _read(
    first: Job, jobs: Sequence[Job], pools: Mapping[str, Pool], origin_named: Callable[[str, str], str]
) -> Arrived | Problem:
    pool = pools.get(_word(first, names.POOL) or (next(iter(pools)) if len(pools) == 1 else ""))
    if pool is None:
        return Problem(f"{names.POOL} must be one of {', '.join(pools)}")
    if len({(job.labels[names.TEAM], _word(job, names.POOL)) for job in jobs}) > 1:
        return Problem("all Jobs of a gang need the same team and pool")
    if any(job.devices == 0 or job.pods == 0 for job in jobs):
        return Problem("every Job needs pods that ask for accelerators")
    try:
        priority = int(_word(first, names.PRIORITY) or 0)
        walltime_ms = _duration_ms(first, names.WALLTIME) or max(job.walltime_s for job in jobs) * 1000
        savepoint_ms = _duration_ms(first, names.SAVEPOINT)
    except (ValueError, InputError):
        return Problem(f"{names.PRIORITY} is a whole number, {names.WALLTIME} and {names.SAVEPOINT} durations like 6h")
    after = _word(first, names.AFTER)
    return Arrived(
        origin=origin_of(jobs),
        name=_word(first, names.NAME) or first.labels.get(names.GANG) or first.name,
        team=first.labels[names.TEAM],
        user=_word(first, names.USER) or first.namespace,
        pool=pool.name,
        gang=gang_size(jobs, pool.gpus_per_node),
        walltime_ms=walltime_ms,
        priority=priority,
        savepoint_ms=savepoint_ms,
        preemptible=_word(first, names.PREEMPTIBLE) != "false",
        after=origin_named(first.namespace, after) if after else "",
    )


def _word(job: Job, name: str) -> str:
    return job.notes.get(name) or job.labels.get(name, "")


def _duration_ms(job: Job, name: str) -> int:
    text = _word(job, name)
    return units.duration_ms(text) if text else 0
