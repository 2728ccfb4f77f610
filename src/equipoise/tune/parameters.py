"""What a search may change in a charter: floors, weights, lending, recovery and reclaim, each on a ladder of values.

A parameter has a finite list of values, written as a charter writes them, so that every charter of the search can be
written down exactly, met again, and tried out one by one where they are few.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import NamedTuple

from equipoise import units
from equipoise.charter.model import Charter, Share, Team
from equipoise.charter_io.editing import Editable, Path
from equipoise.errors import InputError

FIELDS = ("floor", "weight", "lend", "recover")
RECLAIM = "reclaim"
EVERYTHING = ("floors", "weights", "lend", "recover", "reclaim")
"""What is searched if nothing is said: of the teams at the top, and what reclaim restores."""

WEIGHTS = tuple(Fraction(*times) for times in ((1, 4), (1, 2), (3, 4), (1, 1), (3, 2), (2, 1), (3, 1), (4, 1)))
LENT = tuple(Fraction(tenths, 10) for tenths in range(0, 11, 2))
WAITS_MS = tuple(units.MINUTE_MS * minutes for minutes in (15, 30, 60, 120, 240, 480))
STEPS_MAX = 1_000


@dataclass(frozen=True, slots=True)
class Parameter:
    """One value of the charter that may change.

    Parameters
    ----------
    name : str
        ``safety.floor``, ``safety.floor.train`` where pools have floors of their own, or ``reclaim``.
    path : tuple of str
        Its keys in the file.
    values : tuple of str
        As the charter writes them, in order.
    present : int
        Which of them the present charter has.
    """

    name: str
    path: Path
    values: tuple[str, ...]
    present: int


def parameters(charter: Charter, text: Editable, asked: Sequence[str] = ()) -> tuple[Parameter, ...]:
    r"""Return what may change.

    Parameters
    ----------
    charter : Charter
        The present one.
    text : Editable
        Its file.
    asked : sequence of str
        ``floors``, ``weights``, ``lend`` and ``recover`` of the teams at the top, ``reclaim`` of the lab; or one of a team, such
        as ``safety.lend``, ``safety.floor=10%..40%`` or ``safety.floor=10%..40%/5%``. None: `EVERYTHING`.

    Raises
    ------
    InputError
        U102 for what is no parameter or no range.

    Examples
    --------
    >>> from equipoise.charter_io import loads
    >>> data = b"equipoise: charter/v1\nlab: S\npools: {a: {device: A, expect: 1 nodes of 8 gpu}}\nteams: {x: {floor: 20%}, y: {}}\n"
    >>> [(p.name, p.values, p.present) for p in parameters(loads(data), Editable(data), ["x.floor=10%..30%/5%", "y.lend"])]
    [('x.floor', ('10%', '15%', '20%', '25%', '30%'), 2), ('y.lend', ('0%', '20%', '40%', '60%', '80%', '100%'), 5)]
    """
    found: dict[str, Parameter] = {}
    for word in asked or EVERYTHING:
        for parameter in _named(charter, text, word):
            found[parameter.name] = parameter
    return tuple([parameter for parameter in found.values() if len(parameter.values) > 1])


def _named(charter: Charter, text: Editable, word: str) -> Iterator[Parameter]:
    name, bounds = _split(word)
    if name == RECLAIM and bounds is None:
        now = charter.reclaim
        yield Parameter(name, ("defaults", RECLAIM), ("floors", "shares"), int(now == "shares"))
        return
    tops = [team for team in charter.teams if team.parent is None]
    kind = name.rstrip("s") if name in ("floors", "weights") else name
    if kind in FIELDS:
        for team in tops:
            yield from _of_team(charter, text, team, kind, bounds)
        return
    path, dot, kind = name.rpartition(".")
    pool = None
    if dot and kind in {each.name for each in charter.pools} and path.endswith(".floor"):
        path, pool, kind = path.removesuffix(".floor"), kind, "floor"
    if not dot or kind not in FIELDS:
        raise InputError("U102", f"{units.shown(word)} is no parameter", hint=_HINT)
    made = list(_of_team(charter, text, charter.team(path), kind, bounds))
    yield from (each for each in made if pool is None or each.name.endswith(f".{pool}"))


_HINT = (
    "floors, weights, lend, recover, reclaim; or TEAM.floor, TEAM.weight, TEAM.lend, TEAM.recover, with =LOW..HIGH/STEP"
)


class Bounds(NamedTuple):
    """From where to where, as it was asked for."""

    low: str
    high: str
    step: str


def _split(word: str) -> tuple[str, Bounds | None]:
    """Take ``NAME=LOW..HIGH/STEP`` apart."""
    name, given, rest = word.partition("=")
    span, _, step = rest.partition("/")
    low, dots, high = span.partition("..")
    if given and not (low and dots and high):
        raise InputError("U102", f"{units.shown(word)} has no range", hint=_HINT)
    return name, Bounds(low, high, step) if given else None


def _of_team(charter: Charter, text: Editable, team: Team, field: str, bounds: Bounds | None) -> Iterator[Parameter]:
    keys = file_path(team.path, field)
    name = f"{team.path}.{field}"
    if field != "floor":
        yield _parameter(name, keys, field, _present(team, field), bounds)
        return
    written = text.written(keys)
    if not isinstance(written, list):
        share = team.floor[charter.pools[0].name]
        yield _parameter(name, keys, "gpus" if share.gpus is not None else field, _number(share), bounds)
        return
    for pool in written:
        share = team.floor[pool]
        kind = "gpus" if share.gpus is not None else field
        yield _parameter(f"{name}.{pool}", (*keys, pool), kind, _number(share), bounds)


def file_path(team: str, field: str) -> Path:
    """Return the keys of a team's field in a charter's file."""
    return (*(key for step in team.split(".") for key in ("teams", step)), field)


def _present(team: Team, field: str) -> Fraction:
    return {"weight": Fraction(team.weight_e4, 10_000), "lend": team.lend, "recover": Fraction(team.recover_ms)}[field]


def _number(share: Share) -> Fraction:
    return share.fraction if share.fraction is not None else Fraction(share.gpus or 0)


_WRITTEN: dict[str, Callable[[Fraction], str]] = {
    "floor": units.percent_text,
    "lend": units.percent_text,
    "weight": units.decimal_text,
    "recover": lambda ms: units.duration_text(int(ms)),
    "gpus": lambda gpus: f"{int(gpus)} gpu",
}
_READ: dict[str, Callable[[str], Fraction]] = {
    "floor": units.percent,
    "lend": units.percent,
    "weight": lambda text: units.decimal(text, high=1000),
    "recover": lambda text: Fraction(units.duration_ms(text)),
    "gpus": lambda text: Fraction(units.amount(text)),
}
_STEP = {
    "floor": Fraction(1, 100),
    "lend": Fraction(1, 5),
    "weight": Fraction(1, 2),
    "recover": Fraction(units.HOUR_MS),
}


def _parameter(name: str, path: Path, kind: str, present: Fraction, bounds: Bounds | None) -> Parameter:
    """Make a parameter; the present value is always among its own."""
    ladder = _usual(kind, present) if bounds is None else _range(name, kind, bounds)
    values = sorted({*ladder, present})
    texts = tuple([_WRITTEN[kind](value) for value in values])
    return Parameter(name, path, texts, values.index(present))


def _usual(kind: str, present: Fraction) -> Iterable[Fraction]:
    """Return values around the present one: half to one and a half of a floor, a quarter to four times a weight."""
    if kind == "weight":
        return [value for value in (round(present * times, 4) for times in WEIGHTS) if 0 < value <= 1000]
    if kind == "lend":
        return LENT
    if kind == "recover":
        return [Fraction(ms) for ms in WAITS_MS]
    one = Fraction(1) if kind == "gpus" else Fraction(1, 100)
    most = 10 * one if present == 0 else present * Fraction(3, 2)
    first, last = int(present / 2 / one), int(most / one)
    return [number * one for number in range(first, last + 1) if kind == "gpus" or number * one <= 1]


def _range(name: str, kind: str, bounds: Bounds) -> list[Fraction]:
    read = _READ[kind]
    try:
        first, last = read(bounds.low), read(bounds.high)
        by = read(bounds.step) if bounds.step else Fraction(1) if kind == "gpus" else _STEP[kind]
    except InputError as error:
        raise InputError("U102", f"{name}: {error.message}", hint="as the charter writes it: 10%..40%/5%") from None
    if not (first <= last and by > 0 and (last - first) / by <= STEPS_MAX):
        raise InputError(
            "U102", f"{name}: {bounds.low} to {bounds.high} is no range", hint=f"up to {STEPS_MAX} steps upwards"
        )
    return [first + by * number for number in range(int((last - first) / by) + 1)]
