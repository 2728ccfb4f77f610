"""The checker passes every run of a scheduler that obeys the rules, and notices whenever a row is missing or moved."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.reference.policy_account import account
from tests.reference.policy_audit import violations
from tests.reference.policy_run import Job, Kind, Protection, Row, Run
from tests.reference.policy_toy import Toy
from tests.reference.policy_tree import Tree

TREES = (
    Tree((-1, -1), (4, 2), (8, 8), (1, 2)),
    Tree((-1, -1, -1), (3, 3, 0), (8, 6, 5), (1, 2, 1), reserve=(1, 0, 0)),
    Tree((-1, 0, 0, -1, 3, 3), (4, 2, 1, 4, 4, 0), (7, 7, 4, 8, 8, 8), (1, 1, 2, 1, 3, 1)),
)


@st.composite
def runs(draw: st.DrawFn) -> Run:
    """Draw a question small enough that claims are common."""
    tree = draw(st.sampled_from(TREES))
    job = st.builds(
        Job,
        leaf=st.sampled_from(tree.leaves()),
        gang=st.integers(1, 6),
        submit_ms=st.integers(0, 40),
        duration_ms=st.integers(0, 60),
        preemptible=st.sampled_from((True, True, True, False)),
        savepoint_ms=st.sampled_from((0, 7)),
        after=st.just(-1),
    )
    jobs = draw(st.lists(job, min_size=2, max_size=10))
    jobs = [
        replace(asked, after=draw(st.integers(-1, row - 1))) if row % 4 == 3 else asked
        for row, asked in enumerate(jobs)
    ]
    protection = st.builds(
        Protection, grace_ms=st.integers(0, 9), min_runtime_ms=st.integers(0, 20), recover_ms=st.integers(0, 25)
    )
    protections = draw(st.lists(protection, min_size=len(tree), max_size=len(tree)))
    reclaim = draw(st.sampled_from(("floors", "shares")))
    run = Run(tree, 8, 1, jobs, protections, (), reclaim=reclaim, savepoint_cost_ms=5)
    return replace(run, rows=Toy(run).rows_until_idle())


@settings(max_examples=150, deadline=None)
@given(runs())
def test_a_run_that_obeys_the_rules_passes(run: Run) -> None:
    assert violations(run) == []


@settings(max_examples=150, deadline=None)
@given(runs())
def test_a_run_passes_without_marks_too(run: Run) -> None:
    assert violations(replace(run, rows=[row for row in run.rows if row.kind is not Kind.MARK])) == []


@settings(max_examples=150, deadline=None)
@given(runs(), st.data())
def test_a_missing_row_is_noticed(run: Run, data: st.DataObject) -> None:
    if not run.rows:
        return
    missing = data.draw(st.integers(0, len(run.rows) - 1))
    rows = [row for index, row in enumerate(run.rows) if index != missing]
    if run.rows[missing].kind is Kind.MARK and all(row.kind is not Kind.MARK for row in rows):
        return  # without any mark the victims are read from the warnings, which are all there
    if run.rows[missing].kind is Kind.WITHDRAW:
        return  # the START that follows ends the claim as well
    assert violations(replace(run, rows=rows), until_ms=10**6), run.rows[missing]


@settings(max_examples=150, deadline=None)
@given(runs(), st.data(), st.integers(1, 5))
def test_a_late_warning_stop_or_end_is_noticed(run: Run, data: st.DataObject, delay_ms: int) -> None:
    timed = [i for i, row in enumerate(run.rows) if row.kind in (Kind.WARN, Kind.STOP, Kind.END)]
    if not timed:
        return
    late = data.draw(st.sampled_from(timed))
    row = run.rows[late]
    moved = Row(row.time_ms + delay_ms, row.kind, row.job, row.other)
    rows = [*run.rows[:late], *run.rows[late + 1 :], moved]
    rows.sort(key=lambda row: row.time_ms)
    assert violations(replace(run, rows=rows), until_ms=10**6), moved


@settings(max_examples=150, deadline=None)
@given(runs(), st.sampled_from(("first", "gang")), st.integers(0, 200), st.integers(0, 200))
def test_accounts_conserve_gpu_time_and_add_up(run: Run, charge: str, one_ms: int, other_ms: int) -> None:
    early_ms, late_ms = sorted((one_ms, other_ms))
    early = account(run, until_ms=early_ms, charge=charge)
    late = account(run, until_ms=late_ms, charge=charge)
    for row, book in enumerate(late):
        assert book.held_gpu_ms >= early[row].held_gpu_ms
        assert book.denied_gpu_ms >= early[row].denied_gpu_ms
        below = [late[child] for child in run.tree.children(row)]
        if below:
            assert book.held_gpu_ms == sum(child.held_gpu_ms for child in below)
            assert book.lost_gpu_ms == sum(child.lost_gpu_ms for child in below)
        assert book.denied_gpu_ms <= book.entitled_gpu_ms <= run.capacity * late_ms
