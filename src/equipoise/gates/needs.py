"""What a stage needs, and for each need that is not met: why not, and who can mend it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum

from equipoise.charter.explanation import instant_text, listed
from equipoise.charter.governance import Gate, Stage
from equipoise.charter.model import Charter
from equipoise.gates.evidence import Evidence, Paper
from equipoise.gates.spans import covering
from equipoise.gates.statement import Kind
from equipoise.units import duration_text


class Reason(Enum):
    """Why a need is not met; of several that apply, the one that is nearest to being met, a revocation first."""

    REVOKED = "revoked"
    NOT_YET = "not yet"
    EXPIRED = "expired"
    STALE = "stale"
    TOO_FEW = "too few"
    DATED_AHEAD = "dated ahead"
    SELF_SIGNED = "self-signed"
    WRONG_DIGEST = "wrong digest"
    WRONG_TYPE = "wrong type"
    MISSING = "missing"


@dataclass(frozen=True, slots=True)
class Need:
    """One attestation that a stage asks for.

    Parameters
    ----------
    stage, type, board : str
    reason : Reason or None
        Why it is not met; None if it is.
    until_ms : int or None
        Until when it is met, if nothing is recorded.
    signed : tuple of str
        Who of the board signed what comes nearest to it.
    quorum : int
        How many have to.
    can_sign : tuple of str
        Who of the board can still sign: all of them, where a new statement is needed.
    says : str
        The reason in a sentence; empty if it is met.
    """

    stage: str
    type: str
    board: str
    reason: Reason | None
    until_ms: int | None
    signed: tuple[str, ...]
    quorum: int
    can_sign: tuple[str, ...]
    says: str

    @property
    def met(self) -> bool:
        """Whether it is met."""
        return self.reason is None


def needs_of(charter: Charter, gate: Gate, evidence: Evidence, now_ms: int) -> tuple[Need, ...]:
    """Return everything that a gate asks for, in its order, and how it stands at a time."""
    return tuple(
        _need(charter, gate, evidence, (stage, type, board), now_ms)
        for stage in gate.stages
        for type, board in stage.needs.items()
    )


def _need(charter: Charter, gate: Gate, evidence: Evidence, asked: tuple[Stage, str, str], now_ms: int) -> Need:
    stage, type, board = asked
    sitting = next((one for one in charter.boards if one.name == board), None)
    members = tuple(sorted(sitting.members)) if sitting is not None else ()
    quorum = sitting.quorum if sitting is not None else 1
    barred = covering(evidence.barred(type, board, now_ms), now_ms)
    until = covering(evidence.fresh(type, board, max_age_ms=gate.max_age_ms, now_ms=now_ms), now_ms)
    shortcomings = list(_shortcomings(gate, evidence, type, board, now_ms))
    if barred is not None:
        said = f"{board} revoked {type} on {instant_text(barred[0])} and has not attested it anew"
        return Need(stage.name, type, board, Reason.REVOKED, None, (), quorum, members, said)
    if until is not None:
        signed = max((who for reason, who, _ in shortcomings if reason is None), key=len, default=())
        return Need(stage.name, type, board, None, until[1], signed, quorum, (), "")
    order = list(Reason)
    faults = [(order.index(reason), -len(who), who, said) for reason, who, said in shortcomings if reason is not None]
    if not faults:
        said = f"nobody has attested {type}"
        return Need(stage.name, type, board, Reason.MISSING, None, (), quorum, members, said)
    place, _, signed, said = min(faults)
    left = tuple(name for name in members if name not in signed) if order[place] is Reason.TOO_FEW else members
    return Need(stage.name, type, board, order[place], None, signed, quorum, left, said)


def _shortcomings(
    gate: Gate, evidence: Evidence, type: str, board: str, now_ms: int
) -> Iterator[tuple[Reason | None, tuple[str, ...], str]]:
    """Yield of every statement that bears on a need what it lacks (None: nothing), who of the board signed, and that in words."""
    for paper in evidence.papers:
        if paper.known(now_ms) and paper.statement.kind is Kind.ATTESTATION:
            statement, signed = paper.statement, paper.signers(board, now_ms)
            if evidence.release not in statement.releases:
                if statement.type == type and signed:
                    yield (
                        Reason.WRONG_DIGEST,
                        signed,
                        f"{board} attested {type} of another release, {statement.releases[0]}",
                    )
            elif statement.type != type:
                if signed:
                    yield Reason.WRONG_TYPE, signed, f"{board} attested {statement.type} of it, not {type}"
            else:
                yield _lack(gate, evidence, paper, board, now_ms)


def _lack(
    gate: Gate, evidence: Evidence, paper: Paper, board: str, now_ms: int
) -> tuple[Reason | None, tuple[str, ...], str]:
    """Return what an attestation of the right type and release lacks."""
    statement, signed = paper.statement, paper.signers(board, now_ms)
    from_ms = paper.counts_from_ms(board, now_ms)
    if from_ms is None:
        if not paper.counted(now_ms):
            said = (
                f"recorded before {instant_text(statement.issued_ms)}, when it says to be issued: record it again then"
            )
            return Reason.DATED_AHEAD, (), said
        if signed:
            return Reason.TOO_FEW, signed, f"signed by {listed(signed)} of {board} alone"
        strangers = paper.strangers(board, now_ms)
        who = listed(strangers) if strangers else "a key that no board has"
        return Reason.SELF_SIGNED, (), f"signed by {who}, and by nobody of {board}"
    if from_ms > now_ms:
        return Reason.NOT_YET, signed, f"it counts from {instant_text(from_ms)} on"
    ends = evidence.ends_ms(paper, board, max_age_ms=gate.max_age_ms, now_ms=now_ms)
    name, end_ms = min(ends.items(), key=lambda end: end[1])
    if end_ms > now_ms:
        return None, signed, ""
    if name == "stale":
        said = f"issued on {instant_text(statement.issued_ms)}, more than {duration_text(gate.max_age_ms)} ago"
    elif name == "expired":
        said = f"it expired on {instant_text(end_ms)}"
    else:
        said = f"{board} revoked it on {instant_text(end_ms)}"
    return Reason(name), signed, said
