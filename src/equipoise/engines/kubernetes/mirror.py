"""A copy of a collection that follows the API server: list, then watch from there; list again when the version is gone.

The reader of every collection is a thread of its own. Whatever happens to the connection, the copy only ever moves forward:
an answer to our own write may come before the watch tells of it, and an older event does not undo it.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Mapping
from typing import Generic, Protocol, TypeVar

from equipoise.engines.kubernetes.api import Api, ApiError, Backoff, Json, Watch
from equipoise.errors import EngineError


class Versioned(Protocol):
    """An object of the API."""

    @property
    def uid(self) -> str:
        """Its identity: another object of the same name has another."""
        ...

    @property
    def version(self) -> str:
        """Its ``resourceVersion``."""
        ...


Kept = TypeVar("Kept", bound=Versioned)
Changed = Callable[[Kept | None, Kept | None], None]
"""Told of what was and what is, under the lock."""


class Mirror(Generic[Kept]):
    """Follows one collection.

    Parameters
    ----------
    api : Api
    path : str
        Of the collection.
    query : mapping
        Selectors.
    read : callable
        From the API's JSON to a record.
    changed : callable
        Told of each change, under ``lock``.
    lock : threading.RLock
        Guards ``objects``; shared with whoever reads them.
    """

    def __init__(self, api: Api, path: str, query: Mapping[str, str], *, read: Callable[[Json], Kept],
                 changed: Changed[Kept], lock: threading.RLock) -> None:  # fmt: skip
        self.objects: dict[str, Kept] = {}
        self.complete = threading.Event()
        self._api, self._path, self._query = api, path, dict(query)
        self._read, self._changed, self._lock = read, changed, lock
        self._stopped = threading.Event()
        self._watch: Watch | None = None
        self._version = ""
        self._heard_s = time.monotonic()
        self._trouble: EngineError | None = None
        self._thread = threading.Thread(target=self._run, name=f"mirror {path}", daemon=True)

    def start(self) -> None:
        """Begin to follow."""
        self._thread.start()

    def stop(self) -> None:
        """End, and wait for the thread."""
        self._stopped.set()
        with self._lock:
            watch = self._watch
        if watch is not None:
            watch.stop()
        if self._thread.ident is not None:
            self._thread.join(5)

    def trouble(self, *, silent_s: float) -> EngineError | None:
        """Return why nothing has been heard for so long, or None."""
        trouble = self._trouble
        return trouble if trouble is not None and time.monotonic() - self._heard_s >= silent_s else None

    def put(self, raw: Json) -> Kept:
        """Take an object that the server answered with, unless what is known of it is newer."""
        kept = self._read(raw)
        with self._lock:
            known = self.objects.get(kept.uid)
            if known is not None and _older(kept.version, known.version):
                return known
            self.objects[kept.uid] = kept
            self._changed(known, kept)
        return kept

    def drop(self, uid: str) -> None:
        """Take out an object that is no more."""
        with self._lock:
            known = self.objects.pop(uid, None)
            if known is not None:
                self._changed(known, None)

    def _run(self) -> None:
        backoff = Backoff(self._stopped)
        while not self._stopped.is_set():
            try:
                if not self._version:
                    self._relist()
                began_s = time.monotonic()
                self._follow()
                if time.monotonic() - began_s > 1:
                    backoff.reset()
                else:
                    backoff.wait()  # a server that ends watches at once is not asked without pause
            except EngineError as error:
                if isinstance(error, ApiError) and error.gone:
                    self._version = ""
                    if self.complete.is_set() and self._trouble is None:
                        self._trouble = error
                        continue
                self._trouble = error
                backoff.wait()

    def _relist(self) -> None:
        items, version = self._api.list(self._path, self._query)
        seen: set[str] = set()
        for raw in items:
            seen.add(self.put(raw).uid)
        with self._lock:
            # What is not listed is gone, but for what was created after the list was made.
            lost = [uid for uid, kept in self.objects.items() if uid not in seen and not _older(version, kept.version)]
            for uid in lost:
                self.drop(uid)
        self._version = version
        self._heard()
        self.complete.set()

    def _follow(self) -> None:
        watch = self._api.watch(self._path, self._query, self._version)
        with self._lock:
            self._watch = watch
        try:
            if self._stopped.is_set():
                return
            self._heard()
            for event in watch:
                self._take(event)
        finally:
            with self._lock:
                self._watch = None
            watch.close()

    def _take(self, event: Json) -> None:
        kind, raw = event["type"], event["object"]
        if kind == "ERROR":
            raise ApiError(int(raw.get("code", 500)), str(raw.get("reason", "")), "")
        self._heard()
        if kind == "DELETED":
            self.drop(raw["metadata"]["uid"])
        elif kind != "BOOKMARK":
            self.put(raw)
        self._version = raw["metadata"]["resourceVersion"]

    def _heard(self) -> None:
        self._heard_s, self._trouble = time.monotonic(), None


def _older(version: str, than: str) -> bool:
    """Whether a version is before another: since Kubernetes 1.35 they are numbers that may be compared; others are not."""
    return version.isdecimal() and than.isdecimal() and int(version) < int(than)
