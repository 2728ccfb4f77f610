"""Published vectors of trees, notes, receipts, witnesses and signatures: agreement, or a choice that is named."""

from __future__ import annotations

import contextlib
from collections import Counter
from functools import cache

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from benchmarks import vectors as page
from benchmarks._page import with_tables
from equipoise.charter.ed25519 import has_prime_order, weakness
from tests.contract.ledger_vectors import CHOICES, NOT_APPLIED, VECTORS, Held, held, read

pytestmark = pytest.mark.skipif(not VECTORS.is_dir(), reason="../shared/vectors is not here")


@cache
def found() -> tuple[Held, ...]:
    return tuple(held())


def test_every_vector_comes_out_as_published_or_by_a_named_choice() -> None:
    unexplained = [one for one in found() if not one.agrees and not one.choice]
    assert unexplained == []
    assert {one.choice for one in found() if one.choice} == set(CHOICES)


def test_choices_explain_only_what_they_are_about() -> None:
    """How many vectors each explains, counted from what the publishers say of them."""
    counted = Counter(one.choice for one in found() if not one.agrees)
    assert counted["roots-are-sha-256"] == 5
    assert counted["key-types"] == counted["unknown-log-404"] == counted["one-spelling"] == 1
    assert counted["nothing-proved"] == 2
    assert counted["no-subtree-proofs"] == 16
    assert counted["no-context"] == 7
    assert counted["outside-the-profile"] == 5
    assert all(one.got is None for one in found() if one.choice in NOT_APPLIED)


def test_no_signature_is_accepted_on_which_readings_of_the_standard_differ() -> None:
    edge = [one for one in found() if one.folder == "C2SP-CCTV/ed25519"]
    assert len(edge) == 914
    assert [one.id for one in edge if one.got and one.choice] == []
    assert [one.id for one in edge if not one.got and not one.choice] == []


def test_keys_of_mixed_order_are_those_that_their_publisher_flags() -> None:
    cases = read("C2SP-CCTV", "ed25519", "ed25519vectors.json")
    flags = {bytes.fromhex(case["key"]): set(case["flags"] or ()) for case in cases}
    fit = {key: has_prime_order(key) for key in flags if weakness(key) is None}
    assert fit == {key: "low_order_component_A" not in flags[key] for key in fit}
    assert set(fit.values()) == {True, False}


def test_the_library_alone_would_accept_as_many_as_the_page_says() -> None:
    accepted = 0
    for case in read("C2SP-CCTV", "ed25519", "ed25519vectors.json"):
        key = Ed25519PublicKey.from_public_bytes(bytes.fromhex(case["key"]))
        with contextlib.suppress(InvalidSignature):
            key.verify(bytes.fromhex(case["sig"]), case["msg"].encode())
            accepted += 1
    assert f"accepts {accepted} of the 914" in page.PAGE.read_text("utf-8")


def test_page_shows_what_the_comparison_gives() -> None:
    text = page.PAGE.read_text("utf-8")
    assert with_tables(text, "vectors", page.tables()) == text, "run: python -m benchmarks.vectors --write"


def test_as_many_vectors_are_held_as_their_readme_counts() -> None:
    folders = Counter(one.folder for one in found())
    assert folders["transparency-dev-merkle/inclusion"] + folders["transparency-dev-merkle/consistency"] == 196
    assert (
        sum(n for name, n in folders.items() if name.startswith("transparency-dev-merkle/") and "leaves" not in name)
        == 518
    )
    assert folders["torchwood-witness"] == 10
    assert (folders["wycheproof/ed25519"], folders["wycheproof/mldsa_44_verify"]) == (151, 180)
    assert folders["jcs-cyberphone, whole"] == 6
