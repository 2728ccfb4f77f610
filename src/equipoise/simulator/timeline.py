"""When a run is looked at: closes for as long as something happens, and changes of nodes between them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

from equipoise.charter.model import Charter
from equipoise.policy.kernel.layout import NEVER
from equipoise.policy.plan import Plan
from equipoise.policy.state import Options, build
from equipoise.simulator.run import DAY_MS, NodeChange, Progress, Replay, Run
from equipoise.workload.model import Workload


def replay(
    workload: Workload,
    charter: Charter,
    plan: Plan,
    *,
    reference: Plan,
    options: Options | None = None,
    closes_ms: Iterable[int] = (),
    nodes: Sequence[NodeChange] = (),
    keep: bool = False,
    progress: Callable[[Progress], None] | None = None,
) -> Run:
    """Replay a workload as `equipoise.simulator.run.simulate` does, with closes for as long as the run lasts.

    Parameters
    ----------
    closes_ms : iterable of int
        Strictly increasing times, perhaps without end: how long a run lasts is known when it is over. Nothing is
        recorded after the last event but one close at its time.
    nodes : sequence of NodeChange
        Changes of nodes that exist, in any order. Those after the last job has ended are left out.

    Returns
    -------
    Run

    Raises
    ------
    InputError
        As ``simulate``.
    """
    under_way = Replay(
        build(workload, charter.pools, plan, reference=reference, options=options or Options()),
        charter,
        keep=keep,
    )
    closes = iter(closes_ms)
    close_ms = next(closes, NEVER)
    changes = sorted(nodes, key=lambda change: change.at_ms)
    done, now_ms, day_ms = 0, 0, DAY_MS

    def watch(now: Progress) -> None:
        nonlocal now_ms
        now_ms = now.now_ms
        if progress is not None:
            progress(now)

    while True:
        change_ms = changes[done].at_ms if done < len(changes) else NEVER
        stop_ms = min(close_ms, change_ms, day_ms)
        next_ms = under_way.until(stop_ms, progress=watch)
        if next_ms >= NEVER and (change_ms >= NEVER or not _waiting(under_way)):
            under_way.close(now_ms)
            return under_way.result()
        if stop_ms == close_ms:
            under_way.close(stop_ms)
            close_ms = next(closes, NEVER)
        if stop_ms == day_ms:  # reclaims are counted by day: 24 hours from the first submission on
            under_way.begin_day()
            day_ms += DAY_MS
        if stop_ms == change_ms:
            due = [change for change in changes[done:] if change.at_ms == stop_ms]
            under_way.change_nodes(stop_ms, due)
            done += len(due)
            now_ms = stop_ms


def _waiting(under_way: Replay) -> bool:
    """Whether work waits that a change of nodes could let start."""
    return bool((under_way.layout.state.pools["pending"] > 0).any())
