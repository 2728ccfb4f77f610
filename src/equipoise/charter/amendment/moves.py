"""How one value of a charter moved: stronger, weaker, or in a way that cannot be ordered, which counts as weaker.

Every rule here compares two states and is a partial order, so that no chain of steps can reach by its sum what none of
its steps does: if a value is not weaker at any step, it is not weaker at the end.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any, Literal, TypeAlias, TypeVar

Direction = Literal["stronger", "weaker", "unordered"]
Order: TypeAlias = "Callable[[Any, Any], Direction | None]"
R = TypeVar("R")


@dataclass(frozen=True, slots=True)
class Move:
    """A value that is not what it was, and which way it went for the team, promise or gate that it is told of.

    Parameters
    ----------
    direction : {'stronger', 'weaker', 'unordered'}
    field : str
        As the charter calls it; ``sure`` is the sure share, ``kept`` what is kept free while idle.
    before, after : str or None
        As people write it; None where it was not or is not there.
    pool, capacity : str and int, or None
        Of a measured number: where it was measured, in GPUs.
    before_gpus, after_gpus : Fraction or None
        The measured numbers.
    """

    direction: Direction
    field: str
    before: str | None = None
    after: str | None = None
    pool: str | None = None
    capacity: int | None = None
    before_gpus: Fraction | None = None
    after_gpus: Fraction | None = None

    @property
    def weakens(self) -> bool:
        """Whether it counts as weaker: what cannot be ordered does."""
        return self.direction != "stronger"

    def to_dict(self) -> dict[str, object]:
        """Return plain values for JSON; measured numbers as exact fractions in text, such as ``6881/2``."""
        return {
            "direction": self.direction,
            "field": self.field,
            "before": self.before if self.before_gpus is None else str(self.before_gpus),
            "after": self.after if self.after_gpus is None else str(self.after_gpus),
            "pool": self.pool,
            "capacity": self.capacity,
        }


def higher(was: Any, now: Any) -> Direction | None:
    """More is stronger."""
    return None if was == now else "stronger" if now > was else "weaker"


def lower(was: Any, now: Any) -> Direction | None:
    """Less is stronger."""
    return higher(now, was)


def fixed(was: Any, now: Any) -> Direction | None:
    """Any change cannot be ordered."""
    return None if was == now else "unordered"


def wider(was: Collection[Any], now: Collection[Any]) -> Direction | None:
    """All of it and more is stronger."""
    before, after = set(was), set(now)
    if before == after:
        return None
    return "stronger" if before < after else "weaker" if after < before else "unordered"


Rule: TypeAlias = "tuple[Order, Callable[[R], Any]]"
"""How a field is ordered, and what of the record is compared."""


def moves(rules: Mapping[str, Rule[R]], was: R, now: R, texts: Callable[[R], Mapping[str, str]]) -> Iterator[Move]:
    """Yield how the fields of a record moved, each with what is written in both."""
    for field, (order, value) in rules.items():
        direction = order(value(was), value(now))
        if direction is not None:
            yield Move(direction, field, texts(was).get(field), texts(now).get(field))
