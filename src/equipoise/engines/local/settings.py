"""The settings of the local engine: the table ``[engines.local]`` of ``equipoise.toml``."""

from __future__ import annotations

import signal
from collections.abc import Mapping
from dataclasses import dataclass, fields
from typing import Any, cast

from equipoise.errors import InputError

SIGNALS = frozenset(found.name for found in signal.Signals) - {"SIGKILL", "SIGSTOP", "SIGTERM", "SIGCHLD"}


@dataclass(frozen=True, slots=True)
class Settings:
    """How jobs run on this machine.

    Parameters
    ----------
    devices : str or tuple of str
        ``auto``: the machine's NVIDIA GPUs, or plain slots if it has none; ``slots``: plain slots, as many as the pools expect; else what
        the devices are called, in the order in which the pools have them.
    device_variables : tuple of str
        What a job is told its devices by, beside ``EQUIPOISE_DEVICES``, where devices are not plain slots.
    processes : str
        ``one``: a gang is one process, whatever nodes it is on; ``per-part``: one process for each node.
    savepoint_signal, savepoint_to : str
        What asks a job for its savepoint, and who is asked: its ``process``, or every process of its ``group``.
    term_ms : int
        How long before its grace is over a job that was asked for a savepoint is told to end (half the grace, if that is less).
    log_bytes : int
        How much of each output file is kept: its first 64 KiB, and the end.
    pass_environment : tuple of str
        What of the controller's own environment a job inherits.
    memory_bytes, cpu_s, open_files : int or None
        Limits of every process of a job.
    nice : int
        Added to the nice value of jobs.
    answer_s : float
        How long the supervisor may take to answer.
    """

    devices: str | tuple[str, ...] = "auto"
    device_variables: tuple[str, ...] = ("CUDA_VISIBLE_DEVICES",)
    processes: str = "one"
    savepoint_signal: str = "SIGUSR1"
    savepoint_to: str = "process"
    term_ms: int = 5_000
    log_bytes: int = 64 << 20
    pass_environment: tuple[str, ...] = ("PATH", "LANG", "LC_ALL", "TZ", "LD_LIBRARY_PATH", "TMPDIR")
    memory_bytes: int | None = None
    cpu_s: int | None = None
    open_files: int | None = None
    nice: int = 0
    answer_s: float = 10.0

    def __post_init__(self) -> None:
        _one_of("processes", self.processes, ("one", "per-part"))
        _one_of("savepoint_to", self.savepoint_to, ("process", "group"))
        if self.savepoint_signal not in SIGNALS:
            raise _wrong(
                "savepoint_signal", self.savepoint_signal, "name a signal that a job can handle, such as SIGUSR1"
            )
        if isinstance(self.devices, str):
            _one_of("devices", self.devices, ("auto", "slots"))
        elif len(set(self.devices)) < len(self.devices) or not all(map(_is_plain, self.devices)):
            raise _wrong("devices", self.devices, "name every device once, without commas or spaces")
        for name, least in (
            ("term_ms", 0),
            ("log_bytes", 1 << 17),
            ("memory_bytes", 1),
            ("cpu_s", 1),
            ("open_files", 16),
        ):
            value = getattr(self, name)
            if value is not None and value < least:
                raise _wrong(name, value, f"it is {least} at least")
        if not 0 <= self.nice <= 19:
            raise _wrong("nice", self.nice, "it is between 0 and 19")
        if not 0 < self.answer_s <= 600:
            raise _wrong("answer_s", self.answer_s, "it is between 0 and 600 seconds")

    @staticmethod
    def of(mapping: Mapping[str, Any], /) -> Settings:
        """Read a table; every value must be of the kind that its default has.

        Raises
        ------
        InputError
            E101, with the setting and its value.
        """
        known = {found.name: found.default for found in fields(Settings)}
        given: dict[str, Any] = {}
        for name, value in mapping.items():
            if name not in known:
                raise InputError("E101", f"engines.local has no setting {name!r}", hint=f"it has {', '.join(known)}")
            given[name] = _read(name, value, known[name])
        return Settings(**given)


def _read(name: str, value: Any, default: Any) -> Any:
    if name == "devices" and isinstance(value, str):
        return value
    if isinstance(default, tuple) or name == "devices":
        words = cast("list[object]", list(value)) if isinstance(value, list | tuple) else [None]  # pyright: ignore[reportUnknownArgumentType]
        if not all(isinstance(word, str) for word in words):
            raise _wrong(name, cast("object", value), "it is a list of texts")
        return tuple(words)
    if isinstance(default, str):
        fits = isinstance(value, str)
    elif isinstance(default, float):
        fits = isinstance(value, int | float) and not isinstance(value, bool)
    else:
        fits = isinstance(value, int) and not isinstance(value, bool)
    if not fits:
        kind = "a text" if isinstance(default, str) else "a number" if isinstance(default, float) else "a whole number"
        raise _wrong(name, value, f"it is {kind}")
    return value


def _one_of(name: str, value: str, choices: tuple[str, ...]) -> None:
    if value not in choices:
        raise _wrong(name, value, f"it is one of {', '.join(choices)}")


def _is_plain(word: str) -> bool:
    return word.isprintable() and not set(word) & set(", \0") and word != ""


def _wrong(name: str, value: object, hint: str) -> InputError:
    return InputError("E101", f"engines.local.{name} cannot be {value!r}", hint=hint)
