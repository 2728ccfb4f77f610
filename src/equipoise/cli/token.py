"""``equipoise token``: make tokens, list and revoke them, and keep the one that commands show."""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from equipoise.api.tokens import Tokens

ACTIONS = ("new", "list", "revoke", "use")


def run(
    action: Annotated[str, typer.Argument(help="new, list, revoke, or use: keep the token that standard input has.")],
    name: Annotated[
        str | None,
        typer.Argument(help="Of `new` the person, of `revoke` the token's name, of `use` the server's address."),
    ] = None,
    role: Annotated[str, typer.Option("--role", help="viewer, member, operator, signer or auditor.")] = "member",
    team: Annotated[str, typer.Option("--team", "-t", help="Of a member: acts for it and the teams below it.")] = "",
    groups: Annotated[
        list[str] | None, typer.Option("--group", metavar="NAME", help="A group of the charter that the person is in.")
    ] = None,
    lasts: Annotated[
        str | None, typer.Option("--lasts", metavar="DURATION", help="When it expires: 30d. Default: never.")
    ] = None,
    folder: Annotated[
        Path | None,
        typer.Option("--folder", metavar="DIR", help="The lab's folder on this machine, instead of its server."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Make tokens, list and revoke them (which takes an operator's token, or the lab's folder), or keep one for later commands."""
    from equipoise.api.roles import Role
    from equipoise.units import duration_ms

    if action not in ACTIONS:
        raise typer.BadParameter("one of " + ", ".join(ACTIONS))
    if action in ("new", "revoke") and not name:
        raise typer.BadParameter("whose token?" if action == "new" else "which token?")
    if action == "use":
        _use(name)
    elif action == "new":
        if role not in list(Role):
            raise typer.BadParameter("--role is one of " + ", ".join(Role))
        assert name is not None
        lasts_ms = None if lasts is None else duration_ms(lasts)
        text = _new(name, Role(role), team, tuple(groups or ()), lasts_ms, folder)
        typer.echo(json.dumps({"token": text.split("_")[1], "text": text}) if as_json else text)
    elif action == "revoke":
        assert name is not None
        _revoke(name, folder)
        typer.echo(f"{name} opens nothing any more", err=True)
    else:
        rows = _listed(folder)
        typer.echo(json.dumps(rows, indent=2) if as_json else "\n".join(map(_line, rows)))


def _use(address: str | None) -> None:
    from equipoise.api.client import DEFAULT_SERVER, keep

    if sys.stdin.isatty():
        import getpass

        text = getpass.getpass("Token: ")
    else:
        text = sys.stdin.readline()
    path = keep(address or DEFAULT_SERVER, text.strip())
    typer.echo(f"Kept in {path}, for {address or DEFAULT_SERVER}", err=True)


def _new(person: str, role: Any, team: str, groups: tuple[str, ...], lasts_ms: int | None, folder: Path | None) -> str:
    if folder is not None:
        return _tokens(folder).new(person, role, team=team, groups=groups, lasts_ms=lasts_ms)
    from equipoise.api.client import calling

    with calling() as client:
        body = {"person": person, "role": str(role), "team": team, "groups": list(groups), "lasts_ms": lasts_ms}
        return str(client.post("/tokens", body)["text"])


def _revoke(token: str, folder: Path | None) -> None:
    if folder is not None:
        _tokens(folder).revoke(token)
        return
    from equipoise.api.client import calling

    with calling() as client:
        client.delete(f"/tokens/{token}")


def _listed(folder: Path | None) -> list[dict[str, Any]]:
    if folder is not None:
        from dataclasses import asdict

        found = _tokens(folder).all()
        return [{**asdict(kept.bearer), "created_ms": kept.created_ms, "revoked_ms": kept.revoked_ms} for kept in found]
    from equipoise.api.client import calling

    with calling() as client:
        return list(client.rows("/tokens", limit=1000))


def _tokens(folder: Path) -> Tokens:
    from equipoise.api.tokens import Tokens
    from equipoise.tasks.serve import TOKENS

    return Tokens(folder / TOKENS, lambda: time.time_ns() // 1_000_000)


def _line(row: dict[str, Any]) -> str:
    from equipoise.charter.explanation import instant_text

    state = f"expires {instant_text(row['expires_ms'])}" if row["expires_ms"] is not None else ""
    state = f"revoked {instant_text(row['revoked_ms'])}" if row["revoked_ms"] is not None else state
    return f"{row['token']}  {row['role']:<8}  {row['person']}  {row['team']}  {state}".rstrip()
