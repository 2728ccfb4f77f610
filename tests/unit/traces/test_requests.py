"""Requests for credits: read with the place of every fault, refused amounts as demand, grants spent job by job."""

from __future__ import annotations

from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from equipoise.account.requests import Outcome
from equipoise.charter_io import loads
from equipoise.errors import InputError
from equipoise.simulator.requests import folded
from equipoise.simulator.results import Results
from equipoise.tasks.simulate import simulate
from equipoise.traces import read, read_requests
from equipoise.workload import Workload
from equipoise.workload.synthetic import lab, lab_charter
from equipoise.workload.synthetic.requests import AVENUES

HEADER = "id,team,gpu_h,asked,from,to,answered,granted_gpu_h,reason,avenue\n"
GOOD = "r1,safety,48,0,0,86400,3600,12,too much,probes\n"
LAB = (
    "equipoise: charter/v1\nlab: S\npools: {h100: {device: H100, expect: 2 nodes of 8 gpu}}\n"
    "teams: {product: {floor: 50%}, safety: {floor: 50%}}\n"
)


def log(tmp_path: Path, rows: str = "safety,0,8,3600\n", head: str = "team,submit_s,num_gpu,duration_s") -> Workload:
    (tmp_path / "jobs.csv").write_text(f"{head}\n{rows}", "utf-8")
    return read(tmp_path / "jobs.csv")


def asked(tmp_path: Path, text: str, workload: Workload | None = None, **options: Any) -> Workload:
    (tmp_path / "asked.csv").write_text(text, "utf-8")
    return read_requests(tmp_path / "asked.csv", workload or log(tmp_path), **options)


def test_a_cut_leaves_the_rest_refused_at_its_time_and_size(tmp_path: Path) -> None:
    found = asked(tmp_path, HEADER + GOOD).refusals()
    # 36 of 48 GPU-hours are not granted; over a day that is one GPU and a half
    assert (found.at_ms.tolist(), found.gpus.tolist()) == ([3_600_000], [2])
    assert found.amount_gpu_ms.tolist() == [36 * 3_600_000]


@pytest.mark.parametrize(
    ("row", "complaint"),
    [
        (GOOD.replace("48", "0"), "0 GPU-hours are asked for"),
        (GOOD.replace("48", "many"), "gpu_h 'many' is no number of GPU-hours"),
        (GOOD.replace("48", "-3"), "gpu_h '-3' is out of range"),
        (GOOD.replace("48", "nan"), "gpu_h 'nan' is out of range"),
        (GOOD.replace(",12,", ",49,"), "49 GPU-hours are granted, 48 were asked for"),
        (GOOD.replace("too much", ""), "is cut or refused without a reason"),
        (GOOD.replace("0,0,86400", "0,86400,86400"), "the window ends at '86400', not after it begins"),
        (GOOD.replace("48,0,", "48,7200,"), "is answered at '3600', before it is asked"),
        (GOOD.replace(",3600,12", ",,12"), "an answer needs both answered and granted_gpu_h"),
        (GOOD.replace("48,0,", "48,2027-01-01,"), "is a date, but the job log has no calendar"),
        (GOOD.replace("48,0,", "48,soon,"), "asked 'soon' is neither a date nor a number of seconds"),
        (GOOD.replace("r1", ""), "a request without id"),
        (GOOD.replace("safety", ""), "a request without team"),
        (GOOD.replace(",probes", ""), "9 fields where 10 are expected"),
        (GOOD, "request 'r1' is there twice, first in line 2"),
    ],
)
def test_each_fault_is_told_with_its_line(row: str, complaint: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as told:
        asked(tmp_path, HEADER + GOOD + row)
    assert (told.value.code, told.value.place and told.value.place.line) == ("T122", 3)
    assert complaint in told.value.message


@pytest.mark.parametrize("head", ["id,team,gpu_h,asked,from\n", HEADER.replace("avenue", "venue"), ""])
def test_columns_that_are_missing_or_unknown_are_told(head: str, tmp_path: Path) -> None:
    with pytest.raises(InputError) as told:
        asked(tmp_path, head)
    assert (told.value.code, told.value.place and told.value.place.line) == ("T122", 1)


def test_dates_are_counted_from_the_logs_first_submission(tmp_path: Path) -> None:
    jobs = log(tmp_path, "safety,2027-03-01T12:00:00,8,3600\n", head="team,submit,num_gpu,duration_s")
    text = HEADER + "r1,safety,48,2027-03-01,2027-03-02,2027-03-03,2027-03-01T13:00:00,48,,x\n"
    found = asked(tmp_path, text, jobs, timezone="Europe/Paris").requests  # an hour ahead of UTC
    hour = 3_600_000
    assert (found.asked_ms.tolist(), found.begin_ms.tolist(), found.answered_ms.tolist()) == (
        [-13 * hour],
        [11 * hour],
        [0],
    )


def test_parquet_is_read_as_csv_is(tmp_path: Path) -> None:
    workload = asked(tmp_path, HEADER + GOOD + GOOD.replace("r1", "r2").replace(",3600,12,too much", ",,,"))
    frame = pl.read_csv(tmp_path / "asked.csv")
    frame.write_parquet(tmp_path / "asked.parquet")
    again = read_requests(tmp_path / "asked.parquet", log(tmp_path)).requests
    for name in ("name", "reason", "avenue"):
        assert getattr(again, name) == getattr(workload.requests, name)
    for name in ("amount_gpu_ms", "asked_ms", "end_ms", "answered_ms", "granted_gpu_ms"):
        assert getattr(again, name).tolist() == getattr(workload.requests, name).tolist()


def spent(run: Results) -> dict[str, float]:
    return {name: request.spent_gpu_ms / 3_600_000 for name, request in folded(run.record).items()}


def test_jobs_spend_the_grant_they_name_else_the_oldest_open_one(tmp_path: Path) -> None:
    rows = (
        "safety,0,4,3600,\nsafety,3600,4,7200,\nsafety,3600,2,3600,late\nproduct,0,8,3600,\nsafety,7200,1,3600,gone\n"
    )
    jobs = log(tmp_path, rows, head="team,submit_s,num_gpu,duration_s,request")
    text = HEADER + (
        "late,safety,9,0,0,86400,1800,9,,a\n"  # answered after the first job has started
        "soon,safety,6,0,0,86400,0,6,,a\n"
        "shut,safety,50,0,0,3600,0,50,,a\n"  # its window is over when the second starts
    )
    run = simulate(asked(tmp_path, text, jobs), loads(LAB))
    # The first job's 4 GPU-hours come from `soon` (answered first, and in front of `shut`); the second's 8 from the rest
    # of it, 2, and from `late`, 6 of 9; the third's 2 from `late`, which it names.
    assert spent(run) == {"late": 8.0, "soon": 6.0, "shut": 0.0}
    assert any("1 jobs name a request that is not in the file" in note for note in run.notes)


def test_the_table_adds_up_by_team_and_avenue(tmp_path: Path) -> None:
    text = (
        HEADER + GOOD + "r2,safety,10,0,0,86400,60,0,no,probes\nr3,product,5,0,0,60,0,5,,x\nr4,product,5,0,0,60,,,,x\n"
    )
    run = simulate(asked(tmp_path, text), loads(LAB))
    by = {row["avenue"]: row for row in run.requests.to_dicts()}
    assert [by["probes"][name] for name in ("requests", "granted", "cut", "refused", "open")] == [2, 0, 1, 1, 0]
    assert [by["probes"][f"{name}_gpu_h"] for name in ("asked", "granted", "cut", "refused", "spent")] == [
        58,
        12,
        36,
        10,
        0,
    ]
    assert by["probes"]["denied_share"] == float(Fraction(46, 58))
    assert (by["x"]["open"], by["x"]["denied_share"]) == (1, 0.0)
    assert run.to_dict()["requests"] == run.requests.to_dicts()


def test_the_labs_requests_keep_every_rule_of_requests_and_change_no_decision() -> None:
    workload, charter = lab(3, days=20, gpus=512), loads(lab_charter(512))
    run = simulate(workload, charter)
    found = folded(run.record)  # raises for a record that cannot follow those before it
    assert len(found) == len(workload.requests) > 30
    assert {Outcome.GRANTED, Outcome.CUT, Outcome.REFUSED} <= {request.outcome for request in found.values()}
    bare = Workload(
        workload.jobs, workload.teams, workload.pools, workload.users, workload.services, workload.origin_ms
    )
    assert simulate(bare, charter).digest == run.digest
    for row in run.requests.to_dicts():
        parts = row["granted_gpu_h"] + row["cut_gpu_h"] + row["refused_gpu_h"]
        assert parts <= row["asked_gpu_h"] + 1e-6
        assert row["spent_gpu_h"] <= row["granted_gpu_h"]


def test_more_is_refused_in_the_labs_code_red() -> None:
    requests = lab(1).requests
    half = 45 * 86_400_000
    answered = requests.granted_gpu_ms >= 0
    for late, most in ((False, 0.4), (True, 1.0)):
        chosen = answered & ((requests.answered_ms >= half) == late)
        denied = 1 - requests.granted_gpu_ms[chosen].sum() / requests.amount_gpu_ms[chosen].sum()
        assert (0.4 if late else 0.0) < denied < most
    assert set(np.unique(requests.team)) == {lab(1, days=1).teams.index(team) for team in AVENUES}


def test_the_labs_requests_are_the_same_for_the_same_seed() -> None:
    one, again, other = (lab(seed, days=9, gpus=512).requests for seed in (5, 5, 6))
    assert one.amount_gpu_ms.tolist() == again.amount_gpu_ms.tolist() != other.amount_gpu_ms.tolist()
    assert one.reason == again.reason
