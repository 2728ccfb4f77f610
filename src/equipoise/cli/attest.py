"""``equipoise attest``: state that a release passed what a gate asks for, or take that back, and sign it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from equipoise.gates.statement import Statement


def run(
    type_: Annotated[
        str | None, typer.Option("--type", help="What is attested: a name that the gate's stages need.")
    ] = None,
    releases: Annotated[
        list[str] | None,
        typer.Option("--release", metavar="sha256:…", help="The digest of the model. Repeat for more."),
    ] = None,
    keys: Annotated[
        list[str] | None, typer.Option("--key", metavar="FILE", help="Sign with this private key. Repeat for more.")
    ] = None,
    revoke: Annotated[
        bool, typer.Option("--revoke", help="Take back what was attested of this type until now.")
    ] = False,
    cosigned: Annotated[
        str | None, typer.Option("--cosign", metavar="FILE", help="Sign what somebody else has stated in this file.")
    ] = None,
    issued: Annotated[str | None, typer.Option("--issued", metavar="DATE", help="When; default: now.")] = None,
    expires: Annotated[
        str | None, typer.Option("--expires", metavar="DATE", help="When it ends, if sooner than the gate's max_age.")
    ] = None,
    note: Annotated[str, typer.Option("--note", help="What signers want to add, such as where the report is.")] = "",
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE", help="Write it here; default: standard output.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Print the statement as it would be signed.")] = False,
) -> None:
    """State that a release passed what a gate asks for (or, with --revoke, take that back), and sign it.

    Dates are UTC. Everybody of a quorum signs the same statement: the first makes it, the others add theirs with --cosign.
    """
    from equipoise.charter_io import moment_ms
    from equipoise.gates.statement import Kind, parse_attested, parse_statement, statement_bytes
    from equipoise.tasks.gate import attest, cosign, now_ms, write

    made = (type_, releases, issued, expires, note or None)
    if cosigned is not None and (revoke or any(value is not None for value in made)):
        raise typer.BadParameter(
            "--cosign FILE signs what the file states: only --key, --output and --dry-run go with it"
        )
    if not keys and not dry_run:
        raise typer.BadParameter("name a key with --key FILE, or look at the statement with --dry-run")
    if cosigned is not None:
        envelope, statement = cosign(cosigned, keys or ())
        payload = parse_attested(envelope)[0].payload
    elif type_ is None or not releases:
        raise typer.BadParameter("a statement needs --type and --release")
    else:
        payload = statement_bytes(
            Kind.REVOCATION if revoke else Kind.ATTESTATION,
            type_,
            releases,
            issued_ms=now_ms() if issued is None else moment_ms(issued, "UTC"),
            expires_ms=None if expires is None else moment_ms(expires, "UTC"),
            note=note,
        )
        statement = parse_statement(payload)
        envelope = attest(payload, keys or ())
    if dry_run:
        typer.echo(json.dumps(json.loads(payload), indent=2, ensure_ascii=False))
        return
    typer.echo(_sentence(statement), err=True)
    if output is None:
        typer.echo(envelope.decode())
    else:
        write(envelope, output)


def _sentence(statement: Statement) -> str:
    """Say what was signed, so that who adds a signature sees under what."""
    from equipoise.charter.explanation import instant_text, listed
    from equipoise.units import shown

    until = "" if statement.expires_ms is None else f", until {instant_text(statement.expires_ms)}"
    note = f", noting {shown(statement.note, width=400)}" if statement.note else ""
    when = instant_text(statement.issued_ms)
    return f"Signed: {statement.kind.value} of {statement.type} for {listed(statement.releases)} on {when}{until}{note}"
