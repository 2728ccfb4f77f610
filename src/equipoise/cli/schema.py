"""``equipoise schema``: the charter language for editors and other programs."""

from __future__ import annotations

import json

import typer


def run() -> None:
    """Print the JSON Schema of the charter language."""
    from equipoise.charter_io.schema import json_schema

    typer.echo(json.dumps(json_schema(), indent=2, ensure_ascii=False))
