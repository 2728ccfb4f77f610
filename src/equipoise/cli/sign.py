"""``equipoise sign``: sign a charter's file, as what it does to the one in force."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def run(
    new: Annotated[Path, typer.Argument(help="The charter to sign, byte for byte.")],
    key: Annotated[
        Path, typer.Option("--key", "-k", metavar="FILE", help="Your private key: equipoise keys new NAME.")
    ],
    out: Annotated[
        Path | None,
        typer.Option(
            "--output",
            "-o",
            metavar="FILE",
            help="The envelope; one that is there gets your signature. NEW.dsse by default.",
        ),
    ] = None,
    act: Annotated[
        str, typer.Option("--as", help="amendment; emergency; withdrawal of a pending amendment; end of an emergency.")
    ] = "amendment",
    ledger: Annotated[
        Path | None,
        typer.Option("--ledger", metavar="FILE", help="Where the charter in force is, to say what changes."),
    ] = None,
    against: Annotated[
        Path | None, typer.Option("--against", metavar="OLD", help="The charter in force, as a file.")
    ] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what it does, as whom you would sign, and who is missing.")
    ] = False,
) -> None:
    """Sign a charter, or add your signature to those that are there.

    The signature is over the file's bytes: a changed comment is another charter. Read `--dry-run` before you sign.
    """
    from equipoise.cli.output import wrote
    from equipoise.cli.plan import show_amendment
    from equipoise.ledger.assent import PAYLOAD_TYPES
    from equipoise.tasks.amend import sign_charter, write_envelope
    from equipoise.tasks.keys import read_key
    from equipoise.tasks.plan import propose

    if act not in PAYLOAD_TYPES:
        raise typer.BadParameter("--as is one of " + ", ".join(PAYLOAD_TYPES))
    if ledger is not None and against is not None:
        raise typer.BadParameter("the charter in force is either in --ledger or --against")
    path = out if out is not None else new.with_name(new.name + ".dsse")
    proposal = propose(new, against, ledger=ledger)
    holder = read_key(key)
    signed = sign_charter(new, holder, act=act, to=path, old=proposal.before)
    who = "nobody: the key is on no board" if signed.seat is None else f"{signed.seat.member} of {signed.seat.board}"
    if dry_run:
        show_amendment(proposal, limit=20)
        typer.echo(f"\nYou would sign the {act} as {who}.")
        return
    write_envelope(signed.envelope, path)
    typer.echo(f"signed         {proposal.after.digest} ({act}) as {who}")
    wrote(path)
