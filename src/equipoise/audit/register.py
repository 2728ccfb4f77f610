"""What a ledger says of releases: which service runs which, since when, and what was attested, entry by entry.

The audit takes all entries of a ledger here, and who enters new ones takes them here first, so that both go by one rule.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from equipoise.errors import VerificationError

Values = Mapping[str, Any]
KINDS = ("release", "attestation")


class Register:
    """Releases and attestations, in order.

    Attributes
    ----------
    digests : dict of str to str
        ``sha256:…`` by the name of the service.
    since_ms : dict of str to int
        When that was entered, in milliseconds since the ledger's origin; gates know it from then on.
    attestations : list of (int, bytes)
        When each was entered, and its envelope.
    """

    def __init__(self) -> None:
        self.digests: dict[str, str] = {}
        self.since_ms: dict[str, int] = {}
        self.attestations: list[tuple[int, bytes]] = []

    @property
    def last_ms(self) -> int:
        """When the last attestation was entered; 0 before any."""
        return self.attestations[-1][0] if self.attestations else 0

    def take(self, values: Values, *, number: int, passed_ms: int | None) -> None:
        """Take the next entry.

        Parameters
        ----------
        values : mapping
            Of one of `KINDS`.
        number : int
            Its place in the ledger.
        passed_ms : int or None
            What is already past, before which nothing may be dated. None where a simulation has not begun: it may know
            what was attested before.

        Raises
        ------
        VerificationError
            V229 for an entry that is malformed, dated back, or declares a second release of a service.
        """
        if values["kind"] == "release":
            self._release(values, number, passed_ms)
        else:
            self._attestation(values, number, passed_ms)

    def _release(self, values: Values, number: int, passed_ms: int | None) -> None:
        at_ms, service, digest = values.get("at_ms"), values.get("service"), values.get("digest")
        if (
            not isinstance(at_ms, int)
            or not isinstance(service, str)
            or not isinstance(digest, str)
            or self.digests.get(service, digest) != digest
        ):
            raise VerificationError(
                "V229", f"entry {number} declares no release, or another for its service", hint="a service has one"
            )
        if passed_ms is not None and at_ms < passed_ms:
            raise VerificationError(
                "V229", f"a release of {at_ms} ms after {passed_ms} ms", hint="it counts from when it is entered"
            )
        self.digests[service] = digest
        self.since_ms.setdefault(service, at_ms)

    def _attestation(self, values: Values, number: int, passed_ms: int | None) -> None:
        at_ms, envelope = values.get("at_ms"), values.get("envelope")
        if not isinstance(at_ms, int) or not isinstance(envelope, str):
            raise VerificationError("V229", f"entry {number} is no attestation", hint="malformed")
        earliest_ms = max(passed_ms or 0, self.last_ms)
        if passed_ms is not None and at_ms < earliest_ms:
            raise VerificationError(
                "V229", f"an attestation of {at_ms} ms after {earliest_ms} ms", hint="it counts from when it is entered"
            )
        self.attestations.append((at_ms, envelope.encode()))
