"""Answers about what was agreed and recorded: charters, amendments, promises, gates, the ledger."""

from __future__ import annotations

from typing import Literal

from pydantic import Field

from equipoise.api.answers.base import Answer, Digest, Large, Millis, Page, Plain


class Revision(Answer):
    """A charter by number and digest."""

    revision: int
    digest: Digest


class Tally(Answer):
    """How many members of a board have signed, and why it must."""

    board: str
    by: str
    quorum: int
    members: list[str]
    signed: list[str]
    missing: int
    why: list[str]


class Pending(Answer):
    """Which charter is in force, which is pending, who has signed, and from when it holds if nothing more comes."""

    in_force: Revision
    pending: Revision | None
    signatures: list[Tally]
    notice_ms: int | None
    force_ms: Millis | None


class InForce(Pending):
    """The charter in force, as it was written."""

    lab: str
    text: str


class Enacted(Pending):
    """What was entered about a charter, and where things stand after it."""

    written: bool
    entries: list[Plain]


class Seat(Answer):
    """A member of a board."""

    board: str
    member: str


class Force(Answer):
    """When and how a charter came into force, and who had signed it by then."""

    how: str
    at_ms: Millis
    signed: list[Seat]


class Charter(Answer):
    """A charter that the ledger holds."""

    digest: Digest
    revision: int
    lab: str
    parent: str | None
    is_in_force: bool
    forces: list[Force]


class Charters(Page):
    """Charters in the order in which they were entered."""

    items: list[Charter]


class CharterText(Answer):
    """A charter, as it was signed."""

    digest: Digest
    revision: int
    lab: str
    parent: str | None
    text: str


class Finding(Answer):
    """Something about a charter that its authors should know."""

    file: str
    line: int | None
    column: int | None
    code: str
    severity: Literal["warning", "error"]
    message: str
    hint: str


class PlanBase(Answer):
    """What a charter would change, in sentences and values, and who must sign it; ``more`` counts what was left out of long lists."""

    before: Revision | None
    after: Revision
    order: str | None
    summary: str
    changes: list[Plain]
    sentences: list[str]
    affected: list[str]
    warnings: list[Finding]
    effect: list[Plain] = Field(default_factory=list[Plain])
    constitutional: list[str] = Field(default_factory=list[str])
    signatures: list[Tally] = Field(default_factory=list[Tally])
    notice_ms: int | None = None
    not_before_ms: Millis | None = None
    more: dict[str, int]


class Plan(PlanBase):
    """A plan, with the number of the simulation that was begun for it."""

    simulation: int | None


class Act(Answer):
    """An entry about charters."""

    entry: int
    kind: str
    at_ms: Millis
    digest: str
    revision: int | None
    how: str | None
    reason: str | None


class Amendments(Pending, Page):
    """What was entered about charters, and how far the amendment is that is pending."""

    items: list[Act]


class Amendment(Charter):
    """A charter with all that was entered about it; while it is pending, what it changes and who must sign."""

    is_pending: bool
    plan: PlanBase | None
    acts: list[Act]


class OpenWindow(Answer):
    """A window that is open; hours are H100-equivalent."""

    is_rolling: bool
    from_ms: Millis
    to_ms: Millis
    owed_heh_h: float
    delivered_heh_h: float
    unclaimed_heh_h: float
    denied_heh_h: float
    lost_ms: Millis | None
    no_return_in_ms: int | None


class Judged(Answer):
    """A window that was judged, as the ledger has it."""

    entry: int
    promise: str
    from_ms: Millis
    to_ms: Millis
    verdict: Plain
    details: Plain


class PromiseBase(Answer):
    """A promise with its open windows."""

    promise: str
    team: str
    kind: Literal["at_least", "at_most", "starts"]
    window: str
    pools: list[str]
    public: bool
    protected_by: list[str]
    sentences: list[str]
    open: list[OpenWindow]
    judged: int
    latest: Judged | None


class Promise(PromiseBase):
    """A promise, as of an instant."""

    at_ms: Millis


class Promises(Page):
    """The promises of the charter in force."""

    at_ms: Millis
    items: list[PromiseBase]


class JudgedWindows(Page):
    """The windows of a promise that were judged."""

    items: list[Judged]


class Need(Answer):
    """An attestation that a stage asks for."""

    stage: str
    type: str
    board: str
    met: bool
    reason: str | None
    says: str
    until_ms: Millis | None
    signed: list[str]
    quorum: int
    can_sign: list[str]


class GateDecision(Answer):
    """What a gate says of a release."""

    gate: str
    release: Digest
    now_ms: Millis
    stage: str | None
    since_ms: Millis | None
    quota: str
    falls_since_ms: Millis | None
    gpus: dict[str, dict[str, int]]
    next_stage: str | None
    opens_ms: Millis | None
    next_ms: Millis | None
    needs: list[Need]
    refused: list[Plain]


class Stage(Answer):
    """A stage of a gate, the types of attestation that it asks for, and which board signs each."""

    stage: str
    quota_ppm: int
    needs: dict[str, str]
    after_ms: int


class Gate(Answer):
    """A release gate, and what it says of the releases that are declared."""

    gate: str
    teams: list[str]
    stages: list[Stage]
    protected_by: list[str]
    sentences: list[str]
    releases: list[GateDecision]


class Gates(Page):
    """The gates of the charter in force."""

    at_ms: Millis
    items: list[Gate]


class Service(Answer):
    """A service, and the release that it runs."""

    service: str
    release: Digest
    since_ms: Millis
    gates: list[GateDecision]


class Services(Page):
    """Services whose releases are declared."""

    at_ms: Millis
    items: list[Service]


class Statement(Answer):
    """What an attestation says."""

    kind: str
    type: str
    releases: list[str]
    issued_ms: Large
    expires_ms: Large | None
    note: str
    digest: str


class Attestation(Answer):
    """An attestation that was entered; ``fault`` says why it counts for nothing, if it cannot be read."""

    entry: int
    at_ms: Millis
    fault: str | None
    statement: Statement | None
    envelope: str


class Attestations(Page):
    """Attestations as they were entered."""

    items: list[Attestation]


class EnteredRelease(Answer):
    """A release or an attestation that was new."""

    kind: Literal["release", "attestation"]
    service: str | None
    release: str | None
    type: str | None


class Entered(Answer):
    """What was entered."""

    written: bool
    entries: list[EnteredRelease]


class LedgerHead(Answer):
    """How large the ledger is, and the key that signs it."""

    origin: str
    size: int
    key: str


class LedgerEntries(Page):
    """Entries as they are stored: canonical JSON, as text."""

    items: list[str]
    size: int


class Inclusion(Answer):
    """The hashes from an entry's leaf to a root (RFC 9162, 2.1.3), in base64; ``checkpoint`` where that root is the latest signed one."""

    entry: int
    size: int
    leaf: str
    root: str
    hashes: list[str]
    checkpoint: str | None


class Consistency(Answer):
    """The hashes that prove that a ledger began with an earlier one (RFC 9162, 2.1.4), in base64."""

    first: int
    size: int
    first_root: str
    root: str
    hashes: list[str]
    checkpoint: str | None
