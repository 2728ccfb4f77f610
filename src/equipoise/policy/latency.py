"""How long the simulated engine takes to start and to stop what the policy decides."""

from __future__ import annotations

from dataclasses import dataclass

from equipoise.errors import InputError
from equipoise.units import DAY_MS, duration_ms, duration_text

LONGEST_MS = 20 * DAY_MS
HINT = "a start-up as 5s..90s or 30s, and if stops take time too a drain after a colon: 5s..90s:2s..30s"


@dataclass(frozen=True, slots=True)
class Latency:
    """Ranges of start-up and drain, both ends included, and the seed of the draws in them.

    A draw depends on the seed, the job and how often the job was stopped before, and on nothing else: whatever is
    executed meets the same engine.

    Parameters
    ----------
    startup_ms, drain_ms : (int, int)
        The shortest and the longest, at most 20 days.
    seed : int
        0 or more, below 2^63.

    Raises
    ------
    InputError
        S107 for ranges that are none, or a seed that is none.

    Examples
    --------
    >>> Latency.parse("5s..90s:2s", seed=7)
    Latency(startup_ms=(5000, 90000), drain_ms=(2000, 2000), seed=7)
    """

    startup_ms: tuple[int, int] = (0, 0)
    drain_ms: tuple[int, int] = (0, 0)
    seed: int = 0

    def __post_init__(self) -> None:
        for name, (low, high) in (("start-up", self.startup_ms), ("drain", self.drain_ms)):
            if not 0 <= low <= high <= LONGEST_MS:
                raise InputError("S107", f"a {name} of {low} to {high} ms is not possible", hint=HINT)
        if not 0 <= self.seed < 1 << 63:
            raise InputError("S107", f"a seed of {self.seed} is not possible", hint="0 or more, below 2^63")

    @classmethod
    def parse(cls, text: str, *, seed: int = 0) -> Latency:
        """Read ``STARTUP[:DRAIN]``, each a duration or a range of two: ``5s..90s:2s``."""
        startup, colon, drain = text.partition(":")
        return cls(_range_ms(startup, text), _range_ms(drain, text) if colon else (0, 0), seed)

    def __str__(self) -> str:
        """Say the ranges in words: ``start-up 5s to 90s, drain 2s, seed 7``."""
        startup, drain = (
            duration_text(low) if low == high else f"{duration_text(low)} to {duration_text(high)}"
            for low, high in (self.startup_ms, self.drain_ms)
        )
        return f"start-up {startup}, drain {drain}, seed {self.seed}"


def _range_ms(part: str, text: str) -> tuple[int, int]:
    low, dots, high = part.partition("..")
    try:
        return _length_ms(low), _length_ms(high if dots else low)
    except InputError as error:
        raise InputError("S107", f"a latency of {text!r} is not understood", hint=HINT) from error


def _length_ms(text: str) -> int:
    return 0 if text.strip() == "0" else duration_ms(text.strip())
