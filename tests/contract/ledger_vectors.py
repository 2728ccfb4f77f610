"""All vectors of ../shared/vectors held against the ledger's formats, once.

Each vector becomes a :class:`Held`: what its publisher expects, what Equipoise does, and, where these differ or where the
vector is about something that Equipoise does not have, the choice that explains it.
"""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.hashes import SHA256

from equipoise.errors import EquipoiseError
from equipoise.ledger.checkpoint import parse_checkpoint
from equipoise.ledger.dsse import encoding_to_sign
from equipoise.ledger.entry import encode_entry, parse_entry
from equipoise.ledger.keys import (
    Algorithm,
    SigningKey,
    VerifierKey,
    ed25519_holds,
    parse_signing_key,
    parse_verifier_key,
)
from equipoise.ledger.note import open_note
from equipoise.ledger.proof import Proof, parse_proof
from equipoise.ledger.tree import Frontier, MemoryHashes, leaf_hashes, root, verify_consistency, verify_inclusion
from equipoise.ledger.witness import Answer, Head, decide

VECTORS = Path(__file__).resolve().parents[3] / "shared" / "vectors"

CHOICES = {
    "roots-are-sha-256": "A root of other than 32 bytes is refused wherever it stands; with the text hashed to 32 bytes the "
    "vector comes out as published.",
    "key-types": "Only Ed25519 and ML-DSA-44 keys are read; ECDSA is not (the fewer ways to sign, the fewer to forge).",
    "unknown-log-404": "The published witness answers 403 for a log it does not know; tlog-witness now demands 404.",
    "one-spelling": "Base64 whose left-over bits are not zero is a second spelling of the same bytes and is refused as malformed, "
    "with 400; the published witness reads it and answers 403, because the signature does not hold either.",
    "nothing-proved": "An empty tree begins every tree: a proof of it says nothing and is refused.",
    "one-reading": "Readings of RFC 8032 differ on the signature, so that verifiers would not agree on one record: refused. "
    "That is every key or R of small order or not canonical, and every key outside the subgroup of prime order.",
    "no-subtree-proofs": "Not applied: about ranges of leaves that do not begin at 0, which no proof here is about.",
    "no-context": "Not applied: about a signing context, which cosignatures do not have.",
    "outside-the-profile": "Not applied: an entry has no fractions, no keys other than `a-z 0-9 _`, and is an object. Each text in "
    "the vector is compared on its own.",
}
NOT_APPLIED = {"no-subtree-proofs", "no-context", "outside-the-profile"}


@dataclass(frozen=True)
class Held:
    """A vector held against Equipoise."""

    folder: str
    id: str
    expected: object
    got: object
    choice: str = ""

    @property
    def agrees(self) -> bool:
        return self.expected == self.got


def held() -> list[Held]:
    """All vectors, in the order of the folders."""
    parts: list[Callable[[], Iterator[Held]]] = [
        merkle_proofs, eight_leaves, formats, requests, edge_cases, wycheproof, jcs, dsse
    ]  # fmt: skip
    return [one for part in parts for one in part()]


def read(*parts: str) -> Any:
    return json.loads(VECTORS.joinpath(*parts).read_text("utf-8"))


def blob(text: str | None) -> bytes:
    return base64.b64decode(text or "")


def passes(action: Callable[[], object]) -> bool:
    """Whether something raises none of our errors; any other exception is a fault and comes through."""
    try:
        action()
    except EquipoiseError:
        return False
    return True


# -------------------------------------------------------------------------------------------------------------- merkle


def merkle_proofs() -> Iterator[Held]:
    top = VECTORS / "transparency-dev-merkle" / "testdata"
    for kind in ("inclusion", "consistency", "subtreeinclusion", "subtreeconsistency"):
        for file in sorted((top / kind).rglob("*.json")):
            vector = json.loads(file.read_text("utf-8"))
            wanted = not vector["wantErr"]
            folder, name = (
                f"transparency-dev-merkle/{kind}",
                "/".join(file.relative_to(top / kind).with_suffix("").parts),
            )
            if kind == "subtreeconsistency" and vector["start"]:
                yield Held(folder, name, wanted, None, "no-subtree-proofs")
                continue
            got = passes(lambda kind=kind, vector=vector: PROOFS[kind](vector))
            choice = ""
            if kind == "subtreeconsistency" and not vector["end"]:
                choice = "nothing-proved"
            elif got != wanted and passes(lambda kind=kind, vector=vector: PROOFS[kind](with_hashed_roots(vector))):
                choice = "roots-are-sha-256"
            yield Held(folder, name, wanted, got, choice)


def inclusion(vector: dict[str, Any]) -> None:
    proof, leaf, wanted = [blob(node) for node in vector["proof"] or []], blob(vector["leafHash"]), blob(vector["root"])
    verify_inclusion(proof, index=vector["leafIdx"], size=vector["treeSize"], leaf=leaf, root=wanted)


def consistency(vector: dict[str, Any]) -> None:
    proof, old, new = [blob(node) for node in vector["proof"] or []], blob(vector["root1"]), blob(vector["root2"])
    verify_consistency(proof, old_size=vector["size1"], old_root=old, new_size=vector["size2"], new_root=new)


def subtree_inclusion(vector: dict[str, Any]) -> None:
    """A range that begins at a multiple of its length, rounded up to a power of two, is a tree of its own."""
    start, end = vector["start"], vector["end"]
    own = {"leafIdx": vector["leafIdx"] - start, "treeSize": end - start}
    if not 0 <= start < end or start % (1 << (end - start - 1).bit_length()):
        own["treeSize"] = 0
    inclusion(vector | own)


def subtree_consistency(vector: dict[str, Any]) -> None:
    """From the first leaf on, a subtree is the tree of an earlier size."""
    consistency(vector | {"size1": vector["end"], "size2": vector["size"]})


PROOFS: dict[str, Callable[[dict[str, Any]], None]] = {
    "inclusion": inclusion,
    "consistency": consistency,
    "subtreeinclusion": subtree_inclusion,
    "subtreeconsistency": subtree_consistency,
}


def with_hashed_roots(vector: dict[str, Any]) -> dict[str, Any]:
    return vector | {
        name: base64.b64encode(sha256(blob(vector[name])).digest()) for name in ("root1", "root2") if name in vector
    }


def eight_leaves() -> Iterator[Held]:
    folder = "transparency-dev-merkle/rfc6962_8leaves"
    known = read("transparency-dev-merkle", "rfc6962_8leaves.json")
    log, kept = Frontier(), MemoryHashes()
    kept.extend(log.extend(leaf_hashes(bytes.fromhex(leaf) for leaf in known["leaf_inputs_hex"])))
    for size, wanted in enumerate(known["roots_by_size_hex"]):
        yield Held(folder, f"root of {size}", wanted, root(size, kept).hex())
    nodes = [(level, index) for level in range(4) for index in range(8 >> level)]
    for (level, index), wanted in zip(nodes, known["node_hashes_hex_level_order"], strict=True):
        yield Held(folder, f"node {level}, {index}", wanted, kept.read(level, index).hex())


# --------------------------------------------------------------------------------------------------------------- notes


def formats() -> Iterator[Held]:
    folder = "transparency-dev-formats"
    known = read(folder, "note_checkpoint_proof.json")
    for verifier, signer in known["note_keys_public_test_only"]:
        key = parse_signing_key(signer)
        yield Held(folder, f"key {key.name}", (verifier, signer), (str(key.verifier), key.text()))
        yield Held(folder, f"key {key.name}, verifying", verifier, str(parse_verifier_key(verifier)))
    for name, text, is_wrong in known["checkpoint_unmarshal"]:
        got, choice = passes(lambda text=text: parse_checkpoint(text)), ""
        lines = text.split("\n")
        if not is_wrong and not got:
            lines[2] = base64.b64encode(sha256(blob(lines[2])).digest()).decode()
            assert parse_checkpoint("\n".join(lines)).origin == lines[0]
            choice = "roots-are-sha-256"
        yield Held(folder, f"checkpoint: {name}", not is_wrong, got, choice)
    for number, vector in enumerate(known["tlog_proof_marshal"]):
        hashes = tuple(map(blob, vector["hashes"]))
        proof = Proof(vector["index"], hashes, vector["checkpoint"].encode(), blob(vector.get("extra")))
        yield Held(folder, f"proof {number}, written", vector["want"], proof.to_bytes().decode())
        yield Held(folder, f"proof {number}, read", proof, parse_proof(vector["want"].encode()))
    for text in known["tlog_proof_unmarshal_errors"]:
        yield Held(folder, f"no proof: {text[:60]!r}", False, passes(lambda text=text: parse_proof(text.encode())))
    for text in known["ecdsa_vkeys_valid"]:
        yield Held(folder, f"key {text[:30]}", True, passes(lambda text=text: parse_verifier_key(text)), "key-types")


def requests() -> Iterator[Held]:
    """The conversations with a witness, in order: what it stores after one request is what the next one meets."""
    for name, file in read("torchwood-witness", "add-checkpoint.json")["files"].items():
        eye = SigningKey("example.com/witness", Algorithm.COSIGNATURE, bytes(range(32)))
        logs, heads = dict(configured(line) for line in group_of_setup(file["setup"])), dict[str, Head]()
        for number, case in enumerate(file["cases"]):
            body = case["request_body"].encode()
            answer = decide(body, logs=logs, heads=heads, keys=[eye], time_s=1_700_000_000)
            if answer.origin is not None and answer.head is not None:
                heads[answer.origin] = answer.head
            choice = {(403, 404): "unknown-log-404", (403, 400): "one-spelling"}.get(
                (case["status"], answer.status), ""
            )
            wanted = (case["status"], exact_body(case["asserts"]))
            yield Held(
                "torchwood-witness", f"{name} {number}", wanted, (answer.status, shown(answer, body, eye)), choice
            )


def group_of_setup(setup: list[str]) -> list[list[str]]:
    """The arguments of the setup's commands, per log."""
    text = " ".join(setup)
    sigsum = re.findall(r"add-sigsum-log -key=(\w+)", text)
    named = re.findall(r"add-log -origin '([^']+)'.*? -key (\S+)", text)
    return [[key] for key in sigsum] + [list(pair) for pair in named]


def configured(words: list[str]) -> tuple[str, list[VerifierKey]]:
    if len(words) == 2:
        return words[0], [parse_verifier_key(words[1])]
    key = bytes.fromhex(words[0])
    origin = f"sigsum.org/v1/tree/{sha256(key).hexdigest()}"
    return origin, [VerifierKey(origin, Algorithm.ED25519, key)]


def exact_body(asserts: list[str]) -> str:
    """What the vector says of the body: the size of a 409; that a 200 is cosigned is checked for each."""
    return next((json.loads(text.removeprefix("body == ")) for text in asserts if text.startswith("body == ")), "")


def shown(answer: Answer, body: bytes, eye: SigningKey) -> str:
    if answer.status == 200:
        note = body.split(b"\n\n", 1)[1] + answer.body
        assert open_note(note, [eye.verifier]).signed[0].time_s == 1_700_000_000
    return answer.body.decode() if answer.status == 409 else ""


# ---------------------------------------------------------------------------------------------------------- signatures


def edge_cases() -> Iterator[Held]:
    """Nothing is expected of these but agreement: ours is with every reading, or refusal."""
    for case in read("C2SP-CCTV", "ed25519", "ed25519vectors.json"):
        key, signature = bytes.fromhex(case["key"]), bytes.fromhex(case["sig"])
        got = ed25519_holds(key, case["msg"].encode(), signature)
        yield Held("C2SP-CCTV/ed25519", str(case["number"]), True, got, "one-reading" if case["flags"] else "")


def wycheproof() -> Iterator[Held]:
    for group in read("wycheproof", "testvectors_v1", "ed25519_test.json")["testGroups"]:
        key = bytes.fromhex(group["publicKey"]["pk"])
        for test in group["tests"]:
            got = ed25519_holds(key, bytes.fromhex(test["msg"]), bytes.fromhex(test["sig"]))
            yield Held("wycheproof/ed25519", str(test["tcId"]), test["result"] == "valid", got)
    for group in read("wycheproof", "testvectors_v1", "mldsa_44_verify_test.json")["testGroups"]:
        for test in group["tests"]:
            yield ml_dsa(group["publicKey"], test)
    for group in read("wycheproof", "testvectors_v1", "mldsa_44_sign_seed_test.json")["testGroups"]:
        seed = bytes.fromhex(group["privateSeed"])
        made = passes(lambda seed=seed: SigningKey("w", Algorithm.ML_DSA_44, seed))
        key = SigningKey("w", Algorithm.ML_DSA_44, seed).verifier.key.hex() if made else None
        for test in group["tests"]:
            wanted = group.get("publicKey") if len(seed) == 32 else None
            folder = "wycheproof/mldsa_44_sign_seed, the public key of the seed"
            yield Held(folder, str(test["tcId"]), wanted, key)


def ml_dsa(key: str, test: dict[str, Any]) -> Held:
    folder, wanted = "wycheproof/mldsa_44_verify", test["result"] == "valid"
    if test.get("ctx"):
        return Held(folder, str(test["tcId"]), wanted, None, "no-context")

    def verify() -> None:
        found = VerifierKey("w", Algorithm.ML_DSA_44, bytes.fromhex(key))
        if not found.holds(bytes.fromhex(test["msg"]), bytes.fromhex(test["sig"])):
            raise EquipoiseError("", "")

    return Held(folder, str(test["tcId"]), wanted, passes(verify))


# ---------------------------------------------------------------------------------------------------------------- JSON


def jcs() -> Iterator[Held]:
    folder = "jcs-cyberphone"
    for file in sorted((VECTORS / folder / "testdata" / "output").glob("*.json")):
        canonical = file.read_text("utf-8").rstrip("\n")
        for number, token in enumerate(re.findall(r'"(?:[^"\\]|\\.)*"', canonical)):
            written = encode_entry({"v": json.loads(token)}).decode()
            yield Held(f"{folder}, each text", f"{file.stem} {number}", f'{{"v":{token}}}', written)
        wrapped = f'{{"v":{canonical}}}'
        inside = passes(lambda wrapped=wrapped: parse_entry(wrapped.encode()))
        given = json.loads((file.parent.parent / "input" / file.name).read_text("utf-8"))
        got = encode_entry({"v": given}).decode() if inside else None
        yield Held(f"{folder}, whole", file.stem, wrapped, got, "" if inside else "outside-the-profile")


def dsse() -> Iterator[Held]:
    known = read("dsse", "protocol_vector.json")
    message = encoding_to_sign(known["payloadType"], known["payload"].encode())
    yield Held("dsse", "bytes that are signed", known["pae"].encode(), message)
    signature = blob(known["sig"])
    half = [int.from_bytes(signature[:32], "big"), int.from_bytes(signature[32:], "big")]
    key = ec.EllipticCurvePublicNumbers(int(known["X"]), int(known["Y"]), ec.SECP256R1()).public_key()
    key.verify(encode_dss_signature(*half), message, ec.ECDSA(SHA256()))  # raises if the bytes were others
    yield Held("dsse", "a signature over them", True, True)
