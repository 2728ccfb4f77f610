"""``equipoise report``: a replay, or a period of a lab's ledger, as one HTML file."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated, Any

import typer

from equipoise.cli.interruption import interruptible
from equipoise.cli.output import terminal, wrote
from equipoise.cli.replay import Parameters, Replay, replays, strangers
from equipoise.cli.years import People, Staff, years_after


def _report(
    replay: Replay,
    output: Annotated[str, typer.Option("--output", "-o", metavar="FILE", help="Where to write it.")] = "report.html",
    outlook: People = None,
    staff: Staff = None,
    trust: Annotated[
        Path | None,
        typer.Option(
            "--trust", metavar="FILE", help="Of a PERIOD: whom to trust, with witnesses; `audit --policy` has it."
        ),
    ] = None,
    state: Annotated[
        Path | None, typer.Option("--state", metavar="FILE", help="Of a period: what `audit --state` keeps.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Of a period: print the same figures as JSON.")] = False,
) -> None:
    """Write a report, one HTML file that needs no network, of a job log or of a period of a lab's ledger.

    With --charter, LOG is a job log, and is replayed. Without, the report is of a lab's ledger: LOG is the ledger's file, or a period of
    the ledger that --ledger names: 2026, 2026-Q3, 2026-09, 2026-W36, 2026-09-01..2026-10-01.

    Exit code 0: written. 1, of a period: written, and an audit of the ledger finds what does not follow.
    """
    if not replay.charter:
        _write_period(replay, output, outlook, staff, trust, state, as_json=as_json)
        return
    if trust is not None or state is not None or as_json or not replay.log:
        raise typer.BadParameter("with --charter a LOG is replayed; --trust, --state and --json are of a period")
    from equipoise.cli.simulate import leave_if_partial, runs_of

    with interruptible():
        found = replay()
        from equipoise.report import verdict_of
        from equipoise.tasks.report import write_report

        years = years_after(found, outlook, staff)
        path = write_report(
            found, output, log=replay.log, charter=replay.charter, command=replay.command, prospect=years
        )
        console = terminal()
        console.soft_wrap = False
        console.print(verdict_of(runs_of(found)), style="bold")
        if years is not None:
            console.print(years.sentence(), style="bold")
        wrote(path)
    leave_if_partial(found)


def _write_period(
    replay: Replay,
    output: str,
    outlook: str | None,
    staff: str | None,
    trust: Path | None,
    state: Path | None,
    *,
    as_json: bool,
) -> None:
    odd = [name for name in strangers(replay.options) if name not in ("--ledger", "--key")]
    if odd:
        raise typer.BadParameter(f"{', '.join(odd)}: only of a LOG that is replayed, with --charter")
    if staff is not None and outlook is None:
        raise typer.BadParameter("there is nothing to bring up to date without --outlook", param_hint="--staff")
    from equipoise.cli.progress import watch
    from equipoise.tasks.period_report import period_report, write_period
    from equipoise.tasks.verify import policy_of

    ledger, period = _what(replay)
    key = replay.options["key"]
    trusted = [*(["--key", key] if key else []), *(["--policy", str(trust)] if trust else [])]
    with interruptible():
        with watch(things="events") as on:
            found = period_report(
                ledger,
                period,
                policy=policy_of([key] if key else [], trust) if trusted else None,
                state=state,
                trusted=trusted,
                command=replay.command,
                people=outlook,
                staff=staff,
                progress=on.advance,
                announce=on.announce,
            )
        path = write_period(found, output)
        if as_json:
            typer.echo(json.dumps(found.to_dict(), indent=2, ensure_ascii=False))
        else:
            console = terminal()
            console.soft_wrap = False
            console.print(found.sentence, style="bold")
            for one in found.findings[:10]:
                console.print(str(one), style="bold red")
        wrote(path)
    raise typer.Exit(0 if found.run is not None and not found.findings else 1)


def _what(replay: Replay) -> tuple[Path, Any]:
    """Return the ledger and the period (None: all of it) that are meant; S132 for what is neither."""
    from equipoise.errors import InputError
    from equipoise.tasks.period import is_period, parse_period
    from equipoise.tasks.period_report import DEFAULT_LEDGER, is_ledger

    told, named = replay.log, replay.options["ledger"]
    ledger = DEFAULT_LEDGER if named is None else Path(named)
    if not told:
        return ledger, None
    if Path(told).exists() and not (named is not None and is_period(told)):
        if is_ledger(Path(told)) and named is None:
            return Path(told), None
        hint = "a job log is replayed with --charter CHARTER" if named is None else "one ledger, and a period of it"
        raise InputError("S132", f"{told} is not a ledger, or a second one", hint=hint)
    if not is_period(told) and not any(letter.isdigit() for letter in told[:1]):
        raise InputError(
            "S132", f"{told} is no file, and no period", hint="a ledger's file, or 2026-Q3 with --ledger FILE"
        )
    return ledger, parse_period(told)


def _changed(shared: Parameters) -> Parameters:
    """Say of the options of a replay what they are here: of a period there is no charter, and the ledger is read."""
    log = typer.Argument(
        metavar="[LOG|LEDGER|PERIOD]", help="A job log, a ledger's file, or a period: 2026-Q3.", show_default=False
    )
    charter = typer.Option("--charter", "-c", help="Of a LOG: the charter that everything is measured by.")
    ledger = typer.Option(
        "--ledger",
        metavar="FILE",
        help="Of a PERIOD: the ledger (lab/ledger.db). Of a LOG: record the run in a new one.",
    )
    key = typer.Option(
        "--key",
        "-k",
        metavar="KEY",
        help="Of a PERIOD: the ledger's verifier key, or its file. Of a LOG: the key that signs.",
    )
    told: dict[str, tuple[Any, Any, str | None]] = {
        "log": (str, log, ""), "charter": (str, charter, ""), "ledger": (str | None, ledger, None), "key": (str | None, key, None),
    }  # fmt: skip
    return {
        name: shared[name].replace(annotation=Annotated[kind, option], default=default)
        for name, (kind, option, default) in told.items()
    }


run = replays(_report, changed=_changed)
