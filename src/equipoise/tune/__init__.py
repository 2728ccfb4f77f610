"""Search for charters: which floors, weights, lending and reclaim give which trade-off on a log.

Main path: `parameters` says what may change (parameters.py); `search` proposes charters, refuses those that do not pass
`check` or weaken what boards protect (objectives.py), and measures the others (search.py); `Gauge` measures by replay, each
charter by the present one (figures.py); `frontier` keeps those that nothing dominates (frontier.py). Who proposes and where it is
measured come from above: `equipoise.tasks.tune`.

>>> frontier([(0.1, 0.9), (0.2, 0.8), (0.2, 0.9)], costs=lambda point: point)
[(0.1, 0.9), (0.2, 0.8)]
"""

from __future__ import annotations

from equipoise.tune.figures import Case, Figures, Gauge
from equipoise.tune.frontier import dominates, frontier, spread
from equipoise.tune.objectives import Condition, Conditions, Objective, condition, guarded_teams, objectives
from equipoise.tune.parameters import Parameter, parameters
from equipoise.tune.search import Everything, Measure, Proposals, Searched, Space, Trial, search

__all__ = [
    "Case",
    "Condition",
    "Conditions",
    "Everything",
    "Figures",
    "Gauge",
    "Measure",
    "Objective",
    "Parameter",
    "Proposals",
    "Searched",
    "Space",
    "Trial",
    "condition",
    "dominates",
    "frontier",
    "guarded_teams",
    "objectives",
    "parameters",
    "search",
    "spread",
]
