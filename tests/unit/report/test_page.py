"""The report as a file: one that needs nothing else, whose numbers and pictures are those of the results."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import polars as pl
import pytest

from equipoise import web
from equipoise.charter_io import loads
from equipoise.errors import InputError
from equipoise.report.figures import count, hours, part, span
from equipoise.report.page import page, write_page
from equipoise.report.view import Source, view
from equipoise.simulator.results import Results
from equipoise.tasks.simulate import Comparison, simulate
from equipoise.workload.fleet import fleet
from equipoise.workload.synthetic import lab, lab_charter
from tests.unit.report.replays import DAYS, GPUS, HOSTILE, outage, synthetic

SOURCE = Source("jobs.csv", "lab.yaml", "lab: Small # <as written>\n", "equipoise report jobs.csv --charter lab.yaml")
SCRIPTS = 3 if web.is_built() else 1  # the switch of themes; the import map, and what begins
VOID = {"meta", "link", "br", "hr"}
SECTIONS = [
    "machine",
    "promises",
    "teams",
    "waits",
    "starvation",
    "stops",
    "services",
    "requests",
    "comparison",
    "idle",
    "method",
    "charter",
]


class Reader(HTMLParser):
    """Reads a page as a browser would: elements that close, attributes, tables by section, text."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.sections: list[str] = []
        self.tables: list[tuple[str, list[list[str]]]] = []
        self.text = ""
        self.scripts: list[str] = []
        self._cell = False
        self.feed(text)
        self.close()
        assert self.open == [], "everything that opens closes"

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        self.elements.append((tag, named))
        if tag not in VOID:
            self.open.append(tag)
        if tag == "section" and "id" in named:
            self.sections.append(str(named["id"]))
        if tag == "table":
            self.tables.append((self.sections[-1] if self.sections else "", []))
        if tag == "tr":
            self.tables[-1][1].append([])
        if tag in ("td", "th"):
            self.tables[-1][1][-1].append("")
            self._cell = True
        if tag == "script":
            self.scripts.append("")

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag
        if tag in ("td", "th"):
            self._cell = False

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] in ("script", "style"):
            if self.open[-1] == "script":
                self.scripts[-1] += data
            return
        self.text += data
        if self._cell:
            self.tables[-1][1][-1][-1] += plain(data)

    def rows(self, section: str, number: int = 0) -> list[dict[str, str]]:
        """Return a table of a section: a dictionary for each row."""
        head, *body = [table for where, table in self.tables if where == section][number]
        return [dict(zip(head, row, strict=True)) for row in body]


def plain(text: str) -> str:
    return text.replace("\u202f", " ").replace("\xa0", " ")


@pytest.fixture(scope="module")
def runs() -> Comparison:
    return synthetic()


@pytest.fixture(scope="module")
def text(runs: Comparison) -> str:
    return page(runs.runs, source=SOURCE)


@pytest.fixture(scope="module")
def read(text: str) -> Reader:
    return Reader(text)


def test_page_has_its_parts_in_order(read: Reader) -> None:
    assert read.sections == [*SECTIONS, "again"]
    links = {named["href"] for tag, named in read.elements if tag == "a"}
    assert links == {f"#{section}" for section in read.sections}
    assert [tag for tag, _ in read.elements].count("h1") == 1
    assert "equipoise report jobs.csv --charter lab.yaml" in read.text
    assert "lab: Small # <as written>" in read.text


@pytest.mark.parametrize("replay", [synthetic, outage], ids=["synthetic", "outage"])
def test_nothing_is_fetched_and_no_other_script_runs(replay: object) -> None:
    whole = page(replay().runs, source=SOURCE)  # type: ignore[operator]
    found = Reader(whole)
    for tag, named in found.elements:
        assert not {"src", "srcset", "poster", "action", "xlink:href", "background"} & set(named), tag
        assert not [name for name in named if name.startswith("on")], tag
        if "href" in named:
            assert str(named["href"]).startswith("#") or named["href"] == "data:,"
    assert not {"img", "iframe", "object", "embed", "base", "form", "use", "foreignobject"} & {
        tag for tag, _ in found.elements
    }
    style = whole.split("<style>", 1)[1].split("</style>", 1)[0]
    assert not re.search(r"url\(|@import|@font-face|expression|//", style)
    assert "://" not in whole
    policy = next(str(n["content"]) for t, n in found.elements if t == "meta" and "http-equiv" in n)
    assert policy.startswith("default-src 'none';")
    assert len(found.scripts) == SCRIPTS
    (sources,) = re.findall(r"script-src ([^;]*);", policy)
    digests = [base64.b64encode(hashlib.sha256(script.encode()).digest()).decode() for script in found.scripts]
    assert sources.split()[:SCRIPTS] == [f"'sha256-{digest}'" for digest in digests]
    # Beside these only what the last of them makes, by its digest too; no word that would let anything else run.
    line = re.search(r"script\.textContent='([^']+)'", found.scripts[-1])
    made = "" if line is None else line[1]
    begun = f"'sha256-{base64.b64encode(hashlib.sha256(made.encode()).digest()).decode()}' 'strict-dynamic'"
    assert sources.split()[SCRIPTS:] == (begun.split() if web.is_built() else [])


def test_without_the_modules_a_page_is_whole_and_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(web, "inlined", lambda entries: None)
    found = Reader(page(synthetic().runs, source=SOURCE))
    assert len(found.scripts) == 1
    assert "its tables do not sort" in found.text
    policy = next(str(n["content"]) for t, n in found.elements if t == "meta" and "http-equiv" in n)
    assert "strict-dynamic" not in policy


def test_every_picture_is_well_formed_and_named_or_hidden(text: str) -> None:
    pictures = re.findall(r"<svg .*?</svg>", text, re.DOTALL)
    assert len(pictures) > 60
    for picture in pictures:
        root = ElementTree.fromstring(picture)
        assert (root.get("role") == "img" and root.get("aria-label")) or root.get("aria-hidden") == "true"
        for shape in root.iter("path"):
            assert re.fullmatch(r"(?:[MmHhVvLl][-\d. ]+|z)+", str(shape.get("d")))
        for shape in root.iter("rect"):
            assert float(str(shape.get("width"))) > 0


def test_every_team_is_named_and_has_a_card(runs: Comparison, read: Reader) -> None:
    teams = {team.path for team in runs[0].record.charter.teams}
    assert teams <= {row["team"] for row in read.rows("teams")}
    titles = [named.get("title") for tag, named in read.elements if tag == "h3"]
    assert teams <= set(titles)
    tops = {path for path in teams if "." not in path}
    assert tops <= {name for tag, n in read.elements if tag == "figure" and "data-series" in n
                    for name in json.loads(str(n["data-series"]))["names"]}  # fmt: skip


def until(run: Results, until_s: float, field: str) -> dict[str, float]:
    """Sum a column of the closes up to a time, by team: another way than the account's."""
    frame = run.closes.filter(pl.col("to_s") <= until_s).group_by("team").agg(pl.col(field).sum())
    return dict(frame.iter_rows())


def test_gpu_hours_are_sums_of_closes_within_the_days_of_submission(runs: Comparison, read: Reader) -> None:
    labels = ("as promised", "product first")
    rows = {row["team"]: row for row in read.rows("teams")}
    for run, label in zip(runs, labels, strict=True):
        sums = {name: until(run, DAYS * 86_400, f"{name}_gpu_h") for name in ("held", "lost", "entitled")}
        for team, row in rows.items():
            assert row[f"delivered\n{label}"] == hours(sums["held"][team] - sums["lost"][team])
            assert row[f"entitled\n{label}"] == hours(sums["entitled"][team])
        leaves = [team.path for team in run.record.charter.leaves]
        denied = until(run, DAYS * 86_400, "denied_gpu_h")
        assert [rows[leaf][f"denied\n{label}"] for leaf in leaves] == [hours(denied[leaf]) for leaf in leaves]
        for leaf in leaves:
            entitled = sums["entitled"][leaf]
            assert rows[leaf][f"denied ÷\nentitled\n{label}"] == part(denied[leaf] / entitled if entitled else None)


def test_waits_are_those_of_the_jobs(runs: Comparison, read: Reader) -> None:
    rows = {row["team"]: row for row in read.rows("waits")}
    for run, label in zip(runs, ("as promised", "product first"), strict=True):
        started = run.jobs.filter(pl.col("wait_s").is_not_null())
        for team in run.record.charter.leaves:
            waits = sorted(started.filter(pl.col("team") == team.path)["wait_s"].to_list())
            for head, of in (("p50", 50), ("p95", 95), ("p99", 99)):
                value = waits[-(-of * len(waits) // 100) - 1] if waits else None
                assert rows[team.path][f"{head}\n{label}"] == span(value)
    gangs = {row["gang"]: row for row in read.rows("waits", 1)}
    ones = runs[0].jobs.filter(pl.col("gang") == 1).height
    assert gangs["1 GPU"]["jobs"] == count(ones)


def test_stops_services_and_idle_time_are_those_of_the_runs(runs: Comparison, read: Reader) -> None:
    label = "as promised"
    stops = {row["team"]: row for row in read.rows("stops")}
    tops = [team for team in stops if "." not in team]
    total = sum(int(stops[team][f"reclaims\n{label}"].replace(",", "")) for team in tops)
    assert total == runs[0].reclaims > 0
    requests = {(row["team"], row["avenue"]): row for row in read.rows("requests")}
    for row in runs[0].requests.to_dicts():
        shown = requests[row["team"], row["avenue"]]
        assert [shown[name] for name in ("cut", "refused", "open")] == [
            count(row[n]) for n in ("cut", "refused", "open")
        ]
        assert shown["refused,\nGPU-h"] == hours(row["refused_gpu_h"])
    services = {row["service"]: row for row in read.rows("services")}
    frame = {row["service"]: row for row in runs[0].services.to_dicts()}
    assert services.keys() == frame.keys()
    for name, row in services.items():
        assert row[f"served\n{label}"] == hours(frame[name]["served_gpu_h"])
    idle = [row for row in read.rows("idle") if row["run"] == label]
    for row, pool in zip(idle, runs[0].record.charter.pools, strict=True):
        capacity = sum(float(row[name].replace(",", "")) for name in ("held", "idle, blocked", "idle, unused"))
        assert capacity == pytest.approx(pool.capacity * 24 * DAYS, abs=2)


def area_gpu_ms(path: str, *, wide_ms: float, high_gpus: float) -> float:
    """Measure a shape of level and upright lines by the shoelace formula."""
    x = y = 0.0
    points: list[tuple[float, float]] = []
    for command, numbers in re.findall(r"([MhvVz])([-\d ]*)", path):
        values = [float(number) for number in numbers.split()]
        if command == "M":
            x, y = values
        elif command == "h":
            x += values[0]
        elif command == "v":
            y += values[0]
        elif command == "V":
            y = values[0]
        points.append((x, y))
    twice = sum(a[0] * b[1] - b[0] * a[1] for a, b in zip(points, [*points[1:], points[0]], strict=True))
    return abs(twice) / 2 * wide_ms * high_gpus


def test_bands_of_the_picture_have_the_size_of_what_was_held(runs: Comparison, text: str) -> None:
    about = view(runs.runs)
    assert about.shown_ms == min(about.end_ms, round(1.2 * DAYS * 86_400_000))
    figures = re.findall(r"<figure data-series.*?(<svg .*?</svg>)", text, re.DOTALL)[:2]
    for run, picture in zip(runs, figures, strict=True):
        root = ElementTree.fromstring(picture)
        bands = [shape for shape in root.iter("path") if str(shape.get("class")).startswith("band")]
        assert len(bands) == 5
        closes = run.closes.filter(pl.col("from_s") * 1000 < about.shown_ms)
        for band in bands:
            name = band.findtext("title")
            own = closes.filter(pl.col("team") == name)
            end_s = about.shown_ms / 1000
            parts = (pl.min_horizontal(pl.col("to_s"), pl.lit(end_s)) - pl.col("from_s")) / (
                pl.col("to_s") - pl.col("from_s")
            )
            held = float(own.select((pl.col("held_gpu_h") * parts).sum()).item()) * 3_600_000
            drawn = area_gpu_ms(str(band.get("d")), wide_ms=about.shown_ms / 1000, high_gpus=GPUS / 400)
            # A pixel of the box is 1.3 accelerators; edges round to it up and down.
            assert drawn == pytest.approx(held, rel=0.03, abs=about.shown_ms * 0.5)


def test_floors_are_drawn_where_they_add_up_to(runs: Comparison, text: str) -> None:
    picture = re.search(r"<figure data-series.*?(<svg .*?</svg>)", text, re.DOTALL)
    assert picture is not None
    lines = [s for s in ElementTree.fromstring(picture[1]).iter("path") if s.get("class") == "floor"]
    drawn = [400 - float(str(shape.get("d"))[3:].split("h")[0]) for shape in lines]
    floors = sorted((run["floor_gpus"] for run in runs[0].teams.to_dicts() if "." not in run["team"]), reverse=True)
    sums = [sum(floors[: n + 1]) * 400 / GPUS for n in range(len(floors))]
    assert drawn == pytest.approx(sums, abs=0.6)


def test_verdict_is_of_the_team_with_the_largest_difference(runs: Comparison, read: Reader) -> None:
    about = view(runs.runs)
    assert about.until_ms == DAYS * 86_400_000
    both = [{row["team"]: row for row in run.account(until_s=DAYS * 86_400).to_dicts()} for run in runs]
    tops = [team for team in both[0] if "." not in team]
    worst = max(tops, key=lambda team: abs(both[1][team]["starvation"] - both[0][team]["starvation"]))
    assert f"With the product first, {worst} gets " in plain(read.text)
    assert f"is denied {part(both[1][worst]['starvation'])} of what the charter" in plain(read.text)


def test_a_given_verdict_stands_instead(runs: Comparison) -> None:
    found = Reader(page(runs.runs, source=Source(), verdict="It is 5 % <so>."))
    assert "It is 5 % <so>." in plain(found.text)
    assert "With the product first, safety" not in found.text
    assert "made from Python" in found.text


def test_outages_refusals_and_skipped_rows_are_told(text: str) -> None:
    found = Reader(page(outage().runs, source=SOURCE))
    told = plain(found.text)
    assert "1 row of the log: no GPU" in told
    assert "1 job never to run, larger than the pool: 2 (safety.red, 9 GPUs)." in told
    assert "Nodes changed as the file of outages says." in told
    idle = found.rows("idle")
    assert {row["run"] for row in idle} == {"as promised", "first in, first out", "without floors"}
    # One device is down from 600 s to 4,000 s.
    assert [row["down"] for row in idle] == [hours(3400 / 3600)] * 3
    served = found.rows("services")[0]
    assert served["asked for"] == hours(3 * 2.5)
    assert "Nothing: every row of the log was replayed." in plain(Reader(text).text)


def test_text_of_others_stays_text(runs: Comparison) -> None:
    first = runs[0]
    charter = replace(first.record.charter, lab=HOSTILE, pools=tuple(
        replace(pool, device=HOSTILE) for pool in first.record.charter.pools
    ))  # fmt: skip
    odd = replace(first, record=replace(first.record, charter=charter), policy=HOSTILE)
    source = Source(HOSTILE, HOSTILE, HOSTILE, HOSTILE)
    whole = page([odd, odd], source=source, verdict=HOSTILE)
    found = Reader(whole)
    assert len(found.scripts) == SCRIPTS
    assert {tag for tag, _ in found.elements} == {tag for tag, _ in Reader(page(runs.runs, source=SOURCE)).elements}
    assert not [n for _, n in found.elements if {"onerror", "src"} & set(n)]
    assert found.text.count('</script><script>alert("1")</script>') > 8
    assert not re.search("[\x00-\x08\x0b\x0c\x0e-\x1f\u202a-\u202e]", whole)
    for picture in re.findall(r"<svg .*?</svg>", whole, re.DOTALL):
        ElementTree.fromstring(picture)


def test_light_and_dark_are_both_there(text: str) -> None:
    assert "prefers-color-scheme:dark" in text
    assert ":root[data-theme=dark] .eq" in text
    assert 'name="color-scheme" content="light dark"' in text


def test_the_same_runs_make_the_same_file(runs: Comparison, text: str) -> None:
    again = simulate(runs[0].record.workload, runs[0].record.charter, policy="charter", vs=["product-first"])
    assert page(again.runs, source=SOURCE) == text


def test_a_quarter_of_twelve_teams_is_less_than_a_megabyte() -> None:
    quarter = lab(1, days=90, gpus=512, jobs_per_day=60)
    both = simulate(quarter, loads(lab_charter(512), "demo.yaml"), vs=["product-first", "no-floors"])
    whole = page(both.runs, source=Source("lab", "demo.yaml", lab_charter(512), "equipoise demo"))
    assert len(both[0].record.charter.leaves) == 12
    assert len(whole.encode()) < 1_000_000


def test_no_work_at_all_makes_a_page() -> None:
    empty = lab(1, days=1, gpus=512)
    jobs = empty.jobs
    none = replace(jobs, **{
        name: getattr(jobs, name)[:0]
        for name in ("submit_ms", "duration_ms", "gang", "walltime_ms", "team", "pool", "user", "priority",
                     "preemptible", "savepoint_ms", "after")
    }, name=())  # fmt: skip
    run = simulate(replace(empty, jobs=none, services=()), loads(lab_charter(512), "demo.yaml"))
    found = Reader(page([run], source=Source()))
    assert "nobody asked for anything" in plain(found.text)
    assert "No job started." in found.text


def test_file_that_cannot_be_written_is_told(runs: Comparison, tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        write_page(runs.runs, tmp_path, source=SOURCE)
    assert caught.value.code == "S105"
    written = write_page(runs.runs, tmp_path / "r.html", source=SOURCE)
    assert written.read_text("utf-8").startswith("<!doctype html>")


def test_many_teams_share_a_colour_and_pages_say_what_they_leave_out() -> None:
    jobs, text = fleet(3_000, nodes=64, teams=100, seed=3)
    run = simulate(jobs, loads(text), policy="fifo")
    found = Reader(page([run], source=Source()))
    about = view([run])
    assert len(about.top) < len(about.order) > 64  # so that only those at the top have rows
    assert f"Shown are {len(about.top)} of {len(about.order)} teams." in plain(found.text)
    assert {team.path for team in run.record.charter.teams} == {row["team"] for row in found.rows("teams")}
    colours = [band.colour for band in about.bands]
    assert colours == [f"t{n}" for n in range(7)] + ["other"]
    lines = [number for band in about.bands for number in band.lines]
    assert sorted(lines) == [n for n, line in enumerate(run.record.reference.lines) if line.parent == 0]
    assert about.bands[-1].name == f"{len(about.top) - 7} other teams"
    assert sum(band.floor for band in about.bands) == sum(map(about.floor, about.top))
