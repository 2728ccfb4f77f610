"""``equipoise shadow``: what Equipoise would have done on a Slurm cluster."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from equipoise.cli.interruption import halting, interruptible
from equipoise.cli.output import terminal, wrote

if TYPE_CHECKING:
    from equipoise.engines.slurm.settings import Settings


def run(
    context: typer.Context,
    log: Annotated[
        str | None,
        typer.Argument(metavar="LOG", help="What sacct --parsable2 printed; without it, Slurm's accounting is asked."),
    ] = None,
    charter: Annotated[
        str | None,
        typer.Option("--charter", "-c", help="The charter; default: one that is proposed from the cluster's accounts."),
    ] = None,
    days: Annotated[int, typer.Option("--days", min=1, max=3650, help="How far back Slurm's accounting is asked.")] = 7,
    partitions: Annotated[
        list[str] | None,
        typer.Option("--partition", metavar="NAME", help="Which partitions are looked at. Repeat for more."),
    ] = None,
    config: Annotated[
        str | None,
        typer.Option(
            "--config", metavar="FILE", help="A file with the table [engines.slurm]: partitions, accounts and teams."
        ),
    ] = None,
    mapping: Annotated[
        str | None, typer.Option("--map", metavar="FILE", help="CSV field,value,team: whose job it is.")
    ] = None,
    unmapped: Annotated[
        str | None, typer.Option("--unmapped", metavar="TEAM|drop", help="Jobs that belong to no team of the charter.")
    ] = None,
    pool: Annotated[str | None, typer.Option("--pool", help="The pool of all jobs.")] = None,
    timezone: Annotated[str, typer.Option("--timezone", help="The zone of the dates of LOG.")] = "UTC",
    skip_malformed: Annotated[
        bool, typer.Option("--skip-malformed", help="Leave malformed rows out, and count them.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print figures and sentences as JSON.")] = False,
    output: Annotated[
        str | None, typer.Option("--output", "-o", metavar="FILE", help="Write a report: one HTML file.")
    ] = None,
) -> None:
    """Hold what Slurm did in the last days against what a charter would have done; changes nothing in the cluster."""
    from equipoise.cli.progress import watch
    from equipoise.tasks.shadow import shadow  # late: it needs numba and polars

    with interruptible():
        with watch() as on, halting() as halt:
            found = shadow(
                log,
                charter,
                settings=_settings(config, partitions or []),
                days=days,
                timezone=timezone,
                progress=on.progress,
                announce=on.announce,
                halt=halt,
                map=mapping,
                unmapped=unmapped,
                pool=pool,
                on_error="skip" if skip_malformed else "raise",
            )
        if as_json:
            typer.echo(json.dumps(found.to_dict(), indent=2, ensure_ascii=False))
        else:
            from equipoise.report.shadow import print_shadow

            print_shadow(found.comparison.runs, found.sides, found.sentences, found.not_shown, terminal())
        if output is not None:
            from equipoise.report.shadow import shadow_section
            from equipoise.tasks.report import write_report

            name, told = log or f"the last {days} days of Slurm", shadow_section(found.sentences, found.not_shown)
            command = str(context.obj)
            wrote(
                write_report(found.comparison, output, log=name, charter=charter or "", command=command, first=[told])
            )
    from equipoise.cli.simulate import leave_if_partial

    leave_if_partial(found.comparison)


def _settings(config: str | None, partitions: list[str]) -> Settings | None:
    """Return what is said of the cluster; raises ``InputError`` E142 for what is none, S128 for a file that cannot be read."""
    from equipoise.engines.slurm.settings import Settings

    table: dict[str, Any] = {} if config is None else _table(config)
    if partitions:
        table["pools"] = {name: {"partition": name} for name in partitions}
    return Settings.of(table) if table else None


def _table(config: str) -> dict[str, Any]:
    import tomllib

    from equipoise.errors import InputError, Place

    try:
        tables = tomllib.loads(Path(config).read_text("utf-8"))
        return dict(tables["engines"]["slurm"])
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError("S128", f"cannot read the settings: {reason}", place=Place(config)) from None
    except (KeyError, TypeError):
        raise InputError("S128", "there is no table [engines.slurm]", place=Place(config)) from None
