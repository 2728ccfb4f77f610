"""Why Equipoise answers some cases of its peers differently: each difference is one of these choices."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

CHOICES = {
    "floors-only": "Under `reclaim: floors`, the default, running work is stopped only to give a floor back. What lies "
    "above floors changes hands as work ends. A lab that wants it sooner chooses `reclaim: shares` and pays in lost work.",
    "floors-shrink": "When floors together exceed the devices that are up, all shrink in proportion. A peer that honours "
    "each in full promises devices that are not there, and whoever asks first gets them.",
    "no-priority-between-teams": "Priority orders the work inside one team. Between teams only floors, limits and weights "
    "count: they are what the charter says and boards sign, and a priority would go round them.",
    "weight-zero-last": "A team of weight 0 comes after all others, but it comes: no device stays idle that somebody asks "
    "for and no limit forbids.",
    "accelerators-only": "Accelerators are what is divided. CPU cores and memory are left to the engine, so work that needs "
    "no accelerator is neither a victim nor a claimant.",
    "pools-apart": "Each pool is divided by itself, and a team has one share in each. There is no largest share over "
    "unlike resources, which would let holding much of one forfeit a claim on another.",
    "to-the-entitlement": "What is taken back beyond floors (by shares, or for a gang larger than its team's floor) goes to the "
    "entitlement, a division of the whole pool in whole devices. Kueue compares two queues at a time and stops where one more "
    "eviction would turn their order round.",
    "straddling-gang": "What fits a team's floor is secure, oldest first; the gang that reaches beyond the floor is what was "
    "borrowed and goes back whole, even where smaller, secure jobs would have sufficed. The price is the work lost, "
    "and devices that may stand idle until that gang fits again.",
    "refused-at-once": "Work that can never start (here: not preemptible, and larger than its team's floor) is refused when "
    "it is submitted, with the number, rather than left to wait for ever.",
    "no-migration": "Nothing moves between nodes without a stop. Moving is a stop and a start, and is counted as one. "
    "In this case nobody holds more than its entitlement, so under `shares` nobody is stopped, and the gang waits for a node.",
    "stop-is-decided": "A device is free once the stop is decided. Until the engine has carried it out the time is drain and "
    "start-up, and is counted as that; the next job is decided meanwhile.",
    "known-fault": "The peer's table says that this expectation records a fault of its own. Its rule as written permits "
    "what Equipoise does.",
    "empty-pool": "Of an empty pool nobody is entitled to anything; Equipoise counts devices, not fractions.",
    "order-not-factor": "Usage gives an order, level by level, and no factor: 2^x would need a library whose last bit differs "
    "between machines, and adding it to other factors lets age outweigh fairness. The order is the same here.",
}
"""A plain sentence or two for every choice, by its name."""

FLOORS, SHARES = "floors", "shares"


@dataclass(frozen=True, slots=True)
class Answer:
    """What Equipoise does, in words, and by which choice it differs from what is expected (None: it agrees)."""

    ours: str
    choice: str | None


@dataclass(frozen=True, slots=True)
class Verdict:
    """One case held against Equipoise.

    Parameters
    ----------
    source : str
        Who published it, and what it is about.
    by : str
        What answers for Equipoise: the exact entitlement, the kernel, ...
    theirs : str
        What is expected, in words.
    rule_gives_it : bool
        Whether the peer's rule, as its text says it and written anew in tests/reference, gives what is expected.
    answers : dict
        An answer for each of ``floors`` and ``shares``.
    """

    id: str
    source: str
    name: str
    by: str
    theirs: str
    rule_gives_it: bool
    answers: dict[str, Answer]

    @property
    def outcomes(self) -> tuple[str, str]:
        """``agree`` or a choice, under ``floors`` and under ``shares``."""
        floors, shares = (self.answers[mode].choice or "agree" for mode in (FLOORS, SHARES))
        return floors, shares


class UnexplainedError(Exception):
    """A case differs and no choice explains it: a fault of one of the two."""


def explain(case: str, reasons: Iterable[tuple[str, Callable[[], bool]]]) -> str:
    """Return the first choice whose test holds.

    Raises
    ------
    UnexplainedError
        If none does.
    """
    for choice, holds in reasons:
        assert choice in CHOICES, choice
        if holds():
            return choice
    raise UnexplainedError(f"{case} differs, and no choice explains it")
