"""Which leaves count for a promise: those of the tree in force when the window began, wherever they are moved later.

A path is a leaf's identity, so a charter cannot move a leaf: it removes one and adds another. What an amendment adds
while a window is open is therefore looked at:

* a leaf under one that was a leaf itself (it was divided) counts as that one did;
* a leaf that ends in the same names as one that is gone was moved, or its parent renamed; it counts as the gone one did,
  the one with most names in common. Where several have as many, it counts only if all of them did: nobody is paid with
  somebody else's work by an ambiguity;
* any other is new and counts for the team that it is under.

Work that is moved under a new name escapes the second rule. What catches that is signatures: a new leaf whose `submit`
is wider than its team's weakens the team, and the boards that protect it must sign.
"""

from __future__ import annotations

from dataclasses import dataclass

from equipoise.charter.model import Charter


@dataclass(frozen=True, slots=True)
class Leaves:
    """Every leaf known since a window began: whose work counts for the promise, and whose does not.

    Leaves that are gone stay in their set, for their workloads run on.

    Examples
    --------
    >>> leaves = Leaves("safety", frozenset({"safety.evals"}), frozenset({"product.chat"}))
    >>> sorted(leaves.amended({"safety.evals", "safety.chat", "safety.red-team"}).counting)
    ['safety.evals', 'safety.red-team']
    """

    team: str
    counting: frozenset[str]
    others: frozenset[str]

    @classmethod
    def of(cls, charter: Charter, team: str) -> Leaves:
        """Return the leaves of a charter as they count for a team; raises ``InputError`` C301 when there is none."""
        charter.id_of(team)
        paths = frozenset(leaf.path for leaf in charter.leaves)
        counting = frozenset(path for path in paths if _is_under(path, team))
        return cls(team, counting, paths - counting)

    def amended(self, leaves: frozenset[str] | set[str]) -> Leaves:
        """Return which leaves count when the leaves of the charter become ``leaves`` while the window is open."""
        known = self.counting | self.others
        gone = known - leaves
        added = {path: self._counts(path, known, gone) for path in leaves - known}
        counting = self.counting | {path for path, counts in added.items() if counts}
        return Leaves(self.team, counting, (known | leaves) - counting)

    def _counts(self, path: str, known: frozenset[str], gone: frozenset[str]) -> bool:
        names = path.split(".")
        above = [parent for parent in (".".join(names[:depth]) for depth in range(1, len(names))) if parent in known]
        if above:  # divided, perhaps more than once: the nearest
            return above[-1] in self.counting
        common = {other: _common_end(names, other.split(".")) for other in gone}
        most = max(common.values(), default=0)
        if most == 0:
            return _is_under(path, self.team)
        return all(other in self.counting for other, length in common.items() if length == most)


def _common_end(names: list[str], others: list[str]) -> int:
    length = 0
    while length < min(len(names), len(others)) and names[-1 - length] == others[-1 - length]:
        length += 1
    return length


def _is_under(path: str, team: str) -> bool:
    return path == team or path.startswith(f"{team}.")
