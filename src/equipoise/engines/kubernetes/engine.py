"""The engine: what it is told becomes patches, and what changes in the cluster becomes observations.

Nothing is queued here. Every order is carried out by requests before the method returns, each under the version of the
object that it was decided on; what was changed meanwhile is read again. What an order was about is noted on the object in
the same patch, so an order that was carried out although nobody heard the answer is recognised when it comes again.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Sequence
from pathlib import Path

from equipoise.charter.model import Pool
from equipoise.engines.kubernetes import manifest, names
from equipoise.engines.kubernetes.api import Api, ApiError
from equipoise.engines.kubernetes.arrivals import size_of
from equipoise.engines.kubernetes.cluster import Cluster
from equipoise.engines.kubernetes.machines import Machines
from equipoise.engines.kubernetes.objects import Job
from equipoise.engines.kubernetes.placement import spread
from equipoise.engines.kubernetes.settings import Settings
from equipoise.engines.kubernetes.standing import CANCEL, REFUSE, REQUEUE
from equipoise.engines.kubernetes.watcher import Watcher
from equipoise.engines.protocol import Arrived, Attempt, Launch, Node, Observation, Phase, Refused, Seen
from equipoise.errors import EngineError

TRIES = 5


class KubernetesEngine:
    """An engine over the Jobs of a cluster; see `equipoise.engines.protocol.Engine`.

    Parameters
    ----------
    settings : Settings
    pools : tuple of Pool
    folder : Path
    api : Api
        Closed with the engine.
    cluster : Cluster
        Started.
    machines : Machines
    """

    name = "kubernetes"

    def __init__(self, settings: Settings, pools: tuple[Pool, ...], folder: Path, *, api: Api, cluster: Cluster,
                 machines: Machines) -> None:  # fmt: skip
        self._settings, self._api, self._cluster, self._machines = settings, api, cluster, machines
        self._watcher = Watcher(settings, pools, cluster, machines)
        self._fleet = _identity(folder / "fleet")
        self._closed = False

    # ----------------------------------------------------------------------------------------------- how things stand

    def nodes(self) -> Sequence[Node]:
        """Return every node that the pools expect; those that the cluster does not have are down."""
        self._cluster.check()
        return self._watcher.nodes()

    def attempts(self) -> Sequence[Seen]:
        """Return every attempt that Jobs are at, or were and nobody forgot."""
        self._cluster.check()
        return self._watcher.seen()

    def waiting(self) -> Sequence[Arrived]:
        """Return what users handed in and what has not ended."""
        self._cluster.check()
        return self._watcher.waiting()

    def output(self, attempt: Attempt) -> list[str]:
        """Return the pods whose logs hold an attempt's output, as ``namespace/pod``; they are kept with the Job."""
        return [f"{pod.namespace}/{pod.name}" for pod in self._cluster.pods(attempt)]

    def observe(self, timeout_s: float, /) -> Sequence[Observation]:
        """Return what happened since the last call; waits for it at most so long."""
        return self._watcher.observe(timeout_s)

    def wake(self) -> None:
        """Let `observe` return."""
        self._cluster.wake()

    def close(self) -> None:
        """Follow the cluster no more; Jobs run on."""
        if not self._closed:
            self._closed = True
            self._cluster.stop()
            self._api.close()

    # --------------------------------------------------------------------------------------------------------- orders

    def launch(self, launch: Launch, /) -> None:
        """Let the Jobs of an attempt go where the policy put it; creates them where the command is given."""
        if self._watcher.knows(launch.attempt):
            return
        try:
            hosts = self._hosts(launch)
            jobs = self._handed_in(launch) if launch.command is None else self._created(launch, hosts)
            where = self._spread(launch, jobs, hosts)
            for job in jobs:
                self._admit(job, launch, where.get(job.uid, {}))
        except _CannotStartError as error:
            self._refuse(launch.attempt, error.reason)
        self._watcher.launched(launch.attempt)

    def warn(self, attempt: Attempt, /, *, by_ms: int, reason: str) -> None:
        """Write on each pod of the attempt when it will be stopped, and why; a pod can read that as a file."""
        due_ms = self._watcher.now_ms() + by_ms
        body = {"metadata": {"annotations": {names.STOP_BY: str(due_ms), names.STOP_REASON: reason}}}
        for pod in self._cluster.pods(attempt):
            if not pod.over and not pod.leaving:
                self._unless_gone(lambda: self._cluster.patch_pod(pod, body))  # noqa: B023

    def stop(self, attempt: Attempt, /, *, grace_ms: int, requeue: bool) -> None:
        """Suspend the attempt's Jobs, which sends their pods SIGTERM, and shorten their grace if they have more."""
        seen, jobs = self._watcher.standing(attempt), self._cluster.jobs(attempt)
        if not (seen or jobs) or (seen and seen.phase in (Phase.ENDED, Phase.STOPPED)):
            return
        for job in jobs:
            self._suspend(job, attempt, REQUEUE if requeue else CANCEL, "", cancelled=not requeue and not job.made)
        self._watcher.stopping(attempt, grace_ms=grace_ms)

    def forget(self, attempt: Attempt, /) -> None:
        """Let go of an attempt that is over: a user's Job is at none any more, one of ours goes after a while."""
        seen = self._watcher.standing(attempt)
        if seen is None or seen.phase not in (Phase.ENDED, Phase.STOPPED):
            return
        for job in [*self._cluster.jobs(attempt), *self._watcher.past(attempt)]:
            self._unless_gone(lambda: self._let_go(job, attempt))  # noqa: B023
        self._watcher.forgotten(attempt)

    def drain(self, pool: str, node: int, /, *, back: bool = False) -> None:
        """Cordon a node, or take it back; one that the cluster does not have is down anyway."""
        machine = self._machines.machine(pool, node)
        if machine is not None and machine.cordoned == back:
            self._cluster.patch_machine(machine, {"spec": {"unschedulable": None if back else True}})

    # --------------------------------------------------------------------------------------------------- let go, take back

    def _hosts(self, launch: Launch) -> dict[int, str]:
        found: dict[int, str] = {}
        for part in launch.parts:
            machine = self._machines.machine(launch.pool, part.node)
            if machine is None:
                raise _CannotStartError(f"the cluster has no node {part.node} of the pool {launch.pool}")
            found[part.node] = machine.hostname
        return found

    def _handed_in(self, launch: Launch) -> list[Job]:
        """Return the Jobs that a user handed in; all of them or none."""
        jobs = self._watcher.handed_in(launch.origin)
        if not jobs or len(jobs) != size_of(jobs[0]):
            raise _CannotStartError("its Jobs are not all there any more")
        if any(job.closed or names.CANCELLED in job.notes for job in jobs):
            raise _CannotStartError("its Jobs have ended or were cancelled")
        return jobs

    def _created(self, launch: Launch, hosts: dict[int, str]) -> list[Job]:
        """Create the suspended Jobs of a command; those that are there already are taken as they are."""
        assert launch.command is not None
        if not self._settings.image:
            raise _CannotStartError("no image is set for commands: image in [engines.kubernetes]")
        labels = self._machines.labels(launch.pool)
        bodies = manifest.jobs_of(launch, launch.command, hosts, self._settings, fleet=self._fleet, labels=labels)
        known = {job.name: job for job in self._cluster.jobs(launch.attempt)}
        for body in bodies:
            name = body["metadata"]["name"]
            if name not in known:
                known[name] = self._create(body)
        return [known[body["metadata"]["name"]] for body in bodies]

    def _create(self, body: dict[str, object]) -> Job:
        home = self._settings.home
        try:
            return self._cluster.create_job(home, body)
        except ApiError as error:
            if error.denies:
                raise _CannotStartError(f"its Job was not accepted: {error.about or error.reason}") from None
            if not error.conflict:
                raise
        # It was created although nobody heard the answer.
        meta = body["metadata"]
        assert isinstance(meta, dict)
        return self._cluster.named_job(home, str(meta["name"]))  # pyright: ignore[reportUnknownArgumentType]

    def _spread(self, launch: Launch, jobs: Sequence[Job], hosts: dict[int, str]) -> dict[str, dict[str, int]]:
        if launch.command is not None or not launch.parts:
            return {}
        where = spread(jobs, [(hosts[part.node], part.devices) for part in launch.parts])
        if where is None:
            raise _CannotStartError("its pods do not fit on the nodes: one asks for more devices than there are on one")
        return where

    def _admit(self, job: Job, launch: Launch, hosts: dict[str, int]) -> None:
        """Let a Job go, unless it has been for this attempt."""

        def admit(job: Job) -> Job:
            if job.notes.get(names.ADMITTED) == str(launch.attempt) and job.attempt == launch.attempt:
                return job
            if job.started and not job.made:
                # Once started, a Job takes other nodes only when its start is taken back while it is suspended.
                job = self._cluster.patch_job(job, {"status": {"startTime": None}}, part="/status")
            labels = self._machines.labels(launch.pool)
            body = manifest.admission(job, launch.attempt, launch.team, hosts, labels)
            return self._cluster.patch_job(job, body)

        try:
            self._on_fresh(job, admit)
        except ApiError as error:
            if error.missing:
                raise _CannotStartError("its Job was deleted") from None
            if error.denies:
                raise _CannotStartError(f"its Job may not be changed: {error.about or error.reason}") from None
            raise

    def _refuse(self, attempt: Attempt, reason: str) -> None:
        """Take back what of a gang was let go already; what was not is refused at once."""
        jobs = self._cluster.jobs(attempt)
        for job in jobs:
            self._suspend(job, attempt, REFUSE, reason, cancelled=False)
        if jobs:
            self._watcher.stopping(attempt, grace_ms=0)
        else:
            self._watcher.say(Refused(attempt, reason))

    def _suspend(self, job: Job, attempt: Attempt, mark: str, reason: str, *, cancelled: bool) -> None:
        def suspend(job: Job) -> Job:
            if job.closed or job.attempt != attempt or (job.suspended and names.STOP in job.notes):
                return job
            return self._cluster.patch_job(job, manifest.suspension(mark, reason, cancelled=cancelled))

        self._unless_gone(lambda: self._on_fresh(job, suspend))

    def _let_go(self, job: Job, attempt: Attempt) -> None:
        if not job.made:
            self._on_fresh(job, lambda job: self._cluster.patch_job(job, manifest.release(job, attempt)))
        elif job.closed:
            keep_s = max(1, self._settings.keep_ms // 1000)
            body = {"metadata": {"labels": {names.ATTEMPT: None}}, "spec": {"ttlSecondsAfterFinished": keep_s}}
            self._on_fresh(job, lambda job: self._cluster.patch_job(job, body))
        else:
            self._cluster.delete_job(job)

    def _on_fresh(self, job: Job, write: Callable[[Job], Job]) -> Job:
        """Write to a Job as it is; what was changed meanwhile is read again."""
        for _ in range(TRIES):
            try:
                return write(job)
            except ApiError as error:
                if not error.conflict:
                    raise
            job = self._cluster.fresh_job(job)
        raise EngineError("E163", f"the Job {job.namespace}/{job.name} changes faster than it is read", retryable=True)

    @staticmethod
    def _unless_gone(write: Callable[[], object]) -> None:
        try:
            write()
        except ApiError as error:
            if not error.missing:
                raise


class _CannotStartError(Exception):
    """An attempt that cannot start, and why."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason


def _identity(file: Path) -> str:
    """Return a few letters that keep the Jobs of this controller apart from those of another."""
    if not file.exists():
        file.write_text(secrets.token_hex(3), "utf-8")
    return file.read_text("utf-8").strip()
