"""Days of a small lab in virtual time, with a controller that is killed between any two steps and goes on from its files.

`Day.run` is the main path. Users hand in jobs under keys and hand them in again when nobody answered; an engine of chance carries out;
the ledger's disk fails now and then. What came of it is judged by three witnesses that do not know of each other: the engine's own
account of devices, what users were told, and an audit of the ledger.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

from equipoise.audit import Audit, Book, audit
from equipoise.charter.model import Charter
from equipoise.charter_io import loads
from equipoise.controller import Accepted, Controller, Foundation, Settings, open_controller
from equipoise.controller.desk import Desk, Outcome
from equipoise.engines.protocol import Command, Condition
from equipoise.errors import StoreError
from equipoise.ledger.keys import Algorithm, SigningKey
from equipoise.store import State, StoredLedger, open_sqlite
from equipoise.workload.roll import Asked
from tests.scenario.scripted_engine import Faults, ScriptedEngine, VirtualClock, World

CHARTER = """\
equipoise: charter/v1
lab: Live Lab
pools:
  big: {device: H100, expect: 4 nodes of 4 gpu}
  small: {device: L40S, expect: 6 nodes of 1 gpu}
defaults:
  recover: 2m
  protect: {grace: 30s, min_runtime: 20s, reclaims_per_day: 100}
teams:
  product: {floor: 40%, weight: 3}
  research: {floor: 25%, weight: 2}
  safety: {floor: 25%}
  exploration: {weight: 1}
"""
TEAMS = ("product", "research", "safety", "exploration")
KEY = SigningKey("live.example/log", Algorithm.ED25519, bytes(range(32)))
ODD = Faults(lost=0.1, doubled=0.1, late=0.1, failing_call=0.1, refused=0.03, silent_node=0.3)
HARDSHIPS: dict[str, dict[str, Any]] = {
    "nothing": {},
    "an engine that answers late, twice, wrongly or not at all": {"faults": ODD},
    "a controller that is killed": {"kills": 6},
    "nodes that go and come": {"nodes": 8},
    "a full disk": {"outages": 5},
    "a clock that is set": {"steps": 5},
    "all of it": {"faults": ODD, "kills": 8, "nodes": 6, "outages": 3, "steps": 3},
    "a full disk, and a spool that is too small": {"outages": 4, "spool_bytes": 2_000, "kills": 4},
}
"""What goes wrong in a day, as arguments of `Day`."""
LONGEST_MS = 12 * 3_600_000


class Killed(BaseException):
    """The controller's process ends here."""


@dataclass
class Doom:
    """Ends a life at one of the points that it passes: before or after each call of the engine, the ledger or the desk."""

    left: int = 1 << 60

    def point(self) -> None:
        self.left -= 1
        if self.left <= 0:
            self.left = 1 << 60
            raise Killed


@dataclass
class Disk:
    """The ledger's disk: while it is ``out`` writes fail, some after they took effect."""

    chance: Random
    out: bool = False


class FailingStore:
    """A real ledger on a disk that fails at times."""

    def __init__(self, store: StoredLedger, doom: Doom, disk: Disk) -> None:
        self._store, self._doom, self._disk, self._stopped = store, doom, disk, False

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    @property
    def state(self) -> State:
        return State.STOPPED if self._stopped else self._store.state

    def append(self, entries: Sequence[bytes], keys: Sequence[str | None], *, time_ms: int) -> Sequence[int]:
        self._doom.point()
        self._check("L146")
        if self._disk.out and self._disk.chance.random() < 0.5:
            self._fail()
        found = self._store.append(entries, keys, time_ms=time_ms)
        if self._disk.out:
            self._fail()
        self._doom.point()
        return found

    def sign(self, signer: Callable[[str], bytes]) -> bytes:
        self._check("L146")
        if self._disk.out:
            self._fail()
        return self._store.sign(signer)

    def reopen(self) -> None:
        if self._disk.out:
            raise StoreError("L145", "the disk is still full", retryable=True)
        self._store.reopen()
        self._stopped = False

    def _check(self, code: str) -> None:
        if self._stopped:
            raise StoreError(code, "the store is stopped", retryable=True)

    def _fail(self) -> None:
        self._stopped = True
        raise StoreError("L145", "the disk is full", retryable=True)


@dataclass
class Wish:
    """A job that a user wants, under a key; ``told`` is what the user was told at last."""

    asked: Asked
    key: str
    future: Future[Accepted] | None = None
    told: Accepted | None = None
    error: BaseException | None = None
    cancel: bool = False


@dataclass
class Day:
    """A day with everything that goes wrong in it.

    ``kills`` is how many lives the controller has besides the last.
    """

    seed: int
    folder: Path
    jobs: int = 120
    span_ms: int = 1_800_000
    faults: Faults = field(default_factory=Faults)
    kills: int = 0
    outages: int = 0
    nodes: int = 0
    steps: int = 0
    spool_bytes: int = 1 << 20
    lives: int = 0
    wishes: list[Wish] = field(default_factory=list[Wish])

    def __post_init__(self) -> None:
        self.chance = Random(self.seed)
        self.charter: Charter = loads(CHARTER.encode())
        self.clock = VirtualClock()
        lengths = [self.chance.choice((1_000, 20_000, 90_000, 400_000)) for _ in range(self.jobs)]
        fails = {job for job in range(self.jobs) if self.chance.random() < 0.05}
        self.world = World(
            self.clock,
            self.charter.pools,
            self.chance,
            self.faults,
            lambda job: lengths[job],
            lambda job: int(job in fails),
        )
        self.doom, self.disk = Doom(), Disk(self.chance)
        self.controller: Controller | None = None
        self.settings = Settings(spool_bytes=self.spool_bytes, survey_every_ms=15_000)
        self._plan()

    @property
    def ledger(self) -> Path:
        return self.folder / "ledger.db"

    # ------------------------------------------------------------------------------------------------------------ main path

    def run(self) -> Day:
        """Live through the day; raises ``AssertionError`` where it does not come to its end."""
        with (
            patch.object(Desk, "file", self._doomed(Desk.file)),
            patch.object(Desk, "note_all", self._doomed(Desk.note_all)),
        ):
            while not self._live():
                self.lives += 1
        return self

    def audit(self) -> Audit:
        """Execute the ledger again, as an outsider would."""
        book = Book()
        with open_sqlite(self.ledger, read_only=True) as store:
            book.read(list(store.entries()))
        book.close()
        return audit(book)

    def outcomes(self) -> dict[str, Outcome | None]:
        """Return by key how each accepted job ended."""
        desk = Desk(self.folder / "desk.db")
        try:
            return {wish.key: desk.outcome(wish.told.job) for wish in self.wishes if wish.told is not None}
        finally:
            desk.close()

    def faults_found(self) -> Iterator[str]:
        """Yield what may never be."""
        yield from self.world.violations
        yield from (f"audit: {finding}" for finding in self.audit().findings)
        numbers = [wish.told.job for wish in self.wishes if wish.told is not None]
        if sorted(numbers) != list(range(len(numbers))):
            yield f"jobs {numbers} are not 0 to {len(numbers) - 1}"
        outcomes = self.outcomes()
        for wish in self.wishes:
            if wish.told is None:
                yield f"{wish.key} was never taken: {wish.error}"
                continue
            outcome, ends = outcomes[wish.key], self.world.ends[wish.told.job]
            if outcome is None:
                yield f"job {wish.told.job} has no outcome"
            elif outcome.what == "ended" and ends != 1:
                yield f"job {wish.told.job} ended, and its work was done {ends} times"
            elif ends > 1 and outcome.exit_code == 0:
                yield f"the work of job {wish.told.job} was done {ends} times"
            elif wish.told.refused and outcome.what != "refused":
                yield f"job {wish.told.job} was refused, and {outcome.what}"

    # ------------------------------------------------------------------------------------------------------------ what happens

    def _plan(self) -> None:
        """Draw who wants what when, when nodes go, the disk fails and the clock is set."""
        chance = self.chance
        for n in range(self.jobs):
            wish = Wish(self._asked(n), f"key {n}", cancel=chance.random() < 0.08)
            self.wishes.append(wish)
            self.world.after(chance.randint(0, self.span_ms), lambda wish=wish: self._hand_in(wish))
        for _ in range(self.nodes):
            pool = chance.choice(self.charter.pools)
            node, at_ms = chance.randrange(pool.nodes), chance.randint(0, self.span_ms)
            out = chance.choice((Condition.DOWN, Condition.MAINTENANCE))
            self.world.after(at_ms, lambda p=pool.name, n=node, c=out: self.world.change_node(p, n, c))
            back_ms = at_ms + chance.randint(10_000, 400_000)
            self.world.after(back_ms, lambda p=pool.name, n=node: self.world.change_node(p, n, Condition.UP))
        for _ in range(self.outages):
            at_ms = chance.randint(0, self.span_ms)
            self.world.after(at_ms, lambda: setattr(self.disk, "out", True))
            self.world.after(at_ms + chance.randint(1_000, 300_000), lambda: setattr(self.disk, "out", False))
        for _ in range(self.steps):
            by_ms = chance.choice((-3_600_000, -1_000, 5_000, 7_200_000))
            self.world.after(chance.randint(0, self.span_ms), lambda by=by_ms: self._set_clock(by))

    def _set_clock(self, by_ms: int) -> None:
        self.clock.wall_ms += by_ms

    def _asked(self, n: int) -> Asked:
        chance = self.chance
        small = chance.random() < 0.3
        return Asked(
            gang=chance.choice((1, 1, 2)) if small else chance.choice((1, 2, 4, 6, 8)),
            team=chance.choice(TEAMS),
            pool="small" if small else "big",
            user=chance.choice(("ada", "ben", "cy")),
            walltime_ms=chance.choice((0, 60_000, 600_000)),
            priority=chance.choice((0, 0, 0, 5)),
            preemptible=chance.random() < 0.9,
            savepoint_ms=chance.choice((0, 10_000)),
            name=f"run-{n}" if chance.random() < 0.5 else "",
        )

    def _hand_in(self, wish: Wish) -> None:
        if self.controller is None:
            self.world.after(1_000, lambda: self._hand_in(wish))
            return
        command = Command(("train", wish.key), {"TOKEN": f"secret of {wish.key}"})
        wish.future = self.controller.submit(wish.asked, command, owner=wish.asked.user, key=wish.key)
        wish.future.add_done_callback(lambda done: self._answered(wish, done))

    def _answered(self, wish: Wish, done: Future[Accepted]) -> None:
        error = done.exception()
        if error is None:
            assert wish.told is None or wish.told.job == done.result().job, "one key, two jobs"
            wish.told = wish.told or done.result()
            if wish.cancel:
                self.world.after(self.chance.randint(0, 200_000), lambda: self._cancel(wish))
        elif isinstance(error, StoreError):
            self.world.after(5_000, lambda: self._hand_in(wish))
        else:
            wish.error = error

    def _cancel(self, wish: Wish) -> None:
        assert wish.told is not None
        if self.controller is not None:
            self.controller.cancel(wish.told.job).add_done_callback(lambda done: done.exception())

    def _doomed(self, write: Callable[..., None]) -> Callable[..., None]:
        def doomed(desk: Desk, *args: Any) -> None:
            self.doom.point()
            write(desk, *args)
            self.doom.point()

        return doomed

    # ------------------------------------------------------------------------------------------------------------ a life

    def _live(self) -> bool:
        """Let a controller live until the day is over (True) or it is killed."""
        self.doom.left = self.chance.choice((3, 30, 300, 2_000)) if self.lives < self.kills else 1 << 60
        store: list[StoredLedger] = []
        engine: list[ScriptedEngine] = []

        def open_store() -> Any:
            store.append(open_sqlite(self.ledger, origin=KEY.name))
            return FailingStore(store[0], self.doom, self.disk)

        def open_engine(charter: Charter) -> ScriptedEngine:
            engine.append(ScriptedEngine(self.world, self.doom.point))
            return engine[0]

        desk: list[Desk] = []
        try:
            with patch.object(Desk, "__init__", _noting(desk, Desk.__init__)):
                controller = open_controller(
                    open_store, open_engine, folder=self.folder, spool_folder=self.folder / "spool", key=KEY,
                    foundation=Foundation(self.charter, CHARTER), settings=self.settings, clock=self.clock,
                    chance=self.chance, room=256,
                )  # fmt: skip
            assert controller is not None
            self.controller = controller
            for wish in self.wishes:
                if wish.future is not None and not wish.future.done():
                    self._hand_in(wish)
            while not self._is_over():
                controller.step()
            controller.close()
            return True
        except Killed:
            for one in desk:
                one.close()
        except StoreError as error:  # it cannot begin while the disk is out: whoever starts it tries again
            if not (error.retryable and self.disk.out):
                raise
        finally:
            self.controller = None
            for one in store:
                one.close()
            for one in engine:
                one.close()
        pause_ms = self.chance.choice((0, 500, 20_000, 50_000))
        self.world.pass_until(self.clock.steady_ms + pause_ms + 200, may_end=lambda: False)
        return False

    def _is_over(self) -> bool:
        assert self.clock.steady_ms < LONGEST_MS, f"seed {self.seed}: the day does not end"
        if any(wish.told is None and wish.error is None for wish in self.wishes) or self.disk.out:
            return False
        assert self.controller is not None
        loop = self.controller._loop
        asked = [job for job in range(loop.situation.jobs) if loop.situation.is_asked_for(job)]
        return not asked and not loop.attempts.all and not loop.recorder.spooled and loop.recorder.trouble is None


def _noting(made: list[Desk], init: Callable[..., None]) -> Callable[..., None]:
    def noting(desk: Desk, path: Path) -> None:
        init(desk, path)
        made.append(desk)

    return noting
