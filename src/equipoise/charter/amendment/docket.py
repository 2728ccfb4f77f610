"""The course of charters: one in force, at most one amendment pending, emergencies, re-foundings; a pure state machine.

`Docket.after` is the main path: as time goes on an emergency ends and an amendment that is complete takes force. Everything
that is entered comes with its ledger time and first lets that time pass. Who signed has been verified before: keys are
public keys whose signature over the bytes in question is good.

An emergency lies on top of the charter in force, which returns when it ends; amendments follow that charter, not the
emergency. So no emergency delays or voids an amendment that was signed and announced: when it takes force, the emergency ends.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Literal

from equipoise.charter.amendment.emergency import Run, check_emergency, check_turn
from equipoise.charter.amendment.progress import Status, status, unsigned
from equipoise.charter.amendment.requirements import Needs, needs, seats
from equipoise.charter.checks import Breach, check_succession
from equipoise.charter.model import Charter
from equipoise.errors import AuthorizationError, InputError
from equipoise.units import shown

Step = Literal["founding", "amendment", "withdrawal", "lapse", "emergency", "return", "re-founding"]


@dataclass(frozen=True, slots=True)
class Entry:
    """What became of charters at an instant.

    Parameters
    ----------
    step : str
        ``amendment``, ``emergency`` and ``re-founding`` put the charter of that digest in force, ``return`` the one that was
        before an emergency; ``withdrawal`` and ``lapse`` end an amendment that is pending.
    digest : str
    at_ms : int
    """

    step: Step
    digest: str
    at_ms: int


@dataclass(frozen=True, slots=True)
class Pending:
    """An amendment that has been entered and has not taken force.

    Parameters
    ----------
    charter : Charter
    entered_ms : int
    needs : Needs
        By the charter in force when it was entered.
    signed : Mapping of bytes to int
        Key to the ledger time of its first signature.
    """

    charter: Charter
    entered_ms: int
    needs: Needs
    signed: Mapping[bytes, int] = field(default_factory=dict[bytes, int])


@dataclass(frozen=True, slots=True)
class Docket:
    """Which charter is in force, and what is under way; every method returns another docket.

    Parameters
    ----------
    charter : Charter
        The charter in force, which returns when an emergency ends.
    at_ms : int
        The latest ledger time that it knows of.
    pending : Pending or None
    emergency : Charter or None
        The charter that holds for the time being, as long as the last of ``emergencies``.
    emergencies : tuple of Run
        All that ever began under this charter's predecessors too, in order.
    history : tuple of Entry
    """

    charter: Charter
    at_ms: int
    pending: Pending | None = None
    emergency: Charter | None = None
    emergencies: tuple[Run, ...] = ()
    history: tuple[Entry, ...] = ()

    @classmethod
    def founded(cls, charter: Charter, at_ms: int) -> Docket:
        """Begin with a first charter."""
        return cls(charter, at_ms, history=(Entry("founding", charter.digest, at_ms),))

    @property
    def in_force(self) -> Charter:
        """What holds now."""
        return self.charter if self.emergency is None else self.emergency

    @property
    def status(self) -> Status | None:
        """How far the pending amendment is."""
        held = self.pending
        if held is None:
            return None
        return status(self.charter, held.charter, held.signed, proposed_ms=held.entered_ms, needed=held.needs)

    def after(self, at_ms: int) -> Docket:
        """Let time pass: end an emergency, put a complete amendment in force, whichever is first.

        Raises
        ------
        InputError
            C514 when the time is before what is known.
        """
        if at_ms < self.at_ms:
            raise InputError("C514", f"the time {at_ms} is before {self.at_ms}", hint="a ledger's time never goes back")
        now = self
        while (due := now._due(at_ms)) is not None:
            now = due
        return replace(now, at_ms=at_ms)

    def propose(self, new: Charter, at_ms: int) -> Docket:
        """Enter an amendment that has passed `check`.

        Raises
        ------
        InputError
            C504 when it does not follow the charter in force.
        AuthorizationError
            C505 when another one is pending.
        """
        now = self.after(at_ms)
        if now.pending is not None:
            held = shown(now.pending.charter.digest)
            raise AuthorizationError(
                "C505", f"the amendment {held} is pending", hint="one at a time; it can be withdrawn"
            )
        for breach in check_succession(now.charter, new):
            raise InputError(breach.code, breach.message, hint=breach.hint)
        # What nobody needs to sign takes force at once.
        return replace(now, pending=Pending(new, at_ms, needs(now.charter, new))).after(at_ms)

    def sign(self, keys: Collection[bytes], at_ms: int) -> Docket:
        """Enter good signatures over the bytes of the pending amendment; a key that has signed counts from the first time.

        Raises
        ------
        AuthorizationError
            C506 when none is pending, C507 for a key that is on no board of either charter.
        """
        now = self.after(at_ms)
        held = now._held()
        known = seats(now.charter).keys() | seats(held.charter).keys()
        for key in keys:
            if key not in known:
                said = f"the key {key.hex()[:16]}… is on no board"
                raise AuthorizationError(
                    "C507", said, hint="members of boards sign, by the charter in force or the new one"
                )
        signed = {**dict.fromkeys(keys, at_ms), **held.signed}
        return replace(now, pending=replace(held, signed=signed)).after(at_ms)

    def withdraw(self, keys: Collection[bytes], at_ms: int) -> Docket:
        """Withdraw the pending amendment; a quorum of every board that signs ordinary amendments asks for it.

        Raises
        ------
        AuthorizationError
            C506 when none is pending, C508 when signatures are missing.
        """
        now = self.after(at_ms)
        held = now._held()
        rules = now.charter.amendments
        _signed(now.charter, () if rules is None else rules.ordinary.needs, keys, "a withdrawal")
        return now._entered("withdrawal", held.charter, at_ms, pending=None)

    def declare(self, new: Charter, keys: Collection[bytes], at_ms: int) -> Docket:
        """Begin an emergency: a charter that passes `check`, signed by a quorum of the board that may, without notice.

        Raises
        ------
        InputError
            C504 when it does not follow the charter in force.
        AuthorizationError
            C508 signatures are missing, C509 no emergency is provided for, C510 it changes other fields, C511 it keeps too
            little, C512 too soon or too often.
        """
        now = self.after(at_ms)
        rule = None if now.charter.amendments is None else now.charter.amendments.emergency
        _refuse(check_emergency(now.charter, new))
        assert rule is not None, "else C509"
        for breach in check_succession(now.charter, new):
            raise InputError(breach.code, breach.message, hint=breach.hint)
        _refuse(check_turn(rule, now.charter.timezone, now.emergencies, at_ms))
        _signed(now.charter, (rule.by,), keys, "an emergency")
        run = Run(at_ms, at_ms + rule.lasts_ms)
        return now._entered("emergency", new, at_ms, emergency=new, emergencies=(*now.emergencies, run))

    def end(self, keys: Collection[bytes], at_ms: int) -> Docket:
        """End an emergency before its time, by the board that may begin one.

        Raises
        ------
        AuthorizationError
            C508 when signatures are missing, C509 when there is no emergency.
        """
        now = self.after(at_ms)
        rule = None if now.charter.amendments is None else now.charter.amendments.emergency
        if now.emergency is None or rule is None:
            raise AuthorizationError("C509", "there is no emergency", hint="nothing is to be ended")
        _signed(now.charter, (rule.by,), keys, "the end of an emergency")
        return now._over(at_ms)._entered("return", now.charter, at_ms)

    def refound(self, new: Charter, at_ms: int) -> Docket:
        """Put a charter in force that no board has signed: the way out when a board cannot reach its quorum.

        It is in the history for ever. What is pending lapses, an emergency ends, and every running promise is broken.

        Raises
        ------
        InputError
            C513 when the charter follows the one in force: that is an amendment, and those who must sign it do.
        """
        now = self.after(at_ms)
        if new.parent == now.charter.digest or (now.emergency is not None and new.parent == now.emergency.digest):
            said = "the charter names the one in force as its parent"
            raise InputError(
                "C513", said, hint="a re-founding has no parent; else it is an amendment and needs signatures"
            )
        if now.pending is not None:
            now = now._entered("lapse", now.pending.charter, at_ms, pending=None)
        return replace(now._over(at_ms), charter=new)._entered("re-founding", new, at_ms)

    def _due(self, until_ms: int) -> Docket | None:
        """Return what the next thing that is due makes of it; None when nothing is due yet."""
        ends_ms = self.emergencies[-1].ends_ms if self.emergency is not None else None
        found = self.status
        force_ms = None if found is None else found.force_ms
        if ends_ms is not None and ends_ms <= until_ms and (force_ms is None or ends_ms <= force_ms):
            return self._over(ends_ms)._entered("return", self.charter, ends_ms)
        if force_ms is None or force_ms > until_ms:
            return None
        at_ms = max(force_ms, self.at_ms)
        new = self._held().charter
        if new.parent != self.charter.digest:  # compare and swap: what it was signed against is no longer in force
            return self._entered("lapse", new, at_ms, pending=None)
        return replace(self._over(at_ms), charter=new)._entered("amendment", new, at_ms, pending=None)

    def _held(self) -> Pending:
        if self.pending is None:
            raise AuthorizationError("C506", "no amendment is pending", hint="enter one first")
        return self.pending

    def _over(self, at_ms: int) -> Docket:
        """Return the docket without its emergency, which ends at that instant."""
        if self.emergency is None:
            return self
        last = replace(self.emergencies[-1], ends_ms=at_ms)
        return replace(self, emergency=None, emergencies=(*self.emergencies[:-1], last))

    def _entered(self, step: Step, charter: Charter, at_ms: int, **changes: object) -> Docket:
        entry = Entry(step, charter.digest, at_ms)
        return replace(self, at_ms=at_ms, history=(*self.history, entry), **changes)  # pyright: ignore[reportArgumentType]


def _refuse(breaches: Iterable[Breach]) -> None:
    for breach in breaches:
        raise AuthorizationError(breach.code, breach.message, hint=breach.hint)


def _signed(charter: Charter, boards: Iterable[str], keys: Collection[bytes], what: str) -> None:
    for tally in unsigned(charter, tuple(boards), keys):
        told = f"{tally.missing} more of {tally.quorum.board}"
        raise AuthorizationError("C508", f"{what} needs {told}", hint="sign: " + ", ".join(tally.may_sign))
