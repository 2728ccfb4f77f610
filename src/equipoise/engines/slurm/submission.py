"""Giving jobs to Slurm: those that have a command are submitted, those that users submitted are released onto their nodes."""

from __future__ import annotations

import math
import os
import pwd
from pathlib import Path

from equipoise.charter.model import Pool
from equipoise.engines.protocol import Attempt, Launch
from equipoise.engines.slurm import once
from equipoise.engines.slurm.commands import Commands, SlurmRefusedError, lines
from equipoise.engines.slurm.nodes import Nodes
from equipoise.engines.slurm.queue import Details, Row
from equipoise.engines.slurm.settings import Settings

PRIORITY = "4000000000"  # before all that Slurm orders by itself
ONCE = Path(once.__file__)


class Submission:
    """Hands attempts to Slurm.

    Parameters
    ----------
    commands : Commands
    settings : Settings
    nodes : Nodes
    pools : tuple of Pool
    folder : Path
    """

    def __init__(
        self, commands: Commands, settings: Settings, nodes: Nodes, pools: tuple[Pool, ...], folder: Path
    ) -> None:
        self._commands = commands
        self._settings = settings
        self._nodes = nodes
        self._per_node = {pool.name: pool.gpus_per_node for pool in pools}
        self._script = folder / "run.py"
        self.folder = Path(settings.output) if settings.output else folder / "output"
        self.folder.mkdir(mode=0o711, parents=True, exist_ok=True)
        text = f"#!{settings.python} -IS\n{ONCE.read_text('utf-8')}"
        if not self._script.exists() or self._script.read_text("utf-8") != text:
            self._script.write_text(text, "utf-8")

    def mark(self, attempt: Attempt) -> str:
        """Return what the comment of a job of ours says."""
        return f"{self._settings.mark}:{attempt}"

    def submit(self, launch: Launch, nonce: str) -> str:
        """Submit a job that has a command, to begin in a year; returns Slurm's number of it.

        So that a second one, submitted because the answer to the first was lost, never runs. (One that is held takes two calls to start.)
        The command goes as arguments of a script that executes them once, the environment through memory: neither passes a shell, a file of
        ours or the list of processes' environments.
        """
        command = launch.command
        assert command is not None
        if command.argv[0].startswith("-"):
            raise SlurmRefusedError("the program's name begins with -")
        owner, group = _login(command.user)
        mark = self.mark_folder(launch.attempt, command.user, nonce)
        options = [
            "--parsable", "--begin=now+365days", "--no-requeue", f"--job-name={_one_line(launch.name) or 'job'}",
            f"--comment={self.mark(launch.attempt)}:{nonce}", f"--account={self._settings.account(launch.team)}",
            f"--partition={self._settings.pools[launch.pool].partition}", f"--output={self.output(launch.attempt, command.user)}",
            *self._shape(launch), *self._settings.options,
        ]  # fmt: skip
        if command.directory:
            options.append(f"--chdir={command.directory}")
        if launch.walltime_ms:
            options.append(f"--time={max(1, math.ceil(launch.walltime_ms / 60_000))}")
        if owner is not None:
            options += [f"--uid={owner.pw_uid}", f"--gid={group}"]
        values = _base_environment(owner or pwd.getpwuid(os.getuid())) | dict(command.environment)
        values |= {
            "EQUIPOISE_JOB": str(launch.attempt.job), "EQUIPOISE_ATTEMPT": str(launch.attempt.number), "EQUIPOISE_TEAM": launch.team,
        }  # fmt: skip
        descriptor = os.memfd_create("environment", 0)
        try:
            os.write(descriptor, lines(values))
            os.lseek(descriptor, 0, os.SEEK_SET)
            argv = [*options, f"--export-file={descriptor}", str(self._script), str(mark), *command.argv]
            said = self._commands.run("sbatch", *argv, descriptor=descriptor)
        finally:
            os.close(descriptor)
        return said.strip().split(";")[0]

    def blank(self) -> str:
        """Submit what never starts, for its number; returns that."""
        account = next(iter(self._settings.teams), "")
        place = next(iter(self._settings.pools.values()))
        options = ["--parsable", "--hold", "--begin=now+365days", "--job-name=number", "--output=/dev/null"]
        options += ["--comment=number"]  # its end is not taken for that of a command that had its number
        options += [f"--partition={place.partition}", *([f"--account={account}"] if account else [])]
        return self._commands.run("sbatch", *options, str(self._script), "/nonexistent", "false").strip().split(";")[0]

    def admission(self, attempt: Attempt, id: str) -> tuple[str, ...]:
        """Return the change that lets a job that we submitted start."""
        return ("update", f"JobId={id}", f"AdminComment={self.mark(attempt)}", "StartTime=now", f"Priority={PRIORITY}")

    def admit(self, attempt: Attempt, id: str) -> None:
        """Let a job that we submitted start."""
        self._commands.change(*self.admission(attempt, id))

    def release(self, launch: Launch, row: Row, details: Details) -> list[tuple[str, ...]]:
        """Return the changes, one after the other, that let a job start that its user submitted, on the nodes of ``launch``."""
        place = self._settings.pools[launch.pool]
        changes = ["update", f"JobId={row.id}", f"AdminComment={self.mark(launch.attempt)}", "StartTime=now"]
        if not row.held:
            changes.append(f"Priority={PRIORITY}")
        if row.partition != place.partition:
            changes.append(f"Partition={place.partition}")
        if launch.parts:
            if row.nodes != len(launch.parts):
                if details.shaped:
                    raise SlurmRefusedError(f"it asks for {row.nodes} nodes, and {len(launch.parts)} were chosen")
                changes.append(f"NumNodes={len(launch.parts)}")
            changes.append(f"ReqNodeList={self._names(launch)}")
        # A job that is held takes no priority before it is released.
        return [tuple(changes), *([("release", row.id)] if row.held else [])]

    def output(self, attempt: Attempt, user: str = "") -> Path:
        """Return where the output of an attempt goes; users write into folders of their own."""
        folder = self.folder
        if user and os.getuid() == 0:
            owner = pwd.getpwnam(user)
            folder = folder / str(owner.pw_uid)
            if not folder.exists():
                folder.mkdir(mode=0o700)
                os.chown(folder, owner.pw_uid, owner.pw_gid)
        return folder / f"{attempt}.out"

    def mark_folder(self, attempt: Attempt, user: str, nonce: str) -> Path:
        """Return the folder that the first start of a command makes: of this submission of it."""
        return self.output(attempt, user).with_name(f"{attempt}.{nonce}")

    def _shape(self, launch: Launch) -> list[str]:
        gres, each = self._settings.pools[launch.pool].gres, self._per_node[launch.pool]
        if not launch.parts:  # a pool of one-device nodes: Slurm chooses them
            return [f"--nodes={-(-launch.gang // each)}", f"--gres={gres}:{min(each, launch.gang)}"]
        shape = [f"--nodes={len(launch.parts)}", f"--nodelist={self._names(launch)}"]
        sizes = {part.devices for part in launch.parts}
        if len(sizes) == 1:
            return [*shape, f"--gres={gres}:{sizes.pop()}"]
        kind = gres.partition(":")[2]
        return [*shape, f"--gpus={kind}{':' if kind else ''}{launch.gang}"]

    def _names(self, launch: Launch) -> str:
        return ",".join(self._nodes.name(launch.pool, part.node) for part in launch.parts)


def _login(user: str) -> tuple[pwd.struct_passwd | None, int]:
    """Return on whose behalf a job is submitted; None: as ourselves."""
    if not user:
        return None, 0
    try:
        owner = pwd.getpwnam(user)
    except KeyError:
        raise SlurmRefusedError(f"there is no user {_one_line(user)}") from None
    if owner.pw_uid == os.getuid():
        return None, 0
    if os.getuid() != 0:
        raise SlurmRefusedError("only root submits for other users")
    return owner, owner.pw_gid


def _base_environment(owner: pwd.struct_passwd) -> dict[str, str]:
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin", "HOME": owner.pw_dir, "USER": owner.pw_name, "LOGNAME": owner.pw_name,
        "SHELL": owner.pw_shell or "/bin/sh",
    }  # fmt: skip


def _one_line(text: str) -> str:
    return "".join(character if character.isprintable() else " " for character in text)[:128].strip()
