"""The local engine under what happens to a machine: processes killed, disks full, jobs that hide, numbers that are used again."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from equipoise.engines.local import Settings, open_engine, processes
from equipoise.engines.local.processes import Process, status_of
from equipoise.engines.protocol import (
    Attempt,
    Command,
    Ended,
    Part,
    Phase,
    Refused,
    Running,
    Stopped,
)
from equipoise.errors import EngineError
from tests.contract.engine_local import POOLS
from tests.contract.engine_rig import LAST
from tests.scenario.local_site import Site, is_there, opened, supervisors


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "engine"


@pytest.fixture
def site(folder: Path, tmp_path: Path) -> Iterator[Site]:
    with opened(folder, tmp_path / "jobs") as made:
        yield made


# ------------------------------------------------------------------------------------------------------ what is killed


def test_a_job_killed_from_outside_has_ended_by_that_signal(site: Site) -> None:
    attempt = site.running()
    os.kill(site.notes(attempt, "start")[0]["pid"], signal.SIGKILL)
    assert site.wait(attempt, *LAST) == Ended(attempt, -9)


def test_jobs_outlive_a_killed_supervisor_and_are_found_again(site: Site) -> None:
    long, short = site.running(), site.launch("--for", 2, "--exit", 3)
    stubborn = site.running("--on-term", "ignore", "--beat", 0.05)
    site.wait(short, Running)
    site.kill_supervisor()
    ended = site.wait(short, *LAST)
    assert (ended.exit_code, ended.reason) == (None, "its supervisor was killed")  # nobody can know its code
    assert {seen.attempt: seen.phase for seen in site.engine.attempts()}[long] is Phase.RUNNING
    assert not site.signals(long)
    # Their devices are still theirs: three of four of the node are free again.
    assert isinstance(site.wait(site.launch(gang=3), *LAST), Refused)
    assert site.wait(site.launch(gang=2), *LAST).exit_code == 0
    site.gone(stubborn, grace_ms=300)
    beats = len(site.notes(stubborn, "beat"))
    assert "SIGTERM" in site.signals(stubborn)
    time.sleep(0.3)
    assert len(site.notes(stubborn, "beat")) == beats
    site.gone(long, grace_ms=5000)
    assert site.signals(long) == ["SIGTERM"]


def test_what_was_being_stopped_is_stopped_by_the_next_supervisor(site: Site) -> None:
    attempt = site.running("--on-term", "ignore")
    site.engine.stop(attempt, grace_ms=1500, requeue=True)
    site.listen(lambda: site.signals(attempt), "it is asked")
    site.kill_supervisor()
    site.wait(attempt, Stopped)
    assert not is_there(site.notes(attempt, "start")[0]["pid"])


@pytest.mark.parametrize("seed", range(4))
def test_no_launch_is_lost_or_doubled_when_the_supervisor_is_killed_among_launches(site: Site, seed: int) -> None:
    attempts = [site.launch("--for", 0.2, parts=[Part(number, 1)], gang=1) for number in range(3)]
    time.sleep(0.01 * seed)
    site.kill_supervisor()
    attempts += [site.launch("--for", 0.2, parts=[Part(number, 1)], gang=1) for number in range(3)]
    for attempt in attempts:
        site.wait(attempt, Ended)
        assert len(site.notes(attempt, "start")) <= 1
    assert all(site.notes(attempt, "end") for attempt in attempts[3:])


HOLDER = """
import sys, time
from pathlib import Path
from equipoise.engines.local import Settings, open_engine
from equipoise.engines.protocol import Attempt, Command, Launch, Part
from tests.contract.engine_local import POOLS
engine = open_engine(Settings(devices="slots"), POOLS, Path(sys.argv[1]))
for job, code in ((900, 7), (901, 8)):
    argv = (sys.executable, "-S", "-c", f"import time; time.sleep(1.5); raise SystemExit({code})")
    engine.launch(Launch(Attempt(job, 0), "x", "research", "a", 1, (Part(0, 1),), Command(argv)))
while len(engine.observe(1)): pass
print("started", flush=True)
time.sleep(600)
"""


def test_exit_codes_survive_that_the_controller_is_killed(site: Site, folder: Path) -> None:
    site.engine.close()
    root = Path(__file__).parents[2]
    environment = os.environ | {"PYTHONPATH": f"{root / 'src'}:{root}"}
    holder = subprocess.Popen([sys.executable, "-c", HOLDER, folder], stdout=subprocess.PIPE, env=environment)
    assert holder.stdout is not None and holder.stdout.readline() == b"started\n"
    holder.kill()
    holder.wait()
    holder.stdout.close()
    time.sleep(1.7)
    site.engine = site.rig.open()
    site.listen(lambda: all(seen.phase is Phase.ENDED for seen in site.engine.attempts()), "both end")
    assert {seen.attempt.job: seen.exit_code for seen in site.engine.attempts()} == {900: 7, 901: 8}


def test_a_supervisor_that_does_not_answer_is_an_error_to_try_again(site: Site) -> None:
    site.engine_with(answer_s=1.0)
    attempt = site.running()
    pid = site.supervisor
    os.kill(pid, signal.SIGSTOP)
    began = time.monotonic()
    with pytest.raises(EngineError) as found:
        site.engine.attempts()
    assert (found.value.code, found.value.retryable) == ("E103", True)
    assert time.monotonic() - began < 5
    os.kill(pid, signal.SIGCONT)
    assert [seen.phase for seen in site.engine.attempts()] == [Phase.RUNNING]
    site.gone(attempt, grace_ms=1000)


# ------------------------------------------------------------------------------------------------ numbers used again


def forged(folder: Path, process: Process, *, boot: str) -> None:
    """Write the journal of a supervisor that was killed while job 5 ran as ``process``."""
    folder.mkdir()
    (folder / "logs").mkdir()
    records = [
        {"kind": "engine", "id": "00ff00ff00ff00ff", "boot": boot},
        {"kind": "intent", "attempt": "5.0", "devices": ["0"], "savepoint": False},
        {
            "kind": "start",
            "attempt": "5.0",
            "devices": ["0"],
            "processes": [[process.pid, process.started]],
            "savepoint": False,
        },
    ]
    (folder / "journal").write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")


@pytest.mark.parametrize(
    "what", ["the same number, started later", "the same number and time, before the machine restarted"]
)
def test_a_process_that_has_the_number_of_a_job_by_chance_is_left_alone(tmp_path: Path, what: str) -> None:
    innocent = subprocess.Popen(["sleep", "60"], start_new_session=True)
    try:
        status = status_of(innocent.pid)
        assert status is not None
        later = what.startswith("the same number,")
        forged(
            tmp_path / "engine",
            Process(innocent.pid, status.started - (1 if later else 0)),
            boot=processes.boot() if later else "another",
        )
        engine = open_engine(Settings(devices="slots"), POOLS, tmp_path / "engine")
        engine.stop(Attempt(5, 0), grace_ms=0, requeue=False)
        deadline = time.monotonic() + 10
        while engine.attempts()[0].phase not in (Phase.ENDED, Phase.STOPPED) and time.monotonic() < deadline:
            engine.observe(0.1)
        seen = engine.attempts()[0]
        assert (seen.attempt, seen.exit_code) == (Attempt(5, 0), None)
        assert seen.phase in (Phase.ENDED, Phase.STOPPED)
        engine.close()
        time.sleep(0.3)
        assert innocent.poll() is None
    finally:
        innocent.kill()
        innocent.wait()


def test_a_journal_that_was_cut_off_holds_up_to_there_and_a_damaged_one_is_refused(tmp_path: Path) -> None:
    folder = tmp_path / "engine"
    forged(folder, Process(1, 1), boot="another")
    with (folder / "journal").open("a", encoding="utf-8") as file:
        file.write('{"kind":"end","att')
    engine = open_engine(Settings(devices="slots"), POOLS, folder)
    assert [seen.attempt for seen in engine.attempts()] == [Attempt(5, 0)]
    engine.close()
    while supervisors(folder):
        time.sleep(0.05)
    text = (folder / "journal").read_text("utf-8")
    (folder / "journal").write_text(text.replace('"kind"', "kind", 1), "utf-8")
    with pytest.raises(EngineError) as found:
        open_engine(Settings(devices="slots"), POOLS, folder)
    assert (found.value.code, found.value.retryable) == ("E104", False)


# ------------------------------------------------------------------------------------------------ jobs that hide

DAEMON = """
import os, sys, time
name, wipes, lasts = sys.argv[1:]
if os.fork() == 0:
    os.setsid()
    if os.fork() == 0:
        code = "import os, sys, time; open(sys.argv[1], 'w').write(str(os.getpid())); time.sleep(600)"
        environment = {} if wipes == "wipes" else os.environ
        os.execve(sys.executable, [sys.executable, "-S", "-c", code, name], environment)
    os._exit(0)
os.wait()
while not os.path.exists(name) or not open(name).read(): time.sleep(0.01)
time.sleep(float(lasts))
"""


@pytest.mark.parametrize("wipes", ["wipes", "keeps"])
@pytest.mark.parametrize("stopped", [False, True])
def test_a_daemon_that_a_job_leaves_behind_goes_with_it(site: Site, wipes: str, stopped: bool) -> None:
    attempt = site.script(DAEMON, str(site.rig.directory / "pid"), wipes, "600" if stopped else "0.2")
    pid = int(site.wait_for("pid"))
    if stopped:
        assert is_there(pid)
        site.gone(attempt, grace_ms=1000)
    else:
        assert site.wait(attempt, *LAST).exit_code == 0
    assert not is_there(pid)


@pytest.mark.parametrize("wipes", ["wipes", "keeps"])
def test_a_daemon_stays_while_its_job_runs_whatever_else_ends(site: Site, wipes: str) -> None:
    attempt = site.script(DAEMON, str(site.rig.directory / "pid"), wipes, "600")
    pid = int(site.wait_for("pid"))
    for _ in range(3):
        assert site.wait(site.launch(), *LAST).exit_code == 0
    assert is_there(pid)
    site.gone(attempt, grace_ms=1000)
    assert not is_there(pid)


def test_a_daemon_of_a_job_goes_with_it_also_when_the_supervisor_was_killed(site: Site) -> None:
    attempt = site.script(DAEMON, str(site.rig.directory / "pid"), "keeps", "600")
    pid = int(site.wait_for("pid"))
    site.kill_supervisor()
    site.gone(attempt, grace_ms=500)
    assert not is_there(pid)


def test_children_of_a_shell_have_their_grace_when_the_shell_dies_at_once(site: Site) -> None:
    """A shell ends at the signal without waiting; the training under it writes its savepoint for another second."""
    file = site.rig.directory / "saved"
    program = (
        "import os, signal, sys, time\n"
        "def save(*_): time.sleep(1); open(sys.argv[1], 'w').write('all of it'); os._exit(0)\n"
        "signal.signal(signal.SIGTERM, save); open(sys.argv[1] + '.ready', 'w').write('1'); time.sleep(600)"
    )
    line = '"$0" -S -c "$1" "$2"; echo done'
    attempt = site.launch(command=Command(("/bin/sh", "-c", line, sys.executable, program, str(file))))
    site.wait_for("saved.ready")
    began = time.monotonic()
    site.gone(attempt, grace_ms=8000)
    assert site.read("saved") == "all of it"
    assert time.monotonic() - began < 6


def test_a_job_that_is_halted_can_be_stopped_in_peace(site: Site) -> None:
    attempt = site.running()
    os.kill(site.notes(attempt, "start")[0]["pid"], signal.SIGSTOP)
    began = time.monotonic()
    site.gone(attempt, grace_ms=8000)
    assert time.monotonic() - began < 6 and site.signals(attempt) == ["SIGTERM"]
