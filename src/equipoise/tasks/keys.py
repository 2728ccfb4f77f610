"""Key files: made once, readable by their owner only, never written over."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from equipoise.errors import InputError
from equipoise.ledger.keys import SEED_BYTES, Algorithm, SigningKey, VerifierKey, parse_signing_key, parse_verifier_key

MAX_KEY_FILE = 16_384
KINDS = {"ed25519": Algorithm.ED25519, "witness": Algorithm.COSIGNATURE, "ml-dsa-44": Algorithm.ML_DSA_44}


def new_key(name: str, path: Path, *, kind: str = "ed25519") -> SigningKey:
    """Make a key and write it to a file that only its owner may read.

    Parameters
    ----------
    name : str
        Of a ledger such as ``lab.example/ledger``; of a person, the name in the charter's board.
    path : Path
        A file that does not exist.
    kind : str
        One of `KINDS`.

    Raises
    ------
    InputError
        L171 where the file exists or cannot be written, L172 for an unknown kind, L115 for a name that no key can have.
    """
    if kind not in KINDS:
        raise InputError("L172", f"no kind of key '{kind}'", hint="one of: " + ", ".join(KINDS))
    key = SigningKey(name, KINDS[kind], secrets.token_bytes(SEED_BYTES))
    try:
        handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(handle, "w", encoding="ascii") as file:
            file.write(key.text() + "\n")
    except FileExistsError as error:
        raise InputError("L171", f"{path} exists, and a key is never written over", hint="name another file") from error
    except (OSError, UnicodeEncodeError) as error:
        raise InputError("L171", f"{path} cannot be written: {error}") from error
    return key


def read_key(path: Path) -> SigningKey:
    """Read a key file; L171 where it cannot be read or others may read it, L115 for what is no key."""
    try:
        mode = path.stat().st_mode
        text = path.read_text(encoding="ascii")[:MAX_KEY_FILE].strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("L171", f"{path} cannot be read: {error}", hint="equipoise keys new NAME -o FILE") from error
    if mode & 0o077:
        raise InputError("L171", f"others than its owner may read {path}", hint=f"chmod 600 {path}")
    return parse_signing_key(text)


def read_verifier_key(text: str) -> VerifierKey:
    """Read a public key given as it is, or as a file that holds it (or the private key that it belongs to)."""
    if "+" in text and not Path(text).exists():
        return parse_verifier_key(text)
    try:
        said = Path(text).read_text(encoding="utf-8")[:MAX_KEY_FILE].strip()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("L171", f"{text} is no key and cannot be read as a file: {error}") from error
    return parse_signing_key(said).verifier if said.startswith("PRIVATE+KEY+") else parse_verifier_key(said)


def member_text(key: VerifierKey) -> str:
    """Return a key as a charter's boards name it: ``ed25519:BASE64``."""
    from equipoise.ledger.encoding import base64_text

    return f"ed25519:{base64_text(key.key)}"
