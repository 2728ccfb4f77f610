"""The ledger's formats: what is hashed, what is signed, and how anyone checks it without trusting who wrote it.

Pure functions over bytes, with the standard library and ``cryptography`` alone; keeping the bytes and sending them is
above. The main path, from what is recorded to what is proved:

1. :mod:`~equipoise.ledger.entry` writes an event or decision as bytes with one spelling.
2. :mod:`~equipoise.ledger.tree` hashes them into a Merkle tree, kept as :mod:`~equipoise.ledger.tiles`.
3. :mod:`~equipoise.ledger.checkpoint` states size and root; :mod:`~equipoise.ledger.note` signs it with
   :mod:`~equipoise.ledger.keys`; a :mod:`~equipoise.ledger.witness` cosigns it if it continues what it saw before.
4. :mod:`~equipoise.ledger.proof` is the receipt for one entry, verified offline against a policy of known logs and
   witnesses (:mod:`~equipoise.ledger.quorum`).

Statements of people, such as changes of the charter, are :mod:`~equipoise.ledger.dsse` envelopes.

Examples
--------
>>> from equipoise.ledger.checkpoint import Checkpoint
>>> from equipoise.ledger.entry import encode_entry
>>> from equipoise.ledger.keys import Algorithm, SigningKey
>>> from equipoise.ledger.note import sign_note
>>> from equipoise.ledger.proof import Proof, verify_proof
>>> from equipoise.ledger.quorum import Party, Policy
>>> from equipoise.ledger.tree import Frontier, MemoryHashes, inclusion_proof, leaf_hashes
>>> key = SigningKey("lab.example/log", Algorithm.ED25519, bytes(32))
>>> entries = [encode_entry({"kind": "started", "job": n}) for n in range(5)]
>>> log, kept = Frontier(), MemoryHashes()
>>> kept.extend(log.extend(leaf_hashes(entries)))
>>> head = sign_note(Checkpoint("lab.example/log", log.size, log.root()).text(), [key])
>>> receipt = Proof(3, tuple(inclusion_proof(3, 5, kept)), head).to_bytes()
>>> verify_proof(receipt, entries[3], policy=Policy(logs=(Party(key.verifier),))).checkpoint.size
5
"""

from __future__ import annotations
