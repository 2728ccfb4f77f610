"""``equipoise simulate``: who would have got the machine, and who would have starved."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from equipoise.cli.interruption import INTERRUPTED, interruptible
from equipoise.cli.output import terminal, wrote
from equipoise.cli.replay import Replay, replays
from equipoise.cli.years import People, Staff, print_years, years_after

if TYPE_CHECKING:
    from collections.abc import Sequence

    from equipoise.simulator.results import Results
    from equipoise.tasks.prospect import Prospect
    from equipoise.tasks.simulate import Comparison


@replays
def run(
    replay: Replay,
    as_json: Annotated[bool, typer.Option("--json", help="Print figures as JSON.")] = False,
    csv: Annotated[str | None, typer.Option("--csv", metavar="DIR", help="Write all tables as CSV files.")] = None,
    parquet: Annotated[
        str | None, typer.Option("--parquet", metavar="DIR", help="Write all tables as Parquet files.")
    ] = None,
    report: Annotated[
        str | None, typer.Option("--report", metavar="FILE", help="Write a report: one HTML file.")
    ] = None,
    outlook: People = None,
    staff: Staff = None,
) -> None:
    """Replay a job log under a charter: who would have got the machine, who would have waited and starved."""
    with interruptible():
        found = replay()
        years = years_after(found, outlook, staff)
        _show(runs_of(found), replay, years, as_json=as_json, csv=csv, parquet=parquet)
        if report is not None:
            from equipoise.tasks.report import write_report

            wrote(
                write_report(
                    found, report, log=replay.log, charter=replay.charter, command=replay.command, prospect=years
                )
            )
    leave_if_partial(found)


def leave_if_partial(found: Results | Comparison) -> None:
    """Say that a replay was interrupted, if it was, and exit with 130."""
    if runs_of(found)[-1].partial:
        typer.echo("interrupted: the figures are partial", err=True)
        raise typer.Exit(INTERRUPTED)


def runs_of(found: Results | Comparison) -> tuple[Results, ...]:
    """Return one run, or all that are compared."""
    from equipoise.tasks.simulate import Comparison

    return found.runs if isinstance(found, Comparison) else (found,)


def as_plain(runs: Sequence[Results], *, compared: bool) -> dict[str, Any]:
    """Return what ``--json`` prints: the figures of one run, or of those that are compared under ``runs``."""
    return {"runs": [run.to_dict() for run in runs]} if compared else runs[0].to_dict()


def _show(
    runs: Sequence[Results],
    replay: Replay,
    years: Prospect | None,
    *,
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
        plain = as_plain(runs, compared=bool(replay.options["vs"]))
        plain |= {} if years is None else {"outlook": years.to_dict()}
        typer.echo(json.dumps(plain, indent=2, ensure_ascii=False))
    else:
        console = terminal()
        title = f"{replay.log} under {replay.charter}"
        if len(runs) == 1:
            print_results(runs[0], console, title=f"{title}: {runs[0].policy}")
        else:
            print_comparison(runs, console, title=title)
        if years is not None:
            print_years(years)
    if written:
        folders = sorted({str(path.parent) for path in written})
        typer.echo(f"Wrote {len(written)} files to {', '.join(folders)}", err=True)
