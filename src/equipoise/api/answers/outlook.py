"""Answers about the years that follow a run, and about charters that could be traded for one another."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from equipoise.api.answers.base import Answer, Millis, Plain

Levels = Annotated[list[float], Field(description="Of the bands of a fan, from the lowest.")]


class Failure(Answer):
    """Why something could not be worked out."""

    code: str
    title: str
    hint: str


class Outlook(Answer):
    """What follows a run. All but `state` is there where it applies: figures where it is `ready`, what is missing where it is that."""

    state: Literal["ready", "running", "missing", "early", "failed"]
    done_ppm: int | None = None
    sentence: str | None = None
    file: str | None = None
    example: str | None = None
    problem: Failure | None = None
    at_ms: Millis | None = None
    scenario: str | None = None
    moved: list[str] | None = None
    sentences: list[str] | None = None
    watched: str | None = None
    runs: int | None = None
    months: int | None = None
    seed: int | None = None
    levels: Levels | None = None
    least_people: Annotated[int | None, Field(description="Of fewer people in a team nothing is told.")] = None
    told_of: list[str] | None = None
    not_told_of: list[str] | None = None
    notes: list[str] | None = None
    courses: list[Plain] | None = None
    differences: list[Plain] | None = None
    results: list[Plain] | None = None
    drivers: list[Plain] | None = None
    checks: Annotated[list[Plain] | None, Field(description="Against public facts; those that fail come first.")] = None
    assumptions: list[str] | None = None
    parameters: list[Plain] | None = None
    learned: list[Plain] | None = None
    learned_from: str | None = None


class ScenarioChoice(Answer):
    """A scenario that can be chosen."""

    name: str
    title: str
    told: str
    is_own: bool


class Movable(Answer):
    """A parameter that can be moved, and where it is believed to lie: 5 %, median and 95 %."""

    name: str
    meaning: str
    unit: str
    prior: str
    solidity: str
    source: str
    is_usual: bool
    least: float
    most: float
    step: float
    low: float
    median: float
    high: float


class Scenarios(Answer):
    """What can be chosen and moved."""

    scenarios: list[ScenarioChoice]
    parameters: list[Movable]


class Frontier(Answer):
    """The charters of a frontier; or that none was searched for, with the command that does."""

    state: Literal["ready", "missing"]
    command: str | None = None
    file: str | None = None
    objectives: list[Plain] | None = None
    points: list[Plain] | None = None
    on_frontier: bool | None = None
    dominated_by: int | None = None
    measured: int | None = None
    frontier_size: int | None = None
    searched_days: float | None = None
    held_out_days: float | None = None
    teams: list[str] | None = None
    product: list[str] | None = None
    left_out: list[str] | None = None
