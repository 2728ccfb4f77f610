"""The book raises a condition once, whatever happens, and tells each receiver each thing once and in order."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path
from random import Random

import pytest

from equipoise.controller.alerts.alert import Condition, Kind
from equipoise.controller.alerts.book import KEPT_MS, AlertBook, Passed
from equipoise.controller.alerts.settings import Program
from equipoise.controller.notices import Notice, Told
from equipoise.errors import StoreError

SINK = Program(("/bin/true",), name="all")
SOME = Program(("/bin/true",), kinds=frozenset({Kind.STARVING}), name="some")


def condition(subject: str, kind: Kind = Kind.STARVING, since_ms: int = 5) -> Condition:
    return Condition(kind, subject, since_ms, f"{subject} is so", {"n": 1})


def bodies(book: AlertBook, sink: str = "all") -> list[str]:
    found: list[str] = []
    while due := book.due(sink, 1 << 50, 100):
        for message in due:
            found.append(message.id.split("-", 1)[1])
            book.delivered(message)
    return found


def test_against_a_plain_set_over_restarts(tmp_path: Path) -> None:
    """Whatever holds when: what is open is what holds, and every beginning and end is told once."""
    chance, open_now, expected = Random(7), set[str](), 0
    subjects = "abcdef"
    for n in range(200):
        book = AlertBook(tmp_path / "alerts.db")  # a life for each
        holds = {subject for subject in subjects if chance.random() < 0.4}
        raised, resolved = book.compare(map(condition, holds), now_ms=100 + n, sinks=[SINK], mark=n)
        assert {one.condition.subject for one in raised} == holds - open_now
        assert {one.condition.subject for one in resolved} == open_now - holds
        expected += len(raised) + len(resolved)
        open_now = holds
        assert {one.condition.subject for one in book.open()} == holds
        book.close()
    book = AlertBook(tmp_path / "alerts.db")
    told = bodies(book)
    assert len(told) == len(set(told)) == expected
    numbers = {name.split("-")[0] for name in told}
    for number in numbers:
        assert [name.split("-")[1] for name in told if name.split("-")[0] == number] in (
            ["raised"],
            ["raised", "resolved"],
        )
    book.close()


def test_what_came_and_went_unseen_is_told_but_not_what_is_from_before_the_first_look(tmp_path: Path) -> None:
    book = AlertBook(tmp_path / "alerts.db")
    emergency = condition("x", Kind.EMERGENCY)
    assert book.compare([], now_ms=9, sinks=[SINK], mark=10, passed=[Passed(3, emergency, 8)]) == ([], [])
    assert book.compare([], now_ms=9, sinks=[SINK], mark=20, passed=[Passed(9, emergency, 8)]) == ([], [])
    raised, resolved = book.compare([], now_ms=9, sinks=[SINK], mark=30, passed=[Passed(25, emergency, 8)])
    assert [one.condition for one in raised] == [one.condition for one in resolved] == [emergency]
    assert resolved[0].over_ms == 8
    assert bodies(book) == ["1-raised", "1-resolved"]
    # One that was open, and is over.
    book.compare([emergency], now_ms=10, sinks=[SINK], mark=40)
    raised, resolved = book.compare([], now_ms=12, sinks=[SINK], mark=50, passed=[Passed(35, emergency, 11)])
    assert (raised, [one.over_ms for one in resolved]) == ([], [11])
    book.close()


def test_a_receiver_gets_the_kinds_that_it_asks_for(tmp_path: Path) -> None:
    book = AlertBook(tmp_path / "alerts.db")
    book.compare([condition("a"), condition("b", Kind.LEDGER)], now_ms=1, sinks=[SINK, SOME])
    assert (len(bodies(book)), len(bodies(book, "some"))) == (2, 1)
    book.close()


def test_a_thread_waits_for_its_first_message(tmp_path: Path) -> None:
    book = AlertBook(tmp_path / "alerts.db")
    book.compare([condition("a"), condition("b")], now_ms=1, sinks=[SINK])
    book.compare([condition("b")], now_ms=2, sinks=[SINK])
    first = book.due("all", 10, 100)
    assert [one.id.split("-", 1)[1] for one in first] == ["1-raised", "2-raised"]
    book.failed(first[0], next_ms=50)
    assert [one.id.split("-", 1)[1] for one in book.due("all", 10, 100)] == ["2-raised"]
    assert book.due("all", 10, 100, but=[first[1].thread]) == []
    assert book.next_ms() == 0
    assert [one.tries for one in book.due("all", 50, 1)] == [1]
    book.given_up(first[0])
    assert {one.id.split("-", 1)[1] for one in book.due("all", 10, 100)} == {"1-resolved", "2-raised"}
    assert book.due("all", 10, 0) == book.due("all", 10, -3) == []
    book.close()


def test_notices_are_taken_over_once(tmp_path: Path) -> None:
    book = AlertBook(tmp_path / "alerts.db")
    notices = [(n, Notice(n, "ada", Told.LOST, "gone", 3, 7, "why")) for n in range(3)]
    for _ in range(2):
        book.take_over(notices, now_ms=1, sinks=[SINK])
    assert bodies(book) == [f"notice-{n}" for n in range(3)]
    book.prune(1 + KEPT_MS)
    assert book.counts() == {("all", "delivered"): 3}
    book.prune(2 + KEPT_MS)
    assert book.counts() == {}
    book.close()


WRITER = """
import sys
from pathlib import Path
from equipoise.controller.alerts.book import AlertBook
from tests.unit.controller.alerts.test_book import SINK, condition
book = AlertBook(Path(sys.argv[1]))
for n in range(100_000):
    book.compare([condition(f"{n}")], now_ms=n, sinks=[SINK], mark=n)
    print(n, flush=True)
"""


def test_a_process_that_is_killed_leaves_alerts_and_messages_together(tmp_path: Path) -> None:
    path, root = tmp_path / "alerts.db", Path(__file__).parents[4]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(root / "src"), str(root)])}
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(path)], stdout=subprocess.PIPE, env=environment, cwd=root
    )
    assert process.stdout is not None
    last = -1
    for line in process.stdout:
        last = int(line)
        if last == 40:
            process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    book = AlertBook(path)
    assert book.mark in (last, last + 1)
    [alert] = book.open()
    assert alert.condition.subject == str(book.mark)
    told = bodies(book)
    assert len(told) == len(set(told)) == 2 * int(alert.condition.subject) + 1
    book.close()


def test_a_file_that_is_none_is_refused(tmp_path: Path) -> None:
    (tmp_path / "alerts.db").write_bytes(b"no database at all" * 100)
    with pytest.raises(StoreError) as caught:
        AlertBook(tmp_path / "alerts.db")
    assert caught.value.code == "R132"
