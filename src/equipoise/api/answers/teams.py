"""Answers about a lab and its teams at a moment of a run."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from equipoise.api.answers.base import Answer, Millis, Page

Cells = list[list[Any]]
Ppm = Annotated[int | None, Field(description="Parts per million; null where there is nothing to make a part of.")]


class Columns(Page):
    """A table: what its columns are called, and a list of cells for each row."""

    columns: list[str]
    rows: Cells


class Listed(Columns):
    """The first rows of a table, and how many there are in all."""

    in_all: int


class NowPool(Answer):
    """A pool at a moment, in devices."""

    pool: str
    device: str
    capacity_gpus: int
    held_gpus: int
    idle_gpus: int
    down_gpus: int
    maintenance_gpus: int
    waiting_gpus: int
    waiting_jobs: int


class Holder(Answer):
    """Who holds some of a floor."""

    team: str
    gpus: int


class Lacking(Answer):
    """A team that has less than both its floor and what it asks for, and since when that is so."""

    team: str
    pool: str
    lacks_gpus: int
    floor_gpus: int
    held_gpus: int
    held_by: list[Holder]
    since_ms: Millis | None


class Below(Answer):
    """Who is below their floor, most first."""

    in_all: int
    teams: list[Lacking]


class TopLoan(Answer):
    """Devices of the idle floors of one team at the top that another holds."""

    lender: str
    borrower: str
    gpus: int


class TopLoans(Answer):
    """Loans between teams at the top, and within them."""

    gpus: int
    within_gpus: int
    items: list[TopLoan]


class Waiting(Answer):
    """What waits."""

    jobs: int
    gpus: int
    longest_ms: int
    longest_team: str | None


class Moved(Answer):
    """How many devices more a team holds than then."""

    team: str
    gpus: int


class Changed(Answer):
    """What happened in a time before the moment."""

    lasts_ms: int
    asked_jobs: int
    started_jobs: int
    ended_jobs: int
    reclaimed_jobs: int
    preempted_jobs: int
    failed_jobs: int
    moved: list[Moved]


class Edge(Answer):
    """The window of a promise that ends next."""

    promise: str
    team: str
    window: str
    ends_ms: Millis


class RunNow(Answer):
    """A lab at a moment."""

    at_ms: Millis
    live: bool
    pools: list[NowPool]
    below: Below
    loans: TopLoans
    waiting: Waiting
    teams: Columns
    teams_in_all: int
    changed: list[Changed]
    edge: Edge | None
    alerts: list[dict[str, Any]]


class Since(Answer):
    """How far back what is told of the past goes; null where nothing is recorded."""

    denied_ms: int | None
    share_ms: int | None


class RunTeams(Columns):
    """All teams at a moment."""

    at_ms: Millis
    pool: str | None
    capacity_gpus: int
    since: Since


class TeamPool(Answer):
    """A team in a pool, in devices."""

    pool: str
    capacity_gpus: int
    floor_gpus: int
    limit_gpus: int
    entitled_gpus: int
    held_gpus: int
    waiting_gpus: int
    borrowed_gpus: int
    lent_gpus: int
    lacks_gpus: int
    waiting_jobs: int
    longest_wait_ms: int


class TeamLoan(Answer):
    """Devices between a team and another, and how soon the lender has them back."""

    team: str
    pool: str
    gpus: int
    back_within_ms: int


class LoanList(Answer):
    """Loans one way, the largest first."""

    gpus: int
    in_all: int
    items: list[TeamLoan]


class TeamLoans(Answer):
    """Who holds the team's idle floor, and whose it holds."""

    lends: LoanList
    borrows: LoanList


class Waits(Columns):
    """Quantiles of waits to the first start, by gang size."""

    lasts_ms: int


class Stops(Listed):
    """Jobs that were stopped for another team's sake, the latest first."""

    lasts_ms: int
    lost_gpu_ms: int


class Reclaims(Answer):
    """Those of the team's jobs that gave way to others', and others' that gave way to its."""

    suffered: Stops
    caused: Stops


class RunTeam(Answer):
    """A team's page at a moment; null is what needs a record, where there is none."""

    path: str
    at_ms: Millis
    live: bool
    owner: str | None
    is_leaf: bool
    lends_ppm: int
    back_within_ms: int
    grace_ms: int
    teams: list[str]
    pools: list[TeamPool]
    all: dict[str, Any]
    loans: TeamLoans
    queue: Listed | None
    waits: Waits | None
    reclaims: Reclaims | None
    requests: Listed | None


class RunQueue(Listed):
    """Why the jobs of a team wait."""

    at_ms: Millis
    path: str
    explained: Annotated[bool, Field(description="False for a run that cannot be played again.")]


class OneSeries(Answer):
    """A measure of a team: the least, the most and the mean of each bucket, in devices."""

    team: str
    measure: str
    min: list[float]
    max: list[float]
    mean: list[float]


class RunSeries(Page):
    """Series over time; the last bucket may be shorter."""

    from_ms: Millis
    to_ms: Millis
    step_ms: int
    pool: str | None
    items: list[OneSeries]
