"""How long a simulated engine takes to start and to stop a job: chance that depends on seed, job and attempt, and on no order.

Integers below 2^63 throughout, so that compiled code and plain Python draw the same.
"""

from equipoise.policy.kernel.jit import apart, inlined

WORD = (1 << 32) - 1
FACTOR = 0x45D9F3B  # a product with it stays below 2^59
STARTUP, DRAIN = 0, 1


@inlined
def mixed(x):
    """Return 32 bits that depend on each bit of x (an invertible mixing of two multiplications and three shifts)."""
    x = (((x >> 16) ^ x) * FACTOR) & WORD
    x = (((x >> 16) ^ x) * FACTOR) & WORD
    return (x >> 16) ^ x


@apart
def drawn(seed, job, attempt, kind):
    """Return 32 bits for the start-up or drain of one attempt of one job."""
    x = mixed((seed & WORD) ^ 0x6A09E667)
    x = mixed(x ^ ((seed >> 32) & WORD))
    x = mixed(x ^ job)
    return mixed(x ^ (2 * attempt + kind))


@inlined
def startup_ms(s, job, attempt):
    """How long the start-up of an attempt takes, once its devices are clear."""
    g = s.glob[0]
    return g.startup_ms + ((drawn(g.seed, job, attempt, STARTUP) * (g.startup_span_ms + 1)) >> 32)


@inlined
def drain_ms(s, job, attempt):
    """How long the devices of an attempt that is stopped drain."""
    g = s.glob[0]
    return g.drain_ms + ((drawn(g.seed, job, attempt, DRAIN) * (g.drain_span_ms + 1)) >> 32)
