"""What Ray's engine does when a raylet, a keeper, the driver or the controller is killed; all over real raylets."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from equipoise.charter.model import Pool
from equipoise.engines.protocol import (
    Attempt,
    Command,
    Condition,
    Ended,
    Launch,
    NodeChanged,
    Part,
    Phase,
    Refused,
    Running,
    Stopped,
)
from equipoise.engines.ray import Settings, open_engine
from equipoise.errors import EngineError, InputError

pytest.register_assert_rewrite("tests.contract.engine_rig")

from tests.contract.engine_ray import RayRig  # noqa: E402
from tests.contract.engine_ray import rig as started  # noqa: E402
from tests.contract.engine_rig import LAST, Bench  # noqa: E402

OPENS = """
import json, sys, time
from pathlib import Path
from equipoise.charter.model import Pool
from equipoise.engines.protocol import Attempt, Command, Launch, Part
from equipoise.engines.ray import Settings, open_engine
given = json.loads(sys.argv[1])
given["settings"]["python"] = tuple(given["settings"]["python"])
engine = open_engine(Settings(**given["settings"]), tuple(Pool(*pool) for pool in given["pools"]), Path(given["folder"]))
job, argv = given["job"], tuple(given["argv"])
parts = tuple(Part(node, devices) for node, devices in given["parts"])
gang = sum(part.devices for part in parts)
engine.launch(Launch(Attempt(job, 0), "job", "research", "a", gang, parts, Command(argv)))
print("asked", flush=True)
while True:
    for seen in engine.observe(1.0):
        print(type(seen).__name__, flush=True)
"""


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RayRig]:
    with started(tmp_path_factory.mktemp("ray")) as made:
        yield made


@pytest.fixture
def bench(rig: RayRig) -> Iterator[Bench]:
    made = Bench(rig, rig.open())
    try:
        yield made
    finally:
        made.finish()


def test_a_killed_raylet_is_a_node_that_is_down_and_its_jobs_are_gone_everywhere(rig: RayRig, bench: Bench) -> None:
    assert rig.cluster is not None
    here, there = bench.running(parts=[Part(0, 1)]), bench.running(parts=[Part(1, 1)])
    both = bench.running(gang=4, parts=[Part(0, 2), Part(1, 2)])
    bench.listen(lambda: len(bench.notes(both, "start")) == 2, "both parts begin")
    rig.cluster.do("kill a1")
    bench.listen(lambda: bench.node(1).condition is Condition.DOWN, "the node is down")
    bench.listen(lambda: [it for it in bench.heard if isinstance(it, NodeChanged)], "the controller is told")
    assert bench.seen(there) is None and bench.seen(both) is None
    assert [change.node.number for change in bench.heard if isinstance(change, NodeChanged)] == [1]
    for attempt in (there, both):
        assert not any(isinstance(seen, LAST) for seen in bench.of(attempt))  # the node's change tells it
        assert not alive(bench, attempt)
    seen = bench.seen(here)
    assert seen is not None and seen.phase is Phase.RUNNING and alive(bench, here)
    assert isinstance(bench.wait(bench.launch(parts=[Part(1, 1)]), *LAST), Refused)
    # What the gang had on the other node is free.
    assert bench.wait(bench.launch(gang=3, parts=[Part(0, 3)]), *LAST).exit_code == 0
    bench.reopen()
    assert bench.node(1).condition is Condition.DOWN and bench.seen(there) is None
    rig.cluster.do("add a1")
    bench.listen(lambda: bench.node(1).condition is Condition.UP, "the node is back under its number", extra_s=20)
    assert bench.seen(there) is None  # also for the node's new keeper, which finds its record
    bench.gone(here)
    again = bench.launch(gang=8, parts=[Part(0, 4), Part(1, 4)], job=both.job, number=1)
    assert bench.wait(again, *LAST).exit_code == 0


@pytest.mark.parametrize("delay_s", [0.0, 0.2])
def test_a_gang_whose_raylet_is_killed_while_it_starts_goes_with_its_node(
    rig: RayRig, bench: Bench, delay_s: float
) -> None:
    assert rig.cluster is not None
    alone, both = bench.launch("--for", 600, parts=[Part(1, 1)]), bench.launch(
        "--for", 600, gang=4, parts=[Part(0, 2), Part(1, 2)]
    )  # fmt: skip
    bench.quiet(delay_s)
    rig.cluster.do("kill a1")
    rig.cluster.do("add a1")
    bench.listen(lambda: len(changes(bench)) == 2, "the node goes and comes", extra_s=20)
    went_and_came(bench, alone, both)
    assert bench.wait(bench.launch(gang=8, parts=[Part(0, 4), Part(1, 4)]), *LAST).exit_code == 0


def test_a_gang_that_waits_for_a_frozen_raylet_goes_with_it_when_it_is_killed(rig: RayRig, bench: Bench) -> None:
    assert rig.cluster is not None
    [raylet] = rig.cluster.pids("raylet/raylet", "--node_ip_address=127.0.0.3")
    os.kill(raylet, signal.SIGSTOP)  # so that nothing can have started there
    alone, both = bench.launch(parts=[Part(1, 1)]), bench.launch(gang=4, parts=[Part(0, 2), Part(1, 2)])
    bench.quiet(0.3)
    assert not bench.heard
    rig.cluster.do("kill a1")
    bench.listen(lambda: bench.node(1).condition is Condition.DOWN, "the node is down")
    late = bench.launch(parts=[Part(1, 1)])  # perhaps before the controller was told
    bench.wait(late, Refused)
    assert [type(seen) for seen in bench.heard] == [NodeChanged, Refused]
    assert not bench.notes(alone) and not bench.notes(both)
    rig.cluster.do("add a1")
    bench.listen(lambda: len(changes(bench)) == 2, "the node is back", extra_s=20)
    went_and_came(bench, alone, both)


def test_a_gang_that_cannot_start_though_its_nodes_live_is_refused(rig: RayRig) -> None:
    bench = Bench(rig, open_engine(replace(rig.settings, reserve_ms=2_000), rig.pools, rig.folder))
    try:
        runs = bench.running(gang=3)
        found = bench.wait(bench.launch(gang=3, parts=[Part(0, 3)]), *LAST)
        assert isinstance(found, Refused) and "free" in found.reason
        assert not changes(bench)
        bench.gone(runs)
    finally:
        bench.finish()


def test_devices_of_a_gang_that_is_stopped_while_it_starts_are_its_own_until_it_is_gone(
    rig: RayRig, bench: Bench
) -> None:
    assert rig.cluster is not None
    other = bench.running()
    [keeper] = [pid for pid in rig.cluster.pids("ray::Keeper") if keeper_of(pid, other)]
    os.kill(keeper, signal.SIGSTOP)
    try:
        first = bench.launch("--for", 600, "--on-term", "ignore", gang=3, parts=[Part(0, 3)])
        bench.quiet(2.0)  # Ray has reserved its devices, and the keeper has been asked to start it
        bench.engine.stop(first, grace_ms=1500, requeue=True)
        second = bench.launch("--for", 600, gang=3, parts=[Part(0, 3)])
        bench.quiet(2.0)
    finally:
        os.kill(keeper, signal.SIGCONT)
    bench.wait(second, Running)
    told = [seen.attempt for seen in bench.heard if isinstance(seen, Running | Stopped)]
    assert [attempt for attempt in told if attempt != other] == [first, first, second]
    assert not alive(bench, first)
    bench.gone(second)
    bench.gone(other)


def test_a_killed_keeper_takes_its_jobs_along_and_forgets_no_end(rig: RayRig, bench: Bench) -> None:
    assert rig.cluster is not None
    ended = bench.launch("--exit", 7)
    bench.wait(ended, Ended)
    runs, elsewhere = bench.running(), bench.running(parts=[Part(1, 1)])
    [pid] = [pid for pid in rig.cluster.pids("ray::Keeper") if keeper_of(pid, runs)]
    os.kill(pid, signal.SIGKILL)
    found = bench.wait(runs, *LAST)
    assert isinstance(found, Ended) and found.exit_code is None and "keeper" in found.reason
    assert not alive(bench, runs) and alive(bench, elsewhere)
    for _ in range(2):
        seen = bench.seen(ended)
        assert seen is not None and (seen.phase, seen.exit_code) == (Phase.ENDED, 7)
        bench.reopen()
    assert bench.wait(bench.launch(gang=4), *LAST).exit_code == 0
    bench.gone(elsewhere)


def test_a_killed_driver_is_started_again_and_nothing_is_lost(rig: RayRig, bench: Bench) -> None:
    assert rig.cluster is not None
    runs, ends = bench.running(), bench.launch("--for", 1.5, "--exit", 3)
    bench.wait(ends, Running)
    asked = bench.launch("--for", 600, parts=[Part(1, 1)])
    for pid in rig.cluster.pids("driver.py"):
        os.kill(pid, signal.SIGKILL)
    found = bench.wait(ends, *LAST)
    assert isinstance(found, Ended) and found.exit_code == 3
    assert alive(bench, runs) and len(bench.notes(runs, "start")) == 1
    assert isinstance(bench.wait(asked, Running, Refused), Running | Refused)  # nobody waits for ever
    assert (bench.seen(asked) is None) == (not alive(bench, asked))
    bench.gone(runs)


@pytest.mark.parametrize("delay_s", [0.0, 0.05, 0.15, 0.4])
def test_a_controller_killed_while_it_launches_leaves_an_attempt_whole_or_none(
    rig: RayRig, tmp_path: Path, delay_s: float
) -> None:
    attempt = Attempt(next(rig.numbers), 0)
    settings = asdict(rig.settings)
    file = rig.directory / f"job-{attempt}"
    argv = [sys.executable, "-S", str(Path(__file__).with_name("engine_job.py")), str(file), "--for", "600"]
    pools = [(pool.name, pool.device, pool.nodes, pool.gpus_per_node) for pool in rig.pools]
    given = {"settings": settings, "pools": pools, "folder": str(rig.folder), "job": attempt.job, "argv": argv}
    order = json.dumps(given | {"parts": [(0, 2), (1, 2)]})
    controller = subprocess.Popen([sys.executable, "-c", OPENS, order], stdout=subprocess.PIPE, text=True)
    assert controller.stdout is not None
    with controller.stdout:
        assert controller.stdout.readline() == "asked\n"
        time.sleep(delay_s)
        controller.kill()
        controller.wait()
    bench = Bench(rig, rig.open())
    try:
        seen = bench.seen(attempt)
        if seen is None:
            assert not alive(bench, attempt)
            bench.start(bench.order(attempt, "--for", 600, gang=4, parts=[Part(0, 2), Part(1, 2)]))
            bench.wait(attempt, Running)
        bench.listen(lambda: len(alive(bench, attempt)) == 2, "both parts run")
        bench.gone(attempt)
        assert not alive(bench, attempt)
        assert bench.wait(bench.launch(gang=8, parts=[Part(0, 4), Part(1, 4)]), *LAST).exit_code == 0
    finally:
        bench.finish()


def test_a_part_that_fails_ends_its_gang_with_its_exit_code(bench: Bench) -> None:
    script = (
        "import os, sys, time; time.sleep(0.2); os.environ['EQUIPOISE_RANK'] == '1' and sys.exit(9); time.sleep(600)"
    )
    failing = Command((sys.executable, "-S", "-c", script))
    attempt = bench.launch(command=failing, gang=2, parts=[Part(0, 1), Part(1, 1)])
    found = bench.wait(attempt, *LAST)
    assert isinstance(found, Ended) and found.exit_code == 9


def test_what_a_job_leaves_behind_outside_its_group_is_killed_with_it(bench: Bench) -> None:
    mark = f"equipoise-left-{os.getpid()}"
    leaves = (
        "import os, subprocess; "
        f"subprocess.Popen(['sleep', '600'], start_new_session=True, env=dict(os.environ, MARK={mark!r}))"
    )
    attempt = bench.launch(command=Command((sys.executable, "-S", "-c", leaves)))
    assert bench.wait(attempt, *LAST).exit_code == 0
    assert not [pid for pid in pids() if mark.encode() in environment(pid)]


def test_a_job_of_a_pool_that_is_only_counted_gets_a_free_node(rig: RayRig, bench: Bench) -> None:
    order = bench.order(Attempt(next(rig.numbers), 0), "--for", 600)
    first = Launch(order.attempt, order.name, order.team, "b", 1, (), order.command)
    bench.start(first)
    bench.wait(first.attempt, Running)
    second = Launch(Attempt(next(rig.numbers), 0), order.name, order.team, "b", 1, (), order.command)
    bench.start(second)
    assert isinstance(bench.wait(second.attempt, *LAST), Refused)
    bench.gone(first.attempt)


def test_secrets_of_a_job_are_in_no_file_of_the_engine(rig: RayRig, bench: Bench) -> None:
    secret = "token-d41d8cd98f"
    attempt = bench.launch(command=Command((sys.executable, "-S", "-c", "pass"), {"API_TOKEN": secret}))
    assert bench.wait(attempt, *LAST).exit_code == 0
    refused = bench.launch(command=Command(("/nonexistent/program",), {"API_TOKEN": secret}))
    assert secret not in bench.wait(refused, Refused).reason
    kept = [path for path in rig.folder.parent.rglob("*") if path.is_file()]
    assert kept and not [path for path in kept if secret.encode() in path.read_bytes()]


def test_the_quick_start_of_the_page_runs(
    rig: RayRig, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    page = (Path(__file__).resolve().parents[2] / "docs" / "engine-ray.md").read_text("utf-8")
    [settings] = re.findall(r"(?s)```toml\n(.*?)```", page)
    [program] = re.findall(r"(?s)```py\n(.*?)```", page)
    for name in ("address", "python", "directory"):  # as they are here, where the page has an example
        value = getattr(rig.settings, name)
        here = json.dumps(value if isinstance(value, str) else list(value))
        settings, found = re.subn(rf"(?m)^{name} = \S+", f"{name} = {here}", settings)
        assert found == 1
    (tmp_path / "equipoise.toml").write_text(settings, "utf-8")
    monkeypatch.chdir(tmp_path)
    exec(compile(program, "engine-ray.md", "exec"), {})
    told = capsys.readouterr().out
    assert "Running(" in told and "exit_code=0" in told
    texts = [Path(line.split(":", 1)[1]).read_text("utf-8") for line in told.splitlines() if line.endswith(".log")]
    assert [re.sub(r"[\d,]+$", "…", text.strip()) for text in texts] == ["rank 0 of 2 has …", "rank 1 of 2 has …"]


def test_a_python_without_ray_is_told_apart(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        open_engine(Settings(python=(sys.executable, "-I")), (Pool("a", "slot", 1, 1),), tmp_path)
    assert caught.value.code == "E100" and "equipoise[ray]" in caught.value.hint


def test_a_python_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(InputError) as caught:
        open_engine(Settings(python=("/nonexistent/python",)), (Pool("a", "slot", 1, 1),), tmp_path)
    assert caught.value.code == "E120"


def test_a_cluster_that_does_not_answer_is_told_in_time(rig: RayRig, tmp_path: Path) -> None:
    settings = Settings(address="127.0.0.1:1", python=rig.settings.python, answer_ms=3000)
    began = time.monotonic()
    with pytest.raises(EngineError) as caught:
        open_engine(settings, rig.pools, tmp_path)
    assert caught.value.retryable and caught.value.code in ("E121", "E122", "E123")
    assert time.monotonic() - began < 15


@pytest.mark.parametrize(
    "table",
    [{"adress": "x"}, {"poll_ms": 0}, {"poll_ms": True}, {"namespace": "a/b"}, {"python": []}, {"warn_signal": "USR1"}],
)
def test_settings_that_cannot_be_are_told(table: dict[str, object]) -> None:
    with pytest.raises(InputError) as caught:
        Settings.of(table)
    assert caught.value.code == "E120"


def changes(bench: Bench) -> list[Condition]:
    """How the nodes that went and came stood, in order."""
    return [seen.node.condition for seen in bench.heard if isinstance(seen, NodeChanged)]


def went_and_came(bench: Bench, *attempts: Attempt) -> None:
    """Check that a node's change, and nothing else, told the end of attempts, which are gone."""
    bench.quiet(1.0)
    assert changes(bench) == [Condition.DOWN, Condition.UP]
    for attempt in attempts:
        assert not any(isinstance(seen, LAST) for seen in bench.of(attempt)), bench.of(attempt)
        assert bench.seen(attempt) is None and not alive(bench, attempt)


def alive(bench: Bench, attempt: Attempt) -> list[int]:
    """The processes of an attempt that are there."""
    return [note["pid"] for note in bench.notes(attempt, "start") if environment(note["pid"])]


def keeper_of(pid: int, attempt: Attempt) -> bool:
    """Whether a keeper is the parent of a process of an attempt."""
    wanted = f"/{attempt}.".encode()
    children = [
        it for it in pids() if f"PPid:\t{pid}\n" in (Path(f"/proc/{it}/status").read_text() if environment(it) else "")
    ]
    return any(wanted in environment(child) for child in children)


def pids() -> list[int]:
    return [int(name) for name in os.listdir("/proc") if name.isdigit()]


def environment(pid: int) -> bytes:
    try:
        return Path(f"/proc/{pid}/environ").read_bytes()
    except OSError:
        return b""
