"""What a lab's people know: read the histories of its repositories, and summarise them."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from equipoise.errors import InputError, Place
from equipoise.people.knowledge import Identities, Knowledge, chosen, summarise
from equipoise.people.knowledge.summary import Identity, TeamOf
from equipoise.traces.git import RENAMES, Repository, read
from equipoise.traces.mapping import Rule, load_rules

KINDS = ("source", "all")
FIELDS = ("email", "domain", "name")

Told = Callable[[str, int, int], None]
"""Gets a repository's name and how many commits were read, of how many."""


@dataclass(frozen=True, slots=True)
class Effort:
    """What the figures took.

    Parameters
    ----------
    seconds : float
        Of parsing and analysis.
    git_s : float
        Of git's own time, processor seconds of its processes.
    """

    seconds: float
    git_s: float


@dataclass(frozen=True, slots=True)
class Found:
    """What the people of some repositories know, and what it took to find out."""

    knowledge: Knowledge
    effort: Effort

    @property
    def commits_per_s(self) -> float:
        """Commits a second of parsing and analysis."""
        return self.knowledge.commits / max(self.effort.seconds, 1e-9)

    def to_dict(self) -> dict[str, Any]:
        """Return plain data; the same histories give the same, so times are not in it."""
        return self.knowledge.to_dict()


def knowledge(
    repositories: Sequence[str | os.PathLike[str]],
    *,
    map: str | os.PathLike[str] | None = None,
    revision: str = "HEAD",
    files: str = "source",
    exclude: Sequence[str] = (),
    depth: int = 1,
    renames: str = "exact",
    merge: bool = True,
    progress: Told | None = None,
) -> Found:
    """Say what the people who work on some repositories know of their files.

    Parameters
    ----------
    repositories : sequence of paths
    map : path or None
        CSV ``field,value,team`` with the fields email, domain and name; None: no figures by team.
    revision : str
        Up to which commit, in every repository.
    files : str
        ``source``: programs and markup, without documentation and what others or programs wrote; ``all``.
    exclude : sequence of str
        Patterns of paths that do not count.
    depth : int
        How many folders deep areas are told apart.
    renames : str
        ``exact`` or ``similar``, as of `traces.git.read`.
    merge : bool
        Whether names and addresses that `Identities.people` takes for one person are one.
    progress : callable or None

    Raises
    ------
    InputError
        K101 to K105 as `Repository.open` and `read`; K106 an option that makes no sense; K107 no file counts; T101 to T104
        and T114 for the mapping.
    """
    _check(repositories, files=files, renames=renames, depth=depth)
    team_of = None if map is None else team_by_rules(load_rules(Path(map)), file=str(map))
    before_s, git_before_s = time.process_time(), _git_s()
    identities = Identities()
    opened = [Repository.open(path, revision=revision) for path in repositories]
    readings = [
        read(repository, identities, name=name, renames=renames, progress=_of(progress, name))
        for repository, name in zip(opened, names_of(opened), strict=True)
    ]
    found = summarise(
        [(reading.history, reading.tree) for reading in readings],
        identities,
        counts=chosen(files, exclude),
        depth=depth,
        merge=merge,
        team_of=team_of,
    )
    if not found.total.files:
        raise InputError(
            "K107",
            f"no file counts: {found.left_out} are left out by kind or pattern, {found.untraced} have no history",
            hint="count every file with --files all",
            place=Place(str(repositories[0])),
        )
    return Found(found, Effort(time.process_time() - before_s, _git_s() - git_before_s))


def names_of(repositories: Sequence[Repository]) -> list[str]:
    """Return a name for each repository: that of its folder, with a number where an earlier one has the same."""
    names: list[str] = []
    for repository in repositories:
        name, number = repository.name, 1
        while name in names:
            number += 1
            name = f"{repository.name} ({number})"
        names.append(name)
    return names


def team_by_rules(rules: Sequence[Rule], *, file: str) -> TeamOf:
    """Return what gives a person's team: the first rule that fits any of the person's names and addresses.

    Addresses and their domains are compared without regard to capitals; a domain also fits those below it.

    Raises
    ------
    InputError
        K106 for a field that is none of `FIELDS`.
    """
    for rule in rules:
        if rule.field not in FIELDS:
            raise InputError(
                "K106",
                f"{rule.field!r} is no field of an author",
                hint=f"the fields are {', '.join(FIELDS)}",
                place=Place(file, rule.line),
            )
    first: dict[tuple[str, str], int] = {}
    for number, rule in enumerate(rules):
        value = rule.value if rule.field == "name" else rule.value.casefold().removeprefix("@")
        first.setdefault((rule.field, value), number)

    def team_of(pairs: Sequence[Identity]) -> str:
        fitting = [first[key] for pair in pairs for key in _keys(pair) if key in first]
        return rules[min(fitting)].team if fitting else ""

    return team_of


def _keys(pair: Identity) -> list[tuple[str, str]]:
    name, email = pair[0], pair[1].casefold()
    parts = email.rpartition("@")[2].split(".")
    return [("name", name), ("email", email), *(("domain", ".".join(parts[n:])) for n in range(len(parts)))]


def _check(repositories: Sequence[Any], *, files: str, renames: str, depth: int) -> None:
    wrong = {
        "no repository is named": not repositories,
        f"{files!r} is no kind of files; there are {' and '.join(KINDS)}": files not in KINDS,
        f"{renames!r} is no way to tell renames; there are {' and '.join(RENAMES)}": renames not in RENAMES,
        f"a depth of {depth} is none; areas are at least one folder deep": depth < 1,
        "a repository is named twice": len({Path(path).resolve() for path in repositories}) < len(repositories),
    }
    for sentence, so in wrong.items():
        if so:
            raise InputError("K106", sentence, hint="see equipoise knowledge --help")


def _of(progress: Told | None, name: str) -> Callable[[int, int], None] | None:
    if progress is None:
        return None
    return lambda done, total: progress(name, done, total)


def _git_s() -> float:
    """Return the processor seconds of the processes that this one started and that ended."""
    used = os.times()
    return used.children_user + used.children_system
