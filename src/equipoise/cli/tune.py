"""``equipoise tune``: the frontier of charters on a job log, and what each of them gives up."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from equipoise.cli.interruption import INTERRUPTED, halting, interruptible
from equipoise.cli.output import terminal, wrote
from equipoise.cli.progress import watch
from equipoise.cli.replay import reads

if TYPE_CHECKING:
    from equipoise.tune.outcome import Tuned


@reads
def run(
    reading: dict[str, Any],
    command_line: str,
    charter: Annotated[str | None, typer.Argument(help="The present charter; everything is measured by it.")] = None,
    log: Annotated[str | None, typer.Argument(help="The job log.")] = None,
    demo: Annotated[
        int | None, typer.Option("--demo", metavar="DAYS", help="Instead: so many days of the demo's synthetic lab.")
    ] = None,
    gpus: Annotated[int, typer.Option("--gpus", help="Size of the synthetic lab.")] = 4096,
    search: Annotated[
        list[str] | None,
        typer.Option(
            "--search",
            metavar="WHAT",
            help="What may change: floors, weights, lend, recover, reclaim, or TEAM.floor=10%..40%/5%. Repeat for more.",
        ),
    ] = None,
    keep: Annotated[
        list[str] | None,
        typer.Option("--keep", metavar="CONDITION", help="Such as 'safety.floor>=20%' or 'denied<=5%'. Repeat."),
    ] = None,
    promise_kept: Annotated[
        list[str] | None, typer.Option("--promise-kept", metavar="PROMISE|all", help="No window of it may be broken.")
    ] = None,
    weaken: Annotated[
        bool, typer.Option("--weaken-protected", help="Also charters that weaken what boards protect.")
    ] = False,
    team: Annotated[
        list[str] | None,
        typer.Option("--team", help="Whose denied hours count; default: all at the top but the product."),
    ] = None,
    product: Annotated[
        list[str] | None,
        typer.Option("--product", metavar="TEAM", help="Whose demand is served; default: who has services."),
    ] = None,
    people: Annotated[
        list[str] | None, typer.Option("--people", metavar="TEAM=N", help="How many people: counts departures.")
    ] = None,
    trials: Annotated[int, typer.Option("--trials", help="How many charters are measured at most.")] = 200,
    points: Annotated[int, typer.Option("--points", help="How many points of the frontier are shown at most.")] = 12,
    hold_out: Annotated[
        str, typer.Option("--hold-out", metavar="PART", help="The last part of the log is not searched; 0: none.")
    ] = "1/3",
    seed: Annotated[int, typer.Option("--seed", help="Of the search.")] = 0,
    workers: Annotated[
        int | None,
        typer.Option("--workers", help="How many measure at once; default: one a processor where that pays."),
    ] = None,
    on: Annotated[
        str, typer.Option("--on", metavar="processes|ray", help="Where charters are measured.")
    ] = "processes",
    out: Annotated[
        str | None, typer.Option("-o", "--out", metavar="DIR", help="Write each point as a charter.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print figures as JSON.")] = False,
    csv: Annotated[
        str | None, typer.Option("--csv", metavar="FILE", help="Write all charters measured as CSV.")
    ] = None,
    report: Annotated[
        str | None, typer.Option("--report", metavar="FILE", help="Write a report: one HTML file.")
    ] = None,
) -> None:
    """Search floors, weights, lending and reclaim for the trade-off frontier on a log, and say what each point gives up."""
    from equipoise.tasks.tune import tune  # late: it needs numba and polars

    given, source, name = _given(charter, log, demo, gpus)
    with interruptible(), watch(things="charters") as progress, halting() as halt:
        found = tune(
            source, given, search_for=search or (), keep=keep or (), promises_kept=promise_kept or (), weaken=weaken,
            teams=team or (), product=product or (), people=people or (), trials=trials, points=points,
            hold_out=_part(hold_out), seed=seed, workers=workers, on=_where(on),
            progress=progress.advance, announce=progress.announce, halt=halt, **reading,
        )  # fmt: skip
    _show(found, name, command_line, as_json=as_json, csv=csv, out=out, report=report)
    if found.searched.halted:
        typer.echo("interrupted: this is what was found until then", err=True)
        raise typer.Exit(INTERRUPTED)


def _given(charter: str | None, log: str | None, demo: int | None, gpus: int) -> tuple[Any, Any, str]:
    """Return the charter, the log, and what the log is called."""
    if demo is None:
        if charter is None or log is None:
            raise typer.BadParameter("a CHARTER and a LOG, or --demo DAYS")
        return charter, log, Path(log).name
    if charter is not None:
        raise typer.BadParameter("--demo brings a charter and a log of its own")
    from equipoise.workload.synthetic import lab, lab_charter

    return (
        lab_charter(gpus).encode(),
        lab(days=demo, gpus=gpus),
        f"{demo} days of the demo's lab of {gpus} accelerators",
    )


def _part(text: str) -> Any:
    from fractions import Fraction

    try:
        return Fraction(text)
    except (ValueError, ZeroDivisionError):
        raise typer.BadParameter(f"{text!r} is no part such as 1/3 or 0.25", param_hint="--hold-out") from None


def _where(on: str) -> Any:
    if on not in ("processes", "ray"):
        raise typer.BadParameter(f"{on!r} is neither processes nor ray", param_hint="--on")
    return on


def _show(
    found: Tuned, name: str, command: str, *, as_json: bool, csv: str | None, out: str | None, report: str | None
) -> None:
    from equipoise.report.frontier import write_frontier
    from equipoise.report.tuning import print_tuned, write_points, write_table

    if as_json:
        typer.echo(json.dumps(found.to_dict(), indent=2, ensure_ascii=False))
    else:
        print_tuned(found, terminal())
    for path in write_points(found, out, log=name) if out else ():
        wrote(path)
    if csv:
        wrote(write_table(found, csv))
    if report:
        wrote(write_frontier(found, report, log=name, command=command))
