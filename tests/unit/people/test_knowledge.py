"""What is told of people: figures worked out by hand, groups, teams, departures, how newcomers come up to speed."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable
from itertools import permutations
from pathlib import Path

import pytest

from equipoise.errors import InputError
from equipoise.people.knowledge import GROUP_MIN, History, Identities, chosen, is_source, summarise
from equipoise.people.knowledge.authorship import authors
from equipoise.people.knowledge.ramp_up import MONTH_S, ramp_up
from equipoise.people.knowledge.truck_factor import expected_after
from equipoise.tasks.knowledge import knowledge
from tests.unit.cli.test_commands import run
from tests.unit.people.git_repositories import BEGIN_S, DAY_S, Maker, crowd, person


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(InputError) as caught:
        call()
    return caught.value.code


def lab(folder: Path, *, second: int = 9) -> Path:
    """Nine people in ``core``, others in ``web``; p0 made half of ``core``."""
    maker = Maker(folder / "lab")
    for number in range(9):
        maker.commit(
            person(number),
            {b"core/%d-%d.py" % (number, n): b"%d.%d" % (number, n) for n in range(8 if number == 0 else 1)},
        )
    for number in range(20, 20 + second):
        maker.commit(person(number), {b"web/%d.ts" % number: b"%d" % number})
    return maker.done()


def test_figures_of_a_small_lab(tmp_path: Path) -> None:
    told = knowledge([lab(tmp_path)]).knowledge
    assert (told.commits, told.total.files, told.total.people, told.total.active) == (18, 25, 18, 18)
    # 25 files: after p0 17 are left, then one fewer with each; 12 are fewer than half.
    assert told.total.truck_factor == 6
    assert told.total.covered == tuple(n / 25 for n in (25, 17, 16, 15, 14, 13, 12))
    assert told.total.effective_authors == pytest.approx(25**2 / (8**2 + 17))
    by_area = {area.name: (area.files, area.people, area.truck_factor) for area in told.areas}
    assert by_area == {"lab/core": (16, 9, 2), "lab/web": (9, 9, 5)}
    assert [(row.departures, row.main) for row in told.departures[:3]] == [(0, 1.0), (1, 17 / 25), (2, 16 / 25)]
    assert [row.drawn for row in told.departures[:3]] == pytest.approx([1.0, 17 / 18, 16 / 18])


@pytest.mark.parametrize(("others", "both"), [(9, True), (10, False)])
def test_a_creator_is_an_author_down_to_three_quarters_of_the_largest_degree(others: int, *, both: bool) -> None:
    # 4.391 − 0.321 ln(1 + n) against 3.293 + 0.164 n: 3.652 ÷ 4.769 = 0.766 for nine changes, 3.621 ÷ 4.933 = 0.734 for ten.
    assert authors({1}, {1: 0, 2: others}) == ((1, 2) if both else (2,))


def test_an_author_has_at_least_the_base() -> None:
    # Of two who changed a file once: 3.293 + 0.164 − 0.321 ln 2 = 3.234 is too little, unless they made it (4.332).
    assert authors((), {1: 1, 2: 1}) == ()
    assert authors({1, 2}, {1: 1, 2: 1}) == (1, 2)
    assert authors({1}, {1: 1, 2: 1}) == (1,)


def test_small_areas_are_part_of_the_rest_and_take_a_neighbour_with_them(tmp_path: Path) -> None:
    told = knowledge([lab(tmp_path, second=3)]).knowledge
    assert [(area.name, area.files, area.people) for area in told.areas] == [("lab", 19, 12)]
    assert told.total.people == 12


def test_small_repositories_are_part_of_the_rest(tmp_path: Path) -> None:
    for name, people in (("a", 12), ("b", 9), ("c", 3)):
        crowd(tmp_path / name, people=people)
    told = knowledge([tmp_path / name for name in "abc"]).knowledge
    # The people of b and c are among those of a.
    assert [(row.name, row.files) for row in told.repositories] == [("a", 12), ("", 12)]
    assert told.names == ("a", "b", "c")


def test_one_person_in_two_repositories_is_one(tmp_path: Path) -> None:
    for name in ("x/lab", "y/lab"):
        crowd(tmp_path / name, people=9)
    told = knowledge([tmp_path / "x/lab", tmp_path / "y/lab"]).knowledge
    assert (told.names, told.total.people, told.total.files) == (("lab", "lab (2)"), 9, 18)


def test_knowledge_of_those_who_no_longer_commit_is_orphaned(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "lab")
    for number in range(10):
        maker.commit(person(number), {b"%d.py" % number: b"1"}, when_s=BEGIN_S + (0 if number < 4 else 400 * DAY_S))
    told = knowledge([maker.done()]).knowledge
    assert (told.total.active, told.total.orphaned) == (6, 0.4)
    assert told.departures == (), "six who may leave are fewer than eight"


def test_who_committed_lately_is_active_whatever_came_before(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "lab")
    for number in range(10):
        maker.commit(person(number), {b"%d.py" % number: b"1"}, when_s=BEGIN_S)
    for number in range(8):
        maker.commit(person(number), {b"%d.py" % number: b"2"}, when_s=BEGIN_S + (400 - number) * DAY_S)
    told = knowledge([maker.done()]).knowledge
    assert (told.total.active, told.total.orphaned, len(told.departures)) == (8, 0.2, 9)


TEAMS = "field,value,team\nemail,P0@LAB.example,a\nname,Person N1,a\ndomain,lab.example,b.main\n"


def test_teams_by_address_name_and_domain(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "lab")
    for number in range(30):
        domain = b"lab.example" if number < 20 else b"gpu.lab.example" if number < 25 else b"else.example"
        maker.commit(b"Person N%d <p%d@%s>" % (number, number, domain), {b"%d.py" % number: b"%d" % number})
    (tmp_path / "map.csv").write_text(TEAMS, "utf-8")
    told = knowledge([maker.done()], map=tmp_path / "map.csv").knowledge
    # Two in a and five without a team are too few to be told of, and so they would be together.
    assert [(team.name, team.people) for team in told.teams] == [("", 30)]
    (tmp_path / "map.csv").write_text(TEAMS.replace("email,P0", "domain,else.example,a\nemail,P0"), "utf-8")
    told = knowledge([tmp_path / "lab"], map=tmp_path / "map.csv").knowledge
    assert [(team.name, team.people, team.alone) for team in told.teams] == [("", 30, 1.0)]
    more = TEAMS.replace("domain,lab", "domain,else.example,a\nname,Person N2,a\ndomain,lab")
    (tmp_path / "map.csv").write_text(more, "utf-8")
    told = knowledge([tmp_path / "lab"], map=tmp_path / "map.csv").knowledge
    assert [(team.name, team.people) for team in told.teams] == [("a", 8), ("b.main", 22)]
    assert [(team.knows, team.alone) for team in told.teams] == [(8 / 30, 8 / 30), (22 / 30, 22 / 30)]


def test_files_of_two_teams_are_known_by_both_and_leave_with_neither(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "lab")
    for number in range(16):
        maker.commit(b"Person N%d <p@t%d.example>" % (number, number % 2), {b"%d.py" % number: b"%d" % number})
    maker.commit(b"Person N1 <p@t1.example>", {b"0.py": b"both"})
    (tmp_path / "map.csv").write_text("field,value,team\ndomain,t0.example,even\ndomain,t1.example,odd\n", "utf-8")
    told = knowledge([maker.done()], map=tmp_path / "map.csv", merge=False).knowledge
    assert {team.name: (team.knows, team.alone) for team in told.teams} == {"even": (0.5, 7 / 16), "odd": (9 / 16, 0.5)}


def test_what_a_team_knows_of_an_area_is_told_of_eight_of_its_people_and_is_no_difference_of_two(
    tmp_path: Path,
) -> None:
    maker = Maker(tmp_path / "lab")
    for number in range(
        16
    ):  # eight of "a" in core, all sixteen in web; of "b" seven in core, which is told with its web
        team = "a" if number < 8 else "b"
        files: dict[bytes, bytes | None] = {b"web/%d.py" % number: b"%d" % number}
        if number < 15:
            files[b"core/%d.py" % number] = b"c%d" % number
        maker.commit(f"Person N{number} <p{number}@{team}.example>".encode(), files)
    mapping = tmp_path / "people.csv"
    mapping.write_text("field,value,team\ndomain,a.example,a\ndomain,b.example,b\n", "utf-8")
    told = knowledge([maker.done()], map=mapping).knowledge
    assert [(row.team, row.area, row.files, row.people, row.knows) for row in told.team_areas] == [
        ("a", "lab/core", 15, 8, 8 / 15),
        ("a", "lab/web", 16, 8, 8 / 16),
        ("b", "lab", 31, 8, 15 / 31),
    ]
    for team in told.teams:  # areas divide what the team knows of all files
        parts = [row for row in told.team_areas if row.team == team.name]
        assert sum(row.files * row.knows for row in parts) == pytest.approx(team.knows * told.total.files)


def test_one_address_or_one_full_name_is_one_person() -> None:
    people = Identities()
    pairs = [
        ("Ann B", "ann@x"),
        ("ann", "ANN@X"),
        ("ann  b", "b@y"),
        ("root", "root@a"),
        ("root", "root@b"),
        ("ann", "c@z"),
    ]
    for pair in pairs:
        people.number(*pair)
    assert people.people() == [0, 0, 0, 3, 4, 5]
    assert people.people(merge=False) == [0, 1, 2, 3, 4, 5]


def test_programs_are_no_people(tmp_path: Path) -> None:
    maker = Maker(tmp_path / "lab")
    for number in range(8):
        maker.commit(person(number), {b"%d.py" % number: b"%d" % number})
    for _ in range(5):
        maker.commit(b"dependabot[bot] <49699333+dependabot[bot]@users.noreply.github.com>", {b"lock.py": b"%d" % _})
    told = knowledge([maker.done()]).knowledge
    assert (told.total.people, told.total.files, told.untraced, told.bot_commits) == (8, 8, 1, 5)


@pytest.mark.parametrize(
    ("path", "counts"),
    [
        ("src/a.py", True), ("kernel.cu", True), ("a/b/Dockerfile", True), ("web/App.VUE", True), ("docs/conf.py", False),
        ("src/docs/a.py", True), ("a/vendor/b.go", False), ("x.min.js", False), ("api_pb2.py", False), ("README.md", False),
        ("data.json", False), (".py", False), ("model.bin", False), ("dist/x.js", False), ("distant/x.js", True),
        ("external/q.js", False), ("externality/q.js", True), ("CMakeLists.txt", True),
    ],
)  # fmt: skip
def test_which_files_count_by_their_path(path: str, counts: bool) -> None:
    assert is_source(path) is counts


def test_patterns_leave_out_more() -> None:
    counts = chosen("all", ["generated/*", "*.lock"])
    assert [counts(path) for path in ("a.bin", "generated/x/y.py", "sub/generated/y.py", "a/b.lock")] == [
        True,
        False,
        True,
        False,
    ]


def paced(people: int, early: int, later: int) -> list[tuple[int, int]]:
    """People who make so many commits a month in their first half year, and so many later, for forty months."""
    return [
        (number, month * MONTH_S + n * 1000)
        for number in range(people)
        for month in range(40)
        for n in range(early if month < 6 else later)
    ]


def test_ramp_up_is_read_off_where_it_was_put() -> None:
    found = ramp_up(paced(9, 2, 10))
    assert found.newcomers == 9
    assert found.pace[:5] == pytest.approx([0.2] * 5)
    assert found.pace[5] == pytest.approx((2 + 2 + 10) / 3 / 10)
    assert found.pace[7] == pytest.approx(1.0)
    assert found.months == 7
    assert ramp_up(paced(9, 10, 10)).months == 0
    assert ramp_up(paced(9, 0, 10)).months == 0, "who does not commit has not begun"


def test_ramp_up_follows_those_who_stayed() -> None:
    leavers = [(100 + number, n * DAY_S) for number in range(20) for n in range(30)]
    late = [(200 + number, 38 * MONTH_S + n) for number in range(20) for n in range(30)]
    recent = [
        (300 + number, (20 + month) * MONTH_S + n) for number in range(9) for month in range(20) for n in range(9)
    ]
    assert ramp_up(leavers + late + recent + paced(9, 2, 10)) == ramp_up(paced(9, 2, 10))
    assert ramp_up(leavers).newcomers == ramp_up([]).newcomers == 0


def history_of(commits: list[tuple[int, int]]) -> History:
    history = History("lab", Identities())
    for person_, when_s in commits:
        who = history.identities.number(f"p{person_}", f"{person_}@x")
        history.add(who, when_s, ["A" if when_s == 0 else "M", f"{person_}.py"])
    return history


@pytest.mark.parametrize("people", [GROUP_MIN - 1, GROUP_MIN])
def test_everything_about_people_is_told_from_eight_on(people: int) -> None:
    history = history_of(sorted(paced(people, 2, 10), key=lambda commit: commit[1]))
    told = summarise([(history, None)], history.identities, counts=is_source, team_of=lambda _: "all")
    said = [told.total.truck_factor, told.ramp_up, told.repositories, told.areas, told.teams, told.departures]
    assert [bool(part) for part in said] == [people >= GROUP_MIN] * len(said)


def test_options_that_make_no_sense_are_refused(tmp_path: Path) -> None:
    path = crowd(tmp_path / "lab")
    assert code_of(lambda: knowledge([])) == "K106"
    assert code_of(lambda: knowledge([path, path])) == "K106"
    assert code_of(lambda: knowledge([path], files="some")) == "K106"
    assert code_of(lambda: knowledge([path], renames="all")) == "K106"
    assert code_of(lambda: knowledge([path], depth=0)) == "K106"
    assert code_of(lambda: knowledge([path], exclude=["*"])) == "K107"
    (tmp_path / "map.csv").write_text("field,value,team\nuser,x,a\n", "utf-8")
    assert code_of(lambda: knowledge([path], map=tmp_path / "map.csv")) == "K106"
    (tmp_path / "map.csv").write_text("who,team\nx,a\n", "utf-8")
    assert code_of(lambda: knowledge([path], map=tmp_path / "map.csv")) == "T114"
    assert code_of(lambda: knowledge([path], map=tmp_path / "none.csv")) == "T101"


def test_the_order_of_files_changes_no_bit() -> None:
    files = [tuple(range(size)) for size in (1, 2, 3, 4, 5) for _ in range(7 * size)]
    for departures in range(1, 30):
        by_order = {expected_after(sorted(files, key=order.index), 37, departures) for order in orders(files)}
        assert len(by_order) == 1, departures


def orders(files: list[tuple[int, ...]]) -> list[tuple[tuple[int, ...], ...]]:
    return list(permutations(dict.fromkeys(files)))


def test_the_same_history_gives_the_same_data(tmp_path: Path) -> None:
    path = lab(tmp_path)
    assert json.dumps(knowledge([path]).to_dict()) == json.dumps(knowledge([path]).to_dict())


def test_command_prints_no_name_and_no_address(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(lab(tmp_path))
    assert run("knowledge", path) == 0
    told = capsys.readouterr()
    assert "Truck factor 6, of 18 people" in told.out
    assert re.search(r"Parsed and analysed at [\d,]+ commits/s; git itself took [\d.]+ s\.", told.out)
    assert run("knowledge", path, "--json") == 0
    as_json = capsys.readouterr().out
    assert json.loads(as_json)["total"]["truck_factor"] == 6
    for text in (told.out, told.err, as_json):
        assert "Person" not in text
        assert "example" not in text


def test_command_says_when_there_are_too_few(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = str(crowd(tmp_path / "lab", people=7))
    assert run("knowledge", path) == 0
    told = capsys.readouterr().out
    assert "there are fewer than 8" in told
    assert "7 files counted" in told
    assert run("knowledge", path, "--json") == 0
    assert json.loads(capsys.readouterr().out)["total"] == {
        "name": "", "files": 7, "people": None, "truck_factor": None, "covered": [], "effective_authors": None,
        "active": None, "orphaned": None,
    }  # fmt: skip


def test_command_refuses_a_history_that_is_cut_off(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("knowledge", str(tmp_path)) == 1
    assert "K102 git does not read it: fatal: not a git repository" in capsys.readouterr().err


def test_names_of_folders_are_printed_harmlessly(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    maker = Maker(tmp_path / "[red]lab", bare=True)
    for number in range(10):
        maker.commit(
            person(number), {b"\x1b[2J\xe9/%d.py" % number: b"%d" % number, b"[bold]/%d.py" % number: b"1%d" % number}
        )
    path = str(maker.done())
    assert run("knowledge", path) == 0
    told = capsys.readouterr().out
    assert "[red]lab/\\x1b[2J\\xe9" in told
    assert "[red]lab/[bold]" in told
    assert "\x1b" not in told
    assert run("knowledge", path, "--json") == 0
    assert "[red]lab/\\x1b[2J\\xe9" in [area["name"] for area in json.loads(capsys.readouterr().out)["areas"]]


def test_command_does_without_numba(tmp_path: Path) -> None:
    script = (
        f"import sys\nfrom equipoise.cli import main\ntry:\n main(['knowledge', {str(crowd(tmp_path / 'lab'))!r}])\n"
        "except SystemExit as left:\n print(left.code, 'numba' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "0 False"


def test_more_areas_than_fit_are_counted(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    maker = Maker(tmp_path / "lab", bare=True)
    for number in range(8):
        maker.commit(person(number), {b"d%02d/%d.py" % (n, number): b"%d.%d" % (n, number) for n in range(25)})
    path = str(maker.done())
    assert run("knowledge", path) == 0
    assert "and 5 more areas" in capsys.readouterr().out
    assert len(knowledge([path]).knowledge.areas) == 25
