"""``equipoise gate``: which stage a release is in, how much it may use, what it lacks, and who has to sign."""

from __future__ import annotations

import json
from typing import Annotated

import typer


def run(
    charter: Annotated[str, typer.Argument(help="The charter in force.")],
    release: Annotated[str, typer.Option("--release", metavar="sha256:…", help="The digest of the model.")],
    attestations: Annotated[
        list[str] | None,
        typer.Option(
            "--attestation", "-a", metavar="FILE", help="An attestation, or one on every line. Repeat for more."
        ),
    ] = None,
    gate: Annotated[str | None, typer.Option("--gate", help="Which gate, if the charter has several.")] = None,
    now: Annotated[
        str | None, typer.Option("--now", metavar="DATE", help="Decide for this time; default: now.")
    ] = None,
    require: Annotated[
        str | None, typer.Option("--require", metavar="STAGE", help="Exit with 1 unless this stage is open to it.")
    ] = None,
    as_json: Annotated[bool, typer.Option("--json", help="Print as JSON.")] = False,
) -> None:
    """Say which stage of a release gate a model is in, how much it may use, what it lacks, and who has to sign.

    Exit code 0: decided, whatever the gate says (see --require). 1: something cannot be read.
    """
    from equipoise.report.gate import gate_lines, plain_gate
    from equipoise.tasks.gate import decide_by_files

    dossier, decision = decide_by_files(charter, release, attestations or (), gate=gate, at=now)
    stages = [stage.name for stage in dossier.gate.stages]
    if require is not None and require not in stages:
        raise typer.BadParameter(f"the gate {dossier.gate.name} has the stages {', '.join(stages)}")
    if as_json:
        typer.echo(json.dumps(plain_gate(decision, dossier.charter), indent=2, ensure_ascii=False))
    else:
        typer.echo("\n".join(gate_lines(decision, dossier.charter)))
    closed = stages[stages.index(decision.next_stage) :] if decision.next_stage is not None else []
    raise typer.Exit(1 if require in closed else 0)
