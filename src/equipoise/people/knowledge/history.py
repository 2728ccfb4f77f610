"""The files of a repository with who changed them, replayed commit by commit.

`History.add` is the main path: oldest commit first, it moves records along with renames and counts each person's changes.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence

from equipoise.people.knowledge.identities import Identities


class FileRecord:
    """Who made and changed one file, under whatever names it had.

    Attributes
    ----------
    creators : set of int
        Identities that added it: several where it was added on several branches, or again after a deletion.
    changes : dict of int to int
        Of each identity that ever added, changed or renamed it, how many commits changed or renamed it.
    alive : bool
        Whether the latest commit that concerned it left it there.
    """

    __slots__ = ("alive", "changes", "creators")

    def __init__(self) -> None:
        self.creators: set[int] = set()
        self.changes: dict[int, int] = {}
        self.alive = True


class History:
    """What commits did to the files of one repository.

    Branches arrive interleaved, by date, so a commit may name a path that another branch has deleted or renamed already:
    its change counts for the record that the path last had. A path that is added again after it was deleted goes on with
    its record, and whoever adds it is one of its creators, as in the program that Avelino et al. published with their
    paper (github.com/aserg-ufmg/Truck-Factor, DOACalculator); docs/knowledge.md shows what this decides.

    Parameters
    ----------
    name : str
        Of the repository.
    identities : Identities
        Shared by the histories of several repositories.

    Examples
    --------
    >>> people = Identities()
    >>> history = History("lab", people)
    >>> history.add(people.number("A", "a@lab"), 0, ["A", "x.py"])
    >>> history.add(people.number("B", "b@lab"), 1, ["M", "z.py"], [("x.py", "y.py")])
    >>> {path: (record.creators, record.changes) for path, record in history.files().items()}
    {'y.py': ({0}, {0: 0, 1: 1}), 'z.py': (set(), {1: 1})}
    """

    def __init__(self, name: str, identities: Identities) -> None:
        self.name = name
        self.identities = identities
        self.who: list[int] = []
        """Identity of each commit."""
        self.when_s: list[int] = []
        """Time of each commit, since 1970."""
        self._at: dict[str, FileRecord] = {}
        self._moved: dict[str, FileRecord] = {}  # where a renamed path's record went, until the path is taken again

    def add(self, who: int, when_s: int, entries: Sequence[str], renames: Sequence[tuple[str, str]] = ()) -> None:
        """Replay a commit.

        Parameters
        ----------
        who : int
            Identity of its author.
        when_s : int
        entries : sequence of str
            A status (A, M, T or D) and its path, for each file.
        renames : sequence of (str, str)
            Old and new paths.

        Raises
        ------
        ValueError
            A status that is none of these.
        """
        self.who.append(who)
        self.when_s.append(when_s)
        if renames:
            self._rename(renames, who)
        rest = iter(entries)
        for status in rest:
            path = next(rest)
            if status in ("M", "T"):
                record = self._at.get(path) or self._moved.get(path)
                if record is None:
                    record = self._at[path] = FileRecord()
                changes = record.changes
                changes[who] = changes.get(who, 0) + 1
            elif status == "A":
                self._added(path, who)
            elif status == "D":
                if (record := self._at.get(path)) is not None:
                    record.alive = False
            else:
                raise ValueError(status)

    def _added(self, path: str, who: int) -> None:
        record = self._at.get(path)
        if record is None:
            record = self._at[path] = FileRecord()
        record.alive = True
        record.creators.add(who)
        record.changes.setdefault(who, 0)

    def _rename(self, renames: Sequence[tuple[str, str]], who: int) -> None:
        records = [self._at.pop(old, None) or self._moved.get(old) or FileRecord() for old, _ in renames]
        for (old, _), record in zip(renames, records, strict=True):
            self._moved[old] = record
        for (_, new), record in zip(renames, records, strict=True):
            record.alive = True
            record.changes[who] = record.changes.get(who, 0) + 1
            self._at[new] = record

    def files(self, tree: Collection[str] | None = None) -> dict[str, FileRecord]:
        """Return the files by path: those of ``tree`` that commits account for, or without it those that commits left."""
        if tree is None:
            return {path: record for path, record in self._at.items() if record.alive}
        found = ((path, self._at.get(path) or self._moved.get(path)) for path in tree)
        return {path: record for path, record in found if record is not None}
