"""``equipoise outlook``: what a course does to a lab's people, knowledge and lead."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from typing import Annotated, Any

import typer


def run(
    scenario: Annotated[
        str, typer.Argument(metavar="SCENARIO|FILE", help="A shipped scenario, or a file.")
    ] = "product-pivot",
    against: Annotated[
        str | None, typer.Option("--vs", metavar="SCENARIO|FILE", help="A second one, under the same luck.")
    ] = None,
    runs: Annotated[
        int | None, typer.Option("--runs", help="How many runs: 5000, with --bellwether 2000.", show_default=False)
    ] = None,
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
    equations: Annotated[bool, typer.Option("--equations", help="Print instead the equations of the model.")] = False,
    bellwether: Annotated[
        bool, typer.Option("--bellwether", help="Say instead who may lose a part of a team within six months.")
    ] = False,
    lost: Annotated[int, typer.Option("--lost", metavar="PERCENT", help="That part, for --bellwether.")] = 20,
    as_json: Annotated[bool, typer.Option("--json", help="Print figures as JSON.")] = False,
    csv: Annotated[str | None, typer.Option("--csv", metavar="DIR", help="Write all tables as CSV files.")] = None,
    parquet: Annotated[
        str | None, typer.Option("--parquet", metavar="DIR", help="Write all tables as Parquet files.")
    ] = None,
) -> None:
    """Say what a course does to a lab's people, knowledge and lead, with intervals, assumptions and failed checks in view."""
    if equations:
        from equipoise.outlook.equations import printed

        typer.echo(printed())
        return
    from equipoise.cli.interruption import interruptible
    from equipoise.cli.output import terminal
    from equipoise.cli.progress import watch
    from equipoise.tasks.outlook import RUNS, outlook  # late: it compiles

    if bellwether:
        said = _bellwether(scenario, lost, runs, months, seed, settings or (), staff, as_json=as_json)
        _write(said, csv=csv, parquet=parquet)
        return
    with interruptible(), watch(things="runs") as on:
        found = outlook(
            scenario,
            against=against,
            runs=RUNS if runs is None else runs,
            months=months,
            seed=seed,
            settings=settings or (),
            checks=checks,
            drivers=drivers,
            staff=staff,
            progress=lambda done, total: on.advance(scenario, done, total),
        )
    _write(found.to_dict(), csv=csv, parquet=parquet)
    if as_json:
        typer.echo(json.dumps(found.to_dict(), indent=2, ensure_ascii=False))
        return
    from equipoise.report.outlook import print_outlook, print_parameters

    print_outlook(found, terminal())
    if parameters:
        print_parameters(found, terminal())


def _bellwether(
    scenario: str,
    lost: int,
    runs: int | None,
    months: int,
    seed: int,
    settings: Sequence[str],
    staff: str | None,
    *,
    as_json: bool,
) -> Mapping[str, Any]:
    from equipoise.cli.interruption import interruptible
    from equipoise.cli.output import terminal
    from equipoise.cli.progress import watch
    from equipoise.tasks.bellwether import RUNS, bellwether

    with interruptible(), watch(things="months") as on:
        found = bellwether(
            scenario,
            lost_percent=lost,
            runs=RUNS if runs is None else runs,
            months=months,
            seed=seed,
            settings=settings,
            staff=staff,
            progress=lambda done, total: on.advance(scenario, done, total),
        )
    if as_json:
        typer.echo(json.dumps(found.to_dict(), indent=2, ensure_ascii=False))
    else:
        from equipoise.report.bellwether import print_bellwether

        print_bellwether(found, terminal())
    return found.to_dict()


def _write(told: Mapping[str, Any], *, csv: str | None, parquet: str | None) -> None:
    from equipoise.cli.output import wrote
    from equipoise.report.outlook_tables import write_tables

    written = [*(write_tables(told, csv, kind="csv") if csv else [])]
    written += write_tables(told, parquet, kind="parquet") if parquet else []
    for path in written:
        wrote(path)
