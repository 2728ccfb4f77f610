"""The ledger's formats: what is hashed, what is signed, and how anyone checks it without trusting who wrote it.

Pure functions over bytes, with the standard library and ``cryptography`` alone; keeping the bytes is
``equipoise.store``. The main path: entries become leaves of a tree (:mod:`~equipoise.ledger.tree`), kept as tiles
(:mod:`~equipoise.ledger.tiles`).

Examples
--------
>>> from equipoise.ledger.tree import Frontier, leaf_hash
>>> log = Frontier()
>>> log.append(leaf_hash(b"the first entry")) == [[log.root()]]
True
"""

from __future__ import annotations
