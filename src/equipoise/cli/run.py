"""``equipoise run``: submit a job to a live lab."""

from __future__ import annotations

import os
import secrets
import sys
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from equipoise.api.client import Client

HELD_S = 50


def run(
    command: Annotated[
        list[str], typer.Argument(help="The program and its arguments, after `--`.", metavar="-- CMD...")
    ],
    team: Annotated[str, typer.Option("--team", "-t", help="For which team.")],
    gang: Annotated[
        int, typer.Option("--gpus", "-g", metavar="N", help="Accelerators, all at once or not at all.", min=1)
    ],
    pool: Annotated[str, typer.Option("--pool", "-p", help="Which pool; may be left out where there is one.")] = "",
    savepoint: Annotated[
        str | None,
        typer.Option("--savepoint", metavar="DURATION", help="It saves its work so often, and on a signal: 30m."),
    ] = None,
    walltime: Annotated[
        str | None, typer.Option("--walltime", metavar="DURATION", help="The longest that it runs: 8h.")
    ] = None,
    priority: Annotated[int, typer.Option("--priority", help="Within the team; larger comes first.")] = 0,
    preemptible: Annotated[
        bool,
        typer.Option("--preemptible/--not-preemptible", help="Whether it may be stopped for others, and run again."),
    ] = True,
    after: Annotated[int, typer.Option("--after", metavar="JOB", help="Wait until this job has ended.")] = -1,
    name: Annotated[str, typer.Option("--name", "-n", help="What it is called.")] = "",
    request: Annotated[str, typer.Option("--request", "-r", help="The grant of credits that it spends.")] = "",
    environment: Annotated[
        list[str] | None,
        typer.Option(
            "--env", metavar="NAME[=VALUE]", help="A variable; without a value, as it is here. Repeat for more."
        ),
    ] = None,
    directory: Annotated[
        str | None,
        typer.Option("--directory", metavar="DIR", help="Where it runs; default: here, if the server is here."),
    ] = None,
    key: Annotated[
        str | None, typer.Option("--key", help="Submit once: the same key again gives the same job.")
    ] = None,
    wait: Annotated[bool, typer.Option("--wait", "-w", help="Wait until it is over, and exit as it did.")] = False,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="The same, saying what becomes of it.")] = False,
) -> None:
    """Submit a job, and print its number. With --wait, exit with the job's own exit code."""
    from equipoise.api.client import calling
    from equipoise.units import duration_ms

    with calling() as client:
        body = {
            "team": team, "gang": gang, "argv": command, "pool": pool, "environment": _variables(environment or []),
            "directory": _directory(directory),
            "walltime_ms": 0 if walltime is None else duration_ms(walltime),
            "savepoint_ms": 0 if savepoint is None else duration_ms(savepoint),
            "priority": priority, "preemptible": preemptible, "after": after, "name": name, "request": request,
        }  # fmt: skip
        told = client.post("/jobs", body, key=key or secrets.token_hex(16))
        typer.echo(told["job"])
        sys.stdout.flush()
        if told["refused"]:
            typer.echo(f"refused: {told['refused']}", err=True)
            raise typer.Exit(1)
        if wait or follow:
            raise typer.Exit(_wait(client, int(told["job"]), aloud=follow))


def _variables(given: list[str]) -> dict[str, str]:
    found: dict[str, str] = {}
    for one in given:
        name, sign, value = one.partition("=")
        if not sign and name not in os.environ:
            raise typer.BadParameter(f"--env {name}: it is not set here")
        found[name] = value if sign else os.environ[name]
    return found


def _directory(given: str | None) -> str:
    """Return where the job runs: this folder only means something to a server on this machine."""
    if given is not None:
        return given
    import httpx

    from equipoise.api.client import connection
    from equipoise.tasks.address import is_loopback

    return os.getcwd() if is_loopback(httpx.URL(connection().server).host) else ""


def _wait(client: Client, job: int, *, aloud: bool) -> int:
    """Wait for a job's end, through restarts of the server; returns the exit code to leave with."""
    from equipoise.errors import RetryableError

    said = ""
    fails = 0
    while True:
        try:
            found = client.get(f"/jobs/{job}", wait_s=1 if aloud else HELD_S)
            fails = 0
        except RetryableError as error:
            fails += 1
            if not error.retryable or fails > 60:
                raise
            import time

            time.sleep(min(5.0, 0.2 * fails))
            continue
        end: dict[str, Any] | None = found["outcome"]
        state = "starting" if found["starting"] else found["state"]
        if aloud and end is None and state != said:
            said = state
            typer.echo(f"job {job} is {state}", err=True)
        if end is None:
            continue
        if aloud or end["what"] != "ended":
            why = f": {end['reason']}" if end["reason"] else ""
            typer.echo(f"job {job} {end['what']}{why}", err=True)
        return _exit_code(end)


def _exit_code(end: dict[str, Any]) -> int:
    code = end["exit_code"]
    if code is None:
        return 0 if end["what"] == "ended" else 1
    return code if code >= 0 else 128 - code
