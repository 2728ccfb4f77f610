"""What an API server keeps: objects with versions and a history, and what it makes of a creation, a patch and a deletion.

It sets defaults, answers 409 where two write at once, and refuses changes to what is immutable.
"""

from __future__ import annotations

import copy
import json
import threading
import uuid
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]
GROUPS = {"jobs": ("batch", "/apis/batch/v1", "Job"), "pods": ("", "/api/v1", "Pod"), "nodes": ("", "/api/v1", "Node")}


class AnswerError(Exception):
    """An answer that is not the object asked for."""

    def __init__(self, code: int, reason: str, message: str = "", causes: list[Json] | None = None) -> None:
        super().__init__(message)
        self.code = code
        details = {"details": {"causes": causes}} if causes else {}
        self.body = {
            "kind": "Status", "apiVersion": "v1", "status": "Failure", "code": code, "reason": reason, "message": message, **details,
        }  # fmt: skip


@dataclass
class Change:
    version: int
    resource: str
    before: Json | None
    after: Json | None


@dataclass
class Store:
    """Objects with one version counter, and the history since the last compaction."""

    lock: threading.Condition = field(default_factory=threading.Condition)
    version: int = 1000
    floor: int = 1000
    objects: dict[tuple[str, str, str], Json] = field(default_factory=dict)
    history: list[Change] = field(default_factory=list)

    def all(self, resource: str, namespace: str = "") -> list[Json]:
        keys = sorted(key for key in self.objects if key[0] == resource and namespace in ("", key[1]))
        return [self.objects[key] for key in keys]

    def get(self, resource: str, namespace: str, name: str) -> Json:
        found = self.objects.get((resource, namespace, name))
        if found is None:
            raise AnswerError(404, "NotFound", f'{resource} "{name}" not found')
        return found

    def put(self, resource: str, after: Json) -> Json:
        key = (resource, after["metadata"].get("namespace", ""), after["metadata"]["name"])
        before = self.objects.get(key)
        if before is not None and _bare(before) == _bare(after):
            return before
        self.version += 1
        after = copy.deepcopy(after)
        after["metadata"]["resourceVersion"] = str(self.version)
        self.objects[key] = after
        self._note(resource, before, after)
        return after

    def remove(self, resource: str, obj: Json) -> None:
        before = self.objects.pop((resource, obj["metadata"].get("namespace", ""), obj["metadata"]["name"]))
        self.version += 1
        gone = copy.deepcopy(before)
        gone["metadata"]["resourceVersion"] = str(self.version)
        self._note(resource, gone, None)

    def _note(self, resource: str, before: Json | None, after: Json | None) -> None:
        self.history.append(Change(self.version, resource, before, after))
        self.lock.notify_all()


def create(store: Store, resource: str, obj: Json) -> Json:
    obj = copy.deepcopy(obj)
    meta = obj["metadata"]
    key = (resource, meta.get("namespace", ""), meta["name"])
    if key in store.objects:
        raise AnswerError(409, "AlreadyExists", f'{resource} "{meta["name"]}" already exists')
    meta |= {"uid": str(uuid.uuid4()), "creationTimestamp": now(), "generation": 1}
    obj["kind"] = GROUPS[resource][2]
    assert '": null' not in json.dumps(obj), "in what is created null is a value, not an absence"
    if resource == "jobs":
        _default_job(obj)
        obj["status"] = {}
    return store.put(resource, obj)


def patched(store: Store, resource: str, namespace: str, name: str, patch: Json, *, part: str = "") -> Json:
    before = store.get(resource, namespace, name)
    meta = patch.get("metadata") or {}
    if meta.get("uid", before["metadata"]["uid"]) != before["metadata"]["uid"]:
        raise AnswerError(409, "Conflict", "the UID in the precondition does not match")
    if meta.get("resourceVersion", before["metadata"]["resourceVersion"]) != before["metadata"]["resourceVersion"]:
        raise AnswerError(
            409, "Conflict", "the object has been modified; please apply your changes to the latest version"
        )
    after = merged(before, patch)
    if part == "status":
        after["spec"] = before["spec"]
        if resource == "jobs" and not before["spec"].get("suspend") and _start(after) != _start(before):
            _invalid("status.startTime", "cannot be changed for an unsuspended job")
    else:
        after["status"] = before.get("status", {})
    if resource == "jobs":
        _check_job(before, after)
    elif resource == "pods":
        _check_pod(before, after)
    if after["spec"] != before["spec"]:
        after["metadata"]["generation"] = before["metadata"].get("generation", 1) + 1
    return store.put(resource, after)


def delete(store: Store, resource: str, namespace: str, name: str, options: Json) -> Json:
    obj = copy.deepcopy(store.get(resource, namespace, name))
    wanted = (options.get("preconditions") or {}).get("uid", obj["metadata"]["uid"])
    if wanted != obj["metadata"]["uid"]:
        raise AnswerError(409, "Conflict", "the UID in the precondition does not match")
    if resource != "pods":
        store.remove(resource, obj)
        if resource == "jobs" and options.get("propagationPolicy") == "Orphan":
            raise NotImplementedError
        return obj
    grace = options.get("gracePeriodSeconds", obj["spec"]["terminationGracePeriodSeconds"])
    meta = obj["metadata"]
    if not obj["spec"].get("nodeName") or grace == 0 or obj["status"].get("phase") in ("Succeeded", "Failed"):
        store.remove(resource, obj)
        return obj
    if "deletionTimestamp" not in meta or grace < meta["deletionGracePeriodSeconds"]:
        meta |= {"deletionTimestamp": now(), "deletionGracePeriodSeconds": grace}
    return store.put(resource, obj)


def merged(into: Any, patch: Any) -> Any:
    """RFC 7386."""
    if not isinstance(patch, dict):
        return copy.deepcopy(patch)
    found = copy.deepcopy(into) if isinstance(into, dict) else {}
    for key, value in patch.items():
        if value is None:
            found.pop(key, None)
        else:
            found[key] = merged(found.get(key), value)
    return found


def selected(obj: Json | None, selector: str) -> bool:
    if obj is None:
        return False
    labels = obj["metadata"].get("labels") or {}
    for term in filter(None, selector.split(",")):
        key, equals, value = term.partition("=")
        if key not in labels or (equals and labels[key] != value):
            return False
    return True


def now() -> str:
    return datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _bare(obj: Json) -> Json:
    return {**obj, "metadata": {key: value for key, value in obj["metadata"].items() if key != "resourceVersion"}}


def _default_job(job: Json) -> None:
    spec, meta = job["spec"], job["metadata"]
    if "parallelism" not in spec and "completions" not in spec:
        spec["completions"] = 1
    for key, value in {"parallelism": 1, "backoffLimit": 6, "suspend": False, "completionMode": "NonIndexed"}.items():
        spec.setdefault(key, value)
    own = {"batch.kubernetes.io/job-name": meta["name"], "batch.kubernetes.io/controller-uid": meta["uid"]}
    template = spec["template"]
    template.setdefault("metadata", {}).setdefault("labels", {}).update(own)
    template["spec"].setdefault("terminationGracePeriodSeconds", 30)
    if template["spec"].get("restartPolicy") not in ("Never", "OnFailure"):
        _invalid("spec.template.spec.restartPolicy", "Unsupported value")
    spec["selector"] = {"matchLabels": {"batch.kubernetes.io/controller-uid": meta["uid"]}}


def _start(job: Json) -> Any:
    return (job.get("status") or {}).get("startTime")


def _check_job(before: Json, after: Json) -> None:
    directed = before["spec"].get("suspend") and _start(before) is None
    old, new = copy.deepcopy(before["spec"]["template"]), copy.deepcopy(after["spec"]["template"])
    if directed:  # what may be changed of a suspended Job that has not started
        for template in (old, new):
            template["metadata"] = {}
            for key in ("nodeSelector", "affinity", "tolerations", "schedulingGates"):
                template["spec"].pop(key, None)
    if old != new:
        _invalid("spec.template", f"Invalid value: {new!r}: field is immutable")
    for key in ("completions", "selector", "completionMode"):
        if before["spec"].get(key) != after["spec"].get(key):
            _invalid(f"spec.{key}", "field is immutable")


def _check_pod(before: Json, after: Json) -> None:
    old, new = copy.deepcopy(before["spec"]), copy.deepcopy(after["spec"])
    gates = [gate["name"] for gate in old.pop("schedulingGates", None) or []]
    left = [gate["name"] for gate in new.pop("schedulingGates", None) or []]
    if not set(left) <= set(gates):
        _invalid("spec.schedulingGates", "only deletion is allowed")
    if gates:
        labels, more = old.pop("nodeSelector", None) or {}, new.pop("nodeSelector", None) or {}
        if not labels.items() <= more.items():
            _invalid("spec.nodeSelector", "only additions are allowed")
    if old != new:
        _invalid("spec", f"Forbidden: pod updates may not change fields: {new!r}")


def _invalid(where: str, message: str) -> None:
    causes = [{"reason": "FieldValueInvalid", "message": message, "field": where}]
    raise AnswerError(422, "Invalid", f"{where}: {message}", causes)


# ------------------------------------------------------------------------------------------------------------ over HTTP
