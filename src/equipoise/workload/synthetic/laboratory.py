"""The lab put together: streams of jobs and services become one workload, and the charter that belongs to it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from importlib.resources import files

import numpy as np

from equipoise.errors import InputError
from equipoise.workload.draws import I64, Draws
from equipoise.workload.model import Jobs, Workload
from equipoise.workload.synthetic import rhythm
from equipoise.workload.synthetic.asks import ASKS, GPUS, GPUS_PER_NODE, MINUTE_MS, SHORTS, USERS, capacities
from equipoise.workload.synthetic.jobs import Rows, great_runs, long_jobs, short_jobs
from equipoise.workload.synthetic.published import DECLARED, ESTIMATE_BADNESS, ESTIMATES_MIN, JOBS_PER_GPU_DAY
from equipoise.workload.synthetic.requests import requests
from equipoise.workload.synthetic.serving import services

PEOPLE = "people.yaml"
LEAST_GPUS = 512  # below, the smallest team's floor does not hold the jobs that cannot be stopped
CHARTER = "demo.yaml"


def lab(seed: int = 1, *, days: int = 90, gpus: int = GPUS, jobs_per_day: float | None = None) -> Workload:
    """Make what a frontier lab asks for, the same bits for the same arguments.

    Parameters
    ----------
    seed : int
    days : int
        1 or more; the code red begins half way. 90 days from time 0 are the first quarter of 2027.
    gpus : int
        Size of the lab, 512 or more. Everything scales: pools, shares, services, wide gangs, the number of jobs.
    jobs_per_day : float or None
        How many short jobs a day (evaluations, debugging, CI); default 0.3 for each accelerator. Their GPU-time is
        taken from their teams' long jobs, so the load stays what it is.

    Returns
    -------
    Workload
        Teams are the leaves of `lab_charter`; pools are ``eval``, ``flex`` and ``train``. A job's name is
        ``KIND-STREAM.GROUP.STEP``: one group is a batch, a chain or the tries of one person. Requests for credits come
        from exploration and safety.

    Raises
    ------
    InputError
        ``L102`` if the lab is too small or short; ``L103`` if the short jobs need more than their teams' share.

    Examples
    --------
    >>> workload = lab(days=2, gpus=512)
    >>> workload.pools, len(workload.jobs) > 300
    (('eval', 'flex', 'train'), True)
    """
    if days < 1 or gpus < LEAST_GPUS or (jobs_per_day is not None and jobs_per_day < 0):
        raise InputError(
            "L102",
            f"a lab of {gpus} GPUs over {days} days with {jobs_per_day} short jobs a day cannot be made",
            hint=f"ask for {LEAST_GPUS} GPUs and 1 day or more",
        )
    pools, teams = capacities(gpus), tuple(USERS)
    per_day = JOBS_PER_GPU_DAY * gpus if jobs_per_day is None else jobs_per_day
    streams = _streams(seed, days, gpus, pools, round(per_day * days))
    first_user = np.cumsum([0, *USERS.values()])
    jobs = _columns(streams, teams, list(pools), first_user, seed)
    return Workload(
        jobs=jobs,
        teams=teams,
        pools=tuple(pools),
        users=tuple(f"u{i}" for i in range(int(first_user[-1]))),
        services=services(seed, days, pools, teams),
        origin_ms=rhythm.ORIGIN_MS,
        requests=requests(
            seed, days, tuple(pools), teams, scale=gpus / GPUS, asked_until_ms=days * 24 * rhythm.HOUR_MS
        ),
    )


def lab_people() -> str:
    """Return the YAML of who works in the lab's teams, and among which rivals.

    Examples
    --------
    >>> "safety:" in lab_people()
    True
    """
    return files("equipoise.workload.synthetic").joinpath(PEOPLE).read_bytes().decode()


def lab_charter(gpus: int = GPUS) -> str:
    """Return the YAML of the lab's charter, ``demo``, for a lab of that size.

    The file beside this module is the charter of 4,096 accelerators; other sizes change its nodes and amounts only.

    Raises
    ------
    InputError
        ``L102`` if the lab is too small.

    Examples
    --------
    >>> "safety-20" in lab_charter()
    True
    """
    if gpus < LEAST_GPUS:
        raise InputError("L102", f"a lab of {gpus} GPUs cannot be made", hint=f"ask for {LEAST_GPUS} or more")
    text = files("equipoise.workload.synthetic").joinpath(CHARTER).read_bytes().decode()
    if gpus == GPUS:
        return text
    for pool, capacity in capacities(gpus).items():
        per_node = GPUS_PER_NODE[pool]
        expect = f"expect: {capacity // per_node} nodes of {per_node} gpu"
        text = re.sub(rf"(?m)^(  {pool}: .*)expect: \d+ nodes of \d+ gpu", rf"\g<1>{expect}", text)
    return re.sub(r"max_job: (\d+) gpu", lambda m: f"max_job: {max(8, int(m[1]) * gpus // GPUS // 8 * 8)} gpu", text)


def _streams(seed: int, days: int, gpus: int, pools: dict[str, int], n_short: int) -> list[Rows]:
    total = sum(short.weight for short in SHORTS)
    shorts: list[Rows] = []
    spent: dict[tuple[str, str], int] = {}
    for i, short in enumerate(SHORTS):
        rows = short_jobs(short, Draws(seed, stream=200 + i), days=days, n=n_short * short.weight // total)
        spent[short.team, short.pool] = rows.gpu_ms
        shorts.append(rows)
    longs: list[Rows] = []
    for i, ask in enumerate(ASKS):
        debt = spent.pop((ask.team, ask.pool), 0)
        if debt > pools[ask.pool] * ask.share_e3 * days * 24 * rhythm.HOUR_MS // 1000:
            raise InputError(
                "L103",
                f"{n_short} short jobs need more GPU-time of pool {ask.pool} than all of {ask.team} asks for",
                hint="ask for fewer jobs_per_day, or for a larger lab",
            )
        draws = Draws(seed, stream=100 + i)
        longs.append(long_jobs(ask, draws, days=days, pools=pools, gpus=gpus, spent_gpu_ms=debt))
    assert not spent, spent
    return [*shorts, *longs, great_runs(Draws(seed, stream=300), days=days, pools=pools)]


def _columns(streams: Sequence[Rows], teams: Sequence[str], pools: Sequence[str], first_user: I64, seed: int) -> Jobs:
    """Put the streams one after the other, then in order of submission; ties keep the order of streams and rows."""

    def joined(column: str) -> I64:
        return np.concatenate([getattr(rows, column) for rows in streams])

    submit, duration = joined("submit_ms"), joined("duration_ms")
    n = len(submit)
    team = np.concatenate([np.full(len(rows), teams.index(rows.team)) for rows in streams])
    pool = np.concatenate([np.full(len(rows), pools.index(rows.pool)) for rows in streams])
    order = np.argsort(submit, kind="stable")
    place = np.empty(n, np.int64)
    place[order] = np.arange(n)
    after = np.where(joined("after_previous"), place[np.arange(n) - 1], -1)
    names = [
        f"{rows.kind}-{i}.{group}.{step}"
        for i, rows in enumerate(streams)
        for group, step in zip(rows.group.tolist(), rows.step.tolist(), strict=True)
    ]
    return Jobs(
        submit_ms=submit[order],
        duration_ms=duration[order],
        gang=joined("gang")[order].astype(np.int32),
        walltime_ms=_walltimes(duration, Draws(seed, stream=400))[order],
        team=team[order].astype(np.int32),
        pool=pool[order].astype(np.int32),
        user=(joined("user") + first_user[team])[order].astype(np.int32),
        priority=joined("priority")[order].astype(np.int32),
        preemptible=joined("preemptible")[order].astype(np.bool_),
        savepoint_ms=joined("savepoint_ms")[order],
        after=after[order].astype(np.int32),
        name=tuple([names[int(i)] for i in order]),
    )


def _walltimes(duration_ms: I64, draws: Draws) -> I64:
    """Declare walltimes as people do: too long by a factor that varies, then rounded up to a value everybody uses."""
    n = len(duration_ms)
    guess = duration_ms * (1.0 + ESTIMATE_BADNESS * draws.unit(n))
    values = np.array(ESTIMATES_MIN, np.int64) * MINUTE_MS
    rounded = values[np.minimum(np.searchsorted(values, guess), len(values) - 1)]
    return np.where(draws.unit(n) < DECLARED, np.maximum(rounded, duration_ms), 0)
