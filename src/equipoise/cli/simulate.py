"""``equipoise simulate``: who would have got the machine, and who would have starved."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from equipoise.cli.interruption import INTERRUPTED, halting, interruptible

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from equipoise.simulator.results import Results

PAGE_WIDTH = 110


def run(
    log: Annotated[str, typer.Argument(help="The job log: SWF, sacct, CSV, Parquet …; docs/logs.md lists them.")],
    charter: Annotated[str, typer.Option("--charter", "-c", help="The charter that everything is measured by.")],
    policy: Annotated[
        str, typer.Option("--policy", help="What is executed: charter, no-floors, product-first, easy or fifo.")
    ] = "charter",
    vs: Annotated[
        list[str] | None,
        typer.Option("--vs", metavar="POLICY|CHARTER", help="Execute this too, and compare. Repeat for more."),
    ] = None,
    first: Annotated[str, typer.Option("--first", metavar="TEAM", help="Whom product-first puts first.")] = "product",
    mapping: Annotated[
        str | None, typer.Option("--map", metavar="FILE", help="CSV field,value,team: whose job it is.")
    ] = None,
    unmapped: Annotated[
        str | None, typer.Option("--unmapped", metavar="TEAM|drop", help="Jobs that belong to no team of the charter.")
    ] = None,
    estimates: Annotated[
        str, typer.Option("--estimates", help="What backfill rests on: declared walltimes, or actual run times.")
    ] = "declared",
    enforce: Annotated[
        bool | None,
        typer.Option(
            "--enforce-walltime/--no-enforce-walltime",
            help="Whether jobs end at their walltime; the default looks at whether the log's did.",
            show_default=False,
        ),
    ] = None,
    outages: Annotated[
        str | None, typer.Option("--outages", metavar="FILE", help="CSV time_s,pool,node,state (up|down|maintenance).")
    ] = None,
    closes: Annotated[
        int | None, typer.Option("--closes", metavar="N", help="Close the accounts N times; default: daily.")
    ] = None,
    kind: Annotated[
        str | None, typer.Option("--format", help="The log's format; default: told by its content.")
    ] = None,
    pool: Annotated[str | None, typer.Option("--pool", help="The pool of all jobs.")] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option("--column", metavar="FIELD=COLUMN", help="Which column of the log is what. Repeat for more."),
    ] = None,
    count: Annotated[str, typer.Option("--count", help="What of a sacct record counts: gpu, nodes or cpus.")] = "gpu",
    timezone: Annotated[str, typer.Option("--timezone", help="The zone of dates that name none.")] = "UTC",
    savepoints: Annotated[
        str | None, typer.Option("--savepoints", metavar="DURATION", help="Every job saves its work so often (1h).")
    ] = None,
    skip_malformed: Annotated[
        bool, typer.Option("--skip-malformed", help="Leave malformed rows out, and count them.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print figures as JSON.")] = False,
    csv: Annotated[str | None, typer.Option("--csv", metavar="DIR", help="Write all tables as CSV files.")] = None,
    parquet: Annotated[
        str | None, typer.Option("--parquet", metavar="DIR", help="Write all tables as Parquet files.")
    ] = None,
) -> None:
    """Replay a job log under a charter: who would have got the machine, who would have waited and starved."""
    reading: dict[str, Any] = {
        "map": mapping,
        "unmapped": unmapped,
        "format": kind,
        "pool": pool,
        "columns": _columns(columns or []),
        "count": count,
        "timezone": timezone,
        "savepoint_ms": _savepoint_ms(savepoints),
        "on_error": "skip" if skip_malformed else "raise",
    }
    with interruptible():
        from equipoise.cli.progress import watch
        from equipoise.tasks.simulate import Comparison, simulate  # late: they need numba and polars

        with watch() as on, halting() as halt:
            found = cast(
                "Results | Comparison",
                simulate(
                    log,
                    charter,
                    policy=policy,
                    vs=vs or (),
                    first=first,
                    estimates=estimates,
                    enforce_walltime=enforce,
                    outages=outages or (),
                    closes=closes or "day",
                    progress=on.progress,
                    announce=on.announce,
                    halt=halt,
                    **reading,
                ),
            )
        runs = found.runs if isinstance(found, Comparison) else (found,)
        _show(runs, log, charter, compared=bool(vs), as_json=as_json, csv=csv, parquet=parquet)
    if runs[-1].partial:
        typer.echo("interrupted: the figures are partial", err=True)
        raise typer.Exit(INTERRUPTED)


def as_plain(runs: Sequence[Results], *, compared: bool) -> dict[str, Any]:
    """Return what ``--json`` prints: the figures of one run, or of those that are compared under ``runs``."""
    return {"runs": [run.to_dict() for run in runs]} if compared else runs[0].to_dict()


def _show(
    runs: Sequence[Results],
    log: str,
    charter: str,
    *,
    compared: bool,
    as_json: bool,
    csv: str | None,
    parquet: str | None,
) -> None:
    from equipoise.report import print_comparison, print_results, write_frames

    written = [
        *(write_frames(runs, csv, kind="csv") if csv else []),
        *(write_frames(runs, parquet, kind="parquet") if parquet else []),
    ]
    if as_json:
        typer.echo(json.dumps(as_plain(runs, compared=compared), indent=2, ensure_ascii=False))
    else:
        console = terminal()
        title = f"{log} under {charter}"
        if len(runs) == 1:
            print_results(runs[0], console, title=f"{title}: {runs[0].policy}")
        else:
            print_comparison(runs, console, title=title)
    if written:
        folders = sorted({str(path.parent) for path in written})
        typer.echo(f"Wrote {len(written)} files to {', '.join(folders)}", err=True)


def terminal() -> Console:
    """Return standard output: a terminal as wide as it is, anything else as wide as a page."""
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True, file=sys.stdout)
    if not console.is_terminal:
        console.width = max(console.width, PAGE_WIDTH)
    return console


def _columns(pairs: list[str]) -> dict[str, str] | None:
    found: dict[str, str] = {}
    for pair in pairs:
        field, sign, column = pair.partition("=")
        if not (field and sign and column):
            raise typer.BadParameter(f"{pair!r} is not FIELD=COLUMN", param_hint="--column")
        found[field] = column
    return found or None


def _savepoint_ms(text: str | None) -> int:
    from equipoise.units import duration_ms

    return 0 if text is None else duration_ms(text)
