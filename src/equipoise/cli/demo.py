"""``equipoise demo``: what happens to a lab's safety work when the product comes first."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any

import typer

from equipoise.cli.interruption import interruptible
from equipoise.cli.simulate import terminal

if TYPE_CHECKING:
    from equipoise.tasks.demo import Demo


def run(
    days: Annotated[int, typer.Option("--days", min=1, max=3660, help="How many days the lab submits work.")] = 90,
    seed: Annotated[int, typer.Option("--seed", help="Another seed is another lab of the same kind.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print figures as JSON.")] = False,
) -> None:
    """Replay a synthetic lab as promised by its charter, and with the product first."""
    with interruptible():
        from equipoise.cli.progress import watch
        from equipoise.tasks.demo import demo  # late: it needs numba and polars

        with watch() as on:
            found = demo(days=days, seed=seed, progress=on.progress, announce=on.announce)
        if as_json:
            typer.echo(json.dumps(as_plain(found), indent=2, ensure_ascii=False))
        else:
            _show(found)


def as_plain(demo: Demo) -> dict[str, Any]:
    """Return what ``--json`` prints: the sentence, both accounts of the days, and both runs to their end."""
    runs = (demo.promised, demo.product_first)
    return {
        "days": demo.days,
        "sentence": demo.sentence(),
        "accounts": {run.policy: {row.pop("team"): row for row in demo.account(run).to_dicts()} for run in runs},
        "runs": [run.to_dict() for run in runs],
    }


def _show(demo: Demo) -> None:
    from equipoise.report import print_demo

    console = terminal()
    runs = (demo.promised, demo.product_first)
    print_demo(*runs, console, days=demo.days, accounts=tuple(map(demo.account, runs)))
    console.print()
    console.soft_wrap = False
    console.print(demo.sentence(), style="bold")
