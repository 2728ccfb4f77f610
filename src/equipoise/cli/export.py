"""``equipoise export``: a charter as another scheduler's quotas, and what these cannot say."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from equipoise.errors import InputError, Place

if TYPE_CHECKING:
    from equipoise.charter_io.exchange import Exchanged, Loss


def run(
    system: Annotated[str, typer.Argument(metavar="kueue|slurm", help="For which scheduler.")],
    charter: Annotated[str, typer.Argument(help="The charter.")],
    output: Annotated[
        Path | None, typer.Option("-o", "--output", help="Where to write it; default: standard output.")
    ] = None,
    api: Annotated[
        str, typer.Option("--api", help="With kueue: the version of its API, v1beta2 or v1beta1.")
    ] = "v1beta2",
    resource: Annotated[str, typer.Option("--resource", help="With kueue: what pods ask for.")] = "nvidia.com/gpu",
    cluster: Annotated[str, typer.Option("--cluster", help="With slurm: the cluster's name.")] = "cluster",
    as_json: Annotated[bool, typer.Option("--json", help="Print text and what it does not say as JSON.")] = False,
) -> None:
    """Write a charter as Kueue's objects or Slurm's accounts, and say on standard error what these cannot say."""
    from equipoise.charter_io import load
    from equipoise.charter_io.exchange import to_kueue, to_slurm
    from equipoise.charter_io.exchange.kueue_writing import VERSIONS

    if system not in ("kueue", "slurm"):
        raise typer.BadParameter("kueue or slurm")
    if api not in VERSIONS:
        raise typer.BadParameter(f"--api takes {' or '.join(VERSIONS)}")
    if not cluster.isidentifier():
        raise typer.BadParameter("--cluster takes letters, digits and underscores")
    read = load(charter)
    found = to_kueue(read, version=api, resource=resource) if system == "kueue" else to_slurm(read, cluster=cluster)
    if as_json:
        typer.echo(as_plain(found))
        return
    if output is None:
        typer.echo(found.text, nl=False)
    else:
        _write(found.text, output)
    say(found.lost)


def as_plain(found: Exchanged) -> str:
    """Return the text and what was lost as JSON."""
    lost = [{"place": loss.place, "sentence": loss.sentence} for loss in found.lost]
    return json.dumps({"text": found.text, "lost": lost}, indent=2, ensure_ascii=False)


def say(lost: Sequence[Loss]) -> None:
    """Say on standard error what is not carried over."""
    if lost:
        typer.echo("Not carried over:", err=True)
    for loss in lost:
        typer.echo(f"  {loss.place}: {loss.sentence}", err=True)


def _write(text: str, output: Path) -> None:
    from equipoise.cli.output import wrote

    try:
        output.write_text(text, "utf-8")
    except OSError as error:
        raise InputError("C100", f"cannot write the file: {error.strerror}", place=Place(str(output))) from None
    wrote(output)
