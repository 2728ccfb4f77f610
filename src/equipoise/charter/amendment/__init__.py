"""Amendments: what a change of the charter does decides who signs it, and how long it is announced.

The main path: :func:`effect` says of every team, promise and gate whether it is strengthened or weakened, with measured
numbers; :func:`needs` who must therefore sign, and the notice; :func:`status` who still has to, and when it takes force.
:class:`Docket` is the course of it in time: one amendment pending at most, emergencies, re-foundings. Everything is pure;
that signatures are good has been verified by who calls.

Examples
--------
>>> from dataclasses import replace
>>> from fractions import Fraction
>>> from equipoise.charter import EVERYTHING, Amendments, Board, Charter, Pool, Requirement, Share, Team
>>> def team(name: str, percent: int, *boards: str) -> Team:
...     return Team(name, name, None, {"p": Share(fraction=Fraction(percent, 100))}, {"p": EVERYTHING}, protected_by=boards)
>>> boards = (Board("executive", 1, {"ann": b"a" * 32}), Board("safety", 1, {"bob": b"b" * 32}))
>>> rules = Amendments(Requirement(("executive",), 0), Requirement(("executive",), 1000), Requirement(("safety",), 5000))
>>> teams = team("product", 40), team("safety", 20, "safety")
>>> old = Charter("Lab", (Pool("p", "GPU", 10, 8),), teams, boards=boards, amendments=rules, digest="sha256:1")
>>> new = replace(old, teams=(team("product", 50), teams[1]), revision=2, parent="sha256:1", digest="sha256:2")
>>> [(thing.name, thing.outcome) for thing in effect(old, new).things]
[('product', 'strengthened'), ('safety', 'weakened')]
>>> found = status(old, new, {b"a" * 32: 7})
>>> [tally.quorum.board for tally in found.missing], found.notice_ms
(['safety'], 1000)
>>> status(old, new, {b"a" * 32: 7, b"b" * 32: 9}).force_ms
1009
"""

from __future__ import annotations

from equipoise.charter.amendment.docket import Docket, Entry, Pending
from equipoise.charter.amendment.effects import Effect, Thing, effect
from equipoise.charter.amendment.emergency import Run, check_emergency, check_turn
from equipoise.charter.amendment.moves import Move
from equipoise.charter.amendment.progress import Status, Tally, force_ms, status, unsigned
from equipoise.charter.amendment.requirements import Constitutional, Needs, Quorum, Seat, needs, quorum_of, seats

__all__ = [
    "Constitutional",
    "Docket",
    "Effect",
    "Entry",
    "Move",
    "Needs",
    "Pending",
    "Quorum",
    "Run",
    "Seat",
    "Status",
    "Tally",
    "Thing",
    "check_emergency",
    "check_turn",
    "effect",
    "force_ms",
    "needs",
    "quorum_of",
    "seats",
    "status",
    "unsigned",
]
