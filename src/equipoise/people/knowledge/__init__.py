"""What people know of a lab's files, and what would leave with them: degree of authorship and truck factor.

Main path: a `History` replays the commits of a repository (history.py), identities become people (identities.py), changes
become authors of files (authorship.py), and `summarise` tells aggregates (summary.py): truck factor and departures
(truck_factor.py), areas and teams of at least eight people (../groups.py), how newcomers come up to speed (ramp_up.py).

>>> people = Identities()
>>> history = History("lab", people)
>>> for n in range(9):
...     history.add(people.number(f"p{n}", f"p{n}@lab"), n, ["A", f"src/{n}.py"])
>>> told = summarise([(history, None)], people, counts=is_source)
>>> told.total.people, told.total.truck_factor
(9, 5)
"""

from __future__ import annotations

from equipoise.people.groups import GROUP_MIN
from equipoise.people.knowledge.history import History
from equipoise.people.knowledge.identities import Identities
from equipoise.people.knowledge.ramp_up import RampUp
from equipoise.people.knowledge.source_files import chosen, is_source
from equipoise.people.knowledge.summary import Departure, Figures, Knowledge, TeamKnowledge, summarise

__all__ = [
    "GROUP_MIN",
    "Departure",
    "Figures",
    "History",
    "Identities",
    "Knowledge",
    "RampUp",
    "TeamKnowledge",
    "chosen",
    "is_source",
    "summarise",
]
