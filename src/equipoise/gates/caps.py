"""What gates let services have: the most replicas of each, and when that changes.

Every service of a team that a gate names runs one release. Services of one team that run the same release share its
quota in each pool, in proportion to the replicas that they would have at most. A service whose release nobody decided on
gets nothing. Where several gates, or a gate with a team and a team above it, hold a service, the least counts.

Examples
--------
>>> from equipoise.charter import EVERYTHING, NOTHING, Board, Gate, Pool, Stage, Team
>>> from equipoise.gates.decision import decide
>>> team = Team("product", "product", None, {"h100": NOTHING}, {"h100": EVERYTHING})
>>> gate = Gate("models", ("product",), (Stage("canary", Fraction(1, 10), {"jailbreak": "evals"}),))
>>> board = Board("evals", 1, {"ada": bytes(32)})
>>> lab = Charter("Lab", (Pool("h100", "H100", 16, 8),), (team,), release_gates=(gate,), boards=(board,))
>>> model = "sha256:" + "ab" * 32
>>> chat = GatedService("chat", "product", "h100", gang=4, most=10, release=model)
>>> caps(lab, [chat], [decide(lab, None, model, [], now_ms=0)])
{'chat': 0}
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction

from equipoise.charter.apportion import jefferson
from equipoise.charter.floors import quotas
from equipoise.charter.model import Charter
from equipoise.errors import InputError
from equipoise.gates.decision import Dossier, GateDecision
from equipoise.gates.evidence import Recorded
from equipoise.units import shown


@dataclass(frozen=True, slots=True)
class GatedService:
    """A service as gates see it.

    Parameters
    ----------
    name : str
    team, pool : str
        The path of its leaf, and a pool of the charter.
    gang : int
        Accelerators of one replica.
    most : int
        Replicas that it would ever want, by which services share a quota.
    release : str or None
        ``sha256:…`` of what it runs.
    """

    name: str
    team: str
    pool: str
    gang: int
    most: int
    release: str | None

    def __post_init__(self) -> None:
        if self.gang < 1 or self.most < 0:
            raise InputError("G108", f"the service {shown(self.name)} has {self.most} replicas of {self.gang} GPUs")


@dataclass(frozen=True, slots=True)
class Cap:
    """From a time on a service may have at most so many replicas; None: any number."""

    at_ms: int
    service: str
    replicas: int | None


def caps(
    charter: Charter,
    services: Sequence[GatedService],
    decisions: Iterable[GateDecision],
    *,
    capacity: Mapping[str, int] | None = None,
) -> dict[str, int | None]:
    """Return the most replicas that each service may have; None where no gate holds it.

    Parameters
    ----------
    charter : Charter
    services : sequence of GatedService
        With names that differ.
    decisions : iterable of GateDecision
        One for each gate and release.
    capacity : mapping or None
        Accelerators that are up, by pool; a pool left out has what the charter expects.

    Raises
    ------
    InputError
        G108 for a service that cannot be, or two of one name; C301 for a pool or a team that the charter does not have.
    """
    if len({service.name for service in services}) < len(services):
        raise InputError("G108", "two services have one name")
    quota = {(decision.gate, decision.release): decision.quota for decision in decisions}
    limits = {
        pool: quotas(charter, pool, (capacity or {}).get(pool, charter.pool(pool).capacity))
        for pool in {service.pool for service in services}
    }
    found: dict[str, int | None] = {service.name: None for service in services}
    for service in services:
        charter.id_of(service.team)
    for gate in charter.release_gates:
        for team in gate.teams:
            below = [service for service in services if f"{service.team}.".startswith(f"{team}.")]
            for release, pool in dict.fromkeys((service.release, service.pool) for service in below):
                sharing = [service for service in below if (service.release, service.pool) == (release, pool)]
                part = Fraction(0) if release is None else quota.get((gate.name, release), Fraction(0))
                gpus = int(part * limits[pool][charter.id_of(team)].limit)
                for name, replicas in _shared(gpus, sharing).items():
                    held = found[name]
                    found[name] = replicas if held is None else min(held, replicas)
    return found


def cap_course(
    charter: Charter,
    services: Sequence[GatedService],
    records: Sequence[Recorded],
    *,
    from_ms: int,
    until_ms: int,
) -> list[Cap]:
    """Return how the caps of services move between two times, by what is recorded: all at ``from_ms``, then each change.

    Every release enters every stage as soon as it may, and capacity is what the charter expects.

    Returns
    -------
    list of Cap
        By time, then in the order of the services.
    """
    releases = dict.fromkeys(service.release for service in services if service.release is not None)
    dossiers = [Dossier(charter, gate.name, release, records) for gate in charter.release_gates for release in releases]
    decided = {
        (decision.gate, decision.release, decision.now_ms): decision
        for dossier in dossiers
        for decision in dossier.course(from_ms, until_ms)
    }
    found: list[Cap] = []
    now: dict[tuple[str, str], GateDecision] = {}
    before: dict[str, int | None] = {}
    for at_ms in sorted({from_ms, *(key[2] for key in decided)}):
        now |= {key[:2]: decision for key, decision in decided.items() if key[2] == at_ms}
        after = caps(charter, services, now.values())
        found += [Cap(at_ms, name, most) for name, most in after.items() if name not in before or before[name] != most]
        before = after
    return found


def _shared(gpus: int, sharing: Sequence[GatedService]) -> dict[str, int]:
    """Divide accelerators among services: as many whole replicas as fit, one by one in Jefferson's order.

    The order does not depend on how many there are, so no service loses a replica when the quota grows.
    """
    weights = [service.most for service in sharing]
    weights = weights if any(weights) else [1] * len(sharing)

    def divided(replicas: int) -> list[int]:
        return jefferson(replicas, weights)

    def too_many(replicas: int) -> bool:
        return sum(n * service.gang for n, service in zip(divided(replicas), sharing, strict=True)) > gpus

    fits = bisect_left(range(gpus + 2), True, key=too_many) - 1
    return {service.name: n for service, n in zip(sharing, divided(fits), strict=True)}
