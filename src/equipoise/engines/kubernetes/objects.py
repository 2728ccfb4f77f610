"""What the engine reads of Jobs, pods and nodes: small records of what the API documents, nothing else."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal, InvalidOperation
from typing import Any

from equipoise.engines.kubernetes import names
from equipoise.engines.protocol import Attempt

_NEEDS_PEOPLE = frozenset({"ImagePullBackOff", "ErrImagePull", "InvalidImageName", "CreateContainerConfigError"})
_UNSTARTED = frozenset({"StartError", "ContainerCannotRun"})
_SUFFIXES = {"": 1, "k": 1000, "m": Decimal("0.001")}


@dataclass(frozen=True, slots=True)
class Job:
    """A batch/v1 Job. ``closed`` is empty, ``Complete`` or ``Failed``; ``settled``: its controller has seen that it is suspended."""

    uid: str
    namespace: str
    name: str
    version: str
    created: str
    labels: Mapping[str, str]
    notes: Mapping[str, str]
    suspended: bool
    parallelism: int
    completions: int | None
    devices: int
    gates: tuple[str, ...]
    walltime_s: int
    started: bool
    settled: bool
    active: int
    ready: int
    succeeded: int
    terminating: int
    closed: str
    reason: str

    @property
    def path(self) -> str:
        """Where the API has it."""
        return f"/apis/batch/v1/namespaces/{self.namespace}/jobs/{self.name}"

    @property
    def attempt(self) -> Attempt | None:
        """The attempt that it is at."""
        return attempt_of(self.labels.get(names.ATTEMPT, ""))

    @property
    def past(self) -> tuple[Attempt, ...]:
        """Attempts before that one that nobody has forgotten."""
        found = [attempt_of(text) for text in self.notes.get(names.PAST, "").split()]
        return tuple([attempt for attempt in found if attempt is not None])

    @property
    def made(self) -> bool:
        """Whether the engine created it."""
        return names.MADE in self.labels

    @property
    def pods(self) -> int:
        """How many pods run at once."""
        return self.parallelism if self.completions is None else min(self.parallelism, self.completions)

    @property
    def all_ready(self) -> bool:
        """Whether every pod that is to run now is ready."""
        left = (
            self.parallelism if self.completions is None else min(self.parallelism, self.completions - self.succeeded)
        )
        return self.ready >= max(left, 1)

    @property
    def idle(self) -> bool:
        """Whether none of its pods is left, as its controller has counted them."""
        return self.active == 0 and self.terminating == 0


@dataclass(frozen=True, slots=True)
class Pod:
    """A pod of an admitted Job. ``hostname`` is where it was told to go, ``node`` where it is."""

    uid: str
    namespace: str
    name: str
    version: str
    job_uid: str
    attempt: Attempt | None
    node: str
    hostname: str
    gates: tuple[str, ...]
    over: bool
    leaving: bool
    grace_s: int
    grace_left_s: int | None
    exit_code: int | None
    trouble: str
    unstarted: str

    @property
    def path(self) -> str:
        """Where the API has it."""
        return f"/api/v1/namespaces/{self.namespace}/pods/{self.name}"

    @property
    def gated(self) -> bool:
        """Whether it waits for the engine to name its node."""
        return names.GATE in self.gates and not self.over and not self.leaving


@dataclass(frozen=True, slots=True)
class Machine:
    """A node of the cluster."""

    uid: str
    name: str
    version: str
    labels: Mapping[str, str]
    devices: int
    ready: bool
    cordoned: bool
    reason: str = ""
    hostname: str = field(default="")


def attempt_of(text: str) -> Attempt | None:
    """Read ``12.0``; None if it is nothing like it."""
    job, _, number = text.partition(".")
    return Attempt(int(job), int(number)) if job.isdecimal() and number.isdecimal() else None


def read_job(raw: Mapping[str, Any], resource: str) -> Job:
    """Read a Job; ``resource`` is what counts as an accelerator."""
    meta, spec, status = raw["metadata"], raw["spec"], _map(raw, "status")
    conditions = {each["type"]: each for each in _all(status, "conditions") if each.get("status") == "True"}
    closed = next((kind for kind in ("Complete", "Failed") if kind in conditions), "")
    suspended = bool(spec.get("suspend"))
    template: Mapping[str, Any] = spec["template"].get("spec") or {}
    return Job(
        **_named(raw),
        created=str(meta.get("creationTimestamp", "")),
        labels=_map(meta, "labels"),
        notes=_map(meta, "annotations"),
        suspended=suspended,
        parallelism=int(spec.get("parallelism", 1)),
        completions=spec.get("completions"),
        devices=_devices_asked(template, resource),
        gates=_gates(template),
        walltime_s=int(spec.get("activeDeadlineSeconds") or 0),
        started=bool(status.get("startTime")),
        settled=suspended and "Suspended" in conditions,
        active=int(status.get("active") or 0),
        ready=int(status.get("ready") or 0),
        succeeded=int(status.get("succeeded") or 0),
        terminating=int(status.get("terminating") or 0),
        closed=closed,
        reason=str(conditions[closed].get("reason", "")) if closed else "",
    )


def read_pod(raw: Mapping[str, Any]) -> Pod:
    """Read a pod."""
    meta, spec, status = raw["metadata"], raw["spec"], _map(raw, "status")
    labels: Mapping[str, str] = _map(meta, "labels")
    return Pod(
        **_named(raw),
        job_uid=labels.get(names.JOB_UID, ""),
        attempt=attempt_of(labels.get(names.ATTEMPT, "")),
        node=str(spec.get("nodeName") or ""),
        hostname=str(_map(spec, "nodeSelector").get(names.HOSTNAME, "")),
        gates=_gates(spec),
        over=status.get("phase") in ("Succeeded", "Failed"),
        leaving="deletionTimestamp" in meta,
        grace_s=int(spec.get("terminationGracePeriodSeconds", 30)),
        grace_left_s=meta.get("deletionGracePeriodSeconds"),
        exit_code=_exit_code(status),
        trouble=_trouble(status),
        unstarted=_unstarted(status),
    )


def read_machine(raw: Mapping[str, Any], resource: str) -> Machine:
    """Read a node."""
    meta, spec, status = raw["metadata"], _map(raw, "spec"), _map(raw, "status")
    ready = next((each for each in _all(status, "conditions") if each.get("type") == "Ready"), _map(status, "-"))
    labels: Mapping[str, str] = _map(meta, "labels")
    return Machine(
        uid=meta["uid"],
        name=meta["name"],
        version=meta["resourceVersion"],
        labels=labels,
        devices=quantity(_map(status, "allocatable").get(resource, 0)),
        ready=ready.get("status") == "True",
        cordoned=bool(spec.get("unschedulable")),
        reason=str(ready.get("reason", "")),
        hostname=labels.get(names.HOSTNAME, meta["name"]),
    )


def quantity(text: Any) -> int:
    """Read a count of devices, such as ``8``; 0 if it is none."""
    digits = str(text).rstrip("km")
    try:
        return int(Decimal(digits) * _SUFFIXES[str(text)[len(digits) :]])
    except (InvalidOperation, KeyError, ValueError, OverflowError):
        return 0


def placement_of(job: Job) -> dict[str, int]:
    """Return how many pods of a Job belong on which host, as it was noted when the Job was admitted."""
    try:
        noted: Any = json.loads(job.notes.get(names.PLACEMENT, "{}"))
        return {str(host): int(pods) for host, pods in noted.items()}
    except (ValueError, AttributeError, TypeError):
        return {}


def _map(of: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    return of.get(key) or {}


def _all(of: Mapping[str, Any], key: str) -> Sequence[Mapping[str, Any]]:
    return of.get(key) or ()


def _named(raw: Mapping[str, Any]) -> dict[str, str]:
    meta = raw["metadata"]
    return {
        "uid": meta["uid"],
        "namespace": meta.get("namespace", ""),
        "name": meta["name"],
        "version": meta["resourceVersion"],
    }


def _gates(spec: Mapping[str, Any]) -> tuple[str, ...]:
    return tuple([str(gate["name"]) for gate in _all(spec, "schedulingGates")])


def _devices_asked(spec: Mapping[str, Any], resource: str) -> int:
    """Return what the scheduler reserves for a pod: its containers and sidecars together, or an init container if that is more."""

    def of(container: Mapping[str, Any]) -> int:
        asked = _map(container, "resources")
        return quantity(_map(asked, "requests").get(resource) or _map(asked, "limits").get(resource, 0))

    sidecars, most = 0, 0
    for container in _all(spec, "initContainers"):
        if container.get("restartPolicy") == "Always":
            sidecars += of(container)
        else:
            most = max(most, sidecars + of(container))
    return max(most, sidecars + sum(of(container) for container in _all(spec, "containers")))


def _exit_code(status: Mapping[str, Any]) -> int | None:
    """Return the first exit code that is not 0, else 0 if all containers ended."""
    ends = [_map(_map(each, "state"), "terminated") for each in _all(status, "containerStatuses")]
    codes = [int(end["exitCode"]) for end in ends if end]
    bad = [code for code in codes if code]
    return bad[0] if bad else (0 if codes and len(codes) == len(ends) else None)


def _unstarted(status: Mapping[str, Any]) -> str:
    """Return the runtime's word for a container that it could not start at all."""
    for each in _all(status, "containerStatuses"):
        end = _map(_map(each, "state"), "terminated")
        if end.get("reason") in _UNSTARTED:
            return str(end["reason"])
    return ""


def _trouble(status: Mapping[str, Any]) -> str:
    """Return why a pod does not start, in the API's words."""
    for each in _all(status, "containerStatuses"):
        waiting = _map(_map(each, "state"), "waiting")
        if waiting.get("reason") in _NEEDS_PEOPLE:
            return str(waiting["reason"])
    for each in _all(status, "conditions"):
        if each.get("type") == "PodScheduled" and each.get("status") == "False":
            return f"{each.get('reason', '')}: {each.get('message', '')}"[:200]
    return ""
