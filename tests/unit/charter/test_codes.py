"""Every code of the charter language: the input that causes it, with line, column, value and hint."""

from __future__ import annotations

import base64
from dataclasses import dataclass

import pytest

from equipoise.charter_io import Report, check
from equipoise.charter_io.document import MAX_BYTES

KEYS = [
    "nowozV89bQdmu8aH9MlcHmEz0A3NNALCqh2ElGSaAjI=",
    "osL/j6Kh2vpdOYB5z4GMmoqJ4dZuMOAL3v06mrgIeSQ=",
    "7Jtl1KQXD5j91gEcmgN404u+OGT0kM9pmVFlQeIbO8M=",
]
HEAD = "equipoise: charter/v1\nlab: L\npools: {a: {device: A100, expect: 10 nodes of 8 gpu}}\n"  # 3 lines
TEAMS = "teams: {x: {floor: 50%, max_job: 4 gpu}, y: {floor: 25%}}\n"  # line 4
BOARD = f"boards: {{b: {{quorum: 1, members: {{m: 'ed25519:{KEYS[0]}', n: 'ed25519:{KEYS[1]}'}}}}}}\n"
RULES = "amendments: {ordinary: {needs: [b]}, weakening: {needs: [b]}, constitution: {needs: [b]}}\n"
PROMISE = "commitments: {c: {team: x, at_least: 20%, window: week}}\n"


@dataclass(frozen=True)
class Case:
    code: str
    text: str | bytes
    line: int
    column: int
    says: str
    hint: str = ""


def low_order() -> str:
    return base64.b64encode(bytes(32)).decode()


CASES = [
    Case("C101", HEAD + "teams: &t {x: {}}\n", 4, 8, "anchor (&t)", "write values out"),
    Case("C101", HEAD + "teams: *t\n", 4, 8, "alias (*t)"),
    Case("C101", HEAD + "teams: !!map {x: {}}\n", 4, 8, "tag"),
    Case("C101", HEAD + "teams:\n  <<: {x: {}}\n", 5, 3, "merge key"),
    Case("C101", HEAD + TEAMS + "---\nlab: two\n", 5, 1, "second document"),
    Case("C101", "%YAML 1.2\n---\n" + HEAD + TEAMS, 1, 1, "directive"),
    Case("C101", HEAD + "teams: |\n  x\n", 4, 8, "block scalar"),
    Case("C101", HEAD + "teams: {x: [}\n", 4, 13, "not YAML"),
    Case("C101", "[" * 20, 1, 17, "deeper than 16"),
    Case("C101", b"lab: \xff\n", 1, 6, "0xff is not UTF-8"),
    Case("C101", "lab: a\u202eb\n", 1, 7, "U+202E"),
    Case("C101", 'lab: "a\\0b"\n', 1, 6, "U+0000"),
    Case("C101", "# " + "x" * MAX_BYTES, 1, 1, "bytes", "4 MiB"),
    Case("C101", "", 1, 1, "empty", "equipoise init"),
    Case("C101", "[a, b]", 1, 1, "a map of fields"),
    Case("C101", "? {a: b}\n: c\n", 1, 3, "a key that is not plain text"),
    Case("C102", HEAD + TEAMS + "lab: M\n", 5, 1, "'lab' is given twice", "line 2"),
    Case("C103", HEAD + "teams: {x: {flor: 5%}}\n", 4, 13, "'flor'", "did you mean 'floor'?"),
    Case("C103", HEAD + "teams: {x: {reclaim: shares}}\n", 4, 13, "'reclaim'", "only `defaults`"),
    Case("C104", HEAD, 1, 1, "'teams' is missing"),
    Case("C104", HEAD + TEAMS + "commitments: {c: {team: x, window: week}}\n", 5, 18, "none of at_least"),
    Case(
        "C104",
        HEAD + TEAMS + "commitments: {c: {team: x, window: week, at_least: 1%, at_most: 2%}}\n",
        5,
        56,
        "together",
    ),
    Case("C104", HEAD + "teams: {}\n", 4, 8, "'teams' is empty"),
    Case("C201", HEAD + "teams: {x: {floor: 20}}\n", 4, 20, "'20' is not a share", "20% or an amount"),
    Case("C201", HEAD + "teams: {x: {weight: 0.00001}}\n", 4, 21, "'0.00001'"),
    Case("C201", HEAD + "teams: {x: {weight: .nan}}\n", 4, 21, "'.nan'"),
    Case("C201", HEAD + "teams: {x: {weight: 1e400}}\n", 4, 21, "'1e400'"),
    Case("C201", HEAD + "teams: {X: {floor: 20%}}\n", 4, 9, "'X' is not a name"),
    Case("C201", HEAD + "teams: {all: {floor: 20%}}\n", 4, 9, "reserved"),
    Case("C201", HEAD + "teams: {x: {recover: 1.5h}}\n", 4, 22, "'1.5h' is not a duration"),
    Case("C201", HEAD + "teams: {x: [floor]}\n", 4, 12, "a list where a map belongs"),
    Case("C201", HEAD + "teams: {x: {submit: everyone}}\n", 4, 21, "where a list belongs"),
    Case("C201", HEAD + TEAMS + "effective: 2027-02-30\n", 5, 12, "not in the calendar"),
    Case("C202", HEAD + "teams: {x: {floor: 120%}}\n", 4, 20, "'120%' is out of range"),
    Case("C202", HEAD + "teams: {x: {floor: -5%}}\n", 4, 20, "'-5%' is out of range", "negative"),
    Case("C202", HEAD.replace("10 nodes", "99999999999999999999 nodes") + TEAMS, 3, 35, "out of range"),
    Case("C202", HEAD.replace("10 nodes", "0 nodes") + TEAMS, 3, 35, "out of range"),
    Case("C202", HEAD.replace("gpu}", "gpu, heh: 0}") + TEAMS, 3, 59, "'0' is out of range"),
    Case("C202", HEAD + TEAMS + "people: {min_group: 7}\n", 5, 21, "'7' is out of range"),
    Case("C202", HEAD + TEAMS + PROMISE.replace("week", "rolling 0d"), 5, 51, "'rolling 0d' is out of range"),
    Case(
        "C202",
        HEAD + TEAMS + PROMISE.replace("week", "week, pace_max: 10%"),
        5,
        67,
        "pace_max 10% is under at_least 20%",
    ),
    Case("C202", HEAD + TEAMS + PROMISE.replace("week", "week, make_good: 1001%"), 5, 68, "'1001%'"),
    Case(
        "C301",
        HEAD + "teams: {x: {teams: {z: {}}}}\ncommitments: {c: {team: z, at_least: 1%, window: day}}\n",
        5,
        25,
        "no team 'z'",
        "did you mean 'x.z'?",
    ),
    Case("C301", HEAD + "teams: {x: {floor: {b: 5%}}}\n", 4, 21, "no pool 'b'", "pools: a"),
    Case("C301", HEAD + TEAMS + "timezone: Europe/Zurick\n", 5, 11, "no time zone", "Europe/Zurich"),
    Case("C301", HEAD + "teams: {x: {protected_by: [d]}}\n" + BOARD + RULES, 4, 28, "no board 'd'"),
    Case("C302", HEAD + TEAMS + BOARD.replace(KEYS[1], KEYS[0]) + RULES, 5, 97, "given twice", "one key is one person"),
    Case("C302", HEAD + TEAMS + BOARD.replace(KEYS[1], low_order()) + RULES, 5, 97, "small order"),
    Case(
        "C302",
        HEAD + TEAMS + BOARD.replace(KEYS[1], base64.b64encode(b"\xff" * 32).decode()) + RULES,
        5,
        97,
        "not canonical",
    ),
    Case(
        "C302", HEAD + TEAMS + BOARD.replace(KEYS[1], base64.b64encode(b"1" * 31).decode()) + RULES, 5, 97, "31 bytes"
    ),
    Case(
        "C302",
        HEAD
        + TEAMS
        + "boards:\n  b: {quorum: 1, members: {m: 'ed25519:"
        + KEYS[0]
        + "', n: 'ed25519:"
        + KEYS[1]
        + "'}}\n  d: {quorum: 1, members: {m: 'ed25519:"
        + KEYS[2]
        + "', o: 'ed25519:"
        + low_order()
        + "'}}\n"
        + RULES,
        7,
        28,
        "named twice",
        "one person sits on one board",
    ),
    Case("C401", HEAD + "teams: {x: {floor: 60%}, y: {floor: 50%}}\n", 4, 37, "88 GPUs in a", "lower them by 8 GPUs"),
    Case("C402", HEAD + "teams: {x: {floor: 60%, limit: 50%}}\n", 4, 20, "48 GPUs, is above its limit, 40 GPUs"),
    Case(
        "C402",
        HEAD + TEAMS + "commitments: {c: {team: x, at_most: 40%, window: week}}\n",
        5,
        37,
        "under the floor of x, 50%",
    ),
    Case("C403", HEAD + "teams: {x: {teams: {z: {floor: 5%}}}}\n", 4, 32, "which has none there"),
    Case("C404", HEAD + TEAMS + PROMISE.replace("20%", "80%"), 5, 38, "need 84 GPUs of a, which has 80 GPUs"),
    Case("C404", HEAD + "teams: {x: {limit: 10%}}\n" + PROMISE, 5, 38, "above what the limits of x allow, 8 GPUs"),
    Case(
        "C404",
        HEAD + "teams: {x: {max_job: 30 gpu}, y: {floor: 50%}}\n" + PROMISE.replace("20%", "40%"),
        5,
        38,
        "in gangs of 14 that takes 42 GPUs",
        "max_job: 13 gpu",
    ),
    Case(
        "C405",
        HEAD + TEAMS + "effective: 2027-01-01\n" + PROMISE.replace("week", "week, of: capacity at 2031-01-01"),
        6,
        61,
        "not known",
    ),
    Case("C501", HEAD + TEAMS + BOARD.replace("quorum: 1", "quorum: 3") + RULES, 5, 22, "a quorum of 3 of 2 members"),
    Case("C501", HEAD + TEAMS + BOARD.replace("quorum: 1", "quorum: 0") + RULES, 5, 22, "a quorum of 0"),
    Case("C502", HEAD + TEAMS + BOARD, 5, 1, "boards without amendments"),
    Case("C502", HEAD + TEAMS + RULES, 5, 1, "amendments without boards"),
    Case("C503", HEAD + "teams: {x: {protected_by: [b]}}\n", 4, 28, "without boards"),
    Case(
        "C503", HEAD + TEAMS + BOARD + RULES.replace("{needs: [b]}", "{needs: []}", 1), 6, 32, "ordinary needs nobody"
    ),
    Case(
        "C503",
        HEAD + TEAMS + BOARD + RULES + "release_gates: {g: {teams: [x], stages: [{name: s, quota: 1%, needs: {}}]}}\n",
        7,
        70,
        "needs nothing",
    ),
]
WARNINGS = [
    Case("W601", HEAD + "teams: {x: {floor: 1%}}\n", 4, 20, "0.80 GPUs and rounds to 0"),
    Case(
        "W602",
        HEAD + "teams: {x: {floor: 50%, max_job: 4 gpu}, y: {floor: 30%}}\n" + PROMISE.replace("20%", "50%"),
        5,
        15,
        "with pace_max",
    ),
    Case(
        "W603",
        HEAD + "teams: {x: {floor: 50%, recover: 5m}, y: {floor: 25%}}\n",
        4,
        34,
        "recover 5m of x",
        "recover: 10m",
    ),
    Case("W604", HEAD + TEAMS + BOARD.replace("quorum: 1", "quorum: 2") + RULES, 5, 22, "all 2 members of b"),
    Case("W605", HEAD + TEAMS + BOARD + RULES + PROMISE, 7, 18, "without protected_by"),
    Case("W606", HEAD + "teams: {x: {floor: 50%}, y: {floor: 8 gpu}}\n", 4, 37, "mix amounts and percentages"),
    Case(
        "W607",
        HEAD + "teams: {x: {floor: 20%}, y: {floor: 25%}}\n" + PROMISE,
        5,
        25,
        "gangs above 60 GPUs",
        "max_job: 60",
    ),
    Case(
        "W608",
        HEAD + "teams: {x: {max_job: 8 gpu}, y: {floor: 70%}}\n" + PROMISE.replace("20%", "25%"),
        5,
        38,
        "need 84 GPUs of a, which has 80 (x: 21 - 1 + gangs of up to 8 = 28)",
        "by 4 GPUs together",
    ),
    Case(
        "W608",
        HEAD
        + "defaults: {recover: 1d}\nteams: {x: {max_job: 8 gpu}, y: {floor: 30%, protect: {min_runtime: 12h, grace: 1h}}}\n"
        + PROMISE.replace("week", "day"),
        6,
        51,
        "over 1d, of which 26h are a margin",
        "recover: 4h, or a window of 4d or longer",
    ),
    Case(
        "W608",
        HEAD
        + "defaults: {recover: 1d}\nteams: {x: {max_job: 8 gpu}, y: {floor: 30%, protect: {min_runtime: 5h, grace: 0m}}}\n"
        + PROMISE.replace("week", "day"),
        6,
        51,
        "in the rest that takes 27.43 GPUs, and pace_max allows 24",
        "pace_max: 34.29%, or recover: 4h, or a window of 2d or longer",
    ),
]


def checked(case: Case) -> Report:
    return check(case.text if isinstance(case.text, bytes) else case.text.encode(), "c.yaml")


@pytest.mark.parametrize("case", CASES, ids=[f"{number}-{case.code}" for number, case in enumerate(CASES)])
def test_error(case: Case) -> None:
    report = checked(case)
    assert report.charter is None
    found = [finding for finding in report.errors if finding.code == case.code]
    assert found, report.findings
    assert any(
        (finding.place.line, finding.place.column) == (case.line, case.column)
        and case.says in finding.message
        and case.hint in finding.hint
        for finding in found
    ), [str(finding) for finding in found]


@pytest.mark.parametrize("case", WARNINGS, ids=[f"{number}-{case.code}" for number, case in enumerate(WARNINGS)])
def test_warning(case: Case) -> None:
    report = checked(case)
    assert report.charter is not None, report.findings
    (found,) = [finding for finding in report.findings if finding.code == case.code]
    assert (found.place.line, found.place.column) == (case.line, case.column), str(found)
    assert case.says in found.message
    assert case.hint in found.hint


def test_the_base_of_all_cases_is_clean() -> None:
    assert check((HEAD + TEAMS).encode()).findings == ()
    protected = PROMISE.replace("week", "week, protected_by: [b]")
    assert check((HEAD + TEAMS + BOARD + RULES + protected).encode()).findings == ()


def test_revision_and_parent_are_compared_with_the_charter_in_force_only() -> None:
    force = (HEAD + TEAMS).encode()
    new = (HEAD + TEAMS + "revision: 3\nparent: sha256:" + "0" * 64 + "\n").encode()
    assert check(new).charter is not None
    report = check(new, against=force)
    assert [(f.code, f.place.line, f.place.column) for f in report.errors] == [("C504", 5, 11), ("C504", 6, 9)]
    good = (HEAD + TEAMS + f"revision: 2\nparent: {_digest(force)}\n").encode()
    assert check(good, against=force).charter is not None


def _digest(data: bytes) -> str:
    import hashlib

    return "sha256:" + hashlib.sha256(data).hexdigest()


def test_all_errors_are_told_at_once_and_floors_even_when_the_rest_is_wrong() -> None:
    text = HEAD + "teams: {x: {floor: 60%}, y: {floor: 50%}}\npublc: 1\ncommitments: {c: {team: q, at_least: 1%}}\n"
    assert sorted(f.code for f in check(text.encode()).errors) == ["C103", "C104", "C301", "C401"]
