"""Processes that left the job which started them (a daemon is made so), and whose they are.

They fall to the supervisor, because it inherits orphans. Their mark in the environment, their group or their session names the attempt.
Some wipe all of it; such a process may be of any attempt that ran when it was first seen, and is killed when the last of these ends.
"""

from __future__ import annotations

from collections.abc import Container, Mapping
from dataclasses import dataclass, field

from equipoise.engines.local.processes import Process, children, mark_of, status_of


@dataclass(slots=True)
class Strays:
    """What is remembered of orphans."""

    suspects: dict[Process, set[str]] = field(default_factory=dict[Process, set[str]])
    """Of each orphan without a mark the attempts that may have started it."""

    def find(
        self, prefix: str, own: Container[int], groups: Mapping[int, str], *, unended: set[str], ending: set[str]
    ) -> dict[str, list[int]]:
        """Return by attempt the orphans that are to go when it ends; under the empty name those whose attempt has ended.

        ``groups`` are the process groups of attempts; ``ending`` those of ``unended`` whose processes have all ended.
        """
        found: dict[str, list[int]] = {}
        seen: set[Process] = set()
        for pid in children():
            if pid in own:
                continue
            status = status_of(pid)
            if status is None or status.state in "ZX":
                continue  # waited for next
            mark = mark_of(pid)
            if mark and mark.startswith(prefix):
                attempt = mark.removeprefix(prefix)
            else:
                attempt = groups.get(status.group) or groups.get(status.session)
            if attempt is None:
                process = Process(pid, status.started)
                seen.add(process)
                attempt = self._suspect(process, unended, ending)
            if attempt is not None:
                found.setdefault(attempt if attempt in unended else "", []).append(pid)
        self.suspects = {process: self.suspects[process] for process in seen}
        return found

    def _suspect(self, process: Process, unended: set[str], ending: set[str]) -> str | None:
        """Return one of the ending attempts if no other can have started it; None if one that goes on may have."""
        suspects = self.suspects.setdefault(process, set(unended))
        suspects &= unended
        return None if suspects - ending else min(suspects, default="")
