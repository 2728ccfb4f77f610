"""Jobs as the engine writes them: the Job of a command, and the patches that let a Job go and take it back.

Nothing that a user gave becomes part of a shell string: arguments stay arguments.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping, Sequence

from equipoise.engines.kubernetes import names
from equipoise.engines.kubernetes.api import Json
from equipoise.engines.kubernetes.objects import Job
from equipoise.engines.kubernetes.settings import Settings
from equipoise.engines.protocol import Attempt, Command, Launch

NOTICE = "/etc/equipoise"
"""Where a pod finds, as files, what it is told: ``stop-by`` and ``stop-reason``."""

# A constant: the command is its arguments. It tells the command of a warning, which arrives as a file, by SIGUSR1, and hands
# SIGTERM on; when it is stopped unwarned (its watcher still waits) it says both. A `wait` that a signal ended is begun again.
WARNING_SHELL = """
"$@" &
child=$!
( while sleep 1; do [ ! -s "$EQUIPOISE_NOTICE/stop-by" ] || { kill -USR1 "$child"; exit; }; done ) &
watcher=$!
trap 'kill "$watcher" 2>/dev/null && kill -USR1 "$child"; kill -TERM "$child"' TERM
while :; do
  wait "$child"
  code=$?
  kill -0 "$child" 2>/dev/null || break
done
kill "$watcher" 2>/dev/null
exit "$code"
"""


def jobs_of(launch: Launch, command: Command, hosts: Mapping[int, str], settings: Settings, *, fleet: str,
            labels: Mapping[str, str]) -> list[Json]:  # fmt: skip
    """Return the suspended Jobs of a command: one for each number of devices that its parts have of a node.

    Parameters
    ----------
    launch : Launch
    command : Command
    hosts : mapping of int to str
        Host names of the nodes of ``launch.parts``, by the node's number.
    settings : Settings
    fleet : str
        Keeps the names of two controllers' Jobs apart.
    labels : mapping of str to str
        Of the pool's nodes; where a pod may go when no part says it.
    """
    parts = [(part.devices, hosts[part.node]) for part in launch.parts] or [(1, "")] * launch.gang
    sizes = sorted({devices for devices, _ in parts}, reverse=True)
    found: list[Json] = []
    rank = 0
    for number, devices in enumerate(sizes):
        where = Counter(host for size, host in parts if size == devices)
        body = _job(launch, command, settings, pods=where.total(), devices=devices, rank=rank, made=len(sizes))
        body["metadata"]["name"] = f"eq-{fleet}-{launch.attempt.job}-{launch.attempt.number}-{number}"
        spec: Json = body["spec"]["template"]["spec"]
        direct(spec, {host: pods for host, pods in where.items() if host}, labels)
        # In a patch null takes a key out; in what is created it would be a value.
        spec["nodeSelector"] = {key: value for key, value in spec["nodeSelector"].items() if value is not None}
        body["metadata"]["annotations"][names.PLACEMENT] = _written(where)
        found.append(body)
        rank += where.total()
    return found


def direct(spec: Json, hosts: Mapping[str, int], labels: Mapping[str, str], *, gates: Sequence[str] = ()) -> None:
    """Say in a pod's spec where it may go: one host, or several by a gate until its own is named, or any of the pool."""
    selector: Json = dict(labels)
    selector[names.HOSTNAME] = next(iter(hosts)) if len(hosts) == 1 else None
    others = [{"name": gate} for gate in gates if gate != names.GATE]
    spec["schedulingGates"] = [*others, {"name": names.GATE}] if len(hosts) > 1 else others
    spec["nodeSelector"] = selector


def admission(job: Job, attempt: Attempt, team: str, hosts: Mapping[str, int], labels: Mapping[str, str]) -> Json:
    """Return the patch that lets a Job go at an attempt, on these hosts (none: anywhere in the pool)."""
    before = job.attempt
    past = " ".join(str(each) for each in (*job.past, *((before,) if before not in (None, attempt) else ())))
    notes: Json = {
        names.ADMITTED: str(attempt),
        names.STOP: None,
        names.STOP_REASON: None,
        names.PROBLEM: None,
        names.PAST: past or None,
    }
    if job.made:  # it was created for this attempt, and says where it goes
        return {"metadata": {"annotations": notes}, "spec": {"suspend": False}}
    notes[names.PLACEMENT] = _written(hosts)
    spec: Json = {}
    direct(spec, hosts, labels, gates=job.gates)
    template = {"metadata": {"labels": {names.ATTEMPT: str(attempt), names.TEAM: team}}, "spec": spec}
    return {
        "metadata": {"labels": {names.ATTEMPT: str(attempt)}, "annotations": notes},
        "spec": {"suspend": False, "template": template},
    }


def suspension(mark: str, reason: str, *, cancelled: bool) -> Json:
    """Return the patch that takes a Job back."""
    notes = {names.STOP: mark, names.STOP_REASON: reason or None}
    return {
        "metadata": {"annotations": {**notes, **({names.CANCELLED: "true"} if cancelled else {})}},
        "spec": {"suspend": True},
    }


def release(job: Job, attempt: Attempt) -> Json:
    """Return the patch by which a user's Job is at no attempt any more, or a past one is forgotten."""
    if job.attempt != attempt:
        past = " ".join(str(each) for each in job.past if each != attempt)
        return {"metadata": {"annotations": {names.PAST: past or None}}}
    notes = dict.fromkeys((names.STOP, names.STOP_REASON, names.ADMITTED, names.PLACEMENT))
    return {"metadata": {"labels": {names.ATTEMPT: None}, "annotations": notes}}


def _job(
    launch: Launch, command: Command, settings: Settings, *, pods: int, devices: int, rank: int, made: int
) -> Json:
    labels = {names.TEAM: launch.team, names.ATTEMPT: str(launch.attempt)}
    notes = {names.NAME: launch.name}
    spec: Json = {
        "restartPolicy": "Never",
        "terminationGracePeriodSeconds": max(1, settings.grace_ms // 1000),
        "containers": [_container(launch, command, settings, devices=devices, rank=rank)],
        "volumes": [{"name": "equipoise", "downwardAPI": {"items": [
            {"path": path, "fieldRef": {"fieldPath": f"metadata.annotations['{name}']"}}
            for path, name in (("stop-by", names.STOP_BY), ("stop-reason", names.STOP_REASON))
        ]}}],
    }  # fmt: skip
    if settings.service_account:
        spec["serviceAccountName"] = settings.service_account
    else:
        spec["automountServiceAccountToken"] = False
    if settings.tolerations:
        spec["tolerations"] = [dict(each) for each in settings.tolerations]
    return {
        "apiVersion": "batch/v1",
        "kind": "Job",
        "metadata": {"labels": {**labels, names.MADE: str(made)}, "annotations": dict(notes)},
        "spec": {
            "suspend": True,
            "parallelism": pods,
            "completions": pods,
            "completionMode": "Indexed",
            "backoffLimit": 0,
            "template": {"metadata": {"labels": labels, "annotations": dict(notes)}, "spec": spec},
        },
    }


def _container(launch: Launch, command: Command, settings: Settings, *, devices: int, rank: int) -> Json:
    own = {
        "EQUIPOISE_JOB": str(launch.attempt.job),
        "EQUIPOISE_ATTEMPT": str(launch.attempt.number),
        "EQUIPOISE_TEAM": launch.team,
        "EQUIPOISE_FIRST_RANK": str(rank),
        "EQUIPOISE_NOTICE": NOTICE,
    }
    argv = list(command.argv)
    if launch.savepoint:
        argv = ["/bin/sh", "-c", WARNING_SHELL, "equipoise", *argv]
    container: Json = {
        "name": "job",
        "image": settings.image,
        "command": [_literal(word) for word in argv],
        "env": [{"name": name, "value": _literal(value)} for name, value in {**command.environment, **own}.items()],
        "resources": {"requests": {settings.resource: str(devices)}, "limits": {settings.resource: str(devices)}},
        "volumeMounts": [{"name": "equipoise", "mountPath": NOTICE, "readOnly": True}],
    }
    if command.directory:
        container["workingDir"] = command.directory
    return container


def _literal(text: str) -> str:
    """Keep the kubelet from putting variables in the place of ``$(NAME)``: ``$$`` is a dollar to it."""
    return text.replace("$", "$$")


def _written(hosts: Mapping[str, int]) -> str:
    return json.dumps({host: pods for host, pods in hosts.items() if host}, sort_keys=True)
