"""What commands share that let the lab of a replay go on for years: ``--outlook`` and ``--staff``."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from equipoise.simulator.results import Results
    from equipoise.tasks.prospect import Prospect
    from equipoise.tasks.simulate import Comparison

People = Annotated[
    str | None,
    typer.Option(
        "--outlook", metavar="FILE", help="Let the lab go on for years, with the people of this file; docs/outlook.md."
    ),
]
Staff = Annotated[
    str | None,
    typer.Option(
        "--staff", metavar="FILE", help="The lab's own team-months, which bring --outlook's priors up to date."
    ),
]


def years_after(found: Results | Comparison, people: str | None, staff: str | None) -> Prospect | None:
    """Return what follows a replay, where it was asked for."""
    if people is None:
        if staff is not None:
            raise typer.BadParameter("there is nothing to bring up to date without --outlook", param_hint="--staff")
        return None
    from equipoise.cli.progress import watch
    from equipoise.tasks.prospect import prospect  # late: it compiles

    with watch() as on:
        return prospect(found, people, staff=staff, announce=on.announce)


def print_years(years: Prospect) -> None:
    """Print where each course starts, the outlook with its checks, and last the sentence."""
    from equipoise.cli.output import terminal
    from equipoise.report.prospects import print_prospect

    console = terminal()
    print_prospect(years, console)
    console.print()
    console.soft_wrap = False
    console.print(years.sentence(), style="bold")
