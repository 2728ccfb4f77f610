"""What Slurm did beside what the charter would have done, on a fixed dump of sacct, counted again second by second."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from html import unescape
from math import ceil
from pathlib import Path

import pytest

from equipoise.charter.entitlement import entitlements, tree
from equipoise.charter_io import loads
from equipoise.cli.app import main
from equipoise.engines.slurm import Settings
from equipoise.errors import InputError
from equipoise.policy.kernel.layout import START, STOP
from equipoise.simulator.results import Results
from equipoise.tasks.shadow import Shadow, shadow

BEGIN = datetime(2026, 11, 2, tzinfo=UTC)
CHARTER = """
equipoise: charter/v1
lab: Small
timezone: UTC
pools: {gpu: {device: H100, expect: 2 nodes of 8 gpu}}
teams:
  product: {floor: 50%, protect: {min_runtime: 10m, grace: 1m}}
  research: {floor: 50%, teams: {safety: {floor: 50%}, evals: {floor: 38%}}}
commitments:
  safety-day: {team: research.safety, at_least: 25%, of: capacity, window: day}
"""
# account, submitted, eligible, started by Slurm (seconds), seconds, devices
JOBS = (
    ("product", 0, 0, 0, 3000, 8),
    ("product", 10, 10, 10, 4000, 4),
    ("product", 20, 20, 20, 600, 4),
    ("safety", 30, 30, 620, 1200, 4),
    ("product", 40, 40, 1820, 900, 4),
    ("nlp-evals", 60, 400, 3000, 500, 2),
    ("safety", 90, 90, 3000, 700, 4),
    ("nlp-evals", 500, 500, 2720, 60, 1),
    ("product", 5000, 5000, 5000, 0, 16),
    ("product", 86_500, 86_500, 86_510, 1000, 16),
)
HEADER = "JobID|Account|Partition|QOS|User|Submit|Eligible|Start|End|ElapsedRaw|TimelimitRaw|State|ReqTRES|AllocTRES"


def dump(folder: Path, *more: str, header: str = HEADER) -> Path:
    def at(second: int) -> str:
        return (BEGIN + timedelta(seconds=second)).strftime("%Y-%m-%dT%H:%M:%S")

    lines = [
        f"{100 + n}|{account}|main|normal|u|{at(submit)}|{at(eligible)}|{at(start)}|{at(start + lasts)}|{lasts}|120|COMPLETED"
        f"|gres/gpu={gpus}|billing=1,gres/gpu={gpus}"
        for n, (account, submit, eligible, start, lasts, gpus) in enumerate(JOBS)
    ]
    file = folder / "sacct.txt"
    file.write_text("\n".join([header, *lines, *more]) + "\n", "utf-8")
    return file


@pytest.fixture
def found(tmp_path: Path) -> Shadow:
    (tmp_path / "c.yaml").write_text(CHARTER, "utf-8")
    settings = Settings.of({"pools": {"gpu": {"partition": "main"}}, "teams": {"nlp-evals": "research.evals"}})
    return shadow(dump(tmp_path), tmp_path / "c.yaml", settings=settings)


TEAMS = {
    "product": ("product",),
    "research": ("safety", "nlp-evals"),
    "research.safety": ("safety",),
    "research.evals": ("nlp-evals",),
}
FLOORS = {"product": 8, "research": 8, "research.safety": 4, "research.evals": 3}


def counted(second: Callable[[int, int], bool], until_s: int) -> dict[str, dict[str, int]]:
    """For each team, second by second: what it was entitled to, denied and below its floor, where ``second(job, t)`` says who ran.

    Nobody is denied more than the work that waits needs.
    """
    charter = loads(CHARTER)
    order = [team.path for team in charter.teams]
    nodes = tree(charter, "gpu", 16)
    total = {team: {"entitled": 0, "denied": 0, "below": 0, "lacking": 0} for team in TEAMS}
    done = dict.fromkeys(range(len(JOBS)), 0)
    needs = {team: [job[4] * job[5] for job in JOBS] for team in TEAMS}
    for t in range(until_s):
        asks = [n for n, job in enumerate(JOBS) if job[2] <= t and done[n] < job[4]]
        holds = [n for n in asks if second(n, t)]
        for n in holds:
            done[n] += 1

        def devices(jobs: list[int], team: str) -> int:
            return sum(JOBS[n][5] for n in jobs if JOBS[n][0] in TEAMS[team])

        due = entitlements(nodes, 16, [devices(asks, team) for team in order])
        for team, own in zip(order, due, strict=True):
            wanted, held = devices(asks, team), devices(holds, team)
            short = max(0, min(FLOORS[team], wanted) - held)
            total[team]["entitled"] += min(own, wanted)
            denied = max(0, min(own, wanted) - held)
            for n in (n for n in asks if n not in holds and JOBS[n][0] in TEAMS[team]):  # whoever waits longest first
                charged = min(denied, needs[team][n])
                needs[team][n] -= charged
                denied -= charged
                total[team]["denied"] += charged
            total[team]["below"] += short > 0
            total[team]["lacking"] += short
    return total


def test_what_slurm_did_is_counted_as_second_by_second(found: Shadow) -> None:
    total = counted(lambda n, t: JOBS[n][3] <= t < JOBS[n][3] + JOBS[n][4], 90_000)
    assert total["research.safety"]["below"] == (620 - 30) + (3000 - 1820)
    for _, was in found.sides:
        own = total[was.team]
        assert was.entitled_gpu_h * 3600 == pytest.approx(own["entitled"], abs=1e-6)
        assert was.below_floor_h * 3600 == pytest.approx(own["below"], abs=1e-6)
        assert was.below_floor_gpu_h * 3600 == pytest.approx(own["lacking"], abs=1e-6)
        if was.team != "research":  # what an inner team is denied is bounded by what its leaves are
            assert was.denied_gpu_h * 3600 == pytest.approx(own["denied"], abs=1e-6)
    assert (
        total["research.evals"]["denied"] == 2 * 500 + 60
    )  # all that its work needs, though it was due more for longer
    for _, was in found.sides:
        waits = sorted(job[3] - job[2] for job in JOBS if job[0] in TEAMS[was.team])
        assert was.wait_p50_s == waits[ceil(0.5 * len(waits)) - 1]
        assert was.wait_p95_s == waits[ceil(0.95 * len(waits)) - 1]
        assert (was.jobs, was.reclaimed, was.floor_gpus) == (len(waits), 0, FLOORS[was.team])


def test_what_the_charter_would_have_done_is_counted_by_its_decisions(found: Shadow) -> None:
    run: Results = found.comparison[0]
    decisions = run.record.run.decisions
    assert decisions is not None
    begun: dict[int, list[tuple[int, int]]] = {n: [] for n in range(len(JOBS))}
    names = run.record.workload.jobs.name
    assert names is not None
    for row in decisions:
        job = int(names[row["job"]]) - 100
        second, exact = divmod(int(row["time_ms"]), 1000)
        if row["kind"] in (START, STOP):
            assert exact == 0
            begun[job].append((second, int(row["kind"])))

    def runs(n: int, t: int) -> bool:
        moves = [kind for at, kind in begun[n] if at <= t]
        return bool(moves) and moves[-1] == START

    lost = {n for n, moves in begun.items() if any(kind == STOP for _, kind in moves)}
    assert lost, "the charter takes something back"
    # A job that was stopped begins again, so its second run is as long as the first was meant to be.
    ends = {n: moves[-1][0] + JOBS[n][4] for n, moves in begun.items()}
    total = dict.fromkeys(TEAMS, 0)
    for t in range(90_000):
        for team, accounts in TEAMS.items():
            own = [n for n, job in enumerate(JOBS) if job[0] in accounts and job[2] <= t < ends[n]]
            held = sum(JOBS[n][5] for n in own if runs(n, t))
            total[team] += held < min(FLOORS[team], sum(JOBS[n][5] for n in own))
    for would, _ in found.sides:
        assert would.below_floor_h * 3600 == pytest.approx(total[would.team], abs=1e-6)
        waits = sorted(begun[n][0][0] - job[2] for n, job in enumerate(JOBS) if job[0] in TEAMS[would.team])
        assert would.wait_p95_s == waits[ceil(0.95 * len(waits)) - 1]
    safety = {side.team: (side, was) for side, was in found.sides}["research.safety"]
    assert safety[0].below_floor_h < safety[1].below_floor_h


def test_sentences_say_what_was_and_what_is_not_shown(found: Shadow) -> None:
    said = " ".join(found.sentences)
    assert "Of 10 jobs, half waited up to" in said
    assert "research.safety was below its floor of 4 devices for" in said
    assert "The promise safety-day: with Slurm" in said
    assert "The charter would have taken devices back" in said
    unsaid = " ".join(found.not_shown)
    assert "Run times are those that Slurm recorded" in unsaid and "held at most 16 at once" in unsaid
    day = found.comparison[1].promises.row(0, named=True)
    assert (day["promise"], day["to_s"]) == ("safety-day", 86_400)
    assert day["delivered_heh_h"] * 3600 == pytest.approx(4 * 1200 + 4 * 700)


def test_the_command_prints_json_and_writes_a_report(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "c.yaml").write_text(CHARTER, "utf-8")
    (tmp_path / "e.toml").write_text(
        '[engines.slurm.pools.gpu]\npartition = "main"\n[engines.slurm.teams]\nnlp-evals = "research.evals"\n', "utf-8"
    )
    pending = f"900|safety|main|normal|u|{BEGIN:%FT%T}|{BEGIN:%FT%T}|Unknown|Unknown|0|120|PENDING|gres/gpu=4|"
    page = tmp_path / "r.html"
    arguments = [
        "shadow",
        str(dump(tmp_path, pending)),
        "-c",
        str(tmp_path / "c.yaml"),
        "--config",
        str(tmp_path / "e.toml"),
    ]
    assert run(*arguments, "--json", "-o", str(page)) == 0
    told = json.loads(capsys.readouterr().out)
    assert told["teams"]["research.safety"]["slurm"]["wait_p95_s"] == 2910.0
    assert [one["policy"] for one in told["runs"]] == ["charter", "slurm"]
    assert "1 row of the log is left out: still pending." in told["not_shown"]
    text = unescape(page.read_text("utf-8")).replace("\u202f", " ").replace("\xa0", " ")
    assert "Slurm, as it was" in text
    assert len(told["sentences"]) >= 3
    assert [
        sentence for sentence in (*told["sentences"], *told["not_shown"]) if f"<li>{sentence}</li>" not in text
    ] == []
    assert run(*arguments) == 0
    assert "What this does not show" in capsys.readouterr().out


def run(*arguments: str) -> int:
    with pytest.raises(SystemExit) as left:
        main(arguments)
    return int(left.value.code or 0)


@pytest.mark.parametrize(
    ("code", "header", "change"),
    [
        ("E148", HEADER.replace("Start", "Begin"), ""),
        ("E148", HEADER + "|More", ""),
        ("S125", HEADER, "2 nodes of 4"),
    ],
)
def test_what_cannot_be_compared_is_refused(code: str, header: str, change: str, tmp_path: Path) -> None:
    (tmp_path / "c.yaml").write_text(CHARTER.replace("2 nodes of 8", change or "2 nodes of 8"), "utf-8")
    settings = Settings.of({"pools": {"gpu": {"partition": "main"}}, "teams": {"nlp-evals": "research.evals"}})
    with pytest.raises(InputError) as caught:
        shadow(dump(tmp_path, header=header), tmp_path / "c.yaml", settings=settings)
    assert caught.value.code == code


def test_nothing_to_ask_is_an_error_and_so_is_a_file_without_the_table(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        shadow(None, None)
    assert caught.value.code == "S127"
    (tmp_path / "e.toml").write_text("[engines]\n", "utf-8")
    assert run("shadow", "--config", str(tmp_path / "e.toml")) == 1
    assert run("shadow", "--config", str(tmp_path / "none.toml")) == 1
