"""Whose job it is: from the names in a log to the teams of a charter."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from equipoise.errors import InputError, Place
from equipoise.traces.source import Source

I32 = NDArray[np.int32]

NAME_LENGTH_MAX = 63
RESERVED = frozenset({"lab", "all", "everyone"})  # CHARTER, Names
LISTED = 20  # how many unmapped values an error names

TEAM_PATH = re.compile(r"[a-z][a-z0-9-]{0,62}(\.[a-z][a-z0-9-]{0,62})*")
_NEVER = np.iinfo(np.int32).max


def team_name(value: str) -> str:
    """Return the charter name for a value of a log.

    Capitals become small letters, what a name may not contain becomes ``-``, and ``t-`` goes before what does not begin
    with a letter or is a reserved word. Two values may get the same name: callers refuse that.

    Examples
    --------
    >>> team_name("Vision_Group"), team_name("103959"), team_name("all")
    ('vision-group', 't-103959', 't-all')
    """
    name = re.sub(r"[^a-z0-9-]", "-", value.strip().lower())
    if not re.match(r"[a-z]", name) or name in RESERVED:
        name = f"t-{name}"
    return name[:NAME_LENGTH_MAX]


@dataclass(frozen=True, slots=True)
class Rule:
    """A line of a mapping file: rows whose ``field`` is ``value`` belong to ``team``."""

    field: str
    value: str
    team: str
    line: int = 0


def load_rules(path: Path) -> tuple[Rule, ...]:
    """Read a mapping file: CSV with the columns ``field,value,team``, of which the first match wins.

    Raises
    ------
    InputError
        T101 to T104 as for a log; T114 where a line is no rule.
    """
    source = Source(path)
    try:
        text = b"".join(block.text for block in source.blocks()).decode("utf-8")
    finally:
        source.close()
    name = str(path)
    rules: list[Rule] = []
    reader = csv.reader(io.StringIO(text.replace("\r", ""), newline=""), strict=True)
    header: list[str] | None = None
    try:
        for fields in reader:
            fields = [part.strip() for part in fields]
            if not any(fields) or fields[0].startswith("#"):
                continue
            if header is None:
                header = [part.lower() for part in fields]
                if header != ["field", "value", "team"]:
                    raise _bad_rule("the first line must be field,value,team", name, reader.line_num)
                continue
            rules.append(_rule(fields, name, reader.line_num))
    except csv.Error as error:
        raise _bad_rule(f"broken quoting: {error}", name, reader.line_num) from error
    if not rules:
        raise _bad_rule("holds no rule", name, 0)
    return tuple(rules)


def _rule(fields: list[str], name: str, line: int) -> Rule:
    if len(fields) != 3 or not fields[0]:
        raise _bad_rule(f"{len(fields)} fields where field,value,team are expected", name, line)
    field, value, team = fields
    if not TEAM_PATH.fullmatch(team):
        raise _bad_rule(f"{team!r} is no path of a team", name, line)
    return Rule(field, value, team, line)


def _bad_rule(message: str, name: str, line: int) -> InputError:
    hint = "a mapping is CSV: field,value,team (for example account,nlp,safety.alignment)"
    return InputError("T114", message, hint=hint, place=Place(name, line))


@dataclass(frozen=True, slots=True)
class Choice:
    """For one column of the log: per distinct value, how early it matches and which team that gives."""

    column: str
    rank: I32
    team: I32


@dataclass(frozen=True, slots=True)
class Assignment:
    """Who gets what: the choices per column, and the teams they refer to.

    ``by_name`` tells that a team is a value of the log, so that two values must not be one team.
    """

    choices: tuple[Choice, ...]
    teams: tuple[str, ...]
    by_name: bool = False

    def assign(self, texts: Mapping[str, I32], rows: int, *, values: Mapping[str, Sequence[str]], file: str) -> I32:
        """Return the team of each row, -1 where nothing matches.

        Raises
        ------
        InputError
            T116 where two values, by name, would be the same team.
        """
        rank = np.full(rows, _NEVER, np.int32)
        team = np.full(rows, -1, np.int32)
        decided = np.full(rows, -1, np.int32)
        for number, choice in enumerate(self.choices):
            codes = texts[choice.column]
            better = choice.rank[codes] < rank
            rank = np.where(better, choice.rank[codes], rank)
            team = np.where(better, choice.team[codes], team)
            decided = np.where(better, number, decided)
        if self.by_name:
            self._refuse_collisions(texts, decided, values, file)
        return team

    def _refuse_collisions(
        self, texts: Mapping[str, I32], decided: I32, values: Mapping[str, Sequence[str]], file: str
    ) -> None:
        # Only values that decide for some row count: user 1 is no second "t-1" where every row has its group.
        owner: dict[int, str] = {}
        for number, choice in enumerate(self.choices):
            for code in np.unique(texts[choice.column][decided == number]).tolist():
                team = int(choice.team[code])
                value = f"{choice.column} {values[choice.column][int(code)]!r}"
                other = owner.setdefault(team, value)
                if other != value:
                    raise InputError(
                        "T116",
                        f"{other} and {value} would both be the team {self.teams[team]!r}",
                        hint="say which is which in a mapping file (--map)",
                        place=Place(file),
                    )


def by_rules(rules: Sequence[Rule], texts: Mapping[str, Sequence[str]], leaves: Collection[str] | None) -> Assignment:
    """Return the assignment that a mapping file makes; ``Rule.field`` is already the log's column.

    A rule for a team that is not in ``leaves`` maps nothing.
    """
    teams = tuple(dict.fromkeys(rule.team for rule in rules))
    index = {team: number for number, team in enumerate(teams)}
    choices: list[Choice] = []
    for column, values in texts.items():
        first: dict[str, int] = {}
        for number, rule in enumerate(rules):
            if rule.field == column:
                first.setdefault(rule.value, number)
        rank = np.full(len(values), _NEVER, np.int32)
        team = np.full(len(values), -1, np.int32)
        for code, value in enumerate(values):
            number = first.get(value.strip())
            if number is not None:
                rank[code] = number
                name = rules[number].team
                team[code] = index[name] if leaves is None or name in leaves else -1
        choices.append(Choice(column, rank, team))
    return Assignment(tuple(choices), teams)


def by_name(
    texts: Mapping[str, Sequence[str]],
    *,
    unknown: frozenset[str],
    leaves: Collection[str] | None,
) -> Assignment:
    """Return the assignment without a mapping file: a value is the team, in the first column that has one.

    With ``leaves`` a value is the leaf it equals, as it stands or as ``team_name`` writes it.
    """
    teams: dict[str, int] = {}
    choices: list[Choice] = []
    for position, (column, values) in enumerate(texts.items()):
        rank = np.full(len(values), _NEVER, np.int32)
        team = np.full(len(values), -1, np.int32)
        for code, value in enumerate(values):
            name = _leaf(value, leaves) if value.strip() and value not in unknown else None
            if name is None:
                continue
            rank[code] = position
            team[code] = teams.setdefault(name, len(teams))
        choices.append(Choice(column, rank, team))
    return Assignment(tuple(choices), tuple(teams), by_name=True)


def _leaf(value: str, leaves: Collection[str] | None) -> str | None:
    if leaves is None or value in leaves:
        return value
    for name in (team_name(value), ".".join(team_name(part) for part in value.split("."))):
        if name in leaves:
            return name
    return None


def unmapped_error(
    texts: Mapping[str, I32],
    values: Mapping[str, Sequence[str]],
    rows: NDArray[np.bool_],
    *,
    file: str,
    leaves: Collection[str] | None,
) -> InputError:
    """Return T115 with the unmapped values, those of most jobs first."""
    total = int(rows.sum())
    hint = "map them in a file (--map), give them to a team (--unmapped TEAM) or leave them out (--unmapped drop)"
    if leaves is not None:
        hint += "; the charter's leaves are " + _listed(sorted(leaves))
    if not texts:
        return InputError(
            "T115", f"{total} jobs name no team: the log has no column for it", hint=hint, place=Place(file)
        )
    columns = list(texts)
    stacked = np.stack([texts[column][rows] for column in columns], axis=1)
    combinations, jobs = np.unique(stacked, axis=0, return_counts=True)
    order = np.argsort(-jobs, kind="stable")
    named = [
        " ".join(f"{c} {values[c][code]!r}" for c, code in zip(columns, combinations[i], strict=True)) + f" ({jobs[i]})"
        for i in order[:LISTED]
    ]
    more = f" and {len(order) - LISTED} more" if len(order) > LISTED else ""
    return InputError("T115", f"{total} jobs belong to no team: {', '.join(named)}{more}", hint=hint, place=Place(file))


def _listed(names: Sequence[str]) -> str:
    more = f" and {len(names) - LISTED} more" if len(names) > LISTED else ""
    return ", ".join(names[:LISTED]) + more
