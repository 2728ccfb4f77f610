"""Proposals: full generations whatever is refused, the same for the same seed, and steered by costs and conditions."""

from __future__ import annotations

from equipoise.tasks.proposals import GENERATION, Generations
from equipoise.tune import Parameter

LADDER = tuple(str(number) for number in range(21))
TWO = (Parameter("a", ("a",), LADDER, 3), Parameter("b", ("b",), LADDER, 4))

Batch = list[tuple[int, tuple[int, ...]]]


def played(seed: int, *, conditioned: bool, generations: int = 12) -> list[Batch]:
    """Costs weigh nothing against each other (a, −a); a condition wants b to be 15 or more."""
    proposals = Generations(TWO, 2, seed=seed)
    found: list[Batch] = []
    for _ in range(generations):
        found.append(proposals.ask())
        for number, (a, b) in found[-1]:
            proposals.tell(number, (float(a), -float(a)), max(0.0, 15.0 - b) if conditioned else 0.0)
    return found


def test_the_first_proposal_is_the_present_charter() -> None:
    assert played(1, conditioned=False, generations=1)[0][0] == (0, (3, 4))


def test_the_same_seed_proposes_the_same_and_another_does_not() -> None:
    assert played(1, conditioned=True) == played(1, conditioned=True) != played(2, conditioned=True)


def test_conditions_steer_the_search() -> None:
    def kept(batches: list[Batch]) -> float:
        return sum(b >= 15 for batch in batches for _, (_, b) in batch) / sum(map(len, batches))

    # By chance 6 of 21; NSGA-II draws one parameter in two anew.
    for seed in range(3):
        with_it, without = (kept(played(seed, conditioned=so)[-4:]) for so in (True, False))
        assert with_it > 0.5 > 0.45 > without, seed


def test_what_is_refused_is_proposed_anew_until_a_generation_is_full() -> None:
    proposals = Generations(TWO, 2, seed=1)
    first = proposals.ask()
    assert len(first) == GENERATION
    for number, (a, b) in first:
        proposals.tell(number, None if number % 4 else (float(a), float(b)), 0.0)
    again = proposals.ask()
    assert len(again) == GENERATION - GENERATION // 4
    for number, (a, b) in again:
        proposals.tell(number, (float(a), float(b)), 0.0)
    assert len(proposals.ask()) == GENERATION
