"""Jobs that users give to Slurm themselves: held at first sight, told of when they may run, missed when they are gone."""

from __future__ import annotations

import logging
import re
import time
from collections.abc import Collection, Mapping

from equipoise.charter.model import Pool
from equipoise.engines.protocol import Arrived, Observation, Withdrawn
from equipoise.engines.slurm.commands import Commands
from equipoise.engines.slurm.queue import RUNS, Details, Queue, Row
from equipoise.engines.slurm.settings import Settings
from equipoise.errors import EngineError, InputError
from equipoise.units import duration_ms

LOG = logging.getLogger("equipoise.engines.slurm")
_AT_ONCE = 200
HOLD_S = 5.0  # is spent on holding jobs whenever the queue is read
_SAVEPOINT = re.compile(r"(?:^|[\s,;])savepoint=(\S+)")


class Arrivals:
    """What waits in the partitions that the engine manages.

    Parameters
    ----------
    commands : Commands
    settings : Settings
    queue : Queue
    pools : tuple of Pool
    """

    def __init__(self, commands: Commands, settings: Settings, queue: Queue, pools: tuple[Pool, ...]) -> None:
        self._commands = commands
        self._settings = settings
        self._queue = queue
        self._per_node = {pool.name: pool.gpus_per_node for pool in pools}
        self._safe = {queue for place in settings.pools.values() for queue in place.queues}
        self.known: dict[str, Arrived] = {}
        self.details: dict[str, Details] = {}
        self._submitted_s: dict[str, int] = {}
        self.strays: dict[str, Row] = {}
        """Jobs that run although nobody launched them: Slurm was faster than we, or they began before we came."""

    def update(self, rows: Mapping[str, Row], ours: Collection[str], running: Collection[str]) -> list[Observation]:
        """Take in the queue: ``ours`` are jobs that we submitted, ``running`` those of users that were launched and not gone."""
        again = self._given_again(rows)
        found: list[Observation] = [Withdrawn(origin) for origin in again]
        self._read_details(rows, ours)
        self._hold(
            [
                row
                for row in rows.values()
                if row.state == "PENDING" and row.id not in ours and row.id not in running and not self._is_safe(row)
            ]
        )
        now_s = time.time()
        for row in rows.values():
            if row.id in ours or row.id in self.known or row.id in again:
                continue
            if row.id in running or (row.state == "PENDING" and self._is_safe(row) and self._may_run(row, now_s)):
                arrived = self._arrived(row)
                if arrived is not None:
                    self.known[row.id], self._submitted_s[row.id] = arrived, row.submitted_s
                    found.append(arrived)
            elif row.state in RUNS and row.id not in self.strays:
                self.strays[row.id] = row
                LOG.warning(
                    "job %s of %s runs in partition %s, and nobody launched it", row.id, row.user, row.partition
                )
        for origin in [origin for origin in self.known if origin not in rows and origin not in running]:
            self.drop(origin)
            found.append(Withdrawn(origin))
        for gone in [id for id in self.strays if id not in rows]:
            del self.strays[gone]
        return found

    def _given_again(self, rows: Mapping[str, Row]) -> list[str]:
        """Let go of jobs whose numbers slurmctld gave to others, because it forgot them when it was killed."""
        again = sorted(self.moved(rows))
        for id in again:
            self.drop(id)
        return again

    def moved(self, rows: Mapping[str, Row]) -> set[str]:
        """Return the jobs that were submitted at another time than we knew."""
        return {id for id, since_s in self._submitted_s.items() if id in rows and rows[id].submitted_s != since_s}

    def renew(self, row: Row) -> None:
        """Take in when a job was submitted, by which it is known from now on."""
        if row.id in self._submitted_s:
            self._submitted_s[row.id] = row.submitted_s

    def drop(self, origin: str) -> None:
        """Let go of a job that ended."""
        self.known.pop(origin, None)
        self.details.pop(origin, None)
        self._submitted_s.pop(origin, None)

    def _read_details(self, rows: Mapping[str, Row], ours: Collection[str]) -> None:
        new = [id for id, row in rows.items() if id not in self.details and id not in ours and not row.dependency]
        if new:
            self.details |= self._queue.details(new)
        for gone in [id for id in self.details if id not in rows and id not in self.known]:
            del self.details[gone]

    def _is_safe(self, row: Row) -> bool:
        """Whether Slurm does not start it by itself."""
        return row.held or row.partition in self._safe

    def _may_run(self, row: Row, now_s: float) -> bool:
        details = self.details.get(row.id)
        return details is not None and not row.dependency and details.eligible_s <= now_s

    def _hold(self, rows: list[Row]) -> None:
        """Hold what Slurm would start by itself; told of when the queue shows it held."""
        if self._settings.shadow:
            return
        ids, ends = [row.id for row in rows if self._pool(row) is not None], time.monotonic() + HOLD_S
        for at in range(0, len(ids), _AT_ONCE):
            if time.monotonic() > ends:  # the others when the queue is read next
                break
            some = ids[at : at + _AT_ONCE]
            for id, failure in zip(some, self._commands.change_all([("hold", id) for id in some]), strict=True):
                if isinstance(failure, EngineError):
                    raise failure
                if failure is not None:  # it has just started, or is gone
                    LOG.info("job %s could not be held: %s", id, failure)

    def _arrived(self, row: Row) -> Arrived | None:
        pool, details = self._pool(row), self.details.get(row.id)
        if pool is None or details is None:
            return None
        return Arrived(
            origin=row.id, name=row.name, team=self._settings.teams.get(row.account, row.account), user=row.user, pool=pool,
            gang=self._gang(row, details, pool), walltime_ms=details.walltime_ms,
            priority=self._settings.priorities.get(row.qos, 0) - row.nice, savepoint_ms=_savepoint_ms(row.comment),
            preemptible=details.requeues,
        )  # fmt: skip

    def _pool(self, row: Row) -> str | None:
        """Return the first pool of its partition whose kind of device it asks for; None: it asks for none."""
        details = self.details.get(row.id)
        wanted = set(row.partition.split(","))
        for name, place in self._settings.pools.items():
            if (
                name in self._per_node
                and wanted & set(place.partitions)
                and details is not None
                and details.devices(place.gres)
            ):
                return name
        return None

    def _gang(self, row: Row, details: Details, pool: str) -> int:
        """Return what it takes: a job that spreads over several nodes by its own wish is placed, and charged, by whole nodes."""
        devices, each = details.devices(self._settings.pools[pool].gres), self._per_node[pool]
        return row.nodes * each if details.shaped and row.nodes > 1 else devices


def _savepoint_ms(comment: str) -> int:
    """Return what a comment says of savepoints: ``savepoint=30m``."""
    found = _SAVEPOINT.search(comment)
    if found is None:
        return 0
    try:
        return duration_ms(found[1], low=1)
    except InputError:
        return 0
