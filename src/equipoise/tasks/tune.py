"""Search a log for the charters of the frontier, and say what each gives up; what was found is also judged on a held-out part.

`tune` is the main path: it reads log and charter (``simulate.prepared``), divides the log by time, searches the first part
(``equipoise.tune``; proposals by ``proposals``, replays by ``measuring``) and measures what it found on the second.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import replace
from fractions import Fraction
from typing import Any, Literal

from equipoise.charter.difference import differences
from equipoise.charter.difference_sentences import written as differing
from equipoise.charter.model import Charter
from equipoise.charter_io import loads, read_bytes
from equipoise.charter_io.editing import Editable
from equipoise.errors import InputError
from equipoise.people.hazard import Standing
from equipoise.simulator.days import midnights
from equipoise.simulator.replay import NodeChange
from equipoise.tasks.compilation import compile_scheduler
from equipoise.tasks.measuring import Here, Processes, RayActors
from equipoise.tasks.proposals import Generations
from equipoise.tasks.simulate import Log, prepared
from equipoise.tune import (
    Case,
    Conditions,
    Everything,
    Figures,
    Gauge,
    Objective,
    Proposals,
    Searched,
    Space,
    Trial,
    condition,
    dominates,
    guarded_teams,
    objectives,
    parameters,
    search,
    spread,
)
from equipoise.tune.outcome import Point, Tuned
from equipoise.tune.search import costs_of
from equipoise.units import DAY_MS
from equipoise.workload import Workload
from equipoise.workload.part import part

HOLD_OUT = Fraction(1, 3)
ALL_PROMISES = "all"

ORDER = ("denied", "served")
"""By which points are listed."""

MANY = 5_000_000
"""From so many jobs to replay, in all trials together, on workers pay: each takes seconds to begin."""

On = Literal["processes", "ray"]


def tune(
    log: Log,
    charter: str | os.PathLike[str] | bytes,
    *,
    search_for: Sequence[str] = (),
    keep: Sequence[str] = (),
    promises_kept: Sequence[str] = (),
    weaken: bool = False,
    teams: Sequence[str] = (),
    product: Sequence[str] = (),
    people: Sequence[str] = (),
    trials: int = 200,
    points: int = 12,
    hold_out: Fraction = HOLD_OUT,
    seed: int = 0,
    workers: int | None = None,
    on: On = "processes",
    progress: Callable[[str, int, int], None] | None = None,
    announce: Callable[[str], None] | None = None,
    halt: Callable[[], bool] | None = None,
    **reading: Any,
) -> Tuned:
    """Search for the charters that trade off promises, denied hours, product demand and departures best.

    Parameters
    ----------
    log : path or Workload
    charter : path, or the bytes of a charter
        The present charter. Everything is measured by it.
    search_for : sequence of str
        What may change, as `equipoise.tune.parameters` takes it; nothing: floors, weights, lending and recovery of the teams
        at the top, and what reclaim restores.
    keep : sequence of str
        Conditions such as ``safety.floor>=20%`` or ``denied<=5%``.
    promises_kept : sequence of str
        Promises of which no window may be broken, or ``all``.
    weaken : bool
        Whether teams that boards protect (``protected_by``) may be weakened.
    teams : sequence of str
        Whose denied hours count. Nothing: all teams at the top but the product.
    product : sequence of str
        Whose demand is to be served. Nothing: the teams at the top that have services; without any, ``product`` if there is one.
    people : sequence of str
        ``TEAM=N``, eight or more: whose departures are counted.
    trials : int
        How many charters are measured at most.
    points : int
        How many of the frontier are kept at most, those that lie far apart.
    hold_out : Fraction
        The last part of the log, by time, that is not searched; 0: none.
    seed : int
        Of the search.
    workers : int or None
        How many measure at once. The result is the same for every number. None: one a processor where that pays, else 1.
    on : {"processes", "ray"}
    progress : callable or None
        Called with what is done, how many charters are measured, and of how many.
    announce, halt
        As in ``simulate``. What was found before a halt is returned.
    **reading
        Options of ``simulate.prepared``.

    Raises
    ------
    InputError
        U101 to U106, and those of ``simulate``.
    EngineError
        U107 for Ray.

    Examples
    --------
    >>> from equipoise.workload.synthetic import lab, lab_charter
    >>> text = lab_charter(512).encode()
    >>> found = tune(lab(days=3, gpus=512), text, search_for=["product.weight", "safety.lend"], trials=8)
    >>> len(found.searched.trials), found.present.changed
    (8, {})
    """
    _bounded(trials, points, hold_out, seed, 1 if workers is None else workers)
    data = charter if isinstance(charter, bytes) else read_bytes(os.fspath(charter))
    given = prepared(log, loads(data, "the charter" if isinstance(charter, bytes) else os.fspath(charter)), **reading)
    present = given.charter
    product_teams = _teams(present, product) if product else _product(given.workload, present)
    research = _teams(present, teams) if teams else _research(present, product_teams)
    case = Case(
        given.workload, present, 0, research, product_teams, _people(present, people), given.options, given.nodes
    )
    shown, kept_back = _divided(case, hold_out)
    text = Editable(data)
    space = Space(text, parameters(present, text, search_for), _conditions(present, keep, promises_kept, weaken=weaken))
    if not space.parameters:
        raise InputError("U104", "there is nothing to search: no parameter has a second value")
    compile_scheduler(outages=bool(given.nodes), announce=announce)
    workers = _workers(case, trials) if workers is None else workers
    with _measuring([case for case in (shown, kept_back) if case is not None], on, workers, halt) as measure:
        first = Gauge(shown)(present)
        assert first is not None, "it was not halted"
        sought, left_out = objectives(first)
        if not sought:
            raise InputError("U104", "nothing can be measured on this log", hint="; ".join(left_out))
        found = search(
            space,
            first,
            sought,
            proposals=_proposals(space, len(sought), trials, seed),
            measure=measure,
            trials=trials,
            progress=None if progress is None else lambda done: progress("measured", done, trials),
            halt=halt,
        )
        chosen = spread(found.frontier(sought), lambda trial: costs_of(trial.figures, sought), points)
        judged = _judged(kept_back, space, [found.trials[0], *chosen], measure, halted=found.halted)
    return _tuned(space, sought, left_out, found, chosen, judged, (shown, kept_back), seed)


def _workers(case: Case, trials: int) -> int:
    """Return one worker a processor; 1 where they would take longer to begin than the whole search does."""
    return (os.cpu_count() or 1) if len(case.workload.jobs) * trials >= MANY else 1


def _proposals(space: Space, objectives: int, trials: int, seed: int) -> Proposals:
    """Return who proposes: everything where there is not more than may be measured."""
    if space.size <= trials:
        return Everything(space)
    return Generations(space.parameters, objectives, seed=seed)


Measuring = Here | Processes | RayActors


def _measuring(cases: Sequence[Case], on: On, workers: int, halt: Callable[[], bool] | None) -> Measuring:
    if on == "ray":
        return RayActors(cases, workers=workers, halt=halt)
    return Here(cases, halt=halt) if workers == 1 else Processes(cases, workers=workers, halt=halt)


def _judged(
    case: Case | None, space: Space, trials: Sequence[Trial], measure: Measuring, *, halted: bool
) -> dict[int, Figures]:
    """Measure what was found on the part of the log that was not searched; after a halt here, where nothing halts."""
    if case is None:
        return {}
    wanted = list({trial.number: trial for trial in trials}.values())
    charters = [space.written(trial.levels) for trial in wanted]
    figures = Here([case])(charters) if halted else measure(charters, case=1)
    return {trial.number: each for trial, each in zip(wanted, figures, strict=not halted)}


def _tuned(
    space: Space,
    sought: Sequence[Objective],
    left_out: Sequence[str],
    found: Searched,
    chosen: Sequence[Trial],
    judged: dict[int, Figures],
    cases: tuple[Case, Case | None],
    seed: int,
) -> Tuned:
    """Put the points together, in order of the first objective that tells them apart, with what differs in words."""
    present = cases[0].present

    def point(trial: Trial) -> Point:
        read = loads(space.written(trial.levels))
        changes = tuple([str(entry) for entry in differing(differences(present, read), present, read)])
        texts = {
            parameter.name: parameter.values[level]
            for parameter, level in zip(space.parameters, trial.levels, strict=True)
            if level != parameter.present
        }
        return Point(trial, judged.get(trial.number), texts, changes)

    first = [each for each in sought if each.name in ORDER] or sought
    order = sorted(chosen, key=lambda trial: (costs_of(trial.figures, first), trial.number))
    now = found.trials[0]
    costs = costs_of(now.figures, sought)
    by = [trial for trial in found.frontier(sought) if dominates(costs_of(trial.figures, sought), costs)]
    return Tuned(
        space=space,
        objectives=tuple(sought),
        left_out=tuple(left_out),
        searched=found,
        frontier_size=len(found.frontier(sought)),
        present=point(now),
        points=tuple([point(trial) for trial in order]),
        dominating=tuple([trial.number for trial in by]),
        case=cases[0],
        held_out=cases[1],
        seed=seed,
    )


def _divided(case: Case, hold_out: Fraction) -> tuple[Case, Case | None]:
    """Return what is searched, and what is held out; both end with a local midnight where they are long enough."""
    workload = case.workload
    midnight_after = midnights(case.present.timezone, workload.origin_ms)
    end_ms = _whole_days(midnight_after, max(1, workload.asked_ms))
    cut_ms = _whole_days(midnight_after, max(1, int(workload.asked_ms * (1 - hold_out)))) if hold_out else end_ms
    searched = _part(case, 0, cut_ms)
    if not hold_out:
        return searched, None
    if cut_ms >= end_ms:
        raise InputError("U105", "the log is too short to hold a part of it out", hint="--hold-out 0")
    return searched, _part(case, cut_ms, end_ms)


def _whole_days(midnight_after: Callable[[int], int], at_ms: int) -> int:
    """Return the last midnight that is not after a time; the time itself within the first day."""
    found = at_ms
    next_ms = midnight_after(max(0, at_ms - 2 * DAY_MS))
    while next_ms <= at_ms:
        found, next_ms = next_ms, midnight_after(next_ms)
    return found


def _part(case: Case, from_ms: int, to_ms: int) -> Case:
    return replace(
        case, workload=part(case.workload, from_ms, to_ms), span_ms=to_ms - from_ms, nodes=_nodes(case, from_ms, to_ms)
    )


def _nodes(case: Case, from_ms: int, to_ms: int) -> tuple[NodeChange, ...]:
    """Return the changes of nodes within a part; what is down when it begins goes down then."""
    before: dict[tuple[str, int], NodeChange] = {}
    within: list[NodeChange] = []
    for change in sorted(case.nodes, key=lambda change: change.at_ms):
        if change.at_ms < from_ms:
            before[change.pool, change.node] = change
        elif change.at_ms < to_ms:
            within.append(replace(change, at_ms=change.at_ms - from_ms))
    return (*(replace(each, at_ms=0) for each in before.values() if each.state != "up"), *within)


def _teams(charter: Charter, named: Sequence[str]) -> tuple[str, ...]:
    return tuple([charter.team(name).path for name in dict.fromkeys(named)])


def _product(workload: Workload, charter: Charter) -> tuple[str, ...]:
    """Return the teams at the top that have services; without any, the one called product."""
    serving = {workload.teams[service.team].split(".")[0] for service in workload.services}
    tops = [team.path for team in charter.teams if team.parent is None]
    return tuple([path for path in tops if path in serving] or [path for path in tops if path == "product"])


def _research(charter: Charter, product: Sequence[str]) -> tuple[str, ...]:
    tops = {each.split(".")[0] for each in product}
    found = tuple([team.path for team in charter.teams if team.parent is None and team.path not in tops])
    if not found:
        raise InputError("U104", "there is no team but the product", hint="name whose denied hours count: --team TEAM")
    return found


def _people(charter: Charter, given: Sequence[str]) -> tuple[tuple[str, int], ...]:
    found: dict[str, int] = {}
    for text in given:
        team, _, number = text.partition("=")
        if not (number.isascii() and number.isdigit() and 0 < len(number) < 8):
            raise InputError("U105", f"'{text}' is not TEAM=PEOPLE", hint="such as safety=60")
        found[charter.team(team).path] = Standing(team, int(number)).people
    return tuple(found.items())


def _conditions(charter: Charter, keep: Sequence[str], promises: Sequence[str], *, weaken: bool) -> Conditions:
    names = [each.name for each in charter.commitments]
    wanted = names if ALL_PROMISES in promises else list(promises)
    unknown = [name for name in wanted if name not in names]
    if unknown:
        raise InputError("U103", f"no promise '{unknown[0]}'", hint="promises: " + ", ".join(names))
    conditions = [condition(charter, text) for text in keep]
    return Conditions(
        present=charter,
        written=tuple([each for each in conditions if "." in each.subject]),
        measured=tuple([each for each in conditions if "." not in each.subject]),
        promises=tuple(wanted),
        guarded=() if weaken else guarded_teams(charter),
    )


def _bounded(trials: int, points: int, hold_out: Fraction, seed: int, workers: int) -> None:
    wrong = {
        f"{trials} trials are not between 2 and 100,000": not 2 <= trials <= 100_000,
        f"{points} points are not between 1 and 1,000": not 1 <= points <= 1_000,
        f"a part of {hold_out} cannot be held out": not 0 <= hold_out <= Fraction(9, 10),
        f"the seed {seed} is not between 0 and 2^32 − 1": not 0 <= seed < 1 << 32,
        f"{workers} workers are not between 1 and 1,000": not 1 <= workers <= 1_000,
    }
    for sentence, so in wrong.items():
        if so:
            raise InputError("U105", sentence, hint="see equipoise tune --help")
