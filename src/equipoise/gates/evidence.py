"""What is known of one release: who signed which statement, since when it counts, and when it stops to.

A statement counts once a board's quorum has signed the same bytes, in one envelope or in several, from the time at which
the last needed signature was recorded. Its age runs from ``issued_ms``, so that recording it late or again renews
nothing. One recorded more than five minutes before it says to be issued does not count, else a drawer of statements
dated ahead would outlive ``max_age``.

A revocation is signed by the same board. From the time it is recorded, what the board attested of that type with an
``issued_ms`` up to its own is void, whenever that was or will be recorded, and the board's type is *barred* until the
quorum attests anew. Who has left the board still counts for a revocation that was recorded while they sat on it: a
change of the board must not bring back what it took back. For attestations only the board as it is now counts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property

from equipoise.charter.governance import Board
from equipoise.charter.model import Charter
from equipoise.errors import EquipoiseError
from equipoise.gates.spans import FOREVER, Span, union
from equipoise.gates.statement import Kind, Statement, parse_attested
from equipoise.ledger.dsse import Envelope, Signatories
from equipoise.ledger.keys import ed25519_fault
from equipoise.units import MINUTE_MS

CLOCK_MS = 5 * MINUTE_MS
"""How far a signer's clock may be ahead of the ledger's."""


@dataclass(frozen=True, slots=True)
class Recorded:
    """An envelope and the ledger's time of the entry that holds it.

    Parameters
    ----------
    at_ms : int
    envelope : bytes
    charter : Charter or None
        The charter that was in force then, if it was another than the one that decides.
    """

    at_ms: int
    envelope: bytes
    charter: Charter | None = field(default=None, compare=False, repr=False)


@dataclass(frozen=True, slots=True)
class Refused:
    """An envelope that could not be read, and why."""

    at_ms: int
    code: str
    message: str


@dataclass(eq=False)
class Paper:
    """A statement with every envelope it is recorded in, in order of time."""

    statement: Statement
    envelopes: list[tuple[int, Envelope, Charter | None]]
    charter: Charter

    def __post_init__(self) -> None:
        self._signers: dict[tuple[int, int, str], frozenset[str]] = {}

    def signers(self, board: str, now_ms: int) -> tuple[str, ...]:
        """Return who of a board, as it is now, has signed by ``now_ms``, as far as the envelopes count."""
        people: set[str] = set()
        for place in self._counted(now_ms):
            people |= self._signed(place, self.charter, board)
        return tuple(sorted(people))

    def strangers(self, board: str, now_ms: int) -> tuple[str, ...]:
        """Return who of other boards has signed, as ``NAME of BOARD``."""
        others = [one.name for one in self.charter.boards if one.name != board]
        return tuple(f"{who} of {other}" for other in others for who in self.signers(other, now_ms))

    def known(self, now_ms: int) -> bool:
        """Whether it is recorded by then."""
        return self.envelopes[0][0] <= now_ms

    def counted(self, now_ms: int) -> bool:
        """Whether it is recorded by then in an envelope that counts: in none from before it says to be issued."""
        return any(True for _ in self._counted(now_ms))

    def counts_from_ms(self, board: str, now_ms: int) -> int | None:
        """Return since when the board's quorum stands behind it, by what is recorded up to ``now_ms``."""
        attests = self.statement.kind is Kind.ATTESTATION
        for place in self._counted(now_ms):
            at_ms, _, past = self.envelopes[place]
            charters = [self.charter] if attests or past is None else [self.charter, past]
            if any(self._quorum(board, charter, at_ms) for charter in charters):
                return max(at_ms, self.statement.issued_ms) if attests else at_ms
        return None

    def _quorum(self, board: str, charter: Charter, at_ms: int) -> bool:
        """Whether a quorum of the board, as a charter has it, has signed by a time."""
        sitting = _board(charter, board)
        people = {who for place in self._counted(at_ms) for who in self._signed(place, charter, board)}
        return sitting is not None and len(people) >= max(1, sitting.quorum)

    def _counted(self, now_ms: int) -> Iterable[int]:
        """Return the places of the envelopes that count: recorded by now, and no attestation dated ahead."""
        earliest_ms = self.statement.issued_ms - CLOCK_MS if self.statement.kind is Kind.ATTESTATION else -FOREVER
        return (n for n, (at_ms, _, _) in enumerate(self.envelopes) if earliest_ms <= at_ms <= now_ms)

    def _signed(self, place: int, charter: Charter, board: str) -> frozenset[str]:
        key = (place, id(charter), board)
        if key not in self._signers:
            signatories = _signatories(_board(charter, board))
            envelope = self.envelopes[place][1]
            self._signers[key] = frozenset(signatories.signed(envelope).people if signatories is not None else ())
        return self._signers[key]


class Evidence:
    """Everything recorded of one release, whenever it was or will be known.

    Parameters
    ----------
    charter : Charter
        Whose boards sign.
    release : str
        ``sha256:…``.
    records : iterable of Recorded
        In any order; what cannot be read is kept in ``refused`` and counts for nothing.
    """

    def __init__(self, charter: Charter, release: str, records: Iterable[Recorded]) -> None:
        self.release = release
        refused: list[Refused] = []
        papers: dict[bytes, Paper] = {}
        times: set[int] = set()
        for record in sorted(records, key=lambda each: (each.at_ms, each.envelope)):
            times.add(record.at_ms)
            try:
                envelope, statement = parse_attested(record.envelope)
            except EquipoiseError as error:
                refused.append(Refused(record.at_ms, error.code, error.message))
                continue
            paper = papers.setdefault(envelope.payload, Paper(statement, [], charter))
            paper.envelopes.append((record.at_ms, envelope, record.charter))
        self.papers = tuple(papers.values())
        self.refused = tuple(refused)
        self.times_ms = tuple(sorted(times))

    @cached_property
    def _of_release(self) -> tuple[Paper, ...]:
        return tuple(paper for paper in self.papers if self.release in paper.statement.releases)

    def of(self, kind: Kind, type: str, now_ms: int) -> list[Paper]:
        """Return the papers of this kind and type that name the release and are recorded by ``now_ms``."""
        return [
            paper
            for paper in self._of_release
            if (paper.statement.kind, paper.statement.type) == (kind, type) and paper.known(now_ms)
        ]

    def revocations(self, type: str, board: str, now_ms: int) -> list[tuple[int, int]]:
        """Return the board's revocations that count: since when, and up to which ``issued_ms`` they reach."""
        dated = (
            (paper.counts_from_ms(board, now_ms), paper.statement.issued_ms)
            for paper in self.of(Kind.REVOCATION, type, now_ms)
        )
        return [(from_ms, reach_ms) for from_ms, reach_ms in dated if from_ms is not None]

    def ends_ms(self, paper: Paper, board: str, *, max_age_ms: int, now_ms: int) -> Mapping[str, int]:
        """Return when an attestation stops to count, by each reason for which it does."""
        statement = paper.statement
        revoked = [
            from_ms
            for from_ms, reach_ms in self.revocations(statement.type, board, now_ms)
            if statement.issued_ms <= reach_ms
        ]
        ends = {"stale": statement.issued_ms + max_age_ms}
        if statement.expires_ms is not None:
            ends["expired"] = statement.expires_ms
        if revoked:
            ends["revoked"] = min(revoked)
        return ends

    def fresh(self, type: str, board: str, *, max_age_ms: int, now_ms: int) -> list[Span]:
        """Return when the board's word on a type was and will be fresh, by what is recorded up to ``now_ms``."""
        return union(self.fresh_by_paper(type, board, max_age_ms=max_age_ms, now_ms=now_ms))

    def fresh_by_paper(self, type: str, board: str, *, max_age_ms: int, now_ms: int) -> list[Span]:
        """Return the same for each attestation by itself."""
        spans: list[Span] = []
        for paper in self.of(Kind.ATTESTATION, type, now_ms):
            from_ms = paper.counts_from_ms(board, now_ms)
            if from_ms is not None:
                ends = self.ends_ms(paper, board, max_age_ms=max_age_ms, now_ms=now_ms)
                spans.append((from_ms, min(ends.values())))
        return spans

    def barred(self, type: str, board: str, now_ms: int) -> list[Span]:
        """Return when a revocation stood that no later attestation had answered."""
        attested = [
            (from_ms, paper.statement.issued_ms)
            for paper in self.of(Kind.ATTESTATION, type, now_ms)
            if (from_ms := paper.counts_from_ms(board, now_ms)) is not None
        ]
        return union(
            (from_ms, min((at_ms for at_ms, issued_ms in attested if issued_ms > reach_ms), default=FOREVER))
            for from_ms, reach_ms in self.revocations(type, board, now_ms)
        )


def _board(charter: Charter, name: str) -> Board | None:
    return next((board for board in charter.boards if board.name == name), None)


def _signatories(board: Board | None) -> Signatories | None:
    """Return who can sign for a board. A key counts once, for the first name it is listed under; a weak key never."""
    keys: dict[str, list[bytes]] = {}
    seen: set[bytes] = set()
    for name, key in sorted(board.members.items()) if board is not None else ():
        if key not in seen and not ed25519_fault(key):
            keys[name] = [key]
        seen.add(key)
    return Signatories(keys, needed=1) if keys else None
