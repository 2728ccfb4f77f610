"""The checker of decisions on streams worked by hand: the right one passes, and each wrong one is named."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from equipoise.workload import Jobs
from tests.reference.policy_account import account
from tests.reference.policy_audit import violations
from tests.reference.policy_run import Job, Kind, Protection, Row, Run, jobs_from_columns
from tests.reference.policy_tree import Tree

# Two teams on 8 devices, floors 4 and 2. Team 1 borrows everything; at 100 s team 0 asks for its floor. Seconds in ms.
TREE = Tree((-1, -1), (4, 2), (8, 8), (1, 1))
GUARD = Protection(grace_ms=60_000, min_runtime_ms=150_000, recover_ms=3_600_000)
JOBS = (
    Job(1, 4, 0, 1_000_000, savepoint_ms=40_000),
    Job(1, 4, 0, 1_000_000),
    Job(0, 4, 100_000, 50_000),
)
RIGHT = (
    Row(0, Kind.START, 0),
    Row(0, Kind.START, 1),
    Row(100_000, Kind.CLAIM, 2),
    Row(100_000, Kind.MARK, 0, 2),
    Row(150_000, Kind.WARN, 0, 2),  # not before its 150 s of protected running
    Row(210_000, Kind.STOP, 0, 2),  # after 60 s of grace
    Row(210_000, Kind.START, 2),
    Row(260_000, Kind.END, 2),
    Row(260_000, Kind.START, 0),
    Row(1_000_000, Kind.END, 1),
    Row(1_050_000, Kind.END, 0),  # 210 s were saved: 790 s remain
)
RUN = Run(TREE, 8, 1, JOBS, (GUARD, GUARD), RIGHT)


def codes(run: Run, until_ms: int | None = None) -> set[str]:
    return {violation.code for violation in violations(run, until_ms=until_ms)}


def with_rows(*rows: Row, **changes: object) -> Run:
    return replace(RUN, rows=rows, **changes)


def test_the_right_stream_passes_with_and_without_marks() -> None:
    assert violations(RUN) == []
    assert violations(with_rows(*(row for row in RIGHT if row.kind is not Kind.MARK))) == []


def test_the_lender_does_not_wait_longer_than_its_recover() -> None:
    hasty = (replace(GUARD, recover_ms=30_000), GUARD)
    early = [Row(100_000, Kind.WARN, 0, 2), Row(130_000, Kind.STOP, 0, 2), Row(130_000, Kind.START, 2)]
    # 30 s of grace do not save everything: 120 s of 130 s were at a savepoint, 880 s remain.
    rest = [Row(180_000, Kind.END, 2), Row(180_000, Kind.START, 0), Row(1_000_000, Kind.END, 1)]
    rows = [*RIGHT[:4], *early, *rest, Row(1_060_000, Kind.END, 0)]
    assert violations(with_rows(*rows, protections=hasty)) == []
    assert codes(with_rows(*RIGHT, protections=hasty)) >= {"warn", "stop", "late"}


def test_a_claimant_that_does_not_start_at_once_breaks_the_transaction() -> None:
    assert "transaction" in codes(with_rows(*RIGHT[:6], Row(210_001, Kind.START, 2)))
    assert "transaction" in codes(with_rows(*RIGHT[:6]))


def test_devices_held_by_name_go_to_nobody_else() -> None:
    jobs = (*JOBS, Job(1, 2, 120_000, 10))
    rows = (*RIGHT[:6], Row(210_000, Kind.START, 3), Row(210_000, Kind.START, 2))
    assert codes(with_rows(*rows, jobs=jobs)) >= {"hold", "devices"}


def test_a_victim_is_claimed_once_and_while_it_runs() -> None:
    jobs = (*JOBS, Job(0, 2, 100_000, 10))
    twice = (*RIGHT[:4], Row(100_000, Kind.CLAIM, 3), Row(100_000, Kind.MARK, 0, 3))
    assert any("[0], which are gone or claimed already" in v.text for v in violations(with_rows(*twice, jobs=jobs)))
    ended = (*RIGHT[:2], Row(100_000, Kind.CLAIM, 2), Row(100_000, Kind.MARK, 3, 2))
    assert any("[3], which are gone or claimed already" in v.text for v in violations(with_rows(*ended, jobs=jobs)))


def test_a_claim_does_not_count_on_what_another_claim_will_have_over() -> None:
    # Job 0 of 6 is claimed for a gang of 2; the 4 that it leaves over come much later. A second gang of 2 takes the 1
    # of job 2 at once: on the view, with job 0 gone, there is room; at 5 there is not.
    tree = Tree((-1, -1, -1), (5, 0, 0), (8, 8, 8), (1, 1, 1))
    guards = (GUARD, GUARD, Protection(0, 0, 0))
    jobs = (Job(1, 6, 0, 10**6), Job(0, 1, 0, 10**6), Job(2, 1, 0, 10**6), Job(0, 2, 5, 9), Job(0, 2, 5, 9))
    rows = [Row(0, Kind.START, job) for job in range(3)]
    rows += [Row(5, Kind.CLAIM, 3), Row(5, Kind.MARK, 0, 3)]
    run = Run(tree, 8, 1, jobs, guards, rows)
    assert codes(run) == set()
    rows = [*rows, Row(5, Kind.CLAIM, 4), Row(5, Kind.MARK, 2, 4)]
    assert "hold" in codes(replace(run, rows=rows))


def test_warnings_come_once_and_withdrawals_need_a_claim() -> None:
    again = (*RIGHT[:5], Row(150_000, Kind.WARN, 0, 2))
    assert any("warned twice" in violation.text for violation in violations(with_rows(*again)))
    assert codes(with_rows(*RIGHT[:2], Row(50_000, Kind.WITHDRAW, 2))) == {"withdraw"}


def test_a_withdrawn_warning_is_void() -> None:
    rows = [*RIGHT[:5], Row(160_000, Kind.WITHDRAW, 2)]
    assert codes(with_rows(*rows)) == set()
    assert "claim" in codes(with_rows(*rows, Row(210_000, Kind.STOP, 0, 2)))


def test_secure_gangs_are_not_claimed() -> None:
    richer = replace(TREE, floor=(4, 4), rounded=())
    found = violations(with_rows(*RIGHT[:4], tree=richer))
    assert [violation.code for violation in found] == ["claim"]
    assert "victim 0 is secure at row 1" in found[0].text
    assert found[0].index == 2


def test_two_straddling_gangs_may_not_evict_each_other() -> None:
    # PACING 1: three devices, floors 2 and 1, a gang of 3 each.
    tree = Tree((-1, -1), (2, 1), (3, 3), (1, 1))
    now = Protection(0, 0, 0)
    jobs = (Job(0, 3, 0, 1000), Job(1, 3, 0, 1000))
    rows = [Row(0, Kind.START, 0), Row(1, Kind.CLAIM, 1), Row(1, Kind.WARN, 0, 1), Row(1, Kind.STOP, 0, 1)]
    rows += [Row(1, Kind.START, 1), Row(2, Kind.CLAIM, 0), Row(2, Kind.WARN, 1, 0), Row(2, Kind.STOP, 1, 0)]
    found = violations(Run(tree, 3, 1, jobs, (now, now), [*rows, Row(2, Kind.START, 0)]))
    assert [(violation.index, violation.code) for violation in found] == [(1, "claim"), (5, "claim")]


def test_non_preemptible_jobs_are_no_victims_and_start_only_within_the_floor() -> None:
    bound = (replace(JOBS[0], preemptible=False), *JOBS[1:])
    found = violations(with_rows(*RIGHT, jobs=bound))
    assert ("bound", 0) in {(violation.code, violation.index) for violation in found}
    assert any("victim 0 is not preemptible" in violation.text for violation in found)


def test_limits_hold_for_every_team_on_the_path() -> None:
    tree = Tree((-1, 0, 0), (8, 4, 2), (6, 6, 6), (1, 1, 1))
    jobs = (Job(1, 4, 0, 10), Job(2, 4, 0, 10))
    found = violations(Run(tree, 8, 1, jobs, (GUARD,) * 3, (Row(0, Kind.START, 0), Row(0, Kind.START, 1))), until_ms=0)
    assert [(violation.index, violation.code) for violation in found] == [(1, "limit")]


def test_a_reserve_that_is_not_lent_stays_free() -> None:
    tree = replace(TREE, reserve=(3, 0))
    found = violations(with_rows(*RIGHT[:2], tree=tree), until_ms=0)
    assert [(violation.index, violation.code) for violation in found] == [(1, "reserve")]


def test_priority_alone_moves_jobs_inside_a_team() -> None:
    jobs = (Job(0, 8, 0, 100), Job(0, 8, 5, 10, priority=1))
    rows = (Row(0, Kind.START, 0), Row(5, Kind.CLAIM, 1), Row(5, Kind.WARN, 0, 1), Row(5, Kind.STOP, 0, 1))
    rows = (*rows, Row(5, Kind.START, 1), Row(15, Kind.END, 1), Row(15, Kind.START, 0), Row(115, Kind.END, 0))
    assert codes(with_rows(*rows, jobs=jobs)) == set()
    assert codes(with_rows(*rows, jobs=(jobs[0], replace(jobs[1], priority=0)))) == {"preempt"}


def test_a_refusal_is_for_size_and_comes_at_submission() -> None:
    jobs = (Job(0, 9, 5, 10), Job(0, 3, 5, 10))
    run = with_rows(Row(5, Kind.REFUSE, 0), Row(5, Kind.START, 1), Row(15, Kind.END, 1), jobs=jobs)
    assert codes(run) == set()
    assert codes(replace(run, rows=run.rows[1:])) == {"refuse"}
    assert codes(replace(run, rows=(Row(5, Kind.REFUSE, 1), run.rows[0]))) == {"refuse"}
    assert codes(replace(run, max_job=(2, None), rows=(run.rows[0], Row(5, Kind.REFUSE, 1)))) == set()


def test_after_and_submission_are_waited_for() -> None:
    jobs = (Job(0, 2, 5, 10), Job(0, 2, 0, 10, after=0))
    right = (Row(5, Kind.START, 0), Row(15, Kind.END, 0), Row(15, Kind.START, 1), Row(25, Kind.END, 1))
    assert codes(with_rows(*right, jobs=jobs)) == set()
    assert codes(with_rows(Row(4, Kind.START, 0), jobs=jobs)) == {"start"}
    assert codes(with_rows(Row(5, Kind.START, 0), Row(5, Kind.START, 1), jobs=jobs), until_ms=5) == {"start"}


def test_an_end_is_due_to_the_millisecond_and_before_decisions() -> None:
    jobs = (Job(0, 2, 0, 10), Job(0, 2, 0, 10))
    begin = (Row(0, Kind.START, 0), Row(1, Kind.START, 1))
    assert "end" in codes(with_rows(*begin, Row(9, Kind.END, 0), jobs=jobs))
    assert "end" in codes(with_rows(*begin, Row(11, Kind.END, 1), jobs=jobs))
    late = (Row(0, Kind.START, 0), Row(10, Kind.START, 1), Row(10, Kind.END, 0))
    assert "order" in codes(with_rows(*late, jobs=jobs))


@pytest.mark.parametrize(
    ("place", "complaint"),
    [
        (((0, 8), (1, 2)), None),
        (((0, 6), (1, 4)), "takes"),
        (((1, 8), (2, 2)), "node 1 has 5 free"),
        (((0, 8), (2, 2)), "with 8 free, not 5"),
    ],
)
def test_places_are_whole_nodes_and_the_tightest_rest(
    place: tuple[tuple[int, int], ...], complaint: str | None
) -> None:
    tree = Tree((-1,), (24,), (24,), (1,))
    run = Run(tree, 3, 8, (Job(0, 3, 0, 9), Job(0, 10, 0, 9)), (GUARD,), (Row(0, Kind.START, 0), Row(0, Kind.START, 1)))
    found = violations(replace(run, places={0: ((1, 3),), 1: place}), until_ms=0)
    assert bool(found) == (complaint is not None)
    assert complaint is None or any(complaint in violation.text for violation in found)


def test_a_claim_may_not_count_on_room_that_another_claims_victim_leaves_later() -> None:
    # Row 0 may hold 4 and holds 3, job 0, which is claimed for job 2 and protected until 20. On the view there is then
    # room for job 3 (2 more) at once, and job 1 gives way for it at 5: row 0 would hold 3 + 2 until job 0 has gone.
    tree = Tree((-1, 0, 0, 0, -1), (4, 0, 2, 2, 0), (4, 4, 4, 4, 8), (1,) * 5)
    slow, quick = Protection(0, 20, 100), Protection(0, 0, 100)
    jobs = (Job(1, 3, 0, 90), Job(4, 5, 0, 90), Job(2, 2, 5, 90), Job(3, 2, 5, 90))
    rows = [Row(0, Kind.START, 0), Row(0, Kind.START, 1)]
    rows += [Row(5, Kind.CLAIM, 2), Row(5, Kind.MARK, 0, 2), Row(5, Kind.CLAIM, 3), Row(5, Kind.MARK, 1, 3)]
    run = Run(tree, 8, 1, jobs, (slow, slow, slow, slow, quick), rows)
    assert codes(run, until_ms=4) == {"late"}
    rows += [Row(5, Kind.WARN, 1, 3), Row(5, Kind.STOP, 1, 3), Row(5, Kind.START, 3)]
    assert codes(replace(run, rows=rows), until_ms=5) == {"limit"}


def test_the_account_of_the_right_stream() -> None:
    books = account(RUN, until_ms=1_050_000)
    ours, theirs = books
    assert ours.held_gpu_ms == 4 * 50_000
    # Due 4 from the claim at 100 s on, held from 210 s on.
    assert ours.entitled_gpu_ms == 4 * 160_000
    # 4 GPUs for 110 s are short, but the job needs only 4 * 50 s.
    assert ours.denied_gpu_ms == 4 * 50_000
    assert theirs.held_gpu_ms == 4 * (210_000 + 790_000) + 4 * 1_000_000
    assert theirs.lost_gpu_ms == 0
    # Before and after: 8. While team 0 asks, 4 of the 8 are left, and job 1 holds them.
    assert theirs.entitled_gpu_ms == 8 * 100_000 + 4 * 160_000 + 8 * 740_000 + 4 * 50_000
    assert theirs.denied_gpu_ms == 0


def test_charging_by_gang_ends_the_demand_when_the_budget_is_empty() -> None:
    books = account(RUN, until_ms=1_050_000, charge="gang")
    # Job 2 waits from 100 s; its 50 s are denied by 150 s; then it is no demand until it starts at 210 s.
    assert books[0].denied_gpu_ms == 4 * 50_000
    assert books[0].entitled_gpu_ms == 4 * (50_000 + 50_000)


def test_lost_work_is_booked_when_it_is_lost() -> None:
    hasty = (replace(GUARD, recover_ms=30_000), GUARD)
    rows = [*RIGHT[:4], Row(100_000, Kind.WARN, 0, 2), Row(130_000, Kind.STOP, 0, 2), Row(130_000, Kind.START, 2)]
    run = with_rows(*rows, protections=hasty)
    assert account(run, until_ms=129_999)[1].lost_gpu_ms == 0
    assert account(run, until_ms=140_000)[1].lost_gpu_ms == 4 * 10_000
    none = replace(run, jobs=(replace(JOBS[0], savepoint_ms=0), *JOBS[1:]))
    assert account(none, until_ms=140_000)[1].lost_gpu_ms == 4 * 130_000


def test_first_in_is_charged_first() -> None:
    # Two jobs of team 0 wait beside a borrower that never leaves: 2 * 10 and 2 * 30 GPU-ms are all that can be denied.
    jobs = (Job(1, 8, 0, 1000), Job(0, 2, 0, 10), Job(0, 2, 5, 30))
    run = with_rows(Row(0, Kind.START, 0), jobs=jobs)
    assert account(run, until_ms=5)[0].denied_gpu_ms == 10
    assert account(run, until_ms=8)[0].denied_gpu_ms == 10 + 12
    assert account(run, until_ms=1000)[0].denied_gpu_ms == 80
    assert account(run, until_ms=1000, charge="gang")[0].denied_gpu_ms == 80
    assert account(run, until_ms=12, charge="gang")[0].denied_gpu_ms == 20 + 2 * 7


def test_a_division_is_denied_no_more_than_the_work_below_it() -> None:
    tree = Tree((-1, 0, 0, -1), (4, 2, 2, 0), (8, 8, 8, 8), (1,) * 4)
    jobs = (Job(3, 8, 0, 1000), Job(1, 2, 0, 10), Job(2, 2, 0, 20))
    run = Run(tree, 8, 1, jobs, (GUARD,) * 4, (Row(0, Kind.START, 0),))
    books = account(run, until_ms=500)
    assert [book.denied_gpu_ms for book in books] == [60, 20, 40, 0]
    assert books[0].entitled_gpu_ms == 4 * 500


def test_books_that_do_not_balance_are_not_handed_out() -> None:
    early = with_rows(*RIGHT[:2], Row(400_000, Kind.END, 1))
    with pytest.raises(AssertionError, match="job 1 held"):
        account(early, until_ms=500_000)


def test_columns_of_a_workload_become_jobs_with_their_rows_as_ids() -> None:
    def i64(*values: int) -> np.ndarray:
        return np.array(values, np.int64)

    def i32(*values: int) -> np.ndarray:
        return np.array(values, np.int32)

    columns = Jobs(
        submit_ms=i64(3, 4),
        duration_ms=i64(10, 20),
        gang=i32(1, 2),
        walltime_ms=i64(0, 0),
        team=i32(1, 0),
        pool=i32(0, 1),
        user=i32(0, 0),
        priority=i32(5, 0),
        preemptible=np.array((True, False)),
        savepoint_ms=i64(0, 7),
        after=i32(-1, 0),
    )
    assert jobs_from_columns(columns, (4, 2)) == (Job(2, 1, 3, 10, priority=5), Job(4, 2, 4, 20, False, 7, after=0))
    assert jobs_from_columns(columns, (4, 2), pool=0)[1].submit_ms > 10**15
