"""Table ``[oidc]`` of ``equipoise.toml``: whose tokens are believed besides the lab's own, and what they make of their holder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, cast
from urllib.parse import urlsplit

from equipoise.errors import InputError
from equipoise.tasks.address import is_loopback
from equipoise.units import shown

ALGORITHMS = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "Ed25519", "EdDSA")
"""Signatures with a private key of the issuer; never ``none``, never one with a shared secret."""
ROLES = ("viewer", "operator", "signer", "auditor")


@dataclass(frozen=True, slots=True)
class OidcSettings:
    """The table.

    Parameters
    ----------
    issuer : str
        ``https``, or ``http`` to this machine; empty: nobody else's tokens are believed.
    audience : str
        Which the tokens must name.
    person, groups : str
        The claims with the person's name and groups.
    algorithms : tuple of str
        Of `ALGORITHMS`.
    roles : mapping of str to str
        By group: the role of who is in it. The first group that somebody is in counts, roles before teams.
    teams : mapping of str to str
        By group: the team that who is in it is a member of.
    everybody : str
        The role of who is in none of them: ``viewer``, or empty: they are refused.
    """

    issuer: str = ""
    audience: str = ""
    person: str = "preferred_username"
    groups: str = "groups"
    algorithms: tuple[str, ...] = ("RS256", "ES256")
    roles: Mapping[str, str] = field(default_factory=dict[str, str])
    teams: Mapping[str, str] = field(default_factory=dict[str, str])
    everybody: str = ""

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> OidcSettings:
        """Return settings from a table; raises ``InputError`` N140 for what cannot be.

        Examples
        --------
        >>> told = {"issuer": "https://id.lab.example", "audience": "equipoise", "teams": {"alignment": "safety.alignment"}}
        >>> OidcSettings.of(told).teams["alignment"]
        'safety.alignment'
        """
        values: dict[str, Any] = {}
        for name, value in table.items():
            values[name] = _read(name, value)
        found = cls(**values)
        if not found.issuer or not found.audience:
            raise _refused("needs issuer and audience", "which tokens are believed, and for whom they are")
        if not is_safe(found.issuer):
            raise _refused("issuer is no address of https (or of http on this machine)", "https://id.lab.example")
        if not found.algorithms or not set(found.algorithms) <= set(ALGORITHMS):
            raise _refused(f"algorithms cannot be {shown(', '.join(found.algorithms))}", ", ".join(ALGORITHMS))
        if not set(found.roles.values()) <= set(ROLES) or found.everybody not in ("", "viewer"):
            raise _refused("roles has one that is none", f"{', '.join(ROLES)}; members are in [oidc.teams]")
        return found


def is_safe(address: str) -> bool:
    """Whether nobody between can change what an address answers.

    Examples
    --------
    >>> is_safe("https://id.lab.example"), is_safe("http://id.lab.example"), is_safe("http://127.0.0.1:9000")
    (True, False, True)
    """
    try:
        parts = urlsplit(address)
        host = parts.hostname or ""
    except ValueError:
        return False
    return (
        bool(host)
        and "@" not in parts.netloc
        and (parts.scheme == "https" or (parts.scheme == "http" and is_loopback(host)))
    )


def _read(name: str, value: object) -> object:
    if name in ("issuer", "audience", "person", "groups", "everybody") and isinstance(value, str):
        return value
    if name == "algorithms" and isinstance(value, list):
        words = cast("list[object]", value)
        if all(isinstance(one, str) for one in words):
            return tuple(words)
    if name in ("roles", "teams") and isinstance(value, Mapping):
        pairs = cast("Mapping[str, object]", value)
        if all(isinstance(one, str) for one in pairs.values()):
            return dict(pairs)
    raise _refused(f"{shown(name)} is no setting, or has a value that cannot be", "see the page on serving")


def _refused(said: str, hint: str) -> InputError:
    return InputError("N140", f"[oidc] {said}", hint=hint)
