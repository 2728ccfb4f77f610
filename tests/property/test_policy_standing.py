"""Standings against the reference of secure jobs and the kernel's own books; the laws of loans."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from equipoise.charter import Charter, Pool
from equipoise.charter_io import loads
from equipoise.policy.kernel.layout import CLAIMED, PENDING, RUNNING
from equipoise.policy.plan import plan
from equipoise.policy.standing import Gang, Standing, largest_remainder, loans, standings
from equipoise.policy.state import build
from equipoise.simulator.days import midnights
from equipoise.simulator.replay import Replay
from equipoise.simulator.timeline import Timeline
from equipoise.workload.synthetic import lab, lab_charter
from tests.property.test_charter_floors import charters


@st.composite
def pools_in_use(draw: st.DrawFn) -> tuple[Charter, int, list[Gang]]:
    """Return a charter, a capacity, and gangs of its leaves, of which the running ones fit."""
    charter = draw(charters(amounts=False))
    capacity = draw(st.integers(1, 40))
    leaves = [n for n, team in enumerate(charter.teams) if team.is_leaf]
    gangs: list[Gang] = []
    free = capacity
    for job in range(draw(st.integers(0, 12))):
        size = draw(st.integers(1, 8))
        runs = size <= free and draw(st.booleans())
        free -= size if runs else 0
        start = draw(st.integers(0, 5)) if runs else None
        gangs.append(Gang(draw(st.sampled_from(leaves)), size, job, start, preemptible=draw(st.booleans())))
    return Charter("L", (Pool("p", "d", capacity, 1),), charter.teams), capacity, gangs


def slow_secure(charter: Charter, team: int, floors: list[int], gangs: list[Gang]) -> set[int]:
    """Return the secure jobs of a team word by word: those of its children, then its other ones that fit."""
    children = [charter.id_of(child.path) for child in charter.children(charter.teams[team].path)]
    secure = {job for child in children for job in slow_secure(charter, child, floors, gangs)}
    path = charter.teams[team].path
    below = [g for g in gangs if (charter.teams[g.team].path + ".").startswith(path + ".") and g.start_ms is not None]
    sizes = {gang.job: gang.gpus for gang in below}
    for gang in sorted(below, key=lambda g: (g.preemptible, g.start_ms, g.job)):
        if gang.job not in secure and sum(sizes[job] for job in secure) + gang.gpus <= floors[team]:
            secure.add(gang.job)
    return secure


@settings(max_examples=200)
@given(pools_in_use())
def test_what_is_insecure_is_what_the_rule_says_word_by_word(use: tuple[Charter, int, list[Gang]]) -> None:
    charter, capacity, gangs = use
    found = standings(charter, "p", capacity, gangs)
    floors = [standing.floor for standing in found]
    sizes = {gang.job: gang.gpus for gang in gangs}
    for team, standing in enumerate(found):
        secure = slow_secure(charter, team, floors, gangs)
        assert standing.held - standing.insecure == sum(sizes[job] for job in secure)


@settings(max_examples=200)
@given(pools_in_use())
def test_loans_are_within_idle_floors_and_what_is_held_above_floors(use: tuple[Charter, int, list[Gang]]) -> None:
    charter, capacity, gangs = use
    found = standings(charter, "p", capacity, gangs)
    made = loans(charter, capacity, found)
    leaves = [n for n, team in enumerate(charter.teams) if team.is_leaf]
    unpromised = capacity - sum(found[leaf].floor for leaf in leaves)
    above = sum(max(0, found[leaf].held - found[leaf].floor) for leaf in leaves)
    assert sum(loan.gpus for loan in made) == max(0, above - unpromised)
    for leaf in leaves:
        lent = sum(loan.gpus for loan in made if loan.lender == leaf)
        borrowed = sum(loan.gpus for loan in made if loan.borrower == leaf)
        assert lent <= max(0, found[leaf].floor - found[leaf].held)
        assert borrowed <= max(0, found[leaf].held - found[leaf].floor)
    assert len({(loan.lender, loan.borrower) for loan in made}) == len(made)


@given(st.lists(st.integers(0, 50), min_size=1, max_size=8), st.data())
def test_shares_are_within_one_of_exact_and_never_above_the_weight(weights: list[int], data: st.DataObject) -> None:
    units = data.draw(st.integers(0, sum(weights)))
    shares = largest_remainder(units, weights)
    assert sum(shares) == units
    for share, weight in zip(shares, weights, strict=True):
        assert 0 <= share <= weight
        assert not units or abs(share * sum(weights) - units * weight) < sum(weights)


def test_standings_are_those_of_the_kernels_books() -> None:
    workload, charter = lab(4, days=8, gpus=512), loads(lab_charter(512))
    rules = plan(charter)
    paths = [line.path for line in rules.lines]
    lined = len(paths)
    for hours in (13, 60, 131):
        replay = Replay(build(workload, charter.pools, rules, reference=rules), keep=False)
        at_ms = hours * 3_600_000
        Timeline(replay, midnight_after=midnights(charter.timezone, workload.origin_ms)).run(at_ms + 1)
        replay.close(at_ms)
        jobs, refs = replay.jobs, replay.layout.state.refs
        for number, pool in enumerate(charter.pools):
            rows = np.flatnonzero(
                (jobs["ref"] // lined == number) & np.isin(jobs["state"], (PENDING, CLAIMED, RUNNING))
            )
            gangs = [
                Gang(charter.id_of(paths[int(jobs["ref"][j]) % lined]), int(jobs["gang"][j]), j,
                     int(jobs["start_ms"][j]) if jobs["state"][j] == RUNNING else None) for j in rows.tolist()
            ]  # fmt: skip
            found: list[Standing] = standings(charter, pool.name, pool.capacity, gangs)
            for place, path in enumerate(paths[1:], start=1):
                book, standing = refs[number * lined + place], found[charter.id_of(path)]
                assert (standing.held, standing.floor) == (int(book["held"]), int(book["floor"])), (hours, path)
                if book["n"] == 0:
                    assert standing.demand == int(book["demand"]), (hours, path)
                    assert standing.entitlement == int(book["due"]), (hours, path)
