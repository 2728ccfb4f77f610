"""A lab's report of a period: its figures by other routes, what proves it, and ledgers that do not hold."""

from __future__ import annotations

import base64
import csv
import io
import itertools
import json
import re
from collections.abc import Callable
from contextlib import closing
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote
from zoneinfo import ZoneInfo

import polars as pl
import pytest

from equipoise.errors import InputError
from equipoise.ledger.note import sign_note
from equipoise.receipt import verify_receipt
from equipoise.report.figures import part
from equipoise.report.period import LabPeriod
from equipoise.report.period_page import period_page
from equipoise.simulator.results import results
from equipoise.store import open_sqlite
from equipoise.tasks.ledger import audit_ledger, judged_windows
from equipoise.tasks.period import parse_period
from equipoise.tasks.period_report import period_report
from tests.unit.tasks.amended_ledgers import Lab
from tests.unit.tasks.quarters import KEY, TRUSTED, write_ledger

ZONE = ZoneInfo("Europe/Berlin")
HOURS = ("held_gpu_h", "delivered_gpu_h", "lost_gpu_h", "entitled_gpu_h", "denied_gpu_h", "floor_gpu_h")
Make = Callable[[str | None], LabPeriod]


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_ledger(tmp_path_factory.mktemp("quarters"))


@pytest.fixture(scope="module")
def of(ledger: Path) -> Make:
    made: dict[str | None, LabPeriod] = {}

    def make(text: str | None) -> LabPeriod:
        if text not in made:
            period = None if text is None else parse_period(text)
            made[text] = period_report(
                ledger, period, policy=TRUSTED, trusted=["--key", "lab.pub"], command="equipoise report"
            )
        return made[text]

    return make


class Links(HTMLParser):
    """The links of a page that hold files, by the file's name; elements with a role; everything that could be fetched."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.files: dict[str, bytes] = {}
        self.roles: list[str] = []
        self.fetched: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        named = dict(attrs)
        if "role" in named:
            self.roles.append(str(named["role"]))
        self.fetched += [str(named[name]) for name in ("src", "srcset", "action") if name in named]
        href = str(named.get("href", ""))
        if "download" in named:
            head, data = href.split(",", 1)
            raw = base64.b64decode(data) if head.endswith(";base64") else unquote(data).encode()
            assert str(named["download"]) not in self.files, "every file has a name of its own"
            self.files[str(named["download"])] = raw
        elif href and not href.startswith(("#", "data:,")):
            self.fetched.append(href)


def sheet(text: str, name: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(Links(text).files[name].decode())))


def unix_s(*date: int) -> float:
    return datetime(*date, tzinfo=ZONE).timestamp()  # type: ignore[arg-type]


def test_a_year_is_the_sum_of_its_quarters_and_its_months(of: Make) -> None:
    year, parts = of("2027"), [of("2027-Q1"), of("2027-Q2")]
    ends = datetime.fromtimestamp(((year.origin_ms or 0) + year.within.to_ms) / 1000, ZONE)
    months = [of(f"2027-{month:02}") for month in range(3, ends.month + 1)]
    assert year.borders == (True, True)
    assert len(months) >= 2
    for several in (parts, months):
        for row in year.shares:
            for name in HOURS:
                each = [next(one[name] for one in part.shares if one["team"] == row["team"]) for part in several]
                assert row[name] == pytest.approx(sum(each), rel=1e-9, abs=1e-6), (row["team"], name)
    whole = year.run
    assert whole is not None and whole.reclaims > 0 and whole.preemptions > 0 and whole.lost_gpu_h > 0
    for name in ("reclaims", "preemptions", "n_started", "n_finished", "n_jobs", "capacity_gpu_h"):
        assert getattr(whole, name) == pytest.approx(sum(getattr(one.run, name) for one in parts)), name
    windows = [(row["promise"], row["to"]) for row in year.ended]
    assert sorted(windows) == sorted((row["promise"], row["to"]) for one in parts for row in one.ended)


def test_hours_are_the_sum_of_the_closes_in_the_period(of: Make, ledger: Path) -> None:
    record = audit_ledger(ledger, None).audit.record
    assert record is not None
    closes = results(record).closes
    for text, begin, end in (
        ("2027-W12", (2027, 3, 22), (2027, 3, 29)),
        ("2027-04-07..2027-04-20", (2027, 4, 7), (2027, 4, 20)),
    ):
        found, origin_s = of(text), (record.workload.origin_ms or 0) / 1000
        begin_s, end_s = unix_s(*begin) - origin_s, unix_s(*end) - origin_s
        inside = closes.filter((pl.col("from_s") >= begin_s) & (pl.col("to_s") <= end_s))
        for row in found.shares:
            own = inside.filter(pl.col("team") == row["team"])
            for name in ("held_gpu_h", "entitled_gpu_h", "denied_gpu_h", "lost_gpu_h"):
                assert row[name] == pytest.approx(float(own[name].sum()), abs=1e-6), (text, row["team"], name)
            floor = float((own["floor_share"] * 32 * (own["to_s"] - own["from_s"])).sum()) / 3600
            assert row["floor_gpu_h"] == pytest.approx(floor, abs=1e-6)


def test_windows_are_those_that_the_ledger_judged(of: Make, ledger: Path) -> None:
    judged = judged_windows(ledger)
    for text, begin, end in (("2027-Q1", (2027, 1, 1), (2027, 4, 1)), ("2027-Q2", (2027, 4, 1), (2027, 7, 1))):
        found = of(text)
        ours = {
            (row["promise"], datetime.fromisoformat(row["from"]), datetime.fromisoformat(row["to"]))
            for row in found.ended
        }
        theirs = {(name, datetime.fromisoformat(begins), datetime.fromisoformat(ends)) for name, begins, ends in judged}
        until = (datetime(*begin, tzinfo=ZONE), datetime(*end, tzinfo=ZONE))  # type: ignore[arg-type,misc]
        assert ours == {one for one in theirs if until[0] < one[2] <= until[1]}
        assert ours
    verdicts = {row["verdict"] for row in of("2027").ended}
    assert {"broken", "kept"} <= verdicts, "a report that has both to tell"


def test_an_open_window_is_told_as_it_stood_at_the_end_of_the_period(of: Make, ledger: Path) -> None:
    record = audit_ledger(ledger, None).audit.record
    assert record is not None
    days = results(record).promise_days.filter(pl.col("promise") == "safety-quarter")
    at = {row["at_s"]: row for row in days.to_dicts()}
    end_s = unix_s(2027, 3, 20) - (record.workload.origin_ms or 0) / 1000
    (row,) = [row for row in of("2027-03-10..2027-03-20").open if row["promise"] == "safety-quarter"]
    assert row["verdict"] == "undecided"
    assert row["from_s"] == 0.0
    assert row["owed_heh_h"] == pytest.approx(at[end_s]["owed_heh_h"])
    assert row["delivered_heh_h"] == pytest.approx(at[end_s]["delivered_heh_h"])
    later = next(row for row in of("2027-Q1").ended if row["promise"] == "safety-quarter")
    assert later["owed_heh_h"] > row["owed_heh_h"]


def test_waits_and_stops_are_those_of_the_period(of: Make) -> None:
    found, run = of("2027-03"), of("2027-03").run
    assert run is not None
    origin_ms, decisions = run.record.workload.origin_ms or 0, run.record.run.decisions
    assert decisions is not None
    begin_s, end_s = unix_s(2027, 3, 1) - origin_ms / 1000, unix_s(2027, 4, 1) - origin_ms / 1000
    jobs = run.jobs.filter((pl.col("start_s") >= begin_s) & (pl.col("start_s") < end_s))
    for team in ("product.chat", "product.improve", "safety"):
        waits = sorted(jobs.filter(pl.col("team") == team)["wait_s"].to_list())
        assert run.team(team)["wait_p50_s"] == waits[-(-len(waits) // 2) - 1]
        assert run.team(team)["started"] == len(waits)
    stops = sum(1 for row in decisions if row["kind"] == 4 and begin_s <= row["time_ms"] / 1000 < end_s)
    assert sum(row["stops"] for row in found.reclaims) == stops == run.reclaims + run.preemptions
    assert all(row["team"] == row["stopped_for"] for row in found.reclaims) is False


def test_a_charter_that_came_into_force_is_told_with_what_differs(of: Make) -> None:
    assert of("2027-03").changes[0].how == "founded"
    assert len(of("2027-03").changes) == 1
    (change,) = of("2027-04").changes
    assert "product" in " ".join(change.sentences)
    before, after = ({row["team"]: row["floor_gpus"] for row in of(text).shares} for text in ("2027-03", "2027-04"))
    assert before["product"] == 16
    assert after["product"] == 20, "60 % of 32, up to a whole device"


def test_the_page_holds_its_files_and_fetches_nothing(of: Make) -> None:
    found = of("2027-Q1")
    text = period_page(found)
    links = Links(text)
    assert len(text.encode()) < 1_000_000
    assert links.fetched == []
    assert "alert" not in links.roles
    assert found.sentence.startswith("In Q1 2027, ")
    rows = sheet(text, "shares-Q1-2027.csv")
    assert [row["team"] for row in rows] == [row["team"] for row in found.shares]
    for row, told in zip(rows, found.shares, strict=True):
        assert float(row["delivered_gpu_h"]) == pytest.approx(told["delivered_gpu_h"], abs=1e-6)
    ended = sheet(text, "windows-ended-Q1-2027.csv")
    assert [(row["promise"], row["verdict"]) for row in ended] == [
        (row["promise"], row["verdict"]) for row in found.ended
    ]
    tables = text.count("<table>")
    assert tables == sum(name.endswith(".csv") for name in links.files)


def test_where_there_are_more_receipts_than_room_the_page_stays_below_a_megabyte(of: Make) -> None:
    found = of("2027-Q1")
    many = replace(found, receipts=tuple(
        replace(one, name=f"{n}-{one.name}") for n in range(20) for one in found.receipts
    ))  # fmt: skip
    text = period_page(many)
    kept = [name for name in Links(text).files if name.endswith(".json")]
    assert 800_000 < len(text.encode()) < 1_000_000
    assert kept == [one.name for one in many.receipts[: len(kept)]]
    assert len(found.receipts) < len(kept) < len(many.receipts)
    assert text == period_page(many)


def test_receipts_in_the_page_hold_under_the_key(of: Make) -> None:
    found = of("2027-Q1")
    files = {name: data for name, data in Links(period_page(found)).files.items() if name.endswith(".json")}
    assert len(files) == len(found.ended)
    answers = {
        (row["promise"], datetime.fromisoformat(row["to"]).astimezone(UTC)): row["verdict"] for row in found.ended
    }
    for data in files.values():
        checked = verify_receipt(data, policy=TRUSTED)
        told = json.loads(data)
        ends = datetime.fromtimestamp(told["to_ms"] / 1000, UTC)
        assert checked.judgement.verdict.answer.value == answers[told["promise"], ends]


def test_the_sentence_counts_what_the_windows_say(of: Make) -> None:
    found = of("2027")
    broken = sum(row["verdict"] == "broken" for row in found.ended)
    assert f"{broken} broken" in found.sentence
    tops = [row for row in found.shares if "." not in row["team"]]
    denied = sum(row["denied_gpu_h"] for row in tops) / sum(row["entitled_gpu_h"] for row in tops)
    assert f"{part(denied)} was denied" in found.sentence


def test_json_has_the_same_figures(of: Make) -> None:
    found = of("2027-Q1")
    told = json.loads(json.dumps(found.to_dict()))
    assert told["sentence"] == found.sentence
    assert (
        told["shares"]["safety"]["delivered_gpu_h"]
        == found.shares[[r["team"] for r in found.shares].index("safety")]["delivered_gpu_h"]
    )
    assert told["proof"]["signed_by"] == KEY.name
    assert told["residual"] == list(found.residual) != []


def test_accounts_that_do_not_close_on_the_borders_say_so(tmp_path: Path) -> None:
    from equipoise.tasks.simulate import simulate
    from tests.unit.tasks.quarters import charter_text

    (tmp_path / "lab.yaml").write_text(charter_text(50))
    rows = [f"safety,{1_803_859_200 + n * 3600},8,7200" for n in range(24 * 60)]
    (tmp_path / "jobs.csv").write_text("\n".join(["team,submit_s,num_gpu,duration_s", *rows]) + "\n")
    simulate(tmp_path / "jobs.csv", tmp_path / "lab.yaml", ledger=(tmp_path / "odd.ledger", KEY), closes=7)
    found = period_report(tmp_path / "odd.ledger", parse_period("2027-03"))
    assert found.borders[1] is False
    assert "Accounts are not closed at the period" in period_page(found)


def copied(ledger: Path, to: Path, change: Callable[[list[bytes]], list[bytes]]) -> Path:
    """Write the entries of a ledger, changed, into another that the same key signs."""
    with closing(open_sqlite(ledger, read_only=True)) as store:
        entries = change(list(store.entries()))
    with closing(open_sqlite(to, origin=KEY.name)) as store:
        store.append(entries)
        store.sign(lambda text: sign_note(text, [KEY], time_s=1_800_000_000))
    return to


def forged(entries: list[bytes]) -> list[bytes]:
    place = next(n for n in range(len(entries) // 2, len(entries)) if b'["start",' in entries[n])
    return [*entries[:place], entries[place].replace(b'["start",', b'["start",1', 1), *entries[place + 1 :]]


def test_a_ledger_whose_decisions_are_not_the_charters_has_no_figures(ledger: Path, tmp_path: Path) -> None:
    found = period_report(copied(ledger, tmp_path / "forged.ledger", forged), parse_period("2027-03"), policy=TRUSTED)
    text = period_page(found)
    assert found.run is None
    assert [one.code for one in found.findings] == ["V201"]
    assert Links(text).roles == ["alert"]
    assert "V201" in text
    assert 'id="shares"' not in text and "delivered" not in found.sentence
    assert found.to_dict()["figures"] is False


def test_totals_that_do_not_follow_stand_above_the_figures_that_do(ledger: Path, tmp_path: Path) -> None:
    def lied(entries: list[bytes]) -> list[bytes]:
        place = max(n for n, one in enumerate(entries) if b'"kind":"verdict"' in one and b'"answer":"broken"' in one)
        return [
            *entries[:place],
            entries[place].replace(b'"answer":"broken"', b'"answer":"kept"'),
            *entries[place + 1 :],
        ]

    found = period_report(copied(ledger, tmp_path / "lied.ledger", lied), parse_period("2027"), policy=TRUSTED)
    assert {one.code for one in found.findings} == {"V204"}
    assert any(row["verdict"] == "broken" for row in found.ended)
    text = period_page(found)
    assert text.index('role="alert"') < text.index("<h1>")


def test_a_ledger_that_was_not_signed_so_has_no_figures(ledger: Path, tmp_path: Path) -> None:
    import sqlite3

    path = copied(ledger, tmp_path / "changed.ledger", list)
    with closing(sqlite3.connect(path)) as file:
        names = [name for (name,) in file.execute("SELECT name FROM sqlite_master WHERE type = 'table'")]
        assert "entry" in names or "entries" in names, names
        table = "entry" if "entry" in names else "entries"
        columns = [row[1] for row in file.execute(f"PRAGMA table_info({table})")]
        data = next(name for name in columns if name in ("data", "bytes", "entry", "value"))
        file.execute(f"UPDATE {table} SET {data} = replace({data}, 'x', 'x') WHERE 0")
        row = file.execute(
            f'SELECT rowid, {data} FROM {table} WHERE instr({data}, CAST(\'"kind":"pass"\' AS BLOB)) LIMIT 1'
        ).fetchone()
        file.execute(
            f"UPDATE {table} SET {data} = ? WHERE rowid = ?",
            (re.sub(rb'"at_ms":(\d)', rb'"at_ms":9\1', row[1], count=1), row[0]),
        )
        file.commit()
    found = period_report(path, parse_period("2027-03"), policy=TRUSTED)
    assert found.run is None
    assert found.refused.startswith("V110")
    assert "V110" in period_page(found)


def test_a_live_ledger_names_who_signed_what(tmp_path: Path) -> None:
    lab = Lab(tmp_path)
    lab.apply(lab.charter("first"))
    second = lab.charter("second", revision=2, parent=lab.digests[0], floor="35%")
    lab.later(days=1)
    lab.apply(second, lab.signed(second, "eve"))
    lab.later(days=31)
    lab.apply(None)
    urgent = lab.charter("urgent", revision=3, parent=lab.digests[1], floor="20%")
    lab.apply(urgent, lab.signed(urgent, "emil", act="emergency"), act="emergency")
    found = period_report(lab.ledger, None)
    assert found.run is None and found.findings == ()
    assert found.refused == "nothing was executed in this ledger yet"
    assert found.source == "live"
    told = [(one.how, one.revision, one.signed) for one in found.changes]
    assert told == [("founded", 1, ()), ("amended", 2, ("eve (executive)",)), ("emergency", 3, ("emil (executive)",))]
    assert "emil (executive)" in period_page(found)


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("2027-Q5", "S129"),
        ("2027-13", "S129"),
        ("2027-04-02..2027-04-02", "S129"),
        ("2027-W54", "S129"),
        ("soon", "S129"),
    ],
)
def test_what_is_no_period_is_refused(text: str, code: str) -> None:
    with pytest.raises(InputError) as refused:
        parse_period(text)
    assert refused.value.code == code


def test_a_time_that_the_ledger_does_not_know_is_refused(ledger: Path) -> None:
    with pytest.raises(InputError) as refused:
        period_report(ledger, parse_period("2026-Q3"))
    assert refused.value.code == "S130"
    assert refused.value.hint.startswith("it tells of 1 Mar 2027 to ")


def test_every_day_of_a_year_is_in_one_month_and_one_week() -> None:
    months = [parse_period(f"2027-{n:02}").span("America/New_York") for n in range(1, 13)]
    quarters = [parse_period(f"2027-Q{n}").span("America/New_York") for n in range(1, 5)]
    year = parse_period("2027").span("America/New_York")
    for several in (months, quarters):
        assert all(one.to_ms == after.from_ms for one, after in itertools.pairwise(several))
        assert (several[0].from_ms, several[-1].to_ms) == (year.from_ms, year.to_ms)
    for n in range(1, 53):
        monday = parse_period(f"2027-W{n:02}").span("UTC").from_ms
        assert datetime.fromtimestamp(monday / 1000, UTC).isocalendar()[:3] == (2027, n, 1)
