"""``equipoise team``: where a team stands at an instant of a replay, or now in a live lab."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from collections.abc import Iterator

    from equipoise.tasks.team import InPool, TeamStanding


def run(
    path: Annotated[str, typer.Argument(help="The team's full path, such as safety.alignment.")],
    log: Annotated[
        str | None, typer.Argument(help="The job log; docs/logs.md lists the formats. Without one: the live lab.")
    ] = None,
    charter: Annotated[str | None, typer.Option("--charter", "-c", help="The charter; needed with a log.")] = None,
    at: Annotated[
        str | None,
        typer.Option("--at", metavar="T", help="36h after the first submission, or a date; default: the last."),
    ] = None,
    policy: Annotated[
        str, typer.Option("--policy", help="What is executed: charter, no-floors, product-first, easy or fifo.")
    ] = "charter",
    first: Annotated[str, typer.Option("--first", metavar="TEAM", help="Whom product-first puts first.")] = "product",
    mapping: Annotated[
        str | None, typer.Option("--map", metavar="FILE", help="CSV field,value,team: whose job it is.")
    ] = None,
    unmapped: Annotated[
        str | None, typer.Option("--unmapped", metavar="TEAM|drop", help="Jobs that belong to no team of the charter.")
    ] = None,
    timezone: Annotated[str, typer.Option("--timezone", help="The zone of dates that name none.")] = "UTC",
    as_json: Annotated[bool, typer.Option("--json", help="Print figures as JSON.")] = False,
) -> None:
    """Say where a team stands: what it holds and waits for, who owes whom, and its account so far."""
    from equipoise.cli.interruption import interruptible
    from equipoise.cli.progress import watch

    if log is None:
        _live(path, as_json=as_json)
        return
    if charter is None:
        raise typer.BadParameter("a log is replayed under a charter", param_hint="--charter")
    from equipoise.tasks.team import team_standing  # late: it needs numba and polars

    with interruptible(), watch() as on:
        found = team_standing(
            path, log, charter, at=at, policy=policy, first=first, map=mapping, unmapped=unmapped, timezone=timezone,
            progress=on.progress, announce=on.announce,
        )  # fmt: skip
    if as_json:
        typer.echo(json.dumps(found.to_dict(), indent=2, ensure_ascii=False))
    else:
        typer.echo("\n".join(_lines(found)))


def _live(path: str, *, as_json: bool) -> None:
    """Ask the server how a team stands, and what of it waits and runs."""
    from equipoise.api.client import calling
    from equipoise.cli.output import terminal
    from equipoise.report.live import team_view

    with calling() as client:
        found = client.get(f"/teams/{path}/standing")
        found["jobs"] = client.get("/jobs", open="true", limit=1000, team=path)["items"]
    if as_json:
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
    else:
        terminal().print(team_view(found))


def _lines(found: TeamStanding) -> Iterator[str]:
    from equipoise.report.figures import count, hours, part, span

    yield f"{found.path}, {span(found.at_ms / 1000)} after the first submission"
    for of in found.pools:
        yield ""
        yield from _pool(found, of)
    so_far = found.account
    yield ""
    yield (
        f"So far it was delivered {hours(so_far['delivered_gpu_h'])} GPU-hours and lost {hours(so_far['lost_gpu_h'])};"
        f" denied {hours(so_far['denied_gpu_h'])} of {hours(so_far['entitled_gpu_h'])} that it was entitled to"
        f" ({part(so_far['starvation'])})."
    )
    yield (
        f"Jobs that started: {count(so_far['started'])}, after {span(so_far['wait_mean_s'])} on average,"
        f" p95 {span(so_far['wait_p95_s'])}. Stopped for other teams: {count(so_far['reclaims'])} times."
    )


def _pool(found: TeamStanding, of: InPool) -> Iterator[str]:
    from equipoise.report.figures import count, counted, part, span
    from equipoise.units import duration_text

    now, teams = of.standing, found.charter.teams
    yield (
        f"Pool {of.pool}: it holds {count(now.held)} of {count(now.demand)} GPUs that it asks for; its floor is"
        f" {count(now.floor)}, it is entitled to {count(now.entitlement)}, and its limit is {count(now.limit)}."
    )
    if now.insecure:
        yield f"  {counted(now.insecure, 'GPU')} of these are not secure: others may reclaim them."
    for loan in of.borrows:
        lender = teams[loan.lender]
        back = duration_text(lender.recover_ms)
        yield f"  It holds {counted(loan.gpus, 'GPU')} of the idle floor of {lender.path}, back within {back} when asked for."
    for loan in of.lends:
        back = duration_text(teams[loan.lender].recover_ms)
        yield f"  {teams[loan.borrower].path} holds {counted(loan.gpus, 'GPU')} of its idle floor, back within {back}."
    if of.head is not None:
        yield (
            f"  {counted(of.waiting_jobs, 'job')} waiting for {counted(now.waiting, 'GPU')}; longest"
            f" {of.head.name} ({counted(of.head.gpus, 'GPU')}), for {span(of.head.waited_ms / 1000)}."
        )
    if of.turn is not None:
        yield f"  It saves up for {of.turn.name} ({counted(of.turn.gpus, 'GPU')}): {part(of.turn.saved)} of its turn."
