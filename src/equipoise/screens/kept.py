"""What was once worked out of a run, for as long as the run is there: screens ask for it again and again."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

from equipoise.simulator.record import Record

T = TypeVar("T")


class Kept(Generic[T]):
    """What a function makes of a record, made once. Routes are answered in threads, so one makes it while the others wait.

    It is stored where a ``cached_property`` of the record would be, so that it goes when the record goes, though it may refer to it.

    Parameters
    ----------
    make : callable
    """

    def __init__(self, make: Callable[[Record], T]) -> None:
        self._make = make
        self._making = threading.RLock()

    def of(self, record: Record) -> T:
        """Return it."""
        kept: dict[Kept[Any], Any] = vars(record).setdefault("_kept", {})
        if self not in kept:
            with self._making:
                if self not in kept:
                    kept[self] = self._make(record)
        return kept[self]
