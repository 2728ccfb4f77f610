"""What Slurm did by itself, to hold against what Equipoise would have done; reads Slurm's accounting and changes nothing.

`record` writes the jobs of the last days as a log that ``equipoise.traces.read`` reads (format ``sacct``), so that ``equipoise simulate``
replays them under a charter; `starts` says when Slurm started each.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from equipoise.engines.slurm.commands import Commands
from equipoise.engines.slurm.settings import Settings

COLUMNS = (
    "JobID", "Account", "Partition", "QOS", "User", "Submit", "Eligible", "Start", "End", "ElapsedRaw", "TimelimitRaw", "State",
    "ReqTRES", "AllocTRES",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Start:
    """A start by Slurm: Unix times in milliseconds, of whole seconds as its accounting keeps them."""

    id: str
    account: str
    gang: int
    eligible_ms: int
    start_ms: int

    @property
    def wait_ms(self) -> int:
        """How long it waited while it could have run."""
        return max(0, self.start_ms - self.eligible_ms)


def record(settings: Settings, path: Path, *, days: int = 7) -> Path:
    """Write the jobs of the managed partitions in the last days to a file, as ``sacct`` prints them in UTC.

    Raises
    ------
    EngineError
        E140 (retryable) if the accounting does not answer, E141 if sacct is not installed.
    """
    commands = Commands(settings, dates="%Y-%m-%dT%H:%M:%S", zone="UTC")
    said = commands.run(
        "sacct", "--allusers", "--allocations", "--parsable2", f"--starttime=now-{days}days", "--endtime=now",
        f"--partition={','.join(settings.partitions)}", f"--format={','.join(COLUMNS)}",
    )  # fmt: skip
    path.write_text(said, "utf-8")
    return path


def starts(path: Path) -> Iterator[Start]:
    """Yield what Slurm started, from a file that `record` wrote."""
    from datetime import UTC, datetime

    def unix_ms(text: str) -> int | None:
        if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", text):
            return None
        return round(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp()) * 1000

    lines = path.read_text("utf-8").splitlines()
    for line in lines[1:]:
        cells = dict(zip(lines[0].split("|"), line.split("|"), strict=True))
        eligible_ms, start_ms = unix_ms(cells["Eligible"]), unix_ms(cells["Start"])
        gang = re.search(r"gres/gpu=(\d+)", cells["AllocTRES"])
        if eligible_ms is not None and start_ms is not None and gang:
            yield Start(cells["JobID"], cells["Account"], int(gang[1]), eligible_ms, start_ms)
