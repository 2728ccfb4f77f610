"""``equipoise init``: a charter to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from equipoise.errors import InputError, Place

DEFAULT_FILE = "charter.yaml"


def run(
    file: Annotated[str, typer.Argument(help="Where to write it; - is standard output.")] = DEFAULT_FILE,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that exists.")] = False,
    from_log: Annotated[
        str | None,
        typer.Option("--from-log", metavar="LOG", help="Propose the charter from who used what in a job log."),
    ] = None,
    nodes: Annotated[
        str | None, typer.Option("--nodes", help="With --from-log: the machine, such as '64 nodes of 8 gpu'.")
    ] = None,
    mapping: Annotated[
        str | None,
        typer.Option("--map", metavar="FILE", help="With --from-log: CSV field,value,team; first match wins."),
    ] = None,
    unmapped: Annotated[
        str | None, typer.Option("--unmapped", metavar="TEAM|drop", help="With --from-log: jobs that match nothing.")
    ] = None,
    count: Annotated[
        str, typer.Option("--count", help="With --from-log: what of a sacct record counts: gpu, nodes or cpus.")
    ] = "gpu",
    timezone: Annotated[
        str, typer.Option("--timezone", help="With --from-log: the zone of dates that name none.")
    ] = "UTC",
) -> None:
    """Write a commented charter to start from, or one proposed from a job log."""
    if from_log is None:
        if nodes is not None or mapping is not None or unmapped is not None:
            raise typer.BadParameter("--nodes, --map and --unmapped need --from-log LOG")
        write(starter(), file, force=force)
        return
    from equipoise.tasks.propose import propose_from_log  # late: it needs polars

    options = {"unmapped": unmapped, "count": count, "timezone": timezone}
    write(propose_from_log(from_log, nodes=nodes, map=mapping, **options), file, force=force)


def starter() -> str:
    """Return the text of a small, commented charter that passes ``equipoise check`` without a warning."""
    return Path(__file__).with_name("starter.yaml").read_text("utf-8")


def write(text: str, file: str, *, force: bool) -> None:
    """Write a charter's text, and say what to do next; raises ``InputError`` C100 rather than overwrite a file."""
    if file == "-":
        typer.echo(text, nl=False)
        return
    place = Place(file)
    try:
        with Path(file).open("w" if force else "x", encoding="utf-8", newline="\n") as target:
            target.write(text)
    except FileExistsError:
        hint = "name another file, or add --force"
        raise InputError("C100", "the file exists and is not overwritten", hint=hint, place=place) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError("C100", f"cannot write the file: {reason}", place=place) from None
    typer.echo(f"Wrote {file}. Edit it, then: equipoise check {file} --explain")
