"""Answers about the promises of a run, as they stood at a moment."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from equipoise.api.answers.base import Answer, Digest, Millis, Page, Plain

State = Literal["past saving", "at risk", "behind", "on course", "no open window"]
Hours = Annotated[float, Field(description="H100-equivalent hours.")]


class StoodBase(Answer):
    """How a promise stood: its terms, its open window, and how many windows came to which verdict."""

    promise: str
    team: str
    kind: Literal["at_least", "at_most", "starts"]
    of: str
    share_ppm: int
    window: str
    pools: list[str]
    public: bool
    warn_below_ppm: int
    in_force: bool
    text: list[str]
    open: Annotated[
        Plain | None,
        Field(description="The window that ends first: owed, delivered, pace, forecast, and the point of no return."),
    ]
    open_windows: int
    tally: dict[str, int]
    windows_judged: int
    state: State
    sentence: str


class Stood(StoodBase):
    """A promise of the overview; ``windows`` are the latest: from, to, verdict."""

    windows: list[tuple[Millis, Millis, str]]


class RunPromises(Page):
    """The promises of a run, the screen's sentence first."""

    run: str
    at_ms: Millis
    as_of_ms: Millis
    sentence: str
    items: list[Stood]


class Course(Answer):
    """Since the run began, at each close: hours owed and delivered, and the devices that pacing asked for."""

    text: str
    at_ms: list[Millis]
    owed_heh_h: list[Hours]
    delivered_heh_h: list[Hours]
    pace_heh_gpus: list[float]


class Counts(Answer):
    """What counts for a promise, and what does not."""

    charter: str
    pools: list[Plain]
    pools_left_out: list[str]
    teams: list[str]
    unused: Literal["carry", "forfeit"]
    make_good_ppm: int
    settle_ms: int
    checkpoint_every_ms: int
    witnesses_asked: int
    protected_by: list[str]


class Evidence(Answer):
    """Under whose signatures the record is; ``says`` what that proves. Size, root and checkpoint are null until there is one."""

    source: Literal["replay", "live"]
    says: str
    origin: str | None
    key: str
    size: int | None
    root: str | None
    checkpoint: str | None
    witnesses: list[str]


class RunPromise(StoodBase):
    """A promise of a run with all its windows."""

    run: str
    at_ms: Millis
    as_of_ms: Millis
    windows: list[Plain]
    course: list[Course]
    counts: Counts
    evidence: Evidence


class TeamsTable(Answer):
    """Teams as a table."""

    columns: list[str]
    rows: list[list[object]]
    next: int | None


class Version(Answer):
    """A charter that was in force."""

    revision: int
    digest: str
    at_ms: Millis
    how: str
    has_text: bool
    signed: list[str]


class Pending(Answer):
    """An amendment under way."""

    revision: int
    digest: Digest
    entered_ms: Millis
    summary: str
    changes: list[Plain]
    signatures: list[Plain]
    notice_ms: int
    force_ms: Millis | None
    text: str | None


class RunCharter(Answer):
    """The charter in force in a run; texts are null where they are too long or not known."""

    run: str
    at_ms: Millis
    sentence: str
    lab: str
    revision: int
    digest: str
    parent: str | None
    timezone: str
    effective_ms: Millis | None
    since_ms: Millis
    how: str
    text: str | None
    text_characters: int | None
    parent_text: str | None
    summary: str | None
    changes: list[Plain]
    pools: list[Plain]
    teams: TeamsTable
    rules: list[Plain]
    boards: list[Plain]
    signed: list[Plain]
    signatures_asked: bool
    pending: Pending | None
    history: list[Version]
    gates: list[Plain]


class RunPlan(Answer):
    """What a changed text would change; ``plan`` is null where the text has errors, and ``replay`` names what begins."""

    findings: list[Plain]
    plan: Plain | None
    replay: str | None


class PlanReplay(Answer):
    """How the replay of a plan stands."""

    replay: str
    state: Literal["running", "failed", "done"]
    fault: Plain | None
    result: Plain | None
