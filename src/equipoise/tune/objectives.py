"""What is sought and what is asked for: objectives, and conditions that every charter of the frontier keeps."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from equipoise import units
from equipoise.charter.difference import Difference, differences
from equipoise.charter.model import Charter
from equipoise.errors import InputError
from equipoise.tune.figures import Figures

Name = Literal["kept", "denied", "served", "leaving"]


@dataclass(frozen=True, slots=True)
class Objective:
    """A figure of which more, or less, is better.

    Parameters
    ----------
    name : str
    more : bool
        Whether more is better.
    title : str
        At the head of a column.
    better, worse : str
        In a sentence that begins with "it".
    """

    name: Name
    more: bool
    title: str
    better: str
    worse: str

    def of(self, figures: Figures) -> float:
        """Return the figure, which there is."""
        value = getattr(figures, self.name)
        assert value is not None, self.name
        return value

    def cost(self, figures: Figures) -> float:
        """Return the figure such that less is better."""
        return -self.of(figures) if self.more else self.of(figures)


KEPT = Objective("kept", True, "promises kept", "keeps more windows of promises", "keeps fewer windows of promises")
DENIED = Objective("denied", False, "denied", "denies less", "denies more")
SERVED = Objective(
    "served", True, "product served", "serves more of the product's demand", "serves less of the product's demand"
)
LEAVING = Objective(
    "leaving", False, "leave in 6 months", "loses fewer people in six months", "loses more people in six months"
)
ALL = (KEPT, DENIED, SERVED, LEAVING)

_MISSING = {
    "kept": "promises kept is left out: no window of a promise ends within the part of the log that is searched",
    "denied": "denied hours are left out: the teams were entitled to nothing",
    "served": "product demand is left out: there is no product that asks for anything (--product TEAM)",
    "leaving": "departures are left out: nothing says how many people teams have (--people TEAM=N)",
}


def objectives(present: Figures) -> tuple[tuple[Objective, ...], tuple[str, ...]]:
    """Return what can be sought by the figures of the present charter, and a sentence for each that cannot."""
    found = [each for each in ALL if getattr(present, each.name) is not None]
    return tuple(found), tuple([_MISSING[each.name] for each in ALL if each not in found])


@dataclass(frozen=True, slots=True)
class Condition:
    """Something that is kept: by the text of a charter (``team`` and ``field``) or by its figures.

    Parameters
    ----------
    text : str
        As it was asked for.
    subject : str
        ``safety.floor``, or the name of an objective.
    at_least : bool
        Whether the subject may not be less than the bound, or not more.
    bound : float
    """

    text: str
    subject: str
    at_least: bool
    bound: float

    def excess(self, value: float) -> float:
        """Return by how much a value misses it; 0 where it keeps it."""
        return max(0.0, self.bound - value if self.at_least else value - self.bound)


_CONDITION = re.compile(r"\s*(?P<subject>[a-z0-9.-]+)\s*(?P<sign>[<>]=)\s*(?P<bound>[^<>=]+?)\s*")
_HINT = "such as 'safety.floor>=20%', 'product.weight<=4', 'denied<=5%' or 'served>=90%'"


def condition(charter: Charter, text: str) -> Condition:
    """Read what is to be kept.

    Raises
    ------
    InputError
        U103 for what is no condition; C301 for a team that is not there.

    Examples
    --------
    >>> from equipoise.charter.model import EVERYTHING, NOTHING, Pool, Team
    >>> lab = Charter("Small", (Pool("a", "A", 1, 8),), (Team("x", "x", None, {"a": NOTHING}, {"a": EVERYTHING}),))
    >>> condition(lab, "x.floor>=20%").bound, condition(lab, "denied <= 2.5%").subject
    (0.2, 'denied')
    """
    match = _CONDITION.fullmatch(text)
    if match is None:
        raise InputError("U103", f"{units.shown(text)} is no condition", hint=_HINT)
    subject, bound = match["subject"], match["bound"]
    team, _, field = subject.rpartition(".")
    try:
        if subject in {each.name for each in ALL}:
            value = float(units.decimal(bound) if subject == "leaving" else units.percent(bound))
        elif field in ("floor", "lend"):
            charter.team(team)
            value = float(units.percent(bound))
        elif field == "weight":
            charter.team(team)
            value = float(units.decimal(bound))
        elif field == "recover":
            charter.team(team)
            value = float(units.duration_ms(bound))
        else:
            raise InputError("U103", f"{units.shown(subject)} is nothing that can be kept", hint=_HINT)
    except InputError as error:
        if error.code in ("C301", "U103"):
            raise
        raise InputError("U103", f"{units.shown(text)}: {error.message}", hint=_HINT) from None
    return Condition(text, subject, match["sign"] == ">=", value)


@dataclass(frozen=True, slots=True)
class Conditions:
    """All that is asked of a charter besides passing `check`.

    Parameters
    ----------
    present : Charter
    written : tuple of Condition
        Of the charter's text.
    measured : tuple of Condition
        Of its figures.
    promises : tuple of str
        Promises of which no window may be broken.
    guarded : tuple of str
        Teams that may not be weakened.
    """

    present: Charter
    written: tuple[Condition, ...] = ()
    measured: tuple[Condition, ...] = ()
    promises: tuple[str, ...] = ()
    guarded: tuple[str, ...] = ()

    def refusal(self, charter: Charter) -> str | None:
        """Say which condition on its text a charter does not keep, if there is one."""
        for each in self.written:
            team, _, field = each.subject.rpartition(".")
            if any(each.excess(value) > 0 for value in _values(charter, team, field)):
                return each.text
        weakened = weakened_teams(self.present, charter) & set(self.guarded) if self.guarded else set[str]()
        highest = [path for path in sorted(weakened) if path.rpartition(".")[0] not in weakened]
        return f"weakens {', '.join(highest)}" if highest else None

    def violation(self, figures: Figures) -> float:
        """Return by how much a charter's figures miss the conditions; 0 where they keep all."""
        broken = sum(windows - kept for name, kept, windows in figures.promises if name in self.promises)
        missed = [each.excess(getattr(figures, each.subject) or 0.0) for each in self.measured]
        return float(broken) + sum(missed)


def guarded_teams(charter: Charter) -> tuple[str, ...]:
    """Return the teams that boards protect, by themselves or by a promise made to them."""
    own = {team.path for team in charter.teams if team.protected_by}
    promised = {each.team for each in charter.commitments if each.protected_by}
    return tuple([team.path for team in charter.teams if team.path in own | promised])


def weakened_teams(before: Charter, after: Charter) -> set[str]:
    """Return the teams that an amendment weakens at the planning capacity, in whole accelerators.

    What weakens: a lower floor or limit, less that is due when all ask for everything (so more weight for others), less that
    is kept free while idle, a longer wait for what was lent.
    """
    return {
        change.name
        for change in differences(before, after)
        if change.section == "team" and any(_weakens(each) for each in change.differences)
    }


def _weakens(difference: Difference) -> bool:
    if difference.field in ("floor", "limit", "due", "kept"):
        return (difference.after_gpus or 0) < (difference.before_gpus or 0)
    if difference.field == "recover":
        return units.duration_ms(difference.after or "0s") > units.duration_ms(difference.before or "0s")
    return False


def _values(charter: Charter, team: str, field: str) -> Sequence[float]:
    """Return a team's values of a field, one for each pool where pools have their own; an amount as part of the parent."""
    of = charter.team(team)
    if field != "floor":
        read: dict[str, Callable[[], float]] = {
            "lend": lambda: float(of.lend),
            "weight": lambda: of.weight_e4 / 10_000,
            "recover": lambda: float(of.recover_ms),
        }
        return [read[field]()]
    found: list[float] = []
    for pool in charter.pools:
        share = of.floor[pool.name]
        found.append(float(share.fraction) if share.fraction is not None else (share.gpus or 0) / pool.capacity)
    return found
