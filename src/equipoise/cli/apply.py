"""``equipoise apply``: enter a charter and its signatures into a ledger, and put in force what is due."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from equipoise.tasks.amend import Applied


def run(
    new: Annotated[Path | None, typer.Argument(help="The charter; without one, what is due is put in force.")] = None,
    envelopes: Annotated[
        list[Path] | None, typer.Argument(help="Envelopes with signatures of it: equipoise sign NEW --key FILE.")
    ] = None,
    ledger: Annotated[
        Path | None, typer.Option("--ledger", metavar="FILE", help="The ledger; a first charter begins it.")
    ] = None,
    live: Annotated[bool, typer.Option("--live", help="Enter it in the live lab, by its server.")] = False,
    key: Annotated[Path | None, typer.Option("--key", "-k", metavar="FILE", help="The ledger's private key.")] = None,
    plan: Annotated[
        bool, typer.Option("--plan", "--dry-run", help="Say what would be entered; write nothing.")
    ] = False,
    act: Annotated[
        str, typer.Option("--as", help="amendment; emergency; withdrawal of a pending amendment; end of an emergency.")
    ] = "amendment",
    refound: Annotated[
        str | None,
        typer.Option(
            "--refound", metavar="REASON", help="Put it in force without signatures, for ever seen, promises broken."
        ),
    ] = None,
    releases: Annotated[
        list[str] | None,
        typer.Option("--release", metavar="SERVICE=DIGEST", help="Enter what a service runs. Repeat for more."),
    ] = None,
    attestations: Annotated[
        list[Path] | None,
        typer.Option("--attestation", metavar="FILE", help="Enter what is attested of releases. Repeat for more."),
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Enter a charter and its signatures into a ledger; when all have signed and notice has passed, it is in force.

    Run it again with further signatures, and without a charter when the time has come. With --release and --attestation
    it enters these, which release gates go by.
    """
    from equipoise.ledger.assent import PAYLOAD_TYPES
    from equipoise.tasks.amend import apply
    from equipoise.tasks.keys import read_key

    if act not in PAYLOAD_TYPES:
        raise typer.BadParameter("--as is one of " + ", ".join(PAYLOAD_TYPES))
    if live:
        if ledger is not None or refound is not None or key is not None:
            raise typer.BadParameter("the server of a live lab has its ledger and key, and does not re-found it")
        _apply_live(new, envelopes or [], act, dry_run=plan, as_json=as_json)
        return
    if ledger is None:
        if new is None:
            raise typer.BadParameter("name a charter, a --ledger, or both")
        typer.echo("Without --ledger nothing is entered, and the charter in force is not known: this is a plan only.")
        from equipoise.cli.plan import show_plan

        show_plan(new)
        return
    if key is None and not plan:
        raise typer.BadParameter("--key FILE signs the ledger: equipoise keys new NAME makes a key")
    if releases or attestations:
        if new is not None:
            raise typer.BadParameter("a charter is entered by itself, before --release and --attestation")
        _declare(releases or [], attestations or [], ledger=ledger, key=key, dry_run=plan, as_json=as_json)
        return
    found = apply(
        new,
        envelopes or (),
        ledger=ledger,
        key=None if key is None else read_key(key),
        act=None if refound is not None else act,
        reason=refound or "",
        dry_run=plan,
    )
    if as_json:
        typer.echo(json.dumps(_plain(found), indent=2, ensure_ascii=False))
    else:
        _print(found)


def _declare(
    releases: list[str], attestations: list[Path], *, ledger: Path, key: Path | None, dry_run: bool, as_json: bool
) -> None:
    from equipoise.tasks.declare import declare
    from equipoise.tasks.keys import read_key
    from equipoise.tasks.releases import digests_of

    found = declare(
        ledger,
        key=None if key is None else read_key(key),
        releases=digests_of(releases),
        attestations=attestations,
        dry_run=dry_run,
    )
    if as_json:
        typer.echo(json.dumps(_plain(found), indent=2, ensure_ascii=False))
    else:
        _print(found)


def _apply_live(new: Path | None, envelopes: list[Path], act: str, *, dry_run: bool, as_json: bool) -> None:
    """Enter a charter by the server; without one, say what is in force and pending: the server itself enters what is due."""
    from equipoise.api.client import calling
    from equipoise.charter.explanation import instant_text
    from equipoise.charter_io import loads, read_bytes
    from equipoise.tasks.amend import read_envelope

    found: dict[str, Any]
    with calling() as client:
        if new is None:
            found = client.get("/charter")
            found.setdefault("entries", [])
            del found["text"]
        else:
            data = read_bytes(new)
            loads(data, str(new))  # what is wrong is told with its line, before anything is sent
            held = [read_envelope(path).decode("utf-8", "replace") for path in envelopes]
            found = client.post("/charters", {"text": data.decode(), "envelopes": held, "act": act, "dry_run": dry_run})
    if as_json:
        typer.echo(json.dumps(found, indent=2, ensure_ascii=False))
        return
    rows: list[dict[str, Any]] = found["entries"]
    for values in rows:
        how = f", {values['how']}" if "how" in values else ""
        verb = "Would be entered" if dry_run else "Entered"
        typer.echo(f"{verb}: {values['kind']}{how} {values.get('digest', '')}".rstrip())
    if not rows:
        typer.echo("Nothing to enter.")
    typer.echo(f"In force: revision {found['in_force']['revision']}, {found['in_force']['digest']}")
    if found["pending"] is not None:
        typer.echo(f"Pending: revision {found['pending']['revision']}, {found['pending']['digest']}")
        for tally in found["signatures"]:
            typer.echo(f"  {json.dumps(tally, ensure_ascii=False)}")
        if found["force_ms"] is not None:
            typer.echo(f"  In force from {instant_text(found['force_ms'])} on; the server sees to it.")


def _print(found: Applied) -> None:
    from equipoise.charter.amendment.sentences import signature_texts
    from equipoise.charter.explanation import instant_text

    verb = "Entered" if found.written else "Would be entered"
    for values in found.entries:
        how = f", {values['how']}" if "how" in values else ""
        what = " ".join(str(values[name]) for name in ("service", "digest") if name in values)
        said = _attested(str(values["envelope"])) if "envelope" in values else f"{values['kind']}{how} {what}"
        typer.echo(f"{verb}: {said}".rstrip())
    if not found.entries:
        typer.echo("Nothing to enter.")
    typer.echo(f"In force: revision {found.charter.revision}, {found.charter.digest}")
    if found.pending is not None and found.status is not None:
        typer.echo(f"Pending: revision {found.pending.revision}, {found.pending.digest}")
        for line in signature_texts(found.status, found.pending.effective_ms):
            typer.echo(f"  {line}")
        if found.status.force_ms is not None:
            typer.echo(f"  Run `equipoise apply --ledger FILE --key FILE` after {instant_text(found.status.force_ms)}.")
    if found.needs_nobody:
        typer.echo("The charter in force names nobody who must sign: anyone who can run `equipoise apply` changes it.")


def _attested(envelope: str) -> str:
    from equipoise.charter.explanation import listed
    from equipoise.gates.statement import parse_attested

    statement = parse_attested(envelope.encode())[1]
    return f"{statement.kind.value} of {statement.type} for {listed(statement.releases)}"


def _plain(found: Applied) -> dict[str, Any]:
    status, pending = found.status, found.pending
    return {
        "written": found.written,
        "entries": [{k: v for k, v in one.items() if k not in ("text", "canonical")} for one in found.entries],
        "size": found.size,
        "in_force": {"revision": found.charter.revision, "digest": found.charter.digest},
        "pending": None if pending is None else {"revision": pending.revision, "digest": pending.digest},
        "signatures": [] if status is None else [tally.to_dict() for tally in status.tallies],
        "notice_ms": None if status is None else status.notice_ms,
        "force_ms": None if status is None else status.force_ms,
    }
