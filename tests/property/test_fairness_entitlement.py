"""Floors and entitlement (FAIRNESS 1 and 2): every property over thousands of trees up to four deep, and the kernel's form.

The exact function is compared with one that hands out single devices; the kernel's, which follows single changes of demand,
with the same one after every change.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from functools import cache
from itertools import combinations_with_replacement
from random import Random
from typing import Any, NamedTuple

import numpy as np

from equipoise.charter import Tree, entitlements
from equipoise.charter.apportion import jefferson
from equipoise.charter.entitlement import asks
from equipoise.policy.kernel.entitlement import demand_changes, settle_all
from equipoise.policy.kernel.jit import entry
from equipoise.policy.kernel.pointer import Handle
from equipoise.policy.state import build
from tests.property.small_systems import Lab, Small, charter_of, plan_of, workload_of
from tests.reference import entitlement as twin

TREES = 2_500
DEPTH = 4
PRIMES = (101, 103, 107, 109, 113, 127, 131, 137, 139, 149, 151, 157, 163, 167, 173, 179, 181, 191, 193, 197, 199, 211)
"""Larger than twice any capacity here: keys (2x + 1) / 2w of different weights never meet, so there are no ties."""


class Drawn(NamedTuple):
    """A tree in preorder with its capacity and the demand of its leaves."""

    tree: Tree
    capacity: int
    demand: list[int]

    def entitled(self, **changed: Any) -> list[int]:
        """Return the entitlements, with another tree, capacity or demand where given."""
        return entitlements(*self._replace(**changed))

    @property
    def leaves(self) -> list[int]:
        """Return the leaves."""
        return [row for row in range(len(self.demand)) if row not in self.tree.parent]

    def children(self, row: int) -> list[int]:
        """Return the rows below a row (-1: the top)."""
        return [child for child, above in enumerate(self.tree.parent) if above == row]


def draw(chance: Random, *, weights: Sequence[int] = (0, 1, 1, 2, 3, 5, 7)) -> Drawn:
    """Draw a tree: floors fit into the parent's, limits are at least the floors, reserves at most."""
    capacity = chance.randint(0, 30)
    columns: list[list[int]] = [[], [], [], [], []]

    def level(above: int, depth: int, floor: int, limit: int) -> int:
        kept, left = 0, floor
        for _ in range(chance.randint(1, 3)):
            own = chance.randint(0, left)
            left -= own
            most = chance.choice((max(own, limit), chance.randint(own, max(own, limit))))
            row = len(columns[0])
            weight = weights[row % len(weights)] if len(weights) > 9 else chance.choice(weights)
            for column, value in zip(columns, (above, own, most, weight, 0), strict=True):
                column.append(value)
            below = level(row, depth + 1, own, most) if depth < DEPTH and chance.random() < 0.45 else 0
            columns[4][row] = max(below, chance.choice((0, 0, chance.randint(0, own))))
            kept += columns[4][row]
        return kept

    level(-1, 1, chance.choice((capacity, capacity // 2)), capacity)
    demand = [chance.choice((0, chance.randint(0, 35))) for _ in columns[0]]
    return Drawn(Tree(*columns), capacity, demand)


@cache
def trees() -> list[Drawn]:
    """Return the trees that every property is tried on."""
    return [draw(Random(seed)) for seed in range(TREES)]


def with_a_leaf() -> Iterator[tuple[Drawn, int, Random]]:
    """Yield every tree with one of its leaves."""
    for seed, drawn in enumerate(trees()):
        chance = Random(seed)
        yield drawn, chance.choice(drawn.leaves), chance


# --------------------------------------------------------------------------------------------------------------- floors


def test_jefferson_is_enough_never_too_much_and_never_less_with_more() -> None:
    # All multisets of up to three promised parts in twelfths, with one virtual sibling for what is not promised.
    for parts in combinations_with_replacement(range(1, 13), 3):
        for promised in (parts[:1], parts[:2], parts):
            if sum(promised) > 12:
                continue
            before = [0] * len(promised)
            for units in range(61):
                shares = jefferson(units, [*promised, 12 - sum(promised)])[: len(promised)]
                assert sum(shares) <= units
                assert all(share >= units * part // 12 for share, part in zip(shares, promised, strict=True))
                assert all(now >= then for now, then in zip(shares, before, strict=True)), (promised, units)
                before = shares


def test_rounding_down_and_sharing_the_rest_would_take_from_somebody_as_capacity_grows() -> None:
    # What the text gives as the reason for Jefferson's method: here by largest remainders.
    def rounded(units: int, parts: list[int]) -> list[int]:
        exact = [Fraction(units * part, sum(parts)) for part in parts]
        shares = [int(share) for share in exact]
        for i in sorted(range(len(parts)), key=lambda i: shares[i] - exact[i])[: units - sum(shares)]:
            shares[i] += 1
        return shares

    assert (rounded(10, [6, 6, 2])[2], rounded(11, [6, 6, 2])[2]) == (2, 1)


# ---------------------------------------------------------------------------------------------------------- entitlement


def test_the_trees_are_up_to_four_deep_and_all_kinds_occur() -> None:
    def depth(drawn: Drawn, row: int) -> int:
        return 1 if drawn.tree.parent[row] < 0 else 1 + depth(drawn, drawn.tree.parent[row])

    depths = [max(depth(drawn, leaf) for leaf in drawn.leaves) for drawn in trees()]
    assert {1, 2, 3, 4} == set(depths)
    assert sum(any(drawn.tree.reserve) for drawn in trees()) > TREES // 4
    short = sum(
        sum(asks(drawn.tree, drawn.demand)[row] for row in drawn.children(-1)) > drawn.capacity for drawn in trees()
    )
    assert TREES // 4 < short < TREES


def test_entitlements_equal_one_device_at_a_time_on_many_trees() -> None:
    for seed, drawn in enumerate(trees()):
        assert drawn.entitled() == twin.entitlements(*drawn), f"seed {seed}"


def test_floors_ceilings_and_work_conservation() -> None:
    for seed, drawn in enumerate(trees()):
        ask, given = asks(drawn.tree, drawn.demand), drawn.entitled()
        for row, has in enumerate(given):
            assert min(drawn.tree.floor[row], ask[row]) <= has <= min(drawn.tree.limit[row], ask[row]), f"seed {seed}"
        for row in (-1, *range(len(given))):
            below = drawn.children(row)
            if below:  # reserves count as asked for, and so against the ceilings above them
                units = drawn.capacity if row < 0 else given[row]
                assert sum(given[c] for c in below) == min(units, sum(ask[c] for c in below)), f"seed {seed}"


def test_nobody_has_less_for_more_weight_demand_or_capacity() -> None:
    for drawn, leaf, chance in with_a_leaf():
        before = drawn.entitled()
        row, weight = chance.randrange(len(before)), list(drawn.tree.weight)
        weight[row] += chance.randint(1, 5)
        assert drawn.entitled(tree=drawn.tree._replace(weight=weight))[row] >= before[row]
        assert drawn.entitled(demand=more(drawn, leaf, chance))[leaf] >= before[leaf]
        assert all(b >= a for a, b in zip(before, drawn.entitled(capacity=drawn.capacity + 1), strict=True))


def test_another_leaf_never_gains_and_overstating_never_pays() -> None:
    for drawn, leaf, chance in with_a_leaf():
        before, after = drawn.entitled(), drawn.entitled(demand=more(drawn, leaf, chance))
        assert all(after[other] <= before[other] for other in drawn.leaves if other != leaf)
        assert min(after[leaf], drawn.demand[leaf]) <= before[leaf]


def more(drawn: Drawn, leaf: int, chance: Random) -> list[int]:
    """Return the demand with more of it at one leaf."""
    return [asked + (chance.randint(1, 8) if row == leaf else 0) for row, asked in enumerate(drawn.demand)]


def test_siblings_in_one_phase_are_within_websters_bound() -> None:
    pairs = {"floors": 0, "weights": 0}
    halved = [drawn._replace(capacity=drawn.capacity // 2) for drawn in trees()]  # so that floors do not fit
    for drawn in (*trees(), *halved):
        ask, given, tree = asks(drawn.tree, drawn.demand), drawn.entitled(), drawn.tree
        for row in (-1, *range(len(given))):
            below = drawn.children(row)
            units = drawn.capacity if row < 0 else given[row]
            low = {c: min(tree.floor[c], ask[c]) for c in below}
            short = sum(low.values()) > units
            x = {c: given[c] if short else given[c] - low[c] for c in below}
            cap = {c: low[c] if short else ask[c] - low[c] for c in below}
            w = tree.floor if short else tree.weight
            for i in below:
                for j in below:
                    if x[i] < cap[i] and x[j] > 0 and w[i] and w[j]:
                        pairs["floors" if short else "weights"] += i != j
                        assert (2 * x[j] - 1) * w[i] <= (2 * x[i] + 1) * w[j]
    assert pairs["floors"] > 100
    assert pairs["weights"] > 500


def test_the_order_of_siblings_decides_nothing_where_no_keys_are_equal() -> None:
    for seed in range(TREES // 2):
        chance = Random(seed)
        drawn = draw(chance, weights=PRIMES)
        order = shuffled(drawn, chance)
        moved = {row: at for at, row in enumerate(order)}
        tree = Tree(
            [moved.get(drawn.tree.parent[row], -1) for row in order],
            *([column[row] for row in order] for column in drawn.tree[1:]),
        )
        again = entitlements(tree, drawn.capacity, [drawn.demand[row] for row in order])
        assert again == [drawn.entitled()[row] for row in order], f"seed {seed}"


def shuffled(drawn: Drawn, chance: Random) -> list[int]:
    """Return the rows in preorder with the children of every row in another order."""

    def walk(row: int) -> Iterator[int]:
        below = drawn.children(row)
        chance.shuffle(below)
        for child in below:
            yield child
            yield from walk(child)

    return list(walk(-1))


# ----------------------------------------------------------------------------------------------------------- the kernel


@entry
def settle(s: Any, shares: Any, count: int) -> None:
    """Compute all asks and shares of the one pool, which has ``count`` rows."""
    settle_all(s, shares, 0, count, False)


@entry
def change_demand(s: Any, shares: Any, leaf: int, by: int) -> None:
    """Follow one change of demand."""
    demand_changes(s, shares, leaf, by, False)


class Kernel:
    """The kernel's shares of one tree, followed change by change."""

    def __init__(self, drawn: Drawn) -> None:
        """Lay the tree out as the kernel does, with no demand."""
        tree = drawn.tree
        lab = Lab(
            tuple(tree.parent), tuple(tree.floor), drawn.capacity, weight=tuple(tree.weight), limit=tuple(tree.limit)
        )
        charter, made = charter_of(lab), plan_of(lab)
        work = workload_of(Small(lab, ()))
        state = build(work, charter.pools, made, reference=made).state
        self.shares, self.handle = state.shares, Handle(state)
        self.state = state  # the handle holds addresses: the arrays must live as long
        self.line = [made.line_of(team.path) for team in charter.teams]
        for row, line in enumerate(self.line):
            self.shares["reserve"][line] = tree.reserve[row]
            self.shares["limit"][line] = tree.limit[row]
        settle(self.handle, self.shares, len(self.shares))

    def change(self, leaf: int, by: int) -> None:
        """Change the demand of a leaf."""
        change_demand(self.handle, self.shares, self.line[leaf], by)

    def entitled(self) -> list[int]:
        """Return what every row is due."""
        return [int(self.shares["due"][line]) for line in self.line]


def follow(drawn: Drawn, chance: Random, changes: int, oracle: Callable[..., list[int]]) -> None:
    """Change demands up and down and compare all shares after each change."""
    kernel, demand = Kernel(drawn), [0] * len(drawn.demand)
    for number in range(changes):
        leaf = chance.choice(drawn.leaves)
        by = chance.randint(1, 12) if chance.random() < 0.6 else -chance.randint(0, demand[leaf])
        demand[leaf] += by
        kernel.change(leaf, by)
        assert kernel.entitled() == oracle(drawn.tree, drawn.capacity, demand), f"change {number}: {demand}"


def able(drawn: Drawn) -> bool:
    """Return whether a charter can be like this: it has devices, and no limit of nothing."""
    return drawn.capacity > 0 and min(drawn.tree.limit) > 0


def test_the_kernel_follows_every_change_of_demand_as_one_device_at_a_time_would_have_it() -> None:
    for seed, drawn in enumerate(filter(able, trees()[:400])):
        follow(drawn, Random(seed), 12, twin.entitlements)


def test_the_kernel_follows_many_changes_as_the_exact_function_has_it() -> None:
    for seed, drawn in enumerate(filter(able, trees())):
        follow(drawn, Random(seed), 20, entitlements)


def test_the_kernel_has_no_more_for_overstating_and_no_less_for_more() -> None:
    for drawn, leaf, chance in with_a_leaf():
        if able(drawn):
            kernel = Kernel(drawn)
            for row in drawn.leaves:
                kernel.change(row, drawn.demand[row])
            before = np.array(kernel.entitled())
            kernel.change(leaf, chance.randint(1, 8))
            after = np.array(kernel.entitled())
            others = [row for row in drawn.leaves if row != leaf]
            assert after[leaf] >= before[leaf] >= min(after[leaf], drawn.demand[leaf])
            assert (after[others] <= before[others]).all()
