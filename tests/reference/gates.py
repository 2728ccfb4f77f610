"""The gate as the charter language says it, walked hour by hour over facts whose signatures somebody else has checked.

"A stage opens when each need has a fresh attestation of that type for the digest signed by the board's quorum, `after` that
long in the stage before. `quota`: of the team's limit per pool. Past `max_age` or revoked: no growth, and the quota falls in
equal daily steps to 0 over `drain`." What that leaves open is said in docs/gates.md: each stage falls by itself, a revocation
bars the whole gate until it is answered, who is back before all has fallen is in the stage again and the time in it begins anew.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction


@dataclass(frozen=True)
class Fact:
    """A statement of one release, with when which of its signatures became known."""

    revokes: bool
    type: str
    issued: int
    expires: int | None
    signed: tuple[tuple[int, frozenset[str]], ...]


@dataclass(frozen=True)
class Step:
    """A stage: its quota, what it needs of which board, and how long the stage before must have lasted."""

    quota: Fraction
    needs: Mapping[str, str]
    after: int


@dataclass
class Place:
    """Where the release is with respect to one stage."""

    since: int | None = None
    fell: int | None = None
    good_since: int | None = None


@dataclass
class Walk:
    steps: Sequence[Step]
    boards: Mapping[str, Collection[str]]
    quorum: Mapping[str, int]
    max_age: int
    drain: int
    day: int
    facts: Sequence[Fact]
    entries: Collection[tuple[int, int]] | None = None  # (stage, hour)
    places: list[Place] = field(default_factory=list)

    def quota(self, now: int) -> Fraction:
        """What the release may use, of the limit, at an hour."""
        self.places = [Place() for _ in self.steps]
        for hour in range(now + 1):
            self._pass(hour)
        return max([self._left(place, now) * step.quota for place, step in zip(self.places, self.steps, strict=True)])

    def _left(self, place: Place, now: int) -> Fraction:
        if place.since is None:
            return Fraction(0)
        if place.fell is None:
            return Fraction(1)
        days = 0
        while days * self.day < self.drain:
            days += 1  # so many daily steps, the last perhaps sooner
        done = 0
        while (done + 1) * self.day <= now - place.fell:
            done += 1
        return Fraction(days - done, days)

    def _pass(self, hour: int) -> None:
        all_needs = [need for step in self.steps for need in step.needs.items()]
        barred = any(self._barred(type, board, hour) for type, board in all_needs)
        good = not barred
        for number, (step, place) in enumerate(zip(self.steps, self.places, strict=True)):
            good = good and all(self._fresh(type, board, hour) for type, board in step.needs.items())
            place.good_since = None if not good else hour if place.good_since is None else place.good_since
            if place.since is not None and place.fell is None and not good:
                place.fell = hour
            if place.fell is not None and hour - place.fell >= self.drain:
                place.since = place.fell = None
            if place.fell is not None and good:
                place.since, place.fell = hour, None
            if place.since is None and good and self._may_enter(number, hour):
                place.since = hour

    def _may_enter(self, number: int, hour: int) -> bool:
        if self.entries is not None and (number, hour) not in self.entries:
            return False
        if number == 0:
            begun = self.places[0].good_since
        else:
            before = self.places[number - 1]
            begun = before.since if before.fell is None else None
        return begun is not None and hour - begun >= self.steps[number].after

    def _complete(self, fact: Fact, board: str, hour: int) -> bool:
        people: set[str] = set()
        for known, signers in fact.signed:
            if known <= hour and (fact.revokes or known >= fact.issued):
                people |= signers & set(self.boards[board])
        return len(people) >= self.quorum[board]

    def _revocations(self, type: str, board: str, hour: int) -> list[Fact]:
        return [f for f in self.facts if f.revokes and f.type == type and self._complete(f, board, hour)]

    def _attestations(self, type: str, board: str, hour: int) -> list[Fact]:
        return [f for f in self.facts if not f.revokes and f.type == type and self._complete(f, board, hour)]

    def _barred(self, type: str, board: str, hour: int) -> bool:
        attested = [fact.issued for fact in self._attestations(type, board, hour)]
        return any(not any(at > f.issued for at in attested) for f in self._revocations(type, board, hour))

    def _fresh(self, type: str, board: str, hour: int) -> bool:
        revoked = [fact.issued for fact in self._revocations(type, board, hour)]
        return any(
            hour < fact.issued + self.max_age
            and (fact.expires is None or hour < fact.expires)
            and not any(fact.issued <= at for at in revoked)
            for fact in self._attestations(type, board, hour)
        )
