"""``equipoise knowledge``: what people know of the files of repositories, and what would leave with them."""

from __future__ import annotations

import json
from typing import Annotated

import typer


def run(
    repositories: Annotated[list[str], typer.Argument(metavar="REPO...", help="Folders of git repositories.")],
    mapping: Annotated[
        str | None,
        typer.Option("--map", metavar="FILE", help="CSV field,value,team (email, domain, name): who is where."),
    ] = None,
    revision: Annotated[str, typer.Option("--rev", metavar="REV", help="Up to which commit.")] = "HEAD",
    files: Annotated[str, typer.Option("--files", help="source: programs and markup written here; or all.")] = "source",
    exclude: Annotated[
        list[str] | None, typer.Option("--exclude", metavar="PATTERN", help="Files that do not count. Repeat for more.")
    ] = None,
    depth: Annotated[int, typer.Option("--depth", help="How many folders deep areas are told apart.")] = 1,
    renames: Annotated[
        str, typer.Option("--renames", help="exact, or similar: also files changed while they were moved (slow).")
    ] = "exact",
    merge: Annotated[
        bool, typer.Option("--merge/--no-merge", help="Whether one address, or one full name, is one person.")
    ] = True,
    as_json: Annotated[bool, typer.Option("--json", help="Print figures as JSON.")] = False,
) -> None:
    """Say what people know of the files of repositories, and what would leave with them: aggregates of eight or more."""
    from equipoise.cli.interruption import interruptible
    from equipoise.cli.output import terminal
    from equipoise.cli.progress import watch
    from equipoise.tasks.knowledge import knowledge  # late: it reads mappings as logs are read, with numpy and polars

    with interruptible(), watch(things="commits") as on:
        found = knowledge(
            repositories, map=mapping, revision=revision, files=files, exclude=exclude or (), depth=depth, renames=renames,
            merge=merge, progress=on.advance,
        )  # fmt: skip
    if as_json:
        typer.echo(json.dumps(found.to_dict(), indent=2, ensure_ascii=False))
        return
    from equipoise.report.knowledge import print_knowledge

    print_knowledge(found.knowledge, terminal(), git_s=found.effort.git_s, commits_per_s=found.commits_per_s)
