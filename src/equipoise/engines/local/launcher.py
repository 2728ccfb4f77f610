"""Starts one process of a job.

The supervisor shares its memory with the child until the command runs (vfork), which costs a quarter of a fork, and knows at once
whether it runs. Only limits and users take the slower way: they have to be set in the child.
"""

from __future__ import annotations

import errno
import json
import os
import resource
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from equipoise.engines.local.machine import CannotStartError
from equipoise.engines.local.processes import Process, status_of

PASSING = frozenset(
    {errno.ENOSPC, errno.EDQUOT, errno.EIO, errno.EAGAIN, errno.ENOMEM, errno.EMFILE, errno.ENFILE, errno.EROFS}
)
"""What the machine lacks now and may have later; all else is the job's own fault."""


@dataclass(frozen=True, slots=True)
class Identity:
    """As whom a job runs: numbers only, looked up before."""

    uid: int
    gid: int
    groups: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Recipe:
    """Everything that a process needs to become the job."""

    argv: tuple[str, ...]
    environment: Mapping[str, str]
    directory: str
    identity: Identity | None
    limits: Mapping[int, int]
    nice: int


def begin(recipe: Recipe, output: Sequence[int]) -> Process:
    """Start a process that is head of its own session and group.

    Raises
    ------
    OSError
        The machine lacks something now.
    CannotStartError
        It cannot start, and says why.
    """
    identity = recipe.identity

    def prepare() -> None:
        for name, value in recipe.limits.items():
            hard = resource.getrlimit(name)[1]
            value = value if hard == resource.RLIM_INFINITY else min(value, hard)
            resource.setrlimit(name, (value, value))
        if recipe.nice:
            os.nice(recipe.nice)

    try:
        child = subprocess.Popen(
            recipe.argv,
            stdin=subprocess.DEVNULL, stdout=output[0], stderr=output[1],
            env=recipe.environment, cwd=recipe.directory, start_new_session=True,
            close_fds=False,  # all of them close by themselves
            preexec_fn=prepare if recipe.limits or recipe.nice else None,  # noqa: PLW1509 - the supervisor has no threads
            user=None if identity is None else identity.uid,
            group=None if identity is None else identity.gid,
            extra_groups=None if identity is None else identity.groups,
        )  # fmt: skip
    except subprocess.SubprocessError as error:
        raise CannotStartError(f"its limits cannot be set: {error}") from error
    except OSError as error:
        if error.errno in PASSING:
            raise
        in_directory = error.filename == recipe.directory and not os.path.isdir(recipe.directory)
        what = f"change to the directory {recipe.directory!r}" if in_directory else f"run {recipe.argv[0]!r}"
        raise CannotStartError(f"cannot {what}: {error.strerror}") from error
    child.returncode = 0  # it is waited for elsewhere, with all others
    status = status_of(child.pid)  # what was not waited for has one, even if it is dead
    assert status is not None
    return Process(child.pid, status.started)


def problem(argv: object, environment: Mapping[str, str]) -> str:
    """Say why a command can be none; empty if it can. Never names a value of the environment: it may be secret."""
    if not isinstance(argv, list) or not argv or not argv[0]:
        return "the command has no name"
    words: list[str] = argv  # pyright: ignore[reportUnknownVariableType]
    if not all(map(_fits, words)):
        return "an argument holds a zero byte, or what is no text"
    for name, value in environment.items():
        if not name or "=" in name or not _fits(name):
            return f"the environment holds a variable with the impossible name {json.dumps(name)}"
        if not _fits(value):
            return f"the environment's variable {json.dumps(name)} holds a zero byte, or what is no text"
    return ""


def _fits(word: str) -> bool:
    try:
        return b"\0" not in os.fsencode(word)
    except UnicodeEncodeError:
        return False
