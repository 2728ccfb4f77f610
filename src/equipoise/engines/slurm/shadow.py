"""What Slurm did by itself, to hold against what Equipoise would have done; reads Slurm's accounting and changes nothing.

`record` writes the jobs of the last days as a log that ``equipoise.traces.read`` reads (format ``sacct``), so that ``equipoise simulate``
replays them under a charter; `starts` says when Slurm started each. `accounts` and `machine` are what a charter can be proposed from.
"""

from __future__ import annotations

import re
import tempfile
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from zoneinfo import ZoneInfo

from equipoise.engines.slurm.commands import Commands, SlurmRefusedError
from equipoise.engines.slurm.settings import Settings
from equipoise.errors import EngineError, InputError, Place

COLUMNS = (
    "JobID", "Account", "Partition", "QOS", "User", "Submit", "Eligible", "Start", "End", "ElapsedRaw", "TimelimitRaw", "State",
    "ReqTRES", "AllocTRES",
)  # fmt: skip
_DATE = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d")


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
        E140 (retryable) if the accounting does not answer, E141 if sacct is not installed, E147 if it says no.
    """
    commands = Commands(settings, dates="%Y-%m-%dT%H:%M:%S", zone="UTC")
    said = _asked(
        commands, "sacct", "--allusers", "--allocations", "--parsable2", f"--starttime=now-{days}days", "--endtime=now",
        f"--partition={','.join(settings.partitions)}", f"--format={','.join(COLUMNS)}",
    )  # fmt: skip
    path.write_text(said, "utf-8")
    return path


def rows(path: Path) -> Iterator[dict[str, str]]:
    """Yield the rows of a file as ``sacct --parsable2`` prints it with its header line, cells by column.

    Raises
    ------
    InputError
        E148 for a file that cannot be read, or a row with another number of cells.
    """
    try:
        lines = path.read_text("utf-8").splitlines()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise InputError("E148", f"cannot read the file: {reason}", place=Place(str(path))) from None
    names = lines[0].split("|") if lines else []
    for number, line in enumerate(lines[1:], start=2):
        cells = line.split("|")
        if len(cells) != len(names):
            message = f"{len(cells)} cells where the first line names {len(names)} columns"
            raise InputError(
                "E148",
                message,
                hint="print it with sacct --parsable2, without free text",
                place=Place(str(path), number),
            )
        yield dict(zip(names, cells, strict=True))


def columns_of(path: Path) -> Sequence[str]:
    """Return the columns that the first line of such a file names; raises ``InputError`` E148 if it cannot be read."""
    try:
        with path.open(encoding="utf-8") as file:
            return file.readline().rstrip("\r\n").split("|")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or "it is no text"
        raise InputError("E148", f"cannot read the file: {reason}", place=Place(str(path))) from None


def starts(path: Path, zone: str = "UTC") -> Iterator[Start]:
    """Yield what Slurm started, from a file that `record` wrote or ``sacct`` with the same columns.

    Parameters
    ----------
    path : Path
    zone : str
        The zone of its dates.

    Raises
    ------
    InputError
        E148 for a file that is none, or lacks a column.
    """
    lacking = {"JobID", "Eligible", "Start"}.difference(columns_of(path))
    if lacking:
        raise InputError(
            "E148",
            f"there is no column {min(lacking)}, without which nobody knows what Slurm did",
            hint=f"sacct --allusers --allocations --parsable2 --format={','.join(COLUMNS)}",
            place=Place(str(path), 1),
        )
    own = ZoneInfo(zone)
    for cells in rows(path):
        eligible_ms, start_ms = _unix_ms(cells["Eligible"], own), _unix_ms(cells["Start"], own)
        gang = sum(int(count) for count in re.findall(r"gres/gpu=(\d+)", cells.get("AllocTRES", "")))
        if eligible_ms is not None and start_ms is not None:
            yield Start(cells["JobID"], cells.get("Account", ""), gang, eligible_ms, start_ms)


def accounts(settings: Settings) -> str:
    """Return the tree of accounts as ``sacctmgr dump`` writes it.

    Raises
    ------
    EngineError
        As `record`.
    """
    commands = Commands(settings)
    name = _asked(commands, "sacctmgr", "--noheader", "--parsable2", "show", "cluster", "format=Cluster").split()[:1]
    if not name:
        raise EngineError("E147", "Slurm's accounting knows no cluster", hint="sacctmgr show cluster")
    with tempfile.TemporaryDirectory(prefix="equipoise-") as folder:
        file = Path(folder) / "accounts.cfg"
        _asked(commands, "sacctmgr", "--immediate", "dump", name[0], f"File={file}")
        return file.read_text("utf-8")


def machine(settings: Settings) -> str:
    """Return the nodes with devices in the managed partitions as a charter writes them: ``16 nodes of 8 gpu``.

    Raises
    ------
    EngineError
        As `record`; E147 also where there are none, or they have different numbers of devices.
    """
    commands = Commands(settings)
    said = _asked(
        commands, "sinfo", "--noheader", "--Node", f"--partition={','.join(settings.partitions)}", "--format=%N|%G"
    )
    found: dict[str, int] = {}
    for line in said.splitlines():
        name, _, gres = line.partition("|")
        count = sum(int(number) for number in re.findall(r"(?:^|,)gpu(?::[^:,()]+)?:(\d+)", gres))
        if count:
            found[name] = count
    sizes = Counter(found.values())
    if len(sizes) != 1:
        seen = ", ".join(f"{nodes} of {each}" for each, nodes in sorted(sizes.items())) or "none"
        raise EngineError(
            "E147",
            f"the nodes of the partitions have no one number of devices: {seen}",
            hint="write a charter, and name it",
        )
    ((each, nodes),) = sizes.items()
    return f"{nodes} nodes of {each} gpu"


def _asked(commands: Commands, program: str, *arguments: str) -> str:
    try:
        return commands.run(program, *arguments, timeout_s=120.0)
    except SlurmRefusedError as refusal:
        raise EngineError("E147", f"{program}: {refusal}", hint="try it by hand, as the same user") from None


def _unix_ms(text: str, zone: ZoneInfo) -> int | None:
    if not _DATE.fullmatch(text):
        return None
    return round(datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()) * 1000
