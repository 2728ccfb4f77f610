"""Which running gangs are secure, and the potentials that every reclaim must raise (FAIRNESS 3, 4 and 7b).

Readings where the text leaves room: a gang that does not fit is passed over and smaller, younger ones are still tried
("each added if the total stays <= R"); sums of the potentials are in GPUs; the pool itself is no row of a potential.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from tests.reference.policy_tree import Gang, Tree, View


def secure_sets(tree: Tree, gangs: Sequence[Gang]) -> list[set[int]]:
    """Return the jobs that are secure at each row: their total never exceeds the rounded floor of the row."""
    secure: list[set[int]] = [set() for _ in range(len(tree))]
    for row in sorted(range(len(tree)), key=tree.depth, reverse=True):
        for child in tree.children(row):
            secure[row] |= secure[child]
        add_in_turn(secure[row], gangs_below(tree, row, gangs), tree.rounded[row])
    return secure


def entitled_secure_sets(tree: Tree, gangs: Sequence[Gang], entitlement: Sequence[int]) -> list[set[int]]:
    """Return ``esec`` of FAIRNESS 7b at each row: the floor-secure jobs of leaves first, then others within e."""
    floor_secure = secure_sets(tree, gangs)
    leaves = set(tree.leaves())
    esec: list[set[int]] = [set() for _ in range(len(tree))]
    for row in sorted(range(len(tree)), key=tree.depth, reverse=True):
        if row in leaves:
            esec[row] |= floor_secure[row]
        for child in tree.children(row):
            esec[row] |= esec[child]
        add_in_turn(esec[row], gangs_below(tree, row, gangs), entitlement[row])
    return esec


def potential(view: View) -> tuple[tuple[int, ...], tuple[int, ...]]:
    """Return Psi of FAIRNESS 4: secure GPUs per depth, then minus the deficits per depth, deepest first in both."""
    secure = secure_sets(view.tree, view.gangs)
    secured = [size_of(view.gangs, jobs) for jobs in secure]
    return (view.tree.by_depth(secured), tuple(-x for x in deficits(view)))


def deficits(view: View) -> tuple[int, ...]:
    """Return the GPUs missing to the floors, summed per depth, deepest first."""
    held = view.allocation()
    missing = [max(0, floor - have) for floor, have in zip(view.tree.floor, held, strict=True)]
    return view.tree.by_depth(missing)


def shares_potential(view: View) -> tuple[int, int, tuple[int, ...]]:
    """Return Psi of FAIRNESS 7b: non-preemptible GPUs, leaf-secure GPUs, then ``esec`` per depth, deepest first."""
    bound = sum(gang.size for gang in view.gangs if not gang.preemptible)
    secure = secure_sets(view.tree, view.gangs)
    leaf_secure = sum(size_of(view.gangs, secure[leaf]) for leaf in view.tree.leaves())
    esec = entitled_secure_sets(view.tree, view.gangs, view.entitlement)
    return (bound, leaf_secure, view.tree.by_depth([size_of(view.gangs, jobs) for jobs in esec]))


def gangs_below(tree: Tree, row: int, gangs: Iterable[Gang]) -> list[Gang]:
    """Return the gangs of the leaves at or below ``row``."""
    leaves = {leaf for leaf in range(len(tree)) if row in tree.path(leaf)}
    return [gang for gang in gangs if gang.leaf in leaves]


def add_in_turn(chosen: set[int], gangs: Sequence[Gang], bound: int) -> None:
    """Add gangs to ``chosen``, non-preemptible first, then oldest, each only if the total stays within ``bound``."""
    total = size_of(gangs, chosen)
    for gang in sorted(gangs, key=lambda gang: (gang.preemptible, *gang.age_key())):
        if gang.job not in chosen and total + gang.size <= bound:
            chosen.add(gang.job)
            total += gang.size


def size_of(gangs: Iterable[Gang], jobs: set[int]) -> int:
    """Return the GPUs of the named jobs."""
    return sum(gang.size for gang in gangs if gang.job in jobs)
