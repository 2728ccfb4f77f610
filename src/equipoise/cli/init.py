"""``equipoise init``: a charter to start from."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from equipoise.cli.replay import column_map
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
    kind: Annotated[
        str | None, typer.Option("--format", help="With --from-log: the log's format; default: told by its content.")
    ] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option(
            "--column", metavar="FIELD=COLUMN", help="With --from-log: which column is what. Repeat for more."
        ),
    ] = None,
    pool: Annotated[str | None, typer.Option("--pool", help="With --from-log: the pool of all jobs.")] = None,
    count: Annotated[
        str, typer.Option("--count", help="With --from-log: what of a sacct record counts: gpu, nodes or cpus.")
    ] = "gpu",
    timezone: Annotated[
        str, typer.Option("--timezone", help="With --from-log: the zone of dates that name none.")
    ] = "UTC",
    skip_malformed: Annotated[
        bool, typer.Option("--skip-malformed", help="With --from-log: leave malformed rows out, and count them.")
    ] = False,
) -> None:
    """Write a commented charter to start from, or one proposed from a job log."""
    given = {
        "--nodes": nodes, "--map": mapping, "--unmapped": unmapped, "--format": kind, "--column": columns, "--pool": pool,
    }  # fmt: skip
    if from_log is None:
        alone = [name for name, value in given.items() if value]
        if alone:
            raise typer.BadParameter(f"{', '.join(alone)}: only with --from-log LOG")
        write(starter(), file, force=force)
        return
    from equipoise.tasks.propose import propose_from_log  # late: it needs polars

    reading: dict[str, Any] = {
        "unmapped": unmapped,
        "format": kind,
        "columns": column_map(columns or []),
        "pool": pool,
        "count": count,
        "timezone": timezone,
        "on_error": "skip" if skip_malformed else "raise",
    }
    write(propose_from_log(from_log, nodes=nodes, map=mapping, **reading), file, force=force)


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
