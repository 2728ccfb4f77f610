"""Published logs, checked against the figures that are known of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from numpy.typing import NDArray

from equipoise import traces
from equipoise.errors import InputError

DATA = Path(__file__).parents[4] / "shared" / "data"

pytestmark = pytest.mark.skipif(not DATA.is_dir(), reason="the real logs (../shared/data) are not here")


def test_philly_has_its_jobs_by_virtual_cluster() -> None:
    workload = traces.read(DATA / "philly_5vc" / "philly_5vc.csv")
    jobs = workload.jobs
    assert len(jobs) == 11_755
    assert workload.skipped == ()
    assert np.bincount(jobs.team).tolist() == [2638, 876, 992, 1494, 5755]
    assert workload.teams == ("0e4a51", "103959", "2869ce", "7f04ca", "ee9e8c")
    assert (int(jobs.submit_ms[-1]), workload.origin_ms) == (10_817_570_000, None)
    assert int(jobs.duration_ms.sum()) == _column_sum("philly_5vc/philly_5vc.csv", 4) * 1000
    leaves = [traces.team_name(vc) for vc in workload.teams]
    assert traces.read(DATA / "philly_5vc" / "philly_5vc.csv", leaves=leaves).teams == tuple(sorted(leaves))


def _column_sum(file: str, column: int) -> int:
    lines = (DATA / file).read_text().splitlines()[1:]
    return sum(int(line.split(",")[column]) for line in lines)


@pytest.mark.parametrize(
    ("file", "vc"),
    [("muri_trace1_7f04ca", "7f04ca"), ("muri_trace2_ee9e8c", "ee9e8c"), ("muri_trace3_2869ce", "2869ce")],
)
def test_the_same_jobs_in_milliseconds_are_the_same_jobs(file: str, vc: str) -> None:
    whole = traces.read(DATA / "philly_5vc" / "philly_5vc.csv")
    mine = whole.jobs.team == whole.teams.index(vc)
    copy = traces.read(DATA / "philly_5vc" / f"{file}.csv.gz", unmapped="x")
    first = whole.jobs.submit_ms[mine][0]
    jobs = whole.jobs
    submit_ms = jobs.submit_ms[mine] - first
    assert triples(submit_ms, jobs.gang[mine], jobs.duration_ms[mine]) == triples(
        copy.jobs.submit_ms, copy.jobs.gang, copy.jobs.duration_ms
    )


def triples(*columns: NDArray[Any]) -> list[tuple[int, ...]]:
    return sorted(zip(*(column.tolist() for column in columns), strict=True))


def test_nasa_has_its_jobs_and_processors() -> None:
    workload = traces.read(DATA / "swf_pwa" / "NASA-iPSC-1993-3.1-cln.swf.gz")
    assert len(workload.jobs) == 18_239
    assert workload.skipped == ()
    assert workload.origin_ms == 749_458_803_000
    assert int(workload.jobs.gang.max()) == 128
    assert len(workload.users) == 69
    assert workload.teams == ("1", "2")
    assert not workload.jobs.walltime_ms.any()
    estimated = traces.read(DATA / "swf_pwa" / "NASA-iPSC-1993-3.1-cln.swf.gz", walltime="runtime")
    assert np.array_equal(estimated.jobs.walltime_ms, np.maximum(estimated.jobs.duration_ms, 1))


def test_openb_pods_share_gpus_as_published() -> None:
    workload = traces.read(DATA / "openb_v2023" / "openb_pod_list_default.csv.gz")
    rows = {skipped.reason: skipped.rows for skipped in workload.skipped}
    assert sum(rows.values()) + len(workload.jobs) == 8_152
    assert round(100 * rows["fractional GPU"] / 8_152, 2) == 37.76
    assert set(rows) == {"fractional GPU", "no GPU", "never scheduled"}
    assert int(workload.jobs.gang.max()) == 8


def test_helios_has_the_starved_beside_the_idle() -> None:
    frame = traces.minutes(DATA / "helios_earth")
    assert frame.height == 16 * 44_640
    assert frame["vc"].n_unique() == 16
    figures = {
        row[0]: row[1:]
        for row in frame.group_by("vc")
        .agg(
            pl.col("quota_gpu").max(),
            (pl.col("running_gpu").sum() / pl.col("quota_gpu").sum() * 100).round(1).alias("used"),
            ((pl.col("pending_gpu") > 0).mean() * 100).round(0).alias("pending"),
        )
        .iter_rows()
    }
    quota, used, pending = figures["vcpDC"]
    assert (quota, round(used), pending) == (56, 91, 77)
    assert figures["vcJkd"][:2] == (16, 0.8)
    assert figures["vcira"][:2] == (24, 2.1)


def test_helios_services_ask_for_what_ran_and_waited() -> None:
    workload = traces.read(DATA / "helios_earth" / "vcpDC.csv.gz")
    [service] = workload.services
    frame = traces.minutes(DATA / "helios_earth" / "vcpDC.csv.gz")
    minutes = int((service.replicas[:-1] * np.diff(service.at_ms)).sum()) // 60_000
    assert minutes == (frame["running_gpu"] + frame["pending_gpu"]).sum()
    assert int(service.at_ms[-1]) == 44_640 * 60_000
    used = traces.usage(workload)
    assert used["gpu_h"].to_list() == [pytest.approx(minutes / 60)]


def test_tiresias_jobs_are_read_by_their_usual_names() -> None:
    workload = traces.read(DATA / "tiresias" / "60_job.csv", unmapped="x")
    assert len(workload.jobs) == 60
    assert int(workload.jobs.submit_ms[-1]) == 1_779_000


@pytest.mark.parametrize(
    ("file", "code"),
    [
        ("acme/cluster_summary.csv", "T107"),
        ("azure_llm/AzureLLMInferenceTrace_code.csv.gz", "T107"),
        ("philly_gavel/philly_runtime.csv.gz", "T106"),
        ("philly_gavel/gavel_philly_arrivals_gpus_15vc.csv.gz", "T107"),
        ("git_logs/vue.log.gz", "T103"),
        ("mooncake/synthetic_trace.jsonl.gz", "T107"),
    ],
)
def test_what_is_no_job_log_is_refused(file: str, code: str) -> None:
    with pytest.raises(InputError) as caught:
        traces.read(DATA / file)
    assert caught.value.code == code
