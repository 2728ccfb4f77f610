"""What would Equipoise have done: the last days of a Slurm cluster as they were, beside a replay of them under a charter.

`shadow` is the main path: the log is read with the instants from which jobs could run (``traces``), each job is given the start that
Slurm gave it (``engines.slurm.shadow``), and both are accounted against the same charter: what was (``simulator.recorded``), and what
would have been (``simulate``). Nothing in the cluster is changed.
"""

from __future__ import annotations

import tempfile
from collections import defaultdict, deque
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.charter.model import Charter
from equipoise.charter_io import loads
from equipoise.charter_io.exchange import from_slurm
from equipoise.engines.slurm.settings import Settings
from equipoise.engines.slurm.shadow import accounts, columns_of, machine, record, rows, starts
from equipoise.errors import InputError
from equipoise.policy.plan import plan
from equipoise.report.notebook import show
from equipoise.report.shadow import Side, not_shown, sentences
from equipoise.simulator.below_floor import below_floor
from equipoise.simulator.record import Record
from equipoise.simulator.recorded import flat, follow_log, most_held
from equipoise.simulator.results import Results, results
from equipoise.tasks.dates import Closes, close_times
from equipoise.tasks.simulate import Comparison, Rules, Watch, as_charter, compare, simulate
from equipoise.traces import read, team_name
from equipoise.workload import Workload

SLURM = "slurm"


@dataclass(frozen=True, slots=True, eq=False)
class Shadow:
    """What was, and what would have been.

    Parameters
    ----------
    comparison : Comparison
        The run under the charter, then what Slurm did.
    sides : tuple of (Side, Side)
        How each team fared: under the charter, and with Slurm.
    sentences, not_shown : tuple of str
        What the comparison says, and what it does not.
    """

    comparison: Comparison
    sides: tuple[tuple[Side, Side], ...]
    sentences: tuple[str, ...]
    not_shown: tuple[str, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        names = ("charter", SLURM)
        return {
            "teams": {
                own[0].team: {name: side.to_dict() for name, side in zip(names, own, strict=True)} for own in self.sides
            },
            "sentences": list(self.sentences),
            "not_shown": list(self.not_shown),
            "runs": [run.to_dict() for run in self.comparison],
        }


def shadow(
    log: str | Path | None,
    charter: Rules | None,
    *,
    settings: Settings | None = None,
    days: int = 7,
    timezone: str = "UTC",
    closes: Closes = "auto",
    progress: Watch | None = None,
    announce: Callable[[str], None] | None = None,
    halt: Callable[[], bool] | None = None,
    **reading: Any,
) -> Shadow:
    """Hold what Slurm did against what the charter would have done.

    Parameters
    ----------
    log : path or None
        What ``sacct --parsable2`` printed, with the columns JobID, Submit, Eligible, Start, State and AllocTRES; None: asked of the
        cluster that ``settings`` name, ``days`` back.
    charter : path, Charter or None
        None: one that is proposed from the cluster's accounts.
    settings : Settings or None
        Of the engine: which partitions, and which account is which team.
    days : int
    timezone : str
        Of the dates of a log that is given.
    closes, progress, announce, halt
        As of ``simulate``.
    **reading
        Further options of ``traces.read``: ``map``, ``unmapped``, ``pool``, ``count``, ``on_error``.

    Raises
    ------
    InputError
        As ``traces.read`` and ``simulate``; S125 where the log held more devices than the charter has; S126 for a job without a start;
        S127 for a live cluster that is not named; E148 for a log that is none of sacct's.
    EngineError
        E140, E141, E147 where the cluster is asked and does not answer, or says no.

    Examples
    --------
    See docs/engine-slurm.md.
    """
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="equipoise-")))
        if (log is None or charter is None) and settings is None:
            raise InputError(
                "S127",
                "no log or no charter is given, and no cluster to ask",
                hint="name its partitions: --partition NAME",
            )
        if log is None:
            assert settings is not None
            log, timezone = record(settings, folder / "sacct.txt", days=days), "UTC"
        if charter is None:
            assert settings is not None
            charter = loads(from_slurm(accounts(settings), nodes=machine(settings)).text)
        rules = as_charter(charter)
        file = _placed(Path(log), folder, settings, rules)
        if reading.get("map") is None:
            reading["map"] = _mapping(file, folder, settings, rules)
        workload = _read(file, rules, timezone, reading)
        starts_ms = _starts(file, timezone, workload)
    would = simulate(workload, rules, closes=closes, keep=True, progress=progress, announce=announce, halt=halt)
    was = recorded(workload, rules, starts_ms, closes=closes)
    return _told(compare(would, was), starts_ms)


def recorded(workload: Workload, charter: Charter, starts_ms: NDArray[np.int64], *, closes: Closes = "auto") -> Results:
    """Return what happened as the results of a run, accounted against a charter.

    Parameters
    ----------
    workload : Workload
        Jobs by the instants from which they could run.
    charter : Charter
    starts_ms : int64 array, shape (jobs,)
        When each started.
    closes : "auto", "day" or int
        As of ``simulate``.
    """
    machine = flat(charter)
    way = plan(machine)
    run = follow_log(workload, machine, way, starts_ms, closes_ms=close_times(workload, charter.timezone, closes)())
    made = Record(run, workload, machine, way, way)
    return replace(results(made, policy=SLURM, notes=("jobs start when the log says that they did",)), view=show)


# ------------------------------------------------------------------------------------------------------------- the log


def _placed(file: Path, folder: Path, settings: Settings | None, charter: Charter) -> Path:
    """Return the log with pools for partitions, where the charter has several pools and the settings say which lie where."""
    if settings is None or len(charter.pools) == 1 or "Partition" not in columns_of(file):
        return file
    names = {partition: pool for pool, place in settings.pools.items() for partition in place.partitions}
    target = folder / "placed.txt"
    with target.open("w", encoding="utf-8") as out:
        out.write("|".join(columns_of(file)) + "\n")
        for cells in rows(file):
            partition = cells["Partition"].split(",")[0]
            out.write("|".join((cells | {"Partition": names.get(partition, partition)}).values()) + "\n")
    return target


def _mapping(file: Path, folder: Path, settings: Settings | None, charter: Charter) -> Path | None:
    """Write which account is which leaf: as the settings say, else the leaf of its name, or the only one whose path ends with it."""
    if "Account" not in columns_of(file):
        return None
    teams: Mapping[str, str] = {} if settings is None else settings.teams
    leaves = [team.path for team in charter.leaves]
    lines: list[str] = []
    for account in sorted({cells["Account"] for cells in rows(file)}):
        leaf = teams.get(account) or _leaf(account, leaves)
        if leaf is not None and account and "," not in account and '"' not in account:
            lines.append(f"Account,{account},{leaf}")
    if not lines:
        return None
    target = folder / "teams.csv"
    target.write_text("\n".join(["field,value,team", *lines]) + "\n", "utf-8")
    return target


def _leaf(account: str, leaves: list[str]) -> str | None:
    for names in (
        {path: path for path in leaves},
        {path.replace(".", "_"): path for path in leaves},
        {
            path: path
            for path in leaves
            if sum(other.rpartition(".")[2] == path.rpartition(".")[2] for other in leaves) == 1
        },
    ):
        for name, path in names.items():
            if account == name or team_name(account) == name or team_name(account) == name.rpartition(".")[2]:
                return path
    return None


def _read(file: Path, charter: Charter, timezone: str, reading: dict[str, Any]) -> Workload:
    """Read the log; a job is asked for when it could run, for that is from when Slurm's own waits count."""
    columns = {"submit": "Eligible"} if "Eligible" in columns_of(file) else None
    leaves, pools = [team.path for team in charter.leaves], [pool.name for pool in charter.pools]
    return read(file, format="sacct", timezone=timezone, leaves=leaves, pools=pools, columns=columns, **reading)


def _starts(file: Path, timezone: str, workload: Workload) -> NDArray[np.int64]:
    """Return when each job of the workload started, in its own milliseconds; raises ``InputError`` S126 for one that is not known."""
    known: dict[str, deque[int]] = defaultdict(deque)
    for start in sorted(
        starts(file, timezone), key=lambda one: one.eligible_ms
    ):  # a requeued job may have a row for each run
        known[start.id].append(start.start_ms)
    names = workload.jobs.name or ()
    origin_ms = workload.origin_ms or 0
    found = np.empty(len(names), np.int64)
    for row, name in enumerate(names):
        if not known[name]:
            raise InputError("S126", f"the log does not say when job {name} started", hint="its Start is no date")
        found[row] = known[name].popleft() - origin_ms
    return np.maximum(found, workload.jobs.submit_ms)


# ------------------------------------------------------------------------------------------------------- what it says


def _told(comparison: Comparison, starts_ms: NDArray[np.int64]) -> Shadow:
    short = [below_floor(run.record) for run in comparison]
    frames = [{row["team"]: row for row in run.teams.to_dicts()} for run in comparison]
    sides = tuple(
        (Side.of(frames[0][team], short[0][team]), Side.of(frames[1][team], short[1][team])) for team in frames[0]
    )
    would = comparison[0]
    jobs = would.record.workload.jobs
    peak = most_held(starts_ms, jobs.duration_ms, jobs.gang.astype(np.int64))
    return Shadow(comparison, sides, sentences(comparison.runs, sides), not_shown(would, peak))
