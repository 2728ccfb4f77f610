"""What all gates say of all services over time, under the charters that are in force one after another.

:func:`rulings` is the main path; :func:`cap_moves` says of them how the caps of services move. A charter that comes into
force decides from then on by its own text, boards and limits, also of releases that are under way. A service whose team it
does not have is held by the gates of the nearest team above that it has.

Examples
--------
>>> from fractions import Fraction
>>> from equipoise.charter import EVERYTHING, NOTHING, Board, Charter, Gate, Pool, Stage, Team
>>> team = Team("product", "product", None, {"h100": NOTHING}, {"h100": EVERYTHING})
>>> gate = Gate("models", ("product",), (Stage("canary", Fraction(1, 10), {"jailbreak": "evals"}),))
>>> free = Charter("Lab", (Pool("h100", "H100", 16, 8),), (team,))
>>> gated = replace(free, release_gates=(gate,), boards=(Board("evals", 1, {"ada": bytes(32)}),))
>>> chat = GatedService("chat", "product", "h100", gang=4, most=10, release="sha256:" + "ab" * 32)
>>> said = rulings([(0, free), (5, gated), (9, free)], [chat], [], from_ms=0, until_ms=20)
>>> [(cap.at_ms, cap.replicas) for cap in cap_moves(said)]
[(0, None), (5, 0), (9, None)]
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from equipoise.charter.governance import Gate
from equipoise.charter.model import Charter
from equipoise.gates.caps import GatedService, caps
from equipoise.gates.decision import Dossier, GateDecision
from equipoise.gates.evidence import Recorded

Course = Sequence[tuple[int, Charter]]
"""Charters with the time from which each is in force, in order; before the first, it is the first."""


@dataclass(frozen=True, slots=True)
class Cap:
    """From a time on a service may have at most so many replicas; None: any number."""

    at_ms: int
    service: str
    replicas: int | None


@dataclass(frozen=True, slots=True)
class Ruling:
    """What all gates say from a time on, and what services may have by it.

    Parameters
    ----------
    at_ms : int
    charter : Charter
        In force then.
    services : tuple of GatedService
        As they are seen then: with the team that gates find them under, and without a release that is not known yet. Those
        of a team of which nothing is left are missing.
    decisions : tuple of GateDecision
        One for each gate and release.
    replicas : Mapping of str to (int or None)
        The most replicas of every service; None: any number.
    """

    at_ms: int
    charter: Charter
    services: tuple[GatedService, ...]
    decisions: tuple[GateDecision, ...]
    replicas: Mapping[str, int | None]

    def holding(self, name: str) -> Iterator[tuple[Gate, GateDecision | None]]:
        """Yield the gates that hold a service, and what each says of its release; None where no release is known."""
        for service in (each for each in self.services if each.name == name):
            for gate in self.charter.release_gates:
                if any(f"{service.team}.".startswith(f"{team}.") for team in gate.teams):
                    said = (one for one in self.decisions if (one.gate, one.release) == (gate.name, service.release))
                    yield gate, next(said, None)


def rulings(
    charters: Course,
    services: Sequence[GatedService],
    records: Iterable[Recorded],
    *,
    from_ms: int,
    until_ms: int,
) -> list[Ruling]:
    """Return what gates say of services at ``from_ms`` and at every later time below ``until_ms`` at which that changes.

    Every release enters every stage as soon as it may, and capacity is what the charter in force expects.

    Parameters
    ----------
    charters : sequence of (int, Charter)
    services : sequence of GatedService
        With names that differ.
    records : iterable of Recorded
        Whose ``charter``, if a record has none, is the one that was in force when it was recorded.
    """
    dated = [replace(one, charter=in_force(charters, one.at_ms)) if one.charter is None else one for one in records]
    found: list[Ruling] = []
    ends = [*(at_ms for at_ms, _ in charters[1:]), until_ms]
    for number, ((begin_ms, charter), end_ms) in enumerate(zip(charters, ends, strict=True)):
        first_ms, last_ms = max(begin_ms, from_ms) if number else from_ms, min(end_ms, until_ms)
        if first_ms < last_ms:
            found += _under(charter, services, dated, first_ms, last_ms)
    return found


def cap_moves(said: Iterable[Ruling]) -> list[Cap]:
    """Return the cap of every service at first, and then each that changes: by time, then in the order of the services."""
    found: list[Cap] = []
    before: Mapping[str, int | None] = {}
    for one in said:
        found += [
            Cap(one.at_ms, name, n) for name, n in one.replicas.items() if name not in before or before[name] != n
        ]
        before = one.replicas
    return found


def cap_course(
    charter: Charter,
    services: Sequence[GatedService],
    records: Sequence[Recorded],
    *,
    from_ms: int,
    until_ms: int,
) -> list[Cap]:
    """Return how the caps of services move between two times under one charter: all at ``from_ms``, then each change."""
    return cap_moves(rulings([(from_ms, charter)], services, records, from_ms=from_ms, until_ms=until_ms))


def in_force(charters: Course, at_ms: int) -> Charter:
    """Return the charter that is in force at a time."""
    return charters[max(0, bisect_right(charters, at_ms, key=lambda one: one[0]) - 1)][1]


def _under(
    charter: Charter, services: Sequence[GatedService], records: Sequence[Recorded], from_ms: int, until_ms: int
) -> Iterator[Ruling]:
    """Yield the rulings while one charter is in force."""
    releases = dict.fromkeys(service.release for service in services if service.release is not None)
    dossiers = [Dossier(charter, gate.name, release, records) for gate in charter.release_gates for release in releases]
    decided: dict[int, dict[tuple[str, str], GateDecision]] = {}
    for dossier in dossiers:
        for one in dossier.course(from_ms, until_ms):
            decided.setdefault(one.now_ms, {})[one.gate, one.release] = one
    known = {each.since_ms for each in services if each.since_ms is not None and from_ms < each.since_ms < until_ms}
    now: dict[tuple[str, str], GateDecision] = {}
    free: dict[str, int | None] = dict.fromkeys(service.name for service in services)
    for at_ms in sorted({from_ms, *known, *decided}):
        now |= decided.get(at_ms, {})
        seen = tuple(each for service in services if (each := _seen(charter, service, at_ms)) is not None)
        yield Ruling(at_ms, charter, seen, tuple(now.values()), free | caps(charter, seen, now.values()))


def _seen(charter: Charter, service: GatedService, at_ms: int) -> GatedService | None:
    """Return a service as a charter's gates see it at a time; None where nothing is left of its team."""
    paths = {team.path for team in charter.teams}
    path = service.team
    while path and path not in paths:
        path = path.rpartition(".")[0]
    release = service.release if service.since_ms is None or service.since_ms <= at_ms else None
    pool = service.pool or charter.pools[0].name  # a workload may name none where there is one
    return replace(service, team=path, pool=pool, release=release) if path else None
