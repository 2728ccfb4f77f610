"""All cases of ../shared/cases held against Equipoise, once."""

from __future__ import annotations

from functools import cache

from tests.contract import reclaim_conformance, share_conformance
from tests.contract.choices import Verdict
from tests.contract.peer_cases import read


@cache
def verdicts() -> tuple[Verdict, ...]:
    """Return a verdict for every case of both files, in their order."""
    return tuple(
        module.verdict(case)
        for name, module in (("fairshare_cases", share_conformance), ("reclaim_cases", reclaim_conformance))
        for case in read(name)
    )
