"""What the routes of a run's history answer: its picture, its jobs, one of them and why it waited."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import Field

from equipoise.api.answers.base import Answer, Millis, Page
from equipoise.api.answers.lab import Why


class RunRaster(Answer):
    """Who held what over time: planes of pixels and of numbers by column, with what they mean."""

    run: str
    number: int
    pool: str
    capacity: int
    from_ms: Millis
    to_ms: Millis
    ends_ms: Millis
    width: int
    height: int
    waiting_height: int
    waiting_most: Annotated[int, Field(description="Devices that fill the height of the plane `waiting`.")]
    first_value: Annotated[int, Field(description="The first team's value; 0 is idle, 1 out of service.")]
    edge: Annotated[int, Field(description="The bit of a pixel at the edge of a job.")]
    teams: list[str]
    planes: Annotated[
        list[tuple[str, str, list[int]]],
        Field(description="Name, type and shape of each, in order; columns come first."),
    ]
    data: Annotated[
        str, Field(description="The planes, as zlib compresses, in base64; the least significant byte first.")
    ]


class RunJobs(Page):
    """A page of jobs as a table, and how many there are in all."""

    total: int
    columns: list[str]
    rows: list[list[Any]]


class Claimant(Answer):
    """For whom a job was stopped; ``job`` is null for a service."""

    job: int | None
    team: str
    gang: int


class Span(Answer):
    """A part of a job's life: ``dependent``, ``waits`` or ``runs``."""

    what: str
    from_ms: Millis
    to_ms: Millis | None
    ended_by: str | None = None
    for_: Annotated[Claimant | None, Field(alias="for")] = None


class RunJob(Answer):
    """A job and its life."""

    job: int
    name: str
    team: str
    pool: str
    user: str
    gang: int
    submit_ms: Millis
    eligible_ms: Millis | None
    first_ms: Millis | None
    end_ms: Millis | None
    wait_ms: int
    stops: int
    lost_gpu_ms: int
    state: str
    walltime_ms: int | None
    savepoint_ms: int | None
    priority: int
    preemptible: bool
    waits_for: int | None
    reason: str
    spans: list[Span]


class RunWhy(Why):
    """Why a job waited at an instant of a run, and when it was predicted to start."""

    number: int
    asked_ms: Millis
    origin_ms: Millis
    predicted: str | None
