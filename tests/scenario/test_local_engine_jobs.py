"""The local engine: many jobs, hostile commands, its settings, and a full disk."""

from __future__ import annotations

import os
import pwd
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from equipoise.charter.model import Pool
from equipoise.engines.local import LocalEngine
from equipoise.engines.protocol import (
    Attempt,
    Command,
    Condition,
    Ended,
    Launch,
    Part,
    Refused,
    Running,
)
from equipoise.errors import EngineError
from tests.contract.engine_rig import LAST
from tests.scenario.local_site import Site, is_there, opened


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "engine"


@pytest.fixture
def site(folder: Path, tmp_path: Path) -> Iterator[Site]:
    with opened(folder, tmp_path / "jobs") as made:
        yield made


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
    with opened(small_disk / "engine", tmp_path / "jobs") as site:
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
