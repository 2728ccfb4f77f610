"""A copy of a state on which a change is tried: it is made, one pass decides, and the copy tells whether the job started."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from equipoise.policy.kernel import inquiry
from equipoise.policy.kernel import layout as k
from equipoise.policy.kernel.capacity import UP, rescale, set_devices_out, set_node
from equipoise.policy.kernel.pointer import Handle
from equipoise.policy.kernel.submission import OTHER

SHARED = frozenset({"powers", "arrivals", "demands", "edges", "events"})  # no pass writes them


def copied(state: k.State, *, shared: frozenset[str] = SHARED) -> k.State:
    """Return a copy of a state with an empty stream of decisions; what is ``shared`` stays the same array."""
    done: dict[int, NDArray[Any]] = {}
    members: list[NDArray[Any]] = []
    for name, array in zip(k.State._fields, state, strict=True):
        if name in shared:
            members.append(array)
        else:
            members.append(done.setdefault(id(array), np.empty_like(array) if name == "out" else array.copy()))
    copy = k.State(*members)
    if copy.glob["same_tree"][0]:
        copy = copy._replace(shares=copy.refs)
    copy.glob["out_n"] = 0
    return copy


class Trial:
    """One copy of a state, to be changed and decided upon.

    Parameters
    ----------
    state : State
        At rest; it is not touched.
    """

    def __init__(self, state: k.State) -> None:
        self.state = copied(state)
        self._handle = Handle(self.state)

    def starts(self, job: int) -> bool:
        """Let every pool decide now; whether ``job`` runs, or has run, thereafter."""
        self.state.pools["dirty"] = OTHER
        self._alter(inquiry.PASS)
        return int(self.state.jobs["state"][job]) in (k.RUNNING, k.DONE)

    def inquire(self, job: int) -> NDArray[np.int64]:
        """Return what the kernel says of a waiting job, by the names in `inquiry`; the copy is spent then."""
        self._alter(inquiry.INQUIRE, job)
        return self.state.scratch2[:16].copy()

    def resubmit(self, job: int, *, gang: int, estimate_ms: int) -> None:
        """Let a waiting job ask for something else."""
        self._alter(inquiry.RESUBMIT, job, gang, estimate_ms)

    def withdraw(self, jobs: Sequence[int]) -> None:
        """Let waiting jobs be asked for no longer."""
        for job in jobs:
            self._alter(inquiry.WITHDRAW, job)

    def end(self, slots: Sequence[int]) -> None:
        """Let running jobs end."""
        for slot in slots:
            self._alter(inquiry.END, int(slot))

    def add_devices(self, pool: int, count: int) -> None:
        """Let a pool whose devices are only counted have more; floors and limits stay as they are."""
        set_devices_out(self._handle, pool, -count, UP + 1)
        rescale(self._handle, pool)

    def bring_up(self, pool: int, nodes: Sequence[int]) -> None:
        """Let nodes that are down or in maintenance come back; floors and limits stay as they are."""
        for node in nodes:
            set_node(self._handle, pool, node, UP)
        rescale(self._handle, pool)

    def change_rows(self, pool: int, changes: dict[int, int], *, column: str) -> None:
        """Give rows another ``floor`` or ``limit``, and divide anew."""
        for row, value in changes.items():
            self.state.rows[column][row] = value
            if column == "floor":  # what a promise rounds up to, or holds for what cannot stop, is no less
                for name in ("rounded", "firm"):
                    self.state.rows[name][row] = max(value, int(self.state.rows[name][row]))
            self.state.shares[column][self.state.rows["share"][row]] = value
        rescale(self._handle, pool)

    def _alter(self, what: int, which: int = -1, gang: int = 0, estimate_ms: int = 0) -> None:
        inquiry.alter(self._handle, what, which, gang, estimate_ms)


def least(most: int, works: Callable[[int], bool]) -> int | None:
    """Return an amount from 1 to ``most`` that works while one less does not; None if ``most`` does not work.

    ``works`` is asked about a logarithm of ``most`` times. Where it is true from some amount on this is the least one.
    """
    if most < 1 or not works(most):
        return None
    low, high = 0, most
    while high - low > 1:
        middle = (low + high) // 2
        if works(middle):
            high = middle
        else:
            low = middle
    return high
