"""Release gates: how much of the machine a model may serve on, by what was attested of it.

A charter's gate lets a release, named by the digest of the model, grow through stages. Each asks for attestations signed
by boards. The main path, all of it pure and recomputed by anyone who has the records:

1. :mod:`~equipoise.gates.statement` reads and writes what is attested (in-toto statements in DSSE envelopes).
2. :mod:`~equipoise.gates.evidence` says whose signatures stand behind each and from when to when it is fresh.
3. :mod:`~equipoise.gates.passage` takes the release through the stages; :mod:`~equipoise.gates.decision` says where it is,
   and :mod:`~equipoise.gates.needs` what it lacks.
4. :mod:`~equipoise.gates.caps` turns decisions into the most replicas of each service;
   :mod:`~equipoise.gates.rulings` says when these change, also while charters follow one another.

Examples
--------
>>> from fractions import Fraction
>>> from equipoise.charter import EVERYTHING, NOTHING, Board, Charter, Gate, Pool, Stage, Team
>>> from equipoise.gates.decision import decide
>>> from equipoise.gates.evidence import Recorded
>>> from equipoise.gates.statement import PAYLOAD_TYPE, Kind, statement_bytes
>>> from equipoise.ledger.dsse import sign_envelope
>>> from equipoise.ledger.keys import Algorithm, SigningKey
>>> ada = SigningKey("ada", Algorithm.ED25519, bytes(32))
>>> team = Team("product", "product", None, {"h100": NOTHING}, {"h100": EVERYTHING})
>>> gate = Gate("models", ("product",), (Stage("canary", Fraction(1, 10), {"jailbreak": "evals"}),))
>>> boards = (Board("evals", 1, {"ada": ada.verifier.key}),)
>>> lab = Charter("Lab", (Pool("h100", "H100", 16, 8),), (team,), release_gates=(gate,), boards=boards)
>>> model = "sha256:" + "ab" * 32
>>> closed = decide(lab, "models", model, [], now_ms=1_000)
>>> closed.stage, closed.unmet[0].says
(None, 'nobody has attested jailbreak')
>>> said = sign_envelope(PAYLOAD_TYPE, statement_bytes(Kind.ATTESTATION, "jailbreak", [model], issued_ms=900), [ada])
>>> opened = decide(lab, "models", model, [Recorded(1_000, said)], now_ms=1_000)
>>> opened.stage, opened.gpus(lab)
('canary', {'product': {'h100': 12}})
"""

from __future__ import annotations

from equipoise.gates.caps import GatedService, caps
from equipoise.gates.decision import Dossier, Entered, GateDecision, decide, gate_of
from equipoise.gates.evidence import Recorded, Refused
from equipoise.gates.needs import Need, Reason
from equipoise.gates.rulings import Cap, Ruling, cap_course, cap_moves, rulings
from equipoise.gates.statement import PAYLOAD_TYPE, Kind, Statement, parse_attested, parse_statement, statement_bytes

__all__ = [
    "PAYLOAD_TYPE",
    "Cap",
    "Dossier",
    "Entered",
    "GateDecision",
    "GatedService",
    "Kind",
    "Need",
    "Reason",
    "Recorded",
    "Refused",
    "Ruling",
    "Statement",
    "cap_course",
    "cap_moves",
    "caps",
    "decide",
    "gate_of",
    "parse_attested",
    "parse_statement",
    "rulings",
    "statement_bytes",
]
