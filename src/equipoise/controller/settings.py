"""Settings of the controller: how long it waits for whom. Policy is in the charter; none of these changes a decision."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields

from equipoise.errors import InputError
from equipoise.units import shown


@dataclass(frozen=True, slots=True)
class Settings:
    """Table ``[controller]`` of ``equipoise.toml``; times are milliseconds.

    Parameters
    ----------
    longest_wait_ms : int
        The loop looks at least so often whether something is due.
    survey_every_ms : int
        How often the engine is asked for everything that it knows, in case a report was lost.
    stop_grace_ms : int
        What a stopped attempt has to end by itself, beyond the grace that the charter gave it before.
    cancel_grace_ms : int
        The same for one that was cancelled.
    lost_after_ms : int
        An attempt on a node that is down counts as gone after so long without a word; its job may then start elsewhere.
    retry_least_ms, retry_most_ms : int
        Bounds of the growing pause before an engine that failed is asked again.
    reopen_every_ms : int
        How often a stopped ledger is tried again.
    spool_bytes : int
        How large the spool may grow.
    checkpoint_every_ms : int
        How often the ledger's head is signed at least, if it grew; the charter may ask for more.
    burst : int
        Most submissions of one pass.
    """

    longest_wait_ms: int = 1_000
    survey_every_ms: int = 30_000
    stop_grace_ms: int = 5_000
    cancel_grace_ms: int = 30_000
    lost_after_ms: int = 60_000
    retry_least_ms: int = 200
    retry_most_ms: int = 30_000
    reopen_every_ms: int = 2_000
    spool_bytes: int = 64 << 20
    checkpoint_every_ms: int = 60_000
    burst: int = 1_000

    def __post_init__(self) -> None:
        for field in fields(self):
            value: object = getattr(self, field.name)
            if not isinstance(value, int) or isinstance(value, bool) or value < 1:
                raise InputError(
                    "R101", f"{field.name} = {shown(str(value))} is no setting of the controller", hint="1 or more"
                )

    @classmethod
    def of(cls, table: Mapping[str, object]) -> Settings:
        """Return settings from a table.

        Raises
        ------
        InputError
            R101 for a name or value that is none.

        Examples
        --------
        >>> Settings.of({"stop_grace_ms": 1000}).stop_grace_ms
        1000
        """
        known = {field.name for field in fields(cls)}
        for name in table:
            if name not in known:
                raise InputError(
                    "R101", f"{shown(name)} is no setting of the controller", hint=", ".join(sorted(known))
                )
        return cls(**table)  # pyright: ignore[reportArgumentType]
