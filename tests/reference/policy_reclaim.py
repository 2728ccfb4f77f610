"""When a gang may take devices back, and from whom (FAIRNESS 4, 5 and 7b), written as the text says it.

A *view* is the allocation on which a claim is judged: gangs already warned for others are gone from it, gangs for which
devices are held stand in it. ``claim`` is the gang that asks, with its start set to the instant of the claim.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import combinations

from tests.reference.policy_secure import deficits, entitled_secure_sets, potential, secure_sets, shares_potential
from tests.reference.policy_tree import Gang, Tree, View

RIGHT, COURTESY, SHARES = "S", "N", "shares"


@dataclass(frozen=True, slots=True)
class Judgement:
    """Under which rule a claim with its victims is accepted (None: under none), and what each rule objects to."""

    rule: str | None
    objections: tuple[str, ...] = ()

    def __bool__(self) -> bool:
        """Return whether the claim is accepted."""
        return self.rule is not None


def judge(view: View, claim: Gang, victims: Collection[int], *, reclaim: str = "floors") -> Judgement:
    """Judge one claim with its whole set of victims under the rules of the charter's ``reclaim``."""
    always = required(view, claim, victims)
    if always:
        return Judgement(None, tuple(always))
    rules = {SHARES: by_shares} if reclaim == "shares" else {RIGHT: by_right, COURTESY: by_courtesy}
    objections: list[str] = []
    for rule, objections_of in rules.items():
        found = objections_of(view, claim, victims)
        if not found:
            risen = not_risen(view, claim, victims, reclaim=reclaim)
            return Judgement(None, (risen,)) if risen else Judgement(rule)
        objections += [f"rule {rule}: {text}" for text in found]
    return Judgement(None, tuple(objections))


def required(view: View, claim: Gang, victims: Collection[int]) -> list[str]:
    """Return what is wrong whatever the rule: capacity, limits, own or non-preemptible victims, an insecure start."""
    tree, left = view.tree, view.allocation(victims)
    wrong: list[str] = []
    if view.free(victims) < claim.size:
        wrong.append(f"{view.free(victims)} GPUs would be free, {claim.size} are asked for")
    over = [row for row in tree.path(claim.leaf) if left[row] + claim.size > tree.limit[row]]
    wrong += [f"row {row}: {left[row]} + {claim.size} exceeds the limit {tree.limit[row]}" for row in over]
    for gang in (view.gang(job) for job in victims):
        if gang.leaf == claim.leaf:
            wrong.append(f"victim {gang.job} is of the claimant's own team")
        if not gang.preemptible:
            wrong.append(f"victim {gang.job} is not preemptible")
    if not claim.preemptible and not may_bind(view, claim):
        wrong.append("the claimant is not preemptible and would not be secure")
    return wrong


def may_bind(view: View, claim: Gang) -> bool:
    """Return whether a non-preemptible gang would be secure: its team's non-preemptible gangs stay within the floor."""
    bound = sum(gang.size for gang in view.gangs if gang.leaf == claim.leaf and not gang.preemptible)
    return bound + claim.size <= view.tree.floor[claim.leaf]


def by_right(view: View, claim: Gang, victims: Collection[int]) -> list[str]:
    """Return the objections of rule S: a floor on the path is short, and each victim is insecure where it counts."""
    tree, left = view.tree, view.allocation(victims)
    secure = secure_sets(tree, view.gangs)
    wrong: list[str] = []
    if all(left[row] >= tree.floor[row] for row in tree.path(claim.leaf)):
        wrong.append("no team on the claimant's path is below its floor")
    for gang in (view.gang(job) for job in victims):
        a, b = tree.fork(claim.leaf, gang.leaf)
        if left[a] + claim.size > tree.rounded[a]:
            wrong.append(f"row {a}: {left[a]} + {claim.size} exceeds the rounded floor {tree.rounded[a]}")
        if gang.job in secure[b]:
            wrong.append(f"victim {gang.job} is secure at row {b}")
    return wrong


def by_courtesy(view: View, claim: Gang, victims: Collection[int]) -> list[str]:
    """Return the objections of rule N: nobody's floor or secure gang pays, and the deficits fall."""
    tree, left = view.tree, view.allocation(victims)
    secure = secure_sets(tree, view.gangs)
    wrong: list[str] = []
    for gang in (view.gang(job) for job in victims):
        a, b = tree.fork(claim.leaf, gang.leaf)
        if left[a] >= tree.floor[a]:
            wrong.append(f"row {a} would hold {left[a]}, not less than its floor {tree.floor[a]}")
        if left[a] + claim.size > view.entitlement[a]:
            wrong.append(f"row {a}: {left[a]} + {claim.size} exceeds its entitlement {view.entitlement[a]}")
        path = tree.path(gang.leaf)
        wrong += [f"victim {gang.job} is secure at row {row}" for row in path if gang.job in secure[row]]
        below = path[: path.index(b) + 1]
        wrong += [f"row {row} would fall below its floor" for row in below if left[row] < tree.floor[row]]
    if not deficits(view.replace(victims, claim)) < deficits(view):
        wrong.append("the deficits would not fall")
    return wrong


def by_shares(view: View, claim: Gang, victims: Collection[int]) -> list[str]:
    """Return the objections of FAIRNESS 7b, save "protection over", which is a matter of time and not of the view."""
    tree, left = view.tree, view.allocation(victims)
    esec = entitled_secure_sets(tree, view.gangs, view.entitlement)
    wrong: list[str] = []
    for gang in (view.gang(job) for job in victims):
        a, b = tree.fork(claim.leaf, gang.leaf)
        if left[a] + claim.size > view.entitlement[a]:
            wrong.append(f"row {a}: {left[a]} + {claim.size} exceeds its entitlement {view.entitlement[a]}")
        if gang.job in esec[b]:
            wrong.append(f"victim {gang.job} is within the entitlement of row {b}")
    if not claim.preemptible:
        for row in tree.path(claim.leaf):
            bound = sum(g.size for g in view.gangs if not g.preemptible and row in tree.path(g.leaf))
            if bound + claim.size > tree.floor[row]:
                wrong.append(f"row {row}: non-preemptible {bound} + {claim.size} exceeds the floor {tree.floor[row]}")
    return wrong


def not_risen(view: View, claim: Gang, victims: Collection[int], *, reclaim: str) -> str:
    """Return how the potential fails to rise, or nothing."""
    psi = shares_potential if reclaim == "shares" else potential
    before, after = psi(view), psi(view.replace(victims, claim))
    return "" if after > before else f"the potential does not rise: {before} to {after}"


def choose(
    view: View,
    claim: Gang,
    *,
    lost_work: Mapping[int, int] | None = None,
    tired: Collection[int] = (),
    fits: Callable[[Collection[int]], bool] | None = None,
    reclaim: str = "floors",
) -> tuple[int, ...] | None:
    """Return the victims of FAIRNESS 5 in the order they were picked, ``()`` if none is needed, None to refuse.

    Parameters
    ----------
    lost_work : mapping of job to int
        What stopping the job now would lose; a job that is not named loses nothing.
    tired : collection of int
        Jobs whose team is over its ``reclaims_per_day``: picked only when no other is left at this level.
    fits : predicate of the set of victims
        A placement test that must hold besides the count of devices.

    Notes
    -----
    "Met" is read as all that section 4 always requires (devices and limits): where only a limit above stands in the
    way, victims below that limit are what removes it. With ``reclaim="shares"`` the entitlement takes the place of R
    and ``esec`` that of the secure sets; the order among victims stays that of section 5.
    """
    lost = lost_work or {}
    tree = view.tree
    shares = reclaim == "shares"
    bound = view.entitlement if shares else tree.rounded
    secure = entitled_secure_sets(tree, view.gangs, view.entitlement) if shares else secure_sets(tree, view.gangs)

    def met(chosen: Collection[int]) -> bool:
        left = view.allocation(chosen)
        within = all(left[row] + claim.size <= tree.limit[row] for row in tree.path(claim.leaf))
        return within and view.free(chosen) >= claim.size and (fits is None or fits(chosen))

    chosen: list[int] = []
    for a in tree.path(claim.leaf):
        while not met(chosen) and view.allocation(chosen)[a] + claim.size <= bound[a]:
            candidates = insecure_beside(view, a, secure, chosen)
            if not candidates:
                break
            left = view.allocation(chosen)
            chosen.append(min(candidates, key=lambda c: victim_key(c, tree, left, lost, tired))[1].job)
        if met(chosen):
            break
    if not met(chosen):
        return None
    for job in reversed(tuple(chosen)):
        fewer = [other for other in chosen if other != job]
        if met(fewer) and (not fewer or judge(view, claim, fewer, reclaim=reclaim)):
            chosen = fewer
    return tuple(chosen) if not chosen or judge(view, claim, chosen, reclaim=reclaim) else None


def insecure_beside(view: View, a: int, secure: list[set[int]], chosen: Collection[int]) -> list[tuple[int, Gang]]:
    """Return (b, gang) for each preemptible, insecure gang under a sibling b of ``a`` that is not chosen yet."""
    tree = view.tree
    siblings = [b for b in tree.children(tree.parent[a]) if b != a]
    return [
        (b, gang)
        for b in siblings
        for gang in view.gangs
        if b in tree.path(gang.leaf) and gang.preemptible and gang.job not in secure[b] and gang.job not in chosen
    ]


def victim_key(
    candidate: tuple[int, Gang], tree: Tree, left: list[int], lost: Mapping[int, int], tired: Collection[int]
) -> tuple[bool, bool, Fraction, int, int, int]:
    """Return the order among victims: most over its floor per weight, least lost work, newest, smallest id."""
    b, gang = candidate
    over = left[b] - tree.floor[b]
    weightless = tree.weight[b] == 0
    per_weight = Fraction(0) if weightless else Fraction(over, tree.weight[b])
    return (gang.job in tired, not weightless, -per_weight, lost.get(gang.job, 0), -gang.start_ms, gang.job)


def legal_sets(view: View, claim: Gang, *, reclaim: str = "floors") -> Iterator[tuple[int, ...]]:
    """Yield every set of victims that some rule accepts, smallest first: exponential, for small systems only."""
    others = sorted(gang.job for gang in view.gangs if gang.leaf != claim.leaf and gang.preemptible)
    for size in range(1, len(others) + 1):
        for victims in combinations(others, size):
            if judge(view, claim, victims, reclaim=reclaim):
                yield victims
