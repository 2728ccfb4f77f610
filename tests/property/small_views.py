"""Every small situation: each ordered set of gangs that may run in a lab, each gang that may ask, each set of victims."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from tests.property.small_families import DEEP, FLAT_2, FLAT_3, NESTED, labs, limited
from tests.property.small_systems import Lab, due_of, tree_of
from tests.reference.policy_reclaim import required
from tests.reference.policy_tree import Gang, View

LABS = {
    "flat-2": labs(FLAT_2, 4),
    "flat-3": labs(FLAT_3, 3),
    "nested": labs(NESTED, 3),
    "limits": limited(labs(NESTED, 3))[::10],
    "deep": labs(DEEP, 3)[::24],
}


def views(lab: Lab, *, bound: bool = False) -> Iterator[View]:
    """Yield every order in which gangs may have started that now run; with ``bound`` some are not preemptible."""
    kinds = (True, False) if bound else (True,)
    begun = [View(tree_of(lab), (), lab.capacity)]
    while begun:
        view = begun.pop()
        yield view
        begun += [view.replace((), claim) for claim in claims(view, kinds) if not required(view, claim, ())]


def claims(view: View, kinds: tuple[bool, ...] = (True,)) -> Iterator[Gang]:
    """Yield every gang that may ask next."""
    number = len(view.gangs)
    for leaf in view.tree.leaves():
        for size in range(1, view.capacity + 1):
            for preemptible in kinds:
                yield Gang(number, leaf, size, number, preemptible)


def victim_sets(view: View, claim: Gang) -> Iterator[tuple[int, ...]]:
    """Yield every set of victims that devices, limits and kinds allow."""
    jobs = [gang.job for gang in view.gangs if gang.leaf != claim.leaf and gang.preemptible]
    for size in range(1, len(jobs) + 1):
        for victims in combinations(jobs, size):
            if not required(view, claim, victims):
                yield victims


def entitled(view: View, *asking: Gang) -> View:
    """Return the view with entitlements for a demand of all that runs and asks."""
    demand = [0] * len(view.tree)
    for gang in (*view.gangs, *asking):
        demand[gang.leaf] += gang.size
    return View(view.tree, view.gangs, view.capacity, due_of(view.tree, view.capacity, tuple(demand)))
