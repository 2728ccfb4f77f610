"""``equipoise init``: a charter to start from."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

from equipoise.cli.replay import column_map
from equipoise.errors import InputError, Place

DEFAULT_FILE = "charter.yaml"


def run(
    files: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="FILE",
            help=f"Where to write it; - is standard output, default {DEFAULT_FILE}. With --from: what to read.",
        ),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that exists.")] = False,
    source: Annotated[
        str | None,
        typer.Option(
            "--from", metavar="kueue|slurm", help="Propose the charter from Kueue's objects or a dump of accounts."
        ),
    ] = None,
    output: Annotated[str | None, typer.Option("-o", "--output", help="With --from: where to write it.")] = None,
    resource: Annotated[
        str | None, typer.Option("--resource", help="With --from kueue: what counts; default nvidia.com/gpu.")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="With --from: print the charter and what is not carried over as JSON.")
    ] = False,
    from_log: Annotated[
        str | None,
        typer.Option("--from-log", metavar="LOG", help="Propose the charter from who used what in a job log."),
    ] = None,
    nodes: Annotated[
        str | None,
        typer.Option("--nodes", help="With --from-log or --from slurm: the machine, such as '64 nodes of 8 gpu'."),
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
    """Write a commented charter to start from, or one proposed from a job log or from another scheduler's quotas."""
    given = {
        "--nodes": nodes, "--map": mapping, "--unmapped": unmapped, "--format": kind, "--column": columns, "--pool": pool,
    }  # fmt: skip
    if source is not None:
        if from_log is not None or any(given[name] for name in given if name != "--nodes"):
            raise typer.BadParameter("--from and --from-log are two ways; take one")
        write_exchanged(source, files or [], output, resource=resource, nodes=nodes, force=force, as_json=as_json)
        return
    if output or resource or as_json:
        raise typer.BadParameter("--output, --resource and --json: only with --from")
    if len(files or []) > 1:
        raise typer.BadParameter("one file to write, please")
    file = files[0] if files else DEFAULT_FILE
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


def write_exchanged(source: str, files: list[str], output: str | None, *, resource: str | None, nodes: str | None,
                    force: bool, as_json: bool) -> None:  # fmt: skip
    """Write a charter from what another scheduler has, and say what is not carried over."""
    from equipoise.charter_io.exchange import from_kueue, from_slurm
    from equipoise.cli.export import as_plain, say

    if source not in ("kueue", "slurm"):
        raise typer.BadParameter("--from takes kueue or slurm")
    if not files:
        raise typer.BadParameter(f"--from {source} FILE: name what to read; - is standard input")
    if source == "slurm" and (nodes is None or len(files) > 1):
        raise typer.BadParameter("--from slurm FILE --nodes 'N nodes of M gpu': one dump, and the machine")
    texts = [read_text(file) for file in files]
    if source == "kueue":
        found = from_kueue(texts, names=files, **({"resource": resource} if resource else {}))
    else:
        assert nodes is not None
        found = from_slurm(texts[0], nodes=nodes)
    if as_json:
        typer.echo(as_plain(found))
        return
    write(found.text, output or DEFAULT_FILE, force=force)
    say(found.lost)


def read_text(file: str) -> str:
    """Read a file, or standard input for ``-``; raises ``InputError`` C100."""
    if file == "-":
        return sys.stdin.read()
    try:
        return Path(file).read_text("utf-8")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise InputError("C100", f"cannot read the file: {reason}", place=Place(file)) from None


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
