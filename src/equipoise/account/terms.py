"""What a window is judged by, fixed when it opens: text, weights, leaves, grace, and the hours that it makes good."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction

from equipoise.account.scale import Scale
from equipoise.account.stocks import Stocks
from equipoise.account.tree import Leaves
from equipoise.account.window import Span
from equipoise.charter.model import Charter
from equipoise.charter.promise import Commitment
from equipoise.errors import InputError


@dataclass(frozen=True, slots=True)
class Terms:
    """The record with which a window opens. No later amendment changes it.

    Parameters
    ----------
    promise : Commitment
        As it was written then.
    text : str
        Digest of the charter in force then.
    span : Span
        The window.
    scale : Scale
        The unit, from the pools' weights then. Of a promise of starts it holds the share only.
    leaves : Leaves
        Whose work counts; what is added while the window is open is told by ``Leaves.amended``.
    grace : int
        Denied up to here is forgiven, in stock units.
    make_good : int
        Broken hours of the window before that this one makes good, in stock units of *this* window.
    capacity : int or None
        Of a promise ``of: capacity at DATE``: the weighted GPUs recorded at that date.
    """

    promise: Commitment
    text: str
    span: Span
    scale: Scale
    leaves: Leaves
    grace: int = 0
    make_good: int = 0
    capacity: int | None = None

    @property
    def opening(self) -> Stocks:
        """The stocks with which the window begins."""
        return Stocks(make_good=self.make_good, forfeit=self.promise.unused == "forfeit")

    def in_parts(self, parts: int) -> Terms:
        """Return the same terms in a unit that is a part of theirs."""
        return replace(
            self,
            scale=self.scale.in_parts(parts),
            grace=self.grace * parts,
            make_good=self.make_good * parts,
            capacity=None if self.capacity is None else self.capacity * parts,
        )


def open_window(
    charter: Charter,
    promise: str,
    span: Span,
    *,
    grace_gpu_ms: Fraction | int = 0,
    make_good_heh_ms: Fraction = Fraction(0),
    capacity: Mapping[str, int] | None = None,
) -> Terms:
    """Fix what a window is judged by.

    Parameters
    ----------
    charter : Charter
        In force when the window begins.
    promise : str
        Name of the promise.
    span : Span
        The window (``window`` computes it).
    grace_gpu_ms : Fraction or int
        In weighted GPU-milliseconds; :func:`pacing_grace` is the default of the rules.
    make_good_heh_ms : Fraction
        Hours to make good, in H100-equivalent milliseconds, which no charter changes (``verdict`` says how many).
    capacity : Mapping of pool name to int, optional
        GPUs recorded at the promise's date, for ``of: capacity at DATE``.

    Raises
    ------
    InputError
        A201 when there is no such promise, A202 when the capacity at its date is missing or not asked for.
    """
    for one in charter.commitments:
        if one.name == promise:
            break
    else:
        hint = "promises: " + ", ".join(one.name for one in charter.commitments)
        raise InputError("A201", f"no promise '{promise}'", hint=hint)
    if (one.of == "capacity at") != (capacity is not None):
        said = f"promise '{promise}' is of {one.of}, and its capacity is {'missing' if capacity is None else 'given'}"
        raise InputError("A202", said, hint="only `of: capacity at DATE` has one, and it must be in the record")
    scale = Scale.of_promise(charter, one)
    made_good = make_good_heh_ms / scale.heh * scale.q
    return Terms(
        one,
        charter.digest,
        span,
        scale,
        Leaves.of(charter, one.team),
        grace=int(grace_gpu_ms * scale.q),
        make_good=-(-made_good.numerator // made_good.denominator),
        capacity=None if capacity is None else scale.weigh(capacity),
    )


def pacing_grace(pace_max: int, largest_gang: int, notice_ms: int) -> int:
    """Return the grace that is left to pacing, in weighted GPU-milliseconds: (P_max + s)·τ.

    Parameters
    ----------
    pace_max, largest_gang : int
        The most that pacing asks for, and the team's largest gang, in weighted GPUs.
    notice_ms : int
        τ, the longest time that a borrower may go on: its min_runtime and grace, as bounded by the claimant's recover.
    """
    return (pace_max + largest_gang) * notice_ms


def can_be_made_good(terms: Terms, pace_max: int, capacity: int, spare_ms: int) -> bool:
    """Whether a window can hold what it is to make good: A ≤ q(P_max − φC)(W − δ).

    Parameters
    ----------
    terms : Terms
    pace_max, capacity : int
        P_max and C in weighted GPUs.
    spare_ms : int
        δ, by how much pacing ends ahead of the window.
    """
    room = terms.scale.q * pace_max - terms.scale.p * capacity
    return terms.make_good <= room * max(0, terms.span.length_ms - spare_ms)
