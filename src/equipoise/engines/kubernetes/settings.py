"""What `equipoise.toml` says of Kubernetes: where the API server is, whose Jobs are admitted, which nodes are which pool."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from equipoise import units
from equipoise.errors import InputError

EVERYWHERE = "*"
_NAMESPACE = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?\Z")
_LABEL = re.compile(r"([^\s=,!()]+)=([^\s=,!()]*)\Z")
_TOLERATION = {"key", "operator", "value", "effect"}


@dataclass(frozen=True, slots=True)
class Settings:
    """The table ``[engines.kubernetes]``.

    Parameters
    ----------
    kubeconfig, context : str
        Empty: the service account of the pod that the controller runs in; else a kubeconfig file and a context of it
        (empty: its current one).
    namespaces : tuple of str
        Whose Jobs are admitted; ``*`` alone is all of them. Jobs of ``equipoise run`` are created in the first.
    resource : str
        The extended resource that counts as an accelerator.
    pools : mapping of str to mapping
        Labels of the nodes of each pool. A single pool may go without: all nodes that have the resource.
    image, service_account : str
        What Jobs of ``equipoise run`` run in; empty image: there are none.
    tolerations : tuple of mapping
        Of Jobs of ``equipoise run``.
    grace_ms, start_within_ms, lost_after_ms, keep_ms, answer_ms : int
        How long pods of ``equipoise run`` have after TERM at most (a stop may shorten it); how long a gang may take until
        all its pods are ready before it is refused; how long a node must be gone before its pods are; how long ended Jobs
        of ``equipoise run`` are kept; how long one answer of the API server may take.

    Examples
    --------
    >>> Settings.of({"namespaces": ["ml"], "pools": {"h100": "gpu=h100"}}).pools
    {'h100': {'gpu': 'h100'}}
    >>> Settings.of({"namespace": "ml"})
    Traceback (most recent call last):
    equipoise.errors.InputError: E161 unknown setting 'namespace' (hint: did you mean 'namespaces'?)
    """

    kubeconfig: str = ""
    context: str = ""
    namespaces: tuple[str, ...] = ("default",)
    resource: str = "nvidia.com/gpu"
    pools: Mapping[str, Mapping[str, str]] = field(default_factory=dict[str, Mapping[str, str]])
    image: str = ""
    service_account: str = ""
    tolerations: tuple[Mapping[str, str], ...] = ()
    grace_ms: int = 10 * units.MINUTE_MS
    start_within_ms: int = 10 * units.MINUTE_MS
    lost_after_ms: int = units.MINUTE_MS
    keep_ms: int = units.DAY_MS
    answer_ms: int = 15_000

    @classmethod
    def of(cls, table: Mapping[str, Any]) -> Settings:
        """Read the table; raises ``InputError`` E161 with the setting that is wrong."""
        unknown = sorted(set(table) - set(_READERS))
        if unknown:
            raise InputError("E161", f"unknown setting '{unknown[0]}'", hint=_nearest(unknown[0]))
        values = dict([_READERS[name](name, value) for name, value in table.items()])
        return cls(**values)

    @property
    def home(self) -> str:
        """The namespace that Jobs of ``equipoise run`` are created in."""
        return self.namespaces[0] if self.namespaces[0] != EVERYWHERE else "default"


def _wrong(name: str, what: str) -> InputError:
    return InputError("E161", f"the setting '{name}' is not {what}")


def _text(name: str, value: Any) -> tuple[str, str]:
    if not isinstance(value, str):
        raise _wrong(name, "text")
    return name, value


def _duration(name: str, value: Any) -> tuple[str, int]:
    try:
        return f"{name}_ms", units.duration_ms(str(value), low=1)
    except InputError:
        raise _wrong(name, "a duration such as 30s, 10m or 1d") from None


def _namespaces(name: str, value: Any) -> tuple[str, tuple[str, ...]]:
    given: list[Any] = list(value) if isinstance(value, list | tuple) else [value]  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    if given == [EVERYWHERE]:
        return name, (EVERYWHERE,)
    if not given or len(set(map(str, given))) < len(given):
        raise _wrong(name, "a list of namespaces, each once")
    for each in given:
        if not isinstance(each, str) or _NAMESPACE.match(each) is None:
            raise _wrong(name, f"a list of namespaces: {each!r}")
    return name, tuple(given)


def _pools(name: str, value: Any) -> tuple[str, dict[str, dict[str, str]]]:
    if not isinstance(value, Mapping):
        raise _wrong(name, 'a table of pool = "label=value"')
    return name, {str(pool): _labels(f"{name}.{pool}", labels) for pool, labels in value.items()}  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]


def _labels(name: str, value: Any) -> dict[str, str]:
    pieces = [piece.strip() for piece in value.split(",")] if isinstance(value, str) else []
    matches = [_LABEL.match(piece) for piece in pieces]
    if not matches or None in matches:
        raise _wrong(name, "labels such as gpu=h100,zone=a")
    return {match[1]: match[2] for match in matches if match is not None}


def _tolerations(name: str, value: Any) -> tuple[str, tuple[dict[str, str], ...]]:
    found: list[dict[str, str]] = []
    for each in value if isinstance(value, list) else [None]:  # pyright: ignore[reportUnknownVariableType]
        if not isinstance(each, Mapping) or not set(each) <= _TOLERATION:  # pyright: ignore[reportUnknownArgumentType]
            raise _wrong(name, "a list of tables with key, operator, value, effect")
        found.append({str(key): str(part) for key, part in each.items()})  # pyright: ignore[reportUnknownArgumentType, reportUnknownVariableType]
    return name, tuple(found)


_READERS: dict[str, Any] = {
    **dict.fromkeys(("kubeconfig", "context", "resource", "image", "service_account"), _text),
    **dict.fromkeys(("grace", "start_within", "lost_after", "keep", "answer"), _duration),
    "namespaces": _namespaces,
    "pools": _pools,
    "tolerations": _tolerations,
}


def _nearest(name: str) -> str:
    from difflib import get_close_matches

    close = get_close_matches(name, _READERS, 1)
    return f"did you mean '{close[0]}'?" if close else "one of " + ", ".join(_READERS)
