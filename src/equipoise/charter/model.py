"""A charter as exact values: pools, the tree of teams, and the rules that bind them.

Nothing here is text to be parsed: percentages are fractions, durations milliseconds, weights ten-thousandths, and what
a team inherits is already resolved. A team's place in ``Charter.teams`` is its *id* wherever teams are numbered.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Literal

from equipoise.charter.governance import Amendments, Board, Evidence, Gate
from equipoise.charter.promise import Commitment
from equipoise.errors import InputError
from equipoise.units import DAY_MS, HOUR_MS, MINUTE_MS

Reclaim = Literal["floors", "shares"]


@dataclass(frozen=True, slots=True)
class Pool:
    """Devices of one kind, scheduled together.

    Parameters
    ----------
    name, device : str
        The pool's name, and what its devices are called.
    nodes, gpus_per_node : int
        Planning capacity (``expect``); the live capacity replaces it.
    heh : Fraction
        H100-equivalent hours that one device-hour counts for.

    Examples
    --------
    >>> Pool("h100", "H100", 64, 8).capacity
    512
    """

    name: str
    device: str
    nodes: int
    gpus_per_node: int
    heh: Fraction = Fraction(1)

    @property
    def capacity(self) -> int:
        """Planning capacity in GPUs."""
        return self.nodes * self.gpus_per_node


@dataclass(frozen=True, slots=True)
class Share:
    """A part of something: a percentage of the same field of the parent, or an amount.

    Exactly one of the two is set.

    Parameters
    ----------
    fraction : Fraction or None
        ``20%`` is ``Fraction(1, 5)``.
    gpus : int or None
        Whole accelerators.

    Examples
    --------
    >>> Share(fraction=Fraction(1, 5)).of(Fraction(100)), Share(gpus=8).of(Fraction(100))
    (Fraction(20, 1), Fraction(8, 1))
    """

    fraction: Fraction | None = None
    gpus: int | None = None

    def __post_init__(self) -> None:
        assert (self.fraction is None) != (self.gpus is None), "a share is a fraction or an amount"

    def of(self, base: Fraction) -> Fraction:
        """Return the exact number of GPUs, given what the parent has."""
        if self.fraction is not None:
            return self.fraction * base
        assert self.gpus is not None
        return Fraction(self.gpus)

    @property
    def is_zero(self) -> bool:
        """Whether it is nothing, whatever the parent has."""
        return self.fraction == 0 if self.fraction is not None else self.gpus == 0


NOTHING = Share(fraction=Fraction(0))
EVERYTHING = Share(fraction=Fraction(1))


@dataclass(frozen=True, slots=True)
class Team:
    """A node of the charter's tree, with what it inherits resolved. Leaves alone hold workloads.

    Parameters
    ----------
    path, name : str
        ``safety.alignment`` and ``alignment``.
    parent : str or None
        The parent's path; None at the top.
    floor, limit : Mapping of pool name to Share
        One entry for every pool of the charter.
    weight_e4 : int
        Claim on what floors leave, in ten-thousandths (1 is 10,000).
    lend : Fraction
        How much of its own idle floor others may hold.
    recover_ms : int
        Longest wait for a lent floor.
    grace_ms, min_runtime_ms, reclaims_per_day : int
        What this team's borrowed jobs may count on.
    max_job : int or None
        Largest gang in GPUs, the smallest along the path; None is no limit.
    submit : tuple of str
        Who may submit: ``everyone``, ``group:NAME``, ``user:NAME``.
    owner : str or None
        The group that answers requests for credits.
    protected_by : tuple of str
        Boards that sign what weakens it, added up along the path, sorted.
    is_leaf : bool
        Whether it has no teams below it.
    """

    path: str
    name: str
    parent: str | None
    floor: Mapping[str, Share]
    limit: Mapping[str, Share]
    weight_e4: int = 10_000
    lend: Fraction = Fraction(1)
    recover_ms: int = HOUR_MS
    grace_ms: int = 10 * MINUTE_MS
    min_runtime_ms: int = 30 * MINUTE_MS
    reclaims_per_day: int = 4
    max_job: int | None = None
    submit: tuple[str, ...] = ("everyone",)
    owner: str | None = None
    protected_by: tuple[str, ...] = ()
    is_leaf: bool = True

    @property
    def depth(self) -> int:
        """1 at the top."""
        return self.path.count(".") + 1


@dataclass(frozen=True)
class Charter:
    """One charter: policy, and nothing else. Its name is the digest of the file's bytes.

    Parameters
    ----------
    lab : str
        Title.
    pools : tuple of Pool
        In the order of the file.
    teams : tuple of Team
        Preorder, siblings sorted by name; the position is the team's id.
    revision : int
        1, or the parent's plus 1.
    parent : str or None
        ``sha256:…`` of the file replaced.
    effective_ms : int or None
        Earliest start in Unix milliseconds; None is "now".
    timezone : str
        IANA name, for calendar windows and dates.
    usage_half_life_ms : int
        Fading of past use in the order above floors.
    reclaim : {'floors', 'shares'}
        What reclaim restores.
    commitments, release_gates, evidence, min_group, boards, amendments
        Promises, gates, and who watches and signs.
    digest : str
        ``sha256:`` and the hexadecimal digest of the file's bytes; empty if it was not read from a file.

    Examples
    --------
    >>> pool = Pool("h100", "H100", 2, 8)
    >>> team = Team("research", "research", None, {"h100": NOTHING}, {"h100": EVERYTHING})
    >>> Charter(lab="Small", pools=(pool,), teams=(team,)).leaves[0].path
    'research'
    """

    lab: str
    pools: tuple[Pool, ...]
    teams: tuple[Team, ...]
    revision: int = 1
    parent: str | None = None
    effective_ms: int | None = None
    timezone: str = "UTC"
    usage_half_life_ms: int = 7 * DAY_MS
    reclaim: Reclaim = "floors"
    commitments: tuple[Commitment, ...] = ()
    release_gates: tuple[Gate, ...] = ()
    evidence: Evidence = field(default_factory=Evidence)
    min_group: int = 8
    boards: tuple[Board, ...] = ()
    amendments: Amendments | None = None
    digest: str = ""
    _ids: dict[str, int] = field(init=False, repr=False, compare=False)
    _children: dict[str | None, list[int]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        children: dict[str | None, list[int]] = {None: []}
        for number, team in enumerate(self.teams):
            children[team.path] = []
            children[team.parent].append(number)
        object.__setattr__(self, "_ids", {team.path: number for number, team in enumerate(self.teams)})
        object.__setattr__(self, "_children", children)

    @property
    def leaves(self) -> tuple[Team, ...]:
        """The teams that hold workloads, in order of id."""
        return tuple(team for team in self.teams if team.is_leaf)

    @property
    def parents(self) -> tuple[int, ...]:
        """Each team's parent as an id, -1 at the top."""
        return tuple(-1 if team.parent is None else self._ids[team.parent] for team in self.teams)

    def children(self, path: str | None) -> tuple[Team, ...]:
        """Return the teams directly below ``path`` (None: the top), sorted by name."""
        return tuple(self.teams[number] for number in self._children[path])

    def id_of(self, path: str) -> int:
        """Return the team's position in ``teams``; raises ``InputError`` C301 when there is none."""
        try:
            return self._ids[path]
        except KeyError:
            raise InputError("C301", f"no team '{path}'", hint="teams: " + ", ".join(list(self._ids)[:20])) from None

    def team(self, path: str) -> Team:
        """Return the team of that full path; raises ``InputError`` C301 when there is none."""
        return self.teams[self.id_of(path)]

    def pool(self, name: str) -> Pool:
        """Return the pool of that name; raises ``InputError`` C301 when there is none."""
        for pool in self.pools:
            if pool.name == name:
                return pool
        raise InputError("C301", f"no pool '{name}'", hint="pools: " + ", ".join(pool.name for pool in self.pools))
