"""Tokens open what they should and nothing else; their file never holds what opens it."""

from __future__ import annotations

import stat
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from equipoise.api.roles import RIGHTS, Right, Role, covers, require
from equipoise.api.tokens import Tokens
from equipoise.errors import AuthorizationError, InputError


class Hand:
    def __init__(self) -> None:
        self.now_ms = 1_000

    def __call__(self) -> int:
        return self.now_ms


def test_a_token_names_its_holder_and_only_its_hash_is_kept(tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    tokens = Tokens(path, Hand())
    text = tokens.new("ada", Role.MEMBER, team="safety")
    found = tokens.bearer(text)
    assert (found.person, found.role, found.team) == ("ada", Role.MEMBER, "safety")
    data = path.read_text("utf-8")
    assert text not in data and text.split("_", 2)[2] not in data and sha256(text.encode()).hexdigest() in data
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_another_process_sees_at_once_what_is_made_and_revoked(tmp_path: Path) -> None:
    path, clock = tmp_path / "tokens.json", Hand()
    ours, theirs = Tokens(path, clock), Tokens(path, clock)
    assert theirs.all() == []
    texts = [ours.new(f"p{n}", Role.VIEWER) for n in range(20)]
    assert [theirs.bearer(text).person for text in texts] == [f"p{n}" for n in range(20)]
    theirs.revoke(ours.bearer(texts[3]).token)
    with pytest.raises(AuthorizationError, match="N132 the token was revoked"):
        ours.bearer(texts[3])
    assert ours.bearer(texts[4]).person == "p4"


def test_a_token_ends_at_its_time(tmp_path: Path) -> None:
    clock = Hand()
    tokens = Tokens(tmp_path / "tokens.json", clock)
    text = tokens.new("ada", Role.AUDITOR, lasts_ms=500)
    clock.now_ms = 1_499
    assert tokens.bearer(text).expires_ms == 1_500
    clock.now_ms = 1_500
    with pytest.raises(AuthorizationError, match="has expired"):
        tokens.bearer(text)


@given(at=st.integers(0, 59), letter=st.characters(codec="utf-8"), extra=st.text(max_size=3))
def test_every_other_text_opens_nothing(
    at: int, letter: str, extra: str, tmp_path_factory: pytest.TempPathFactory
) -> None:
    tokens = Tokens(tmp_path_factory.getbasetemp() / "others.json", Hand())
    text = (
        tokens.new("ada", Role.OPERATOR) if not tokens.all() else "eq_" + tokens.all()[0].bearer.token + "_" + "x" * 43
    )
    for other in (text[:at] + letter + text[at + 1 :], text + extra, extra + text, extra, "\ud800" + text):
        if other != text or text.endswith("x" * 43):
            with pytest.raises(AuthorizationError, match="N132 the token is not known here"):
                tokens.bearer(other)


@pytest.mark.parametrize("damage", [b"", b"{}", b"[1]", b"[" * 100_000, b'[{"bearer":{}}]', b"\xff"])
def test_a_damaged_file_opens_nothing_and_says_so(damage: bytes, tmp_path: Path) -> None:
    path = tmp_path / "tokens.json"
    text = Tokens(path, Hand()).new("ada", Role.VIEWER)
    path.write_bytes(damage)
    with pytest.raises(InputError, match="N130"):
        Tokens(path, Hand()).bearer(text)


@pytest.mark.parametrize(
    ("person", "role", "team", "lasts_ms"),
    [("", Role.VIEWER, "", None), ("a\nb", Role.VIEWER, "", None), ("ada", Role.MEMBER, "", None), ("ada", Role.VIEWER, "x", None),
     ("ada", Role.VIEWER, "", 0)],
)  # fmt: skip
def test_what_cannot_hold_a_token(person: str, role: Role, team: str, lasts_ms: int | None, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="N130"):
        Tokens(tmp_path / "t", Hand()).new(person, role, team=team, lasts_ms=lasts_ms)
    assert not (tmp_path / "t").exists()


def test_rights_of_roles() -> None:
    assert all(Right.LOOK in RIGHTS[role] for role in Role)
    assert {right for rights in RIGHTS.values() for right in rights} == set(Right)
    for role in Role:
        for right in Right:
            if right in RIGHTS[role]:
                require(role, right)
            else:
                with pytest.raises(AuthorizationError, match="N133"):
                    require(role, right)
    writing = {
        Right.SUBMIT,
        Right.CANCEL,
        Right.CANCEL_ANY,
        Right.ASK,
        Right.ANSWER,
        Right.DRAIN,
        Right.ENACT,
        Right.MANAGE_TOKENS,
    }
    assert not RIGHTS[Role.VIEWER] & writing and not RIGHTS[Role.AUDITOR] & writing
    assert Right.ENACT not in RIGHTS[Role.OPERATOR], "who runs the machine does not change its charter"
    assert covers("a.b", "a.b.c") and not covers("a.b", "a") and not covers("a.b", "a.bc")
