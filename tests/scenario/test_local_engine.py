"""The local engine under what happens to a machine: processes killed, disks full, jobs that hide, numbers that are used again."""

from __future__ import annotations

import json
import os
import pwd
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from equipoise.charter.model import Pool
from equipoise.engines.local import LocalEngine, Settings, open_engine, processes
from equipoise.engines.local.processes import Process, status_of
from equipoise.engines.protocol import (
    Attempt,
    Command,
    Condition,
    Ended,
    Launch,
    Part,
    Phase,
    Refused,
    Running,
    Stopped,
)
from equipoise.errors import EngineError
from tests.contract.engine_local import POOLS, LocalRig
from tests.contract.engine_rig import LAST, Bench


class Site(Bench):
    """An opening of the local engine in a folder of its own, with settings."""

    def engine_with(self, **settings: Any) -> None:
        """Open it anew with other settings or pools."""
        self.engine.close()
        pools = settings.pop("pools", self.rig.pools)
        self.engine = open_engine(Settings.of({"devices": "slots"} | settings), pools, self.rig.folder)
        self.heard = []

    @property
    def supervisor(self) -> int:
        """Its process number."""
        return supervisors(self.rig.folder)[0]

    def kill_supervisor(self) -> None:
        os.kill(self.supervisor, signal.SIGKILL)

    def script(self, source: str, *words: str, **more: Any) -> Attempt:
        """Launch a Python program of this test's own."""
        return self.launch(command=Command((sys.executable, "-S", "-c", source, *words)), **more)

    def read(self, name: str) -> str:
        path = self.rig.directory / name
        return path.read_text("utf-8") if path.exists() else ""

    def wait_for(self, name: str) -> str:
        self.listen(lambda: self.read(name), f"{name} is written")
        return self.read(name)


def supervisors(folder: Path) -> list[int]:
    found: list[int] = []
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                words = Path(f"/proc/{name}/cmdline").read_bytes().split(b"\0")
            except OSError:
                continue
            if str(folder).encode() in words and any(b"local.supervisor" in word for word in words):
                found.append(int(name))
    return found


def is_there(pid: int) -> bool:
    status = status_of(pid)
    return status is not None and status.state not in "ZX"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "engine"


@pytest.fixture
def site(folder: Path, tmp_path: Path) -> Iterator[Site]:
    (tmp_path / "jobs").mkdir()
    rig = LocalRig(folder, tmp_path / "jobs", POOLS, count(0))
    made = Site(rig, rig.open())
    mark = f"local:{json.loads((folder / 'journal').read_text('utf-8').splitlines()[0])['id']}:"
    try:
        yield made
    finally:
        made.finish()
        deadline = time.monotonic() + 10
        while (left := [*supervisors(folder), *processes.marked(mark)]) and time.monotonic() < deadline:
            time.sleep(0.05)
        assert left == []  # nothing of it stays


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


# ------------------------------------------------------------------------------------------------- many, and hostile


def test_five_hundred_jobs_at_once_each_run_once(site: Site) -> None:
    site.engine_with(pools=(Pool("many", "slot", 40, 1),))
    waiting, free, at = list(range(500)), list(range(40)), dict[Attempt, int]()
    codes: dict[int, int | None] = {}
    deadline = time.monotonic() + 120
    while len(codes) < 500:
        assert time.monotonic() < deadline
        while waiting and free:
            attempt, node = Attempt(waiting.pop(0), 0), free.pop()
            at[attempt] = node
            line = f"echo {attempt.job} >> ran; exit {attempt.job % 7}"
            command = Command(("/bin/sh", "-c", line), directory=str(site.rig.directory))
            site.engine.launch(Launch(attempt, "many", "research", "many", 1, (Part(node, 1),), command))
        for seen in site.engine.observe(1.0):
            assert isinstance(seen, Running | Ended), seen
            if isinstance(seen, Ended):
                codes[seen.attempt.job] = seen.exit_code
                free.append(at[seen.attempt])
    assert codes == {job: job % 7 for job in range(500)}
    assert sorted(map(int, site.read("ran").split())) == list(range(500))


@pytest.mark.parametrize(
    ("command", "said"),
    [
        (Command(()), "no name"),
        (Command(("",)), "no name"),
        (Command(("/bin/true", "a\0b")), "zero byte"),
        (Command(("/bin/true", "\ud800")), "no text"),
        (Command(("/bin/true",), {"": "x"}), "impossible name"),
        (Command(("/bin/true",), {"A=B": "x"}), "impossible name"),
        (Command(("/bin/true",), {"TOKEN": "s3cret\0"}), '"TOKEN" holds a zero byte'),
        (Command(("/bin/true", "x" * (200 << 10))), "Argument list too long"),
        (Command(("/bin/true",), {"A": "x" * (6 << 20)}), "too long"),
        (Command(("/bin/true",), directory="/nonexistent"), "change to the directory '/nonexistent'"),
        (Command(("/etc/passwd",)), "Permission denied"),
        (Command(("no-such-program-anywhere",)), "No such file"),
        (Command(("/bin/true",), user="no-such-user"), "no user"),
    ],
)
def test_what_can_be_no_command_is_refused_with_the_reason_and_without_secrets(
    site: Site, command: Command, said: str
) -> None:
    attempt = site.launch(command=command)
    refused = site.wait(attempt, *LAST)
    assert isinstance(refused, Refused)
    assert said in refused.reason and "s3cret" not in refused.reason
    assert site.engine.attempts() == []
    assert site.wait(site.launch(gang=4), *LAST).exit_code == 0


def test_secrets_of_the_environment_are_written_nowhere(site: Site, folder: Path) -> None:
    attempt = site.launch("--for", 0.2, command=Command(("/bin/sleep", "0.2"), {"TOKEN": "s3cret-t0ken"}))
    site.wait(attempt, Ended)
    site.kill_supervisor()
    site.engine.attempts()
    written = [path for path in folder.rglob("*") if path.is_file() and b"s3cret" in path.read_bytes()]
    assert written == [] and len(list(folder.rglob("*"))) > 4


# -------------------------------------------------------------------------------------------------------- settings


def test_limits_hold_in_the_job(site: Site) -> None:
    site.engine_with(open_files=77, memory_bytes=1 << 30, cpu_s=100, nice=3)
    source = (
        "import os, resource as r, sys\n"
        "open(sys.argv[1], 'w').write(repr([r.getrlimit(k) for k in (r.RLIMIT_NOFILE, r.RLIMIT_AS, r.RLIMIT_CPU)] + [os.nice(0)]))"
    )
    own = os.nice(0)
    site.wait(site.script(source, str(site.rig.directory / "limits")), Ended)
    assert site.read("limits") == repr([(77, 77), (1 << 30, 1 << 30), (100, 100), min(19, own + 3)])


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can run jobs as another user")
def test_a_job_runs_as_its_user_with_nothing_of_the_controllers(site: Site, folder: Path) -> None:
    site.rig.directory.chmod(0o777)
    for path in (site.rig.directory, *site.rig.directory.parents):  # pytest closes its folders to others
        if "pytest-" in path.name or path == site.rig.directory or "pytest-" in str(path):
            path.chmod(path.stat().st_mode | 0o011)
    user = pwd.getpwnam("nobody")
    source = (
        "import os, sys; print(os.getresuid(), os.getresgid(), os.getgroups(), os.environ['HOME'], os.environ['USER'])"
    )
    attempt = site.launch(command=Command(("/usr/bin/env", "python3", "-c", source), directory="/", user="nobody"))
    assert site.wait(attempt, *LAST).exit_code == 0, site.rig.output(site.engine, attempt)
    groups = os.getgrouplist("nobody", user.pw_gid)
    ids = ((user.pw_uid,) * 3, (user.pw_gid,) * 3, groups, user.pw_dir, "nobody")
    assert site.rig.output(site.engine, attempt).splitlines()[0] == " ".join(map(str, ids))
    [out, _] = site.engine.output(attempt) if isinstance(site.engine, LocalEngine) else (None, None)
    assert out is not None and out.stat().st_uid == user.pw_uid and out.stat().st_mode & 0o77 == 0
    assert (folder / "journal").stat().st_mode & 0o77 == 0


def test_a_process_for_each_part_knows_its_rank_and_one_that_fails_ends_the_others(site: Site) -> None:
    site.engine_with(processes="per-part")
    parts = [Part(0, 2), Part(1, 1), Part(2, 4)]
    attempt = site.launch("--for", 0.5, gang=7, parts=parts)
    assert site.wait(attempt, *LAST).exit_code == 0
    told = [note["environment"] for note in site.notes(attempt, "start")]
    ranks = {int(found["EQUIPOISE_RANK"]): len(found["EQUIPOISE_DEVICES"].split(",")) for found in told}
    assert ranks == {0: 2, 1: 1, 2: 4} and {found["EQUIPOISE_SIZE"] for found in told} == {"3"}
    source = "import os, sys, time; time.sleep(0.5 if os.environ['EQUIPOISE_RANK'] == '1' else 600); sys.exit(9)"
    attempt = site.script(source, gang=7, parts=parts)
    assert site.wait(attempt, *LAST) == Ended(attempt, 9)


def test_devices_of_the_machine_are_told_by_their_names_and_nodes_beyond_them_are_down(site: Site) -> None:
    site.engine_with(devices=("GPU-0a", "GPU-0b", "GPU-0c"), pools=(Pool("a", "H100", 2, 2),))
    first, second = site.engine.nodes()
    assert (first.condition, second.condition) == (Condition.UP, Condition.DOWN)
    assert second.reason == "the pools expect more devices than the 3 of this machine"
    source = "import os; print(os.environ['CUDA_VISIBLE_DEVICES'], os.environ['CUDA_DEVICE_ORDER'])"
    attempt = site.script(source, gang=2)
    site.wait(attempt, Ended)
    assert site.rig.output(site.engine, attempt) == "GPU-0a,GPU-0b PCI_BUS_ID\n"
    assert isinstance(site.wait(site.launch(parts=[Part(1, 1)]), *LAST), Refused)


def test_on_pools_of_single_devices_the_engine_chooses_the_nodes(site: Site) -> None:
    def order(gang: int) -> Attempt:
        attempt = Attempt(next(site.rig.numbers), 0)
        command = Command(site.argv(attempt, "--for", 600))
        site.start(Launch(attempt, "x", "research", "b", gang, (), command))
        return attempt

    first, second, third = order(3), order(1), order(1)
    for attempt in (first, second):
        site.wait(attempt, Running)
        site.listen(lambda: site.notes(attempt, "start"), "it writes")  # noqa: B023
    assert isinstance(site.wait(third, *LAST), Refused)
    held = [site.notes(attempt, "start")[0]["environment"]["EQUIPOISE_DEVICES"] for attempt in (first, second)]
    assert sorted(",".join(held).split(",")) == ["12", "13", "14", "15"]


def test_output_is_bounded_and_keeps_its_beginning_and_its_end(site: Site) -> None:
    site.engine_with(log_bytes=1 << 20)
    source = "import time\nfor number in range(40):\n    print(f'line {number} ' + 'x' * 200_000, flush=True)\n    time.sleep(0.1)\n"
    attempt = site.script(source)
    assert isinstance(site.engine, LocalEngine)
    largest = 0
    while not any(isinstance(seen, Ended) for seen in site.of(attempt)):
        site.quiet(0.1)
        files = site.engine.output(attempt)
        largest = max([largest, *(path.stat().st_blocks * 512 for path in files)])
    assert largest < 5 << 20  # of 8 million bytes; what comes within a second is not cut yet
    text = site.engine.output(attempt)[0].read_bytes()
    assert text.startswith(b"line 0 ") and b"line 39 " in text[-250_000:] and b"line 15 " not in text


# -------------------------------------------------------------------------------------------------------- full disk


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    if os.geteuid() != 0:
        pytest.skip("only root can mount a small disk")
    place = tmp_path / "disk"
    place.mkdir()
    done = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", place], check=False)
    if done.returncode:
        pytest.skip("no small disk can be mounted here")
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True)


def fill(place: Path) -> Path:
    filler = place / "filler"
    with filler.open("wb", buffering=0) as file:
        try:
            while True:
                file.write(b"x" * 512)
        except OSError:
            pass
    return filler


def test_a_full_disk_is_an_error_to_try_again_and_nothing_is_lost(small_disk: Path, tmp_path: Path) -> None:
    (tmp_path / "jobs").mkdir()
    rig = LocalRig(small_disk / "engine", tmp_path / "jobs", POOLS, count(0))
    site = Site(rig, rig.open())
    try:
        running = site.launch("--for", 3.0, "--exit", 4)
        site.wait(running, Running)
        filler = fill(small_disk)
        with pytest.raises(EngineError) as found:
            for number in range(500):  # until the journal's last page is full
                site.engine.drain("a", 2, back=bool(number % 2))
                site.engine.nodes()
                site.engine.observe(0)
        assert (found.value.code, found.value.retryable) == ("E105", True)
        late = site.launch("--exit", 5)
        deadline = time.monotonic() + 4
        while time.monotonic() < deadline:  # the controller goes on asking
            try:
                site.heard += site.engine.observe(0.2)
            except EngineError:
                time.sleep(0.05)
        assert site.of(running) == [Running(running)] and site.of(late) == []
        assert is_there(site.supervisor)
        filler.unlink()

        def over(attempt: Attempt) -> bool:
            return any(isinstance(seen, Ended) for seen in site.of(attempt))

        deadline = time.monotonic() + 10
        while not (over(running) and over(late)):
            assert time.monotonic() < deadline
            try:
                site.heard += site.engine.observe(0.2)
            except EngineError:
                time.sleep(0.05)
        assert {seen.attempt: seen.exit_code for seen in site.engine.attempts()} == {running: 4, late: 5}
        assert len(site.notes(late, "start")) == 1
    finally:
        site.finish()
        while supervisors(rig.folder):
            time.sleep(0.05)
