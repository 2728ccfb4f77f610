"""The frame of the command line: the table of commands, the one place that prints errors, and the exit codes."""

from __future__ import annotations

import importlib
import shlex
import sys
from collections.abc import Callable, Sequence
from typing import Annotated, Any, NoReturn

import typer

from equipoise._version import __version__
from equipoise.charter_io.finding import CharterError
from equipoise.errors import EquipoiseError

EXIT_CODES = {
    0: "ok",
    1: "a finding: errors in a file, a check that does not hold",
    2: "wrong usage",
    130: "interrupted",
}

COMMANDS = {
    "check": "Check a charter: file:line:column, what is wrong, what to do.",
    "init": "Write a charter to start from.",
    "export": "Write a charter as Kueue's objects or Slurm's accounts, and say what these cannot say.",
    "plan": "What an amendment changes: floors and promises in sentences, and how it does when replayed.",
    "sign": "Sign a charter, or add your signature to those that are there.",
    "apply": "Enter a charter and its signatures into a ledger, and put in force what is due.",
    "gate": "Which stage a release is in, how much it may use, what it lacks, and who has to sign.",
    "attest": "State that a release passed what a gate asks for, or take that back, and sign it.",
    "schema": "Print the JSON Schema of the charter language.",
    "simulate": "Replay a job log under a charter: who would have got the machine, who would have starved.",
    "shadow": "What Equipoise would have done on a Slurm cluster in the last days, beside what Slurm did.",
    "tune": "Search for the charters that trade off best on a job log, and say what each gives up.",
    "why": "Say why a job waits, who holds what it waits for, and what would start it now.",
    "team": "Where a team stands: what it holds and waits for, who owes whom, its account so far.",
    "knowledge": "What a lab's people know of its files, and what would leave with them, from git.",
    "outlook": "What a course does to a lab's people, knowledge and lead, with intervals and failed checks in view.",
    "report": "Write a report, one HTML file: of a job log under a charter, or of a period of a lab's ledger.",
    "receipt": "Take from a ledger what proves a verdict about a promise, as one file.",
    "verify": "Check a receipt offline: signatures, proofs, witnesses, and the verdict by the closes.",
    "audit": "Execute everything in a ledger again, and find the first decision that the charter did not require.",
    "correct": "Enter a correction of an earlier entry into a ledger, and sign its head.",
    "checkpoint": "Sign a ledger's head, and have witnesses cosign it.",
    "witness": "Serve as a witness: cosign each head of a ledger that continues what was seen of it, and no other.",
    "keys": "Make a key to sign with, and show the public part of one.",
    "serve": "Run a lab: decide by the charter, let an engine execute, record everything, answer calls.",
    "token": "Make, list and revoke the tokens that open a live lab, and keep yours.",
    "run": "Submit a job to a live lab.",
    "top": "Watch a live lab: pools, teams and jobs.",
    "cancel": "Withdraw jobs of a live lab.",
    "request": "Ask a live lab for credits for a team.",
    "requests": "List the requests for credits of a live lab.",
    "grant": "Grant a request for credits, or part of it.",
    "transfer": "Move what a grant of credits has left.",
    "refuse": "Refuse a request for credits, with a reason.",
    "drain": "Put a node of a live lab into maintenance, or take it back.",
    "demo": "Replay a synthetic lab as promised, and with the product first.",
}
"""Every command and its one line of help. The function ``run`` of the module ``equipoise.cli.NAME`` carries it out."""


def main(args: Sequence[str] | None = None) -> NoReturn:
    """Run a command and exit.

    Parameters
    ----------
    args : sequence of str or None
        The arguments after the program's name; None takes those of the process.

    Raises
    ------
    SystemExit
        With a code of ``EXIT_CODES``.
    """
    arguments = list(sys.argv[1:] if args is None else args)
    chosen = next((word for word in arguments if not word.startswith("-")), None)
    try:
        typer.main.get_command(_app(chosen)).main(
            args=arguments, prog_name="equipoise", obj=shlex.join(["equipoise", *arguments])
        )
    except EquipoiseError as error:
        print_error(error)
        sys.exit(1)
    except BrokenPipeError:  # the reader, `head` perhaps, has seen enough
        sys.stderr.close()
        sys.exit(0)
    sys.exit(0)


def command(name: str) -> Any:
    """Return a command as the parser has it, with its arguments and options: what a reference is made from."""
    group: Any = typer.main.get_command(_app(name))
    return group.commands[name]


def print_error(error: EquipoiseError) -> None:
    """Print ``file:line:column code sentence`` and the hint below it; for a charter, every finding."""
    if isinstance(error, CharterError):
        for finding in error.findings:
            print_line(str(finding.place), finding.code, finding.message, finding.hint)
        return
    print_line(str(error.place) if error.place is not None else "", error.code, error.message, error.hint)


def print_line(place: str, code: str, message: str, hint: str) -> None:
    """Print one finding to standard error."""
    typer.echo(f"{place}{' ' if place else ''}{code} {message}", err=True)
    if hint:
        typer.echo(f"    hint: {hint}", err=True)


def _app(chosen: str | None) -> typer.Typer:
    """Return the application with the chosen command loaded and all others as names with one line of help."""
    app = typer.Typer(
        name="equipoise",
        help="Divide an organisation's compute by a charter: allocate, account, anticipate.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,  # plain help: loading rich for it would take longer than all the rest
    )
    app.callback()(_options)
    for name, line in COMMANDS.items():
        run = importlib.import_module(f"equipoise.cli.{name}").run if name == chosen else _named(name)
        app.command(name, help=run.__doc__ if name == chosen else line, short_help=line)(run)
    return app


def _named(name: str) -> Callable[[], None]:
    def run() -> None:
        raise AssertionError(f"the command {name} was not loaded")

    return run


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"equipoise {__version__}")
        raise typer.Exit


def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    assert not version, "the callback has printed it and left"
