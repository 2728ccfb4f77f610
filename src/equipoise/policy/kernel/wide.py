"""Comparing products that do not fit into 64 bits."""

from equipoise.policy.kernel.jit import inlined

HALF = 31
LOW = (1 << HALF) - 1


@inlined
def exceeds(x, a, y, b):
    """Whether x * a > y * b; x and y from 0 up to 2^62, a and b up to 2^31."""
    x_low, y_low = (x & LOW) * a, (y & LOW) * b
    x_high = (x >> HALF) * a + (x_low >> HALF)
    y_high = (y >> HALF) * b + (y_low >> HALF)
    if x_high != y_high:
        return x_high > y_high
    return (x_low & LOW) > (y_low & LOW)
