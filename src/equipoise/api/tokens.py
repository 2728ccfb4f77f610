"""Tokens: who their holder is. The text is shown once and kept nowhere; the file has its SHA-256.

A token is ``eq_ID_SECRET``, the secret 32 random bytes. Since it is random, one hash without salt or stretching is enough: nobody
can guess its input. The file is replaced whole (written beside, synced, renamed) and can be read by its owner only.
"""

from __future__ import annotations

import fcntl
import hmac
import os
import re
import secrets
from collections.abc import Callable, Collection, Generator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from threading import Lock
from typing import Annotated

from pydantic import Field, TypeAdapter

from equipoise.api.roles import Role
from equipoise.errors import AuthorizationError, InputError
from equipoise.units import shown

_TEXT = re.compile(r"eq_([0-9a-f]{12})_([A-Za-z0-9_-]{43})", re.ASCII)
PERSON = re.compile(r"[\w.@+-]{1,100}")
LARGEST = 16 << 20
ISSUED = "oidc-"
"""Begins what the token of another issuer is called here."""


@dataclass(frozen=True, slots=True)
class Bearer:
    """Who holds a token.

    Parameters
    ----------
    token : str
        Its identifier, which is no secret.
    person : str
        As the charter names people.
    role : Role
    team : str
        Of a member; else empty.
    expires_ms : int or None
        Unix time.
    groups : tuple of str
        The groups of the charter (``group:NAME``) that the person is in; without ``group:``.
    """

    token: str
    person: str
    role: Role
    team: str = ""
    expires_ms: int | None = None
    groups: tuple[str, ...] = ()

    def is_among(self, names: Collection[str]) -> bool:
        """Whether names of a charter (``everyone``, ``user:NAME``, ``group:NAME``) mean the holder.

        Examples
        --------
        >>> ada = Bearer("0", "ada", Role.MEMBER, "safety", groups=("leads",))
        >>> ada.is_among(["group:leads"]), ada.is_among(["user:ada"]), ada.is_among(["group:ada", "user:leads"])
        (True, True, False)
        """
        own = {"everyone", f"user:{self.person}", *(f"group:{group}" for group in self.groups)}
        return not own.isdisjoint(names)


@dataclass(frozen=True, slots=True)
class Kept:
    """A token as it is kept."""

    bearer: Bearer
    digest: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]
    created_ms: int
    revoked_ms: int | None = None


_FILE = TypeAdapter(list[Kept])


class Tokens:
    """The tokens of a file; several processes may use it at once.

    Parameters
    ----------
    path : Path
        Made with the first token.
    now_ms : callable
        The clock.
    """

    def __init__(self, path: Path, now_ms: Callable[[], int]) -> None:
        self._path = path
        self._now_ms = now_ms
        self._reading = Lock()
        self._seen: tuple[int, int, int] | None = None
        self._kept: dict[str, Kept] = {}

    def new(
        self,
        person: str,
        role: Role,
        *,
        team: str = "",
        groups: tuple[str, ...] = (),
        lasts_ms: int | None = None,
    ) -> str:
        """Make a token, and return its text.

        Raises
        ------
        InputError
            N130 for a person, group, team or time that cannot be, or a file that cannot be read or written.
        """
        for name in (person, *groups):
            if not PERSON.fullmatch(name):
                said = f"{shown(name)} cannot {'hold a token' if name == person else 'be a group'}"
                raise InputError("N130", said, hint="letters, digits and . @ + - _, at most 100")
        if (role is Role.MEMBER) != bool(team):
            raise InputError(
                "N130", f"a token of a {role} {'needs a' if role is Role.MEMBER else 'has no'} team", hint="--team"
            )
        if lasts_ms is not None and lasts_ms <= 0:
            raise InputError("N130", f"a token for {lasts_ms} ms", hint="leave it out for one that does not expire")
        now_ms = self._now_ms()
        secret, name = secrets.token_urlsafe(32), secrets.token_hex(6)
        text = f"eq_{name}_{secret}"
        bearer = Bearer(name, person, role, team, None if lasts_ms is None else now_ms + lasts_ms, groups)
        with self._changing() as kept:
            kept[name] = Kept(bearer, _digest(text), now_ms)
        return text

    def revoke(self, token: str) -> Bearer:
        """Let a token open nothing from now on; N131 for one that is not there."""
        with self._changing() as kept:
            found = kept.get(token)
            if found is None:
                raise InputError(
                    "N131", f"there is no token {shown(token)}", hint="`equipoise token list` has their names"
                )
            if found.revoked_ms is None:
                kept[token] = replace(found, revoked_ms=self._now_ms())
        return found.bearer

    def all(self) -> list[Kept]:
        """Return every token, in the order in which they were made."""
        return list(self._current().values())

    def bearer(self, text: str) -> Bearer:
        """Return who holds a token.

        Raises
        ------
        AuthorizationError
            N132 for one that is unknown, revoked or expired; what is told of the first is the same for every wrong text.
        """
        match = _TEXT.fullmatch(text)
        kept = self._current().get(match[1]) if match else None
        # Also of an unknown one a hash is compared, so that time does not tell which names there are.
        same = hmac.compare_digest(_digest(text), kept.digest if kept else "0" * 64)
        if kept is None or not same:
            raise AuthorizationError("N132", "the token is not known here", hint="`equipoise token new` makes one")
        return self._valid(kept)

    def still(self, bearer: Bearer) -> None:
        """Raise as `bearer` where a token that was shown before opens nothing any more."""
        if bearer.token.startswith(ISSUED):
            if bearer.expires_ms is not None and bearer.expires_ms <= self._now_ms():
                raise AuthorizationError("N132", "the token has expired", hint="sign in again")
            return
        kept = self._current().get(bearer.token)
        if kept is None:
            raise AuthorizationError("N132", "the token is not known here", hint="`equipoise token new` makes one")
        self._valid(kept)

    def _valid(self, kept: Kept) -> Bearer:
        expires_ms = kept.bearer.expires_ms
        if kept.revoked_ms is not None or (expires_ms is not None and expires_ms <= self._now_ms()):
            what = "was revoked" if kept.revoked_ms is not None else "has expired"
            raise AuthorizationError("N132", f"the token {what}", hint="ask an operator for another")
        return kept.bearer

    def _current(self) -> dict[str, Kept]:
        with self._reading:
            try:
                found = self._path.stat()
            except (FileNotFoundError, NotADirectoryError):
                return {}
            seen = (found.st_ino, found.st_size, found.st_mtime_ns)
            if seen != self._seen:
                self._kept, self._seen = _read(self._path), seen
            return self._kept

    @contextmanager
    def _changing(self) -> Generator[dict[str, Kept]]:
        """Give what is kept, and replace the file by it."""
        try:
            lock = os.open(
                self._path.with_name(self._path.name + "-lock"), os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600
            )
            try:
                fcntl.flock(lock, fcntl.LOCK_EX)
                kept = dict(self._current())
                yield kept
                _write(self._path, kept)
            finally:
                os.close(lock)
        except OSError as error:
            raise InputError("N130", f"{self._path} cannot be written: {error.strerror}") from error


def _digest(text: str) -> str:
    return sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def _read(path: Path) -> dict[str, Kept]:
    try:
        with path.open("rb") as file:
            return {one.bearer.token: one for one in _FILE.validate_json(file.read(LARGEST), strict=True)}
    except (OSError, ValueError) as error:
        raise InputError("N130", f"{path} is no file of tokens: {error}", hint="put a backup back") from error


def _write(path: Path, kept: dict[str, Kept]) -> None:
    beside = path.with_name(path.name + ".new")
    file = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
    with os.fdopen(file, "wb") as out:
        os.fchmod(out.fileno(), 0o600)
        out.write(_FILE.dump_json(list(kept.values()), indent=1))
        out.flush()
        os.fsync(out.fileno())
    beside.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)
