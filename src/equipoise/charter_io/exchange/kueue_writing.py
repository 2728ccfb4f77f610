"""A charter as Kueue's objects: a tree of Cohorts with a ClusterQueue for each team that holds jobs.

What a team's floor leaves above its teams' floors is the quota of its Cohort; the lab's Cohort has what nobody was
promised. So the sum over a subtree is the floor of its team, which is also how Kueue adds quotas up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import yaml

from equipoise.charter.floors import Quota, quotas
from equipoise.charter.model import Charter, Team
from equipoise.charter_io.exchange.loss import Exchanged, Loss, beyond_quotas, half_life
from equipoise.errors import InputError
from equipoise.units import decimal_text

ROOT = "lab"
EXPECT, DEVICE, HEH, TITLE = "equipoise.dev/expect", "equipoise.dev/device", "equipoise.dev/heh", "equipoise.dev/lab"
POOL_LABEL = "equipoise.dev/pool"
RESOURCE = "nvidia.com/gpu"
VERSIONS = ("v1beta1", "v1beta2")
Object = dict[str, Any]
Quotas = Mapping[str, tuple[Quota, ...]]


def to_kueue(charter: Charter, *, version: str = "v1beta2", resource: str = RESOURCE) -> Exchanged:
    """Write a charter as Kueue's objects.

    Parameters
    ----------
    charter : Charter
    version : {'v1beta2', 'v1beta1'}
        Of Kueue's API.
    resource : str
        What pods ask for.

    Raises
    ------
    InputError
        C603 if two teams would have one namespace.
    """
    found = {pool.name: quotas(charter, pool.name, pool.capacity) for pool in charter.pools}
    objects = [_flavor(charter, pool, version) for pool in range(len(charter.pools))]
    objects.append(_cohort(charter, found, None, resource, version))
    objects += [_cohort(charter, found, team, resource, version) for team in charter.teams if not team.is_leaf]
    spaces: dict[str, str] = {}
    for team in charter.leaves:
        space = team.path.replace(".", "-")
        if space in spaces:
            raise InputError("C603", f"{team.path} and {spaces[space]} would both have the namespace {space}")
        spaces[space] = team.path
        objects += [_queue(charter, found, team, resource, version, space), _local(team, version, space)]
    dumped = [yaml.safe_dump(each, sort_keys=False, default_flow_style=False, allow_unicode=True) for each in objects]
    return Exchanged("---\n".join(dumped), [*_lost(charter), *beyond_quotas(charter, "Kueue")])


def _lost(charter: Charter) -> Iterator[Loss]:
    label = f"{POOL_LABEL}={charter.pools[0].name}"
    yield Loss("pools", f"Flavors take nodes by a label that is yours to set, such as {label}.")
    yield Loss(
        "pools", "Quotas are whole devices of the expected capacity; they do not follow it when nodes come or go."
    )
    for team in charter.teams:
        if any(share.fraction not in (None, 0, 1) for share in (*team.floor.values(), *team.limit.values())):
            yield Loss(f"teams.{team.path}", "Its percentages are written as the devices that they are now.")
    yield Loss("teams", "Weights act only with fair sharing on (fairSharing in Kueue's configuration).")
    yield from half_life(charter, "Kueue's configuration (admissionFairSharing.usageHalfLifeTime)")


def _flavor(charter: Charter, number: int, version: str) -> Object:
    pool = charter.pools[number]
    notes = {EXPECT: f"{pool.nodes} nodes of {pool.gpus_per_node} gpu", DEVICE: pool.device}
    if pool.heh != 1:
        notes[HEH] = decimal_text(pool.heh)
    return {
        "apiVersion": f"kueue.x-k8s.io/{version}",
        "kind": "ResourceFlavor",
        "metadata": {"name": pool.name, "annotations": notes},
        "spec": {"nodeLabels": {POOL_LABEL: pool.name}},
    }


def _cohort(charter: Charter, found: Quotas, team: Team | None, resource: str, version: str) -> Object:
    parent = None if team is None else team.parent or ROOT
    spec: Object = {} if parent is None else {"parentName": parent}
    spec["resourceGroups"] = _groups(charter, found, team, resource)
    if team is not None:
        spec["fairSharing"] = {"weight": _weight(team)}
    meta: Object = {"name": ROOT if team is None else team.path}
    if team is None:
        meta["annotations"] = {TITLE: charter.lab}
    return {"apiVersion": f"kueue.x-k8s.io/{version}", "kind": "Cohort", "metadata": meta, "spec": spec}


def _queue(charter: Charter, found: Quotas, team: Team, resource: str, version: str, space: str) -> Object:
    return {
        "apiVersion": f"kueue.x-k8s.io/{version}",
        "kind": "ClusterQueue",
        "metadata": {"name": team.path},
        "spec": {
            "cohortName" if version == "v1beta2" else "cohort": team.parent or ROOT,
            "namespaceSelector": {"matchLabels": {"kubernetes.io/metadata.name": space}},
            "queueingStrategy": "BestEffortFIFO",
            "resourceGroups": _groups(charter, found, team, resource),
            "fairSharing": {"weight": _weight(team)},
            "preemption": {
                "reclaimWithinCohort": "Any",
                "borrowWithinCohort": {"policy": "Never"},
                "withinClusterQueue": "LowerPriority",
            },
        },
    }


def _local(team: Team, version: str, space: str) -> Object:
    return {
        "apiVersion": f"kueue.x-k8s.io/{version}",
        "kind": "LocalQueue",
        "metadata": {"name": team.name, "namespace": space},
        "spec": {"clusterQueue": team.path},
    }


def _groups(charter: Charter, found: Quotas, team: Team | None, resource: str) -> list[Object]:
    flavors = [
        {"name": pool.name, "resources": [{"name": resource, **_quota(charter, found[pool.name], team, pool.capacity)}]}
        for pool in charter.pools
    ]
    return [{"coveredResources": [resource], "flavors": flavors}]


def _quota(charter: Charter, found: tuple[Quota, ...], team: Team | None, capacity: int) -> Object:
    below = [found[charter.id_of(each.path)] for each in charter.children(None if team is None else team.path)]
    if team is None:
        return {"nominalQuota": capacity - sum(quota.floor for quota in below)}
    own = found[charter.id_of(team.path)]
    written: Object = {"nominalQuota": own.floor - sum(quota.floor for quota in below)}
    if own.limit < (capacity if team.parent is None else found[charter.id_of(team.parent)].limit):
        written["borrowingLimit"] = own.limit - own.floor
    if own.reserve > sum(quota.reserve for quota in below):
        written["lendingLimit"] = own.floor - own.reserve
    return written


def _weight(team: Team) -> str:
    whole, rest = divmod(team.weight_e4, 10_000)
    return f"{whole}.{rest:04d}".rstrip("0").rstrip(".")
