"""What a window is judged by, fixed when it opens: text, weights, leaves, grace, and the hours that it makes good."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from equipoise.account.scale import Scale
from equipoise.account.stocks import Stocks
from equipoise.account.tree import Leaves
from equipoise.account.window import Span
from equipoise.charter.model import Charter
from equipoise.charter.promise import Commitment
from equipoise.errors import InputError, VerificationError
from equipoise.units import json_integer, read_json_integer, shown


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

    def to_json(self, capacity: Mapping[str, int] | None = None) -> dict[str, Any]:
        """Return what a ledger says when the window opens; ``capacity`` of ``of: capacity at DATE``."""
        values: dict[str, Any] = {
            "promise": self.promise.name, "text": self.text, "from_ms": self.span.from_ms, "to_ms": self.span.to_ms,
            "grace": json_integer(self.grace), "make_good": json_integer(self.make_good),
        }  # fmt: skip
        return values if capacity is None else values | {"capacity": [[name, gpus] for name, gpus in capacity.items()]}


def terms_from_json(charter: Charter, values: Mapping[str, Any]) -> Terms:
    """Read what :meth:`Terms.to_json` returns, given the charter in force when the window began.

    Raises
    ------
    VerificationError
        A104 for anything else, and for a charter that is not the one that the window names.
    """
    try:
        span = Span(values["from_ms"], values["to_ms"])
        capacity = dict(values["capacity"]) if "capacity" in values else None
        terms = open_window(charter, values["promise"], span, capacity=capacity)
        grace, make_good = read_json_integer(values["grace"]), read_json_integer(values["make_good"])
        assert grace is not None and grace >= 0 and make_good is not None and make_good >= 0
    except (InputError, KeyError, TypeError, ValueError, AttributeError, AssertionError) as error:
        raise VerificationError(
            "A104", "a window opens with terms that cannot be", hint="the record is malformed"
        ) from error
    if terms.text != values["text"]:
        said = f"the window of '{terms.promise.name}' opens under {shown(str(values['text']))}, not under {terms.text}"
        raise VerificationError("A104", said, hint="a window is judged by the text in force when it began")
    return replace(terms, grace=grace, make_good=make_good)


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
