"""What differs between two charters, in plain sentences and GPUs: what people read before they sign an amendment."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction

from equipoise.charter.difference import Change, Difference, Mark
from equipoise.charter.explanation import (
    average_text,
    board_sentence,
    gate_sentences,
    listed,
    promise_sentences,
    team_sentences,
)
from equipoise.charter.model import Charter

SIGNS: dict[Mark, str] = {"add": "+", "change": "~", "remove": "-"}
ALIKE = 3
"""From so many teams on, one and the same change is told once for all of them."""
NAMED = 6
"""How many of such teams are named."""

_FIELDS = {
    "weight": "Its weight in what floors leave {goes} from {before} to {after}.",
    "lend": "It lends {after} of its idle floor instead of {before}.",
    "recover": "A floor that it lent is back within {after} instead of {before}.",
    "protect.grace": "Its borrowed jobs are warned {after} before a stop instead of {before}.",
    "protect.min_runtime": "Its borrowed jobs run at least {after} before a stop instead of {before}.",
    "protect.reclaims_per_day": "Others are stopped first after {after} reclaims in a day instead of {before}.",
    "max_job": "Its jobs may have {after} instead of {before}.",
    "submit": "Jobs may be submitted by {after} instead of {before}.",
    "owner": "Requests for credits are answered by {after} instead of {before}.",
    "protected_by": "What weakens it is also signed by {after} instead of {before}.",
    "holds": "It holds {after} instead of {before}.",
    "at_least": "It owes at least {after} instead of {before}.",
    "at_most": "It allows at most {after} instead of {before}.",
    "window": "It is judged over {after} instead of {before}.",
    "make_good": "Of broken hours {after} are made good instead of {before}.",
    "pace_max": "Pacing may ask for {after} of the capacity instead of {before}.",
    "team": "It is made to {after} instead of {before}.",
}
_CAUSES = {
    "capacity": "because the machine changes",
    "parent": "because that of {parent} changes",
    "siblings": "because its siblings' floors change",
    "limit": "because its limit changes",
    "floor": "because its floor changes",
    "below": "because teams below it change",
    "others": "",
}


@dataclass(frozen=True, slots=True)
class Entry:
    """A title with its sign, and the sentences below it."""

    mark: Mark
    title: str
    sentences: tuple[str, ...]

    def __str__(self) -> str:
        return "\n".join([f"{SIGNS[self.mark]} {self.title}", *(f"    {sentence}" for sentence in self.sentences)])


def written(changes: Sequence[Change], before: Charter | None, after: Charter) -> Iterator[Entry]:
    """Say what people changed.

    Parameters
    ----------
    changes : sequence of Change
        As ``differences`` returns them.
    before : Charter or None
    after : Charter

    Yields
    ------
    Entry
        What many teams have in common, such as another default, is one entry.
    """
    shared = _shared(changes)
    for difference, paths in shared.items():
        more = f" and {len(paths) - NAMED:,} more" if len(paths) > NAMED else ""
        names = ", ".join(paths[:NAMED]) + more if more else listed(paths)
        yield Entry("change", f"{len(paths):,} teams: {names}", (sentence(difference, ""),))
    for change in changes:
        if not change.is_written:
            continue
        if change.mark != "change":
            charter = after if change.mark == "add" else before
            assert charter is not None
            yield Entry(change.mark, _title(change), tuple(_whole(change, charter)))
            continue
        told = [sentence(each, change.name) for each in change.differences if not _is_shared(change, each, shared)]
        if told:
            yield Entry("change", _title(change), tuple(told))


def affected(changes: Sequence[Change]) -> Iterator[Entry]:
    """Say what others' changes do to those whose own text is the same, most GPUs first."""
    moved = [change for change in changes if not change.is_written]
    for change in sorted(moved, key=lambda change: -_size(change)):
        told = tuple(sentence(each, change.name) for each in change.differences)
        yield Entry("change", _title(change), told)


def summary(changes: Sequence[Change]) -> str:
    """Say how much is added, changed and removed.

    Examples
    --------
    >>> summary([Change("add", "team", "safety")]), summary([])
    ('Plan: 1 to add, 0 to change, 0 to remove.', 'No changes: the two charters mean the same.')
    """
    if not changes:
        return "No changes: the two charters mean the same."
    marks = [change.mark for change in changes if change.is_written]
    told = ", ".join(f"{marks.count(mark):,} to {mark}" for mark in SIGNS)
    others = len(changes) - len(marks)
    also = f" {others:,} more {'is' if others == 1 else 'are'} affected by these." if others else ""
    return f"Plan: {told}.{also}"


def sentence(difference: Difference, name: str) -> str:
    """Say one difference of the team, promise or other part of that name."""
    if difference.before_gpus is not None or difference.after_gpus is not None:
        why = _CAUSES.get(difference.cause, "").format(parent=name.rpartition(".")[0])
        return f"{_amount(difference)}{', ' if why else ''}{why}."
    if difference.before is None or difference.after is None:
        sign = "now" if difference.before is None else "no longer"
        return f"{difference.field} is {sign} {difference.after or difference.before}."
    form = _FIELDS.get(difference.field, "{field} {goes} from {before} to {after}.")
    goes = _goes(difference.before, difference.after)
    return form.format(field=difference.field, before=difference.before, after=difference.after, goes=goes)


def _amount(difference: Difference) -> str:
    before, after = difference.before_gpus or Fraction(0), difference.after_gpus or Fraction(0)
    pool = difference.pool
    if difference.field == "due":
        return f"When all ask for everything it is due {_gpus(after)} of {pool} instead of {_gpus(before)}"
    if difference.field == "owed":
        return f"On average that is {_gpus(after)} of {pool} instead of {_gpus(before)}"
    if difference.field == "kept":
        return f"It keeps {_gpus(after)} of {pool} free while idle instead of {_gpus(before)}"
    goes = "stays" if before == after else "rises" if after > before else "falls"
    if difference.before == difference.after:
        return f"Its {difference.field} in {pool} {goes} from {_gpus(before)} to {_gpus(after)}"
    was, now = _written(difference.before, before), _written(difference.after, after)
    if goes == "stays":
        return f"Its {difference.field} in {pool} is written {now} instead of {was}"
    return f"Its {difference.field} in {pool} {goes} from {was} to {now}"


def _written(text: str | None, gpus: Fraction) -> str:
    return _gpus(gpus) if text is None or text == _gpus(gpus) else f"{text} ({_gpus(gpus)})"


def _gpus(gpus: Fraction) -> str:
    return f"{average_text(gpus)} GPU{'' if gpus == 1 else 's'}"


def _goes(before: str, after: str) -> str:
    try:
        return "rises" if Fraction(after) > Fraction(before) else "falls"
    except ValueError:  # no numbers
        return "goes"


def _title(change: Change) -> str:
    name = change.name if change.section in ("charter", "rules") else f"{change.section} {change.name}"
    if change.section == "charter":
        name = "the charter itself"
    if change.moved is None:
        return name
    return f"{name} (moved from {change.moved})" if change.mark == "add" else f"{name} (moves to {change.moved})"


def _whole(change: Change, charter: Charter) -> Iterator[str]:
    """Say all of what is added, and what goes with that which is removed."""
    if change.section == "team":
        yield from (_stands(each, removed=change.mark == "remove") for each in change.differences if _counts(each))
    if change.mark == "remove":
        return
    if change.section == "team":
        yield from (line.strip() for line in team_sentences(charter, charter.team(change.name)))
    elif change.section == "promise":
        promise = next(each for each in charter.commitments if each.name == change.name)
        yield from (line.strip() for line in promise_sentences(charter, promise))
    elif change.section == "gate":
        gate = next(each for each in charter.release_gates if each.name == change.name)
        yield from gate_sentences(gate)
    elif change.section == "board":
        yield board_sentence(next(each for each in charter.boards if each.name == change.name))
    else:
        yield from (f"{each.field}: {each.after}" for each in change.differences)


def _counts(difference: Difference) -> bool:
    return difference.field in ("floor", "due") and bool(difference.before_gpus or difference.after_gpus)


def _stands(difference: Difference, *, removed: bool) -> str:
    gpus = _gpus((difference.before_gpus if removed else difference.after_gpus) or Fraction(0))
    if difference.field == "due":
        return f"When all ask for everything it {'was' if removed else 'is'} due {gpus} of {difference.pool}."
    return f"Its floor in {difference.pool} {'was' if removed else 'is'} {gpus}."


def _size(change: Change) -> Fraction:
    """Return how many GPUs a change moves at most."""
    zero = Fraction(0)
    return max((abs((d.after_gpus or zero) - (d.before_gpus or zero)) for d in change.differences), default=zero)


def _shared(changes: Sequence[Change]) -> dict[Difference, list[str]]:
    """Return what is one and the same for many teams, and their paths."""
    teams: dict[Difference, list[str]] = {}
    for change in changes:
        if change.section == "team" and change.mark == "change":
            for difference in change.differences:
                if difference.pool is None:
                    teams.setdefault(difference, []).append(change.name)
    return {difference: paths for difference, paths in teams.items() if len(paths) > ALIKE}


def _is_shared(change: Change, difference: Difference, shared: dict[Difference, list[str]]) -> bool:
    return change.section == "team" and difference in shared
