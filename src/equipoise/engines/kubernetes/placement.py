"""Which pods of a gang go on which of the nodes that the policy chose, and how many devices a gang of such pods takes.

Pods are packed largest first, each into the first node that still has room for it. Packing into whole nodes says how many
devices the gang takes: all of every node but the last, and of the last what is used. Packed again into exactly that, the
same pods find the same places, so a gang that was counted by `gang_size` never fails to fit.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from equipoise.engines.kubernetes.objects import Job


def gang_size(jobs: Iterable[Job], per_node: int) -> int:
    """Return how many devices the pods of some Jobs take on nodes of ``per_node``.

    Where pods of a size divide a node this is their sum; of a node where they leave a rest that no pod of the gang can use
    the rest counts too. A pod larger than a node counts as it is; it will be refused when it is to start.
    """
    pods = _by_size(jobs)
    if any(devices > per_node for devices, _ in pods):
        return sum(devices for devices, _ in pods)
    used: list[int] = []
    for devices, _ in pods:
        place = next((number for number, taken in enumerate(used) if taken + devices <= per_node), len(used))
        if place == len(used):
            used.append(0)
        used[place] += devices
    return per_node * (len(used) - 1) + used[-1] if used else 0


def spread(jobs: Iterable[Job], rooms: Sequence[tuple[str, int]]) -> dict[str, dict[str, int]] | None:
    """Return how many pods of each Job (by uid) go on which host; None where they do not fit.

    Parameters
    ----------
    jobs : iterable of Job
    rooms : sequence of (host, devices)
        Where the policy put the gang.
    """
    left = sorted(rooms, key=lambda room: -room[1])
    found: dict[str, dict[str, int]] = {}
    for devices, uid in _by_size(jobs):
        place = next((number for number, (_, room) in enumerate(left) if room >= devices), None)
        if place is None:
            return None
        host, room = left[place]
        left[place] = host, room - devices
        hosts = found.setdefault(uid, {})
        hosts[host] = hosts.get(host, 0) + 1
    return found


def _by_size(jobs: Iterable[Job]) -> list[tuple[int, str]]:
    each = [(job.devices, job.uid) for job in sorted(jobs, key=lambda job: job.name) for _ in range(job.pods)]
    return sorted(each, key=lambda pod: -pod[0])
