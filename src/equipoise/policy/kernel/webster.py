"""Webster's method: ``units`` among the children of a node by weight (or floor), each at most its cap (FAIRNESS 2).

`fill` is the main path: find the water level, round, and even out unit by unit. It sets ``extra`` of every child.
"""

from equipoise.policy.kernel.jit import inlined, kernel

BY_FLOOR, BY_WEIGHT, EVENLY = 0, 1, 2  # EVENLY: children of weight 0, once all others have their caps


@inlined
def cap_of(x, rule):
    return x.low if rule == BY_FLOOR else x.ask - x.low


@inlined
def claim_of(x, rule):
    """Weight of a child under a rule; 0 for a child that takes no part."""
    if rule == BY_FLOOR:
        return x.floor
    if rule == BY_WEIGHT:
        return x.weight
    return 1 if x.weight == 0 else 0


@inlined
def gains_first(x, c, y, d, rule):
    """Whether the next unit goes to child c before child d: least (2e+1)/(2w), ties to the smaller id."""
    a, b = (2 * x.extra + 1) * claim_of(y, rule), (2 * y.extra + 1) * claim_of(x, rule)
    return a < b or (a == b and c < d)


@inlined
def loses_first(x, c, y, d, rule):
    """Whether the last unit leaves child c before child d: greatest (2e-1)/(2w), ties to the larger id."""
    a, b = (2 * x.extra - 1) * claim_of(y, rule), (2 * y.extra - 1) * claim_of(x, rule)
    return a > b or (a == b and c > d)


@kernel
def fill(shares, v, units, rule):
    """Divide ``units`` (less than the caps' sum) by Webster's method among the children of v that take part; sets ``extra``."""
    t = shares[v]
    if not level_stands(shares, v, units, rule):
        find_level(shares, v, units, rule)
    rest, weights = t.rest, t.weights
    over = -units
    for c in range(t.first, t.first + t.n):
        x = shares[c]
        w = claim_of(x, rule)
        if w > 0:
            x.extra = cap_of(x, rule)
            if x.full == 0:
                x.extra = min(x.extra, (2 * w * rest + weights) // (2 * weights))
            over += x.extra
    even_out(shares, v, over, rule)


@inlined
def level_stands(shares, v, units, rule):
    """Whether the children that had their caps (``full``), and no others, have them with ``units``; if so sets the water level."""
    t = shares[v]
    rest, weights = units, 0
    for c in range(t.first, t.first + t.n):
        x = shares[c]
        w = claim_of(x, rule)
        if w > 0:
            if x.full:
                rest -= cap_of(x, rule)
            else:
                weights += w
    if weights == 0 or rest < 0:
        return False
    for c in range(t.first, t.first + t.n):
        x = shares[c]
        w = claim_of(x, rule)
        if w > 0 and (cap_of(x, rule) * weights <= w * rest) != (x.full > 0):
            return False
    t.rest, t.weights = rest, weights
    return True


@inlined
def find_level(shares, v, units, rule):
    """Find the water level (``rest`` units over ``weights``) by letting whoever has its cap leave; it only rises."""
    t = shares[v]
    rest, weights = units, 0
    for c in range(t.first, t.first + t.n):
        x = shares[c]
        w = claim_of(x, rule)
        if w > 0:
            x.full = 0 if cap_of(x, rule) > 0 else 1
            weights += w if x.full == 0 else 0
    again = True
    while again:
        again = False
        for c in range(t.first, t.first + t.n):
            x = shares[c]
            w = claim_of(x, rule)
            if w > 0 and x.full == 0:
                cap = cap_of(x, rule)
                if cap * weights <= w * rest:
                    x.full = 1
                    rest -= cap
                    weights -= w
                    again = True
    t.rest, t.weights = rest, weights


@kernel
def even_out(shares, v, over, rule):
    """Take the ``over`` (negative: missing) units of the division of v from whoever loses (gains) first, one by one."""
    while over < 0:
        shares[first_to_gain(shares, v, rule)].extra += 1
        over += 1
    while over > 0:
        shares[first_to_lose(shares, v, rule)].extra -= 1
        over -= 1


@inlined
def first_to_gain(shares, v, rule):
    """Child of v below its cap that gets the next unit."""
    t = shares[v]
    best = -1
    for c in range(t.first, t.first + t.n):
        x = shares[c]
        if claim_of(x, rule) > 0 and x.extra < cap_of(x, rule):
            if best < 0 or gains_first(x, c, shares[best], best, rule):
                best = c
    return best


@inlined
def first_to_lose(shares, v, rule):
    """Child of v from which the last unit is taken."""
    t = shares[v]
    best = -1
    for c in range(t.first, t.first + t.n):
        x = shares[c]
        if claim_of(x, rule) > 0 and x.extra > 0:
            if best < 0 or loses_first(x, c, shares[best], best, rule):
                best = c
    return best


@kernel
def fill_by_weight(shares, v, units):
    """Divide by weight; children of weight 0 share evenly what is left when all others have their caps."""
    t = shares[v]
    weighted = 0
    for c in range(t.first, t.first + t.n):
        x = shares[c]
        x.extra = 0
        if x.weight > 0:
            weighted += x.ask - x.low
    if units < weighted:
        fill(shares, v, units, BY_WEIGHT)
        return
    for c in range(t.first, t.first + t.n):
        x = shares[c]
        if x.weight > 0:
            x.extra = x.ask - x.low
    if units > weighted:
        fill(shares, v, units - weighted, EVENLY)
    t.rest, t.weights = 0, 0
