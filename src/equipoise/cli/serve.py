"""``equipoise serve``: run a lab: its controller over an engine, and the server that everybody calls."""

from __future__ import annotations

import getpass
import logging
import os
import signal
import sys
import threading
from pathlib import Path
from types import FrameType
from typing import TYPE_CHECKING, Annotated

import typer

from equipoise import web

if TYPE_CHECKING:
    from equipoise.tasks.serve import Lab

SETTINGS = "equipoise.toml"


def run(
    charter: Annotated[
        Path | None,
        typer.Option("--charter", "-c", metavar="FILE", help="What a new lab begins with; later the ledger knows."),
    ] = None,
    folder: Annotated[
        Path, typer.Option("--folder", metavar="DIR", help="Where ledger, key, tokens and engine state are kept.")
    ] = Path("lab"),
    engine: Annotated[
        str | None,
        typer.Option("--engine", help="local, ray, slurm or kubernetes; default: of the settings, else local."),
    ] = None,
    settings: Annotated[
        Path | None,
        typer.Option("--settings", metavar="FILE", help=f"Settings; default: {SETTINGS} in the folder, then here."),
    ] = None,
    port: Annotated[int | None, typer.Option("--port", help="Instead of the settings'; 0: any that is free.")] = None,
    give_up_lost: Annotated[
        bool,
        typer.Option(
            "--give-up-lost", help="End jobs whose commands are lost, because desk.db is an older one or gone."
        ),
    ] = False,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="Log every call.")] = False,
) -> None:
    """Run a lab: decide by the charter in force, let the engine execute, record everything, and answer everybody's calls.

    The first start founds the ledger from a charter. SIGTERM ends the server; jobs run on, and the next start finds them again.
    """
    from dataclasses import replace

    from equipoise.api.app import run_server  # late: it needs numba, fastapi and uvicorn
    from equipoise.tasks.serve import open_lab
    from equipoise.tasks.serving import read_settings

    logging.basicConfig(
        level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(name)s %(message)s", force=True
    )
    logging.getLogger("equipoise.api").setLevel(logging.INFO if verbose else logging.WARNING)
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    path = settings or next((one for one in (folder / SETTINGS, Path(SETTINGS)) if one.exists()), None)
    found = read_settings(path, engine=engine)
    if found.log.json:
        from equipoise.controller.log_lines import JsonLines

        for handler in logging.getLogger().handlers:
            handler.setFormatter(JsonLines())
    server = found.server if port is None else replace(found.server, port=port)
    given_up = threading.Event()

    def end(number: int, frame: FrameType | None) -> None:
        given_up.set()

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, end)
    lab = open_lab(folder, found, charter=charter, given_up=given_up, give_up_lost=give_up_lost)
    if lab is None or given_up.is_set():
        if lab is not None:
            lab.controller.close()
        return
    run_server(lab, server, ready=lambda address: _say_ready(lab, address), slow=_say_slow, given_up=given_up)


def _say_ready(lab: Lab, address: str) -> None:
    token = _first_token(lab)
    typer.echo(f"{'Founded' if lab.is_new else 'Opened'} {lab.folder}. Serving at {address}")
    if token is not None:
        typer.echo(token)
    if not web.is_built():
        typer.echo(f"The dashboard was not built: {web.REMEDY}.", err=True)
    sys.stdout.flush()


def _say_slow() -> None:
    typer.echo("Getting ready: the first time, machine code is compiled, which takes about a minute.", err=True)


def _first_token(lab: Lab) -> str | None:
    """Make an operator's token where there is none at all; shown on a terminal, else put into a file, for output is often logged."""
    import time

    from equipoise.api.roles import Role
    from equipoise.api.tokens import Tokens

    tokens = Tokens(lab.tokens, lambda: time.time_ns() // 1_000_000)
    if tokens.all():
        return None
    text = tokens.new(_person(), Role.OPERATOR)
    if sys.stdout.isatty():
        return f"An operator's token, shown this once: {text}"
    path = lab.folder / "operator.token"
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600), "w") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(text + "\n")
    return f"An operator's token is in {path}; keep it elsewhere and remove the file"


def _person() -> str:
    try:
        return getpass.getuser()
    except (OSError, KeyError):
        return "operator"
