"""What starts a command at most once on a node: real processes, as Slurm starts and signals them."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from equipoise.engines.protocol import Attempt
from equipoise.engines.slurm import marks as marks_module
from equipoise.engines.slurm import once
from equipoise.engines.slurm.journal import Tracked
from equipoise.engines.slurm.marks import Mark, Marks

NOTING = """
import os, signal, sys, time
def hear(number, _):
    os.write(1, (signal.Signals(number).name + "\\n").encode())  # print may not be called again within itself
    if number == signal.SIGHUP: os._exit(11)
for number in (signal.SIGUSR1, signal.SIGTERM, signal.SIGHUP): signal.signal(number, hear)
print(signal.getsignal(signal.SIGINT) is signal.default_int_handler, flush=True)
while True: time.sleep(0.05)
"""


def started(mark: Path, *argv: str, script: Path | None = None) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-IS", str(script or once.__file__), str(mark), *argv]
    return subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, start_new_session=True)


def ended(mark: Path, *argv: str) -> int:
    with started(mark, *argv) as one:
        return one.wait(20)


def eventually(is_so: Callable[[], object], what: str) -> None:
    deadline = time.monotonic() + 20
    while not is_so():
        assert time.monotonic() < deadline, what
        time.sleep(0.02)


@pytest.mark.parametrize(
    ("argv", "code"),
    [
        (("sh", "-c", "exit 7"), 7),
        (("true",), 0),
        (("sh", "-c", "kill -KILL $$"), -9),
        (("sh", "-c", "kill -SEGV $$"), -11),
        (("/nonexistent",), 127),
        (("/",), 126),
    ],
)
def test_it_ends_as_its_command_and_leaves_that_behind(tmp_path: Path, argv: Sequence[str], code: int) -> None:
    mark = tmp_path / "0.0.n"
    assert ended(mark, *argv) == code
    assert (mark / "ended").read_text() == str(code)
    (mark / "ended").unlink()
    assert ended(mark, "touch", str(tmp_path / "again")) == once.AGAIN
    assert not (tmp_path / "again").exists() and not (mark / "ended").exists()


def test_of_many_starts_at_once_one_begins(tmp_path: Path) -> None:
    starts = [started(tmp_path / "0.0.n", "sh", "-c", "echo begun; exit 5") for _ in range(8)]
    said = sorted((one.communicate(timeout=30)[0], one.returncode) for one in starts)
    assert said == [(b"", once.AGAIN)] * 7 + [(b"begun\n", 5)]


def test_signals_to_the_script_reach_the_command_but_for_the_one_that_reaches_all(tmp_path: Path) -> None:
    one = started(tmp_path / "0.0.n", sys.executable, "-c", NOTING)
    assert one.stdout is not None
    is_heard = signal.getsignal(signal.SIGINT) is not signal.SIG_IGN  # as it was given to this process
    assert one.stdout.readline() == f"{is_heard}\n".encode()  # and not ignored, as a shell would have it
    for number in (signal.SIGUSR1, signal.SIGTERM, signal.SIGUSR1):
        one.send_signal(number)
        if number == signal.SIGUSR1:
            assert one.stdout.readline() == b"SIGUSR1\n"
    os.killpg(one.pid, signal.SIGTERM)
    assert one.stdout.readline() == b"SIGTERM\n"
    one.send_signal(signal.SIGHUP)
    assert one.communicate(timeout=20)[0] == b"SIGHUP\n" and one.returncode == 11


def test_while_it_runs_its_mark_is_touched_and_it_can_be_ended_through_it(tmp_path: Path) -> None:
    quick = tmp_path / "once.py"
    quick.write_text(Path(once.__file__).read_text("utf-8").replace("BEAT_S = 5.0", "BEAT_S = 0.1"), "utf-8")
    mark = tmp_path / "0.0.n"
    one = started(mark, "sh", "-c", "trap '' TERM; sleep 600 & wait; wait", script=quick)
    eventually(mark.exists, "it begins")
    first = mark.stat().st_mtime_ns
    eventually(lambda: mark.stat().st_mtime_ns > first, "it is touched")
    assert one.poll() is None
    (mark / "stop").touch()
    assert (
        one.communicate(timeout=20) == (b"", b"") and one.returncode == -signal.SIGKILL
    )  # nobody holds its output any more: all are gone


def test_marks_are_believed_once_one_of_a_node_was_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tracked = [Tracked(Attempt(number, 0), nonce=f"n{number}") for number in range(3)]
    marks = Marks(lambda one: tmp_path / f"{one.attempt}.{one.nonce}", tmp_path / "shared")
    assert marks.look(tracked[0]) == Mark(begun=False) and not marks.shared
    assert ended(tmp_path / "1.0.n1", "sh", "-c", "exit 4") == 4
    assert marks.look(tracked[1]) == Mark(begun=True, exit_code=4) and marks.shared
    assert Marks(lambda one: tmp_path / "x", tmp_path / "shared").shared
    assert marks.take(tracked[0]) and not marks.take(tracked[1])
    assert ended(tmp_path / "0.0.n0", "true") == once.AGAIN
    monkeypatch.setattr(marks_module, "SILENT_S", 0.2)
    assert not marks.silent(tracked[0])
    time.sleep(0.1)
    os.utime(tmp_path / "0.0.n0")
    assert not marks.silent(tracked[0])
    time.sleep(0.3)
    assert marks.silent(tracked[0])


def test_old_marks_are_swept_and_nothing_else(tmp_path: Path) -> None:
    marks = Marks(lambda one: tmp_path, tmp_path / "shared")
    names = [f"1.0.{'a' * 18}", f"2.0.{'b' * 18}", f"3.0.{'c' * 18}", "4.0.results", f"1000/5.0.{'d' * 18}"]
    for name in names:
        (tmp_path / name).mkdir(parents=True)
        (tmp_path / name / "ended").touch()
        if "b" * 18 not in name:
            os.utime(tmp_path / name, (0, 0))
    marks.sweep(tmp_path, {"c" * 18})
    assert [name for name in names if not (tmp_path / name).exists()] == [names[0], names[4]]
