"""Key files."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from equipoise.charter_io import loads
from equipoise.errors import InputError
from equipoise.ledger.keys import Algorithm
from equipoise.tasks.keys import KINDS, member_text, new_key, read_key, read_verifier_key


@pytest.mark.parametrize("kind", KINDS)
def test_a_key_comes_back_from_its_file_and_signs(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "a.key"
    made = new_key("lab.example/ledger", path, kind=kind)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    read = read_key(path)
    assert (read, str(read.verifier)) == (made, str(made.verifier))
    assert read_verifier_key(str(path)) == read_verifier_key(str(made.verifier)) == made.verifier
    signature = read.sign(b"yes")
    assert made.verifier.holds(b"yes", signature) and not made.verifier.holds(b"no", signature)
    if made.algorithm is not Algorithm.ML_DSA_44:
        Ed25519PublicKey.from_public_bytes(made.verifier.key).verify(signature, b"yes")


def test_no_two_keys_are_equal_and_none_is_written_over(tmp_path: Path) -> None:
    first = new_key("ann", tmp_path / "a.key")
    before = (tmp_path / "a.key").read_bytes()
    with pytest.raises(InputError, match="never written over"):
        new_key("ann", tmp_path / "a.key")
    assert (tmp_path / "a.key").read_bytes() == before
    assert new_key("ann", tmp_path / "b.key").seed != first.seed


def test_a_key_that_others_may_read_is_refused(tmp_path: Path) -> None:
    new_key("ann", tmp_path / "a.key")
    (tmp_path / "a.key").chmod(0o644)
    with pytest.raises(InputError, match="L171 others"):
        read_key(tmp_path / "a.key")


def test_a_member_of_a_board_is_read_by_the_charter(tmp_path: Path) -> None:
    key = new_key("ann", tmp_path / "a.key").verifier
    charter = loads(f"""
equipoise: charter/v1
lab: Small
pools: {{h100: {{device: H100, expect: 2 nodes of 8 gpu}}}}
teams: {{research: {{floor: 50%}}}}
boards: {{safety: {{quorum: 1, members: {{{key.name}: "{member_text(key)}"}}}}}}
amendments:
  ordinary: {{needs: [safety], notice: 0d}}
  weakening: {{needs: [safety], notice: 14d}}
  constitution: {{needs: [safety], notice: 30d}}
""")
    assert charter.boards[0].members == {"ann": key.key}
