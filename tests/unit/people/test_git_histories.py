"""What git repositories hold that is awkward: each is made by git, and read whole or refused."""

from __future__ import annotations

import os
import shutil
from pathlib import Path
from typing import Any

import pytest

from equipoise.errors import InputError
from equipoise.people.knowledge import Identities
from equipoise.people.knowledge.history import FileRecord
from equipoise.traces.git import Reading, Repository, read
from tests.unit.people.git_repositories import BEGIN_S, DAY_S, Maker, crowd, git, person, quoted

A, B, C = person(0), person(1), person(2)


def reading(path: Path, **how: Any) -> Reading:
    return read(Repository.open(path), Identities(), **how)


def record(of: Reading, path: str) -> tuple[set[str], dict[str, int]]:
    """Creators and changes of a file by name."""
    names = [name for name, _ in of.history.identities.pairs()]
    found: FileRecord = of.history.files(of.tree)[path]
    return {names[who] for who in found.creators}, {names[who]: n for who, n in found.changes.items()}


def code_of(path: Path, **how: Any) -> str:
    with pytest.raises(InputError) as caught:
        reading(path, **how)
    return caught.value.code


def test_merges_bring_what_their_branches_did_and_nothing_of_their_own(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "lab")
    base = maker.commit(A, {b"a.py": b"1"})
    left = maker.commit(B, {b"b.py": b"1", b"a.py": b"2"}, parents=(base,))
    right = maker.commit(C, {b"c.py": b"1"}, parents=(base,), branch=b"side")
    maker.commit(A, {b"c.py": b"1", b"only-merged.py": b"1"}, parents=(left, right))
    found = reading(maker.done())
    assert len(found.history.who) == 3
    assert record(found, "a.py") == ({"Person N0"}, {"Person N0": 0, "Person N1": 1})
    assert record(found, "c.py") == ({"Person N2"}, {"Person N2": 0})
    assert "only-merged.py" in found.tree
    assert "only-merged.py" not in found.history.files(found.tree)


def test_a_change_on_one_branch_follows_the_file_that_another_renamed(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "lab")
    base = maker.commit(A, {b"old.py": b"1"})
    left = maker.commit(B, moves={b"old.py": b"new.py"}, parents=(base,))
    right = maker.commit(C, {b"old.py": b"2"}, parents=(base,), branch=b"side")
    maker.commit(A, {b"new.py": b"2", b"old.py": None}, parents=(left, right))
    found = reading(maker.done())
    assert record(found, "new.py") == ({"Person N0"}, {"Person N0": 0, "Person N1": 1, "Person N2": 1})
    assert found.tree == {"new.py"}


def test_renames_without_a_change_keep_the_history_and_with_one_only_where_asked(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "lab")
    text = b"".join(b"line %d\n" % n for n in range(50))
    maker.commit(A, {b"a.py": text, b"b.py": text[:200]})
    maker.commit(B, moves={b"a.py": b"src/a.py"})
    maker.commit(C, {b"b.py": None, b"src/b.py": text[:200] + b"more\n"})
    path = maker.done()
    exact, similar = reading(path), reading(path, renames="similar")
    for found in (exact, similar):
        assert record(found, "src/a.py") == ({"Person N0"}, {"Person N0": 0, "Person N1": 1})
    assert record(exact, "src/b.py") == ({"Person N2"}, {"Person N2": 0})
    assert record(similar, "src/b.py") == ({"Person N0"}, {"Person N0": 0, "Person N2": 1})


def test_a_file_that_comes_back_has_its_history_and_both_creators(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "lab")
    maker.commit(A, {b"a.py": b"1"})
    maker.commit(B, {b"a.py": None})
    maker.commit(C, {b"a.py": b"1"})
    assert record(reading(maker.done()), "a.py") == ({"Person N0", "Person N2"}, {"Person N0": 0, "Person N2": 0})


@pytest.mark.parametrize("tree", ["there", "none", "without it"])
def test_mailmap_says_who_is_who(tmp_path: Path, tree: str) -> None:
    maker = Maker(tmp_path / "lab", bare=tree == "none")
    maker.commit(b"ann <ann@home.example>", {b"a.py": b"1"})
    maker.commit(
        b"Ann B <ann@lab.example>", {b"a.py": b"2", b".mailmap": b"Ann B <ann@lab.example> <ann@home.example>\n"}
    )
    path = maker.done()
    if tree == "without it":
        (path / ".mailmap").unlink()
    assert reading(path).history.identities.pairs() == [("Ann B", "ann@lab.example")]


def test_binary_and_huge_files_cost_nothing_and_count_by_their_names(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "lab")
    maker.commit(A, {b"model.bin": bytes(range(256)) * 200_000, b"big.py": b"x = 1\n" * 4_000_000})
    maker.commit(B, {b"model.bin": bytes(255)})
    found = reading(maker.done())
    assert record(found, "model.bin") == ({"Person N0"}, {"Person N0": 0, "Person N1": 1})
    assert record(found, "big.py") == ({"Person N0"}, {"Person N0": 0})


STRANGE = [
    b"new\nline.py", b'quo"te.py', b"tab\t.py", b"back\\slash.py", b"caf\xe9.py", b"caf\xc3\xa9.py", b":100644 100644.py", b"A",
    b"M", b"R100", b"0" * 40, b" .py", b"-x.py", b"\x01\x02.py", b"\xff\xfe",
]  # fmt: skip


def test_strange_bytes_in_names_stay_what_they_are(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "lab", bare=True)
    names = [b"A", b"R100", b"caf\xe9", b"\x01 x", b"f" * 40, b""]
    for number, name in enumerate(names):
        maker.commit(name + b" <%d@x>" % number, {path: b"%s %d" % (path, number) for path in STRANGE})
    maker.commit(A, moves={b"A": b"Z", b"R100": b"R050"})
    found = reading(maker.done())
    left = {os.fsdecode(path) for path in STRANGE if path not in (b"A", b"R100")}
    assert found.tree == left | {"Z", "R050"}
    assert len(found.history.who) == len(names) + 1
    assert len(found.history.identities) == len(names) + 1
    changes = {path: sum(of.changes.values()) for path, of in found.history.files(found.tree).items()}
    assert changes == dict.fromkeys(left, len(names) - 1) | {"Z": len(names), "R050": len(names)}


def test_messages_that_imitate_records_are_not_read(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "lab")
    false = b"\n\x01" + b"0" * 40 + b"\nMallory\nm@x\n1500000000\n\nA\tforged.py\n:100644 100644 A\tforged.py\n%x00%n"
    maker.commit(A, {b"a.py": b"1"}, message=false)
    maker.commit(B, {b"a.py": b"2"}, message=b"commit " + b"1" * 40 + false)
    found = reading(maker.done())
    assert found.history.identities.pairs() == [("Person N0", "p0@lab.example"), ("Person N1", "p1@lab.example")]
    assert set(found.history.files()) == {"a.py"}


def test_links_and_submodules_are_no_files(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "lab", bare=True)
    maker.commit(A, {b"a.py": b"1"}, links={b"link.py": b"a.py"})
    maker.module(A, b"other.py")
    assert reading(maker.done()).tree == {"a.py"}


def test_clocks_that_are_wrong_do_not_move_the_end(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "lab")
    maker.commit(A, {b"a.py": b"1"}, when_s=BEGIN_S + 10_000 * DAY_S)
    maker.commit(A, {b"a.py": b"2"}, when_s=0)
    maker.commit(A, {b"a.py": b"3"}, when_s=BEGIN_S)
    assert reading(maker.done()).history.when_s == [BEGIN_S, 0, BEGIN_S]


def test_hashes_may_be_sha256(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "lab", form="sha256")
    maker.commit(A, {b"a.py": b"1"})
    maker.commit(B, moves={b"a.py": b"b.py"})
    assert record(reading(maker.done()), "b.py") == ({"Person N0"}, {"Person N0": 0, "Person N1": 1})


def test_shallow_clone_is_refused_until_it_is_whole(tmp_path: Path) -> None:
    crowd(tmp_path / "lab")
    clone = tmp_path / "shallow"
    git(tmp_path, "clone", "--quiet", "--depth=3", f"file://{tmp_path / 'lab'}", str(clone))
    assert code_of(clone) == "K103"
    git(clone, "fetch", "--quiet", "--unshallow")
    assert len(reading(clone).history.who) == 9


def partial(tmp_path: Path, filter: str) -> Path:
    git(tmp_path / "lab", "config", "uploadpack.allowFilter", "true")
    clone = tmp_path / "partial"
    git(tmp_path, "clone", "--quiet", "--bare", f"--filter={filter}", f"file://{tmp_path / 'lab'}", str(clone))
    return clone


def test_clone_without_blobs_gives_the_same_and_fetches_nothing(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "lab")
    maker.commit(A, {b"a.py": b"1"})
    maker.commit(B, {b"a.py": b"2", b"b.py": b"1"})
    maker.commit(C, moves={b"a.py": b"c.py"})
    whole = reading(maker.done())
    clone = partial(tmp_path, "blob:none")
    lacking = git(clone, "rev-list", "--objects", "--all", "--missing=print").count("?")
    assert lacking == 2  # two files began with the same content
    found = reading(clone)
    for path in ("b.py", "c.py"):
        assert record(found, path) == record(whole, path)
    assert git(clone, "rev-list", "--objects", "--all", "--missing=print").count("?") == lacking


def test_clone_without_blobs_is_refused_where_they_are_needed(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "lab")
    text = b"".join(b"line %d\n" % n for n in range(50))
    maker.commit(A, {b"a.py": text})
    maker.commit(B, {b"a.py": None, b"b.py": text + b"more\n"})
    maker.done()
    assert code_of(partial(tmp_path, "blob:none"), renames="similar") == "K105"


def test_clone_without_blobs_is_refused_where_it_lacks_the_mailmap(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "lab")
    maker.commit(A, {b"a.py": b"1", b".mailmap": b"Ann B <ann@lab.example> <p0@lab.example>\n"})
    maker.done()
    assert code_of(partial(tmp_path, "blob:none")) == "K105"


def test_clone_without_trees_is_refused(tmp_path: Path) -> None:
    crowd(tmp_path / "lab")
    assert code_of(partial(tmp_path, "tree:0")) == "K105"


@pytest.mark.parametrize("lost", ["HEAD~4", "HEAD~4^{tree}"])
def test_damaged_repository_is_refused(tmp_path: Path, lost: str) -> None:
    path = crowd(tmp_path / "lab")
    for pack in (path / ".git/objects/pack").glob("*.pack"):
        shutil.move(pack, tmp_path / pack.name)
        git(path, "unpack-objects", "-q", stdin=(tmp_path / pack.name).read_bytes())
    name = git(path, "rev-parse", lost)
    (path / ".git/objects" / name[:2] / name[2:]).unlink()
    assert code_of(path) == "K105"


def test_output_that_is_cut_off_is_refused_even_if_git_says_it_went_well(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = crowd(tmp_path / "lab")
    real = shutil.which("git")
    whole = len(reading(path).history.who)
    folder = tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    for left in (0, 40, 100, 333, 500):
        script = (
            f'#!/bin/sh\ncase " $* " in *" log "*) "{real}" "$@" | head -c {left} ;; *) exec "{real}" "$@" ;; esac\n'
        )
        (folder / "git").write_text(script)
        (folder / "git").chmod(0o755)
        assert code_of(path) == "K105", left
    (folder / "git").unlink()
    assert len(reading(path).history.who) == whole == 9


def test_what_git_adds_beyond_records_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = crowd(tmp_path / "lab")
    real, folder = shutil.which("git"), tmp_path / "bin"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    for more in ("X\\0a.py\\0", "rubbish\\0", "rubbish", "A\\0", "\\0"):
        script = (
            f'#!/bin/sh\ncase " $* " in *" log "*) "{real}" "$@"; printf "{more}" ;; *) exec "{real}" "$@" ;; esac\n'
        )
        (folder / "git").write_text(script)
        (folder / "git").chmod(0o755)
        assert code_of(path) == "K105", more


def test_grafts_are_refused_and_replaced_commits_are_seen_through(tmp_path: Path) -> None:
    path = crowd(tmp_path / "lab")
    head, before = git(path, "rev-parse", "HEAD"), git(path, "rev-parse", "HEAD~5")
    git(path, "replace", "--graft", head, before)
    assert len(reading(path).history.who) == 9
    (path / ".git/info").mkdir(exist_ok=True)
    (path / ".git/info/grafts").write_text(f"{head} {before}\n")
    assert code_of(path) == "K103"


def test_settings_and_environment_change_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    maker = Maker(tmp_path / "lab")
    maker.commit(A, {b"src/a.py": b"1", b"src/b.py": b"2"})
    maker.commit(B, moves={b"src/a.py": b"src/c.py"})
    path = maker.done()
    before = reading(path)
    (tmp_path / "order").write_text("b.py\n")
    for name, value in {
        "log.showRoot": "false", "diff.renames": "false", "diff.orderFile": str(tmp_path / "order"), "log.follow": "true",
        "diff.relative": "true", "color.ui": "always", "log.showSignature": "true", "format.pretty": "oneline",
        "core.quotePath": "true", "log.date": "relative", "i18n.logOutputEncoding": "latin1", "diff.external": "false",
        "log.diffMerges": "combined", "core.pager": "false",
    }.items():  # fmt: skip
        git(path, "config", name, value)
    crowd(tmp_path / "other")
    monkeypatch.setenv("GIT_DIR", str(tmp_path / "other" / ".git"))
    monkeypatch.setenv("GIT_EXTERNAL_DIFF", "false")
    for where in (path, path / "src"):
        found = reading(where)
        assert found.tree == before.tree == {"src/b.py", "src/c.py"}
        assert record(found, "src/c.py") == record(before, "src/c.py")


def test_what_is_no_repository_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "file").write_text("x")
    (tmp_path / "empty").mkdir()
    assert [code_of(tmp_path / name) for name in ("file", "empty", "nowhere")] == ["K102", "K102", "K102"]
    Maker(tmp_path / "new")
    assert code_of(tmp_path / "new") == "K104"
    path = crowd(tmp_path / "lab")
    for revision in ("nowhere", "--all", "HEAD^{tree}", "-n1"):
        with pytest.raises(InputError) as caught:
            Repository.open(path, revision=revision)
        assert caught.value.code == "K104", revision
    monkeypatch.setenv("PATH", str(tmp_path))
    assert code_of(path) == "K101"


def test_reading_up_to_a_commit_leaves_out_what_came_later(tmp_path: Path) -> None:
    path = crowd(tmp_path / "lab")
    found = read(Repository.open(path, revision="HEAD~4"), Identities())
    assert len(found.history.who) == len(found.tree) == 5


def test_paths_of_the_maker_are_quoted_as_git_reads_them() -> None:
    assert quoted(b'a"\\\n') == b'"a\\"\\\\\\n"'
