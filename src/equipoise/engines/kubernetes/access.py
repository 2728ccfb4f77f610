"""How to reach an API server and as whom: the service account of a pod, or a context of a kubeconfig file."""

from __future__ import annotations

import base64
import json
import os
import ssl
import subprocess
import tempfile
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import yaml

from equipoise.engines.kubernetes.settings import Settings
from equipoise.errors import InputError, Place

ACCOUNT = Path("/var/run/secrets/kubernetes.io/serviceaccount")
REREAD_S = 60.0  # the kubelet renews a projected token well before it expires; clients read the file again
PLUGIN_S = 30.0
Bearer = Callable[[bool], str]
"""Gives the token to send, or nothing; True: the last one was not accepted."""


@dataclass(frozen=True, slots=True)
class Access:
    """The server's address, whom to trust, and the token to send."""

    server: str
    trust: ssl.SSLContext | bool
    bearer: Bearer


def find_access(settings: Settings) -> Access:
    """Return how to reach the server that the settings name; raises ``InputError`` E162."""
    return _of_kubeconfig(Path(settings.kubeconfig), settings.context) if settings.kubeconfig else _of_pod()


def _of_pod() -> Access:
    host, port = os.environ.get("KUBERNETES_SERVICE_HOST"), os.environ.get("KUBERNETES_SERVICE_PORT", "443")
    if not host or not (ACCOUNT / "token").exists():
        hint = "set kubeconfig in [engines.kubernetes], or run the controller in a pod with a service account"
        raise InputError("E162", "there is no service account of a pod here", hint=hint)
    address = f"[{host}]" if ":" in host else host
    trust = ssl.create_default_context(cafile=str(ACCOUNT / "ca.crt"))
    return Access(f"https://{address}:{port}", trust, _file_token(ACCOUNT / "token"))


def _of_kubeconfig(path: Path, wanted: str) -> Access:
    place = Place(str(path))
    try:
        config: Any = yaml.safe_load(path.read_text("utf-8"))
        name = wanted or config["current-context"]
        context = _named(config["contexts"], name)["context"]
        cluster = _named(config["clusters"], context["cluster"])["cluster"]
        user: Any = _named(config["users"], context["user"])["user"] or {}
        server = str(cluster["server"]).rstrip("/")
    except OSError as error:
        raise InputError("E162", f"cannot read the file: {error.strerror}", place=place) from None
    except (yaml.YAMLError, KeyError, TypeError, StopIteration, ValueError):
        hint = "it needs a current context with a cluster and a user"
        raise InputError("E162", "this is not a kubeconfig file that names a server", hint=hint, place=place) from None
    return Access(server, _trust(cluster, user, path.parent, place), _bearer(user, path.parent, place))


def _named(entries: Any, name: str) -> Any:
    return next(entry for entry in entries if entry["name"] == name)


def _trust(cluster: Mapping[str, Any], user: Mapping[str, Any], folder: Path, place: Place) -> ssl.SSLContext | bool:
    if str(cluster["server"]).startswith("http://"):
        return True
    try:
        context = ssl.create_default_context(
            cafile=str(folder / cluster["certificate-authority"]) if "certificate-authority" in cluster else None,
            cadata=_decoded(cluster["certificate-authority-data"]).decode()
            if "certificate-authority-data" in cluster
            else None,
        )
        if cluster.get("insecure-skip-tls-verify"):
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        if "client-certificate-data" in user:
            with tempfile.NamedTemporaryFile("wb", suffix=".pem") as pem:  # OpenSSL reads certificates from files only
                pem.write(_decoded(user["client-certificate-data"]) + b"\n" + _decoded(user["client-key-data"]))
                pem.flush()
                context.load_cert_chain(pem.name)
        elif "client-certificate" in user:
            context.load_cert_chain(str(folder / user["client-certificate"]), str(folder / user["client-key"]))
    except (OSError, ValueError, KeyError):  # ssl.SSLError is an OSError
        raise InputError("E162", "a certificate or key of the context cannot be read", place=place) from None
    return context


def _decoded(text: str) -> bytes:
    return base64.b64decode(text)


def _bearer(user: Mapping[str, Any], folder: Path, place: Place) -> Bearer:
    if "tokenFile" in user:
        return _file_token(folder / user["tokenFile"])
    if "token" in user:
        token = str(user["token"])
        return lambda _refused: token
    if "exec" in user:
        return _Plugin(user["exec"], folder, place)
    if "username" in user or "auth-provider" in user:
        hint = "use a token, a client certificate or an exec plugin"
        raise InputError(
            "E162", "the user's way to sign in is none that API servers still take", hint=hint, place=place
        )
    return lambda _refused: ""


def _file_token(path: Path) -> Bearer:
    read: tuple[float, str] = (-REREAD_S, "")

    def bearer(refused: bool) -> str:  # noqa: FBT001
        nonlocal read
        now_s = time.monotonic()
        if refused or now_s - read[0] >= REREAD_S:
            read = now_s, path.read_text("utf-8").strip()
        return read[1]

    return bearer


class _Plugin:
    """A credential plugin of the kubeconfig (``client.authentication.k8s.io``): a program that prints a token."""

    def __init__(self, spec: Mapping[str, Any], folder: Path, place: Place) -> None:
        command = str(spec["command"])
        self._argv = [str(folder / command) if "/" in command else command, *map(str, spec.get("args") or ())]
        self._environment = {str(each["name"]): str(each["value"]) for each in spec.get("env") or ()}
        self._version = str(spec.get("apiVersion", "client.authentication.k8s.io/v1"))
        self._place = place
        self._token, self._until_s = "", 0.0

    def __call__(self, refused: bool) -> str:  # noqa: FBT001
        if refused or not self._token or time.time() >= self._until_s:
            status = self._asked()
            self._token = str(status.get("token", ""))
            expiry = status.get("expirationTimestamp")
            self._until_s = datetime.fromisoformat(expiry).timestamp() - 10 if expiry else float("inf")
        return self._token

    def _asked(self) -> Mapping[str, Any]:
        about = {"kind": "ExecCredential", "apiVersion": self._version, "spec": {"interactive": False}}
        environment = {**os.environ, **self._environment, "KUBERNETES_EXEC_INFO": json.dumps(about)}
        try:
            done = subprocess.run(
                self._argv, env=environment, capture_output=True, timeout=PLUGIN_S, check=True, stdin=subprocess.DEVNULL
            )
            return json.loads(done.stdout)["status"]
        except (OSError, subprocess.SubprocessError, ValueError, KeyError):
            message = f"the credential plugin {self._argv[0]} gave no token"
            raise InputError("E162", message, place=self._place) from None
