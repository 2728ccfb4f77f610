"""What squeue and sacct say of jobs.

Users choose the names and comments of their jobs, line ends and separators included. So free text stands last in a row, between marks
that are drawn anew by every process: no job can forge a row or a field.
"""

from __future__ import annotations

import os
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass

from equipoise.engines.slurm.commands import Commands, SlurmRefusedError

RUNS = frozenset({"RUNNING", "SUSPENDED", "STOPPED", "SIGNALING", "STAGE_OUT", "RESIZING"})
OVER = frozenset({
    "COMPLETED", "FAILED", "CANCELLED", "TIMEOUT", "NODE_FAIL", "BOOT_FAIL", "DEADLINE", "OUT_OF_MEMORY", "PREEMPTED", "REVOKED",
})  # fmt: skip
JOB_ID = re.compile(r"[0-9]+(_[0-9]+)?")
_AT_ONCE = 500  # ids in one call: well below the limit of a command line

_HEAD = "%i|%T|%P|%a|%u|%q|%D|%Q|%y|%E|%S|%V|%r"


@dataclass(frozen=True, slots=True)
class Row:
    """A job as squeue shows it.

    Parameters
    ----------
    id, state, partition, account, user, qos : str
    nodes, priority, nice : int
        ``priority`` is Slurm's: 0 for a job that is held.
    dependency : str
        What is not yet fulfilled; empty: nothing.
    start_s : int
        When it started; 0: not yet.
    submitted_s : int
        When it was submitted: slurmctld gives a number again if it was killed before it wrote down that it had given it.
    reason, name, comment : str
    """

    id: str
    state: str
    partition: str
    account: str
    user: str
    qos: str
    nodes: int
    priority: int
    nice: int
    dependency: str
    start_s: int
    submitted_s: int
    reason: str
    name: str
    comment: str

    @property
    def held(self) -> bool:
        """Whether Slurm does not start it, because its priority is 0."""
        return self.state == "PENDING" and self.priority == 0


@dataclass(frozen=True, slots=True)
class Details:
    """What of a job does not change while it waits, or is needed once.

    Parameters
    ----------
    tres : str
        What it asks for in all: ``cpu=2,node=2,gres/gpu=16``.
    shaped : bool
        Whether devices are asked for by node, so that the number of nodes is fixed.
    eligible_s : int
        When it may start by its own wish; 0 if it says none.
    walltime_ms : int
        0: none.
    requeues : bool
        Whether it can be stopped and run again.
    admin_comment : str
    restarts : int
        How often it was requeued, which changes when it was submitted; a job that was given its number begins with 0.
    """

    tres: str
    shaped: bool
    eligible_s: int
    walltime_ms: int
    requeues: bool
    admin_comment: str
    restarts: int

    def devices(self, kind: str) -> int:
        """Return how many devices of a kind (``gpu``, ``gpu:a100``) it asks for in all."""
        found = re.search(rf"(?:^|,)gres/{re.escape(kind)}=(\d+)(?:,|$)", self.tres)
        return int(found[1]) if found else 0


@dataclass(frozen=True, slots=True)
class Past:
    """How a job ended: ``exit_code`` is negative for a signal, None where nobody knows; and which job that was."""

    state: str
    exit_code: int | None
    reason: str
    submitted_s: int = 0
    comment: str = ""
    accounted: bool = False


class Queue:
    """Reads the queue of some partitions.

    Parameters
    ----------
    commands : Commands
    partitions : tuple of str
    """

    def __init__(self, commands: Commands, partitions: tuple[str, ...]) -> None:
        self._commands = commands
        self._partitions = partitions
        self._mark = f"\x1f{os.urandom(9).hex()}\x1f"

    def rows(self) -> dict[str, Row]:
        """Return every job that has not ended, by its number."""
        layout = f"{self._mark}{_HEAD}{self._mark}%j{self._mark}%k"
        said = self._commands.ask(
            "squeue", "--noheader", "--all", "--array", "-p", ",".join(self._partitions), "-o", layout
        )
        parts = said.split(self._mark)[1:]
        found = (_row(*parts[at : at + 3]) for at in range(0, len(parts), 3))
        return {row.id: row for row in found}

    def details(self, ids: Sequence[str]) -> dict[str, Details]:
        """Return what else is to know of jobs; those that are gone are left out."""
        found: dict[str, Details] = {}
        wanted = set(ids)
        for some in _portions(ids) if len(ids) <= _AT_ONCE else [None]:
            for id, tres, node, eligible, limit, requeue, batch, restarts, comment in self._wide(some, _DETAILS):
                if id not in wanted:
                    continue
                asked = "(null)" if node in ("N/A", "") else node
                walltime_ms = _limit_ms(limit)
                again = requeue == "1" and batch == "1"
                found[id] = Details(
                    tres, asked != "(null)", _seconds(eligible), walltime_ms, again, _known(comment), _count(restarts)
                )
        return found

    def past(self, jobs: Mapping[str, int], *, at_first: Collection[str] = ()) -> dict[str, Past]:
        """Return how jobs that left the queue ended: by Slurm's memory of the last minutes, then by its accounting.

        ``jobs``: by number, when each was submitted; 0 where that is not known. For those ``at_first`` the accounting is asked at first:
        what it takes does not grow with the queue.
        """
        found: dict[str, Past] = {}
        first = {id: submitted_s for id, submitted_s in jobs.items() if id in at_first}
        if first and self._commands.has_accounting:
            found = self.accounted(first)
        for some in _portions([id for id in jobs if id not in found]):
            for id, state, code, reason, submitted, comment in self._wide(some, _PAST):
                if state in OVER and jobs.get(id, 0) in (0, _seconds(submitted)):
                    said = "" if state == "COMPLETED" else f"{state}: {reason}"
                    found[id] = Past(state, _exit_code(code), said, _seconds(submitted), _known(comment))
        left = {id: submitted_s for id, submitted_s in jobs.items() if id not in found}
        if left and self._commands.has_accounting:
            found |= self.accounted(left)
        return found

    def booted_s(self) -> int:
        """Return when slurmctld started."""
        found = re.search(r"^BOOT_TIME\s*=\s*(\d+)", self._commands.ask("scontrol", "show", "config"), re.MULTILINE)
        return int(found[1]) if found else 0

    def _wide(self, ids: Sequence[str] | None, columns: tuple[tuple[str, int], ...]) -> Iterable[list[str]]:
        """Yield rows of squeue's other format, which knows more fields, of fixed width and without separators; None: of all jobs.

        squeue gets all jobs from slurmctld whichever are asked for.
        """
        layout = ",".join(f"{name}:.{width}" for name, width in columns)
        which = ["-p", ",".join(self._partitions)] if ids is None else ["-t", "all", "-j", ",".join(ids)]
        try:
            said = self._commands.run("squeue", "--noheader", "--all", "--array", *which, "-O", layout)
        except SlurmRefusedError:  # none of them is known any more
            return
        widths = [width for _, width in columns]
        for line in said.splitlines():
            if len(line) < sum(widths):
                continue
            cells: list[str] = []
            for width in widths:
                cells.append(line[:width].strip())
                line = line[width:]
            if JOB_ID.fullmatch(cells[0]):
                yield cells

    def accounted(self, jobs: Mapping[str, int]) -> dict[str, Past]:
        """Return how jobs ended by the accounting alone, which keeps them for good; ``jobs`` as for `past`."""
        found: dict[str, Past] = {}
        for some in _portions([*jobs]):
            said = self._commands.ask(
                "sacct", "-X", "-D", "-P", "-n", "-S", "now-30days", "-j", ",".join(some), "-o", "JobID,State,ExitCode,Submit"
            )  # fmt: skip
            for line in said.splitlines():
                id, state, code, submitted = line.split("|")
                state = state.split(" ")[0]  # CANCELLED by 0
                if state in OVER and jobs.get(id, 0) in (0, _seconds(submitted)):
                    exit_code, _, number = code.partition(":")
                    value = -int(number) if number not in ("", "0") else int(exit_code)
                    found[id] = Past(state, value, "" if state == "COMPLETED" else state, _seconds(submitted), "", True)
        return found


_DETAILS = (
    ("JobArrayID", 32), ("tres", 256), ("tres-per-node", 64), ("EligibleTime", 24), ("TimeLimit", 24), ("Requeue", 4), ("BatchFlag", 4),
    ("RestartCnt", 12),
    ("admin_comment", 64),
)  # fmt: skip
_PAST = (
    ("JobArrayID", 32), ("State", 24), ("exit_code", 12), ("Reason", 48), ("SubmitTime", 24), ("Comment", 96),
)  # fmt: skip


def _row(head: str, name: str, comment: str) -> Row:
    cells = head.split("|", 12)
    id, state, partition, account, user, qos, nodes, priority, nice, dependency, start, submitted, reason = cells
    return Row(
        id, state, partition, account, user, qos, _count(nodes), _count(priority), _count(nice), _known(dependency),
        _seconds(start), _seconds(submitted), reason, name, _known(comment.removesuffix("\n")),
    )  # fmt: skip


def _known(text: str) -> str:
    return "" if text in ("(null)", "N/A", "None") else text


def _count(text: str) -> int:
    return int(text) if text.lstrip("-").isdigit() else 0


def _seconds(text: str) -> int:
    return int(text) if text.isdigit() else 0


def _exit_code(text: str) -> int | None:
    """Return the code of a wait status, as squeue prints it; 768 is 3."""
    if not text.isdigit():
        return None
    status = int(text)
    return -(status & 127) if status & 127 else status >> 8


def _limit_ms(text: str) -> int:
    """Return ``D-HH:MM:SS``, ``HH:MM:SS`` or ``MM:SS`` in milliseconds; 0 where there is no limit."""
    if not re.fullmatch(r"(\d+-)?\d+(:\d+){1,2}", text):
        return 0
    days, _, clock = text.rpartition("-")
    total = 0
    for part in clock.split(":"):
        total = total * 60 + int(part)
    return (int(days or 0) * 86_400 + total) * 1000


def _portions(ids: Sequence[str]) -> Iterable[Sequence[str]]:
    return (ids[at : at + _AT_ONCE] for at in range(0, len(ids), _AT_ONCE))
