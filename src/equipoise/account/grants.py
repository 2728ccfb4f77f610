"""What became of grants: what was spent of each, moved to another, and let lapse. By whoever keeps the books, and whoever checks them.

`Grants` takes records one after the other and refuses one that cannot follow. Everything is in GPU-milliseconds of one pool.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from equipoise.errors import InputError
from equipoise.units import shown


@dataclass(slots=True)
class Grant:
    """What may be spent, and what became of it; times are milliseconds since the origin.

    Parameters
    ----------
    name : str
        That of its request, or the one that a transfer gave it.
    team, pool : str
    begin_ms, end_ms : int
        The window, without its end.
    since_ms : int
        When it was answered, or transferred.
    granted_gpu_ms : int
        By the answer; 0 of a refused request, and of what a transfer opened.
    lender : str
        The grant whose transfer opened this one; empty: it was asked for.
    received_gpu_ms, given_gpu_ms, spent_gpu_ms, expired_gpu_ms : int
    kept_gpu_ms : int
        After its end: what is set aside for jobs that were taken in before.
    is_over : bool
        Whether its end was recorded.
    """

    name: str
    team: str
    pool: str
    begin_ms: int
    end_ms: int
    since_ms: int
    granted_gpu_ms: int
    lender: str = ""
    received_gpu_ms: int = 0
    given_gpu_ms: int = 0
    spent_gpu_ms: int = 0
    expired_gpu_ms: int = 0
    kept_gpu_ms: int = 0
    is_over: bool = False

    @property
    def left_gpu_ms(self) -> int:
        """What is not spent, given away or expired."""
        had = self.granted_gpu_ms + self.received_gpu_ms
        return had - self.given_gpu_ms - self.spent_gpu_ms - self.expired_gpu_ms

    @property
    def due_ms(self) -> int:
        """When it expires: at its window's end, or at once if it was answered later."""
        return max(self.end_ms, self.since_ms)

    def is_open(self, at_ms: int) -> bool:
        """Whether jobs may name it."""
        return not self.is_over and max(self.begin_ms, self.since_ms) <= at_ms < self.end_ms


class Grants:
    """Grants by name, in the order in which they came.

    Examples
    --------
    >>> grants = Grants()
    >>> grants.open(Grant("r1", "safety", "h100", 0, 1000, 5, 100))
    >>> grants.spend("r1", 30), grants.spend("r1", 90)
    (30, 70)
    >>> grants.left_gpu_ms("r1")
    0
    """

    def __init__(self) -> None:
        self._grants: dict[str, Grant] = {}
        self._loans: dict[tuple[str, str, str], int] = {}

    def __iter__(self) -> Iterator[Grant]:
        return iter(self._grants.values())

    def get(self, name: str) -> Grant | None:
        """Return a grant, or None."""
        return self._grants.get(name)

    def left_gpu_ms(self, name: str) -> int:
        """Return what a grant has left; 0 where there is none."""
        found = self._grants.get(name)
        return 0 if found is None else found.left_gpu_ms

    @property
    def loans(self) -> dict[tuple[str, str, str], int]:
        """What teams gave to other teams: by giver, receiver and pool."""
        return dict(self._loans)

    def check_new(self, name: str) -> None:
        """Raise ``InputError`` A205 for a name that a transfer gave already."""
        if name in self._grants and self._grants[name].lender:
            _refuse(name, "is there already", "a new grant has a new name")

    def open(self, grant: Grant) -> None:
        """Take a grant; A205 for a name that there is."""
        if grant.name in self._grants:
            _refuse(grant.name, "is there already", "a new grant has a new name")
        self._grants[grant.name] = grant

    def spend(self, name: str, work_gpu_ms: int) -> int:
        """Spend a job's work; returns how much of it the grant had left."""
        grant = self._known(name)
        spent = min(work_gpu_ms, grant.left_gpu_ms)
        grant.spent_gpu_ms += spent
        if grant.is_over:
            grant.kept_gpu_ms -= spent
        return spent

    def expire(self, name: str, *, set_aside_gpu_ms: int | None) -> int:
        """Let a grant end: all that is not set aside for jobs under way lapses (None: all is); returns how much."""
        grant = self._known(name)
        if grant.is_over:
            _refuse(name, "has expired", "it expires once")
        left = grant.left_gpu_ms
        kept = left if set_aside_gpu_ms is None else min(left, set_aside_gpu_ms)
        grant.is_over, grant.expired_gpu_ms, grant.kept_gpu_ms = True, left - kept, kept
        return grant.expired_gpu_ms

    def transfer(self, name: str, to: str, gpu_ms: int, *, at_ms: int, team: str = "") -> None:
        """Move what a grant has left to another, or to a new one for another team.

        Parameters
        ----------
        name, to : str
            From which grant, to which.
        gpu_ms : int
        at_ms : int
            Both are not over by then.
        team : str
            Whose the new grant is, in the window of the one that gives; empty: ``to`` is there.

        Raises
        ------
        InputError
            A205 for one that cannot be; nothing has changed then.
        """
        giver = self._known(name)
        if giver.is_over or at_ms >= giver.due_ms:
            _refuse(name, "is over", "what is left ends with its window")
        if not 0 < gpu_ms <= giver.left_gpu_ms:
            _refuse(name, f"has {giver.left_gpu_ms} GPU-ms left, not {gpu_ms}", "give what is left, or less")
        if team:
            new = Grant(to, team, giver.pool, max(giver.begin_ms, at_ms), giver.end_ms, at_ms, 0, lender=name)
            self.open(new)
        receiver = self._known(to)
        if receiver is giver or receiver.pool != giver.pool:
            _refuse(to, f"cannot have what is left of {shown(name)}", "another grant, in the same pool")
        if receiver.is_over or at_ms >= receiver.due_ms:
            _refuse(to, "is over", "give to one whose window has not ended")
        giver.given_gpu_ms += gpu_ms
        receiver.received_gpu_ms += gpu_ms
        if receiver.team != giver.team:
            key = (giver.team, receiver.team, giver.pool)
            self._loans[key] = self._loans.get(key, 0) + gpu_ms

    def _known(self, name: str) -> Grant:
        found = self._grants.get(name)
        if found is None:
            return _refuse(name, "is not there", "a request is a grant once it is answered")
        return found


def _refuse(name: str, said: str, hint: str) -> Grant:
    raise InputError("A205", f"grant {shown(name)} {said}", hint=hint)
