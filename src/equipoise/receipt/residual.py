"""What neither receipt nor audit can find, why not, and who would know: the one list, which documentation and commands print."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Residual:
    """A risk that is left.

    Parameters
    ----------
    what, why, source : str
        What is not found, why not, and the second source that would show it.
    of_receipts : bool
        Whether it is told of a receipt too, which says of witnesses by itself, and is of closes that were made.
    """

    what: str
    why: str
    source: str
    of_receipts: bool = True

    def __str__(self) -> str:
        return f"{self.what}: {self.why} (second source: {self.source})"


RESIDUAL = (
    Residual(
        "a meter that lies: devices or jobs that were not as recorded",
        "a ledger is told, it does not see",
        "the engine's own accounting, the power bill",
    ),
    Residual(
        "what was never recorded: a submission, an end, a node",
        "nothing that is there contradicts it",
        "users' and engines' logs; a receipt that a user was given",
    ),
    Residual(
        "a savepoint that was claimed and contradicts nothing",
        "it changes no total",
        "the files themselves",
    ),
    Residual(
        "a whole ledger forged from its first entry on, consistently",
        "every decision in it follows",
        "whoever holds an earlier checkpoint: a witness, a receipt, an auditor's state",
    ),
    Residual(
        "a charter dated back together with all that followed from it",
        "every decision in it follows",
        "whoever holds an earlier checkpoint; the boards' signatures, which are dated",
    ),
    Residual(
        "two ledgers, one for each reader",
        "each is whole",
        "witnesses: with `--policy` their cosignatures are asked for",
        of_receipts=False,
    ),
    Residual(
        "the clock: events held back and told later, heartbeats written for a time that is past",
        "time is the lab's, and only must not go back",
        "users' clocks; witnesses, who date what they cosign",
    ),
    Residual(
        "closes that a ledger that goes on never made",
        "when accounts are closed is the lab's choice until it ends",
        "a receipt asked for and not given",
        of_receipts=False,
    ),
    Residual(
        "a correction that is itself wrong, or was never made",
        "it is the lab's word, and changes nothing that was decided",
        "whoever it is about",
    ),
)
