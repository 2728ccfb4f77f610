"""Jobs that come in: first on the desk, then known to the core, then submitted in the pass that is being made.

A job that its key or its engine's own name shows to be there already is answered with its number and not submitted again.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import replace

from equipoise.controller.credits import Credits
from equipoise.controller.desk import Desk, Filed
from equipoise.controller.inbox import Accepted, Submit
from equipoise.engines.protocol import Arrived
from equipoise.errors import EquipoiseError, InputError, StoreError
from equipoise.policy.events import Events, event
from equipoise.policy.kernel import layout as k
from equipoise.simulator.chronicle import Chronicle
from equipoise.workload.roll import Asked

LOG = logging.getLogger("equipoise.controller")
Filing = list[tuple[Submit, int]]


class Submissions:
    """Takes jobs in.

    Parameters
    ----------
    chronicle : Chronicle
    desk : Desk
    now_ms : callable
        Event time.
    """

    def __init__(self, chronicle: Chronicle, desk: Desk, now_ms: Callable[[], int]) -> None:
        self._core = chronicle.core
        self._desk = desk
        self.credits = Credits(chronicle, desk.owner, now_ms)
        self._unusable: set[str] = set()

    def take(self, orders: Sequence[Submit], at_ms: int) -> tuple[list[Events], Filing]:
        """Take jobs in; returns their events, and the orders that are answered once the pass is recorded. Others are answered now."""
        filing: Filing = []
        chosen: list[tuple[Submit, Filed]] = []
        keys: set[str] = set()
        number = self._core.roll.count
        self.credits.begin()
        for order in orders:
            try:
                known = self._known(order, keys)
                if known is None:
                    self._check(order, at_ms)
            except EquipoiseError as error:
                order.future.set_exception(error)
                continue
            if known is not None:
                filing.append((order, known))
                continue
            chosen.append((order, Filed(number, order.owner, order.asked, order.command, order.key, order.origin)))
            keys |= {order.key or "", order.origin or ""} - {""}
            number += 1
        if not self._filed(chosen):
            return [], filing
        filing += [(order, filed.number) for order, filed in chosen]
        return [self._admitted(filed) for _, filed in chosen], filing

    def again(self, at_ms: int) -> list[Events]:
        """Take in the jobs that an earlier life put on the desk and did not record."""
        self.credits.begin()
        first = self._core.submitted
        filed, usable = self._desk.jobs(first), list[Filed]()
        for one in filed:
            try:
                self._core.check(one.asked)
                usable.append(replace(one, number=first + len(usable)))
            except InputError as error:
                LOG.error("job %d of the desk cannot be submitted: %s", one.number, error)
        if usable != filed:
            self._desk.refile(first, usable)
        return [self._admitted(self._with_grant(one, at_ms)) for one in usable]

    def _with_grant(self, filed: Filed, at_ms: int) -> Filed:
        """Return a job as it can be submitted now: one whose grant it can spend no longer is other work of its team."""
        try:
            if filed.asked.request:
                self.credits.check(filed.asked, at_ms)
        except InputError as error:
            LOG.warning("job %d of the desk is submitted without its grant: %s", filed.number, error)
            return replace(filed, asked=replace(filed.asked, request=""))
        return filed

    def arrivals(self, arrived: Sequence[Arrived]) -> list[Submit]:
        """Return orders for jobs that their users gave to the engine, without those that are here already or cannot be."""
        new = [one for one in arrived if one.origin not in self._unusable and self._desk.by_origin(one.origin) is None]
        return [self._order(one) for one in {one.origin: one for one in new}.values()]

    def _order(self, one: Arrived) -> Submit:
        after = self._desk.by_origin(one.after) if one.after else None
        asked = Asked(
            gang=one.gang, team=one.team, pool=one.pool, user=one.user, walltime_ms=one.walltime_ms, priority=one.priority,
            preemptible=one.preemptible, savepoint_ms=one.savepoint_ms, after=-1 if after is None else after, name=one.name,
        )  # fmt: skip
        order = Submit(asked, None, one.user, origin=one.origin)
        order.future.set_running_or_notify_cancel()
        order.future.add_done_callback(lambda done: self._look_at(one, done))
        return order

    def _look_at(self, one: Arrived, done: Future[Accepted]) -> None:
        error = done.exception()
        if isinstance(error, InputError):
            self._unusable.add(one.origin)
            LOG.error("the engine's job %s cannot be submitted, and stays held: %s", one.origin, error)

    def _known(self, order: Submit, keys: set[str]) -> int | None:
        if order.origin:
            return self._desk.by_origin(order.origin)
        if order.key in keys:
            raise InputError(
                "R103", f"the key {order.key} is used twice at once", hint="try again, and learn the job's number"
            )
        return self._desk.by_key(order.key, order.owner, order.asked, order.command)

    def _check(self, order: Submit, at_ms: int) -> None:
        self._core.check(order.asked)
        if order.command is not None and not (order.command.argv and order.command.argv[0]):
            raise InputError("R110", "a job without a program", hint="give the command after `--`")
        if order.asked.request:
            self.credits.check(order.asked, at_ms)

    def _filed(self, chosen: Sequence[tuple[Submit, Filed]]) -> bool:
        """Put jobs on the desk, all in one transaction; returns whether there is something to admit."""
        try:
            if chosen:
                self._desk.file([filed for _, filed in chosen])
        except StoreError as error:
            for order, _ in chosen:
                order.future.set_exception(error)
            return False
        return bool(chosen)

    def _admitted(self, filed: Filed) -> Events:
        number = self._core.admit(filed.asked)
        assert number == filed.number, "the desk and the ledger count alike"
        return event(k.SUBMITTED, number)
