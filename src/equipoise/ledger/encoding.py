"""Numbers and bytes as text, one spelling each: whatever is read here is written back the same."""

from __future__ import annotations

import base64
import binascii

_MAX_DIGITS = 19  # of MAX_SIZE, 2⁶³ − 1


def decimal(text: str) -> int | None:
    """Return a number from 0 to 2⁶³ − 1 written in ASCII digits without leading zeroes, or None."""
    if not (text.isascii() and text.isdigit() and len(text) <= _MAX_DIGITS) or (text[0] == "0" and text != "0"):
        return None
    value = int(text)
    return value if value < 1 << 63 else None


def base64_text(data: bytes) -> str:
    """Return bytes in the standard alphabet of RFC 4648, section 4, padded."""
    return base64.b64encode(data).decode("ascii")


def base64_bytes(text: str, *, length: int | None = None) -> bytes | None:
    """Return the bytes that :func:`base64_text` writes so, or None; with a length, only that many.

    Bits that padding leaves over must be zero, so that no two texts are one signature.
    """
    try:
        data = binascii.a2b_base64(text.encode("ascii"), strict_mode=True)
    except ValueError:  # of which binascii.Error and UnicodeError are kinds
        return None
    return data if base64_text(data) == text and length in (None, len(data)) else None
