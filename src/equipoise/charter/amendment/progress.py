"""How far an amendment is: who has signed, who must still sign, and when it takes force."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

from equipoise.charter.amendment.requirements import Needs, Quorum, needs, quorum_of
from equipoise.charter.model import Charter


@dataclass(frozen=True, slots=True)
class Tally:
    """How many members of a board have signed.

    Parameters
    ----------
    quorum : Quorum
    signed : tuple of str
        Members, the first to sign first.
    complete_ms : int or None
        When the quorum was reached; None while it is not.
    """

    quorum: Quorum
    signed: tuple[str, ...]
    complete_ms: int | None

    @property
    def missing(self) -> int:
        """How many more members must sign."""
        return max(0, self.quorum.quorum - len(self.signed))

    def to_dict(self) -> dict[str, object]:
        """Return plain values for JSON."""
        return {
            "board": self.quorum.board,
            "by": self.quorum.by,
            "quorum": self.quorum.quorum,
            "members": list(self.quorum.members),
            "signed": list(self.signed),
            "missing": self.missing,
            "why": list(self.quorum.why),
        }

    @property
    def may_sign(self) -> tuple[str, ...]:
        """Members who have not signed."""
        return tuple(name for name in self.quorum.members if name not in self.signed)


@dataclass(frozen=True, slots=True)
class Status:
    """How far an amendment is.

    Parameters
    ----------
    needs : Needs
    tallies : tuple of Tally
        One for each quorum that is needed.
    complete_ms : int or None
        When the last needed signature was entered; None while one is missing.
    force_ms : int or None
        When it takes force: after notice, and not before its ``effective``.
    """

    needs: Needs
    tallies: tuple[Tally, ...]
    complete_ms: int | None
    force_ms: int | None

    @property
    def missing(self) -> tuple[Tally, ...]:
        """The boards that must still sign."""
        return tuple(tally for tally in self.tallies if tally.missing)

    @property
    def notice_ms(self) -> int:
        """From the last needed signature to force."""
        return self.needs.notice_ms


def status(
    old: Charter, new: Charter, signed: Mapping[bytes, int], *, proposed_ms: int = 0, needed: Needs | None = None
) -> Status:
    """Return how far an amendment is.

    Parameters
    ----------
    old : Charter
        The charter in force.
    new : Charter
        The amendment.
    signed : Mapping of bytes to int
        Public keys whose signature over the amendment's bytes has been verified, and the ledger time of the entry with
        the first one, in Unix milliseconds. Keys that are on no board count for nothing.
    proposed_ms : int
        Ledger time of the amendment itself: nothing is complete before.
    needed : Needs or None
        What it needs, if that is known already.
    """
    needed = needs(old, new) if needed is None else needed
    tallies = tuple(tally(quorum, signed) for quorum in needed.quorums)
    reached = [each.complete_ms for each in tallies if each.complete_ms is not None]
    if len(reached) < len(tallies):
        return Status(needed, tallies, None, None)
    complete_ms = max([proposed_ms, *reached])
    return Status(needed, tallies, complete_ms, force_ms(new, needed, complete_ms))


def force_ms(new: Charter, needed: Needs, complete_ms: int) -> int:
    """Return when an amendment takes force whose last needed signature is entered at an instant."""
    after_notice = complete_ms + needed.notice_ms
    return after_notice if new.effective_ms is None else max(new.effective_ms, after_notice)


def tally(quorum: Quorum, signed: Mapping[bytes, int]) -> Tally:
    """Count a board's members by their keys."""
    entered = sorted((signed[key], name) for name, key in quorum.members.items() if key in signed)
    reached = entered[quorum.quorum - 1][0] if len(entered) >= quorum.quorum else None
    return Tally(quorum, tuple(name for _, name in entered), reached)


def unsigned(charter: Charter, boards: Sequence[str], keys: Collection[bytes]) -> tuple[Tally, ...]:
    """Return those of a charter's boards of whose members no quorum is among the keys."""
    tallies = (tally(quorum_of(charter, board), dict.fromkeys(keys, 0)) for board in boards)
    return tuple(each for each in tallies if each.missing)
