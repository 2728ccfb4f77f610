"""``equipoise plan``: what an amendment changes, in sentences and GPUs, who must sign it, and how it does when replayed."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from equipoise.cli.replay import may_replay

if TYPE_CHECKING:
    from equipoise.charter.difference_sentences import Entry
    from equipoise.tasks.plan import Proposal, Replayed

AFFECTED = 20
"""How many of those that others' changes affect are told without ``--all``."""


@may_replay
def run(
    replay: Callable[..., Any] | None,
    new: Annotated[str, typer.Argument(help="The charter that is proposed.")],
    against: Annotated[
        str | None, typer.Option("--against", metavar="OLD", help="The charter in force; without it all is added.")
    ] = None,
    ledger: Annotated[
        Path | None,
        typer.Option("--ledger", metavar="FILE", help="A ledger: its charter in force, and who has signed this one."),
    ] = None,
    live: Annotated[bool, typer.Option("--live", help="The charter in force is that of the live lab.")] = False,
    everything: Annotated[bool, typer.Option("--all", help="Tell of every team that others' changes affect.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print changes and figures as JSON.")] = False,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit with 1 if anything changes.")] = False,
) -> None:
    """Say what an amendment changes: floors and promises in plain sentences, who must sign it, how it does when replayed.

    Exit code 0: the plan was made, whether or not anything changes (see --exit-code). 1: a charter has errors.
    """
    from equipoise.cli.interruption import interruptible
    from equipoise.tasks.plan import plain_plan, propose, replay_both

    with interruptible():
        if (ledger is not None) + (against is not None) + live > 1:
            raise typer.BadParameter("the charter in force is either in --ledger, --against or --live")
        proposal = _against_live(new) if live else propose(new, against, ledger=ledger)
        if not as_json:
            _show(proposal, new, limit=None if everything else AFFECTED)
        both = None if replay is None else replay_both(proposal, replay)
        if as_json:
            typer.echo(json.dumps(plain_plan(proposal, both), indent=2, ensure_ascii=False))
        elif both is not None:
            _show_replayed(both)
    if both is not None:
        from equipoise.cli.simulate import leave_if_partial

        leave_if_partial(both.runs[-1])
    raise typer.Exit(1 if exit_code and proposal.changes else 0)


def _against_live(new: str) -> Proposal:
    """Compare with the charter in force in the live lab."""
    import tempfile

    from equipoise.api.client import calling
    from equipoise.tasks.plan import propose

    with calling() as client, tempfile.TemporaryDirectory() as folder:
        old = Path(folder) / "in-force.yaml"
        old.write_bytes(client.get("/charter")["text"].encode())
        return propose(Path(new), old)


def show_plan(new: Path) -> None:
    """Print the plan of a charter against nothing."""
    from equipoise.tasks.plan import propose

    _show(propose(new), str(new), limit=AFFECTED)


def _show(proposal: Proposal, new: str, *, limit: int | None) -> None:
    from equipoise.charter.difference_sentences import affected, summary, written
    from equipoise.cli.app import print_line

    changes = proposal.changes
    if proposal.before is None:
        typer.echo(f"{new} against no charter")
    else:
        typer.echo(f"{new}, revision {proposal.after.revision}, against revision {proposal.before.revision}")
    _print(written(changes, proposal.before, proposal.after))
    rest = list(affected(changes))
    if rest:
        typer.echo("\nAffected by these, though nothing of their own is changed:")
        _print(islice(rest, limit))
        if limit is not None and len(rest) > limit:
            typer.echo(f"\n… and {len(rest) - limit:,} more: --all")
    show_amendment(proposal, limit=limit)
    typer.echo(f"\n{summary(changes)}")
    if proposal.order is not None:
        typer.echo(proposal.order)
    for finding in proposal.warnings:
        print_line(str(finding.place), finding.code, finding.message, finding.hint)


def show_amendment(proposal: Proposal, *, limit: int | None) -> None:
    """Print what an amendment does, who has signed it, and who must still."""
    from equipoise.charter.amendment.sentences import count_text, signature_texts
    from equipoise.cli.output import terminal
    from equipoise.report.effect import print_effect

    found = proposal.status(proposal.signed)
    if found is None or not (proposal.changes or proposal.order is None):
        return
    things = found.needs.effect.things
    typer.echo(f"\n{count_text(things)}\n")
    if any(thing.outcome != "neutral" for thing in things):
        print_effect(things, terminal(), limit=limit)
    typer.echo("\nTo take force, it needs:" if found.tallies else "")
    for line in signature_texts(found, proposal.after.effective_ms):
        typer.echo(f"  {line}")


def _print(entries: Iterable[Entry]) -> None:
    for entry in entries:
        typer.echo(f"\n{entry}")


def _show_replayed(both: Replayed) -> None:
    from equipoise.cli.output import terminal
    from equipoise.report.amendment import print_amendment

    console = terminal()
    console.print()
    print_amendment(both.rows(), console, one_measure=both.one_measure)
