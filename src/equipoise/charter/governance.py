"""Who watches and who signs: boards, amendments, release gates, evidence."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

from equipoise.units import DAY_MS, HOUR_MS


@dataclass(frozen=True, slots=True)
class Board:
    """People of whom ``quorum`` must sign. One person, one key, one board.

    Parameters
    ----------
    name : str
    quorum : int
        How many distinct members must sign.
    members : Mapping of str to bytes
        Name to Ed25519 public key (32 bytes).
    """

    name: str
    quorum: int
    members: Mapping[str, bytes]


@dataclass(frozen=True, slots=True)
class Requirement:
    """The boards that must sign a class of amendments, and how long it is announced beforehand."""

    needs: tuple[str, ...]
    notice_ms: int


@dataclass(frozen=True, slots=True)
class Emergency:
    """A bounded change without notice: by whom, how long, what share of floors it must keep, how often."""

    by: str
    lasts_ms: int = 72 * HOUR_MS
    keep: Fraction = Fraction(3, 4)
    per_quarter: int = 2


@dataclass(frozen=True, slots=True)
class Amendments:
    """Who signs what: the rules by which a charter is replaced."""

    ordinary: Requirement
    weakening: Requirement
    constitution: Requirement
    emergency: Emergency | None = None


@dataclass(frozen=True, slots=True)
class Stage:
    """A stage of a release gate.

    Parameters
    ----------
    name : str
    quota : Fraction
        Of the team's limit per pool that the release may use.
    needs : Mapping of str to str
        Attestation type to the board that signs it.
    after_ms : int
        How long the release must have been in the stage before.
    """

    name: str
    quota: Fraction
    needs: Mapping[str, str]
    after_ms: int = 0


@dataclass(frozen=True, slots=True)
class Gate:
    """A release gate: services of ``teams`` run releases that pass its stages in order."""

    name: str
    teams: tuple[str, ...]
    stages: tuple[Stage, ...]
    max_age_ms: int = 180 * DAY_MS
    drain_ms: int = 0
    protected_by: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Evidence:
    """What a window's record must hold; a window with less is undecided."""

    checkpoint_every_ms: int = 24 * HOUR_MS
    witnesses: int = 0
