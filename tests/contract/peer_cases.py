"""The cases of ../shared/cases, read as they are: facts of peers' public tables, inputs and what is expected."""

from __future__ import annotations

import json
from collections.abc import Iterable
from fractions import Fraction
from math import lcm
from pathlib import Path
from typing import Any

CASES = Path(__file__).resolve().parents[3] / "shared" / "cases"

Case = dict[str, Any]


def read(name: str) -> list[Case]:
    """Return the cases of ``fairshare_cases.json`` or ``reclaim_cases.json``, in the order of the file."""
    return json.loads((CASES / f"{name}.json").read_text("utf-8"))["cases"]


def exact(value: Any) -> Fraction:
    """Return a number of the file as the fraction that its decimal digits say; ``4Gi`` is 4."""
    return Fraction(str(value).removesuffix("Gi"))


def parts_of_a_unit(amounts: Iterable[Fraction]) -> int:
    """Return into how many equal slices a unit must be cut for every amount to be whole slices."""
    return lcm(*(amount.denominator for amount in amounts))


def source(case: Case) -> str:
    """Return who published a case, and what it is about."""
    names = {"kai": "KAI", "kueue": "Kueue", "armada": "Armada", "htcondor": "HTCondor", "slurm": "Slurm"}
    peer, _, rule = str(case["kind"]).partition("_")
    return f"{names[peer]}: {rule.replace('_', ' ')}"
