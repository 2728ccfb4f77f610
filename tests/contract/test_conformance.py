"""Peers' public test tables: every case is compared and published, every difference is a known choice.

The tables are the contract that schedulers of this kind are held to, which is why this lies in tests/contract: whatever
answers a case (the exact entitlement, the kernel under either mode of reclaim) goes through the same ones.
"""

from __future__ import annotations

import re
from copy import deepcopy
from functools import cache
from typing import Any

import pytest

from benchmarks import conformance as page
from tests.contract import reclaim_conformance, share_conformance
from tests.contract.choices import CHOICES, UnexplainedError, Verdict
from tests.contract.conformance import verdicts
from tests.contract.peer_cases import CASES, Case, read
from tests.contract.reclaim_conformance import MODES, Difference
from tests.contract.reclaim_mapping import small_of
from tests.contract.small_system import Outcome, run
from tests.reference.policy_reclaim import judge, legal_sets

pytestmark = pytest.mark.skipif(not CASES.is_dir(), reason="../shared/cases is not here")

EITHER = {
    "accelerators-only": "R024 R025 R026 R028 R090",
    "empty-pool": "F061",
    "floors-shrink": "F030 F032 F044 R007",
    "known-fault": "R008",
    "no-migration": "R039",
    "no-priority-between-teams": "F017 R017 R082 R086",
    "order-not-factor": "F086",
    "pools-apart": "F064 F068 F069 F072 F076 F077 F078",
    "refused-at-once": "R019 R033",
    "stop-is-decided": "R043",
    "to-the-entitlement": "R068",
    "weight-zero-last": "F008 F022",
}
FLOORS_ALONE = {"floors-only": "R001 R012 R020 R046 R062 R063 R064 R071"}
SHARES_ALONE = {"straddling-gang": "R020 R062", "to-the-entitlement": "R050 R060"}


def spread(*pinned: dict[str, str]) -> dict[str, str]:
    return {case: choice for one in pinned for choice, cases in one.items() for case in cases.split()}


@cache
def both_modes() -> list[tuple[Case, Difference]]:
    """Every case of reclaim with what the kernel does, under each mode."""
    return [
        (case, Difference(case, mode, run(small_of(case), reclaim=mode)))
        for case in cases_of_reclaim()
        for mode in MODES
    ]


def cases_of_reclaim() -> list[Case]:
    return read("reclaim_cases")


def all_ids() -> list[str]:
    return [case["id"] for name in ("fairshare_cases", "reclaim_cases") for case in read(name)]


def test_every_case_is_compared_and_published() -> None:
    assert [verdict.id for verdict in verdicts()] == all_ids()
    *_, every = page.tables()
    listed = re.findall(r"\b[FR]\d{3}\b", every)
    assert sorted(listed) == sorted(all_ids())


@pytest.mark.parametrize(("place", "alone"), [(0, FLOORS_ALONE), (1, SHARES_ALONE)], ids=MODES)
def test_cases_differ_where_and_why_they_did(place: int, alone: dict[str, str]) -> None:
    found = {verdict.id: verdict.outcomes[place] for verdict in verdicts() if verdict.outcomes[place] != "agree"}
    assert found == spread(EITHER, alone)


def test_every_choice_is_one_that_is_made() -> None:
    assert set(CHOICES) == set(spread(EITHER, FLOORS_ALONE, SHARES_ALONE).values()) | {"straddling-gang", "floors-only"}


def test_peers_rules_give_the_peers_numbers() -> None:
    """So a difference is one between two rules, not a misreading of theirs. The exception says so itself."""
    misfits = [verdict for verdict in verdicts() if not verdict.rule_gives_it]
    assert [verdict.id for verdict in misfits] == ["R008"]
    assert "this is a bug" in misfits[0].name


def test_what_the_kernel_takes_across_teams_is_legal() -> None:
    """By the twin of FAIRNESS 4 and 7b, which shares no code with the kernel."""
    seen = 0
    for case, found in both_modes():
        outcome = found.outcome
        claimants = [job for job in found.small.waiting if job.name in outcome.started]
        others = {job.name for job in found.small.running if job.team not in {c.team for c in claimants}}
        if len(claimants) != 1 or not outcome.victims or not set(outcome.victims) <= others:
            continue
        victims = [number for number, job in enumerate(found.jobs) if job.name in outcome.victims]
        assert judge(found.view, found.gang(claimants[0]), victims, reclaim=found.mode), (case["id"], found.mode)
        seen += 1
    assert seen > 40


def test_what_the_kernel_leaves_waiting_has_no_legal_victims() -> None:
    """By exhaustive search with the same twin."""
    seen = 0
    for case, found in both_modes():
        if found.outcome.victims:
            continue
        for job in found.small.waiting:
            if job.name in found.outcome.waiting:
                legal = list(legal_sets(found.view, found.gang(job), reclaim=found.mode))
                assert legal == [], (case["id"], found.mode, job.name)
                seen += 1
    assert seen >= 30


@pytest.mark.parametrize("kind", ["fairshare_cases", "reclaim_cases"])
def test_a_comparison_does_not_change_its_case(kind: str) -> None:
    module = share_conformance if kind == "fairshare_cases" else reclaim_conformance
    for case, kept in zip(read(kind), read(kind), strict=True):
        module.verdict(case)
        assert case == kept


def changed_expectations() -> list[Case]:
    """Cases that agree, each with one expected number or name changed."""
    agreeing = {verdict.id for verdict in verdicts() if verdict.outcomes == ("agree", "agree")}
    changed: list[Case] = []
    for kind in ("fairshare_cases", "reclaim_cases"):
        for case in read(kind):
            if case["id"] in agreeing:
                other = deepcopy(case)
                change(other["expected"])
                assert other != case
                changed.append(other)
    return changed


def change(expected: dict[str, Any]) -> None:
    """Add one to the first number; of victims take the first away, or add somebody who is not there."""
    victims = next((key for key in ("victim_tasks", "victims") if key in expected), None)
    if victims is not None:
        names = list(expected[victims])[1:] or ["nobody-there"]
        keyed = isinstance(expected[victims], dict)
        expected[victims] = dict.fromkeys(names, "InCohortReclamation") if keyed else names
        return
    key, value = next(iter(expected.items()))
    if isinstance(value, dict):
        change(value)
    else:
        expected[key] = value + 1


def test_a_changed_expectation_is_noticed() -> None:
    """Neither the comparisons nor the explanations agree with just anything."""
    seen = 0
    for case in changed_expectations():
        module = share_conformance if case["id"].startswith("F") else reclaim_conformance
        try:
            found: Verdict = module.verdict(case)
        except UnexplainedError:
            seen += 1
            continue
        assert not found.rule_gives_it, case["id"]  # the pinned list of misfits would be another
        seen += 1
    assert seen > 60


def test_an_outcome_nobody_expects_is_not_explained() -> None:
    case = next(case for case in cases_of_reclaim() if case["id"] == "R044")
    names = [job["name"] for job in case["running"]]
    wrong = Outcome(victims=("a1",), started=("c_incoming",), kept=tuple(names[1:]), waiting=())
    assert not [choice for choice, holds in Difference(case, "floors", wrong).reasons() if holds()]


def test_page_shows_what_the_comparison_gives() -> None:
    text = page.PAGE.read_text("utf-8")
    assert page.with_tables(text, page.tables()) == text, "run: python -m benchmarks.conformance --write"
