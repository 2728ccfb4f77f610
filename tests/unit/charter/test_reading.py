"""What a charter's text becomes: inheritance, places, dates, keys, and the same meaning for every way to write it."""

from __future__ import annotations

import base64
import json
from fractions import Fraction
from pathlib import Path

import pytest

import equipoise
from equipoise.charter import Charter as Model
from equipoise.charter import Share, entitlements, quotas, tree
from equipoise.charter.admission import largest_safe_gang
from equipoise.charter.ed25519 import weakness
from equipoise.charter_io import Charter, CharterError, check, digest, loads
from equipoise.charter_io.schema import json_schema
from equipoise.errors import InputError

ROOT = Path(__file__).parents[3]
SHARED = ROOT.parent / "shared"
EXAMPLES = sorted((ROOT / "examples" / "charters").glob("*.yaml"))
HEAD = "equipoise: charter/v1\nlab: L\npools: {a: {device: A100, expect: 10 nodes of 8 gpu}}\n"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_examples_pass_without_a_warning(path: Path) -> None:
    assert check(path.read_bytes(), path.name).findings == ()


def test_there_are_three_examples() -> None:
    assert {"frontier", "startup", "university"} <= {path.stem for path in EXAMPLES}


@pytest.mark.parametrize("name", ["charter.example.yaml", "charter.startup.yaml", "charter.university.yaml"])
def test_the_charters_of_the_language_pass(name: str) -> None:
    path = SHARED / "charters" / name
    if not path.exists():
        pytest.skip("the shared charters are not on this machine")
    report = check(path.read_bytes(), name)
    assert report.errors == ()
    assert {finding.code for finding in report.findings} == {"W607"}


def test_fields_are_inherited_until_a_team_says_otherwise() -> None:
    charter = loads(
        HEAD
        + """
defaults: {lend: 50%, recover: 2h, protect: {grace: 5m}, max_job: 64 gpu, submit: [group:staff]}
teams:
  lab-a:
    floor: 50%
    owner: group:leads
    max_job: 128 gpu
    protect: {min_runtime: 1h}
    teams:
      one: {floor: 50%, recover: 10m, max_job: 8 gpu}
      two: {submit: [user:u1], protect: {reclaims_per_day: 9}}
"""
    )
    top, one, two = charter.teams
    assert [team.path for team in charter.teams] == ["lab-a", "lab-a.one", "lab-a.two"]
    assert (top.max_job, one.max_job, two.max_job) == (64, 8, 64)
    assert (top.recover_ms, one.recover_ms, two.recover_ms) == (7_200_000, 600_000, 7_200_000)
    assert (two.grace_ms, two.min_runtime_ms, two.reclaims_per_day) == (300_000, 3_600_000, 9)
    assert (one.submit, two.submit, two.owner, two.lend) == (
        ("group:staff",),
        ("user:u1",),
        "group:leads",
        Fraction(1, 2),
    )
    assert (top.is_leaf, one.is_leaf) == (False, True)


def test_protection_adds_up_along_the_path() -> None:
    text = (ROOT / "examples" / "charters" / "startup.yaml").read_text("utf-8")
    charter = loads(text.replace("agents: {floor: 50%}", "agents: {floor: 50%, protected_by: [founders]}"))
    assert charter.team("research.agents").protected_by == ("founders", "science")


def test_siblings_are_sorted_and_ids_do_not_depend_on_the_order_of_the_file() -> None:
    one = loads(HEAD + "teams: {b: {floor: 10%}, a: {teams: {d: {}, c: {}}}}")
    two = loads(HEAD + "teams: {a: {teams: {c: {}, d: {}}}, b: {floor: 10%}}")
    assert [team.path for team in one.teams] == ["a", "a.c", "a.d", "b"]
    assert one.teams == two.teams
    assert one.digest != two.digest


def test_dates_are_midnight_in_the_time_zone() -> None:
    zurich = loads(HEAD + "timezone: Europe/Zurich\neffective: 2027-01-01\nteams: {a: {}}")
    instant = loads(HEAD + "effective: 2026-12-31T23:00:00Z\nteams: {a: {}}")
    assert zurich.effective_ms == instant.effective_ms == 1_798_758_000_000


def test_the_same_meaning_with_crlf_a_byte_order_mark_or_comments() -> None:
    text = HEAD + "teams:\n  a: {floor: 20%}\n"
    plain = loads(text)
    for other in (text.replace("\n", "\r\n").encode(), b"\xef\xbb\xbf" + text.encode(), ("# c\n" + text).encode()):
        charter = loads(other)
        assert charter.teams == plain.teams
        assert charter.digest == digest(other) != plain.digest


def test_columns_count_characters_also_after_a_byte_order_mark_and_in_crlf() -> None:
    report = check(b"\xef\xbb\xbf" + (HEAD + 'teams: {"a": {floor: 1, owner: "grüße"}}').replace("\n", "\r\n").encode())
    assert [(f.place.line, f.place.column) for f in report.errors] == [(4, 22), (4, 32)]


def test_pace_defaults_to_one_and_a_half_and_promises_name_all_pools() -> None:
    (promise,) = loads(
        HEAD + "teams: {a: {max_job: 1 gpu}}\ncommitments: {c: {team: a, at_least: 20%, window: rolling 28d}}"
    ).commitments
    assert (promise.pace_max, promise.pools, promise.all_pools, promise.kind) == (
        Fraction(3, 10),
        ("a",),
        True,
        "at_least",
    )
    assert str(promise.window) == "rolling 28d"


def test_shares_by_pool_leave_the_default_to_the_others() -> None:
    text = HEAD.replace("}}\n", "}, b: {device: L4, expect: 4 nodes of 1 gpu}}\n")
    charter = loads(text + "teams: {x: {floor: {a: 8 gpu}, limit: {b: 50%}}}")
    assert charter.teams[0].floor["a"] == Share(gpus=8)
    assert charter.teams[0].floor["b"].is_zero
    assert [quotas(charter, pool, 80)[0].limit for pool in ("a", "b")] == [80, 40]


def test_floors_of_the_example_in_gpus() -> None:
    """By hand: 512 GPUs, 45, 25 and 15 of 100; Jefferson gives the two left units to product and to nobody."""
    charter = loads((ROOT / "examples" / "charters" / "startup.yaml").read_bytes())
    floors = {team.path: quota.floor for team, quota in zip(charter.teams, quotas(charter, "h100", 256), strict=True)}
    assert floors == {"product": 116, "research": 64, "research.agents": 32, "research.data": 16, "safety": 38}
    assert sum(entitlements(tree(charter, "h100", 256), 256, [999] * 5)[i] for i in (0, 1, 4)) == 256


def test_charter_loads_where_users_look_for_it(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_text(HEAD + "teams: {a: {}}", "utf-8")
    charter = equipoise.Charter.load(file)
    assert isinstance(charter, Charter)
    assert isinstance(charter, Model)
    assert charter.leaves[0].path == "a"
    assert charter.digest == digest(file.read_bytes())


def test_errors_carry_all_findings_and_the_first_as_their_own(tmp_path: Path) -> None:
    with pytest.raises(CharterError) as caught:
        Charter.loads("lab: L\nflor: 1\n", "x.yaml")
    assert caught.value.code == "C104"
    assert {finding.code for finding in caught.value.findings} == {"C103", "C104"}
    assert "x.yaml:2:1 C103" in str(caught.value)
    with pytest.raises(InputError, match="cannot read"):
        Charter.load(tmp_path / "missing.yaml")


def test_unknown_names_are_refused_by_code() -> None:
    charter = loads(HEAD + "teams: {a: {}}")
    for ask in (lambda: charter.team("b"), lambda: charter.pool("b"), lambda: quotas(charter, "b", 1)):
        with pytest.raises(InputError) as caught:
            ask()
        assert caught.value.code == "C301"


def test_largest_safe_gang_equals_trying_every_size() -> None:
    for owed_thirds in range(1, 90):
        for room_halves in range(80):
            owed, room = Fraction(owed_thirds, 3), Fraction(room_halves, 2)
            sizes = range(1, 60)
            safe = next((g - 1 for g in sizes if g * -(-owed // g) > room), None)
            assert largest_safe_gang(owed, room) == safe, (owed, room)


def test_weak_keys_are_refused_and_good_ones_are_not() -> None:
    prime = 2**255 - 19
    encoded = [0, 1, prime - 1, prime, prime + 1]
    for y in encoded:
        for sign in (0, 1 << 255):
            assert weakness((y | sign).to_bytes(32, "little")) is not None
    eighth = "26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"  # order 8, RFC 8032 curve
    assert weakness(bytes.fromhex(eighth)) == "is a point of small order"
    base = bytes.fromhex("5866666666666666666666666666666666666666666666666666666666666666")  # the base point
    assert weakness(base) is None
    assert weakness((2).to_bytes(32, "little")) == "is not a point of the curve"


def test_published_keys_are_accepted() -> None:
    path = SHARED / "vectors" / "wycheproof" / "testvectors_v1" / "ed25519_test.json"
    if not path.exists():
        pytest.skip("the shared vectors are not on this machine")
    keys = {bytes.fromhex(group["publicKey"]["pk"]) for group in json.loads(path.read_text())["testGroups"]}
    assert len(keys) > 10
    assert [base64.b64encode(key) for key in keys if weakness(key) is not None] == []


def test_published_edge_cases_are_refused() -> None:
    path = SHARED / "vectors" / "C2SP-CCTV" / "ed25519" / "ed25519vectors.json"
    if not path.exists():
        pytest.skip("the shared vectors are not on this machine")
    wrong = {"low_order_A", "non_canonical_A"}
    cases = [
        (bytes.fromhex(case["key"]), bool(wrong & set(case["flags"] or ()))) for case in json.loads(path.read_text())
    ]
    assert sum(is_wrong for _, is_wrong in cases) > 500
    assert [key.hex() for key, is_wrong in cases if (weakness(key) is not None) != is_wrong] == []


def test_the_stored_schema_is_what_the_table_says() -> None:
    stored = (ROOT / "docs" / "charter.schema.json").read_text("utf-8")
    assert json.loads(stored) == json_schema(), "run: equipoise schema > docs/charter.schema.json"


@pytest.mark.parametrize("path", EXAMPLES, ids=lambda path: path.stem)
def test_the_pure_parser_reads_the_same(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where PyYAML comes without libyaml."""
    import yaml

    broken = path.read_bytes().replace(b"floor", b"flor", 2)
    fast, fast_findings = check(path.read_bytes()), check(broken).findings
    monkeypatch.delattr(yaml, "CSafeLoader")
    assert check(path.read_bytes()) == fast
    assert check(broken).findings == fast_findings != ()
