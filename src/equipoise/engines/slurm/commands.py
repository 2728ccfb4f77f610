"""Slurm's programs, each called with a list of arguments, for a bounded time."""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence

from equipoise.engines.slurm.console import Answer, Consoles
from equipoise.engines.slurm.settings import Settings
from equipoise.errors import EngineError

PROGRAMS = ("sbatch", "scontrol", "squeue", "scancel", "sinfo")
# What Slurm's programs print when no controller answers; everything else is an answer.
_UNREACHABLE = (
    "Unable to contact slurm controller", "Socket timed out", "Connection refused", "Connection reset", "Connection timed out",
    "standby mode", "Communication connection failure", "Zero Bytes were transmitted", "Transport endpoint", "Broken pipe",
    "not responding", "Resource temporarily unavailable", "Unexpected message", "Message receive failure", "Message send failure",
    "Insane message length", "Unspecified error", "Connection to database", "Munge decode failed", "Failed to connect to Munge",
    "Protocol authentication error", "Unable to register", "slurm_persist_conn_open", "missing socket error",
)  # fmt: skip
_DENIED = ("Access/permission denied", "Invalid user id", "not authorized")


class SlurmRefusedError(Exception):
    """Slurm answered, and the answer is no; ``str`` is what it said."""


class Commands:
    """Calls Slurm's programs.

    Parameters
    ----------
    settings : Settings
    dates, zone : str
        How times are printed: seconds since 1970 unless said otherwise.
    """

    def __init__(self, settings: Settings, *, dates: str = "%s", zone: str = "") -> None:
        self._timeout_s = settings.command_timeout_s
        self.silences = 0
        """How often Slurm has not answered."""
        names = ("PATH", "SLURM_CONF", "LD_LIBRARY_PATH", "HOME")
        # Nothing else: SBATCH_* and SQUEUE_* of whoever runs the controller would change what the programs do.
        kept = {name: os.environ[name] for name in names if name in os.environ}
        path = kept.get("PATH", "") + ":/usr/bin:/usr/sbin"
        self._environment = kept | {"PATH": path, "LC_ALL": "C.UTF-8", "SLURM_TIME_FORMAT": dates}
        if zone:
            self._environment["TZ"] = zone
        if settings.conf:
            self._environment["SLURM_CONF"] = settings.conf
        self._paths = {name: shutil.which(name, path=path) for name in (*PROGRAMS, "sacct", "sacctmgr")}
        for name in PROGRAMS:
            if self._paths[name] is None:
                raise EngineError(
                    "E141", f"Slurm's {name} is not installed here", hint="install Slurm's client programs"
                )

        scontrol = self._paths["scontrol"]
        assert scontrol is not None
        # Ends with us: it would go on with what it was given.
        bound = shutil.which("setpriv", path=path)
        self._consoles = Consoles([*([bound, "--pdeathsig", "KILL"] if bound else []), scontrol], self._environment)

    def change(self, *arguments: str) -> None:
        """Let ``scontrol`` make a change that may be made twice, by the one that is kept open where that will do.

        Raises
        ------
        EngineError
        SlurmRefusedError
            As `run`.
        """
        failure = self.change_all([arguments])[0]
        if failure is not None:
            raise failure

    def change_all(self, changes: Sequence[Sequence[str]]) -> list[EngineError | SlurmRefusedError | None]:
        """Make many changes, each of which may be made twice; returns what `change` would have raised of each.

        Once Slurm does not answer, no more is tried.
        """
        silent: EngineError | None = None
        failures: list[EngineError | SlurmRefusedError | None] = []
        for change, answer in zip(changes, self._consoles.change(changes, self._timeout_s), strict=True):
            failure: EngineError | SlurmRefusedError | None = None
            if answer is not Answer.MADE and silent is not None:
                failure = silent
            elif answer is Answer.SILENT:
                failure = silent = self._silent("scontrol", f"nothing within {self._timeout_s:g} s")
            elif answer is Answer.UNCERTAIN:
                try:
                    self.run("scontrol", *change)
                except SlurmRefusedError as refusal:
                    failure = refusal
                except EngineError as error:
                    failure = silent = error
            failures.append(failure)
        return failures

    def close(self) -> None:
        """End what is kept open."""
        self._consoles.close()

    def run(self, program: str, *arguments: str, descriptor: int | None = None, timeout_s: float = 0.0) -> str:
        """Return what a program prints.

        Raises
        ------
        EngineError
            E140, retryable: Slurm does not answer. E141: the program is not there. E143: Slurm does not let us.
        SlurmRefusedError
            Slurm answers no.
        """
        path = self._paths[program]
        if path is None:
            raise EngineError(
                "E141", f"Slurm's {program} is not installed here", hint="install Slurm's client programs"
            )
        try:
            done = subprocess.run(
                [path, *arguments],
                capture_output=True,
                check=False,
                stdin=subprocess.DEVNULL,
                timeout=timeout_s or self._timeout_s,
                env=self._environment,
                cwd="/",
                pass_fds=() if descriptor is None else (descriptor,),
            )
        except subprocess.TimeoutExpired:
            raise self._silent(program, f"nothing within {timeout_s or self._timeout_s:g} s") from None
        except OSError as error:
            raise self._silent(program, error.strerror or "the program does not start") from None
        if done.returncode:
            self._fail(program, done.stderr.decode("utf-8", "replace"))
        return done.stdout.decode("utf-8", "replace")

    def ask(self, program: str, *arguments: str) -> str:
        """Return what a program prints that changes nothing and names no job: that it fails means that Slurm does not answer.

        Raises
        ------
        EngineError
            As `run`.
        """
        try:
            return self.run(program, *arguments)
        except SlurmRefusedError as refusal:
            raise self._silent(program, str(refusal)) from None

    def _fail(self, program: str, said: str) -> None:
        lines = [line for line in said.splitlines() if line.strip()]
        # The last line is the reason, those before tell how it came; none holds what we gave but for names of nodes and jobs.
        reason = (
            lines[-1].removeprefix(f"{program}: ").removeprefix("error: ").strip()[:300] if lines else "no reason given"
        )
        if any(text in said for text in _UNREACHABLE):
            raise self._silent(program, reason)
        if any(text in said for text in _DENIED):
            raise EngineError(
                "E143",
                f"Slurm does not let us: {program}: {reason}",
                hint="the engine's user must be an operator of Slurm",
            )
        raise SlurmRefusedError(reason)

    def _silent(self, program: str, reason: str) -> EngineError:
        self.silences += 1
        return EngineError("E140", f"Slurm does not answer: {program}: {reason}", retryable=True)

    @property
    def has_accounting(self) -> bool:
        """Whether sacct is installed."""
        return self._paths["sacct"] is not None


def lines(values: Mapping[str, str]) -> bytes:
    """Return variables as ``sbatch --export-file`` reads them: each ended by a NUL."""
    return b"".join(os.fsencode(f"{name}={value}") + b"\0" for name, value in values.items())
