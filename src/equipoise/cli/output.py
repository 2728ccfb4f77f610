"""Where commands write: standard output for results, standard error for what was written elsewhere."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

if TYPE_CHECKING:
    from rich.console import Console

PAGE_WIDTH = 110


def terminal() -> Console:
    """Return standard output: a terminal as wide as it is, anything else as wide as a page."""
    from rich.console import Console

    console = Console(highlight=False, soft_wrap=True, file=sys.stdout)
    if not console.is_terminal:
        console.width = max(console.width, PAGE_WIDTH)
    return console


def wrote(path: Path) -> None:
    """Say that a file was written."""
    typer.echo(f"Wrote {path}", err=True)
