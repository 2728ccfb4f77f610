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

SOURCES = {
    "kai_division": "KAI, division",
    "armada_adjusted_fair_share": "Armada, adjusted fair share",
    "armada_drf_cost": "Armada, cost of a queue",
    "kueue_dominant_share": "Kueue, dominant share",
    "slurm_classic_fs": "Slurm, classic fair share",
    "slurm_fair_tree": "Flux accounting, Slurm's fair tree",
    "htcondor_group_quota": "HTCondor, group quotas",
    "kai_reclaim": "KAI, reclaim",
    "kueue_fair_preemption": "Kueue, preemption with fair sharing",
    "kueue_classic_hierarchical": "Kueue, classic preemption",
}


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
    return SOURCES[case["kind"]]
