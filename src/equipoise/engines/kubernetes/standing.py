"""How an attempt stands, worked out from its Jobs and pods alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from equipoise.engines.kubernetes import names
from equipoise.engines.kubernetes.arrivals import size_of
from equipoise.engines.kubernetes.objects import Job, Pod
from equipoise.engines.protocol import Attempt, Phase, Seen

PEER, REFUSE, REQUEUE, CANCEL = "peer", "refuse", "requeue", "cancel"


@dataclass(frozen=True, slots=True)
class Standing:
    """An attempt's phase, and what is to be said or done of it.

    Parameters
    ----------
    seen : Seen
    refused : bool
        It never started, and cannot.
    orphaned : bool
        A Job of the gang failed or is gone: the others are to be suspended.
    ran : bool
        Its command ran, for however short a time.
    """

    seen: Seen
    refused: bool = False
    orphaned: bool = False
    ran: bool = False


def standing_of(attempt: Attempt, jobs: Sequence[Job], pods: Sequence[Pod], *, lost: Callable[[Pod], bool]) -> Standing:
    """Work out how an attempt stands.

    Parameters
    ----------
    attempt : Attempt
    jobs : sequence of Job
        Those that are at this attempt, admitted or suspended again.
    pods : sequence of Pod
        Of the attempt.
    lost : callable
        Whether a pod's node has been gone for so long that its devices count as clear.
    """
    mark = next((job.notes[names.STOP] for job in jobs if names.STOP in job.notes), "")
    forsaken = any(lost(pod) for pod in pods)
    live = any(not pod.over and not lost(pod) for pod in pods)
    clear = not live and all(job.closed or (job.settled and (job.idle or forsaken)) for job in jobs)
    failed = any(job.closed == "Failed" for job in jobs)
    whole = bool(jobs) and len(jobs) == size_of(jobs[0])
    done = whole and all(job.closed for job in jobs)
    ran = any(job.closed == "Complete" for job in jobs) or any(
        pod.exit_code is not None and not pod.unstarted for pod in pods
    )
    if done or (mark == PEER and clear):
        if not clear:
            return Standing(Seen(attempt, Phase.RUNNING), ran=ran)
        return _ended(attempt, jobs, pods, ran=ran)
    if mark:
        reason = next((job.notes.get(names.STOP_REASON, "") for job in jobs if job.notes.get(names.STOP) == mark), "")
        phase = Phase.STOPPED if clear and mark != PEER else Phase.STOPPING
        return Standing(
            Seen(attempt, phase, reason=reason if phase is Phase.STOPPED else ""), refused=mark == REFUSE, ran=ran
        )
    if failed or not whole:
        return Standing(Seen(attempt, Phase.RUNNING if failed else Phase.STARTING), orphaned=True, ran=ran)
    if all(job.suspended for job in jobs):
        if not clear:
            return Standing(Seen(attempt, Phase.STOPPING), ran=ran)
        return Standing(Seen(attempt, Phase.ENDED, reason="suspended, but not by Equipoise"), ran=ran)
    ready = all(job.closed or job.all_ready for job in jobs)
    return Standing(Seen(attempt, Phase.RUNNING if ready else Phase.STARTING), ran=ran or ready)


def _ended(attempt: Attempt, jobs: Sequence[Job], pods: Sequence[Pod], *, ran: bool) -> Standing:
    if all(job.closed == "Complete" for job in jobs):
        return Standing(Seen(attempt, Phase.ENDED, 0), ran=True)
    codes = [pod.exit_code for pod in sorted(pods, key=lambda pod: pod.name) if pod.exit_code]
    unstarted = next((pod.unstarted for pod in pods if pod.unstarted), "")
    reason = unstarted or next((job.reason for job in jobs if job.closed == "Failed"), "a Job of the gang was deleted")
    seen = Seen(attempt, Phase.ENDED, codes[0] if codes else None, reason)
    return Standing(seen, refused=bool(unstarted) and not ran, ran=ran)
