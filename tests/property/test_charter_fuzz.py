"""Whatever stands in a file: a report with places, or a charter; never another exception, a hang, or a full memory."""

from __future__ import annotations

import re
import time
import tracemalloc
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from equipoise.charter import quotas
from equipoise.charter.explanation import explain
from equipoise.charter_io import CharterError, check, loads
from equipoise.charter_io.document import MAX_BYTES

ROOT = Path(__file__).parents[2]
EXAMPLES = [path.read_bytes() for path in sorted((ROOT / "examples" / "charters").glob("*.yaml"))]
HEAD = "equipoise: charter/v1\nlab: L\npools: {a: {device: A100, expect: 10 nodes of 8 gpu}}\n"
WORDS = [
    *re.findall(r"[a-z_]+", " ".join(example.decode() for example in EXAMPLES))[:200],
    *["20%", "101%", "-1%", "8 gpu", "1h", "0s", "nan", ".inf", "1e400", "9" * 30, "\u0663%", "\uff11\uff10%"],
    *["&a", "*a", "!!x", "<<", "|", ">", "{", "}", "[", "]", ":", "- ", "? ", "'", '"', "#", "---", "...", "%YAML 1.1"],
    *["\t", "\r", "\x00", "\x85", "\u2028", "\ufeff", '"\\ud800"'],
]


def must_be_told_or_usable(data: bytes) -> None:
    report = check(data, "f.yaml")
    most = data.count(b"\n") + data.count(b"\r") + 2
    for finding in report.findings:
        assert re.fullmatch(r"[CW][0-9]{3}", finding.code)
        assert 1 <= finding.place.line <= most
        assert finding.place.column >= 1
        assert len(str(finding)) < 2000
        assert str(finding).isprintable()
    assert (report.charter is None) == bool(report.errors)
    if report.charter is None:
        with pytest.raises(CharterError):
            loads(data)
        return
    for pool in report.charter.pools:
        found = quotas(report.charter, pool.name, pool.capacity)
        assert all(0 <= quota.reserve <= quota.floor <= quota.limit for quota in found)
    assert explain(report.charter)


@settings(max_examples=300)
@given(st.binary(max_size=400))
def test_bytes(data: bytes) -> None:
    must_be_told_or_usable(data)


@settings(max_examples=300)
@given(st.lists(st.sampled_from([*WORDS, "\n", "\n  ", " "]), max_size=60))
def test_words_of_the_language_in_any_order(words: list[str]) -> None:
    must_be_told_or_usable("".join(words).encode())


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_examples_with_a_part_replaced(data: st.DataObject) -> None:
    text = data.draw(st.sampled_from(EXAMPLES))
    for _ in range(data.draw(st.integers(1, 3))):
        start = data.draw(st.integers(0, len(text)))
        end = start + data.draw(st.integers(0, 12))
        middle = data.draw(st.one_of(st.sampled_from(WORDS).map(lambda word: word.encode()), st.binary(max_size=4)))
        text = text[:start] + middle + text[end:]
    must_be_told_or_usable(text)


GOOD = ["20%", "0%", "100%", "33.3333%", "8 gpu", "1000000000 gpu", "90s", "14d", "1", "1000", "x", "a", "week"]
TEAM = ["floor", "limit", "weight", "lend", "recover", "max_job", "floors"]
PROMISE = ["team", "at_least", "at_most", "window", "of", "pace_max"]


def flow_map(keys: list[str], *, size: int) -> st.SearchStrategy[str]:
    """A flow map of some of the keys, with values that are right or anything."""
    anything = st.text(st.characters(codec="utf-8", exclude_characters="'\n\r"), max_size=8)
    value = st.one_of(st.sampled_from(GOOD), anything.map(lambda text: f"'{text}'"))
    fields = st.dictionaries(st.sampled_from(keys), value, max_size=size)
    return fields.map(lambda found: "{" + ", ".join(f"{key}: {text}" for key, text in found.items()) + "}")


@st.composite
def sections(draw: st.DrawFn) -> str:
    """Charters whose shape is right and whose values are anything."""
    teams = st.dictionaries(st.sampled_from(["a", "b", "c-1", "lab", "X"]), flow_map(TEAM, size=4), max_size=4)
    top, below = draw(teams), draw(teams)
    nested = ", ".join(f"{name}: {fields}" for name, fields in below.items())
    lines = [f"  {name}: {fields}" for name, fields in top.items()]
    lines.append(f"  z: {{floor: 10%, teams: {{{nested}}}}}")
    return HEAD + "\n".join(["teams:", *lines, "commitments:", f"  p: {draw(flow_map(PROMISE, size=6))}", ""])


@settings(max_examples=300, deadline=None)
@given(sections())
def test_right_shapes_with_any_values(text: str) -> None:
    must_be_told_or_usable(text.encode())


@given(st.text(st.characters(), max_size=40))
def test_any_text_as_a_title(title: str) -> None:
    quoted = title.encode("utf-8", "surrogatepass").replace(b"'", b"''")
    must_be_told_or_usable(HEAD.encode().replace(b"lab: L", b"lab: '" + quoted + b"'") + b"teams: {a: {}}\n")


def lines(pattern: str, count: int) -> str:
    return "".join(pattern.format(number) for number in range(count))


TOP = HEAD[: HEAD.index("pools")]
ALIASES = "".join(f"{b}: &{b} [{', '.join([f'*{a}'] * 9)}]\n" for a, b in zip("abcdefgh", "bcdefghi", strict=True))
POOLS = "pools:\n" + lines(" p{}: {{device: d, expect: 1 nodes of 1 gpu}}\n", 30_000)
BOMBS = {
    "aliases": ("a: &a [x, x, x, x, x, x, x, x, x]\n" + ALIASES).encode(),
    "a key of 10 MB": b"k" * 10_000_000 + b": 1\n",
    "a key of 3 MB": b"k" * 3_000_000 + b": 1\n",
    "a quoted key of 3 MB": b"'" + b"k" * 3_000_000 + b"': 1\n",
    "a value of 4 MB": b"lab: " + b"v" * (MAX_BYTES - 10),
    "100,000 lists deep": b"[" * 100_000,
    "100,000 maps deep": b"{a: " * 100_000,
    "100,000 block lists deep": b"- " * 100_000,
    "100,000 complex keys deep": b"? " * 100_000,
    "digits without end": (HEAD + "teams: {x: {weight: " + "9" * 1_000_000 + "}}\n").encode(),
    "a percentage without end": (HEAD + "teams: {x: {floor: " + "9" * 1_000_000 + "%}}\n").encode(),
    "one key 500,000 times": b"a: b\n" * 500_000,
    "50,000 unknown keys": lines("k{}: 1\n", 50_000).encode(),
    "pools times teams": (TOP + POOLS + "teams:\n" + lines(" t{}: {{floor: 0%}}\n", 30_000)).encode(),
    "30,000 promises": (HEAD + "teams: {x: {}}\ncommitments:\n" + lines(" c{}: {{team: x}}\n", 30_000)).encode(),
    "only newlines": b"\n" * (MAX_BYTES - 1),
    "tabs": b"\t" * 100_000,
    "not UTF-8": b"\xff" * 1_000_000,
    "UTF-16": (HEAD + "teams: {x: {}}\n").encode("utf-16"),
}


@pytest.mark.parametrize("name", list(BOMBS))
def test_bombs_are_refused_quickly_and_in_little_memory(name: str) -> None:
    tracemalloc.start()
    began = time.process_time()
    try:
        report = check(BOMBS[name], "bomb.yaml")
        took, peak = time.process_time() - began, tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert report.charter is None
    assert 1 <= len(report.findings) <= 101
    assert took < 20  # tracing makes it several times slower
    assert peak < 400_000_000


def test_many_small_teams_and_promises_finish() -> None:
    teams = lines(" t{0}: {{floor: 0.002%, max_job: 1 gpu}}\n", 10_000)
    promises = lines(" c{0}: {{team: t{0}, at_least: 0.001%, window: day}}\n", 10_000)
    pools = "pools: {a: {device: d, expect: 100000000 nodes of 8 gpu}}\n"
    began = time.process_time()
    report = check((TOP + pools + "teams:\n" + teams + "commitments:\n" + promises).encode())
    assert report.charter is not None
    assert time.process_time() - began < 30
