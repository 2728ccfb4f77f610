"""What gates let services have: the most replicas of each, by what was decided of the releases that they run.

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
from equipoise.gates.decision import GateDecision
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
    since_ms : int or None
        Since when that is known; None: always.
    """

    name: str
    team: str
    pool: str
    gang: int
    most: int
    release: str | None
    since_ms: int | None = None

    def __post_init__(self) -> None:
        if self.gang < 1 or self.most < 0:
            raise InputError("G108", f"the service {shown(self.name)} has {self.most} replicas of {self.gang} GPUs")


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
