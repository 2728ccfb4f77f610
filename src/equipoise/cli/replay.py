"""What commands that replay a job log share: their options, the replay itself, and how it is interrupted."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache, partial
from typing import TYPE_CHECKING, Annotated, Any

import typer

if TYPE_CHECKING:
    from equipoise.simulator.results import Results
    from equipoise.tasks.simulate import Comparison


@dataclass(frozen=True, slots=True)
class Replay:
    """A replay that was asked for.

    Parameters
    ----------
    log, charter : str
    options : dict
        The options of ``replayed`` as given.
    command : str
        The whole command line.
    """

    log: str
    charter: str
    options: dict[str, Any]
    command: str

    def __call__(self) -> Results | Comparison:
        """Carry it out, with progress on standard error."""
        return replayed(self.log, self.charter, **self.options)


Parameters = Mapping[str, inspect.Parameter]


def replays(
    command: Callable[..., None], *, changed: Callable[[Parameters], Parameters] | None = None
) -> Callable[..., None]:
    """Give a command, whose first parameter is a ``Replay``, the options of ``replayed`` before its own.

    ``changed`` returns those of them that are otherwise for this command.
    """
    shared = {**_shared(), **({} if changed is None else changed(_shared()))}
    own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]
    keyword = inspect.Parameter.KEYWORD_ONLY

    def run(context: typer.Context, **given: Any) -> None:
        options = {name: given.pop(name) for name in shared}
        log, charter = options.pop("log"), options.pop("charter")
        command(Replay(log, charter, options, str(context.obj)), **given)

    first = inspect.Parameter("context", keyword, annotation=typer.Context)
    return _signed(run, command, [first, *shared.values(), *own])


def may_replay(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of ``replayed``, but for those that say what is executed.

    Its first parameter is called with a charter and what it is compared with, and replays the log; it is None without
    ``--replay``.
    """
    shared = {name: each for name, each in _shared().items() if name not in _EXECUTED}
    own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]
    log = Annotated[str | None, typer.Option("--replay", metavar="LOG", help="Replay this job log under both.")]

    def run(replay: str | None, **given: Any) -> None:
        options = {name: given.pop(name) for name in shared}
        idle = strangers(options)
        if replay is None and idle:
            raise typer.BadParameter(f"{', '.join(idle)}: only with --replay LOG")
        command(None if replay is None else partial(replayed, replay, **options), **given)

    asked = inspect.Parameter("replay", inspect.Parameter.KEYWORD_ONLY, default=None, annotation=log)
    return _signed(run, command, [*own, asked, *shared.values()])


def strangers(options: Mapping[str, Any]) -> list[str]:
    """Return what options of ``replayed`` that are not as usual are called."""
    shared = _shared()
    given = [shared[name] for name, value in options.items() if value != shared[name].default]
    return [each.annotation.__metadata__[0].default for each in given]


_EXECUTED = ("log", "charter", "policy", "vs", "first", "events", "ledger", "key")
_MEANWHILE = ("enact", "releases", "attestations", "closes", "seed")


def _signed_ledger(ledger: str | None, key: str | None) -> Any:
    """Return the file of a ledger and the key that signs it; None without a ledger."""
    if (ledger is None) != (key is None):
        raise typer.BadParameter("--ledger FILE and --key FILE go together: equipoise keys new NAME makes a key")
    if ledger is None or key is None:
        return None
    from pathlib import Path

    from equipoise.tasks.keys import read_key

    return Path(ledger), read_key(Path(key))


def _signed(
    run: Callable[..., None], command: Callable[..., None], parameters: list[inspect.Parameter]
) -> Callable[..., None]:
    """Return ``run`` with these parameters and the documentation of the command that it carries out."""
    run.__doc__ = command.__doc__
    keyword = [each.replace(kind=inspect.Parameter.KEYWORD_ONLY) for each in parameters]
    run.__dict__["__signature__"] = inspect.Signature(keyword)
    return run


@cache
def _shared() -> Mapping[str, inspect.Parameter]:
    return inspect.signature(replayed, eval_str=True).parameters


def replayed(
    log: Annotated[str, typer.Argument(help="The job log: SWF, sacct, CSV, Parquet …; docs/logs.md lists them.")],
    charter: Annotated[str, typer.Option("--charter", "-c", help="The charter that everything is measured by.")],
    policy: Annotated[
        str,
        typer.Option(
            "--policy",
            help="What is executed: charter, no-floors, product-first, fair-tree, easy, fifo, sjf, smallest, srtf, srsf or las.",
        ),
    ] = "charter",
    vs: Annotated[
        list[str] | None,
        typer.Option("--vs", metavar="POLICY|CHARTER", help="Execute this too, and compare. Repeat for more."),
    ] = None,
    first: Annotated[str, typer.Option("--first", metavar="TEAM", help="Whom product-first puts first.")] = "product",
    mapping: Annotated[
        str | None, typer.Option("--map", metavar="FILE", help="CSV field,value,team: whose job it is.")
    ] = None,
    unmapped: Annotated[
        str | None, typer.Option("--unmapped", metavar="TEAM|drop", help="Jobs that belong to no team of the charter.")
    ] = None,
    estimates: Annotated[
        str, typer.Option("--estimates", help="What backfill rests on: declared walltimes, or actual run times.")
    ] = "declared",
    enforce: Annotated[
        bool | None,
        typer.Option(
            "--enforce-walltime/--no-enforce-walltime",
            help="Whether jobs end at their walltime; the default looks at whether the log's did.",
            show_default=False,
        ),
    ] = None,
    outages: Annotated[
        str | None, typer.Option("--outages", metavar="FILE", help="CSV time_s,pool,node,state (up|down|maintenance).")
    ] = None,
    latency: Annotated[
        str | None,
        typer.Option(
            "--latency",
            metavar="STARTUP[:DRAIN]",
            help="How long starts take until the job runs, and stopped jobs until devices are clear (5s..90s:2s..30s).",
        ),
    ] = None,
    enact: Annotated[
        list[str] | None,
        typer.Option(
            "--enact",
            metavar="DATE=FILE",
            help="Another charter that is in force from a date, or 14d into the log, on. Repeat for more.",
        ),
    ] = None,
    releases: Annotated[
        list[str] | None,
        typer.Option(
            "--release", metavar="SERVICE=DIGEST", help="What a service runs: gates hold it by that. Repeat for more."
        ),
    ] = None,
    attestations: Annotated[
        list[str] | None,
        typer.Option(
            "--attestation",
            metavar="FILE[@TIME]",
            help="What is attested of releases, and when it was recorded; default: when it was issued. Repeat for more.",
        ),
    ] = None,
    requests: Annotated[
        str | None,
        typer.Option("--requests", metavar="FILE", help="Requests for credits: CSV or Parquet; docs/requests.md."),
    ] = None,
    seed: Annotated[int, typer.Option("--seed", help="Seed of the draws of --latency.")] = 0,
    events: Annotated[
        str | None,
        typer.Option("--events", metavar="FILE", help="Write what the policy was told, pass by pass, as Parquet."),
    ] = None,
    ledger: Annotated[
        str | None,
        typer.Option(
            "--ledger", metavar="FILE", help="Record the run in a new ledger, for `receipt`, `verify`, `audit`."
        ),
    ] = None,
    key: Annotated[
        str | None,
        typer.Option("--key", metavar="FILE", help="The key that signs the ledger: equipoise keys new NAME."),
    ] = None,
    closes: Annotated[
        int | None,
        typer.Option(
            "--closes", metavar="N", help="Close the accounts N times; default: daily, oftener in a short log."
        ),
    ] = None,
    kind: Annotated[
        str | None, typer.Option("--format", help="The log's format; default: told by its content.")
    ] = None,
    pool: Annotated[str | None, typer.Option("--pool", help="The pool of all jobs.")] = None,
    columns: Annotated[
        list[str] | None,
        typer.Option("--column", metavar="FIELD=COLUMN", help="Which column of the log is what. Repeat for more."),
    ] = None,
    count: Annotated[str, typer.Option("--count", help="What of a sacct record counts: gpu, nodes or cpus.")] = "gpu",
    timezone: Annotated[str, typer.Option("--timezone", help="The zone of dates that name none.")] = "UTC",
    savepoints: Annotated[
        str | None, typer.Option("--savepoints", metavar="DURATION", help="Every job saves its work so often (1h).")
    ] = None,
    skip_malformed: Annotated[
        bool, typer.Option("--skip-malformed", help="Leave malformed rows out, and count them.")
    ] = False,
) -> Any:  # the annotations are evaluated, and naming the type would load numba
    """Replay a log as the options say; the result is a ``Results`` or a ``Comparison``."""
    from equipoise.cli.interruption import halting
    from equipoise.cli.progress import watch
    from equipoise.tasks.enact import split
    from equipoise.tasks.releases import declared
    from equipoise.tasks.simulate import simulate  # late: it needs numba and polars

    with watch() as on, halting() as halt:
        return simulate(
            log,
            charter,
            policy=policy,
            vs=vs or (),
            first=first,
            enact=[split(one) for one in enact or ()],
            events=events,
            ledger=_signed_ledger(ledger, key),
            closes=closes or "auto",
            progress=on.progress,
            announce=on.announce,
            halt=halt,
            estimates=estimates,
            enforce_walltime=enforce,
            outages=outages or (),
            latency=latency_of(latency, seed),
            requests=requests,
            releases=declared(releases or (), attestations or ()),
            **reading(
                mapping=mapping, unmapped=unmapped, kind=kind, pool=pool, columns=columns, count=count,
                timezone=timezone, savepoints=savepoints, skip_malformed=skip_malformed,
            ),
        )  # fmt: skip


def reads(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of ``replayed`` that say how a log is read and what is assumed, and nothing of what is executed.

    Its first parameter is a mapping of what they say, for ``tasks.simulate.prepared``; what is as usual is left out.
    """
    shared = {
        name: each
        for name, each in _shared().items()
        if name not in (*_EXECUTED, "enact", "releases", "attestations", "closes", "seed")
    }
    own = list(inspect.signature(command, eval_str=True).parameters.values())[1:]

    def run(context: typer.Context, **given: Any) -> None:
        options = {name: given.pop(name) for name in shared}
        assumed = {
            "estimates": options.pop("estimates"),
            "enforce_walltime": options.pop("enforce"),
            "outages": options.pop("outages") or (),
            "latency": latency_of(options.pop("latency"), 0),
            "requests": options.pop("requests"),
        }
        usual = reading(**{name: shared[name].default for name in options})
        told = {name: value for name, value in reading(**options).items() if value != usual[name]}
        command(assumed | told, command_line=str(context.obj), **given)

    own = [each for each in own if each.name != "command_line"]
    context = inspect.Parameter("context", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
    return _signed(run, command, [context, *own, *shared.values()])


def reading(
    *,
    mapping: str | None,
    unmapped: str | None,
    kind: str | None,
    pool: str | None,
    columns: list[str] | None,
    count: str,
    timezone: str,
    savepoints: str | None,
    skip_malformed: bool,
) -> dict[str, Any]:
    """Return what the options say to ``traces.read``."""
    return {
        "map": mapping,
        "unmapped": unmapped,
        "format": kind,
        "pool": pool,
        "columns": column_map(columns or []),
        "count": count,
        "timezone": timezone,
        "savepoint_ms": savepoint_ms(savepoints),
        "on_error": "skip" if skip_malformed else "raise",
    }


def column_map(pairs: list[str]) -> dict[str, str] | None:
    """Return what ``--column FIELD=COLUMN`` says; None where it was not given."""
    found: dict[str, str] = {}
    for pair in pairs:
        field, sign, column = pair.partition("=")
        if not (field and sign and column):
            raise typer.BadParameter(f"{pair!r} is not FIELD=COLUMN", param_hint="--column")
        found[field] = column
    return found or None


def latency_of(text: str | None, seed: int) -> Any:
    """Return what ``--latency`` and ``--seed`` say; None where no latency was given."""
    from equipoise.policy.latency import Latency

    if text is None and seed != 0:
        raise typer.BadParameter("there is nothing to draw without --latency", param_hint="--seed")
    return None if text is None else Latency.parse(text, seed=seed)


def savepoint_ms(text: str | None) -> int:
    """Return what ``--savepoints`` says; 0 where it was not given."""
    from equipoise.units import duration_ms

    return 0 if text is None else duration_ms(text)
