"""``equipoise check``: what is wrong with a charter, where, and what to do; or what it means."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from equipoise.charter.model import Charter
from equipoise.charter_io import Finding, Report, check, digest, read_bytes
from equipoise.charter_io.document import MAX_BYTES


def run(
    file: Annotated[str, typer.Argument(help="The charter; - reads standard input.")],
    explain: Annotated[bool, typer.Option("--explain", help="Print what it means: GPUs and sentences.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print findings (and quotas) as JSON.")] = False,
    against: Annotated[Path | None, typer.Option(help="The charter in force: check revision and parent too.")] = None,
) -> None:
    """Check a charter: file:line:column, what is wrong, what to do.

    Exit code 0: usable (warnings are allowed). 1: errors.
    """
    data = sys.stdin.buffer.read(MAX_BYTES + 1) if file == "-" else read_bytes(file)
    name = "<stdin>" if file == "-" else file
    report = check(data, name, against=None if against is None else read_bytes(against))
    if as_json:
        typer.echo(json.dumps(_plain(report, data, with_meaning=explain), indent=2, ensure_ascii=False))
    else:
        _print(report, name, with_meaning=explain)
    raise typer.Exit(0 if report.charter is not None else 1)


def _print(report: Report, name: str, *, with_meaning: bool) -> None:
    for finding in report.findings:
        _print_finding(finding)
    errors, warnings = len(report.errors), len(report.warnings)
    if report.charter is None:
        rest = f", {_count(warnings, 'warning')}" if warnings else ""
        typer.echo(f"{name}: {_count(errors, 'error')}{rest}", err=True)
        return
    if with_meaning:
        from equipoise.charter.explanation import explain

        typer.echo("\n".join(explain(report.charter)))
        return
    pools, leaves = len(report.charter.pools), len(report.charter.leaves)
    size = f"{_count(pools, 'pool')}, {_count(len(report.charter.teams), 'team')} ({leaves} that hold jobs)"
    noted = f" with {_count(warnings, 'warning')}" if warnings else ""
    typer.echo(f"{name}: ok{noted}, {size}")


def _print_finding(finding: Finding) -> None:
    from equipoise.cli.app import print_line

    print_line(str(finding.place), finding.code, finding.message, finding.hint)


def _count(number: int, what: str) -> str:
    return f"{number} {what}{'' if number == 1 else 's'}"


def _plain(report: Report, data: bytes, *, with_meaning: bool) -> dict[str, object]:
    plain: dict[str, object] = {
        "ok": report.charter is not None,
        "digest": digest(data),
        "findings": [finding.to_dict() for finding in report.findings],
    }
    if report.charter is not None:
        plain["lab"] = report.charter.lab
        plain["pools"] = _quotas(report.charter)
        if with_meaning:
            from equipoise.charter.explanation import explain

            plain["explanation"] = explain(report.charter)
    return plain


def _quotas(charter: Charter) -> dict[str, object]:
    from equipoise.charter.floors import quotas

    found: dict[str, object] = {}
    for pool in charter.pools:
        each = zip(charter.teams, quotas(charter, pool.name, pool.capacity), strict=True)
        found[pool.name] = {
            "capacity_gpus": pool.capacity,
            "teams": {
                team.path: {"floor_gpus": quota.floor, "limit_gpus": quota.limit, "reserve_gpus": quota.reserve}
                for team, quota in each
            },
        }
    return found
