"""Which worlds a lab's years can be played in: its own as it goes on, its own as something happens to it, and the shipped scenarios."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from functools import cache

from equipoise.errors import InputError
from equipoise.outlook.labs import Lab, Stage, World
from equipoise.outlook.parameters import PARAMETERS, Beliefs, Parameter
from equipoise.tasks.prospect import Ground
from equipoise.tasks.roster import Economy, Roster
from equipoise.tasks.scenario import SHIPPED, Scenario, scenario
from equipoise.units import shown

OWN = "lab"
AGAINST = "charter-kept"
DRAWS, DRAWS_MOST = 1_000, 5_000
TENFOLD = math.log(10) / 12  # a year, as a logarithm a month
BACK_MONTH = 18
SHIPPED_MONTHS = 60


@dataclass(frozen=True, slots=True)
class Choice:
    """A scenario that can be chosen.

    Parameters
    ----------
    name, title, told : str
    is_own : bool
        Whether it is about the lab that is looked at.
    """

    name: str
    title: str
    told: str
    is_own: bool


@dataclass(frozen=True, slots=True)
class _Event:
    """What happens to a lab: what becomes of each of its worlds, and what is set of the parameters."""

    title: str
    told: str
    happens: Callable[[World], World]
    settings: tuple[str, ...] = ()


def choices(own: Ground | None) -> tuple[Choice, ...]:
    """Return what can be chosen: of the lab itself, where its years are known, and the shipped scenarios."""
    found: list[Choice] = []
    if own is not None:
        found.append(Choice(OWN, "As it goes on", "The lab goes on as the run ended.", is_own=True))
        found += [Choice(name, of.title, of.told, is_own=True) for name, of in _EVENTS.items() if _changes(own, of)]
    for name in SHIPPED:
        told = _shipped(name).world.told
        found.append(Choice(name, name.replace("-", " ").capitalize(), told, is_own=False))
    return tuple(found)


def chosen(name: str, own: Ground | None) -> Ground:
    """Return where the years of a scenario begin.

    Raises
    ------
    InputError
        N180 for one that there is not, or that is about a lab whose years are not known.
    """
    if name in SHIPPED:
        return _compared(name)
    if own is None and (name == OWN or name in _EVENTS):
        raise InputError(
            "N180", "nothing says who works in this lab, so its years cannot be played", hint="GET …/outlook says what is missing"
        )  # fmt: skip
    if own is not None and name == OWN:
        return own
    event = _EVENTS.get(name)
    if own is None or event is None or not _changes(own, event):
        known = ", ".join(each.name for each in choices(own))
        raise InputError("N180", f"no scenario {shown(name)}", hint=f"there are: {known}")
    said = f"scenario: {event.told[0].lower()}{event.told[1:].rstrip('.')}"
    worlds = tuple(replace(event.happens(each), assumptions=(*each.assumptions, said)) for each in own.worlds)
    known = replace(own.known, settings=(*own.known.settings, *event.settings))
    return replace(own, worlds=worlds, known=known)


def parameters(begun: Ground) -> tuple[Parameter, ...]:
    """Return what may be moved in a scenario: what all labs share, with what it sets; what a lab draws of its own stays."""
    names = [lab.name for lab in begun.worlds[0].labs]
    return tuple(each for each in Beliefs().with_set(begun.known.settings, names).parameters if not each.per_lab)


NAMES = frozenset(each.name for each in PARAMETERS if not each.per_lab)


def _changes(own: Ground, event: _Event) -> bool:
    return bool(event.settings) or any(event.happens(each) != each for each in own.worlds)


def _back(of: World) -> World:
    """Put the charter that the lab is held to in force again after a while, where it acts under another."""
    lab = of.lab(of.focal)
    if lab.reference is None or lab.course[-1].charter == lab.reference:
        return of
    return of.with_lab(replace(lab, course=(*lab.course, Stage(BACK_MONTH, lab.reference))))


def _flat(of: World) -> World:
    return of.with_lab(replace(of.lab(of.focal), flat=True))


def _leapfrog(of: World) -> World:
    """Let the rival that grows fastest begin level with the lab and grow tenfold a year."""
    own, rivals = of.lab(of.focal), [lab for lab in of.labs if lab.name != of.focal]
    if not rivals:
        return of
    one = max(rivals, key=lambda lab: (lab.growth or 0.0, lab.name))
    level = {"revenue": own.revenue, "compute": own.compute, "capability": own.capability, "growth": TENFOLD}
    return of.with_lab(replace(one, **level))


def _same(of: World) -> World:
    return of


_EVENTS: Mapping[str, _Event] = {
    "lab-re-engagement": _Event("The charter comes back", f"From month {BACK_MONTH} on the charter that was promised acts again.", _back),
    "lab-flat-budget": _Event("Flat budget", "The lab's compute stays what it is, whatever it earns.", _flat),
    "lab-rival-leapfrogs": _Event(
        "A rival grows tenfold", "The rival that grows fastest begins level with the lab, and grows tenfold a year.", _leapfrog
    ),
    "lab-architectural-shift": _Event(
        "A paradigm a year", "Paradigm shifts come once a year instead of once in six.", _same, ("mu=1",)
    ),
}  # fmt: skip


@cache
def _shipped(name: str) -> Scenario:
    return scenario(name)


def _compared(name: str) -> Ground:
    """Return a shipped scenario, second to the kept charter where their rivals are the same."""
    found, base = _shipped(name), _shipped(AGAINST)
    alone = name == AGAINST or _rivals(found.world) != _rivals(base.world)
    worlds = (found.world,) if alone else (base.world, found.world)
    names = tuple(each.name for each in worlds)
    known = Roster({}, Economy(), {}, settings=found.settings, months=SHIPPED_MONTHS, runs=DRAWS)
    told = "a lab in round numbers after public figures; not the one that is looked at"
    return Ground(
        tuple(each.replace("-", " ") for each in names), tuple(f"under {each}" for each in names), worlds, (), known, notes=(told,)
    )  # fmt: skip


def _rivals(of: World) -> list[Lab]:
    return [lab for lab in of.labs if lab.name != of.focal]
