"""Exponential decay without a rescan: usage is stored inflated by 2^(t/h), so that idle teams never go stale.

With alloc constant a since time s, decayed usage times 2^(t/h) is a E(t) + u, where E(t) = 2^(t/h) and u absorbed -a E(s) when a
began (units of h / ln 2 GPU-time, which cancel in comparisons). 2^x comes from tables of correctly rounded constants and two
multiplications, never from libm, so that every platform has the same bits.
"""

from equipoise.policy.kernel.jit import inlined, kernel

STEP_BITS = 10
STEPS = 1 << STEP_BITS
REBASE = 512  # half-lives until usage is scaled back by an exact power of two
SHRINK = 2.0**-512


@inlined
def inflation_at(s, now):
    """2^((now - base) / half-life) from the tables, resolved to 2^-30 half-lives."""
    g = s.glob[0]
    if now >= g.half_begins_ms + g.half_life_ms:
        g.half_lives = now // g.half_life_ms
        g.half_begins_ms = g.half_lives * g.half_life_ms
        while g.half_lives - g.decay_base >= REBASE:
            rebase(s)
    x = int((now - g.half_begins_ms) * g.per_half_life)  # one correctly rounded product: the same bits everywhere
    fraction = s.powers[x >> 20] * s.powers[STEPS + ((x >> 10) & (STEPS - 1))] * s.powers[2 * STEPS + (x & (STEPS - 1))]
    return s.powers[3 * STEPS + g.half_lives - g.decay_base] * fraction


@kernel
def rebase(s):
    """Scale all usage down by 2^-512, exactly."""
    g = s.glob[0]
    g.decay_base += REBASE
    for v in range(g.n_rows):
        s.rows[v].usage *= SHRINK
    for u in range(g.n_users):
        s.users[u].usage *= SHRINK


@inlined
def advance(s, now):
    """Move the clock of decay to ``now``."""
    g = s.glob[0]
    if now != g.now:
        g.now = now
        g.inflation = inflation_at(s, now)
