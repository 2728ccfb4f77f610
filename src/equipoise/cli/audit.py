"""``equipoise audit``: execute everything in a ledger again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from equipoise.audit import Finding
    from equipoise.tasks.ledger import Audited


def run(
    ledger: Annotated[Path, typer.Argument(help="The ledger's file.")],
    key: Annotated[
        list[str] | None,
        typer.Option("--key", "-k", help="The ledger's verifier key: entries must be those that it signed."),
    ] = None,
    policy: Annotated[
        Path | None,
        typer.Option(
            "--policy", help="Keys of ledgers and witnesses, and how many must have seen it (C2SP tlog-policy)."
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
        found = audit_ledger(ledger, trusted, progress=on.advance)
    if as_json:
        typer.echo(json.dumps(_plain(found), indent=2, ensure_ascii=False))
    else:
        _print(found)
    raise typer.Exit(0 if found.audit.holds else 1)


def _print(found: Audited) -> None:
    from equipoise.cli.output import terminal
    from equipoise.report.why import print_why

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
    if audit.holds:
        under = "the charter in force" if audit.policy == "charter" else f"'{audit.policy}', which is not the charter"
        console.print(f"Every decision, total, window and verdict follows from the events under {under}.", style="bold")
    for finding in audit.findings:
        console.print(str(finding), style="bold red")
        for one in finding.why:
            print_why(one, console, name_of=str)
    console.print("What this does not show:")
    for line in audit.residual:
        console.print(f"  · {line}")


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
        "findings": [_finding(finding) for finding in audit.findings],
        "residual": list(audit.residual),
    }


def _finding(finding: Finding) -> dict[str, Any]:
    return {
        "code": finding.code,
        "at_ms": finding.at_ms,
        "entry": finding.entry,
        "recorded": finding.recorded,
        "required": finding.required,
    }
