"""``equipoise audit``: execute everything in a ledger again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from equipoise.cli.trust import Keys, PolicyFile

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from equipoise.audit import Finding
    from equipoise.tasks.ledger import Audited

SHOWN = 10


def run(
    ledger: Annotated[Path, typer.Argument(help="The ledger's file.")],
    key: Keys = None,
    policy: PolicyFile = None,
    state: Annotated[
        Path | None,
        typer.Option(
            "--state", help="A file that keeps what was read, so that the same ledger, grown, is read from there."
        ),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Execute everything in a ledger again, and find the first decision that the charter did not require.

    Exit code 0: everything follows. 1: something does not.
    """
    from equipoise.cli.progress import watch
    from equipoise.tasks.ledger import audit_ledger
    from equipoise.tasks.verify import policy_of

    with watch(things="events") as on:
        trusted = policy_of(key or [], policy) if key or policy else None
        found = audit_ledger(ledger, trusted, state=state, progress=on.advance)
    if as_json:
        typer.echo(json.dumps(_plain(found), indent=2, ensure_ascii=False))
    else:
        _print(found)
    raise typer.Exit(0 if found.audit.holds else 1)


def _print(found: Audited) -> None:
    from equipoise.cli.output import terminal

    audit, console = found.audit, terminal()
    console.print(
        f"{audit.entries:,} entries: {audit.events:,} events in {audit.passes:,} passes, {audit.decisions:,} decisions."
        f" Executed was '{audit.policy}'."
    )
    if found.witnessed is None:
        console.print("Nobody's signature was asked for (--key): anybody may have written these entries.")
    else:
        size = found.witnessed.checkpoint.size
        unsigned = f"; the {found.beyond:,} after them nobody signed yet" if found.beyond else ""
        console.print(f"The first {size:,} are those that {found.witnessed.log.name} signed{unsigned}.")
    if found.resumed:
        console.print(
            f"The first {found.resumed:,} were read by an earlier audit; by the hashes of the tree they are the same. All are executed."
        )
    if audit.holds:
        under = "the charter in force" if audit.policy == "charter" else f"'{audit.policy}', which is not the charter"
        said = f"Every decision, total, window and verdict follows from the events under {under}."
        console.print(
            said if audit.passes else "Every charter came into force as the one before it demands.", style="bold"
        )
    for note in audit.notes:
        console.print(note)
    for finding in audit.findings[:SHOWN]:
        _print_finding(finding, console, audit.job_name)
    if len(audit.findings) > SHOWN:
        console.print(f"… and {len(audit.findings) - SHOWN:,} more (--json lists them).")
    console.print("What this does not show:")
    for line in audit.residual:
        console.print(f"  · {line}")


def _print_finding(finding: Finding, console: Console, name_of: Callable[[int], str]) -> None:
    from equipoise.audit.finding import FOUND
    from equipoise.report.why import clock, print_why

    place = f"entry {finding.entry:,}" if finding.entry >= 0 else "an entry that is missing"
    console.print(f"{finding.code} {FOUND[finding.code]}: {place}, at {clock(finding.at_ms)}", style="bold red")
    console.print(f"  recorded: {finding.recorded or 'nothing'}")
    console.print(f"  required: {finding.required or 'nothing'}")
    if finding.why:
        console.print("After what the charter requires:")
    for one in finding.why:
        print_why(one, console, name_of=name_of, changes=False)


def _plain(found: Audited) -> dict[str, Any]:
    audit = found.audit
    return {
        "holds": audit.holds,
        "entries": audit.entries,
        "passes": audit.passes,
        "events": audit.events,
        "decisions": audit.decisions,
        "policy": audit.policy,
        "signed_by": None if found.witnessed is None else found.witnessed.log.name,
        "unsigned_entries": found.beyond,
        "notes": list(audit.notes),
        "silent_ms": audit.silent_ms,
        "resumed_entries": found.resumed,
        "findings": [_finding(finding, audit.job_name) for finding in audit.findings],
        "residual": list(audit.residual),
    }


def _finding(finding: Finding, name_of: Callable[[int], str]) -> dict[str, Any]:
    from equipoise.report.why import plain_why

    return {
        "code": finding.code,
        "at_ms": finding.at_ms,
        "entry": finding.entry,
        "recorded": finding.recorded,
        "required": finding.required,
        "why": [plain_why(one, name=name_of(one.job), name_of=name_of, forecast=None) for one in finding.why],
    }
