"""A correction of an entry: a new entry that refers to it, under a new signed head."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any, cast

from equipoise.account import Correction, correction_from_json
from equipoise.errors import InputError, VerificationError
from equipoise.ledger.entry import parse_entry
from equipoise.ledger.keys import SigningKey
from equipoise.store import StoredLedger, open_sqlite
from equipoise.tasks.gate import now_ms
from equipoise.tasks.ledger import append_signed

Values = Mapping[str, Any]
AT_ONCE = 256


@dataclass(frozen=True, slots=True)
class Corrected:
    """A correction that was entered, or would be: what it corrects, and how many entries the ledger has after it."""

    correction: Correction
    corrected: Values
    size: int
    written: bool


def correct(
    ledger: Path,
    entry: int,
    *,
    wrong: str,
    right: str,
    by: str,
    reason: str,
    key: SigningKey | None,
    at_ms: int | None = None,
    dry_run: bool = False,
) -> Corrected:
    """Enter a correction.

    Parameters
    ----------
    ledger : path
        One that has ended may be corrected too.
    entry : int
        Which entry is corrected.
    wrong, right, by, reason : str
        As of `Correction`; ``wrong`` may be empty for all that the entry says.
    key : SigningKey or None
        The ledger's, which signs the new head. None only for a dry run.
    at_ms : int or None
        Unix time; None is now. The ledger's time never goes back: where its last entry is later, it is that entry's.
    dry_run : bool
        Whether nothing is written.

    Raises
    ------
    InputError
        V113 where there is no such entry, V114 where something is not said, or the key is missing.
    StoreError
        What the store raises.
    """
    if key is None and not dry_run:
        raise InputError("V114", "a correction is signed with the ledger's key", hint="--key FILE")
    with closing(open_sqlite(ledger, origin=None if key is None else key.name, read_only=dry_run)) as store:
        if not 0 <= entry < store.size:
            raise InputError("V113", f"the ledger has no entry {entry}", hint=f"its entries are 0 to {store.size - 1}")
        corrected = _entry(store, entry)
        when_ms = now_ms() if at_ms is None else at_ms
        origin_ms = _origin_ms(store)
        at = _time_of(store, when_ms, origin_ms)
        values: dict[str, Any] = {
            "kind": "correction", "at_ms": at, "entry": entry,
            "wrong": wrong or f"the {corrected.get('kind', 'entry')}", "right": right, "by": by, "reason": reason,
        }  # fmt: skip
        try:
            correction = correction_from_json(store.size, values)
        except VerificationError as error:
            raise InputError("V114", error.message, hint="--right, --by and --reason") from error
        if not dry_run:
            assert key is not None, "it was asked for"
            append_signed(store, [values], key, time_ms=when_ms if origin_ms is None else origin_ms + at)
        return Corrected(correction, corrected, store.size, not dry_run)


def _entry(store: StoredLedger, number: int) -> Values:
    return parse_entry(next(store.entries(number, number + 1)))


def _origin_ms(store: StoredLedger) -> int | None:
    return cast("int | None", _entry(store, 0).get("origin_ms"))


def _time_of(store: StoredLedger, when_ms: int, origin_ms: int | None) -> int:
    """Return the time of a new entry since the ledger's origin: now, and never before that of the last one that has a time."""
    now = 0 if origin_ms is None else max(0, when_ms - origin_ms)  # without a calendar it has no now
    for end in range(store.size, 0, -AT_ONCE):
        told = map(parse_entry, store.entries(max(0, end - AT_ONCE), end))
        times = [int(cast(int, values["at_ms"])) for values in told if "at_ms" in values]
        if times:
            return max(now, *times)
    return now
