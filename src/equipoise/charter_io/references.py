"""Checks what names what, and what must stand together: C104, C202, C3xx, C5xx, W604, W605."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from datetime import UTC, tzinfo
from difflib import get_close_matches
from typing import TypeAlias, cast

from equipoise.charter.ed25519 import weakness
from equipoise.charter.model import Team
from equipoise.charter_io.document import Mapping, Node, Reading, Scalar, Sequence
from equipoise.charter_io.fields import Values, part
from equipoise.units import percent_text, shown

Paths: TypeAlias = "dict[str, None]"
"""The full paths of all teams, in order."""


def check_references(root: Mapping, values: Values, teams: Iterable[Team], reading: Reading) -> None:
    """Note every name that names nothing, and every rule about what must stand together."""
    paths = dict.fromkeys(team.path for team in teams)
    pools, boards = list(part(values, "pools")), part(values, "boards")
    _zone(root.values.get("timezone"), reading)
    _team_references(_child(root, "teams"), pools, boards, reading)
    defaults = _child(root, "defaults")
    if defaults is not None:
        _boards(defaults.values.get("protected_by"), boards, reading)
    for name, node in _entries(root, "commitments"):
        _commitment(node, part(part(values, "commitments"), name), paths, pools, boards, reading)
    for _, node in _entries(root, "release_gates"):
        _gate(node, paths, boards, reading)
    _keys(root, boards, reading)
    _quorums(root, boards, reading)
    _amendments(root, boards, reading)


def time_zone(name: str) -> tzinfo | None:
    """Return the zone of that IANA name, or None when the time-zone database has none."""
    from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

    if name == "UTC":  # known everywhere, also where no database is installed
        return UTC
    if name in ("localtime", "posixrules", "Factory") or name.startswith(("posix/", "right/")) or len(name) > 64:
        return None
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _zone(node: Node | None, reading: Reading) -> None:
    if not isinstance(node, Scalar) or time_zone(node.text) is not None:
        return
    from zoneinfo import available_timezones

    close = get_close_matches(node.text[:64], sorted(available_timezones()), 1)
    hint = f"did you mean '{close[0]}'?" if close else "an IANA name such as Europe/Zurich"
    reading.add("C301", f"no time zone {shown(node.text)}", at=node, hint=hint)


def _team_references(teams: Mapping | None, pools: Collection[str], boards: Values, reading: Reading) -> None:
    for node in teams.values.values() if teams is not None else ():
        if not isinstance(node, Mapping):
            continue
        for name in ("floor", "limit"):
            share = _child(node, name)
            for key in share.keys.values() if share is not None else ():
                _known("pool", key, pools, reading)
        _boards(node.values.get("protected_by"), boards, reading)
        _team_references(_child(node, "teams"), pools, boards, reading)


def _commitment(
    node: Mapping, values: Values, paths: Paths, pools: list[str], boards: Values, reading: Reading
) -> None:
    _team(node.values.get("team"), paths, reading)
    for item in _items(node, "pools"):
        _known("pool", item, pools, reading)
    _boards(node.values.get("protected_by"), boards, reading)
    kinds = [key for key in ("at_least", "at_most", "starts") if key in node.values]
    if len(kinds) != 1:
        said = "none of at_least, at_most, starts" if not kinds else " and ".join(kinds) + " together"
        at = node.keys[kinds[1]] if len(kinds) > 1 else node
        reading.add("C104", said, at=at, hint="a promise has exactly one of at_least, at_most, starts")
    pace, least = values.get("pace_max"), values.get("at_least")
    if pace is not None and least is not None and pace < least:
        said = f"pace_max {percent_text(pace)} is under at_least {percent_text(least)}"
        reading.add("C202", said, at=node.values["pace_max"], hint="pacing must be able to ask for what is promised")
    if boards and not _items(node, "protected_by"):
        reading.add("W605", "a promise without protected_by", at=node, hint="name the boards that sign what weakens it")


def _gate(node: Mapping, paths: Paths, boards: Values, reading: Reading) -> None:
    for item in _items(node, "teams"):
        _team(item, paths, reading)
    _boards(node.values.get("protected_by"), boards, reading)
    stages = node.values.get("stages")
    names: set[str] = set()
    for stage in stages.items if isinstance(stages, Sequence) else ():
        if not isinstance(stage, Mapping):
            continue
        name = stage.values.get("name")
        if isinstance(name, Scalar):
            if name.text in names:
                reading.add("C102", f"two stages are named {shown(name.text)}", at=name, hint="rename one")
            names.add(name.text)
        needs = _child(stage, "needs")
        if needs is not None and not needs.values:
            reading.add("C503", "a stage that needs nothing", at=needs, hint="name an attestation and its board")
        for board in needs.values.values() if needs is not None else ():
            _board(board, boards, reading)


def _amendments(root: Mapping, boards: Values, reading: Reading) -> None:
    amendments = _child(root, "amendments")
    if boards and "amendments" not in root.values:
        hint = "say who signs: amendments: {ordinary: …, weakening: …, constitution: …}"
        reading.add("C502", "boards without amendments", at=root.keys["boards"], hint=hint)
    if amendments is None:
        return
    if "boards" not in root.values:
        reading.add("C502", "amendments without boards", at=root.keys["amendments"], hint="name the boards that sign")
    for name in ("ordinary", "weakening", "constitution"):
        part = _child(amendments, name)
        needs = part.values.get("needs") if part is not None else None
        if isinstance(needs, Sequence) and not needs.items:
            reading.add("C503", f"{name} needs nobody", at=needs, hint="name at least one board")
        for item in _items(part, "needs") if boards else ():
            _board(item, boards, reading)
    emergency = _child(amendments, "emergency")
    by = emergency.values.get("by") if emergency is not None else None
    if by is not None and boards:
        _board(by, boards, reading)


def _keys(root: Mapping, boards: Values, reading: Reading) -> None:
    """One person, one key, one board: by the bytes of the key, and by the name."""
    keys: dict[bytes, Scalar] = {}
    names: dict[str, Scalar] = {}
    for board, node in _entries(root, "boards"):
        members = _child(node, "members")
        for name, value in members.values.items() if members is not None else ():
            at = members.keys[name] if members is not None else node
            if name in names:
                hint = f"also on line {names[name].line}: one person sits on one board"
                reading.add("C302", f"the member {shown(name)} is named twice", at=at, hint=hint)
            names.setdefault(name, cast("Scalar", at))
            key = part(part(boards, board), "members").get(name)
            if not isinstance(key, bytes) or not isinstance(value, Scalar):
                continue
            wrong = weakness(key)
            if wrong is not None:
                reading.add("C302", f"the key of {name} {wrong}", at=value, hint="make a key with `eq keys new`")
            elif key in keys:
                hint = f"also on line {keys[key].line}: one key is one person"
                reading.add("C302", f"the key of {name} is given twice", at=value, hint=hint)
            keys.setdefault(key, value)


def _quorums(root: Mapping, boards: Values, reading: Reading) -> None:
    for name, node in _entries(root, "boards"):
        quorum = part(boards, name).get("quorum")
        members = _child(node, "members")
        if quorum is None or members is None:
            continue
        count = len(members.values)
        at = node.values["quorum"]
        if quorum == 0 or quorum > count:
            reading.add("C501", f"a quorum of {quorum} of {count} members", at=at, hint=f"from 1 to {count}")
        elif quorum == count:
            said = f"the quorum is all {count} members of {name}"
            reading.add("W604", said, at=at, hint="one departure freezes the board; add a member or ask for fewer")


def _team(node: Node | None, paths: Paths, reading: Reading) -> None:
    if not isinstance(node, Scalar) or node.text in paths:
        return
    ends = [path for path in paths if path.endswith(f".{node.text}")]
    close = ends or get_close_matches(node.text[:128], list(paths)[:5000], 1)
    hint = f"did you mean '{close[0]}'?" if close else "give the full path, such as safety.alignment"
    reading.add("C301", f"no team {shown(node.text)}", at=node, hint=hint)


def _boards(node: Node | None, boards: Values, reading: Reading) -> None:
    for item in node.items if isinstance(node, Sequence) else ():
        if boards:
            _board(item, boards, reading)
        elif isinstance(item, Scalar):
            hint = "add `boards` and `amendments`, or remove protected_by"
            reading.add("C503", f"protected_by {shown(item.text)} without boards", at=item, hint=hint)


def _board(node: Node, boards: Values, reading: Reading) -> None:
    if isinstance(node, Scalar):
        _known("board", node, boards, reading)


def _known(what: str, node: Scalar, names: Collection[str], reading: Reading) -> None:
    if node.text in names:
        return
    close = get_close_matches(node.text[:64], list(names), 1)
    hint = f"did you mean '{close[0]}'?" if close else f"{what}s: {', '.join(list(names)[:20]) or 'none'}"
    reading.add("C301", f"no {what} {shown(node.text)}", at=node, hint=hint)


def _child(node: Mapping | None, key: str) -> Mapping | None:
    child = node.values.get(key) if node is not None else None
    return child if isinstance(child, Mapping) else None


def _entries(root: Mapping, key: str) -> Iterator[tuple[str, Mapping]]:
    child = _child(root, key)
    for name, node in child.values.items() if child is not None else ():
        if isinstance(node, Mapping):
            yield name, node


def _items(node: Mapping | None, key: str) -> list[Scalar]:
    child = node.values.get(key) if node is not None else None
    return [item for item in child.items if isinstance(item, Scalar)] if isinstance(child, Sequence) else []
