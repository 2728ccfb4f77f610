"""Tokens of another issuer: what opens, and everything that must not, over a real issuer on loopback."""

from __future__ import annotations

import base64
import hmac
import json
import time
from collections.abc import Iterator
from hashlib import sha256
from typing import Any

import pytest

pytest.importorskip("joserfc")

from joserfc.jwk import RSAKey

from equipoise.api.identity import Issuer
from equipoise.api.roles import Role
from equipoise.errors import EquipoiseError
from equipoise.tasks.oidc import OidcSettings
from tests.unit.api.oidc_issuer import AUDIENCE, IssuerServer, issuing


@pytest.fixture
def server() -> Iterator[IssuerServer]:
    with issuing() as found:
        yield found


HS256 = b'{"alg":"HS256","kid":"rsa-1"}'


class Hand:
    """A steady clock that the test turns."""

    now_s = 1_000.0

    def __call__(self) -> float:
        return self.now_s


def issuer(server: IssuerServer, hand: Hand | None = None, **more: Any) -> Issuer:
    table = {
        "issuer": server.address, "audience": AUDIENCE, "roles": {"gpu-operators": "operator"},
        "teams": {"alignment-staff": "safety.alignment"}, **more,
    }  # fmt: skip
    return Issuer(OidcSettings.of(table), steady_s=hand or Hand())


def code(found: Issuer, token: str) -> str:
    with pytest.raises(EquipoiseError) as caught:
        found.bearer(token)
    assert token not in str(caught.value)
    return caught.value.code


def test_who_somebody_is_follows_from_claims(server: IssuerServer) -> None:
    found = issuer(server)
    ada = found.bearer(server.token())
    assert (ada.person, ada.role, ada.team, ada.groups) == (
        "ada",
        Role.MEMBER,
        "safety.alignment",
        ("staff", "alignment-staff"),
    )
    assert ada.expires_ms is not None and abs(ada.expires_ms / 1000 - time.time() - 600) < 5
    assert ada.is_among(["group:staff"]) and not ada.is_among(["group:gpu-operators"])
    olga = found.bearer(
        server.token(
            kid="ec-1", alg="ES256", preferred_username="olga", sub="2", groups=["alignment-staff", "gpu-operators"]
        )
    )
    assert (olga.role, olga.team, olga.token != ada.token) == (Role.OPERATOR, "", True)
    assert found.bearer(server.token(aud=["other", AUDIENCE])).person == "ada"
    assert code(found, server.token(groups=["nobody"])) == "N133"
    assert issuer(server, everybody="viewer").bearer(server.token(groups=None)).role is Role.VIEWER
    assert server.asked.count("/keys") == 2, "keys are kept"


def test_what_is_not_accepted(server: IssuerServer) -> None:
    found, now_s = issuer(server), int(time.time())
    other = RSAKey.generate_key(2048, {"kid": "rsa-1"})
    refused = {
        "expired": server.token(exp=now_s - 120),
        "never expires": server.token(exp=None),
        "not yet": server.token(nbf=now_s + 600),
        "another audience": server.token(aud="other"),
        "no audience": server.token(aud=None),
        "another issuer": server.token(iss="https://id.lab.example"),
        "no issuer": server.token(iss=None),
        "nobody": server.token(sub=None),
        "no name": server.token(preferred_username=None),
        "a name that none can be": server.token(preferred_username="ada\n"),
        "another key": server.token(key=other),
        "an algorithm that is not allowed": server.token(alg="RS512"),
        "a shared secret": confused(server),
        "unsigned": unsigned(server),
        "cut": server.token()[:-4],
        "not one": "a.b.c",
        "a number for a time": server.token(exp="soon"),
    }  # fmt: skip
    accepted = {what: found.bearer(token).person for what, token in refused.items() if not _refuses(found, token)}
    assert accepted == {}
    head, body, signature = server.token().split(".")
    changed = json.loads(base64.urlsafe_b64decode(body + "=="))
    changed["groups"] = ["gpu-operators"]
    forged = encoded(json.dumps(changed).encode())
    assert code(found, f"{head}.{forged}.{signature}") == "N132"
    assert not found.may_be("eq_a.b.c") and not found.may_be("x" * 20_000 + ".y.z") and found.may_be(server.token())


def _refuses(found: Issuer, token: str) -> bool:
    try:
        found.bearer(token)
    except EquipoiseError as error:
        assert error.code == "N132", error
        return True
    return False


def encoded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).decode().rstrip("=")


def unsigned(server: IssuerServer) -> str:
    head = encoded(b'{"alg":"none","kid":"rsa-1"}')
    return f"{head}.{server.token().split('.')[1]}."


def confused(server: IssuerServer) -> str:
    """Return a token whose shared secret is the issuer's public key, which everybody knows."""
    told = f"{encoded(HS256)}.{server.token().split('.')[1]}"
    secret = server.keys["rsa-1"].as_pem(private=False)
    return f"{told}.{encoded(hmac.new(secret, told.encode(), sha256).digest())}"


def test_new_keys_are_found_and_wrong_tokens_do_not_make_us_ask_again_and_again(server: IssuerServer) -> None:
    hand = Hand()
    found = issuer(server, hand)
    assert found.bearer(server.token()).person == "ada"
    server.keys["rsa-2"] = RSAKey.generate_key(2048, {"kid": "rsa-2"})
    assert code(found, server.token(kid="rsa-2")) == "N132", "it asked just now"
    hand.now_s += 61
    assert found.bearer(server.token(kid="rsa-2")).person == "ada"
    del server.keys["rsa-1"]
    asked = len(server.asked)
    for _ in range(20):
        code(found, server.token(kid="rsa-9", key=server.keys["rsa-2"]))
    assert len(server.asked) == asked
    hand.now_s += 3_700
    assert code(found, server.token(kid="rsa-1", key=RSAKey.generate_key(2048))) == "N132"


def test_an_issuer_that_is_down_or_another_one(server: IssuerServer) -> None:
    hand = Hand()
    found = issuer(server, hand)
    server.is_down = True
    assert code(found, server.token()) == "N169"
    server.is_down = False
    assert code(found, server.token()) == "N169", "at most once a minute"
    hand.now_s += 61
    assert found.bearer(server.token()).person == "ada"
    server.is_down = True
    hand.now_s += 7_200
    assert found.bearer(server.token()).person == "ada", "the keys hold for a day"
    hand.now_s += 86_400
    assert code(found, server.token()) == "N169"
    server.is_down, server.claimed = False, "https://id.lab.example"
    assert code(issuer(server), server.token()) == "N169", "its document is of another"


@pytest.mark.parametrize(
    "change",
    [{"issuer": ""}, {"audience": ""}, {"issuer": "http://id.lab.example"}, {"algorithms": ["HS256"]}, {"algorithms": ["none"]},
     {"algorithms": []}, {"roles": {"a": "member"}}, {"roles": {"a": 1}}, {"everybody": "operator"}, {"audiance": "x"}],
)  # fmt: skip
def test_settings_that_cannot_be(change: dict[str, Any]) -> None:
    with pytest.raises(EquipoiseError) as caught:
        OidcSettings.of({"issuer": "https://id.lab.example", "audience": "equipoise"} | change)
    assert caught.value.code == "N140"
