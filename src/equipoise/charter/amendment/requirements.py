"""Who must sign an amendment, and how long it is announced before it takes force: decided by what it does.

`needs` is the main path. All of it is read from the charter in force; only the new quorum of a board that changes, and of
those that are to sign constitutional amendments from now on, is read from the amendment and needed in addition: a rotation
works under the old rules and under the new ones, and no typing error can lock everybody out.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

from equipoise.charter.amendment.effects import Effect, effect
from equipoise.charter.governance import Requirement
from equipoise.charter.model import Charter

By = Literal["in force", "new"]


class Seat(NamedTuple):
    """A member of a board."""

    board: str
    member: str


@dataclass(frozen=True, slots=True)
class Quorum:
    """A board that must sign: so many distinct members of it.

    Parameters
    ----------
    board : str
    by : {'in force', 'new'}
        The charter that says who is on the board, and how many must sign.
    quorum : int
    members : Mapping of str to bytes
        Name to public key; of those whose key and name count for this board.
    why : tuple of str
        What it is needed for, in words.
    """

    board: str
    by: By
    quorum: int
    members: Mapping[str, bytes]
    why: tuple[str, ...]


class Constitutional(NamedTuple):
    """A constitutional field that differs, and the boards that it names in the charter in force."""

    field: str
    boards: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Needs:
    """What an amendment needs to take force.

    Parameters
    ----------
    effect : Effect
    constitutional : tuple of Constitutional
    quorums : tuple of Quorum
        In the order of the boards; by the charter in force before by the new one. Empty for a charter without boards:
        anyone who can enter an amendment may.
    notice_ms : int
        From the last needed signature to force.
    """

    effect: Effect
    constitutional: tuple[Constitutional, ...]
    quorums: tuple[Quorum, ...]
    notice_ms: int


def needs(old: Charter, new: Charter) -> Needs:
    """Return who must sign an amendment, and its notice.

    Parameters
    ----------
    old : Charter
        The charter in force.
    new : Charter
        The amendment.

    Examples
    --------
    >>> from equipoise.charter import EVERYTHING, NOTHING, Amendments, Board, Pool, Team
    >>> rule = Amendments(Requirement(("executive",), 0), Requirement(("executive",), 14), Requirement(("directors",), 30))
    >>> boards = tuple(Board(name, 1, {f"{name}-1": bytes([n] * 32)}) for n, name in enumerate(("directors", "executive")))
    >>> def lab(weight: int) -> Charter:
    ...     teams = (Team("a", "a", None, {"p": NOTHING}, {"p": EVERYTHING}, weight_e4=weight),
    ...              Team("safety", "safety", None, {"p": NOTHING}, {"p": EVERYTHING}, protected_by=("directors",)))
    ...     return Charter("Lab", (Pool("p", "GPU", 1, 8),), teams, boards=boards, amendments=rule)
    >>> found = needs(lab(10_000), lab(20_000))
    >>> [(quorum.board, quorum.why) for quorum in found.quorums], found.notice_ms
    ([('directors', ('protects team safety',)), ('executive', ('ordinary amendments', 'weakening'))], 14)
    """
    done = effect(old, new)
    differs = tuple(constitutional(old, new))
    asked: dict[tuple[By, str], list[str]] = {}
    notice_ms = 0
    for why, rule in _rules(old, weakens=bool(done.weakened), is_constitutional=bool(differs)):
        notice_ms = max(notice_ms, rule.notice_ms)
        for board in rule.needs:
            asked.setdefault(("in force", board), []).append(why)
    for thing in done.weakened:
        for board in thing.protected_by:
            asked.setdefault(("in force", board), []).append(f"protects {thing.kind} {thing.name}")
    for field, boards in differs:
        for board in boards:
            asked.setdefault(("in force", board), []).append(f"{field} changes")
    for board, why in _of_the_new(old, new):
        asked.setdefault(("new", board), []).append(why)
    return Needs(done, differs, tuple(_quorums(old, new, asked)), notice_ms)


def constitutional(old: Charter, new: Charter) -> Iterator[Constitutional]:
    """Yield the constitutional fields that differ: who signs and watches, and who protects what both charters have."""
    before, after = ({board.name: board for board in charter.boards} for charter in (old, new))
    for name in dict.fromkeys([*before, *after]):
        if before.get(name) != after.get(name):
            yield Constitutional(f"boards.{name}", (name,) if name in before else ())
    for field, was, now in (
        ("amendments", old.amendments, new.amendments),
        ("evidence", old.evidence, new.evidence),
        ("people", old.min_group, new.min_group),
    ):
        if was != now:
            yield Constitutional(field, ())
    are = _protections(new)
    for what, was in _protections(old).items():
        if what in are and set(was) != set(are[what]):
            yield Constitutional(f"protected_by of {what}", was)


def seats(charter: Charter) -> dict[bytes, Seat]:
    """Return whose signature a key gives. A key counts once, for one name on one board, and a name for one key.

    `check` refuses a charter that says otherwise (C302); here the first place holds, so that no charter makes two of one.
    """
    found: dict[bytes, Seat] = {}
    names: set[str] = set()
    for board in charter.boards:
        for member, key in board.members.items():
            if key not in found and member not in names:
                found[key] = Seat(board.name, member)
                names.add(member)
    return found


def _rules(old: Charter, *, weakens: bool, is_constitutional: bool) -> Iterator[tuple[str, Requirement]]:
    rules = old.amendments
    if rules is None:
        return
    yield "ordinary amendments", rules.ordinary
    if weakens:
        yield "weakening", rules.weakening
    if is_constitutional:
        yield "constitution", rules.constitution


def _protections(charter: Charter) -> dict[str, tuple[str, ...]]:
    """Return who protects what, by its kind and name; of a team along its path."""
    return {
        **{f"team {team.path}": team.protected_by for team in charter.teams},
        **{f"promise {promise.name}": promise.protected_by for promise in charter.commitments},
        **{f"gate {gate.name}": gate.protected_by for gate in charter.release_gates},
    }


def _of_the_new(old: Charter, new: Charter) -> Iterator[tuple[str, str]]:
    """Yield boards whose quorum by the amendment itself must sign too."""
    before = {board.name: board for board in old.boards}
    for board in new.boards:
        if before.get(board.name) != board:
            yield board.name, f"boards.{board.name} changes"
    now = () if new.amendments is None else new.amendments.constitution.needs
    was = () if old.amendments is None else old.amendments.constitution.needs
    if set(now) != set(was):
        yield from ((board, "signs constitutional amendments from now on") for board in now)


def _quorums(old: Charter, new: Charter, asked: Mapping[tuple[By, str], Sequence[str]]) -> Iterator[Quorum]:
    """Yield a quorum for each board that is asked; one where both charters say the same of it."""
    before, after = ({board.name: board for board in charter.boards} for charter in (old, new))
    for name in dict.fromkeys([*before, *after]):
        in_force, anew = asked.get(("in force", name), ()), asked.get(("new", name), ())
        if before.get(name) == after.get(name):
            in_force, anew = [*in_force, *anew], ()
        if in_force:
            yield quorum_of(old, name, why=in_force)
        if anew:
            yield quorum_of(new, name, by="new", why=anew)


def quorum_of(charter: Charter, name: str, *, by: By = "in force", why: Sequence[str] = ()) -> Quorum:
    """Return the quorum of a board, with those of its members whose key and name count for it."""
    board = next(board for board in charter.boards if board.name == name)
    held = seats(charter)
    members = {name: key for name, key in board.members.items() if held.get(key) == (board.name, name)}
    return Quorum(board.name, by, board.quorum, members, tuple(dict.fromkeys(why)))
