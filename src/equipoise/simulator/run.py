"""Replay a workload under a plan, from its layout to what happened to every job, team and pool.

`simulate` is the main path: it lays workload and plan out, moves a `Replay` along its `Timeline`, and hands back a `Run`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from equipoise.charter.model import Charter, Pool
from equipoise.errors import InputError
from equipoise.policy.course import Enactment
from equipoise.policy.plan import Plan
from equipoise.policy.state import Options, build
from equipoise.simulator.days import midnights_under
from equipoise.simulator.replay import NODE_STATES, CapChange, NodeChange, Progress, Replay, Run
from equipoise.simulator.timeline import Timeline
from equipoise.simulator.windows import windows_of
from equipoise.workload.model import Workload

__all__ = ["NODE_STATES", "CapChange", "NodeChange", "Progress", "Run", "simulate"]

DEFAULTS = Options()


def simulate(
    workload: Workload,
    charter: Charter,
    plan: Plan,
    *,
    reference: Plan,
    options: Options = DEFAULTS,
    closes_ms: Iterable[int] = (),
    nodes: Sequence[NodeChange] = (),
    enact: Sequence[Enactment] = (),
    caps: Sequence[CapChange] = (),
    keep: bool = False,
    record: bool = False,
    interpreted: bool = False,
    progress: Callable[[Progress], None] | None = None,
    halt: Callable[[], bool] | None = None,
) -> Run:
    """Replay a workload under a plan.

    Parameters
    ----------
    workload : Workload
    charter : Charter
        The charter that ``plan`` was made of; its pools are the machine, its days those by which reclaims are counted.
    plan, reference : Plan
        What executes, and what entitlement and denial are computed against.
    closes_ms : iterable of int
        Strictly increasing times at which totals are recorded, perhaps without end: how long a run lasts is known when
        it is over. One more is added at the time of the last event; later ones are left out.
    nodes : sequence of NodeChange
        Changes of capacity, in any order. Those that come when nothing happens or waits any more are left out.
    enact : sequence of Enactment
        Charters that come into force during the run, in order; their plans, and ``plan`` and ``reference``, are of one `course.course`.
        Jobs of teams that come later are refused before.
    caps : sequence of CapChange
        Caps on services of the workload, in any order.
    keep : bool
        Whether to return the stream of decisions.
    record : bool
        Whether to return the events that led to them.
    interpreted : bool
        Run the kernel's source as plain Python: thousands of times slower, bit for bit the same.
    progress : callable or None
        Called now and then with how far the run is.
    halt : callable or None
        Asked now and then whether to end the run where it is; what is returned is then partial.

    Raises
    ------
    InputError
        W101, W102, C301 for a workload that does not fit the charter; W103 for a node that is not there; P106 for charters whose times
        are not in order; P107 for a cap of no service.

    Examples
    --------
    See `equipoise.tasks.simulate`, which adds files, reports and comparison.
    """
    _check_nodes(nodes, charter.pools)
    check_times([one.at_ms for one in enact])
    _check_caps(caps, workload)
    later = [(one.plan, one.reference) for one in enact]
    layout = build(workload, charter.pools, plan, reference=reference, later=later, options=options, record=record)
    replay = Replay(layout, keep=keep, interpreted=interpreted)
    enact_ms = [one.at_ms for one in enact]
    zones = [charter.timezone, *(one.plan.charter.timezone for one in enact)]
    midnight_after = midnights_under(zones, enact_ms, workload.origin_ms)
    Timeline(
        replay,
        midnight_after=midnight_after,
        closes_ms=closes_ms,
        nodes=nodes,
        enact_ms=enact_ms,
        caps=caps,
        windows=windows_of(layout, charter, workload.origin_ms, enact_ms),
        progress=progress,
        halt=halt,
    ).run()
    return replay.result()


def check_times(times_ms: Sequence[int]) -> None:
    """Raise ``InputError`` P106 unless charters come into force one after another, after the run's beginning."""
    for before_ms, at_ms in zip([0, *times_ms], times_ms, strict=False):
        if at_ms <= before_ms:
            raise InputError(
                "P106",
                f"a charter that comes into force at {at_ms} ms does not come after {before_ms} ms",
                hint="the run begins at 0 with its first charter; the others follow, each at a time of its own",
            )


def _check_caps(caps: Sequence[CapChange], workload: Workload) -> None:
    for change in caps:
        if not 0 <= change.service < len(workload.services) or change.at_ms < 0 or (change.gpus or 0) < 0:
            raise InputError(
                "P107",
                f"service {change.service} cannot be capped at {change.gpus} gpu at {change.at_ms} ms",
                hint=f"the workload has {len(workload.services)} services, counted from 0; a cap is 0 or more",
            )


def _check_nodes(nodes: Sequence[NodeChange], pools: tuple[Pool, ...]) -> None:
    sizes = {pool.name: pool.nodes for pool in pools}
    for change in nodes:
        if change.pool not in sizes:
            raise InputError(
                "W103", f"no pool '{change.pool}' whose nodes could change", hint="pools: " + ", ".join(sizes)
            )
        if not 0 <= change.node < sizes[change.pool] or change.state not in NODE_STATES or change.at_ms < 0:
            raise InputError(
                "W103",
                f"node {change.node} of '{change.pool}' cannot go '{change.state}' at {change.at_ms} ms",
                hint=f"nodes 0 to {sizes[change.pool] - 1}; states: " + ", ".join(NODE_STATES),
            )
