"""The minutes of a ledger: what was entered about charters, held against the rules of amendments, entry by entry.

`Minutes.take` is the main path: it verifies the signatures of an entry and moves the `Docket`, which knows who must sign and when
a charter takes force. `equipoise apply` takes its own entries here before it makes them durable, and the audit takes all that
are in a ledger, so that both go by one rule.

``at_ms`` of entries is milliseconds since the ledger's origin, as of all entries but those of promises; the docket's times are Unix
milliseconds. A charter takes force when its `charter` entry says so, which is never before the rules allow.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, cast

from equipoise.audit.finding import Finding
from equipoise.charter.amendment import Docket, Entry, Seat, seats, status
from equipoise.charter.amendment.progress import Tally
from equipoise.charter.canonical import to_values
from equipoise.charter.checks import check_succession
from equipoise.charter.explanation import instant_text, listed
from equipoise.charter.model import Charter
from equipoise.charter_io import loads
from equipoise.charter_io.finding import CharterError
from equipoise.errors import EquipoiseError, VerificationError
from equipoise.ledger.assent import Act, Given, holds
from equipoise.ledger.encoding import base64_bytes, base64_text
from equipoise.units import SECOND_MS, shown

Values = Mapping[str, Any]
LATE_MS = {"simulated": 0, "live": 60 * SECOND_MS}
"""How late a policy may be asked again after a deadline: a simulator never is, a live controller has a clock that wakes it."""

KINDS = ("proposal", "signature", "withdrawal", "emergency", "emergency_end", "refounding", "charter")
HOW = {"amendment": "amended", "return": "restored", "emergency": "emergency", "re-founding": "re-founded"}
"""What the entry of a charter says for each step of the docket that puts one in force."""


@dataclass(frozen=True, slots=True)
class Force:
    """A charter that came into force, and who had signed it by then."""

    digest: str
    how: str
    at_ms: int
    signed: tuple[Seat, ...] = ()


class Minutes:
    """What is entered about charters, in order.

    Parameters
    ----------
    origin_ms : int
        Unix time of the ledger's time 0.
    source : str
        ``live``; of a ``simulated`` ledger nobody's signature is asked for.
    read : callable or None
        Reads the charter of an entry; `charter_of` by default.

    Attributes
    ----------
    docket : Docket or None
        None before the first charter.
    awaited : deque of Entry
        Steps whose time has come, and whose charters are still to be entered as in force.
    forces : list of Force
    """

    def __init__(
        self, origin_ms: int, *, source: str = "live", read: Callable[[Values], Charter] | None = None
    ) -> None:
        self.origin_ms = origin_ms
        self._charter_of = charter_of if read is None else read
        self.docket: Docket | None = None
        self.awaited: deque[Entry] = deque()
        self.forces: list[Force] = []
        self.at_ms = 0
        self.texts: dict[str, str] = {}
        self.charters: dict[str, Charter] = {}
        self._asked = source != "simulated"
        self._late_ms = LATE_MS.get(source, 0)
        self._told = 0
        self._due_ms: int | None = None
        self._known: dict[str, tuple[Any, Any]] = {}
        self._spent: set[str] = set()
        self._signed: dict[str, list[Seat]] = {}
        self._takes: dict[str, Callable[[Values, int], None]] = {
            "proposal": self._propose,
            "signature": self._sign,
            "withdrawal": self._withdraw,
            "emergency": self._declare,
            "emergency_end": self._end,
            "refounding": self._refound,
            "charter": self._enter,
        }

    def take(self, values: Values) -> None:
        """Take the next entry about charters.

        Raises
        ------
        EquipoiseError
            V209, V220 to V227 for an entry that cannot be; C504 to C514 as of the docket for what its rules forbid.
        """
        at_ms, kind = _integer(values, "at_ms"), str(values["kind"])
        if kind == "charter" and (not self._asked or values.get("how") == "announced"):
            self.forces.append(Force(str(values.get("digest")), str(values.get("how")), at_ms))
            return
        if not self._asked:
            raise VerificationError("V220", f"a simulated ledger has no {kind}", hint="nobody signs in a simulation")
        if at_ms < self.at_ms:
            raise VerificationError(
                "V227",
                f"an entry of {self._instant(at_ms)} after one of {self._instant(self.at_ms)}",
                hint="a ledger's time never goes back",
            )
        if self.docket is None and values.get("how") != "founded":
            raise VerificationError("V220", f"a {kind} before the first charter", hint="the first charter is founded")
        self.at_ms = at_ms
        if kind != "charter":
            self.let_pass(at_ms)
            if self.awaited:
                due = self.awaited[0]
                raise VerificationError(
                    "V225",
                    f"{shown(due.digest, width=20)} was due in force on {instant_text(due.at_ms)} and is not entered",
                    hint="`equipoise apply --ledger FILE` enters what is due",
                )
        self._takes[kind](values, self.origin_ms + at_ms)
        self._note()

    def let_pass(self, at_ms: int) -> Entry | None:
        """Let time pass, since the origin; return the step whose charter should long be in force, if there is one."""
        self.at_ms = max(self.at_ms, at_ms)
        now_ms = self.origin_ms + at_ms
        if self.docket is not None and self._due_ms is not None and now_ms >= self._due_ms:
            self.docket = self.docket.after(now_ms)
            self._note()
        if self.awaited and now_ms > self.awaited[0].at_ms + self._late_ms:
            return self.awaited[0]
        return None

    @property
    def due_ms(self) -> int | None:
        """Unix time at which a charter is to be entered next, if nobody enters anything before."""
        return self.awaited[0].at_ms if self.awaited else self._due_ms

    @property
    def asked(self) -> bool:
        """Whether signatures are asked for."""
        return self._asked

    def force(self, values: Values) -> None:
        """Take a charter's entry for what it says, after it was found not to follow: what comes after is held against it."""
        charter = self._read(values)
        now_ms = self.origin_ms + _integer(values, "at_ms")
        if self.docket is None:
            self.docket = Docket.founded(charter, now_ms)
        else:
            self.docket = replace(
                self.docket, charter=charter, pending=None, emergency=None, at_ms=max(now_ms, self.docket.at_ms)
            )
        self._told = len(self.docket.history)
        self.awaited.clear()
        self._note()

    # ------------------------------------------------------------------------------------------------------------ entries

    def _propose(self, values: Values, now_ms: int) -> None:
        docket = self._held()
        charter = self._unspent(self._read(values))
        self.docket = docket.propose(charter, now_ms)

    def _sign(self, values: Values, now_ms: int) -> None:
        docket = self._held()
        digest = str(values.get("digest"))
        if docket.pending is None or docket.pending.charter.digest != digest:
            raise VerificationError(
                "V221", f"a signature under {shown(digest, width=20)}, which is not pending", hint="enter it first"
            )
        given = self._given(values, "amendment", digest)
        self.docket = docket.sign([given.key], now_ms)
        known = seats(docket.pending.charter) | seats(docket.charter)
        self._signed.setdefault(digest, []).append(known[given.key])

    def _withdraw(self, values: Values, now_ms: int) -> None:
        docket = self._held()
        digest = str(values.get("digest"))
        if docket.pending is None or docket.pending.charter.digest != digest:
            raise VerificationError("V226", f"a withdrawal of {shown(digest, width=20)}, which is not pending")
        self.docket = docket.withdraw(self._all_given(values, "withdrawal", digest), now_ms)
        self._spent.add(digest)

    def _declare(self, values: Values, now_ms: int) -> None:
        docket = self._held()
        charter = self._unspent(self._read(values))
        given = self._all_given(values, "emergency", charter.digest)
        self.docket = docket.declare(charter, given, now_ms)
        known = seats(docket.charter)
        self._signed[charter.digest] = [known[key] for key in given if key in known]
        self._spent.add(charter.digest)

    def _end(self, values: Values, now_ms: int) -> None:
        docket = self._held()
        digest = str(values.get("digest"))
        if docket.emergency is None or docket.emergency.digest != digest:
            raise VerificationError("V226", f"the end of {shown(digest, width=20)}, which is no emergency in force")
        self.docket = docket.end(self._all_given(values, "end", digest), now_ms)

    def _refound(self, values: Values, now_ms: int) -> None:
        self.docket = self._held().refound(self._read(values), now_ms)

    def _enter(self, values: Values, now_ms: int) -> None:
        """Take the entry of a charter as in force, which the docket must say too."""
        charter, how = self._read(values), str(values.get("how"))
        if self.docket is None:
            self.docket = Docket.founded(charter, now_ms)
        else:
            self.docket = self.docket.after(now_ms)
            self._note()
            due = self.awaited[0] if self.awaited else None
            if due is None or (HOW[due.step], due.digest) != (how, charter.digest):
                raise self._objection(charter, how, now_ms)
            self.awaited.popleft()
        signed = dict.fromkeys(self._signed.get(charter.digest, ()) if how in ("amended", "emergency") else ())
        self.forces.append(Force(charter.digest, how, self.at_ms, tuple(signed)))

    # ------------------------------------------------------------------------------------------------------------ objections

    def _objection(self, charter: Charter, how: str, now_ms: int) -> VerificationError:
        """Say why a charter cannot be in force."""
        docket, name = self._held(), shown(charter.digest, width=20)
        if self.awaited:
            due = self.awaited[0]
            said = f"{name} ({how}) in force, where {shown(due.digest, width=20)} ({HOW[due.step]}) is due"
            return VerificationError("V225", said)
        if how != "amended":
            return VerificationError("V226", f"{name} is {how}, and no entry before says so")
        for breach in check_succession(docket.charter, charter):
            return VerificationError("V224", breach.message, hint=breach.hint)
        pending = docket.pending
        if pending is None or pending.charter.digest != charter.digest:
            found = status(docket.charter, charter, {}, proposed_ms=now_ms)
            if not found.tallies:
                return VerificationError("V222", f"{name} was not proposed", hint="an amendment is entered first")
        else:
            found = docket.status
            assert found is not None
        if found.missing:
            return VerificationError(
                "V222", f"{name} is not signed by {listed([_lacks(one) for one in found.missing])}"
            )
        assert found.force_ms is not None, "a charter that all have signed has its time"
        return VerificationError("V223", f"{name} takes force on {instant_text(found.force_ms)}, not before")

    def _note(self) -> None:
        """Await the charters of what the docket has done, and reckon when it does something next."""
        docket = self._held()
        steps = docket.history[self._told :]
        self.awaited.extend(step for step in steps if step.step in HOW)
        self._told = len(docket.history)
        found = docket.status
        ends_ms = docket.emergencies[-1].ends_ms if docket.emergency is not None else None
        times = [at_ms for at_ms in (ends_ms, None if found is None else found.force_ms) if at_ms is not None]
        self._due_ms = min(times, default=None)

    # ------------------------------------------------------------------------------------------------------------ reading

    def _held(self) -> Docket:
        assert self.docket is not None, "the first charter is founded"
        return self.docket

    def _read(self, values: Values) -> Charter:
        digest = str(values.get("digest"))
        if (values.get("text"), values.get("canonical")) == self._known.get(digest):
            return self.charters[digest]
        charter = self._charter_of(values)
        self.texts[digest], self.charters[digest] = str(values["text"]), charter
        self._known[digest] = values.get("text"), values.get("canonical")
        return charter

    def _unspent(self, charter: Charter) -> Charter:
        """Refuse bytes that were withdrawn or were an emergency: their signatures are still about, and would count again."""
        if charter.digest in self._spent:
            raise VerificationError(
                "L178",
                f"{shown(charter.digest, width=20)} was withdrawn, or was an emergency before",
                hint="write it anew, so that it is signed anew: a changed comment is enough",
            )
        return charter

    def _all_given(self, values: Values, act: Act, digest: str) -> list[bytes]:
        rows = values.get("signatures")
        if not isinstance(rows, list):
            raise VerificationError("V221", f"a {values['kind']} without signatures")
        return [self._given(cast(Values, row), act, digest).key for row in cast("list[object]", rows)]

    def _given(self, row: Values, act: Act, digest: str) -> Given:
        """Return a signature of an entry that holds; V221 for another."""
        row = row if isinstance(row, Mapping) else {}  # pyright: ignore[reportUnnecessaryIsInstance]
        key, signature = (base64_bytes(str(row.get(name))) for name in ("key", "signature"))
        if not key or not signature or not holds(act, self.texts[digest].encode(), key, signature):
            who = shown(str(row.get("key")), width=20)
            raise VerificationError("V221", f"a signature of the key {who} does not hold")
        return Given(key, signature)

    def _instant(self, at_ms: int) -> str:
        return instant_text(self.origin_ms + at_ms)


def charter_of(values: Values) -> Charter:
    """Return the charter of an entry; V209 where its text, digest and canonical form do not say the same."""
    try:
        charter = loads(str(values["text"]).encode())
    except (CharterError, KeyError) as error:
        raise VerificationError("V209", "a charter of the ledger cannot be read", hint=str(error)) from error
    if charter.digest != values.get("digest"):
        said = f"a charter's text is {charter.digest}, and its entry says {shown(str(values.get('digest')))}"
        raise VerificationError("V209", said, hint="the text or the digest was changed")
    if to_values(charter) != values.get("canonical"):
        said = "a charter's canonical form does not say what its text says"
        raise VerificationError("V209", said, hint="receipts are judged by the canonical form")
    return charter


def signature_values(given: Given) -> dict[str, str]:
    """Return a signature as entries hold it."""
    return {"key": base64_text(given.key), "signature": base64_text(given.signature)}


_CODES = {"proposal": "V224", "signature": "V221"}


def finding_of(error: EquipoiseError, number: int, values: Values) -> Finding:
    """Return what an audit says of an entry about charters that cannot be."""
    kind = str(values["kind"])
    code = "V227" if error.code == "C514" else error.code if error.code[:2] == "V2" else _CODES.get(kind, "V226")
    at_ms = values.get("at_ms")
    how = f" ({values['how']})" if "how" in values else ""
    recorded = f"{kind}{how} {shown(str(values.get('digest')), width=20)}"
    return Finding(code, at_ms if isinstance(at_ms, int) else 0, number, recorded, f"otherwise: {error.message}")


def _lacks(tally: Tally) -> str:
    return f"{tally.missing} more of {tally.quorum.board}"


def _integer(values: Values, name: str) -> int:
    value = values.get(name)
    if not isinstance(value, int) or isinstance(value, bool) or value < 0:
        raise VerificationError("V220", f"an entry about charters without {name}: {shown(str(value))}")
    return value
