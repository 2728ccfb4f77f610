"""What others hand to the controller's thread, and the futures that they wait for. Everything here may be called from any thread."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field
from typing import Any

from equipoise.audit.minutes import Minutes as MinuteBook
from equipoise.charter.model import Charter
from equipoise.engines.protocol import Command
from equipoise.workload.roll import Asked, Request

Values = Mapping[str, Any]
Minutes = Callable[[int], Iterable[Values]]


@dataclass(frozen=True, slots=True)
class Accepted:
    """What became of a submission: the job's number, and why it is refused for ever (empty: it is not)."""

    job: int
    refused: str = ""


@dataclass(slots=True, eq=False)
class Submit:
    """A job is asked for."""

    asked: Asked
    command: Command | None
    owner: str
    key: str = ""
    origin: str = ""
    future: Future[Accepted] = field(default_factory=Future[Accepted])


@dataclass(slots=True, eq=False)
class Cancel:
    """A job is no longer asked for; whether it still was."""

    job: int
    future: Future[bool] = field(default_factory=Future[bool])


@dataclass(slots=True, eq=False)
class Ask:
    """Credits are asked for; ``asked_ms`` is set by the controller."""

    request: Request
    future: Future[None] = field(default_factory=Future[None])


@dataclass(slots=True, eq=False)
class Answer:
    """A request for credits is granted, cut or refused."""

    name: str
    granted_gpu_ms: int
    reason: str
    future: Future[Request] = field(default_factory=Future[Request])


@dataclass(slots=True, eq=False)
class Transfer:
    """What is left of a grant goes to another, or to a team; returns the grant that has it then."""

    name: str
    to: str
    gpu_ms: int
    reason: str
    by: str
    future: Future[str] = field(default_factory=Future[str])


@dataclass(slots=True, eq=False)
class Drain:
    """A node goes into maintenance, or comes back."""

    pool: str
    node: int
    back: bool
    future: Future[None] = field(default_factory=Future[None])


@dataclass(slots=True, eq=False)
class Enter:
    """Entries about charters that were checked; ``minutes`` makes them for the event time at which they are recorded."""

    minutes: Minutes
    future: Future[int] = field(default_factory=Future[int])


@dataclass(slots=True, eq=False)
class Enact:
    """A charter that was checked comes into force at once, with the entries that say who signed it; returns when it does."""

    charter: Charter
    text: str
    how: str
    minutes: Minutes
    future: Future[int] = field(default_factory=Future[int])


@dataclass(slots=True, eq=False)
class Convene:
    """Something about charters is entered, and what is due by it comes into force.

    ``enter`` takes minutes that it may change, and a Unix time; it returns the entries that it took into them.
    """

    enter: Callable[[MinuteBook, int], Sequence[Values]]
    future: Future[tuple[Values, ...]] = field(default_factory=Future[tuple[Values, ...]])


@dataclass(slots=True, eq=False)
class Look:
    """Something is read in the controller's thread."""

    read: Callable[[], Any]
    future: Future[Any] = field(default_factory=Future[Any])


Order = Submit | Cancel | Ask | Answer | Transfer | Drain | Enter | Enact | Convene | Look


class Inbox:
    """Orders in the order in which they came.

    Parameters
    ----------
    wake : callable
        Called, from the thread that puts something in, when the loop is to look.
    """

    def __init__(self, wake: Callable[[], None]) -> None:
        self._wake = wake
        self._orders: deque[Order] = deque()
        self._lock = threading.Lock()
        self._closed: BaseException | None = None

    def __len__(self) -> int:
        return len(self._orders)

    def put(self, order: Order) -> None:
        """Hand in an order; after `close` its future fails at once."""
        with self._lock:
            if self._closed is None:
                self._orders.append(order)
        if self._closed is not None:
            order.future.set_exception(self._closed)
        else:
            self._wake()

    def take(self, most: int) -> list[Order]:
        """Return the next orders, and mark their futures as running; those that were given up are left out."""
        found: list[Order] = []
        while self._orders and len(found) < most:
            order = self._orders.popleft()
            if order.future.set_running_or_notify_cancel():
                found.append(order)
        return found

    def close(self, error: BaseException) -> None:
        """Take nothing more, and let everything that waits fail."""
        with self._lock:
            self._closed = error
            waiting, self._orders = self._orders, deque()
        for order in waiting:
            if order.future.set_running_or_notify_cancel():
                order.future.set_exception(error)
