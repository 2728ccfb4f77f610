"""An issuer of OpenID Connect on loopback: its discovery document, its keys, and tokens signed with them."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from joserfc import jwt
from joserfc.jwk import ECKey, KeySet, RSAKey

AUDIENCE = "equipoise"


@dataclass
class IssuerServer:
    """The issuer; ``asked`` are the paths that were asked for, ``is_down`` lets it refuse everything."""

    port: int = 0
    asked: list[str] = field(default_factory=list[str])
    is_down: bool = False
    claimed: str = ""
    keys: dict[str, Any] = field(default_factory=dict[str, Any])

    def __post_init__(self) -> None:
        self.keys["rsa-1"] = RSAKey.generate_key(2048, {"kid": "rsa-1"})
        self.keys["ec-1"] = ECKey.generate_key("P-256", {"kid": "ec-1"})

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def token(self, *, kid: str = "rsa-1", alg: str = "RS256", key: Any = None, **change: Any) -> str:
        """Sign a token; a claim that is None is left out."""
        now_s = int(time.time())
        claims = {
            "iss": self.address, "aud": AUDIENCE, "sub": "248289761001", "iat": now_s, "exp": now_s + 600,
            "preferred_username": "ada", "groups": ["staff", "alignment-staff"],
        } | change  # fmt: skip
        kept = {name: value for name, value in claims.items() if value is not None}
        return jwt.encode({"alg": alg, "kid": kid}, kept, key or self.keys[kid], algorithms=[alg])

    def answer(self, path: str) -> Any:
        if path == "/.well-known/openid-configuration":
            return {
                "issuer": self.claimed or self.address, "jwks_uri": f"{self.address}/keys",
                "authorization_endpoint": f"{self.address}/authorize", "response_types_supported": ["code"],
                "subject_types_supported": ["public"], "id_token_signing_alg_values_supported": ["RS256"],
            }  # fmt: skip
        return KeySet(list(self.keys.values())).as_dict(private=False) if path == "/keys" else None


@contextmanager
def issuing() -> Generator[IssuerServer]:
    """Let an issuer listen on loopback."""
    found = IssuerServer()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            found.asked.append(self.path)
            told = None if found.is_down else found.answer(self.path)
            self.send_response(503 if told is None else 200)
            body = json.dumps(told).encode()
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    found.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05})
    thread.start()
    try:
        yield found
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
