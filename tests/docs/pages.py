"""Runs the examples of a Markdown page, in order, in one directory and one Python namespace.

* ```` ```python ````: runs; with ``>>>`` as a doctest. A following ```` ```output ```` block is what it printed.
* ```` ```console ````: lines after ``$ `` run, the lines below each are its output (stdout and stderr as they come).
* ```` ```bash ````: every line runs.

A command that ends in ``<<'WORD'`` takes the lines up to ``WORD``, as they are, as its input. In expected output
``...`` stands for anything. A command must exit with 0, or with N if it ends in ``# exit N``. Only the commands listed
below run, so that no page can install or fetch something; other fences (``text``, ``yaml``) do not run.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sybil import Example, Sybil
from sybil.parsers.markdown import CodeBlockParser

ROOT = Path(__file__).resolve().parent.parent.parent
RUN = {"equipoise", "eq", "cat", "echo", "head", "ls", "printf", "python", "tail", "zcat"}
BY_HAND = {"apt", "cd", "git", "pip", "sudo", "uv"}
LIMIT_S = 600

_FLAGS = doctest.ELLIPSIS
_GROUPS: list[int] = []
"""Of each command its process group: what it left running in the background ends with its page."""


class ExampleError(AssertionError):
    """An example does not do what its page says."""


@dataclass(frozen=True, slots=True)
class Command:
    """A command of a page with what the page says about it."""

    line: str
    expected: str
    exit_code: int


def run_page(page: Path, directory: Path) -> int:
    """Run every example of ``page`` inside ``directory`` and return how many there were."""
    _furnish(directory)
    parsers = [
        CodeBlockParser("python", _run_python),
        CodeBlockParser("output", _compare_printed),
        CodeBlockParser("console", _run_console),
        CodeBlockParser("bash", _run_bash),
    ]
    before = set(_GROUPS)
    document = Sybil(parsers=parsers, path=str(page.parent)).parse(page)
    document.namespace["__name__"] = "__example__"
    ran = 0
    try:
        with contextlib.chdir(directory):
            for example in document.examples():
                example.evaluate()
                ran += 1
    finally:
        for group in set(_GROUPS) - before:
            _end(group)
    return ran


def commands(source: str) -> Iterator[Command]:
    """Split a console block into its commands with their expected output."""
    lines = source.splitlines()
    while lines:
        line = lines.pop(0)
        if not line.startswith("$ "):
            raise ExampleError(f"a console block starts with '$ ', not with {line!r}")
        line = line.removeprefix("$ ")
        while line.endswith("\\") and lines:
            line = line[:-1] + lines.pop(0).removeprefix("> ").strip()
        line = _with_input(line, lines)
        expected: list[str] = []
        while lines and not lines[0].startswith("$ "):
            expected.append(lines.pop(0))
        yield _command(line, "\n".join(expected))


def _with_input(line: str, lines: list[str]) -> str:
    """Return a command with its here-document, whose lines are taken from ``lines``."""
    found = re.search(r"<<'(\w+)'$", line)
    if not found:
        return line
    taken = [line]
    while taken[-1] != found[1]:
        if not lines:
            raise ExampleError(f"the input of {line!r} does not end with {found[1]}")
        taken.append(lines.pop(0))
    return "\n".join(taken)


def _command(line: str, expected: str) -> Command:
    found = re.search(r"\s+# exit (\d+)$", line)
    if not found:
        return Command(line, expected, 0)
    return Command(line[: found.start()], expected, int(found[1]))


def _furnish(directory: Path) -> None:
    """Lay out the files that pages may name as they lie in the repository."""
    if (ROOT / "examples").is_dir():
        shutil.copytree(ROOT / "examples", directory / "examples")
    shared = ROOT.parent / "shared"
    if shared.is_dir() and not (directory.parent / "shared").exists():
        (directory.parent / "shared").symlink_to(shared)


def _run_python(example: Example) -> None:
    source = str(example.parsed)
    where = f"{example.path}:{example.line}"
    printed = io.StringIO()
    if source.lstrip().startswith(">>>"):
        test = doctest.DocTestParser().get_doctest(source, example.namespace, where, example.path, example.line)
        runner = doctest.DocTestRunner(optionflags=_FLAGS)
        if runner.run(test, out=printed.write, clear_globs=False).failed:
            raise ExampleError(printed.getvalue())
        example.namespace.update(test.globs)
        return
    # Empty lines in front make a traceback name the line of the page.
    code = compile("\n" * (example.line + example.parsed.line_offset) + source, example.path, "exec", dont_inherit=True)
    with contextlib.redirect_stdout(printed):
        exec(code, example.namespace)
    example.namespace["__printed__"] = printed.getvalue()


def _compare_printed(example: Example) -> None:
    where = f"{example.path}:{example.line}"
    if "__printed__" not in example.namespace:
        raise ExampleError(f"{where}: an output block without a python block in front of it")
    _compare(where, expected=str(example.parsed), got=example.namespace.pop("__printed__"))


def _run_console(example: Example) -> None:
    for command in commands(str(example.parsed)):
        _run(command, where=f"{example.path}:{example.line}")


def _run_bash(example: Example) -> None:
    lines = str(example.parsed).splitlines()
    while lines:
        line = _with_input(lines.pop(0), lines)
        if line.strip() and not line.startswith("#"):
            _run(_command(line, ""), where=f"{example.path}:{example.line}")


def _run(command: Command, *, where: str) -> None:
    line = command.line
    # All that script/demo does besides is to set up the environment that this runs in.
    line = re.sub(r"^(\./)?script/demo\b", "equipoise demo", line)
    name = re.sub(r"^([A-Z_]+=(\$\([^)]*\)|\S*) )+", "", line).split()[0]
    if name in BY_HAND:
        return
    if name.startswith(("script/", ".ci/")):
        if not os.access(ROOT / name, os.X_OK):
            raise ExampleError(f"{where}: there is no {name}")
        return
    if name not in RUN:
        raise ExampleError(f"{where}: {name} is not a command that examples may run (tests/docs/pages.py)")
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "COLUMNS": "110",
        "NO_COLOR": "1",
        "TERM": "dumb",
        "XDG_CONFIG_HOME": os.path.abspath("config"),
    }
    with subprocess.Popen(
        ["bash", "-o", "pipefail", "-c", line],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        env=environment,
        text=True,
        start_new_session=True,
    ) as process:
        _GROUPS.append(process.pid)
        try:
            got, _ = process.communicate(timeout=LIMIT_S)
        except BaseException:
            _end(process.pid)
            raise
    if process.returncode != command.exit_code:
        raise ExampleError(
            f"{where}: `{line}` exits with {process.returncode}, not {command.exit_code}:\n{got[-4000:]}"
        )
    if command.expected.strip():
        _compare(f"{where}: `{line}`", expected=command.expected, got=got)


def _end(group: int) -> None:
    """End what a command left running, first kindly."""
    for kind, patience_s in ((signal.SIGTERM, 20.0), (signal.SIGKILL, 5.0)):
        until_s = time.monotonic() + patience_s
        while time.monotonic() < until_s:
            try:
                os.killpg(group, kind if until_s - time.monotonic() > patience_s - 0.2 else 0)
            except ProcessLookupError:
                return
            time.sleep(0.2)


def _compare(where: str, *, expected: str, got: str) -> None:
    want, have = _tidy(expected), _tidy(got)
    if not doctest.OutputChecker().check_output(want, have, _FLAGS):
        raise ExampleError(f"{where} says\n{want}\nbut the output is\n{have}")


def _tidy(text: str) -> str:
    """Without the spaces that no reader sees: at line ends, and empty lines at both ends."""
    return "\n".join(line.rstrip() for line in text.splitlines()).strip("\n") + "\n"
