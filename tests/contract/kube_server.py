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
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

from tests.contract.kube_store import GROUPS, AnswerError, Change, Json, Store, create, delete, patched, selected

BOOKMARK_S = 0.5


@dataclass
class Fault:
    """The next ``times`` requests that fit fare ill. ``what``: late, error, lost, twice (done, but nobody hears of it)."""

    what: str
    method: str = ""
    path: str = ""
    times: int = 1
    seconds: float = 0.0


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
