"""An API server with the documented semantics of list, watch, patch and delete, for Jobs, pods and nodes.

It speaks HTTP, keeps versions and a history that can be compacted, answers 409 and 410 where a real one does, checks tokens
and roles, and refuses changes to what is immutable. Behind it `kube_machinery` does what controllers, scheduler and kubelets
do, with real processes. Faults are ordered by `fault`.
"""

from __future__ import annotations

import contextlib
import copy
import json
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

Json = dict[str, Any]
GROUPS = {"jobs": ("batch", "/apis/batch/v1", "Job"), "pods": ("", "/api/v1", "Pod"), "nodes": ("", "/api/v1", "Node")}
BOOKMARK_S = 0.5


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
class Fault:
    """The next ``times`` requests that fit fare ill. ``what``: late, error, lost, twice (done, but nobody hears of it)."""

    what: str
    method: str = ""
    path: str = ""
    times: int = 1
    seconds: float = 0.0


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


class KubeServer:
    """The server, on a port of the loopback; `stop` ends it.

    Parameters
    ----------
    folder : Path
        Where pods' logs and volumes are.
    rules : list of dict or None
        Of roles: what else is asked for is forbidden. None: everything is allowed.
    """

    def __init__(self, folder: Path, *, rules: list[Json] | None = None) -> None:
        self.store = Store()
        self.rules = rules
        self.tokens = {"secret-token"}
        self.asked: set[tuple[str, str, str]] = set()
        self.faults: list[Fault] = []
        self.pages: dict[str, list[Json]] = {}
        self.watches: list[socket.socket] = []
        self.stopping = threading.Event()
        server = self

        class Handler(_Handler):
            kube = server

        self.http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.http.daemon_threads = True
        self.url = f"http://127.0.0.1:{self.http.server_address[1]}"
        self.thread = threading.Thread(target=self.http.serve_forever, kwargs={"poll_interval": 0.05})
        self.thread.start()
        from tests.contract.kube_machinery import Machinery

        self.machinery = Machinery(self.store, folder)
        self.machinery.start()

    def stop(self) -> None:
        self.stopping.set()
        self.machinery.stop()
        self.close_watches()
        self.http.shutdown()
        self.http.server_close()
        self.thread.join()

    # --------------------------------------------------------------------------------------------------- what befalls

    def fault(self, what: str, **more: Any) -> None:
        self.faults.append(Fault(what, **more))

    def close_watches(self) -> None:
        for each in self.watches:
            with contextlib.suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
        self.watches.clear()

    def compact(self) -> None:
        """Forget the history: who asks for a version before this one is told that it is gone."""
        with self.store.lock:
            self.store.floor = self.store.version
            self.store.history.clear()

    def kubeconfig(self, path: Path) -> Path:
        context = {"name": "test", "context": {"cluster": "test", "user": "test"}}
        path.write_text(json.dumps({
            "apiVersion": "v1", "kind": "Config", "current-context": "test", "contexts": [context],
            "clusters": [{"name": "test", "cluster": {"server": self.url}}],
            "users": [{"name": "test", "user": {"token": "secret-token"}}],
        }))  # fmt: skip
        return path

    # ------------------------------------------------------------------------------------------------------- as users do

    def create(self, resource: str, obj: Json) -> Json:
        with self.store.lock:
            return create(self.store, resource, obj)

    def patch(self, resource: str, namespace: str, name: str, patch: Json, *, part: str = "") -> Json:
        with self.store.lock:
            return patched(self.store, resource, namespace, name, patch, part=part)

    def delete(self, resource: str, namespace: str, name: str) -> None:
        with self.store.lock:
            delete(self.store, resource, namespace, name, {})

    def object(self, resource: str, namespace: str, name: str) -> Json:
        with self.store.lock:
            return copy.deepcopy(self.store.get(resource, namespace, name))

    def objects(self, resource: str) -> list[Json]:
        with self.store.lock:
            return copy.deepcopy(self.store.all(resource))

    def add_node(self, name: str, devices: int, labels: dict[str, str]) -> None:
        labels = {"kubernetes.io/hostname": name, **labels}
        status = {"allocatable": {"nvidia.com/gpu": str(devices)}, "conditions": [{"type": "Ready", "status": "True"}]}
        self.create("nodes", {"metadata": {"name": name, "labels": labels}, "spec": {}, "status": status})

    def set_ready(self, name: str, *, ready: bool) -> None:
        with self.store.lock:
            node = copy.deepcopy(self.store.get("nodes", "", name))
            node["status"]["conditions"] = [
                {
                    "type": "Ready",
                    "status": "True" if ready else "Unknown",
                    "reason": "" if ready else "NodeStatusUnknown",
                }
            ]
            self.store.put("nodes", node)


# ----------------------------------------------------------------------------------------------------------- the verbs


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


class _Handler(BaseHTTPRequestHandler):
    kube: KubeServer
    protocol_version = "HTTP/1.1"

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def do_GET(self) -> None:
        self._serve("GET")

    def do_POST(self) -> None:
        self._serve("POST")

    def do_PATCH(self) -> None:
        self._serve("PATCH")

    def do_DELETE(self) -> None:
        self._serve("DELETE")

    def _serve(self, method: str) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        fault = self._fault(method)
        try:
            if fault is not None:
                time.sleep(fault.seconds)
                if fault.what == "error":
                    raise AnswerError(500, "InternalError", "etcdserver: request timed out")
                if fault.what == "lost":
                    self.close_connection = True
                    return
            code, answer = self._answer(method, json.loads(body) if body else {})
            if fault is not None and fault.what == "twice":
                self.close_connection = True
                return
        except AnswerError as error:
            code, answer = error.code, error.body
        if answer is not None:
            self._send(code, answer)

    def _fault(self, method: str) -> Fault | None:
        for fault in self.kube.faults:
            watch = "watch=true" in self.path
            if fault.times and fault.method in ("", method) and fault.path in self.path and not watch:
                fault.times -= 1
                return fault
        return None

    def _send(self, code: int, answer: Any) -> None:
        data = answer if isinstance(answer, bytes) else json.dumps(answer).encode()
        self.send_response(code)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(data)))
        self.end_headers()
        try:
            self.wfile.write(data)
        except OSError:
            self.close_connection = True

    def _answer(self, method: str, body: Json) -> tuple[int, Any]:
        url = urlsplit(self.path)
        query = {key: values[-1] for key, values in parse_qs(url.query).items()}
        resource, namespace, name, part = self._place(url.path)
        self._check_access(method, resource, name, part, query)
        store = self.kube.store
        if method == "GET" and not name and query.get("watch") == "true":
            return self._watch(resource, namespace, query)
        with store.lock:
            if method == "GET" and part == "log":
                return 200, self.kube.machinery.log(store.get(resource, namespace, name))
            if method == "GET":
                return 200, store.get(resource, namespace, name) if name else self._list(resource, namespace, query)
            if method == "POST":
                body["metadata"]["namespace"] = namespace
                return 201, create(store, resource, body)
            if method == "PATCH":
                if self.headers["content-type"] != "application/merge-patch+json":
                    raise AnswerError(415, "UnsupportedMediaType")
                return 200, patched(store, resource, namespace, name, body, part=part)
            return 200, delete(store, resource, namespace, name, body)

    def _place(self, path: str) -> tuple[str, str, str, str]:
        for resource, (_, root, _) in GROUPS.items():
            words = [unquote(word) for word in path.removeprefix(root).strip("/").split("/")]
            if not path.startswith(root + "/"):
                continue
            namespace = ""
            if words[0] == "namespaces" and len(words) > 2:
                namespace, words = words[1], words[2:]
            if words[0] == resource:
                return resource, namespace, words[1] if len(words) > 1 else "", words[2] if len(words) > 2 else ""
        raise AnswerError(404, "NotFound", "the server could not find the requested resource")

    def _check_access(self, method: str, resource: str, name: str, part: str, query: Json) -> None:
        token = (self.headers.get("authorization") or "").removeprefix("Bearer ")
        if token not in self.kube.tokens:
            raise AnswerError(401, "Unauthorized", "Unauthorized")
        plain = "get" if name else "watch" if query.get("watch") == "true" else "list"
        verb = {"GET": plain, "POST": "create", "PATCH": "patch", "DELETE": "delete"}[method]
        what = (verb, GROUPS[resource][0], resource + (f"/{part}" if part else ""))
        self.kube.asked.add(what)
        if self.kube.rules is not None and not any(_grants(rule, *what) for rule in self.kube.rules):
            raise AnswerError(
                403, "Forbidden", f'User "test" cannot {verb} resource "{what[2]}" in API group "{what[1]}"'
            )

    def _list(self, resource: str, namespace: str, query: Json) -> Json:
        store, most = self.kube.store, int(query.get("limit", 10**9))
        if "continue" in query:
            version, _, token = query["continue"].partition("/")
            if int(version) < store.floor or token not in self.kube.pages:
                raise AnswerError(410, "Expired", "The provided continue parameter is too old")
            items = self.kube.pages.pop(token)
        else:
            version = str(store.version)
            items = [obj for obj in store.all(resource, namespace) if selected(obj, query.get("labelSelector", ""))]
        meta: Json = {"resourceVersion": version}
        if len(items) > most:
            token = str(uuid.uuid4())
            self.kube.pages[token] = items[most:]
            meta |= {"continue": f"{version}/{token}", "remainingItemCount": len(items) - most}
        return {"kind": f"{GROUPS[resource][2]}List", "metadata": meta, "items": items[:most]}

    def _watch(self, resource: str, namespace: str, query: Json) -> tuple[int, None]:
        with self.kube.store.lock:
            if int(query["resourceVersion"]) < self.kube.store.floor:
                raise AnswerError(410, "Expired", "too old resource version")
        self.send_response(200)
        self.send_header("content-type", "application/json")
        self.send_header("transfer-encoding", "chunked")
        self.end_headers()
        self.close_connection = True
        self.kube.watches.append(self.connection)
        try:
            for event in self._events(resource, namespace, query):
                line = json.dumps(event).encode() + b"\n"
                self.wfile.write(b"%x\r\n%s\r\n" % (len(line), line))
            self.wfile.write(b"0\r\n\r\n")
        except OSError:
            pass
        return 200, None

    def _events(self, resource: str, namespace: str, query: Json) -> Iterator[Json]:
        store, selector = self.kube.store, query.get("labelSelector", "")
        version = int(query["resourceVersion"])
        ends = time.monotonic() + float(query.get("timeoutSeconds", 60))
        marked = time.monotonic()
        while time.monotonic() < ends and not self.kube.stopping.is_set():
            with store.lock:
                if version < store.floor:
                    yield {"type": "ERROR", "object": AnswerError(410, "Expired", "too old resource version").body}
                    return
                news = [change for change in store.history[-5000:] if change.version > version]
                if not news:
                    store.lock.wait(0.1)
                    news = [change for change in store.history[-5000:] if change.version > version]
                version = store.version
            yield from filter(None, (_event(change, resource, namespace, selector) for change in news))
            if query.get("allowWatchBookmarks") == "true" and time.monotonic() - marked > BOOKMARK_S:
                marked = time.monotonic()
                mark = {"kind": GROUPS[resource][2], "metadata": {"resourceVersion": str(version)}}
                yield {"type": "BOOKMARK", "object": mark}


def _event(change: Change, resource: str, namespace: str, selector: str) -> Json | None:
    some = change.after or change.before
    assert some is not None
    if change.resource != resource or namespace not in ("", some["metadata"].get("namespace", "")):
        return None
    before, after = selected(change.before, selector), selected(change.after, selector)
    if after:
        return {"type": "MODIFIED" if before else "ADDED", "object": change.after}
    if before:
        gone = copy.deepcopy(change.before)
        assert gone is not None
        gone["metadata"]["resourceVersion"] = str(change.version)
        return {"type": "DELETED", "object": gone}
    return None


def _grants(rule: Json, verb: str, group: str, resource: str) -> bool:
    return verb in rule["verbs"] and group in rule["apiGroups"] and resource in rule["resources"]
