"""Chance that depends on seed, run, month, lab, team and purpose, and on no order: Philox 4x32-10, and what is read from it.

Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as 1, 2, 3", SC 2011, doi:10.1145/2063384.2063405. Words are 32 bits in
int64; a product of two wraps when compiled and does not in plain Python, and the bits that are taken from it are the same.
"""

import math

from equipoise.policy.kernel.jit import inlined, kernel

WORD = (1 << 32) - 1
M0, M1 = 0xD2511F53, 0xCD9E8D57
W0, W1 = 0x9E3779B9, 0xBB67AE85

# Purposes: one block of 128 bits for each.
STAY, DESTINATION, GROWTH, PARADIGM, PARAMETER, BLOCKS = 0, 1, 2, 3, 4, 64
NOBODY = 0xFFFF  # in the place of a key: no lab, no team, the outside

BLOCK = 800  # people whose departures are drawn by one number: 800 · ln 2 < 700, so that the first term does not vanish


@inlined
def philox(a, b, c, d, key0, key1):
    """Return four words for a counter of four words and a key of two."""
    for _ in range(10):
        high0, low0 = ((M0 * a) >> 32) & WORD, (M0 * a) & WORD
        high1, low1 = ((M1 * c) >> 32) & WORD, (M1 * c) & WORD
        a, b, c, d = high1 ^ b ^ key0, low1, high0 ^ d ^ key1, low0
        key0, key1 = (key0 + W0) & WORD, (key1 + W1) & WORD
    return a, b, c, d


@inlined
def unit(high, low):
    """Turn two words into a number inside (0, 1): the middle of one of 2^52 cells."""
    return (((high << 20) | (low >> 12)) + 0.5) * 2.220446049250313e-16


@kernel
def pair(w, run, month, lab, team, purpose, other):
    """Return two numbers inside (0, 1); ``other`` is a second key, of where people go."""
    g = w.world[0]
    a, b, c, d = philox((month << 8) | purpose, (lab << 16) | team, run, other, g.seed_low, g.seed_high)
    return unit(a, b), unit(c, d)


@inlined
def power(x, n):
    """Return x to the whole number n by squaring: as exact as needed, and three times as fast as by a logarithm."""
    done = 1.0
    while n > 0:
        if n & 1:
            done *= x
        x *= x
        n >>= 1
    return done


@kernel
def binomial(n, p, u):
    """Return the quantile ``u`` of Binomial(n, p), n ≤ BLOCK, by inversion: it never falls while p, n or u rises."""
    if n <= 0 or p <= 0.0:
        return 0
    if p >= 1.0:
        return n
    mirrored = p > 0.5
    if mirrored:
        p, u = 1.0 - p, 1.0 - u
    term = power(1.0 - p, n)
    total, odds, k = term, p / (1.0 - p), 0
    while u > total and k < n:
        term *= odds * (n - k) / (k + 1)
        k += 1
        total += term
    return n - k if mirrored else k


@kernel
def many(w, run, month, lab, team, other, n, p, u):
    """Return the same for any number of people: each block of them has a number of its own, the first ``u``."""
    drawn, block = binomial(min(n, BLOCK), p, u), 0
    n -= BLOCK
    while n > 0:
        next_u, _ = pair(w, run, month, lab, team, BLOCKS + block, other)
        drawn += binomial(min(n, BLOCK), p, next_u)
        n -= BLOCK
        block += 1
    return drawn


@inlined
def ratio(x, top, below):
    """Return a quotient of two polynomials of degree 7; coefficients from the highest."""
    over = ((((((top[0] * x + top[1]) * x + top[2]) * x + top[3]) * x + top[4]) * x + top[5]) * x + top[6]) * x + top[7]
    under = (
        (((((below[0] * x + below[1]) * x + below[2]) * x + below[3]) * x + below[4]) * x + below[5]) * x + below[6]
    ) * x + 1.0
    return over / under


@kernel
def normal(u):
    """Return the quantile ``u`` of the standard normal distribution, to 1e-15: Wichura, algorithm AS 241 (PPND16), 1988."""
    q = u - 0.5
    if abs(q) <= 0.425:
        return q * ratio(0.180625 - q * q, CENTRE, CENTRE_BELOW)
    r = math.sqrt(-math.log(u if q < 0.0 else 1.0 - u))
    value = ratio(r - 1.6, SIDE, SIDE_BELOW) if r <= 5.0 else ratio(r - 5.0, TAIL, TAIL_BELOW)
    return -value if q < 0.0 else value


@kernel
def fat(u):
    """Return the quantile ``u`` of Student's distribution of 4 degrees of freedom (Shaw, 2006, closed form), scaled to variance 1."""
    root = math.sqrt(4.0 * u * (1.0 - u))
    over = math.cos(math.acos(min(root, 1.0)) / 3.0) / root
    value = math.sqrt(2.0 * max(over - 1.0, 0.0))
    return value if u > 0.5 else -value


CENTRE = (
    2509.0809287301226727, 33430.575583588128105, 67265.770927008700853, 45921.953931549871457, 13731.693765509461125,
    1971.5909503065514427, 133.14166789178437745, 3.387132872796366608,
)  # fmt: skip
CENTRE_BELOW = (
    5226.495278852545925, 28729.085735721942674, 39307.89580009271061, 21213.794301586595867, 5394.1960214247511077,
    687.1870074920579083, 42.313330701600911252,
)  # fmt: skip
SIDE = (
    7.7454501427834140764e-4, 0.0227238449892691845833, 0.24178072517745061177, 1.27045825245236838258, 3.64784832476320460504,
    5.7694972214606914055, 4.6303378461565452959, 1.42343711074968357734,
)  # fmt: skip
SIDE_BELOW = (
    1.05075007164441684324e-9, 5.475938084995344946e-4, 0.0151986665636164571966, 0.14810397642748007459, 0.68976733498510000455,
    1.6763848301838038494, 2.05319162663775882187,
)  # fmt: skip
TAIL = (
    2.01033439929228813265e-7, 2.71155556874348757815e-5, 0.0012426609473880784386, 0.026532189526576123093, 0.29656057182850489123,
    1.7848265399172913358, 5.4637849111641143699, 6.6579046435011037772,
)  # fmt: skip
TAIL_BELOW = (
    2.04426310338993978564e-15, 1.4215117583164458887e-7, 1.8463183175100546818e-5, 7.868691311456132591e-4, 0.0148753612908506148525,
    0.13692988092273580531, 0.59983220655588793769,
)  # fmt: skip
