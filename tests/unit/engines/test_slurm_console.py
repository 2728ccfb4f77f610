"""Changes that are made together by programs that are kept open: each has its own answer, whatever becomes of the others."""

from __future__ import annotations

import sys
import time
from collections.abc import Generator
from pathlib import Path

import pytest

from equipoise.engines.slurm.console import Answer, Consoles

# Speaks as scontrol does: nothing of what it made, and of a word that it does not know that.
PROGRAM = """
import os, sys, time
for line in sys.stdin:
    words = line.split()
    if words[0] == "set":
        with open(sys.argv[1], "a") as file:
            file.write(line)
    elif words[0] == "no":
        print("slurm_update error: Invalid job id", file=sys.stderr, flush=True)
    elif words[0] == "wait":
        time.sleep(30)
    elif words[0] == "die":
        os._exit(1)
    else:
        print("invalid keyword: " + words[0], file=sys.stderr, flush=True)
"""


@pytest.fixture
def made(tmp_path: Path) -> Path:
    return tmp_path / "made"


@pytest.fixture
def consoles(made: Path) -> Generator[Consoles]:
    opened = Consoles([sys.executable, "-c", PROGRAM, str(made)], {})
    yield opened
    opened.close()


def test_every_change_is_made_once_and_has_its_own_answer(consoles: Consoles, made: Path) -> None:
    changes = [("set", f"n={number}", "x" * (1 + number % 700)) for number in range(1_000)]
    wrong = {
        3: ("no", "n=3"),
        400: ("set", "two words"),
        401: ("set", "n=401\nset"),
        402: ("set", "n='1'"),
        403: (),
        999: ("no", "n=9"),
    }
    for at, change in wrong.items():
        changes[at] = change  # pyright: ignore[reportArgumentType, reportCallIssue]
    answers = consoles.change(changes, 10.0)
    assert {at for at, answer in enumerate(answers) if answer is Answer.UNCERTAIN} == set(wrong)
    assert answers.count(Answer.MADE) == 1_000 - len(wrong)
    expected = [" ".join(change).strip() for at, change in enumerate(changes) if at not in wrong]
    assert sorted(line.strip() for line in made.read_text().splitlines()) == sorted(expected)
    assert consoles.change([("set", "n=again")], 10.0) == [Answer.MADE]


def test_one_that_is_silent_or_dies_leaves_the_others_their_answers(consoles: Consoles, made: Path) -> None:
    began = time.monotonic()
    answers = consoles.change([("set", f"n={number}") if number != 5 else ("wait",) for number in range(8)], 4.0)
    assert time.monotonic() - began < 20
    assert answers == [Answer.MADE] * 5 + [Answer.SILENT] + [Answer.MADE] * 2
    answers = consoles.change([("set", f"n={number}") if number != 0 else ("die",) for number in range(8)], 10.0)
    assert answers == [Answer.UNCERTAIN] + [Answer.MADE] * 7
    assert consoles.change([("set", "n=last")], 10.0) == [Answer.MADE]
    assert made.read_text().endswith("set n=last\n")
