"""From what changes in the cluster to what the controller is told, each thing once and in order.

What was told is remembered here and nowhere else: when the engine is opened, what stands then is what the controller reads
by `nodes`, `attempts` and `waiting`, and only what changes from there on is told.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial

from equipoise.charter.model import Pool
from equipoise.engines.kubernetes import manifest, names
from equipoise.engines.kubernetes.api import ApiError
from equipoise.engines.kubernetes.arrivals import Key, Problem, key_of, origin_of, read_arrival
from equipoise.engines.kubernetes.cluster import Cluster
from equipoise.engines.kubernetes.machines import Machines
from equipoise.engines.kubernetes.objects import Job, Pod, placement_of
from equipoise.engines.kubernetes.settings import Settings
from equipoise.engines.kubernetes.standing import PEER, REFUSE, Standing, standing_of
from equipoise.engines.protocol import (
    Arrived,
    Attempt,
    Ended,
    Node,
    NodeChanged,
    Observation,
    Phase,
    Refused,
    Running,
    Seen,
    Stopped,
    Withdrawn,
)
from equipoise.errors import EngineError

LOOK_S = 0.25
"""How often attempts that start or stop are looked at for what no event tells: time that passes."""
SETTLE_S = 2.0
"""A Job's status does not say which version of the Job it is about. One that was let go and taken back before any of its pods was
seen counts as settled only after this: its controller may have been about to create them."""
_OVER = (Phase.ENDED, Phase.STOPPED)


@dataclass
class _Course:
    """What is remembered of an attempt beside what stands on its objects."""

    told: Phase | None = None
    ran: bool = False
    said_running: bool = False
    since_s: float = 0.0
    """When it was let go, or first seen."""
    stopped_s: float = 0.0
    force_s: float = 0.0
    """When its grace is over."""
    gone: Seen | None = None
    """Its Jobs were deleted."""


class Watcher:
    """Tells what happens; see the parameters of `KubernetesEngine`."""

    def __init__(self, settings: Settings, pools: Sequence[Pool], cluster: Cluster, machines: Machines) -> None:
        self._settings, self._cluster, self._machines = settings, cluster, machines
        self._pools = {pool.name: pool for pool in pools}
        self._courses: dict[Attempt, _Course] = {}
        self._unsettled: set[Attempt] = set()
        self._arrived: dict[Key, Arrived] = {}
        self._lost_since_s: dict[str, float] = {}
        self._said: list[Observation] = []
        self._undirected: set[str] = set()
        self._untold: set[Key] = set()
        self._forbidden: ApiError | None = None
        self._nodes: dict[tuple[str, int], Node] = {}
        self._look_at_machines()
        self._begin()

    def say(self, observation: Observation) -> None:
        """Have something told with the next `observe`."""
        self._said.append(observation)

    @staticmethod
    def now_ms() -> int:
        """Return the wall clock."""
        return time.time_ns() // 1_000_000

    # ----------------------------------------------------------------------------------------------- how things stand

    def nodes(self) -> list[Node]:
        """Return all nodes as they stand now, without having told of changes."""
        return self._machines.see(self._cluster.machines())

    def seen(self) -> list[Seen]:
        """Return how all attempts stand that are known."""
        with self._cluster.lock:
            known = {
                *self._cluster.jobs_at,
                *self._courses,
                *[past for job in self._cluster.all_jobs() for past in job.past],
            }
        found = [self.standing(attempt) for attempt in sorted(known)]
        return [seen for seen in found if seen is not None]

    def standing(self, attempt: Attempt) -> Seen | None:
        """Return how an attempt stands; None if nobody knows it."""
        found = self._standing(attempt)
        return None if found is None else found.seen

    def knows(self, attempt: Attempt) -> bool:
        """Whether an attempt was let go, whole."""
        return self.standing(attempt) is not None

    def waiting(self) -> list[Arrived]:
        """Return what users handed in and what has not ended, by origin."""
        with self._cluster.lock:
            read = [self._read(key) for key in list(self._cluster.jobs_of)]
        return sorted((each for each in read if isinstance(each, Arrived)), key=lambda each: each.origin)

    def handed_in(self, origin: str) -> list[Job]:
        """Return the Jobs of that origin."""
        with self._cluster.lock:
            groups = [self._cluster.jobs_handed_in(key) for key in self._keys_like(origin)]
        none: list[Job] = []
        return next((jobs for jobs in groups if jobs and origin_of(jobs) == origin), none)

    def past(self, attempt: Attempt) -> list[Job]:
        """Return Jobs that were at an attempt and are at a later one."""
        return [job for job in self._cluster.all_jobs() if attempt in job.past]

    # ------------------------------------------------------------------------------------------------ what was ordered

    def launched(self, attempt: Attempt) -> None:
        """Note when an attempt was let go."""
        self._course(attempt)
        self._unsettled.add(attempt)

    def stopping(self, attempt: Attempt, *, grace_ms: int) -> None:
        """Note that an attempt is being stopped, and shorten the grace of pods that have more."""
        course, now_s = self._course(attempt), time.monotonic()
        course.stopped_s = course.stopped_s or now_s
        course.force_s = min(course.force_s or now_s + grace_ms / 1000, now_s + grace_ms / 1000)
        self._unsettled.add(attempt)
        self._shorten(attempt, max(1, -(-grace_ms // 1000)))

    def forgotten(self, attempt: Attempt) -> None:
        """Remember nothing of an attempt any more."""
        self._courses.pop(attempt, None)
        self._unsettled.discard(attempt)

    # -------------------------------------------------------------------------------------------------------- observe

    def observe(self, timeout_s: float) -> list[Observation]:
        """Return what happened; waits for it at most so long."""
        deadline_s = time.monotonic() + timeout_s
        while True:
            found = self._look()
            left_s = deadline_s - time.monotonic()
            if found or left_s <= 0 or self._cluster.woken():
                if not found:
                    self._check()
                return found
            self._cluster.wait(min(left_s, LOOK_S if self._unsettled or self._undirected or self._untold else 5.0))

    def _check(self) -> None:
        """Raise what keeps us from hearing of the cluster, or what we ought to have the right to do."""
        self._cluster.check()
        forbidden, self._forbidden = self._forbidden, None
        if forbidden is not None:
            raise forbidden

    def _look(self) -> list[Observation]:
        said, self._said = self._said, []
        self._direct_pods()
        if self._cluster.machines_changed:
            said += [NodeChanged(node) for node in self._look_at_machines()]
        for key in {*self._cluster.take(self._cluster.keys), *self._untold}:
            self._untold.discard(key)
            said += self._look_at_key(key)
        for attempt in sorted({*self._cluster.take(self._cluster.attempts), *self._unsettled}):
            said += self._look_at_attempt(attempt)
        return said

    def _begin(self) -> None:
        """Take what stands now as told."""
        for key in self._cluster.take(self._cluster.keys):
            self._look_at_key(key)
        for attempt in self._cluster.take(self._cluster.attempts):
            found = self._standing(attempt)
            if found is not None:
                course = self._course(attempt)
                course.told, course.ran, course.said_running = found.seen.phase, found.ran, found.ran
                if found.seen.phase not in (*_OVER, Phase.RUNNING):
                    self._unsettled.add(attempt)

    def _look_at_machines(self) -> list[Node]:
        with self._cluster.lock:
            self._cluster.machines_changed = False
            nodes = {(node.pool, node.number): node for node in self._machines.see(self._cluster.machines())}
        changed = [node for place, node in nodes.items() if self._nodes.get(place) != node]
        self._nodes = nodes
        down = {node.name for node in nodes.values() if not self._up(node.name)}
        now_s = time.monotonic()
        self._lost_since_s = {name: self._lost_since_s.get(name, now_s) for name in down}
        return changed

    def _up(self, name: str) -> bool:
        machine = self._machines.named(name)
        return machine is not None and machine.ready

    # ----------------------------------------------------------------------------------------------------- what arrives

    def _look_at_key(self, key: Key) -> list[Observation]:
        read, known = self._read(key), self._arrived.get(key)
        if isinstance(read, Problem):
            self._tell_user(key, read.text)
        if isinstance(read, Arrived):
            if known is not None and known.origin == read.origin:
                return []
            self._arrived[key] = read
            return [read] if known is None else [Withdrawn(known.origin), read]
        if known is None:
            return []
        jobs = self._cluster.jobs_handed_in(key)
        del self._arrived[key]
        ended = bool(jobs) and (any(job.closed for job in jobs) or any(names.CANCELLED in job.notes for job in jobs))
        return [] if ended else [Withdrawn(known.origin)]

    def _read(self, key: Key) -> Arrived | Problem | None:
        """Read what was handed in; None where it is not whole, has ended or was cancelled."""
        jobs = self._cluster.jobs_handed_in(key)
        if not jobs or any(job.closed or names.CANCELLED in job.notes for job in jobs):
            return None
        if any(job.attempt is None and not job.suspended for job in jobs):
            return Problem("it was not suspended when it was created: spec.suspend must be true")
        return read_arrival(jobs, self._pools, self._origin_named)

    def _origin_named(self, namespace: str, name: str) -> str:
        for key, jobs_uids in self._cluster.jobs_of.items():
            if key[0] != namespace or not jobs_uids:
                continue
            jobs = self._cluster.jobs_handed_in(key)
            if (key[2] if key[1] == "gang" else jobs[0].name) == name and not all(job.closed for job in jobs):
                return origin_of(jobs)
        return ""

    def _keys_like(self, origin: str) -> list[Key]:
        path, _, uid = origin.rpartition("@")
        namespace, _, name = path.partition("/")
        return [key for key in ((namespace, "job", uid), (namespace, "gang", name)) if key in self._cluster.jobs_of]

    def _tell_user(self, key: Key, text: str) -> None:
        for job in self._cluster.jobs_handed_in(key):
            if job.attempt is None and job.notes.get(names.PROBLEM) != text:
                body = {"metadata": {"annotations": {names.PROBLEM: text}}}
                if not self._try(partial(self._cluster.patch_job, job, body)):
                    self._untold.add(key)

    # --------------------------------------------------------------------------------------------------------- attempts

    def _look_at_attempt(self, attempt: Attempt) -> list[Observation]:
        found = self._standing(attempt)
        if found is None:
            if attempt in self._courses and not self._cluster.jobs(attempt):
                self.forgotten(attempt)
            return []
        course, phase = self._course(attempt), found.seen.phase
        course.ran = course.ran or found.ran
        if found.orphaned:
            self._suspend_others(attempt)
        if phase is Phase.STARTING:
            self._give_up_in_time(attempt, course)
        if phase is Phase.STOPPING:
            self._force_in_time(attempt, course)
        if phase in (*_OVER, Phase.RUNNING):
            self._unsettled.discard(attempt)
        else:
            self._unsettled.add(attempt)
        if phase is course.told or course.told in _OVER:
            return []
        course.told = phase
        return _said(found, course)

    def _standing(self, attempt: Attempt) -> Standing | None:
        with self._cluster.lock:
            jobs, pods = self._cluster.jobs(attempt), self._cluster.pods(attempt)
            course = self._courses.get(attempt)
            if not jobs:
                return self._without_jobs(attempt, course, pods)
            if not self._whole(attempt, jobs):
                return None
        found = standing_of(attempt, jobs, pods, lost=self._lost)
        if found.seen.phase is Phase.STARTING and course is not None and course.told is Phase.RUNNING:
            return replace(found, seen=Seen(attempt, Phase.RUNNING))  # a pod that is begun again is a matter of its Job
        if found.seen.phase is Phase.STOPPED and course is not None and not self._settled(course, pods):
            return replace(found, seen=Seen(attempt, Phase.STOPPING))
        return found

    def _without_jobs(self, attempt: Attempt, course: _Course | None, pods: Sequence[Pod]) -> Standing | None:
        if self.past(attempt):
            return Standing(Seen(attempt, Phase.STOPPED))
        if course is None or (course.told is None and not course.stopped_s):
            return None
        if course.gone is None:
            if any(not pod.over and not self._lost(pod) for pod in pods):
                return Standing(Seen(attempt, Phase.STOPPING), ran=course.ran)
            phase = Phase.STOPPED if course.stopped_s else Phase.ENDED
            course.gone = Seen(attempt, phase, reason="" if course.stopped_s else "its Job was deleted")
        return Standing(course.gone, ran=course.ran)

    def _whole(self, attempt: Attempt, jobs: Sequence[Job]) -> bool:
        """Whether all Jobs of an attempt were let go; what is only half let go is taken as not launched."""
        if any(names.STOP in job.notes for job in jobs):
            return True
        if any(job.notes.get(names.ADMITTED) != str(attempt) for job in jobs):
            return False
        key = key_of(jobs[0])
        beside = [] if key is None else self._cluster.jobs_handed_in(key)
        return all(job.attempt == attempt or job.closed for job in beside)

    def _settled(self, course: _Course, pods: Sequence[Pod]) -> bool:
        seen_pods = bool(pods) or course.ran
        return seen_pods or not course.stopped_s or time.monotonic() - course.stopped_s >= SETTLE_S

    def _lost(self, pod: Pod) -> bool:
        since_s = self._lost_since_s.get(pod.node)
        return since_s is not None and time.monotonic() - since_s >= self._settings.lost_after_ms / 1000

    def _course(self, attempt: Attempt) -> _Course:
        return self._courses.setdefault(attempt, _Course(since_s=time.monotonic()))

    # ----------------------------------------------------------------------------------------------- what follows from it

    def _direct_pods(self) -> None:
        """Name the node of each pod that waits for it, as many on each as the policy said."""
        for uid in {*self._cluster.take(self._cluster.gated), *self._undirected}:
            self._undirected.discard(uid)
            with self._cluster.lock:
                pod = self._cluster.pod(uid)
                jobs = [] if pod is None or pod.attempt is None else self._cluster.jobs(pod.attempt)
                job = next((job for job in jobs if pod is not None and job.uid == pod.job_uid), None)
            if pod is None or job is None or not pod.gated:
                continue
            host = self._room(job)
            if host is None or not self._try(partial(self._name_node, pod, host)):
                self._undirected.add(uid)

    def _room(self, job: Job) -> str | None:
        left = placement_of(job)
        for pod in self._cluster.pods_of(job):
            if not pod.over and not pod.gated and pod.hostname in left:
                left[pod.hostname] -= 1
        return next((host for host, pods in left.items() if pods > 0), None)

    def _name_node(self, pod: Pod, host: str) -> None:
        gates = [{"name": gate} for gate in pod.gates if gate != names.GATE]
        spec = {"nodeSelector": {names.HOSTNAME: host}, "schedulingGates": gates}
        self._cluster.patch_pod(pod, {"metadata": {"resourceVersion": pod.version}, "spec": spec})

    def _suspend_others(self, attempt: Attempt) -> None:
        """Suspend what is left of a gang of which a Job failed or is gone: a gang runs whole or not at all."""
        for job in self._cluster.jobs(attempt):
            if not job.closed and names.STOP not in job.notes:
                body = manifest.suspension(PEER, "another Job of the gang failed or was deleted", cancelled=False)
                self._try(lambda: self._cluster.patch_job(job, body))  # noqa: B023

    def _give_up_in_time(self, attempt: Attempt, course: _Course) -> None:
        if time.monotonic() - course.since_s < self._settings.start_within_ms / 1000:
            return
        troubles = {pod.trouble for pod in self._cluster.pods(attempt) if pod.trouble}
        reason = "; ".join(sorted(troubles)) or "its pods were not all ready in time"
        for job in self._cluster.jobs(attempt):
            if not job.closed and names.STOP not in job.notes:
                body = manifest.suspension(REFUSE, reason, cancelled=False)
                self._try(lambda: self._cluster.patch_job(job, body))  # noqa: B023

    def _force_in_time(self, attempt: Attempt, course: _Course) -> None:
        if course.force_s and time.monotonic() >= course.force_s:
            self._try(lambda: self._shorten(attempt, 1))

    def _shorten(self, attempt: Attempt, grace_s: int) -> None:
        """Delete the pods that have more grace than this; a second deletion can only shorten it."""
        for pod in self._cluster.pods(attempt):
            if not pod.over and pod.grace_s > grace_s and not self._shortened(pod, grace_s):
                self._cluster.delete_pod(pod, grace_s=grace_s)

    def _shortened(self, pod: Pod, grace_s: int) -> bool:
        return pod.leaving and pod.grace_left_s is not None and pod.grace_left_s <= grace_s

    def _try(self, write: Callable[[], object]) -> bool:
        """Write; what does not work now is tried again when it is next looked at, but for what we have no right to."""
        try:
            write()
        except EngineError as error:
            if isinstance(error, ApiError) and error.status == 403 and not error.denies:
                self._forbidden = error
            return False
        return True


def _said(found: Standing, course: _Course) -> list[Observation]:
    """Return what is to be told when an attempt comes into a phase."""
    seen = found.seen
    first: list[Observation] = [] if course.said_running or not course.ran else [Running(seen.attempt)]
    match seen.phase:
        case Phase.STARTING | Phase.STOPPING:
            return []
        case Phase.RUNNING:
            last: list[Observation] = []
        case Phase.ENDED | Phase.STOPPED if found.refused:
            return [Refused(seen.attempt, seen.reason)]
        case Phase.ENDED:
            last = [Ended(seen.attempt, seen.exit_code, seen.reason)]
        case Phase.STOPPED:
            last = [Stopped(seen.attempt)]
    course.said_running = course.said_running or bool(first)
    return [*first, *last]
