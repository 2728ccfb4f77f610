"""The families of small systems that are searched: which trees, floors, gangs, protections, nodes and ends."""

from __future__ import annotations

from itertools import product

from tests.property.small_systems import ENDLESS_MS, Family, Lab, Terms, choices, floors

FLAT_2, FLAT_3, NESTED = (-1, -1), (-1, -1, -1), (-1, 0, 0, -1)
DEEP = (-1, 0, 1, 2, 2, 1, -1)  # four levels: t0.t1.t2.t3, t0.t1.t2.t4, t0.t1.t5, t6

AT_ONCE = Terms()
TERMS = (AT_ONCE, Terms(grace=2, recover=3), Terms(grace=1, min_runtime=3, recover=9))
SOME_LENGTHS = (2, 7, ENDLESS_MS)


def labs(parent: tuple[int, ...], nodes: int, per_node: int = 1, reclaim: str = "floors") -> tuple[Lab, ...]:
    """Return one lab for every way to give floors."""
    return tuple(Lab(parent, floor, nodes, per_node, reclaim=reclaim) for floor in floors(parent, nodes * per_node))


def with_terms(plain: tuple[Lab, ...]) -> tuple[Lab, ...]:
    """Return each lab with every choice of terms for every team."""
    return tuple(lab._replace(terms=terms) for lab in plain for terms in product(TERMS, repeat=len(lab.parent)))


def alike(plain: tuple[Lab, ...]) -> tuple[Lab, ...]:
    """Return each lab with every choice of terms, the same for all teams."""
    return tuple(lab._replace(terms=(terms,) * len(lab.parent)) for lab in plain for terms in TERMS)


def limited(plain: tuple[Lab, ...]) -> tuple[Lab, ...]:
    """Return each lab with every choice of limits for its top rows, from the floor to the pool."""
    found: list[Lab] = []
    for lab in plain:
        most = [range(max(lab.floor[row], 1), lab.capacity + 1) if above < 0 else (lab.capacity,)
                for row, above in enumerate(lab.parent)]  # fmt: skip
        for limit in product(*most):
            if any(bound < lab.capacity for bound in limit):
                below = [limit[row] if above < 0 else limit[above] for row, above in enumerate(lab.parent)]
                found.append(lab._replace(limit=tuple(below)))
    return tuple(found)


def weighted(plain: tuple[Lab, ...]) -> tuple[Lab, ...]:
    """Return each lab with weights that differ."""
    return tuple(
        lab._replace(weight=tuple(10_000 * (1 + row % 3) for row in range(len(lab.parent)))[::-1]) for lab in plain
    )


def families(reclaim: str = "floors") -> tuple[Family, ...]:
    """Return the families under one way to reclaim."""
    flat_2, flat_3 = labs(FLAT_2, 4, 1, reclaim), labs(FLAT_3, 3, 1, reclaim)
    nested, deep = labs(NESTED, 3, 1, reclaim), labs(DEEP, 3, 1, reclaim)
    small = labs(FLAT_2, 3, 1, reclaim)
    paired, tripled = labs(FLAT_2, 2, 2, reclaim), labs(FLAT_2, 2, 3, reclaim)
    nodes, either = labs(NESTED, 3, 2, reclaim), (True, False)
    return (
        Family(f"flat-2/{reclaim}", flat_2, choices((0, 1), (1, 2, 3, 4)), 4),
        Family(f"flat-3/{reclaim}", flat_3, choices((0, 1, 2), (1, 2, 3)), 4),
        Family(f"nested/{reclaim}", nested, choices((1, 2, 3), (1, 2, 3)), 4),
        Family(f"five/{reclaim}", small, choices((0, 1), (1, 2, 3)), 5),
        Family(f"long/{reclaim}", weighted(small), choices((0, 1), (1, 2, 3)), 6),
        Family(f"deep/{reclaim}", deep, choices((3, 4, 5, 6), (1, 2, 3)), 5),
        Family(f"bound/{reclaim}", small, choices((0, 1), (1, 2, 3), bound=either), 4),
        Family(f"limits/{reclaim}", limited(nested), choices((1, 2, 3), (1, 2, 3)), 4),
        Family(f"grace/{reclaim}", with_terms(small), choices((0, 1), (1, 2, 3)), 4),
        Family(f"grace-nested/{reclaim}", with_terms(nested), choices((1, 2, 3), (1, 2, 3)), 5),
        Family(f"nodes-2x2/{reclaim}", paired, choices((0, 1), (1, 2, 3, 4)), 4),
        Family(f"nodes-2x3/{reclaim}", tripled, choices((0, 1), (1, 2, 3, 4, 5, 6)), 4),
        Family(f"nodes-nested/{reclaim}", nodes, choices((1, 2, 3), (1, 2, 3, 4, 5, 6)), 5),
        Family(f"ends/{reclaim}", small, choices((0, 1), (1, 2, 3), SOME_LENGTHS), 4),
        Family(f"ends-grace/{reclaim}", with_terms(small), choices((0, 1), (1, 2, 3), SOME_LENGTHS), 5),
        Family(f"everything/{reclaim}", alike(nodes), choices((1, 2, 3), (1, 2, 3, 4, 6), SOME_LENGTHS, either), 6),
    )
