"""``equipoise outlook``: what a course does to a lab's people, knowledge and lead."""

from __future__ import annotations

import json
from typing import Annotated

import typer


def run(
    scenario: Annotated[
        str, typer.Argument(metavar="SCENARIO|FILE", help="A shipped scenario, or a file.")
    ] = "product-pivot",
    against: Annotated[
        str | None, typer.Option("--vs", metavar="SCENARIO|FILE", help="A second one, under the same luck.")
    ] = None,
    runs: Annotated[int, typer.Option("--runs", help="How many runs.")] = 5_000,
    months: Annotated[int, typer.Option("--months", help="How far.")] = 60,
    seed: Annotated[int, typer.Option("--seed", help="Whose luck.")] = 0,
    settings: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A number or U(a, b), N(m, s), … Repeat for more."),
    ] = None,
    staff: Annotated[
        str | None,
        typer.Option(
            "--staff", metavar="FILE", help="The focal lab's own team-months: they bring its priors up to date."
        ),
    ] = None,
    checks: Annotated[bool, typer.Option("--checks", help="Also check the model against public facts.")] = False,
    drivers: Annotated[
        bool, typer.Option("--drivers", help="Also say what the results hang on (needs SciPy).")
    ] = False,
    parameters: Annotated[
        bool, typer.Option("--parameters", help="Also print every parameter with its source.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print figures as JSON.")] = False,
) -> None:
    """Say what a course does to a lab's people, knowledge and lead, with intervals, assumptions and failed checks in view."""
    from equipoise.cli.interruption import interruptible
    from equipoise.cli.output import terminal
    from equipoise.tasks.outlook import outlook  # late: it compiles

    with interruptible():
        found = outlook(
            scenario,
            against=against,
            runs=runs,
            months=months,
            seed=seed,
            settings=settings or (),
            checks=checks,
            drivers=drivers,
            staff=staff,
        )
    if as_json:
        typer.echo(json.dumps(found.to_dict(), indent=2, ensure_ascii=False))
        return
    from equipoise.report.outlook import print_outlook, print_parameters

    print_outlook(found, terminal())
    if parameters:
        print_parameters(found, terminal())
