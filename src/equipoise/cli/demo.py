"""``equipoise demo``: what happens to a lab's safety work, and to its people, when the product comes first."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from equipoise.cli.interruption import interruptible
from equipoise.cli.output import terminal, wrote

if TYPE_CHECKING:
    from equipoise.screens import LabRun
    from equipoise.tasks.demo import Demo


def run(
    context: typer.Context,
    days: Annotated[int, typer.Option("--days", min=1, max=3660, help="How many days the lab submits work.")] = 90,
    seed: Annotated[int, typer.Option("--seed", help="Another seed is another lab of the same kind.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print figures as JSON.")] = False,
    report: Annotated[str, typer.Option("--report", metavar="FILE", help="Where to write the report.")] = "report.html",
    no_report: Annotated[bool, typer.Option("--no-report", help="Write none.")] = False,
    serve: Annotated[bool, typer.Option("--serve", help="Then show it as a film in the browser.")] = False,
    frontier: Annotated[
        str | None, typer.Option("--frontier", metavar="FILE", help="With --serve: charters that `tune --json` found.")
    ] = None,
    port: Annotated[int, typer.Option("--port", help="Of the film; 0: any that is free.")] = 7878,
) -> None:
    """Replay a synthetic lab as promised by its charter and with the product first, and let each go on for years."""
    with interruptible():
        from equipoise.cli.progress import watch
        from equipoise.tasks.demo import demo  # late: it needs numba and polars

        with watch() as on:
            found = demo(days=days, seed=seed, progress=on.progress, announce=on.announce)
        if as_json:
            typer.echo(json.dumps(as_plain(found), indent=2, ensure_ascii=False))
        else:
            _show(found)
        if not no_report:
            wrote(found.write_report(report, command=str(context.obj)))
            if found.proof is not None:
                wrote(found.proof.write(Path(report).with_name(f"{found.proof.promise}.receipt.json")))
    if serve:
        _serve(found, port, frontier)


def _serve(demo: Demo, port: int, frontier: str | None) -> None:
    """Show both runs and what follows them, until the command is interrupted."""
    from equipoise.api.app import run_film
    from equipoise.api.outlooks import Outlooks
    from equipoise.tasks.demo import charter_text, gated_charter_text
    from equipoise.tasks.film import film, gated_film
    from equipoise.tasks.serving import ServerSettings
    from equipoise.units import DAY_MS

    ends_ms = demo.days * DAY_MS
    runs = film(demo.runs, text=charter_text(), ends_ms=ends_ms)
    runs += (gated_film(demo.gated.run, text=gated_charter_text(), ends_ms=ends_ms),)
    run_film(
        runs,
        ServerSettings(port=port),
        ready=lambda address: typer.echo(where(address, runs)),
        outlooks=Outlooks(demo.years, frontier=None if frontier is None else Path(frontier)),
    )


def where(address: str, runs: Sequence[LabRun]) -> str:
    """Say where the film is, and where in it there is most to be seen: it begins at its end."""
    from equipoise.screens.now import low_point
    from equipoise.tasks.demo import PRODUCT_FIRST, TEAM

    said = f"The film is at {address} (Ctrl-C ends it)"
    run = next(one for one in runs if one.name == PRODUCT_FIRST)
    at_ms = low_point(run, TEAM)
    if at_ms is None:
        return said
    return f"{said}\nWith the product first, when {TEAM} lacks most: {address}/?run={run.name}&at={at_ms}"


def as_plain(demo: Demo) -> dict[str, Any]:
    """Return what ``--json`` prints: the sentence, both accounts of the days, both runs to their end, and the years that follow."""
    from equipoise.receipt.words import plain

    return {
        "days": demo.days,
        "sentence": demo.sentence(),
        "accounts": {run.policy: {row.pop("team"): row for row in demo.account(run).to_dicts()} for run in demo.runs},
        "runs": [run.to_dict() for run in demo.runs],
        "outlook": demo.years.to_dict(),
        "gated": {"sentence": demo.gated.sentence(), "gates": demo.gated.run.gates.to_dicts()},
        "proof": None if demo.proof is None else plain(demo.proof.checked) | {"key": str(demo.proof.key)},
    }


def _show(demo: Demo) -> None:
    from equipoise.report import print_demo
    from equipoise.report.proof import print_proof

    console = terminal()
    print_demo(*demo.runs, console, days=demo.days, accounts=tuple(map(demo.account, demo.runs)))
    console.print()
    console.soft_wrap = False
    console.print(demo.sentence(), style="bold")
    console.print()
    console.print(demo.years.sentence(), style="bold")
    console.print()
    console.print(demo.gated.sentence(), style="bold")
    if demo.proof is not None:
        console.print()
        print_proof(demo.proof, console)
