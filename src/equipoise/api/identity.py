"""Who somebody is by the word of an issuer (OpenID Connect): a signed token of it in place of one of the lab's own.

`Issuer.bearer` is the main path. The issuer's keys come from its discovery document, are kept for an hour, and are asked for again when
a token names a key that is not among them, at most once a minute. A token must be of this issuer, for this audience, not expired, and
signed with an algorithm that the settings name: never ``none``, never a shared secret.
"""

from __future__ import annotations

import json
import logging
import threading
import time
from collections.abc import Callable
from hashlib import sha256
from typing import Any, cast

import httpx

from equipoise.api.roles import Role
from equipoise.api.tokens import ISSUED, PERSON, Bearer
from equipoise.errors import AuthorizationError, InputError, StoreError
from equipoise.tasks.oidc import OidcSettings, is_safe

LOG = logging.getLogger("equipoise.api")
KEYS_S, AGAIN_S, LASTING_S = 3_600.0, 60.0, 86_400.0
"""How long keys are fresh, how soon they are asked for again, and how long old ones hold while the issuer cannot be reached."""
LEEWAY_S = 30
MOST_TOKEN_BYTES, MOST_ANSWER_BYTES, MOST_GROUPS = 16_384, 1 << 20, 200
TIMEOUT_S = 5.0


class Issuer:
    """An issuer whose tokens are believed.

    Parameters
    ----------
    settings : OidcSettings
    now_s, steady_s : callable
        Unix time, and a clock that never goes back.

    Raises
    ------
    InputError
        N141 where the libraries are not installed.
    """

    def __init__(
        self,
        settings: OidcSettings,
        *,
        now_s: Callable[[], float] = time.time,
        steady_s: Callable[[], float] = time.monotonic,
    ) -> None:
        try:
            from authlib.oidc.discovery import OpenIDProviderMetadata, get_well_known_url
            from joserfc import errors, jwk, jwt
        except ImportError:
            raise InputError("N141", "OpenID Connect is an extra", hint="pip install 'equipoise[oidc]'") from None
        self._settings, self._now_s, self._steady_s = settings, now_s, steady_s
        self._metadata: Any = OpenIDProviderMetadata
        self._address = str(cast(Any, get_well_known_url)(settings.issuer, external=True))
        self._errors, self._jwk, self._jwt = errors, jwk, jwt
        self._keys: Any = None
        self._read_s = self._asked_s = float("-inf")
        self._turn = threading.Lock()

    @staticmethod
    def may_be(text: str) -> bool:
        """Whether a text has the form of a signed token."""
        return len(text) <= MOST_TOKEN_BYTES and text.count(".") == 2 and text.isascii() and not text.startswith("eq_")

    def bearer(self, text: str) -> Bearer:
        """Return who holds a token; blocks, so it is called in a thread.

        Raises
        ------
        AuthorizationError
            N132 for a token that is not accepted; N133 for somebody to whom no role is given.
        StoreError
            N169 where the issuer cannot be reached.
        """
        claims = self._claims(text)
        name = claims.get(self._settings.person)
        if not isinstance(name, str) or not PERSON.fullmatch(name):
            raise AuthorizationError(
                "N132", f"the token has no name in '{self._settings.person}'", hint="[oidc] person"
            )
        told = claims.get(self._settings.groups, [])
        listed = cast("list[object]", told) if isinstance(told, list) else []
        groups = tuple(one for one in listed[:MOST_GROUPS] if isinstance(one, str) and PERSON.fullmatch(one))
        role, team = self._role(name, groups)
        number = sha256(f"{self._settings.issuer} {claims['sub']}".encode()).hexdigest()[:12]
        return Bearer(f"{ISSUED}{number}", name, role, team, int(claims["exp"] * 1000), groups)

    def _role(self, name: str, groups: tuple[str, ...]) -> tuple[Role, str]:
        for group, role in self._settings.roles.items():
            if group in groups:
                return Role(role), ""
        for group, team in self._settings.teams.items():
            if group in groups:
                return Role.MEMBER, team
        if self._settings.everybody:
            return Role(self._settings.everybody), ""
        raise AuthorizationError("N133", f"{name} has no role here", hint="an operator gives one: [oidc] roles, teams")

    def _claims(self, text: str) -> dict[str, Any]:
        try:
            token = self._decoded(text)
            rules = self._jwt.JWTClaimsRegistry(
                now=lambda: int(self._now_s()),
                leeway=LEEWAY_S,
                iss={"essential": True, "value": self._settings.issuer},
                aud={"essential": True, "value": self._settings.audience},
                exp={"essential": True},
                sub={"essential": True},
            )
            rules.validate(token.claims)
        except self._errors.ExpiredTokenError:
            raise AuthorizationError("N132", "the token has expired", hint="sign in again") from None
        except (self._errors.JoseError, ValueError, TypeError, KeyError) as error:
            said = f"the token is not accepted: {type(error).__name__}"
            raise AuthorizationError("N132", said, hint="a token of the issuer, for this audience") from None
        return dict(token.claims)

    def _decoded(self, text: str) -> Any:
        """Return a token whose signature holds; keys that are not known are asked for again."""
        algorithms = list(self._settings.algorithms)
        keys = self._fresh(self._steady_s() - self._read_s > KEYS_S)
        try:
            return self._jwt.decode(text, keys, algorithms=algorithms)
        except (
            self._errors.InvalidKeyIdError,
            self._errors.MissingKeyError,
            self._errors.BadSignatureError,
            ValueError,
        ):
            if self._fresh(True) is keys:
                raise
            return self._jwt.decode(text, self._keys, algorithms=algorithms)

    def _fresh(self, wanted: bool) -> Any:  # noqa: FBT001
        """Return the keys, asked for again where that is wanted and was not done just now."""
        with self._turn:
            now_s = self._steady_s()
            if wanted and now_s - self._asked_s >= AGAIN_S:
                self._asked_s = now_s
                try:
                    self._keys, self._read_s = self._read(), now_s
                except (httpx.HTTPError, ValueError, KeyError, TypeError, self._errors.JoseError) as error:
                    LOG.warning("the issuer's keys cannot be had: %s", f"{type(error).__name__}: {error}"[:200])
            if self._keys is None or now_s - self._read_s > LASTING_S:
                said = f"the keys of the issuer {self._settings.issuer} cannot be had"
                raise StoreError("N169", said, hint="try again in a minute", retryable=True)
            return self._keys

    def _read(self) -> Any:
        """Ask the issuer for its keys."""
        with httpx.Client(timeout=TIMEOUT_S, follow_redirects=False) as client:
            found = self._metadata(_json(client, self._address))
            if found["issuer"].startswith("https"):  # a loopback one is an issuer for trying
                found.validate_issuer()
                found.validate_jwks_uri()
            if found["issuer"] != self._settings.issuer or not is_safe(str(found["jwks_uri"])):
                raise ValueError("the discovery document is of another issuer")
            return self._jwk.KeySet.import_key_set(cast(Any, _json(client, str(found["jwks_uri"]))))


def _json(client: httpx.Client, address: str) -> dict[str, Any]:
    with client.stream("GET", address) as answer:
        answer.raise_for_status()
        data = b""
        for part in answer.iter_bytes():
            data += part
            if len(data) > MOST_ANSWER_BYTES:
                raise ValueError("the issuer answers too much")
    return cast("dict[str, Any]", json.loads(data))
