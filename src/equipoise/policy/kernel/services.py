"""Services: replicas that follow a demand series, up to a cap. Unserved demand is shed, or carried for at most an hour.

What a cap holds back is not asked for: it is neither shed nor carried, and nobody is denied it (what a release gate holds is no demand).
"""

from equipoise.policy.kernel.jit import entry, inlined, kernel
from equipoise.policy.kernel.layout import FUTURE, NEVER
from equipoise.policy.kernel.running import service_accrue
from equipoise.policy.kernel.submission import cancel, submit

CARRY_MS = 3_600_000
CARRIED = 64  # demand changes within the hour that are remembered


@kernel
def carry_over(s, k, next_ms):
    """Replicas beyond the asked ones that would make up for what went unserved in the last hour, by the next change."""
    v = s.services[k]
    now = s.glob[0].now
    base = 2 * CARRIED * k
    made_up = v.over_ms
    n = 0
    for i in range(v.ring_n):  # oldest first: what was made up goes, what is older than an hour is shed
        at, amount = s.carried[base + 2 * i], s.carried[base + 2 * i + 1]
        used = min(made_up, amount)
        made_up -= used
        v.carried += used
        amount -= used
        if at + CARRY_MS <= now:
            v.shed += amount
        elif amount > 0:
            s.carried[base + 2 * n] = at
            s.carried[base + 2 * n + 1] = amount
            n += 1
    if v.short_ms > 0:
        if n == CARRIED:
            v.shed += v.short_ms
        else:
            s.carried[base + 2 * n] = now
            s.carried[base + 2 * n + 1] = v.short_ms
            n += 1
    v.ring_n = n
    total = 0
    for i in range(n):
        total += s.carried[base + 2 * i + 1]
    length = max(next_ms - now, 1)
    return (total + length - 1) // length


@inlined
def change_demand(s, d):
    """Carry out entry d of what is known of demands."""
    e = s.demands[d]
    ask_replicas(s, e.service, e.replicas, e.next_ms)


@entry
def set_cap(s, k, gpus):
    """From now on service k may have as many whole replicas as fit ``gpus`` accelerators (NEVER: any number)."""
    v = s.services[k]
    v.cap = gpus // v.gang if gpus < NEVER else NEVER
    ask_replicas(s, k, v.sought, v.until_ms)


@kernel
def ask_replicas(s, k, replicas, next_ms):
    """From now on service k is asked for ``replicas``, as far as is known until ``next_ms``."""
    v = s.services[k]
    service_accrue(s, k)
    extra = 0
    if v.carry:
        extra = carry_over(s, k, next_ms)
    else:
        v.shed += v.short_ms
    v.short_ms = 0
    v.over_ms = 0
    v.sought, v.until_ms = replicas, next_ms
    v.asked = min(replicas, v.cap)
    wanted = min(v.asked + (extra if v.asked > 0 else 0), v.most, v.cap)
    for i in range(v.wanted, wanted):
        submit(s, v.first_job + i)
    for i in range(v.wanted - 1, wanted - 1, -1):
        cancel(s, v.first_job + i, FUTURE)
    v.wanted = wanted
