"""Which leaves count while the tree changes under an open window."""

from __future__ import annotations

import pytest

from equipoise.account import Leaves
from equipoise.errors import InputError
from tests.unit.account.windows import charter

OPENED = Leaves.of(
    charter(leaves=("lab-ops", "product.applied", "product.chat", "safety.evals", "safety.probes")), "safety"
)
OTHERS = {"lab-ops", "product.chat"}


@pytest.mark.parametrize(
    ("leaves", "counts", "does_not"),
    [
        # New leaves count for the team that they are under.
        ({"safety.evals", "safety.probes", "safety.new"}, {"safety.new"}, set[str]()),
        ({"safety.evals", "safety.probes", "product.new"}, set[str](), {"product.new"}),
        # Moved leaves count as before, both ways.
        ({"safety.evals", "safety.probes", "safety.applied"}, set[str](), {"safety.applied"}),
        ({"safety.probes", "product.applied", "product.evals"}, {"product.evals"}, set[str]()),
        # A whole team moved: its leaves end in the same names.
        ({"safety.evals", "safety.probes", "safety.product.applied"}, set[str](), {"safety.product.applied"}),
        # The team itself was renamed: its leaves go on counting.
        ({"trust.evals", "trust.probes", "product.applied"}, {"trust.evals", "trust.probes"}, set[str]()),
        # Divided leaves count as the leaf did that was divided.
        ({"safety.evals.bio", "safety.probes", "product.applied"}, {"safety.evals.bio"}, set[str]()),
        ({"product.applied.evals", "safety.evals", "safety.probes"}, set[str](), {"product.applied.evals"}),
    ],
)
def test_what_is_moved_later_counts_as_it_did(leaves: set[str], counts: set[str], does_not: set[str]) -> None:
    later = OPENED.amended(leaves | OTHERS)
    assert counts <= later.counting
    assert does_not <= later.others
    assert {"safety.evals", "safety.probes"} <= later.counting  # their workloads run on
    assert later.counting.isdisjoint(later.others)


def test_a_move_in_two_steps_is_a_move() -> None:
    between = OPENED.amended({"safety.evals", "safety.probes"} | OTHERS)
    later = between.amended({"safety.evals", "safety.probes", "safety.applied"} | OTHERS)
    assert "safety.applied" in later.others


def test_a_leaf_that_may_have_been_either_does_not_count() -> None:
    opened = Leaves.of(charter(leaves=("product.x.run", "safety.y.run", "safety.z")), "safety")
    later = opened.amended({"safety.w.run", "safety.z"})
    assert "safety.w.run" in later.others


def test_a_leaf_is_the_one_that_it_has_most_names_in_common_with() -> None:
    opened = Leaves.of(charter(leaves=("product.chat.run", "safety.evals.run", "safety.z")), "safety")
    later = opened.amended({"product.evals.run", "safety.z"})
    assert "product.evals.run" in later.counting


def test_a_leaf_that_comes_back_counts_as_it_did() -> None:
    gone = OPENED.amended(OTHERS)
    back = gone.amended(OTHERS | {"safety.evals", "product.applied"})
    assert "safety.evals" in back.counting
    assert "product.applied" in back.others


def test_a_team_that_is_a_leaf_counts_itself_and_one_that_is_not_there_is_refused() -> None:
    assert Leaves.of(charter(), "safety").counting == {"safety"}
    assert Leaves.of(charter(leaves=("safety", "safety-net")), "safety").counting == {"safety"}
    with pytest.raises(InputError, match="no team 'trust'"):
        Leaves.of(charter(), "trust")
