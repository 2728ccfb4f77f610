"""``equipoise witness``: cosign what continues what was seen, and nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer


def run(
    key: Annotated[Path, typer.Option("--key", help="The witness's key: equipoise keys new NAME --kind witness.")],
    log: Annotated[
        list[str], typer.Option("--log", help="The verifier key of a ledger to watch, or its file. Repeat for more.")
    ],
    state: Annotated[
        Path, typer.Option("--state", help="Where to remember what was seen; never restore it from a backup.")
    ],
    host: Annotated[str, typer.Option("--host", help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="0 takes a free one.")] = 7333,
) -> None:
    """Serve as a witness: cosign each head of a ledger that continues what was seen of it, and no other.

    A lab that shows different people different ledgers cannot get both cosigned. Run it where the lab has no say.
    """
    from equipoise.tasks.keys import read_key, read_verifier_key
    from equipoise.tasks.witness import Heads, Witness

    heads = Heads(state)
    own = read_key(key)
    with Witness(heads, [read_verifier_key(text) for text in log], [own], host=host, port=port) as server:
        typer.echo(f"witness {own.verifier} {server.url}")
        try:
            server.serve_forever()
        except KeyboardInterrupt:
            typer.echo("the witness has stopped", err=True)
        finally:
            heads.close()
