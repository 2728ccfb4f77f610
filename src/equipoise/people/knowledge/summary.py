"""What a lab's people know, as aggregates: of all files, by repository, by area and by team.

`summarise` is the main path: it makes people of identities, authors of files and groups of areas and teams. This is the one
place that turns what is known of single people into what is told, and it tells nothing of fewer than `GROUP_MIN`.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from equipoise.people.groups import GROUP_MIN, REST, folded
from equipoise.people.knowledge.authorship import authors, by_person
from equipoise.people.knowledge.history import History
from equipoise.people.knowledge.identities import Identities
from equipoise.people.knowledge.ramp_up import RampUp, ramp_up
from equipoise.people.knowledge.truck_factor import covered_after, effective_authors, expected_after, truck_factor

DAY_S = 86_400
ACTIVE_DAYS = 365
DEPARTURES = 10
BOT = -1

Identity = tuple[str, str]
TeamOf = Callable[[Sequence[Identity]], str]
"""Gives the team of a person, all of whose names and addresses it gets; ``""`` for none."""


@dataclass(frozen=True, slots=True)
class Figures:
    """What is told of one set of files. Figures about fewer than eight people are None.

    Parameters
    ----------
    name : str
        Repository or area, which begins with its repository; ``""`` for everything, or for the rest.
    files : int
    people : int or None
        Who made or changed any of them.
    truck_factor : int or None
    covered : tuple of float
        Part of the files with an author left when 0, 1, … up to the truck factor of the main authors have gone: how close
        the truck factor is to being another.
    effective_authors : float or None
        1 ÷ Σ (share of authorships)².
    active : int or None
        Of ``people``, those with a commit in the year before the latest one.
    orphaned : float or None
        Part of the files none of whose authors is active.
    """

    name: str
    files: int
    people: int | None = None
    truck_factor: int | None = None
    covered: tuple[float, ...] = ()
    effective_authors: float | None = None
    active: int | None = None
    orphaned: float | None = None


@dataclass(frozen=True, slots=True)
class Departure:
    """What part of the files keeps an active author after ``departures`` people have left.

    Parameters
    ----------
    departures : int
    main : float
        If the authors of the most files leave.
    drawn : float
        On average, if those who leave are drawn blindly from the active people.
    """

    departures: int
    main: float
    drawn: float


@dataclass(frozen=True, slots=True)
class TeamKnowledge:
    """What a team knows.

    Parameters
    ----------
    name : str
        ``""`` for people without a team together with teams that are too small.
    people : int
    knows : float
        Part of the files with an author in the team.
    alone : float
        Part of the files all of whose authors are in the team: what leaves with it.
    """

    name: str
    people: int
    knows: float
    alone: float


@dataclass(frozen=True, slots=True)
class TeamArea:
    """What a team knows of an area: at least eight of its people made or changed files there.

    Parameters
    ----------
    team, area : str
        Areas are divided for each team by itself: what fewer than eight of its people changed is part of what lies above it.
    files, people : int
        Of the area, and of the team in it.
    knows : float
        Part of those files with an author in the team.
    """

    team: str
    area: str
    files: int
    people: int
    knows: float


@dataclass(frozen=True, slots=True)
class Knowledge:
    """What a lab's people know of its files.

    Parameters
    ----------
    names : tuple of str
        Of the repositories.
    total : Figures
    repositories, areas : tuple of Figures
        Each divides the files; what fewer than eight people changed is part of what lies above it, or of the rest.
    teams : tuple of TeamKnowledge
        They divide the people.
    team_areas : tuple of TeamArea
        For each team they divide the files.
    departures : tuple of Departure
        From 0 departures; empty if fewer than eight people are active.
    ramp_up : RampUp or None
        None if fewer than eight newcomers can be followed.
    commits, bot_commits : int
        Commits that are no merges, and how many of them programs made, which do not count as people.
    left_out : int
        Files that do not count by their kind or by a pattern.
    untraced : int
        Files that no commit by a person accounts for, such as those that only a merge brought; they do not count.
    begin_s, end_s : int
        Time of the earliest and latest commit.
    """

    names: tuple[str, ...]
    total: Figures
    repositories: tuple[Figures, ...]
    areas: tuple[Figures, ...]
    teams: tuple[TeamKnowledge, ...]
    team_areas: tuple[TeamArea, ...]
    departures: tuple[Departure, ...]
    ramp_up: RampUp | None
    commits: int
    bot_commits: int
    left_out: int
    untraced: int
    begin_s: int
    end_s: int

    def to_dict(self) -> dict[str, Any]:
        """Return plain data."""
        return {"group_min": GROUP_MIN, "active_days": ACTIVE_DAYS, **asdict(self)}


@dataclass(frozen=True, slots=True)
class _File:
    path: str
    repository: str
    authors: tuple[int, ...]
    people: frozenset[int]


@dataclass(slots=True)
class _Files:
    """The files that count, and how many do not."""

    files: list[_File] = field(default_factory=list[_File])
    left_out: int = 0
    untraced: int = 0


Repository = tuple[History, Collection[str] | None]
"""A history with the paths of the files that are there at its end; None: those that the commits left."""


def summarise(
    repositories: Sequence[Repository],
    identities: Identities,
    *,
    counts: Callable[[str], bool],
    depth: int = 1,
    merge: bool = True,
    team_of: TeamOf | None = None,
) -> Knowledge:
    """Return what the people of some repositories know of their files.

    Parameters
    ----------
    repositories : sequence of (History, paths or None)
    identities : Identities
        Those of the histories.
    counts : callable
        Whether the file of a path, within its repository, counts.
    depth : int
        How many folders deep areas are told apart.
    merge : bool
        Whether identities that share an address or a full name are one person.
    team_of : callable or None
        None: no teams.
    """
    bots = identities.bots()
    people = [BOT if who in bots else person for who, person in enumerate(identities.people(merge=merge))]
    known = _files(repositories, people, counts)
    files = known.files
    commits = [
        (people[who], when_s)
        for history, _ in repositories
        for who, when_s in zip(history.who, history.when_s, strict=True)
    ]
    times = [when_s for _, when_s in commits]
    active = _active(commits)
    total = _figures("", files, active)
    members = {} if team_of is None else _team_members(files, people, identities, team_of)
    return Knowledge(
        names=tuple(legible(history.name) for history, _ in repositories),
        total=total,
        repositories=_areas(files, active, depth=0),
        areas=_areas(files, active, depth=depth),
        teams=_teams(files, members),
        team_areas=_team_areas(files, members, depth=depth),
        departures=_departures(files, active),
        ramp_up=_told(ramp_up(commit for commit in commits if commit[0] != BOT)),
        commits=len(commits),
        bot_commits=sum(1 for person, _ in commits if person == BOT),
        left_out=known.left_out,
        untraced=known.untraced,
        begin_s=min(times, default=0),
        end_s=max(times, default=0),
    )


def _files(repositories: Sequence[Repository], people: Sequence[int], counts: Callable[[str], bool]) -> _Files:
    found = _Files()
    for history, tree in repositories:
        records = history.files(tree)
        for path in sorted(records if tree is None else tree):
            if not counts(path):
                found.left_out += 1
                continue
            record = records.get(path)
            creators, changes = by_person(record.creators, record.changes, people) if record is not None else ((), {})
            if not changes:
                found.untraced += 1
                continue
            of = authors(creators, changes)
            found.files.append(_File(path, history.name, of, frozenset(changes)))
    return found


def _active(commits: Iterable[tuple[int, int]]) -> set[int]:
    """Return who committed in the last year before the latest commit."""
    latest: dict[int, int] = {}
    for person, when_s in commits:
        if when_s > latest.get(person, when_s - 1):
            latest[person] = when_s
    end_s = max(latest.values(), default=0)
    return {person for person, when_s in latest.items() if when_s > end_s - ACTIVE_DAYS * DAY_S} - {BOT}


def _figures(name: str, files: Sequence[_File], active: set[int]) -> Figures:
    people = _people_of(files)
    if len(people) < GROUP_MIN:
        return Figures(name, len(files))
    of_files = [file.authors for file in files]
    there = people & active
    factor = truck_factor(of_files)
    return Figures(
        name,
        len(files),
        people=len(people),
        truck_factor=factor,
        covered=tuple(number / len(files) for number in covered_after(of_files, most=factor)),
        effective_authors=effective_authors(of_files),
        active=len(there),
        orphaned=sum(1 for of in of_files if there.isdisjoint(of)) / len(files),
    )


def _people_of(files: Iterable[_File]) -> set[int]:
    people: set[int] = set()
    for file in files:
        people |= file.people
    return people


def _areas(files: Sequence[_File], active: set[int], *, depth: int) -> tuple[Figures, ...]:
    """Return the figures of repositories, or of their folders to some depth, in the order of `Knowledge.areas`."""
    groups = folded(_by_area(files, depth), lambda of: len(_people_of(of)), separator="/")
    told = [_figures(legible(name), list(of), active) for name, of in groups.items()]
    return tuple(sorted(told, key=lambda figures: (figures.name == REST, -figures.files, figures.name)))


def _by_area(files: Iterable[_File], depth: int) -> dict[str, set[_File]]:
    found: dict[str, set[_File]] = {}
    for file in files:
        folders = file.path.split("/")[:-1][:depth]
        found.setdefault("/".join([file.repository, *folders]), set()).add(file)
    return found


def legible(name: str) -> str:
    r"""Return a name of a file that can be printed: bytes that are not UTF-8, and control characters, by their number.

    Examples
    --------
    >>> legible("caf\udce9"), legible("a\x1b[2J")
    ('caf\\xe9', 'a\\x1b[2J')
    """
    text = name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return "".join(letter if letter.isprintable() else ascii(letter)[1:-1] for letter in text)


def _team_members(
    files: Sequence[_File], people: Sequence[int], identities: Identities, team_of: TeamOf
) -> dict[str, set[int]]:
    seen = _people_of(files)
    names: dict[int, list[Identity]] = {}
    for pair, person in zip(identities.pairs(), people, strict=True):
        if person in seen:
            names.setdefault(person, []).append(pair)
    members: dict[str, set[int]] = {}
    for person, pairs in names.items():
        members.setdefault(team_of(pairs), set()).add(person)
    return members


def _teams(files: Sequence[_File], members: Mapping[str, set[int]]) -> tuple[TeamKnowledge, ...]:
    told: list[TeamKnowledge] = []
    for name, of in _large(members):
        knows = sum(1 for file in files if not of.isdisjoint(file.authors))
        alone = sum(1 for file in files if file.authors and of.issuperset(file.authors))
        told.append(TeamKnowledge(name, len(of), knows / len(files), alone / len(files)))
    return tuple(told)


def _team_areas(files: Sequence[_File], members: Mapping[str, set[int]], *, depth: int) -> tuple[TeamArea, ...]:
    """Return what each team knows of each area in which it has eight people, and of the rest."""
    told: list[TeamArea] = []
    for name, of in _large(members):

        def there(group: set[_File], of: set[int] = of) -> int:
            return len(of & _people_of(group))

        areas = folded(_by_area(files, depth), there, separator="/")
        for area, group in sorted(areas.items(), key=lambda item: (item[0] == REST, item[0])):
            knows = sum(1 for file in group if not of.isdisjoint(file.authors))
            told.append(TeamArea(name, legible(area), len(group), there(group), knows / len(group)))
    return tuple(told)


def _large(members: Mapping[str, set[int]]) -> list[tuple[str, set[int]]]:
    """Return teams of eight or more, by name, and the rest at last."""
    return sorted(folded(members, len, separator=".").items(), key=lambda item: (item[0] == REST, item[0]))


def _departures(files: Sequence[_File], active: set[int]) -> tuple[Departure, ...]:
    there = _people_of(files) & active
    if len(there) < GROUP_MIN:
        return ()
    left = [tuple(person for person in file.authors if person in there) for file in files]
    most = min(DEPARTURES, len(there))
    main = covered_after(left, most=most)
    main += [main[-1]] * (most + 1 - len(main))  # fewer authors than that
    return tuple(
        Departure(n, main[n] / len(files), expected_after(left, len(there), n) / len(files)) for n in range(most + 1)
    )


def _told(of: RampUp) -> RampUp | None:
    return of if of.newcomers >= GROUP_MIN else None
