"""What each format's rows become, and what of them is left out for which reason."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest

from equipoise import traces
from equipoise.errors import InputError
from equipoise.workload import Workload


def read(folder: Path, text: str, name: str = "log", **options: Any) -> Workload:
    path = folder / name
    path.write_text(text)
    return traces.read(path, **options)


def reasons(workload: Workload) -> dict[str, int]:
    return {skipped.reason: skipped.rows for skipped in workload.skipped}


def swf_row(job: int, **fields: int) -> str:
    names = (
        "job", "submit", "wait", "run", "allocated", "cpu_time", "memory", "requested", "requested_time",
        "requested_memory", "status", "user", "group", "application", "queue", "partition", "preceding", "think_time",
    )  # fmt: skip
    values = {"job": job, "submit": 0, "run": 10, "allocated": 4, "group": 1, "user": 7, **fields}
    return " ".join(str(values.get(name, -1)) for name in names)


class TestSwf:
    def test_processors_are_those_allocated_else_those_requested(self, tmp_path: Path) -> None:
        rows = [
            swf_row(1, allocated=4, requested=8),
            swf_row(2, allocated=-1, requested=8),
            swf_row(3, allocated=0, requested=6),
            swf_row(4, allocated=5),
        ]
        assert read(tmp_path, "\n".join(rows)).jobs.gang.tolist() == [4, 8, 6, 5]

    def test_rows_that_never_ran_are_counted_by_reason(self, tmp_path: Path) -> None:
        rows = [
            swf_row(1),
            swf_row(2, status=5, run=-1),
            swf_row(3, status=5, run=0),
            swf_row(4, status=5, run=3),  # cancelled while it ran: it held its processors
            swf_row(5, run=-1),
            swf_row(6, status=2),
            swf_row(7, status=3),
            swf_row(8, status=4),
            swf_row(9, submit=-1),
            swf_row(10, allocated=-1),
            swf_row(11, run=0),  # ran, for less than a second
        ]
        workload = read(tmp_path, "; a log\n" + "\n".join(rows))
        assert workload.jobs.name == ("1", "4", "11")
        assert reasons(workload) == {
            "part of a job (status 2 to 4)": 3,
            "cancelled before it started": 2,
            "no run time": 1,
            "no submit time": 1,
            "no processors": 1,
        }
        [cancelled] = [skipped for skipped in workload.skipped if skipped.reason.startswith("cancelled")]
        assert cancelled.examples == (f"{tmp_path / 'log'}:3", f"{tmp_path / 'log'}:4")

    def test_the_team_is_the_group_else_the_user(self, tmp_path: Path) -> None:
        rows = [swf_row(1, group=3, user=8), swf_row(2, group=-1, user=9)]
        workload = read(tmp_path, "\n".join(rows))
        assert [workload.teams[team] for team in workload.jobs.team] == ["3", "9"]

    def test_the_calendar_is_that_of_the_header(self, tmp_path: Path) -> None:
        rows = [swf_row(1, submit=100), swf_row(2, submit=160)]
        assert read(tmp_path, "; UnixStartTime: 1000\n" + "\n".join(rows)).origin_ms == 1_100_000
        assert read(tmp_path, "\n".join(rows)).origin_ms is None
        assert read(tmp_path, "; UnixStartTime: 0\n" + "\n".join(rows)).jobs.submit_ms.tolist() == [0, 60_000]

    def test_comments_between_rows_are_no_rows(self, tmp_path: Path) -> None:
        text = f"; head\n\n{swf_row(1)}\n; between\n  ; with blanks\n{swf_row(2)}\n"
        workload = read(tmp_path, text)
        assert len(workload.jobs) == 2
        assert workload.skipped == ()

    def test_columns_may_be_chosen(self, tmp_path: Path) -> None:
        rows = swf_row(1, allocated=4, requested=8, queue=2)
        workload = read(tmp_path, rows, format="swf", columns={"gang": "requested", "team": "queue"})
        assert (workload.jobs.gang.tolist(), workload.teams) == ([8], ("2",))


SACCT = "JobID|Account|User|Partition|Submit|Start|End|Elapsed|Timelimit|AllocTRES|ReqTRES|State|NNodes|AllocCPUS\n"


def sacct_row(
    job: str, *, account: str = "nlp", user: str = "ada", partition: str = "gpu", submit: str = "2024-03-01T12:00:00",
    start: str = "2024-03-01T12:00:30", end: str = "2024-03-01T13:00:30", elapsed: str = "01:00:00",
    limit: str = "02:00:00", alloc: str = "cpu=8,gres/gpu=4", request: str = "", state: str = "COMPLETED",
) -> str:  # fmt: skip
    fields = (job, account, user, partition, submit, start, end, elapsed, limit, alloc, request, state, "2", "16")
    return "|".join(fields) + "\n"


class TestSacct:
    def test_steps_and_jobs_that_never_started_are_counted_by_reason(self, tmp_path: Path) -> None:
        text = (
            SACCT
            + sacct_row("1")
            + sacct_row("1.batch")
            + sacct_row("1.0")
            + sacct_row("2_4")
            + sacct_row("2_[5-9]", state="PENDING", start="Unknown", end="Unknown", elapsed="00:00:00", alloc="")
            + sacct_row("3", state="CANCELLED by 7", start="None", elapsed="00:00:00", alloc="", request="gres/gpu=2")
            + sacct_row("4", alloc="cpu=4,mem=1G")
            + sacct_row("5", alloc="")
        )
        workload = read(tmp_path, text)
        assert workload.jobs.name == ("1", "2_4")
        assert reasons(workload) == {"job step": 2, "no GPU": 2, "still pending": 1, "never started": 1}

    def test_gpus_are_those_allocated_else_those_requested(self, tmp_path: Path) -> None:
        text = (
            SACCT
            + sacct_row("1", alloc="billing=9,cpu=8,gres/gpu=4,gres/gpu:a100=4,mem=1G")
            + sacct_row("2", alloc="cpu=8,gres/gpu:a100=2,gres/gpu:h100=3")
            + sacct_row("3", alloc="", request="gres/gpu=6")
        )
        assert read(tmp_path, text).jobs.gang.tolist() == [4, 5, 6]

    def test_nodes_or_cpus_may_be_counted_instead(self, tmp_path: Path) -> None:
        text = SACCT + sacct_row("1", alloc="cpu=8")
        assert read(tmp_path, text, count="nodes").jobs.gang.tolist() == [2]
        assert read(tmp_path, text, count="cpus").jobs.gang.tolist() == [16]

    @pytest.mark.parametrize(
        ("text", "seconds"),
        [
            ("00:00:09", 9),
            ("23:59:59", 86_399),
            ("1-00:00:01", 86_401),
            ("12-03:04:05", 12 * 86_400 + 3 * 3600 + 4 * 60 + 5),
            ("05:07", 5 * 60 + 7),
            ("2-03:04", 2 * 86_400 + 3 * 3600 + 4 * 60),
            ("00:01:02.750", 62),
            ("100:00:00", 360_000),
        ],
    )
    def test_durations_are_read_in_all_their_shapes(self, tmp_path: Path, text: str, seconds: int) -> None:
        workload = read(tmp_path, SACCT + sacct_row("1", elapsed=text) + sacct_row("2"))
        assert workload.jobs.duration_ms.tolist() == [seconds * 1000, 3_600_000]

    @pytest.mark.parametrize("limit", ["UNLIMITED", "Partition_Limit", ""])
    def test_no_limit_is_no_declared_walltime(self, tmp_path: Path, limit: str) -> None:
        workload = read(tmp_path, SACCT + sacct_row("1", limit=limit) + sacct_row("2"))
        assert workload.jobs.walltime_ms.tolist() == [0, 7_200_000]

    def test_raw_columns_need_no_parsing_of_clocks(self, tmp_path: Path) -> None:
        text = (
            "JobIDRaw|Account|Submit|ElapsedRaw|TimelimitRaw|AllocTRES\n"
            "1|nlp|1709290800|90|120|gres/gpu=1\n2|nlp|1709290860|30|UNLIMITED|gres/gpu=1\n"
        )
        jobs = read(tmp_path, text).jobs
        assert jobs.submit_ms.tolist() == [0, 60_000]
        assert jobs.duration_ms.tolist() == [90_000, 30_000]
        assert jobs.walltime_ms.tolist() == [7_200_000, 0]

    def test_local_times_are_those_of_the_zone(self, tmp_path: Path) -> None:
        # Paris set its clocks back on 2024-10-27 at 03:00: 02:30 comes twice and is taken as the first.
        text = SACCT + "".join(
            sacct_row(str(n), submit=f"2024-10-27T{clock}")
            for n, clock in enumerate(["01:30:00", "02:30:00", "03:30:00"])
        )
        workload = read(tmp_path, text, timezone="Europe/Paris")
        assert workload.origin_ms == 1_729_985_400_000  # 2024-10-26T23:30:00Z
        assert workload.jobs.submit_ms.tolist() == [0, 3_600_000, 3 * 3_600_000]
        utc = read(tmp_path, text)
        assert utc.origin_ms == workload.origin_ms + 2 * 3_600_000

    def test_running_jobs_are_taken_and_told(self, tmp_path: Path) -> None:
        text = SACCT + sacct_row("1", state="RUNNING", end="Unknown") + sacct_row("2")
        workload = read(tmp_path, text)
        assert len(workload.jobs) == 2
        assert workload.notes == ("1 jobs: still running: the time so far is taken as the duration",)

    def test_accounts_are_teams_and_partitions_are_pools(self, tmp_path: Path) -> None:
        text = SACCT + sacct_row("1", account="", user="eve") + sacct_row("2", partition="A100")
        workload = read(tmp_path, text)
        assert [workload.teams[team] for team in workload.jobs.team] == ["eve", "nlp"]
        assert [workload.pools[pool] for pool in workload.jobs.pool] == ["gpu", "A100"]
        assert [workload.users[user] for user in workload.jobs.user] == ["eve", "ada"]
        several = read(tmp_path, text, pools=["gpu", "a100"])
        assert [several.pools[pool] for pool in several.jobs.pool] == ["gpu", "a100"]
        assert read(tmp_path, text, pools=["main"]).pools == ("",)
        assert read(tmp_path, text, pool="main", pools=["main", "other"]).pools == ("main",)

    def test_the_trailing_bar_of_parsable_is_no_column(self, tmp_path: Path) -> None:
        text = (SACCT + sacct_row("1")).replace("\n", "|\n")
        assert len(read(tmp_path, text).jobs) == 1


class TestTables:
    def test_usual_names_and_units_are_known(self, tmp_path: Path) -> None:
        text = "id\tproject\tarrival_ms\tGPUs\truntime_min\tTime-Limit\tpriority\tpreemptible\tsavepoint_s\n"
        text += "a\tnlp\t1500\t8\t2\t3600\t5\tno\t60\nb\tcv\t2000\t1.0\t0.5\t\t-3\t\t\n"
        workload = read(tmp_path, text, savepoint_ms=7)
        jobs = workload.jobs
        assert jobs.submit_ms.tolist() == [0, 500]
        assert jobs.gang.tolist() == [8, 1]
        assert jobs.duration_ms.tolist() == [120_000, 30_000]
        assert jobs.walltime_ms.tolist() == [3_600_000, 0]
        assert jobs.priority.tolist() == [5, -3]
        assert jobs.preemptible.tolist() == [False, True]
        assert jobs.savepoint_ms.tolist() == [60_000, 7]
        assert workload.teams == ("cv", "nlp")

    def test_a_column_map_says_what_names_do_not(self, tmp_path: Path) -> None:
        text = "who,when,how many,lasting\nnlp,60,2,1500\n"
        columns = {"team": "who", "submit": "when:min", "gang": "how many", "duration": "lasting:ms"}
        workload = read(tmp_path, text, columns=columns)
        assert workload.teams == ("nlp",)
        assert workload.jobs.duration_ms.tolist() == [1500]
        assert workload.jobs.gang.tolist() == [2]

    def test_start_and_end_make_a_duration(self, tmp_path: Path) -> None:
        text = "vc,submit_time,start_time,end_time,num_gpu\nx,5,10,25,1\nx,6,,,1\nx,7,None,None,1\n"
        workload = read(tmp_path, text)
        assert workload.jobs.duration_ms.tolist() == [15_000]
        assert reasons(workload) == {"never started": 2}

    @pytest.mark.parametrize(
        ("stamp", "unix_ms"),
        [
            ("2024-03-01T12:00:00Z", 1_709_294_400_000),
            ("2024-03-01 12:00:00", 1_709_294_400_000),
            ("2024-03-01T12:00:00.250Z", 1_709_294_400_250),
            ("2024-03-01T14:30:00+02:30", 1_709_294_400_000),
            ("2024-03-01T07:00:00-0500", 1_709_294_400_000),
            ("2024-03-01T12:00", 1_709_294_400_000),
            ("2024-03-01", 1_709_251_200_000),
            ("1969-12-31T23:59:59", -1_000),
        ],
    )
    def test_dates_are_read_in_their_usual_shapes(self, tmp_path: Path, stamp: str, unix_ms: int) -> None:
        workload = read(tmp_path, f"vc,submit_time,num_gpu,duration\nx,{stamp},1,60\n")
        assert workload.origin_ms == unix_ms

    def test_numbers_of_this_century_are_unix_time(self, tmp_path: Path) -> None:
        text = "vc,submit_s,num_gpu,duration_s\nx,1700000000.125,1,60\nx,1700000001.5,1,60\n"
        workload = read(tmp_path, text)
        assert workload.origin_ms == 1_700_000_000_125
        assert workload.jobs.submit_ms.tolist() == [0, 1375]
        assert read(tmp_path, text.replace("17000", "0")).origin_ms is None

    def test_rows_out_of_order_are_sorted_stably_and_told(self, tmp_path: Path) -> None:
        text = "job_id,vc,submit_s,num_gpu,duration_s\na,x,5,1,1\nb,y,3,2,2\nc,x,5,3,3\nd,x,3,4,4\n"
        workload = read(tmp_path, text)
        assert workload.jobs.name == ("b", "d", "a", "c")
        assert workload.jobs.gang.tolist() == [2, 4, 1, 3]
        assert [workload.teams[team] for team in workload.jobs.team] == ["y", "x", "x", "x"]
        assert workload.notes == ("2 jobs: out of order in the log, sorted by submit time",)

    def test_after_refers_to_jobs_by_their_name(self, tmp_path: Path) -> None:
        text = "job_id,vc,submit_s,num_gpu,duration_s,after\na,x,9,1,1,c\nb,x,1,1,1,\nc,x,2,1,1,b\nd,x,9,1,1,zz\n"
        workload = read(tmp_path, text)
        assert workload.jobs.name == ("b", "c", "a", "d")
        assert workload.jobs.after.tolist() == [-1, 0, 1, -1]
        assert any("were not taken" in note or "was not taken" in note for note in workload.notes)

    def test_the_estimate_may_be_the_run_time_or_none(self, tmp_path: Path) -> None:
        text = "vc,submit_s,num_gpu,duration_s,walltime_s\nx,0,1,60,100\nx,0,1,0,\n"
        assert read(tmp_path, text).jobs.walltime_ms.tolist() == [100_000, 0]
        assert read(tmp_path, text, walltime="runtime").jobs.walltime_ms.tolist() == [60_000, 1]
        assert read(tmp_path, text, walltime="none").jobs.walltime_ms.tolist() == [0, 0]

    def test_fractions_of_a_gpu_are_not_run(self, tmp_path: Path) -> None:
        workload = read(tmp_path, "vc,submit_s,num_gpu,duration_s\nx,0,0.5,1\nx,0,1.5,1\nx,0,2.0,1\nx,0,0,1\n")
        assert workload.jobs.gang.tolist() == [2]
        assert reasons(workload) == {"fractional GPU": 2, "no GPU": 1}

    def test_only_the_first_places_of_a_reason_are_kept(self, tmp_path: Path) -> None:
        rows = "".join(f"x,{n},0,1\n" for n in range(1000))
        [skipped] = read(tmp_path, "vc,submit_s,num_gpu,duration_s\n" + rows + "x,0,1,1\n").skipped
        assert skipped.rows == 1000
        assert [place.rpartition(":")[2] for place in skipped.examples] == ["2", "3", "4", "5", "6"]

    def test_parquet_tells_rows_instead_of_lines(self, tmp_path: Path) -> None:
        path = tmp_path / "log.parquet"
        frame = pl.DataFrame(
            {"vc": ["x", None, "x"], "submit_time": [1.5, 2.0, 3.0], "num_gpu": [1, 1, 0], "duration": [1, 2, 3]}
        )
        frame.write_parquet(path)
        workload = traces.read(path, unmapped="drop")
        assert workload.jobs.duration_ms.tolist() == [1000]
        assert {skipped.reason: skipped.examples for skipped in workload.skipped} == {
            "no GPU": (f"{path} row 3",),
            "belongs to no team": (f"{path} row 2",),
        }

    def test_parquet_durations_may_be_durations(self, tmp_path: Path) -> None:
        path = tmp_path / "log.parquet"
        frame = pl.DataFrame({"vc": ["x"], "submit_time": [0], "num_gpu": [1], "duration": [90]})
        frame.with_columns(pl.col("duration").cast(pl.Duration("ms")) * 1000).write_parquet(path)
        assert traces.read(path).jobs.duration_ms.tolist() == [90_000]

    def test_parquet_columns_that_are_no_values_are_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "log.parquet"
        pl.DataFrame({"vc": [["x"]], "submit_time": [0], "num_gpu": [1], "duration": [90]}).write_parquet(path)
        with pytest.raises(InputError, match="T118 column 'vc' is of type List"):
            traces.read(path)

    def test_damaged_parquet_is_refused(self, tmp_path: Path) -> None:
        path = tmp_path / "log.parquet"
        pl.DataFrame({"vc": ["x"], "submit_time": [0], "num_gpu": [1], "duration": [90]}).write_parquet(path)
        path.write_bytes(path.read_bytes()[:-20])
        with pytest.raises(InputError, match="T118 the Parquet file is damaged"):
            traces.read(path)


def test_openb_pods_are_read_with_whole_gpus_only(tmp_path: Path) -> None:
    text = (
        "name,cpu_milli,memory_mib,num_gpu,gpu_milli,gpu_spec,qos,pod_phase,creation_time,deletion_time,scheduled_time\n"
        "a,1,1,2,1000,,LS,Running,100,190,107\nb,1,1,1,460,,BE,Running,106,180,106\nc,1,1,0,0,,BE,Running,106,180,106\n"
        "d,1,1,1,1000,,BE,Pending,110,120,\ne,1,1,1,1000,V100M16,BE,Failed,111,121,120\n"
    )
    workload = read(tmp_path, text)
    assert workload.jobs.submit_ms.tolist() == [0, 11_000]
    assert workload.jobs.duration_ms.tolist() == [83_000, 1_000]
    assert workload.teams == ("BE", "LS")
    assert reasons(workload) == {"fractional GPU": 1, "no GPU": 1, "never scheduled": 1}


def test_muri_tables_count_in_milliseconds(tmp_path: Path) -> None:
    head = "job_id,num_gpu,submit_time,iterations,model_name,batch_size,duration,interval,iteration_time,"
    text = head + "resource_time_0,priority\n0,4,0,1,dqn,1,1500,0,1,1,1\n1,4,1000,1,dqn,1,2500,0,1,1,0\n"
    workload = read(tmp_path, text, unmapped="all-jobs")
    assert workload.jobs.duration_ms.tolist() == [1500, 2500]
    assert workload.jobs.priority.tolist() == [0, 0]
    assert workload.teams == ("all-jobs",)


def test_helios_minutes_become_services(tmp_path: Path) -> None:
    head = "time,running_gpu_num,pending_gpu_num,total_gpu_num\n"
    for vc, rows in {"vcA": ["5,3,8", "5,3,8", "2,0,8"], "vcB": ["0,0,4", "1,0,4", "1,1,4"]}.items():
        lines = [f"2020-05-01 00:0{minute}:00,{row}" for minute, row in enumerate(rows)]
        (tmp_path / f"{vc}.csv").write_text(head + "\n".join(lines))
    (tmp_path / "sizes.csv").write_text("date,vcA,vcB\n2020-05-01,8,4\n")
    workload = traces.read(tmp_path)
    assert workload.teams == ("vcA", "vcB")
    assert workload.origin_ms == 1_588_291_200_000
    a, b = workload.services
    assert (a.at_ms.tolist(), a.replicas.tolist()) == ([0, 120_000, 180_000], [8, 2, 0])
    assert (b.at_ms.tolist(), b.replicas.tolist()) == ([0, 60_000, 120_000, 180_000], [0, 1, 2, 0])
    frame = traces.minutes(tmp_path)
    assert frame.columns == ["vc", "at_ms", "running_gpu", "pending_gpu", "quota_gpu"]
    assert frame["running_gpu"].to_list() == [5, 5, 2, 0, 1, 1]
    assert np.array_equal(traces.minutes(tmp_path / "vcB.csv")["quota_gpu"].to_numpy(), [4, 4, 4])
