"""What is particular to the Slurm engine: habits of users, hostile names, faults of the daemons. Over a real cluster."""

from __future__ import annotations

import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import hypothesis
import pytest

pytest.register_assert_rewrite("tests.contract.engine_rig")

from equipoise.engines.protocol import (  # noqa: E402
    Arrived,
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
    Withdrawn,
)
from equipoise.engines.slurm import Place, open_engine  # noqa: E402
from equipoise.engines.slurm.commands import Commands, SlurmRefusedError  # noqa: E402
from equipoise.engines.slurm.console import MANY  # noqa: E402
from equipoise.engines.slurm.journal import Journal, Stage  # noqa: E402
from equipoise.engines.slurm.queue import Queue  # noqa: E402
from equipoise.engines.slurm.shadow import Start, record, starts  # noqa: E402
from equipoise.errors import EngineError  # noqa: E402
from equipoise.traces import read  # noqa: E402
from tests.contract.engine_rig import LAST, UNENDED, Bench  # noqa: E402
from tests.contract.engine_slurm import SlurmRig, rig, settings  # noqa: E402

# `script/soak tests/contract/test_engine_slurm.py` kills slurmctld at more moments.
SOAKING = hypothesis.settings.get_current_profile_name() == "soak"


@pytest.fixture(scope="module")
def slurm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SlurmRig]:
    with rig(tmp_path_factory.mktemp("slurm")) as made:
        yield made


@pytest.fixture
def bench(slurm: SlurmRig) -> Iterator[Bench]:
    made = Bench(slurm, slurm.open())
    try:
        yield made
    finally:
        made.finish()
        slurm.cluster.clear()


def sbatch(slurm: SlurmRig, *options: str, argv: tuple[str, ...] = ("sleep", "600"), partition: str = "submit") -> str:
    """Submit as a user does; returns Slurm's number of it."""
    script = slurm.directory / "user.sh"
    script.write_text('#!/bin/sh\nexec "$@"\n', "utf-8")
    given = (
        "--account=safety",
        f"--partition={partition}",
        f"--chdir={slurm.directory}",
        "--output=/dev/null",
        *options,
    )
    return slurm.cluster.run("sbatch", "--parsable", *given, str(script), *argv)


def arrives(bench: Bench, origin: str) -> Arrived:
    def found() -> list[Arrived]:
        return [seen for seen in bench.heard if isinstance(seen, Arrived) and seen.origin == origin]

    bench.listen(found, f"job {origin} arrives")
    return found()[0]


def release(bench: Bench, arrived: Arrived, *parts: Part, job: int | None = None, number: int = 0) -> Attempt:
    attempt = Attempt(next(bench.rig.numbers) if job is None else job, number)
    where = parts or (Part(0, arrived.gang),)
    bench.start(
        Launch(attempt, arrived.name, arrived.team, arrived.pool, arrived.gang, where, None, origin=arrived.origin)
    )
    return attempt


def shown(slurm: SlurmRig, id: str, layout: str) -> str:
    return slurm.cluster.run("squeue", "-h", "-t", "all", "-j", id, "-o", layout)


# -------------------------------------------------------------------------------------------------- as users are used to


def test_a_job_in_a_live_partition_is_held_at_first_sight_and_runs_where_it_is_put(
    slurm: SlurmRig, bench: Bench
) -> None:
    full = [
        bench.running(gang=4, parts=[Part(node, 4)]) for node in range(3)
    ]  # so that Slurm cannot start it before we look
    origin = sbatch(slurm, "--gres=gpu:2", "--nice=7", "--time=90", "--comment=x, savepoint=30m", partition="main")
    arrived = arrives(bench, origin)
    assert (arrived.gang, arrived.priority, arrived.walltime_ms, arrived.savepoint_ms) == (2, -7, 5_400_000, 1_800_000)
    assert shown(slurm, origin, "%r") == "JobHeldAdmin"
    bench.gone(full[2])
    bench.quiet(1.0)
    assert shown(slurm, origin, "%T") == "PENDING"  # there is room, and it waits all the same
    attempt = release(bench, arrived, Part(2, 2))
    bench.wait(attempt, Running)
    assert shown(slurm, origin, "%T %N") == "RUNNING n0003"
    bench.gone(attempt)


def test_a_job_that_slurm_starts_before_it_is_seen_is_a_stray(slurm: SlurmRig, bench: Bench) -> None:
    origin = sbatch(slurm, "--gres=gpu:1", partition="main")
    slurm.cluster.wait("a start", lambda: shown(slurm, origin, "%T") == "RUNNING")
    engine = bench.engine
    bench.listen(lambda: list(getattr(engine, "strays")) == [origin], "it is seen")  # noqa: B009
    assert not [seen for seen in bench.heard if isinstance(seen, Arrived)]


def test_gangs_as_users_write_them(slurm: SlurmRig, bench: Bench) -> None:
    gangs = {
        sbatch(slurm, "--gpus=4"): 4,
        sbatch(slurm, "--nodes=2", "--gres=gpu:4"): 8,
        sbatch(slurm, "--nodes=2", "--gpus-per-node=1"): 8,  # spreads over two nodes by its own wish: charged for both
        sbatch(slurm, "--ntasks=3", "--gpus-per-task=1"): 3,
    }
    found = {origin: arrives(bench, origin) for origin in gangs}
    assert {origin: arrived.gang for origin, arrived in found.items()} == gangs
    spread = next(arrived for origin, arrived in found.items() if shown(slurm, origin, "%b") == "gres:gpu:1")
    attempt = release(bench, spread, Part(1, 4), Part(2, 4))
    bench.wait(attempt, Running)
    assert shown(slurm, spread.origin, "%N %D") == "n[0002-0003] 2"
    one = release(bench, found[min(gangs, key=int)], Part(0, 4))
    bench.wait(one, Running)
    assert shown(slurm, min(gangs, key=int), "%N") == "n0001"


def test_without_devices_or_before_its_time_it_is_not_ours(slurm: SlurmRig, bench: Bench) -> None:
    first = sbatch(slurm, "--gres=gpu:1")
    sbatch(slurm)
    sbatch(slurm, "--gres=gpu:1", "--begin=now+1hour")
    waits = sbatch(slurm, "--gres=gpu:1", f"--dependency=afterany:{first}")
    arrived = arrives(bench, first)
    bench.quiet(1.0)
    assert [seen.origin for seen in bench.engine.waiting()] == [first]
    slurm.cluster.run("scancel", first)
    arrives(bench, waits)
    assert Withdrawn(arrived.origin) in bench.heard


def test_every_task_of_an_array_is_a_job(slurm: SlurmRig, bench: Bench) -> None:
    number = sbatch(slurm, "--gres=gpu:1", "--array=1-3")
    found = [arrives(bench, f"{number}_{task}") for task in (1, 2, 3)]
    attempt = release(bench, found[1], Part(1, 1))
    bench.wait(attempt, Running)
    assert shown(slurm, f"{number}_2", "%T %N") == "RUNNING n0002"
    bench.engine.stop(attempt, grace_ms=1000, requeue=True)
    bench.wait(attempt, Stopped)
    second = release(bench, found[1], Part(2, 1), job=attempt.job, number=1)
    bench.wait(second, Running)
    assert shown(slurm, f"{number}_2", "%N") == "n0003"
    assert {seen.origin for seen in bench.engine.waiting()} == {f"{number}_{task}" for task in (1, 2, 3)}


def test_no_name_or_comment_forges_a_row(slurm: SlurmRig, bench: Bench) -> None:
    name = "x\x1f|1|RUNNING|main\n99999|PENDING|submit|safety|root|normal|1|0|0|(null)|N/A|None\x1fy"
    comment = f"equipoise:{next(bench.rig.numbers)}.0\n$(touch forged)"
    origin = sbatch(slurm, "--gres=gpu:1", f"--job-name={name}", f"--comment=a {comment}")
    arrived = arrives(bench, origin)
    assert arrived.name == name
    bench.quiet(0.5)
    assert [seen.origin for seen in bench.engine.waiting()] == [origin]
    assert not [seen for seen in bench.engine.attempts() if seen.phase in UNENDED]


def test_a_command_runs_as_its_user_and_its_environment_is_seen_by_none_else(slurm: SlurmRig, bench: Bench) -> None:
    secret = "tiger-7391"
    command = Command(("sh", "-c", "id -u; id -g; id -G; sleep 3"), {"KEY": secret}, "/tmp", user="nobody")
    attempt = bench.launch(command=command)
    bench.wait(attempt, Running)
    listed = subprocess.run(["ps", "-eo", "args"], capture_output=True, text=True, check=True).stdout
    told = slurm.cluster.run("scontrol", "show", "job")
    assert secret not in listed + told
    assert all(secret.encode() not in path.read_bytes() for path in slurm.folder.rglob("*") if path.is_file())
    bench.wait(attempt, Ended)
    assert slurm.output(bench.engine, attempt).split() == ["65534"] * 3  # and none of root's groups


# ------------------------------------------------------------------------------------------------------------ refusals


def test_what_slurm_does_not_start_is_held_again_and_refused_with_the_reason(slurm: SlurmRig, bench: Bench) -> None:
    bench.running(gang=4)
    bench.engine.close()
    bench.engine = open_engine(replace(settings(slurm.cluster), patience_s=2.0), slurm.pools, slurm.folder)
    origin = sbatch(slurm, "--gres=gpu:2")
    refused = release(bench, arrives(bench, origin), Part(0, 2))
    found = bench.wait(refused, *LAST)
    assert isinstance(found, Refused) and "Resources" in found.reason
    assert shown(slurm, origin, "%T %r") == "PENDING JobHeldAdmin"
    own = bench.launch(gang=2)
    found = bench.wait(own, *LAST)
    assert isinstance(found, Refused) and "did not start within 2 s" in found.reason
    bench.quiet(0.5)
    assert not bench.notes(own)


def test_a_shape_that_does_not_fit_what_was_chosen_is_refused(slurm: SlurmRig, bench: Bench) -> None:
    origin = sbatch(slurm, "--nodes=2", "--gres=gpu:4")
    refused = release(bench, arrives(bench, origin), Part(0, 4))
    assert bench.wait(refused, Refused).reason == "it asks for 2 nodes, and 1 were chosen"
    assert shown(slurm, origin, "%T") == "PENDING"


# -------------------------------------------------------------------------------------------------------------- faults


def test_slurmctld_is_killed_and_starts_again_under_running_jobs(slurm: SlurmRig, bench: Bench) -> None:
    long, short = bench.running(), bench.running("--for", 8, "--exit", 3)
    origin = sbatch(slurm, "--gres=gpu:1")
    arrived = arrives(bench, origin)
    written(slurm, bench)  # what is younger it loses itself
    slurm.cluster.kill("slurmctld")
    asked = bench.order(Attempt(next(bench.rig.numbers), 0), "--exit", 5)
    began = time.monotonic()
    for call in (lambda: bench.engine.observe(0), lambda: bench.engine.launch(asked)):
        time.sleep(slurm_poll_s(bench))
        with pytest.raises(EngineError) as caught:
            call()
        assert (caught.value.code, caught.value.retryable) == ("E140", True)
    assert time.monotonic() - began < 90
    slurm.cluster.start_controller()
    slurm.cluster.wait("slurmctld", lambda: slurm.cluster.answers("scontrol", "ping"))
    bench.start(asked)
    assert bench.wait(asked.attempt, *LAST).exit_code == 5
    assert len(bench.notes(asked.attempt, "start")) == 1
    assert bench.wait(short, *LAST).exit_code == 3
    assert bench.seen(long).phase is Phase.RUNNING  # pyright: ignore[reportOptionalMemberAccess]
    assert len(bench.notes(long, "start")) == 1
    assert bench.wait(release(bench, arrived), Running)


def written(slurm: SlurmRig, bench: Bench) -> None:
    """Wait until slurmctld has written down all that is there now: it does so at most five seconds late, if anything has changed."""
    began_s, ends = time.time(), time.monotonic() + 6.0
    state = slurm.cluster.folder / "state" / "job_state"
    while time.monotonic() < ends and not (state.exists() and state.stat().st_mtime > began_s + 0.3):
        bench.heard += bench.engine.observe(0.1)


def restart(slurm: SlurmRig, before: Path | None = None) -> None:
    """Kill slurmctld, which writes its state five seconds late, and start it again, on a state that was copied ``before``."""
    slurm.cluster.kill("slurmctld")
    if before is not None:
        state = slurm.cluster.folder / "state"
        shutil.rmtree(state)
        shutil.copytree(before, state)
    slurm.cluster.start_controller()
    slurm.cluster.wait("slurmctld", lambda: slurm.cluster.answers("scontrol", "ping"))


def persistent(bench: Bench, orders: list[Launch]) -> list[int | None]:
    """Wait until all have ended, as a controller does: what fails is tried again, what the engine does not know is launched anew."""
    ended = {seen.attempt: seen.exit_code for seen in bench.heard if isinstance(seen, Ended)}
    deadline = time.monotonic() + 90
    while not all(order.attempt in ended for order in orders):
        if time.monotonic() > deadline:
            left = {str(order.attempt): bench.seen(order.attempt) for order in orders if order.attempt not in ended}
            raise AssertionError(f"{left}")
        try:
            known = {seen.attempt for seen in bench.engine.attempts()}
            for order in orders:
                if order.attempt not in known:
                    bench.engine.launch(order)
            found = bench.engine.observe(0.2)
        except EngineError as error:
            assert error.code == "E140", error
            continue
        bench.heard += found
        ended |= {seen.attempt: seen.exit_code for seen in found if isinstance(seen, Ended)}
        assert not [seen for seen in found if isinstance(seen, Refused | Stopped)]
    return [ended[order.attempt] for order in orders]


@pytest.fixture
def fenced(slurm: SlurmRig, bench: Bench) -> Bench:
    """An engine whose partition is closed by every start of slurmctld."""
    bench.engine.close()
    behind = replace(settings(slurm.cluster), pools={"main": Place("fence", ("submit",), fenced=True)})
    bench.engine = open_engine(behind, slurm.pools, slurm.folder.with_name("fenced"))
    assert slurm.cluster.run("sinfo", "-h", "-p", "fence", "-o", "%a").split()[0] == "up"
    return bench


@pytest.mark.parametrize("after_s", [0.0, 0.7, 2.0] if SOAKING else [0.7])
def test_commands_begin_once_and_end_as_they_did_whatever_slurmctld_forgets(
    slurm: SlurmRig, fenced: Bench, after_s: float
) -> None:
    """Some have ended, some run, some have not begun; it forgets that they were submitted, admitted, started or ended."""
    bench = fenced
    assert bench.wait(bench.launch(), *LAST).exit_code == 0
    if after_s == 2.0:
        written(slurm, bench)  # once its state is older than all of them, else as it comes
    codes = [3, 0, 7, 0, 5, 0, 9, 4]
    orders = [
        bench.order(
            Attempt(next(bench.rig.numbers), 0), "--for", (0.0, 1.5, 4.0)[n % 3], "--exit", code, parts=[Part(n % 3, 1)]
        )
        for n, code in enumerate(codes)
    ]
    for order in orders:
        bench.start(order)
    bench.quiet(after_s)
    restart(slurm)
    assert persistent(bench, orders) == codes
    bench.quiet(3.0)
    for order in orders:
        assert len(bench.notes(order.attempt, "start")) == len(bench.notes(order.attempt, "end")) == 1


def test_a_command_that_slurm_knows_no_more_is_stopped_all_the_same(
    slurm: SlurmRig, fenced: Bench, tmp_path: Path
) -> None:
    """slurmctld finds its state as it was before the command was submitted."""
    bench = fenced
    assert bench.wait(bench.launch(), *LAST).exit_code == 0
    before = tmp_path / "state"
    written(slurm, bench)
    shutil.copytree(slurm.cluster.folder / "state", before)
    attempt = bench.running("--beat", 0.2)
    restart(slurm, before)
    assert not slurm.cluster.run("squeue", "-h", "-t", "R", "-o", "%i")
    assert len(bench.notes(attempt, "start")) == 1
    bench.engine.stop(attempt, grace_ms=0, requeue=False)
    bench.wait(attempt, Stopped, extra_s=60)
    beats = len(bench.notes(attempt, "beat"))
    bench.quiet(1.0)
    assert len(bench.notes(attempt, "beat")) == beats


def test_behind_a_fence_a_job_of_a_user_that_ended_is_not_run_again(slurm: SlurmRig, fenced: Bench) -> None:
    bench = fenced
    origins = [
        sbatch(slurm, "--gres=gpu:1", argv=bench.argv(f"fenced-{code}", "--exit", code, "--for", 0.5))
        for code in (0, 6)
    ]
    arrived = [arrives(bench, origin) for origin in origins]
    written(slurm, bench)
    attempts = [release(bench, one, Part(0, 1)) for one in arrived]
    bench.listen(lambda: all(bench.notes(f"fenced-{code}", "end") for code in (0, 6)), "they end")
    time.sleep(1.0)  # slurmctld and the accounting know it, and we do not
    restart(slurm)
    ends = [bench.wait(attempt, *LAST, extra_s=20).exit_code for attempt in attempts]
    assert ends == [0, 6]
    bench.quiet(3.0)
    assert [len(bench.notes(f"fenced-{code}", "start")) for code in (0, 6)] == [1, 1]
    later = sbatch(slurm, "--gres=gpu:1")
    bench.wait(release(bench, arrives(bench, later)), Running)


def test_a_number_that_is_given_again_is_another_job(slurm: SlurmRig, bench: Bench, tmp_path: Path) -> None:
    arrives(bench, sbatch(slurm, "--gres=gpu:1"))
    written(slurm, bench)
    shutil.copytree(slurm.cluster.folder / "state", tmp_path / "state")
    first = sbatch(slurm, "--gres=gpu:2", argv=bench.argv("given-first"))
    arrived = arrives(bench, first)
    restart(slurm, tmp_path / "state")
    second = sbatch(slurm, "--gres=gpu:3")
    assert second == first  # as Slurm does it
    bench.listen(lambda: bench.heard.count(Withdrawn(first)) == 1, "the first one is gone", extra_s=10)
    bench.listen(
        lambda: [s.gang for s in bench.heard if isinstance(s, Arrived) and s.origin == first] == [2, 3], "another"
    )
    assert arrived.gang == 2


def slurm_poll_s(bench: Bench) -> float:
    return getattr(bench.engine, "settings").poll_s * 1.1  # noqa: B009


def test_answers_that_come_late_start_nothing_twice(slurm: SlurmRig, bench: Bench) -> None:
    bench.engine.close()
    hasty = replace(settings(slurm.cluster), command_timeout_s=1.0)
    bench.engine = open_engine(hasty, slurm.pools, slurm.folder)
    origin = sbatch(slurm, "--gres=gpu:1", argv=bench.argv("late-queued"))
    arrived = arrives(bench, origin)
    mine = bench.order(Attempt(next(bench.rig.numbers), 0))
    theirs = Launch(
        Attempt(next(bench.rig.numbers), 0), "x", "research", "main", 1, (Part(1, 1),), None, origin=arrived.origin
    )
    bench.engine.launch(theirs)
    slurm.cluster.freeze("slurmctld")
    try:
        for call in (
            lambda: bench.engine.observe(0),
            lambda: bench.engine.launch(mine),
            lambda: bench.engine.observe(0),
        ):
            with pytest.raises(EngineError) as caught:
                call()
            assert caught.value.retryable
        bench.engine.launch(theirs)
    finally:
        slurm.cluster.thaw("slurmctld")
    for order in (mine, theirs):
        bench.start(order)
        assert bench.wait(order.attempt, *LAST).exit_code == 0
    bench.quiet(2.0)
    assert len(bench.notes(mine.attempt, "start")) == len(bench.notes("late-queued", "start")) == 1
    assert not slurm.cluster.run("squeue", "-h", "-o", "%i")  # and no second one waits


def test_a_node_that_goes_down_is_told_before_what_ran_there(slurm: SlurmRig, bench: Bench) -> None:
    own = bench.running(parts=[Part(1, 1)])
    queued = release(bench, arrives(bench, sbatch(slurm, "--gres=gpu:1")), Part(1, 1))
    bench.wait(queued, Running)
    slurm.cluster.run("scontrol", "update", "NodeName=n0002", "State=DOWN", "Reason=power | $(reboot)")
    try:
        bench.listen(lambda: bench.node(1).condition is Condition.DOWN, "the node is down")
        assert bench.node(1).reason == "power | $(reboot)"
        bench.listen(
            lambda: [s.phase for s in bench.engine.attempts() if s.phase in UNENDED] == [Phase.STOPPING] * 2,
            "both are lost",
        )
        for attempt in (own, queued):
            bench.engine.stop(attempt, grace_ms=0, requeue=True)
            bench.wait(attempt, Stopped)
        kinds = [type(seen) for seen in bench.heard if isinstance(seen, NodeChanged | Stopped)]
        assert kinds == [NodeChanged, Stopped, Stopped]
    finally:
        slurm.cluster.run("scontrol", "update", "NodeName=n0002", "State=RESUME")
    bench.listen(lambda: bench.node(1).condition is Condition.UP, "the node is back")


def test_slurmd_is_killed_and_starts_again_under_a_running_job(slurm: SlurmRig, bench: Bench) -> None:
    attempt = bench.running("--on-term", "ignore", parts=[Part(2, 1)])
    slurm.cluster.kill("n0003")
    bench.quiet(1.0)
    assert bench.seen(attempt).phase is Phase.RUNNING  # pyright: ignore[reportOptionalMemberAccess]
    slurm.cluster.start_node("n0003")
    slurm.cluster.wait("the node", lambda: slurm.cluster.up_nodes() == 3)
    bench.gone(attempt, grace_ms=500)
    assert bench.wait(bench.launch(parts=[Part(2, 4)], gang=4), *LAST).exit_code == 0


def test_what_its_user_requeues_waits_for_the_policy(
    slurm: SlurmRig, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("equipoise.engines.slurm.lifecycle.LOST_S", 3.0)
    origin = sbatch(slurm, "--gres=gpu:1")
    attempt = release(bench, arrives(bench, origin))
    bench.wait(attempt, Running)
    slurm.cluster.run("scontrol", "requeue", origin)
    bench.listen(lambda: shown(slurm, origin, "%T %Q") == "PENDING 0", "it is held")
    assert bench.wait(attempt, *LAST) == Stopped(attempt)
    assert origin in {seen.origin for seen in bench.engine.waiting()}


def test_how_a_job_ended_is_known_when_slurm_has_forgotten_it(slurm: SlurmRig, bench: Bench) -> None:
    """The accounting, which outlives slurmctld's memory, says the same."""
    ends = {bench.launch("--exit", 9): 9, bench.launch("--die", "SIGKILL"): -9, bench.launch(): 0}
    codes = {attempt: bench.wait(attempt, *LAST).exit_code for attempt in ends}
    assert codes == ends
    ids = slurm.cluster.run("squeue", "-h", "-t", "all", "-o", "%i %k").splitlines()
    numbers = {attempt: next(line.split()[0] for line in ids if f":{attempt}:" in line) for attempt in ends}
    queue = Queue(Commands(settings(slurm.cluster)), ("main",))
    slurm.cluster.wait("accounting", lambda: len(queue.accounted(dict.fromkeys(numbers.values(), 0))) == 3)
    said = queue.accounted(dict.fromkeys(numbers.values(), 0))
    assert {attempt: said[number].exit_code for attempt, number in numbers.items()} == ends


def test_running_attempts_are_found_by_their_comments_when_the_folder_is_lost(slurm: SlurmRig, bench: Bench) -> None:
    own = bench.running()
    queued = release(bench, arrives(bench, sbatch(slurm, "--gres=gpu:1")), Part(1, 1))
    bench.wait(queued, Running)
    bench.engine.close()
    shutil.rmtree(slurm.folder)
    bench.engine, bench.heard = slurm.open(), []
    bench.listen(
        lambda: (
            {seen.attempt: seen.phase for seen in bench.engine.attempts()}
            == dict.fromkeys((own, queued), Phase.RUNNING)
        ),
        "",
    )
    assert len(bench.notes(own, "start")) == 1
    for attempt in (own, queued):
        bench.gone(attempt, grace_ms=1000)


@pytest.mark.parametrize("given", [False, True])
def test_a_crash_while_they_are_given_to_slurm_loses_none_and_starts_none_twice(
    slurm: SlurmRig, bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, given: bool
) -> None:
    """The folder as a crash leaves it right before, or right after Slurm is told: all are remembered, and none as released."""
    name, left = f"cut-off-{given}", tmp_path / "left"
    arrived = arrives(bench, sbatch(slurm, "--gres=gpu:1", argv=bench.argv(name)))
    mine = bench.order(Attempt(next(bench.rig.numbers), 0))
    theirs = replace(mine, attempt=Attempt(next(bench.rig.numbers), 0), command=None, origin=arrived.origin)
    for order in (mine, theirs):
        bench.engine.launch(order)
    change_all = Commands.change_all

    def crash(commands: Commands, changes: Sequence[Sequence[str]]) -> object:
        if given:
            change_all(commands, changes)
        shutil.copytree(slurm.folder, left)
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(Commands, "change_all", crash)
        with pytest.raises(KeyboardInterrupt):
            bench.engine.observe(0)
    bench.engine.close()
    journal = Journal(left / "journal.sqlite")
    stages = {attempt: found.stage for attempt, found in journal.all.items()}
    journal.close()
    assert stages[mine.attempt] is stages[theirs.attempt] is Stage.ASKED
    bench.engine = open_engine(settings(slurm.cluster), slurm.pools, left)
    known = {seen.attempt for seen in bench.engine.attempts()} & {mine.attempt, theirs.attempt}
    assert known == ({mine.attempt, theirs.attempt} if given else set())  # who is not known is launched anew
    for order in (mine, theirs):
        bench.engine.launch(order)
    for order in (mine, theirs):
        assert bench.wait(order.attempt, *LAST).exit_code == 0
    bench.quiet(0.5)
    assert len(bench.notes(mine.attempt, "start")) == len(bench.notes(name, "start")) == 1


def test_of_many_that_start_together_each_has_its_own_answer(slurm: SlurmRig, bench: Bench) -> None:
    """One batch: some are withdrawn, stopped or go onto a node that there is not; the others start once, where they were put."""
    number = sbatch(slurm, "--gres=gpu:1", "--array=0-11")
    found = [arrives(bench, f"{number}_{task}") for task in range(12)]
    slurm.cluster.run("scancel", *(found[task].origin for task in (2, 7)))
    slurm.cluster.run("scontrol", "hold", found[5].origin)  # takes two changes
    attempts = [release(bench, arrived, Part(task % 3, 1)) for task, arrived in enumerate(found)]
    bench.engine.stop(attempts[9], grace_ms=0, requeue=True)
    assert bench.wait(attempts[9], *LAST) == Stopped(attempts[9])
    for task, attempt in enumerate(attempts):
        if task in (2, 7):
            assert isinstance(bench.wait(attempt, *LAST), Refused | Ended)
        elif task != 9:
            bench.wait(attempt, Running)
            assert shown(slurm, found[task].origin, "%T %N") == f"RUNNING n000{1 + task % 3}"
    assert shown(slurm, found[9].origin, "%T") == "PENDING"  # never given to Slurm


def test_what_the_open_scontrol_cannot_take_goes_by_a_process_of_its_own(slurm: SlurmRig, bench: Bench) -> None:
    commands = Commands(settings(slurm.cluster))
    origin = sbatch(slurm, "--gres=gpu:1")
    try:
        commands.change("update", f"JobId={origin}", "AdminComment=one")
        assert "AdminComment=one " in slurm.cluster.run("scontrol", "-o", "show", "job", origin)
        commands.change("update", f"JobId={origin}", "AdminComment=two words; show")
        assert "AdminComment=two words; show" in slurm.cluster.run("scontrol", "-o", "show", "job", origin)
        with pytest.raises(SlurmRefusedError, match="Invalid job id"):
            commands.change("update", "JobId=999999", "AdminComment=one")
        changes = [("update", f"JobId={origin}", f"Nice={n}") for n in range(90)]
        wrong = {
            20: ("update", "JobId=999999", "Nice=1"),
            50: ("update", f"JobId={origin}\nscancel {origin}", "Nice=1"),
        }
        for at, change in wrong.items():
            changes[at] = change
        answers = commands.change_all(changes)
        assert {at for at, answer in enumerate(answers) if answer is not None} == set(wrong)
        assert shown(slurm, origin, "%T") == "PENDING"
        plain = [n for n in range(90) if n != 50]  # what an open one can take, in portions that go side by side
        size = -(-len(plain) // MANY)
        assert int(shown(slurm, origin, "%y")) in {
            plain[min(n + size, len(plain)) - 1] for n in range(0, len(plain), size)
        }
        commands.change("update", f"JobId={origin}", "AdminComment=three")
        slurm.cluster.freeze("slurmctld")
        began = time.monotonic()
        with pytest.raises(EngineError) as caught:
            commands.change("update", f"JobId={origin}", "AdminComment=four")
        assert (caught.value.code, caught.value.retryable) == ("E140", True)
        assert time.monotonic() - began < 8
        slurm.cluster.thaw("slurmctld")
        commands.change("update", f"JobId={origin}", "AdminComment=five")
        assert "AdminComment=five " in slurm.cluster.run("scontrol", "-o", "show", "job", origin)
    finally:
        slurm.cluster.thaw("slurmctld")
        commands.close()


def test_what_slurm_did_becomes_a_workload(slurm: SlurmRig, bench: Bench, tmp_path: Path) -> None:
    began_ms = time.time() * 1000
    ids = [
        sbatch(slurm, "--gres=gpu:4", "--nodes=3", "--time=5", argv=("sleep", "1"), partition="main") for _ in range(2)
    ]
    bench.engine.close()  # nobody holds them: Slurm runs one after the other by itself
    slurm.cluster.run("scontrol", "release", ",".join(ids), check=False)
    log = tmp_path / "slurm.txt"

    def seen() -> dict[str, Start]:
        return {start.id: start for start in starts(record(settings(slurm.cluster), log, days=1)) if start.id in ids}

    slurm.cluster.wait("accounting", lambda: len(seen()) == 2 and not slurm.cluster.run("squeue", "-h", "-o", "%i"))
    found = seen()
    workload = read(log, format="sacct", unmapped="drop", leaves=["safety"])
    names = workload.jobs.name
    assert names is not None
    rows = [names.index(id) for id in ids]
    assert [int(workload.jobs.gang[row]) for row in rows] == [found[id].gang for id in ids] == [12, 12]
    assert [int(workload.jobs.walltime_ms[row]) for row in rows] == [300_000] * 2
    assert workload.origin_ms is not None
    submitted = [workload.origin_ms + int(workload.jobs.submit_ms[row]) for row in rows]
    assert all(began_ms - 1000 <= at <= time.time() * 1000 for at in submitted)
    first, second = (found[id] for id in ids)
    assert second.wait_ms >= first.wait_ms + 1000  # it waited for the first one
    bench.engine = slurm.open()


def test_a_shadow_changes_nothing(slurm: SlurmRig, bench: Bench) -> None:
    runs = bench.running()
    bench.engine.close()
    before = slurm.cluster.run("scontrol", "-o", "show", "nodes")
    shadow = open_engine(replace(settings(slurm.cluster), shadow=True), slurm.pools, slurm.folder)
    full = [
        sbatch(slurm, "--exclusive", "--gres=gpu:4", "--nodes=2", partition="main"),
        sbatch(slurm, "--gres=gpu:4", partition="main"),
    ]
    shadow.observe(0.5)
    for order in (
        bench.order(Attempt(900, 0)),
        Launch(Attempt(901, 0), "x", "research", "main", 4, (Part(0, 4),), None, origin=full[1]),
    ):
        shadow.launch(order)
    shadow.warn(runs, by_ms=1, reason="")
    shadow.stop(runs, grace_ms=0, requeue=False)
    shadow.drain("main", 0)
    shadow.observe(0.5)
    shadow.close()
    assert "DRAIN" not in slurm.cluster.run("scontrol", "-o", "show", "nodes") and "DRAIN" not in before
    assert slurm.cluster.run("squeue", "-h", "-t", "PD", "-o", "%Q") not in (
        "",
        "0",
    )  # one waits, as Slurm lets it, not held
    bench.engine = slurm.open()
    assert bench.seen(runs).phase is Phase.RUNNING  # pyright: ignore[reportOptionalMemberAccess]
    assert not bench.signals(runs)
