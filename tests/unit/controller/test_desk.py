"""The desk: durable before acknowledged, one key one job, outcomes that stay, secrets that nobody else reads."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from equipoise.controller.desk import Desk, Filed, Outcome
from equipoise.controller.notices import Notice, Told
from equipoise.engines.protocol import Command
from equipoise.errors import InputError, StoreError
from equipoise.workload.roll import Asked

ASKED = Asked(4, "safety", "h100", "ada", walltime_ms=5, name="größer", after=0, savepoint_ms=7, preemptible=False)
COMMAND = Command(("train", "--x", "a b"), {"TOKEN": "s3cret", "ODD": "a=b\n'"}, "/work", "ada")


def filed(number: int, key: str = "", origin: str = "") -> Filed:
    return Filed(number, "ada", ASKED, None if origin else COMMAND, key, origin)


def test_what_is_filed_is_read_the_same_by_the_next_life(tmp_path: Path) -> None:
    first = Desk(tmp_path / "desk.db")
    told = [filed(0, "k0"), filed(1), filed(2, origin="123")]
    first.file(told)
    first.close()
    again = Desk(tmp_path / "desk.db")
    assert again.jobs(0) == told and again.jobs(2) == told[2:] and again.size == 3
    assert again.job(3) is None and again.owner(1) == "ada" and again.origins() == {"123": 2}
    assert stat.S_IMODE((tmp_path / "desk.db").stat().st_mode) == 0o600


def test_a_key_stands_for_one_submission(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "desk.db")
    desk.file([filed(0, "k0")])
    assert desk.by_key("k0", "ada", ASKED, COMMAND) == 0
    assert desk.by_key("k1", "ada", ASKED, COMMAND) is None
    assert desk.by_key("", "ada", ASKED, COMMAND) is None
    others = [("ben", ASKED, COMMAND), ("ada", Asked(5, "safety"), COMMAND), ("ada", ASKED, Command(("train",)))]
    for owner, asked, command in others:
        with pytest.raises(InputError) as caught:
            desk.by_key("k0", owner, asked, command)
        assert caught.value.code == "R103" and "s3cret" not in str(caught.value)


def test_jobs_are_filed_all_or_none(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "desk.db")
    desk.file([filed(0, "k0")])
    with pytest.raises(StoreError) as caught:
        desk.file([filed(1, "k1"), filed(2, "k0")])
    assert caught.value.code == "R102" and "s3cret" not in str(caught.value)
    assert desk.size == 1
    desk.file([filed(1, "k1"), filed(2, "k2")])
    desk.refile(1, [filed(1, "k2")])
    assert [(one.number, one.key) for one in desk.jobs(0)] == [(0, "k0"), (1, "k2")]


def test_the_first_outcome_stays_and_notices_wait_until_they_are_delivered(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "desk.db")
    desk.file([filed(0), filed(1)])
    notice = Notice(1, "ada", Told.WARNED, "Job 1 is stopped in 30 s.", 5, 77, "safety takes back its floor")
    desk.note([Outcome(0, "ended", 0)], [notice])
    desk.note([Outcome(0, "failed", 3, "late")], [])
    assert desk.outcome(0) == Outcome(0, "ended", 0) and desk.outcome(1) is None
    [(number, told)] = desk.undelivered()
    assert told == notice
    desk.delivered([number])
    assert desk.undelivered() == []
