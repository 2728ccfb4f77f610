r"""Where a ledger is kept: an append-only store that loses nothing it has acknowledged, and notices what others lose.

Main path: :func:`open_sqlite` (sqlite.py) or ``open_postgres`` (postgres.py, extra ``postgres``) connects to a database of
five tables (tables.py), checks it against what was signed (start.py, anchor.py) and returns a
:class:`~equipoise.store.ledger.StoredLedger`, which implements :class:`LedgerStore` (protocol.py). Appends of several
threads share a transaction (queue.py). :func:`verify_store` (verification.py) reads and hashes everything again.

>>> from pathlib import Path; import tempfile
>>> from equipoise.ledger.tree import inclusion_proof, leaf_hash, verify_inclusion
>>> ledger = open_sqlite(Path(tempfile.mkdtemp()) / "ledger.db", origin="lab.example/log")
>>> ledger.append([b"started", b"stopped"], keys=["job 1 started", "job 1 stopped"])
range(0, 2)
>>> ledger.append([b"stopped"], keys=["job 1 stopped"])  # again, because nobody knew whether it had worked
[1]
>>> proof = inclusion_proof(1, ledger.size, ledger)
>>> verify_inclusion(proof, index=1, size=2, leaf=leaf_hash(b"stopped"), root=ledger.root)
>>> ledger.close()
"""

from __future__ import annotations

from equipoise.store.anchor import Anchor, FileAnchor
from equipoise.store.ledger import StoredLedger
from equipoise.store.protocol import LedgerStore, State
from equipoise.store.sqlite import open_sqlite
from equipoise.store.verification import Verification, verify_sqlite, verify_store

__all__ = [
    "Anchor",
    "FileAnchor",
    "LedgerStore",
    "State",
    "StoredLedger",
    "Verification",
    "open_sqlite",
    "verify_sqlite",
    "verify_store",
]
