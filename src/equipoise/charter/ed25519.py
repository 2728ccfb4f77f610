"""Which Ed25519 public keys may stand in a charter (RFC 8032, section 5.1.3), with the standard library alone.

A key is a point of the curve, written as 32 bytes. Refused are encodings that are not canonical (two spellings of one
key would count as two people), bytes that are no point, and points of small order, under which anyone can make a
signature that some verifiers accept.
"""

from __future__ import annotations

_P = 2**255 - 19
_D = -121665 * pow(121666, -1, _P) % _P
_ORDER = 2**252 + 27742317777372353535851937790883648493


def weakness(key: bytes) -> str | None:
    """Return what is wrong with a public key, or None.

    Parameters
    ----------
    key : bytes
        As encoded; any length.

    Examples
    --------
    >>> weakness(bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"))
    >>> weakness(bytes(32))
    'is a point of small order'
    """
    if len(key) != 32:
        return f"has {len(key)} bytes, not 32"
    y = int.from_bytes(key, "little") & ((1 << 255) - 1)
    odd = key[31] >> 7
    if y >= _P:
        return "is not canonical"
    x = _root(y)
    if x is None:
        return "is not a point of the curve"
    if x == 0 and odd:
        return "is not canonical"
    return "is a point of small order" if _has_small_order(x, y) else None


def has_prime_order(key: bytes) -> bool:
    """Whether a key that is not weak lies in the subgroup of prime order, as every honestly made one does.

    Of a key that does not, a signature can be made that software following one reading of RFC 8032 accepts and software
    following the other refuses, so that two verifiers of one record disagree. Takes about 2 ms.

    Examples
    --------
    >>> has_prime_order(bytes.fromhex("d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a"))
    True
    """
    y = int.from_bytes(key, "little") & ((1 << 255) - 1)
    x = _root(y)
    if x is None:
        return False
    if x & 1 != key[31] >> 7:
        x = _P - x
    point = product = (x, y, 1, x * y % _P)
    for bit in bin(_ORDER)[3:]:
        product = _added(product, product)
        if bit == "1":
            product = _added(product, point)
    return product[0] == 0 and product[1] == product[2]


_Point = tuple[int, int, int, int]


def _added(one: _Point, other: _Point) -> _Point:
    """Return the sum of two points in extended coordinates (RFC 8032, section 5.1.4; complete, so also for doubling)."""
    a = (one[1] - one[0]) * (other[1] - other[0]) % _P
    b = (one[1] + one[0]) * (other[1] + other[0]) % _P
    c = 2 * _D * one[3] * other[3] % _P
    d = 2 * one[2] * other[2] % _P
    e, f, g, h = b - a, d - c, d + c, b + a
    return e * f % _P, g * h % _P, f * g % _P, e * h % _P


def _root(y: int) -> int | None:
    """Return an x with −x² + y² = 1 + d·x²·y², or None."""
    numerator, denominator = (y * y - 1) % _P, (_D * y * y + 1) % _P
    # p ≡ 5 (mod 8): RFC 8032 finds the root of u/v as u·v³·(u·v⁷)^((p−5)/8), up to a factor √−1.
    cube = denominator**3 % _P
    x = numerator * cube * pow(numerator * cube * cube * denominator % _P, (_P - 5) // 8, _P) % _P
    square = denominator * x * x % _P
    if square == numerator:
        return x
    if square == -numerator % _P:
        return x * pow(2, (_P - 1) // 4, _P) % _P
    return None


def _has_small_order(x: int, y: int) -> bool:
    """Whether 8·(x, y) is the neutral element (0, 1)."""
    for _ in range(3):
        product = _D * x * x * y * y % _P
        x, y = (
            2 * x * y * pow(1 + product, -1, _P) % _P,
            (y * y + x * x) * pow(1 - product, -1, _P) % _P,
        )
    return (x, y) == (0, 1)
