"""Who may do what: one table of rights for each role; what a right covers is said by the route that asks for it."""

from __future__ import annotations

from enum import StrEnum

from equipoise.errors import AuthorizationError


class Role(StrEnum):
    """What a token's holder is to the lab."""

    VIEWER = "viewer"
    MEMBER = "member"
    """Of a team: submits, cancels and asks for credits there and in the teams below it."""
    OPERATOR = "operator"
    """Runs the machine: drains nodes, cancels anybody's job. Neither grants credits nor changes the charter."""
    SIGNER = "signer"
    """Brings charters that others signed; their signatures are checked all the same."""
    AUDITOR = "auditor"
    """Reads the whole ledger."""


class Right(StrEnum):
    """What a route asks for."""

    LOOK = "look"
    """How everything stands: pools, teams, jobs, requests, charter."""
    READ_LEDGER = "read the ledger"
    SUBMIT = "submit jobs"
    """For the holder's own team."""
    CANCEL = "cancel jobs"
    """Of the holder's own team."""
    CANCEL_ANY = "cancel anybody's job"
    ASK = "ask for credits"
    """For the holder's own team."""
    ANSWER = "answer requests"
    """Only as the owner of the team in the charter in force, whatever the role."""
    DRAIN = "drain nodes"
    ENACT = "bring a charter into force"
    MANAGE_TOKENS = "manage tokens"
    MANAGE_HOOKS = "manage webhooks"
    SIMULATE = "simulate charters"
    """On the jobs that this lab recorded; it takes processor time."""


_LOOKS = frozenset({Right.LOOK})
_TEAM = frozenset({Right.SUBMIT, Right.CANCEL, Right.ASK, Right.ANSWER, Right.SIMULATE})
RIGHTS: dict[Role, frozenset[Right]] = {
    Role.VIEWER: _LOOKS,
    Role.MEMBER: _LOOKS | _TEAM,
    Role.OPERATOR: _LOOKS
    | {Right.CANCEL_ANY, Right.DRAIN, Right.MANAGE_TOKENS, Right.MANAGE_HOOKS, Right.READ_LEDGER, Right.SIMULATE},
    Role.SIGNER: _LOOKS | {Right.ENACT, Right.ANSWER, Right.READ_LEDGER, Right.SIMULATE},
    Role.AUDITOR: _LOOKS | {Right.READ_LEDGER, Right.SIMULATE},
}


def require(role: Role, right: Right) -> None:
    """Raise ``AuthorizationError`` N133 unless a role has a right.

    Examples
    --------
    >>> require(Role.OPERATOR, Right.DRAIN)
    >>> require(Role.VIEWER, Right.DRAIN)
    Traceback (most recent call last):
    ...
    equipoise.errors.AuthorizationError: N133 a viewer may not drain nodes (hint: operator may)
    """
    require_any(role, (right,))


def require_any(role: Role, rights: tuple[Right, ...]) -> None:
    """Raise ``AuthorizationError`` N133 unless a role has one of some rights."""
    if not RIGHTS[role] & set(rights):
        may = ", ".join(one.value for one, has in RIGHTS.items() if has & set(rights))
        raise AuthorizationError(
            "N133", f"a{'n' if role.value[0] in 'aeiou' else ''} {role} may not {rights[0]}", hint=f"{may} may"
        )


def covers(team: str, path: str) -> bool:
    """Whether the member of a team acts for a path: the team itself, or one below it.

    Examples
    --------
    >>> covers("safety", "safety.alignment"), covers("safety", "safetynet"), covers("", "safety")
    (True, False, False)
    """
    return bool(team) and (path == team or path.startswith(team + "."))
