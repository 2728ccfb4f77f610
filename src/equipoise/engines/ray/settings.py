"""What of ``[engines.ray]`` there is to set."""

from __future__ import annotations

import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, cast

from equipoise.errors import InputError


@dataclass(frozen=True, slots=True)
class Settings:
    """How to reach Ray, and how to run jobs there.

    Parameters
    ----------
    address : str
        Of the cluster, ``host:port``; ``auto``: the one that this machine is part of.
    namespace : str
        Of all that Equipoise names in Ray; two labs on one cluster have two.
    python : tuple of str
        The command of the Python that has the cluster's Ray; its last word is the interpreter.
    directory : str
        Where nodes keep records and the output of jobs.
    pool_label, node_label : str
        Labels of Ray's nodes that say which pool a node belongs to, and its name that survives a restart.
    cpus_per_device : float
        Processors of Ray reserved with each device: what Ray programs inside a gang can use.
    reserve_ms, answer_ms, poll_ms, end_ms : int
        How long devices of an attempt may take to be free; Ray to answer; between looks at the nodes; and what the
        other parts of a gang are given to end once one has failed.
    warn_signal : str
        What a job with savepoints is sent as a warning.
    """

    address: str = "auto"
    namespace: str = "equipoise"
    python: tuple[str, ...] = (sys.executable,)
    directory: str = "/var/tmp/equipoise-ray"
    pool_label: str = "equipoise-pool"
    node_label: str = "equipoise-node"
    cpus_per_device: float = 0
    reserve_ms: int = 10_000
    answer_ms: int = 30_000
    poll_ms: int = 500
    end_ms: int = 5_000
    warn_signal: str = "SIGUSR1"

    @staticmethod
    def of(table: Mapping[str, Any]) -> Settings:
        """Read the table ``[engines.ray]``.

        Raises
        ------
        InputError
            E120 for a setting that there is not, or a value that it cannot have.

        Examples
        --------
        >>> Settings.of({"address": "10.0.0.1:6379", "python": "/opt/ray/bin/python"}).python
        ('/opt/ray/bin/python',)
        """
        known = {field.name for field in fields(Settings)}
        for name in table:
            if name not in known:
                raise _wrong(name, table[name], f"Settings are {', '.join(sorted(known))}.")
        given = dict(table)
        if "python" in given:
            given["python"] = _command(given["python"])
        settings = Settings(**given)
        for name in ("address", "namespace", "directory", "pool_label", "node_label"):
            _check(name, getattr(settings, name), "It is a text.", _is_text)
        if "/" in settings.namespace:
            raise _wrong("namespace", settings.namespace, "It is a name without a slash.")
        for name in ("reserve_ms", "answer_ms", "poll_ms", "end_ms"):
            _check(name, getattr(settings, name), "It is a whole number of milliseconds, at least 1.", _is_count)
        _check("cpus_per_device", settings.cpus_per_device, "It is a number, at least 0.", _is_amount)
        _check(
            "warn_signal",
            settings.warn_signal,
            "It is a name such as SIGUSR1.",
            _is_signal,
        )
        return settings


def _command(value: object) -> tuple[str, ...]:
    words: list[Any] = []
    if isinstance(value, str):
        words = [value]
    elif isinstance(value, list | tuple):
        words = list(cast("Sequence[Any]", value))
    if not words or not all(_is_text(word) for word in words):
        raise _wrong("python", words, "It is an interpreter, or the list of words that starts one.")
    return tuple(words)


def _check(name: str, value: object, hint: str, holds: Any) -> None:
    if not holds(value):
        raise _wrong(name, value, hint)


def _is_text(value: object) -> bool:
    return isinstance(value, str) and bool(value) and "\0" not in value


def _is_signal(value: object) -> bool:
    return value in signal.Signals.__members__


def _is_count(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1


def _is_amount(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and value >= 0


def _wrong(name: str, value: object, hint: str) -> InputError:
    return InputError("E120", f"engines.ray: {name} cannot be {value!r}", hint=hint)
