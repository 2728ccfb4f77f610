"""Labels and annotations: what users write on their Jobs, and what the engine notes on Jobs and pods.

All that the engine has to remember stands on the objects themselves, so that it is as durable as they are.
"""

from __future__ import annotations

_PREFIX = "equipoise.dev/"

# Written by users, as labels where they choose objects, as annotations where they only tell.
TEAM = _PREFIX + "team"
POOL = _PREFIX + "pool"
GANG = _PREFIX + "gang"
GANG_SIZE = _PREFIX + "gang-size"
USER = _PREFIX + "user"
NAME = _PREFIX + "name"
WALLTIME = _PREFIX + "walltime"
SAVEPOINT = _PREFIX + "savepoint"
PRIORITY = _PREFIX + "priority"
PREEMPTIBLE = _PREFIX + "preemptible"
AFTER = _PREFIX + "after"

# Written by the engine on Jobs.
ATTEMPT = _PREFIX + "attempt"
"""Label: the attempt that the Job is at, ``12.0``."""
MADE = _PREFIX + "made-for"
"""Label: the Job was created for ``equipoise run``, in how many parts."""
ADMITTED = _PREFIX + "admitted"
"""The attempt for which the Job was let go."""
PLACEMENT = _PREFIX + "placement"
"""How many pods belong on which node: JSON, by the node's ``kubernetes.io/hostname``."""
STOP = _PREFIX + "stop"
"""Why the attempt was suspended: ``requeue``, ``cancel``, ``peer`` or ``refuse``."""
STOP_REASON = _PREFIX + "stop-reason"
PAST = _PREFIX + "past"
"""Attempts that were stopped and are not forgotten, but are not the one that the Job is at."""
CANCELLED = _PREFIX + "cancelled"
PROBLEM = _PREFIX + "problem"
"""For the user: why the Job cannot be admitted as it is written."""

# Written by the engine on pods; the attempt as a label.
STOP_BY = _PREFIX + "stop-by"
"""When the pod will be stopped, in milliseconds since 1970."""
GATE = _PREFIX + "placement"
"""A scheduling gate: the pod waits for its node to be named."""

HOSTNAME = "kubernetes.io/hostname"
JOB_UID = "batch.kubernetes.io/controller-uid"
