"""One leader: whoever holds the ledger's lock. Who comes second waits, and takes over when the first is gone.

The lock is the store's own (of a file the lock beside it, of PostgreSQL an advisory lock of the session), so it falls with the process
that holds it, and an append by a writer that lost it fails (`recorder`). Nothing else has to agree about who leads.
"""

from __future__ import annotations

import threading
from collections.abc import Callable

from equipoise.controller.recorder import LOG, is_led_elsewhere
from equipoise.errors import StoreError
from equipoise.store import StoredLedger

PAUSE_S = 1.0


def await_lead(
    open_store: Callable[[], StoredLedger], *, given_up: threading.Event | None = None, pause_s: float = PAUSE_S
) -> StoredLedger | None:
    """Open the ledger for writing as soon as nobody else does.

    Parameters
    ----------
    open_store : callable
        Opens it, or raises ``StoreError`` L141 while another process writes.
    given_up : Event or None
        Set by another thread to wait no longer.
    pause_s : float
        Between two attempts.

    Returns
    -------
    StoredLedger or None
        None where waiting was given up.
    """
    waits = given_up or threading.Event()
    said = False
    while not waits.is_set():
        try:
            return open_store()
        except StoreError as error:
            if not is_led_elsewhere(error):
                raise
            if not said:
                LOG.info("waiting to lead: %s", error.message)
                said = True
        waits.wait(pause_s)
    return None
