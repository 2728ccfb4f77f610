"""A synthetic frontier lab: what its teams ask for during one quarter, made from a seed and published statistics.

For half the quarter the lab asks for about nine tenths of its machine. Then comes a *code red*: the product asks for
more than twice what it did, the machine is short by a quarter, and the charter decides who feels it. `lab` makes the
workload, `lab_charter` the charter that belongs to it, `lab_people` who works there; `MARGINALS` says where each number
of the workload comes from, and `marginals` measures them on what was made.

Main path: `laboratory` (puts it together) → `asks` (who asks for what) → `jobs` and `serving` (rows and replicas) over
`rhythm` (when); `published` holds the sources and `measure` the check.

Examples
--------
>>> from equipoise.workload.synthetic import lab
>>> workload = lab(seed=1, days=7)
>>> len(workload.services), "safety.alignment" in workload.teams
(3, True)
"""

from __future__ import annotations

from equipoise.workload.synthetic.laboratory import lab, lab_charter, lab_people
from equipoise.workload.synthetic.measure import marginals
from equipoise.workload.synthetic.published import MARGINALS, Marginal

__all__ = ["MARGINALS", "Marginal", "lab", "lab_charter", "lab_people", "marginals"]
