"""What a cluster does by itself: its controller of Jobs, its scheduler, and kubelets that run pods as real processes."""

from __future__ import annotations

import contextlib
import copy
import os
import re
import signal
import subprocess
import threading
import time
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from tests.contract.kube_store import Json, Store, delete, now

GPU = "nvidia.com/gpu"
TICK_S = 0.02


@dataclass
class Running:
    """A pod's process, and the devices of its node that it has."""

    process: subprocess.Popen[bytes] | None
    devices: list[str]
    notice: Path
    kill_s: float = 0.0
    termed: bool = False


@dataclass
class Tally:
    """What the controller of Jobs has counted of a Job: pods that ended, each once."""

    counted: set[str] = field(default_factory=set)


class Machinery:
    """Runs in a thread of its own over a store."""

    def __init__(self, store: Store, folder: Path) -> None:
        self.store, self.folder = store, folder
        self.running: dict[str, Running] = {}
        self.tallies: dict[str, Tally] = {}
        self.slow_s = 0.0
        """The controller of Jobs looks only so often; by default at once."""
        self._looked_s = 0.0
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        self._stopped.set()
        self._thread.join()
        for pod in self.running.values():
            _kill(pod)

    def log(self, pod: Json) -> bytes:
        return (self.folder / f"{pod['metadata']['uid']}.log").read_bytes()

    def _run(self) -> None:
        while not self._stopped.wait(TICK_S):
            with self.store.lock:
                if time.monotonic() - self._looked_s >= self.slow_s:
                    self._looked_s = time.monotonic()
                    for job in self.store.all("jobs"):
                        self._reconcile(copy.deepcopy(job))
                    self._collect()
                self._schedule()
                self._kubelets()

    # --------------------------------------------------------------------------------------------- the controller of Jobs

    def _reconcile(self, job: Json) -> None:
        spec, status = job["spec"], job["status"]
        if _true(job, "Complete") or _true(job, "Failed"):
            return
        pods = list(self._pods_of(job))
        tally = self.tallies.setdefault(job["metadata"]["uid"], Tally())
        for pod in pods:
            phase = pod["status"].get("phase")
            if phase in ("Succeeded", "Failed") and pod["metadata"]["uid"] not in tally.counted:
                tally.counted.add(pod["metadata"]["uid"])
                key = phase.lower()
                status[key] = status.get(key, 0) + 1
        left = [pod for pod in pods if pod["status"].get("phase") not in ("Succeeded", "Failed")]
        active = [pod for pod in left if "deletionTimestamp" not in pod["metadata"]]
        failing = _true(job, "FailureTarget") or status.get("failed", 0) > spec["backoffLimit"]
        done = spec.get("completions") is not None and status.get("succeeded", 0) >= spec["completions"]
        if spec["suspend"] and not failing and not done:
            active = self._delete(active)
            _condition(job, "Suspended", "True", "JobSuspended")
        else:
            if _true(job, "Suspended"):
                _condition(job, "Suspended", "False", "JobResumed")
                status["startTime"] = now()
            status.setdefault("startTime", now())
            if failing or done:
                active = self._delete(active)
                _condition(
                    job,
                    "FailureTarget" if failing else "SuccessCriteriaMet",
                    "True",
                    "BackoffLimitExceeded" if failing else "",
                )
            else:
                active += self._create(job, active)
        left = [pod for pod in self._pods_of(job) if pod["status"].get("phase") not in ("Succeeded", "Failed")]
        status["active"] = len(active)
        status["terminating"] = len(left) - len(active)
        status["ready"] = sum(_true(pod, "Ready") for pod in active)
        if (failing or done) and not left:
            _condition(
                job,
                "Failed" if failing else "Complete",
                "True",
                "BackoffLimitExceeded" if failing else "CompletionsReached",
            )
            status["completionTime"] = now()
        self.store.put("jobs", job)

    def _delete(self, pods: list[Json]) -> list[Json]:
        for pod in pods:
            delete(self.store, "pods", pod["metadata"]["namespace"], pod["metadata"]["name"], {})
        return []

    def _create(self, job: Json, active: list[Json]) -> list[Json]:
        spec, meta = job["spec"], job["metadata"]
        wanted = spec["parallelism"]
        if spec.get("completions") is not None:
            wanted = min(wanted, spec["completions"] - job["status"].get("succeeded", 0))
        made: list[Json] = []
        index = "batch.kubernetes.io/job-completion-index"
        used = {
            pod["metadata"]["annotations"].get(index)
            for pod in self._pods_of(job)
            if pod["status"].get("phase") != "Failed"
        }
        free = (str(number) for number in range(10**6) if str(number) not in used)
        for _ in range(wanted - len(active)):
            pod: Json = copy.deepcopy(spec["template"])
            pod["metadata"] |= {"name": f"{meta['name']}-{uuid.uuid4().hex[:5]}", "namespace": meta["namespace"]}
            pod["metadata"] |= {"uid": str(uuid.uuid4()), "ownerReferences": [{"uid": meta["uid"], "controller": True}]}
            pod["metadata"].setdefault("annotations", {})
            if spec["completionMode"] == "Indexed":
                pod["metadata"]["annotations"][index] = next(free)
            pod["status"] = {"phase": "Pending"}
            made.append(self.store.put("pods", pod))
        return made

    def _pods_of(self, job: Json) -> Iterator[Json]:
        uid = job["metadata"]["uid"]
        for pod in self.store.all("pods", job["metadata"]["namespace"]):
            if pod["metadata"]["labels"].get("batch.kubernetes.io/controller-uid") == uid:
                yield pod

    def _collect(self) -> None:
        """Delete pods whose Job is no more, and ended Jobs whose time is over."""
        owners = {job["metadata"]["uid"] for job in self.store.all("jobs")}
        for pod in self.store.all("pods"):
            meta = pod["metadata"]
            if meta["ownerReferences"][0]["uid"] not in owners and "deletionTimestamp" not in meta:
                delete(self.store, "pods", meta["namespace"], meta["name"], {})

    # ------------------------------------------------------------------------------------------------------ the scheduler

    def _schedule(self) -> None:
        for pod in self.store.all("pods"):
            spec = pod["spec"]
            if spec.get("nodeName") or spec.get("schedulingGates"):
                continue
            node = next((node for node in self.store.all("nodes") if self._fits(pod, node)), None)
            after = copy.deepcopy(pod)
            if node is None:
                _condition(after, "PodScheduled", "False", "Unschedulable", "no node has what it asks for")
            else:
                after["spec"]["nodeName"] = node["metadata"]["name"]
                _condition(after, "PodScheduled", "True", "")
            self.store.put("pods", after)

    def _fits(self, pod: Json, node: Json) -> bool:
        if node["spec"].get("unschedulable") or not _true(node, "Ready"):
            return False
        if not (pod["spec"].get("nodeSelector") or {}).items() <= node["metadata"]["labels"].items():
            return False
        name = node["metadata"]["name"]
        taken = sum(
            _asked(each) for each in self.store.all("pods") if each["spec"].get("nodeName") == name and not _over(each)
        )
        return taken + _asked(pod) <= int(node["status"]["allocatable"][GPU])

    # -------------------------------------------------------------------------------------------------------- the kubelets

    def _kubelets(self) -> None:
        ready = {node["metadata"]["name"] for node in self.store.all("nodes") if _true(node, "Ready")}
        for pod in self.store.all("pods"):
            if pod["spec"].get("nodeName") in ready and not _over(pod):
                self._tend(copy.deepcopy(pod))

    def _tend(self, pod: Json) -> None:
        meta = pod["metadata"]
        mine = self.running.get(meta["uid"])
        if mine is None:
            if "deletionTimestamp" in meta:
                self.store.remove("pods", pod)
                return
            self._begin(pod)
            return
        _write_notice(pod, mine.notice)
        assert mine.process is not None
        code = mine.process.poll()
        if code is None:
            if "deletionTimestamp" in meta:
                _end(mine, meta["deletionGracePeriodSeconds"])
            return
        _kill(mine)
        del self.running[meta["uid"]]
        exit_code = code if code >= 0 else 128 - code
        self._finish(pod, exit_code, "Completed" if code == 0 else "Error")
        if "deletionTimestamp" in meta:
            self.store.remove("pods", pod)

    def _finish(self, pod: Json, exit_code: int, reason: str) -> None:
        pod["status"]["phase"] = "Succeeded" if exit_code == 0 else "Failed"
        pod["status"]["containerStatuses"] = [{"state": {"terminated": {"exitCode": exit_code, "reason": reason}}}]
        _condition(pod, "Ready", "False", "PodCompleted")
        self.store.put("pods", pod)

    def _begin(self, pod: Json) -> None:
        meta, container = pod["metadata"], pod["spec"]["containers"][0]
        node = pod["spec"]["nodeName"]
        taken = {device for each in self.running.values() for device in each.devices}
        free = [name for number in range(64) if (name := f"{node}-gpu{number}") not in taken]
        mine = Running(None, free[: _asked(pod)], self.folder / meta["uid"])
        mine.notice.mkdir()
        _write_notice(pod, mine.notice)
        given = {each["name"]: _expanded(each["value"]) for each in container.get("env", [])}
        for mount in container.get(
            "volumeMounts", []
        ):  # a process here sees the node's files, so paths are told instead
            given = {key: value.replace(mount["mountPath"], str(mine.notice)) for key, value in given.items()}
        environment = {"PATH": os.environ["PATH"], "NVIDIA_VISIBLE_DEVICES": ",".join(mine.devices), **given}
        argv = [_expanded(word) for word in container["command"]]
        with (self.folder / f"{meta['uid']}.log").open("wb") as log:
            try:
                mine.process = subprocess.Popen(
                    argv, env=environment, cwd=container.get("workingDir"), stdout=log, stderr=log,
                    stdin=subprocess.DEVNULL, start_new_session=True,
                )  # fmt: skip
            except OSError:
                self._finish(pod, 128, "StartError")
                return
        self.running[meta["uid"]] = mine
        pod["status"]["phase"] = "Running"
        _condition(pod, "Ready", "True", "")
        self.store.put("pods", pod)


def _end(pod: Running, grace_s: float) -> None:
    now_s = time.monotonic()
    assert pod.process is not None
    if not pod.termed:
        pod.termed, pod.kill_s = True, now_s + grace_s
        os.kill(pod.process.pid, signal.SIGTERM)
    pod.kill_s = min(pod.kill_s, now_s + grace_s)
    if now_s >= pod.kill_s:
        _kill(pod)


def _kill(pod: Running) -> None:
    """End the whole container; the process itself is left to be waited for."""
    if pod.process is not None:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pod.process.pid, signal.SIGKILL)
        pod.process.wait()


def _write_notice(pod: Json, folder: Path) -> None:
    for volume in pod["spec"].get("volumes", []):
        for item in volume["downwardAPI"]["items"]:
            name = re.fullmatch(r"metadata\.annotations\['(.+)'\]", item["fieldRef"]["fieldPath"])
            assert name is not None
            text = pod["metadata"]["annotations"].get(name[1], "")
            file = folder / item["path"]
            if not file.exists() or file.read_text() != text:
                file.write_text(text)


def _expanded(text: str) -> str:
    """As the kubelet does it: ``$$`` is a dollar; none of our own uses ``$(NAME)``."""
    assert not re.search(r"(?<!\$)(\$\$)*\$\(", text), text
    return text.replace("$$", "$")


def _asked(pod: Json) -> int:
    return sum(int(each.get("resources", {}).get("limits", {}).get(GPU, 0)) for each in pod["spec"]["containers"])


def _over(pod: Json) -> bool:
    return pod["status"].get("phase") in ("Succeeded", "Failed")


def _true(obj: Json, kind: str) -> bool:
    return any(each["type"] == kind and each["status"] == "True" for each in obj["status"].get("conditions", []))


def _condition(obj: Json, kind: str, status: str, reason: str, message: str = "") -> None:
    conditions: list[Any] = obj["status"].setdefault("conditions", [])
    found = next((each for each in conditions if each["type"] == kind), None)
    if found is None:
        found = {"type": kind}
        conditions.append(found)
    if found.get("status") != status:
        found |= {"status": status, "reason": reason, "message": message, "lastTransitionTime": now()}
