"""A process whose disk fails under a ledger, and is mended: `python -m tests.scenario.ledger_disk full|limit|sync FOLDER`.

full: FOLDER is a small file system of its own, filled by a ballast that is then removed (ENOSPC).
limit: files may not grow beyond a size (RLIMIT_FSIZE): writes fail with EFBIG, which SQLite treats as it treats EIO.
sync: whoever starts this lets one call of fdatasync fail with EIO.

Tells what happened as JSON.
"""

from __future__ import annotations

import json
import resource
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from equipoise.errors import StoreError
from equipoise.store import open_sqlite, verify_sqlite
from tests.contract.ledger_stores import ORIGIN, made, signer

BATCH = 40


def breaking(how: str, folder: Path) -> tuple[Callable[[], object], Callable[[], object]]:
    """Return what lets the disk fail soon, and what mends it."""
    if how == "full":
        ballast = folder / "ballast"
        ballast.write_bytes(bytes(shutil.disk_usage(folder).free - 700_000))
        return lambda: None, ballast.unlink
    if how == "sync":
        return lambda: None, lambda: None
    _, most = resource.getrlimit(resource.RLIMIT_FSIZE)

    def limited(soft: int) -> Callable[[], object]:
        return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (soft, most))

    return limited(600_000), limited(most)


def main() -> None:
    how, folder = sys.argv[1], Path(sys.argv[2])
    fail, mend = breaking(how, folder)
    path = folder / "ledger.db"
    told: dict[str, Any] = {}
    store = open_sqlite(path, origin=ORIGIN)
    spool: list[tuple[list[bytes], list[str]]] = []
    acknowledged = 0
    fail()
    while acknowledged < 100_000:
        batch = made(BATCH, first=acknowledged), [f"key {acknowledged + i}" for i in range(BATCH)]
        try:
            indices = store.append(*batch)
        except StoreError as error:
            told |= {"code": error.code, "retryable": error.retryable, "message": error.message}
            spool.append(batch)
            break
        assert indices == range(acknowledged, acknowledged + BATCH)
        acknowledged += BATCH
    told |= {"acknowledged": acknowledged, "state": store.state, "read": len(list(store.entries()))}
    for number in range(3):  # what comes meanwhile is spooled
        first = acknowledged + BATCH * (number + 1)
        spool.append((made(BATCH, first=first), [f"key {first + i}" for i in range(BATCH)]))
    for name, call in {"append": lambda: store.append([b"x"]), "sign": lambda: store.sign(signer)}.items():
        try:
            call()
        except StoreError as error:
            told[name] = error.code
    try:
        store.reopen()  # too early
        store.append(*spool[0])
        told["early"] = "written"  # carrying over the write-ahead log may have made room
    except StoreError as error:
        told["early"] = error.code
    mend()
    store.reopen()
    for batch in spool:
        store.append(*batch)
    store.sign(signer)
    expected = made(acknowledged + BATCH * 4)
    told |= {"whole": list(store.entries()) == expected, "signed": store.checkpoint() is not None}
    store.close()
    told["faults"] = [fault.what for fault in verify_sqlite(path).faults]
    print(json.dumps(told))


if __name__ == "__main__":
    main()
