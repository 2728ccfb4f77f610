"""Heaps of times: 4-ary, of one integer an entry (time << 24 | index)."""

from equipoise.policy.kernel.jit import inlined, kernel


@inlined
def heap_push(h, n, x):
    """Insert x into the 4-ary heap h of n entries."""
    i = n
    while i > 0:
        up = (i - 1) >> 2
        if h[up] <= x:
            break
        h[i] = h[up]
        i = up
    h[i] = x


@kernel
def heap_pop(h, n):
    """Remove the least of the n entries of the 4-ary heap h (the caller read h[0])."""
    m = n - 1
    x = h[m]
    i, c = 0, 1
    while c < m:
        b = c
        end = min(c + 4, m)
        for k in range(c + 1, end):
            if h[k] < h[b]:
                b = k
        if h[b] >= x:
            break
        h[i] = h[b]
        i = b
        c = 4 * i + 1
    h[i] = x
