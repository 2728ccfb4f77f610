"""Replay a job log under a charter, and under the rules that it is compared with.

`simulate` is the main path: it reads the log for the charter's teams (``traces``), compiles the scheduler if need be
(``compilation``), replays (``simulator.run``) and makes the results (``simulator.results``).
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal, overload

import polars as pl

from equipoise.charter.model import Charter
from equipoise.charter_io import load, read_bytes
from equipoise.errors import InputError
from equipoise.ledger.keys import SigningKey
from equipoise.policy.course import Enactment, course
from equipoise.policy.latency import Latency
from equipoise.policy.plan import POLICIES, Plan, plan
from equipoise.policy.state import Options
from equipoise.report.notebook import show, show_comparison
from equipoise.simulator import run as simulator
from equipoise.simulator.bookkeeping import Releases
from equipoise.simulator.record import Record, needs_decisions
from equipoise.simulator.replay import NodeChange, Progress
from equipoise.simulator.results import Results, results
from equipoise.tasks.compilation import compile_scheduler
from equipoise.tasks.dates import Closes, close_times
from equipoise.tasks.enact import When, in_order, notes
from equipoise.tasks.events import write_events
from equipoise.tasks.ledger import check_new, record_run
from equipoise.tasks.outages import read_outages
from equipoise.tasks.releases import Declared, cap_changes, gate_rulings, gates_unasked, released
from equipoise.traces import read, read_requests
from equipoise.workload import Workload

Log = str | os.PathLike[str] | Workload
Rules = str | os.PathLike[str] | Charter
Watch = Callable[[str, Progress], None]

OVERRUN_MS = 60_000
"""How much longer than its walltime a job may have run in a log that enforced walltimes: killing takes a moment."""
COMPARED = ("delivered_gpu_h", "denied_gpu_h", "lost_gpu_h", "starvation", "wait_mean_s", "wait_p95_s", "jct_mean_s")


@dataclass(frozen=True, slots=True, eq=False)
class Comparison:
    """Several runs of one log, accounted against one charter; the first is what the others are compared with.

    Parameters
    ----------
    runs : tuple of Results
    """

    runs: tuple[Results, ...]

    def differences(self) -> pl.DataFrame:
        """Return the differences by team: one row per team and run.

        Returns
        -------
        pl.DataFrame
            ``team``, ``policy``, and for each figure its value and ``…_diff``, its difference to that of the first run.
        """
        return _differences(self.runs)

    def __iter__(self) -> Iterator[Results]:
        return iter(self.runs)

    def __len__(self) -> int:
        return len(self.runs)

    def __getitem__(self, number: int) -> Results:
        return self.runs[number]

    def _repr_html_(self) -> str:
        return show_comparison(self.runs)


@overload
def simulate(log: Log, charter: Rules, *, vs: tuple[()] = ..., **options: Any) -> Results: ...
@overload
def simulate(log: Log, charter: Rules, *, vs: Sequence[Rules], **options: Any) -> Comparison: ...
def simulate(
    log: Log,
    charter: Rules,
    *,
    policy: str = "charter",
    vs: Sequence[Rules] = (),
    first: str = "product",
    estimates: Literal["declared", "actual"] = "declared",
    enforce_walltime: bool | None = None,
    outages: str | os.PathLike[str] | Sequence[NodeChange] = (),
    latency: Latency | None = None,
    enact: Sequence[tuple[When, Rules]] = (),
    requests: str | os.PathLike[str] | None = None,
    releases: Releases | Declared | None = None,
    events: str | os.PathLike[str] | None = None,
    ledger: tuple[Path, SigningKey] | None = None,
    closes: Closes = "auto",
    keep: bool = False,
    record: bool = False,
    progress: Watch | None = None,
    announce: Callable[[str], None] | None = None,
    halt: Callable[[], bool] | None = None,
    **reading: Any,
) -> Results | Comparison:
    r"""Replay a job log under a charter.

    Parameters
    ----------
    log : path or Workload
        A job log that ``traces.read`` can read, or jobs and services with the charter's leaves as teams.
    charter : path or Charter
        What everything is accounted against: entitled and denied, floors, starvation, whatever policy is executed.
    policy : {"charter", "no-floors", "product-first", "fair-tree", "easy", "fifo", "sjf", "smallest", "srtf", "srsf", "las"}
        What is executed.
    vs : sequence of policy names, paths or Charters
        What else is executed, to compare with. Another charter must have the same pools and leaves for the log's jobs.
    first : str
        The team that ``product-first`` puts before all others.
    estimates : {"declared", "actual"}
        What backfill rests on: declared walltimes (without one, the team's history), or the true run times.
    enforce_walltime : bool or None
        Whether a job ends at its declared walltime. None: yes if every job of the log declares one and none ran more
        than a minute longer, which says that the machine of the log enforced them. Turns (for gangs larger than their
        team's share) need it.
    outages : path or sequence of NodeChange
        CSV ``time_s,pool,node,state``, with the states ``up``, ``down`` and ``maintenance``; times as in the log, whose
        first submission is 0.
    latency : Latency or None
        How long the engine takes to confirm starts and stops; until then devices start up or drain, which counts for
        nobody. None: it takes no time.
    enact : sequence of (time, path or Charter)
        Charters that come into force during the run, for the same pools: what everything is accounted against from then on, and
        where a policy is executed also what is executed. A time is milliseconds since the log's first submission, or text: a
        duration since then, a date or an instant. Jobs of a team that the charter in force does not have are refused.
    requests : path or None
        Requests for credits, CSV or Parquet, as ``traces.read_requests`` reads them.
    releases : Releases, Declared or None
        Which releases the services run and what is attested of them (`tasks.releases.declared` reads both): the gates of the
        charter that is executed cap the services by it, from when each attestation is recorded. ``results.gates`` says how.
    events : path or None
        Where to write what the policy was told, as Parquet; `equipoise.policy.retracing.retrace` tells it again. Not with
        ``vs``.
    ledger : (Path, SigningKey) or None
        A file to write a ledger of the run into, and the key that signs it (`tasks.ledger`). Charters are given as paths
        then, for their text is recorded. Not with ``vs``.
    closes : "auto", "day" or int
        When the accounts are closed: every charter-local day (of a log without a calendar: every 24 hours), of a log of
        up to 30 days also at round times between ("auto"); or so many times while jobs are submitted. At most 2,000
        times.
    keep : bool
        Whether to keep the stream of decisions (``results.record.run.decisions``).
    record : bool
        Whether to keep what the policy was told as well (``results.record.run.events``).
    progress : callable or None
        Called now and then with what is executed and how far it is.
    announce : callable or None
        Called with a sentence before something that takes long: the compilation at first use.
    halt : callable or None
        Asked now and then whether to end where it is: the run under way is partial then, those after it are left out.
    **reading
        Options of ``traces.read``, such as ``map``, ``unmapped``, ``format``, ``pool`` and ``timezone``.

    Returns
    -------
    Results, or Comparison if ``vs`` is given

    Raises
    ------
    CharterError
        With all findings.
    InputError
        As ``traces.read``; S101 teams that are no leaves of the charter; S102 options that make no sense; S103 charters
        that do not fit together; S104 the file of outages; S105 events that cannot be written; C301 no such team; P101
        no such policy; P105 charters of another machine; P106, P108 charters whose times are not in order, or cannot be read;
        W101 no such pool.

    Examples
    --------
    >>> from pathlib import Path; import tempfile
    >>> folder = Path(tempfile.mkdtemp())
    >>> _ = (folder / "lab.yaml").write_text('''
    ... equipoise: charter/v1
    ... lab: Small
    ... pools: {h100: {device: H100, expect: 1 nodes of 8 gpu}}
    ... teams: {product: {floor: 50%}, safety: {floor: 50%}}
    ... ''')
    >>> _ = (folder / "jobs.csv").write_text("team,submit_s,num_gpu,duration_s\nproduct,0,8,3600\nsafety,60,4,600\n")
    >>> both = simulate(folder / "jobs.csv", folder / "lab.yaml", vs=["product-first"])
    >>> [(run.policy, run.team("safety")["wait_mean_s"]) for run in both]
    [('charter', 2340.0), ('product-first', 3540.0)]
    """
    given = prepared(
        log, charter, estimates=estimates, enforce_walltime=enforce_walltime, outages=outages, latency=latency,
        requests=requests, enact=enact, **reading,
    )  # fmt: skip
    workload, rules, options, nodes, amended = given.workload, given.charter, given.options, given.nodes, given.amended
    charters = [rules, *(one for _, one in amended)]
    if (events is not None or ledger is not None) and vs:
        raise InputError("S102", "several runs in one record", hint="record one run, without --vs")
    if ledger is not None:
        check_new(ledger[0])
    texts = [] if ledger is None else [_text(one) for one in (charter, *(one for _, one in enact))]
    times = close_times(workload, rules.timezone, closes)
    references = course(charters)
    courses: list[Course] = []
    for entry in (policy, *vs):
        way = way_of(entry, rules, references[0], first=first)
        ours = way.charter is rules
        check_teams(workload, *(charters if ours else [way.charter]), named=way.name)
        plans = (way.plan,) * len(charters)
        if ours:
            plans = references if way.plan is references[0] else course(charters, way.name, first=first)
        enacted = [
            Enactment(at_ms, *pair) for (at_ms, _), *pair in zip(amended, plans[1:], references[1:], strict=True)
        ]
        courses.append(Course(way.name, way.charter, plans[0], references[0], tuple(enacted)))
    gated = released(releases, charters=[*charters, *(one.charter for one in courses)], workload=workload)
    compile_scheduler(outages=bool(nodes), announce=announce)
    runs: list[Results] = []
    for one in courses:
        runs.append(
            _replayed(
                workload,
                one,
                options,
                nodes,
                times,
                releases=gated,
                keep=keep or record or ledger is not None,
                record=record or events is not None or ledger is not None,
                progress=progress,
                halt=halt,
            )
        )
        if runs[-1].partial:
            break
    if events is not None:
        write_events(runs[0].record.run.events, events)
    if ledger is not None and not runs[0].partial:
        record_run(runs[0].record, texts, *ledger, releases=gated, announce=announce)
    return Comparison(tuple(runs)) if vs else runs[0]


def _text(charter: Rules) -> str:
    if isinstance(charter, Charter):
        raise InputError("S109", "a ledger records the text of its charters", hint="give their paths")
    return read_bytes(os.fspath(charter)).decode()


@dataclass(frozen=True, slots=True)
class Prepared:
    """A log and a charter as they are replayed, what is assumed besides, and which charters come into force later (ms, charter)."""

    workload: Workload
    charter: Charter
    options: Options
    nodes: tuple[NodeChange, ...]
    amended: tuple[tuple[int, Charter], ...] = ()


def prepared(
    log: Log,
    charter: Rules,
    *,
    estimates: str = "declared",
    enforce_walltime: bool | None = None,
    outages: str | os.PathLike[str] | Sequence[NodeChange] = (),
    latency: Latency | None = None,
    requests: str | os.PathLike[str] | None = None,
    enact: Sequence[tuple[When, Rules]] = (),
    **reading: Any,
) -> Prepared:
    """Read a log and charters, and check that they fit; parameters and errors are those of ``simulate``."""
    rules = as_charter(charter)
    others = [(at, as_charter(one)) for at, one in enact]
    workload = as_workload(log, [rules, *(one for _, one in others)], reading)
    amended = in_order(others, rules, workload.origin_ms)
    if requests is not None:
        workload = read_requests(requests, workload, timezone=reading.get("timezone") or "UTC")
    check_teams(workload, rules, *(one for _, one in amended), named="the charter")
    nodes = read_outages(outages, rules) if isinstance(outages, (str, os.PathLike)) else tuple(outages)
    enforced = enforceable(workload) if enforce_walltime is None else enforce_walltime
    options = Options(estimates=_estimates(estimates), enforce_walltime=enforced, latency=latency)
    return Prepared(workload, rules, options, nodes, tuple(amended))


def compare(*runs: Results) -> Comparison:
    """Compare runs: a notebook shows them beside each other, ``differences()`` is a table.

    Parameters
    ----------
    *runs : Results
        Of one log against one charter; the first is what the others are compared with.

    Raises
    ------
    InputError
        S102 without runs; S103 if they do not have the same teams and pools.

    Examples
    --------
    See ``simulate``.
    """
    if not runs:
        raise InputError("S102", "there is nothing to compare", hint="compare(first, second)")
    if any(_rows(run) != _rows(runs[0]) for run in runs):
        raise InputError("S103", "the runs have different teams or pools", hint="compare runs against one charter")
    return Comparison(runs)


def _rows(run: Results) -> tuple[list[str], list[tuple[str, int]]]:
    return run.teams["team"].to_list(), run.pools.select("pool", "gpus").rows()


def _differences(runs: Sequence[Results]) -> pl.DataFrame:
    base = runs[0].teams.select("team", *COMPARED)
    frames: list[pl.DataFrame] = []
    for number, run in enumerate(runs):
        own = run.teams.select("team", *COMPARED)
        diffs = {f"{name}_diff": own[name] - base[name] for name in COMPARED}
        order = [column for name in COMPARED for column in (name, f"{name}_diff")]
        labels = pl.lit(run.policy).alias("policy")
        frames.append(
            own.with_columns(labels, **diffs, place=pl.int_range(pl.len()), run=pl.lit(number)).select(
                "team", "policy", *order, "place", "run"
            )
        )
    return pl.concat(frames).sort("place", "run").drop("place", "run")


@dataclass(frozen=True, slots=True)
class Way:
    """One way to run: what is executed, under which charter, and what it is called."""

    name: str
    charter: Charter
    plan: Plan


@dataclass(frozen=True, slots=True)
class Course:
    """A way to run, with what it is accounted against, and the charters that come into force meanwhile."""

    name: str
    charter: Charter
    plan: Plan
    reference: Plan
    enacted: tuple[Enactment, ...]

    @property
    def in_force(self) -> list[tuple[int, Charter]]:
        """The charters that are executed, and from when on."""
        return [(0, self.charter), *((one.at_ms, one.plan.charter) for one in self.enacted)]


def way_of(entry: Rules, charter: Charter, reference: Plan, *, first: str) -> Way:
    """Return the way that a policy's name, a charter's path or a charter stands for."""
    if isinstance(entry, str) and entry in POLICIES:
        teams = [team.path for team in charter.teams]
        if entry == "product-first" and first not in teams:
            hint = "say who goes first with --first: " + ", ".join(teams[:20])
            raise InputError("C301", f"no team '{first}' that could go first", hint=hint)
        # The same object, so that the kernel divides one tree and not two equal ones.
        return Way(entry, charter, reference if entry == "charter" else plan(charter, entry, first=first))
    if isinstance(entry, Charter):
        other, name = entry, entry.lab
    else:
        if isinstance(entry, str) and not Path(entry).suffix and not Path(entry).exists():
            raise InputError(
                "P101", f"no policy '{entry}'", hint="one of: " + ", ".join(POLICIES) + "; or the path of a charter"
            )
        other, name = load(Path(entry)), str(entry)
    machine = {(pool.name, pool.nodes, pool.gpus_per_node) for pool in charter.pools}
    if machine != {(pool.name, pool.nodes, pool.gpus_per_node) for pool in other.pools}:
        pools = ", ".join(f"{p.name} of {p.nodes} nodes of {p.gpus_per_node} gpu" for p in charter.pools)
        raise InputError("S103", f"{name} divides another machine", hint=f"the charter's pools are {pools}")
    # Accounts are kept in the order of the reference charter's pools.
    other = replace(other, pools=tuple(other.pool(pool.name) for pool in charter.pools))
    return Way(name, other, plan(other))


def check_teams(workload: Workload, *charters: Charter, named: str) -> None:
    """Raise ``InputError`` S101, with all of them, if some teams of a workload are leaves of no charter."""
    leaves = {team.path for charter in charters for team in charter.leaves}
    unknown = [team for team in workload.teams if team not in leaves]
    if unknown:
        more = f" and {len(unknown) - 20} more" if len(unknown) > 20 else ""
        raise InputError(
            "S101",
            f"{named} has no leaves {', '.join(unknown[:20])}{more}, to which jobs belong",
            hint="map them (--map FILE); its leaves are " + ", ".join(sorted(leaves)[:20]),
        )


def enforceable(workload: Workload) -> bool:
    """Whether walltimes seem to have been enforced: all are declared, and none was outlived by over a minute."""
    jobs = workload.jobs
    if len(jobs) == 0 or int(jobs.walltime_ms.min()) <= 0:
        return False
    return int((jobs.duration_ms - jobs.walltime_ms).max()) <= OVERRUN_MS


def as_charter(charter: Rules) -> Charter:
    """Return a charter, read from its file if need be."""
    return charter if isinstance(charter, Charter) else load(Path(charter))


def read_both(log: Log, charter: Rules, reading: dict[str, Any]) -> tuple[Workload, Charter]:
    """Read a charter, and the log for its teams and pools with options of ``traces.read``; both may be read already."""
    rules = as_charter(charter)
    return as_workload(log, [rules], reading), rules


def as_workload(log: Log, charters: Sequence[Charter], reading: dict[str, Any]) -> Workload:
    """Return a workload, read from its file for the leaves of some charters and the pools of the first if need be."""
    if not isinstance(log, Workload):
        leaves = list(dict.fromkeys(team.path for charter in charters for team in charter.leaves))
        return read(log, leaves=leaves, pools=[pool.name for pool in charters[0].pools], **reading)
    given = [name for name, value in reading.items() if value is not None]
    if given:
        raise InputError("S102", f"{', '.join(given)}: options for reading a log, but no log is read")
    return log


def _estimates(estimates: str) -> str:
    if estimates not in ("declared", "actual"):
        raise InputError("S102", f"estimates '{estimates}' are unknown", hint="declared or actual")
    return estimates


def _replayed(
    workload: Workload,
    way: Course,
    options: Options,
    nodes: tuple[NodeChange, ...],
    times: Callable[[], Iterator[int]],
    *,
    releases: Releases | None,
    keep: bool,
    record: bool,
    progress: Watch | None,
    halt: Callable[[], bool] | None,
) -> Results:
    said = () if releases is None else gate_rulings(way.in_force, workload, releases)
    begun_s = time.perf_counter()
    run = simulator.simulate(
        workload,
        way.charter,
        way.plan,
        reference=way.reference,
        enact=way.enacted,
        options=options,
        closes_ms=times(),
        nodes=nodes,
        caps=cap_changes(said, workload),
        keep=keep or needs_decisions(way.plan, workload, outages=bool(nodes)),
        record=record,
        progress=None if progress is None else lambda now: progress(way.name, now),
        halt=halt,
    )
    took_s = max(time.perf_counter() - begun_s, 1e-9)
    charter = way.reference.tree or way.reference.charter
    made = Record(
        run, workload, charter, way.plan, way.reference, outages=bool(nodes), options=options, enacted=way.enacted, rulings=said
    )  # fmt: skip
    told = (
        *notes(way.enacted, workload.origin_ms),
        *_notes(options),
        *(gates_unasked(way.in_force, workload) if releases is None else ()),
    )
    found = replace(results(made, policy=way.name, notes=told), view=show)
    return found if found.partial else replace(found, jobs_per_s=len(workload.jobs) / took_s)


def _notes(options: Options) -> tuple[str, ...]:
    told: list[str] = []
    if options.enforce_walltime:
        told.append("jobs end at their declared walltime")
    if options.estimates == "actual":
        told.append("backfill knows the true run times")
    if options.latency is not None:
        told.append(f"the engine is simulated: {options.latency}")
    return tuple(told)
