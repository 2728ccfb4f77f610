"""The charter: what an organisation has decided about its machine, as exact values.

The main path: :class:`Charter` holds pools, teams and promises; :func:`quotas` turns floors and limits into whole GPUs
for a capacity; :func:`entitlements` says what every team is due now, given what each asks for. All of it is exact,
needs only the standard library, and is what an outsider installs to check the rest. Reading files is
``equipoise.charter_io``.

Examples
--------
>>> from fractions import Fraction
>>> half = Share(fraction=Fraction(1, 2))
>>> teams = [Team(n, n, None, {"h100": half}, {"h100": EVERYTHING}) for n in ("research", "safety")]
>>> charter = Charter(lab="Small", pools=(Pool("h100", "H100", 2, 8),), teams=tuple(teams))
>>> [q.floor for q in quotas(charter, "h100", 16)]
[8, 8]
>>> entitlements(tree(charter, "h100", 16), 16, [3, 20])
[3, 13]
"""

from __future__ import annotations

from equipoise.charter.entitlement import Tree, entitlements, tree
from equipoise.charter.floors import Quota, exact_floors, quotas
from equipoise.charter.governance import Amendments, Board, Emergency, Evidence, Gate, Requirement, Stage
from equipoise.charter.model import EVERYTHING, NOTHING, Charter, Pool, Share, Team
from equipoise.charter.promise import Commitment, Starts, Window

__all__ = [
    "EVERYTHING",
    "NOTHING",
    "Amendments",
    "Board",
    "Charter",
    "Commitment",
    "Emergency",
    "Evidence",
    "Gate",
    "Pool",
    "Quota",
    "Requirement",
    "Share",
    "Stage",
    "Starts",
    "Team",
    "Tree",
    "Window",
    "entitlements",
    "exact_floors",
    "quotas",
    "tree",
]
