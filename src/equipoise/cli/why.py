"""``equipoise why``: what a job waits for at an instant of a replay, and what would start it."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from equipoise.cli.interruption import interruptible
from equipoise.cli.output import terminal
from equipoise.cli.replay import column_map, latency_of, savepoint_ms


def run(
    job: Annotated[
        str, typer.Argument(help="The job: by the log's own identifier; where it has none, its row from 0.")
    ],
    log: Annotated[
        str | None,
        typer.Argument(
            help="The job log, as of `equipoise simulate`; without one the live lab is asked, about a job's number."
        ),
    ] = None,
    charter: Annotated[str | None, typer.Option("--charter", "-c", help="The charter; of a log.")] = None,
    at: Annotated[
        str | None,
        typer.Option(
            "--at",
            metavar="T",
            help="When: since the log's start (90m, 3d) or a date; default: halfway through the job's wait.",
        ),
    ] = None,
    policy: Annotated[
        str, typer.Option("--policy", help="What is executed: charter, no-floors, product-first, easy or fifo.")
    ] = "charter",
    first: Annotated[str, typer.Option("--first", metavar="TEAM", help="Whom product-first puts first.")] = "product",
    predict: Annotated[
        bool, typer.Option("--predict/--no-predict", help="Whether to predict when it starts, which takes most time.")
    ] = True,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the prediction's draws.")] = 0,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
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
    latency: Annotated[
        str | None, typer.Option("--latency", metavar="STARTUP[:DRAIN]", help="How long starts and stops take.")
    ] = None,
    kind: Annotated[
        str | None, typer.Option("--format", help="The log's format; default: told by its content.")
    ] = None,
    pool: Annotated[str | None, typer.Option("--pool", help="The pool of all jobs.")] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option("--column", metavar="FIELD=COLUMN", help="Which column of the log is what. Repeat for more."),
    ] = None,
    timezone: Annotated[str, typer.Option("--timezone", help="The zone of dates that name none.")] = "UTC",
    savepoints: Annotated[
        str | None, typer.Option("--savepoints", metavar="DURATION", help="Every job saves its work so often (1h).")
    ] = None,
) -> None:
    """Say why a job waits: the one constraint that binds, who holds what it waits for, and what would start it now."""
    if log is None:
        _ask_live(job, as_json=as_json)
        return
    if charter is None:
        raise typer.BadParameter("a log is replayed under a charter: --charter FILE")
    with interruptible():
        from equipoise.cli.progress import watch
        from equipoise.report.why import plain_why, print_why
        from equipoise.tasks.why import why  # late: it needs numba and polars

        with watch() as on:
            found = why(
                job,
                log,
                charter,
                at=at,
                policy=policy,
                first=first,
                estimates=estimates,
                enforce_walltime=enforce,
                outages=outages or (),
                latency=latency_of(latency, 0),
                predict=predict,
                seed=seed,
                progress=on.progress,
                announce=on.announce,
                map=mapping,
                unmapped=unmapped,
                format=kind,
                pool=pool,
                columns=column_map(columns or []),
                timezone=timezone,
                savepoint_ms=savepoint_ms(savepoints),
            )
        if as_json:
            plain = plain_why(found.explanation, name=found.name, name_of=found.job_name, forecast=found.forecast)
            typer.echo(json.dumps(plain, indent=2, ensure_ascii=False))
        else:
            print_why(found.explanation, terminal(), name_of=found.job_name, forecast=found.forecast)


def _ask_live(job: str, *, as_json: bool) -> None:
    """Ask the live lab why a job waits now."""
    if not job.isdecimal():
        raise typer.BadParameter("of a live lab, a job's number; or name the log that it is in")
    from equipoise.api.client import calling

    with calling() as client:
        plain = client.get(f"/jobs/{int(job)}/why")
    if as_json:
        typer.echo(json.dumps(plain, indent=2, ensure_ascii=False))
    else:
        typer.echo("\n".join(plain["sentences"]))
