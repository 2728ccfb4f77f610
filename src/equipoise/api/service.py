"""What the routes work with: the lab's controller, its tokens and its ledger, and how long one waits for them."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping
from concurrent.futures import Future
from dataclasses import dataclass, field
from pathlib import Path
from typing import Annotated, Any, TypeVar, cast

from fastapi import Depends, Request

from equipoise.api.excerpt import Excerpt
from equipoise.api.outlooks import Outlooks
from equipoise.api.repeats import Repeats
from equipoise.api.roles import Right, Role, covers
from equipoise.api.runs import Runs
from equipoise.api.simulations import Simulations
from equipoise.api.tokens import Bearer, Tokens
from equipoise.charter.model import Charter
from equipoise.controller import Controller
from equipoise.controller.alerts import Alerts, Hooks
from equipoise.errors import AuthorizationError, InputError, StoreError
from equipoise.store import StoredLedger
from equipoise.tasks.film_ledger import FilmLedgers
from equipoise.tasks.plan_replay import PlanReplays
from equipoise.units import shown

T = TypeVar("T")
PATIENCE_S = 30.0
"""How long the controller may take to answer an order."""


@dataclass(frozen=True, eq=False)
class LiveParts:
    """What a lab that runs consists of.

    Parameters
    ----------
    controller : Controller
    open_reader : callable
        Opens the ledger read-only.
    runs_as_person : bool
        Whether a job runs under the login name of who submits it.
    ledger_key : str
        The public key of the ledger.
    alerts : Alerts
        Of this controller.
    folder : Path
        The lab's.
    repeats : Repeats
        Which keys of changes were used.
    excerpt : Excerpt
        What the ledger says of charters, verdicts and releases.
    simulations : Simulations
    hooks : Hooks
        The webhooks that operators added.
    """

    controller: Controller
    open_reader: Callable[[], StoredLedger]
    runs_as_person: bool
    ledger_key: str
    alerts: Alerts
    folder: Path
    repeats: Repeats
    excerpt: Excerpt
    simulations: Simulations
    hooks: Hooks


@dataclass(eq=False)
class Service:
    """What the routes see: a lab that runs, or a film of one that ran.

    Parameters
    ----------
    lab : LiveParts or None
        None for a film: then nothing runs here.
    tokens : Tokens
    runs : Runs
        What there is to look at.
    film_ledgers : FilmLedgers
        Where receipts of runs that are over come from.
    plan_replays : PlanReplays
        What amendments would have done to such runs.
    outlooks : Outlooks
        What follows it.
    """

    lab: LiveParts | None
    tokens: Tokens
    runs: Runs
    film_ledgers: FilmLedgers = field(default_factory=FilmLedgers)
    plan_replays: PlanReplays = field(default_factory=PlanReplays)
    outlooks: Outlooks = field(default_factory=Outlooks)
    changes: Changes = field(
        default_factory=lambda: Changes()  # noqa: PLW0108 - defined below
    )
    _reader: StoredLedger | None = None
    _reading: threading.Lock = field(default_factory=threading.Lock)

    @property
    def live(self) -> LiveParts:
        """The lab that runs; raises ``InputError`` N150 for a film."""
        if self.lab is None:
            raise InputError(
                "N150",
                "this server shows runs that are over: nothing runs here that could be asked or told",
                hint="`equipoise serve` runs a lab; what there is to look at is at /api/v1/runs",
            )
        return self.lab

    def read_ledger(self, read: Callable[[StoredLedger], T]) -> T:
        """Read of the ledger as it is now; blocks, so it is called in a thread."""
        with self._reading:
            if self._reader is None:
                self._reader = self.live.open_reader()
            self._reader.refresh()
            return read(self._reader)

    def close(self) -> None:
        """Let go of everything that belongs to the server alone."""
        if self.lab is not None:
            self.lab.simulations.close()
            self.lab.repeats.close()
        self.plan_replays.close()
        self.film_ledgers.close()
        with self._reading:
            if self._reader is not None:
                self._reader.close()
                self._reader = None


@dataclass(frozen=True, slots=True)
class Call:
    """A call of a route: by whom, of which lab."""

    service: Service
    bearer: Bearer

    @property
    def controller(self) -> Controller:
        """The lab's controller; raises ``InputError`` N150 for a film."""
        return self.service.live.controller

    def acts_for(self, team: str, right: Right) -> None:
        """Raise N134 unless the caller, as a member, acts for a team."""
        if self.bearer.role is not Role.MEMBER or not covers(self.bearer.team, team):
            raise AuthorizationError(
                "N134",
                f"{self.bearer.person} is not a member of {shown(team)}, and may not {right} there",
                hint=f"a member of {shown(team)} or of a team above it may",
            )

    def owns(self, charter: Charter, team: str) -> None:
        """Raise N135 unless the caller is the owner of a team, or of one above it, in a charter."""
        owners = owners_of(charter, team)
        if not self.bearer.is_among(owners.values()):
            named = ", ".join(dict.fromkeys(owners.values()))
            raise AuthorizationError(
                "N135",
                f"{self.bearer.person} does not own {shown(team)}, and may not answer its requests",
                hint=f"{named} may" if named else "the charter in force names no owner: amend it (owner:)",
            )


def owners_of(charter: Charter, team: str) -> dict[str, str]:
    """Return who owns a team and those above it, by path; a team that is none has no owner."""
    found: dict[str, str] = {}
    by_path = {one.path: one for one in charter.teams}
    at: str | None = team
    while at is not None and at in by_path:
        one = by_path[at]
        if one.owner:
            found[one.path] = one.owner
        at = one.parent
    return found


def call_of(request: Request) -> Call:
    """Return who calls: the gate has found it out (`gate`)."""
    return Call(cast(Service, request.app.state.service), cast(Bearer, request.state.bearer))


Caller = Annotated[Call, Depends(call_of)]


async def told(future: Future[T], patience_s: float = PATIENCE_S) -> T:
    """Wait for the controller's answer; N145 where it takes too long, and then the order is given up if it has not begun."""
    try:
        return await asyncio.wait_for(asyncio.wrap_future(future), patience_s)
    except TimeoutError as error:
        raise StoreError(
            "N145",
            f"the controller has not answered in {patience_s:g} s",
            hint="try again; with the same Idempotency-Key nothing comes twice",
            retryable=True,
        ) from error
    except asyncio.CancelledError:
        if future.cancelled():
            raise StoreError("R116", "the controller has ended", hint="try again", retryable=True) from None
        raise


async def known_charter(call: Call, team: str) -> Charter:
    """Return the charter in force; C301 for a team that it does not have."""
    charter = await told(call.controller.charter())
    if all(one.path != team for one in charter.teams):
        raise InputError("C301", f"no team {shown(team)} in the charter in force", hint="`equipoise top` lists them")
    return charter


class Changes:
    """Tells those who listen of every entry, and that something may have changed.

    The controller's thread calls `note`; everything else belongs to the server's loop.
    """

    def __init__(self) -> None:
        self._loop: asyncio.AbstractEventLoop | None = None
        self._queues: set[asyncio.Queue[tuple[int, Mapping[str, Any]] | None]] = set()
        self._turn = asyncio.Event()

    def begin(self) -> None:
        """Belong to the loop that runs."""
        self._loop = asyncio.get_running_loop()

    def note(self, number: int, values: Mapping[str, Any], /) -> None:
        """Take an entry that was recorded."""
        loop = self._loop
        if loop is not None and not loop.is_closed():
            loop.call_soon_threadsafe(self._tell, number, values)

    def _tell(self, number: int, values: Mapping[str, Any]) -> None:
        self._turn.set()
        self._turn = asyncio.Event()
        for queue in list(self._queues):
            if queue.full():  # a reader that is too slow is let go, and knows by its end
                self._queues.discard(queue)
                queue.get_nowait()
                queue.put_nowait(None)
            else:
                queue.put_nowait((number, values))

    async def wait(self, most_s: float) -> None:
        """Wait for the next entry, at most so long."""
        try:
            await asyncio.wait_for(self._turn.wait(), most_s)
        except TimeoutError:
            return

    def open(self, room: int) -> asyncio.Queue[tuple[int, Mapping[str, Any]] | None]:
        """Return a queue of the entries from now on; None ends it."""
        queue: asyncio.Queue[tuple[int, Mapping[str, Any]] | None] = asyncio.Queue(room)
        self._queues.add(queue)
        return queue

    def leave(self, queue: asyncio.Queue[tuple[int, Mapping[str, Any]] | None]) -> None:
        """Let a queue go."""
        self._queues.discard(queue)

    @property
    def listeners(self) -> int:
        """How many listen."""
        return len(self._queues)

    def end(self) -> None:
        """Let everybody who listens go."""
        self._turn.set()
        for queue in list(self._queues):
            if queue.full():
                queue.get_nowait()
            queue.put_nowait(None)
        self._queues.clear()
