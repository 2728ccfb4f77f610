"""The one road of a run: the kernel moves from instant to instant; closes, days and changes come between.

Nodes change, other charters come into force, services are capped.

Who simulates, compares, measures or continues from a snapshot goes along it, so that all of them decide alike.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Sequence

import numpy as np

from equipoise.policy.events import Events, event
from equipoise.policy.kernel.layout import CAP_SET, CHARTER_ENACTED, NEVER, NODE_CHANGED
from equipoise.simulator.replay import NODE_STATES, CapChange, NodeChange, Progress, Replay
from equipoise.simulator.windows import Windows


class Timeline:
    """What happens to a replay from outside, each thing at its time.

    At one instant a close comes first, then a new day, then windows of promises, then what ends, and then nodes, the charter and
    caps change.

    Parameters
    ----------
    replay : Replay
        At its beginning, or anywhere later: what it has passed is not done again.
    midnight_after : callable
        The first time after a given one at which a day begins (`days.midnights`): reclaims are counted by day.
    closes_ms : iterable of int
        Strictly increasing times at which totals are recorded, perhaps without end.
    windows : Windows or None
        When windows of promises begin and end.
    nodes : sequence of NodeChange
        Changes of nodes that exist, in any order.
    enact_ms : sequence of int
        When the second, the third … charter of the layout comes into force, in order.
    caps : sequence of CapChange
        When services of the workload are capped, in any order.
    progress : callable or None
        Called now and then with how far the run is.
    halt : callable or None
        Asked now and then whether to end the run where it is: one close is made there, and it is not over.

    Notes
    -----
    The run is over when nothing more happens by itself and nothing waits that a change of nodes could let start. What
    was to come later is left out; one close is made at the time of the last event.
    """

    def __init__(
        self,
        replay: Replay,
        *,
        midnight_after: Callable[[int], int],
        closes_ms: Iterable[int] = (),
        nodes: Sequence[NodeChange] = (),
        enact_ms: Sequence[int] = (),
        caps: Sequence[CapChange] = (),
        windows: Windows | None = None,
        progress: Callable[[Progress], None] | None = None,
        halt: Callable[[], bool] | None = None,
    ) -> None:
        passed_ms = replay.passed_ms
        self._replay = replay
        self._closes = iter(closes_ms)
        self._close_ms = next((at for at in self._closes if at > passed_ms), NEVER)
        self._midnight_after = midnight_after
        self._windows = windows
        if windows is not None and not replay.over:  # windows come without end
            windows.skip(passed_ms)
        self._midnight_ms = self._midnight_after(replay.day_ms)
        pools = [pool.name for pool in replay.layout.pools]
        rows = [
            *(_node_row(change, pools) for change in nodes),
            *(event(CHARTER_ENACTED, number, at_ms=at_ms) for number, at_ms in enumerate(enact_ms, start=1)),
            *(_cap_row(change) for change in caps),
        ]
        due = [(int(row["time_ms"][0]), row) for row in rows]
        self._changes = deque(sorted((one for one in due if one[0] > passed_ms), key=lambda one: one[0]))
        self._progress = progress
        self._halt = halt

    def run(self, until_ms: int = NEVER) -> None:
        """Go on with everything that comes before ``until_ms``; without it, to the end."""
        replay = self._replay
        while not replay.over:
            if self._halt is not None and self._halt():
                replay.close_now()
                return
            stop_ms = min(self._close_ms, self._midnight_ms, self._change_ms, self._window_ms)
            goal_ms = min(stop_ms, until_ms)
            next_ms = replay.advance(goal_ms)
            if self._progress is not None:
                self._progress(replay.progress())
            if next_ms >= NEVER and (self._change_ms >= NEVER or not replay.waiting):
                replay.finish()
            elif next_ms >= goal_ms:
                if stop_ms >= until_ms:
                    return
                self._stop(stop_ms, next_ms)

    @property
    def _change_ms(self) -> int:
        return self._changes[0][0] if self._changes else NEVER

    @property
    def _window_ms(self) -> int:
        return self._windows.next_ms if self._windows is not None else NEVER

    def _stop(self, stop_ms: int, next_ms: int) -> None:
        if stop_ms == self._close_ms:
            self._replay.close(stop_ms)
            self._close_ms = next(self._closes, NEVER)
        if stop_ms == self._midnight_ms:
            # Nothing happens before next_ms, so all days that begin until then may begin at once.
            quiet_ms = max(stop_ms, min(next_ms, self._change_ms, self._window_ms))
            self._replay.begin_day(quiet_ms)
            self._midnight_ms = self._midnight_after(quiet_ms)
        if self._windows is not None and stop_ms == self._window_ms:
            self._replay.close_promises(stop_ms)
            begun = self._windows.turn(self._replay)
            if begun or self._replay.layout.later:  # a text that is no longer in force may have ended with its window
                self._replay.begin_windows(stop_ms, begun)
        due: list[Events] = []
        while self._change_ms == stop_ms:
            due.append(self._changes.popleft()[1])
        if due:
            self._replay.change(stop_ms, np.concatenate(due))
        self._replay.passed_ms = stop_ms


def _node_row(change: NodeChange, pools: Sequence[str]) -> Events:
    state = NODE_STATES[change.state]
    return event(NODE_CHANGED, change.node, detail=state, pool=pools.index(change.pool), at_ms=change.at_ms)


def _cap_row(change: CapChange) -> Events:
    gpus = NEVER if change.gpus is None else change.gpus
    return event(CAP_SET, change.service, at_ms=change.at_ms, amount=gpus)
