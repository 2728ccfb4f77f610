"""``equipoise report``: a replay as one HTML file."""

from __future__ import annotations

from typing import Annotated

import typer

from equipoise.cli.interruption import interruptible
from equipoise.cli.output import terminal, wrote
from equipoise.cli.replay import Replay, replays
from equipoise.cli.years import People, Staff, years_after


@replays
def run(
    replay: Replay,
    output: Annotated[str, typer.Option("--output", "-o", metavar="FILE", help="Where to write it.")] = "report.html",
    outlook: People = None,
    staff: Staff = None,
) -> None:
    """Replay a job log under a charter and write a report: one HTML file that needs no network."""
    from equipoise.cli.simulate import leave_if_partial, runs_of

    with interruptible():
        found = replay()
        from equipoise.report import verdict_of
        from equipoise.tasks.report import write_report

        years = years_after(found, outlook, staff)
        path = write_report(
            found, output, log=replay.log, charter=replay.charter, command=replay.command, prospect=years
        )
        console = terminal()
        console.soft_wrap = False
        console.print(verdict_of(runs_of(found)), style="bold")
        if years is not None:
            console.print(years.sentence(), style="bold")
        wrote(path)
    leave_if_partial(found)
