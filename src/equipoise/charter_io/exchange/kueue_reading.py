"""Kueue's objects as a charter: Cohorts become the tree of teams, ClusterQueues its leaves, flavors the pools."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

import yaml

from equipoise.charter_io.exchange.kueue_writing import DEVICE, EXPECT, HEH, RESOURCE, TITLE
from equipoise.charter_io.exchange.loss import Exchanged, Loss
from equipoise.charter_io.exchange.proposal import Branch, charter_text, name_of
from equipoise.charter_io.kinds import NODES
from equipoise.errors import InputError, Place
from equipoise.units import shown

MILLION = 1_000_000
_SUFFIX = {"": Decimal(1), "m": Decimal("0.001"), "k": Decimal(1000), "M": Decimal(10**6), "G": Decimal(10**9),
           "Ki": Decimal(2**10), "Mi": Decimal(2**20), "Gi": Decimal(2**30)}  # fmt: skip
_QUANTITY = re.compile(r"([0-9]+(?:\.[0-9]+)?)([a-zA-Z]*)\Z")
_SAID = {"nominalQuota", "borrowingLimit", "lendingLimit", "name"}
_QUEUE_SAID = {
    "cohort",
    "cohortName",
    "resourceGroups",
    "fairSharing",
    "preemption",
    "queueingStrategy",
    "namespaceSelector",
}
_COHORT_SAID = {"parent", "parentName", "resourceGroups", "fairSharing"}
_USUAL_PREEMPTION = {"reclaimWithinCohort": "Any", "withinClusterQueue": "LowerPriority"}


@dataclass
class _Group:
    """A Cohort or ClusterQueue."""

    kind: str
    name: str
    parent: str
    spec: Mapping[str, Any]
    weight: Decimal
    quotas: dict[str, dict[str, int]] = field(default_factory=dict[str, dict[str, int]])
    below: list[_Group] = field(default_factory=list["_Group"])

    @property
    def place(self) -> str:
        return f"{self.kind}/{self.name}"

    def floor(self, flavor: str) -> int:
        """Sum of the subtree's quotas, as Kueue adds them up."""
        return self.quotas.get(flavor, {}).get("nominalQuota", 0) + sum(each.floor(flavor) for each in self.below)


def from_kueue(texts: Iterable[str], *, resource: str = RESOURCE, names: Iterable[str] = ()) -> Exchanged:
    """Propose a charter from Kueue's objects.

    Parameters
    ----------
    texts : iterable of str
        YAML as ``kubectl get clusterqueues,cohorts,resourceflavors -o yaml`` prints it, or manifests.
    resource : str
        Which of the resources counts.
    names : iterable of str
        What errors call the texts.

    Raises
    ------
    InputError
        C600 where it is no YAML or has no ClusterQueue, C601 if none has the resource, C602 for Cohorts in a circle, C604
        for a quantity that is none.
    """
    objects = list(_objects(texts, list(names)))
    lost: list[Loss] = []
    groups = {("Cohort", each.name): each for each in _groups(objects, "Cohort", resource, lost)}
    queues = list(_groups(objects, "ClusterQueue", resource, lost))
    if not queues:
        raise InputError("C600", "there is no ClusterQueue in it", hint="kubectl get clusterqueues,cohorts -o yaml")
    roots = _tree(groups, queues)
    flavors = list(dict.fromkeys(flavor for group in (*queues, *groups.values()) for flavor in group.quotas))
    if not flavors:
        raise InputError("C601", f"no ClusterQueue has a quota of {shown(resource)}", hint="name it with --resource")
    tops = roots[0].below if len(roots) == 1 and roots[0].kind == "Cohort" else roots
    closed = tops is roots
    if closed and len(roots) > 1:
        lost.append(
            Loss("Cohort", "What shares no Cohort cannot borrow from each other: each has its quota as its limit.")
        )
    elsewhere = [
        each for each in objects if each["kind"] not in ("ClusterQueue", "Cohort", "ResourceFlavor", "LocalQueue")
    ]
    lost += [
        Loss(f"{each['kind']}/{_name(each)}", "This kind of object is not part of a charter.") for each in elsewhere
    ]
    pools = {flavor: name_of(flavor, set(), lost, f"ResourceFlavor/{flavor}") for flavor in flavors}
    branches = _branches(tops, "", pools, lost, closed=closed)
    about = {_name(each): each for each in objects if each["kind"] == "ResourceFlavor"}
    written = {pools[flavor]: _pool(flavor, about.get(flavor, {}), sum(root.floor(flavor) for root in roots), lost)
               for flavor in flavors}  # fmt: skip
    title = next((note for each in objects if (note := _notes(each).get(TITLE))), "From Kueue")
    return Exchanged(charter_text(title, written, branches, lost, origin="Kueue"), lost)


def _objects(texts: Iterable[str], names: list[str]) -> Iterator[dict[str, Any]]:
    for number, text in enumerate(texts):
        place = Place(names[number]) if number < len(names) else None
        try:
            documents: list[Any] = list(yaml.safe_load_all(text))
        except yaml.YAMLError:
            raise InputError("C600", "it is no YAML", place=place) from None
        for document in documents:
            items: Any = document.get("items", [document]) if isinstance(document, Mapping) else []  # pyright: ignore[reportUnknownMemberType, reportUnknownVariableType]
            for each in items:  # pyright: ignore[reportUnknownVariableType]
                if isinstance(each, dict) and "kueue" in str(each.get("apiVersion")) and "kind" in each:  # pyright: ignore[reportUnknownMemberType, reportUnknownArgumentType]
                    yield each


def _groups(objects: Iterable[Mapping[str, Any]], kind: str, resource: str, lost: list[Loss]) -> Iterator[_Group]:
    for each in objects:
        if each["kind"] != kind:
            continue
        spec: Mapping[str, Any] = each.get("spec") or {}
        parent = str(spec.get("cohortName") or spec.get("cohort") or spec.get("parentName") or spec.get("parent") or "")
        fair: Mapping[str, Any] = spec.get("fairSharing") or {}
        group = _Group(kind, _name(each), parent, spec, _quantity(fair.get("weight", 1)))
        for flavor, quota in _quotas(group, resource, lost):
            group.quotas[flavor] = quota
        lost += _unsaid(group)
        yield group


def _quotas(group: _Group, resource: str, lost: list[Loss]) -> Iterator[tuple[str, dict[str, int]]]:
    others: set[str] = set()
    for each in group.spec.get("resourceGroups") or ():
        for flavor in each.get("flavors") or ():
            for quota in flavor.get("resources") or ():
                if quota["name"] != resource:
                    others.add(str(quota["name"]))
                    continue
                values = {key: quota[key] for key in _SAID & set(quota) - {"name"} if quota[key] is not None}
                yield str(flavor["name"]), {key: int(_quantity(value)) for key, value in values.items()}
    if others:
        lost.append(
            Loss(f"{group.place}.resourceGroups", f"A charter divides accelerators, not {', '.join(sorted(others))}.")
        )


def _unsaid(group: _Group) -> Iterator[Loss]:
    said = _QUEUE_SAID if group.kind == "ClusterQueue" else _COHORT_SAID
    for key in sorted(set(group.spec) - said):
        yield Loss(f"{group.place}.{key}", "A charter has nothing like it.")
    if group.kind != "ClusterQueue":
        return
    if group.spec.get("queueingStrategy", "BestEffortFIFO") != "BestEffortFIFO":
        yield Loss(f"{group.place}.queueingStrategy", "A job that cannot start holds back none that do not delay it.")
    preemption: Mapping[str, Any] = group.spec.get("preemption") or {}
    for key, usual in _USUAL_PREEMPTION.items():
        value = preemption.get(key, "Never")
        if value != usual:
            yield Loss(f"{group.place}.preemption.{key}", f"A charter always acts like {usual}, not like {value}.")
    borrow: Mapping[str, Any] = preemption.get("borrowWithinCohort") or {}
    if borrow.get("policy", "Never") != "Never":
        yield Loss(f"{group.place}.preemption.borrowWithinCohort", "Nobody stops another's jobs to borrow.")


def _tree(groups: dict[tuple[str, str], _Group], queues: list[_Group]) -> list[_Group]:
    """Hang everything below its Cohort; a Cohort that is only named exists too."""
    for each in [*queues, *groups.values()]:
        if each.parent and ("Cohort", each.parent) not in groups:
            groups["Cohort", each.parent] = _Group("Cohort", each.parent, "", {}, Decimal(1))
    for each in groups.values():
        seen = [each.name]
        while (above := groups["Cohort", seen[-1]].parent) and above not in seen:
            seen.append(above)
        if above:
            raise InputError("C602", f"the Cohort {shown(above)} is above itself")
    for each in [*groups.values(), *queues]:
        if each.parent:
            groups["Cohort", each.parent].below.append(each)
    return [each for each in [*groups.values(), *queues] if not each.parent and (each.below or each.kind != "Cohort")]


def _branches(
    groups: Iterable[_Group], prefix: str, pools: Mapping[str, str], lost: list[Loss], *, closed: bool
) -> list[Branch]:
    taken: set[str] = set()
    ordered = sorted(groups, key=lambda each: (each.name, each.kind))
    named = [(group, name_of(group.name.removeprefix(prefix), taken, lost, group.place)) for group in ordered]
    return [_branch(group, name, pools, lost, closed=closed) for group, name in named]


def _branch(group: _Group, name: str, pools: Mapping[str, str], lost: list[Loss], *, closed: bool) -> Branch:
    floors = {flavor: group.floor(flavor) for flavor in pools}
    limits: dict[str, int] = {}
    for flavor, floor in floors.items():
        borrow = group.quotas.get(flavor, {}).get("borrowingLimit")
        if closed:
            limits[pools[flavor]] = floor
        elif borrow is not None:
            limits[pools[flavor]] = floor + borrow
        elif flavor not in group.quotas and group.kind == "ClusterQueue":
            limits[pools[flavor]] = 0  # without a quota, be it 0, a queue does not use a flavor at all
    return Branch(
        name=name,
        floors={pools[flavor]: floor for flavor, floor in floors.items()},
        limits=limits,
        weight=_weight(group, lost),
        lend_e6=_lend(group, floors, lost),
        below=_branches(group.below, f"{group.name}.", pools, lost, closed=False),
    )


def _weight(group: _Group, lost: list[Loss]) -> Decimal:
    weight = min(group.weight, Decimal(1000)).quantize(Decimal("0.0001"))
    if weight != group.weight:
        lost.append(Loss(f"{group.place}.fairSharing.weight", f"{group.weight} is written as {weight}."))
    return weight


def _lend(group: _Group, floors: Mapping[str, int], lost: list[Loss]) -> int:
    """Return the part of its floor that it lends, in millionths: the least that gives every flavor's limit exactly."""
    parts: list[tuple[int, int]] = []  # least, and first that is too much
    for flavor, floor in floors.items():
        limit = group.quotas.get(flavor, {}).get("lendingLimit")
        if floor and limit is not None and limit < floor:
            parts.append((-(-limit * MILLION // floor), -(-(limit + 1) * MILLION // floor)))
        elif floor:
            parts.append((MILLION, MILLION + 1))
    if not parts:
        return MILLION
    least = max(low for low, _ in parts)
    if least >= min(high for _, high in parts):
        least = min(low for low, _ in parts)
        lost.append(
            Loss(f"{group.place}.lendingLimit", "A team lends one percentage in all pools; the least one is taken.")
        )
    return least


def _pool(flavor: str, about: Mapping[str, Any], capacity: int, lost: list[Loss]) -> dict[str, str]:
    place, notes = f"ResourceFlavor/{flavor}", _notes(about)
    spec: Mapping[str, Any] = about.get("spec") or {}
    engine = "Which pods may go on its nodes is a matter of the engine."
    lost += [
        Loss(f"{place}.spec.{key}", engine) for key in ("nodeTaints", "tolerations", "topologyName") if spec.get(key)
    ]
    expect = notes.get(EXPECT, "")
    if not expect or _capacity(expect) != capacity:
        each = 8 if capacity % 8 == 0 else 1
        expect = f"{max(1, capacity // each)} nodes of {each} gpu"
        lost.append(Loss(place, f"Kueue does not say what nodes there are; the quotas add up to {capacity}: {expect}."))
    pool = {"device": notes.get(DEVICE, flavor), "expect": expect}
    return pool | ({"heh": notes[HEH]} if HEH in notes else {})


def _capacity(expect: str) -> int:
    try:
        nodes, each = NODES.read(expect)
    except InputError:
        return -1
    return nodes * each


def _name(each: Mapping[str, Any]) -> str:
    meta: Mapping[str, Any] = each.get("metadata") or {}
    return str(meta.get("name", ""))


def _notes(each: Mapping[str, Any]) -> Mapping[str, str]:
    meta: Mapping[str, Any] = each.get("metadata") or {}
    return meta.get("annotations") or {}


def _quantity(value: Any) -> Decimal:
    match = _QUANTITY.match(str(value))
    if match is None or match[2] not in _SUFFIX:
        raise InputError("C604", f"{shown(str(value))} is no quantity", hint="such as 16, 500m or 2k")
    try:
        return Decimal(match[1]) * _SUFFIX[match[2]]
    except InvalidOperation:
        raise InputError("C604", f"{shown(str(value))} is no quantity") from None
