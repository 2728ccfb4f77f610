"""What is known of the cluster now: Jobs with a team, pods of admitted Jobs, nodes; and which of it changed."""

from __future__ import annotations

import threading
import time
from collections import defaultdict
from collections.abc import Callable, Hashable
from typing import TypeVar

from equipoise.engines.kubernetes import names
from equipoise.engines.kubernetes.api import Api, ApiError, Json
from equipoise.engines.kubernetes.arrivals import Key, key_of
from equipoise.engines.kubernetes.mirror import Mirror
from equipoise.engines.kubernetes.objects import Job, Machine, Pod, read_job, read_machine, read_pod
from equipoise.engines.kubernetes.settings import EVERYWHERE, Settings
from equipoise.engines.protocol import Attempt
from equipoise.errors import EngineError

SILENT_S = 30.0
_Key = TypeVar("_Key", bound=Hashable)
_Kept = TypeVar("_Kept", Job, Pod, Machine)


class Cluster:
    """Mirrors of three collections with what is looked up in them. Readers hold ``lock``.

    Parameters
    ----------
    api : Api
    settings : Settings
    """

    def __init__(self, api: Api, settings: Settings) -> None:
        self.lock = threading.RLock()
        self.changed = threading.Condition(self.lock)
        self.jobs_at: defaultdict[Attempt, set[str]] = defaultdict(set)
        self.pods_at: defaultdict[Attempt, set[str]] = defaultdict(set)
        self.jobs_of: defaultdict[Key, set[str]] = defaultdict(set)
        self.attempts: set[Attempt] = set()
        """Those about which something changed."""
        self.keys: set[Key] = set()
        self.gated: set[str] = set()
        """Pods that wait for their node to be named."""
        self.machines_changed = True
        self._api, self._resource = api, settings.resource
        spaces = settings.namespaces
        jobs = {space: "/apis/batch/v1" + _in(space) + "/jobs" for space in spaces}
        pods = {space: "/api/v1" + _in(space) + "/pods" for space in spaces}
        self._jobs = {space: self._mirror(path, names.TEAM, self._read_job, self._job) for space, path in jobs.items()}
        self._pods = {space: self._mirror(path, names.ATTEMPT, read_pod, self._pod) for space, path in pods.items()}
        self._machines = Mirror(
            api, "/api/v1/nodes", {}, read=self._read_machine, changed=self._machine, lock=self.lock
        )
        self._woken = False

    def start(self, *, within_s: float) -> None:
        """Follow the cluster, once all of it has been read; raises ``EngineError`` if that takes too long."""
        for mirror in self._mirrors():
            mirror.start()
        deadline = time.monotonic() + within_s
        while not all(mirror.complete.wait(0.02) for mirror in self._mirrors()):
            troubles = [trouble for trouble in map(self._trouble, self._mirrors()) if trouble is not None]
            final = next((trouble for trouble in troubles if not trouble.retryable), None)
            if final is not None or time.monotonic() > deadline:
                self.stop()
                silent = EngineError("E163", "the API server does not answer in time", retryable=True)
                raise final or next(iter(troubles), silent)

    def stop(self) -> None:
        """Follow it no more."""
        for mirror in self._mirrors():
            mirror.stop()

    def check(self) -> None:
        """Raise what has kept us from hearing of the cluster for half a minute."""
        for mirror in self._mirrors():
            trouble = mirror.trouble(silent_s=SILENT_S)
            if trouble is not None:
                raise trouble

    def wait(self, timeout_s: float) -> None:
        """Wait until something changes or `wake` is called."""
        with self.changed:
            self.changed.wait_for(lambda: self._woken or bool(self.attempts or self.keys or self.gated)
                                  or self.machines_changed, timeout_s)  # fmt: skip

    def wake(self) -> None:
        """Let `wait` return."""
        with self.changed:
            self._woken = True
            self.changed.notify_all()

    def woken(self) -> bool:
        """Whether somebody called `wake` since the last time this was asked."""
        with self.lock:
            woken, self._woken = self._woken, False
        return woken

    def take(self, noted: set[_Key]) -> list[_Key]:
        """Return what changed, and forget that it did."""
        with self.lock:
            taken = list(noted)
            noted.clear()
        return taken

    # ---------------------------------------------------------------------------------------------------- look-ups

    def jobs(self, attempt: Attempt) -> list[Job]:
        """Return the Jobs that are at an attempt, by name."""
        with self.lock:
            return self._by_uid(self._jobs, self.jobs_at.get(attempt, set()))

    def jobs_handed_in(self, key: Key) -> list[Job]:
        """Return the Jobs that belong together, by name; those that are over are not among them."""
        with self.lock:
            return self._by_uid(self._jobs, self.jobs_of.get(key, set()))

    def pods(self, attempt: Attempt) -> list[Pod]:
        """Return an attempt's pods, by name."""
        with self.lock:
            return self._by_uid(self._pods, self.pods_at.get(attempt, set()))

    def pods_of(self, job: Job) -> list[Pod]:
        """Return the pods that a Job has now."""
        return [pod for pod in self.pods(job.attempt) if pod.job_uid == job.uid] if job.attempt is not None else []

    def pod(self, uid: str) -> Pod | None:
        """Return a pod."""
        with self.lock:
            return next((mirror.objects[uid] for mirror in self._pods.values() if uid in mirror.objects), None)

    def all_jobs(self) -> list[Job]:
        """Return all Jobs with a team."""
        with self.lock:
            return [job for mirror in self._jobs.values() for job in mirror.objects.values()]

    def machines(self) -> list[Machine]:
        """Return all nodes of the cluster."""
        with self.lock:
            return list(self._machines.objects.values())

    # ------------------------------------------------------------------------------------------------- our own writes

    def patch_job(self, job: Job, body: Json, *, part: str = "") -> Job:
        """Patch a Job if it still is as it is known, and return it as it is then."""
        body = {**body, "metadata": {**body.get("metadata", {}), "resourceVersion": job.version, "uid": job.uid}}
        return self._put_job(job.namespace, self._api.patch(job.path + part, body))

    def fresh_job(self, job: Job) -> Job:
        """Ask for a Job; raises ``ApiError`` with ``missing`` if it, or one of that uid, is no more."""
        return self._put_job(job.namespace, self._api.get(job.path))

    def create_job(self, namespace: str, body: Json) -> Job:
        """Create a Job."""
        return self._put_job(namespace, self._api.create(f"/apis/batch/v1/namespaces/{namespace}/jobs", body))

    def named_job(self, namespace: str, name: str) -> Job:
        """Ask for a Job by name."""
        return self._put_job(namespace, self._api.get(f"/apis/batch/v1/namespaces/{namespace}/jobs/{name}"))

    def delete_job(self, job: Job) -> None:
        """Delete a Job and its pods; the watch will tell when they are gone."""
        self._api.delete(job.path, {"propagationPolicy": "Background", "preconditions": {"uid": job.uid}})

    def delete_pod(self, pod: Pod, *, grace_s: int) -> None:
        """Delete a pod within this time; nothing if it, or a pod of that uid, is no more."""
        try:
            self._api.delete(pod.path, {"gracePeriodSeconds": grace_s, "preconditions": {"uid": pod.uid}})
        except ApiError as error:
            if not (error.missing or error.conflict):
                raise

    def patch_pod(self, pod: Pod, body: Json) -> None:
        """Patch a pod."""
        raw = self._api.patch(pod.path, body)
        with self.lock:
            self._of(self._pods, pod.namespace).put(raw)

    def patch_machine(self, machine: Machine, body: Json) -> None:
        """Patch a node."""
        self._machines.put(self._api.patch(f"/api/v1/nodes/{machine.name}", body))

    # ------------------------------------------------------------------------------------------------------- within

    def _mirror(
        self,
        path: str,
        label: str,
        read: Callable[[Json], _Kept],
        changed: Callable[[_Kept | None, _Kept | None], None],
    ) -> Mirror[_Kept]:
        return Mirror(self._api, path, {"labelSelector": label}, read=read, changed=changed, lock=self.lock)

    def _mirrors(self) -> list[Mirror[Job] | Mirror[Pod] | Mirror[Machine]]:
        return [*self._jobs.values(), *self._pods.values(), self._machines]

    @staticmethod
    def _trouble(mirror: Mirror[Job] | Mirror[Pod] | Mirror[Machine]) -> EngineError | None:
        return mirror.trouble(silent_s=0.0)

    @staticmethod
    def _of(mirrors: dict[str, Mirror[_Kept]], namespace: str) -> Mirror[_Kept]:
        return mirrors.get(namespace) or mirrors[EVERYWHERE]

    @staticmethod
    def _by_uid(mirrors: dict[str, Mirror[_Kept]], uids: set[str]) -> list[_Kept]:
        found = [mirror.objects[uid] for mirror in mirrors.values() for uid in uids if uid in mirror.objects]
        return sorted(found, key=lambda kept: getattr(kept, "name"))  # noqa: B009

    def _put_job(self, namespace: str, raw: Json) -> Job:
        with self.lock:
            return self._of(self._jobs, namespace).put(raw)

    def _read_job(self, raw: Json) -> Job:
        return read_job(raw, self._resource)

    def _read_machine(self, raw: Json) -> Machine:
        return read_machine(raw, self._resource)

    def _job(self, before: Job | None, after: Job | None) -> None:
        for job, there in ((before, False), (after, True)):
            if job is None:
                continue
            if job.attempt is not None:
                self._index(self.jobs_at, job.attempt, job.uid, there=there)
                self.attempts.add(job.attempt)
            self.attempts.update(job.past)
            key = key_of(job)
            if key is not None:
                self._index(self.jobs_of, key, job.uid, there=there)
                self.keys.add(key)
        self.changed.notify_all()

    def _pod(self, before: Pod | None, after: Pod | None) -> None:
        for pod, there in ((before, False), (after, True)):
            if pod is not None and pod.attempt is not None:
                self._index(self.pods_at, pod.attempt, pod.uid, there=there)
                self.attempts.add(pod.attempt)
        if after is not None and after.gated:
            self.gated.add(after.uid)
        elif before is not None:
            self.gated.discard(before.uid)
        self.changed.notify_all()

    def _machine(self, before: Machine | None, after: Machine | None) -> None:
        # Nodes tell of themselves every few minutes: what counts is how they stand.
        if before is None or after is None or _stands(before) != _stands(after):
            self.machines_changed = True
            self.changed.notify_all()

    @staticmethod
    def _index(index: defaultdict[_Key, set[str]], key: _Key, uid: str, *, there: bool) -> None:
        if there:
            index[key].add(uid)
            return
        index[key].discard(uid)
        if not index[key]:
            del index[key]


def _in(namespace: str) -> str:
    return "" if namespace == EVERYWHERE else f"/namespaces/{namespace}"


def _stands(machine: Machine) -> tuple[object, ...]:
    return machine.devices, machine.ready, machine.cordoned, machine.hostname, tuple(sorted(machine.labels.items()))
