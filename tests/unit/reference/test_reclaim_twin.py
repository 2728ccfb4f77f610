"""The twins of secure sets, reclaim and entitlement on cases worked by hand."""

from __future__ import annotations

from itertools import pairwise, product

import pytest

from tests.reference.policy_entitlement import entitlements, fill
from tests.reference.policy_reclaim import choose, judge, legal_sets
from tests.reference.policy_secure import deficits, entitled_secure_sets, potential, secure_sets, shares_potential
from tests.reference.policy_tree import Gang, Tree, View


def flat(*floors: int, limit: int, weights: tuple[int, ...] | None = None) -> Tree:
    rows = len(floors)
    return Tree((-1,) * rows, floors, (limit,) * rows, weights or (1,) * rows)


# Two divisions of two teams: 0 = a (1 = a.x, 2 = a.y), 3 = b (4 = b.x, 5 = b.y).
TWO_BY_TWO = Tree((-1, 0, 0, -1, 3, 3), (6, 4, 2, 4, 2, 2), (10, 10, 10, 10, 10, 10), (1,) * 6)


def test_oldest_gangs_are_secure_up_to_the_floor_and_smaller_younger_ones_after_a_straddler() -> None:
    tree = flat(5, 0, limit=10)
    gangs = [Gang(1, 0, 3, start_ms=10), Gang(2, 0, 4, start_ms=20), Gang(3, 0, 2, start_ms=30)]
    assert secure_sets(tree, gangs)[0] == {1, 3}


def test_non_preemptible_gangs_are_secure_before_older_ones() -> None:
    tree = flat(4, 0, limit=10)
    gangs = [Gang(1, 0, 3, start_ms=10), Gang(2, 0, 2, start_ms=20, preemptible=False)]
    assert secure_sets(tree, gangs)[0] == {2}


def test_an_inner_floor_secures_what_its_leaves_cannot() -> None:
    tree = Tree((-1, 0, 0, -1), (6, 2, 0, 0), (8,) * 4, (1,) * 4)
    gangs = [Gang(1, 1, 3, start_ms=5), Gang(2, 2, 3, start_ms=4), Gang(3, 1, 2, start_ms=9)]
    secure = secure_sets(tree, gangs)
    assert (secure[1], secure[2]) == ({3}, set())
    assert secure[0] == {3, 2}  # 2 from the leaf, then the oldest that fits: gang 2; gang 1 no longer does


def test_a_secure_gang_of_a_child_is_secure_at_every_row_above_it() -> None:
    gangs = [Gang(1, 4, 2, start_ms=50), Gang(2, 5, 4, start_ms=1)]
    secure = secure_sets(TWO_BY_TWO, gangs)
    assert secure[4] == secure[3] == {1}


def test_the_potential_counts_secure_gpus_and_then_deficits_deepest_first() -> None:
    view = View(TWO_BY_TWO, (Gang(1, 1, 3, 0), Gang(2, 4, 5, 0)), 10)
    assert potential(view) == ((3, 3), (-(1 + 2 + 2), -3))
    assert deficits(view) == (5, 3)


def test_two_gangs_that_straddle_both_floors_never_evict_each_other() -> None:
    # PACING 1: capacity 3, floors 2 and 1, a gang of 3 each. Without a rounded floor neither may take the machine back.
    tree = flat(2, 1, limit=3)
    for holder, asker in ((0, 1), (1, 0)):
        view = View(tree, (Gang(1, holder, 3, 0),), 3, (2, 1))
        assert choose(view, Gang(2, asker, 3, 9)) is None
        assert list(legal_sets(view, Gang(2, asker, 3, 9))) == []


def test_with_one_rounded_floor_the_gang_comes_back_once_and_stays() -> None:
    tree = Tree((-1, -1), (2, 1), (3, 3), (1, 1), rounded=(3, 1))
    ours, theirs = Gang(1, 0, 3, 9), Gang(2, 1, 3, 0)
    assert choose(View(tree, (theirs,), 3, (2, 1)), ours) == (2,)
    assert choose(View(tree, (ours,), 3, (2, 1)), Gang(2, 1, 3, 20)) is None


def test_a_claim_within_the_floor_takes_the_youngest_borrower() -> None:
    tree = flat(4, 0, limit=8)
    view = View(tree, (Gang(1, 1, 2, 10), Gang(2, 1, 2, 30), Gang(3, 1, 4, 20)), 8)
    assert choose(view, Gang(9, 0, 2, 40)) == (2,)
    assert judge(view, Gang(9, 0, 2, 40), (2,)).rule == "S"


def test_least_lost_work_goes_before_newest_and_the_tired_go_last() -> None:
    tree = flat(4, 0, limit=8)
    view = View(tree, (Gang(1, 1, 4, 10), Gang(2, 1, 4, 30)), 8)
    claim = Gang(9, 0, 4, 40)
    assert choose(view, claim, lost_work={2: 5, 1: 4}) == (1,)
    assert choose(view, claim, lost_work={2: 5, 1: 4}, tired={1}) == (2,)


def test_the_team_most_over_its_floor_per_weight_pays() -> None:
    tree = flat(4, 2, 2, limit=12, weights=(1, 2, 1))
    view = View(tree, (Gang(1, 1, 2, 0), Gang(2, 1, 4, 50), Gang(3, 2, 2, 0), Gang(4, 2, 3, 50), Gang(5, 0, 1, 0)), 12)
    # Team 1 is over by 4 at weight 2, team 2 by 3 at weight 1.
    assert choose(view, Gang(9, 0, 3, 60)) == (4,)


def test_needless_victims_are_let_go_again() -> None:
    tree = flat(4, 0, limit=8)
    view = View(tree, (Gang(1, 1, 1, 50), Gang(2, 1, 7, 10)), 8)
    # The newest is picked first, does not suffice, and is spared once the older gang must go anyway.
    assert choose(view, Gang(9, 0, 4, 60)) == (2,)


def test_no_secure_gang_and_no_non_preemptible_gang_is_taken() -> None:
    tree = flat(4, 4, limit=8)
    assert choose(View(tree, (Gang(1, 1, 4, 0), Gang(2, 0, 4, 0)), 8), Gang(9, 0, 1, 5)) is None
    bound = View(tree, (Gang(1, 1, 8, 0, preemptible=False),), 8)
    assert choose(bound, Gang(9, 0, 4, 5)) is None
    assert judge(bound, Gang(9, 0, 4, 5), (1,)).objections == ("victim 1 is not preemptible",)


def test_siblings_pay_before_the_next_division_does() -> None:
    view = View(TWO_BY_TWO, (Gang(1, 2, 4, 0), Gang(2, 4, 6, 0)), 10)
    # a.x claims 2 of its 4: a holds 4 of 6, so both a.y (over its 2) and b (over its 4) could pay; a.y is nearer.
    assert choose(view, Gang(9, 1, 2, 7)) == (1,)


def test_when_siblings_hold_nothing_too_much_the_next_division_pays() -> None:
    view = View(TWO_BY_TWO, (Gang(1, 2, 2, 0), Gang(2, 4, 2, 0), Gang(3, 4, 6, 5)), 10)
    assert choose(view, Gang(9, 1, 4, 7)) == (3,)


def test_a_limit_above_is_cleared_by_victims_below_it() -> None:
    tree = Tree((-1, 0, 0, -1), (4, 4, 0, 0), (6, 6, 6, 10), (1,) * 4)
    view = View(tree, (Gang(1, 2, 6, 0),), 10)  # 4 devices are free, but division 0 is at its limit
    assert choose(view, Gang(9, 1, 3, 7)) == (1,)


def test_courtesy_lets_a_gang_above_the_slack_in_where_nobodys_floor_pays() -> None:
    # Floor 3, 2 held, a gang of 3: S would need 5 <= 3. The entitlement of 5 and an insecure borrower allow it by N.
    tree = flat(3, 2, limit=8)
    view = View(tree, (Gang(1, 0, 2, 0), Gang(2, 1, 2, 0), Gang(3, 1, 4, 5)), 8, (5, 3))
    assert judge(view, Gang(9, 0, 3, 7), (3,)).rule == "N"
    poorer = View(tree, view.gangs, 8, (4, 4))
    assert not judge(poorer, Gang(9, 0, 3, 7), (3,))


def test_courtesy_is_no_claim_above_the_floor() -> None:
    view = View(flat(2, 2, limit=8), (Gang(1, 0, 2, 0), Gang(2, 1, 2, 0), Gang(3, 1, 4, 5)), 8, (4, 4))
    objections = judge(view, Gang(9, 0, 2, 7), (3,)).objections
    assert "rule N: row 0 would hold 2, not less than its floor 2" in objections


def test_courtesy_leaves_every_floor_that_the_victim_counts_for() -> None:
    view = View(flat(3, 3, limit=8), (Gang(1, 0, 2, 0), Gang(2, 1, 4, 0)), 8, (5, 3))
    assert "rule N: row 1 would fall below its floor" in judge(view, Gang(9, 0, 3, 7), (2,)).objections


def test_courtesy_spares_gangs_that_are_secure_higher_up() -> None:
    # a.y's gang is above its leaf's floor but within the floor that its division holds.
    view = View(TWO_BY_TWO, (Gang(1, 1, 3, 0), Gang(2, 2, 3, 0)), 6, (6, 5, 1, 0, 0, 0))
    objections = judge(view, Gang(9, 1, 2, 7), (2,)).objections
    assert "rule N: victim 2 is secure at row 0" in objections


def test_shares_reclaim_up_to_the_entitlement_and_no_further() -> None:
    tree = flat(0, 0, limit=8)
    view = View(tree, (Gang(1, 0, 4, 0), Gang(2, 0, 4, 5)), 8, (4, 4))
    assert entitled_secure_sets(tree, view.gangs, view.entitlement)[0] == {1}
    assert judge(view, Gang(9, 1, 4, 7), (2,), reclaim="shares").rule == "shares"
    assert not judge(view, Gang(9, 1, 4, 7), (1,), reclaim="shares")
    assert choose(view, Gang(9, 1, 4, 7), reclaim="shares") == (2,)
    assert choose(view, Gang(9, 1, 5, 7), reclaim="shares") is None
    assert choose(view, Gang(9, 1, 4, 7)) is None  # with floors alone there is nothing to restore
    assert shares_potential(view) == (0, 0, (4,))


def test_a_non_preemptible_claim_must_be_secure() -> None:
    tree = flat(4, 0, limit=8)
    view = View(tree, (Gang(1, 0, 2, 0, preemptible=False), Gang(2, 1, 6, 0)), 8)
    assert judge(view, Gang(9, 0, 2, 5, preemptible=False), (2,)).rule == "S"
    assert choose(view, Gang(9, 0, 3, 5, preemptible=False)) is None


def test_webster_gives_the_units_of_the_printed_example() -> None:
    # FAIRNESS 2: with largest remainders the second child would lose a unit from 14 to 15. Here nobody ever does.
    runs = [fill(units, (8, 8, 9), (3, 1, 6)) for units in range(26)]
    assert all(later[i] >= earlier[i] for earlier, later in pairwise(runs) for i in range(3))
    assert runs[10] == [3, 1, 6]
    assert runs[25] == [8, 8, 9]


@pytest.mark.parametrize(
    ("demand", "expected"),
    [
        ((9, 9), [5, 3]),  # floors 3 and 1, then 4 more: two each by equal weight
        ((0, 9), [0, 8]),  # an idle floor is lent
        ((2, 9), [2, 6]),
        ((1, 1), [1, 1]),
    ],
)
def test_entitlement_is_floors_first_then_weights(demand: tuple[int, int], expected: list[int]) -> None:
    assert entitlements(flat(3, 1, limit=8), 8, demand) == expected


def test_a_reserve_is_kept_even_from_those_who_ask() -> None:
    tree = Tree((-1, -1), (4, 0), (8, 8), (1, 1), reserve=(3, 0))
    assert entitlements(tree, 8, (0, 8)) == [3, 5]


def test_liveness_and_termination_on_every_small_state() -> None:
    # Capacity 4, floors 2 and 1 and 1, one or two gangs a team: whenever alloc < floor and alloc + g <= R, section 5
    # finds victims, they are legal, and the potential rises.
    tree = flat(2, 1, 1, limit=4)
    claims = 0
    for sizes in product(range(4), repeat=4):
        owners = (0, 1, 2, 1)
        gangs = tuple(Gang(i, owners[i], size, i) for i, size in enumerate(sizes) if size)
        view = View(tree, gangs, 4, (2, 1, 1))
        held = view.allocation()
        if sum(sizes) > 4:
            continue
        for leaf, size in product(range(3), (1, 2)):
            if held[leaf] < tree.floor[leaf] and held[leaf] + size <= tree.rounded[leaf]:
                claim = Gang(9, leaf, size, 9)
                victims = choose(view, claim)
                assert victims is not None, (view, claim)
                if victims:
                    claims += 1
                    assert potential(view.replace(victims, claim)) > potential(view)
                    assert set(victims) in [set(legal) for legal in legal_sets(view, claim)]
    assert claims > 50
