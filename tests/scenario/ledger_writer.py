"""A process that appends to a ledger until it is killed: `python -m tests.scenario.ledger_writer WHERE SEED COUNT...`.

WHERE is the file of a ledger, or the address of a PostgreSQL server.

One thread for each COUNT, which is how many entries of that thread are known to be acknowledged; it goes on from there, so
what was written but not acknowledged is appended again under its key. Tells on its output what was acknowledged.
"""

from __future__ import annotations

import os
import random
import sys
import threading
import time
from hashlib import sha256

import equipoise.store.sqlite
from equipoise.errors import StoreError
from equipoise.store import StoredLedger, open_sqlite
from tests.contract.ledger_stores import ORIGIN, signer


def entry_of(key: str) -> bytes:
    digest = sha256(key.encode()).hexdigest()
    return f'{{"entry":"{digest * (1 + int(digest[0], 16) // 4)}","key":"{key}"}}'.encode()


def work(store: StoredLedger, number: int, done: int, chance: random.Random) -> None:
    while True:
        keys = [f"{number}/{place}" for place in range(done, done + chance.choice([1, 1, 1, 2, 10, 300]))]
        indices = store.append([entry_of(key) for key in keys], keys)
        done += len(keys)
        tell(f"ack {number} {done} {' '.join(map(str, indices))}")
        if chance.random() < 0.1:
            store.sign(signer)


def tell(line: str) -> None:
    os.write(1, f"{line}\n".encode())  # at once, and whole: shorter than a pipe's atomic write or the only writer


def opened(where: str) -> StoredLedger:
    if not where.startswith("host="):
        return open_sqlite(where, origin=ORIGIN)
    from equipoise.store.postgres import open_postgres

    while True:
        try:
            return open_postgres(where, origin=ORIGIN)
        except StoreError as error:
            if error.code != "L141":  # the server ends the session of a process that was killed, but not at once
                raise
            time.sleep(0.01)


def main() -> None:
    where, seed, counts = sys.argv[1], sys.argv[2], list(map(int, sys.argv[3:]))
    equipoise.store.sqlite._WAL_PAGES = 60  # so that carrying it over is killed often, too
    tell("ready")
    store = opened(where)
    for number, done in enumerate(counts):
        chance = random.Random(f"{seed} {number}")
        threading.Thread(target=work, args=(store, number, done, chance), daemon=True).start()
    threading.Event().wait()


if __name__ == "__main__":
    main()
