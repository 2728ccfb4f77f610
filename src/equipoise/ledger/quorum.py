r"""Whose checkpoints count: known logs, and which witnesses must have cosigned (C2SP tlog-policy).

A policy is a text::

    log <vkey> [<url>]
    witness <name> <vkey> [<url>]
    group <name> any|all|<k> <member>...
    quorum <name>|none

Beyond the specification, a key may not stand as log and as witness at once: a log that watches itself watches nobody.

Examples
--------
>>> from equipoise.ledger.keys import Algorithm, SigningKey
>>> key = SigningKey("lab.example/log", Algorithm.ED25519, bytes(32))
>>> policy = parse_policy(f"log {key.verifier}\nquorum none\n".encode())
>>> policy.quorum is None, policy.logs[0].key.name
(True, 'lab.example/log')
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from equipoise.errors import InputError, VerificationError
from equipoise.ledger.checkpoint import Checkpoint, parse_checkpoint
from equipoise.ledger.encoding import decimal
from equipoise.ledger.keys import Algorithm, VerifierKey, parse_verifier_key
from equipoise.ledger.note import OpenNote, open_note

MAX_POLICY_BYTES = 1 << 20
MAX_NAMES = 256
"""The most logs, the most witnesses and the most groups that a policy may name."""
_LOG_TYPES = (Algorithm.ED25519, Algorithm.ML_DSA_44)
_WITNESS_TYPES = (Algorithm.COSIGNATURE, Algorithm.ML_DSA_44)


@dataclass(frozen=True, slots=True)
class Party:
    """A log or a witness: its key, and where it is reached, if the policy says."""

    key: VerifierKey
    url: str = ""


@dataclass(frozen=True, slots=True)
class Group:
    """Of these members (witnesses or earlier groups), so many are needed."""

    needed: int
    members: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Witnessed:
    """A checkpoint that a policy accepts: who signed it, and which witnesses saw it when (seconds since 1970).

    Without witnesses, the log may have shown others another history; ``split_view_excluded`` says so.
    """

    checkpoint: Checkpoint
    log: VerifierKey
    witnesses: Mapping[str, int]
    quorum: str | None

    @property
    def split_view_excluded(self) -> bool:
        """Whether a quorum of witnesses vouches that there is one history."""
        return self.quorum is not None


@dataclass(frozen=True, slots=True)
class Policy:
    """Known logs and witnesses, groups of them, and the group or witness that must have cosigned (None: nobody)."""

    logs: tuple[Party, ...] = ()
    witnesses: Mapping[str, Party] = field(default_factory=dict[str, Party])
    groups: Mapping[str, Group] = field(default_factory=dict[str, Group])
    quorum: str | None = None

    def met_by(self, names: Collection[str]) -> bool:
        """Whether cosignatures of these witnesses are enough."""
        if self.quorum is None:
            return True
        met = {name: name in names for name in self.witnesses}
        for name, group in self.groups.items():  # each after its members
            met[name] = sum(met[member] for member in group.members) >= group.needed
        return met[self.quorum]

    def open(self, note: bytes, *, until_s: int | None = None) -> Witnessed:
        """Return the checkpoint in a note, if a known log signed it and the quorum is met.

        Parameters
        ----------
        note : bytes
            The checkpoint with its signatures.
        until_s : int or None
            Cosignatures of a later time do not count: the verifier's own clock, where it wants that.

        Raises
        ------
        VerificationError
            L117 to L119, if the note or the checkpoint does not hold; L123, if the quorum is not met.
        """
        keys = [party.key for party in (*self.logs, *self.witnesses.values())]
        found = open_note(note, keys)
        checkpoint, log = opened_checkpoint(found, [party.key for party in self.logs])
        names = {party.key: name for name, party in self.witnesses.items()}
        times: dict[str, int] = {}
        for signed in found.signed:
            name, time_s = names.get(signed.key), signed.time_s
            if name is not None and time_s is not None and (until_s is None or time_s <= until_s):
                times[name] = max(time_s, times.get(name, 0))
        if not self.met_by(times):
            raise VerificationError(
                "L123",
                f"the checkpoint of {checkpoint.size} entries is cosigned by {', '.join(times) or 'no witness'}, "
                f"which is not the quorum {self.quorum}",
            )
        return Witnessed(checkpoint, log, times, self.quorum)


def opened_checkpoint(note: OpenNote, logs: Sequence[VerifierKey]) -> tuple[Checkpoint, VerifierKey]:
    """Return the checkpoint that a note is, and the log that signed it under its own name; L117 if none did."""
    checkpoint = parse_checkpoint(note.text)
    for signed in note.signed:
        if signed.key in logs and signed.key.name == checkpoint.origin:
            return checkpoint, signed.key
    raise VerificationError("L117", f"no known log signed the checkpoint of {checkpoint.origin[:80]!r}")


# ------------------------------------------------------------------------------------------------------------- reading


def parse_policy(data: bytes) -> Policy:
    """Return the policy that a file is.

    Raises
    ------
    InputError
        L122, with the line, for any fault; L115 for that of a key.
    """
    if len(data) > MAX_POLICY_BYTES or re.search(rb"[^\t\n\x20-\x7e\x80-\xff]", data):
        raise InputError("L122", "a policy is a text of at most 1 MiB without control characters")
    lines = data.decode("utf-8", "surrogateescape").split("\n")  # names are bytes, whatever they say
    if lines.pop():
        raise InputError("L122", "the last line of the policy has no end", hint="end the file with a line end")
    draft = _Draft()
    for number, line in enumerate(lines, start=1):
        words = [word for word in re.split(r"[ \t]+", line) if word]
        if not words or words[0].startswith("#"):
            continue
        try:
            draft.read(words)
        except InputError as error:
            raise InputError(error.code, f"line {number} of the policy: {error.message}", hint=error.hint) from None
    if not draft.closed:
        raise InputError("L122", "the policy has no quorum line", hint="`quorum none` asks for no witness")
    return Policy(tuple(draft.logs), draft.witnesses, draft.groups, draft.quorum)


class _Draft:
    """A policy while its lines are read."""

    def __init__(self) -> None:
        self.logs: list[Party] = []
        self.witnesses: dict[str, Party] = {}
        self.groups: dict[str, Group] = {}
        self.quorum: str | None = None
        self.closed = False
        self._members: set[str] = set()
        self._keys: set[bytes] = set()

    def read(self, words: list[str]) -> None:
        kind, rest = words[0], words[1:]
        if kind == "log" and 1 <= len(rest) <= 2:
            self.logs.append(self._party(rest, _LOG_TYPES, len(self.logs)))
        elif kind == "witness" and 2 <= len(rest) <= 3:
            name = self._new(rest[0])
            self.witnesses[name] = self._party(rest[1:], _WITNESS_TYPES, len(self.witnesses))
        elif kind == "group" and len(rest) >= 3:
            self.groups[self._new(rest[0])] = self._group(rest[1], rest[2:])
        elif kind == "quorum" and len(rest) == 1:
            self._close(rest[0])
        else:
            raise _fault(f"not a line of a policy: {' '.join(words)[:80]!r}")

    def _party(self, words: list[str], types: tuple[Algorithm, ...], count: int) -> Party:
        key = parse_verifier_key(words[0])
        if key.algorithm not in types:
            raise _fault(f"a key of type {key.algorithm.value} cannot stand here")
        if key.key in self._keys:
            raise _fault(f"the key of {key.name} stands here twice")
        if count >= MAX_NAMES:
            raise _fault(f"more than {MAX_NAMES} of them")
        self._keys.add(key.key)
        return Party(key, words[1] if len(words) > 1 else "")

    def _group(self, needed: str, members: list[str]) -> Group:
        count = {"any": 1, "all": len(members)}.get(needed) or decimal(needed) or 0
        if not 1 <= count <= len(members):
            raise _fault(f"{needed[:20]!r} of {len(members)} members")
        for member in members:
            if member not in self.witnesses and member not in self.groups:
                raise _fault(f"no witness or group {member[:80]!r} above")
            if member in self._members:
                raise _fault(f"{member[:80]!r} is a member twice, and would count twice")
            self._members.add(member)
        if len(self.groups) >= MAX_NAMES:
            raise _fault(f"more than {MAX_NAMES} groups")
        return Group(count, tuple(members))

    def _new(self, name: str) -> str:
        if name == "none" or name in self.witnesses or name in self.groups:
            raise _fault(f"the name {name[:80]!r} is taken")
        return name

    def _close(self, name: str) -> None:
        if self.closed:
            raise _fault("a second quorum")
        if name != "none" and name not in self.witnesses and name not in self.groups:
            raise _fault(f"no witness or group {name[:80]!r} above")
        self.closed, self.quorum = True, None if name == "none" else name


def _fault(message: str) -> InputError:
    return InputError("L122", message)
