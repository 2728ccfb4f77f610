"""Answers about what stands and runs: pools, teams, jobs, requests, nodes, alerts."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import ConfigDict, Field

from equipoise.api.answers.base import Answer, Large, Millis, Page, Plain

Role = Literal["viewer", "member", "operator", "signer", "auditor"]


class Health(Answer):
    """Whether the server is of use."""

    status: Literal["ok"]


class Device(Answer):
    """Devices of a pool of a run."""

    pool: str
    gpus: int
    device: str


class Run(Answer):
    """What one may look at: the live lab, or what ran."""

    run: str
    title: str
    policy: str
    lab: str
    live: bool
    number: int
    findings: list[str]
    from_ms: Millis
    to_ms: Millis
    has_calendar: bool
    timezone: str
    jobs: int
    pools: list[Device]
    digest: str


class Runs(Page):
    """All of them."""

    items: list[Run]


class Pool(Answer):
    """Devices of a pool: capacity is what is held, starts, drains or idles."""

    name: str
    capacity: int
    held: int
    starting: int
    draining: int
    idle: int
    down: int
    maintenance: int


class TeamRow(Answer):
    """A team in a pool, in devices."""

    path: str
    pool: str
    floor: int
    limit: int | None
    entitlement: int
    held: int
    waiting: int
    borrowed: int


class LedgerStanding(Answer):
    """How the ledger is."""

    entries: int
    spooled: int
    trouble: str


class Standing(Page):
    """Pools, teams and the ledger as of the latest pass; where ``next`` is set, the other teams are at ``/teams``."""

    at_ms: Millis
    now_ms: Millis
    pools: list[Pool]
    teams: list[TeamRow]
    ledger: LedgerStanding


class Capacity(Answer):
    """The devices of every pool."""

    at_ms: Millis
    now_ms: Millis
    items: list[Pool]


class Teams(Page):
    """Every team in every pool."""

    at_ms: Millis
    now_ms: Millis
    items: list[TeamRow]


class Team(Answer):
    """A team in every pool."""

    at_ms: Millis
    now_ms: Millis
    path: str
    items: list[TeamRow]


class Part(Answer):
    """Devices of a job on one node."""

    node: int
    gpus: int


class Outcome(Answer):
    """How a job ended."""

    what: str
    exit_code: int | None
    reason: str


class Job(Answer):
    """A job as it stands or ended."""

    model_config = ConfigDict(extra="forbid", json_schema_extra={"examples": [
        {"job": 7, "name": "train", "team": "safety.alignment", "pool": "h100", "owner": "ada", "gang": 16, "state": "running",
         "starting": False, "since_ms": 1_800_000_000_000, "attempt": 0, "parts": [{"node": 3, "gpus": 8}, {"node": 4, "gpus": 8}],
         "outcome": None}
    ]})  # fmt: skip

    job: int
    name: str
    team: str
    pool: str
    owner: str
    gang: int
    state: str
    starting: bool
    since_ms: Millis
    attempt: int
    parts: list[Part]
    outcome: Outcome | None


class Jobs(Page):
    """Jobs by number."""

    items: list[Job]


class Submitted(Answer):
    """The number of a job that was taken; ``refused`` says why the charter will never start it, if so."""

    job: int
    refused: str


class CancelledJob(Answer):
    """Whether a job still waited or ran."""

    job: int
    cancelled: bool


class Why(Answer):
    """Why a job waits: a constraint, what would change it, and the same in sentences. Other fields are those of `equipoise why --json`."""

    model_config = ConfigDict(extra="allow")

    job: int
    name: str
    state: str
    sentences: list[str]


class Request(Answer):
    """A request for credits with what became of it; amounts are GPU-milliseconds."""

    name: str
    team: str
    pool: str
    amount_gpu_ms: Large
    asked_ms: Millis
    begin_ms: Millis
    end_ms: Millis
    avenue: str
    purpose: str
    project: str
    answered_ms: Millis | None
    granted_gpu_ms: Large | None
    reason: str
    left_gpu_ms: Large
    spent_gpu_ms: Large
    received_gpu_ms: Large
    given_gpu_ms: Large
    expired_gpu_ms: Large
    set_aside_gpu_ms: Large
    is_over: bool
    lender: str | None


class Requests(Page):
    """Requests in the order in which they came."""

    items: list[Request]


class Granted(Answer):
    """What was granted."""

    name: str
    granted_gpu_ms: Large


class Moved(Answer):
    """Which grant has it now."""

    name: str
    gpu_ms: Large


class Away(Answer):
    """A node that is not up."""

    pool: str
    node: int
    condition: Annotated[str, Field(examples=["down", "maintenance"])]


class Nodes(Page):
    """How many nodes each pool has, and those that are not up."""

    totals: dict[str, int]
    away: list[Away]


class Drained(Answer):
    """A node that goes into maintenance, or comes back."""

    pool: str
    node: int
    back: bool


class Alert(Answer):
    """Something of which somebody should know."""

    format: int
    alert: str
    kind: str
    subject: str
    state: str
    since_ms: Millis
    sentence: str
    numbers: Plain
    over_ms: Millis | None = None


class Alerts(Page):
    """Alerts that are open, the oldest first."""

    items: list[Alert]


class Hook(Answer):
    """A webhook, without its address, which may be a secret; ``fixed``: of ``equipoise.toml``."""

    name: str
    host: str
    kinds: list[str]
    timeout_ms: int
    fixed: bool


class Hooks(Page):
    """Webhooks by name."""

    items: list[Hook]


class Tried(Answer):
    """Whether a message was taken, and else why not."""

    name: str
    delivered: bool
    trouble: str


class Token(Answer):
    """A token, without what opens anything."""

    token: str
    person: str
    role: Role
    team: str
    expires_ms: Millis | None
    groups: list[str]
    created_ms: Millis
    revoked_ms: Millis | None


class Tokens(Page):
    """Tokens in the order in which they were made."""

    items: list[Token]


class NewToken(Answer):
    """A token that was made; its text is told this once."""

    token: str
    text: str


class Revoked(Answer):
    """A token that opens nothing any more, and whose it was."""

    token: str
    person: str


class Simulation(Answer):
    """How a simulation stands."""

    simulation: int
    state: Literal["running", "done", "failed", "cancelled"]
    person: str
    begun_ms: Millis
    policy: str
    run: str
    has_text: bool
    done_ppm: int
    stage: str
    fault: Plain | None


class Simulations(Page):
    """Simulations by number."""

    items: list[Simulation]


class Simulated(Page):
    """What came of a simulation; of each team each figure before and after, null where it was not there."""

    policies: list[str]
    one_measure: bool
    jobs: int
    left_out: int
    from_ms: Millis
    to_ms: Millis
    notes: list[str]
    promises: list[dict[str, dict[str, int]]]
    partial: bool
    items: list[Plain]


class CancelledSimulation(Answer):
    """Whether a simulation still ran."""

    simulation: int
    cancelled: bool
