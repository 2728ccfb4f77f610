"""From a file's bytes to a charter: read by the table, check what names what, then check the numbers exactly."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from contextlib import suppress
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from fractions import Fraction
from itertools import chain
from pathlib import Path

from equipoise.charter.admission import check_promises
from equipoise.charter.checks import (
    Breach,
    check_capacity_dates,
    check_ceilings,
    check_floors,
    check_protections,
    check_succession,
)
from equipoise.charter.governance import Amendments, Board, Emergency, Evidence, Gate, Requirement, Stage
from equipoise.charter.model import Charter, Pool
from equipoise.charter.promise import Commitment, Starts
from equipoise.charter_io.document import MAX_BYTES, Mapping, Node, Reading, Scalar, UnreadableError, parse
from equipoise.charter_io.fields import Values, is_map, part, read_record
from equipoise.charter_io.finding import CharterError, Report
from equipoise.charter_io.kinds import MOMENT
from equipoise.charter_io.language import CHARTER, INHERITED
from equipoise.charter_io.references import check_references, time_zone
from equipoise.charter_io.team_tree import read_teams
from equipoise.errors import InputError, Place

MAX_CELLS = 100_000
"""The most that pools × (teams + promises) may be: thirty times a lab of 1,000 teams and 3 pools."""
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


def check(data: bytes, name: str = "<charter>", *, against: bytes | None = None) -> Report:
    r"""Check a charter's bytes.

    Parameters
    ----------
    data : bytes
        The file.
    name : str
        How findings call it.
    against : bytes or None
        The charter in force, if the revision and parent are to be checked too (C504).

    Returns
    -------
    Report
        The charter (None if there is an error) and all findings in order of the file.

    Examples
    --------
    >>> report = check(b"equipoise: charter/v1\nlab: Small\npools: {a: {device: A100, expect: 2 nodes of 8 gpu}}\n")
    >>> print(report.errors[0])
    <charter>:1:1 C104 'teams' is missing (hint: The tree of teams.)
    """
    reading = Reading(name)
    charter = None
    with suppress(UnreadableError):
        charter = _read(data, reading, against)
    findings = sorted(reading.findings, key=lambda finding: (finding.place.line, finding.place.column))
    return Report(None if reading.errors else charter, tuple(dict.fromkeys(findings)))


def loads(data: bytes | str, name: str = "<charter>") -> Charter:
    """Read a charter from its bytes (or text, taken as UTF-8); raises ``CharterError`` with all findings."""
    report = check(data.encode("utf-8", "surrogatepass") if isinstance(data, str) else data, name)
    if report.charter is None:
        raise CharterError(report.findings)
    return report.charter


def load(path: str | Path) -> Charter:
    """Read a charter from a file; raises ``CharterError`` with all findings, ``InputError`` C100."""
    return loads(read_bytes(path), str(path))


def digest(data: bytes) -> str:
    """Return the name of a charter: ``sha256:`` and the digest of the file's bytes."""
    return "sha256:" + hashlib.sha256(data).hexdigest()


def read_bytes(path: str | Path) -> bytes:
    """Return a file's bytes, one more than a charter may have at most; raises ``InputError`` C100."""
    try:
        with Path(path).open("rb") as file:
            return file.read(MAX_BYTES + 1)
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        hint = "check the path; `equipoise init` writes a charter to start from"
        raise InputError("C100", f"cannot read the file: {reason}", hint=hint, place=Place(str(path))) from None


def moment_ms(text: str, timezone: str) -> int:
    """Read a date (its midnight in a time zone) or an instant as Unix milliseconds; ``InputError`` C201 or C202.

    >>> moment_ms("1970-01-02", "UTC"), moment_ms("1970-01-01T00:00:01.5Z", "Europe/Zurich")
    (86400000, 1500)
    """
    return _unix_ms(MOMENT.read(text), timezone)


def _read(data: bytes, reading: Reading, against: bytes | None) -> Charter | None:
    root = parse(data, reading)
    values = read_record(CHARTER, root, reading, skip=("teams", "defaults"))
    defaults = _map(root, "defaults", reading)
    top = _map(root, "teams", reading)
    if top is not None and not top.values:
        reading.add("C104", "'teams' is empty", at=top, hint="name at least one")
    pools = [name for name, pool in part(values, "pools").items() if pool is not None]
    _bound(root, len(pools), reading)
    teams = read_teams(top, defaults, pools, reading) if top is not None else ()
    check_references(root, values, teams, reading)
    if not _can_divide(root, reading):
        return None
    charter = Charter(lab=values["lab"] or "", pools=tuple(_pools(values["pools"])), teams=teams)
    if reading.errors:  # the machine can be divided, the rest cannot be read: tell what is wrong with the division too
        _note(check_floors(charter), root, reading)
        return None
    charter = _complete(charter, values, data, root)
    checks = (check_floors, check_ceilings, check_capacity_dates, check_promises, check_protections)
    _note(chain.from_iterable(rule(charter) for rule in checks), root, reading)
    if against is not None:
        _follows(charter, against, root, reading)
    return charter


def _bound(root: Mapping, pools: int, reading: Reading) -> None:
    """Refuse a product of pools and what is divided in each that no checker could hold or finish (C101)."""
    each = sum(_count(root.values.get(key)) for key in ("teams", "commitments"))
    if each * pools > MAX_CELLS:
        said = f"{pools:,} pools times {each:,} teams and promises is too large"
        reading.add("C101", said, at=root.keys["pools"], hint=f"at most {MAX_CELLS:,} together")
        raise UnreadableError


def _count(node: Node | None) -> int:
    """Return the number of named things in a section, those in nested ``teams`` included."""
    if not isinstance(node, Mapping):
        return 0
    nested = (value.values.get("teams") for value in node.values.values() if isinstance(value, Mapping))
    return len(node.values) + sum(map(_count, nested))


def _map(root: Mapping, key: str, reading: Reading) -> Mapping | None:
    node = root.values.get(key)
    return node if node is not None and is_map(node, reading) else None


def _can_divide(root: Mapping, reading: Reading) -> bool:
    """Tell whether ``pools``, ``defaults`` and ``teams`` are there and free of errors."""
    if not all(isinstance(root.values.get(key), Mapping) for key in ("pools", "teams")):
        return False
    sections = sorted((at.line, at.column, key) for key, at in root.keys.items())
    for finding in reading.findings:
        before = [key for line, column, key in sections if (line, column) <= (finding.place.line, finding.place.column)]
        if not finding.is_warning and before and before[-1] in ("pools", "defaults", "teams"):
            return False
    return True


def _pools(values: Values) -> Iterator[Pool]:
    for name, pool in values.items():
        nodes, each = pool["expect"]
        yield Pool(name, pool["device"], nodes, each, pool["heh"])


def _complete(charter: Charter, values: Values, data: bytes, root: Mapping) -> Charter:
    """Add to pools and teams all the rest, every part of which has been read without error."""
    zone = values["timezone"]
    effective = values["effective"]
    defaults = root.values.get("defaults")
    reclaim = defaults.values.get("reclaim") if isinstance(defaults, Mapping) else None
    return replace(
        charter,
        revision=values["revision"],
        parent=values["parent"],
        effective_ms=None if effective is None else _unix_ms(effective, zone),
        timezone=zone,
        usage_half_life_ms=values["usage_half_life"],
        reclaim="shares" if isinstance(reclaim, Scalar) and reclaim.text == "shares" else "floors",
        commitments=tuple(_commitments(values["commitments"], charter, zone)),
        release_gates=tuple(_gates(values["release_gates"])),
        evidence=Evidence(values["evidence"]["checkpoint_every"], values["evidence"]["witnesses"]),
        min_group=values["people"]["min_group"],
        boards=tuple(Board(name, board["quorum"], board["members"]) for name, board in values["boards"].items()),
        amendments=_amendments(values["amendments"]),
        digest=digest(data),
    )


def _commitments(values: Values, charter: Charter, zone: str) -> Iterator[Commitment]:
    for name, one in values.items():
        least: Fraction | None = one["at_least"]
        pace: Fraction | None = one["pace_max"]
        if least is not None and pace is None:
            pace = min(Fraction(1), least * Fraction(3, 2))
        starts = one["starts"]
        of, moment = one["of"]
        yield Commitment(
            name=name,
            team=one["team"],
            window=one["window"],
            pools=tuple(one["pools"]) or tuple(pool.name for pool in charter.pools),
            at_least=least,
            at_most=one["at_most"],
            starts=None if starts is None else Starts(starts["jobs_up_to"], starts["within"], starts["at_least"]),
            all_pools=not one["pools"],
            of=of,
            capacity_at_ms=None if moment is None else _unix_ms(moment, zone),
            unused=one["unused"],
            make_good=one["make_good"],
            pace_max=pace if least is not None else None,
            settle_ms=one["settle"],
            warn_below=one["warn_below"],
            protected_by=tuple(sorted(one["protected_by"])),
            public=one["public"],
        )


def _gates(values: Values) -> Iterator[Gate]:
    for name, gate in values.items():
        stages = tuple(Stage(one["name"], one["quota"], one["needs"], one["after"]) for one in gate["stages"])
        protected_by = tuple(sorted(gate["protected_by"]))
        yield Gate(name, tuple(gate["teams"]), stages, gate["max_age"], gate["drain"], protected_by)


def _amendments(values: Values | None) -> Amendments | None:
    if values is None:
        return None
    parts = [values[name] for name in ("ordinary", "weakening", "constitution")]
    emergency = values["emergency"]
    return Amendments(
        *(Requirement(tuple(part["needs"]), part["notice"]) for part in parts),
        emergency=None
        if emergency is None
        else Emergency(emergency["by"], emergency["lasts"], emergency["keep"], emergency["per_quarter"]),
    )


def _unix_ms(moment: date | datetime, zone: str) -> int:
    """Return the instant in Unix milliseconds; a date is its midnight in the zone."""
    if not isinstance(moment, datetime):
        moment = datetime(moment.year, moment.month, moment.day, tzinfo=UTC if zone == "UTC" else time_zone(zone))
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def _note(breaches: Iterable[Breach], root: Mapping, reading: Reading) -> None:
    for breach in breaches:
        reading.add(breach.code, breach.message, at=_find(root, breach.subject), hint=breach.hint)


def _find(root: Mapping, subject: tuple[str, ...]) -> Node:
    """Return the node of a field, or the nearest thing that is written: what it inherits from, or what it stands in."""
    if subject[0] != "teams":
        return _within(root, list(subject))
    _, name, *fields = subject
    steps = name.split(".")
    if fields and fields[0] in INHERITED:
        for depth in range(len(steps), 0, -1):
            written = _follow(root, _team_keys(steps[:depth]))
            if isinstance(written, Mapping) and fields[0] in written.values:
                return _within(root, [*_team_keys(steps[:depth]), *fields])
        if isinstance(_follow(root, ["defaults", fields[0]]), Scalar):
            return _within(root, ["defaults", *fields])
    return _within(root, [*_team_keys(steps), *fields])


def _team_keys(steps: list[str]) -> list[str]:
    return [key for step in steps for key in ("teams", step)]


def _follow(root: Mapping, path: list[str]) -> Node | None:
    node: Node | None = root
    for key in path:
        node = node.values.get(key) if isinstance(node, Mapping) else None
    return node


def _within(root: Mapping, path: list[str]) -> Node:
    """Follow a path of keys as far as it is written: the place of a scalar, or of the key of a map or list."""
    node: Node = root
    at: Node = root
    for key in path:
        if not isinstance(node, Mapping) or key not in node.values:
            break
        at, node = node.keys[key], node.values[key]
    return node if isinstance(node, Scalar) else at


def _follows(charter: Charter, against: bytes, root: Mapping, reading: Reading) -> None:
    """C504: the revision is one more than that of the charter in force, and the parent is its hash."""
    force = check(against, "the charter in force").charter
    if force is None:
        raise InputError("C504", "the charter in force has errors", hint="check it by itself first")
    _note(check_succession(force, charter), root, reading)
